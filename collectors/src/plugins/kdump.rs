//! Whether a crash of the kernel would be caught, and what was caught.

use crate::facts::{
    kernel_files::{number, switch, value},
    listing, present,
};
use collect_core::{
    CollectError, Collector, Output,
    host::{FileKind, Host},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// Crash dumps of the kernel: readiness and results.
///
/// `summary.json` says how much memory is reserved for a crash kernel (bytes), whether one is loaded,
/// and what makes the kernel panic. `dumps.json` and `dumps.txt` list what lies in the folders of crash
/// dumps, and `records` in the same way what the firmware kept (their content is the part of `kernel`).
/// The kernel logs that were saved with a dump are taken; the dumps themselves are never.
///
/// From <https://docs.kernel.org/admin-guide/kdump/kdump.html>,
/// <https://docs.kernel.org/admin-guide/sysctl/kernel.html>, `kdump.conf(5)` and
/// <https://docs.kernel.org/admin-guide/pstore-blk.html>. What the firmware kept, and on some hosts
/// the dumps, are only shown to root.
///
/// ```toml
/// [collect.kdump]
/// use = "kdump"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Kdump {}

collect_core::register!("kdump" => Kdump as Collector);

const FILES: [&str; 6] = [
    "/etc/kdump.conf",
    "/etc/sysconfig/kdump",
    "/etc/default/kdump-tools",
    "/etc/default/kexec",
    "/etc/kdump/",
    "/etc/kdump/sysctl.conf",
];

/// What the kernel does when something is wrong with it.
const PANICS: [&str; 12] = [
    "panic",
    "panic_on_oops",
    "panic_on_warn",
    "panic_on_io_nmi",
    "panic_on_unrecovered_nmi",
    "unknown_nmi_panic",
    "softlockup_panic",
    "hardlockup_panic",
    "hung_task_panic",
    "panic_on_rcu_stall",
    "sysrq",
    "kexec_load_disabled",
];

const COLUMNS: [&str; 3] = ["modified", "size", "path"];

/// More files than that are not listed.
const LISTED: usize = 1000;

impl Collector for Kdump {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let host = out.host();
        let summary = json!({
            "reserved-by": reserved_by(host),
            "reserved": number(host, "/sys/kernel/kexec_crash_size")
                .or_else(|| number(host, "/sys/kernel/kexec/crash_size")),
            "loaded": switch(host, "/sys/kernel/kexec_crash_loaded")
                .or_else(|| switch(host, "/sys/kernel/kexec/crash_loaded")),
            "firmware-assisted": switch(host, "/sys/kernel/fadump/enabled")
                .or_else(|| switch(host, "/sys/kernel/fadump_enabled")),
            "panics": panics(host),
        });
        out.json("summary.json", &summary)?;
        present::copy(out, &FILES)?;
        let mut dumps = Vec::new();
        for folder in folders(host) {
            list(out, &folder, 2, &mut dumps);
        }
        listing::write_any(out, "dumps", COLUMNS, &dumps)?;
        for dump in dumps.iter().filter(|dump| is_log(&dump.path)) {
            out.file(&dump.path)?;
        }
        let mut records = Vec::new();
        list(out, Path::new("/sys/fs/pstore"), 0, &mut records);
        list(out, Path::new("/var/lib/systemd/pstore"), 2, &mut records);
        listing::write_any(out, "records", COLUMNS, &records)
    }
}

/// What the command line reserves for the crash kernel.
fn reserved_by(host: &dyn Host) -> Vec<String> {
    let line = value(host, "/proc/cmdline").unwrap_or_default();
    let options = line.split_whitespace();
    let options = options
        .filter(|option| option.starts_with("crashkernel=") || option.starts_with("fadump="));
    options.map(str::to_owned).collect()
}

fn panics(host: &dyn Host) -> Map<String, Value> {
    let settings = PANICS.iter().filter_map(|setting| {
        let value = value(host, format!("/proc/sys/kernel/{setting}"))?;
        let value = value.parse().map_or_else(|_| value.into(), |number: i64| number.into());
        Some(((*setting).to_owned(), value))
    });
    settings.collect()
}

