//! Groups of version 2: <https://docs.kernel.org/admin-guide/cgroup-v2.html>.

use super::group::{Counters, Cpu, Group, Io, Memory, Pids, Waits};
use crate::facts::{
    counters::{counter, counters},
    kernel_files::{number, value},
    pressure::Pressure,
};
use collect_core::host::Host;
use std::{collections::BTreeMap, path::Path};

/// Of the sixty numbers in `memory.stat`, those that say what memory is used for and whether it runs
/// short.
const USED_FOR: [&str; 11] = [
    "anon",
    "file",
    "kernel",
    "shmem",
    "slab",
    "sock",
    "file_dirty",
    "file_writeback",
    "pgmajfault",
    "workingset_refault_anon",
    "workingset_refault_file",
];

const MICRO: f64 = 1e-6;

pub(super) fn read(host: &dyn Host, name: &Path, folder: &Path) -> Group {
    let text = |file: &str| value(host, folder.join(file));
    let events = text("cgroup.events").unwrap_or_default();
    let controllers = text("cgroup.controllers").unwrap_or_default();
    Group {
        cgroup: name.display().to_string(),
        controllers: controllers.split_whitespace().map(str::to_owned).collect(),
        processes: processes(host, folder),
        kind: text("cgroup.type"),
        frozen: counter(&events, "frozen").map(|frozen| frozen != 0),
        memory: memory(host, folder),
        cpu: cpu(host, folder),
        io: io(host, folder),
        pids: pids(host, folder),
        pressure: Waits {
            cpu: pressure(host, folder, "cpu"),
            memory: pressure(host, folder, "memory"),
            io: pressure(host, folder, "io"),
            irq: pressure(host, folder, "irq"),
        },
    }
}

/// How many processes are in a group. Nothing for a group of threads, whose processes are counted
/// further up; no one where the file is empty.
pub(super) fn processes(host: &dyn Host, folder: &Path) -> Option<usize> {
    let bytes = crate::facts::kernel_files::bytes(host, folder.join("cgroup.procs")).ok()?;
    Some(bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count())
}

/// What a group waited for.
pub(crate) fn pressure(host: &dyn Host, folder: &Path, resource: &str) -> Option<Pressure> {
    Pressure::parse(&value(host, folder.join(format!("{resource}.pressure")))?)
}

fn memory(host: &dyn Host, folder: &Path) -> Memory {
    // `max`, which is no number, says that there is no limit.
    let number = |file: &str| number(host, folder.join(file));
    let table = |file: &str| counters(&value(host, folder.join(file)).unwrap_or_default());
    let mut used_for = table("memory.stat");
    used_for.retain(|name, _| USED_FOR.contains(&name.as_str()));
    let events = table("memory.events");
    Memory {
        current: number("memory.current"),
        peak: number("memory.peak"),
        min: number("memory.min"),
        low: number("memory.low"),
        high: number("memory.high"),
        max: number("memory.max"),
        swap: number("memory.swap.current"),
        swap_max: number("memory.swap.max"),
        oom_kills: events.get("oom_kill").copied(),
        events,
        own_events: table("memory.events.local"),
        used_for,
    }
}

fn cpu(host: &dyn Host, folder: &Path) -> Cpu {
    let text = |file: &str| value(host, folder.join(file));
    let stat = text("cpu.stat").unwrap_or_default();
    let seconds = |name| counter(&stat, name).map(|time| time as f64 * MICRO);
    let (quota, period) = quota(&text("cpu.max").unwrap_or_default());
    Cpu {
        usage: seconds("usage_usec"),
        user: seconds("user_usec"),
        system: seconds("system_usec"),
        weight: number(host, folder.join("cpu.weight")),
        limit: quota.zip(period).map(|(quota, period)| quota / period),
        period: period.map(|period| period * MICRO),
        periods: counter(&stat, "nr_periods"),
        throttled_periods: counter(&stat, "nr_throttled"),
        throttled: seconds("throttled_usec"),
        cpus: text("cpuset.cpus.effective"),
        nodes: text("cpuset.mems.effective"),
    }
}

/// `max 100000` or `50000 100000`, in microseconds.
fn quota(text: &str) -> (Option<f64>, Option<f64>) {
    let mut words = text.split_whitespace();
    let mut next = || words.next().and_then(|word| word.parse::<u32>().ok()).map(f64::from);
    (next(), next().filter(|period| *period > 0.0))
}

fn io(host: &dyn Host, folder: &Path) -> Io {
    let text = |file: &str| value(host, folder.join(file)).unwrap_or_default();
    let devices = text("io.stat");
    let devices = devices.lines().filter_map(|line| {
        let (device, rest) = line.split_once(' ')?;
        Some((device.to_owned(), assignments(rest)))
    });
    let devices: BTreeMap<_, _> = devices.collect();
    let limits = text("io.max").lines().map(str::to_owned).collect();
    Io { devices, limits }
}

/// `rbytes=1 wbytes=2`.
fn assignments(text: &str) -> Counters {
    let words = text.split_whitespace().filter_map(|word| word.split_once('='));
    words.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
}

fn pids(host: &dyn Host, folder: &Path) -> Pids {
    let number = |file: &str| number(host, folder.join(file));
    let events = value(host, folder.join("pids.events")).unwrap_or_default();
    Pids {
        current: number("pids.current"),
        peak: number("pids.peak"),
        max: number("pids.max"),
        refused: counter(&events, "max"),
    }
}
