//! Freshdesk as its documentation describes it, with values that are made up. Source:
//! <https://developers.freshdesk.com/api/>, its parts on authentication, rate limits, errors and
//! attachments (`#authentication`, `#ratelimit`, `#error`, `#attachments`), creating, viewing,
//! listing, filtering and updating tickets (`#create_ticket`, `#view_a_ticket`, `#list_all_tickets`,
//! `#filter_tickets`, `#update_ticket`), and notes (`#add_note_to_a_ticket`,
//! `#list_all_ticket_notes`).

use super::*;
use crate::testing::{
    Follower, Memory, Reply,
    contract::{Call, call, hurry, play, refusal},
    submit, text,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use collect_core::Secret;
use collect_core::ticket::{Brief, Filed, Origin};

const API_KEY: &str = "made-up-key-T4iK0Y4T0wh1p";
const FILE: Memory = Memory(b"sealed bytes");
const KEY: &str = "01234567";

fn freshdesk() -> Freshdesk {
    Freshdesk {
        api_key: Some(SecretSource::Literal(Secret::new(API_KEY))),
        email: "reports@example.com".into(),
        ..Freshdesk::default()
    }
}

fn talk<T>(
    freshdesk: &Freshdesk,
    calls: Vec<Call>,
    talk: impl FnOnce(&dyn Tickets, &Follower) -> T,
) -> T {
    play(calls, |options, context, follower| {
        let mut account = freshdesk.account(options, context).unwrap();
        hurry(&mut account.api);
        assert_eq!(account.lag(), LAG);
        account.lag = Duration::ZERO;
        talk(&account, follower)
    })
}

fn file_it(tickets: &dyn Tickets, follower: &Follower) -> Result<Filed, DeliveryError> {
    submit(tickets, &FILE, follower)
}

fn asked(line: &'static str) -> Call {
    let pair = STANDARD.encode(format!("{API_KEY}:X"));
    call(line).header("authorization", format!("Basic {pair}")).header("accept", "application/json")
}

fn newest(found: &[Value]) -> Call {
    asked("GET /api/v2/tickets")
        .query("order_by", "created_at")
        .query("order_type", "desc")
        .query("per_page", "100")
        .answered(200, &json!(found))
}

fn search(found: &[Value]) -> Call {
    asked("GET /api/v2/search/tickets")
        .query("query", format!("\"tag:'collect-{KEY}'\""))
        .answered(200, &json!({ "total": found.len(), "results": found }))
}

fn ticket() -> Value {
    json!({
        "id": 47,
        "subject": format!("Shop: it broke [{KEY}]"),
        "status": 2,
        "priority": 1,
        "type": null,
        "group_id": null,
        "product_id": null,
        "spam": false,
        "requester_id": 129,
        "description": "<div>Info</div>",
        "custom_fields": { "category": null },
        "tags": [format!("collect-{KEY}")],
        "attachments": [{
            "id": 4_004_881_085_u64,
            "content_type": "application/octet-stream",
            "file_size": 12,
            "name": Memory::NAME,
            "attachment_url": "https://cdn.freshdesk.com/made-up",
        }],
    })
}

fn letter() -> Letter {
    let origin = Origin { file: Memory::NAME, request: "r-1", source: None };
    Letter::write(&TicketOptions::default(), Markup::Plain, &origin, None, &[])
}

fn create() -> Call {
    let (title, body) = (format!("shop: problem report [{KEY}]"), letter().body);
    let tag = format!("collect-{KEY}");
    asked("POST /api/v2/tickets")
        .form(&[
            ("description", None, &body),
            ("email", None, "reports@example.com"),
            ("priority", None, "1"),
            ("status", None, "2"),
            ("subject", None, &title),
            ("tags[]", None, &tag),
            ("attachments[]", Some(Memory::NAME), "sealed bytes"),
        ])
        .answered(201, &ticket())
}

fn view(ticket: &Value) -> Call {
    asked("GET /api/v2/tickets/47").answered(200, ticket)
}

fn conversations(files: &Value) -> Call {
    asked("GET /api/v2/tickets/47/conversations")
        .query("per_page", "100")
        .query("page", "1")
        .answered(200, &json!([{ "id": 3, "private": true, "source": 2, "attachments": files }]))
}

fn opened() -> Ticket {
    Ticket { number: "47".into(), url: String::new() }
}

#[test]
fn ticket_and_file_go_in_one_request_and_are_read_back() {
    let calls = vec![
        newest(&[]),
        search(&[]),
        create(),
        newest(&[ticket()]),
        search(&[]),
        view(&ticket()),
        conversations(&json!([])),
    ];
    let filed = talk(&freshdesk(), calls, file_it).unwrap();
    assert_eq!((filed.ticket.number.as_str(), filed.attached), ("47", true));
    assert!(filed.ticket.url.ends_with("/a/tickets/47"), "{}", filed.ticket.url);
}

#[test]
fn a_ticket_whose_making_was_not_heard_of_is_not_made_again() {
    for lost in [Reply::Swallow, Reply::Answer(text(500, "", ""))] {
        let calls = vec![
            newest(&[]),
            search(&[]),
            create().then(lost),
            newest(&[ticket()]),
            search(&[]),
            view(&ticket()),
            conversations(&json!([])),
        ];
        assert_eq!(talk(&freshdesk(), calls, file_it).unwrap().ticket.number, "47");
    }
}

#[test]
fn a_ticket_is_found_by_tag_field_or_title_and_each_once() {
    let mut renamed = ticket();
    renamed["subject"] = json!("Renamed by support");
    let mut untagged = ticket();
    untagged["id"] = json!(46);
    untagged["tags"] = json!([]);
    let mut other = ticket();
    other["id"] = json!(48);
    other["subject"] = json!("Another");
    other["tags"] = json!(["collect-89abcdef"]);
    let calls = vec![newest(&[other, ticket(), untagged]), search(&[renamed])];
    let found = talk(&freshdesk(), calls, |tickets, _| tickets.find(KEY)).unwrap();
    let numbers: Vec<_> = found.iter().map(|ticket| ticket.number.as_str()).collect();
    assert_eq!(numbers, ["46", "47"]);

    let freshdesk = Freshdesk { key_field: Some("cf_report".into()), ..freshdesk() };
    let held = json!({ "id": 50, "subject": "x", "custom_fields": { "cf_report": KEY } });
    let by_field = asked("GET /api/v2/search/tickets")
        .query("query", format!("\"cf_report:'{KEY}'\""))
        .answered(200, &json!({ "total": 1, "results": [held] }));
    let found =
        talk(&freshdesk, vec![newest(&[]), by_field], |tickets, _| tickets.find(KEY)).unwrap();
    assert_eq!(found[0].number, "50");
}

#[test]
fn what_the_profile_wants_is_in_the_ticket() {
    let template = |text| Template::parse(text).unwrap();
    let freshdesk = Freshdesk {
        requester: Requester::Contact,
        priority: Priority::High,
        kind: Some("Incident".into()),
        tags: vec!["bug".into()],
        group: Some(156),
        product: Some(3),
        fields: BTreeMap::from([("cf_product".into(), template("{product}"))]),
        key_field: Some("cf_report".into()),
        ..freshdesk()
    };
    let wanted = |freshdesk: &Freshdesk, contact: &str| {
        let brief: Brief = serde_json::from_value(json!({
            "tool": "collect 1.0", "product": "Shop", "started": "2026-11-23T10:42:05Z",
            "host": serde_json::to_value(collect_core::bundle::HostFacts::default()).unwrap(),
            "contact": contact, "description": "it <broke>", "steps": [],
        }))
        .unwrap();
        let origin = Origin { file: Memory::NAME, request: "r-1", source: None };
        let options = TicketOptions::default();
        let letter = Letter::write(&options, Markup::Html, &origin, Some(&brief), &[]);
        play(Vec::new(), |options, context, _| {
            freshdesk.account(options, context).unwrap().wish(&letter)
        })
    };
    let wish = wanted(&freshdesk, "zoe@example.com");
    assert_eq!(wish["email"], "zoe@example.com");
    assert_eq!((&wish["priority"], &wish["type"]), (&json!(3), &json!("Incident")));
    assert_eq!((&wish["group_id"], &wish["product_id"]), (&json!(156), &json!(3)));
    assert_eq!(wish["tags"], json!(["bug"]), "the key has a field of its own");
    assert_eq!(wish["custom_fields"], json!({ "cf_product": "Shop", "cf_report": KEY }));
    assert!(wish["description"].as_str().unwrap().contains("it &lt;broke&gt;"));
    // Not without being told to; a pseudonym is nobody's address, and neither is nothing.
    assert_eq!(wanted(&self::freshdesk(), "zoe@example.com")["email"], "reports@example.com");
    assert_eq!(wanted(&freshdesk, "user-3k9w@mail.example.com")["email"], "reports@example.com");
    assert_eq!(wanted(&freshdesk, "")["email"], "reports@example.com");

    let (_, body) = form(&wish).with_file("attachments[]", &FILE);
    let text = String::from_utf8(body.before).unwrap();
    assert!(text.contains("name=\"custom_fields[cf_product]\"\r\n\r\nShop\r\n"), "{text}");
    assert!(text.contains("name=\"group_id\"\r\n\r\n156\r\n"), "{text}");
}

#[test]
fn what_freshdesk_did_not_heed_is_noticed() {
    let wish = json!({
        "priority": 3,
        "type": "Incident",
        "group_id": 156,
        "tags": ["Bug", "missing"],
        "custom_fields": { "cf_a": "1", "cf_b": "x", "cf_c": "" },
    });
    let made = json!({
        "priority": 1,
        "type": "Incident",
        "group_id": null,
        "tags": ["bug"],
        "custom_fields": { "cf_a": 1, "cf_b": null },
    });
    assert_eq!(ignored(&wish, &made), ["priority", "group", "tags", "fields.cf_b"]);
}

#[test]
fn a_report_is_added_to_a_ticket_in_a_private_note() {
    let mut theirs = ticket();
    theirs["attachments"] = json!([]);
    let held = json!([{ "id": 6, "name": Memory::NAME, "size": 12, "content_type": "x" }]);
    let calls = vec![
        view(&theirs),
        view(&theirs),
        conversations(&json!([])),
        asked("POST /api/v2/tickets/47/notes")
            .form(&[
                ("body", None, "<p>About it</p>"),
                ("private", None, "true"),
                ("attachments[]", Some(Memory::NAME), "sealed bytes"),
            ])
            .answered(201, &json!({ "id": 5, "private": true, "attachments": held })),
        view(&theirs),
        conversations(&held),
        asked("POST /api/v2/tickets/47/notes")
            .json(json!({ "body": "said", "private": true }))
            .answered(201, &json!({ "id": 6, "private": true })),
    ];
    talk(&freshdesk(), calls, |tickets, _| {
        let found = tickets.get("#47").unwrap().unwrap();
        tickets.attach(&found, &FILE, Some("<p>About it</p>")).unwrap();
        assert_eq!(tickets.holding(&found, &FILE).unwrap(), Holding::Whole);
        tickets.comment(&found, "said").unwrap();
    });
}

#[test]
fn a_ticket_that_is_not_there_or_was_thrown_away_is_none() {
    let mut spam = ticket();
    spam["spam"] = json!(true);
    // An unknown number is answered without a text.
    let absent = asked("GET /api/v2/tickets/47").then(Reply::Answer(text(404, "", "")));
    talk(&freshdesk(), vec![absent, view(&spam)], |tickets, _| {
        assert_eq!(tickets.get("47").unwrap(), None);
        assert_eq!(tickets.get("47").unwrap(), None);
        assert_eq!(tickets.get("INC-47").unwrap(), None);
    });
}

#[test]
fn a_ticket_is_closed_and_it_is_said_if_it_was_not() {
    let note = || {
        asked("POST /api/v2/tickets/47/notes")
            .json(json!({ "body": "a duplicate", "private": true }))
            .answered(201, &json!({ "id": 5 }))
    };
    let change = |status: u64| {
        asked("PUT /api/v2/tickets/47")
            .json(json!({ "status": 5 }))
            .answered(200, &json!({ "id": 47, "status": status }))
    };
    let close = |tickets: &dyn Tickets, _: &Follower| tickets.close(&opened(), "a duplicate");
    talk(&freshdesk(), vec![note(), change(5)], close).unwrap();
    let Err(TicketError::Failed(error)) = talk(&freshdesk(), vec![note(), change(2)], close) else {
        panic!()
    };
    assert!(refusal::<()>(Err(error)).0.contains("did not close the ticket 47"));
}

#[test]
fn every_refusal_says_what_to_do_and_keeps_the_key_to_itself() {
    let said = |code: &str, message: &str| json!({ "code": code, "message": message });
    let pair = STANDARD.encode(format!("{API_KEY}:X"));
    for (status, answer, reason, help) in [
        (
            401,
            said("invalid_credentials", "You have to be logged in to perform this action."),
            "answered 401: You have to be logged in",
            "`api-key`",
        ),
        (
            403,
            said("access_denied", "You are not authorized to perform this action."),
            "answered 403: You are not authorized",
            "agent",
        ),
        (404, Value::Null, "answered 404", "https://NAME.freshdesk.com"),
        (401, said("x", &format!("{API_KEY} {pair}")), "answered 401: …", "`api-key`"),
    ] {
        let failed = talk(&freshdesk(), vec![newest(&[]).answered(status, &answer)], file_it);
        let (said, advice) = refusal(failed);
        assert!(said.contains(reason), "{said}");
        assert!(!said.contains(API_KEY) && !said.contains(&pair), "{said}");
        assert!(advice.contains(help), "{advice}");
    }
    let invalid = json!({
        "description": "Validation failed",
        "errors": [{
            "field": "cf_category",
            "message": "Mandatory attribute missing",
            "code": "missing_field",
        }],
    });
    let calls = vec![newest(&[]), search(&[]), create().answered(400, &invalid)];
    let (said, advice) = refusal(talk(&freshdesk(), calls, file_it));
    assert!(said.contains("cf_category; Mandatory attribute missing"), "{said}");
    assert!(advice.contains("`fields`"), "{advice}");
    // A search for a field that is not there.
    let invalid = json!({
        "description": "Validation failed",
        "errors": [{ "field": "cf_x", "message": "Unexpected/invalid field", "code": "invalid_field" }],
    });
    let calls = vec![newest(&[]), search(&[]).answered(400, &invalid)];
    assert!(refusal(talk(&freshdesk(), calls, file_it)).1.contains("`key-field`"));
}

/// A file of which only the length matters.
struct Large;

impl Attachment for Large {
    fn name(&self) -> &'static str {
        Memory::NAME
    }

    fn len(&self) -> u64 {
        ROOM - 11
    }

    fn sha256(&self) -> Option<[u8; 32]> {
        None
    }

    fn open(&self) -> std::io::Result<Box<dyn std::io::Read + Send>> {
        panic!("it is not sent")
    }
}

