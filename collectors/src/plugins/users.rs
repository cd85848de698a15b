//! Who is there, who was there, and what accounts there are.

use crate::facts::{
    accounts::{Account, accounts, groups},
    concealed::concealed,
    kernel_files::{children, exists, value},
    listing,
    logins::{self, logins},
    systemd::shown,
    utmp::{self, Kind, Record, Records},
};
use collect_core::{
    CollectError, Collector, Output, Window,
    host::{CommandLine, Host},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{collections::BTreeMap, io::ErrorKind};

/// Who is logged in, last logins, accounts.
///
/// `logged-in` lists who is there, `logins` who was there from when to when, the newest first;
/// `last-logins` when each account was last used; `summary.json` has the number of accounts, of
/// those that anybody can log in to, accounts that share a number, members of the groups that give
/// rights, and how many logins failed. Names of those that failed are not looked at: people type
/// passwords there. Passwords and whether there are any are never looked at either.
///
/// From `utmp(5)`, `passwd(5)`, `group(5)`, `lastlog(8)` and, where that is no longer written,
/// systemd's sessions, `wtmpdb(8)` and `lastlog2(8)`. Failed logins need root.
///
/// ```toml
/// [collect.users]
/// use = "users"
/// logins = 50
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Users {
    /// How many of the newest logins are listed.
    logins: usize,
}

impl Default for Users {
    fn default() -> Self {
        Self { logins: 200 }
    }
}

collect_core::register!("users" => Users as Collector);

/// So many of the newest records of wtmp are looked at: about 40 MB.
const RECORDS: u64 = 100_000;

const FAILED: &str = "/var/log/btmp";

const LAST: &str = "/var/log/lastlog";

/// Groups whose members may do more than others.
const GROUPS: [&str; 16] = [
    "adm",
    "admin",
    "disk",
    "docker",
    "kvm",
    "libvirt",
    "lpadmin",
    "lxd",
    "netdev",
    "podman",
    "root",
    "shadow",
    "sudo",
    "systemd-journal",
    "wheel",
    "wireshark",
];

const COLUMNS: [&str; 5] = ["user", "terminal", "host", "login", "process"];

/// Somebody on a terminal.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Session {
    user: String,
    terminal: String,
    /// Where from; its address where the name is not known.
    host: Option<String>,
    login: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logout: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_by: Option<&'static str>,
    process: Option<i32>,
}

impl Session {
    fn of(out: &Output<'_>, record: Record) -> Self {
        let address = record.address.map(|address| address.to_string());
        let host = Some(record.host).filter(|host| !host.is_empty()).or(address);
        Self {
            user: concealed(out.redaction(), "user", &record.user),
            terminal: record.line,
            host: host.map(|host| concealed(out.redaction(), "host", &host)),
            login: record.time,
            logout: None,
            ended_by: None,
            process: Some(record.process),
        }
    }
}

impl Collector for Users {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let accounts = accounts(out.host());
        let here = logged_in(out);
        let past = self.logins(out);
        let last = last_logins(out, &accounts);
        let failed = read(out, FAILED, 1, |_| true);
        if accounts.is_empty() && here.is_empty() && past.is_empty() {
            out.absent("/etc/passwd", "there are no accounts");
            return Ok(());
        }
        let mut summary = summary(out, &accounts);
        summary["logged-in"] = json!(here.len());
        summary["failed-logins"] = json!(failed.as_ref().map(|failed| failed.total));
        let newest = failed.and_then(|failed| failed.records.last()?.time);
        summary["last-failed-login"] = json!(newest);
        out.json("summary.json", &summary)?;
        listing::write(out, "logged-in", COLUMNS, &here)?;
        let columns = ["user", "terminal", "host", "login", "logout", "ended-by"];
        listing::write(out, "logins", columns, &past)?;
        if !last.is_empty() {
            listing::write(out, "last-logins", ["user", "login", "terminal", "host"], &last)?;
        }
        ask_databases(out)
    }

    fn refused(&self, host: &dyn Host, _window: &Window) -> Vec<String> {
        let opened = host.open(FAILED.as_ref()).map(drop);
        let is_refused = opened.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied);
        is_refused.then(|| format!("{FAILED} (number of failed logins)")).into_iter().collect()
    }
}

