//! The processes, as `ps` would show them, and what is wrong with them.

use crate::{
    facts::{
        accounts::system_names,
        kernel_files::{self, boot_time, bytes, value},
        listing,
    },
    process::{
        Deleted, Process, Refused, Surroundings, blocked, environment_names, near_limits, open,
        tree, zombies,
    },
};
use collect_core::{CollectError, Collector, Invalid, Output, Window, host::Host};
use glob::Pattern;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    io::ErrorKind,
};

/// Processes: what they are, use, have open and wait for.
///
/// `processes` lists them by their ids, `by-memory` and `by-cpu` the largest, `tree.txt` who started
/// whom. Where there are any: `deleted-files` are deleted and open still, so that their space is not
/// free; `near-limits` is what uses four fifths of a limit or more; `zombies` have ended, with the
/// parents that have not noticed; `blocked` are threads that wait in the kernel and cannot be
/// interrupted (state `D`), with the kernel's stack. `environment` has the names of the environment
/// variables, never their values.
///
/// Memory is in bytes; `cpu-share` in percent of one processor since the process started. System
/// accounts are named, people are numbers.
///
/// From `/proc/PID` (`proc_pid(5)`). Without root, open files, programs and environments of others'
/// processes cannot be seen, and no kernel stacks.
///
/// ```toml
/// [collect.web-server]
/// use = "processes"
/// names = ["nginx", "php-fpm*"]
/// proportional-memory = true
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Processes {
    /// Only processes of these names, as the kernel has them (15 characters) or as their program
    /// is called; `*` stands for any characters.
    names: Vec<String>,
    /// Whether `memory.proportional` is added: resident memory with what is shared with others
    /// divided among them. Takes the kernel long for large processes.
    proportional_memory: bool,
}

collect_core::register!("processes" => Processes as Collector);

/// How many of the largest processes are listed apart.
const LARGEST: usize = 20;

const COLUMNS: [&str; 12] = [
    "pid",
    "parent",
    "user",
    "state",
    "threads",
    "nice",
    "memory.resident",
    "cpu-seconds",
    "cpu-share",
    "open.all",
    "started",
    "command",
];

const SHORT: [&str; 7] =
    ["pid", "user", "memory.resident", "memory.swapped", "cpu-share", "unit", "command"];

impl Collector for Processes {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let mut refused = Refused::default();
        let all = self.read(out);
        if all.is_empty() {
            out.absent("/proc", "no processes can be seen");
            return Ok(());
        }
        // First, since what blocks them may block who looks at more of them.
        let (blocked, stacks) = blocked(out.host(), &all, out.deadline(), &mut refused);
        if !blocked.is_empty() {
            out.json("blocked.json", &blocked)?;
            out.text("blocked.txt", &stacks)?;
        }
        let mut found: Vec<Process> = all.iter().filter(|one| self.wants(one)).cloned().collect();
        let deleted = look_at_open_files(out, &mut found, &mut refused);
        let summary = summary(&found, &deleted, blocked.len());
        out.json("summary.json", &summary)?;
        listing::write(out, "processes", COLUMNS, &found)?;
        out.text("tree.txt", &tree(&found))?;
        let columns = ["allocated", "size", "pid", "name", "descriptor", "path"];
        write_any(out, "deleted-files", columns, &deleted)?;
        let columns = ["percent", "limit", "used", "soft", "hard", "pid", "name"];
        write_any(out, "near-limits", columns, &near_limits(&all, &found))?;
        let columns = ["pid", "name", "started", "parent", "parent-command"];
        write_any(out, "zombies", columns, &zombies(&all, &found))?;
        write_environment(out, &found, &mut refused)?;
        found.retain(|process| !process.is_of_the_kernel());
        found.sort_by(|one, other| other.cpu_share.total_cmp(&one.cpu_share));
        listing::write(out, "by-cpu", SHORT, &found[..found.len().min(LARGEST)])?;
        found.sort_by_key(|process| Reverse(process.memory.resident));
        listing::write(out, "by-memory", SHORT, &found[..found.len().min(LARGEST)])?;
        refused.note(out);
        Ok(())
    }

    fn check(&self) -> Vec<Invalid> {
        let wrong = self.names.iter().filter(|name| Pattern::new(name).is_err());
        let invalid = wrong.map(|name| Invalid {
            option: "names",
            message: format!("`{name}` is no pattern of names"),
            help: Some("write a name, with `*` for any characters".to_owned()),
        });
        invalid.collect()
    }

    fn refused(&self, host: &dyn Host, _window: &Window) -> Vec<String> {
        let refused = |path: &str| {
            let error = bytes(host, path).err().map(|error| error.kind());
            error == Some(ErrorKind::PermissionDenied)
        };
        let others = refused("/proc/1/environ");
        let others = others.then(|| "open files and environments of others' processes".to_owned());
        let stacks = refused("/proc/self/stack") || others.is_some();
        others.into_iter().chain(stacks.then(|| "kernel stacks of processes".to_owned())).collect()
    }
}

