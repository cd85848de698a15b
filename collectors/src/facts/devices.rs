//! The devices that `sysfs(5)` knows, as tables.

use super::{
    kernel_files::{children, link_name, name, number, value},
    table::Table,
};
use collect_core::host::Host;
use std::path::Path;

/// `/sys/block`; nothing if there is none.
pub(crate) fn block_devices(host: &dyn Host) -> Option<String> {
    let headings = ["DEVICE", "SIZE", "KIND", "READ-ONLY", "SCHEDULER", "MODEL"];
    table(host, "/sys/block", headings, |device| {
        // In sectors of 512 bytes, whatever the device's own.
        let sectors = number(host, device.join("size"))?;
        let model = value(host, device.join("device/model"));
        if sectors == 0 && model.is_none() {
            // A loop device that is not in use; a drive without a medium has a model.
            return None;
        }
        let kind = match number(host, device.join("queue/rotational")) {
            Some(0) => "solid",
            Some(_) => "rotating",
            None => "",
        };
        let scheduler = value(host, device.join("queue/scheduler")).unwrap_or_default();
        let scheduler = scheduler
            .split_once('[')
            .and_then(|(_, chosen)| chosen.split_once(']'))
            .map_or(scheduler.clone(), |(chosen, _)| chosen.to_owned());
        Some([
            name(device),
            (sectors * 512).to_string(),
            kind.to_owned(),
            number(host, device.join("ro"))
                .map_or("", |ro| if ro == 0 { "no" } else { "yes" })
                .to_owned(),
            scheduler,
            model.unwrap_or_default(),
        ])
    })
}

/// `/sys/bus/pci/devices`, by ids; nothing if there is none.
pub(crate) fn pci_devices(host: &dyn Host) -> Option<String> {
    let headings = ["ADDRESS", "CLASS", "VENDOR", "DEVICE", "SUBSYSTEM", "DRIVER", "KIND"];
    table(host, "/sys/bus/pci/devices", headings, |device| {
        let id = |about| hexadecimal(host, &device.join(about));
        let class = id("class")?;
        let subsystem = [id("subsystem_vendor"), id("subsystem_device")];
        Some([
            name(device),
            class.clone(),
            id("vendor")?,
            id("device")?,
            subsystem.into_iter().flatten().collect::<Vec<_>>().join(":"),
            link_name(host, device.join("driver")).unwrap_or_default(),
            pci_kind(&class).to_owned(),
        ])
    })
}

/// The base classes of the PCI Code and ID Assignment Specification.
fn pci_kind(class: &str) -> &'static str {
    match class.get(..2) {
        Some("01") => "storage",
        Some("02") => "network",
        Some("03") => "display",
        Some("04") => "multimedia",
        Some("05") => "memory",
        Some("06") => "bridge",
        Some("07") => "communication",
        Some("08") => "system",
        Some("09") => "input",
        Some("0c") => "serial bus",
        Some("0d") => "wireless",
        Some("10") => "encryption",
        Some("12") => "accelerator",
        _ => "other",
    }
}

/// `/sys/bus/usb/devices`; nothing if there is none.
pub(crate) fn usb_devices(host: &dyn Host) -> Option<String> {
    let headings = ["ADDRESS", "VENDOR", "DEVICE", "MBIT/S", "MAKER", "PRODUCT"];
    table(host, "/sys/bus/usb/devices", headings, |device| {
        let about = |attribute| value(host, device.join(attribute));
        Some([
            name(device),
            about("idVendor")?,
            about("idProduct")?,
            about("speed").unwrap_or_default(),
            about("manufacturer").unwrap_or_default(),
            about("product").unwrap_or_default(),
        ])
    })
}

/// A row for every device in a folder that has one; nothing if none has.
fn table<const N: usize>(
    host: &dyn Host,
    folder: &str,
    headings: [&str; N],
    row: impl Fn(&Path) -> Option<[String; N]>,
) -> Option<String> {
    let mut table = Table::new(headings);
    for device in children(host, folder) {
        if let Some(row) = row(&device) {
            table.row(row);
        }
    }
    (!table.is_empty()).then(|| table.to_string())
}

/// A number such as `0x8086`, without the `0x`.
fn hexadecimal(host: &dyn Host, path: &Path) -> Option<String> {
    let value = value(host, path)?;
    Some(value.trim_start_matches("0x").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;

    #[test]
    fn block_devices_are_listed_without_the_unused() {
        let host = FakeHost::new()
            .file("/sys/block/loop0/size", "0\n")
            .file("/sys/block/sda/size", "2048\n")
            .file("/sys/block/sda/ro", "0\n")
            .file("/sys/block/sda/queue/rotational", "1\n")
            .file("/sys/block/sda/queue/scheduler", "none [mq-deadline]\n")
            .file("/sys/block/sda/device/model", "Example Disk    \n");
        assert_eq!(
            block_devices(&host).unwrap(),
            "DEVICE     SIZE  KIND      READ-ONLY  SCHEDULER    MODEL\n\
             sda     1048576  rotating  no         mq-deadline  Example Disk\n"
        );
        assert_eq!(block_devices(&FakeHost::new()), None);
    }

    #[test]
    fn pci_devices_show_their_kind_and_driver() {
        let device = "/sys/bus/pci/devices/0000:00:03.0";
        let host = FakeHost::new()
            .file(format!("{device}/class"), "0x020000\n")
            .file(format!("{device}/vendor"), "0x1af4\n")
            .file(format!("{device}/device"), "0x1041\n")
            .link(format!("{device}/driver"), "../../bus/pci/drivers/virtio-pci");
        let row = pci_devices(&host).unwrap();
        let row: Vec<_> = row.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(row, ["0000:00:03.0", "020000", "1af4", "1041", "-", "virtio-pci", "network"]);
    }

    #[test]
    fn usb_devices_show_no_serial_number() {
        let device = "/sys/bus/usb/devices/1-2";
        let host = FakeHost::new()
            .file(format!("{device}/idVendor"), "1d6b\n")
            .file(format!("{device}/idProduct"), "0002\n")
            .file(format!("{device}/product"), "Example Stick\n")
            .file(format!("{device}/serial"), "MADE-UP-SERIAL\n")
            .file("/sys/bus/usb/devices/1-2:1.0/bInterfaceClass", "08\n");
        let devices = usb_devices(&host).unwrap();
        assert!(devices.contains("Example Stick"), "{devices}");
        assert!(!devices.contains("SERIAL"), "{devices}");
        assert_eq!(devices.lines().count(), 2);
    }
}
