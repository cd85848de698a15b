//! The files that a pattern names, links followed: for lists of what is there, not for copies.

use super::kernel_files::{children, name};
use collect_core::host::{Deadline, FileKind, Host};
use glob::Pattern;
use std::path::{Path, PathBuf};

/// How deep folders are looked into; also the end of links that lead round.
const DEPTH: usize = 8;

/// The files that a pattern names, in order: an absolute path with `*`, `?` and `[a-z]` within names
/// and `**` for any number of folders. A folder stands for the files below it. A file that can be
/// reached in two ways comes twice.
pub(crate) fn expand(host: &dyn Host, pattern: &str, deadline: &Deadline) -> Vec<PathBuf> {
    let mut parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    parts.reverse();
    let mut found = Vec::new();
    walk(host, Path::new("/"), &mut parts, deadline, &mut found);
    found.sort();
    found.dedup();
    found
}

/// Whether a pattern can be used: absolute, and with nothing wrong in its names.
pub(crate) fn is_pattern(pattern: &str) -> bool {
    pattern.starts_with('/') && pattern.split('/').all(|part| Pattern::new(part).is_ok())
}

/// `left` holds the names that are still to come, the next one last.
fn walk(
    host: &dyn Host,
    at: &Path,
    left: &mut Vec<&str>,
    deadline: &Deadline,
    found: &mut Vec<PathBuf>,
) {
    if deadline.passed() {
        return;
    }
    let Some(part) = left.pop() else {
        return below(host, at, DEPTH, deadline, found);
    };
    if part == "**" {
        for folder in folders(host, at, DEPTH, deadline) {
            walk(host, &folder, left, deadline, found);
        }
    } else if part.contains(['*', '?', '[']) {
        if let Ok(pattern) = Pattern::new(part) {
            for path in children(host, at) {
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
fn folders(host: &dyn Host, at: &Path, depth: usize, deadline: &Deadline) -> Vec<PathBuf> {
    let mut folders = vec![at.to_owned()];
    if depth > 0 && !deadline.passed() {
        for path in children(host, at) {
            if host.info(&path).is_ok_and(|info| info.kind == FileKind::Directory) {
                folders.extend(self::folders(host, &path, depth - 1, deadline));
            }
        }
    }
    folders
}

fn below(host: &dyn Host, at: &Path, depth: usize, deadline: &Deadline, found: &mut Vec<PathBuf>) {
    let kind = host.canonical(at).and_then(|path| host.info(&path)).map(|info| info.kind);
    match kind {
        Ok(FileKind::Regular) => found.push(at.to_owned()),
        Ok(FileKind::Directory) if depth > 0 && !deadline.passed() => {
            match host.entries(at) {
                Ok(paths) => {
                    for path in paths {
                        below(host, &path, depth - 1, deadline, found);
                    }
                }
                // Given, so that it is noted when it is read.
                Err(_) => found.push(at.to_owned()),
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
            .link("/srv/live/lost.pem", "nowhere");
        let deadline = Deadline::after(Duration::from_mins(1), Arc::default());
        let found = |pattern| -> Vec<String> {
            let found = expand(&host, pattern, &deadline);
            found.iter().map(|path| path.display().to_string()).collect()
        };
        assert_eq!(found("/srv/live/*.pem"), ["/srv/live/a.pem"]);
        assert_eq!(found("/srv/**/b.pem"), ["/srv/live/deep/b.pem"]);
        assert_eq!(found("/srv/archive"), ["/srv/archive/a1.pem"]);
        assert!(found("/srv/live").len() > 2, "a link that leads round has an end");
        assert_eq!(found("/nowhere/*"), [""; 0]);
        assert!(is_pattern("/a/*.pem") && !is_pattern("a/b") && !is_pattern("/a/[b"));
    }
}
