//! The database and the log of pacman: a folder for each package with a file `desc`
//! (<https://gitlab.archlinux.org/pacman/pacman/-/blob/master/lib/libalpm/be_local.c>).

use super::{Change, INSTALLED, Package, some};
use crate::facts::{kernel_files::value, text::Lines};
use collect_core::host::Host;
use jiff::Timestamp;
use std::{io, path::Path};

const DATABASE: &str = "/var/lib/pacman/local";

/// The packages, by name.
pub(crate) fn packages(host: &dyn Host) -> io::Result<Vec<Package>> {
    let held = held(host);
    let folders = host.entries(Path::new(DATABASE))?.into_iter();
    let packages = folders.filter_map(|folder| {
        let mut package = package(&value(host, folder.join("desc"))?)?;
        package.held = held.contains(&package.name);
        Some(package)
    });
    Ok(packages.collect())
}

/// Reads `%NAME%` and its value on the lines below, up to an empty one.
fn package(text: &str) -> Option<Package> {
    let field = |name: &str| {
        let at = text.find(&format!("%{name}%\n"))?;
        text[at..].lines().nth(1).and_then(some)
    };
    Some(Package {
        name: field("NAME")?,
        version: field("VERSION")?,
        architecture: field("ARCH"),
        state: INSTALLED.to_owned(),
        // 1: for others only.
        automatic: Some(field("REASON").is_some_and(|reason| reason == "1")),
        size: field("SIZE").and_then(|size| size.parse().ok()),
        installed: field("INSTALLDATE")
            .and_then(|time| Timestamp::from_second(time.parse().ok()?).ok()),
        source: field("BASE"),
        vendor: field("PACKAGER"),
        manager: "pacman",
        ..Package::default()
    })
}

/// `IgnorePkg` of `pacman.conf(5)`.
fn held(host: &dyn Host) -> Vec<String> {
    let Some(settings) = value(host, "/etc/pacman.conf") else {
        return Vec::new();
    };
    let lines = Lines::new(settings.as_bytes());
    let names = lines.filter_map(|line| {
        let names = line.trim().strip_prefix("IgnorePkg")?.trim_start().strip_prefix('=')?;
        Some(names.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    });
    names.flatten().collect()
}

/// A line of the log: `[2026-01-02T03:04:05+0000] [ALPM] upgraded bash (5.2-1 -> 5.2-2)`.
pub(crate) fn change(line: &str) -> Option<Change> {
    let (time, rest) = line.strip_prefix('[')?.split_once("] [ALPM] ")?;
    let time = Timestamp::strptime("%Y-%m-%dT%H:%M:%S%z", time).ok()?;
    let mut words = rest.splitn(3, ' ');
    let action = match words.next()? {
        "installed" => "install",
        "upgraded" => "upgrade",
        "downgraded" => "downgrade",
        "reinstalled" => "reinstall",
        "removed" => "remove",
        _ => return None,
    };
    let name = words.next()?.to_owned();
    let versions = words.next()?.trim_start_matches('(').trim_end_matches(')');
    let (from, to) = match versions.split_once(" -> ") {
        Some((from, to)) => (some(from), some(to)),
        None if action == "remove" => (some(versions), None),
        None => (None, some(versions)),
    };
    Some(Change { time, action: action.to_owned(), name, architecture: None, from, to })
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;

    #[test]
    fn packages_of_pacman_are_read() {
        let text = "%NAME%\nbash\n\n%VERSION%\n5.2-2\n\n%BASE%\nbash\n\n%ARCH%\nx86_64\n\n\
                    %INSTALLDATE%\n1767323045\n\n%SIZE%\n9000000\n\n%REASON%\n1\n\n";
        let host = FakeHost::new()
            .file("/var/lib/pacman/local/ALPM_DB_VERSION", "9\n")
            .file("/var/lib/pacman/local/bash-5.2-2/desc", text)
            .file("/var/lib/pacman/local/odd-1/desc", "%NAME%")
            .file("/etc/pacman.conf", "[options]\nIgnorePkg = linux bash\n#IgnorePkg = x\n");
        let packages = packages(&host).unwrap();
        assert_eq!(packages.len(), 1);
        assert_eq!(packages[0].size, Some(9_000_000));
        assert_eq!(packages[0].installed.unwrap().to_string(), "2026-01-02T03:04:05Z");
        assert!(packages[0].held && packages[0].automatic == Some(true));
    }

    #[test]
    fn the_log_says_what_was_changed() {
        let upgrade =
            change("[2026-01-02T04:04:05+0100] [ALPM] upgraded bash (5.2-1 -> 5.2-2)").unwrap();
        assert_eq!(upgrade.time.to_string(), "2026-01-02T03:04:05Z");
        assert_eq!(upgrade.to.as_deref(), Some("5.2-2"));
        let removed = change("[2026-01-02T03:04:05+0000] [ALPM] removed sl (5-1)").unwrap();
        assert_eq!((removed.from.as_deref(), removed.to), (Some("5-1"), None));
        assert_eq!(change("[2026-01-02T03:04:05+0000] [ALPM] transaction started"), None);
    }
}
