//! The database and the log of dpkg: `dpkg-query(1)`, `deb-control(5)`.

use super::{Change, Package, some};
use crate::facts::{
    kernel_files::{children, name},
    stanzas::{Stanza, Stanzas},
    text,
};
use collect_core::host::Host;
use jiff::{Timestamp, civil, tz::TimeZone};
use std::{
    collections::{HashMap, HashSet},
    io,
};

/// The database.
pub(crate) const STATUS: &str = "/var/lib/dpkg/status";

/// The database of images without dpkg: a file for each package.
const PARTS: &str = "/var/lib/dpkg/status.d";

const AUTOMATIC: &str = "/var/lib/apt/extended_states";

const FIELDS: [&str; 8] = [
    "Package",
    "Status",
    "Architecture",
    "Version",
    "Installed-Size",
    "Source",
    "Maintainer",
    "Conffiles",
];

/// Calls `with` with the paragraph of each package.
pub(crate) fn each(host: &dyn Host, mut with: impl FnMut(&Stanza)) -> io::Result<()> {
    let parts = children(host, PARTS).into_iter();
    // Beside each package's file is one with its digests.
    let parts: Vec<_> = parts.filter(|part| !name(part).ends_with(".md5sums")).collect();
    let mut files = Vec::new();
    match text::open(host, STATUS) {
        Ok(file) => files.push(file),
        Err(error) if parts.is_empty() => return Err(error),
        Err(_) => {}
    }
    for file in files.into_iter().chain(parts.iter().filter_map(|part| text::open(host, part).ok()))
    {
        Stanzas::new(file, &FIELDS).for_each(|stanza| with(&stanza));
    }
    Ok(())
}

/// The packages, in the order of the database.
pub(crate) fn packages(host: &dyn Host) -> io::Result<Vec<Package>> {
    let automatic = automatic(host);
    let times = times(host);
    let mut packages = Vec::new();
    each(host, |stanza| {
        let package = package(stanza).map(|mut package| {
            let architecture = package.architecture.as_deref().unwrap_or_default();
            let qualified = format!("{}:{architecture}", package.name);
            // What apt does not know was never installed by it alone.
            package.automatic =
                automatic.as_ref().filter(|_| package.state != "config-files").map(|automatic| {
                    let name = if architecture == "all" { &package.name } else { &qualified };
                    automatic.contains(name)
                });
            let time = times.get(&qualified).or_else(|| times.get(&package.name));
            package.installed = time.copied().filter(|_| package.state != "config-files");
            package
        });
        packages.extend(package);
    })?;
    Ok(packages)
}

fn package(stanza: &Stanza) -> Option<Package> {
    // Packages of images without dpkg have no status.
    let mut status = stanza.get("Status").unwrap_or("install ok installed").split(' ');
    let (wanted, flag, state) = (status.next()?, status.next()?, status.next()?);
    if state == "not-installed" {
        return None;
    }
    let name = stanza.owned("Package")?;
    let source = stanza.get("Source").and_then(|source| source.split(' ').next());
    let size = stanza.get("Installed-Size").and_then(|size| size.parse::<u64>().ok());
    Some(Package {
        source: Some(source.unwrap_or(&name).to_owned()),
        version: stanza.owned("Version").unwrap_or_default(),
        architecture: stanza.owned("Architecture"),
        state: if flag == "ok" { state.to_owned() } else { format!("{state}, {flag}") },
        held: wanted == "hold",
        size: size.and_then(|kibibytes| kibibytes.checked_mul(1024)),
        vendor: stanza.owned("Maintainer"),
        manager: "dpkg",
        name,
        ..Package::default()
    })
}

/// `NAME:ARCHITECTURE` of what apt installed for others only; none where apt keeps no account. A
/// package for all architectures stands there under that of the host, hence `NAME` as well.
fn automatic(host: &dyn Host) -> Option<HashSet<String>> {
    let names = ["Package", "Architecture", "Auto-Installed"];
    let states = Stanzas::new(text::open(host, AUTOMATIC).ok()?, &names);
    let automatic = states.filter(|state| state.get("Auto-Installed") == Some("1"));
    let names = automatic.filter_map(|state| {
        let (name, architecture) = (state.get("Package")?, state.get("Architecture")?);
        Some([name.to_owned(), format!("{name}:{architecture}")])
    });
    Some(names.flatten().collect())
}

