//! Hosts that are the same wherever one looks: everything is refused, or everything is there and
//! holds the same bytes.

use crate::host::{FileInfo, FileKind, Interface, Traffic, Usage};
use std::{
    ffi::OsStr,
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// What every folder of a filled host holds: names of the kinds that `/proc`, `/sys` and `/etc` have,
/// and some that they should not.
const NAMES: [&[u8]; 12] = [
    b"-",
    b"0",
    b"1",
    b"18446744073709551616",
    b"a.conf",
    b"a.service",
    b"cpu0",
    b"eth0",
    b"lo",
    b"nvme0n1",
    b"sda",
    b"x\xff\x1b[2J",
];

/// So often folders lie in each other: a host is not without end.
const NESTED: usize = 2;

/// What is everywhere.
#[derive(Debug)]
pub(super) enum Odd {
    /// Nothing may be looked at.
    Refusing,
    /// Whatever is looked for is there, and holds these bytes.
    Filled(Vec<u8>),
}

impl Odd {
    pub(super) fn info(&self, path: &Path) -> io::Result<FileInfo> {
        let len = self.bytes()?.len() as u64;
        let is_folder = nested(path) > 0 && path.extension().is_none();
        let kind = if is_folder { FileKind::Directory } else { FileKind::Regular };
        let inode = path
            .as_os_str()
            .as_bytes()
            .iter()
            .fold(7_u64, |number, byte| number.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        Ok(FileInfo {
            kind,
            len,
            modified: None,
            allocated: len,
            id: (1, inode),
            mode: 0o644,
            special: None,
            user: u32::MAX,
            group: u32::MAX,
            links: u64::MAX,
            changed: None,
            accessed: None,
        })
    }

    pub(super) fn link(&self) -> io::Result<PathBuf> {
        self.bytes().map(|_| PathBuf::from("../socket:[18446744073709551616]"))
    }

    pub(super) fn entries(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.bytes()?;
        let names = if nested(dir) < NESTED { &NAMES[..] } else { &[] };
        Ok(names.iter().map(|name| dir.join(OsStr::from_bytes(name))).collect())
    }

    /// What a file, the kernel's log or a command has to say.
    pub(super) fn bytes(&self) -> io::Result<&[u8]> {
        match self {
            Self::Refusing => Err(io::ErrorKind::PermissionDenied.into()),
            Self::Filled(bytes) => Ok(bytes),
        }
    }

    pub(super) fn usage(&self) -> io::Result<Usage> {
        self.bytes()?;
        let most = u64::MAX;
        // More is free than there is.
        Ok(Usage { size: 1, free: most, available: most, inodes: 1, inodes_free: most })
    }

    pub(super) fn interfaces(&self) -> Vec<Interface> {
        let Self::Filled(bytes) = self else { return Vec::new() };
        let text: String = String::from_utf8_lossy(bytes).chars().take(40).collect();
        let traffic = Traffic { bytes: u64::MAX, packets: u64::MAX, errors: u64::MAX };
        vec![Interface {
            name: text.clone(),
            mac: text.clone(),
            addresses: vec![text],
            mtu: u64::MAX,
            received: traffic,
            sent: traffic,
        }]
    }
}

/// How many parts of a path only a filled host has.
fn nested(path: &Path) -> usize {
    path.iter().filter(|name| NAMES.contains(&name.as_bytes())).count()
}
