//! `users`, held to `who`, `last`, `lastb` and `lastlog`, with records that exist in the test's own
//! mounts only.

use crate::kit::{collected, goes_inside, json, stock};
use serde_json::Value;

const TEST: &str = "stock::users::logins_are_what_who_and_last_say";

/// `utmpdump` writes records as the C library does.
const HOST: &str = r#"
    mount -t tmpfs tmpfs /run
    mount -t tmpfs tmpfs /var/log
    record() {
        printf '[%s] [%05d] [%-4s] [%-8s] [%-12s] [%-20s] [%-15s] [%s]\n' "$@"
    }
    login() { record 7 $$ "$1" root "$2" "$3" "$4" "$5"; }
    {
        record 2 0 '~~' reboot '~' 6.1.0 0.0.0.0 2026-01-02T00:00:00,000000+00:00
        login ts/0 pts/0 till.example.com 192.0.2.7 2026-01-02T00:01:00,250000+00:00
        record 8 77 ts/0 '' pts/0 '' 0.0.0.0 2026-01-02T00:31:00,000000+00:00
        login ts/1 pts/1 '' 0.0.0.0 2026-01-02T01:00:00,000000+00:00
        record 1 0 '~~' shutdown '~' 6.1.0 0.0.0.0 2026-01-02T02:00:00,000000+00:00
        record 2 0 '~~' reboot '~' 6.1.0 0.0.0.0 2026-01-02T03:00:00,000000+00:00
        login ts/2 pts/2 '' 0.0.0.0 2026-01-02T03:01:00,000000+00:00
        record 2 0 '~~' reboot '~' 6.1.0 0.0.0.0 2026-01-02T04:00:00,000000+00:00
        login ts/3 pts/3 other.example.com 2001:db8::1 2026-01-02T04:01:00,000000+00:00
    } >/run/wtmp.txt
    utmpdump -r </run/wtmp.txt >/var/log/wtmp
    grep 'ts/3' /run/wtmp.txt | utmpdump -r >/run/utmp
    grep 'ts/0' /run/wtmp.txt | utmpdump -r >/var/log/btmp
"#;

fn rows(list: &Value) -> &Vec<Value> {
    list.as_array().expect("a list")
}

/// As `last --time-format=iso` writes it.
fn local(time: &Value) -> String {
    let time: jiff::Timestamp = time.as_str().expect("a time").parse().unwrap();
    time.to_zoned(jiff::tz::TimeZone::system()).strftime("%FT%T%:z").to_string()
}

#[test]
fn logins_are_what_who_and_last_say() {
    if goes_inside(TEST, HOST) {
        return;
    }
    let collected = collected("users", "");
    let logins = json(&collected, "logins.json");
    let theirs = stock(&["last", "--time-format=iso", "--fullnames", "root"]).expect("last runs");
    let theirs: Vec<Vec<_>> = theirs
        .lines()
        .take_while(|line| !line.is_empty())
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows(&logins).len(), 4);
    assert_eq!(theirs.len(), 4, "{theirs:?}");
    for (own, theirs) in rows(&logins).iter().zip(theirs) {
        assert_eq!((&own["user"], &own["terminal"]), (&theirs[0].into(), &theirs[1].into()));
        let (host, rest) = match own["host"].as_str() {
            Some(_) => (theirs[2], &theirs[3..]),
            None => ("", &theirs[2..]),
        };
        assert_eq!(own["host"].as_str().unwrap_or(""), host);
        assert_eq!(local(&own["login"]), rest[0]);
        match own["ended-by"].as_str().unwrap() {
            "logout" => assert_eq!(local(&own["logout"]), rest[2]),
            "shutdown" => assert_eq!(rest[2], "down", "{rest:?}"),
            "crash" => assert_eq!(rest[2], "crash", "{rest:?}"),
            // For `last` a session that no login daemon began is gone as well.
            how => {
                assert!(how.starts_with("still") || how.starts_with("gone"), "{how}");
                assert!(["still", "gone"].contains(&rest[1]), "{rest:?}");
            }
        }
    }

    let here = json(&collected, "logged-in.json");
    let theirs = stock(&["who"]).expect("who runs");
    assert_eq!(rows(&here).len(), theirs.lines().count(), "{theirs}");
    let words: Vec<_> = theirs.split_whitespace().collect();
    assert_eq!((&here[0]["user"], &here[0]["terminal"]), (&words[0].into(), &words[1].into()));
    let login: jiff::Timestamp = here[0]["login"].as_str().unwrap().parse().unwrap();
    let login = login.to_zoned(jiff::tz::TimeZone::system()).strftime("%b %-d %H:%M").to_string();
    assert_eq!(words[2..5].join(" "), login);
    assert_eq!(words[5], format!("({})", here[0]["host"].as_str().unwrap()));

    let failed =
        stock(&["lastb"]).map(|failed| failed.lines().take_while(|line| !line.is_empty()).count());
    let summary = json(&collected, "summary.json");
    if let Some(failed) = failed {
        assert_eq!(summary["failed-logins"], failed);
    }
}

#[test]
fn accounts_are_what_getent_says() {
    let Some(accounts) = stock(&["getent", "-s", "files", "passwd"]) else {
        return;
    };
    let summary = json(&collected("users", ""), "summary.json");
    let people = accounts.lines().filter(|line| {
        let id: u32 = line.split(':').nth(2).unwrap().parse().unwrap();
        (1000..65534).contains(&id)
    });
    let people = people.count();
    assert_eq!(summary["accounts-of-people"], people);
    assert_eq!(summary["accounts-of-the-system"], accounts.lines().count() - people);
    for (group, members) in summary["members"].as_object().unwrap() {
        let theirs = stock(&["getent", "-s", "files", "group", group]).unwrap();
        let listed = theirs.trim().rsplit(':').next().unwrap();
        for member in listed.split(',').filter(|member| !member.is_empty()) {
            assert!(members.as_array().unwrap().contains(&member.into()), "{member} of {group}");
        }
    }
}

#[test]
fn last_logins_are_what_lastlog_says() {
    const TEST: &str = "stock::users::last_logins_are_what_lastlog_says";
    let script = "mount -t tmpfs tmpfs /var/log; : >/var/log/lastlog; lastlog --set --user root";
    if goes_inside(TEST, script) {
        return;
    }
    let last = json(&collected("users", ""), "last-logins.json");
    let theirs = stock(&["lastlog", "--time", "1"]).expect("lastlog runs");
    let theirs: Vec<_> = theirs.lines().skip(1).collect();
    assert_eq!(rows(&last).len(), theirs.len(), "{theirs:?}");
    let own = &rows(&last)[0];
    let time: jiff::Timestamp = own["login"].as_str().unwrap().parse().unwrap();
    let time = time.to_zoned(jiff::tz::TimeZone::system());
    assert!(theirs[0].starts_with("root "));
    assert!(theirs[0].contains(&time.strftime("%b %e %T %z %Y").to_string()), "{theirs:?} {time}");
}
