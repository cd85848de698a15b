//! Processes, as `/proc/PID` shows them (`proc_pid(5)`).

mod blocked;
mod environment;
mod open_files;
mod refused;
mod tree;
mod troubles;

pub(crate) use blocked::blocked;
pub(crate) use environment::names as environment_names;
pub(crate) use open_files::{Deleted, open};
pub(crate) use refused::Refused;
pub(crate) use tree::tree;
pub(crate) use troubles::{near_limits, zombies};

use crate::facts::{
    command_lines::command,
    kernel_files::{bytes, value},
};
use collect_core::host::Host;
use jiff::{SignedDuration, Timestamp};
use open_files::Open;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// `USER_HZ` of `proc(5)`: 100 on every architecture that this runs on, whatever the kernel's `HZ`.
const TICKS_PER_SECOND: u64 = 100;

/// `PF_KTHREAD` of the kernel.
const KERNEL_THREAD: u32 = 0x0020_0000;

/// A process. What could not be read of it is missing; so is what kernel threads do not have.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    pub(crate) group: i32,
    pub(crate) session: i32,
    pub(crate) name: String,
    pub(crate) state: char,
    pub(crate) user: Option<String>,
    #[serde(skip)]
    pub(crate) user_id: Option<u32>,
    pub(crate) kernel_thread: bool,
    pub(crate) threads: u64,
    pub(crate) started: Option<Timestamp>,
    pub(crate) cpu_seconds: f64,
    /// Percent of one processor since it started.
    pub(crate) cpu_share: f64,
    pub(crate) nice: i64,
    pub(crate) scheduling: Option<&'static str>,
    pub(crate) real_time_priority: Option<u32>,
    pub(crate) memory: Memory,
    pub(crate) unit: Option<String>,
    pub(crate) cgroup: Option<String>,
    pub(crate) waits_in: Option<String>,
    pub(crate) open: Option<Open>,
    pub(crate) limits: Limits,
    pub(crate) program: Option<String>,
    /// Whether the program's file was deleted or replaced since it was started.
    pub(crate) program_replaced: bool,
    pub(crate) command: String,
    #[serde(skip)]
    pub(crate) arguments: Vec<u8>,
}

/// In bytes.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Memory {
    pub(crate) resident: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) proportional: Option<u64>,
    pub(crate) r#virtual: u64,
    pub(crate) swapped: u64,
}

/// What it may have; `soft` and `hard` are missing where there is no limit.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Limits {
    pub(crate) open_files: Limit,
    pub(crate) processes: Limit,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Limit {
    pub(crate) soft: Option<u64>,
    pub(crate) hard: Option<u64>,
}

/// What is the same for all processes of a host.
pub(crate) struct Surroundings {
    pub(crate) booted: Option<Timestamp>,
    /// Seconds since then.
    pub(crate) uptime: f64,
    pub(crate) accounts: BTreeMap<u32, String>,
    /// Whether the proportional share of memory is asked for, which takes the kernel long.
    pub(crate) proportional: bool,
}

