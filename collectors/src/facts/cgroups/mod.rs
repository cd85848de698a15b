//! Control groups: where they are, and what each one uses, may use and waited for.

mod group;
mod old;
mod unified;

pub(crate) use group::Group;
pub(crate) use unified::pressure;

use super::kernel_files::{children, value};
use collect_core::host::{Deadline, FileKind, Host};
use procfs::process::MountInfo;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// The trees of control groups.
#[derive(Debug, Default)]
pub(crate) struct Trees {
    /// Where the tree of version 2 is mounted.
    pub(crate) unified: Option<PathBuf>,
    /// Those of version 1: where, and for which controllers.
    pub(crate) old: Vec<(PathBuf, Vec<String>)>,
}

/// Some groups, in the order of a tree.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    pub(crate) found: Vec<Group>,
    /// Whether there were more than were asked for.
    pub(crate) cut: bool,
}

impl Trees {
    /// What is mounted and not covered by another mount, each tree once.
    pub(crate) fn mounted(host: &dyn Host) -> Self {
        let mut trees = Self::default();
        let mut seen = BTreeSet::new();
        let table = value(host, "/proc/self/mountinfo").unwrap_or_default();
        let mounts = table.lines().filter_map(|line| MountInfo::from_line(line).ok());
        let mounts: Vec<_> = mounts.collect();
        let covered: BTreeSet<_> =
            mounts.iter().map(|mount| (mount.pid, mount.mount_point.clone())).collect();
        for mount in mounts {
            let is_covered = covered.contains(&(mount.mnt_id, mount.mount_point.clone()));
            let is_wanted = mount.fs_type.starts_with("cgroup") && !is_covered;
            if !is_wanted || !seen.insert(mount.majmin) {
                continue;
            }
            if mount.fs_type == "cgroup2" {
                trees.unified.get_or_insert(mount.mount_point);
            } else {
                let options = mount.super_options.into_iter();
                let mut controllers: Vec<_> = options
                    .filter(|(name, _)| !NOT_CONTROLLERS.contains(&name.as_str()))
                    .map(|(name, value)| {
                        value.map_or(name.clone(), |value| format!("{name}={value}"))
                    })
                    .collect();
                controllers.sort();
                trees.old.push((mount.mount_point, controllers));
            }
        }
        trees
    }

    /// The groups of version 2, at most so many.
    pub(crate) fn unified(&self, host: &dyn Host, deadline: &Deadline, most: usize) -> Groups {
        let mut found = Vec::new();
        let cut = self.visit(host, deadline, most, |name, folder| {
            found.push(unified::read(host, name, folder));
        });
        Groups { found, cut }
    }

    /// Calls for every group of version 2, at most so many; says whether there were more.
    pub(crate) fn visit(
        &self,
        host: &dyn Host,
        deadline: &Deadline,
        most: usize,
        visit: impl FnMut(&Path, &Path),
    ) -> bool {
        self.unified.as_ref().is_some_and(|root| walk(host, root, deadline, most, visit))
    }

    /// The groups of version 1, a group of the same name in several trees once.
    pub(crate) fn old(&self, host: &dyn Host, deadline: &Deadline, most: usize) -> Groups {
        old::read(host, &self.old, deadline, most)
    }
}

/// Options of a mount of version 1 that are no controllers.
const NOT_CONTROLLERS: [&str; 7] =
    ["rw", "ro", "noprefix", "xattr", "clone_children", "release_agent", "seclabel"];

/// Calls with the name and folder of every group below a root, the group before those in it, at most
/// so many; says whether there were more.
fn walk(
    host: &dyn Host,
    root: &Path,
    deadline: &Deadline,
    most: usize,
    mut visit: impl FnMut(&Path, &Path),
) -> bool {
    let mut folders = vec![root.to_owned()];
    let mut visited = 0;
    while let Some(folder) = folders.pop() {
        if visited == most || deadline.passed() {
            return true;
        }
        visited += 1;
        let name = Path::new("/").join(folder.strip_prefix(root).unwrap_or(&folder));
        visit(&name, &folder);
        let inner = children(host, &folder)
            .into_iter()
            .rev()
            .filter(|path| host.info(path).is_ok_and(|info| info.kind == FileKind::Directory));
        folders.extend(inner);
    }
    false
}

#[cfg(test)]
mod tests;
