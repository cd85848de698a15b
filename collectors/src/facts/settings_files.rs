//! What configuration files say that kernel settings should be (`sysctl.d(5)`).

use super::{
    kernel_files::{children, name, value},
    settings::Settings,
};
use collect_core::host::Host;
use glob::{MatchOptions, Pattern};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// From the one that wins to the one that loses, for files of the same name.
const FOLDERS: [&str; 5] = [
    "/etc/sysctl.d",
    "/run/sysctl.d",
    "/usr/local/lib/sysctl.d",
    "/usr/lib/sysctl.d",
    "/lib/sysctl.d",
];

/// Read after all others, by `sysctl --system`.
const LAST: &str = "/etc/sysctl.conf";

/// Wildcards stand for one part of a key.
const ONE_PART: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// A setting that a file makes.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Wanted {
    /// As `sysctl(8)` writes it.
    key: String,
    /// What the last file that names it says.
    configured: String,
    /// What it is; nothing where the kernel has no such setting, or it may not be read.
    running: Option<String>,
    /// Whether these differ.
    differs: bool,
    /// The last file that names it.
    file: String,
}

/// The files, in the order in which they are read.
pub(crate) fn files(host: &dyn Host) -> Vec<PathBuf> {
    let mut by_name = BTreeMap::new();
    for folder in FOLDERS {
        for path in children(host, folder) {
            if path.extension().is_some_and(|extension| extension == "conf") {
                by_name.entry(name(&path)).or_insert(path);
            }
        }
    }
    let mut files: Vec<_> = by_name.into_values().collect();
    files.push(LAST.into());
    files
}

/// What the files say, by key, beside what is.
pub(crate) fn configured(host: &dyn Host, running: &Settings) -> Vec<Wanted> {
    let mut last = BTreeMap::new();
    let mut wild = BTreeMap::new();
    for path in files(host) {
        // Often a link, which `Host::open` does not follow.
        let text = host.canonical(&path).ok().and_then(|path| value(host, path));
        for (key, wanted) in text.iter().flat_map(|text| text.lines()).filter_map(assignment) {
            let said = (wanted, path.clone());
            match Pattern::new(&swapped(&key)) {
                Ok(pattern) if key.contains(['*', '?', '[']) => {
                    for key in running.values.keys().filter(|key| matches(&pattern, key)) {
                        wild.insert(key.clone(), said.clone());
                    }
                }
                _ => {
                    last.insert(key, said);
                }
            }
        }
    }
    // A key that is named in full is not touched by wildcards, wherever these stand.
    wild.append(&mut last);
    let found =
        wild.into_iter().map(|(key, (configured, file))| compare(running, key, configured, &file));
    found.collect()
}

fn compare(running: &Settings, key: String, configured: String, file: &Path) -> Wanted {
    let running = running.values.get(&key).cloned().flatten();
    let differs = running.as_ref().is_some_and(|running| *running != configured);
    Wanted { key, configured, running, differs, file: file.display().to_string() }
}

fn matches(pattern: &Pattern, key: &str) -> bool {
    pattern.matches_with(&swapped(key), ONE_PART)
}

/// With dots for slashes and slashes for dots: the notation of keys as that of paths, and back.
fn swapped(key: &str) -> String {
    let letters = key.chars().map(|letter| match letter {
        '.' => '/',
        '/' => '.',
        other => other,
    });
    letters.collect()
}

/// `key = value`; a `-` before it says that it may fail. A line without a value only excepts a key
/// from wildcards, which is rare.
fn assignment(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    if line.starts_with(['#', ';']) {
        return None;
    }
    let (key, value) = line.split_once('=')?;
    let key = key.trim().trim_start_matches('-').trim();
    let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
    // The first separator tells the notation: dots, or the slashes of a path.
    let is_path = key.find(['.', '/']).is_some_and(|at| key[at..].starts_with('/'));
    let key = if is_path { swapped(key) } else { key.to_owned() };
    (!key.is_empty()).then_some((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{host::Deadline, testkit::FakeHost};
    use std::{sync::Arc, time::Duration};

    #[test]
    fn the_last_file_wins_and_says_what_differs() {
        let host = FakeHost::new()
            .file("/proc/sys/vm/swappiness", "60\n")
            .file("/proc/sys/kernel/printk", "4\t4\t1\t7\n")
            .file("/proc/sys/net/ipv4/conf/all/rp_filter", "2\n")
            .file("/proc/sys/net/ipv4/conf/eth0.7/rp_filter", "1\n")
            .file("/usr/lib/sysctl.d/50-default.conf", "net.ipv4.conf.*.rp_filter = 2\n# no\n")
            .file("/usr/lib/sysctl.d/60-vm.conf", "vm.swappiness = 10\n")
            .file("/etc/sysctl.d/60-vm.conf", "-vm/swappiness=60\nkernel.printk = 4 4 1 7\n")
            .file("/etc/sysctl.d/70.conf", "net/ipv4/conf/eth0.7/rp_filter = 0\nnone.such = 1\n");
        let deadline = Deadline::after(Duration::from_mins(1), Arc::default());
        let running = Settings::read(&host, &deadline);
        let found = configured(&host, &running);
        let found: Vec<_> = found
            .iter()
            .map(|found| (found.key.as_str(), found.configured.as_str(), found.differs))
            .collect();
        assert_eq!(
            found,
            [
                ("kernel.printk", "4 4 1 7", false),
                ("net.ipv4.conf.all.rp_filter", "2", false),
                ("net.ipv4.conf.eth0/7.rp_filter", "0", true),
                ("none.such", "1", false),
                ("vm.swappiness", "60", false),
            ]
        );
    }
}
