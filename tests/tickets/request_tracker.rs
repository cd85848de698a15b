//! Request Tracker.

use super::{a_report_becomes_one_ticket, arguments, only, output_of_noise, profile_for};
use crate::kit::{Collect, KeyPair, RequestTracker, TicketServer, needs};
use std::fs;

#[test]
fn a_report_becomes_one_ticket_in_request_tracker() {
    needs!("age", "age-keygen", "tar", "xz", "curl", "setpriv");
    let Some(mut tracker) = RequestTracker::start() else { return };
    let page = "/Ticket/Display.html?id=";
    a_report_becomes_one_ticket(&mut tracker, "&lt;/pre&gt; does *nothing*", page);
    assert!(!only(&tracker).text.contains("did not heed"), "{}", only(&tracker).text);
}

#[test]
fn what_request_tracker_refuses_is_said_with_what_to_do_and_the_bundle_is_kept() {
    needs!("age-keygen", "curl", "setpriv");
    let Some(tracker) = RequestTracker::start() else { return };
    let (collect, key) = (Collect::new(), KeyPair::new());
    let right = profile_for(&collect, &key, &tracker.options());
    let text = fs::read_to_string(&right).unwrap();
    let with = |from: &str, to: &str| fs::write(&right, text.replace(from, to)).unwrap();

    let wrong = "1-31-00000000made0up0token0000000000";
    with(&tracker.token, wrong);
    let ended = collect.run(arguments(&right)).expect(5);
    assert!(ended.stderr.contains("401") && ended.stderr.contains("`token`"), "{}", ended.stderr);
    assert!(!ended.printed().contains(wrong), "{}", ended.stderr);

    with("queue = \"shop\"", "queue = \"shp\"");
    let ended = collect.run(["send"]).expect(5);
    assert!(ended.stderr.contains("in the queue 'shp'"), "{}", ended.stderr);
    assert!(ended.stderr.contains("there is no such queue"), "{}", ended.stderr);

    with(&tracker.url(), &format!("{}/Ticket", tracker.url()));
    let ended = collect.run(["send"]).expect(5);
    assert!(ended.stderr.contains("correct `url`"), "{}", ended.stderr);
    assert!(tracker.tickets().is_empty());

    // A field that is not there is no reason to lose a report, but it is said.
    with("\"Bundle of collect\"", "\"Bndle of collect\"");
    collect.run(["send"]).expect(0);
    let ticket = only(&tracker);
    assert!(ticket.text.contains("did not heed"), "{}", ticket.text);
    assert!(ticket.text.contains("fields.Bndle of collect"), "{}", ticket.text);

    // Rights that are gone.
    fs::write(&right, &text).unwrap();
    tracker.revoke("CreateTicket");
    let ended = collect.run(arguments(&right)).expect(5);
    assert!(ended.stderr.contains("`CreateTicket`"), "{}", ended.stderr);
    // Either of these is enough for a comment.
    tracker.revoke("CommentOnTicket");
    tracker.revoke("ModifyTicket");
    let mut named = Collect::delivering(&right);
    named.extend(["--ticket".into(), ticket.number.clone().into()]);
    let ended = collect.run(named).expect(5);
    assert!(ended.stderr.contains("`CommentOnTicket`"), "{}", ended.stderr);
    assert_eq!(only(&tracker).text, ticket.text);
}

#[test]
fn an_attachment_that_request_tracker_cut_or_dropped_is_noticed() {
    needs!("age-keygen", "curl", "setpriv");
    // It counts the letters of base64, in which its database holds the file.
    for (how, kept) in [("Truncate", "holds 15000 of "), ("Drop", "holds 24 of ")] {
        let settings = format!("Set($MaxAttachmentSize, 20_000); Set(${how}LongAttachments, 1);");
        let Some(tracker) = RequestTracker::start_with(&settings) else { return };
        let (collect, key) = (Collect::new(), KeyPair::new());
        let profile = profile_for(&collect, &key, &tracker.options());
        collect.write("shop.log", output_of_noise(60_000));
        let ended = collect.run(arguments(&profile)).expect(5);
        assert!(ended.stderr.contains(kept), "{}", ended.stderr);
        assert!(ended.stderr.contains("although it was accepted"), "{}", ended.stderr);
        assert!(ended.stderr.contains("for its limit of attachments"), "{}", ended.stderr);

        // What fits is taken.
        collect.write("shop.log", "says debug\n");
        collect.run(arguments(&profile)).expect(3);
    }
}
