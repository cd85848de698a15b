//! The kernel's settings, as `sysctl -a` would list them.

use super::kernel_files::{bytes, children, name};
use collect_core::host::{Deadline, FileKind, Host};
use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

/// Settings that are not read.
const LEFT_ALONE: [&str; 7] = [
    // Keys.
    "stable_secret",
    "tcp_fastopen_key",
    // Looking into it makes the automounter load a module.
    "binfmt_misc",
    // Reading makes every processor fold its counters, and waits for it.
    "stat_refresh",
    // Reading makes the kernel log that they are deprecated.
    "base_reachable_time",
    "retrans_time",
    // Another value each time.
    "uuid",
];

/// Every readable setting below `/proc/sys`, as `key = value`, sorted. A host with thousands of
/// interfaces has a million of them, hence the deadline.
pub(crate) fn settings(host: &dyn Host, deadline: &Deadline) -> String {
    let mut settings = Vec::new();
    let mut folders = vec![PathBuf::from("/proc/sys")];
    while let Some(folder) = folders.pop()
        && !deadline.passed()
    {
        for path in children(host, folder) {
            match host.info(&path) {
                _ if LEFT_ALONE.contains(&name(&path).as_str()) => {}
                Ok(info) if info.kind == FileKind::Directory => folders.push(path),
                Ok(info) if info.kind == FileKind::Regular && info.mode & 0o444 != 0 => {
                    settings.extend(setting(host, &path));
                }
                _ => {}
            }
        }
    }
    settings.sort();
    settings.concat()
}

/// One setting in the notation of `sysctl(8)`; one line for each line of its value.
fn setting(host: &dyn Host, path: &Path) -> Option<String> {
    let value = bytes(host, path).ok()?;
    let value = String::from_utf8_lossy(&value);
    let parts = path.strip_prefix("/proc/sys").ok()?.iter();
    // A dot in a part, as in the name of a VLAN's interface, is written as a slash.
    let parts: Vec<_> = parts.map(|part| part.to_string_lossy().replace('.', "/")).collect();
    let key = parts.join(".");
    let mut lines = String::new();
    for line in value.trim_end().split('\n') {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        writeln!(lines, "{key} = {line}").expect("a String takes every write");
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;
    use std::{sync::Arc, time::Duration};

    fn all(host: &dyn Host) -> String {
        settings(host, &Deadline::after(Duration::from_mins(1), Arc::default()))
    }

    #[test]
    fn settings_are_sorted_and_written_as_sysctl_does() {
        let host = FakeHost::new()
            .file("/proc/sys/vm/swappiness", "60\n")
            .file("/proc/sys/kernel/printk", "4\t4\t1\t7\n")
            .file("/proc/sys/dev/cdrom/info", "drive name:\tsr0\n\nspeed:\t4\n")
            .file("/proc/sys/net/ipv4/conf/eth0.7/forwarding", "1\n")
            .file("/proc/sys/kernel/domainname", "\n")
            .denied("/proc/sys/kernel/cad_pid");
        assert_eq!(
            all(&host),
            "dev.cdrom.info = drive name: sr0\n\
             dev.cdrom.info = \n\
             dev.cdrom.info = speed: 4\n\
             kernel.domainname = \n\
             kernel.printk = 4 4 1 7\n\
             net.ipv4.conf.eth0/7.forwarding = 1\n\
             vm.swappiness = 60\n"
        );
    }

    #[test]
    fn keys_are_not_read_and_no_module_is_loaded() {
        let host = FakeHost::new()
            .panics("/proc/sys/net/ipv4/tcp_fastopen_key")
            .panics("/proc/sys/net/ipv6/conf/eth0/stable_secret")
            .panics("/proc/sys/fs/binfmt_misc/status")
            .panics("/proc/sys/vm/stat_refresh");
        assert_eq!(all(&host), "");
    }
}
