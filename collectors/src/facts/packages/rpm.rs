//! The database of rpm, asked through `rpm`: its format is no interface.

use super::{INSTALLED, Package, some};
use crate::facts::kernel_files::exists;
use collect_core::host::{CommandLine, Deadline, Host};
use jiff::Timestamp;
use std::io::{self, Read};

/// The databases of rpm 4.16 and later, and before (`rpmdb(8)`); `rpm` would make one where there is
/// none.
const DATABASES: [&str; 6] = [
    "/usr/lib/sysimage/rpm/rpmdb.sqlite",
    "/usr/lib/sysimage/rpm/Packages.db",
    "/usr/lib/sysimage/rpm/Packages",
    "/var/lib/rpm/rpmdb.sqlite",
    "/var/lib/rpm/Packages.db",
    "/var/lib/rpm/Packages",
];

const FORMAT: &str = "%{NAME}\\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\\t%{ARCH}\\t%{LONGSIZE}\
                      \\t%{INSTALLTIME}\\t%{SOURCERPM}\\t%{VENDOR}\\n";

/// Whether there is a database.
pub(crate) fn is_there(host: &dyn Host) -> bool {
    DATABASES.iter().any(|path| exists(host, path))
}

/// The command that lists the packages.
pub(crate) fn query() -> CommandLine {
    // Without digests and signatures: nothing is verified here, and it takes half the time.
    let words = ["rpm", "-qa", "--nodigest", "--nosignature", "--queryformat", FORMAT];
    CommandLine { env: vec![("LC_ALL".into(), "C.UTF-8".into())], ..CommandLine::new(words) }
}

/// The command that says which settings differ from what was shipped. It runs no scripts of packages,
/// and looks at no dependencies.
pub(crate) fn verify() -> CommandLine {
    let words = ["rpm", "-Va", "--configfiles", "--nodeps", "--noscripts", "--nosignature"];
    CommandLine { env: vec![("LC_ALL".into(), "C.UTF-8".into())], ..CommandLine::new(words) }
}

/// A line of that, as `S.5....T.  c /etc/till` or `missing     c /etc/till` (`rpm(8)`): how the file
/// differs, and its path.
pub(crate) fn differing(line: &str) -> Option<(&'static str, &str)> {
    let (flags, rest) = line.split_once(' ')?;
    let (_kind, path) = rest.split_once('/')?;
    let path = &rest[rest.len() - path.len() - 1..];
    let state = match flags {
        "missing" => "missing",
        _ if flags.len() < 8 || !flags.bytes().all(|flag| b".?SM5DLUGTPC".contains(&flag)) => {
            return None;
        }
        // The digest, or where a link leads to.
        _ if flags.contains(['5', 'L']) => "changed",
        _ if flags.as_bytes()[2] == b'?' => "denied",
        _ => "attributes",
    };
    Some((state, path))
}

/// The packages, by name.
pub(crate) fn packages(host: &dyn Host, deadline: &Deadline) -> io::Result<Vec<Package>> {
    let mut process = host.spawn(&query(), deadline)?;
    let mut text = Vec::new();
    process.read_to_end(&mut text)?;
    let exit = process.finish()?;
    let text = String::from_utf8_lossy(&text);
    let mut packages: Vec<_> = text.lines().filter_map(package).collect();
    if exit.code != Some(0) && packages.is_empty() {
        let said = String::from_utf8_lossy(&exit.stderr).trim().to_owned();
        return Err(io::Error::other(said));
    }
    packages.sort_by(|left, right| (&left.name, &left.version).cmp(&(&right.name, &right.version)));
    Ok(packages)
}

fn package(line: &str) -> Option<Package> {
    let fields: Vec<_> = line.split('\t').collect();
    let [name, version, architecture, size, installed, source, vendor] = fields[..] else {
        return None;
    };
    let known = |text: &str| some(text).filter(|text| text != "(none)");
    Some(Package {
        name: some(name)?,
        version: version.to_owned(),
        architecture: known(architecture),
        state: INSTALLED.to_owned(),
        size: size.parse().ok(),
        installed: installed.parse().ok().and_then(|time| Timestamp::from_second(time).ok()),
        // `bash-5.2-1.src.rpm`: the name ends before the last two dashes.
        source: known(source).and_then(|source| source.rsplitn(3, '-').nth(2).and_then(some)),
        vendor: known(vendor),
        manager: "rpm",
        ..Package::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;
    use std::{sync::Arc, time::Duration};

    #[test]
    fn packages_of_rpm_are_read() {
        let deadline = Deadline::after(Duration::from_mins(1), Arc::default());
        let host = FakeHost::new().command(
            &query().argv.join(" "),
            "gpg-pubkey\t1-2\t(none)\t0\t1767323045\t(none)\t(none)\nodd\n\
             bind-libs\t32:9.18-1\tx86_64\t4096\t1767323045\tbind-9.18-1.src.rpm\tExample\n",
        );
        let packages = packages(&host, &deadline).unwrap();
        assert_eq!(packages.len(), 2);
        assert_eq!((&packages[0].version[..], packages[0].size), ("32:9.18-1", Some(4096)));
        assert_eq!(packages[0].source.as_deref(), Some("bind"));
        assert_eq!((&packages[1].architecture, &packages[1].source), (&None, &None));
    }

    #[test]
    fn a_database_that_cannot_be_read_is_said() {
        let deadline = Deadline::after(Duration::from_mins(1), Arc::default());
        let host = FakeHost::new().command_fails(&query().argv.join(" "), 1, "cannot open\n");
        assert_eq!(packages(&host, &deadline).unwrap_err().to_string(), "cannot open");
    }
}
