//! PCI devices: what they are, who drives them, how fast they are connected, what went wrong.

use crate::facts::{
    hardware_ids::Names,
    kernel_files::{bytes, children, link_name, name, number, signed, switch, value},
    listing,
};
use collect_core::{CollectError, Collector, Output, host::Host};
use glob::Pattern;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path};

/// PCI devices, drivers, links and their errors.
///
/// `devices.json` and `devices.txt` list every device with class, vendor and device, their names if
/// the host has `pci.ids`, the driver in use, the modules that would fit, NUMA node, speed (GT/s) and
/// width (lanes) of its link and whether they are below what the device can (`reduced`), and the
/// errors that it reported since boot.
///
/// From `sysfs(5)`, <https://docs.kernel.org/admin-guide/abi-testing.html>, `sysfs-bus-pci` and
/// `sysfs-bus-pci-devices-aer_stats`, and `pci.ids(5)`. Nothing needs root. Serial numbers are not
/// read.
///
/// ```toml
/// [collect.pci]
/// use = "pci"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Pci {}

collect_core::register!("pci" => Pci as Collector);

const COLUMNS: [&str; 9] = [
    "address",
    "id",
    "driver",
    "numa-node",
    "link.speed",
    "link.width",
    "link.reduced",
    "class-name",
    "about",
];

impl Collector for Pci {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        const FOLDER: &str = "/sys/bus/pci/devices";
        let host = out.host();
        let folders = children(host, FOLDER);
        if folders.is_empty() {
            out.absent(FOLDER, "there is no PCI device");
            return Ok(());
        }
        let names = Names::read(host, "pci.ids");
        let aliases = aliases(host);
        let folders = folders.iter().take_while(|_| !out.deadline().passed());
        let devices = folders.filter_map(|folder| device(host, folder, &names, &aliases));
        let devices: Vec<_> = devices.collect();
        listing::write(out, "devices", COLUMNS, &devices)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Function {
    address: String,
    /// Vendor and device.
    id: String,
    class: String,
    class_name: Option<String>,
    vendor: String,
    vendor_name: Option<String>,
    device: String,
    device_name: Option<String>,
    /// The names of vendor and device.
    about: String,
    /// Vendor and device of the card.
    subsystem: Option<String>,
    subsystem_name: Option<String>,
    revision: Option<String>,
    interface: Option<String>,
    driver: Option<String>,
    modules: Vec<String>,
    numa_node: Option<i64>,
    iommu_group: Option<String>,
    interrupt: Option<u64>,
    enabled: Option<bool>,
    power_state: Option<String>,
    runtime_power: Option<String>,
    virtual_functions: Option<u64>,
    link: Option<Link>,
    errors: Option<Errors>,
}

/// Speeds in GT/s, widths in lanes.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Link {
    speed: f64,
    width: u64,
    maximum_speed: Option<f64>,
    maximum_width: Option<u64>,
    reduced: bool,
}

/// Advanced error reporting: how many of each kind, those that did not occur left out.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Errors {
    correctable: BTreeMap<String, u64>,
    non_fatal: BTreeMap<String, u64>,
    fatal: BTreeMap<String, u64>,
}

