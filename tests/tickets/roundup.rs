//! Roundup.

use super::{a_report_becomes_one_ticket, arguments, only, profile_for};
use crate::kit::{Bundle, Collect, KeyPair, ROUNDUP_PASSWORD, Roundup, TicketServer, needs};
use std::fs;

#[test]
fn a_report_becomes_one_ticket_in_roundup() {
    needs!("age", "age-keygen", "tar", "xz", "curl", "setpriv");
    let Some(mut roundup) = Roundup::start() else { return };
    a_report_becomes_one_ticket(&mut roundup, "</pre> does *nothing*", "/issue");
}

#[test]
fn what_roundup_refuses_is_said_with_what_to_do_and_the_bundle_is_kept() {
    needs!("age-keygen", "curl", "setpriv");
    let Some(roundup) = Roundup::start() else { return };
    let (collect, key) = (Collect::new(), KeyPair::new());
    let right = profile_for(&collect, &key, &roundup.options());
    let text = fs::read_to_string(&right).unwrap();
    let with = |from: &str, to: &str| fs::write(&right, text.replace(from, to)).unwrap();

    let wrong = "made-up-password-of-last-year";
    with(ROUNDUP_PASSWORD, wrong);
    let ended = collect.run(arguments(&right)).expect(5);
    let said = ended.stderr.contains("401") && ended.stderr.contains("`user` and `password`");
    assert!(said && !ended.printed().contains(wrong), "{}", ended.stderr);

    for (from, to, reason, help) in [
        ("/shop\"", "/shp\"", "answered 404", "correct `url`"),
        ("//127.0.0.1", "//localhost", "answered 400", "the tracker's own address"),
        ("{ bundle", "{ bndle", "Property bndle not found", "`fields`"),
        ("{ bundle =", "{ priority = \"loud\", bundle =", "'loud' is not a priority", "`fields`"),
    ] {
        with(from, to);
        let ended = collect.run(["send"]).expect(5);
        assert!(ended.stderr.contains(reason), "{}", ended.stderr);
        assert!(ended.stderr.contains(help), "{}", ended.stderr);
    }
    assert!(roundup.tickets().is_empty());

    fs::write(&right, &text).unwrap();
    collect.run(["send"]).expect(0);
    let ticket = only(&roundup);

    // Without its rights the account can neither open an issue nor add to one.
    roundup.demote_reporter();
    let ended = collect.run(arguments(&right)).expect(5);
    assert!(ended.stderr.contains("403"), "{}", ended.stderr);
    assert!(ended.stderr.contains("`Rest Access`"), "{}", ended.stderr);
    assert_eq!(roundup.attachments(&only(&roundup).number).len(), 1);
    assert_eq!(only(&roundup).text, ticket.text);
}

#[test]
fn a_roundup_that_limits_requests_is_asked_again_when_it_wishes() {
    needs!("age", "age-keygen", "tar", "xz", "curl", "setpriv");
    // Three at once, and then one every three seconds, which is longer than a first wait is.
    let limits = [("api_calls_per_interval", "3"), ("api_interval_in_sec", "9")];
    let Some(roundup) = Roundup::start_with(&limits) else { return };
    let (collect, key) = (Collect::new(), KeyPair::new());
    let profile = profile_for(&collect, &key, &roundup.options());
    let ended = collect.run(arguments(&profile).into_iter().chain(["--json".into()])).expect(3);

    let waits: Vec<_> = ended.stdout.lines().filter(|line| line.contains("\"retrying\"")).collect();
    assert!(waits.len() >= 3 && waits.len() <= 8, "not one more than it wished: {waits:#?}");
    assert!(waits.iter().all(|wait| wait.contains("answered 429")), "{waits:#?}");
    let ticket = only(&roundup);
    let attachments = roundup.attachments(&ticket.number);
    let [(name, content)] = attachments.as_slice() else { panic!("{}", attachments.len()) };
    Bundle::open(&collect.write(name, content), &key.file());
    assert_eq!(ticket.text.matches("Info: [ File:").count(), 1, "{}", ticket.text);
}
