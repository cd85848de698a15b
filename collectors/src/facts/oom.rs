//! Processes that the kernel killed because memory ran out, as its log tells them.
//!
//! The texts are those of `mm/oom_kill.c`. Since Linux 5.0 one line has everything
//! (`Out of memory: Killed process 1 (name) total-vm:…`); before, `Killed process` stood on a line
//! of its own. What was short, and for whom, is on lines before it.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// A process that was killed. Sizes are in bytes.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Kill {
    /// By the kernel's clock, which stops while the host sleeps.
    pub(crate) time: Option<Timestamp>,
    /// Seconds since the start.
    pub(crate) uptime: f64,
    pub(crate) process: u32,
    pub(crate) name: String,
    pub(crate) user: Option<u32>,
    /// The addresses that it had taken.
    pub(crate) total: Option<u64>,
    /// What of it was in memory: the sum of the next three.
    pub(crate) resident: Option<u64>,
    pub(crate) anonymous: Option<u64>,
    pub(crate) file: Option<u64>,
    pub(crate) shared: Option<u64>,
    pub(crate) page_tables: Option<u64>,
    pub(crate) score_adjustment: Option<i32>,
    /// `host`, or `cgroup` where the limit of a control group was reached.
    pub(crate) scope: &'static str,
    /// The kernel's word for what was short: `CONSTRAINT_MEMCG`.
    pub(crate) constraint: Option<String>,
    /// The control group whose limit was reached.
    pub(crate) limited_cgroup: Option<String>,
    /// The control group of the process.
    pub(crate) cgroup: Option<String>,
    /// Who asked for memory when there was none.
    pub(crate) invoked_by: Option<String>,
}

/// Takes the records of the log one by one.
#[derive(Debug, Default)]
pub(crate) struct Kills {
    booted: Option<Timestamp>,
    invoked_by: Option<String>,
    constraint: Option<String>,
    limited_cgroup: Option<String>,
    cgroup: Option<String>,
    is_of_cgroup: bool,
    pub(crate) found: Vec<Kill>,
}

impl Kills {
    /// For a host that was started then.
    pub(crate) fn of(booted: Option<Timestamp>) -> Self {
        Self { booted, ..Self::default() }
    }

    /// Takes a line in the form of `/dev/kmsg`.
    pub(crate) fn take(&mut self, line: &str) {
        let Some((head, text)) = line.split_once(';') else { return };
        let microseconds = head.split(',').nth(2).and_then(|time| time.parse::<u64>().ok());
        let Some(microseconds) = microseconds else { return };
        if let Some((who, _)) = text.split_once(" invoked oom-killer: ") {
            *self = Self {
                booted: self.booted,
                found: std::mem::take(&mut self.found),
                invoked_by: Some(who.to_owned()),
                ..Self::default()
            };
        } else if let Some(about) = text.strip_prefix("oom-kill:") {
            self.constraint = field(about, "constraint=").map(str::to_owned);
            // The values that name groups are the last before the task's; names may hold commas.
            self.limited_cgroup = between(about, "oom_memcg=", ",task_memcg=");
            self.cgroup = between(about, "task_memcg=", ",task=");
        } else if text.starts_with("Memory cgroup out of memory: Kill process") {
            self.is_of_cgroup = true;
        }
        if let Some((before, victim)) = text.split_once("Killed process ") {
            if !before.is_empty() {
                self.is_of_cgroup = before.starts_with("Memory cgroup out of memory");
            }
            self.killed(microseconds, victim);
        }
    }

    /// `1234 (name) total-vm:1kB, anon-rss:1kB, …`; kernels before 3.2 have the user before the name.
    fn killed(&mut self, microseconds: u64, victim: &str) {
        let digits = victim.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(victim.len());
        let (process, rest) = victim.split_at(digits);
        let Ok(process) = process.parse() else { return };
        // A name may hold brackets and spaces.
        let Some((_, rest)) = rest.split_once('(') else { return };
        let Some(end) = rest.rfind(") total-vm:").or_else(|| rest.rfind(')')) else { return };
        let (name, about) = rest.split_at(end);
        let bytes = |label| size(about, label);
        let (anonymous, file, shared) =
            (bytes("anon-rss:"), bytes("file-rss:"), bytes("shmem-rss:"));
        let resident = [anonymous, file, shared].into_iter().flatten().reduce(u64::saturating_add);
        let since_boot =
            SignedDuration::from_micros(i64::try_from(microseconds).unwrap_or(i64::MAX));
        self.found.push(Kill {
            time: self.booted.and_then(|booted| booted.checked_add(since_boot).ok()),
            uptime: microseconds as f64 / 1e6,
            process,
            name: name.to_owned(),
            user: field(about, "UID:").and_then(|user| user.parse().ok()),
            total: bytes("total-vm:"),
            resident,
            anonymous,
            file,
            shared,
            page_tables: bytes("pgtables:"),
            score_adjustment: field(about, "oom_score_adj:").and_then(|score| score.parse().ok()),
            scope: if self.is_of_cgroup { "cgroup" } else { "host" },
            constraint: self.constraint.clone(),
            limited_cgroup: self.limited_cgroup.clone(),
            cgroup: self.cgroup.clone(),
            invoked_by: self.invoked_by.clone(),
        });
    }
}

