//! The tree of files of a made-up host: what stands where, and where links lead.

use super::{FakeHost, Node, What};
use crate::host::{FileInfo, FileKind};
use rustix::io::Errno;
use std::{
    io,
    path::{Component, Path, PathBuf},
};

/// As many links as the kernel follows: `path_resolution(7)`.
const LINKS: usize = 40;

impl FakeHost {
    /// The paths right below a directory.
    pub(super) fn below(&self, dir: &Path) -> Vec<PathBuf> {
        let depth = dir.components().count();
        let mut paths: Vec<PathBuf> = self
            .nodes
            .keys()
            .filter(|path| path.starts_with(dir) && *path != dir)
            .map(|path| path.components().take(depth + 1).collect())
            .collect();
        paths.sort();
        paths.dedup();
        paths
    }

    /// Resolves every link in a path; the last part is not followed unless it is asked for.
    pub(super) fn follow(&self, path: &Path, follow_last: bool) -> io::Result<PathBuf> {
        let mut left: Vec<PathBuf> = parts(path);
        let mut resolved = PathBuf::from("/");
        let mut links = 0;
        while let Some(part) = left.pop() {
            if part == Path::new("..") {
                resolved.pop();
                continue;
            }
            resolved.push(part);
            let follow = follow_last || !left.is_empty();
            match self.nodes.get(&resolved).map(|node| &node.what) {
                Some(What::Link(target)) if follow => {
                    links += 1;
                    if links > LINKS {
                        return Err(Errno::LOOP.into());
                    }
                    resolved.pop();
                    if target.is_absolute() {
                        resolved = PathBuf::from("/");
                    }
                    left.extend(parts(target));
                }
                _ => {}
            }
        }
        Ok(resolved)
    }

    /// What stands at a path whose parents may be links.
    pub(super) fn find(&self, path: &Path) -> io::Result<(FileInfo, Option<&Node>)> {
        let path = self.follow(path, false)?;
        let node = self.nodes.get(&path);
        let is_directory = path == Path::new("/") || !self.below(&path).is_empty();
        if node.is_none() && !is_directory {
            return Err(io::ErrorKind::NotFound.into());
        }
        let (kind, len, allocated) = match node.map(|node| &node.what) {
            Some(What::File(content)) => (FileKind::Regular, content.len(), content.allocated()),
            Some(What::Link(target)) => (FileKind::Link, target.as_os_str().len() as u64, 0),
            Some(What::Special) => (FileKind::Special, 0, 0),
            Some(What::Denied | What::Panics) if !is_directory => (FileKind::Regular, 0, 0),
            _ => (FileKind::Directory, 0, 0),
        };
        let info = FileInfo {
            kind,
            len,
            modified: node.and_then(|node| node.modified).or(Some(self.now)),
            allocated,
            id: (1, node.map_or_else(|| self.made_up_inode(&path), |node| node.inode)),
            mode: if kind == FileKind::Directory { 0o755 } else { 0o644 },
        };
        Ok((info, node))
    }

    /// The inode of a directory that exists only because something is in it: its place in the order
    /// of paths, above all others.
    fn made_up_inode(&self, path: &Path) -> u64 {
        let before = self.nodes.keys().filter(|node| node.as_path() < path);
        let place = before.count() * 1000 + path.components().count();
        1_000_000 + place as u64
    }
}

/// The parts of a path, the first at the end.
fn parts(path: &Path) -> Vec<PathBuf> {
    let parts = path.components().rev().filter(|part| match part {
        Component::Normal(_) | Component::ParentDir => true,
        Component::RootDir | Component::CurDir | Component::Prefix(_) => false,
    });
    parts.map(|part| PathBuf::from(part.as_os_str())).collect()
}
