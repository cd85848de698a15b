//! The hardware: processors and memory.

use crate::facts::kernel_files::{children, name, parsed, value};
use collect_core::{CollectError, Collector, Output, host::Host};
use procfs::{CpuInfo, Meminfo};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Processors and memory.
///
/// Processors with their known weaknesses, memory and memory errors, NUMA nodes.
///
/// From `proc(5)` and `sysfs(5)`, <https://docs.kernel.org/admin-guide/abi.html>. Serial numbers are
/// left out: they identify the host.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Hardware {}

collect_core::register!("hardware" => Hardware as Collector);

impl Collector for Hardware {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let host = out.host();
        let summary = json!({
            "processors": processors(host),
            "memory": memory(host),
            "memory-errors": attributes(host, "/sys/devices/system/edac/mc", &["ce_count", "ue_count"]),
            "nodes": attributes(host, "/sys/devices/system/node", &["cpulist", "distance"]),
        });
        out.json("summary.json", &summary)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;

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
}
