//! What is known of one control group.

use crate::facts::pressure::Pressure;
use serde::Serialize;
use std::collections::BTreeMap;

/// Numbers by the names that the kernel gives them.
pub(crate) type Counters = BTreeMap<String, u64>;

/// A control group. Sizes are in bytes, times in seconds; nothing where there is no limit, or the
/// controller is not at work here.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Group {
    /// Its path in the tree.
    pub(crate) cgroup: String,
    /// What is controlled in it; for version 1, the trees that it is in.
    pub(crate) controllers: Vec<String>,
    /// How many processes are in itself.
    pub(crate) processes: Option<usize>,
    /// `domain`, `threaded` and the like.
    pub(crate) kind: Option<String>,
    pub(crate) frozen: Option<bool>,
    pub(crate) memory: Memory,
    pub(crate) cpu: Cpu,
    pub(crate) io: Io,
    pub(crate) pids: Pids,
    pub(crate) pressure: Waits,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Memory {
    pub(crate) current: Option<u64>,
    pub(crate) peak: Option<u64>,
    pub(crate) min: Option<u64>,
    pub(crate) low: Option<u64>,
    pub(crate) high: Option<u64>,
    pub(crate) max: Option<u64>,
    pub(crate) swap: Option<u64>,
    pub(crate) swap_max: Option<u64>,
    pub(crate) oom_kills: Option<u64>,
    /// What happened in it and below.
    pub(crate) events: Counters,
    /// What happened in itself.
    pub(crate) own_events: Counters,
    /// What it is used for.
    pub(crate) used_for: Counters,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Cpu {
    pub(crate) usage: Option<f64>,
    pub(crate) user: Option<f64>,
    pub(crate) system: Option<f64>,
    pub(crate) weight: Option<u64>,
    /// How many processors' worth of time it may use.
    pub(crate) limit: Option<f64>,
    /// The period of that limit.
    pub(crate) period: Option<f64>,
    pub(crate) periods: Option<u64>,
    pub(crate) throttled_periods: Option<u64>,
    /// How long it was held back.
    pub(crate) throttled: Option<f64>,
    /// The processors that it may use.
    pub(crate) cpus: Option<String>,
    /// The NUMA nodes that it may use.
    pub(crate) nodes: Option<String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Io {
    /// By device number.
    pub(crate) devices: BTreeMap<String, Counters>,
    /// As the kernel writes them.
    pub(crate) limits: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Pids {
    pub(crate) current: Option<u64>,
    pub(crate) peak: Option<u64>,
    pub(crate) max: Option<u64>,
    /// How often the limit was met.
    pub(crate) refused: Option<u64>,
}

/// By resource.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Waits {
    pub(crate) cpu: Option<Pressure>,
    pub(crate) memory: Option<Pressure>,
    pub(crate) io: Option<Pressure>,
    pub(crate) irq: Option<Pressure>,
}
