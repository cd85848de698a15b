//! The processors.

use crate::facts::{
    kernel_files::{children, name, value},
    listing,
    processors::{FOLDER, Info, caches, count, processors, without_serial},
};
use collect_core::{CollectError, Collector, Output, host::Host};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Processors: topology, caches, clocks, weaknesses.
///
/// `summary.json`: model, microcode, flags, how many sockets, cores and threads are on, NUMA nodes
/// with their distances, and which weaknesses (`vulnerabilities`) the processor has and what the
/// kernel does about them. `cpus.json` and `.txt` list the logical processors with their place,
/// clocks in MHz, governor, and the seconds since the start that each spent on what (`seconds.steal`:
/// the hypervisor gave them to others). `caches.json` and `.txt`: sizes in bytes of one instance.
///
/// From `/proc/cpuinfo` (kept as it is, because every architecture has other fields), `/proc/stat`
/// and <https://docs.kernel.org/admin-guide/abi-testing.html>, `/sys/devices/system/cpu`. Serial
/// numbers, which ARM boards and s390x write there, are left out. Nothing needs root.
///
/// ```toml
/// [collect.cpu]
/// use = "cpu"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Cpu {}

collect_core::register!("cpu" => Cpu as Collector);

impl Collector for Cpu {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let cpuinfo = out.read("/proc/cpuinfo")?.unwrap_or_default();
        let cpuinfo = String::from_utf8_lossy(&cpuinfo);
        let info = Info::parse(&cpuinfo);
        let host = out.host();
        let processors = processors(host, &info);
        if processors.is_empty() && cpuinfo.is_empty() {
            return Ok(());
        }
        let distinct = |all: BTreeSet<&String>| all.into_iter().cloned().collect::<Vec<_>>();
        let words = |names: &[&str]| -> Option<Vec<&str>> {
            info.any(names).map(|words| words.split_whitespace().collect())
        };
        let summary = json!({
            "architecture": value(host, "/proc/sys/kernel/arch")
                .unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            "vendor": info.any(&["vendor_id", "CPU implementer", "vendor"]),
            "model": info.any(&["model name", "cpu", "CPU part", "Processor"]),
            "family": info.any(&["cpu family", "CPU architecture"]),
            "model-number": info.any(&["model", "CPU variant"]),
            "stepping": info.any(&["stepping", "CPU revision"]),
            "board": info.any(&["Hardware", "Model"]),
            "microcode": distinct(
                processors.iter().filter_map(|cpu| cpu.microcode.as_ref()).collect(),
            ),
            "address-sizes": info.any(&["address sizes"]),
            "bogomips": info.any(&["bogomips", "BogoMIPS"]).and_then(|speed| speed.parse::<f64>().ok()),
            "threads": processors.iter().filter(|cpu| cpu.online).count(),
            "sockets": count(&processors, |cpu| {
                cpu.package.clone().or_else(|| cpu.socket.map(|id| id.to_string()))
            }),
            "cores": count(&processors, |cpu| {
                let by_id = || Some(format!("{:?} {:?} {}", cpu.socket, cpu.die, cpu.core?));
                cpu.threads.clone().or_else(by_id)
            }),
            "online": value(host, format!("{FOLDER}/online")),
            "offline": value(host, format!("{FOLDER}/offline")),
            "possible": value(host, format!("{FOLDER}/possible")),
            "isolated": value(host, format!("{FOLDER}/isolated")),
            "without-ticks": value(host, format!("{FOLDER}/nohz_full")),
            "smt": value(host, format!("{FOLDER}/smt/control")),
            "nodes": nodes(host),
            "governors": distinct(
                processors.iter().filter_map(|cpu| cpu.governor.as_ref()).collect(),
            ),
            "boost": value(host, format!("{FOLDER}/cpufreq/boost")).map(|boost| boost == "1"),
            "turbo-off": value(host, format!("{FOLDER}/intel_pstate/no_turbo"))
                .map(|off| off == "1"),
            "pstate": value(host, format!("{FOLDER}/intel_pstate/status"))
                .or_else(|| value(host, format!("{FOLDER}/amd_pstate/status"))),
            "idle-driver": value(host, format!("{FOLDER}/cpuidle/current_driver")),
            "flags": words(&["flags", "Features", "features"]),
            "bugs": words(&["bugs"]),
            "vulnerabilities": vulnerabilities(host),
        });
        let caches = caches(host, &processors);
        out.json("summary.json", &summary)?;
        let columns = [
            "cpu",
            "online",
            "node",
            "socket",
            "core",
            "megahertz",
            "max-megahertz",
            "governor",
            "seconds.user",
            "seconds.system",
            "seconds.idle",
            "seconds.iowait",
            "seconds.steal",
        ];
        listing::write(out, "cpus", columns, &processors)?;
        if !caches.is_empty() {
            let columns = ["name", "size", "instances", "ways", "sets", "line"];
            listing::write(out, "caches", columns, &caches)?;
        }
        let mut entry = out.entry("proc/cpuinfo", "/proc/cpuinfo", None)?;
        entry.copy(&mut without_serial(&cpuinfo).as_bytes())?;
        entry.end()
    }
}

