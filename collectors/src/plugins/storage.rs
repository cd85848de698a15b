//! Storage: mounts and how full they are, swap, volumes, RAID, and what file systems complain about.

use crate::facts::{
    kernel_files::{children, name, number, signed, switch, value},
    listing,
    mounts::{Mount, all_mounts, is_covered, with_data},
    present, raid,
};
use collect_core::{CollectError, Collector, Output, Window, host::Host};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io::{self, ErrorKind};

/// Mounts, use of the file systems, swap, RAID.
///
/// `mounts` lists every mount with its options, `usage` size and use of the file systems that hold
/// data, `swaps` the swap areas, `volumes` those of the device mapper, `raid` the arrays of `md` with
/// their members, and `errors` the ext4 file systems with the errors that they have met: each as
/// `NAME.json` and as a table, where there are any. Sizes are in bytes. The devices below are the part
/// of `block-devices`.
///
/// From `proc_pid_mountinfo(5)`, `statvfs(3)`, `fstab(5)`, `md(4)`, `proc_locks(5)` and
/// <https://docs.kernel.org/admin-guide/ext4.html>.
///
/// ```toml
/// [collect.storage]
/// use = "storage"
/// remote = true
/// timeout = "20s"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Storage {
    /// Also ask remote file systems (NFS, CIFS, FUSE and the like) for their size and use, as the
    /// last thing: one that does not answer holds up this step until its timeout.
    remote: bool,
}

collect_core::register!("storage" => Storage as Collector);

const FILES: [&str; 5] =
    ["/proc/mdstat", "/proc/locks", "/etc/fstab", "/etc/mdadm.conf", "/etc/mdadm/mdadm.conf"];

const MOUNTS: [&str; 6] = ["type", "device", "source", "options", "propagation", "target"];
const USAGE: [&str; 10] = [
    "type",
    "size",
    "used",
    "available",
    "used-percent",
    "inodes",
    "inodes-free",
    "read-only",
    "source",
    "target",
];
const SWAPS: [&str; 5] = ["name", "type", "size", "used", "priority"];
const VOLUMES: [&str; 6] = ["device", "kind", "size", "suspended", "on", "name"];
const RAID: [&str; 7] = ["device", "level", "state", "disks", "degraded", "action", "members"];
const ERRORS: [&str; 5] = ["device", "errors", "warnings", "first-error", "last-error"];

impl Collector for Storage {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let host = out.host();
        let mounts = out.read("/proc/self/mountinfo")?.unwrap_or_default();
        let mounts = all_mounts(&String::from_utf8_lossy(&mounts));
        listing::write(out, "mounts", MOUNTS, &mounts)?;
        listing::write_any(out, "swaps", SWAPS, &swaps(host))?;
        listing::write_any(out, "volumes", VOLUMES, &volumes(host))?;
        listing::write_any(out, "raid", RAID, &raid::arrays(host))?;
        listing::write_any(out, "errors", ERRORS, &errors(host))?;
        present::copy(out, &FILES)?;
        let visible = with_data(&mounts).into_iter().filter(|mount| !is_covered(mount, &mounts));
        let (remote, local): (Vec<_>, Vec<_>) = visible.partition(|mount| mount.remote);
        write_usage(out, "usage", &local)?;
        if self.remote && !remote.is_empty() {
            write_usage(out, "usage-remote", &remote)?;
        }
        Ok(())
    }

    fn refused(&self, host: &dyn Host, _window: &Window) -> Vec<String> {
        let mounts = all_mounts(&value(host, "/proc/self/mountinfo").unwrap_or_default());
        let local = with_data(&mounts).into_iter().filter(|mount| !mount.remote);
        let refused = local.filter(|mount| {
            let info = host.info(&mount.point);
            info.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
        });
        match refused.count() {
            0 => Vec::new(),
            count => vec![format!("use of {count} file systems")],
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Filled<'m> {
    source: &'m str,
    target: String,
    #[serde(rename = "type")]
    kind: &'m str,
    size: u64,
    used: u64,
    available: u64,
    used_percent: Option<u64>,
    inodes: u64,
    inodes_free: u64,
    read_only: bool,
}

fn write_usage(out: &mut Output<'_>, entry: &str, mounts: &[&Mount]) -> Result<(), CollectError> {
    let mut rows = Vec::new();
    let mut refused = Vec::new();
    for mount in mounts {
        let target = mount.point.to_string_lossy().into_owned();
        let usage = match out.host().usage(&mount.point) {
            Ok(usage) => usage,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                refused.push(target);
                continue;
            }
            Err(error) => {
                out.failed(&target, &error);
                continue;
            }
        };
        let used = usage.size.saturating_sub(usage.free);
        rows.push(Filled {
            source: &mount.source,
            target,
            kind: &mount.kind,
            size: usage.size,
            used,
            available: usage.available,
            used_percent: percent(used, used.saturating_add(usage.available)),
            inodes: usage.inodes,
            inodes_free: usage.inodes_free,
            read_only: mount.read_only,
        });
    }
    // A host with many containers has as many mounts that only root can reach.
    if let Some(first) = refused.first() {
        let text = match refused.len() {
            1 => "its use is refused".to_owned(),
            more => format!("its use and that of {} more is refused", more - 1),
        };
        out.failed(first, &io::Error::new(ErrorKind::PermissionDenied, text));
    }
    listing::write(out, entry, USAGE, &rows)
}

