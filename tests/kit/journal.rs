//! Real journal files, made with `systemd-journal-remote` from the export format
//! (<https://systemd.io/JOURNAL_EXPORT_FORMATS/>).

use super::output;
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// The time stamp of the first entry of these journals: 2026-11-20 00:00:00 UTC, in microseconds.
const FIRST: u64 = 1_795_132_800_000_000;

/// One journal entry.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Seconds after the journal's first moment.
    pub(crate) seconds: u64,
    /// `_SYSTEMD_UNIT`.
    pub(crate) unit: &'static str,
    /// `SYSLOG_IDENTIFIER`.
    pub(crate) identifier: &'static str,
    /// `PRIORITY`.
    pub(crate) priority: u8,
    /// `MESSAGE`.
    pub(crate) message: Vec<u8>,
    /// Other fields; a name may occur more than once.
    pub(crate) fields: Vec<(&'static str, Vec<u8>)>,
}

impl Entry {
    /// An informational entry of `shop.service`.
    pub(crate) fn new(seconds: u64, message: impl Into<Vec<u8>>) -> Self {
        Self {
            seconds,
            unit: "shop.service",
            identifier: "shop",
            priority: 6,
            message: message.into(),
            fields: Vec::new(),
        }
    }
}

/// A folder of journal files.
pub(crate) struct Journal {
    folder: TempDir,
}

impl Journal {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Adds a journal file with these entries.
    pub(crate) fn file(&self, name: &str, entries: &[Entry]) -> PathBuf {
        let mut export = Vec::new();
        for (number, entry) in entries.iter().enumerate() {
            write_entry(&mut export, number, entry);
        }
        let source = tempfile::NamedTempFile::new().unwrap();
        fs::write(source.path(), export).unwrap();
        let file = self.folder.path().join(format!("{name}.journal"));
        output(
            "systemd-journal-remote",
            [
                "--split-mode=none".as_ref(),
                "-o".as_ref(),
                file.as_os_str(),
                source.path().as_os_str(),
            ],
        );
        file
    }

    /// Adds a journal file that was cut off, as after a power failure.
    pub(crate) fn damaged_file(&self, name: &str, entries: &[Entry]) {
        let file = self.file(name, entries);
        let whole = fs::metadata(&file).unwrap().len();
        let cut = fs::OpenOptions::new().write(true).open(&file).unwrap();
        cut.set_len(whole * 6 / 10).unwrap();
    }

    /// What `journalctl` itself says is in it.
    pub(crate) fn judge(&self, args: &[&str]) -> String {
        let directory = format!("--directory={}", self.path().display());
        let mut all = vec!["--no-pager", "--quiet", "--all", "--utc", &directory];
        all.extend(args);
        String::from_utf8(output("journalctl", all)).unwrap()
    }
}

fn write_entry(export: &mut Vec<u8>, number: usize, entry: &Entry) {
    let time = FIRST + entry.seconds * 1_000_000;
    let priority = entry.priority.to_string();
    let text = |text: &str| text.as_bytes().to_owned();
    let mut fields = vec![
        ("__REALTIME_TIMESTAMP", text(&time.to_string())),
        ("__MONOTONIC_TIMESTAMP", text(&(entry.seconds * 1_000_000 + 1).to_string())),
        ("_BOOT_ID", text("0123456789abcdef0123456789abcdef")),
        ("_MACHINE_ID", text("fedcba9876543210fedcba9876543210")),
        ("_HOSTNAME", text("till-1")),
        ("_PID", text(&(1000 + number % 7).to_string())),
        ("_SYSTEMD_UNIT", text(entry.unit)),
        ("SYSLOG_IDENTIFIER", text(entry.identifier)),
        ("PRIORITY", text(&priority)),
        ("MESSAGE", entry.message.clone()),
    ];
    fields.extend(entry.fields.iter().cloned());
    for (name, value) in fields {
        let plain = !value.contains(&b'\n') && std::str::from_utf8(&value).is_ok();
        export.extend_from_slice(name.as_bytes());
        if plain {
            export.push(b'=');
        } else {
            export.push(b'\n');
            export.extend_from_slice(&(value.len() as u64).to_le_bytes());
        }
        export.extend_from_slice(&value);
        export.write_all(b"\n").unwrap();
    }
    export.push(b'\n');
}
