//! Limits of the system and of services, and how near they are.

use crate::facts::{
    kernel_files::{number, processes, value},
    limits::{Limit, Limited, control_group, count_threads, is_refused, limited, percent},
    listing, present,
};
use collect_core::{CollectError, Collector, Output, Window, host::Host};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, io};

/// System and service limits, and their use.
///
/// `system.json` and `system.txt` list the kernel's limits with what is used of them, where that is
/// known; of limits that each user has, the user that is nearest to them. `services.json` and
/// `services.txt` list every service, session or other control group with the limits of its main
/// process and what that uses of them, and which of its processes is nearest to its limit of open
/// files; `null` is no limit. Percentages are of the soft limit, sizes in bytes, times in
/// seconds (`realtime-timeout` in microseconds). And the files that set limits.
///
/// From `proc_sys(5)`, `getrlimit(2)`, `proc_pid_limits(5)`, `inotify(7)`, `limits.conf(5)` and
/// `systemd-system.conf(5)`. What processes of other users have open is only told to root.
///
/// ```toml
/// [collect.limits]
/// use = "limits"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Limits {}

collect_core::register!("limits" => Limits as Collector);

const FILES: [&str; 7] = [
    "/etc/security/limits.conf",
    "/etc/security/limits.d/",
    "/etc/systemd/system.conf",
    "/etc/systemd/system.conf.d/",
    "/usr/lib/systemd/system.conf.d/",
    "/etc/systemd/user.conf",
    "/etc/systemd/user.conf.d/",
];

/// Settings that are limits, of which the kernel does not tell the use.
const SETTINGS: [&str; 11] = [
    "fs.nr_open",
    "fs.inotify.max_queued_events",
    "fs.epoll.max_user_watches",
    "fs.pipe-user-pages-soft",
    "fs.mqueue.queues_max",
    "kernel.keys.maxkeys",
    "kernel.msgmni",
    "kernel.shmmni",
    "kernel.shmmax",
    "net.core.somaxconn",
    "vm.max_map_count",
];

const SYSTEM: [&str; 5] = ["setting", "limit", "used", "percent", "user"];
const SERVICES: [&str; 10] = [
    "percent",
    "open-files.used",
    "open-files.soft",
    "open-files.hard",
    "processes.soft",
    "locked-memory.soft",
    "core.soft",
    "pid",
    "process",
    "service",
];