impl Users {
    fn logins(&self, out: &mut Output<'_>) -> Vec<Session> {
        let of_logins = |record: &Record| {
            matches!(record.kind, Kind::Boot | Kind::RunLevel | Kind::User | Kind::Dead)
        };
        let records = read(out, "/var/log/wtmp", RECORDS, of_logins).unwrap_or_default();
        let window = out.window();
        let in_window = |time: Option<Timestamp>| {
            let since = window.since.is_none_or(|since| time.is_none_or(|time| time >= since));
            since && window.until.is_none_or(|until| time.is_none_or(|time| time <= until))
        };
        let logins = logins(records.records).into_iter();
        let logins = logins.filter(|login| in_window(login.record.time)).take(self.logins);
        let host = out.host();
        let is_gone = |process: i32| process > 0 && !exists(host, format!("/proc/{process}"));
        let sessions = logins.map(|login| Session {
            logout: login.end,
            ended_by: Some(match login.how {
                logins::STILL_THERE if is_gone(login.record.process) => "gone, not logged out",
                how => how,
            }),
            ..Session::of(out, login.record)
        });
        sessions.collect()
    }
}

/// The records of a file, if there is one; what is refused is noted.
fn read(
    out: &mut Output<'_>,
    path: &str,
    most: u64,
    keep: impl Fn(&Record) -> bool,
) -> Option<Records> {
    match utmp::newest(out.host(), path, most, keep) {
        Ok(records) => Some(records),
        Err(error) => {
            if error.kind() == ErrorKind::PermissionDenied {
                out.failed(path, &error);
            }
            None
        }
    }
}

/// Who is there, by utmp or, where there is none, by systemd.
fn logged_in(out: &mut Output<'_>) -> Vec<Session> {
    let is_session = |record: &Record| record.kind == Kind::User && !record.user.is_empty();
    let records = read(out, "/run/utmp", RECORDS, is_session);
    let Some(records) = records else {
        return sessions(out);
    };
    let host = out.host();
    // Programs that were killed leave their records behind.
    let mut here = records.records;
    here.retain(|record| record.process <= 0 || exists(host, format!("/proc/{}", record.process)));
    here.into_iter().map(|record| Session::of(out, record)).collect()
}

/// The sessions of systemd-logind.
fn sessions(out: &Output<'_>) -> Vec<Session> {
    let host = out.host();
    let sessions = children(host, "/run/systemd/sessions").into_iter().filter_map(|path| {
        let session = shown(&value(host, path)?).into_iter().next()?;
        if session.get("CLASS") != Some("user") {
            return None;
        }
        let time = session.get("REALTIME").and_then(|time| time.parse().ok());
        Some(Session {
            user: concealed(out.redaction(), "user", session.get("USER")?),
            terminal: session.text("TTY").or(session.text("SERVICE")).unwrap_or_default(),
            host: session.get("REMOTE_HOST").map(|host| concealed(out.redaction(), "host", host)),
            login: time.and_then(|time| Timestamp::from_microsecond(time).ok()),
            logout: None,
            ended_by: None,
            process: session.get("LEADER").and_then(|leader| leader.parse().ok()),
        })
    });
    sessions.collect()
}

/// When each account was last used.
fn last_logins(out: &mut Output<'_>, accounts: &[Account]) -> Vec<Session> {
    let records = logins::last(out.host(), LAST, accounts).unwrap_or_else(|error| {
        if error.kind() == ErrorKind::PermissionDenied {
            out.failed(LAST, &error);
        }
        Vec::new()
    });
    let sessions = records.into_iter();
    sessions.map(|record| Session { process: None, ..Session::of(out, record) }).collect()
}

