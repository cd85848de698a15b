//! Request Tracker as it answers, and as it misbehaves; the real one is asked by
//! `tests/tickets/request_tracker.rs`.

use super::*;
use crate::testing::{
    Memory, Reply,
    contract::{Call, call, hurry, play, refusal},
    submit_in, text,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use collect_core::ticket::{Filed, Origin};

const TOKEN: &str = "1-31-00000000made0up0token0000000000";
const FILE: Memory = Memory(b"sealed bytes");

fn tracker() -> RequestTracker {
    RequestTracker {
        token: Some(SecretSource::Literal(Secret::new(TOKEN))),
        queue: "bug reports".into(),
        ..RequestTracker::default()
    }
}

/// Talks to a server that plays these calls.
fn talk<T>(
    tracker: &RequestTracker,
    calls: Vec<Call>,
    talk: impl FnOnce(&Queue<'_>, &crate::testing::Follower) -> T,
) -> T {
    play(calls, |options, context, follower| {
        let mut queue = tracker.queue(options, context).unwrap();
        hurry(&mut queue.api);
        talk(&queue, follower)
    })
}

fn file_it(tracker: &RequestTracker, calls: Vec<Call>) -> Result<Filed, DeliveryError> {
    talk(tracker, calls, |queue, follower| submit_in(Markup::Html, queue, &FILE, follower, &[]))
}

fn ask(line: &'static str) -> Call {
    call(line).header("authorization", format!("token {TOKEN}"))
}

fn search(condition: &str, found: &[(&str, &str)]) -> Call {
    let items: Vec<_> =
        found.iter().map(|(id, title)| json!({ "id": id, "Subject": title })).collect();
    ask("GET /REST/2.0/tickets")
        .query("query", format!("Queue = 'bug reports' AND {condition}"))
        .query("fields", "Subject")
        .query("orderby", "id")
        .query("order", "ASC")
        .query("per_page", "100")
        .answered(200, &json!({ "items": items, "total": items.len() }))
}

fn by_key(found: &[(&str, &str)]) -> Call {
    search("Subject LIKE '01234567'", found)
}

/// The look for duplicates, after a ticket was made.
fn again() -> Call {
    by_key(&[("7", "shop: problem report [01234567]")])
}

/// What is filed by [`file_it`].
fn wish(fields: &Value) -> Value {
    let origin = Origin { file: Memory::NAME, request: "r-1", source: None };
    let letter = Letter::write(&TicketOptions::default(), Markup::Html, &origin, None, &[]);
    json!({
        "Queue": "bug reports",
        "Subject": letter.title,
        "Content": in_columns(&letter.body),
        "ContentType": "text/html",
        "CustomFields": fields,
    })
}

/// The form in which a wish goes with the file.
fn form(call: Call, wish: &Value) -> Call {
    let wish = wish.to_string();
    call.form(&[("JSON", None, &wish), ("Attachments", Some(Memory::NAME), "sealed bytes")])
}

fn create() -> Call {
    form(ask("POST /REST/2.0/ticket"), &wish(&json!({})))
}

fn created(create: Call) -> Call {
    create.answered(201, &json!({ "id": "7", "type": "ticket", "_url": "x" }))
}

fn listed(names: &[&str]) -> Call {
    let items: Vec<_> = (3..).zip(names).collect();
    let items = items.iter().map(|(id, name)| json!({ "id": id.to_string(), "Filename": name }));
    ask("GET /REST/2.0/ticket/7/attachments")
        .query("fields", "Filename")
        .query("per_page", "100")
        .query("page", "1")
        .answered(200, &json!({ "items": items.collect::<Vec<_>>(), "total": null }))
}

fn content(bytes: &[u8]) -> Call {
    let content = STANDARD.encode(bytes) + "\n";
    ask("GET /REST/2.0/attachment/4").answered(200, &json!({ "id": 4, "Content": content }))
}

fn holding(bytes: &[u8]) -> [Call; 2] {
    [listed(&["", Memory::NAME]), content(bytes)]
}

fn ticket() -> Ticket {
    Ticket { number: "7".into(), url: String::new() }
}

#[test]
fn ticket_and_file_go_in_one_request_and_are_read_back() {
    let calls = [by_key(&[]), created(create()), again()];
    let calls = calls.into_iter().chain(holding(b"sealed bytes")).collect();
    let filed = file_it(&tracker(), calls).unwrap();
    assert_eq!((filed.ticket.number.as_str(), filed.attached), ("7", true));
    assert!(filed.ticket.url.ends_with("/Ticket/Display.html?id=7"), "{}", filed.ticket.url);
}

#[test]
fn what_is_preformatted_has_a_font_with_columns() {
    let text = Markup::Html.block("Steps", "a </pre><pre> b");
    let shown = "<pre style=\"font-family: monospace\">\na &lt;/pre&gt;&lt;pre&gt; b\n</pre>";
    assert!(in_columns(&text).ends_with(shown), "{}", in_columns(&text));
}

#[test]
fn a_ticket_whose_making_was_not_heard_of_is_found_and_not_made_again() {
    for lost in [Reply::Swallow, Reply::Answer(text(500, "", ""))] {
        let calls = [by_key(&[]), create().then(lost), again()];
        let calls = calls.into_iter().chain(holding(b"sealed bytes")).collect();
        assert_eq!(file_it(&tracker(), calls).unwrap().ticket.number, "7");
    }
}

#[test]
fn a_server_that_is_busy_is_asked_again_when_it_wishes() {
    let busy = |call: Call| call.answered_with(503, "retry-after: 0\r\n", &json!({}));
    let calls = [busy(by_key(&[])), by_key(&[]), busy(create()), created(create()), again()];
    let [listed, content] = holding(b"sealed bytes");
    let [_, late] = holding(b"sealed bytes");
    let calls = calls.into_iter().chain([listed, busy(content), late]).collect();
    assert_eq!(file_it(&tracker(), calls).unwrap().ticket.number, "7");
}

#[test]
fn an_attachment_that_was_cut_or_dropped_with_201_is_noticed() {
    let say = json!({ "Content": "The bundle is attached.", "ContentType": "text/html" });
    let dropped = format!("{}.txt", Memory::NAME);
    for (name, kept, word) in [
        (Memory::NAME, b"sealed".as_slice(), "holds 6 of 12 bytes"),
        (Memory::NAME, b"SEALED BYTES", "holds other bytes"),
        (&dropped, b"Large attachment dropped", "holds 24 of 12 bytes"),
    ] {
        let kept = || [listed(&["", name]), content(kept)];
        let more = form(ask("POST /REST/2.0/ticket/7/comment"), &say);
        let calls = [by_key(&[]), created(create()), again()].into_iter().chain(kept());
        let calls = calls.chain([more.answered(201, &json!(["Comments added"]))]).chain(kept());
        let (reason, _) = refusal(file_it(&tracker(), calls.collect()));
        assert!(reason.contains(word), "{reason}");
    }
}

#[test]
fn fields_and_priority_that_were_not_heeded_are_noticed() {
    let template = |text| Template::parse(text).unwrap();
    let fields =
        BTreeMap::from([("Host".into(), template("{host}")), ("Nope".into(), template("x"))]);
    let own = RequestTracker { fields, priority: Some(50), ..tracker() };
    let mut wish = wish(&json!({ "Host": "unknown", "Nope": "x" }));
    wish["Priority"] = 50.into();
    let made = json!({
        "id": 7,
        "Priority": "0",
        "CustomFields": [{ "id": "2", "name": "Host", "values": ["unknown"] }],
    });
    let calls = vec![
        created(ask("POST /REST/2.0/ticket").json(wish)),
        ask("GET /REST/2.0/ticket/7").answered(200, &made),
    ];
    let origin = Origin { file: Memory::NAME, request: "r-1", source: None };
    let letter = Letter::write(&TicketOptions::default(), Markup::Html, &origin, None, &[]);
    let opened = talk(&own, calls, |queue, _| queue.open(&letter, None).unwrap());
    assert_eq!(opened.ignored, ["priority", "fields.Nope"]);
}

#[test]
fn a_ticket_is_closed_after_it_is_said_why_and_that_is_checked() {
    for (status, closed) in [("resolved", true), ("new", false)] {
        let calls = vec![
            ask("POST /REST/2.0/ticket/7/comment")
                .json(json!({ "Content": "a duplicate", "ContentType": "text/html" }))
                .answered(201, &json!(["Comments added"])),
            ask("PUT /REST/2.0/ticket/7")
                .json(json!({ "Status": "resolved" }))
                .answered(200, &json!(["Ticket 7: Permission Denied"])),
            ask("GET /REST/2.0/ticket/7").answered(200, &json!({ "id": 7, "Status": status })),
        ];
        let said = talk(&tracker(), calls, |queue, _| queue.close(&ticket(), "a duplicate"));
        assert_eq!(said.is_ok(), closed);
        assert!(closed || said.unwrap_err().to_string().contains("Permission Denied"));
    }
}

#[test]
fn only_tickets_of_the_queue_whose_title_holds_the_key_are_found() {
    let found = [("7", "a [01234567]"), ("8", "unlike"), ("9", "b [01234567]")];
    let all = talk(&tracker(), vec![by_key(&found)], |queue, _| queue.find("01234567").unwrap());
    assert_eq!(all.iter().map(|ticket| ticket.number.as_str()).collect::<Vec<_>>(), ["7", "9"]);
    let calls = vec![search("id = 7", &[("7", "theirs")])];
    let named = talk(&tracker(), calls, |queue, _| queue.get(" #7").unwrap());
    assert_eq!(named.unwrap().number, "7");
    assert_eq!(talk(&tracker(), vec![], |queue, _| queue.get("7 OR id > 0").unwrap()), None);
}

#[test]
fn every_page_of_a_long_ticket_is_looked_at() {
    let full = vec!["other.txt"; PAGE];
    let second = ask("GET /REST/2.0/ticket/7/attachments")
        .query("fields", "Filename")
        .query("per_page", "100")
        .query("page", "2")
        .answered(200, &json!({ "items": [{ "id": "4", "Filename": Memory::NAME }] }));
    let calls = vec![listed(&full), second, content(b"sealed bytes")];
    let held = talk(&tracker(), calls, |queue, _| queue.holding(&ticket(), &FILE).unwrap());
    assert_eq!(held, Holding::Whole);
}

#[test]
fn every_refusal_says_what_to_do_and_keeps_the_token_to_itself() {
    for (status, word) in
        [(400, "`CommentOnTicket`"), (401, "`token`"), (403, "no such queue"), (404, "`url`")]
    {
        let said = json!({ "message": format!("no {TOKEN}\u{1b}[2J here") });
        let (reason, help) =
            refusal(file_it(&tracker(), vec![by_key(&[]).answered(status, &said)]));
        assert!(reason.contains(&format!("answered {status}: no …")), "{reason}");
        assert!(!reason.contains('\u{1b}') && help.contains(word), "{reason}: {help}");
    }
    let too_large = vec![by_key(&[]), create().answered(413, &json!({ "message": "too large" }))];
    assert!(refusal(file_it(&tracker(), too_large)).1.contains("`size`"));
    let other = vec![by_key(&[]).answered(200, &json!({ "issues": [] }))];
    assert!(refusal(file_it(&tracker(), other)).1.contains("`url`"));
}

#[test]
fn wrong_options_are_found_before_anything_is_collected() {
    let wrong = |tracker: &RequestTracker, url: &str| {
        let options = TicketOptions { url: url.into(), ..TicketOptions::default() };
        tracker.check(&options).into_iter().map(|invalid| invalid.option).collect::<Vec<_>>()
    };
    let good = "https://rt.example.com";
    assert_eq!(wrong(&tracker(), good), [""; 0]);
    assert_eq!(wrong(&tracker(), "http://rt.example.com"), ["url"]);
    assert_eq!(wrong(&RequestTracker::default(), good), ["token", "queue"]);
    let queue = RequestTracker { queue: "a' OR id > 0".into(), ..tracker() };
    assert_eq!(wrong(&queue, good), ["queue"]);
    assert_eq!(wrong(&RequestTracker { closed: String::new(), ..tracker() }, good), ["closed"]);
    let fields = BTreeMap::from([("Host".into(), Template::parse("{hst}").unwrap())]);
    assert_eq!(wrong(&RequestTracker { fields, ..tracker() }, good), ["fields"]);
}
