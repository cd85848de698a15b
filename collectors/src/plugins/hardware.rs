//! The hardware: board and firmware, block, PCI and USB devices.

use crate::facts::{
    devices::{block_devices, pci_devices, usb_devices},
    kernel_files::{children, value},
};
use collect_core::{CollectError, Collector, Output, host::Host};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// Board, disks, PCI and USB devices.
///
/// Board and firmware, temperatures, block devices (`block.txt`), PCI devices (`pci.txt`) and USB devices (`usb.txt`).
///
/// From `proc(5)` and `sysfs(5)`, <https://docs.kernel.org/admin-guide/abi.html>. Serial numbers and
/// UUIDs are left out: they identify the host.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Hardware {}

collect_core::register!("hardware" => Hardware as Collector);

/// What `/sys/class/dmi/id` may say without identifying the host.
const BOARD: [&str; 9] = [
    "sys_vendor",
    "product_name",
    "product_version",
    "board_vendor",
    "board_name",
    "chassis_type",
    "bios_vendor",
    "bios_version",
    "bios_date",
];

impl Collector for Hardware {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let host = out.host();
        let summary = json!({
            "board": Value::from_iter(BOARD.map(|about| {
                (about, value(host, format!("/sys/class/dmi/id/{about}")))
            })),
            "temperatures": temperatures(host),
        });
        let tables = [
            ("block.txt", block_devices(host)),
            ("pci.txt", pci_devices(host)),
            ("usb.txt", usb_devices(host)),
        ];
        out.json("summary.json", &summary)?;
        for (entry, table) in tables {
            if let Some(table) = table {
                out.text(entry, &table)?;
            }
        }
        Ok(())
    }
}

/// In degrees Celsius, by kind of sensor.
fn temperatures(host: &dyn Host) -> Vec<(String, f64)> {
    let zones = children(host, "/sys/class/thermal").into_iter();
    let temperatures = zones.filter_map(|zone| {
        let millidegrees: f64 = value(host, zone.join("temp"))?.parse().ok()?;
        Some((value(host, zone.join("type"))?, millidegrees / 1000.0))
    });
    temperatures.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::{FakeHost, Trial};

    #[test]
    fn the_board_is_named_without_what_identifies_it() {
        let host = FakeHost::new()
            .file("/sys/class/dmi/id/product_name", "Example Server\n")
            .file("/sys/class/dmi/id/product_serial", "MADE-UP-SERIAL\n")
            .file("/sys/class/dmi/id/product_uuid", "MADE-UP-UUID\n")
            .file("/sys/class/thermal/thermal_zone0/type", "cpu\n")
            .file("/sys/class/thermal/thermal_zone0/temp", "45500\n");
        let collected = Trial::of(Hardware::default()).on(host);
        let summary = collected.text("summary.json");
        let parsed: Value = serde_json::from_str(summary).unwrap();
        assert_eq!(parsed["board"]["product_name"], "Example Server");
        assert_eq!(parsed["temperatures"], json!([["cpu", 45.5]]));
        assert!(!summary.contains("MADE-UP"), "{summary}");
    }
}