#[test]
fn a_bundle_that_a_ticket_has_no_room_for_is_not_sent() {
    talk(&freshdesk(), Vec::new(), |tickets, _| {
        assert_eq!(tickets.limit().unwrap(), Some(20_000_000));
    });
    let calls = vec![view(&ticket()), conversations(&json!([]))];
    let said = talk(&freshdesk(), calls, |tickets, _| tickets.attach(&opened(), &Large, None));
    let Err(TicketError::TooLarge(reason)) = said else { panic!("{said:?}") };
    assert!(reason.contains("20.0 MB in all, and it has 12 B"), "{reason}");
}

#[test]
fn a_bundle_that_freshdesk_finds_too_large_is_refused_without_a_ticket() {
    let invalid = json!({
        "description": "Validation failed",
        "errors": [{
            "field": "attachments",
            "message": "The total size of the attachments exceeds the limit",
            "code": "invalid_value",
        }],
    });
    for (status, answer) in [(413, json!({})), (400, invalid)] {
        let calls = vec![newest(&[]), search(&[]), create().answered(status, &answer)];
        let (reason, help) = refusal(talk(&freshdesk(), calls, file_it));
        assert!(reason.contains("does not take the bundle"), "{reason}");
        assert!(help.contains("`size`"), "{help}");
    }
}

