//! What apt was asked for: `/var/log/apt/history.log`.

use super::{dpkg::local, some};
use crate::facts::stanzas::{Stanza, Stanzas};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use std::io::Read;

const FIELDS: [&str; 11] = [
    "Start-Date",
    "End-Date",
    "Commandline",
    "Requested-By",
    "Error",
    "Install",
    "Reinstall",
    "Upgrade",
    "Downgrade",
    "Remove",
    "Purge",
];

/// One run of apt.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Transaction {
    pub(crate) started: Timestamp,
    /// Missing if it did not come to its end.
    pub(crate) ended: Option<Timestamp>,
    pub(crate) command: Option<String>,
    pub(crate) requested_by: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) install: Vec<String>,
    pub(crate) reinstall: Vec<String>,
    pub(crate) upgrade: Vec<String>,
    pub(crate) downgrade: Vec<String>,
    pub(crate) remove: Vec<String>,
    pub(crate) purge: Vec<String>,
}

/// The runs that a log tells of.
pub(crate) fn transactions<'a>(
    log: impl Read + 'a,
    zone: &'a TimeZone,
) -> impl Iterator<Item = Transaction> + 'a {
    Stanzas::new(log, &FIELDS).filter_map(|stanza| transaction(&stanza, zone))
}

fn transaction(stanza: &Stanza, zone: &TimeZone) -> Option<Transaction> {
    let time = |name| {
        let (date, time) = stanza.get(name)?.split_once(' ')?;
        local(date, time.trim(), zone)
    };
    let packages = |name| stanza.get(name).map(split).unwrap_or_default();
    Some(Transaction {
        started: time("Start-Date")?,
        ended: time("End-Date"),
        command: stanza.owned("Commandline"),
        requested_by: stanza.owned("Requested-By"),
        error: stanza.owned("Error"),
        install: packages("Install"),
        reinstall: packages("Reinstall"),
        upgrade: packages("Upgrade"),
        downgrade: packages("Downgrade"),
        remove: packages("Remove"),
        purge: packages("Purge"),
    })
}

/// `a:amd64 (1, 2), b:all (3)` without the commas between.
fn split(packages: &str) -> Vec<String> {
    let packages = packages.split("), ").filter_map(some);
    packages.map(|package| format!("{})", package.trim_end_matches(')'))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_read_with_who_asked_for_what() {
        let log = "\nStart-Date: 2026-01-02  03:04:05\nCommandline: apt upgrade\n\
                   Requested-By: alice (1000)\nUpgrade: a:amd64 (1, 2), b:all (3, 4)\n\
                   End-Date: 2026-01-02  03:05:00\n\n\
                   Start-Date: soon\n\nStart-Date: 2026-01-03  03:04:05\nInstall: c:all (1, automatic)\n";
        let runs: Vec<_> = transactions(log.as_bytes(), &TimeZone::UTC).collect();
        assert_eq!(runs.len(), 2);
        assert_eq!(runs[0].upgrade, ["a:amd64 (1, 2)", "b:all (3, 4)"]);
        assert_eq!(runs[0].requested_by.as_deref(), Some("alice (1000)"));
        assert_eq!(runs[0].ended.unwrap().to_string(), "2026-01-02T03:05:00Z");
        assert_eq!((runs[1].ended, &runs[1].install[0][..]), (None, "c:all (1, automatic)"));
    }
}