/// When each package's list of files was written, which every installation and upgrade does.
fn times(host: &dyn Host) -> HashMap<String, Timestamp> {
    let lists = children(host, "/var/lib/dpkg/info").into_iter();
    let times = lists.filter_map(|path| {
        let package = name(&path).strip_suffix(".list")?.to_owned();
        let modified = host.info(&path).ok()?.modified?;
        // No package manager says it more exactly.
        Some((package, Timestamp::from_second(modified.as_second()).ok()?))
    });
    times.collect()
}

/// The package of an entry of the log: `2026-01-02 03:04:05 upgrade bash:amd64 5.2-1 5.2-2`.
pub(crate) fn change(line: &str, zone: &TimeZone) -> Option<Change> {
    let mut words = line.split(' ');
    let time = local(words.next()?, words.next()?, zone)?;
    let action = words.next()?;
    if !["install", "upgrade", "remove", "purge"].contains(&action) {
        return None;
    }
    let package = words.next()?;
    let version = |word: Option<&str>| word.filter(|word| *word != "<none>").and_then(some);
    let (name, architecture) = match package.split_once(':') {
        Some((name, architecture)) => (name, some(architecture)),
        None => (package, None),
    };
    let (from, to) = (version(words.next()), version(words.next()));
    let action = if action == "upgrade" && from == to { "reinstall" } else { action };
    Some(Change { time, action: action.to_owned(), name: name.to_owned(), architecture, from, to })
}

/// A date and a time of day as the host's clock showed them.
pub(super) fn local(date: &str, time: &str, zone: &TimeZone) -> Option<Timestamp> {
    let local: civil::DateTime = format!("{date}T{time}").parse().ok()?;
    Some(local.to_zoned(zone.clone()).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;

    const MADE_UP: &str = "Package: bash\nStatus: install ok installed\nInstalled-Size: 2\n\
        Architecture: amd64\nVersion: 5.2-1\nMaintainer: Someone <someone@example.com>\n\n\
        Package: shop\nStatus: hold reinstreq half-installed\nVersion: 1\nArchitecture: all\n\
        Source: shop-suite (1.0)\nDescription: a shop\n that sells\n\n\
        Package: gone\nStatus: deinstall ok config-files\nVersion: 3\nArchitecture: amd64\n\n\
        Package: never\nStatus: purge ok not-installed\nArchitecture: amd64\n\n\
        Status: install\nPackage: torn\n";

    #[test]
    fn states_holds_and_sizes_are_those_of_dpkg() {
        let time = "2026-01-01T00:00:00Z".parse().unwrap();
        let host = FakeHost::new()
            .file(STATUS, MADE_UP)
            .file_at("/var/lib/dpkg/info/bash.list", "", time)
            .file(AUTOMATIC, "Package: shop\nArchitecture: amd64\nAuto-Installed: 1\n");
        let packages = packages(&host).unwrap();
        let [bash, shop, gone] = &packages[..] else { panic!("{packages:?}") };
        assert_eq!((bash.size, bash.installed), (Some(2048), Some(time)));
        assert_eq!((bash.source.as_deref(), bash.automatic), (Some("bash"), Some(false)));
        assert_eq!(shop.state, "half-installed, reinstreq");
        assert_eq!(shop.source.as_deref(), Some("shop-suite"));
        assert!(shop.held && shop.is_broken() && shop.automatic == Some(true));
        assert!(gone.state == "config-files" && !gone.is_broken());
    }

    #[test]
    fn an_image_without_dpkg_has_a_file_for_each_package() {
        let host = FakeHost::new()
            .file("/var/lib/dpkg/status.d/base", "Package: base-files\nVersion: 12\n")
            .file("/var/lib/dpkg/status.d/base.md5sums", "00  etc/x\n");
        let packages = packages(&host).unwrap();
        assert_eq!((packages.len(), packages[0].state.as_str()), (1, "installed"));
        assert!(super::packages(&FakeHost::new()).is_err());
    }

    #[test]
    fn the_log_says_what_was_changed() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let read = |line| change(line, &zone);
        let upgrade = read("2026-01-02 03:04:05 upgrade bash:amd64 5.2-1 5.2-2").unwrap();
        assert_eq!(upgrade.time.to_string(), "2026-01-02T02:04:05Z");
        assert_eq!(upgrade.from.as_deref(), Some("5.2-1"));
        let install = read("2026-01-02 03:04:05 install bash:amd64 <none> 5.2-2").unwrap();
        assert_eq!((install.from, install.to.as_deref()), (None, Some("5.2-2")));
        assert_eq!(read("2026-01-02 03:04:05 status installed bash:amd64 5.2-2"), None);
        assert_eq!(read("2026-13-02 03:04:05 install"), None);
        assert_eq!(read(""), None);
    }
}
