//! `limits`, `clock`, `security`, `kdump` and `entropy`, held to `prlimit`, `sysctl`, `date`,
//! `timedatectl`, `adjtimex`, `getenforce` and `aa-status`.

use crate::kit::{by, collected, json, plain, records, stock, stock_json};
use serde_json::json;
use std::collections::BTreeMap;

#[test]
fn limits_of_processes_are_those_of_prlimit() {
    const UNITS: [(&str, &str); 16] = [
        ("CPU", "cpu-time"),
        ("FSIZE", "file-size"),
        ("DATA", "data"),
        ("STACK", "stack"),
        ("CORE", "core"),
        ("RSS", "resident"),
        ("NPROC", "processes"),
        ("NOFILE", "open-files"),
        ("MEMLOCK", "locked-memory"),
        ("AS", "address-space"),
        ("LOCKS", "file-locks"),
        ("SIGPENDING", "signals"),
        ("MSGQUEUE", "message-queues"),
        ("NICE", "nice"),
        ("RTPRIO", "realtime-priority"),
        ("RTTIME", "realtime-timeout"),
    ];
    let ours = json(&collected("limits", ""), "services.json");
    let ours = ours.as_array().expect("an array");
    assert!(!ours.is_empty());
    let mut compared = 0;
    for service in ours {
        let pid = service["pid"].to_string();
        let argv =
            ["prlimit", "--noheadings", "--raw", "-o", "RESOURCE,SOFT,HARD", "-p", pid.as_str()];
        // Processes of others are refused, and some have ended.
        let Some(text) = stock(&argv) else { continue };
        compared += 1;
        for line in text.lines() {
            let fields: Vec<_> = line.split_whitespace().collect();
            let Some((_, key)) = UNITS.iter().find(|(name, _)| *name == fields[0]) else {
                continue;
            };
            let limit = |field: &str| field.parse::<u64>().ok();
            assert_eq!(service[key]["soft"].as_u64(), limit(fields[1]), "{key} of {pid}");
            assert_eq!(service[key]["hard"].as_u64(), limit(fields[2]), "{key} of {pid}");
        }
    }
    assert!(compared > 0 || stock(&["prlimit"]).is_none());
}

#[test]
fn limits_of_the_system_are_those_of_sysctl() {
    let open = || -> Option<u64> {
        let files = stock(&["sysctl", "-n", "fs.file-nr"])?;
        let files: Vec<u64> = files.split_whitespace().filter_map(|n| n.parse().ok()).collect();
        Some(files[0] - files[1])
    };
    let before = open();
    let ours = json(&collected("limits", ""), "system.json");
    if let Some((before, after)) = before.zip(open()) {
        let used = by(&ours, "setting")["fs.file-max"]["used"].as_u64().expect("a number");
        // Every processor keeps count of some for itself.
        let allowed = before.min(after).saturating_sub(1000)..=before.max(after) + 1000;
        assert!(allowed.contains(&used), "{used} is not in {allowed:?}");
    }
    for (setting, row) in by(&ours, "setting") {
        let Some(theirs) = stock(&["sysctl", "-n", setting.as_str()]) else { continue };
        assert_eq!(row["limit"].to_string(), theirs.trim(), "{setting}");
    }
}

#[test]
fn the_clock_is_that_of_date_and_timedatectl() {
    let look = || stock(&["date", "+%s"])?.trim().parse::<i64>().ok();
    let Some(before) = look() else { return };
    let summary = json(&collected("clock", ""), "summary.json");
    let after = look().expect("it was there before");
    let time: jiff::Timestamp = summary["time"].as_str().expect("a time").parse().expect("a time");
    assert!((before..=after).contains(&time.as_second()));
    let zone = stock(&["date", "+%:z"]).expect("it was there before");
    assert!(summary["time"].as_str().expect("a time").ends_with(zone.trim()));
    let Some(theirs) = stock(&["timedatectl", "show"]) else { return };
    let theirs: BTreeMap<_, _> = theirs.lines().filter_map(|line| line.split_once('=')).collect();
    assert_eq!(summary["time-zone"].as_str(), theirs.get("Timezone").copied());
    if let Some(synchronised) = summary["synchronised"].as_bool() {
        assert_eq!(if synchronised { "yes" } else { "no" }, theirs["NTPSynchronized"]);
    }
    for clock in summary["hardware-clocks"].as_array().expect("a list") {
        assert_eq!(if clock["local"] == true { "yes" } else { "no" }, theirs["LocalRTC"]);
    }
}

#[test]
fn what_the_kernel_thinks_of_its_clock_is_what_adjtimex_says() {
    let Some(text) = stock(&["adjtimex", "--print"]) else { return };
    let ours = json(&collected("clock", ""), "summary.json");
    let theirs = &records(&text)[0];
    let value = |key: &str| {
        let mut found = theirs.iter().filter(|(name, _)| name.trim() == key);
        let found = found.next().expect("adjtimex prints it").1[0].split(' ').next();
        found.expect("a word").parse::<i64>().expect("a number")
    };
    assert_eq!(ours["kernel"]["status"], value("status"));
    assert_eq!(ours["kernel"]["tick"], value("tick"));
    assert_eq!(ours["kernel"]["tolerance"], value("tolerance"));
    assert_eq!(ours["synchronised"], value("status") & 0x40 == 0);
}

#[test]
fn settings_of_security_and_crashes_are_those_of_sysctl() {
    let security = json(&collected("security", ""), "summary.json");
    let kdump = json(&collected("kdump", ""), "summary.json");
    let settings = security["settings"].as_object().expect("an object").iter();
    let settings = settings.map(|(name, value)| (name.clone(), value));
    let panics = kdump["panics"].as_object().expect("an object").iter();
    let panics = panics.map(|(name, value)| (format!("kernel.{name}"), value));
    for (name, value) in settings.chain(panics) {
        let Some(theirs) = stock(&["sysctl", "-n", name.as_str()]) else { continue };
        assert_eq!(plain(value), plain(&json!(theirs.trim())), "{name}");
    }
}

#[test]
fn selinux_and_apparmor_are_in_the_mode_that_their_tools_say() {
    let summary = json(&collected("security", ""), "summary.json");
    if let Some(mode) = stock(&["getenforce"]) {
        let ours = summary["selinux"]["mode"].as_str().unwrap_or("disabled");
        assert_eq!(ours, mode.trim().to_lowercase());
    }
    if let Some(status) = stock_json(&["aa-status", "--json"]) {
        let theirs = status["profiles"].as_object().map_or(0, serde_json::Map::len);
        let ours = summary["apparmor"]["profiles"].as_object();
        let ours: u64 = ours.into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum();
        assert_eq!(ours, theirs as u64);
    }
}

#[test]
fn the_supply_of_random_numbers_is_that_of_sysctl() {
    let summary = json(&collected("entropy", ""), "summary.json");
    let theirs = stock(&["sysctl", "-n", "kernel.random.poolsize"]);
    if let Some(theirs) = theirs {
        assert_eq!(summary["pool"].to_string(), theirs.trim());
    }
}
