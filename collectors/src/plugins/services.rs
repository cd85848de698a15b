//! Services, timers and other units of systemd.

use crate::{
    facts::{
        kernel_files::{boot_time, children, exists, value},
        listing,
        systemd::{Properties, said, shown, systemctl},
    },
    journal::{Passage, Query, text},
};
use collect_core::{CollectError, Collector, Invalid, Output, Window, host::Host};
use glob::Pattern;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Units of systemd: services, timers and what failed.
///
/// `units` lists all that systemd has in memory with their state, restarts, memory (bytes), time on
/// the processor (seconds) and drop-ins; `timers` when each runs next and ran last;
/// `missing-dependencies` which unit asks for one that does not exist; `jobs.txt` what is queued.
/// Of units that failed (at most 20) there are the last lines of their log (`log/UNIT.txt`), and
/// of these and of `units` the files that they are written in, at their own paths.
///
/// From `systemctl(1)` and `journalctl(1)`, where systemd runs. Only root and the groups
/// `systemd-journal` and `adm` see the log.
///
/// ```toml
/// [collect.services]
/// use = "services"
/// units = ["nginx.service", "php*-fpm.service"]
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Services {
    /// Units whose files are taken too, even if they did not fail; `*` stands for any characters.
    units: Vec<String>,
    /// How many of the last lines of the log are taken of each unit that failed.
    lines: u32,
}

impl Default for Services {
    fn default() -> Self {
        Self { units: Vec::new(), lines: 50 }
    }
}

collect_core::register!("services" => Services as Collector);

/// Of so many failed units the log is taken.
const FAILED: usize = 20;

const PROPERTIES: &str = "--property=Id,Description,LoadState,ActiveState,SubState,UnitFileState,\
    FragmentPath,DropInPaths,StateChangeTimestamp,Result,NRestarts,MainPID,ExecMainStatus,\
    MemoryCurrent,CPUUsageNSec,TasksCurrent,Requires,Requisite,BindsTo,Wants,NeedDaemonReload,Job,\
    Unit,NextElapseUSecRealtime,NextElapseUSecMonotonic,LastTriggerUSec";

const MANAGER: &str = "--property=Version,SystemState,Tainted,NFailedUnits,NJobs";

/// The properties that ask for other units.
const NEEDS: [&str; 4] = ["Requires", "Requisite", "BindsTo", "Wants"];

const COLUMNS: [&str; 9] =
    ["unit", "load", "active", "sub", "enabled", "restarts", "memory", "since", "description"];

/// A unit; what does not apply to its kind is missing.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Unit {
    #[serde(rename = "unit")]
    name: String,
    load: Option<String>,
    active: Option<String>,
    sub: Option<String>,
    enabled: Option<String>,
    /// When it came into this state.
    since: Option<Timestamp>,
    result: Option<String>,
    exit_code: Option<u64>,
    restarts: Option<u64>,
    pid: Option<u64>,
    memory: Option<u64>,
    cpu_seconds: Option<f64>,
    tasks: Option<u64>,
    file: Option<String>,
    drop_ins: Vec<String>,
    /// Whether its files were changed since systemd read them.
    needs_reload: bool,
    description: Option<String>,
}

impl Unit {
    fn of(properties: &Properties) -> Option<Self> {
        Some(Self {
            name: properties.text("Id")?,
            load: properties.text("LoadState"),
            active: properties.text("ActiveState"),
            sub: properties.text("SubState"),
            enabled: properties.text("UnitFileState"),
            since: properties.time("StateChangeTimestamp"),
            result: properties.text("Result"),
            exit_code: properties.number("ExecMainStatus"),
            restarts: properties.number("NRestarts"),
            pid: properties.number("MainPID").filter(|pid| *pid > 0),
            memory: properties.number("MemoryCurrent"),
            cpu_seconds: properties.number("CPUUsageNSec").map(|time| time as f64 / 1e9),
            tasks: properties.number("TasksCurrent"),
            file: properties.text("FragmentPath"),
            drop_ins: properties.words("DropInPaths"),
            needs_reload: properties.get("NeedDaemonReload") == Some("yes"),
            description: properties.text("Description"),
        })
    }

    fn has_failed(&self) -> bool {
        self.active.as_deref() == Some("failed")
    }
}

