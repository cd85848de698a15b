//! When the host was started and stopped, from wtmp or from what the journal knows.

use super::utmp::{self, Kind, Record};
use collect_core::host::Host;
use jiff::Timestamp;
use regex::Regex;
use serde::Serialize;
use std::sync::LazyLock;

/// More records than that, from the end of wtmp, are not read: 38 MB.
const RECORDS: u64 = 100_000;

/// How far the time that wtmp has of this boot can be from the kernel's: the clock may be set after
/// it was written.
const APART: i64 = 600;

/// How a time between start and end ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ended {
    /// It goes on.
    Running,
    /// Somebody, or something, shut the host down.
    Shutdown,
    /// It was started again without having been shut down: it crashed or lost power.
    Crash,
}

/// The time from a start to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Period {
    pub(crate) started: Option<Timestamp>,
    /// Nothing if it goes on, or nobody noted the end.
    pub(crate) ended: Option<Timestamp>,
    /// In seconds.
    pub(crate) duration: Option<i64>,
    /// How it ended, where that is known.
    pub(crate) how: Option<Ended>,
    /// The kernel's release; the journal does not tell it.
    pub(crate) kernel: Option<String>,
}

impl Period {
    fn new(started: Option<Timestamp>, kernel: Option<String>) -> Self {
        Self { started, ended: None, duration: None, how: None, kernel }
    }

    fn end(&mut self, at: Option<Timestamp>, how: Option<Ended>) {
        self.ended = at;
        self.how = how;
        let spent = self.started.zip(at).map(|(from, to)| to.duration_since(from).as_secs());
        // Under a clock that was set back, it is not known.
        self.duration = spent.filter(|spent| *spent >= 0);
    }
}

/// The boots that wtmp knows, oldest first. `booted` is when the kernel says that
/// it was started.
pub(crate) fn of_wtmp(
    host: &dyn Host,
    path: &str,
    booted: Option<Timestamp>,
) -> std::io::Result<Vec<Period>> {
    let read = utmp::newest(host, path, RECORDS, |record| is_boot(record) || is_down(record))?;
    let mut boots: Vec<Period> = Vec::new();
    for record in read.records {
        if is_boot(&record) {
            if let Some(last) = boots.last_mut().filter(|last| last.how.is_none()) {
                last.end(None, Some(Ended::Crash));
            }
            let kernel = (!record.host.is_empty()).then_some(record.host);
            boots.push(Period::new(record.time, kernel));
        } else if let Some(last) = boots.last_mut().filter(|last| last.how.is_none()) {
            // The first word of it counts: run level 6 comes before `shutdown`.
            last.end(record.time, Some(Ended::Shutdown));
        }
    }
    if let Some(last) = boots.last_mut().filter(|last| last.how.is_none()) {
        let apart = last.started.zip(booted);
        let apart = apart.map(|(noted, booted)| noted.duration_since(booted).as_secs().abs());
        // Otherwise there were others since then that nobody noted.
        if apart.is_none_or(|apart| apart <= APART) {
            last.end(Some(host.now()), Some(Ended::Running));
            last.ended = None;
        }
    }
    Ok(boots)
}

fn is_boot(record: &Record) -> bool {
    record.kind == Kind::Boot
}

/// The record of a shutdown, or of the run levels 0 (halt) and 6 (restart), whose number stands for
/// the process.
fn is_down(record: &Record) -> bool {
    let level = record.process & 0xff;
    record.kind == Kind::RunLevel
        && (record.user == "shutdown"
            || (record.user == "runlevel" && [i32::from(b'0'), i32::from(b'6')].contains(&level)))
}

