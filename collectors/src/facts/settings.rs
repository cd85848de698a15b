//! The kernel's settings, as `sysctl -a` would list them.

use super::{
    kernel_files::{bytes, children, name},
    refusals::is_refused,
};
use collect_core::host::{Deadline, FileKind, Host};
use std::{
    collections::BTreeMap,
    fmt::Write,
    io::ErrorKind,
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

/// Settings by their keys. A key is that of `sysctl(8)`: the path below `/proc/sys` with dots; a dot
/// in a part of it, as in the name of a VLAN's interface, is written as a slash.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// Nothing where reading is refused. Each line has single spaces between its words.
    pub(crate) values: BTreeMap<String, Option<String>>,
}

impl Settings {
    /// Every setting that is there to be read. A host with thousands of interfaces has a million of
    /// them, hence the deadline.
    pub(crate) fn read(host: &dyn Host, deadline: &Deadline) -> Self {
        let mut settings = Self::default();
        walk(host, deadline, |path| match bytes(host, path) {
            Ok(value) => {
                let value = String::from_utf8_lossy(&value);
                let lines = value.trim_end().split('\n');
                let lines = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
                let value = lines.collect::<Vec<_>>().join("\n");
                settings.values.insert(key(path), Some(value));
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                settings.values.insert(key(path), None);
            }
            Err(_) => {}
        });
        settings
    }

    /// As `sysctl -a` writes them: `key = value`, with a line for each line of a value.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (key, value) in &self.values {
            for line in value.iter().flat_map(|value| value.split('\n')) {
                writeln!(text, "{key} = {line}").expect("a String takes every write");
            }
        }
        text
    }

    /// The keys of those that are refused.
    pub(crate) fn refused(&self) -> Vec<String> {
        let refused = self.values.iter().filter(|(_, value)| value.is_none());
        refused.map(|(key, _)| key.clone()).collect()
    }
}

/// How many settings are refused, without reading any.
pub(crate) fn refused(host: &dyn Host, deadline: &Deadline) -> usize {
    let mut refused = 0;
    walk(host, deadline, |path| refused += usize::from(is_refused(host, path)));
    refused
}

/// Every setting that somebody may read.
fn walk(host: &dyn Host, deadline: &Deadline, mut visit: impl FnMut(&Path)) {
    let mut folders = vec![PathBuf::from("/proc/sys")];
    while let Some(folder) = folders.pop()
        && !deadline.passed()
    {
        for path in children(host, folder) {
            match host.info(&path) {
                _ if LEFT_ALONE.contains(&name(&path).as_str()) => {}
                Ok(info) if info.kind == FileKind::Directory => folders.push(path),
                Ok(info) if info.kind == FileKind::Regular && info.mode & 0o444 != 0 => {
                    visit(&path);
                }
                _ => {}
            }
        }
    }
}

fn key(path: &Path) -> String {
    let parts = path.strip_prefix("/proc/sys").unwrap_or(path).iter();
    let parts: Vec<_> = parts.map(|part| part.to_string_lossy().replace('.', "/")).collect();
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;
    use std::{sync::Arc, time::Duration};

    fn all(host: &dyn Host) -> Settings {
        Settings::read(host, &Deadline::after(Duration::from_mins(1), Arc::default()))
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
            all(&host).text(),
            "dev.cdrom.info = drive name: sr0\n\
             dev.cdrom.info = \n\
             dev.cdrom.info = speed: 4\n\
             kernel.domainname = \n\
             kernel.printk = 4 4 1 7\n\
             net.ipv4.conf.eth0/7.forwarding = 1\n\
             vm.swappiness = 60\n"
        );
        assert_eq!(all(&host).refused(), ["kernel.cad_pid"]);
    }

    #[test]
    fn keys_are_not_read_and_no_module_is_loaded() {
        let host = FakeHost::new()
            .panics("/proc/sys/net/ipv4/tcp_fastopen_key")
            .panics("/proc/sys/net/ipv6/conf/eth0/stable_secret")
            .panics("/proc/sys/fs/binfmt_misc/status")
            .panics("/proc/sys/vm/stat_refresh");
        assert_eq!(all(&host).text(), "");
    }
}
