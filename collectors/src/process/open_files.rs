//! What a process has open: how much of what kind, and what of it has been deleted.

use crate::facts::kernel_files::name;
use collect_core::host::{Deadline, Host};
use serde::Serialize;
use std::{io, path::Path};

/// What the kernel writes behind the path of a file that has none any more.
const DELETED: &str = " (deleted)";

/// Memory with the shape of a deleted file: it takes no space on a disk.
const MEMORY: [&str; 4] = ["/memfd:", "/dev/zero", "/SYSV", "/anon_hugepage"];

/// How many of each kind are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Open {
    pub(crate) all: u64,
    /// Files, directories and devices: what has a path.
    pub(crate) files: u64,
    pub(crate) sockets: u64,
    pub(crate) pipes: u64,
    /// Others, as of `eventfd(2)` and `epoll(7)`, and what may not be looked at.
    pub(crate) others: u64,
}

/// A file that was deleted and is open still, so that its space is not free.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Deleted {
    pub(crate) pid: u32,
    pub(crate) name: String,
    pub(crate) descriptor: u32,
    /// Its length in bytes.
    pub(crate) size: u64,
    /// Bytes that it takes on the disk.
    pub(crate) allocated: u64,
    pub(crate) path: String,
    /// Device and inode.
    #[serde(skip)]
    pub(crate) id: (u64, u64),
}

/// Looks at `/proc/PID/fd` (`proc_pid_fd(5)`).
pub(crate) fn open(
    host: &dyn Host,
    (pid, folder): (u32, &Path),
    process: &str,
    deadline: &Deadline,
) -> io::Result<(Open, Vec<Deleted>)> {
    let (mut open, mut deleted) = (Open::default(), Vec::new());
    for descriptor in host.entries(&folder.join("fd"))? {
        if deadline.passed() {
            break;
        }
        let target = match host.link(&descriptor) {
            Ok(target) => target,
            // It was closed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(_) => {
                open.all += 1;
                open.others += 1;
                continue;
            }
        };
        let target = target.to_string_lossy();
        open.all += 1;
        match target.split_once(':') {
            _ if target.starts_with('/') => open.files += 1,
            Some(("socket", _)) => open.sockets += 1,
            Some(("pipe", _)) => open.pipes += 1,
            _ => open.others += 1,
        }
        if let Some(path) = target.strip_suffix(DELETED)
            && path.starts_with('/')
            && !MEMORY.iter().any(|memory| path.starts_with(memory))
            && let Ok(file) = host.target(&descriptor)
        {
            deleted.push(Deleted {
                pid,
                name: process.to_owned(),
                descriptor: name(&descriptor).parse().unwrap_or(0),
                size: file.len,
                allocated: file.allocated,
                path: path.to_owned(),
                id: file.id,
            });
        }
    }
    Ok((open, deleted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;
    use std::{sync::Arc, time::Duration};

    #[test]
    fn what_is_deleted_and_open_has_a_size() {
        let host = FakeHost::new()
            .link("/proc/7/fd/0", "/dev/null")
            .link("/proc/7/fd/1", "/var/log/shop.log (deleted)")
            .file("/var/log/shop.log (deleted)", "12345")
            .link("/proc/7/fd/2", "socket:[1]")
            .link("/proc/7/fd/3", "pipe:[1]")
            .link("/proc/7/fd/4", "anon_inode:[eventpoll]")
            .link("/proc/7/fd/5", "/memfd:x (deleted)");
        let deadline = Deadline::after(Duration::from_mins(1), Arc::default());
        let (open, deleted) = open(&host, (7, "/proc/7".as_ref()), "shop", &deadline).unwrap();
        assert_eq!(open, Open { all: 6, files: 3, sockets: 1, pipes: 1, others: 1 });
        let [deleted] = &deleted[..] else { panic!("{deleted:?}") };
        assert_eq!((deleted.descriptor, deleted.size), (1, 5));
        assert_eq!(deleted.path, "/var/log/shop.log");
    }
}
