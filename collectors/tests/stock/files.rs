//! What is on disk and in logs, held to `find`, `sha256sum`, `tail`, `awk` and `journalctl`.
#![expect(clippy::disallowed_methods, reason = "tests make what is looked at")]

use crate::kit::{collected, json, stock, stock_json};
use collect_core::{host::Machine, testkit::Trial, units::TimePoint};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::Value;
use std::{fmt::Write as _, fs, os::unix::fs::symlink, path::Path};

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A tree with all kinds of files, odd names and permissions.
fn tree(root: &Path) {
    fs::create_dir_all(root.join("sub/deeper")).unwrap();
    fs::write(root.join("plain"), "plain").unwrap();
    fs::write(root.join("sub/with space"), "x".repeat(70_000)).unwrap();
    fs::hard_link(root.join("plain"), root.join("second name")).unwrap();
    symlink("../nowhere", root.join("sub/link")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    for (path, mode) in [("plain", 0o4751), ("sub", 0o1733), ("sub/deeper", 0o2775)] {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(root.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
}

#[test]
fn a_directory_is_what_find_says() {
    let folder = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(folder.path()).unwrap();
    tree(&root);
    // Names of accounts: `find` knows those of people, too, so both are asked for numbers there.
    let fields = "%p|%#m|%M|%u|%g|%U|%G|%s|%T@|%i|%n|%b|%C@|%A@|%l\\n";
    let root_text = root.display().to_string();
    let options = format!("paths = [\"{root_text}\"], depth = 9, extended = true, hashes = true");
    let collected = collected("directory", &options);
    let Some(found) = stock(&["find", &root_text, "-printf", fields]) else { return };
    let rows = json(&collected, "listing.json");
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), found.lines().count());
    let time = |text: &str| -> i64 {
        let (second, fraction) = text.split_once('.').unwrap();
        second.parse::<i64>().unwrap() * 1_000_000 + fraction[..6].parse::<i64>().unwrap()
    };
    for line in found.lines() {
        let stat: Vec<_> = line.split('|').collect();
        let row = rows.iter().find(|row| row["path"] == stat[0]).expect(stat[0]);
        assert_eq!(text(&row["mode"]), format!("{:0>4}", stat[1].trim_start_matches('0')), "{row}");
        assert_eq!(row["permissions"], stat[2]);
        let name = |id: &str, name: &str| match id.parse::<u32>().unwrap() {
            0..1000 | 65_534 => name.to_owned(),
            _ => id.to_owned(),
        };
        assert_eq!(text(&row["owner"]), name(stat[5], stat[3]));
        assert_eq!(text(&row["group"]), name(stat[6], stat[4]));
        assert_eq!(text(&row["size"]), stat[7]);
        assert_eq!(text(&row["inode"]), stat[9]);
        assert_eq!(text(&row["links"]), stat[10]);
        assert_eq!(row["allocated"], stat[11].parse::<u64>().unwrap() * 512);
        assert_eq!(row["target"].as_str().unwrap_or_default(), stat[14]);
        // The collector reads the folders, which may change when they were accessed.
        let times = [("modified", stat[8]), ("changed", stat[12])];
        for (key, expected) in times {
            let at: Timestamp = row[key].as_str().unwrap().parse().unwrap();
            assert_eq!(at.as_microsecond(), time(expected), "{key} of {row}");
        }
        if row["kind"] == "file" {
            let Some(sum) = stock(&["sha256sum", stat[0]]) else { return };
            assert!(sum.starts_with(row["sha256"].as_str().unwrap()), "{row}");
        }
    }
}

/// Lines of a minute each, from 00:00 on.
fn log(minutes: u32) -> String {
    (0..minutes).fold(String::new(), |mut log, minute| {
        let (hour, minute) = (minute / 60, minute % 60);
        writeln!(log, "2026-11-23 {hour:02}:{minute:02}:00 INFO till-1 did {hour}:{minute}")
            .unwrap();
        log
    })
}

#[test]
fn the_end_of_a_log_is_what_tail_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = fs::canonicalize(folder.path()).unwrap().join("a.log");
    let path = path.display().to_string();
    for (log, lines) in [(log(1400), 17), (log(1400), 5000), ("a\nb".to_owned(), 1)] {
        fs::write(&path, &log).unwrap();
        let collected = collected("tail", &format!("paths = [\"{path}\"], lines = {lines}"));
        let Some(tail) = stock(&["tail", "-n", &lines.to_string(), &path]) else { return };
        assert_eq!(collected.text(&path), tail);
    }
}

#[test]
fn the_window_of_the_kernels_log_is_that_of_dmesg() {
    let Some(all) = stock_json(&["dmesg", "-J"]) else { return };
    let times = all["dmesg"].as_array().unwrap().iter();
    let times: Vec<f64> = times.filter_map(|record| record["time"].as_f64()).collect();
    let stat = fs::read_to_string("/proc/stat").unwrap();
    let booted = stat.lines().find_map(|line| line.strip_prefix("btime ")).unwrap();
    let booted: i64 = booted.parse().unwrap();
    // Between the records of the boot and those of now.
    let middle = times.last().copied().unwrap_or_default() / 2.0;
    let since = Timestamp::from_second(booted + middle as i64).unwrap();
    let kernel = Trial::plugin("kernel", "")
        .options(|options| options.since = Some(TimePoint::At(since)))
        .on(Machine::new());
    // Both find out for themselves when the host was started, and that to a second or two.
    let records = |shift: i64| {
        let at = since + SignedDuration::from_secs(shift);
        let at = at.to_zoned(TimeZone::system()).strftime("--since=%Y-%m-%d %H:%M:%S").to_string();
        let records = stock_json(&["dmesg", "-J", &at])?;
        Some(records["dmesg"].as_array().unwrap().len())
    };
    let (Some(most), Some(least)) = (records(-3), records(3)) else { return };
    let taken = kernel.text("kernel-log.txt").lines().count();
    assert!((least..=most).contains(&taken), "{taken} are not between {least} and {most}");
    assert!(most < times.len(), "the window leaves something out");
}