impl Collector for Services {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        if !exists(out.host(), "/run/systemd/system") {
            out.absent("", "systemd does not run here");
            return Ok(());
        }
        let Some(all) = said(out, &systemctl(["show", "--all", "*", PROPERTIES]))? else {
            return Ok(());
        };
        let all = shown(&all);
        let mut units: Vec<_> = all.iter().filter_map(Unit::of).collect();
        units.sort_by(|one, other| one.name.cmp(&other.name));
        let manager = said(out, &systemctl(["show", MANAGER]))?.unwrap_or_default();
        out.json("summary.json", &summary(&shown(&manager), &units))?;
        listing::write(out, "units", COLUMNS, &units)?;
        let columns = ["timer", "active", "next", "last", "activates"];
        listing::write(out, "timers", columns, &timers(out.host(), &all))?;
        let missing = missing(&all);
        if !missing.is_empty() {
            listing::write(out, "missing-dependencies", ["unit", "asks", "for"], &missing)?;
        }
        if all.iter().any(|unit| unit.number("Job").is_some_and(|job| job > 0)) {
            out.command("jobs.txt", &systemctl(["list-jobs", "--full", "--plain"]))?;
        }
        self.write_files(out, &units)?;
        self.write_logs(out, &units)
    }

    fn check(&self) -> Vec<Invalid> {
        let wrong = self.units.iter().filter(|unit| Pattern::new(unit).is_err());
        let invalid = wrong.map(|unit| Invalid {
            option: "units",
            message: format!("`{unit}` is no pattern of units"),
            help: Some("write a unit as `nginx.service`, with `*` for any characters".to_owned()),
        });
        invalid.collect()
    }

    fn refused(&self, host: &dyn Host, _window: &Window) -> Vec<String> {
        let journals = ["/var/log/journal", "/run/log/journal"].into_iter();
        let files = journals.flat_map(|folder| children(host, folder));
        let refused = files.map(|folder| folder.join("system.journal")).filter(|file| {
            let opened = host.open(file).map(drop);
            opened.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
        });
        refused.map(|file| format!("{} (log of failed units)", file.display())).collect()
    }
}

impl Services {
    /// The files of units that failed, or that are asked for.
    fn write_files(&self, out: &mut Output<'_>, units: &[Unit]) -> Result<(), CollectError> {
        let patterns: Vec<_> =
            self.units.iter().filter_map(|name| Pattern::new(name).ok()).collect();
        let is_wanted = |unit: &&Unit| {
            unit.has_failed() || patterns.iter().any(|pattern| pattern.matches(&unit.name))
        };
        let files = units.iter().filter(is_wanted);
        let files = files.flat_map(|unit| unit.file.iter().chain(&unit.drop_ins));
        // Instances of a template have the same file.
        let files: BTreeSet<_> = files.collect();
        files.into_iter().try_for_each(|file| out.file(file))
    }

    fn write_logs(&self, out: &mut Output<'_>, units: &[Unit]) -> Result<(), CollectError> {
        let failed: Vec<_> = units.iter().filter(|unit| unit.has_failed()).collect();
        if failed.len() > FAILED {
            out.truncated("log", &format!("only of {FAILED} of {} failed units", failed.len()));
        }
        // One refusal is enough.
        let is_refused = !self.refused(out.host(), &out.window()).is_empty();
        for unit in failed.into_iter().take(if is_refused { 1 } else { FAILED }) {
            let filters = vec![format!("--unit={}", unit.name), format!("--lines={}", self.lines)];
            let query = Query { directory: None, filters, window: out.window() };
            let entry = format!("log/{}.txt", unit.name);
            Passage { query: &query, renderer: text, entry: &entry }.take(out)?;
        }
        Ok(())
    }
}

fn summary(manager: &[Properties], units: &[Unit]) -> serde_json::Value {
    let nothing = Properties::default();
    let manager = manager.first().unwrap_or(&nothing);
    let mut states = BTreeMap::<&str, usize>::new();
    for state in units.iter().filter_map(|unit| unit.active.as_deref()) {
        *states.entry(state).or_default() += 1;
    }
    let names = |test: fn(&Unit) -> bool| -> Vec<&str> {
        units.iter().filter(|unit| test(unit)).map(|unit| unit.name.as_str()).collect()
    };
    json!({
        "version": manager.get("Version"),
        "state": manager.get("SystemState"),
        "tainted": manager.words("Tainted"),
        "jobs": manager.number("NJobs"),
        "units": states,
        "failed": names(Unit::has_failed),
        "restarted": names(|unit| unit.restarts.is_some_and(|restarts| restarts > 0)),
        "need-reload": names(|unit| unit.needs_reload),
    })
}

