//! What processes may use at most, and how much of it they use (`getrlimit(2)`).

use super::kernel_files::{bytes, name, value};
use collect_core::host::Host;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// `PF_KTHREAD` of the kernel's `sched.h`: a thread of the kernel, which has no limits.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// The limits, as `/proc/PID/limits` and as we name them.
const NAMES: [(&str, &str); 16] = [
    ("Max cpu time", "cpu-time"),
    ("Max file size", "file-size"),
    ("Max data size", "data"),
    ("Max stack size", "stack"),
    ("Max core file size", "core"),
    ("Max resident set", "resident"),
    ("Max processes", "processes"),
    ("Max open files", "open-files"),
    ("Max locked memory", "locked-memory"),
    ("Max address space", "address-space"),
    ("Max file locks", "file-locks"),
    ("Max pending signals", "signals"),
    ("Max msgqueue size", "message-queues"),
    ("Max nice priority", "nice"),
    ("Max realtime priority", "realtime-priority"),
    ("Max realtime timeout", "realtime-timeout"),
];

/// A limit; nothing where it is unlimited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Limit {
    pub(crate) soft: Option<u64>,
    pub(crate) hard: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) used: Option<u64>,
    /// Of the soft limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) percent: Option<u64>,
}

impl Limit {
    fn with_use(mut self, used: Option<u64>) -> Self {
        self.used = used;
        self.percent = used.and_then(|used| percent(used, self.soft?));
        self
    }
}

/// Nothing of nothing is nothing.
pub(crate) fn percent(used: u64, of: u64) -> Option<u64> {
    u64::try_from((u128::from(used) * 100).checked_div(u128::from(of))?).ok()
}

/// What is known of the limits of a process.
pub(crate) struct Limited {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) session: u32,
    pub(crate) user: Option<u32>,
    pub(crate) threads: u64,
    pub(crate) limits: BTreeMap<&'static str, Limit>,
    pub(crate) inotify: Inotify,
    /// Whether what it has open was refused.
    pub(crate) refused: bool,
}

/// How much a process watches files.
#[derive(Clone, Copy, Default)]
pub(crate) struct Inotify {
    pub(crate) instances: u64,
    pub(crate) watches: u64,
}

/// Nothing of a process that has ended, and of a thread of the kernel.
pub(crate) fn limited(host: &dyn Host, id: u32, folder: &Path) -> Option<Limited> {
    let stat = value(host, folder.join("stat"))?;
    // The name may hold anything, also `)`.
    let (before, after) = stat.rsplit_once(')')?;
    let after: Vec<_> = after.split_whitespace().collect();
    let flags: u64 = after.get(6)?.parse().ok()?;
    if flags & KERNEL_THREAD != 0 {
        return None;
    }
    let status = value(host, folder.join("status")).unwrap_or_default();
    let field = |name: &str| -> Option<&str> {
        let rest = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        rest.split_whitespace().next()
    };
    let number = |name| -> Option<u64> { field(name)?.parse().ok() };
    let bytes_of = |name| number(name).map(|kib| kib.saturating_mul(1024));
    let open = host.entries(&folder.join("fd"));
    let refused = open.as_ref().is_err_and(|error| error.kind() == ErrorKind::PermissionDenied);
    let open = open.ok();
    let mut limits = read(host, folder)?;
    for (name, used) in [
        ("open-files", open.as_ref().map(|open| open.len() as u64)),
        ("locked-memory", bytes_of("VmLck")),
        ("address-space", bytes_of("VmSize")),
        ("data", bytes_of("VmData")),
        ("stack", bytes_of("VmStk")),
        ("signals", field("SigQ").and_then(|queued| queued.split('/').next()?.parse().ok())),
    ] {
        if let Some(limit) = limits.remove(name) {
            limits.insert(name, limit.with_use(used));
        }
    }
    Some(Limited {
        id,
        name: before.split_once('(').map_or("", |(_, name)| name).to_owned(),
        session: after.get(3)?.parse().ok()?,
        user: field("Uid").and_then(|user| user.parse().ok()),
        threads: number("Threads").unwrap_or(1),
        inotify: watched(host, folder, &open.unwrap_or_default()),
        limits,
        refused,
    })
}

/// Gives the limit of processes its use: that counts the threads of all processes of a user.
pub(crate) fn count_threads(processes: &mut [Limited]) {
    let mut threads = BTreeMap::<u32, u64>::new();
    for process in &*processes {
        if let Some(user) = process.user {
            *threads.entry(user).or_default() += process.threads;
        }
    }
    for process in processes {
        if let Some(limit) = process.limits.remove("processes") {
            let used = process.user.and_then(|user| threads.get(&user)).copied();
            process.limits.insert("processes", limit.with_use(used));
        }
    }
}

