//! The files that a pattern names, links followed: for lists of what is there, not for copies.

use super::kernel_files::name;
use collect_core::host::{Deadline, FileKind, Host};
use glob::Pattern;
use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

/// How deep folders are looked into; also the end of links that lead round.
const DEPTH: usize = 8;

/// The files that a pattern names.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// In order. A file that can be reached in two ways comes twice.
    pub(crate) files: BTreeSet<PathBuf>,
    /// The folders that this user may not look into.
    pub(crate) refused: BTreeSet<PathBuf>,
}

/// The files that patterns name: absolute paths with `*`, `?` and `[a-z]` within names and `**` for any
/// number of folders. A folder stands for the files below it.
pub(crate) fn expand(host: &dyn Host, pattern: &str, deadline: &Deadline) -> Found {
    let mut parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    parts.reverse();
    let mut found = Found::default();
    walk(host, Path::new("/"), &mut parts, deadline, &mut found);
    found
}

impl Found {
    /// What several patterns name.
    pub(crate) fn of<'p>(
        host: &dyn Host,
        patterns: impl IntoIterator<Item = &'p str>,
        deadline: &Deadline,
    ) -> Self {
        let mut all = Self::default();
        for pattern in patterns {
            let found = expand(host, pattern, deadline);
            all.files.extend(found.files);
            all.refused.extend(found.refused);
        }
        all
    }

    /// The folders and files that this user may not read.
    pub(crate) fn not_readable(self, host: &dyn Host) -> Vec<String> {
        let files = self.files.into_iter().filter(|path| {
            let opened = host.canonical(path).and_then(|path| host.open(&path));
            opened.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
        });
        let paths = self.refused.into_iter().chain(files);
        paths.map(|path| path.display().to_string()).collect()
    }

    fn entries(&mut self, host: &dyn Host, folder: &Path) -> Vec<PathBuf> {
        host.entries(folder).unwrap_or_else(|error| {
            if error.kind() == io::ErrorKind::PermissionDenied {
                self.refused.insert(folder.to_owned());
            }
            Vec::new()
        })
    }
}

/// Whether a pattern can be used: absolute, and with nothing wrong in its names.
pub(crate) fn is_pattern(pattern: &str) -> bool {
    pattern.starts_with('/') && pattern.split('/').all(|part| Pattern::new(part).is_ok())
}

/// `left` holds the names that are still to come, the next one last.
fn walk(host: &dyn Host, at: &Path, left: &mut Vec<&str>, deadline: &Deadline, found: &mut Found) {
    if deadline.passed() {
        return;
    }
    let Some(part) = left.pop() else {
        return below(host, at, DEPTH, deadline, found);
    };
    if part == "**" {
        for folder in folders(host, at, DEPTH, deadline, found) {
            walk(host, &folder, left, deadline, found);
        }
    } else if part.contains(['*', '?', '[']) {
        if let Ok(pattern) = Pattern::new(part) {
            for path in found.entries(host, at) {
                if pattern.matches(&name(&path)) {
                    walk(host, &path, left, deadline, found);
                }
            }
        }
    } else {
        walk(host, &at.join(part), left, deadline, found);
    }
    left.push(part);
}

/// A folder and those below it, links not followed.
fn folders(
    host: &dyn Host,
    at: &Path,
    depth: usize,
    deadline: &Deadline,
    found: &mut Found,
) -> Vec<PathBuf> {
    let mut folders = vec![at.to_owned()];
    if depth > 0 && !deadline.passed() {
        for path in found.entries(host, at) {
            if host.info(&path).is_ok_and(|info| info.kind == FileKind::Directory) {
                folders.extend(self::folders(host, &path, depth - 1, deadline, found));
            }
        }
    }
    folders
}

fn below(host: &dyn Host, at: &Path, depth: usize, deadline: &Deadline, found: &mut Found) {
    let kind = host.canonical(at).and_then(|path| host.info(&path)).map(|info| info.kind);
    match kind {
        Ok(FileKind::Regular) => {
            found.files.insert(at.to_owned());
        }
        Ok(FileKind::Directory) if depth > 0 && !deadline.passed() => {
            for path in found.entries(host, at) {
                below(host, &path, depth - 1, deadline, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;
    use std::{sync::Arc, time::Duration};

    #[test]
    fn patterns_name_files_folders_and_what_links_lead_to() {
        let host = FakeHost::new()
            .file("/srv/archive/a1.pem", "")
            .link("/srv/live/a.pem", "../archive/a1.pem")
            .file("/srv/live/deep/b.pem", "")
            .file("/srv/live/readme", "")
            .link("/srv/live/round", ".")
            .link("/srv/live/lost.pem", "nowhere")
            .denied("/srv/private")
            .file("/srv/private/key.pem", "");
        let deadline = Deadline::after(Duration::from_mins(1), Arc::default());
        let found = |pattern| -> Vec<String> {
            let found = expand(&host, pattern, &deadline);
            found.files.iter().map(|path| path.display().to_string()).collect()
        };
        assert_eq!(found("/srv/live/*.pem"), ["/srv/live/a.pem"]);
        assert_eq!(found("/srv/**/b.pem"), ["/srv/live/deep/b.pem"]);
        assert_eq!(found("/srv/archive"), ["/srv/archive/a1.pem"]);
        assert!(found("/srv/live").len() > 2, "a link that leads round has an end");
        assert_eq!(found("/nowhere/*"), [""; 0]);
        for pattern in ["/srv/private", "/srv/private/*.pem", "/srv/**/c.pem"] {
            let refused = Vec::from_iter(expand(&host, pattern, &deadline).refused);
            assert_eq!(refused, [Path::new("/srv/private")], "{pattern}");
        }
        assert!(is_pattern("/a/*.pem") && !is_pattern("a/b") && !is_pattern("/a/[b"));
    }
}
