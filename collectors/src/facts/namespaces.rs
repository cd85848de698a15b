//! Network namespaces: which there are, and who is in them.

use super::kernel_files::{children, name, processes, value};
use collect_core::host::{Deadline, Host};
use serde::Serialize;
use std::{collections::BTreeMap, path::Path};

/// A network namespace.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Namespace {
    pub(crate) inode: u64,
    /// The names that `ip-netns(8)` and container engines gave it.
    pub(crate) names: Vec<String>,
    pub(crate) processes: usize,
    /// The first process in it.
    pub(crate) process_id: Option<u32>,
    pub(crate) process_name: Option<String>,
    /// Whether it is the one of this process, which all other entries tell of.
    pub(crate) this: bool,
}

/// The namespaces that have a name or a process that this user may look at.
pub(crate) fn namespaces(host: &dyn Host, deadline: &Deadline) -> Vec<Namespace> {
    let mut found: BTreeMap<u64, Namespace> = BTreeMap::new();
    for (id, folder) in processes(host).into_iter().take_while(|_| !deadline.passed()) {
        let Some(inode) = inode(host, &folder.join("ns/net")) else {
            continue;
        };
        let namespace = found.entry(inode).or_insert_with(|| Namespace {
            inode,
            process_id: Some(id),
            process_name: value(host, folder.join("comm")),
            ..Namespace::default()
        });
        namespace.processes += 1;
    }
    for folder in ["/run/netns", "/run/docker/netns"] {
        for path in children(host, folder) {
            // A name is a file upon which the namespace is mounted.
            if let Ok(info) = host.info(&path) {
                let inode = info.id.1;
                let namespace = found.entry(inode);
                let namespace =
                    namespace.or_insert_with(|| Namespace { inode, ..Namespace::default() });
                namespace.names.push(name(&path));
            }
        }
    }
    if let Some(own) = inode(host, Path::new("/proc/self/ns/net"))
        && let Some(namespace) = found.get_mut(&own)
    {
        namespace.this = true;
    }
    found.into_values().collect()
}

fn inode(host: &dyn Host, link: &Path) -> Option<u64> {
    let target = host.link(link).ok()?;
    target.to_str()?.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;
    use std::{sync::Arc, time::Duration};

    #[test]
    fn namespaces_are_those_of_processes_and_those_with_a_name() {
        let host = FakeHost::new()
            .link("/proc/1/ns/net", "net:[4026531840]")
            .file("/proc/1/comm", "init\n")
            .link("/proc/7/ns/net", "net:[4026531840]")
            .link("/proc/8/ns/net", "net:[4026532000]")
            .link("/proc/9/ns/net", "odd")
            .link("/proc/self/ns/net", "net:[4026531840]")
            .file("/run/netns/blue", "");
        let found = namespaces(&host, &Deadline::after(Duration::from_mins(1), Arc::default()));
        let [blue, first, second] = &found[..] else { panic!("{found:?}") };
        assert_eq!((&blue.names[..], blue.processes), (&["blue".to_owned()][..], 0));
        assert_eq!((first.processes, first.process_name.as_deref()), (2, Some("init")));
        assert!(first.this && !second.this);
    }
}
