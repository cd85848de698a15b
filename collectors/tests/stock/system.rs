//! The collectors of the system itself, held to the tools of util-linux, procps, kmod and systemd.

use crate::kit::{collected, json, stock};
use std::collections::BTreeMap;

/// Settings that count: they are other ones at every look.
fn moves(key: &str) -> bool {
    let ends =
        [".dentry-state", ".inode-nr", ".inode-state", ".file-nr", ".ns_last_pid", ".pty.nr"];
    key.starts_with("kernel.random.")
        || key.starts_with("kernel.sched_domain.")
        || key == "fs.aio-nr"
        || key == "fs.quota.syncs"
        || key == "net.netfilter.nf_conntrack_count"
        || ends.iter().any(|end| key.ends_with(end))
}

#[test]
fn settings_are_what_sysctl_says() {
    let Some(listed) = stock(&["sysctl", "-a"]) else {
        return;
    };
    let mut expected = BTreeMap::<&str, Vec<String>>::new();
    for line in listed.lines() {
        let (key, value) = line.split_once('=').expect("key = value");
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        expected.entry(key.trim()).or_default().push(value);
    }
    let settings = json(&collected("sysctl", ""), "sysctl.json");
    assert!(expected.len() > 200, "{}", expected.len());
    let left_alone = [
        "stable_secret",
        "tcp_fastopen_key",
        "uuid",
        "base_reachable_time",
        "retrans_time",
        "stat_refresh",
    ];
    for (key, lines) in expected {
        if left_alone.iter().any(|name| key.ends_with(&format!(".{name}"))) {
            assert!(settings.get(key).is_none(), "{key}");
        } else if moves(key) {
            assert!(settings[key].is_string(), "{key}");
        } else {
            let found = settings[key].as_str().unwrap_or_else(|| panic!("no {key}"));
            let found: Vec<_> = found.split('\n').filter(|line| !line.is_empty()).collect();
            let lines: Vec<_> = lines.iter().filter(|line| !line.is_empty()).collect();
            assert_eq!(found, lines, "{key}");
        }
    }
}