/// The NUMA nodes by number: their processors, and how far the others are (10 is itself).
fn nodes(host: &dyn Host) -> Map<String, Value> {
    let folders = children(host, "/sys/devices/system/node").into_iter();
    let nodes = folders.filter_map(|folder| {
        let number: u64 = name(&folder).strip_prefix("node")?.parse().ok()?;
        let distances = value(host, folder.join("distance")).unwrap_or_default();
        let distances = distances.split_whitespace().filter_map(|d| d.parse::<u64>().ok());
        let node = json!({
            "cpus": value(host, folder.join("cpulist")),
            "distances": distances.collect::<Vec<_>>(),
        });
        Some((number.to_string(), node))
    });
    nodes.collect()
}

fn vulnerabilities(host: &dyn Host) -> Map<String, Value> {
    let files = children(host, format!("{FOLDER}/vulnerabilities")).into_iter();
    files.filter_map(|path| Some((name(&path), value(host, &path)?.into()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{Collected, FakeHost, Trial},
    };

    fn summary(collected: &Collected) -> Value {
        serde_json::from_str(collected.text("summary.json")).unwrap()
    }

    #[test]
    fn sockets_cores_and_threads_are_counted() {
        let thread = |number, socket, core| {
            format!(
                "processor : {number}\nmodel name : Example CPU\nphysical id : {socket}\n\
                 core id : {core}\nflags : fpu sse\nmicrocode : 0x1\n\n"
            )
        };
        let cpuinfo = [thread(0, 0, 0), thread(1, 0, 0), thread(2, 1, 0), thread(3, 1, 1)].concat();
        let host = FakeHost::new()
            .file("/proc/cpuinfo", &cpuinfo)
            .file(format!("{FOLDER}/vulnerabilities/meltdown"), "Not affected\n")
            .file("/sys/devices/system/node/node0/distance", "10 21\n");
        let collected = Trial::of(Cpu {}).on(host);
        let found = summary(&collected);
        assert_eq!(found["model"], "Example CPU");
        assert_eq!(
            (&found["sockets"], &found["cores"], &found["threads"]),
            (&json!(2), &json!(3), &json!(4))
        );
        assert_eq!(found["flags"], json!(["fpu", "sse"]));
        assert_eq!(found["microcode"], json!(["0x1"]));
        assert_eq!(found["nodes"]["0"]["distances"], json!([10, 21]));
        assert_eq!(found["vulnerabilities"]["meltdown"], "Not affected");
        assert_eq!(collected.text("cpus.txt").lines().count(), 5);
        assert_eq!(collected.status(), Status::Complete);
    }

    #[test]
    fn odd_content_is_no_failure_and_serial_numbers_are_left_out() {
        let host = FakeHost::new()
            .file("/proc/cpuinfo", ":\n\nprocessor:x\nSerial : 00made0up\n\0\n: :")
            .file(format!("{FOLDER}/cpu0/cpufreq/scaling_cur_freq"), "<unsupported>\n")
            .file(format!("{FOLDER}/cpu18446744073709551616/online"), "1\n");
        let collected = Trial::of(Cpu {}).on(host);
        assert_eq!(summary(&collected)["threads"], 1);
        assert!(!collected.text("/proc/cpuinfo").contains("made0up"));
        assert_eq!(collected.status(), Status::Complete);
    }

    #[test]
    fn nothing_known_about_processors_is_no_failure() {
        assert_eq!(Trial::of(Cpu {}).on(FakeHost::new()).status(), Status::Absent);
        let empty = FakeHost::new().file("/proc/cpuinfo", "");
        assert_eq!(Trial::of(Cpu {}).on(empty).status(), Status::Complete);
    }
}
