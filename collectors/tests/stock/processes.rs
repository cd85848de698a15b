//! `processes`, held to `ps` and `lsof`.

use crate::kit::{collected, json, stock};
use collect_core::{
    bundle::Status,
    host::Machine,
    testkit::{Collected, Faulty, Trial},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    os::fd::AsRawFd,
    process::Command,
};

/// What `ps` says of each process, by its id: these columns and the rest of the line.
fn ps(columns: &[&str]) -> Option<BTreeMap<u64, Vec<String>>> {
    let format: Vec<_> = columns.iter().map(|column| format!("{column}=")).collect();
    let table = stock(&["ps", "-ww", "-eo", &format!("pid=,{}", format.join(","))])?;
    let rows = table.lines().map(|line| {
        let mut words = line.split_whitespace();
        let pid = words.next().unwrap().parse().unwrap();
        let mut row: Vec<_> = words.by_ref().take(columns.len() - 1).map(str::to_owned).collect();
        row.push(words.collect::<Vec<_>>().join(" "));
        (pid, row)
    });
    Some(rows.collect())
}

fn by_id(processes: &Value) -> BTreeMap<u64, &Value> {
    let processes = processes.as_array().expect("a list").iter();
    processes.map(|process| (process["pid"].as_u64().expect("an id"), process)).collect()
}

fn processes() -> (Collected, Value) {
    let collected = collected("processes", "");
    let processes = json(&collected, "processes.json");
    (collected, processes)
}

#[test]
fn processes_are_what_ps_says() {
    let what = ["ppid", "pgid", "sess", "ni", "cls", "euid", "comm"];
    let (Some(before), (_, processes), Some(after)) = (ps(&what), processes(), ps(&what)) else {
        return;
    };
    let mut compared = 0;
    for (pid, process) in by_id(&processes) {
        // What changed meanwhile cannot be compared.
        let (Some(row), Some(again)) = (before.get(&pid), after.get(&pid)) else { continue };
        if row != again {
            continue;
        }
        compared += 1;
        for (key, column) in [("parent", 0), ("group", 1), ("session", 2)] {
            assert_eq!(process[key].to_string(), row[column], "{key} of {process}");
        }
        let class = match process["scheduling"].as_str().expect("a class") {
            "other" => "TS",
            "fifo" => "FF",
            "round-robin" => "RR",
            "batch" => "B",
            "idle" => "IDL",
            "deadline" => "DLN",
            other => other,
        };
        assert_eq!(class, row[4], "scheduling of {process}");
        // ps shows none for those in real time.
        if row[3] != "-" {
            assert_eq!(process["nice"].to_string(), row[3], "nice of {process}");
        }
        let user = process["user"].as_str().expect("a user");
        if user.parse::<u32>().is_ok() {
            assert_eq!(user, row[5], "{process}");
        }
        let name = process["name"].as_str().expect("a name");
        // ps cuts names that kernel threads give themselves, and marks zombies.
        let theirs = row[6].trim_end_matches(" <defunct>");
        // The kernel's workers are called after the work that they have at the moment.
        let alike = name.starts_with("kworker/") && theirs.starts_with("kworker/");
        assert!(alike || name.starts_with(theirs) || theirs.starts_with(name), "{name} {theirs}");
    }
    assert!(compared > 2, "{compared}");
}

