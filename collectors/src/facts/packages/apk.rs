//! The database of apk: <https://wiki.alpinelinux.org/wiki/Apk_spec>.

use super::{INSTALLED, Package};
use crate::facts::{stanzas::Stanzas, text};
use collect_core::host::Host;
use std::{collections::HashSet, io};

/// Where the database is; the second since version 3 of apk.
const DATABASES: [&str; 2] = ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"];

/// What was asked for by name; everything else is there for these.
const WORLD: &str = "/etc/apk/world";

/// The packages, in the order of the database.
pub(crate) fn packages(host: &dyn Host) -> io::Result<Vec<Package>> {
    let mut file = text::open(host, DATABASES[0]);
    if file.is_err() {
        file = text::open(host, DATABASES[1]).or(file);
    }
    let world = text::open(host, WORLD).ok().map(|world| {
        let words = text::Lines::new(world);
        let words: Vec<_> = words.flat_map(|line| named(&line)).collect();
        words.into_iter().collect::<HashSet<_>>()
    });
    // P: name, V: version, A: architecture, I: bytes installed, o: source, m: maintainer, f: what is
    // broken of it.
    let stanzas = Stanzas::new(file?, &["P", "V", "A", "I", "o", "m", "f"]);
    let packages = stanzas.filter_map(|stanza| {
        let name = stanza.get("P")?.to_owned();
        let broken = stanza.get("f").map(|what| format!("broken: {what}"));
        Some(Package {
            version: stanza.get("V").unwrap_or_default().to_owned(),
            architecture: stanza.get("A").map(str::to_owned),
            state: broken.unwrap_or_else(|| INSTALLED.to_owned()),
            automatic: world.as_ref().map(|world| !world.contains(&name)),
            size: stanza.get("I").and_then(|size| size.parse().ok()),
            source: stanza.get("o").map(str::to_owned),
            vendor: stanza.get("m").map(str::to_owned),
            manager: "apk",
            name,
            ..Package::default()
        })
    });
    Ok(packages.collect())
}

/// The names in a line of the world file, without the versions and tags that they are bound to.
fn named(line: &str) -> Vec<String> {
    let words = line.split_whitespace().filter(|word| !word.starts_with('!'));
    let names = words.filter_map(|word| word.split(['=', '<', '>', '~', '@']).next());
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;

    #[test]
    fn packages_of_apk_are_read() {
        let database = "C:Q1made0up=\nP:musl\nV:1.2.5-r0\nA:x86_64\nS:383459\nI:622592\nT:libc\n\
                        o:musl\nm:Someone <someone@example.com>\nF:lib\nR:ld-musl-x86_64.so.1\na:0:0:755\n\n\
                        P:shop\nV:1\nf:f\nF:etc\nM:0:0:755\n\n";
        let host = FakeHost::new()
            .file(DATABASES[1], database)
            .file(WORLD, "shop@local>=1\nother\n!never\n");
        let packages = packages(&host).unwrap();
        assert_eq!(packages.len(), 2);
        assert_eq!(packages[0].size, Some(622_592));
        assert_eq!((packages[0].automatic, packages[1].automatic), (Some(true), Some(false)));
        assert!(packages[1].is_broken());
    }
}