/// When timers run: the next time is the sooner one of those by the calendar and by the time since
/// the start of the host, which stands still while the host is suspended.
fn timers(host: &dyn Host, all: &[Properties]) -> Vec<serde_json::Value> {
    let booted = boot_time(host).or_else(|| {
        let uptime = value(host, "/proc/uptime")?.split(' ').next()?.parse().ok()?;
        host.now().checked_sub(jiff::SignedDuration::try_from_secs_f64(uptime).ok()?).ok()
    });
    let timers = all.iter().filter_map(|timer| {
        let name =
            timer.get("Id").filter(|name| matches!(name.rsplit_once('.'), Some((_, "timer"))))?;
        let since_boot = timer.span("NextElapseUSecMonotonic");
        let since_boot = since_boot.and_then(|span| booted?.checked_add(span).ok());
        let next = timer.time("NextElapseUSecRealtime").into_iter().chain(since_boot).min();
        Some(json!({
            "timer": name, "active": timer.get("ActiveState"), "next": next,
            "last": timer.time("LastTriggerUSec"), "activates": timer.get("Unit"),
            "result": timer.get("Result"),
        }))
    });
    timers.collect()
}

/// What units in use ask for, and is not there.
fn missing(all: &[Properties]) -> Vec<serde_json::Value> {
    let not_found = |unit: &&Properties| unit.get("LoadState") == Some("not-found");
    let absent: BTreeSet<_> =
        all.iter().filter(not_found).filter_map(|unit| unit.get("Id")).collect();
    let mut missing = Vec::new();
    for unit in all {
        for need in NEEDS {
            let words = unit.words(need).into_iter();
            missing.extend(words.filter(|word| absent.contains(word.as_str())).map(
                |word| json!({ "unit": unit.get("Id"), "asks": need.to_lowercase(), "for": word }),
            ));
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{Collected, FakeHost, Trial},
    };
    use serde_json::Value;

    /// As systemd 252 of Debian 12 answered.
    const SHOWN: &str = "\
MainPID=0\nResult=exit-code\nNRestarts=0\nExecMainStatus=3\nMemoryCurrent=[not set]\n\
CPUUsageNSec=1347000\nTasksCurrent=[not set]\nId=bad.service\nRequires=sysinit.target system.slice\n\
Requisite=\nWants=\nBindsTo=\nDescription=A service that fails\nLoadState=loaded\n\
ActiveState=failed\nSubState=failed\nFragmentPath=/etc/systemd/system/bad.service\n\
DropInPaths=/etc/systemd/system/bad.service.d/a.conf\nUnitFileState=static\n\
StateChangeTimestamp=Fri 2026-01-02 01:58:34 UTC\nJob=\nNeedDaemonReload=no\n\n\
MainPID=27\nResult=success\nNRestarts=2\nExecMainStatus=0\nMemoryCurrent=4096\n\
CPUUsageNSec=2500000000\nTasksCurrent=1\nId=shop@1.service\nWants=no-such.service\n\
Description=Shop 1\nLoadState=loaded\nActiveState=active\nSubState=running\n\
FragmentPath=/etc/systemd/system/shop@.service\nJob=7\nNeedDaemonReload=yes\n\n\
Id=no-such.service\nDescription=no-such.service\nLoadState=not-found\nActiveState=inactive\n\
SubState=dead\n\n\
Unit=tick.service\nNextElapseUSecRealtime=Wed 2026-11-25 00:00:00 UTC\n\
NextElapseUSecMonotonic=19h 59min 57.053325s\nLastTriggerUSec=\nResult=success\nId=tick.timer\n\
Description=tick.timer\nLoadState=loaded\nActiveState=active\nSubState=waiting\n";

    const LOG: &str = "journalctl --no-pager --all --output=export --unit=bad.service --lines=50";

    const LAST_WORDS: &str = "__REALTIME_TIMESTAMP=1\n_COMM=sh\nMESSAGE=its last words\n\n";

    fn host() -> FakeHost {
        FakeHost::new()
            .directory("/run/systemd/system")
            .file("/proc/stat", "btime 1767312000\n")
            .command(&format!("systemctl --no-pager show --all * {PROPERTIES}"), SHOWN)
            .command(
                &format!("systemctl --no-pager show {MANAGER}"),
                "Version=252\nTainted=\nNJobs=1\nSystemState=degraded\n",
            )
            .command(
                "systemctl --no-pager list-jobs --full --plain",
                "7 shop@1.service start waiting\n",
            )
            .command(LOG, LAST_WORDS)
            .command(&format!("{LOG} --reverse"), LAST_WORDS)
            .file("/etc/systemd/system/bad.service", "[Service]\nExecStart=false\n")
            .file("/etc/systemd/system/bad.service.d/a.conf", "[Service]\nNice=5\n")
            .file("/etc/systemd/system/shop@.service", "[Service]\nExecStart=shop\n")
    }

    fn json(collected: &Collected, entry: &str) -> Value {
        serde_json::from_str(collected.text(entry)).unwrap()
    }

    #[test]
    fn units_are_listed_and_what_failed_comes_with_its_files_and_last_words() {
        let collected = Trial::of(Services::default()).on(host());
        assert_eq!(collected.status(), Status::Complete);
        let units = json(&collected, "units.json");
        let [bad, shop] = [&units[0], &units[2]];
        assert_eq!((&bad["unit"], &bad["active"]), (&json!("bad.service"), &json!("failed")));
        assert_eq!((&bad["exit-code"], &bad["memory"]), (&json!(3), &Value::Null));
        assert_eq!(bad["since"], "2026-01-02T01:58:34Z");
        assert_eq!((&shop["restarts"], &shop["cpu-seconds"]), (&json!(2), &json!(2.5)));
        assert!(collected.text("log/bad.service.txt").ends_with("its last words\n"));
        assert!(collected.text("/etc/systemd/system/bad.service").contains("ExecStart"));
        assert!(collected.text("/etc/systemd/system/bad.service.d/a.conf").contains("Nice"));
        assert!(!collected.paths().iter().any(|path| path.contains("shop@")));
        let summary = json(&collected, "summary.json");
        assert_eq!(summary["failed"], json!(["bad.service"]));
        assert_eq!(summary["restarted"], json!(["shop@1.service"]));
        assert_eq!(summary["need-reload"], json!(["shop@1.service"]));
        assert_eq!(summary["units"], json!({"active": 2, "failed": 1, "inactive": 1}));
        assert!(collected.text("jobs.txt").contains("waiting"));
    }

    #[test]
    fn timers_say_when_they_run_next_by_either_clock() {
        let collected = Trial::of(Services::default()).on(host());
        let timer = &json(&collected, "timers.json")[0];
        assert_eq!(
            (&timer["timer"], &timer["activates"]),
            (&json!("tick.timer"), &json!("tick.service"))
        );
        assert_eq!(timer["next"], "2026-01-02T19:59:57.053325Z");
        assert_eq!(timer["last"], Value::Null);
    }

    #[test]
    fn what_a_unit_asks_for_and_is_not_there_is_named() {
        let collected = Trial::of(Services::default()).on(host());
        let missing = json(&collected, "missing-dependencies.json");
        assert_eq!(
            missing,
            json!([{"unit": "shop@1.service", "asks": "wants", "for": "no-such.service"}])
        );
    }

    #[test]
    fn files_of_units_that_are_asked_for_are_taken_too() {
        let services = Services { units: vec!["shop@*".into()], lines: 50 };
        let collected = Trial::of(services).on(host());
        assert!(collected.text("/etc/systemd/system/shop@.service").contains("ExecStart"));
        let wrong = Services { units: vec!["[".into()], lines: 50 };
        assert_eq!(wrong.check()[0].option, "units");
    }

    #[test]
    fn without_systemd_nothing_is_asked_and_nothing_is_wrong() {
        let collected = Trial::of(Services::default()).on(FakeHost::new());
        assert_eq!(collected.status(), Status::Absent);
        let mute = FakeHost::new().directory("/run/systemd/system");
        assert_eq!(Trial::of(Services::default()).on(mute).status(), Status::Absent);
    }

    #[test]
    fn what_systemd_refuses_or_cannot_do_is_said() {
        let host = FakeHost::new().directory("/run/systemd/system").command_fails(
            &format!("systemctl --no-pager show --all * {PROPERTIES}"),
            1,
            "Failed to connect to bus: Operation not permitted",
        );
        let collected = Trial::of(Services::default()).on(host);
        assert_eq!(collected.status(), Status::Failed);
        assert!(collected.notes()[0].contains("Failed to connect to bus"));
        let closed = self::host().denied("/var/log/journal/0123/system.journal");
        let refused = Services::default().refused(&closed, &Window::default());
        assert_eq!(refused, ["/var/log/journal/0123/system.journal (log of failed units)"]);
    }
}
