//! Storage: mounts and how full they are, swap, RAID, volumes, and the counters of the disks.

use crate::facts::{
    kernel_files::{children, name, number, value},
    mounts::{Mount, mounts},
    table::Table,
};
use collect_core::{CollectError, Collector, Output, host::Host};
use schemars::JsonSchema;
use serde::Deserialize;

/// Storage: mounts, size and use of the file systems (`usage.txt`), swap, RAID, the volumes of the
/// device mapper (`volumes.txt`), and the counters of the disks.
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

    #[test]
    fn use_is_rounded_up() {
        assert_eq!(percent(0, 10), "0%");
        assert_eq!(percent(991, 1000), "100%");
        assert_eq!(percent(0, 0), "");
        assert_eq!(percent(u64::MAX, u64::MAX), "100%");
    }
}
