//! GitLab as its documentation describes it, with values that are made up. Sources:
//!
//! - <https://docs.gitlab.com/api/issues/>: list and search, new issue, close
//! - <https://docs.gitlab.com/api/notes/>: notes of issues
//! - <https://docs.gitlab.com/api/projects/>: the visibility of a project
//! - <https://docs.gitlab.com/api/project_markdown_uploads/>: upload a file
//! - <https://docs.gitlab.com/security/user_file_uploads/>: who can download what
//! - <https://docs.gitlab.com/api/rest/>, <https://docs.gitlab.com/api/rest/troubleshooting/>:
//!   paths of projects, statuses and errors

use super::*;
use crate::testing::{
    Follower, Memory, Reply,
    contract::{Call, call, hurry, play, refusal},
    submit, text,
};
use collect_core::{Secret, ticket::Filed};

const TOKEN: &str = "glpat-made-up-token-0123";
const FILE: Memory = Memory(b"sealed bytes");
const KEY: &str = "01234567";
const LINK: &str = "[shop-20261123T104205Z-0123456789abcdefghjkmnpqrs.tar.xz.age](/uploads/\
                    66dbcd21ec5d24ed6ea225176098d52b/\
                    shop-20261123T104205Z-0123456789abcdefghjkmnpqrs.tar.xz.age)";

fn gitlab() -> Gitlab {
    Gitlab {
        token: Some(SecretSource::Literal(Secret::new(TOKEN))),
        project: "my-group/shop".into(),
        ..Gitlab::default()
    }
}

fn talk<T>(
    gitlab: &Gitlab,
    calls: Vec<Call>,
    talk: impl FnOnce(&dyn Tickets, &Follower) -> T,
) -> T {
    play(calls, |options, context, follower| {
        let mut project = gitlab.project(options, context).unwrap();
        hurry(&mut project.api);
        talk(&project, follower)
    })
}

fn file_it(tickets: &dyn Tickets, follower: &Follower) -> Result<Filed, DeliveryError> {
    submit(tickets, &FILE, follower)
}

fn ticket() -> Ticket {
    Ticket {
        number: "14".into(),
        url: "https://gitlab.example.com/my-group/shop/-/issues/14".into(),
    }
}

fn issue(description: &str) -> Value {
    json!({
        "id": 84,
        "iid": 14,
        "project_id": 4,
        "title": format!("Shop: it broke [{KEY}]"),
        "description": description,
        "state": "opened",
        "labels": ["bug", "From collect"],
        "confidential": true,
        "web_url": "https://gitlab.example.com/my-group/shop/-/issues/14",
        "references": { "short": "#14", "relative": "#14", "full": "my-group/shop#14" },
    })
}

fn asked(line: &'static str) -> Call {
    call(line).header("private-token", TOKEN).header("accept", "application/json")
}

fn list() -> Call {
    asked("GET /api/v4/projects/my-group%2Fshop/issues")
}

fn search(found: &Value) -> Call {
    in_order(list().query("search", KEY).query("in", "title")).answered(200, found)
}

fn in_order(call: Call) -> Call {
    call.query("state", "all")
        .query("scope", "all")
        .query("per_page", "100")
        .query("order_by", "created_at")
        .query("sort", "asc")
}

fn look(visibility: &str) -> Call {
    let project =
        json!({ "id": 4, "path_with_namespace": "my-group/shop", "visibility": visibility });
    asked("GET /api/v4/projects/my-group%2Fshop").answered(200, &project)
}

fn upload() -> Call {
    asked("POST /api/v4/projects/my-group%2Fshop/uploads")
        .form(&[("file", Some(Memory::NAME), "sealed bytes")])
        .answered(201, &uploaded(Memory::NAME))
}

fn uploaded(name: &str) -> Value {
    let url = format!("/uploads/66dbcd21ec5d24ed6ea225176098d52b/{name}");
    json!({
        "id": 5,
        "alt": name,
        "url": url,
        "full_path": format!("/-/project/4{url}"),
        "markdown": format!("[{name}]({url})"),
    })
}

