//! What random numbers are made of.

use crate::facts::kernel_files::{exists, number, processes, value};
use collect_core::{CollectError, Collector, Output};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// Random numbers: sources and supply.
///
/// `summary.json` has how many bits the kernel's pool holds and can hold, the hardware generators
/// that it has and uses, whether processor and boot loader are trusted as sources, and which programs
/// feed the pool. Since Linux 5.18 the pool is always full once it was filled at boot.
///
/// From `random(4)`, <https://docs.kernel.org/admin-guide/sysctl/kernel.html> and
/// <https://docs.kernel.org/admin-guide/hw_random.html>. Nothing needs root, and no random number is
/// drawn.
///
/// ```toml
/// [collect.entropy]
/// use = "entropy"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Entropy {}

collect_core::register!("entropy" => Entropy as Collector);

const FEEDERS: [&str; 4] = ["rngd", "haveged", "jitterentropy-r", "egd"];

impl Collector for Entropy {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        const FOLDER: &str = "/proc/sys/kernel/random";
        let host = out.host();
        if !exists(host, FOLDER) {
            out.absent(FOLDER, "the kernel tells nothing about random numbers");
            return Ok(());
        }
        let random = |about: &str| number(host, format!("{FOLDER}/{about}"));
        let device = |about: &str| value(host, format!("/sys/class/misc/hw_random/rng_{about}"));
        let words = |text: Option<String>| -> Vec<String> {
            text.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
        };
        let options = words(value(host, "/proc/cmdline"));
        let trusted = |who: &str| {
            let prefix = format!("random.trust_{who}=");
            let set = options.iter().rev().find_map(|option| option.strip_prefix(&prefix));
            set.map(|set| ["1", "y", "Y", "on"].contains(&set))
        };
        let cpuinfo = value(host, "/proc/cpuinfo").unwrap_or_default();
        let flags = cpuinfo.lines().find(|line| line.starts_with("flags"));
        let flags = words(flags.map(str::to_owned));
        let mut feeders: Vec<_> = processes(host)
            .into_iter()
            .take_while(|_| !out.deadline().passed())
            .filter_map(|(_, folder)| value(host, folder.join("comm")))
            .filter(|name| FEEDERS.contains(&name.as_str()))
            .collect();
        feeders.sort();
        feeders.dedup();
        let summary = json!({
            "available": random("entropy_avail"),
            "pool": random("poolsize"),
            "reseed-seconds": random("urandom_min_reseed_secs"),
            "hardware": device("current"),
            "hardware-available": words(device("available")),
            "processor": flags.iter().filter(|flag| ["rdrand", "rdseed"].contains(&flag.as_str()))
                .collect::<Vec<_>>(),
            "processor-trusted": trusted("cpu"),
            "boot-loader-trusted": trusted("bootloader"),
            "fed-by": feeders,
        });
        out.json("summary.json", &summary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };
    use serde_json::Value;

    #[test]
    fn the_pool_and_its_sources_are_told() {
        let host = FakeHost::new()
            .file("/proc/sys/kernel/random/entropy_avail", "256\n")
            .file("/proc/sys/kernel/random/poolsize", "odd\n")
            .panics("/proc/sys/kernel/random/uuid")
            .panics("/proc/sys/kernel/random/boot_id")
            .file("/sys/class/misc/hw_random/rng_available", "virtio_rng.0 tpm-rng-0\n")
            .file("/proc/cmdline", "quiet random.trust_cpu=off\n")
            .file("/proc/cpuinfo", "processor : 0\nflags : fpu rdrand\n")
            .file("/proc/9/comm", "rngd\n");
        let collected = Trial::of(Entropy::default()).on(host);
        let summary: Value = serde_json::from_str(collected.text("summary.json")).unwrap();
        assert_eq!((&summary["available"], &summary["pool"]), (&json!(256), &json!(null)));
        assert_eq!(summary["hardware-available"], json!(["virtio_rng.0", "tpm-rng-0"]));
        assert_eq!(summary["processor"], json!(["rdrand"]));
        assert_eq!(summary["processor-trusted"], false);
        assert_eq!(summary["fed-by"], json!(["rngd"]));
        assert_eq!(collected.status(), Status::Complete);
    }

    #[test]
    fn a_host_that_tells_nothing_is_no_failure() {
        assert_eq!(Trial::of(Entropy::default()).on(FakeHost::new()).status(), Status::Absent);
    }
}