/// Threads, memory and times go up and down while they are read.
#[test]
fn what_moves_is_near_to_what_ps_says() {
    let what = ["nlwp", "rss", "vsz", "cputimes", "etimes", "pcpu", "user:40", "state", "wchan:40"];
    let (Some(before), (_, processes), Some(after)) = (ps(&what), processes(), ps(&what)) else {
        return;
    };
    let number = |text: &str| text.parse::<f64>().expect("a number");
    let (mut compared, mut waiting) = (0, 0);
    for (pid, process) in by_id(&processes) {
        let (Some(row), Some(again)) = (before.get(&pid), after.get(&pid)) else { continue };
        let own = |key: &str| {
            let value = key.split('.').fold(process, |value, key| &value[key]);
            value.as_f64().unwrap_or_else(|| panic!("{key} of {process}"))
        };
        compared += 1;
        for (column, value, slack) in [
            (0, own("threads"), 8.0),
            // The kernel counts pages for each processor and adds them up late.
            (1, own("memory.resident") / 1024.0, 4096.0),
            (2, own("memory.virtual") / 1024.0, 4096.0),
            (3, own("cpu-seconds"), 1.0),
            (5, own("cpu-share"), 5.0),
        ] {
            let (low, high) = (number(&row[column]), number(&again[column]));
            let (low, high) = (low.min(high) - slack, low.max(high) + slack);
            // Of a process that has just begun a share says nothing.
            if column == 5 && number(&row[4]) < 10.0 {
                continue;
            }
            assert!((low..=high).contains(&value), "{} {value} {row:?} {process}", what[column]);
        }
        if row == again {
            let user = process["user"].as_str().expect("a user");
            assert!(user.parse::<u32>().is_ok() || user == row[6], "{user} {row:?}");
        }
        let waits = process["waits-in"].as_str().unwrap_or("-");
        let states = [row[7].as_str(), &again[7]];
        if states == ["S", "S"] && row[8] == again[8] && row[8] != "-" {
            // It may have been awake just when it was looked at.
            assert!(waits == row[8] || waits == "-", "{waits} {row:?} {process}");
            waiting += usize::from(waits == row[8]);
        }
        let started: jiff::Timestamp = process["started"].as_str().unwrap().parse().unwrap();
        let age = (jiff::Timestamp::now() - started).total(jiff::Unit::Second).unwrap();
        assert!((age - number(&again[4])).abs() < 3.0, "{age} {row:?}");
    }
    assert!(compared > 2 && waiting > 0, "{compared} {waiting}");
}

#[test]
fn command_lines_are_what_ps_says() {
    let (Some(before), (_, processes)) = (ps(&["args"]), processes()) else {
        return;
    };
    let me = u64::from(std::process::id());
    let own = by_id(&processes)[&me]["command"].as_str().unwrap().to_owned();
    assert_eq!(own, before[&me][0], "without spaces in it, it is the same");
}

#[test]
fn a_deleted_file_that_is_open_is_found_with_its_size_as_lsof_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("growing.log");
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(&vec![b'.'; 300_000]).unwrap();
    file.sync_all().unwrap();
    std::fs::remove_file(&path).unwrap();
    let (collected, processes) = processes();
    let deleted = json(&collected, "deleted-files.json");
    let me = u64::from(std::process::id());
    let mine = |row: &&Value| row["pid"] == me && row["descriptor"] == file.as_raw_fd();
    let row = deleted.as_array().unwrap().iter().find(mine).expect("it is found");
    assert_eq!(row["path"], path.to_str().unwrap());
    assert_eq!(row["size"], 300_000);
    assert!(row["allocated"].as_u64().unwrap() >= 300_000);
    let summary = json(&collected, "summary.json");
    assert!(summary["deleted-files-bytes"].as_u64().unwrap() >= 300_000);

    let id = me.to_string();
    let Some(theirs) = stock(&["lsof", "-a", "-p", &id, "+L1", "-F", "fs"]) else {
        return;
    };
    let field = format!("f{}\ns300000\n", file.as_raw_fd());
    assert!(theirs.contains(&field), "{theirs}");

    // The other tests open and close files meanwhile.
    let there = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    let open = by_id(&processes)[&me]["open"]["all"].as_u64().unwrap();
    assert!(open.abs_diff(there) < 100, "{open} {there}");
}

