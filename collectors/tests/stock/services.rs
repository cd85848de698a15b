//! `services`, held to `systemctl`: of the host where systemd runs, else of a systemd that the test
//! starts in namespaces of its own, with nothing but the test's units. That takes root and a
//! unified hierarchy of cgroups.

use crate::kit::{collected, json, stock, stock_json};
use collect_core::testkit::Collected;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

const UNITS: [(&str, &str); 8] = [
    (
        "default.target",
        "[Unit]\nWants=good.service bad.service restless.service needy.service tick.timer \
         boot.timer systemd-journald.service\n",
    ),
    ("good.service", "[Unit]\nDescription=Runs well\n[Service]\nExecStart=sleep 1000\n"),
    (
        "bad.service",
        "[Unit]\nAfter=systemd-journald.service\n[Service]\nType=oneshot\n\
         ExecStart=sh -c 'echo its last words; sleep 0.2; exit 3'\n",
    ),
    (
        "restless.service",
        "[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=3\n[Service]\nExecStart=false\n\
         Restart=always\nRestartSec=10ms\n",
    ),
    ("needy.service", "[Unit]\nWants=no-such.service\n[Service]\nExecStart=sleep 1000\n"),
    ("tick.timer", "[Timer]\nOnCalendar=daily\nUnit=tick.service\n"),
    ("boot.timer", "[Timer]\nOnBootSec=30d\nUnit=tick.service\n"),
    ("tick.service", "[Service]\nType=oneshot\nExecStart=true\n"),
];

/// Joins a group of the unified hierarchy, wherever that is mounted, so that it is all that systemd
/// sees of it, and goes on in new namespaces.
const ENTER: &str = r#"
    set -e
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    mkdir "/sys/fs/cgroup/$3"
    echo $$ >"/sys/fs/cgroup/$3/cgroup.procs"
    exec unshare --pid --fork --kill-child --mount --cgroup --ipc --uts --net --mount-proc \
        bash -c "$0" start "$1" "$2"
"#;

/// Removes the group with all below it.
const LEAVE: &str = r#"
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    for attempt in {1..100}; do
        find "/sys/fs/cgroup/$0" -depth -type d -exec rmdir {} ';' 2>/dev/null
        [ -e "/sys/fs/cgroup/$0" ] || exit 0
        # The kernel takes a moment to end all that was in it.
        sleep 0.05
    done
"#;

/// Run in new namespaces as their first process: everything that systemd would write to is its own,
/// and what is the kernel's own can only be read.
const START: &str = r#"
    set -e
    mount --make-rprivate /
    umount -R /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    mount -t tmpfs tmpfs /run
    mount -t tmpfs tmpfs /var/log
    mkdir /run/dev
    mount -t tmpfs tmpfs /run/dev
    mkdir /run/dev/shm /run/dev/pts
    for device in null zero full random urandom; do
        touch /run/dev/$device
        mount --bind /dev/$device /run/dev/$device
    done
    mount --move /run/dev /dev
    mount --bind /proc/sys /proc/sys
    mount -o remount,bind,ro /proc/sys
    export container=test SYSTEMD_UNIT_PATH="$1" SYSTEMD_GENERATOR_PATH=/nonexistent
    exec "$2" --system --log-target=null --show-status=no
"#;

/// A systemd in namespaces of its own; it ends with this.
struct Systemd {
    unshare: Child,
    group: String,
    _units: TempDir,
}