fn device(host: &dyn Host, folder: &Path, names: &Names, aliases: &[Alias]) -> Option<Function> {
    let id = |about| hexadecimal(host, &folder.join(about));
    let (class, vendor, device) = (id("class")?, id("vendor")?, id("device")?);
    let (base, subclass) = (class.get(..2)?, class.get(2..4)?);
    let card = id("subsystem_vendor").zip(id("subsystem_device"));
    // What was never set is all zeros.
    let card =
        card.filter(|(vendor, device)| (vendor.as_str(), device.as_str()) != ("0000", "0000"));
    let base_name = format!("C {base}");
    let vendor_name = names.heading(&vendor);
    let device_name = names.below(&vendor, &device);
    let about = [vendor_name.as_deref(), device_name.as_deref()];
    let alias = value(host, folder.join("modalias")).unwrap_or_default();
    Some(Function {
        address: name(folder),
        id: format!("{vendor}:{device}"),
        class_name: names.below(&base_name, subclass).or_else(|| names.heading(&base_name)),
        interface: class.get(4..).map(str::to_owned),
        about: about.into_iter().flatten().collect::<Vec<_>>().join(" "),
        subsystem: card.as_ref().map(|(vendor, device)| format!("{vendor}:{device}")),
        subsystem_name: card.and_then(|(card_vendor, card)| {
            let known = names.subsystem(&vendor, &device, &format!("{card_vendor} {card}"));
            known.or_else(|| {
                device_name.clone().filter(|_| (&card_vendor, &card) == (&vendor, &device))
            })
        }),
        revision: id("revision"),
        driver: link_name(host, folder.join("driver")),
        modules: modules(&alias, aliases),
        numa_node: signed(host, folder.join("numa_node")).filter(|node| *node >= 0),
        iommu_group: link_name(host, folder.join("iommu_group")),
        interrupt: number(host, folder.join("irq")).filter(|interrupt| *interrupt > 0),
        enabled: switch(host, folder.join("enable")),
        power_state: value(host, folder.join("power_state")),
        runtime_power: value(host, folder.join("power/runtime_status")),
        virtual_functions: number(host, folder.join("sriov_numvfs")),
        link: link(host, folder),
        errors: errors(host, folder),
        class: class.get(..4)?.to_owned(),
        vendor,
        vendor_name,
        device,
        device_name,
    })
}

/// A number such as `0x8086`, without the `0x`.
fn hexadecimal(host: &dyn Host, path: &Path) -> Option<String> {
    let value = value(host, path)?;
    Some(value.trim_start_matches("0x").to_owned())
}

/// Nothing where there is none, or nothing at its other end.
fn link(host: &dyn Host, folder: &Path) -> Option<Link> {
    // `8.0 GT/s PCIe`, or `Unknown`.
    let speed =
        |about| -> Option<f64> { value(host, folder.join(about))?.split(' ').next()?.parse().ok() };
    // 255 stands for unknown.
    let width = |about| number(host, folder.join(about)).filter(|width| (1..255).contains(width));
    let (now, lanes) = (speed("current_link_speed")?, width("current_link_width")?);
    let (fastest, widest) = (speed("max_link_speed"), width("max_link_width"));
    Some(Link {
        reduced: fastest.is_some_and(|fastest| now < fastest)
            || widest.is_some_and(|widest| lanes < widest),
        speed: now,
        width: lanes,
        maximum_speed: fastest,
        maximum_width: widest,
    })
}

fn errors(host: &dyn Host, folder: &Path) -> Option<Errors> {
    let counted = |about| -> Option<BTreeMap<String, u64>> {
        let text = value(host, folder.join(about))?;
        let counted = text.lines().filter_map(|line| {
            let (kind, count) = line.rsplit_once(' ')?;
            Some((kind.to_owned(), count.parse().ok()?))
        });
        Some(counted.filter(|(kind, count)| *count > 0 && !kind.starts_with("TOTAL")).collect())
    };
    Some(Errors {
        correctable: counted("aer_dev_correctable")?,
        non_fatal: counted("aer_dev_nonfatal").unwrap_or_default(),
        fatal: counted("aer_dev_fatal").unwrap_or_default(),
    })
}

/// Which devices a module is for.
struct Alias {
    /// Beginning that all of them have.
    begin: String,
    pattern: Pattern,
    module: String,
}