fn create(answer: Reply) -> Call {
    asked("POST /api/v4/projects/my-group%2Fshop/issues").json(wish(LINK)).then(answer)
}

/// The wish for an issue, as the notes without a brief make it.
fn wish(link: &str) -> Value {
    let end = if link.is_empty() { String::new() } else { format!("\n\n{link}") };
    json!({
        "title": format!("shop: problem report [{KEY}]"),
        "description": format!("{}{end}", body()),
        "confidential": true,
        "labels": "",
    })
}

/// What [`submit`] writes; its markup is plain.
fn body() -> String {
    let origin = collect_core::ticket::Origin { file: Memory::NAME, request: "r-1", source: None };
    Letter::write(&TicketOptions::default(), Markup::Plain, &origin, None, &[]).body
}

fn made() -> Reply {
    Reply::Answer(text(201, "content-type: application/json\r\n", &issue("").to_string()))
}

fn show(description: &str) -> Call {
    asked("GET /api/v4/projects/my-group%2Fshop/issues/14").answered(200, &issue(description))
}

fn notes(bodies: &[&str]) -> Call {
    let notes: Vec<_> = bodies.iter().map(|body| json!({ "id": 302, "body": body })).collect();
    asked("GET /api/v4/projects/my-group%2Fshop/issues/14/notes")
        .query("sort", "desc")
        .query("per_page", "100")
        .query("page", "1")
        .answered(200, &json!(notes))
}

fn note(body: &str) -> Call {
    asked("POST /api/v4/projects/my-group%2Fshop/issues/14/notes")
        .json(json!({ "body": body, "internal": true }))
        .answered(201, &json!({ "id": 303, "body": body, "internal": true }))
}

#[test]
fn the_file_is_uploaded_first_and_the_issue_links_it() {
    let calls = vec![
        search(&json!([])),
        look("private"),
        upload(),
        create(made()),
        search(&json!([issue("")])),
        show(&format!("Info\n\n{LINK}")),
    ];
    let filed = talk(&gitlab(), calls, file_it).unwrap();
    assert_eq!((filed.ticket, filed.attached), (ticket(), true));
}

#[test]
fn an_issue_that_somebody_closed_is_found_again_and_one_that_only_mentions_the_key_is_not() {
    let mut other = issue("");
    other["title"] = json!("Another [89abcdef]");
    other["iid"] = json!(3);
    let calls = vec![search(&json!([other, issue("")])), show(LINK)];
    assert_eq!(talk(&gitlab(), calls, file_it).unwrap().ticket, ticket());
}