impl Systemd {
    /// Nothing, and a word about it, where that cannot be done.
    fn start() -> Option<Self> {
        let program = ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"];
        let Some(program) = program.into_iter().find(|path| Path::new(path).exists()) else {
            println!("skipped: systemd is not installed");
            return None;
        };
        let units = tempfile::tempdir().unwrap();
        for (name, text) in UNITS {
            fs::write(units.path().join(name), text).unwrap();
        }
        for name in ["systemd-journald.service", "systemd-journald.socket"] {
            let shipped = Path::new("/usr/lib/systemd/system").join(name);
            fs::copy(shipped, units.path().join(name)).unwrap();
        }
        let drop_in = units.path().join("good.service.d");
        fs::create_dir(&drop_in).unwrap();
        fs::write(drop_in.join("nice.conf"), "[Service]\nNice=5\n").unwrap();

        let group = format!("collect-test-{}", std::process::id());
        let unshare = Command::new("unshare")
            .args(["--mount", "bash", "-c", ENTER, START])
            .args([units.path().to_str().unwrap(), program, &group])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        let unshare = match unshare {
            Ok(unshare) => unshare,
            Err(error) => {
                println!("skipped: unshare: {error}");
                return None;
            }
        };
        let mut systemd = Self { unshare, group, _units: units };
        systemd.settles().then_some(systemd)
    }

