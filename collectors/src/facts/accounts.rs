//! Accounts and groups of the host: `passwd(5)` and `group(5)`. Passwords are never looked at.

use super::kernel_files::value;
use collect_core::host::Host;
use std::collections::BTreeMap;

/// Accounts below it are the system's (`login.defs(5)`, `UID_MIN`).
const FIRST_PERSON: u32 = 1000;

/// The account that stands for nobody, and what is above it, is the system's.
const NOBODY: u32 = 65_534;

/// An account.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) id: u32,
    pub(crate) group: u32,
    pub(crate) shell: String,
}

/// A group with its members, but for those whose own group it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) id: u32,
    pub(crate) members: Vec<String>,
}

impl Account {
    /// Whether it is a person's; else it belongs to the system or a program.
    pub(crate) fn is_person(&self) -> bool {
        (FIRST_PERSON..NOBODY).contains(&self.id)
    }

    /// Whether its shell lets somebody in; no shell means `/bin/sh`.
    pub(crate) fn has_shell(&self) -> bool {
        let program = self.shell.rsplit('/').next().unwrap_or_default();
        !["nologin", "false", "sync", "halt", "shutdown"].contains(&program)
    }
}

/// The accounts of `/etc/passwd`, in its order.
pub(crate) fn accounts(host: &dyn Host) -> Vec<Account> {
    let table = value(host, "/etc/passwd").unwrap_or_default();
    let accounts = table.lines().filter_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        let &[name, _, id, group, _, _, shell] = fields.as_slice() else { return None };
        Some(Account {
            name: name.to_owned(),
            id: id.parse().ok()?,
            group: group.parse().ok()?,
            shell: shell.trim().to_owned(),
        })
    });
    accounts.collect()
}

/// The groups of `/etc/group`, in its order.
pub(crate) fn groups(host: &dyn Host) -> Vec<Group> {
    let table = value(host, "/etc/group").unwrap_or_default();
    let groups = table.lines().filter_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        let &[name, _, id, members] = fields.as_slice() else { return None };
        let members = members.split(',').map(str::trim).filter(|member| !member.is_empty());
        Some(Group {
            name: name.to_owned(),
            id: id.parse().ok()?,
            members: members.map(str::to_owned).collect(),
        })
    });
    groups.collect()
}

/// The names of the accounts that are not people's; the first where several share a number.
pub(crate) fn system_names(host: &dyn Host) -> BTreeMap<u32, String> {
    let mut names = BTreeMap::new();
    for account in accounts(host).into_iter().filter(|account| !account.is_person()) {
        names.entry(account.id).or_insert(account.name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;

    #[test]
    fn accounts_of_people_are_told_from_those_of_programs() {
        let host = FakeHost::new().file(
            "/etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/root:\n# odd\nweb:x:33:33::/:/usr/sbin/nologin\n\
             zoe:x:1000:1000:Zoé,,,:/home/zoe:/bin/zsh\nnobody:x:65534:65534::/:/bin/false\n",
        );
        let all = accounts(&host);
        let of = |test: fn(&Account) -> bool| -> Vec<_> {
            all.iter().filter(|one| test(one)).map(|one| one.name.as_str()).collect()
        };
        assert_eq!(of(Account::is_person), ["zoe"]);
        assert_eq!(of(Account::has_shell), ["root", "toor", "zoe"]);
        assert_eq!(system_names(&host)[&0], "root");
        assert_eq!(accounts(&FakeHost::new()), []);
    }

    #[test]
    fn groups_have_members() {
        let host = FakeHost::new().file("/etc/group", "sudo:x:27:zoe, max\nweb:x:33:\n+\n");
        let groups = groups(&host);
        assert_eq!(groups[0].members, ["zoe", "max"]);
        assert_eq!((groups.len(), groups[1].members.len()), (2, 0));
    }
}
