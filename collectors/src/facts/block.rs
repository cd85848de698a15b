//! What block devices did, and what they are used for.

use super::{
    kernel_files::{name, value},
    mounts::all_mounts,
};
use collect_core::host::Host;
use serde::Serialize;
use std::{collections::BTreeMap, path::Path};

/// In bytes, whatever the device's own sectors are.
pub(crate) const SECTOR: u64 = 512;

/// What devices are used for, by their numbers: the type of the file system that is mounted from it,
/// and where.
pub(crate) type Uses = BTreeMap<String, (String, Vec<String>)>;

/// What a device did since boot, times in milliseconds.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Counters {
    reads: u64,
    reads_merged: u64,
    bytes_read: u64,
    read_time: u64,
    writes: u64,
    writes_merged: u64,
    bytes_written: u64,
    write_time: u64,
    in_flight: u64,
    busy_time: u64,
    /// Time of all requests, those that waited together counted several times.
    weighted_time: u64,
    discards: Option<u64>,
    bytes_discarded: Option<u64>,
    flushes: Option<u64>,
}

/// <https://docs.kernel.org/block/stat.html>
pub(crate) fn counters(stat: &str) -> Option<Counters> {
    let fields: Vec<u64> = stat.split_whitespace().map_while(|field| field.parse().ok()).collect();
    let at = |index: usize| fields.get(index).copied();
    let bytes = |index| at(index).map(|sectors: u64| sectors.saturating_mul(SECTOR));
    Some(Counters {
        reads: at(0)?,
        reads_merged: at(1)?,
        bytes_read: bytes(2)?,
        read_time: at(3)?,
        writes: at(4)?,
        writes_merged: at(5)?,
        bytes_written: bytes(6)?,
        write_time: at(7)?,
        in_flight: at(8)?,
        busy_time: at(9)?,
        weighted_time: at(10)?,
        discards: at(11),
        bytes_discarded: bytes(13),
        flushes: at(15),
    })
}

/// By the numbers of devices: the type of the file system that is mounted from it, and where; swap
/// has the mount point `[SWAP]`.
pub(crate) fn uses(host: &dyn Host) -> Uses {
    let by_path = |path: &str| {
        let path = host.canonical(path.as_ref()).ok()?;
        value(host, Path::new("/sys/class/block").join(name(path)).join("dev"))
    };
    let mut used = Uses::new();
    for mount in all_mounts(&value(host, "/proc/self/mountinfo").unwrap_or_default()) {
        // Where a file system spans several devices it has a number of its own.
        let device = if mount.device.starts_with("0:") && mount.source.starts_with("/dev/") {
            by_path(&mount.source)
        } else {
            Some(mount.device)
        };
        if let Some(device) = device {
            let (kind, mounts) = used.entry(device).or_default();
            *kind = mount.kind;
            mounts.push(mount.point.to_string_lossy().into_owned());
        }
    }
    let swaps = value(host, "/proc/swaps").unwrap_or_default();
    for swap in swaps.lines().skip(1).filter_map(|line| line.split_whitespace().next()) {
        if swap.starts_with("/dev/")
            && let Some(device) = by_path(swap)
        {
            used.insert(device, ("swap".to_owned(), vec!["[SWAP]".to_owned()]));
        }
    }
    used
}

/// What udev has found out about the device of this number.
pub(crate) fn udev(host: &dyn Host, device: &str) -> BTreeMap<String, String> {
    let text = value(host, format!("/run/udev/data/b{device}")).unwrap_or_default();
    let properties = text.lines().filter_map(|line| line.strip_prefix("E:")?.split_once('='));
    properties.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
