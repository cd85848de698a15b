//! Block devices: disks, partitions, volumes, what they stand on, and how the disks feel.

use crate::facts::{
    block::{Counters, SECTOR, Uses, counters, udev, uses},
    kernel_files::{children, name, number, signed, switch, value},
    listing, smart,
};
use collect_core::{CollectError, Collector, Output, Window, host::Host};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Disks, partitions and volumes.
///
/// `devices.json` and `devices.txt` list every block device with its kind, size, model, scheduler and
/// queue, sector sizes, discard, read-only and removable flags, what it stands on and what stands on
/// it, its file system as far as it is known, mount points, and what was read and written since
/// boot. `smart/NAME.json` is what `smartctl` says of a disk, where it is installed; a disk that
/// sleeps is not woken. Sizes are in bytes, times in milliseconds. Serial numbers, WWNs and UUIDs are
/// left out: they identify the host.
///
/// From `sysfs(5)`, <https://docs.kernel.org/admin-guide/abi-stable.html>, `sysfs-block`,
/// <https://docs.kernel.org/admin-guide/iostats.html>, the database of `udev(7)` and `smartctl(8)`,
/// which needs root.
///
/// ```toml
/// [collect.block-devices]
/// use = "block-devices"
/// smart = false
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct BlockDevices {
    /// Ask the disks themselves for their health, through `smartctl`.
    smart: bool,
}

impl Default for BlockDevices {
    fn default() -> Self {
        Self { smart: true }
    }
}

collect_core::register!("block-devices" => BlockDevices as Collector);

const COLUMNS: [&str; 11] = [
    "name",
    "kind",
    "size",
    "rotational",
    "read-only",
    "scheduler",
    "file-system",
    "on",
    "volume",
    "mounts",
    "model",
];

