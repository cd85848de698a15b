//! Tickets straight from the host, in a real ticket system.

use crate::kit::{
    Bundle, Collect, KeyPair, REPORTER_KEY, Redmine, contains, needs, profile, wait_for,
};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

const DESCRIPTION: &str = "The button </pre> does *nothing*, says @admin.\nSee #1. \u{1b}[2J";

/// A profile that opens tickets, with something missing and the given key.
fn profile_for(collect: &Collect, key: &KeyPair, sink: &str, api_key: &str) -> PathBuf {
    collect.write("redmine.key", format!("{api_key}\n"));
    let log = collect.write("shop.log", "says debug\n");
    let body = format!(
        "[collect.logs]\nuse = \"files\"\npaths = [\"{}\"]\n\
         [collect.ledger]\nuse = \"command\"\nargv = [\"false\"]\n{sink}",
        log.display()
    );
    collect.write("shop.toml", profile(&key.recipient, &body))
}

/// The arguments that submit a hostile description.
fn arguments(profile: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["--profile".into(), profile.into(), "--yes".into()];
    let typed = ["--email", "user@example.com", "--description", DESCRIPTION];
    arguments.extend(typed.map(Into::into));
    arguments
}

#[test]
fn a_report_becomes_one_ticket_with_the_bundle_attached() {
    needs!("age", "age-keygen", "tar", "xz", "curl", "python3", "setpriv");
    let Some(mut redmine) = Redmine::start() else { return };
    let (collect, key) = (Collect::new(), KeyPair::new());
    let profile = profile_for(&collect, &key, &redmine.sink(), REPORTER_KEY);
    collect.run(["check", profile.to_str().unwrap()]).expect(0);

    // The server is down: the bundle waits, and nothing that was typed rests in the clear.
    redmine.stop();
    let running = collect.start(arguments(&profile).into_iter().chain(["--json".into()]));
    wait_for("a retry", Duration::from_mins(1), || {
        running.stdout().contains("refused the connection").then_some(())
    });
    running.signal("INT");
    running.end().expect(130);
    let sealed = fs::read(collect.bundle()).unwrap();
    for file in collect.left_behind() {
        let content = fs::read(&file).unwrap();
        assert!(!contains(&content, b"does *nothing*"), "{file:?}");
        assert!(!contains(&content, b"user@example.com"), "{file:?}");
    }

    // It is up again.
    redmine.resume();
    let ended = collect.run(["send"]).expect(0);
    let issues = redmine.issues();
    assert_eq!(issues.len(), 1);
    let issue = &issues[0];
    let page = format!("{}/issues/{}", redmine.url(), issue["id"]);
    let said = format!("ticket {}, {page}", issue["id"]);
    assert!(ended.stderr.contains("Submission complete"), "{}", ended.stderr);
    assert!(ended.stderr.contains(&said), "{}", ended.stderr);

    let text = issue["description"].as_str().unwrap();
    let order = ["Info: [ File: shop-", "ledger           partial", "< /pre> does *nothing*"];
    let order = order.iter().chain(&["user@example.com", "logs             complete"]);
    let places: Vec<_> = order.map(|part| text.find(part).unwrap_or(usize::MAX)).collect();
    assert!(places.is_sorted() && places[4] < usize::MAX, "{places:?} in {text}");
    assert!(!text.contains('\u{1b}'), "{text}");

    let attachments = issue["attachments"].as_array().unwrap();
    assert_eq!(attachments.len(), 1);
    let mut fields = issue["custom_fields"].as_array().unwrap().iter();
    let field = fields.find(|field| field["id"].as_u64() == redmine.field.parse().ok()).unwrap();
    assert_eq!(field["value"], attachments[0]["filename"]);
    let attached = redmine.attachment(&attachments[0]);
    assert!(attached == sealed, "the attachment is the bundle, bit by bit");
    let name = attachments[0]["filename"].as_str().unwrap();
    let delivered = collect.write(name, attached);
    let bundle = Bundle::open(&delivered, &key.file());
    let log = bundle.text(&format!("logs{}", collect.path("shop.log").display()));
    assert!(log.contains("says debug"), "{log}");

    // The same bundle once more, as if nobody had heard the answer; support has closed the ticket.
    redmine.close(issue);
    let again = ["send", delivered.to_str().unwrap(), "--profile", profile.to_str().unwrap()];
    let ended = collect.run(again).expect(0);
    assert!(ended.stderr.contains(&said), "{}", ended.stderr);
    let issues = redmine.issues();
    assert_eq!(issues.len(), 1);
    assert_eq!(issues[0]["attachments"].as_array().unwrap().len(), 1);

    // A report that belongs to that ticket.
    let number = issue["id"].to_string();
    let mut arguments = Collect::delivering(&profile);
    arguments.extend(["--ticket".into(), number.into()]);
    collect.run(arguments).expect(3);
    let issues = redmine.issues();
    assert_eq!(issues.len(), 1);
    assert_eq!(issues[0]["attachments"].as_array().unwrap().len(), 2);
    let notes = issues[0]["journals"].to_string();
    assert!(notes.contains("The print button does nothing."), "{notes}");
}

#[test]
fn what_redmine_refuses_is_said_with_what_to_do_and_the_bundle_is_kept() {
    needs!("age-keygen", "curl", "python3", "setpriv");
    let Some(redmine) = Redmine::start() else { return };
    let (collect, key) = (Collect::new(), KeyPair::new());
    let wrong = "made-up-key-of-last-year-0123456789abcde";
    let right = profile_for(&collect, &key, &redmine.sink(), wrong);
    let ended = collect.run(arguments(&right)).expect(5);
    assert!(ended.stderr.contains("401") && ended.stderr.contains("`api-key`"), "{}", ended.stderr);
    assert!(!ended.printed().contains(wrong), "{}", ended.stderr);

    collect.write("redmine.key", REPORTER_KEY);
    let text = fs::read_to_string(&right).unwrap();
    fs::write(&right, text.replace("project = \"shop\"", "project = \"shp\"")).unwrap();
    let ended = collect.run(["send"]).expect(5);
    assert!(ended.stderr.contains("`project`"), "{}", ended.stderr);

    fs::write(&right, text.replace("use = \"redmine\"", "use = \"redmine\"\ntracker = \"Bgu\""))
        .unwrap();
    let ended = collect.run(["send"]).expect(5);
    assert!(ended.stderr.contains("no tracker `Bgu`"), "{}", ended.stderr);
    assert_eq!(redmine.issues().len(), 0);

    fs::write(&right, text).unwrap();
    collect.run(["send"]).expect(0);
    assert_eq!(redmine.issues().len(), 1);

    // Larger than Redmine takes: no ticket without its bundle.
    let noise = output_of_noise(2 << 20);
    collect.write("shop.log", noise);
    let ended = collect.run(arguments(&right)).expect(5);
    assert!(ended.stderr.contains("maximum allowed file size"), "{}", ended.stderr);
    assert_eq!(redmine.issues().len(), 1);
}

/// Text that does not compress below three quarters of so many bytes.
fn output_of_noise(bytes: usize) -> String {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut text = String::with_capacity(bytes + bytes / 64);
    while text.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let line: String =
            (0..10).map(|shift| char::from(b'0' + ((state >> (shift * 6)) & 0x3f) as u8)).collect();
        text += &line;
        if text.len() % 80 < 10 {
            text.push('\n');
        }
    }
    text
}
