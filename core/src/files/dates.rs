//! The time of interest of the lines of many files, and what is said of it in the end.

use super::{Times, take::files};
use crate::{
    Output, Window,
    redact::looks_binary,
    stamp::{Moment, Origin, Stamps, Within},
};
use jiff::Timestamp;
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// The time of interest of the lines of many files.
#[derive(Debug)]
pub(crate) struct Dates {
    within: Option<Within>,
    since: Option<Timestamp>,
    /// How many files or members have no line of interest.
    outside: Cell<usize>,
    /// The logs of which older files are there than those that are taken.
    older: BTreeSet<String>,
    /// Of each log the file that begins first, and when.
    beginnings: RefCell<BTreeMap<String, (Timestamp, PathBuf)>>,
}

impl Dates {
    pub(super) fn new(window: &Window, times: Times, older: &[PathBuf]) -> Self {
        Self {
            within: Within::of(window).filter(|_| times == Times::Lines),
            since: window.since,
            outside: Cell::new(0),
            older: older.iter().map(|path| log_of(path)).collect(),
            beginnings: RefCell::default(),
        }
    }

    /// What of a file is of interest that begins like this, if its lines say when they were written.
    pub(crate) fn read(
        &self,
        sample: &[u8],
        origin: &Origin,
        path: &Path,
    ) -> Option<(Within, Stamps)> {
        let within = self.within.filter(|_| !looks_binary(sample))?;
        let stamps = Stamps::detect(sample, origin)?;
        if let Some(first) = stamps.clone().first(sample).and_then(Moment::timestamp) {
            let mut beginnings = self.beginnings.borrow_mut();
            let beginning =
                beginnings.entry(log_of(path)).or_insert_with(|| (first, path.to_owned()));
            if first < beginning.0 {
                *beginning = (first, path.to_owned());
            }
        }
        Some((within, stamps))
    }

    /// Whether something whose lines say no time is too old as a whole.
    pub(crate) fn is_too_old(&self, modified: Option<Timestamp>) -> bool {
        self.since.zip(modified).is_some_and(|(since, modified)| modified < since)
    }

    /// Counts a file or member without a line of interest.
    pub(crate) fn left_out(&self) {
        self.outside.set(self.outside.get() + 1);
    }

    /// Says which files were left out, and which logs do not reach back as far as was asked for.
    pub(super) fn note(&self, out: &mut Output<'_>) {
        let outside = self.outside.get();
        if outside > 0 {
            let text = format!("{} left out: no line of the time of interest", files(outside));
            out.note(&text);
        }
        let Some(since) = self.since else { return };
        let beginnings = self.beginnings.borrow();
        let late = beginnings
            .iter()
            .filter(|(log, (first, _))| *first > since && !self.older.contains(*log));
        let late: Vec<_> = late
            .map(|(_, (first, path))| {
                format!("`{}` begins at {first}: nothing older is there", path.display())
            })
            .collect();
        out.note_some(&late, "more logs begin later than was asked for");
    }
}

/// The name that a log and what it was rotated to have in common: `/var/log/syslog`,
/// `/var/log/syslog.2.gz` and `/var/log/syslog-20261123.xz` are one.
fn log_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let endings = [".gz", ".xz", ".zst", ".bz2"];
    let name = endings.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    let name = name.strip_suffix(".old").unwrap_or(name);
    let name = name.replace(|char: char| char.is_ascii_digit() || "-_.".contains(char), "");
    path.with_file_name(name).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_and_what_it_was_rotated_to_are_one() {
        let names = ["syslog", "syslog.1", "syslog.2.gz", "syslog-20261123.xz", "syslog.old"];
        for name in names {
            assert_eq!(log_of(&Path::new("/var/log").join(name)), "/var/log/syslog", "{name}");
        }
        assert_ne!(log_of(Path::new("/var/log/kern.log")), log_of(Path::new("/var/log/mail.log")));
        assert_ne!(log_of(Path::new("/a/b.log")), log_of(Path::new("/c/b.log")));
    }
}
