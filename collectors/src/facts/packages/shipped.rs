//! What packages shipped: the files, and the digest that each had.

use super::{dpkg, some};
use crate::facts::{
    kernel_files::{children, name, value},
    stanzas::Stanza,
    text::{self, Lines},
};
use collect_core::host::{Deadline, Host};
use std::{collections::BTreeMap, path::Path};

/// A file of a package.
#[derive(Debug, PartialEq)]
pub(crate) struct Shipped {
    pub(crate) package: Option<String>,
    /// Its MD5, in hexadecimal.
    pub(crate) digest: String,
    /// Whether it is one of the package's settings.
    pub(crate) is_setting: bool,
    /// Whether the package does not ship it any more.
    pub(crate) obsolete: bool,
    /// Who knows this: `dpkg`, `ucf` or `pacman`.
    pub(crate) by: &'static str,
}

/// The files below these folders, by path.
pub(crate) type Files = BTreeMap<String, Shipped>;

/// Whether a path is below one of the folders.
pub(crate) fn is_below(path: &str, folders: &[String]) -> bool {
    folders.iter().any(|folder| Path::new(path).starts_with(folder))
}

/// All that the databases of this host know.
pub(crate) fn files(host: &dyn Host, folders: &[String], deadline: &Deadline) -> Files {
    let mut files = Files::new();
    of_dpkg(host, folders, deadline, &mut files);
    of_ucf(host, folders, &mut files);
    of_pacman(host, folders, &mut files);
    files
}

fn of_dpkg(host: &dyn Host, folders: &[String], deadline: &Deadline, files: &mut Files) {
    // Absent where there is no dpkg, and then so is the rest.
    _ = dpkg::each(host, |stanza| conffiles(stanza, folders, files));
    let diverted = diversions(host);
    let lists = children(host, "/var/lib/dpkg/info").into_iter();
    for list in lists.take_while(|_| !deadline.passed()) {
        let package = name(&list);
        let Some(package) = package.strip_suffix(".md5sums") else {
            continue;
        };
        let package = package.split(':').next().unwrap_or(package);
        let Ok(sums) = text::open(host, &list) else {
            continue;
        };
        for line in Lines::new(sums) {
            let Some((digest, path)) = line.split_once("  ") else {
                continue;
            };
            let path = format!("/{path}");
            let path = match diverted.get(&path) {
                Some((to, by)) if by != package => to.clone(),
                _ => path,
            };
            if is_below(&path, folders) && is_digest(digest) {
                files.entry(path).or_insert_with(|| Shipped {
                    package: some(package),
                    digest: digest.to_owned(),
                    is_setting: false,
                    obsolete: false,
                    by: "dpkg",
                });
            }
        }
    }
}

