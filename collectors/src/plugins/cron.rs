//! What runs at set times: cron, anacron and at.

use crate::facts::{
    accounts::accounts,
    concealed::concealed,
    crontab::{Job, anacron_jobs, jobs},
    kernel_files::{exists, name, value},
    listing,
};
use collect_core::{
    CollectError, Collector, Output, Window,
    host::{FileKind, Host},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use std::{
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

/// Jobs of cron, anacron and at.
///
/// `jobs` lists what runs when, under which account and from which file; `scripts` the files in
/// `/etc/cron.daily` and its like, and whether they can be executed; `at` the waiting jobs of
/// `at(1)`, of which only account and time are read: their files hold the environment that they
/// were made in. The crontabs are kept beside them.
///
/// From `crontab(5)`, `anacrontab(5)` and the spool folders of Debian, Red Hat, SUSE and Alpine.
/// Crontabs of accounts and the jobs of `at` need root.
///
/// ```toml
/// [collect.cron]
/// use = "cron"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Cron {}

collect_core::register!("cron" => Cron as Collector);

/// Folders with a crontab for each account, named like it: Debian, SUSE, Red Hat, Alpine.
const SPOOLS: [&str; 4] =
    ["/var/spool/cron/crontabs", "/var/spool/cron/tabs", "/var/spool/cron", "/etc/crontabs"];

/// Debian, and Red Hat.
const AT_SPOOLS: [&str; 2] = ["/var/spool/cron/atjobs", "/var/spool/at"];

const PERIODS: [&str; 5] = ["hourly", "daily", "weekly", "monthly", "yearly"];

const WHO_MAY: [&str; 4] = ["/etc/cron.allow", "/etc/cron.deny", "/etc/at.allow", "/etc/at.deny"];

/// The line that says whose job it is stands at the start.
const AT_HEAD: u64 = 256;

impl Collector for Cron {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let mut all = Vec::new();
        let mut system = vec![PathBuf::from("/etc/crontab")];
        system.extend(files(out, "/etc/cron.d"));
        system.retain(|path| exists(out.host(), path));
        for path in system {
            all.extend(crontab(out, &path, None)?);
        }
        for path in SPOOLS.into_iter().flat_map(|spool| files(out, spool)).collect::<Vec<_>>() {
            all.extend(crontab(out, &path, Some(&name(&path)))?);
        }
        all.extend(anacron(out)?);
        let scripts = scripts(out);
        let at = at_jobs(out);
        if all.is_empty() && scripts.is_empty() && at.is_empty() {
            out.absent("", "nothing is set to run at a time");
            return Ok(());
        }
        for job in &mut all {
            let user = job.user.take();
            job.user = user.map(|user| concealed(out.redaction(), "user", &user));
        }
        listing::write(out, "jobs", ["schedule", "user", "last", "source", "command"], &all)?;
        listing::write(out, "scripts", ["period", "executable", "path"], &scripts)?;
        if !at.is_empty() {
            listing::write(out, "at", ["job", "queue", "time", "user"], &at)?;
        }
        let who_may = WHO_MAY.into_iter().filter(|path| exists(out.host(), path));
        who_may.collect::<Vec<_>>().into_iter().try_for_each(|path| out.file(path))
    }

    fn refused(&self, host: &dyn Host, _window: &Window) -> Vec<String> {
        let spools = SPOOLS.into_iter().chain(AT_SPOOLS);
        let is_refused = |error: std::io::Error| error.kind() == ErrorKind::PermissionDenied;
        let spools = spools.filter(|spool| host.entries(spool.as_ref()).is_err_and(is_refused));
        let files = WHO_MAY.into_iter();
        let files = files.filter(|path| host.open(path.as_ref()).map(drop).is_err_and(is_refused));
        spools.chain(files).map(str::to_owned).collect()
    }
}

/// The regular files in a folder, but for hidden ones. That it may not be looked into is noted.
fn files(out: &mut Output<'_>, folder: &str) -> Vec<PathBuf> {
    let host = out.host();
    match host.entries(folder.as_ref()) {
        Ok(mut paths) => {
            paths.retain(|path| {
                let is_regular = host.info(path).is_ok_and(|info| info.kind == FileKind::Regular);
                is_regular && !name(path).starts_with('.')
            });
            paths
        }
        Err(error) => {
            if error.kind() == ErrorKind::PermissionDenied {
                out.failed(folder, &error);
            }
            Vec::new()
        }
    }
}

fn crontab(
    out: &mut Output<'_>,
    path: &Path,
    user: Option<&str>,
) -> Result<Vec<Job>, CollectError> {
    out.file(path)?;
    let text = value(out.host(), path).unwrap_or_default();
    Ok(jobs(&path.display().to_string(), &text, user))
}

fn anacron(out: &mut Output<'_>) -> Result<Vec<Job>, CollectError> {
    const TABLE: &str = "/etc/anacrontab";
    let Some(text) = value(out.host(), TABLE) else {
        return Ok(Vec::new());
    };
    out.file(TABLE)?;
    let jobs = anacron_jobs(TABLE, &text).into_iter().map(|(name, job)| {
        // The day, as 20260102.
        let last = value(out.host(), Path::new("/var/spool/anacron").join(name));
        Job { last, ..job }
    });
    Ok(jobs.collect())
}

fn scripts(out: &mut Output<'_>) -> Vec<serde_json::Value> {
    let mut scripts = Vec::new();
    for period in PERIODS {
        for path in files(out, &format!("/etc/cron.{period}")) {
            let mode = out.host().info(&path).map_or(0, |info| info.mode);
            scripts
                .push(json!({ "period": period, "executable": mode & 0o111 != 0, "path": path }));
        }
    }
    scripts
}

/// The jobs of `at(1)`. Their files are named by queue, number, and minutes since 1970:
/// `a0000101c89e18`.
fn at_jobs(out: &mut Output<'_>) -> Vec<serde_json::Value> {
    let paths: Vec<_> = AT_SPOOLS.into_iter().flat_map(|spool| files(out, spool)).collect();
    let accounts = accounts(out.host());
    let jobs = paths.iter().filter_map(|path| {
        let file = name(path);
        let (queue, rest) = (file.get(..1)?, file.get(1..)?);
        let number = |digits: &str| i64::from_str_radix(digits, 16).ok();
        let (job, minutes) = (number(rest.get(..5)?)?, number(rest.get(5..13)?)?);
        let mut head = Vec::new();
        out.host().open(path).ok()?.take(AT_HEAD).read_to_end(&mut head).ok()?;
        let head = String::from_utf8_lossy(&head);
        let user = head.split_once("uid=").and_then(|(_, rest)| rest.split_whitespace().next());
        let user = user.and_then(|user| user.parse::<u32>().ok());
        let account = accounts.iter().find(|account| Some(account.id) == user);
        let user = account.map(|account| concealed(out.redaction(), "user", &account.name));
        let time = Timestamp::from_second(minutes.checked_mul(60)?).ok();
        Some(json!({ "job": job, "queue": queue, "time": time, "user": user }))
    });
    jobs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };
    use serde_json::Value;

    fn host() -> FakeHost {
        FakeHost::new()
            .file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
            .file("/etc/crontab", "17 * * * * root run-parts /etc/cron.hourly\n")
            .file("/etc/cron.d/shop", "@reboot web /usr/bin/shop --warm\n")
            .file("/etc/cron.d/.placeholder", "@reboot web /never\n")
            .file("/etc/cron.daily/logrotate", "#!/bin/sh\n")
            .file("/etc/anacrontab", "7 10 cron.weekly run-parts /etc/cron.weekly\n")
            .file("/var/spool/anacron/cron.weekly", "20260101\n")
            .file("/var/spool/cron/crontabs/root", "0 4 * * * backup\n")
            .file("/var/spool/cron/atjobs/.SEQ", "00001\n")
            .file(
                "/var/spool/cron/atjobs/a0000101c89e18",
                "#!/bin/sh\n# atrun uid=0 gid=0\n# mail root 0\nSHOP_KEY=made-up; export SHOP_KEY\n",
            )
    }

    #[test]
    fn all_that_runs_at_set_times_is_in_one_list() {
        let collected = Trial::of(Cron::default()).on(host());
        assert_eq!(collected.status(), Status::Complete);
        let jobs: Value = serde_json::from_str(collected.text("jobs.json")).unwrap();
        let of = |key: &str| -> Vec<_> {
            jobs.as_array().unwrap().iter().map(|job| job[key].as_str().unwrap_or("-")).collect()
        };
        let commands = [
            "run-parts /etc/cron.hourly",
            "/usr/bin/shop --warm",
            "backup",
            "run-parts /etc/cron.weekly",
        ];
        assert_eq!(of("command"), commands);
        assert_eq!(of("user"), ["root", "web", "root", "root"]);
        assert_eq!(of("last"), ["-", "-", "-", "20260101"]);
        assert!(collected.text("scripts.txt").contains("/etc/cron.daily/logrotate"));
        assert!(collected.text("/etc/cron.d/shop").contains("--warm"));
    }

    #[test]
    fn of_jobs_of_at_only_account_and_time_are_told() {
        let collected = Trial::of(Cron::default()).on(host());
        let at: Value = serde_json::from_str(collected.text("at.json")).unwrap();
        assert_eq!(
            at,
            json!([{"job": 1, "queue": "a", "time": "2026-11-24T04:08:00Z", "user": "root"}])
        );
        for path in collected.paths() {
            let text = collected.text(path.trim_start_matches("test/"));
            assert!(!text.contains("made-up"), "{path}");
        }
    }

    #[test]
    fn folders_that_may_not_be_looked_into_are_named() {
        let host = FakeHost::new().file("/etc/crontab", "").denied("/var/spool/cron/crontabs/x");
        let open = Trial::of(Cron::default()).on(host);
        assert_eq!(open.status(), Status::Partial, "{:?}", open.notes());
        let closed = FakeHost::new().denied("/var/spool/at").denied("/etc/at.deny");
        let refused = Cron::default().refused(&closed, &Window::default());
        assert_eq!(refused, ["/var/spool/at", "/etc/at.deny"]);
        assert_eq!(Trial::of(Cron::default()).on(closed).status(), Status::Denied);
        assert_eq!(Trial::of(Cron::default()).on(FakeHost::new()).status(), Status::Absent);
    }
}
