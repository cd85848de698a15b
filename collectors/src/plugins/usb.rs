//! USB devices and what they are plugged into.

use crate::facts::{
    hardware_ids::Names,
    kernel_files::{children, link_name, name, number, switch, value},
    listing,
};
use collect_core::{CollectError, Collector, Output, host::Host};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// USB devices with speed, names and drivers.
///
/// `devices.json` and `devices.txt` list every device below the hub that it is plugged into, with its
/// ids, the names that it gives itself or that `usb.ids` has for it, speed (Mbit/s), the drivers of its
/// interfaces, what power it asks for, and whether it sleeps. Serial numbers are left out: they
/// identify.
///
/// From `sysfs(5)` and <https://docs.kernel.org/admin-guide/abi-testing.html>, `sysfs-bus-usb`. Nothing
/// needs root, and no device is spoken to.
///
/// ```toml
/// [collect.usb]
/// use = "usb"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Usb {}

collect_core::register!("usb" => Usb as Collector);

const COLUMNS: [&str; 7] = ["port", "id", "speed", "power", "drivers", "vendor", "product"];

impl Collector for Usb {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        const FOLDER: &str = "/sys/bus/usb/devices";
        let host = out.host();
        let names = Names::read(host, "usb.ids");
        let devices = children(host, FOLDER).into_iter();
        let devices = devices.take_while(|_| !out.deadline().passed());
        let mut devices: Vec<_> =
            devices.filter_map(|folder| device(host, &folder, &names)).collect();
        if devices.is_empty() {
            out.absent(FOLDER, "there is no USB device");
            return Ok(());
        }
        devices.sort_by_cached_key(|device| path(&device.port));
        listing::write(out, "devices", COLUMNS, &devices)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Device {
    /// `usb1` for a bus, `1-2.3` for the third port of the hub in the second port of bus 1.
    port: String,
    /// The port of the hub that it is plugged into.
    hub: Option<String>,
    bus: Option<u64>,
    number: Option<u64>,
    id: String,
    vendor_id: String,
    product_id: String,
    vendor: Option<String>,
    product: Option<String>,
    class: Option<String>,
    version: Option<String>,
    revision: Option<String>,
    /// Mbit/s.
    speed: Option<f64>,
    /// What it asks for, with its unit.
    power: Option<String>,
    /// `active` or `suspended`.
    runtime_power: Option<String>,
    /// Whether the kernel may let it sleep (`auto`) or not (`on`).
    power_control: Option<String>,
    removable: Option<String>,
    authorised: Option<bool>,
    ports: Option<u64>,
    drivers: Vec<String>,
    interfaces: Vec<Interface>,
}

#[derive(Serialize)]
struct Interface {
    number: Option<String>,
    class: Option<String>,
    driver: Option<String>,
}

fn device(host: &dyn Host, folder: &Path, names: &Names) -> Option<Device> {
    let about = |about: &str| value(host, folder.join(about));
    let (vendor_id, product_id) = (about("idVendor")?, about("idProduct")?);
    let port = name(folder);
    let interfaces = children(host, folder).into_iter().filter_map(|interface| {
        name(&interface).contains(':').then(|| Interface {
            number: value(host, interface.join("bInterfaceNumber")),
            class: value(host, interface.join("bInterfaceClass")),
            driver: link_name(host, interface.join("driver")),
        })
    });
    let interfaces: Vec<_> = interfaces.collect();
    let mut drivers: Vec<_> = interfaces.iter().filter_map(|one| one.driver.clone()).collect();
    drivers.sort();
    drivers.dedup();
    Some(Device {
        hub: hub(&port),
        bus: number(host, folder.join("busnum")),
        number: number(host, folder.join("devnum")),
        id: format!("{vendor_id}:{product_id}"),
        vendor: about("manufacturer").or_else(|| names.heading(&vendor_id)),
        product: about("product").or_else(|| names.below(&vendor_id, &product_id)),
        class: about("bDeviceClass"),
        version: about("version"),
        revision: about("bcdDevice"),
        speed: about("speed").and_then(|speed| speed.parse().ok()),
        power: about("bMaxPower"),
        runtime_power: about("power/runtime_status"),
        power_control: about("power/control"),
        removable: about("removable"),
        authorised: switch(host, folder.join("authorized")),
        ports: number(host, folder.join("maxchild")).filter(|ports| *ports > 0),
        port,
        vendor_id,
        product_id,
        drivers,
        interfaces,
    })
}

/// The hub that a port belongs to: `usb1` for `1-2`, `1-2` for `1-2.3`.
fn hub(port: &str) -> Option<String> {
    match port.rsplit_once('.') {
        Some((hub, _)) => Some(hub.to_owned()),
        None => port.split_once('-').map(|(bus, _)| format!("usb{bus}")),
    }
}

/// The bus and its ports on the way to a device, so that they can be put in order.
fn path(port: &str) -> Vec<u32> {
    let numbers = port.trim_start_matches("usb").split(['-', '.']);
    numbers.map_while(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };
    use serde_json::{Value, json};

    fn plugged(host: FakeHost, port: &str, product: &str) -> FakeHost {
        let folder = format!("/sys/bus/usb/devices/{port}");
        host.file(format!("{folder}/idVendor"), "1111\n")
            .file(format!("{folder}/idProduct"), "0002\n")
            .file(format!("{folder}/product"), product)
            .file(format!("{folder}/serial"), "MADE-UP-SERIAL\n")
            .file(format!("{folder}/speed"), "1.5\n")
            .file(format!("{folder}/{port}:1.0/bInterfaceClass"), "08\n")
            .link(format!("{folder}/{port}:1.0/driver"), "../../drivers/usb-storage")
    }

    #[test]
    fn devices_stand_below_their_hubs_without_serial_numbers() {
        let host = FakeHost::new()
            .file("/usr/share/misc/usb.ids", "1111  First\n\t0002  Something\n")
            .file("/sys/bus/usb/devices/1-2:1.0/bInterfaceClass", "08\n");
        let ports = ["1-10", "1-2.3", "1-2", "usb1"];
        let host = ports.iter().fold(host, |host, port| plugged(host, port, "Example Stick\n"));
        let collected = Trial::of(Usb::default()).on(host);
        let devices: Vec<Value> = serde_json::from_str(collected.text("devices.json")).unwrap();
        let shown: Vec<_> =
            devices.iter().map(|device| (&device["port"], &device["hub"])).collect();
        assert_eq!(
            shown,
            [
                (&json!("usb1"), &json!(null)),
                (&json!("1-2"), &json!("usb1")),
                (&json!("1-2.3"), &json!("1-2")),
                (&json!("1-10"), &json!("usb1")),
            ]
        );
        assert_eq!((&devices[1]["vendor"], &devices[1]["speed"]), (&json!("First"), &json!(1.5)));
        assert_eq!(devices[1]["drivers"], json!(["usb-storage"]));
        for path in ["devices.json", "devices.txt"] {
            assert!(!collected.text(path).contains("MADE-UP"), "{path}");
        }
    }

    #[test]
    fn a_host_without_usb_is_no_failure() {
        assert_eq!(Trial::of(Usb::default()).on(FakeHost::new()).status(), Status::Absent);
    }
}
