//! The firewall: its rules, and the files they come from.

use crate::facts::{
    firewall,
    kernel_files::{exists, number, parsed},
};
use collect_core::{
    CollectError, Collector, Output, Window,
    host::{FileKind, Host},
};
use procfs::process::Status;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use std::{io, path::PathBuf};

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
        let files = FRONT_ENDS.iter().flat_map(|(.., paths)| paths.iter());
        let files: Vec<PathBuf> = files.flat_map(|path| below(host, PathBuf::from(path))).collect();
        files.into_iter().try_for_each(|path| out.file(path))
    }

    fn refused(&self, host: &dyn Host, _: &Window) -> Vec<String> {
        let asked = !firewall::commands(host).is_empty();
        (asked && !may_ask(host)).then(|| "firewall rules".to_owned()).into_iter().collect()
    }
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

/// A file, or the files of a folder and of those in it, three deep: as deep as firewalld nests them.
fn below(host: &dyn Host, path: PathBuf) -> Vec<PathBuf> {
    fn walk(host: &dyn Host, path: PathBuf, depth: usize, files: &mut Vec<PathBuf>) {
        match host.info(&path) {
            Ok(info) if info.kind == FileKind::Directory && depth > 0 => {
                match host.entries(&path) {
                    Ok(paths) => {
                        for path in paths {
                            walk(host, path, depth - 1, files);
                        }
                    }
                    // Named, so that it is noted.
                    Err(_) => files.push(path),
                }
            }
            Ok(info) if info.kind == FileKind::Regular => files.push(path),
            _ => {}
        }
    }
    let mut files = Vec::new();
    walk(host, path, 3, &mut files);
    files
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
        assert!(collected.notes().iter().any(|note| note.contains("/etc/firewalld")));
    }
}
