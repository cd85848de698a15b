//! The collectors of the system itself, held to the tools of util-linux, procps, kmod and systemd.

use crate::kit::{collected, json, stock, stock_json};
use collect_core::testkit::{FakeHost, Trial};
use serde_json::Value;
use std::collections::BTreeMap;

/// Settings that count: they are other ones at every look.
fn moves(key: &str) -> bool {
    let ends =
        [".dentry-state", ".inode-nr", ".inode-state", ".file-nr", ".ns_last_pid", ".pty.nr"];
    key.starts_with("kernel.random.")
        || key.starts_with("kernel.sched_domain.")
        || key == "fs.aio-nr"
        || key == "fs.quota.syncs"
        || key == "net.netfilter.nf_conntrack_count"
        || ends.iter().any(|end| key.ends_with(end))
}

#[test]
fn settings_are_what_sysctl_says() {
    let Some(listed) = stock(&["sysctl", "-a"]) else {
        return;
    };
    let mut expected = BTreeMap::<&str, Vec<String>>::new();
    for line in listed.lines() {
        let (key, value) = line.split_once('=').expect("key = value");
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        expected.entry(key.trim()).or_default().push(value);
    }
    let settings = json(&collected("sysctl", ""), "sysctl.json");
    assert!(expected.len() > 200, "{}", expected.len());
    let left_alone = [
        "stable_secret",
        "tcp_fastopen_key",
        "uuid",
        "base_reachable_time",
        "retrans_time",
        "stat_refresh",
    ];
    for (key, lines) in expected {
        if left_alone.iter().any(|name| key.ends_with(&format!(".{name}"))) {
            assert!(settings.get(key).is_none(), "{key}");
        } else if moves(key) {
            assert!(settings[key].is_string(), "{key}");
        } else {
            let found = settings[key].as_str().unwrap_or_else(|| panic!("no {key}"));
            let found: Vec<_> = found.split('\n').filter(|line| !line.is_empty()).collect();
            let lines: Vec<_> = lines.iter().filter(|line| !line.is_empty()).collect();
            assert_eq!(found, lines, "{key}");
        }
    }
}

#[test]
fn modules_are_what_lsmod_says() {
    let Some(listed) = stock(&["lsmod"]) else {
        return;
    };
    let modules = collected("modules", "");
    if !modules.paths().contains(&"test/modules.json") {
        // The kernel has none at all.
        assert_eq!(listed.lines().count(), 1, "{listed}");
        return;
    }
    let modules = json(&modules, "modules.json");
    let rows = modules.as_array().expect("an array").iter();
    let loaded: BTreeMap<_, _> = rows
        .filter(|row| row["built-in"] == false)
        .map(|row| (row["name"].as_str().expect("a name"), row))
        .collect();
    let mut count = 0;
    for line in listed.lines().skip(1) {
        let fields: Vec<_> = line.split_whitespace().collect();
        let row = loaded[fields[0]];
        assert_eq!(row["size"].to_string(), fields[1], "{line}");
        let count_of_uses = row["uses"].as_u64().map_or("-2".to_owned(), |count| count.to_string());
        assert_eq!(count_of_uses, fields[2], "{line}");
        let users = row["used-by"].as_array().expect("an array").iter();
        let users: Vec<_> = users.filter_map(Value::as_str).collect();
        assert_eq!(users.join(","), fields.get(3).copied().unwrap_or_default(), "{line}");
        count += 1;
    }
    assert_eq!(loaded.len(), count);
}

#[test]
fn parameters_of_modules_are_what_the_kernel_shows() {
    let Some(listed) = stock(&["find", "/sys/module", "-path", "*/parameters/*", "-readable"])
    else {
        return;
    };
    let modules = collected("modules", "");
    if !modules.paths().contains(&"test/modules.json") {
        return;
    }
    let modules = json(&modules, "modules.json");
    for row in modules.as_array().expect("an array") {
        for (name, _) in row["parameters"].as_object().expect("an object") {
            let path = format!("/sys/module/{}/parameters/{name}", row["name"].as_str().unwrap());
            assert!(listed.contains(&path), "{path}");
        }
    }
}

/// What `cat` prints of a file in a folder; nothing, without a word, if it is not there.
fn content(folder: &str, file: &str) -> Option<String> {
    let text =
        stock(&["find", folder, "-maxdepth", "1", "-name", file, "-exec", "cat", "{}", ";"])?;
    (!text.is_empty()).then_some(text)
}

