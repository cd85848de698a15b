//! Storage: mounts and how full they are, swap, RAID, volumes, and the counters of the disks.

use crate::facts::{
    kernel_files::{children, name, number, value},
    mounts::{Mount, mounts},
    table::Table,
};
use collect_core::{CollectError, Collector, Output, host::Host};
use schemars::JsonSchema;
use serde::Deserialize;

/// Mounts, use of the file systems, swap, RAID.
///
/// Mounts, size and use of the file systems (`usage.txt`), swap, RAID, the volumes of the device
/// mapper (`volumes.txt`), and the counters of the disks.
///
/// From `proc_pid_mountinfo(5)`, `statvfs(3)`, `fstab(5)` and `md(4)`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Storage {
    /// Also ask remote file systems (NFS, CIFS, FUSE and the like) for their size and use, as the
    /// last thing: one that does not answer holds up this step until its timeout.
    remote: bool,
}

collect_core::register!("storage" => Storage as Collector);

const FILES: [&str; 8] = [
    "/proc/self/mountinfo",
    "/proc/swaps",
    "/proc/mdstat",
    "/proc/partitions",
    "/proc/diskstats",
    "/proc/locks",
    "/etc/fstab",
    "/etc/mdadm/mdadm.conf",
];

impl Collector for Storage {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        for path in FILES {
            out.file(path)?;
        }
        if let Some(volumes) = volumes(out.host()) {
            out.text("volumes.txt", &volumes)?;
        }
        let mounts = mounts(&value(out.host(), "/proc/self/mountinfo").unwrap_or_default());
        let (remote, local): (Vec<_>, Vec<_>) = mounts.iter().partition(|mount| mount.remote);
        write_usage(out, "usage.txt", &local)?;
        if self.remote && !remote.is_empty() {
            write_usage(out, "usage-remote.txt", &remote)?;
        }
        Ok(())
    }
}

fn write_usage(out: &mut Output<'_>, entry: &str, mounts: &[&Mount]) -> Result<(), CollectError> {
    let mut table = Table::new([
        "TYPE",
        "SIZE",
        "USED",
        "AVAILABLE",
        "USE",
        "INODES",
        "FREE-INODES",
        "MODE",
        "SOURCE",
        "MOUNT",
    ]);
    for mount in mounts {
        let usage = match out.host().usage(&mount.point) {
            Ok(usage) => usage,
            Err(error) => {
                out.failed(&mount.point.to_string_lossy(), &error);
                continue;
            }
        };
        let used = usage.size.saturating_sub(usage.free);
        table.row([
            mount.kind.clone(),
            usage.size.to_string(),
            used.to_string(),
            usage.available.to_string(),
            percent(used, used + usage.available),
            usage.inodes.to_string(),
            usage.inodes_free.to_string(),
            if mount.read_only { "ro" } else { "rw" }.to_owned(),
            mount.source.clone(),
            mount.point.to_string_lossy().into_owned(),
        ]);
    }
    out.text(entry, &table.to_string())
}

/// Rounded up, as `df(1)` does: 100% means that a user can write no more.
fn percent(part: u64, of: u64) -> String {
    if of == 0 {
        return String::new();
    }
    format!("{}%", (u128::from(part) * 100).div_ceil(u128::from(of)))
}

/// The volumes of LVM, encryption, multipath and the like. Their kind is the beginning of their
/// UUID; the rest identifies the host.
fn volumes(host: &dyn Host) -> Option<String> {
    let mut table = Table::new(["DEVICE", "KIND", "SIZE", "SUSPENDED", "ON", "NAME"]);
    for device in children(host, "/sys/block") {
        let Some(volume) = value(host, device.join("dm/name")) else {
            continue;
        };
        let kind = value(host, device.join("dm/uuid")).unwrap_or_default();
        let below = children(host, device.join("slaves"));
        table.row([
            name(&device),
            kind.split('-').next().unwrap_or_default().to_owned(),
            number(host, device.join("size"))
                .map(|size| (size * 512).to_string())
                .unwrap_or_default(),
            number(host, device.join("dm/suspended"))
                .map_or("", |on| if on == 0 { "no" } else { "yes" })
                .to_owned(),
            below.iter().map(name).collect::<Vec<_>>().join(","),
            volume,
        ]);
    }
    (!table.is_empty()).then(|| table.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        host::Usage,
        testkit::{FakeHost, Trial},
    };

    #[test]
    fn use_is_rounded_up() {
        assert_eq!(percent(0, 10), "0%");
        assert_eq!(percent(991, 1000), "100%");
        assert_eq!(percent(0, 0), "");
        assert_eq!(percent(u64::MAX, u64::MAX), "100%");
    }

    const MOUNTS: &str = "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
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
        FakeHost::new().file("/proc/self/mountinfo", MOUNTS).usage("/", usage)
    }

    #[test]
    fn file_systems_show_how_full_they_are() {
        let collected = Trial::of(Storage::default()).on(host().file("/etc/fstab", "# none\n"));
        let usage = collected.text("usage.txt");
        let rows: Vec<Vec<&str>> =
            usage.lines().map(|line| line.split_whitespace().collect()).collect();
        let full = [
            "ext4",
            "1000000000000",
            "700000000000",
            "200000000000",
            "78%",
            "50",
            "40",
            "rw",
            "/dev/sda1",
            "/",
        ];
        assert_eq!(rows[1], full);
        assert_eq!(rows.len(), 2);
        assert_eq!(collected.text("/etc/fstab"), "# none\n");
        assert_eq!(collected.text("/proc/self/mountinfo"), MOUNTS);
        assert_eq!(collected.status(), Status::Complete);
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
}