/// What `journalctl --utc --list-boots` prints, of all its versions: a number, which is 0 for the last
/// one, its id, and the times of the first and the last entry.
pub(crate) fn of_journal(listed: &str) -> Vec<Period> {
    static BOOT: LazyLock<Regex> = LazyLock::new(|| {
        let time = r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC";
        let line = format!(r"^\s*-?\d+ +[0-9a-f]{{32}}\s.*?{time}.*?{time}");
        Regex::new(&line).expect("a good expression")
    });
    let boots = listed.lines().filter_map(|line| {
        let found = BOOT.captures(line)?;
        let time = |at| format!("{}T{}Z", &found[at], &found[at + 1]).parse().ok();
        let mut boot = Period::new(time(1), None);
        boot.end(time(3), None);
        Some(boot)
    });
    boots.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::utmp::made_up;
    use collect_core::testkit::FakeHost;

    const WTMP: &str = "/var/log/wtmp";
    const DAY: u32 = 86400;

    fn boots(records: &[Vec<u8>], booted: i64) -> Vec<Period> {
        let host = FakeHost::new().bytes(WTMP, records.concat());
        of_wtmp(&host, WTMP, Timestamp::from_second(booted).ok()).unwrap()
    }

    fn boot(day: u32) -> Vec<u8> {
        made_up(2, 0, "~", "reboot", "6.1.0", day * DAY)
    }

    #[test]
    fn a_shutdown_is_told_from_a_crash() {
        let records = [
            boot(1),
            made_up(1, i32::from(b'5'), "~", "runlevel", "6.1.0", DAY + 60),
            made_up(7, 9, "tty1", "zoe", "", DAY + 90),
            made_up(1, i32::from(b'6'), "~", "runlevel", "6.1.0", DAY + 100),
            made_up(1, 0, "~", "shutdown", "6.1.0", DAY + 110),
            boot(2),
            boot(3),
        ];
        let found = boots(&records, i64::from(3 * DAY) + 5);
        let seen: Vec<_> = found.iter().map(|boot| (boot.how, boot.duration)).collect();
        let now = FakeHost::new();
        let running = Host::now(&now).as_second() - i64::from(3 * DAY);
        assert_eq!(
            seen,
            [
                (Some(Ended::Shutdown), Some(100)),
                (Some(Ended::Crash), None),
                (Some(Ended::Running), Some(running)),
            ]
        );
        assert_eq!(found[0].kernel.as_deref(), Some("6.1.0"));
        assert_eq!(found[2].ended, None);
    }

    #[test]
    fn a_boot_that_nobody_noted_does_not_make_the_one_before_run_on() {
        let found = boots(&[boot(1)], i64::from(5 * DAY));
        assert_eq!((found[0].how, found[0].duration), (None, None));
    }

    #[test]
    fn a_clock_that_was_set_back_gives_no_duration() {
        let down = made_up(1, 0, "~", "shutdown", "", DAY);
        let found = boots(&[boot(2), down], 0);
        assert_eq!((found[0].how, found[0].duration), (Some(Ended::Shutdown), None));
    }

    #[test]
    fn the_list_of_every_version_of_journalctl_is_understood() {
        let old = "-1 00112233445566778899aabbccddeeff Mon 2026-01-05 10:00:00 UTC—Mon 2026-01-05 11:00:00 UTC\n\
                   \x200 0123456789abcdef0123456789abcdef Tue 2026-01-06 10:00:00 UTC—Tue 2026-01-06 10:00:30 UTC\n";
        let new = "IDX BOOT ID                          FIRST ENTRY                 LAST ENTRY\n\
                   \x20-1 00112233445566778899aabbccddeeff Mon 2026-01-05 10:00:00 UTC Mon 2026-01-05 11:00:00 UTC\n\
                   \x20 0 0123456789abcdef0123456789abcdef Tue 2026-01-06 10:00:00 UTC Tue 2026-01-06 10:00:30 UTC\n";
        let found = of_journal(old);
        assert_eq!(found, of_journal(new));
        let durations: Vec<_> = found.iter().map(|boot| boot.duration).collect();
        assert_eq!(durations, [Some(3600), Some(30)]);
        assert_eq!(of_journal("No journal files were found.\n"), []);
    }
}