/// `some avg10=0.00 …` of a file of pressure.
fn total(text: &str, kind: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(kind))?;
    let (_, total) = line.split_once("total=")?;
    total.parse::<f64>().ok().map(|total| total / 1e6)
}

#[test]
fn pressure_lies_between_two_looks() {
    let look = || {
        ["cpu", "memory", "io", "irq"]
            .map(|resource| (resource, content("/proc/pressure", resource)))
    };
    let before = look();
    let found = collected("pressure", "");
    let after = look();
    for ((resource, before), (_, after)) in before.iter().zip(&after) {
        let (Some(before), Some(after)) = (before, after) else {
            continue;
        };
        let rows = json(&found, "pressure.json");
        for kind in ["some", "full"] {
            let mut rows = rows.as_array().expect("an array").iter();
            let row = rows.find(|row| row["resource"] == *resource && row["kind"] == kind);
            let Some((earlier, later)) = total(before, kind).zip(total(after, kind)) else {
                assert!(row.is_none(), "{resource} {kind}");
                continue;
            };
            let row = row.unwrap_or_else(|| panic!("no {resource} {kind}"));
            let now = row["total"].as_f64().expect("seconds");
            assert!((earlier..=later).contains(&now), "{earlier} {now} {later}");
            for share in ["avg10", "avg60", "avg300"] {
                let share = row[share].as_f64().expect("percent");
                assert!((0.0..=100.0).contains(&share), "{share}");
            }
        }
    }
}

/// The paths below a folder that are folders, as `find` lists them, relative to it.
fn folders(root: &str) -> Option<Vec<String>> {
    let listed = stock(&["find", root, "-type", "d", "-printf", "/%P\n"])?;
    let mut folders: Vec<_> = listed.lines().map(str::to_owned).collect();
    folders.sort();
    Some(folders)
}

#[test]
fn control_groups_are_the_folders_that_find_lists() {
    let found = collected("cgroups", "");
    if found.paths().is_empty() {
        return;
    }
    let summary = json(&found, "summary.json");
    let names = |entry| {
        let rows = json(&found, entry);
        let rows = rows.as_array().expect("an array").iter();
        let mut names: Vec<_> =
            rows.map(|row| row["cgroup"].as_str().expect("a path").to_owned()).collect();
        names.sort();
        names
    };
    if let Some(root) = summary["unified"]["mounted"].as_str() {
        let Some(expected) = folders(root) else { return };
        assert_eq!(names("cgroups.json"), expected);
        let rows = json(&found, "cgroups.json");
        for row in rows.as_array().expect("an array") {
            let folder = format!("{root}{}", row["cgroup"].as_str().expect("a path"));
            let number =
                |file: &str| -> Option<u64> { content(&folder, file)?.trim().parse().ok() };
            assert_eq!(row["memory"]["max"].as_u64(), number("memory.max"), "{folder}");
            assert_eq!(row["memory"]["high"].as_u64(), number("memory.high"), "{folder}");
            assert_eq!(row["pids"]["max"].as_u64(), number("pids.max"), "{folder}");
            assert_eq!(row["cpu"]["weight"].as_u64(), number("cpu.weight"), "{folder}");
        }
    }
    let old = summary["version-1"].as_array().expect("an array");
    if !old.is_empty() {
        let mut expected: Vec<_> = old
            .iter()
            .filter_map(|tree| folders(tree["mounted"].as_str().expect("a path")))
            .flatten()
            .collect();
        expected.sort();
        expected.dedup();
        assert_eq!(names("cgroups-v1.json"), expected);
    }
}

#[test]
fn the_first_processes_groups_are_those_of_proc() {
    let Some(listed) = stock(&["cat", "/proc/1/cgroup"]) else { return };
    let found = collected("cgroups", "");
    if found.paths().is_empty() {
        return;
    }
    let summary = json(&found, "summary.json");
    for line in listed.lines() {
        let fields: Vec<_> = line.splitn(3, ':').collect();
        let controllers = if fields[1].is_empty() { "unified" } else { fields[1] };
        assert_eq!(summary["first-process"][controllers], fields[2], "{line}");
    }
}

