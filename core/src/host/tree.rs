//! A host of which only a copy of its files is here: an unpacked report, a mounted disk.

use super::{
    CommandLine, Connection, Deadline, Endpoint, FileInfo, Host, HostFile, Interface, NetworkTable,
    NetworkTables, Process, Usage, file,
};
use jiff::{Timestamp, tz::TimeZone};
use rustix::io::Errno;
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    net::{IpAddr, Ipv6Addr},
    path::{Component, Path, PathBuf},
    time::{Duration, Instant},
};

/// As many links as the kernel follows: `path_resolution(7)`.
const LINKS: usize = 40;

/// A host whose files lie below a folder. Nothing can be run there.
///
/// Every path is meant from that folder, and a symbolic link is resolved in it, as after `chroot(2)`:
/// none leads out of it. The tree must not be changed by somebody else at the same time.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    started: Instant,
}

impl Tree {
    /// The host whose `/` is this folder.
    ///
    /// # Errors
    ///
    /// The folder is not there, cannot be reached, or is no folder.
    pub fn new(root: &Path) -> io::Result<Self> {
        let root = fs::canonicalize(root)?;
        if !fs::metadata(&root)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { root, started: Instant::now() })
    }

    /// Where a path of that host is on this one.
    fn place(&self, path: &Path) -> PathBuf {
        path.strip_prefix("/").map_or_else(|_| self.root.clone(), |below| self.root.join(below))
    }

    /// Resolves the links of a path; the last part is not followed unless it is asked for.
    fn follow(&self, path: &Path, follow_last: bool) -> io::Result<PathBuf> {
        let mut left = parts(path);
        let mut resolved = PathBuf::from("/");
        let mut links = 0;
        while let Some(part) = left.pop() {
            if part == Path::new("..") {
                resolved.pop();
                continue;
            }
            resolved.push(part);
            if left.is_empty() && !follow_last {
                break;
            }
            let Ok(target) = fs::read_link(self.place(&resolved)) else {
                continue;
            };
            links += 1;
            if links > LINKS {
                return Err(Errno::LOOP.into());
            }
            resolved.pop();
            if target.is_absolute() {
                resolved = PathBuf::from("/");
            }
            left.extend(parts(&target));
        }
        Ok(resolved)
    }

    /// The place on this host of a path whose parents may be links.
    fn find(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(self.place(&self.follow(path, false)?))
    }

    /// The text of a small file, if it is there.
    fn text(&self, path: &str) -> Option<String> {
        let mut text = String::new();
        let opened = self.canonical(Path::new(path)).and_then(|path| self.open(&path));
        opened.ok()?.take(1 << 20).read_to_string(&mut text).ok()?;
        Some(text)
    }
}

impl Host for Tree {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// The zone that `/etc/localtime` is a link to; UTC if it is none.
    fn zone(&self) -> TimeZone {
        let target = self.link(Path::new("/etc/localtime")).unwrap_or_default();
        let target = target.to_string_lossy();
        let name = target.split_once("zoneinfo/").map(|(_, name)| name);
        name.and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC)
    }

    fn info(&self, path: &Path) -> io::Result<FileInfo> {
        fs::symlink_metadata(self.find(path)?).map(|metadata| file::info(&metadata))
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        let path = self.follow(path, true)?;
        fs::symlink_metadata(self.place(&path))?;
        Ok(path)
    }

    fn link(&self, path: &Path) -> io::Result<PathBuf> {
        fs::read_link(self.find(path)?)
    }

    fn entries(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let place = self.place(&self.follow(dir, true)?);
        let mut paths = fs::read_dir(place)?
            .map(|entry| entry.map(|entry| dir.join(entry.file_name())))
            .collect::<io::Result<Vec<_>>>()?;
        paths.sort();
        Ok(paths)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn HostFile>> {
        Ok(Box::new(file::open(&self.find(path)?)?))
    }

    fn kernel_log(&self) -> io::Result<Box<dyn Read + Send>> {
        Err(unsupported("the kernel's log"))
    }

    fn usage(&self, _: &Path) -> io::Result<Usage> {
        Err(unsupported("the use of a file system"))
    }

    /// The interfaces that `/sys/class/net` and `/proc/net` of the tree tell of: with hardware
    /// address and IPv6 addresses, without IPv4 ones and counters.
    fn interfaces(&self) -> Vec<Interface> {
        let mut found: BTreeMap<String, Interface> = BTreeMap::new();
        for path in self.entries(Path::new("/sys/class/net")).unwrap_or_default() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let said = |what| self.text(&format!("/sys/class/net/{name}/{what}"));
            let mac = said("address").unwrap_or_default().trim().to_owned();
            let mtu = said("mtu").and_then(|mtu| mtu.trim().parse().ok()).unwrap_or(0);
            found.insert(name.clone(), Interface { name, mac, mtu, ..Interface::default() });
        }
        for line in self.text("/proc/net/if_inet6").unwrap_or_default().lines() {
            if let Some((name, address)) = address_of(line) {
                let interface = found
                    .entry(name.to_owned())
                    .or_insert_with(|| Interface { name: name.to_owned(), ..Interface::default() });
                interface.addresses.push(address);
            }
        }
        found.into_values().collect()
    }

    fn network(&self, _: NetworkTable) -> io::Result<NetworkTables> {
        Err(unsupported("the kernel's network tables"))
    }

    fn spawn(&self, _: &CommandLine, _: &Deadline) -> io::Result<Box<dyn Process>> {
        Err(unsupported("what a command says"))
    }

    fn connect(&self, _: &Endpoint, _: &Deadline) -> io::Result<Box<dyn Connection>> {
        Err(unsupported("what a service says"))
    }

    fn resolve(&self, _: &str, _: &Deadline) -> io::Result<Vec<IpAddr>> {
        Err(unsupported("what its resolver says"))
    }
}

