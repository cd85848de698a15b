//! Groups of version 1: <https://docs.kernel.org/admin-guide/cgroup-v1/index.html>.

use super::{
    Groups,
    group::{Cpu, Group, Memory, Pids},
    unified::processes,
    walk,
};
use crate::facts::{
    counters::{counter, counters},
    kernel_files::{number, value},
};
use collect_core::host::{Deadline, Host};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::{Path, PathBuf},
};

/// What a size is at least that is written where there is no limit: the largest number of pages.
const NO_LIMIT: u64 = 1 << 62;

/// Ticks of `USER_HZ` in a second, `cpuacct.stat`.
const TICKS: f64 = 100.0;

const NANO: f64 = 1e-9;
const MICRO: f64 = 1e-6;

pub(super) fn read(
    host: &dyn Host,
    trees: &[(PathBuf, Vec<String>)],
    deadline: &Deadline,
    most: usize,
) -> Groups {
    // Paths are in the order of a tree; their texts are not (`/a-b` before `/a/b`).
    let mut found = BTreeMap::<PathBuf, Group>::new();
    let mut cut = false;
    for (root, controllers) in trees {
        cut |= walk(host, root, deadline, most, |name, folder| {
            let room = found.len() < most;
            let group = match found.entry(name.to_owned()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(_) if !room => {
                    cut = true;
                    return;
                }
                Entry::Vacant(new) => {
                    new.insert(Group { cgroup: name.display().to_string(), ..Group::default() })
                }
            };
            group.controllers.extend(controllers.iter().cloned());
            // A process may be in other groups in other trees.
            group.processes = group.processes.max(processes(host, folder));
            for controller in controllers {
                add(host, folder, controller, group);
            }
        });
    }
    Groups { found: found.into_values().collect(), cut }
}

fn add(host: &dyn Host, folder: &Path, controller: &str, group: &mut Group) {
    let number = |file: &str| number(host, folder.join(file));
    let text = |file: &str| value(host, folder.join(file)).unwrap_or_default();
    match controller {
        "memory" => group.memory = memory(host, folder),
        "cpu" => add_limits(host, folder, &mut group.cpu),
        "cpuacct" => {
            let stat = text("cpuacct.stat");
            let seconds = |name| counter(&stat, name).map(|ticks| ticks as f64 / TICKS);
            group.cpu.usage = number("cpuacct.usage").map(|time| time as f64 * NANO);
            group.cpu.user = seconds("user");
            group.cpu.system = seconds("system");
        }
        "cpuset" => {
            group.cpu.cpus = value(host, folder.join("cpuset.effective_cpus"));
            group.cpu.nodes = value(host, folder.join("cpuset.effective_mems"));
        }
        "pids" => {
            group.pids = Pids {
                current: number("pids.current"),
                peak: None,
                max: number("pids.max"),
                refused: counter(&text("pids.events"), "max"),
            }
        }
        "freezer" => {
            group.frozen = value(host, folder.join("freezer.state")).map(|state| state != "THAWED");
        }
        "blkio" => {
            for line in text("blkio.throttle.io_service_bytes").lines() {
                let words: Vec<_> = line.split_whitespace().collect();
                if let [device, what, bytes] = words[..]
                    && let Ok(bytes) = bytes.parse()
                {
                    let device = group.io.devices.entry(device.to_owned()).or_default();
                    device.insert(what.to_lowercase() + "-bytes", bytes);
                }
            }
        }
        _ => {}
    }
}

fn memory(host: &dyn Host, folder: &Path) -> Memory {
    let number = |file: &str| number(host, folder.join(file));
    let limit = |file: &str| number(file).filter(|limit| *limit < NO_LIMIT);
    let table = |file: &str| counters(&value(host, folder.join(file)).unwrap_or_default());
    let mut stat = table("memory.stat");
    let mut events = table("memory.oom_control");
    events.extend(number("memory.failcnt").map(|count| ("failcnt".to_owned(), count)));
    let swap = stat.get("total_swap").copied();
    // `total_` stands for the group and what is below it, as everything does in version 2.
    stat.retain(|name, _| name.starts_with("total_"));
    let used_for = stat.into_iter().map(|(name, bytes)| (name.replacen("total_", "", 1), bytes));
    let used_for = used_for.filter(|(name, _)| {
        ["cache", "rss", "shmem", "mapped_file", "dirty", "pgmajfault"].contains(&name.as_str())
    });
    Memory {
        current: number("memory.usage_in_bytes"),
        peak: number("memory.max_usage_in_bytes"),
        low: limit("memory.soft_limit_in_bytes"),
        max: limit("memory.limit_in_bytes"),
        swap,
        oom_kills: events.get("oom_kill").copied(),
        used_for: used_for.collect(),
        events,
        ..Memory::default()
    }
}

fn add_limits(host: &dyn Host, folder: &Path, cpu: &mut Cpu) {
    let number = |file: &str| number(host, folder.join(file));
    let stat = value(host, folder.join("cpu.stat")).unwrap_or_default();
    let period = number("cpu.cfs_period_us").filter(|period| *period > 0);
    cpu.weight = number("cpu.shares");
    // -1, which is no number here, says that there is no limit.
    cpu.limit =
        number("cpu.cfs_quota_us").zip(period).map(|(quota, period)| quota as f64 / period as f64);
    cpu.period = period.map(|period| period as f64 * MICRO);
    cpu.periods = counter(&stat, "nr_periods");
    cpu.throttled_periods = counter(&stat, "nr_throttled");
    cpu.throttled = counter(&stat, "throttled_time").map(|time| time as f64 * NANO);
}