impl Processes {
    fn read(&self, out: &Output<'_>) -> Vec<Process> {
        let host = out.host();
        let uptime = value(host, "/proc/uptime").unwrap_or_default();
        let around = Surroundings {
            booted: boot_time(host),
            uptime: uptime.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0.0),
            accounts: system_names(host),
            proportional: self.proportional_memory,
        };
        let folders = kernel_files::processes(host).into_iter();
        let folders = folders.take_while(|_| !out.deadline().passed());
        folders.filter_map(|(_, folder)| Process::read(host, &folder, &around)).collect()
    }

    fn wants(&self, process: &Process) -> bool {
        let first = process.arguments.split(|byte| *byte == 0).next().unwrap_or_default();
        let first = String::from_utf8_lossy(first).into_owned();
        let program = process.program.as_ref().unwrap_or(&first);
        let program = program.rsplit('/').next().unwrap_or_default();
        let patterns = self.names.iter().filter_map(|name| Pattern::new(name).ok());
        let is_named =
            |pattern: Pattern| pattern.matches(&process.name) || pattern.matches(program);
        self.names.is_empty() || patterns.into_iter().any(is_named)
    }
}

fn summary(found: &[Process], deleted: &[Deleted], blocked: usize) -> Value {
    let mut states = BTreeMap::<char, usize>::new();
    for process in found {
        *states.entry(process.state).or_default() += 1;
    }
    let files: BTreeMap<_, _> = deleted.iter().map(|file| (file.id, file.allocated)).collect();
    let sum = |of: fn(&Process) -> u64| found.iter().map(of).sum::<u64>();
    json!({
        "processes": found.len(),
        "kernel-threads": found.iter().filter(|process| process.is_of_the_kernel()).count(),
        "threads": sum(|process| process.threads),
        "states": states,
        "blocked-threads": blocked,
        "open-files": sum(|process| process.open.map_or(0, |open| open.all)),
        "deleted-files": files.len(),
        "deleted-files-bytes": files.values().sum::<u64>(),
        "resident-bytes": sum(|process| process.memory.resident),
        "swapped-bytes": sum(|process| process.memory.swapped),
    })
}

fn look_at_open_files(
    out: &Output<'_>,
    found: &mut [Process],
    refused: &mut Refused,
) -> Vec<Deleted> {
    let mut all = Vec::new();
    let found = found.iter_mut().filter(|process| !process.is_of_the_kernel());
    for process in found.take_while(|_| !out.deadline().passed()) {
        let folder = process.folder();
        match open(out.host(), (process.pid, &folder), &process.name, out.deadline()) {
            Ok((open, deleted)) => {
                process.open = Some(open);
                all.extend(deleted);
            }
            Err(error) => refused.see("open files", &folder.join("fd"), &error),
        }
    }
    all.sort_by_key(|file| (Reverse(file.allocated), file.pid, file.descriptor));
    all
}

/// A list that most hosts have nothing to write in.
fn write_any<const N: usize>(
    out: &mut Output<'_>,
    name: &str,
    columns: [&str; N],
    rows: &[impl serde::Serialize],
) -> Result<(), CollectError> {
    if rows.is_empty() { Ok(()) } else { listing::write(out, name, columns, rows) }
}

