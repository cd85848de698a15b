//! `ServiceNow` as its documentation says that it asks to be spoken to, and answers; values are made
//! up.
//!
//! <https://www.servicenow.com/docs/r/api-reference/rest-apis/c_TableAPI.html>,
//! <https://www.servicenow.com/docs/r/api-reference/rest-apis/c_AttachmentAPI.html>,
//! <https://www.servicenow.com/docs/r/api-reference/rest-api-explorer/inbound-REST-API-rate-limiting.html>
//! (also as text at <https://github.com/ServiceNow/ServiceNowDocs>). How it refuses:
//! <https://www.servicenow.com/community/developer-forum/rest-api-call-returns-forbidden-403-for-table-quot-gs/m-p/1356330>.

use super::*;
use crate::testing::{
    Follower, Memory, Reply,
    contract::{Call, call, hurry, play, refusal},
    submit_in,
};
use collect_core::ticket::{Filed, Origin, TicketSink};

const TOKEN: &str = "made-up-password";
const FILE: Memory = Memory(b"sealed bytes");
const ID: &str = "d71f7935c0a8016700802b64c67c11c6";

/// `collect:made-up-password`.
const BASIC: &str = "Basic Y29sbGVjdDptYWRlLXVwLXBhc3N3b3Jk";

fn service() -> ServiceNow {
    ServiceNow {
        user: Some("collect".into()),
        token: Some(SecretSource::Literal(Secret::new(TOKEN))),
        ..ServiceNow::default()
    }
}

/// Plays a contract with what this `ServiceNow` is asked.
fn asked<T>(
    service: &ServiceNow,
    calls: Vec<Call>,
    ask: impl FnOnce(&dyn Tickets, &Follower) -> T,
) -> T {
    play(calls, |options, context, follower| {
        let mut table = service.table(options, context).unwrap();
        hurry(&mut table.api);
        ask(&table, follower)
    })
}

/// Files a ticket.
fn filed(service: &ServiceNow, calls: Vec<Call>) -> Result<Filed, DeliveryError> {
    asked(service, calls, |tickets, follower| {
        submit_in(Markup::Plain, tickets, &FILE, follower, &[])
    })
}

fn search() -> Call {
    search_with(BASIC)
}

fn search_with(proof: &str) -> Call {
    let query =
        "correlation_id=collect-01234567^ORshort_descriptionLIKE01234567^ORDERBYsys_created_on";
    call("GET /api/now/table/incident")
        .query("sysparm_query", query)
        .query("sysparm_fields", "sys_id,number,short_description,correlation_id")
        .query("sysparm_limit", "100")
        .header("authorization", proof)
        .header("accept", "application/json")
}

fn none() -> Value {
    json!({ "result": [] })
}

fn wish() -> Value {
    json!({
        "short_description": "shop: problem report [01234567]",
        "description": format!(
            "Info: [ File: {}, Req. ID: r-1, Source IP: - ]\n\nMissing or partial\n  \
             what the user typed and what is missing stand in the bundle only",
            Memory::NAME
        ),
        "correlation_id": "collect-01234567",
    })
}

fn create() -> Call {
    call("POST /api/now/table/incident").json(wish()).header("authorization", BASIC)
}

fn created() -> Value {
    json!({ "result": {
        "sys_id": ID, "number": "INC0010002", "impact": "3", "urgency": "3", "priority": "5",
        "short_description": "shop: problem report [01234567]", "active": "true", "state": "1",
        "correlation_id": "collect-01234567", "assignment_group": "",
        "sys_domain": {
            "link": "https://instance.servicenow.com/api/now/table/sys_user_group/global",
            "value": "global",
        },
    } })
}

fn holds(files: &Value) -> Call {
    let query = format!("table_name=incident^table_sys_id={ID}^file_name={}", Memory::NAME);
    call("GET /api/now/attachment")
        .query("sysparm_query", query)
        .answered(200, &json!({ "result": files }))
}

fn attachment(len: &str) -> Value {
    json!({
        "table_sys_id": ID, "size_bytes": len, "sys_id": "6ea10fe64f411200adf9f8e18110c739",
        "download_link":
            "https://instance.servicenow.com/api/now/attachment/6ea10fe64f411200adf9f8e18110c739/file",
        "file_name": Memory::NAME, "table_name": "incident", "compressed": "true",
        "content_type": "application/octet-stream", "size_compressed": "25130",
    })
}

