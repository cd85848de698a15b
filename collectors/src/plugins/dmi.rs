//! What the firmware says about the machine: board, firmware, memory modules.

use crate::facts::{
    kernel_files::{exists, value},
    listing,
    smbios::memory,
};
use collect_core::{CollectError, Collector, Output, Window, host::Host};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::io::ErrorKind;

/// System, board, firmware, memory modules.
///
/// `summary.json` names the vendor, product and version of the system, its board, chassis and firmware,
/// and how much memory its controllers take (bytes). `memory.json` and `memory.txt` list the memory
/// slots with the size (bytes), type, speed (MT/s) and part number of the modules in them. Serial
/// numbers, asset tags and UUIDs are left out: they identify the host.
///
/// From `/sys/class/dmi/id` and `/sys/firmware/dmi/tables`,
/// <https://docs.kernel.org/admin-guide/abi-testing.html>, and the
/// [SMBIOS specification](https://www.dmtf.org/standards/smbios); on boards without it, the model in
/// the device tree. The memory slots need root.
///
/// ```toml
/// [collect.dmi]
/// use = "dmi"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Dmi {}

collect_core::register!("dmi" => Dmi as Collector);

const TABLE: &str = "/sys/firmware/dmi/tables/DMI";

/// What does not identify the host, of each part.
const PARTS: [(&str, &[&str]); 4] = [
    ("system", &["sys_vendor", "product_name", "product_version", "product_family", "product_sku"]),
    ("board", &["board_vendor", "board_name", "board_version"]),
    ("chassis", &["chassis_vendor", "chassis_version"]),
    (
        "firmware",
        &["bios_vendor", "bios_version", "bios_date", "bios_release", "ec_firmware_release"],
    ),
];

/// The types of chassis of the SMBIOS specification, from 1.
const CHASSIS: [&str; 36] = [
    "Other",
    "Unknown",
    "Desktop",
    "Low Profile Desktop",
    "Pizza Box",
    "Mini Tower",
    "Tower",
    "Portable",
    "Laptop",
    "Notebook",
    "Hand Held",
    "Docking Station",
    "All In One",
    "Sub Notebook",
    "Space-saving",
    "Lunch Box",
    "Main Server Chassis",
    "Expansion Chassis",
    "Sub Chassis",
    "Bus Expansion Chassis",
    "Peripheral Chassis",
    "RAID Chassis",
    "Rack Mount Chassis",
    "Sealed-case PC",
    "Multi-system",
    "CompactPCI",
    "AdvancedTCA",
    "Blade",
    "Blade Enclosing",
    "Tablet",
    "Convertible",
    "Detachable",
    "IoT Gateway",
    "Embedded PC",
    "Mini PC",
    "Stick PC",
];

const COLUMNS: [&str; 8] =
    ["slot", "bank", "size", "type", "speed", "configured-speed", "vendor", "part"];

impl Collector for Dmi {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let host = out.host();
        let mut summary = named(host);
        if summary.is_empty() && !exists(host, TABLE) {
            out.absent("/sys/class/dmi/id", "the firmware hands over no tables");
            return Ok(());
        }
        let table = if exists(host, TABLE) { out.read(TABLE)? } else { None };
        let (arrays, slots) = memory(&table.unwrap_or_default());
        summary.insert("memory".to_owned(), json!(arrays));
        out.json("summary.json", &summary)?;
        if slots.is_empty() {
            return Ok(());
        }
        listing::write(out, "memory", COLUMNS, &slots)
    }

    fn refused(&self, host: &dyn Host, _window: &Window) -> Vec<String> {
        let refused = host.open(TABLE.as_ref()).err();
        let refused = refused.filter(|error| error.kind() == ErrorKind::PermissionDenied);
        refused.map(|_| format!("{TABLE} (memory modules)")).into_iter().collect()
    }
}

/// The parts of which something is known.
fn named(host: &dyn Host) -> Map<String, Value> {
    let mut parts = Map::new();
    for (part, attributes) in PARTS {
        let mut known = Map::new();
        for attribute in attributes {
            let about = value(host, format!("/sys/class/dmi/id/{attribute}"));
            let key = attribute.split_once('_').map_or(*attribute, |(_, key)| key);
            known.extend(about.map(|about| (key.replace('_', "-"), about.into())));
        }
        if part == "chassis" {
            known.extend(chassis(host).map(|kind| ("type".to_owned(), kind.into())));
        }
        if !known.is_empty() {
            parts.insert(part.to_owned(), known.into());
        }
    }
    let model = host.canonical("/proc/device-tree/model".as_ref()).ok();
    let model = model.and_then(|path| value(host, path));
    parts.extend(model.map(|model| ("model".to_owned(), model.trim_end_matches('\0').into())));
    parts
}

fn chassis(host: &dyn Host) -> Option<String> {
    let kind = value(host, "/sys/class/dmi/id/chassis_type")?;
    let name = kind.parse::<usize>().ok().and_then(|kind| CHASSIS.get(kind.checked_sub(1)?));
    Some(name.map_or(kind, |name| (*name).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };

    fn host() -> FakeHost {
        FakeHost::new()
            .file("/sys/class/dmi/id/sys_vendor", "Example\n")
            .file("/sys/class/dmi/id/product_name", "Example Server\n")
            .file("/sys/class/dmi/id/product_serial", "MADE-UP-SERIAL\n")
            .file("/sys/class/dmi/id/product_uuid", "MADE-UP-UUID\n")
            .file("/sys/class/dmi/id/chassis_type", "23\n")
            .file("/sys/class/dmi/id/chassis_asset_tag", "MADE-UP-TAG\n")
    }

    #[test]
    fn the_machine_is_named_without_what_identifies_it() {
        let collected = Trial::of(Dmi::default()).on(host());
        let summary: Value = serde_json::from_str(collected.text("summary.json")).unwrap();
        assert_eq!(summary["system"], json!({ "vendor": "Example", "name": "Example Server" }));
        assert_eq!(summary["chassis"]["type"], "Rack Mount Chassis");
        assert!(!collected.text("summary.json").contains("MADE-UP"));
        assert_eq!(collected.status(), Status::Complete);
        assert_eq!(collected.notes(), [""; 0]);
    }

    #[test]
    fn an_ordinary_user_is_refused_the_memory_modules_only() {
        let host = || host().denied(TABLE);
        assert_eq!(Dmi::default().refused(&host(), &Window::default()).len(), 1);
        let collected = Trial::of(Dmi::default()).on(host());
        assert_eq!(collected.status(), Status::Partial);
        assert!(collected.text("summary.json").contains("Example Server"));
        assert!(collected.notes()[0].starts_with("Denied /sys/firmware/dmi"));
    }

    #[test]
    fn a_board_without_such_firmware_tells_its_model_if_it_can() {
        assert_eq!(Trial::of(Dmi::default()).on(FakeHost::new()).status(), Status::Absent);
        let host = FakeHost::new()
            .link("/proc/device-tree", "/sys/firmware/devicetree/base")
            .file("/sys/firmware/devicetree/base/model", "Example Board 4\0");
        let collected = Trial::of(Dmi::default()).on(host);
        assert!(collected.text("summary.json").contains("\"Example Board 4\""));
    }
}
