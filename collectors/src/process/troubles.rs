//! Processes that are in trouble: near a limit, or dead and not noticed.

use super::Process;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// From which part of a limit on it is near: percent.
const NEAR: u64 = 80;

/// A process that uses most of what it may have.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NearLimit<'a> {
    pid: u32,
    name: &'a str,
    user: Option<&'a str>,
    limit: &'static str,
    used: u64,
    soft: Option<u64>,
    hard: Option<u64>,
    percent: u64,
}

/// A process that has ended, and whose parent has not asked how.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Zombie<'a> {
    pid: u32,
    name: &'a str,
    started: Option<Timestamp>,
    parent: u32,
    parent_command: Option<&'a str>,
}

/// Those of `found` that use most of what they may have. The limit of processes is one of all
/// threads of a user, so all are counted; it does not hold for root.
pub(crate) fn near_limits<'a>(all: &[Process], found: &'a [Process]) -> Vec<NearLimit<'a>> {
    let mut threads = BTreeMap::<u32, u64>::new();
    for (user, process) in all.iter().filter_map(|process| Some((process.user_id?, process))) {
        *threads.entry(user).or_default() += process.threads;
    }
    threads.insert(0, 0);
    let mut near = Vec::new();
    for process in found {
        let limits = process.limits;
        let of_user = process.user_id.and_then(|user| threads.get(&user)).copied().unwrap_or(0);
        let open = process.open.map_or(0, |open| open.all);
        for (name, used, limit) in
            [("open-files", open, limits.open_files), ("processes", of_user, limits.processes)]
        {
            let percent = limit.soft.map_or(0, |soft| used.saturating_mul(100) / soft.max(1));
            if percent >= NEAR {
                near.push(NearLimit {
                    pid: process.pid,
                    name: &process.name,
                    user: process.user.as_deref(),
                    limit: name,
                    used,
                    soft: limit.soft,
                    hard: limit.hard,
                    percent,
                });
            }
        }
    }
    near
}

/// Those of `found` that are zombies, with their parents.
pub(crate) fn zombies<'a>(all: &'a [Process], found: &'a [Process]) -> Vec<Zombie<'a>> {
    let by_id: BTreeMap<_, _> = all.iter().map(|process| (process.pid, process)).collect();
    let zombies = found.iter().filter(|process| process.state == 'Z').map(|process| Zombie {
        pid: process.pid,
        name: &process.name,
        started: process.started,
        parent: process.parent,
        parent_command: by_id.get(&process.parent).map(|parent| parent.command.as_str()),
    });
    zombies.collect()
}