fn attach() -> Call {
    call("POST /api/now/attachment/file")
        .query("table_name", "incident")
        .query("table_sys_id", ID)
        .query("file_name", Memory::NAME)
        .header("content-type", "application/octet-stream")
        .header("content-length", "12")
        .bytes(b"sealed bytes")
}

fn until_attached() -> Vec<Call> {
    vec![
        search().answered(200, &none()),
        create().answered(201, &created()),
        search().answered(200, &none()),
        holds(&json!([])),
    ]
}

fn failure(message: &str, detail: &str) -> Value {
    json!({ "error": { "message": message, "detail": detail }, "status": "failure" })
}

fn change(body: Value) -> Call {
    // The path has the id of `ID`.
    call("PATCH /api/now/table/incident/d71f7935c0a8016700802b64c67c11c6").json(body)
}

fn ticket() -> Ticket {
    let url = format!("https://instance.example.com/incident.do?sys_id={ID}");
    Ticket { number: "INC0010002".into(), url }
}

#[test]
fn an_incident_is_made_and_the_bundle_attached() {
    let mut calls = until_attached();
    calls.push(attach().answered(201, &json!({ "result": attachment("12") })));
    calls.push(holds(&json!([attachment("12")])));
    let filed = filed(&service(), calls).unwrap();
    assert_eq!((filed.ticket.number.as_str(), filed.attached), ("INC0010002", true));
    assert!(
        filed.ticket.url.ends_with(&format!("/incident.do?sys_id={ID}")),
        "{}",
        filed.ticket.url
    );
}

#[test]
fn a_token_of_oauth_needs_no_user() {
    let service = ServiceNow { user: None, ..service() };
    let found = search_with("Bearer made-up-password");
    let tickets =
        asked(&service, vec![found.answered(200, &none())], |now, _| now.find("01234567"));
    assert_eq!(tickets.unwrap(), []);
}

#[test]
fn what_was_not_heeded_is_said_in_the_record() {
    let template = |text| Template::parse(text).unwrap();
    let group = "287ebd7da9fe198100f92cc8d1d2154e";
    let fields = [
        ("assignment_group", group),
        ("u_host", "{host}"),
        ("priority", "1"),
        ("urgency", "2"),
        ("u_gone", "x"),
    ];
    let fields = fields.map(|(name, text)| (name.to_owned(), template(text)));
    let service = ServiceNow { fields: fields.into(), ..service() };
    let mut wish = wish();
    wish["assignment_group"] = group.into();
    wish["u_host"] = "unknown".into();
    wish["priority"] = "1".into();
    wish["urgency"] = "2".into();
    wish["u_gone"] = "x".into();
    let mut made = created();
    made["result"]["assignment_group"] = json!({ "link": "https://instance.servicenow.com/api/now/table/sys_user_group/x", "value": group });
    made["result"]["u_host"] = "unknown".into();
    made["result"]["urgency"] = "2".into();
    let said = "The ticket system did not heed these options of the profile: fields.priority, fields.u_gone";
    let calls = vec![
        search().answered(200, &none()),
        call("POST /api/now/table/incident").json(wish).answered(201, &made),
        search().answered(200, &none()),
        change(json!({ "work_notes": said })).answered(200, &created()),
        holds(&json!([attachment("12")])),
    ];
    assert!(filed(&service, calls).unwrap().attached);
}

#[test]
fn a_key_that_was_not_kept_is_said() {
    let origin = Origin { file: Memory::NAME, request: "r-1", source: None };
    let letter = Letter::write(&TicketOptions::default(), Markup::Plain, &origin, None, &[]);
    let mut made = created();
    made["result"]["correlation_id"] = "".into();
    let calls = vec![create().answered(201, &made)];
    let opened = asked(&service(), calls, |now, _| now.open(&letter, None)).unwrap();
    assert_eq!(opened.ignored, ["key-field correlation_id"]);
}

#[test]
fn a_record_whose_making_was_not_heard_of_is_found_whatever_became_of_its_title() {
    let records = json!({ "result": [
        { "sys_id": "1", "number": "INC1", "short_description": "another", "correlation_id": "" },
        { "sys_id": ID, "number": "INC0010002", "short_description": "renamed",
          "correlation_id": "collect-01234567" },
    ] });
    let calls = vec![
        search().answered(200, &none()),
        create().then(Reply::Swallow),
        search().answered(200, &records),
        holds(&json!([attachment("12")])),
    ];
    assert_eq!(filed(&service(), calls).unwrap().ticket.number, "INC0010002");
}