/// Rounded up, as `df(1)` does: 100 means that a user can write no more.
fn percent(part: u64, of: u64) -> Option<u64> {
    let of = std::num::NonZero::new(u128::from(of))?;
    u64::try_from((u128::from(part) * 100).div_ceil(of.get())).ok()
}

#[derive(Serialize)]
struct Swap {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    size: u64,
    used: u64,
    priority: i64,
}

/// `proc_swaps(5)`, whose sizes are in KiB.
fn swaps(host: &dyn Host) -> Vec<Swap> {
    let table = value(host, "/proc/swaps").unwrap_or_default();
    let swaps = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let [name, kind, size, used, priority] = fields[..] else {
            return None;
        };
        let bytes = |kib: &str| Some(kib.parse::<u64>().ok()?.saturating_mul(1024));
        Some(Swap {
            name: name.replace(r"\040", " "),
            kind: kind.to_owned(),
            size: bytes(size)?,
            used: bytes(used)?,
            priority: priority.parse().ok()?,
        })
    });
    swaps.collect()
}

#[derive(Serialize)]
struct Volume {
    device: String,
    name: String,
    kind: String,
    size: Option<u64>,
    suspended: Option<bool>,
    on: Vec<String>,
}

/// The volumes of LVM, encryption, multipath and the like. Their kind is the beginning of their
/// UUID; the rest identifies the host.
fn volumes(host: &dyn Host) -> Vec<Volume> {
    let volumes = children(host, "/sys/block").into_iter().filter_map(|device| {
        let kind = value(host, device.join("dm/uuid")).unwrap_or_default();
        Some(Volume {
            name: value(host, device.join("dm/name"))?,
            kind: kind.split('-').next().unwrap_or_default().to_owned(),
            size: number(host, device.join("size")).map(|size| size.saturating_mul(512)),
            suspended: switch(host, device.join("dm/suspended")),
            on: children(host, device.join("slaves")).iter().map(name).collect(),
            device: name(&device),
        })
    });
    volumes.collect()
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Errors {
    device: String,
    #[serde(rename = "errors")]
    count: u64,
    warnings: Option<u64>,
    first_error: Option<jiff::Timestamp>,
    last_error: Option<jiff::Timestamp>,
    last_error_function: Option<String>,
    bytes_written: Option<u64>,
}

/// What ext4 has written down in its superblocks.
fn errors(host: &dyn Host) -> Vec<Errors> {
    let systems = children(host, "/sys/fs/ext4").into_iter().filter_map(|system| {
        let when = |about| {
            let second = signed(host, system.join(about)).filter(|second| *second > 0)?;
            jiff::Timestamp::from_second(second).ok()
        };
        Some(Errors {
            count: number(host, system.join("errors_count"))?,
            warnings: number(host, system.join("warning_count")),
            first_error: when("first_error_time"),
            last_error: when("last_error_time"),
            last_error_function: value(host, system.join("last_error_func")),
            bytes_written: number(host, system.join("lifetime_write_kbytes"))
                .map(|written| written.saturating_mul(1024)),
            device: name(&system),
        })
    });
    systems.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        host::Usage,
        testkit::{Collected, FakeHost, Trial},
    };
    use serde_json::{Value, json};

    #[test]
    fn use_is_rounded_up() {
        assert_eq!(percent(0, 10), Some(0));
        assert_eq!(percent(991, 1000), Some(100));
        assert_eq!(percent(0, 0), None);
        assert_eq!(percent(u64::MAX, u64::MAX), Some(100));
    }

    const TABLE: &str = "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
        22 21 0:20 / /proc rw - proc proc rw\n\
        23 21 0:50 / /far rw - nfs4 server.example.com:/export rw\n";

    /// So large that the run itself finds room.
    const UNIT: u64 = 1_000_000_000;

    fn host() -> FakeHost {
        let usage = Usage {
            size: 1000 * UNIT,
            free: 300 * UNIT,
            available: 200 * UNIT,
            inodes: 50,
            inodes_free: 40,
        };
        FakeHost::new().file("/proc/self/mountinfo", TABLE).usage("/", usage)
    }

    fn json(collected: &Collected, entry: &str) -> Value {
        serde_json::from_str(collected.text(entry)).unwrap()
    }

    #[test]
    fn file_systems_show_how_full_they_are() {
        let collected = Trial::of(Storage::default()).on(host().file("/etc/fstab", "# none\n"));
        let usage = json(&collected, "usage.json");
        assert_eq!(usage.as_array().unwrap().len(), 1);
        assert_eq!(
            (&usage[0]["used"], &usage[0]["used-percent"], &usage[0]["target"]),
            (&json!(700 * UNIT), &json!(78), &json!("/"))
        );
        assert!(collected.text("usage.txt").contains("/dev/sda1"));
        assert_eq!(json(&collected, "mounts.json").as_array().unwrap().len(), 3);
        assert_eq!(collected.text("/etc/fstab"), "# none\n");
        assert_eq!(collected.status(), Status::Complete);
        assert_eq!(collected.notes(), [""; 0]);
    }

    #[test]
    fn remote_file_systems_are_asked_only_on_request_and_apart() {
        let without = Trial::of(Storage::default()).on(host());
        assert!(!without.paths().contains(&"test/usage-remote.txt"));
        let with = Trial::of(Storage { remote: true }).on(host());
        assert!(with.text("usage-remote.txt").contains("server.example.com:/export"));
        assert!(!with.text("usage.txt").contains("nfs4"));
    }

    #[test]
    fn volumes_show_what_they_stand_on_but_not_their_ids() {
        let host = host()
            .file("/sys/block/dm-0/size", "16\n")
            .file("/sys/block/dm-0/dm/name", "vg-root\n")
            .file("/sys/block/dm-0/dm/uuid", "LVM-madeupmadeup\n")
            .directory("/sys/block/dm-0/slaves/sda2");
        let collected = Trial::of(Storage::default()).on(host);
        let volumes = collected.text("volumes.txt");
        let row: Vec<_> = volumes.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(row, ["dm-0", "LVM", "8192", "-", "sda2", "vg-root"]);
    }

    #[test]
    fn a_degraded_array_and_an_ill_file_system_are_told() {
        let host = host()
            .file("/proc/swaps", "Filename Type Size Used Priority\n/swap file 8 4 -2\nodd\n")
            .file("/sys/block/md0/md/level", "raid1\n")
            .file("/sys/block/md0/md/degraded", "1\n")
            .file("/sys/block/md0/md/dev-sda1/state", "in_sync\n")
            .file("/sys/block/md0/md/dev-sdb1/state", "faulty,blocked\n")
            .file("/sys/fs/ext4/sda1/errors_count", "3\n")
            .file("/sys/fs/ext4/sda1/last_error_time", "1700000000\n")
            .directory("/sys/fs/ext4/features");
        let collected = Trial::of(Storage::default()).on(host);
        let raid = &json(&collected, "raid.json")[0];
        assert_eq!(raid["members"], json!(["sda1", "sdb1(faulty blocked)"]));
        assert_eq!(raid["degraded"], 1);
        assert_eq!(json(&collected, "errors.json")[0]["last-error"], "2023-11-14T22:13:20Z");
        let swap = &json(&collected, "swaps.json")[0];
        assert_eq!((&swap["used"], &swap["priority"]), (&json!(4096), &json!(-2)));
    }
}
