//! What runs here: distribution, uptime, load, locale, container or virtual machine.

use crate::facts::{
    kernel_files::{boot_time, exists, parsed, value},
    present,
};
use collect_core::{CollectError, Collector, Output, host::Host};
use procfs::Uptime;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// Distribution, uptime, load, locale.
///
/// Also the host name, time zone, and whether it is a container or a virtual machine.
///
/// From `os-release(5)` and `proc(5)`. The machine id is left out: it identifies the host.
///
/// ```toml
/// [collect.os]
/// use = "os"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Os {}

collect_core::register!("os" => Os as Collector);

const FILES: [&str; 5] =
    ["/etc/os-release", "/proc/loadavg", "/proc/uptime", "/etc/locale.conf", "/etc/default/locale"];

impl Collector for Os {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let host = out.host();
        let uptime = parsed(host, "/proc/uptime").map(|uptime: Uptime| uptime.uptime_duration());
        let now = host.now().to_zoned(host.zone());
        let summary = json!({
            "name": setting(host, &["/etc/os-release", "/usr/lib/os-release"], "PRETTY_NAME"),
            "id": setting(host, &["/etc/os-release", "/usr/lib/os-release"], "ID"),
            "version": setting(host, &["/etc/os-release", "/usr/lib/os-release"], "VERSION_ID"),
            "kernel": value(host, "/proc/sys/kernel/osrelease"),
            "architecture": value(host, "/proc/sys/kernel/arch")
                .unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            "host-name": value(host, "/proc/sys/kernel/hostname"),
            "time": now.strftime("%FT%T%:z").to_string(),
            "time-zone": now.time_zone().iana_name(),
            "booted": boot_time(host),
            "uptime-seconds": uptime.map(|uptime| uptime.as_secs()),
            "load": value(host, "/proc/loadavg").map(|load| averages(&load)),
            "locale": setting(host, &["/etc/locale.conf", "/etc/default/locale"], "LANG"),
            "init": init(host),
            "runs-in": runs_in(host),
        });
        out.json("summary.json", &summary)?;
        present::copy(out, &FILES)
    }
}

/// The load of the last 1, 5 and 15 minutes.
fn averages(load: &str) -> Vec<f64> {
    load.split(' ').take(3).filter_map(|average| average.parse().ok()).collect()
}

/// A setting of the first of these files that has it, as `NAME=value` or `NAME="value"`.
fn setting(host: &dyn Host, files: &[&str], name: &str) -> Option<String> {
    // Each of them may be a symbolic link, which `Host::open` does not follow.
    let texts = files.iter().filter_map(|file| {
        let file = host.canonical(file.as_ref()).ok()?;
        value(host, file)
    });
    texts.into_iter().find_map(|text| {
        text.lines().find_map(|line| {
            let value = line.trim().strip_prefix(name)?.strip_prefix('=')?;
            Some(value.trim_matches(['"', '\'']).to_owned())
        })
    })
}

fn init(host: &dyn Host) -> Option<String> {
    if exists(host, "/run/systemd/system") {
        Some("systemd".to_owned())
    } else {
        value(host, "/proc/1/comm")
    }
}

/// Hints at a container or a virtual machine; where there is none of them all are `null`.
fn runs_in(host: &dyn Host) -> Value {
    let container = value(host, "/run/systemd/container").or_else(|| {
        let traces = [("/.dockerenv", "docker"), ("/run/.containerenv", "podman")];
        let found = traces.iter().find(|(path, _)| exists(host, path));
        found.map(|(_, name)| (*name).to_owned())
    });
    let in_virtual_machine = value(host, "/proc/cpuinfo").map(|text| {
        let flags = text.lines().find(|line| line.starts_with("flags"));
        flags.is_some_and(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor"))
    });
    json!({
        "container": container,
        "hypervisor": value(host, "/sys/hypervisor/type"),
        "virtual-machine": in_virtual_machine,
        "product": value(host, "/sys/class/dmi/id/product_name"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };

    #[test]
    fn the_name_is_found_behind_a_link_and_without_its_quotes() {
        let host = FakeHost::new()
            .link("/etc/os-release", "../usr/lib/os-release")
            .file("/usr/lib/os-release", "ID=example\nPRETTY_NAME=\"Example Linux 1\"\n");
        let name = setting(&host, &["/etc/os-release"], "PRETTY_NAME");
        assert_eq!(name.as_deref(), Some("Example Linux 1"));
        assert_eq!(setting(&host, &["/etc/os-release"], "NAME"), None);
    }

    #[test]
    fn a_container_in_a_virtual_machine_is_seen_as_both() {
        let host = FakeHost::new()
            .file("/.dockerenv", "")
            .file("/proc/cpuinfo", "processor : 0\nflags\t\t: fpu hypervisor\n");
        let found = runs_in(&host);
        assert_eq!(found["container"], "docker");
        assert_eq!(found["virtual-machine"], true);
        assert_eq!(runs_in(&FakeHost::new())["container"], Value::Null);
    }

    #[test]
    fn the_summary_stands_beside_the_files_it_was_made_from() {
        let host = FakeHost::new()
            .file("/etc/os-release", "ID=example\nPRETTY_NAME='Example Linux 1'\n")
            .file("/etc/machine-id", "0000made0up0000\n")
            .file("/proc/uptime", "5.00 1.00\n")
            .file("/proc/stat", "cpu 0\nbtime 1767323040\n")
            .file("/proc/loadavg", "0.50 0.25 0.12 1/200 4711\n");
        let collected = Trial::of(Os::default()).on(host);
        assert_eq!(collected.status(), Status::Complete);
        let summary: Value = serde_json::from_str(collected.text("summary.json")).unwrap();
        assert_eq!(summary["name"], "Example Linux 1");
        assert_eq!(summary["time"], "2026-01-02T03:04:05+00:00");
        assert_eq!(summary["time-zone"], "UTC");
        assert_eq!(summary["booted"], "2026-01-02T03:04:00Z");
        assert_eq!(summary["uptime-seconds"], 5);
        assert_eq!(summary["load"], json!([0.5, 0.25, 0.12]));
        assert_eq!(collected.text("/proc/loadavg"), "0.50 0.25 0.12 1/200 4711\n");
        assert!(!collected.paths().iter().any(|path| path.contains("machine-id")));
    }
}