#[test]
fn a_title_that_would_be_cut_keeps_its_key() {
    let long = format!("Shop: {} [01234567]", "wörd ".repeat(50));
    let title = fitting(&long, "01234567");
    assert_eq!(title.chars().count(), LONGEST_TITLE);
    assert!(title.starts_with("Shop: wörd ") && title.ends_with("… [01234567]"), "{title}");
    let at_first = format!("[01234567] {}", "x".repeat(200));
    assert!(fitting(&at_first, "01234567").contains("01234567"));
    assert_eq!(fitting("short [01234567]", "01234567"), "short [01234567]");
}

#[test]
fn a_text_that_would_be_cut_stands_whole_in_a_comment() {
    let options = TicketOptions {
        body: Template::parse(&"word\n".repeat(1_000)).unwrap(),
        ..TicketOptions::default()
    };
    let origin = Origin { file: Memory::NAME, request: "r-1", source: None };
    let letter = Letter::write(&options, Markup::Plain, &origin, None, &[]);
    let mut wish = wish();
    wish["description"] = Markup::Plain.cut(&letter.body, LONGEST_TEXT).into();
    wish["work_notes"] = letter.body.clone().into();
    let calls = vec![call("POST /api/now/table/incident").json(wish).answered(201, &created())];
    asked(&service(), calls, |now, _| now.open(&letter, None)).unwrap();
}

#[test]
fn a_record_is_found_by_its_number_and_by_nothing_else() {
    let ask = || {
        call("GET /api/now/table/incident")
            .query("sysparm_query", "number=INC0010002")
            .query("sysparm_fields", ASKED)
            .query("sysparm_limit", "100")
    };
    let record = |number: &str| json!({ "result": [{ "sys_id": ID, "number": number }] });
    let calls = vec![
        ask().answered(200, &record("INC0010002")),
        // A query that is not understood finds all.
        ask().answered(200, &record("INC0000001")),
        ask().answered(200, &none()),
    ];
    asked(&service(), calls, |now, _| {
        assert_eq!(now.get(" inc0010002").unwrap().unwrap().number, "INC0010002");
        assert_eq!(now.get("INC0010002").unwrap(), None);
        assert_eq!(now.get("INC0010002").unwrap(), None);
        assert_eq!(now.get("INC1^ORactive=true").unwrap(), None);
    });
}

#[test]
fn a_duplicate_is_closed_with_a_reason() {
    let wish = json!({ "state": "7", "close_code": "Duplicate", "close_notes": "Duplicate",
        "work_notes": "has a ticket" });
    let answer = |active: &str| json!({ "result": { "sys_id": ID, "active": active } });
    let closed = change(wish.clone()).answered(200, &answer("false"));
    asked(&service(), vec![closed], |now, _| now.close(&ticket(), "has a ticket")).unwrap();
    let open = change(wish).answered(200, &answer("true"));
    let error = asked(&service(), vec![open], |now, _| now.close(&ticket(), "has a ticket"));
    let Err(TicketError::Failed(error)) = error else { panic!("{error:?}") };
    assert!(refusal::<()>(Err(error)).1.contains("`closed`"));
}

#[test]
fn a_text_comes_before_the_bundle_in_somebody_elses_record() {
    let calls = vec![
        change(json!({ "comments": "what happened" })).answered(200, &created()),
        attach().answered(201, &json!({ "result": attachment("12") })),
    ];
    let service = ServiceNow { comment_field: "comments".into(), ..service() };
    asked(&service, calls, |now, _| now.attach(&ticket(), &FILE, Some("what happened"))).unwrap();
}

#[test]
fn a_bundle_that_arrived_cut_or_changed_is_not_taken_for_whole() {
    let digest = |hash: String| {
        let mut held = attachment("12");
        held["hash"] = hash.into();
        held
    };
    let right = hexadecimal(&FILE.sha256().unwrap());
    for (held, holding) in [
        (attachment("12"), Holding::Whole),
        (digest(right), Holding::Whole),
        (digest("0".repeat(63) + "1"), Holding::Other { len: 12 }),
        (attachment("3"), Holding::Other { len: 3 }),
    ] {
        let calls = vec![holds(&json!([held]))];
        let seen = asked(&service(), calls, |now, _| now.holding(&ticket(), &FILE));
        assert_eq!(seen.unwrap(), holding);
    }
}