/// The fields of `lscpu -J`, by name.
fn lscpu() -> Option<BTreeMap<String, String>> {
    let listed = stock_json(&["lscpu", "-J"])?;
    let mut fields = BTreeMap::new();
    let mut open = vec![&listed["lscpu"]];
    while let Some(level) = open.pop() {
        for field in level.as_array().into_iter().flatten() {
            let name = field["field"].as_str().expect("a name").trim_end_matches(':').to_owned();
            let data = field["data"].as_str().unwrap_or_default().to_owned();
            fields.insert(name, data);
            open.push(&field["children"]);
        }
    }
    Some(fields)
}

#[test]
fn processors_are_what_lscpu_says() {
    let Some(expected) = lscpu() else {
        return;
    };
    let cpu = collected("cpu", "");
    let summary = json(&cpu, "summary.json");
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut compared = 0;
    let mut same = |field: &str, found: String| {
        if let Some(expected) = expected.get(field) {
            assert_eq!(&found, expected, "{field}");
            compared += 1;
        }
    };
    same("Architecture", text(&summary["architecture"]));
    same("CPU(s)", json(&cpu, "cpus.json").as_array().expect("an array").len().to_string());
    same("Vendor ID", text(&summary["vendor"]));
    same("Model name", text(&summary["model"]));
    same("CPU family", text(&summary["family"]));
    same("Model", text(&summary["model-number"]));
    same("Stepping", text(&summary["stepping"]));
    same("Address sizes", text(&summary["address-sizes"]));
    same("BogoMIPS", format!("{:.2}", summary["bogomips"].as_f64().unwrap_or_default()));
    let number = |name: &str| summary[name].as_u64().expect("a number");
    same("Socket(s)", number("sockets").to_string());
    same("Core(s) per socket", (number("cores") / number("sockets")).to_string());
    same("Thread(s) per core", (number("threads") / number("cores")).to_string());
    same("NUMA node(s)", summary["nodes"].as_object().expect("an object").len().to_string());
    let flags = summary["flags"].as_array().expect("an array").iter();
    same("Flags", flags.filter_map(Value::as_str).collect::<Vec<_>>().join(" "));
    assert!(compared > 8, "{compared}");
    for (name, state) in summary["vulnerabilities"].as_object().expect("an object") {
        let name = name.replace('_', " ");
        let found = expected
            .iter()
            .find(|(field, _)| field.to_lowercase().trim_start_matches("vulnerability ") == name);
        let (_, expected) = found.unwrap_or_else(|| panic!("lscpu has no {name}"));
        // lscpu writes a semicolon where the kernel has a colon.
        let plain = |text: &str| text.replace([';', ':'], "");
        assert_eq!(plain(state.as_str().expect("text")), plain(expected), "{name}");
    }
}

#[test]
fn places_of_processors_are_what_lscpu_says() {
    let Some(listed) = stock(&["lscpu", "-y", "-a", "-p=CPU,ONLINE,CORE,SOCKET,NODE"]) else {
        return;
    };
    let cpus = json(&collected("cpu", ""), "cpus.json");
    let lines: Vec<_> = listed.lines().filter(|line| !line.starts_with('#')).collect();
    let cpus = cpus.as_array().expect("an array");
    assert_eq!(cpus.len(), lines.len());
    for (cpu, line) in cpus.iter().zip(lines) {
        let fields: Vec<_> = line.split(',').collect();
        assert_eq!(cpu["cpu"].to_string(), fields[0], "{line}");
        assert_eq!(if cpu["online"] == true { "Y" } else { "N" }, fields[1], "{line}");
        for (name, expected) in ["core", "socket", "node"].into_iter().zip(&fields[2..]) {
            if !expected.is_empty() && *expected != "-" {
                assert_eq!(cpu[name].to_string(), *expected, "{name} of {line}");
            }
        }
    }
}

#[test]
fn caches_are_what_lscpu_says() {
    let Some(listed) = stock_json(&["lscpu", "-B", "-C", "-J"]) else {
        return;
    };
    let cpu = collected("cpu", "");
    for expected in listed["caches"].as_array().expect("an array") {
        let rows = json(&cpu, "caches.json");
        let mut rows = rows.as_array().expect("an array").iter();
        let row = rows.find(|row| row["name"] == expected["name"]).expect("a cache of that name");
        let number = |value: &Value| value.to_string().trim_matches('"').to_owned();
        for (name, theirs) in
            [("size", "one-size"), ("ways", "ways"), ("sets", "sets"), ("line", "coherency-size")]
        {
            if !expected[theirs].is_null() {
                assert_eq!(number(&row[name]), number(&expected[theirs]), "{name} of {row}");
            }
        }
        let all = row["size"].as_u64().unwrap() * row["instances"].as_u64().unwrap();
        assert_eq!(all.to_string(), number(&expected["all-size"]), "{row}");
    }
}