fn summary(out: &Output<'_>, accounts: &[Account]) -> Value {
    let concealed = |name: &str| concealed(out.redaction(), "user", name);
    let mut by_id = BTreeMap::<u32, Vec<String>>::new();
    for account in accounts {
        by_id.entry(account.id).or_default().push(concealed(&account.name));
    }
    by_id.retain(|_, names| names.len() > 1);
    let groups = groups(out.host()).into_iter().filter(|group| GROUPS.contains(&&*group.name));
    let members = groups.map(|group| {
        let own = accounts.iter().filter(|account| account.group == group.id);
        let own = own.map(|account| &account.name).chain(&group.members);
        (group.name.clone(), own.map(|name| concealed(name)).collect::<Vec<_>>())
    });
    let members: BTreeMap<_, _> = members.filter(|(_, names)| !names.is_empty()).collect();
    let count = |test: fn(&Account) -> bool| accounts.iter().filter(|one| test(one)).count();
    json!({
        "accounts-of-people": count(Account::is_person),
        "accounts-of-the-system": count(|account| !account.is_person()),
        "accounts-with-a-shell": count(Account::has_shell),
        "same-number": by_id,
        "members": members,
    })
}

/// The databases that took the place of wtmp and lastlog.
fn ask_databases(out: &mut Output<'_>) -> Result<(), CollectError> {
    for (database, name, command) in [
        ("/var/lib/wtmpdb/wtmp.db", "wtmpdb.txt", &["wtmpdb", "last"][..]),
        ("/var/lib/lastlog/lastlog2.db", "lastlog2.txt", &["lastlog2"]),
    ] {
        if exists(out.host(), database) {
            out.command(name, &CommandLine::new(command.iter().copied()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        redact::Rule,
        testkit::{Collected, FakeHost, Trial},
    };

    fn host() -> FakeHost {
        let login = utmp::made_up(7, 42, "pts/0", "zoe", "till.example.com", 1_767_312_060);
        let boot = utmp::made_up(2, 0, "~", "reboot", "6.1.0", 1_767_312_000);
        let gone = utmp::made_up(7, 43, "pts/1", "max", "", 1_767_312_000);
        let logout = utmp::made_up(8, 43, "pts/1", "", "", 1_767_312_030);
        let failed = utmp::made_up(6, 9, "ssh:notty", "hunter2", "", 1_767_312_090);
        let mut last = vec![0; 292 * 1001];
        last[292 * 1000..][..4].copy_from_slice(&1_767_312_060_u32.to_ne_bytes());
        last[292 * 1000..][4..9].copy_from_slice(b"pts/0");
        FakeHost::new()
            .file(
                "/etc/passwd",
                "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\nweb:x:33:33::/:/bin/false\n\
                 zoe:x:1000:1000:Zoé:/home/zoe:/bin/zsh\n",
            )
            .file("/etc/group", "root:x:0:\nsudo:x:27:zoe\nusers:x:100:zoe\nwheel:x:10:\n")
            .bytes("/run/utmp", [&login[..], &gone[..]].concat())
            .directory("/proc/42")
            .bytes("/var/log/wtmp", [boot, gone, logout, login].concat())
            .bytes("/var/log/btmp", [&failed[..], &failed[..]].concat())
            .bytes("/var/log/lastlog", last)
    }

    fn json(collected: &Collected, entry: &str) -> Value {
        serde_json::from_str(collected.text(entry)).unwrap()
    }

    #[test]
    fn who_is_there_and_who_was_there_are_told() {
        let collected = Trial::of(Users::default()).on(host());
        assert_eq!(collected.status(), Status::Complete);
        let zoe = json!({
            "user": "zoe", "terminal": "pts/0", "host": "till.example.com",
            "login": "2026-01-02T00:01:00Z", "process": 42,
        });
        assert_eq!(json(&collected, "logged-in.json"), json!([zoe]), "max's session was killed");
        let logins = json(&collected, "logins.json");
        assert_eq!(
            (&logins[0]["user"], &logins[0]["ended-by"]),
            (&json!("zoe"), &json!("still there"))
        );
        assert_eq!(
            (&logins[1]["user"], &logins[1]["logout"]),
            (&json!("max"), &json!("2026-01-02T00:00:30Z"))
        );
        let last = json(&collected, "last-logins.json");
        assert_eq!(last.as_array().unwrap().len(), 1);
        assert_eq!((&last[0]["user"], &last[0]["terminal"]), (&json!("zoe"), &json!("pts/0")));
        let one = Trial::of(Users { logins: 1 }).on(host());
        assert_eq!(json(&one, "logins.json").as_array().unwrap().len(), 1);
    }

    #[test]
    fn accounts_are_counted_and_rights_told() {
        let collected = Trial::of(Users::default()).on(host());
        let summary = json(&collected, "summary.json");
        assert_eq!(summary["accounts-of-people"], 1);
        assert_eq!(summary["accounts-of-the-system"], 3);
        assert_eq!(summary["accounts-with-a-shell"], 3);
        assert_eq!(summary["same-number"], json!({"0": ["root", "toor"]}));
        assert_eq!(summary["members"], json!({"root": ["root", "toor"], "sudo": ["zoe"]}));
        assert_eq!((&summary["failed-logins"], &summary["logged-in"]), (&json!(2), &json!(1)));
        assert_eq!(summary["last-failed-login"], "2026-01-02T00:01:30Z");
    }

    #[test]
    fn what_was_typed_in_place_of_a_name_is_not_shown() {
        let collected = Trial::of(Users::default()).on(host());
        for path in collected.paths() {
            let text = collected.text(path.trim_start_matches("test/"));
            assert!(!text.contains("hunter2"), "{path}");
        }
    }

    #[test]
    fn names_in_tables_are_redacted_as_those_in_json() {
        let rule = Rule::pattern("user", ["user"], r#""user": "(?<secret>[a-z]+)""#).unwrap();
        let collected = Trial::of(Users::default()).rules(vec![rule]).on(host());
        for entry in ["logged-in.txt", "logins.txt", "last-logins.txt", "summary.json"] {
            let text = collected.text(entry);
            assert!(text.contains("[redacted:user]") && !text.contains("zoe"), "{text}");
        }
    }

    #[test]
    fn without_utmp_systemd_knows_the_sessions() {
        let host = FakeHost::new()
            .file("/etc/passwd", "zoe:x:1000:1000::/home/zoe:/bin/zsh\n")
            .file(
                "/run/systemd/sessions/1",
                "# This is private data. Do not parse.\nUID=1000\nUSER=zoe\nCLASS=user\nTTY=tty2\n\
                 LEADER=77\nREALTIME=1767312060250000\n",
            )
            .file("/run/systemd/sessions/2", "USER=gdm\nCLASS=greeter\n");
        let collected = Trial::of(Users::default()).on(host);
        let here = json(&collected, "logged-in.json");
        assert_eq!(
            here,
            json!([{"user": "zoe", "terminal": "tty2", "host": null,
                "login": "2026-01-02T00:01:00.25Z", "process": 77}])
        );
    }

    #[test]
    fn what_is_refused_is_named_and_an_empty_host_has_no_users() {
        let host = host().denied(FAILED);
        let refused = Users::default().refused(&host, &Window::default());
        assert_eq!(refused, ["/var/log/btmp (number of failed logins)"]);
        let collected = Trial::of(Users::default()).on(host);
        assert_eq!(collected.status(), Status::Partial);
        assert!(collected.notes()[0].starts_with("Denied /var/log/btmp"));
        assert_eq!(json(&collected, "summary.json")["failed-logins"], Value::Null);
        assert_eq!(Trial::of(Users::default()).on(FakeHost::new()).status(), Status::Absent);
    }
}