/// Where dumps are put: by default, and by configuration (`path` of kdump.conf, `KDUMP_COREDIR` of
/// kdump-tools, `KDUMP_SAVEDIR` of older ones).
fn folders(host: &dyn Host) -> BTreeSet<PathBuf> {
    let mut folders =
        BTreeSet::from([PathBuf::from("/var/crash"), PathBuf::from("/var/lib/kdump")]);
    for file in ["/etc/kdump.conf", "/etc/default/kdump-tools", "/etc/sysconfig/kdump"] {
        let text = value(host, file).unwrap_or_default();
        for line in text.lines() {
            let line = line.trim();
            let set = ["path ", "KDUMP_COREDIR=", "KDUMP_SAVEDIR="]
                .iter()
                .find_map(|setting| line.strip_prefix(setting));
            let set = set.map(|set| set.trim().trim_matches('"').trim_start_matches("file://"));
            // Not a whole file system by mistake.
            let set = set.map(Path::new).filter(|set| set.is_absolute() && set.parent().is_some());
            folders.extend(set.map(Path::to_owned));
        }
    }
    folders
}

#[derive(Serialize)]
struct Dump {
    path: String,
    size: u64,
    modified: Option<Timestamp>,
}

/// Lists the regular files in a folder and so many levels below it.
fn list(out: &mut Output<'_>, folder: &Path, below: usize, found: &mut Vec<Dump>) {
    let host = out.host();
    for path in present::entries(out, &folder.to_string_lossy()) {
        if found.len() == LISTED || out.deadline().passed() {
            return;
        }
        match host.info(&path) {
            Ok(info) if info.kind == FileKind::Directory && below > 0 => {
                list(out, &path, below - 1, found);
            }
            Ok(info) if info.kind == FileKind::Regular => found.push(Dump {
                path: path.to_string_lossy().into_owned(),
                size: info.len,
                modified: info.modified,
            }),
            _ => {}
        }
    }
}

/// The kernel's log, which is saved beside the dump: `vmcore-dmesg.txt`, or `dmesg.TIME`.
fn is_log(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.starts_with("vmcore-dmesg") || name.starts_with("dmesg.") || name == "README.txt"
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };

    #[test]
    fn dumps_are_listed_and_their_logs_are_taken() {
        let host = FakeHost::new()
            .file("/proc/cmdline", "root=/dev/sda1 crashkernel=256M quiet\n")
            .file("/sys/kernel/kexec_crash_loaded", "1\n")
            .file("/sys/kernel/kexec_crash_size", "268435456\n")
            .file("/proc/sys/kernel/panic", "-1\n")
            .file(
                "/etc/kdump.conf",
                "# path /no\npath /srv/dumps\ncore_collector makedumpfile -l\n",
            )
            .panics("/srv/dumps/192.0.2.1-today/vmcore")
            .file("/srv/dumps/192.0.2.1-today/vmcore-dmesg.txt", "Oops\n")
            .file("/sys/fs/pstore/dmesg-efi-1", "Oops\n");
        let collected = Trial::of(Kdump::default()).on(host);
        let summary: Value = serde_json::from_str(collected.text("summary.json")).unwrap();
        assert_eq!(summary["reserved-by"], json!(["crashkernel=256M"]));
        assert_eq!((&summary["loaded"], &summary["panics"]["panic"]), (&json!(true), &json!(-1)));
        assert_eq!(collected.text("/srv/dumps/192.0.2.1-today/vmcore-dmesg.txt"), "Oops\n");
        assert_eq!(collected.text("dumps.txt").lines().count(), 3);
        assert!(collected.text("records.txt").contains("dmesg-efi-1"));
        assert_eq!((collected.status(), collected.notes()), (Status::Complete, vec![]));
    }

    #[test]
    fn a_refused_folder_is_said_and_an_absent_one_is_not() {
        let collected = Trial::of(Kdump::default()).on(FakeHost::new().denied("/sys/fs/pstore"));
        assert_eq!(collected.status(), Status::Partial);
        assert_eq!(collected.notes().len(), 1);
    }
}
