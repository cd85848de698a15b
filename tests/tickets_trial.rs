//! `collect-desk tickets test`: a ticket system is tried step by step, and says what is wrong.

use crate::{
    desk::desk_with,
    kit::{Ended, PROJECT, REPORTER_KEY, Redmine, TICKET_SERVERS, TicketServer, needs},
};
use serde_json::Value;

/// Tries `options` as the settings of the function.
fn trial(options: &str, words: &[&str]) -> Ended {
    let desk = desk_with("");
    let file = desk.write("ticket.toml", format!("[ticket]\n{options}"));
    let words = [&["tickets", "test", file.to_str().unwrap()], words].concat();
    desk.run(words)
}

#[test]
fn every_real_ticket_system_is_tried_and_no_ticket_stays_open() {
    for (name, start) in TICKET_SERVERS {
        let Some(server) = start() else { continue };
        let ended = trial(&server.options(), &[]).expect(0);
        let steps =
            ["options", "find", "limit", "open", "attach", "find again", "comment", "close"];
        let lines: Vec<_> = ended.stdout.lines().collect();
        assert_eq!(lines.len(), steps.len(), "{name}: {}", ended.stdout);
        for (line, step) in lines.iter().zip(steps) {
            assert!(line.starts_with("ok ") && line.contains(step), "{name}: {line}");
        }
        let tickets = server.tickets();
        assert_eq!(tickets.len(), 1, "{name}");
        assert!(tickets[0].is_closed, "{name}: {:?}", tickets[0]);
        assert!(tickets[0].text.contains("*stars*, _lines_"), "{name}: {}", tickets[0].text);
        assert!(tickets[0].text.contains("this is a test"), "{name}: {}", tickets[0].text);
        let attachments = server.attachments(&tickets[0].number);
        assert_eq!(attachments.len(), 1, "{name}");
        assert_eq!(attachments[0].1, vec![b'-'; 1_000], "{name}");
    }
}

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    needs!("curl", "python3", "setpriv");
    let Some(redmine) = Redmine::start() else { return };
    let options = redmine.options();
    let project = format!("project = \"{PROJECT}\"");
    for (what, options, words, step, help) in [
        (
            "a wrong key",
            options.replace(REPORTER_KEY, "madeupwrongkey0123"),
            &[][..],
            "find",
            "`api-key` is not accepted",
        ),
        (
            "no such project",
            options.replace(&project, "project = \"nowhere\""),
            &[],
            "find",
            "`project`",
        ),
        (
            "no such tracker",
            format!("{options}tracker = \"Wish\"\n"),
            &[],
            "open",
            "correct `tracker`; there are: Bug",
        ),
        ("too large", options.clone(), &["--size", "1MB"], "open", "raise the limit there"),
        (
            "nobody there",
            options.replace("http://127.0.0.1:", "http://127.0.0.1:1/"),
            &[],
            "find",
            "check the network",
        ),
    ] {
        let ended = trial(&options, words).expect(5);
        let failed = ended.stdout.lines().find(|line| line.starts_with("failed")).unwrap();
        assert!(failed.contains(&format!(" {step} ")), "{what}: {}", ended.stdout);
        assert!(ended.stdout.contains(help), "{what}: {}", ended.stdout);
        assert!(!ended.printed().contains("madeup"), "{what}: {}", ended.printed());
    }
    assert!(redmine.tickets().iter().all(|ticket| ticket.is_closed));

    // A field that is not there is no reason to lose a report, and has to be known.
    let odd = options.replace("fields = { ", "fields = { 9999 = \"{host}\", ");
    let ended = trial(&odd, &["--json"]).expect(0);
    let mut steps = ended.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let open = steps.find(|step| step["step"] == "open").unwrap();
    assert_eq!(open["result"], "note");
    assert!(open["said"].as_str().unwrap().contains("fields.9999"), "{open}");
}

#[test]
fn a_file_that_is_neither_profile_nor_settings_is_refused_with_what_to_write() {
    let desk = desk_with("");
    let profile = desk.write("p.toml", "product = 'shop'\n");
    let ended = desk.run(["tickets", "test", profile.to_str().unwrap()]).expect(4);
    assert!(ended.stderr.contains("has no ticket system"), "{}", ended.stderr);
    let ended = trial("use = \"remine\"\n", &[]).expect(4);
    assert!(ended.stderr.contains("has to be one of: "), "{}", ended.stderr);
    desk.run(["tickets", "test", "nothing.toml"]).expect(4);
}