#[test]
fn an_issue_whose_making_was_not_heard_of_is_not_made_again() {
    for lost in [Reply::Swallow, Reply::Answer(text(500, "", r#"{"message":"500 Internal"}"#))] {
        let calls = vec![
            search(&json!([])),
            look("private"),
            upload(),
            create(lost),
            search(&json!([issue("")])),
            show(LINK),
        ];
        assert_eq!(talk(&gitlab(), calls, file_it).unwrap().ticket, ticket());
    }
}

#[test]
fn a_report_is_added_to_an_issue_in_an_internal_note() {
    let calls = vec![
        in_order(list().query("iids[]", "14")).answered(200, &json!([issue("theirs")])),
        look("internal"),
        upload(),
        note(&format!("About it:\n /close\n\n{LINK}")),
        show("theirs"),
        notes(&["theirs, too", &format!("About it\n\n{LINK}")]),
    ];
    talk(&gitlab(), calls, |tickets, _| {
        let found = tickets.get(" #14 ").unwrap().unwrap();
        tickets.attach(&found, &FILE, Some("About it:\n/close")).unwrap();
        assert_eq!(tickets.holding(&found, &FILE).unwrap(), Holding::Whole);
    });
    let calls = vec![show("see /uploads/"), notes(&[Memory::NAME])];
    let held = talk(&gitlab(), calls, |tickets, _| tickets.holding(&ticket(), &FILE));
    assert_eq!(held.unwrap(), Holding::Missing);
}

#[test]
fn what_is_no_number_or_no_issue_of_the_project_is_no_ticket() {
    let calls = vec![in_order(list().query("iids[]", "99")).answered(200, &json!([]))];
    talk(&gitlab(), calls, |tickets, _| {
        assert_eq!(tickets.get("BUGS-1").unwrap(), None);
        assert_eq!(tickets.get("99").unwrap(), None);
    });
}

#[test]
fn an_issue_is_closed_and_it_is_said_if_it_was_not() {
    let change = |state: &str| {
        asked("PUT /api/v4/projects/my-group%2Fshop/issues/14")
            .json(json!({ "state_event": "close" }))
            .answered(200, &json!({ "iid": 14, "state": state }))
    };
    let close = |tickets: &dyn Tickets, _: &Follower| tickets.close(&ticket(), "a duplicate");
    talk(&gitlab(), vec![note("a duplicate"), change("closed")], close).unwrap();
    let calls = vec![note("a duplicate"), change("opened")];
    let Err(TicketError::Failed(error)) = talk(&gitlab(), calls, close) else { panic!() };
    let (reason, help) = refusal::<()>(Err(error));
    assert!(reason.contains("did not close the issue 14") && help.contains("Reporter"), "{reason}");
}

#[test]
fn nothing_is_uploaded_to_a_public_project_unless_that_is_allowed() {
    let (reason, help) =
        refusal(talk(&gitlab(), vec![search(&json!([])), look("public")], file_it));
    assert!(reason.contains("public"), "{reason}");
    assert!(help.contains("`public-uploads = true`") && help.contains("private project"), "{help}");

    let allowing = Gitlab { public_uploads: true, ..gitlab() };
    let calls =
        vec![search(&json!([])), upload(), create(made()), search(&json!([issue("")])), show(LINK)];
    assert!(talk(&allowing, calls, file_it).unwrap().attached);

    // The bundle is in a bucket, too.
    let gitlab = gitlab();
    let said = play(vec![look("public")], |options, context, _| {
        let elsewhere = ["s3://reports/made-up".to_owned()];
        let mut project = gitlab
            .project(options, &DeliveryContext { elsewhere: &elsewhere, ..*context })
            .unwrap();
        hurry(&mut project.api);
        project.upload(&FILE)
    });
    assert!(matches!(said, Err(TicketError::TooLarge(reason)) if reason.contains("public")));
}

#[test]
fn what_gitlab_did_not_heed_is_noticed() {
    let labels = vec!["bug".to_owned(), "from collect".to_owned(), "urgent".to_owned()];
    let gitlab = Gitlab { labels, ..gitlab() };
    let mut open = issue("");
    open["confidential"] = json!(false);
    let mut wish = wish("");
    wish["labels"] = json!("bug,from collect,urgent");
    let calls =
        vec![asked("POST /api/v4/projects/my-group%2Fshop/issues").json(wish).answered(201, &open)];
    let origin = collect_core::ticket::Origin { file: Memory::NAME, request: "r-1", source: None };
    let letter = Letter::write(&TicketOptions::default(), Markup::Plain, &origin, None, &[]);
    let opened = talk(&gitlab, calls, |tickets, _| tickets.open(&letter, None)).unwrap();
    assert_eq!(opened.ignored, ["confidential", "labels"]);
}

#[test]
fn every_refusal_says_what_to_do_and_keeps_the_token_to_itself() {
    let scope = json!({
        "error": "insufficient_scope",
        "error_description": "The request requires higher privileges than provided by the access token.",
        "scope": "api",
    });
    for (status, answer, reason, help) in [
        (
            401,
            json!({ "message": "401 Unauthorized" }),
            "answered 401: 401 Unauthorized",
            "`token`",
        ),
        (401, json!({ "error": "invalid_token" }), "answered 401: invalid_token", "scope `api`"),
        (403, scope, "answered 403: insufficient_scope", "scope `api`"),
        (403, json!({ "message": "403 Forbidden" }), "answered 403: 403 Forbidden", "Reporter"),
        (404, json!({ "message": "404 Project Not Found" }), "404 Project Not Found", "`project`"),
        (401, json!({ "message": TOKEN }), "answered 401: …", "`token`"),
    ] {
        let said = talk(&gitlab(), vec![search(&answer).answered(status, &answer)], file_it);
        let (said, advice) = refusal(said);
        assert!(said.contains(reason) && !said.contains(TOKEN), "{said}");
        assert!(advice.contains(help), "{advice}");
    }
    for (answer, reason) in [
        (json!({ "message": "400 (Bad request) \"title\" not given" }), "\"title\" not given"),
        (
            json!({ "message": { "title": ["is too long (maximum is 255 characters)"] } }),
            "title: is too long (maximum is 255 characters)",
        ),
    ] {
        let create = create(made()).answered(400, &answer);
        let calls = vec![search(&json!([])), look("private"), upload(), create];
        let (said, advice) = refusal(talk(&gitlab(), calls, file_it));
        assert!(said.contains(reason), "{said}");
        assert!(advice.contains("correct in the profile"), "{advice}");
    }
}

#[test]
fn a_bundle_over_the_limit_is_refused_before_there_is_an_issue() {
    let large = json!({ "message": "413 Request Entity Too Large" });
    let calls = vec![search(&json!([])), look("private"), upload().answered(413, &large)];
    let (reason, help) = refusal(talk(&gitlab(), calls, file_it));
    assert!(reason.contains("does not take the bundle") && reason.contains("413"), "{reason}");
    assert!(help.contains("`size`"), "{help}");
}

#[test]
fn a_rate_limit_is_waited_for_and_the_issue_is_made_once() {
    let limited = || {
        let headers = "retry-after: 0\r\nratelimit-limit: 60\r\nratelimit-remaining: 0\r\n\
                       content-type: text/plain\r\n";
        Reply::Answer(text(429, headers, "Retry later\n"))
    };
    let calls = vec![
        search(&json!([])).then(limited()),
        search(&json!([])),
        look("private"),
        upload().then(limited()),
        upload(),
        create(limited()),
        create(made()),
        search(&json!([issue("")])),
        show(LINK),
    ];
    let (filed, waits) = talk(&gitlab(), calls, |tickets, follower| {
        (file_it(tickets, follower), follower.reasons().len())
    });
    assert_eq!((filed.unwrap().ticket, waits), (ticket(), 3));
}

#[test]
fn lines_that_gitlab_would_obey_are_text() {
    let hostile = "````\n```\n/close\n```\n/assign @root\n````";
    let text = with_link(hostile, Some("[x](/uploads/0/x)"));
    assert!(!text.contains("\n/close") && !text.contains("\n/assign"), "{text}");
    assert!(text.ends_with("\n````\n\n[x](/uploads/0/x)"), "{text}");
    assert_eq!(with_link("/close", None), " /close");
}

#[test]
fn wrong_options_are_found_before_anything_is_collected() {
    let wrong = |gitlab: &Gitlab, url: &str| {
        let options = TicketOptions { url: url.into(), ..TicketOptions::default() };
        gitlab.check(&options).into_iter().map(|invalid| invalid.option).collect::<Vec<_>>()
    };
    let good = "https://gitlab.example.com";
    assert_eq!(wrong(&gitlab(), good), [""; 0]);
    assert_eq!(wrong(&Gitlab { project: "4".into(), ..gitlab() }, good), [""; 0]);
    assert_eq!(wrong(&gitlab(), "http://gitlab.example.com"), ["url"]);
    assert_eq!(wrong(&Gitlab::default(), good), ["token", "project"]);
    for project in ["shop", "a//b", "a/b/../c?", "https://gitlab.example.com/a/b"] {
        assert_eq!(wrong(&Gitlab { project: project.into(), ..gitlab() }, good), ["project"]);
    }
    let labels = vec!["a,b".into()];
    assert_eq!(wrong(&Gitlab { labels, ..gitlab() }, good), ["labels"]);
}
