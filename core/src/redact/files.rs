//! Which files a rule is for.

/// Names of files, given from their end: `etc/shadow` is in any tree, `*.key` in any folder.
pub(super) struct Files(Vec<Vec<String>>);

/// Ends of names that say that a file is a copy, or compressed.
const COPIES: &[&str] = &[
    ".gz",
    ".xz",
    ".bz2",
    ".zst",
    ".lzma",
    ".z",
    ".bak",
    ".backup",
    ".old",
    ".orig",
    ".save",
    ".dpkg-old",
    ".dpkg-dist",
    ".dpkg-new",
    ".rpmsave",
    ".rpmnew",
    ".rpmorig",
    ".swp",
    ".tmp",
    "~",
    "-",
];

impl Files {
    pub(super) fn new(names: &[&str]) -> Self {
        Self(names.iter().map(|name| name.split('/').map(str::to_lowercase).collect()).collect())
    }

    /// Whether one of the names is that of a file at this path, as [`parts`] gives it.
    pub(super) fn have(&self, path: &[String]) -> bool {
        self.0.iter().any(|name| {
            path.len() >= name.len()
                && path[path.len() - name.len()..]
                    .iter()
                    .zip(name)
                    .all(|(part, pattern)| fits(part, pattern))
        })
    }
}

/// The parts of a path, in lower case, of which the last is without what marks a copy: `shadow-`,
/// `shadow.bak`, `shadow.1.gz`. A member of an archive comes behind `: `.
pub(super) fn parts(path: &str) -> Vec<String> {
    let lower = path.to_lowercase().replace(": ", "/");
    let mut parts: Vec<String> =
        lower.split(['/', '\\', '!']).filter(|part| !part.is_empty()).map(str::to_owned).collect();
    if let Some(last) = parts.last_mut() {
        loop {
            let shorter = COPIES.iter().find_map(|copy| last.strip_suffix(copy));
            let rotated = || {
                let plain = last.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
                plain.strip_suffix('.').filter(|plain| plain.len() + 1 < last.len())
            };
            match shorter.or_else(rotated) {
                Some(shorter) if !shorter.is_empty() => *last = shorter.to_owned(),
                _ => break,
            }
        }
    }
    parts
}

/// Whether a part of a path is what a pattern with `*` says.
fn fits(part: &str, pattern: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        return part == pattern;
    };
    let Some(mut rest) = part.strip_prefix(before) else {
        return false;
    };
    let mut pieces: Vec<&str> = after.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_in_any_tree_and_as_a_copy() {
        let files = Files::new(&["etc/shadow", ".vault-token", "*.nmconnection", "run/secrets/*"]);
        for path in [
            "etc/shadow",
            "/srv/host7/etc/shadow-",
            "etc/shadow.1.gz",
            "backup.tar: etc/shadow.bak",
            "root/.vault-token",
            "x/Office.nmconnection~",
            "run/secrets/db",
        ] {
            assert!(files.have(&parts(path)), "{path}");
        }
        for path in ["shadow", "etc/shadow.d/x", "run/secrets", "vault-token", "$ cat etc"] {
            assert!(!files.have(&parts(path)), "{path}");
        }
    }
}
