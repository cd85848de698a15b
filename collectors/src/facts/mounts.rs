//! Which file systems are mounted, and which of them may never answer.

use procfs::process::MountInfo;
use std::{collections::BTreeSet, path::PathBuf};

/// File systems that hold no data, or not their own.
const PSEUDO: [&str; 27] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fuse.gvfsd-fuse",
    "fuse.lxcfs",
    "fuse.portal",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nfsd",
    "nsfs",
    "proc",
    "pstore",
    "ramfs",
    "rootfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "sysfs",
    "tracefs",
];

/// File systems behind a network or a program, which may never answer. `fuse.` stands for all that
/// begin with it.
const REMOTE: [&str; 14] = [
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "fuse.",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "smb3",
];

/// A file system that is mounted.
pub(crate) struct Mount {
    pub(crate) point: PathBuf,
    pub(crate) kind: String,
    pub(crate) source: String,
    pub(crate) read_only: bool,
    pub(crate) remote: bool,
}

/// The mounts that hold data, each file system once, at its first mount point.
pub(crate) fn mounts(table: &str) -> Vec<Mount> {
    let mut seen = BTreeSet::new();
    let mut mounts: Vec<Mount> = Vec::new();
    for line in table.lines() {
        let Ok(mount) = MountInfo::from_line(line) else {
            continue;
        };
        if PSEUDO.contains(&mount.fs_type.as_str()) || !seen.insert(mount.majmin.clone()) {
            continue;
        }
        let point = PathBuf::from(unescaped(&mount.mount_point.to_string_lossy()));
        let is_remote = REMOTE.contains(&mount.fs_type.as_str())
            || mount.fs_type.starts_with("fuse.")
            // The way to what is mounted inside of a remote file system leads through it.
            || mounts.iter().any(|outer| outer.remote && point.starts_with(&outer.point));
        mounts.push(Mount {
            point,
            remote: is_remote,
            kind: mount.fs_type,
            source: unescaped(&mount.mount_source.unwrap_or_default()),
            read_only: mount.mount_options.contains_key("ro")
                || mount.super_options.contains_key("ro"),
        });
    }
    mounts
}

/// Undoes the octal escapes of mountinfo: space, tab, line break and backslash.
fn unescaped(text: &str) -> String {
    let text = text.replace(r"\040", " ").replace(r"\011", "\t");
    text.replace(r"\012", "\n").replace(r"\134", r"\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_system_with_data_is_listed_once() {
        let mounts = mounts(
            "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
             22 21 0:20 / /proc rw - proc proc rw\n\
             23 21 8:1 /srv /mnt/same rw - ext4 /dev/sda1 rw\n\
             not a mount\n\
             24 21 7:0 / /mnt/my\\040disk ro - iso9660 /dev/loop0 ro\n",
        );
        let seen: Vec<_> = mounts
            .iter()
            .map(|mount| (mount.point.to_str().unwrap(), mount.read_only, mount.remote))
            .collect();
        assert_eq!(seen, [("/", false, false), ("/mnt/my disk", true, false)]);
    }

    #[test]
    fn what_lies_beyond_a_remote_file_system_counts_as_remote() {
        let mounts = mounts(
            "30 1 0:50 / /net rw - nfs4 server.example.com:/export rw\n\
             31 30 8:2 / /net/inner rw - xfs /dev/sdb rw\n\
             32 1 0:51 / /network rw - tmpfs tmpfs rw\n\
             33 1 0:52 / /home/key rw - fuse.sshfs host.example.com: rw\n",
        );
        let remote: Vec<_> = mounts.iter().map(|mount| mount.remote).collect();
        assert_eq!(remote, [true, true, false, true]);
    }
}
