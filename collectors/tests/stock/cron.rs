//! `cron`, held to `crontab -l` and `atq`, with jobs that exist in the test's own mounts only.

use crate::kit::{collected, goes_inside, json, stock};

const TEST: &str = "stock::cron::jobs_are_what_crontab_and_atq_say";

const HOST: &str = r#"
    for spool in crontabs atjobs; do
        [ -d /var/spool/cron/$spool ] || continue
        owner=$(stat -c %u:%g /var/spool/cron/$spool)
        mode=$(stat -c %a /var/spool/cron/$spool)
        mount -t tmpfs tmpfs /var/spool/cron/$spool
        chown $owner /var/spool/cron/$spool
        chmod $mode /var/spool/cron/$spool
    done
    printf '%s\n' '# made up' 'MAILTO=""' '*/5 2 * * 1-5 test -e /made/up && true' '@daily false' | crontab -
    if command -v at; then
        echo true | at -q c 'now + 2 hours' || true
        echo false | at 'now + 3 days' || true
    fi
"#;

#[test]
fn jobs_are_what_crontab_and_atq_say() {
    if goes_inside(TEST, HOST) {
        return;
    }
    let collected = collected("cron", "");
    let jobs = json(&collected, "jobs.json");
    let own = jobs.as_array().unwrap().iter();
    let own = own.filter(|job| job["source"].as_str().unwrap().starts_with("/var/spool/cron"));
    let own: Vec<_> = own
        .map(|job| {
            assert_eq!(job["user"], "root");
            format!("{} {}", job["schedule"].as_str().unwrap(), job["command"].as_str().unwrap())
        })
        .collect();
    let theirs = stock(&["crontab", "-l"]).expect("there is one");
    let theirs: Vec<_> =
        theirs.lines().filter(|line| !line.starts_with('#') && !line.contains('=')).collect();
    assert_eq!(own, theirs);

    let Some(theirs) = stock(&["atq"]).filter(|jobs| !jobs.is_empty()) else {
        return;
    };
    let at = json(&collected, "at.json");
    let mut own: Vec<_> = at
        .as_array()
        .unwrap()
        .iter()
        .map(|job| {
            let time: jiff::Timestamp = job["time"].as_str().unwrap().parse().unwrap();
            let time = time.to_zoned(jiff::tz::TimeZone::system()).strftime("%a %b %e %T %Y");
            let text = |key: &str| job[key].as_str().unwrap().to_owned();
            format!("{}\t{time} {} {}", job["job"], text("queue"), text("user"))
        })
        .collect();
    own.sort();
    let mut theirs: Vec<_> = theirs.lines().collect();
    theirs.sort_unstable();
    assert_eq!(own, theirs);
}