impl Collector for Limits {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let host = out.host();
        let mut refused = 0;
        let mut found = Vec::new();
        let mut groups = BTreeMap::<(Option<String>, u32), Vec<usize>>::new();
        for (id, folder) in processes(host) {
            if out.deadline().passed() {
                break;
            }
            let Some(process) = limited(host, id, &folder) else {
                continue;
            };
            refused += usize::from(process.refused);
            let group = control_group(host, &folder);
            // Where nothing puts services into groups, their sessions are the next best.
            let session = if group.is_some() { 0 } else { process.session };
            groups.entry((group, session)).or_default().push(found.len());
            found.push(process);
        }
        count_threads(&mut found);
        if refused > 0 {
            let text = format!("what {refused} processes have open is refused");
            out.failed("/proc/PID/fd", &io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        listing::write(out, "system", SYSTEM, &system(host, &found))?;
        let services =
            groups.into_iter().filter_map(|((group, _), of)| service(group, &of, &found));
        let mut services: Vec<_> = services.collect();
        services.sort_by_key(|service| std::cmp::Reverse(service.percent));
        listing::write_any(out, "services", SERVICES, &services)?;
        present::copy(out, &FILES)
    }

    fn refused(&self, host: &dyn Host, _window: &Window) -> Vec<String> {
        if is_refused(host) {
            vec!["how many files other users' processes have open".to_owned()]
        } else {
            Vec::new()
        }
    }
}

#[derive(Debug, Serialize)]
struct Capacity {
    setting: String,
    limit: u64,
    used: Option<u64>,
    percent: Option<u64>,
    /// Whose use it is.
    user: Option<u32>,
}

fn system(host: &dyn Host, processes: &[Limited]) -> Vec<Capacity> {
    let setting = |setting: &str| number(host, path(setting));
    let threads = value(host, "/proc/loadavg")
        .and_then(|load| load.split(' ').nth(3)?.split_once('/')?.1.parse().ok());
    // Allocated, free, maximum.
    let files = value(host, "/proc/sys/fs/file-nr").and_then(|files| {
        let files: Vec<u64> = files.split_whitespace().map_while(|n| n.parse().ok()).collect();
        Some(files.first()?.saturating_sub(*files.get(1)?))
    });
    let by_user = |of: fn(&Limited) -> u64| {
        let mut users = BTreeMap::<u32, u64>::new();
        for process in processes {
            if let Some(user) = process.user.filter(|_| of(process) > 0) {
                *users.entry(user).or_default() += of(process);
            }
        }
        users.into_iter().max_by_key(|(_, used)| *used)
    };
    let known = [
        ("fs.file-max", files.map(|files| (None, files))),
        ("fs.aio-max-nr", setting("fs.aio-nr").map(|used| (None, used))),
        ("kernel.threads-max", threads.map(|used| (None, used))),
        ("kernel.pid_max", threads.map(|used| (None, used))),
        (
            "net.netfilter.nf_conntrack_max",
            setting("net.netfilter.nf_conntrack_count").map(|used| (None, used)),
        ),
        (
            "fs.inotify.max_user_instances",
            by_user(|process| process.inotify.instances).map(|(user, used)| (Some(user), used)),
        ),
        (
            "fs.inotify.max_user_watches",
            by_user(|process| process.inotify.watches).map(|(user, used)| (Some(user), used)),
        ),
    ];
    let all = known.into_iter().chain(SETTINGS.map(|setting| (setting, None)));
    let all = all.filter_map(|(name, used)| {
        let limit = setting(name)?;
        Some(Capacity {
            setting: name.to_owned(),
            limit,
            used: used.map(|(_, used)| used),
            percent: used.and_then(|(_, used)| percent(used, limit)),
            user: used.and_then(|(user, _)| user),
        })
    });
    all.collect()
}

fn path(setting: &str) -> String {
    format!("/proc/sys/{}", setting.replace('.', "/"))
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Group {
    /// The control group; nothing for processes that are in none.
    service: Option<String>,
    pid: u32,
    process: String,
    user: Option<u32>,
    count: usize,
    /// Of the process that is nearest to its limit of open files.
    percent: Option<u64>,
    nearest: Option<Nearest>,
    cpu_time: Limit,
    file_size: Limit,
    data: Limit,
    stack: Limit,
    core: Limit,
    resident: Limit,
    processes: Limit,
    open_files: Limit,
    locked_memory: Limit,
    address_space: Limit,
    file_locks: Limit,
    signals: Limit,
    message_queues: Limit,
    nice: Limit,
    realtime_priority: Limit,
    realtime_timeout: Limit,
}

/// The process that is nearest to its limit of open files.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Nearest {
    pid: u32,
    process: String,
    open_files: Limit,
}

/// The first process of a group is its main one.
fn service(group: Option<String>, of: &[usize], found: &[Limited]) -> Option<Group> {
    let main = found.get(*of.first()?)?;
    let limit = |name: &str| main.limits.get(name).cloned().unwrap_or_default();
    let open = |process: &Limited| process.limits.get("open-files").cloned().unwrap_or_default();
    let of = of.iter().filter_map(|at| found.get(*at));
    let nearest = of.clone().max_by_key(|process| {
        let open = open(process);
        (open.percent, open.used)
    });
    let nearest = nearest.map(|process| Nearest {
        pid: process.id,
        process: process.name.clone(),
        open_files: open(process),
    });
    Some(Group {
        service: group,
        pid: main.id,
        process: main.name.clone(),
        user: main.user,
        count: of.count(),
        percent: nearest.as_ref().and_then(|nearest| nearest.open_files.percent),
        nearest,
        cpu_time: limit("cpu-time"),
        file_size: limit("file-size"),
        data: limit("data"),
        stack: limit("stack"),
        core: limit("core"),
        resident: limit("resident"),
        processes: limit("processes"),
        open_files: limit("open-files"),
        locked_memory: limit("locked-memory"),
        address_space: limit("address-space"),
        file_locks: limit("file-locks"),
        signals: limit("signals"),
        message_queues: limit("message-queues"),
        nice: limit("nice"),
        realtime_priority: limit("realtime-priority"),
        realtime_timeout: limit("realtime-timeout"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };
    use serde_json::{Value, json};

    fn process(host: FakeHost, id: u32, group: &str, open: u32) -> FakeHost {
        let folder = format!("/proc/{id}");
        let host = host
            .file(format!("{folder}/stat"), &format!("{id} (web) S 1 1 {id} 0 -1 0 0\n"))
            .file(format!("{folder}/status"), "Uid:\t33\t33\t33\t33\nThreads:\t2\n")
            .file(
                format!("{folder}/limits"),
                "Max open files 10 20 files\nMax core file size 0 unlimited bytes\n",
            )
            .file(format!("{folder}/cgroup"), &format!("0::{group}\n"));
        (0..open).fold(host, |host, at| host.link(format!("{folder}/fd/{at}"), "/dev/null"))
    }

    #[test]
    fn a_service_shows_how_near_it_is_to_its_limits() {
        let host = process(FakeHost::new(), 7, "/system.slice/web.service", 2);
        let host = process(host, 8, "/system.slice/web.service", 9);
        let host = process(host, 9, "/", 1);
        let collected = Trial::of(Limits::default()).on(host);
        let services: Value = serde_json::from_str(collected.text("services.json")).unwrap();
        let [web, other] = &services.as_array().unwrap()[..] else { panic!("{services}") };
        assert_eq!(
            (&web["pid"], &web["count"], &web["percent"]),
            (&json!(7), &json!(2), &json!(90))
        );
        assert_eq!(web["open-files"], json!({ "soft": 10, "hard": 20, "used": 2, "percent": 20 }));
        assert_eq!((&web["nearest"]["pid"], &web["core"]["hard"]), (&json!(8), &json!(null)));
        assert_eq!((&other["pid"], &other["service"]), (&json!(9), &json!(null)));
        assert_eq!(collected.status(), Status::Complete);
    }

    #[test]
    fn limits_of_the_system_are_told_with_their_use() {
        let host = FakeHost::new()
            .file("/proc/sys/fs/file-nr", "1000\t200\t8000\n")
            .file("/proc/sys/fs/file-max", "8000\n")
            .file("/proc/sys/kernel/pid_max", "400\n")
            .file("/proc/sys/fs/inotify/max_user_instances", "4\n")
            .file("/proc/loadavg", "0.1 0.1 0.1 3/100 4711\n")
            .file("/etc/security/limits.d/90.conf", "* soft nofile 10\n");
        let host = process(host, 7, "/", 1).link("/proc/7/fd/9", "anon_inode:inotify");
        let collected = Trial::of(Limits::default()).on(host);
        let system: Value = serde_json::from_str(collected.text("system.json")).unwrap();
        let found: Vec<_> = system
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                (row["setting"].as_str().unwrap(), row["used"].as_u64(), row["percent"].as_u64())
            })
            .collect();
        assert_eq!(
            found,
            [
                ("fs.file-max", Some(800), Some(10)),
                ("kernel.pid_max", Some(100), Some(25)),
                ("fs.inotify.max_user_instances", Some(1), Some(25)),
            ]
        );
        assert_eq!(system[2]["user"], 33);
        assert!(collected.text("/etc/security/limits.d/90.conf").contains("nofile"));
    }

    #[test]
    fn what_is_refused_is_said_once() {
        let host = || {
            let host = process(FakeHost::new(), 1, "/", 0);
            process(host, 2, "/", 0).denied("/proc/1/fd").denied("/proc/2/fd")
        };
        assert_eq!(Limits::default().refused(&host(), &Window::default()).len(), 1);
        let collected = Trial::of(Limits::default()).on(host());
        assert_eq!(collected.notes().len(), 1);
        assert_eq!(collected.status(), Status::Partial);
        assert!(collected.text("services.txt").contains("web"));
    }
}