/// What the modules of the running kernel say that they are for (`modules.alias` of `depmod(8)`).
fn aliases(host: &dyn Host) -> Vec<Alias> {
    let release = value(host, "/proc/sys/kernel/osrelease").unwrap_or_default();
    let found = ["/lib/modules", "/usr/lib/modules"].into_iter().find_map(|folder| {
        let path = host.canonical(format!("{folder}/{release}/modules.alias").as_ref());
        bytes(host, path.ok()?).ok()
    });
    let text = found.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let aliases = text.lines().filter_map(|line| {
        let (pattern, module) = line.strip_prefix("alias ")?.split_once(' ')?;
        Some(Alias {
            begin: pattern.strip_prefix("pci:")?.split('*').next()?.to_owned(),
            pattern: Pattern::new(pattern).ok()?,
            module: module.to_owned(),
        })
    });
    aliases.collect()
}

fn modules(alias: &str, aliases: &[Alias]) -> Vec<String> {
    let Some(rest) = alias.strip_prefix("pci:") else {
        return Vec::new();
    };
    let fits = |known: &&Alias| rest.starts_with(&known.begin) && known.pattern.matches(alias);
    let mut modules: Vec<_> =
        aliases.iter().filter(fits).map(|known| known.module.clone()).collect();
    modules.sort();
    modules.dedup();
    modules
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };
    use serde_json::{Value, json};

    const DEVICE: &str = "/sys/bus/pci/devices/0000:00:03.0";

    fn host() -> FakeHost {
        FakeHost::new()
            .file(format!("{DEVICE}/class"), "0x020000\n")
            .file(format!("{DEVICE}/vendor"), "0x1111\n")
            .file(format!("{DEVICE}/device"), "0x0001\n")
            .file(format!("{DEVICE}/numa_node"), "-1\n")
            .file(format!("{DEVICE}/modalias"), "pci:v00001111d00000001sv0sd0bc02sc00i00\n")
            .link(format!("{DEVICE}/driver"), "../../bus/pci/drivers/example")
            .file(format!("{DEVICE}/current_link_speed"), "8.0 GT/s PCIe\n")
            .file(format!("{DEVICE}/max_link_speed"), "16.0 GT/s PCIe\n")
            .file(format!("{DEVICE}/current_link_width"), "8\n")
            .file(format!("{DEVICE}/max_link_width"), "255\n")
            .file(format!("{DEVICE}/aer_dev_correctable"), "RxErr 3\nBadTLP 0\nTOTAL_ERR_COR 3\n")
            .file("/sys/bus/pci/devices/odd/class", "0x02\n")
            .file("/proc/sys/kernel/osrelease", "6.1\n")
            .file(
                "/lib/modules/6.1/modules.alias",
                "alias pci:v00001111d*sv*sd*bc*sc*i* example\nalias pci:v00002222d*sv* other\n\
                 alias usb:v1111p* stick\nalias pci:[ broken\n",
            )
            .file(
                "/usr/share/misc/pci.ids",
                "1111  First\n\t0001  Card\nC 02  Network\n\t00  Ethernet\n",
            )
    }

    #[test]
    fn a_device_has_names_a_driver_and_a_link_that_could_be_faster() {
        let collected = Trial::of(Pci::default()).on(host());
        let devices: Value = serde_json::from_str(collected.text("devices.json")).unwrap();
        let [device] = &devices.as_array().unwrap()[..] else { panic!("{devices}") };
        assert_eq!(
            (&device["class-name"], &device["about"]),
            (&json!("Ethernet"), &json!("First Card"))
        );
        assert_eq!(
            (&device["driver"], &device["modules"]),
            (&json!("example"), &json!(["example"]))
        );
        assert_eq!(device["link"]["reduced"], true);
        assert_eq!(device["link"]["maximum-width"], json!(null));
        assert_eq!(device["errors"]["correctable"], json!({ "RxErr": 3 }));
        assert_eq!(device["numa-node"], json!(null));
        assert!(collected.text("devices.txt").contains("First Card"));
        assert_eq!(collected.status(), Status::Complete);
    }

    #[test]
    fn a_host_without_such_devices_is_no_failure() {
        assert_eq!(Trial::of(Pci::default()).on(FakeHost::new()).status(), Status::Absent);
    }
}
