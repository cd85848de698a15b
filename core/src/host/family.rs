//! A command with all its descendants, also those that left its process group: found, and ended.
//!
//! A descendant is known by any of three signs: it is in the command's process group, its parent is
//! a descendant, or it inherited the variable that marks the command.

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};
use std::{
    collections::BTreeSet,
    fs, io, thread,
    time::{Duration, Instant},
};

/// How long what was asked to end may take for it.
const GRACE: Duration = Duration::from_millis(200);

/// How long to go on killing. What outlives it hangs in the kernel and dies when that lets go.
const PATIENCE: Duration = Duration::from_secs(1);

/// The first and the longest pause between two looks.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(40));

/// Processes seen so far, by number and start: when its parent has ended, a descendant that hides
/// the other signs can no longer be told from a stranger.
type Known = BTreeSet<(i32, u64)>;

/// A command and its descendants.
///
/// The command itself must not be reaped while this is in use: until then its number, which is also
/// that of its group, is given to nobody else.
#[derive(Debug)]
pub(super) struct Family {
    leader: Pid,
    /// When the command started. Nothing older can descend from it, so nothing older is looked at:
    /// looking into a process that hangs in the kernel can hang as well.
    since: u64,
    /// `NAME=` of the variable that only this command and its descendants have.
    mark: Vec<u8>,
}

impl Family {
    /// The family of a command that has just been started with the variable `name` set.
    pub(super) fn new(leader: Pid, name: &str) -> Self {
        let stat = Stat::read(leader);
        Self {
            leader,
            since: stat.map_or(0, |stat| stat.started),
            mark: format!("{name}=").into_bytes(),
        }
    }

    /// Whether the command itself has ended; it stays unreaped.
    pub(super) fn leader_is_gone(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        // An error says that it is no child of ours any more: where SIGCHLD is ignored, the kernel
        // reaps by itself.
        !matches!(waitid(WaitId::Pid(self.leader), options), Ok(None))
    }

    /// Ends everything that is still alive: asks first, then kills.
    pub(super) fn end(&self) {
        let mut known = Known::new();
        let alive = self.alive(&mut known);
        if alive.is_empty() {
            return;
        }
        self.signal(&alive, Signal::TERM);
        if self.gone_within(GRACE, &mut known, |_| ()) {
            return;
        }
        // Again and again, since what is being killed may still start something.
        self.gone_within(PATIENCE, &mut known, |alive| {
            self.signal(alive, Signal::KILL);
        });
    }

    /// Waits until nothing is alive, doing something about what is at each look.
    fn gone_within(&self, limit: Duration, known: &mut Known, act: impl Fn(&[Pid])) -> bool {
        let start = Instant::now();
        let mut pause = PAUSES.0;
        loop {
            let alive = self.alive(known);
            if alive.is_empty() {
                return true;
            }
            act(&alive);
            if start.elapsed() >= limit {
                return false;
            }
            thread::sleep(pause);
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    fn signal(&self, alive: &[Pid], signal: Signal) {
        // Failures mean that it ended meanwhile, or that it is another user's: nothing to be done.
        _ = kill_process_group(self.leader, signal);
        for &pid in alive {
            _ = kill_process(pid, signal);
        }
    }

    /// The members that have not ended.
    fn alive(&self, known: &mut Known) -> Vec<Pid> {
        self.scan(known).unwrap_or_else(|_| {
            // Without procfs only the command itself can be seen.
            let leader = (!self.leader_is_gone()).then_some(self.leader);
            leader.into_iter().collect()
        })
    }

    fn scan(&self, known: &mut Known) -> io::Result<Vec<Pid>> {
        let mut members = Vec::new();
        let mut others = Vec::new();
        for pid in processes()? {
            let Some(stat) = Stat::read(pid).filter(|stat| stat.started >= self.since) else {
                continue;
            };
            if known.contains(&(pid.as_raw_pid(), stat.started)) || self.is_member(pid, stat) {
                members.push((pid, stat));
            } else {
                others.push((pid, stat));
            }
        }
        // Children are added until there are none left to add.
        loop {
            known.extend(members.iter().map(|(pid, stat)| (pid.as_raw_pid(), stat.started)));
            let parents: BTreeSet<_> = members.iter().map(|(pid, _)| pid.as_raw_pid()).collect();
            let (children, rest): (Vec<_>, Vec<_>) =
                others.into_iter().partition(|(_, stat)| parents.contains(&stat.parent));
            if children.is_empty() {
                break;
            }
            members.extend(children);
            others = rest;
        }
        Ok(members.into_iter().filter_map(|(pid, stat)| (!stat.ended).then_some(pid)).collect())
    }

    fn is_member(&self, pid: Pid, stat: Stat) -> bool {
        pid == self.leader || stat.group == self.leader.as_raw_pid() || self.has_mark(pid)
    }

    /// Another user's process hides its environment, but then it could not be killed either.
    fn has_mark(&self, pid: Pid) -> bool {
        fs::read(format!("/proc/{}/environ", pid.as_raw_pid())).is_ok_and(|environment| {
            environment.split(|&byte| byte == 0).any(|variable| variable.starts_with(&self.mark))
        })
    }
}

fn processes() -> io::Result<impl Iterator<Item = Pid>> {
    Ok(fs::read_dir("/proc")?.filter_map(|entry| {
        let name = entry.ok()?.file_name();
        Pid::from_raw(name.to_str()?.parse().ok()?)
    }))
}

/// What is needed of `/proc/PID/stat` (`proc_pid_stat(5)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    ended: bool,
    parent: i32,
    group: i32,
    /// Clock ticks since the host started.
    started: u64,
}

impl Stat {
    fn read(pid: Pid) -> Option<Self> {
        Self::parse(&fs::read(format!("/proc/{}/stat", pid.as_raw_pid())).ok()?)
    }

    fn parse(stat: &[u8]) -> Option<Self> {
        // The second field is the program's name in parentheses, in which anything may stand.
        let name_end = stat.iter().rposition(|&byte| byte == b')')?;
        let rest = std::str::from_utf8(&stat[name_end + 1..]).ok()?;
        let mut fields = rest.split_ascii_whitespace();
        Some(Self {
            ended: matches!(fields.next()?, "Z" | "X"),
            parent: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
            // The start is field 22; the three above were fields 3 to 5.
            started: fields.nth(22 - 6)?.parse().ok()?,
        })
    }
}

/// Whether a process of that number is there and has not ended.
#[cfg(test)]
pub(super) fn is_alive(pid: &str) -> bool {
    let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
    Stat::read(pid).is_some_and(|stat| !stat.ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_an_odd_name_is_understood() {
        let stat = b"42 (a) Z 1 (b) S 7 40 40 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 9876 1 2";
        assert_eq!(
            Stat::parse(stat),
            Some(Stat { ended: false, parent: 7, group: 40, started: 9876 })
        );
    }

    #[test]
    fn a_process_that_ended_while_it_was_looked_at_is_passed_over() {
        assert_eq!(Stat::parse(b""), None);
        assert_eq!(Stat::parse(b"42 (cat) S 1"), None);
    }
}