#[test]
fn the_start_is_what_uptime_says() {
    let Some(since) = stock(&["uptime", "-s"]) else {
        return;
    };
    let summary = json(&collected("boot", ""), "summary.json");
    let booted: jiff::Timestamp = summary["booted"].as_str().expect("a time").parse().unwrap();
    let since: jiff::civil::DateTime = since.trim().parse().expect("a time");
    let since = since.to_zoned(jiff::tz::TimeZone::system()).expect("a time").timestamp();
    // uptime takes it from the clock and the uptime, which are rounded.
    assert!(booted.duration_since(since).as_secs().abs() <= 1, "{booted} {since}");
}

/// A record of wtmp as glibc writes it on x86-64 (`utmp(5)`).
#[cfg(target_arch = "x86_64")]
fn record(kind: i16, process: i32, line: &str, user: &str, host: &str, seconds: i32) -> Vec<u8> {
    let mut bytes = vec![0; 384];
    let mut put = |at: usize, what: &[u8]| bytes[at..at + what.len()].copy_from_slice(what);
    put(0, &kind.to_ne_bytes());
    put(4, &process.to_ne_bytes());
    put(8, line.as_bytes());
    put(44, user.as_bytes());
    put(76, host.as_bytes());
    put(340, &seconds.to_ne_bytes());
    bytes
}

#[cfg(target_arch = "x86_64")]
#[test]
#[expect(clippy::disallowed_methods, reason = "last reads a file that is made here")]
fn boots_are_what_last_says() {
    let boot = |at| record(2, 0, "~", "reboot", "6.1.0-1", at);
    let level = |at, level: u8| record(1, i32::from(level), "~", "runlevel", "6.1.0-1", at);
    let start = 1_767_000_000;
    let wtmp = [
        boot(start),
        level(start + 20, b'5'),
        record(7, 700, "tty1", "zoe", "", start + 50),
        record(8, 700, "tty1", "", "", start + 90),
        record(1, 0, "~", "shutdown", "6.1.0-1", start + 3600),
        boot(start + 4000),
        boot(start + 90_000),
        level(start + 180_000, b'6'),
        record(1, 0, "~", "shutdown", "6.1.0-1", start + 180_005),
        boot(start + 200_000),
    ]
    .concat();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wtmp");
    std::fs::write(&path, &wtmp).unwrap();
    let path = path.to_str().unwrap();
    let Some(listed) = stock(&["last", "-x", "--time-format", "iso", "-f", path, "reboot"]) else {
        return;
    };
    let host = FakeHost::new().bytes("/var/log/wtmp", wtmp);
    let host = host.file("/proc/stat", &format!("btime {}\n", start + 200_000));
    let boots = json(&Trial::plugin("boot", "").on(host), "boots.json");
    let boots: Vec<_> = boots.as_array().expect("an array").iter().rev().collect();
    let listed: Vec<_> = listed.lines().filter(|line| line.starts_with("reboot")).collect();
    assert_eq!(boots.len(), listed.len());
    let time = |text: &str| text.parse::<jiff::Timestamp>().expect(text);
    let mut next_start = None;
    for (boot, line) in boots.into_iter().zip(listed) {
        // reboot   system boot  6.1.0-1   START - END (0+01:00)
        let fields: Vec<_> = line.split_whitespace().collect();
        assert_eq!(boot["kernel"], fields[3], "{line}");
        let start = time(boot["started"].as_str().unwrap());
        assert_eq!(start, time(fields[4]), "{line}");
        let how = match fields[5..] {
            ["still", ..] => "running",
            [_, "crash", ..] => "crash",
            // Older ones say that it ended with a boot after it, which is no end of this one.
            [_, end, ..] if next_start.is_some_and(|next| time(end) > next) => "crash",
            [_, end, ..] => {
                assert_eq!(time(boot["ended"].as_str().unwrap()), time(end), "{line}");
                "shutdown"
            }
            _ => panic!("{line}"),
        };
        assert_eq!(boot["how"], how, "{line}");
        next_start = Some(start);
    }
}