#[test]
fn every_refusal_says_what_to_do_and_keeps_the_password_to_itself() {
    for (status, message, detail, word) in [
        (401, "User Not Authenticated", "Required to provide Auth information", "`user`"),
        (403, "User Not Authorized", "User is unauthorized to access table: incident", "`itil`"),
        (400, "Invalid table incident", "", "`table`"),
        (
            404,
            "No Record found",
            "Record doesn't exist or ACL restricts the record retrieval",
            "`table`",
        ),
    ] {
        let document = failure(message, &format!("{detail}{TOKEN}"));
        let (reason, help) = refusal(filed(&service(), vec![search().answered(status, &document)]));
        assert!(reason.contains(message) && reason.contains(detail), "{reason}");
        assert!(!reason.contains(TOKEN), "{reason}");
        assert!(help.contains(word), "{help}");
    }
}

#[test]
fn a_rule_of_the_table_that_refuses_is_named() {
    let document = failure(
        "Operation Failed",
        "Error during insert of incident (The following mandatory fields are not filled in: Caller)",
    );
    let calls = vec![search().answered(200, &none()), create().answered(403, &document)];
    let (reason, help) = refusal(filed(&service(), calls));
    assert!(reason.contains("Caller") && help.contains("`fields`"), "{reason} {help}");
}

#[test]
fn a_bundle_that_is_refused_for_its_size_is_said_to_be_too_large() {
    let mut calls = until_attached();
    calls.push(attach().answered(413, &failure("File size exceeds the limit", "1024 MB")));
    let (reason, help) = refusal(filed(&service(), calls));
    assert!(reason.contains("exceeds the limit") && help.contains("`size`"), "{reason} {help}");
}

#[test]
fn servicenow_is_asked_again_when_it_wishes() {
    let busy = |call: Call| {
        let headers = "retry-after: 0\r\nx-ratelimit-limit: 100\r\nx-ratelimit-reset: 1764000000\r\n\
                       x-ratelimit-rule: 5ab5b6d4c0a80016\r\n";
        let detail = "Rate limit of 100 requests per hour for Table API exceeded";
        call.answered_with(429, headers, &failure("Rate limit exceeded", detail))
    };
    let mut calls = until_attached();
    calls.push(attach().answered(201, &json!({ "result": attachment("12") })));
    calls.push(holds(&json!([attachment("12")])));
    calls.insert(0, busy(search()));
    calls.insert(2, busy(create()));
    assert!(filed(&service(), calls).unwrap().attached);
}

#[test]
fn wrong_options_are_found_before_anything_is_collected() {
    let wrong = |service: &ServiceNow| {
        let url = "https://instance.service-now.com".to_owned();
        let options = TicketOptions { url, ..TicketOptions::default() };
        service.check(&options).into_iter().map(|invalid| invalid.option).collect::<Vec<_>>()
    };
    assert_eq!(wrong(&service()), [""; 0]);
    assert_eq!(wrong(&ServiceNow::default()), ["token"]);
    assert_eq!(wrong(&ServiceNow { table: "../x".into(), ..service() }), ["table"]);
    assert_eq!(wrong(&ServiceNow { key_field: String::new(), ..service() }), ["key-field"]);
    for (name, text) in [("Urgency", "1"), ("urgency", "{x}"), ("correlation_id", "1")] {
        let fields = [(name.to_owned(), Template::parse(text).unwrap())].into();
        assert_eq!(wrong(&ServiceNow { fields, ..service() }), ["fields"]);
    }
}

#[test]
fn a_profile_can_say_all_that_there_is() {
    let profile = r#"
        use = "servicenow"
        url = "https://instance.service-now.com"
        user = "collect"
        token = "made-up"
        table = "u_report"
        key-field = "u_key"
        comment-field = "comments"
        fields = { urgency = "2", category = "{product}" }
        closed = { state = "8" }
    "#;
    let sink = TicketSink::parse(profile).map_err(|error| panic!("{error}")).unwrap();
    let said = collect_core::Sink::destination(&sink);
    assert!(
        said.starts_with("ServiceNow table \"u_report\" at instance.service-now.com"),
        "{said}"
    );
}
