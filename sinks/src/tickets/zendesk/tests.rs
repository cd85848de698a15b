//! Zendesk as its documentation describes it, with values that are made up. Sources:
//!
//! - <https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/>: list by
//!   `external_id`, show many, create, update
//! - <https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_comments/>
//! - <https://developer.zendesk.com/api-reference/ticketing/tickets/ticket-attachments/>: uploads
//! - <https://developer.zendesk.com/api-reference/ticketing/account-configuration/account_settings/>
//! - <https://developer.zendesk.com/api-reference/ticketing/introduction/#idempotency>
//! - <https://developer.zendesk.com/api-reference/introduction/requests/>,
//!   <https://developer.zendesk.com/api-reference/introduction/security-and-auth/>,
//!   <https://developer.zendesk.com/api-reference/introduction/rate-limits/>: errors, credentials,
//!   429

use super::*;
use crate::testing::{
    Follower, Memory, Reply,
    contract::{Call, call, hurry, play, refusal},
    submit, text,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use collect_core::Secret;
use collect_core::ticket::{Brief, Filed, Origin};

const TOKEN: &str = "made-up-token-6wiIBWbGkBMo1mRDMuVwkw1EPsNkeUj95PIz2akv";
const FILE: Memory = Memory(b"sealed bytes");
const KEY: &str = "01234567";

fn zendesk() -> Zendesk {
    Zendesk {
        token: Some(SecretSource::Literal(Secret::new(TOKEN))),
        email: Some("agent@example.com".into()),
        ..Zendesk::default()
    }
}

fn talk<T>(
    zendesk: &Zendesk,
    calls: Vec<Call>,
    talk: impl FnOnce(&dyn Tickets, &Follower) -> T,
) -> T {
    play(calls, |options, context, follower| {
        let mut account = zendesk.account(options, context).unwrap();
        hurry(&mut account.api);
        talk(&account, follower)
    })
}

fn file_it(tickets: &dyn Tickets, follower: &Follower) -> Result<Filed, DeliveryError> {
    submit(tickets, &FILE, follower)
}

fn asked(line: &'static str) -> Call {
    let pair = STANDARD.encode(format!("agent@example.com/token:{TOKEN}"));
    call(line).header("authorization", format!("Basic {pair}")).header("accept", "application/json")
}

fn ticket(number: u64) -> Value {
    json!({
        "id": number,
        "url": format!("https://company.zendesk.com/api/v2/tickets/{number}.json"),
        "external_id": format!("collect-{KEY}"),
        "subject": format!("Shop: it broke [{KEY}]"),
        "raw_subject": format!("Shop: it broke [{KEY}]"),
        "status": "new",
        "priority": "high",
        "is_public": false,
        "group_id": 98738,
        "tags": ["enterprise", "other_tag"],
        "custom_fields": [{ "id": 27642, "value": "host-3k9w" }, { "id": 27648, "value": true }],
    })
}

fn list(found: &[Value]) -> Call {
    asked("GET /api/v2/tickets")
        .query("external_id", format!("collect-{KEY}"))
        .answered(200, &json!({ "tickets": found, "count": found.len(), "next_page": null }))
}

fn settings(size: u64) -> Call {
    let settings = json!({ "settings": { "limits": { "attachment_size": size } } });
    asked("GET /api/v2/account/settings").answered(200, &settings)
}

fn upload() -> Call {
    asked("POST /api/v2/uploads")
        .query("filename", Memory::NAME)
        .header("content-type", "application/octet-stream")
        .header("content-length", "12")
        .bytes(b"sealed bytes")
        .answered(201, &uploaded(12))
}

fn uploaded(size: u64) -> Value {
    let attachment = json!({
        "id": 498_483,
        "file_name": Memory::NAME,
        "content_type": "application/octet-stream",
        "content_url": "https://company.zendesk.com/attachments/made-up",
        "size": size,
        "thumbnails": [],
    });
    let both = json!([attachment.clone()]);
    json!({ "upload": { "token": "6bk3gql82em5nmf", "attachment": attachment, "attachments": both } })
}

/// What [`submit`] writes; its markup is plain.
fn letter() -> Letter {
    let origin = Origin { file: Memory::NAME, request: "r-1", source: None };
    Letter::write(&TicketOptions::default(), Markup::Plain, &origin, None, &[])
}

fn wish() -> Value {
    json!({ "ticket": {
        "subject": format!("shop: problem report [{KEY}]"),
        "external_id": format!("collect-{KEY}"),
        "comment": { "html_body": letter().body, "public": false, "uploads": ["6bk3gql82em5nmf"] },
        "tags": [],
        "custom_fields": [],
    } })
}

fn create() -> Call {
    asked("POST /api/v2/tickets")
        .header("idempotency-key", format!("collect-{KEY}"))
        .json(wish())
        .answered_with(201, "x-idempotency-lookup: miss\r\n", &json!({ "ticket": ticket(35436) }))
}

fn comments(cursor: Option<&str>, names: &[(&str, u64)], next: Option<&str>) -> Call {
    let files =
        names.iter().map(|(name, size)| json!({ "id": 1, "file_name": name, "size": size }));
    let files: Vec<_> = files.collect();
    let asked = asked("GET /api/v2/tickets/35436/comments")
        .query("sort", "-created_at")
        .query("page[size]", "100");
    let asked = match cursor {
        Some(cursor) => asked.query("page[after]", cursor),
        None => asked,
    };
    asked.answered(
        200,
        &json!({
            "comments": [{ "id": 1, "public": false, "attachments": files }],
            "meta": { "has_more": next.is_some(), "after_cursor": next, "before_cursor": null },
        }),
    )
}

fn holds() -> Call {
    comments(None, &[(Memory::NAME, 12)], None)
}

fn opened() -> Ticket {
    // Its address is that of the server of the test.
    Ticket { number: "35436".into(), url: String::new() }
}

#[test]
fn the_file_is_uploaded_first_and_the_ticket_made_with_its_token() {
    let calls =
        vec![list(&[]), settings(52_428_800), upload(), create(), list(&[ticket(35436)]), holds()];
    let filed = talk(&zendesk(), calls, file_it).unwrap();
    assert_eq!((filed.ticket.number.as_str(), filed.attached), ("35436", true));
    assert!(filed.ticket.url.ends_with("/agent/tickets/35436"), "{}", filed.ticket.url);
}

#[test]
fn all_tickets_of_a_report_are_found_the_oldest_first_and_no_others() {
    let mut other = ticket(5);
    other["external_id"] = json!("ahg35h3jh");
    let calls = vec![list(&[ticket(35437), other, ticket(35436)])];
    let found = talk(&zendesk(), calls, |tickets, _| tickets.find(KEY)).unwrap();
    let numbers: Vec<_> = found.iter().map(|ticket| ticket.number.as_str()).collect();
    assert_eq!(numbers, ["35436", "35437"]);
}

#[test]
fn an_oauth_token_is_sent_as_such() {
    let zendesk = Zendesk { email: None, ..zendesk() };
    let asked = call("GET /api/v2/tickets")
        .query("external_id", "collect-abcdefgh")
        .header("authorization", format!("Bearer {TOKEN}"))
        .answered(200, &json!({ "tickets": [] }));
    assert_eq!(talk(&zendesk, vec![asked], |tickets, _| tickets.find("abcdefgh")).unwrap(), []);
}

#[test]
fn a_lost_answer_brings_the_same_request_again_with_the_same_key() {
    let calls = vec![
        list(&[]),
        settings(52_428_800),
        upload(),
        create().then(Reply::Swallow),
        create().answered_with(
            201,
            "x-idempotency-lookup: hit\r\n",
            &json!({ "ticket": ticket(35436) }),
        ),
        list(&[ticket(35436)]),
        holds(),
    ];
    assert_eq!(talk(&zendesk(), calls, file_it).unwrap().ticket.number, "35436");
}

#[test]
fn of_two_that_make_it_at_the_same_time_the_second_takes_the_ticket_of_the_first() {
    let made_before = json!({
        "error": "IdempotentRequestError",
        "description": "Request parameters don't match the given idempotency key",
    });
    let calls = vec![
        list(&[]),
        settings(52_428_800),
        upload(),
        create().answered(400, &made_before),
        list(&[ticket(35436)]),
        holds(),
    ];
    assert_eq!(talk(&zendesk(), calls, file_it).unwrap().ticket.number, "35436");
}

#[test]
fn what_the_profile_wants_is_in_the_ticket() {
    let template = |text| Template::parse(text).unwrap();
    let zendesk = Zendesk {
        comment: Audience::Public,
        requester: Requester::Contact,
        priority: Some(Priority::High),
        tags: vec!["enterprise".into()],
        group: Some(98738),
        fields: BTreeMap::from([("27642".into(), template("{product}"))]),
        ..zendesk()
    };
    let wanted = |zendesk: &Zendesk, contact: &str| {
        let brief: Brief = serde_json::from_value(json!({
            "tool": "collect 1.0", "product": "Shop", "started": "2026-11-23T10:42:05Z",
            "host": serde_json::to_value(collect_core::bundle::HostFacts::default()).unwrap(),
            "contact": contact, "description": "{{ticket.requester.email}}", "steps": [],
        }))
        .unwrap();
        let origin = Origin { file: Memory::NAME, request: "r-1", source: None };
        let options = TicketOptions::default();
        let letter = Letter::write(&options, Markup::Html, &origin, Some(&brief), &[]);
        play(Vec::new(), |options, context, _| {
            zendesk.account(options, context).unwrap().wish(&letter, None)
        })
    };
    let wish = wanted(&zendesk, "zoe@example.com");
    assert_eq!(wish["requester"], json!({ "name": "zoe@example.com", "email": "zoe@example.com" }));
    assert_eq!(wish["comment"]["public"], true);
    assert_eq!(wish["priority"], "high");
    assert_eq!(wish["group_id"], 98738);
    assert_eq!(wish["tags"], json!(["enterprise"]));
    assert_eq!(wish["custom_fields"], json!([{ "id": 27642, "value": "Shop" }]));
    assert!(!wish.to_string().contains("{{"), "Zendesk would fill it in: {wish}");
    // Not without being told to, and a pseudonym is nobody's address.
    assert!(wanted(&self::zendesk(), "zoe@example.com")["requester"].is_null());
    assert!(wanted(&zendesk, "user-3k9w@domain-7q2m.invalid")["requester"].is_null());
}

#[test]
fn what_zendesk_did_not_heed_is_noticed() {
    let wish = json!({
        "external_id": format!("collect-{KEY}"),
        "priority": "high",
        "group_id": 1,
        "comment": { "public": false },
        "tags": ["Enterprise", "missing"],
        "custom_fields": [
            { "id": 27642, "value": "host-3k9w" },
            { "id": 27648, "value": "true" },
            { "id": 77, "value": "x" },
        ],
    });
    assert_eq!(ignored(&wish, &ticket(1)), ["group", "tags", "fields.77"]);
    let public = json!({ "is_public": true });
    assert_eq!(ignored(&json!({ "comment": { "public": false } }), &public), ["comment"]);
}

#[test]
fn a_report_is_added_to_an_open_ticket_in_a_comment_for_agents() {
    let comment = json!({
        "html_body": "<p>About it</p>", "public": false, "uploads": ["6bk3gql82em5nmf"],
    });
    let show = |status: &str| {
        let mut ticket = ticket(35436);
        ticket["status"] = json!(status);
        asked("GET /api/v2/tickets/show_many")
            .query("ids", "35436")
            .answered(200, &json!({ "tickets": [ticket] }))
    };
    let calls = vec![
        show("open"),
        upload(),
        asked("PUT /api/v2/tickets/35436")
            .json(json!({ "ticket": { "comment": comment } }))
            .answered(200, &json!({ "ticket": ticket(35436), "audit": { "id": 2 } })),
        comments(None, &[("other.png", 7)], Some("b2xkZXI")),
        comments(Some("b2xkZXI"), &[(Memory::NAME, 3)], Some("b2xkZXIy")),
    ];
    talk(&zendesk(), calls, |tickets, _| {
        let found = tickets.get("#35436").unwrap().unwrap();
        tickets.attach(&found, &FILE, Some("<p>About it</p>")).unwrap();
        assert_eq!(tickets.holding(&found, &FILE).unwrap(), Holding::Other { len: 3 });
    });
    // A closed one takes nothing more; what is no number is no ticket.
    talk(&zendesk(), vec![show("closed")], |tickets, _| {
        assert_eq!(tickets.get("35436").unwrap(), None);
        assert_eq!(tickets.get("abc").unwrap(), None);
    });
}

#[test]
fn a_ticket_is_solved_and_it_is_said_if_it_was_not() {
    let change = |status: &str| {
        let comment = json!({ "html_body": "a duplicate", "public": false });
        asked("PUT /api/v2/tickets/35436")
            .json(json!({ "ticket": { "status": "solved", "comment": comment } }))
            .answered(200, &json!({ "ticket": { "id": 35436, "status": status } }))
    };
    let zendesk = Zendesk { comment: Audience::Public, ..zendesk() };
    let close = |tickets: &dyn Tickets, _: &Follower| tickets.close(&opened(), "a duplicate");
    talk(&zendesk, vec![change("solved")], close).unwrap();
    let Err(TicketError::Failed(error)) = talk(&zendesk, vec![change("open")], close) else {
        panic!()
    };
    assert!(refusal::<()>(Err(error)).0.contains("did not solve the ticket 35436"));
}

#[test]
fn every_refusal_says_what_to_do_and_keeps_the_token_to_itself() {
    let forbidden = json!({
        "error": "Forbidden",
        "description": "You are not authorized to perform this action",
    });
    let pair = STANDARD.encode(format!("agent@example.com/token:{TOKEN}"));
    for (status, answer, reason, help) in [
        (401, json!({ "error": "Couldn't authenticate you" }), "Couldn't authenticate", "`email`"),
        (403, forbidden, "answered 403: Forbidden; You are not authorized", "agent"),
        (
            404,
            json!({ "error": { "title": "No help desk at company.zendesk.com", "message": "None" } }),
            "No help desk",
            "https://NAME.zendesk.com",
        ),
        (404, json!({ "error": "InvalidEndpoint", "description": "Not found" }), "Invalid", "`url"),
        (401, json!({ "error": format!("{TOKEN} {pair}") }), "answered 401: …", "`token`"),
    ] {
        let said = talk(&zendesk(), vec![list(&[]).answered(status, &answer)], file_it);
        let (said, advice) = refusal(said);
        assert!(said.contains(reason), "{said}");
        assert!(!said.contains(TOKEN) && !said.contains(&pair), "{said}");
        assert!(advice.contains(help), "{advice}");
    }
    let invalid = json!({
        "error": "RecordInvalid",
        "description": "Record validation errors",
        "details": { "group": [{ "description": "Group: is invalid", "error": "InvalidValue" }] },
    });
    let calls = vec![list(&[]), settings(52_428_800), upload(), create().answered(422, &invalid)];
    let (said, advice) = refusal(talk(&zendesk(), calls, file_it));
    assert!(
        said.contains("RecordInvalid; Record validation errors; group: Group: is inv"),
        "{said}"
    );
    assert!(advice.contains("correct in the profile what Zendesk names"), "{advice}");
}

#[test]
fn a_bundle_over_the_limit_is_refused_before_there_is_a_ticket() {
    let (reason, help) = refusal(talk(&zendesk(), vec![list(&[]), settings(11)], file_it));
    assert!(reason.contains("the most it takes is 11"), "{reason}");
    assert!(help.contains("`size`"), "{help}");
    // Not every agent may read the settings.
    let denied = || settings(0).answered(403, &json!({ "error": "Forbidden" }));
    for status in [413, 422] {
        let said = json!({ "error": "AttachmentTooLarge", "description": "The file is too large" });
        let calls = vec![list(&[]), denied(), upload().answered(status, &said)];
        let (reason, help) = refusal(talk(&zendesk(), calls, file_it));
        assert!(reason.contains("does not take the bundle"), "{reason}");
        assert!(reason.contains("The file is too large") && help.contains("`size`"), "{reason}");
    }
}

#[test]
fn what_arrives_damaged_is_noticed() {
    let calls = vec![list(&[]), settings(99), upload().answered(201, &uploaded(3))];
    assert!(refusal(talk(&zendesk(), calls, file_it)).0.contains("not what was sent"));
}

#[test]
fn a_rate_limit_is_waited_for() {
    let limited = || {
        let headers = "retry-after: 0\r\nx-rate-limit: 700\r\nx-rate-limit-remaining: 0\r\n\
                       content-type: text/plain\r\n";
        let said = "Number of allowed API requests per minute exceeded";
        Reply::Answer(text(429, headers, said))
    };
    let calls = vec![
        list(&[]).then(limited()),
        list(&[]),
        settings(52_428_800),
        upload().then(limited()),
        upload(),
        create().then(limited()),
        create(),
        list(&[ticket(35436)]),
        holds(),
    ];
    let (filed, waits) = talk(&zendesk(), calls, |tickets, follower| {
        (file_it(tickets, follower), follower.reasons())
    });
    assert_eq!(filed.unwrap().ticket.number, "35436");
    assert_eq!(waits.len(), 3);
    assert!(waits[0].contains("requests per minute exceeded"), "{waits:?}");
}

#[test]
fn a_comment_is_never_longer_than_zendesk_takes() {
    let text = Markup::Html.block("Said", &"wörd & word\n".repeat(9_000));
    let cut = remark(&text)["html_body"].as_str().unwrap().to_owned();
    assert!(cut.len() < 64 << 10 && cut.contains("\n</pre>\n… the bundle has the rest"));
}

#[test]
fn wrong_options_are_found_before_anything_is_collected() {
    let wrong = |zendesk: &Zendesk, url: &str| {
        let options = TicketOptions { url: url.into(), ..TicketOptions::default() };
        zendesk.check(&options).into_iter().map(|invalid| invalid.option).collect::<Vec<_>>()
    };
    let good = "https://company.zendesk.com";
    assert_eq!(wrong(&zendesk(), good), [""; 0]);
    assert_eq!(wrong(&Zendesk::default(), "company.zendesk.com"), ["url", "token"]);
    assert_eq!(wrong(&Zendesk { email: Some("agent".into()), ..zendesk() }, good), ["email"]);
    assert_eq!(wrong(&Zendesk { tags: vec!["a b".into()], ..zendesk() }, good), ["tags"]);
    let template = |text| Template::parse(text).unwrap();
    let fields =
        BTreeMap::from([("Host".into(), template("{host}")), ("3".into(), template("{hst}"))]);
    assert_eq!(wrong(&Zendesk { fields, ..zendesk() }, good), ["fields", "fields"]);
}