fn read(host: &dyn Host, folder: &Path) -> Option<BTreeMap<&'static str, Limit>> {
    let text = bytes(host, folder.join("limits")).ok()?;
    let text = String::from_utf8_lossy(&text);
    let limits = text.lines().filter_map(|line| {
        let (name, rest) =
            NAMES.iter().find_map(|(long, name)| Some((*name, line.strip_prefix(long)?)))?;
        let mut fields = rest.split_whitespace();
        let mut limit = || fields.next().map(|field| field.parse().ok());
        Some((name, Limit { soft: limit()?, hard: limit()?, ..Limit::default() }))
    });
    Some(limits.collect())
}

/// <https://docs.kernel.org/filesystems/proc.html>, `fdinfo`.
fn watched(host: &dyn Host, folder: &Path, open: &[PathBuf]) -> Inotify {
    let mut inotify = Inotify::default();
    for descriptor in open {
        if host.link(descriptor).is_ok_and(|target| target == Path::new("anon_inode:inotify")) {
            let info = value(host, folder.join("fdinfo").join(name(descriptor)));
            let info = info.unwrap_or_default();
            inotify.instances += 1;
            inotify.watches +=
                info.lines().filter(|line| line.starts_with("inotify ")).count() as u64;
        }
    }
    inotify
}

/// The control group of a process that systemd, or another manager, put it into; nothing in the
/// root (`cgroups(7)`).
pub(crate) fn control_group(host: &dyn Host, folder: &Path) -> Option<String> {
    let groups = value(host, folder.join("cgroup"))?;
    let group = |prefix: &str| {
        let mut lines =
            groups.lines().filter_map(|line| line.split_once(':').map(|(_, rest)| rest));
        lines.find_map(|line| line.strip_prefix(prefix)).filter(|path| *path != "/")
    };
    group(":").or_else(|| group("name=systemd:")).map(str::to_owned)
}

/// Whether this user is refused what processes of others have open.
pub(crate) fn is_refused(host: &dyn Host) -> bool {
    let open = host.entries("/proc/1/fd".as_ref());
    open.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;

    #[test]
    fn limits_are_read_with_what_is_used_of_them() {
        let host = FakeHost::new()
            .file("/proc/7/stat", "7 (a) b) S 1 7 7 0 -1 4194304 0\n")
            .file(
                "/proc/7/status",
                "Name:\ta\nUid:\t33\t33\nThreads:\t3\nSigQ:\t5/10\nVmSize:\t 2 kB\n",
            )
            .file(
                "/proc/7/limits",
                "Limit Soft Hard Units\nMax open files            4            unlimited files\n\
                 Max pending signals 10 10 signals\nMax processes 6 6 processes\n\
                 Max nice priority 0 0\nMax stack size\nodd\n",
            )
            .link("/proc/7/fd/0", "/dev/null")
            .link("/proc/7/fd/5", "anon_inode:inotify")
            .link("/proc/7/fd/6", "socket:[9]")
            .file("/proc/7/fdinfo/5", "pos:\t0\ninotify wd:2 ino:1\ninotify wd:1 ino:2\n");
        let mut found = vec![limited(&host, 7, "/proc/7".as_ref()).unwrap()];
        count_threads(&mut found);
        let limits = &found[0].limits;
        let limit = |soft, hard, used, percent| Limit { soft: Some(soft), hard, used, percent };
        assert_eq!(limits["open-files"], limit(4, None, Some(3), Some(75)));
        assert_eq!(limits["signals"], limit(10, Some(10), Some(5), Some(50)));
        assert_eq!(limits["processes"], limit(6, Some(6), Some(3), Some(50)));
        assert_eq!(limits["nice"], limit(0, Some(0), None, None));
        assert!(!limits.contains_key("stack"));
        assert_eq!((found[0].name.as_str(), found[0].inotify.watches), ("a) b", 2));
    }

    #[test]
    fn threads_of_the_kernel_and_what_has_ended_are_left_out() {
        let host = FakeHost::new()
            .file("/proc/2/stat", "2 (kthreadd) S 0 0 0 0 -1 2129984 0\n")
            .file("/proc/3/stat", "3 (gone\n")
            .directory("/proc/4");
        for id in 2..5 {
            assert!(limited(&host, id, format!("/proc/{id}").as_ref()).is_none(), "{id}");
        }
    }

    #[test]
    fn the_control_group_is_found_in_both_hierarchies() {
        let host = FakeHost::new()
            .file("/proc/1/cgroup", "0::/system.slice/ssh.service\n")
            .file("/proc/2/cgroup", "3:cpu:/\n1:name=systemd:/system.slice/x.service\n0::/\n")
            .file("/proc/3/cgroup", "0::/\n");
        let group = |id: u32| control_group(&host, format!("/proc/{id}").as_ref());
        assert_eq!(group(1).as_deref(), Some("/system.slice/ssh.service"));
        assert_eq!(group(2).as_deref(), Some("/system.slice/x.service"));
        assert_eq!(group(3), None);
    }
}
