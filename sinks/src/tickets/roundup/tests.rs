//! Roundup as it answers, and as it misbehaves; the real one is asked by `tests/tickets/roundup.rs`.

use super::*;
use crate::testing::{
    Memory, Reply,
    contract::{Call, call, hurry, play, refusal},
    submit, text,
};
use collect_core::ticket::{Filed, Origin};

const PASSWORD: &str = "made-up-password-4c34eb3d";
const FILE: Memory = Memory(b"sealed bytes");

fn roundup() -> Roundup {
    Roundup {
        user: "collect".into(),
        password: Some(SecretSource::Literal(Secret::new(PASSWORD))),
        ..Roundup::default()
    }
}

/// Talks to a tracker that plays these calls.
fn talk<T>(roundup: &Roundup, calls: Vec<Call>, talk: impl FnOnce(&Tracker<'_>) -> T) -> T {
    play(calls, |options, context, _| {
        let mut tracker = roundup.tracker(options, context).unwrap();
        hurry(&mut tracker.api);
        talk(&tracker)
    })
}

fn file_it(roundup: &Roundup, calls: Vec<Call>) -> Result<Filed, DeliveryError> {
    play(calls, |options, context, follower| {
        let mut tracker = roundup.tracker(options, context).unwrap();
        hurry(&mut tracker.api);
        submit(&tracker, &FILE, follower)
    })
}

/// A call with what Roundup wants of every request that is no page's.
fn ask(line: &'static str) -> Call {
    let account = STANDARD.encode(format!("collect:{PASSWORD}"));
    call(line)
        .header("authorization", format!("Basic {account}"))
        .header("x-requested-with", "rest")
}

fn search(found: &[(&str, &str)]) -> Call {
    let found: Vec<_> =
        found.iter().map(|(id, title)| json!({ "id": id, "title": title })).collect();
    ask("GET /rest/data/issue")
        .query("title", "01234567")
        .query("@fields", "title")
        .query("@sort", "id")
        .answered(200, &json!({ "data": { "collection": found, "@total_size": found.len() } }))
}

/// The look for duplicates, after an issue was made.
fn again() -> Call {
    search(&[("7", "shop: problem report [01234567]")])
}

fn uploaded() -> Call {
    ask("POST /rest/data/file")
        .form(&[
            ("name", None, Memory::NAME),
            ("type", None, "application/octet-stream"),
            ("content", Some(Memory::NAME), "sealed bytes"),
        ])
        .answered(201, &json!({ "data": { "id": "3" } }))
}

fn written(text: &str) -> Call {
    ask("POST /rest/data/msg")
        .json(json!({ "content": text, "author": "collect", "date": "." }))
        .answered(201, &json!({ "data": { "id": "5" } }))
}

/// What is filed by [`file_it`].
fn letter() -> Letter {
    let origin = Origin { file: Memory::NAME, request: "r-1", source: None };
    Letter::write(&TicketOptions::default(), Markup::Plain, &origin, None, &[])
}

fn link() -> Call {
    let link = "https://tickets.example.com/shop/rest/data/issue/@poe/madeuptoken";
    ask("POST /rest/data/issue/@poe")
        .json(json!({}))
        .answered(200, &json!({ "data": { "link": link, "expires": 1.5 } }))
}

fn create() -> Call {
    let issue = json!({ "title": letter().title, "messages": ["5"], "files": ["3"] });
    ask("POST /rest/data/issue/@poe/madeuptoken").json(issue)
}

fn created() -> Call {
    create().answered(201, &json!({ "data": { "id": "7" } }))
}

fn holding(content: &'static str) -> [Call; 2] {
    let files = json!([{ "id": "2", "name": "other.txt" }, { "id": "3", "name": Memory::NAME }]);
    [
        ask("GET /rest/data/issue/7")
            .query("@fields", "files")
            .query("@verbose", "2")
            .answered(200, &json!({ "data": { "attributes": { "files": files } } })),
        ask("GET /rest/data/file/3/binary_content")
            .header("accept", "application/octet-stream")
            .then(Reply::Answer(text(200, "content-type: application/octet-stream\r\n", content))),
    ]
}

fn look(etag: &str, files: &[&str], messages: &[&str]) -> Call {
    let attributes = json!({ "files": files, "messages": messages });
    ask("GET /rest/data/issue/7")
        .query("@fields", "files,messages")
        .query("@verbose", "0")
        .answered(200, &json!({ "data": { "attributes": attributes, "@etag": etag } }))
}

fn ticket() -> Ticket {
    Ticket { number: "7".into(), url: String::new() }
}

fn says(status: u16, message: &str) -> serde_json::Value {
    json!({ "error": { "status": status, "msg": message } })
}

#[test]
fn file_and_message_are_there_before_the_issue_that_holds_them() {
    let issue = json!({
        "title": format!("shop: problem report [01234567]"),
        "messages": ["5"],
        "files": ["3"],
        "priority": "bug",
    });
    let fields = BTreeMap::from([("priority".to_owned(), Template::parse("bug").unwrap())]);
    let opened = create().json(issue).answered(201, &json!({ "data": { "id": "7" } }));
    let calls = [search(&[]), uploaded(), written(&letter().body), link(), opened, again()];
    let calls = calls.into_iter().chain(holding("sealed bytes")).collect();
    let filed = file_it(&Roundup { fields, ..roundup() }, calls).unwrap();
    assert_eq!((filed.ticket.number.as_str(), filed.attached), ("7", true));
    assert!(filed.ticket.url.ends_with("/issue7"), "{}", filed.ticket.url);
}

#[test]
fn an_issue_whose_making_was_not_heard_of_is_found_and_not_made_again() {
    // The second try meets a link that was used, whatever became of the first one.
    let used = create().answered(400, &says(400, "POE token 'madeuptoken' not valid."));
    let lost = create().then(Reply::Swallow);
    let calls = [search(&[]), uploaded(), written(&letter().body), link(), lost, used];
    let found = search(&[("7", "shop: it broke [01234567]"), ("8", "unlike")]);
    let calls = calls.into_iter().chain([found]).chain(holding("sealed bytes")).collect();
    assert_eq!(file_it(&roundup(), calls).unwrap().ticket.number, "7");
}

#[test]
fn a_server_that_limits_requests_is_asked_again_when_it_wishes() {
    let limited = || says(429, "Api rate limits exceeded.");
    let busy = |call: Call| call.answered_with(429, "retry-after: 0\r\n", &limited());
    let calls = [
        busy(search(&[])),
        search(&[]),
        busy(uploaded()),
        uploaded(),
        written(&letter().body),
        link(),
    ];
    let calls = calls.into_iter().chain([busy(create()), created(), again()]);
    let calls = calls.chain(holding("sealed bytes")).collect();
    assert_eq!(file_it(&roundup(), calls).unwrap().ticket.number, "7");
}

#[test]
fn other_bytes_under_the_name_of_the_bundle_are_noticed() {
    for (content, word) in [("sealed", "holds 6 of 12 bytes"), ("SEALED BYTES", "other bytes")] {
        let calls = [search(&[("7", "[01234567]")])].into_iter().chain(holding(content));
        let attached = [
            uploaded(),
            look("\"a\"", &[], &[]),
            ask("PATCH /rest/data/issue/7")
                .json(json!({ "@op": "add", "@etag": "\"a\"", "files": ["3"], "messages": [] }))
                .answered(200, &json!({ "data": {} })),
        ];
        let calls = calls.chain(attached).chain(holding(content)).collect();
        let (reason, _) = refusal(file_it(&roundup(), calls));
        assert!(reason.contains(word), "{reason}");
    }
}

#[test]
fn a_change_is_begun_anew_when_somebody_else_was_quicker_and_never_made_twice() {
    let change = |etag: &str| {
        let change = json!({ "@op": "add", "@etag": etag, "messages": ["5"] });
        ask("PATCH /rest/data/issue/7").json(change)
    };
    let late = || says(412, "If-Match is missing or does not match.");
    let calls = vec![
        written("more"),
        look("\"a\"", &[], &[]),
        change("\"a\"").answered(412, &late()),
        // This one arrives, but its answer is lost, and so its second try is late.
        look("\"b\"", &[], &["4"]),
        change("\"b\"").then(Reply::Swallow),
        change("\"b\"").answered(412, &late()),
        look("\"c\"", &[], &["4", "5"]),
    ];
    talk(&roundup(), calls, |tracker| tracker.comment(&ticket(), "more").unwrap());
}

#[test]
fn an_issue_is_closed_after_it_is_said_why_and_that_is_checked() {
    for (status, closed) in [("resolved", true), ("chatting", false)] {
        let calls = vec![
            written("a duplicate"),
            look("\"a\"", &[], &[]),
            ask("PATCH /rest/data/issue/7")
                .json(json!({ "@op": "add", "@etag": "\"a\"", "messages": ["5"] }))
                .answered(200, &json!({ "data": {} })),
            look("\"b\"", &[], &["5"]),
            ask("PUT /rest/data/issue/7")
                .json(json!({ "@etag": "\"b\"", "status": "resolved" }))
                .answered(200, &json!({ "data": {} })),
            ask("GET /rest/data/issue/7")
                .query("@fields", "status")
                .query("@verbose", "2")
                .answered(
                    200,
                    &json!({ "data": { "attributes": { "status": { "name": status } } } }),
                ),
        ];
        let said = talk(&roundup(), calls, |tracker| tracker.close(&ticket(), "a duplicate"));
        assert_eq!(said.is_ok(), closed, "{said:?}");
    }
}

#[test]
fn a_ticket_is_named_as_people_name_it() {
    let by_number = || {
        ask("GET /rest/data/issue/7")
            .query("@fields", "title")
            .answered(200, &json!({ "data": { "id": "7", "attributes": { "title": "x" } } }))
    };
    let absent = by_number().answered(404, &says(404, "no such issue 7"));
    assert_eq!(talk(&roundup(), vec![absent], |tracker| tracker.get("7").unwrap()), None);
    for name in ["7", "#7", " issue7"] {
        let found = talk(&roundup(), vec![by_number()], |tracker| tracker.get(name).unwrap());
        assert_eq!(found.unwrap().number, "7", "{name}");
    }
    assert_eq!(talk(&roundup(), vec![], |tracker| tracker.get("BUGS-7").unwrap()), None);
}

#[test]
fn every_refusal_says_what_to_do_and_keeps_the_password_to_itself() {
    for (status, word) in
        [(400, "`fields`"), (401, "`password`"), (403, "`Rest Access`"), (404, "`url`")]
    {
        let said = says(status, &format!("no {PASSWORD}\u{1b}[2J here"));
        let (reason, help) =
            refusal(file_it(&roundup(), vec![search(&[]).answered(status, &said)]));
        assert!(reason.contains(&format!("answered {status}: no …")), "{reason}");
        assert!(!reason.contains('\u{1b}') && help.contains(word), "{reason}: {help}");
    }
    let other = vec![search(&[]).answered(200, &json!({ "issues": [] }))];
    assert!(refusal(file_it(&roundup(), other)).1.contains("`url`"));
}

#[test]
fn a_download_that_breaks_off_is_begun_anew() {
    let [listed, whole] = holding("sealed bytes");
    let [_, broken] = holding("");
    let half = "HTTP/1.1 200 X\r\ncontent-length: 12\r\nconnection: close\r\n\r\nsealed";
    let calls = vec![listed, broken.then(Reply::Answer(half.into())), whole];
    let held = talk(&roundup(), calls, |tracker| tracker.holding(&ticket(), &FILE).unwrap());
    assert_eq!(held, Holding::Whole);
}

#[test]
fn wrong_options_are_found_before_anything_is_collected() {
    let wrong = |roundup: &Roundup, url: &str| {
        let options = TicketOptions { url: url.into(), ..TicketOptions::default() };
        roundup.check(&options).into_iter().map(|invalid| invalid.option).collect::<Vec<_>>()
    };
    let good = "https://tickets.example.com/shop";
    assert_eq!(wrong(&roundup(), good), [""; 0]);
    assert_eq!(wrong(&roundup(), "http://tickets.example.com/shop"), ["url"]);
    assert_eq!(wrong(&Roundup::default(), good), ["user", "password"]);
    assert_eq!(wrong(&Roundup { closed: String::new(), ..roundup() }, good), ["closed"]);
    let fields = |name: &str, text| {
        let fields = BTreeMap::from([(name.to_owned(), Template::parse(text).unwrap())]);
        wrong(&Roundup { fields, ..roundup() }, good)
    };
    assert_eq!(fields("bundle", "{file}"), [""; 0]);
    assert_eq!(fields("bundle", "{fill}"), ["fields"]);
    assert_eq!(fields("title", "x"), ["fields"]);
    assert_eq!(fields("the host", "x"), ["fields"]);
}