impl Collector for BlockDevices {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let host = out.host();
        let used = uses(host);
        let mut devices = Vec::new();
        for disk in children(host, "/sys/block") {
            if out.deadline().passed() {
                return Err(CollectError::Stopped);
            }
            devices.extend(device(host, &disk, None, &used));
            let parts = children(host, &disk).into_iter();
            for part in parts.filter(|part| number(host, part.join("partition")).is_some()) {
                devices.extend(device(host, &part, Some(&disk), &used));
            }
        }
        if devices.is_empty() {
            out.absent("/sys/block", "there is no block device");
            return Ok(());
        }
        listing::write(out, "devices", COLUMNS, &devices)?;
        if self.smart {
            let disks = devices.iter().filter(|device| device.kind == "disk");
            smart::ask(out, disks.map(|disk| disk.name.as_str()))?;
        }
        Ok(())
    }

    fn refused(&self, host: &dyn Host, _window: &Window) -> Vec<String> {
        let disks: Vec<_> = children(host, "/sys/block").iter().map(name).collect();
        if self.smart && smart::is_refused(host, disks.iter().map(String::as_str)) {
            vec!["health of the disks (`smartctl`)".to_owned()]
        } else {
            Vec::new()
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Device {
    name: String,
    /// As `lsblk(8)` names it: `disk`, `part`, `loop`, `lvm`, `crypt`, `raid1`.
    kind: String,
    /// Of a partition.
    disk: Option<String>,
    /// Major and minor.
    number: Option<String>,
    size: u64,
    /// Of a partition, in bytes from the start of the disk.
    start: Option<u64>,
    read_only: Option<bool>,
    removable: Option<bool>,
    rotational: Option<bool>,
    vendor: Option<String>,
    model: Option<String>,
    revision: Option<String>,
    state: Option<String>,
    scheduler: Option<String>,
    requests: Option<u64>,
    queue_depth: Option<u64>,
    logical_sector: Option<u64>,
    physical_sector: Option<u64>,
    minimum_io: Option<u64>,
    optimal_io: Option<u64>,
    read_ahead: Option<u64>,
    discard_granularity: Option<u64>,
    discard_maximum: Option<u64>,
    write_cache: Option<String>,
    direct_access: Option<bool>,
    zoned: Option<String>,
    /// What it stands on.
    on: Vec<String>,
    /// What stands on it.
    below: Vec<String>,
    /// Its name in the device mapper.
    volume: Option<String>,
    backing: Option<Backing>,
    file_system: Option<String>,
    label: Option<String>,
    partition_table: Option<String>,
    mounts: Vec<String>,
    io: Option<Counters>,
}

/// What a loop device stands on.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Backing {
    file: String,
    offset: Option<u64>,
    size_limit: Option<u64>,
    autoclear: Option<bool>,
    direct_io: Option<bool>,
    partitions: Option<bool>,
}

/// What is known of the device in a folder; nothing of one that is not in use.
fn device(host: &dyn Host, folder: &Path, disk: Option<&PathBuf>, used: &Uses) -> Option<Device> {
    let is = name(folder);
    let number_of = value(host, folder.join("dev"));
    let size = number(host, folder.join("size"))?.saturating_mul(SECTOR);
    let backing = backing(host, folder);
    if size == 0 && is.starts_with("loop") && backing.is_none() {
        return None;
    }
    // A partition has the queue of its disk.
    let whole = disk.map_or(folder, PathBuf::as_path);
    let queue = |about: &str| whole.join("queue").join(about);
    let about = |about: &str| value(host, folder.join("device").join(about));
    let udev = udev(host, number_of.as_deref().unwrap_or_default());
    let (mounted, mounts) =
        number_of.as_ref().and_then(|of| used.get(of)).cloned().unwrap_or_default();
    Some(Device {
        kind: kind(host, folder, disk.is_some()),
        disk: disk.map(name),
        size,
        start: number(host, folder.join("start")).map(|start| start.saturating_mul(SECTOR)),
        read_only: switch(host, folder.join("ro")),
        removable: switch(host, whole.join("removable")),
        rotational: switch(host, queue("rotational")),
        vendor: about("vendor"),
        model: about("model"),
        revision: about("rev").or_else(|| about("firmware_rev")),
        state: about("state"),
        scheduler: value(host, queue("scheduler")).map(chosen),
        requests: number(host, queue("nr_requests")),
        queue_depth: number(host, whole.join("device/queue_depth")),
        logical_sector: number(host, queue("logical_block_size")),
        physical_sector: number(host, queue("physical_block_size")),
        minimum_io: number(host, queue("minimum_io_size")),
        optimal_io: number(host, queue("optimal_io_size")),
        read_ahead: number(host, queue("read_ahead_kb")).map(|size| size.saturating_mul(1024)),
        discard_granularity: number(host, queue("discard_granularity")),
        discard_maximum: number(host, queue("discard_max_bytes")),
        write_cache: value(host, queue("write_cache")),
        direct_access: switch(host, queue("dax")),
        zoned: value(host, queue("zoned")),
        on: children(host, folder.join("slaves")).iter().map(name).collect(),
        below: children(host, folder.join("holders")).iter().map(name).collect(),
        volume: value(host, folder.join("dm/name")),
        file_system: Some(mounted)
            .filter(|kind| !kind.is_empty())
            .or_else(|| udev.get("ID_FS_TYPE").cloned()),
        label: udev.get("ID_FS_LABEL").cloned(),
        partition_table: udev.get("ID_PART_TABLE_TYPE").cloned(),
        io: value(host, folder.join("stat")).and_then(|stat| counters(&stat)),
        name: is,
        number: number_of,
        backing,
        mounts,
    })
}

/// The one in brackets.
fn chosen(schedulers: String) -> String {
    let chosen = schedulers.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    chosen.map(|(chosen, _)| chosen.to_owned()).unwrap_or(schedulers)
}

/// As `lsblk(8)` names them.
fn kind(host: &dyn Host, folder: &Path, is_partition: bool) -> String {
    let is = name(folder);
    if is_partition {
        return "part".to_owned();
    }
    if is.starts_with("dm-") {
        // The rest of the UUID identifies the host.
        let uuid = value(host, folder.join("dm/uuid")).unwrap_or_default();
        let kind = uuid.split_once('-').map_or("dm", |(kind, _)| kind).to_lowercase();
        return if kind.starts_with("part") { "part".to_owned() } else { kind };
    }
    if let Some(level) = value(host, folder.join("md/level")) {
        return level;
    }
    // `TYPE_ROM` of SCSI.
    if is.starts_with("sr") || signed(host, folder.join("device/type")) == Some(5) {
        return "rom".to_owned();
    }
    if is.starts_with("loop") { "loop" } else { "disk" }.to_owned()
}

fn backing(host: &dyn Host, folder: &Path) -> Option<Backing> {
    let about = folder.join("loop");
    Some(Backing {
        file: value(host, about.join("backing_file"))?,
        offset: number(host, about.join("offset")),
        size_limit: number(host, about.join("sizelimit")),
        autoclear: switch(host, about.join("autoclear")),
        direct_io: switch(host, about.join("dio")),
        partitions: switch(host, about.join("partscan")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };
    use serde_json::{Value, json};

    fn host() -> FakeHost {
        FakeHost::new()
            .file("/sys/block/loop0/size", "0\n")
            .file("/sys/block/sda/size", "2048\n")
            .file("/sys/block/sda/dev", "8:0\n")
            .file("/sys/block/sda/ro", "0\n")
            .file("/sys/block/sda/queue/rotational", "1\n")
            .file("/sys/block/sda/queue/scheduler", "none [mq-deadline]\n")
            .file("/sys/block/sda/device/model", "Example Disk    \n")
            .file("/sys/block/sda/device/wwid", "naa.MADE-UP\n")
            .file("/sys/block/sda/stat", "7 1 16 5 3 0 8 2 0 6 7 odd\n")
            .file("/sys/block/sda/sda1/partition", "1\n")
            .file("/sys/block/sda/sda1/size", "1024\n")
            .file("/sys/block/sda/sda1/start", "64\n")
            .file("/sys/block/sda/sda1/dev", "8:1\n")
            .directory("/sys/block/sda/sda1/holders/dm-0")
            .file("/sys/block/dm-0/size", "512\n")
            .file("/sys/block/dm-0/dev", "252:0\n")
            .file("/sys/block/dm-0/dm/name", "vg-root\n")
            .file("/sys/block/dm-0/dm/uuid", "LVM-madeupmadeup\n")
            .directory("/sys/block/dm-0/slaves/sda1")
            .file("/run/udev/data/b8:1", "E:ID_FS_TYPE=LVM2_member\nE:ID_SERIAL=MADE-UP\n")
            .file("/proc/self/mountinfo", "21 1 252:0 / / rw - ext4 /dev/mapper/vg-root rw\n")
    }

    fn devices(host: FakeHost) -> (Vec<Value>, collect_core::testkit::Collected) {
        let collected = Trial::of(BlockDevices::default()).on(host);
        let devices = serde_json::from_str(collected.text("devices.json")).unwrap();
        (devices, collected)
    }

    #[test]
    fn a_disk_its_partition_and_its_volume_are_told_apart() {
        let (devices, collected) = devices(host());
        let [volume, disk, part] = &devices[..] else { panic!("{devices:?}") };
        assert_eq!(
            (&volume["kind"], &volume["on"], &volume["mounts"], &volume["file-system"]),
            (&json!("lvm"), &json!(["sda1"]), &json!(["/"]), &json!("ext4"))
        );
        assert_eq!((&disk["size"], &disk["scheduler"]), (&json!(1_048_576), &json!("mq-deadline")));
        assert_eq!(
            (&disk["io"]["bytes-read"], &disk["io"]["discards"]),
            (&json!(8192), &json!(null))
        );
        assert_eq!((&part["disk"], &part["start"]), (&json!("sda"), &json!(32_768)));
        assert_eq!(
            (&part["rotational"], &part["file-system"]),
            (&json!(true), &json!("LVM2_member"))
        );
        assert!(!collected.text("devices.json").to_lowercase().replace('-', "").contains("madeup"));
        assert_eq!(collected.status(), Status::Complete);
    }

    #[test]
    fn without_root_the_disks_are_not_asked_and_that_is_said_once() {
        let host = || {
            let status = "CapEff:\t0000000000000000\n";
            host().file("/usr/sbin/smartctl", "").file("/proc/self/status", status)
        };
        let window = Window::default();
        assert_eq!(BlockDevices::default().refused(&host(), &window).len(), 1);
        let (_, collected) = devices(host());
        assert_eq!(collected.status(), Status::Partial);
        assert_eq!(collected.notes().len(), 1);
    }

    #[test]
    fn a_host_without_block_devices_is_no_failure() {
        let collected = Trial::of(BlockDevices::default()).on(FakeHost::new());
        assert_eq!(collected.status(), Status::Absent);
    }
}