#[test]
fn a_rate_limit_is_waited_for_and_the_ticket_is_made_once() {
    let limited = || {
        let headers = "retry-after: 0\r\nx-ratelimit-total: 700\r\nx-ratelimit-remaining: 0\r\n\
                       content-type: application/json; charset=utf-8\r\n";
        Reply::Answer(text(429, headers, "{}"))
    };
    let calls = vec![
        newest(&[]).then(limited()),
        newest(&[]),
        search(&[]).then(limited()),
        search(&[]),
        create().then(limited()),
        create(),
        newest(&[ticket()]),
        search(&[]),
        view(&ticket()),
        conversations(&json!([])),
    ];
    let (filed, waits) = talk(&freshdesk(), calls, |tickets, follower| {
        (file_it(tickets, follower), follower.reasons())
    });
    assert_eq!(filed.unwrap().ticket.number, "47");
    assert_eq!(waits.len(), 3);
}

#[test]
fn wrong_options_are_found_before_anything_is_collected() {
    let wrong = |freshdesk: &Freshdesk, url: &str| {
        let options = TicketOptions { url: url.into(), ..TicketOptions::default() };
        freshdesk.check(&options).into_iter().map(|invalid| invalid.option).collect::<Vec<_>>()
    };
    let good = "https://shop.freshdesk.com";
    assert_eq!(wrong(&freshdesk(), good), [""; 0]);
    assert_eq!(
        wrong(&Freshdesk::default(), "http://shop.freshdesk.com"),
        ["url", "api-key", "email"]
    );
    assert_eq!(wrong(&Freshdesk { tags: vec!["a,b".into()], ..freshdesk() }, good), ["tags"]);
    let key_field = Some("cf x'".to_owned());
    assert_eq!(wrong(&Freshdesk { key_field, ..freshdesk() }, good), ["key-field"]);
    let template = |text| Template::parse(text).unwrap();
    let fields =
        BTreeMap::from([("a]\"".into(), template("{host}")), ("cf_b".into(), template("{hst}"))]);
    assert_eq!(wrong(&Freshdesk { fields, ..freshdesk() }, good), ["fields", "fields"]);
}