/// What follows a label, up to a space or comma.
fn field<'t>(text: &'t str, label: &str) -> Option<&'t str> {
    let (_, value) = text.split_once(label)?;
    value.split([' ', ',']).next()
}

fn between(text: &str, label: &str, end: &str) -> Option<String> {
    let (_, value) = text.split_once(label)?;
    value.split_once(end).map(|(value, _)| value.to_owned())
}

fn size(text: &str, label: &str) -> Option<u64> {
    field(text, label)?.strip_suffix("kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kills(log: &str) -> Vec<Kill> {
        let mut kills = Kills::of("2026-01-02T00:00:00Z".parse().ok());
        log.lines().for_each(|line| kills.take(line));
        kills.found
    }

    #[test]
    fn a_kill_in_a_control_group_names_the_group_and_who_asked() {
        let kills = kills(
            "4,1,60500000,-;java invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n\
             4,2,60500001,-;CPU: 1 PID: 77 Comm: java\n\
             6,3,60500002,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/app.slice/a,b.service,task_memcg=/app.slice/a,b.service/x,task=java,pid=77,uid=1000\n\
             3,4,60500003,-;Memory cgroup out of memory: Killed process 77 (java (x) y) total-vm:4000kB, anon-rss:2000kB, file-rss:40kB, shmem-rss:0kB, UID:1000 pgtables:120kB oom_score_adj:-5\n\
             6,5,60500004,-;oom_reaper: reaped process 77 (java), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB\n",
        );
        let [kill] = &kills[..] else { panic!("{kills:?}") };
        assert_eq!((kill.process, kill.name.as_str(), kill.user), (77, "java (x) y", Some(1000)));
        assert_eq!(kill.time.unwrap().to_string(), "2026-01-02T00:01:00.500003Z");
        assert_eq!((kill.total, kill.resident), (Some(4000 << 10), Some(2040 << 10)));
        assert_eq!((kill.page_tables, kill.score_adjustment), (Some(120 << 10), Some(-5)));
        assert_eq!(kill.scope, "cgroup");
        assert_eq!(kill.limited_cgroup.as_deref(), Some("/app.slice/a,b.service"));
        assert_eq!(kill.cgroup.as_deref(), Some("/app.slice/a,b.service/x"));
        assert_eq!(kill.invoked_by.as_deref(), Some("java"));
    }

    #[test]
    fn kernels_of_all_ages_are_understood() {
        let kills = kills(
            "4,1,1000000,-;Memory cgroup out of memory: Kill process 5 (old) score 900 or sacrifice child\n\
             3,2,1000001,-;Killed process 5 (old) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB\n\
             4,3,2000000,-;kworker invoked oom-killer: gfp_mask=0x0, order=0\n\
             3,4,2000001,-,caller=T6;Out of memory: Killed process 6 (new) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB\n\
             3,5,3000000,-;Killed process 7, UID 1000, (older) total-vm:8kB\n\
             3,6,3000000,-;Killed process x (odd)\n\
             Killed process 8 (no) record\n",
        );
        let seen: Vec<_> =
            kills.iter().map(|kill| (kill.process, kill.name.as_str(), kill.scope)).collect();
        assert_eq!(seen, [(5, "old", "cgroup"), (6, "new", "host"), (7, "older", "host")]);
        assert_eq!(kills[1].invoked_by.as_deref(), Some("kworker"));
        assert_eq!(kills[0].invoked_by, None);
    }

    #[test]
    fn odd_records_cost_no_others() {
        for line in [
            ";Killed process ",
            "3,1,1;Killed process 5 )(",
            "3,1,1;Killed process 5 (",
            "3,1,1;Killed process 5 é)é(",
        ] {
            assert!(kills(line).len() <= 1);
        }
        let kill =
            &kills("3,1,18446744073709551615;Killed process 9 (x) total-vm:99999999999999999999kB")
                [0];
        assert_eq!((kill.time, kill.total, kill.resident), (None, None, None));
    }
}