#[test]
fn open_files_and_limits_of_a_quiet_process_are_what_the_kernel_lists() {
    let mut sleep = Command::new("sleep").arg("60").spawn().unwrap();
    let id = sleep.id();
    let (collected, processes) = processes();
    let listed = std::fs::read_dir(format!("/proc/{id}/fd")).unwrap().count();
    let limits = stock(&[
        "prlimit",
        "--pid",
        &id.to_string(),
        "--noheadings",
        "--raw",
        "--nofile",
        "--output",
        "SOFT,HARD",
    ]);
    sleep.kill().unwrap();
    sleep.wait().unwrap();
    let processes = by_id(&processes);
    let process = processes[&u64::from(id)];
    assert_eq!(process["open"]["all"], listed);
    if let Some(limits) = limits {
        let own = &process["limits"]["open-files"];
        assert_eq!(format!("{} {}", own["soft"], own["hard"]), limits.trim());
    }
    let tree = collected.text("tree.txt");
    let line = tree.lines().find(|line| line.contains(&format!(" {id} sleep 60")));
    assert!(line.is_some(), "{tree}");
    let names: BTreeSet<String> =
        std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
    let environment = json(&collected, "environment.json");
    let of_process = |row: &&Value| row["processes"].as_array().unwrap().contains(&id.into());
    let own = environment.as_array().unwrap().iter().find(of_process).unwrap();
    let own: BTreeSet<_> = own["names"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(own, names);
}

#[test]
fn a_zombie_is_found_with_its_parent() {
    let mut ended = Command::new("true").spawn().unwrap();
    let id = ended.id();
    let zombie = format!("({}) Z", "true");
    let stat = format!("/proc/{id}/stat");
    while !std::fs::read_to_string(&stat).unwrap().contains(&zombie) {
        std::thread::yield_now();
    }
    let (collected, _) = processes();
    ended.wait().unwrap();
    let zombies = json(&collected, "zombies.json");
    let found =
        zombies.as_array().unwrap().iter().find(|row| row["pid"] == id).expect("it is there");
    assert_eq!(found["parent"], std::process::id());
}

#[test]
fn whatever_vanishes_on_this_host_costs_nothing_else() {
    collect_collectors::link();
    let gather = |at: usize| {
        let host = Faulty::new(Machine::new(), at, std::io::ErrorKind::NotFound);
        let asked = host.counter();
        let collected = Trial::plugin("processes", "").on(host);
        assert_ne!(collected.status(), Status::Failed, "{at}: {:?}", collected.notes());
        assert_ne!(collected.status(), Status::Panicked, "{at}");
        assert!(json(&collected, "processes.json").as_array().unwrap().len() > 2, "{at}");
        asked()
    };
    let asked = gather(usize::MAX);
    // The first few find the processes; what then is asked for is the same for each of them.
    for at in (10..asked).step_by(asked / 20 + 1) {
        gather(at);
    }
}

/// Who calls `vfork(2)` waits uninterruptibly for the child to end.
#[test]
fn a_process_that_is_blocked_is_found_with_its_stack() {
    let vfork = "import ctypes, time; ctypes.CDLL(None).vfork() or time.sleep(60)";
    let Ok(mut blocked) = Command::new("python3").args(["-S", "-c", vfork]).spawn() else {
        println!("skipped: python3 is not installed");
        return;
    };
    let id = blocked.id();
    let stat = format!("/proc/{id}/stat");
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let children = format!("/proc/{id}/task/{id}/children");
    // It may wait for the disk before, and what comes before Python may be a script.
    let is_in_vfork = || {
        let program = std::fs::read_link(format!("/proc/{id}/exe")).unwrap();
        program.file_name().unwrap().to_string_lossy().starts_with("python")
            && !std::fs::read_to_string(&children).unwrap().is_empty()
            && std::fs::read_to_string(&stat).unwrap().contains(") D ")
    };
    while !is_in_vfork() {
        assert!(std::time::Instant::now() < end, "it never blocked");
        std::thread::yield_now();
    }
    let (collected, _) = processes();
    let stack = std::fs::read_to_string(format!("/proc/{id}/stack"));
    let child = std::fs::read_to_string(&children).unwrap();
    Command::new("kill").args(["-KILL", child.trim()]).status().unwrap();
    _ = blocked.kill();
    blocked.wait().unwrap();
    let all = json(&collected, "blocked.json");
    let row = all.as_array().unwrap().iter().find(|row| row["pid"] == id).expect("it is there");
    let frames = row["stack"].as_array().unwrap().iter().map(|frame| frame.as_str().unwrap());
    let frames: Vec<_> = frames.collect();
    match stack {
        Ok(stack) => {
            let theirs: Vec<_> =
                stack.lines().map(|line| line.trim_start_matches("[<0>] ")).collect();
            assert_eq!(frames, theirs);
            assert!(collected.text("blocked.txt").contains("vfork"), "{frames:?}");
        }
        Err(_) => assert!(frames.is_empty()),
    }
}
