//! The hardware: processors, memory, board and firmware, block, PCI and USB devices.

use crate::facts::{
    devices::{block_devices, pci_devices, usb_devices},
    kernel_files::{children, name, parsed, value},
};
use collect_core::{CollectError, Collector, Output, host::Host};
use procfs::{CpuInfo, Meminfo};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Processors, memory, disks, PCI and USB devices.
///
/// Processors with their known weaknesses, memory and memory errors, NUMA nodes, board and firmware,
/// temperatures, block devices (`block.txt`), PCI devices (`pci.txt`) and USB devices (`usb.txt`).
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
            "processors": processors(host),
            "memory": memory(host),
            "memory-errors": attributes(host, "/sys/devices/system/edac/mc", &["ce_count", "ue_count"]),
            "nodes": attributes(host, "/sys/devices/system/node", &["cpulist", "distance"]),
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
        if let Some(processors) = out.read("/proc/cpuinfo")? {
            let mut entry = out.entry("proc/cpuinfo", "/proc/cpuinfo", None)?;
            entry.copy(&mut without_serial(&processors).as_bytes())?;
            entry.end()?;
        }
        out.file("/proc/meminfo")
    }
}

/// ARM boards write their serial number at the end.
fn without_serial(cpuinfo: &[u8]) -> String {
    let text = String::from_utf8_lossy(cpuinfo);
    let lines = text.split_inclusive('\n');
    lines.filter(|line| !line.starts_with("Serial")).collect()
}

fn processors(host: &dyn Host) -> Value {
    // Nothing to parse is a panic of the parser.
    let known = value(host, "/proc/cpuinfo").and_then(|_| parsed(host, "/proc/cpuinfo"));
    let Some(cpus): Option<CpuInfo> = known else {
        return Value::Null;
    };
    let all = 0..cpus.num_cores();
    let field = |cpu, name| cpus.get_field(cpu, name);
    let distinct = |of: &dyn Fn(usize) -> Option<String>| -> Option<usize> {
        let of: Option<BTreeSet<String>> = all.clone().map(of).collect();
        of.map(|of| of.len())
    };
    let socket = |cpu| field(cpu, "physical id").map(str::to_owned);
    let core = |cpu| Some(format!("{} {}", socket(cpu)?, field(cpu, "core id")?));
    let weaknesses = children(host, "/sys/devices/system/cpu/vulnerabilities").into_iter();
    json!({
        "model": field(0, "model name").or(field(0, "CPU part")),
        "sockets": distinct(&socket),
        "cores": distinct(&core),
        "threads": all.len(),
        "online": value(host, "/sys/devices/system/cpu/online"),
        "governor": value(host, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "microcode": field(0, "microcode"),
        "flags": field(0, "flags").or(field(0, "Features")),
        "weaknesses": weaknesses.map(|path| (name(&path), value(host, &path))).collect::<Value>(),
    })
}

/// In bytes.
fn memory(host: &dyn Host) -> Option<Value> {
    let memory: Meminfo = parsed(host, "/proc/meminfo")?;
    Some(json!({
        "total": memory.mem_total,
        "available": memory.mem_available,
        "swap-total": memory.swap_total,
        "swap-free": memory.swap_free,
        "huge-pages": memory.hugepages_total,
        "huge-page-size": memory.hugepagesize,
    }))
}

/// These attributes of every device in a folder that has any of them.
fn attributes(host: &dyn Host, folder: &str, wanted: &[&str]) -> Map<String, Value> {
    let devices = children(host, folder).into_iter().filter_map(|device| {
        let found = wanted.iter().filter_map(|about| {
            Some(((*about).to_owned(), value(host, device.join(about))?.into()))
        });
        let found: Map<_, _> = found.collect();
        (!found.is_empty()).then(|| (name(&device), found.into()))
    });
    devices.collect()
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
    fn sockets_cores_and_threads_are_counted() {
        let thread = |socket, core| {
            format!(
                "processor : 0\nmodel name : Example CPU\nphysical id : {socket}\n\
                 core id : {core}\nflags : fpu sse\n\n"
            )
        };
        let cpuinfo = [thread(0, 0), thread(0, 0), thread(1, 0), thread(1, 1)].concat();
        let host = FakeHost::new()
            .file("/proc/cpuinfo", &cpuinfo)
            .file("/sys/devices/system/cpu/vulnerabilities/meltdown", "Not affected\n");
        let found = processors(&host);
        assert_eq!(found["model"], "Example CPU");
        assert_eq!(
            (&found["sockets"], &found["cores"], &found["threads"]),
            (&json!(2), &json!(3), &json!(4))
        );
        assert_eq!(found["weaknesses"]["meltdown"], "Not affected");
    }

    #[test]
    fn nothing_known_about_processors_is_no_failure() {
        assert_eq!(processors(&FakeHost::new().file("/proc/cpuinfo", "")), Value::Null);
    }

    #[test]
    fn a_serial_number_is_left_out() {
        let kept = without_serial(b"Hardware : Example\nSerial\t\t: 00made0up\nModel : Board\n");
        assert_eq!(kept, "Hardware : Example\nModel : Board\n");
    }

    #[test]
    fn the_board_is_named_without_what_identifies_it() {
        let host = FakeHost::new()
            .file("/sys/class/dmi/id/product_name", "Example Server\n")
            .file("/sys/class/dmi/id/product_serial", "MADE-UP-SERIAL\n")
            .file("/sys/class/dmi/id/product_uuid", "MADE-UP-UUID\n")
            .file("/sys/class/thermal/thermal_zone0/type", "cpu\n")
            .file("/sys/class/thermal/thermal_zone0/temp", "45500\n")
            .file("/proc/meminfo", "MemTotal: 2 kB\n");
        let collected = Trial::of(Hardware::default()).on(host);
        let summary = collected.text("summary.json");
        let parsed: Value = serde_json::from_str(summary).unwrap();
        assert_eq!(parsed["board"]["product_name"], "Example Server");
        assert_eq!(parsed["temperatures"], json!([["cpu", 45.5]]));
        assert!(!summary.contains("MADE-UP"), "{summary}");
        // Too short for the parser, but kept.
        assert_eq!(collected.text("/proc/meminfo"), "MemTotal: 2 kB\n");
    }
}
