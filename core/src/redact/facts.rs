//! What a host knows about itself: whose names are to be looked for.
//!
//! Everything is read through [`Host`], so that it may be another host's tree.

use crate::host::Host;
use std::{collections::BTreeSet, io::Read, net::IpAddr, path::Path};

/// The names, accounts and addresses of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// Names of hosts, in lower case, as they are written somewhere: short or with a domain.
    pub hosts: BTreeSet<String>,
    /// Domains that hosts are looked for in.
    pub domains: BTreeSet<String>,
    /// Accounts of people.
    pub users: BTreeSet<String>,
    /// Accounts that every host has, or that programs run under.
    pub system_users: BTreeSet<String>,
    /// The names of people, as the accounts have them.
    pub people: BTreeSet<String>,
    /// The host's own addresses.
    pub addresses: BTreeSet<IpAddr>,
    /// The hardware addresses of its interfaces, as they are written.
    pub macs: BTreeSet<String>,
}

/// More of a file is not read: no file of names is longer.
const LONGEST: u64 = 4 << 20;

/// Accounts with a lower number are the system's (login.defs(5), `UID_MIN`).
const FIRST_USER: u32 = 1000;

/// The account that stands for nobody, and what is above it, is the system's.
const NOBODY: u32 = 65_534;

impl HostFacts {
    /// What can be learnt of a host. What is not there is not learnt.
    pub fn discover(host: &dyn Host) -> Self {
        let mut facts = Self::default();
        facts.names(host);
        for line in lines(host, "/etc/passwd") {
            facts.account(&line);
        }
        for interface in host.interfaces() {
            facts.macs.insert(interface.mac);
            for address in interface.addresses {
                facts
                    .addresses
                    .extend(address.split('/').next().and_then(|ip| ip.parse::<IpAddr>().ok()));
            }
        }
        facts.homes(host);
        facts.people.retain(|name| name.contains(' '));
        facts
    }

    fn names(&mut self, host: &dyn Host) {
        for file in ["/etc/hostname", "/proc/sys/kernel/hostname", "/etc/HOSTNAME", "/etc/mailname"]
        {
            for line in lines(host, file) {
                self.host(line.trim());
            }
        }
        for line in lines(host, "/etc/hosts") {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            if words.next().is_some_and(|first| first.parse::<IpAddr>().is_ok()) {
                words.for_each(|name| self.host(name));
            }
        }
        for line in lines(host, "/etc/resolv.conf") {
            let mut words = line.split_whitespace();
            if matches!(words.next(), Some("search" | "domain")) {
                self.domains.extend(words.map(|name| name.trim_matches('.').to_lowercase()));
            }
        }
        for line in lines(host, "/proc/sys/kernel/domainname") {
            self.domains.insert(line.trim().to_lowercase());
        }
        let domain = |name: &String| Some(name.split_once('.')?.1.to_owned());
        self.domains.extend(self.hosts.iter().filter_map(domain));
        self.domains.retain(|name| name.contains('.') && is_host(name));
    }

    fn host(&mut self, name: &str) {
        let name = name.trim_matches('.').to_lowercase();
        // Names of the host itself, of which every host has the same.
        let own =
            name.starts_with("localhost") || name.starts_with("ip6-") || name == "broadcasthost";
        if is_host(&name) && !own {
            self.hosts.extend(name.split_once('.').map(|(short, _)| short.to_owned()));
            self.hosts.insert(name);
        }
    }

    /// A line of passwd(5).
    fn account(&mut self, line: &str) {
        let fields: Vec<&str> = line.split(':').collect();
        let &[name, _, number, _, people, ..] = fields.as_slice() else { return };
        let Ok(number) = number.parse::<u32>() else { return };
        if (FIRST_USER..NOBODY).contains(&number) {
            self.users.insert(name.to_owned());
            let person = people.split(',').next().unwrap_or_default().trim();
            self.people.insert(person.to_owned());
        } else {
            self.system_users.insert(name.to_owned());
        }
    }

    /// Accounts of a directory service are in no file, but have folders.
    fn homes(&mut self, host: &dyn Host) {
        for home in ["/home", "/Users"] {
            for path in host.entries(Path::new(home)).unwrap_or_default() {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let plain = !name.starts_with('.')
                    && !["lost+found", "Shared", "linuxbrew"].contains(&name.as_str());
                if plain && !self.system_users.contains(&name) {
                    self.users.insert(name);
                }
            }
        }
    }
}

/// Whether the text may be the name of a host, and not an address.
fn is_host(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !name.is_empty()
        && name.len() <= 253
        && name.bytes().all(plain)
        && name.bytes().any(|byte| byte.is_ascii_alphabetic())
        && name.parse::<IpAddr>().is_err()
}

/// The lines of a text file; none if it cannot be read.
fn lines(host: &dyn Host, path: &str) -> Vec<String> {
    // Links are followed: resolv.conf most often is one.
    let path = Path::new(path);
    let path = host.canonical(path).unwrap_or_else(|_| path.to_owned());
    let mut text = Vec::new();
    if let Ok(file) = host.open(&path) {
        _ = file.take(LONGEST).read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{host::Interface, testkit::FakeHost};

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_host_knows_its_names_people_and_addresses() {
        let host = FakeHost::new()
            .file("/etc/hostname", "Shop1.example.com\n")
            .file("/etc/hosts", "127.0.0.1 localhost\n192.0.2.7 db7.example.com db7 # spare\n")
            .file("/etc/resolv.conf", "search stage.example.com\nnameserver 192.0.2.1\n")
            .file("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nzoe:x:1000:1000:Zoé Made Up,,,:/home/zoe:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
            .directory("/home/max")
            .interface(Interface {
                mac: "52:54:00:01:02:03".into(),
                addresses: vec!["192.0.2.8/24".into()],
                ..Interface::default()
            });
        let facts = HostFacts::discover(&host);
        assert_eq!(facts.hosts, set(&["db7", "db7.example.com", "shop1", "shop1.example.com"]));
        assert_eq!(facts.domains, set(&["example.com", "stage.example.com"]));
        assert_eq!(facts.users, set(&["max", "zoe"]));
        assert_eq!(facts.system_users, set(&["nobody", "root"]));
        assert_eq!(facts.people, set(&["Zoé Made Up"]));
        assert_eq!(facts.addresses.len(), 1);
        assert_eq!(facts.macs, set(&["52:54:00:01:02:03"]));
    }

    #[test]
    fn of_an_empty_host_nothing_is_learnt() {
        assert_eq!(HostFacts::discover(&FakeHost::new()), HostFacts::default());
    }
}
