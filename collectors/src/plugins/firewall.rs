//! The firewall: its rules, and the files they come from.

use crate::facts::{
    firewall,
    kernel_files::{exists, number, parsed},
    paths::Found,
};
use collect_core::{
    CollectError, Collector, Output, Window,
    host::{Deadline, Host},
};
use procfs::process::Status;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use std::{io, sync::Arc, time::Duration};

/// Firewall rules and where they come from.
///
/// - `summary.json`: which of `nf_tables`, `ip_tables` and `ip6_tables` the kernel has, which
///   front ends are configured, and how many connections are tracked of how many at most.
/// - `nftables.txt`, `iptables.txt`, `ip6tables.txt`: the rules that hold now, with counters.
/// - The files of nftables, iptables, firewalld and ufw as they are.
///
/// The rules come from `nft list ruleset` and `iptables-legacy-save`, which only root may ask. They are
/// asked for only if the kernel has what they ask already: asking would load it otherwise.
///
/// ```toml
/// [collect.firewall]
/// use = "firewall"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Firewall {}

collect_core::register!("firewall" => Firewall as Collector);

/// The front ends: their name, a file or folder that only they have, and where they keep their files.
const FRONT_ENDS: [(&str, &str, &[&str]); 4] = [
    (
        "nftables",
        "/etc/nftables.conf",
        &["/etc/nftables.conf", "/etc/sysconfig/nftables.conf", "/etc/nftables"],
    ),
    (
        "iptables",
        "/etc/iptables",
        &["/etc/iptables", "/etc/sysconfig/iptables", "/etc/sysconfig/ip6tables"],
    ),
    ("firewalld", "/etc/firewalld", &["/etc/firewalld"]),
    // Services put files for it into its folder.
    ("ufw", "/etc/ufw/ufw.conf", &["/etc/ufw", "/etc/default/ufw"]),
];

/// `CAP_NET_ADMIN` of `capabilities(7)`.
const NET_ADMIN: u64 = 1 << 12;

impl Collector for Firewall {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let host = out.host();
        let frameworks = firewall::frameworks(host);
        let configured = FRONT_ENDS.iter().filter(|(_, mark, _)| exists(host, mark));
        let configured: Vec<_> = configured.map(|(name, ..)| *name).collect();
        if frameworks.is_empty() && configured.is_empty() {
            out.absent("firewall", "the kernel has none loaded, and none is configured");
            return Ok(());
        }
        let tracked = |what| number(host, format!("/proc/sys/net/netfilter/nf_conntrack_{what}"));
        let summary = json!({
            "frameworks": frameworks,
            "configured": configured,
            "tracked-connections": tracked("count"),
            "most-tracked-connections": tracked("max"),
        });
        out.json("summary.json", &summary)?;
        write_rules(out)?;
        let found = files(host, out.deadline());
        for folder in found.refused {
            out.failed(&folder.display().to_string(), &io::ErrorKind::PermissionDenied.into());
        }
        found.files.into_iter().try_for_each(|path| out.file(path))
    }

    fn refused(&self, host: &dyn Host, _: &Window) -> Vec<String> {
        let asked = !firewall::commands(host).is_empty();
        let rules = (asked && !may_ask(host)).then(|| "firewall rules".to_owned());
        let found = files(host, &Deadline::after(Duration::from_secs(2), Arc::default()));
        rules.into_iter().chain(found.not_readable(host)).collect()
    }
}

/// The files of all front ends.
fn files(host: &dyn Host, deadline: &Deadline) -> Found {
    let paths = FRONT_ENDS.iter().flat_map(|(.., paths)| paths.iter().copied());
    Found::of(host, paths, deadline)
}

fn may_ask(host: &dyn Host) -> bool {
    let status: Option<Status> = parsed(host, "/proc/self/status");
    status.is_none_or(|status| status.capeff & NET_ADMIN != 0)
}

fn write_rules(out: &mut Output<'_>) -> Result<(), CollectError> {
    let commands = firewall::commands(out.host());
    if !commands.is_empty() && !may_ask(out.host()) {
        out.failed("firewall rules", &io::ErrorKind::PermissionDenied.into());
        return Ok(());
    }
    for (entry, command) in commands {
        out.command(entry, &command)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle,
        testkit::{FakeHost, Trial},
    };

    #[test]
    fn rules_and_files_of_a_loaded_firewall_are_collected() {
        let host = FakeHost::new()
            .file("/proc/modules", "nf_tables 311296 0 - Live 0x0\n")
            .command("nft list ruleset", "table inet filter {}\n")
            .file("/etc/ufw/ufw.conf", "ENABLED=yes\n")
            .file("/etc/firewalld/zones/public.xml", "<zone/>\n")
            .file("/proc/sys/net/netfilter/nf_conntrack_count", "7\n");
        let collected = Trial::of(Firewall::default()).on(host);
        assert_eq!(collected.text("nftables.txt"), "table inet filter {}\n");
        assert_eq!(collected.text("/etc/ufw/ufw.conf"), "ENABLED=yes\n");
        assert_eq!(collected.text("/etc/firewalld/zones/public.xml"), "<zone/>\n");
        let summary: serde_json::Value =
            serde_json::from_str(collected.text("summary.json")).unwrap();
        assert_eq!(summary["frameworks"], json!(["nf_tables"]));
        assert_eq!(summary["configured"], json!(["firewalld", "ufw"]));
        assert_eq!(summary["tracked-connections"], 7);
        assert_eq!(collected.status(), bundle::Status::Complete);
    }

    #[test]
    fn a_host_without_a_firewall_is_quiet_and_refused_files_are_named() {
        let collected = Trial::of(Firewall::default()).on(FakeHost::new());
        assert_eq!(collected.status(), bundle::Status::Absent);
        let host = FakeHost::new().denied("/etc/firewalld").file("/etc/firewalld/x.xml", "");
        let collected = Trial::of(Firewall::default()).on(host);
        assert!(collected.notes().iter().any(|note| note.starts_with("Denied /etc/firewalld")));
    }
}
