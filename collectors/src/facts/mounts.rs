//! Which file systems are mounted, and which of them may never answer.

use serde::Serialize;
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

/// A file system that is mounted (`proc_pid_mountinfo(5)`).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Mount {
    /// Where.
    #[serde(rename = "target")]
    pub(crate) point: PathBuf,
    /// What: a device, an export, or any word.
    pub(crate) source: String,
    /// Its type.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) read_only: bool,
    /// Whether it may never answer.
    pub(crate) remote: bool,
    /// The options of this mount.
    pub(crate) options: String,
    /// The options of the file system, whichever of its mounts is looked at.
    pub(crate) file_system_options: String,
    /// What of the file system is mounted: `/` if all of it is.
    pub(crate) root: String,
    /// Major and minor number of the device.
    pub(crate) device: String,
    pub(crate) id: u64,
    pub(crate) parent: u64,
    /// How mounts below it spread: `shared:1`, `master:2`.
    pub(crate) propagation: Vec<String>,
}

impl Mount {
    fn from_line(line: &str) -> Option<Self> {
        // Fields may be empty, so a space separates, not white space.
        let (about, system) = line.split_once(" - ")?;
        let mut about = about.split(' ');
        let id = about.next()?.parse().ok()?;
        let parent = about.next()?.parse().ok()?;
        let device = about.next()?.to_owned();
        let root = unescaped(about.next()?);
        let point = PathBuf::from(unescaped(about.next()?));
        let options = about.next()?.to_owned();
        let propagation = about.filter(|field| !field.is_empty()).map(str::to_owned).collect();
        let mut system = system.split(' ');
        let kind = system.next()?.to_owned();
        let source = unescaped(system.next()?);
        let file_system_options = unescaped(system.next().unwrap_or_default());
        let is_set = |options: &str| options.split(',').any(|option| option == "ro");
        Some(Self {
            read_only: is_set(&options) || is_set(&file_system_options),
            remote: REMOTE.contains(&kind.as_str()) || kind.starts_with("fuse."),
            point,
            source,
            kind,
            options,
            file_system_options,
            root,
            device,
            id,
            parent,
            propagation,
        })
    }
}

/// Every mount of this table, in the order of mounting.
pub(crate) fn all_mounts(table: &str) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    let mut remote: Vec<PathBuf> = Vec::new();
    for mut mount in table.lines().filter_map(Mount::from_line) {
        // The way to what is mounted inside of a remote file system leads through it.
        mount.remote |= remote.iter().any(|outer| mount.point.starts_with(outer));
        if mount.remote {
            remote.push(mount.point.clone());
        }
        mounts.push(mount);
    }
    mounts
}

/// The mounts that hold data, each file system once, at its first mount point.
pub(crate) fn with_data(mounts: &[Mount]) -> Vec<&Mount> {
    let mut seen = BTreeSet::new();
    let mounts = mounts.iter();
    let mounts = mounts.filter(|mount| {
        !PSEUDO.contains(&mount.kind.as_str()) && seen.insert(mount.device.as_str())
    });
    mounts.collect()
}

/// Whether another mount lies on top of this one, so that its path leads there.
pub(crate) fn is_covered(mount: &Mount, mounts: &[Mount]) -> bool {
    mounts.iter().any(|other| other.parent == mount.id && other.point == mount.point)
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
        let all = all_mounts(
            "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
             22 21 0:20 / /proc rw - proc proc rw\n\
             23 21 8:1 /srv /mnt/same rw - ext4 /dev/sda1 rw\n\
             not a mount\n\
             24 21 7:0 / /mnt/my\\040disk ro - iso9660 /dev/loop0 ro\n",
        );
        assert_eq!(all.len(), 4);
        assert_eq!(all[0].propagation, ["shared:1"]);
        assert_eq!((all[2].root.as_str(), all[2].parent), ("/srv", 21));
        let mounts = with_data(&all);
        let seen: Vec<_> = mounts
            .iter()
            .map(|mount| (mount.point.to_str().unwrap(), mount.read_only, mount.remote))
            .collect();
        assert_eq!(seen, [("/", false, false), ("/mnt/my disk", true, false)]);
    }

    #[test]
    fn what_lies_beyond_a_remote_file_system_counts_as_remote() {
        let mounts = all_mounts(
            "30 1 0:50 / /net rw - nfs4 server.example.com:/export rw\n\
             31 30 8:2 / /net/inner rw - xfs /dev/sdb rw\n\
             32 1 0:51 / /network rw - tmpfs tmpfs rw\n\
             33 1 0:52 / /home/key rw - fuse.sshfs host.example.com: rw\n",
        );
        let remote: Vec<_> = mounts.iter().map(|mount| mount.remote).collect();
        assert_eq!(remote, [true, true, false, true]);
    }

    #[test]
    fn a_mount_below_another_at_the_same_point_is_covered() {
        let mounts = all_mounts(
            "25 24 0:23 / /dev/shm rw - tmpfs tmpfs rw\n\
             30 25 0:27 / /dev/shm rw - tmpfs tmpfs rw\n",
        );
        let covered: Vec<_> = mounts.iter().map(|mount| is_covered(mount, &mounts)).collect();
        assert_eq!(covered, [true, false]);
    }
}
