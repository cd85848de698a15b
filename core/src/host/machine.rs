//! The host this process runs on: the one place in core that touches a real host.

use super::{
    CommandLine, Connection, Deadline, Endpoint, FileInfo, Host, HostFile, Interface, NetworkTable,
    NetworkTables, Process, Traffic, Usage, connection, file, kernel_log, netlink, process,
};
use jiff::{Timestamp, tz::TimeZone};
use std::{
    fs,
    io::{self, Read},
    net::IpAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use sysinfo::{NetworkData, Networks};

/// The host this process runs on.
#[derive(Debug)]
pub struct Machine {
    started: Instant,
}

impl Machine {
    /// This host.
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Host for Machine {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    fn zone(&self) -> TimeZone {
        TimeZone::system()
    }

    fn info(&self, path: &Path) -> io::Result<FileInfo> {
        fs::symlink_metadata(path).map(|metadata| file::info(&metadata))
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn link(&self, path: &Path) -> io::Result<PathBuf> {
        fs::read_link(path)
    }

    fn entries(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let mut paths = fs::read_dir(dir)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<Vec<_>>>()?;
        paths.sort();
        Ok(paths)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn HostFile>> {
        Ok(Box::new(file::open(path)?))
    }

    fn kernel_log(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(kernel_log::open()?))
    }

    fn usage(&self, path: &Path) -> io::Result<Usage> {
        let found = rustix::fs::statvfs(path)?;
        Ok(Usage {
            size: found.f_blocks.saturating_mul(found.f_frsize),
            free: found.f_bfree.saturating_mul(found.f_frsize),
            available: found.f_bavail.saturating_mul(found.f_frsize),
            inodes: found.f_files,
            inodes_free: found.f_ffree,
        })
    }

    fn interfaces(&self) -> Vec<Interface> {
        // A host that will not tell has none to show.
        let Ok(networks) = Networks::new_with_refreshed_list() else {
            return Vec::new();
        };
        let mut interfaces: Vec<_> = networks
            .iter()
            .map(|(name, data)| interface(name.to_string_lossy().into_owned(), data))
            .collect();
        interfaces.sort_by(|left, right| left.name.cmp(&right.name));
        interfaces
    }

    fn network(&self, table: NetworkTable) -> io::Result<NetworkTables> {
        netlink::ask(table)
    }

    fn spawn(&self, command: &CommandLine, deadline: &Deadline) -> io::Result<Box<dyn Process>> {
        Ok(Box::new(process::spawn(command, deadline)?))
    }

    fn connect(&self, to: &Endpoint, deadline: &Deadline) -> io::Result<Box<dyn Connection>> {
        Ok(Box::new(connection::open(to, deadline)?))
    }

    fn resolve(&self, name: &str, deadline: &Deadline) -> io::Result<Vec<IpAddr>> {
        connection::resolve(name, deadline)
    }
}

fn interface(name: String, data: &NetworkData) -> Interface {
    let mut addresses: Vec<_> = data.ip_networks().to_vec();
    addresses.sort_unstable();
    Interface {
        name,
        mac: data.mac_address().to_string(),
        addresses: addresses.iter().map(ToString::to_string).collect(),
        mtu: data.mtu(),
        received: Traffic {
            bytes: data.total_received(),
            packets: data.total_packets_received(),
            errors: data.total_errors_on_received(),
        },
        sent: Traffic {
            bytes: data.total_transmitted(),
            packets: data.total_packets_transmitted(),
            errors: data.total_errors_on_transmitted(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::FileKind;

    #[test]
    fn a_link_is_seen_as_a_link_and_resolved_on_request() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        fs::write(root.join("log"), "x").unwrap();
        std::os::unix::fs::symlink("log", root.join("current")).unwrap();
        let machine = Machine::new();
        let link = root.join("current");
        assert_eq!(machine.info(&link).unwrap().kind, FileKind::Link);
        assert_eq!(machine.link(&link).unwrap(), Path::new("log"));
        assert_eq!(machine.canonical(&link).unwrap(), root.join("log"));
    }

    #[test]
    fn the_entries_of_a_directory_come_in_order() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["c", "a", "b"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(
            Machine::new().entries(dir.path()).unwrap(),
            ["a", "b", "c"].map(|name| dir.path().join(name))
        );
    }

    #[test]
    fn the_file_system_of_the_temporary_directory_has_a_size() {
        let usage = Machine::new().usage(&std::env::temp_dir()).unwrap();
        assert!(usage.size > 0 && usage.free <= usage.size, "{usage:?}");
    }

    #[test]
    fn the_loopback_interface_is_found() {
        let interfaces = Machine::new().interfaces();
        let loopback = interfaces.iter().find(|interface| interface.name == "lo");
        let loopback = loopback.expect("every Linux host has one");
        assert!(loopback.mtu > 0, "{loopback:?}");
        assert!(interfaces.is_sorted_by_key(|interface| &interface.name));
    }

    #[test]
    fn the_kernel_log_has_an_end_where_it_may_be_read() {
        let mut text = Vec::new();
        match Machine::new().kernel_log() {
            Ok(mut log) => log.read_to_end(&mut text).unwrap(),
            Err(error) => {
                let known = [io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied];
                assert!(known.contains(&error.kind()), "{error}");
                return;
            }
        };
        for line in String::from_utf8_lossy(&text).lines() {
            assert!(line.contains(';') && !line.starts_with(' '), "{line}");
        }
    }
}