impl Process {
    /// Nothing if it has ended meanwhile.
    pub(crate) fn read(host: &dyn Host, folder: &Path, around: &Surroundings) -> Option<Self> {
        let stat = Stat::read(&value(host, folder.join("stat"))?)?;
        let status = value(host, folder.join("status")).unwrap_or_default();
        let field = |name| field(&status, name);
        let kibibytes = |name| field(name).map_or(0, |size: u64| size * 1024);
        let user_id = status.lines().find_map(|line| {
            // Real, effective, saved and for file systems.
            line.strip_prefix("Uid:")?.split_whitespace().nth(1)?.parse().ok()
        });
        let name_of = |id: u32| around.accounts.get(&id).cloned().unwrap_or_else(|| id.to_string());
        let ticks = |ticks: u64| ticks as f64 / TICKS_PER_SECOND as f64;
        let cpu_seconds = ticks(stat.ticks);
        let age = around.uptime - ticks(stat.started);
        let cgroup = cgroup(&value(host, folder.join("cgroup")).unwrap_or_default());
        let program = host.link(&folder.join("exe")).ok();
        let program = program.map(|path| path.to_string_lossy().into_owned());
        let arguments = bytes(host, folder.join("cmdline")).unwrap_or_default();
        Some(Self {
            pid: stat.pid,
            parent: stat.parent,
            group: stat.group,
            session: stat.session,
            state: stat.state,
            user: user_id.map(name_of),
            user_id,
            kernel_thread: stat.flags & KERNEL_THREAD != 0,
            threads: stat.threads,
            started: started(around.booted, stat.started),
            cpu_seconds,
            cpu_share: share(cpu_seconds, age),
            nice: stat.nice,
            scheduling: stat.policy.and_then(policy),
            real_time_priority: stat.real_time_priority.filter(|priority| *priority > 0),
            memory: Memory {
                resident: kibibytes("VmRSS:"),
                proportional: around.proportional.then(|| proportional(host, folder)).flatten(),
                r#virtual: stat.size,
                swapped: kibibytes("VmSwap:"),
            },
            unit: cgroup.as_deref().and_then(unit),
            cgroup,
            waits_in: value(host, folder.join("wchan")).filter(|place| place != "0"),
            open: None,
            limits: limits(&value(host, folder.join("limits")).unwrap_or_default()),
            program_replaced: program.as_ref().is_some_and(|path| path.ends_with(" (deleted)")),
            program: program.map(|path| path.trim_end_matches(" (deleted)").to_owned()),
            command: command(&stat.name, &arguments),
            arguments,
            name: stat.name,
        })
    }

    /// Its folder in `/proc`.
    pub(crate) fn folder(&self) -> PathBuf {
        Path::new("/proc").join(self.pid.to_string())
    }

    /// Whether it is a kernel thread of the kernel's own.
    pub(crate) fn is_of_the_kernel(&self) -> bool {
        self.kernel_thread || self.pid == 2 && self.parent == 0 && self.arguments.is_empty()
    }
}

/// What is of interest in `/proc/PID/stat` (`proc_pid_stat(5)`).
struct Stat {
    pid: u32,
    name: String,
    state: char,
    parent: u32,
    group: i32,
    session: i32,
    flags: u32,
    ticks: u64,
    nice: i64,
    threads: u64,
    started: u64,
    size: u64,
    real_time_priority: Option<u32>,
    policy: Option<u32>,
}

impl Stat {
    fn read(line: &str) -> Option<Self> {
        // The name may hold anything, parentheses and line breaks too.
        let (pid, rest) = line.split_once(" (")?;
        let (name, rest) = rest.rsplit_once(')')?;
        let fields: Vec<_> = rest.split_whitespace().collect();
        // The first behind the name is the third of the manual.
        let field = |number: usize| fields.get(number - 3).copied();
        fn number<T: std::str::FromStr>(text: Option<&str>) -> Option<T> {
            text?.parse().ok()
        }
        let ticks = number(field(14))?;
        Some(Self {
            pid: pid.trim().parse().ok()?,
            name: name.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\""),
            state: field(3)?.chars().next()?,
            parent: number(field(4))?,
            group: number(field(5))?,
            session: number(field(6))?,
            flags: number(field(9))?,
            ticks: number::<u64>(field(15))?.saturating_add(ticks),
            nice: number(field(19))?,
            threads: number::<i64>(field(20))?.max(0).cast_unsigned(),
            started: number(field(22))?,
            size: number(field(23))?,
            real_time_priority: number(field(40)),
            policy: number(field(41)),
        })
    }
}

fn field(status: &str, name: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_whitespace().next()?.parse().ok()
}

fn started(booted: Option<Timestamp>, ticks: u64) -> Option<Timestamp> {
    let since_boot = SignedDuration::from_secs((ticks / TICKS_PER_SECOND).cast_signed());
    booted?.checked_add(since_boot).ok()
}