/// The names of environment variables; processes that have the same stand together.
fn write_environment(
    out: &mut Output<'_>,
    found: &[Process],
    refused: &mut Refused,
) -> Result<(), CollectError> {
    let mut same = BTreeMap::<Vec<String>, (Vec<u32>, BTreeSet<&str>)>::new();
    let found = found.iter().filter(|process| !process.is_of_the_kernel());
    for process in found.take_while(|_| !out.deadline().passed()) {
        let path = process.folder().join("environ");
        match bytes(out.host(), &path) {
            Ok(environment) => {
                let names = environment_names(&environment).filter(|names| !names.is_empty());
                if let Some(names) = names {
                    let (ids, programs) = same.entry(names).or_default();
                    ids.push(process.pid);
                    programs.insert(&process.name);
                }
            }
            Err(error) => refused.see("environments", &path, &error),
        }
    }
    let same = same.into_iter().map(|(names, (processes, programs))| {
        json!({ "processes": processes, "programs": programs, "names": names })
    });
    let mut same: Vec<_> = same.collect();
    same.sort_by_key(|row| row["processes"][0].as_u64());
    listing::write(out, "environment", ["processes", "programs", "names"], &same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{Collected, FakeHost, Faulty, Trial},
    };

    /// A process of `web` with two threads; `state` as in `S 1`: with its parent.
    fn process(host: FakeHost, id: u32, name: &str, state: &str, arguments: &str) -> FakeHost {
        let at = |file: &str| format!("/proc/{id}/{file}");
        let zeros = "0 ".repeat(17);
        host.file(
            at("stat"),
            &format!(
                "{id} ({name}) {state} 1 1 0 -1 0 0 0 0 0 250 50 0 0 20 5 2 0 500 4096 {zeros}3\n"
            ),
        )
        .file(at("status"), &format!("Uid:\t33\t33\t33\t33\nVmRSS:\t{id} kB\n"))
        .file(at("cmdline"), arguments)
        .file(at("cgroup"), "0::/system.slice/shop.service\n")
        .file(at("limits"), "Max open files  2  4  files\nMax processes  9  9  processes\n")
        .file(at("environ"), "SHOP_KEY=made-up\0PATH=/bin\0")
        .file(at("wchan"), "do_wait")
        .link(at("exe"), "/usr/bin/shop (deleted)")
        .link(at("fd/0"), "/dev/null")
        .link(at("fd/1"), "/var/log/shop.log (deleted)")
    }

    fn host() -> FakeHost {
        let host = FakeHost::new()
            .file("/proc/stat", "cpu 0\nbtime 1767312000\n")
            .file("/proc/uptime", "11.00 1.00\n")
            .file("/etc/passwd", "web:x:33:33::/:/bin/false\njane:x:1000:1000::/:/bin/sh\n")
            .file("/var/log/shop.log (deleted)", "12345");
        let host = process(host, 1, "init", "S 0", "/sbin/init\0");
        let host = process(host, 20, "shop (x) y", "D 1", "");
        let host = process(host, 9, "defunct", "Z 20", "");
        host.file("/proc/20/task/20/stat", "20 (shop (x) y) D 1\n")
            .file("/proc/20/task/21/stat", "21 (shop) S 1\n")
            .file("/proc/20/task/20/stack", "[<0>] nfs_wait+0x1/0x2\n[<0>] do_read+0x3/0x4\n")
            .file("/proc/20/task/20/wchan", "nfs_wait")
    }

    fn json(collected: &Collected, entry: &str) -> Value {
        serde_json::from_str(collected.text(entry)).unwrap()
    }

    #[test]
    fn processes_are_listed_with_what_they_are_and_use() {
        let collected = Trial::of(Processes::default()).on(host());
        assert_eq!(collected.status(), Status::Complete);
        let all = json(&collected, "processes.json");
        assert_eq!(all.as_array().unwrap().len(), 3);
        let shop = &all[2];
        assert_eq!((&shop["pid"], &shop["name"]), (&json!(20), &json!("shop (x) y")));
        assert_eq!(shop["user"], "web");
        assert_eq!(shop["cpu-seconds"], 3.0);
        assert_eq!(shop["cpu-share"], 50.0);
        assert_eq!(shop["memory"], json!({"resident": 20480, "virtual": 4096, "swapped": 0}));
        assert_eq!((&shop["nice"], &shop["scheduling"]), (&json!(5), &json!("batch")));
        assert_eq!(shop["started"], "2026-01-02T00:00:05Z");
        assert_eq!(shop["unit"], "shop.service");
        assert_eq!(shop["limits"]["open-files"], json!({"soft": 2, "hard": 4}));
        assert_eq!(shop["open"]["all"], 2);
        assert_eq!(
            (&shop["program"], &shop["program-replaced"]),
            (&json!("/usr/bin/shop"), &json!(true))
        );
        assert_eq!(shop["command"], "[shop (x) y]");
        let first = collected.text("by-memory.txt").lines().nth(1).unwrap();
        assert!(first.trim_start().starts_with("20 "), "{first}");
    }

    #[test]
    fn what_is_wrong_is_listed_apart() {
        let collected = Trial::of(Processes::default()).on(host());
        let deleted = json(&collected, "deleted-files.json");
        assert_eq!(
            deleted[0],
            json!({
                "pid": 1, "name": "init", "descriptor": 1, "size": 5, "allocated": 5,
                "path": "/var/log/shop.log",
            })
        );
        let zombies = json(&collected, "zombies.json");
        assert_eq!(
            (&zombies[0]["pid"], &zombies[0]["parent-command"]),
            (&json!(9), &json!("[shop (x) y]"))
        );
        assert_eq!(
            collected.text("blocked.txt"),
            "20 shop (x) y, thread 20, waits in nfs_wait\n    nfs_wait+0x1/0x2\n    do_read+0x3/0x4\n"
        );
        let near = json(&collected, "near-limits.json");
        assert_eq!((&near[0]["limit"], &near[0]["percent"]), (&json!("open-files"), &json!(100)));
        let summary = json(&collected, "summary.json");
        assert_eq!(summary["states"], json!({"D": 1, "S": 1, "Z": 1}));
        assert_eq!(
            (&summary["deleted-files"], &summary["deleted-files-bytes"]),
            (&json!(1), &json!(5))
        );
    }

    #[test]
    fn the_tree_shows_who_started_whom() {
        let collected = Trial::of(Processes::default()).on(host());
        let tree: Vec<_> = collected.text("tree.txt").lines().skip(1).collect();
        let drawn: Vec<_> = tree.iter().map(|line| &line[19..]).collect();
        assert_eq!(
            drawn,
            [
                "1 /sbin/init (2 threads)",
                "└─ 20 [shop (x) y] (2 threads)",
                "   └─ 9 [defunct] (2 threads)",
            ]
        );
    }

    #[test]
    fn the_names_of_environment_variables_are_shown_and_never_their_values() {
        let collected = Trial::of(Processes::default()).on(host());
        let environment = json(&collected, "environment.json");
        assert_eq!(environment[0]["names"], json!(["PATH", "SHOP_KEY"]));
        assert_eq!(environment[0]["processes"], json!([1, 9, 20]));
        for path in collected.paths() {
            let path = path.trim_start_matches("test/");
            assert!(!collected.text(path).contains("made-up"), "{path}");
        }
    }

    #[test]
    fn only_the_asked_for_are_listed() {
        for (name, ids) in
            [("defunct", vec![9]), ("sh*", vec![1, 9, 20]), ("init", vec![1]), ("x", vec![])]
        {
            let processes = Processes { names: vec![name.into()], ..Processes::default() };
            let collected = Trial::of(processes).on(host());
            let all = json(&collected, "processes.json");
            let found: Vec<_> =
                all.as_array().unwrap().iter().map(|one| one["pid"].as_u64().unwrap()).collect();
            assert_eq!(found, ids, "{name}");
        }
        let wrong = Processes { names: vec!["[".into()], ..Processes::default() };
        assert_eq!(wrong.check()[0].option, "names");
    }

    #[test]
    fn whatever_vanishes_while_it_is_looked_at_costs_no_more_than_its_process() {
        let kinds = [ErrorKind::NotFound, ErrorKind::PermissionDenied];
        let asked = {
            let host = Faulty::new(host(), usize::MAX, ErrorKind::NotFound);
            let counter = host.counter();
            Trial::of(Processes::default()).on(host);
            counter()
        };
        assert!(asked > 100, "{asked}");
        for (at, kind) in (0..asked).flat_map(|at| kinds.map(|kind| (at, kind))) {
            let collected = Trial::of(Processes::default()).on(Faulty::new(host(), at, kind));
            if collected.status() == Status::Absent {
                // The list of the processes itself failed.
                continue;
            }
            let listed = json(&collected, "processes.json").as_array().unwrap().len();
            assert!(listed >= 2, "{at} {kind}: {listed}");
            let right = match kind {
                ErrorKind::PermissionDenied => {
                    [Status::Complete, Status::Partial].contains(&collected.status())
                }
                _ => collected.status() == Status::Complete,
            };
            assert!(right, "{at} {kind}: {:?} {:?}", collected.status(), collected.notes());
        }
    }

    #[test]
    fn what_is_refused_is_said_once() {
        let host = host()
            .denied("/proc/1/environ")
            .denied("/proc/9/environ")
            .denied("/proc/20/task/20/stack");
        let refused = Processes::default().refused(&host, &Window::default());
        assert_eq!(refused.len(), 2, "{refused:?}");
        let collected = Trial::of(Processes::default()).on(host);
        let notes = collected.notes();
        let [environments, stacks] = &notes[..] else { panic!("{notes:?}") };
        assert!(environments.contains("/proc/1/environ: environments of 2 processes"), "{notes:?}");
        assert!(stacks.starts_with("Denied /proc/20/task/20/stack"), "{notes:?}");
    }

    #[test]
    fn a_host_without_processes_and_odd_files_are_no_failure() {
        let odd = FakeHost::new()
            .file("/proc/3/stat", ")(")
            .file("/proc/4/stat", "4 (x) S")
            .directory("/proc/5");
        for host in [FakeHost::new(), odd] {
            let collected = Trial::of(Processes::default()).on(host);
            assert_eq!(collected.status(), Status::Absent);
        }
    }
}