fn unsupported(what: &str) -> io::Error {
    let text = format!("{what} cannot be had from a copy of a host's files");
    io::Error::new(io::ErrorKind::Unsupported, text)
}

/// The name and the address in a line of `/proc/net/if_inet6`: address, index, length of the prefix,
/// scope and flags, all in hexadecimal, and the name.
fn address_of(line: &str) -> Option<(&str, String)> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let &[address, _, prefix, _, _, name] = fields.as_slice() else {
        return None;
    };
    let address = Ipv6Addr::from_bits(u128::from_str_radix(address, 16).ok()?);
    let prefix = u8::from_str_radix(prefix, 16).ok()?;
    Some((name, format!("{address}/{prefix}")))
}

/// The parts of a path, the first at the end.
fn parts(path: &Path) -> Vec<PathBuf> {
    let parts = path.components().rev().filter(|part| match part {
        Component::Normal(_) | Component::ParentDir => true,
        Component::RootDir | Component::CurDir | Component::Prefix(_) => false,
    });
    parts.map(|part| PathBuf::from(part.as_os_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::FileKind;
    use std::{os::unix::fs::symlink, sync::Arc};
    use tempfile::TempDir;

    fn tree(files: &[(&str, &str)]) -> (TempDir, Tree) {
        let outer = tempfile::tempdir().unwrap();
        fs::write(outer.path().join("outside"), "of another host").unwrap();
        let root = outer.path().join("root");
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let tree = Tree::new(&root).unwrap();
        (outer, tree)
    }

    fn read(tree: &Tree, path: &str) -> io::Result<String> {
        let path = tree.canonical(Path::new(path))?;
        let mut text = String::new();
        tree.open(&path)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn paths_are_meant_from_its_root_and_given_as_that_host_has_them() {
        let (_outer, tree) = tree(&[("etc/hostname", "till-7\n"), ("etc/hosts", "")]);
        assert_eq!(read(&tree, "/etc/hostname").unwrap(), "till-7\n");
        let entries = tree.entries(Path::new("/etc")).unwrap();
        assert_eq!(entries, ["/etc/hostname", "/etc/hosts"].map(PathBuf::from));
        assert_eq!(tree.info(Path::new("/etc")).unwrap().kind, FileKind::Directory);
        assert_eq!(tree.entries(Path::new("/")).unwrap(), [PathBuf::from("/etc")]);
    }

    #[test]
    fn no_link_leads_out_of_it() {
        let (outer, tree) = tree(&[("etc/hostname", "till-7"), ("outside", "of this host")]);
        let root = outer.path().join("root");
        symlink("/etc/hostname", root.join("absolute")).unwrap();
        symlink("../../../outside", root.join("upwards")).unwrap();
        symlink(outer.path(), root.join("away")).unwrap();
        symlink("/etc", root.join("config")).unwrap();
        symlink("round", root.join("round")).unwrap();
        assert_eq!(read(&tree, "/absolute").unwrap(), "till-7");
        assert_eq!(read(&tree, "/config/hostname").unwrap(), "till-7");
        assert_eq!(read(&tree, "/upwards").unwrap(), "of this host");
        assert_eq!(read(&tree, "/../outside").unwrap(), "of this host");
        assert!(read(&tree, "/away/outside").is_err());
        assert!(read(&tree, "/round").is_err());
        assert_eq!(tree.link(Path::new("/absolute")).unwrap(), Path::new("/etc/hostname"));
        assert_eq!(tree.info(Path::new("/away")).unwrap().kind, FileKind::Link);
        assert!(tree.open(Path::new("/absolute")).is_err(), "a link is not opened as such");
    }

    #[test]
    fn its_zone_and_interfaces_are_those_of_the_copy() {
        let (outer, tree) = tree(&[
            ("sys/class/net/eth0/address", "02:00:00:00:00:07\n"),
            ("sys/class/net/eth0/mtu", "1500\n"),
            ("proc/net/if_inet6", "20010db8000000000000000000000007 02 40 00 80     eth0\nodd\n"),
        ]);
        fs::create_dir_all(outer.path().join("root/etc")).unwrap();
        let localtime = outer.path().join("root/etc/localtime");
        symlink("../usr/share/zoneinfo/No/Such", localtime).unwrap();
        assert_eq!(tree.zone(), TimeZone::UTC);
        let [eth0] = &tree.interfaces()[..] else { panic!("{:?}", tree.interfaces()) };
        assert_eq!((eth0.name.as_str(), eth0.mac.as_str()), ("eth0", "02:00:00:00:00:07"));
        assert_eq!((eth0.mtu, &eth0.addresses[..]), (1500, &["2001:db8::7/64".to_owned()][..]));
    }

    #[test]
    fn what_only_a_running_host_knows_is_unsupported() {
        let (_outer, tree) = tree(&[("etc/hostname", "x")]);
        let deadline = Deadline::after(Duration::from_secs(1), Arc::default());
        let error = tree.spawn(&CommandLine::new(["true"]), &deadline).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        let socket = Endpoint::Unix("/run/service.sock".into());
        let error = tree.connect(&socket, &deadline).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        let error = tree.resolve("example.com", &deadline).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert_eq!(tree.kernel_log().err().unwrap().kind(), io::ErrorKind::Unsupported);
        assert_eq!(tree.usage(Path::new("/")).unwrap_err().kind(), io::ErrorKind::Unsupported);
        assert!(Tree::new(Path::new("/no/such/folder")).is_err());
    }
}