/// Percent, with one digit behind the point.
fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { (part / whole * 1000.0).round() / 10.0 } else { 0.0 }
}

/// `sched(7)`.
fn policy(number: u32) -> Option<&'static str> {
    ["other", "fifo", "round-robin", "batch", "iso", "idle", "deadline", "ext"]
        .get(number as usize)
        .copied()
}

fn proportional(host: &dyn Host, folder: &Path) -> Option<u64> {
    let rollup = value(host, folder.join("smaps_rollup"))?;
    field(&rollup, "Pss:").map(|size| size * 1024)
}

/// The place in the unified hierarchy, or, where that is not in use, in that of systemd.
fn cgroup(table: &str) -> Option<String> {
    let place = |start: &str| table.lines().find_map(|line| line.strip_prefix(start));
    let named = || {
        let mut lines = table.lines().filter_map(|line| line.split_once(":name=systemd:"));
        lines.next().map(|(_, place)| place)
    };
    let unified = place("0::").filter(|place| *place != "/");
    unified.or_else(named).or_else(|| place("0::")).map(str::to_owned)
}

/// The innermost unit of systemd in a cgroup.
fn unit(cgroup: &str) -> Option<String> {
    let is_unit = |part: &&str| matches!(part.rsplit_once('.'), Some((_, "service" | "scope")));
    cgroup.rsplit('/').find(is_unit).map(str::to_owned)
}

/// `/proc/PID/limits`: name, soft limit, hard limit and unit in columns.
fn limits(table: &str) -> Limits {
    let limit = |name| {
        let line = table.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        let mut columns = line.split_whitespace().map(|column| column.parse().ok());
        Limit { soft: columns.next().flatten(), hard: columns.next().flatten() }
    };
    Limits { open_files: limit("Max open files"), processes: limit("Max processes") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_is_the_innermost_of_the_hierarchy_in_use() {
        let of = |table| cgroup(table).as_deref().and_then(unit);
        let service = "0::/system.slice/shop.service/workers\n";
        assert_eq!(of(service).as_deref(), Some("shop.service"));
        let user = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/editor.scope\n";
        assert_eq!(of(user).as_deref(), Some("editor.scope"));
        let old = "4:memory:/x\n1:name=systemd:/system.slice/cron.service\n0::/\n";
        assert_eq!(of(old).as_deref(), Some("cron.service"));
        assert_eq!((cgroup("0::/\n"), cgroup("odd")), (Some("/".into()), None));
    }

    #[test]
    fn limits_are_numbers_or_none() {
        let table = "Limit                     Soft Limit           Hard Limit           Units     \n\
                     Max processes             unlimited            unlimited            processes \n\
                     Max open files            1024                 524288               files     \n";
        let limits = limits(table);
        assert_eq!(limits.open_files, Limit { soft: Some(1024), hard: Some(524_288) });
        assert_eq!(limits.processes, Limit::default());
    }

    #[test]
    fn an_odd_line_is_no_process_and_an_odd_name_no_harm() {
        let numbers = "1 ".repeat(40);
        let stat = Stat::read(&format!("7 (a (b) c\n) S {numbers}")).unwrap();
        assert_eq!((stat.pid, stat.name.as_str(), stat.state), (7, "a (b) c\\n", 'S'));
        assert_eq!((stat.ticks, stat.policy), (2, Some(1)));
        for odd in ["", "(", ")", "7 (a)", "7 (a) S 1", "(a) S", "x (a) S 1 1 1 1 1"] {
            assert!(Stat::read(odd).is_none(), "{odd}");
        }
    }

    #[test]
    fn the_share_of_a_process_that_just_began_is_no_infinity() {
        assert_eq!(share(1.0, 0.0).to_string(), "0");
        assert_eq!(share(1.0, 3.0).to_string(), "33.3");
    }
}