/// The field `Conffiles` of an installed package: a path, its digest and perhaps `obsolete` a line.
fn conffiles(stanza: &Stanza, folders: &[String], files: &mut Files) {
    let is_installed = stanza.get("Status").is_none_or(|status| status.ends_with(" installed"));
    let lines = stanza.get("Conffiles").filter(|_| is_installed).unwrap_or_default().lines();
    for line in lines {
        let (line, obsolete) = match line.strip_suffix(" obsolete") {
            Some(line) => (line, true),
            None => (line.strip_suffix(" remove-on-upgrade").unwrap_or(line), false),
        };
        // A path may hold spaces; a file that was never installed has `newconffile` for a digest.
        let Some((path, digest)) = line.rsplit_once(' ') else {
            continue;
        };
        if is_digest(digest) && is_below(path, folders) {
            let shipped = Shipped {
                package: stanza.owned("Package"),
                digest: digest.to_owned(),
                is_setting: true,
                obsolete,
                by: "dpkg",
            };
            // The package that ships it now counts, not the one that did once.
            if !obsolete || !files.contains_key(path) {
                files.insert(path.to_owned(), shipped);
            }
        }
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `dpkg-divert(1)`: where a file went, and the package whose own it is that stands in its place.
fn diversions(host: &dyn Host) -> BTreeMap<String, (String, String)> {
    let Ok(file) = text::open(host, "/var/lib/dpkg/diversions") else {
        return BTreeMap::new();
    };
    let lines: Vec<_> = Lines::new(file).collect();
    let (diversions, _) = lines.as_chunks::<3>();
    diversions.iter().map(|[from, to, by]| (from.clone(), (to.clone(), by.clone()))).collect()
}

/// Files that `ucf(1)` looks after in the place of dpkg.
fn of_ucf(host: &dyn Host, folders: &[String], files: &mut Files) {
    let packages: BTreeMap<_, _> = text::open(host, "/var/lib/ucf/registry")
        .map(|registry| Lines::new(registry).filter_map(|line| pair(&line)).collect())
        .unwrap_or_default();
    let Ok(hashes) = text::open(host, "/var/lib/ucf/hashfile") else {
        return;
    };
    for (path, digest) in Lines::new(hashes).filter_map(|line| pair(&line)) {
        if is_digest(&digest) && is_below(&path, folders) {
            let package = packages.get(&path).cloned();
            files.entry(path).or_insert(Shipped {
                package,
                digest,
                is_setting: true,
                obsolete: false,
                by: "ucf",
            });
        }
    }
}

/// A line of ucf: a word, spaces or tabs, a path.
fn pair(line: &str) -> Option<(String, String)> {
    let (word, path) = line.split_once([' ', '\t'])?;
    Some((path.trim().to_owned(), word.to_owned()))
}

/// The part `%BACKUP%` of pacman's `files`: a path without its first slash, a tab and its digest.
fn of_pacman(host: &dyn Host, folders: &[String], files: &mut Files) {
    for folder in children(host, "/var/lib/pacman/local") {
        let Some(list) = value(host, folder.join("files")) else {
            continue;
        };
        let Some((_, backup)) = list.split_once("%BACKUP%\n") else {
            continue;
        };
        let folder = name(&folder);
        // `NAME-VERSION-RELEASE`.
        let package = folder.rsplitn(3, '-').nth(2);
        let lines = backup.lines().take_while(|line| !line.is_empty());
        for (path, digest) in lines.filter_map(|line| line.split_once('\t')) {
            let path = format!("/{path}");
            if is_digest(digest) && is_below(&path, folders) {
                let shipped = Shipped {
                    package: package.and_then(some),
                    digest: digest.to_owned(),
                    is_setting: true,
                    obsolete: false,
                    by: "pacman",
                };
                files.insert(path, shipped);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;
    use std::{sync::Arc, time::Duration};

    const ONE: &str = "11111111111111111111111111111111";

    fn found(host: &FakeHost) -> Vec<(String, String)> {
        let deadline = Deadline::after(Duration::from_mins(1), Arc::default());
        let files = files(host, &["/etc".to_owned()], &deadline).into_iter();
        files.map(|(path, file)| (path, file.package.unwrap_or_default())).collect()
    }

    fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
        pairs.map(|(path, package)| (path.to_owned(), package.to_owned())).into()
    }

    #[test]
    fn files_of_dpkg_are_its_settings_and_what_else_is_there() {
        let host = FakeHost::new()
            .file(
                dpkg::STATUS,
                &format!(
                    "Package: shop\nStatus: install ok installed\nConffiles:\n /etc/a b {ONE}\n \
                     /etc/new newconffile\n /etc/old {ONE} obsolete\n /srv/x {ONE}\n\n\
                     Package: gone\nStatus: deinstall ok config-files\nConffiles:\n /etc/z {ONE}\n"
                ),
            )
            .file(
                "/var/lib/dpkg/info/till:amd64.md5sums",
                &format!("{ONE}  etc/till\n{ONE}  bin/x\nodd"),
            )
            .file("/var/lib/dpkg/diversions", "/etc/till\n/etc/till.real\nother\n");
        assert_eq!(
            found(&host),
            pairs([("/etc/a b", "shop"), ("/etc/old", "shop"), ("/etc/till.real", "till")])
        );
    }

    #[test]
    fn files_of_ucf_and_pacman_count_as_well() {
        let host = FakeHost::new()
            .file("/var/lib/ucf/hashfile", &format!("{ONE}  /etc/default/shop\n"))
            .file("/var/lib/ucf/registry", "shop \t /etc/default/shop\n")
            .file(
                "/var/lib/pacman/local/till-one-1.0-2/files",
                &format!("%FILES%\netc/\netc/till\n\n%BACKUP%\netc/till\t{ONE}\n\n"),
            );
        assert_eq!(found(&host), pairs([("/etc/default/shop", "shop"), ("/etc/till", "till-one")]));
        assert_eq!(found(&FakeHost::new()), []);
    }

    #[test]
    fn a_folder_is_no_beginning_of_a_name() {
        assert!(is_below("/etc/a", &["/etc".to_owned()]));
        assert!(!is_below("/etcetera/a", &["/etc".to_owned()]));
        assert!(is_below("/etcetera/a", &["/".to_owned()]));
    }
}