    /// Waits until all units are in the state that they stay in.
    fn settles(&mut self) -> bool {
        let end = Instant::now() + Duration::from_secs(30);
        while Instant::now() < end && self.unshare.try_wait().unwrap().is_none() {
            let failed = self.inside(&["systemctl", "--failed", "--no-legend", "--plain"]);
            if failed
                .is_some_and(|(_, failed)| failed.contains("bad") && failed.contains("restless"))
            {
                return true;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        println!("skipped: systemd cannot run in namespaces here");
        false
    }

    /// Runs a command in the namespaces of systemd.
    fn inside(&self, argv: &[&str]) -> Option<(bool, String)> {
        let id = self.unshare.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
        let first = children.split_whitespace().next()?.to_owned();
        let mut nsenter = Command::new("nsenter");
        let ran = nsenter.args(["-t", &first, "-a"]).args(argv);
        let ran = ran.output().unwrap();
        let said = [ran.stdout, ran.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        Some((ran.status.success(), said))
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        _ = self.unshare.kill();
        _ = self.unshare.wait();
        let leave =
            Command::new("unshare").args(["--mount", "bash", "-c", LEAVE, &self.group]).status();
        if !leave.is_ok_and(|left| left.success()) {
            println!("the group {} is left behind", self.group);
        }
    }
}

#[test]
fn units_are_what_systemctl_says() {
    if Path::new("/run/systemd/system").exists() {
        return compare();
    }
    let Some(systemd) = Systemd::start() else {
        return;
    };
    // The test itself goes inside.
    let own = std::env::current_exe().unwrap();
    let test = "stock::services::units_are_what_systemctl_says";
    let own = own.to_str().unwrap();
    let said = systemd.inside(&[own, "--exact", test, "--nocapture", "--test-threads=1"]);
    let (succeeded, said) = said.expect("systemd still runs");
    assert!(succeeded && said.contains("compared everything"), "{said}");
}

/// What `systemctl show` says of one property.
fn shown(unit: &str, property: &str) -> String {
    let property = format!("--property={property}");
    let shown = stock(&["systemctl", "show", "--timestamp=unix", "--value", &property, "--", unit]);
    shown.expect("systemctl runs").trim().to_owned()
}

fn rows<'v>(list: &'v Value, key: &str) -> BTreeMap<&'v str, &'v Value> {
    let rows = list.as_array().expect("a list").iter();
    rows.map(|row| (row[key].as_str().expect("a name"), row)).collect()
}

fn compare() {
    let collected = collected("services", "units = ['good.service', 'systemd-journald.service']");
    let units = json(&collected, "units.json");
    let units = rows(&units, "unit");
    let Some(theirs) = stock_json(&["systemctl", "list-units", "--all", "--output=json"]) else {
        return;
    };
    let theirs = rows(&theirs, "unit");
    assert!(theirs.len() > 8, "{theirs:?}");
    for (name, theirs) in &theirs {
        // Devices and scopes come and go.
        if matches!(name.rsplit_once('.'), Some((_, "device" | "scope"))) {
            continue;
        }
        let unit = units.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        for key in ["load", "active", "sub", "description"] {
            assert_eq!(unit[key], theirs[key], "{key} of {name}");
        }
        let or_none = |text: String| if text.is_empty() { Value::Null } else { text.into() };
        for (key, property) in
            [("enabled", "UnitFileState"), ("result", "Result"), ("file", "FragmentPath")]
        {
            assert_eq!(unit[key], or_none(shown(name, property)), "{key} of {name}");
        }
        for (key, property) in [("restarts", "NRestarts"), ("exit-code", "ExecMainStatus")] {
            assert_eq!(
                unit[key],
                shown(name, property).parse().map_or(Value::Null, |number: u64| number.into())
            );
        }
        let pid = unit["pid"].as_u64().unwrap_or(0).to_string();
        assert!([pid, String::new()].contains(&shown(name, "MainPID")), "{name}");
        let since = shown(name, "StateChangeTimestamp");
        if let Some(theirs) = since.strip_prefix('@') {
            let since: jiff::Timestamp = unit["since"].as_str().expect("a time").parse().unwrap();
            assert_eq!(since.as_second().to_string(), theirs, "{name}");
        }
    }
    compare_timers(&json(&collected, "timers.json"));
    let failed = stock_json(&["systemctl", "--failed", "--output=json"]).unwrap();
    let summary = json(&collected, "summary.json");
    let failed: Vec<_> = rows(&failed, "unit").into_keys().collect();
    let mut own: Vec<_> =
        summary["failed"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    own.sort_unstable();
    assert_eq!(own, failed);
    assert_eq!(
        summary["state"],
        stock(&["systemctl", "show", "--property=SystemState", "--value"]).unwrap().trim()
    );
    if units.contains_key("restless.service") {
        compare_own(&collected, &summary, &units);
    }
    println!("compared everything");
}

fn compare_timers(timers: &Value) {
    let timers = rows(timers, "timer");
    let theirs = stock_json(&["systemctl", "list-timers", "--all", "--output=json"]).unwrap();
    let theirs = rows(&theirs, "unit");
    assert_eq!(timers.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    let seconds = |own: &Value, theirs: &Value| {
        let own = own.as_str().map(|time| time.parse::<jiff::Timestamp>().unwrap().as_second());
        (own.unwrap_or(0), theirs.as_i64().unwrap_or(0) / 1_000_000)
    };
    for (name, theirs) in theirs {
        assert_eq!(timers[name]["activates"], theirs["activates"], "{name}");
        let (own, last) = seconds(&timers[name]["last"], &theirs["last"]);
        assert_eq!(own, last, "last of {name}");
        // The start of the host is known to the second only.
        let (own, next) = seconds(&timers[name]["next"], &theirs["next"]);
        assert!(own.abs_diff(next) <= 2, "next of {name}: {own} {next}");
    }
}

/// What is known of the units of this test.
fn compare_own(collected: &Collected, summary: &Value, units: &BTreeMap<&str, &Value>) {
    assert_eq!(summary["failed"], serde_json::json!(["bad.service", "restless.service"]));
    assert_eq!(units["bad.service"]["exit-code"], 3);
    assert!(collected.text("log/bad.service.txt").contains("its last words"));
    let missing = json(collected, "missing-dependencies.json");
    let missing = rows(&missing, "unit");
    assert_eq!(missing["needy.service"]["for"], "no-such.service");
    let text = stock(&["systemctl", "cat", "good.service"]).unwrap();
    let files = units["good.service"]["drop-ins"].as_array().unwrap().iter();
    let files = std::iter::once(&units["good.service"]["file"]).chain(files);
    for file in files.map(|file| file.as_str().unwrap()) {
        assert!(text.contains(collected.text(file)), "{file}");
    }
    assert!(text.contains("Nice=5"));
}
