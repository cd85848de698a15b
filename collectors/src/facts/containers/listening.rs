//! Whether somebody is really there behind a Unix socket: whoever connects to a socket that systemd
//! only keeps for a service starts that service.

use crate::facts::{
    kernel_files::{bytes, name, processes, value},
    text::Lines,
};
use collect_core::host::{Deadline, Host};
use std::{
    ffi::OsStr,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// Who is behind a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    /// There is no socket, or nobody listens.
    Nobody,
    /// Only systemd, which would start somebody.
    Starter,
    /// A service.
    Service,
    /// Unknown: the socket comes from elsewhere, as one that was mounted into a container.
    Unknown,
}

/// What processes that listen as engines are called.
const ENGINES: [&str; 3] = ["dockerd", "podman", "containerd"];

/// Looks who is behind a socket, without connecting.
pub(crate) fn behind(host: &dyn Host, socket: &Path, deadline: &Deadline) -> Behind {
    let Ok(socket) = host.canonical(socket) else {
        return Behind::Nobody;
    };
    match listener(host, &socket) {
        None => Behind::Unknown,
        Some(inode) if is_held(host, &socket, inode, deadline) => Behind::Service,
        Some(_) => Behind::Starter,
    }
}

/// The inode of what listens there: `/proc/net/unix` of `proc_pid_net(5)`, with the flag
/// `__SO_ACCEPTCON`.
fn listener(host: &dyn Host, socket: &Path) -> Option<u64> {
    let table = host.open(Path::new("/proc/net/unix")).ok();
    // `/proc/net` is a link, which is not followed everywhere.
    let table = table.or_else(|| host.open(Path::new("/proc/self/net/unix")).ok())?;
    Lines::new(table).find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let [_, _, _, flags, _, _, inode, path] = fields[..] else {
            return None;
        };
        let path = PathBuf::from(path);
        let listens = u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & 0x1_0000 != 0);
        let same = listens
            && path.file_name() == socket.file_name()
            && host.canonical(&path).is_ok_and(|path| path == socket);
        same.then(|| inode.parse().ok()).flatten()
    })
}

/// Whether a process other than systemd has the socket open. Of processes whose open files this
/// user may not see, those count that are called like the engine.
fn is_held(host: &dyn Host, socket: &Path, inode: u64, deadline: &Deadline) -> bool {
    let target = PathBuf::from(format!("socket:[{inode}]"));
    let mut others = Vec::new();
    for (id, folder) in processes(host) {
        let called = value(host, folder.join("comm")).unwrap_or_default();
        if called == "systemd" || (id, called.as_str()) == (1, "init") {
            continue;
        }
        if ENGINES.contains(&called.as_str()) {
            match host.entries(&folder.join("fd")) {
                Ok(open) => {
                    if open.iter().any(|file| host.link(file).is_ok_and(|link| link == target)) {
                        return true;
                    }
                }
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    if serves(host, &folder, &called, socket) {
                        return true;
                    }
                }
                Err(_) => {}
            }
        } else {
            others.push(folder);
        }
    }
    // An engine by another name: all that can be looked into, which takes longer.
    let others = others.iter().take_while(|_| !deadline.passed());
    let mut open = others.flat_map(|folder| host.entries(&folder.join("fd")).unwrap_or_default());
    open.any(|file| host.link(&file).is_ok_and(|link| link == target))
}

/// Whether a process, by its name and arguments, is the engine that such a socket is of.
fn serves(host: &dyn Host, folder: &Path, called: &str, socket: &Path) -> bool {
    let arguments = bytes(host, folder.join("cmdline")).unwrap_or_default();
    let mut arguments = arguments.split(|byte| *byte == 0);
    let is_service = called != "podman" || arguments.any(|argument| argument == b"service");
    let kind = name(socket);
    let of = ENGINES.iter().find(|engine| kind.starts_with(engine.trim_end_matches('d')));
    // A socket of another name says nothing of its engine.
    is_service && of.is_none_or(|of| OsStr::new(of) == OsStr::new(called))
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;
    use std::{sync::Arc, time::Duration};

    const SOCKET: &str = "/run/docker.sock";

    fn host() -> FakeHost {
        FakeHost::new()
            .file(
                "/proc/net/unix",
                "Num       RefCount Protocol Flags    Type St Inode Path\n\
                 0000000000000001: 00000003 00000000 00000000 0001 03 10 /run/docker.sock\n\
                 0000000000000002: 00000002 00000000 00010000 0001 01 11 /var/run/docker.sock\n\
                 odd\n",
            )
            .special(SOCKET)
            .link("/var/run", "/run")
            .file("/proc/1/comm", "systemd\n")
            .link("/proc/1/fd/30", "socket:[11]")
    }

    fn found(host: &FakeHost) -> Behind {
        let deadline = Deadline::after(Duration::from_mins(1), Arc::default());
        behind(host, Path::new(SOCKET), &deadline)
    }

    #[test]
    fn a_socket_that_only_systemd_keeps_has_nobody_behind_it() {
        assert_eq!(found(&host()), Behind::Starter);
        let client = host().file("/proc/9/comm", "docker\n").link("/proc/9/fd/3", "socket:[10]");
        assert_eq!(found(&client), Behind::Starter);
    }

    #[test]
    fn a_process_that_holds_the_socket_as_well_is_its_service() {
        for called in ["dockerd", "engine-of-mine"] {
            let host = host().file("/proc/7/comm", called).link("/proc/7/fd/3", "socket:[11]");
            assert_eq!(found(&host), Behind::Service);
        }
    }

    #[test]
    fn without_rights_the_name_of_a_process_has_to_do() {
        let called = |name: &str, arguments: &str| {
            let host = host().file("/proc/7/comm", name).file("/proc/7/cmdline", arguments);
            found(&host.denied("/proc/7/fd"))
        };
        assert_eq!(called("dockerd", "dockerd\0"), Behind::Service);
        assert_eq!(called("podman", "podman\0system\0service\0"), Behind::Starter);
        assert_eq!(called("sh", "sh\0"), Behind::Starter);
    }

    #[test]
    fn a_socket_from_elsewhere_and_none_at_all_are_told_apart() {
        assert_eq!(found(&FakeHost::new().special(SOCKET)), Behind::Unknown);
        assert_eq!(found(&FakeHost::new()), Behind::Nobody);
    }
}
