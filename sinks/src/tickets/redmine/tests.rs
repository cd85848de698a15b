//! Redmine as it answers, and as it misbehaves; the real one is asked by `tests/tickets.rs`.

use super::*;
use crate::{
    http::upload::Limits,
    testing::{Follower, IMPATIENT, Memory, Reply, Server, json, submit, text},
};
use collect_core::ticket::Filed;
use serde_json::json;
use std::{path::Path, time::Duration};

const KEY: &str = "made-up-api-key-4c34eb3d";
const FILE: Memory = Memory(b"sealed bytes");

fn redmine() -> Redmine {
    Redmine {
        api_key: Some(SecretSource::Literal(collect_core::Secret::new(KEY))),
        project: "bugs".into(),
        ..Redmine::default()
    }
}

/// Talks to a server that gives these replies.
fn talk<T>(
    redmine: &Redmine,
    replies: Vec<Reply>,
    talk: impl FnOnce(&dyn Tickets, &Follower) -> T,
) -> (T, Vec<crate::testing::Seen>) {
    let server = Server::start(replies);
    let follower = Follower::default();
    let env = |_: &str| None;
    let context = follower.context(Path::new("/"), &env);
    let options =
        TicketOptions { url: format!("http://{}/redmine", server.address), ..Default::default() };
    let api = Api::new(&options, &context, help).unwrap();
    let mut api = api.with_secret("x-redmine-api-key", &collect_core::Secret::new(KEY)).unwrap();
    api.schedule = IMPATIENT;
    api.limits = Limits { verdict: Duration::from_millis(1), ..Limits::default() };
    let said = talk(&Project { redmine, api }, &follower);
    (said, server.seen())
}

fn none() -> Reply {
    json(200, &json!({ "issues": [], "total_count": 0 }))
}

fn listed() -> Reply {
    json(200, &json!({ "issues": [{ "id": 7, "subject": "Shop: it broke [01234567]" }] }))
}

fn uploaded() -> Reply {
    let digest = hexadecimal(&FILE.sha256().unwrap());
    json(201, &json!({ "upload": { "id": 1, "token": format!("1.{digest}") } }))
}

fn created() -> Reply {
    json(201, &json!({ "issue": { "id": 7, "custom_fields": [] } }))
}

fn holds(size: u64) -> Reply {
    let held = json!([{ "filename": Memory::NAME, "filesize": size }]);
    json(200, &json!({ "issue": { "id": 7, "attachments": held } }))
}

fn file_it(tickets: &dyn Tickets, follower: &Follower) -> Result<Filed, DeliveryError> {
    submit(tickets, &FILE, follower)
}

fn lines(seen: &[crate::testing::Seen]) -> Vec<String> {
    let bare = |line: &String| line.split(['?', ' ']).take(2).collect::<Vec<_>>().join(" ");
    seen.iter().map(|seen| bare(&seen.line)).collect()
}

#[test]
fn the_file_is_uploaded_and_the_ticket_opened_with_it_and_read_back() {
    let replies = vec![none(), uploaded(), created(), listed(), holds(12)];
    let (filed, seen) = talk(&redmine(), replies, file_it);
    let filed = filed.unwrap();
    assert_eq!((filed.ticket.number.as_str(), filed.attached), ("7", true));
    assert!(filed.ticket.url.ends_with("/redmine/issues/7"), "{}", filed.ticket.url);
    assert_eq!(
        lines(&seen),
        [
            "GET /redmine/issues.json",
            "POST /redmine/uploads.json",
            "POST /redmine/issues.json",
            "GET /redmine/issues.json",
            "GET /redmine/issues/7.json",
        ]
    );
    assert!(
        seen[0].line.contains("project_id=bugs&status_id=*"),
        "closed ones too: {}",
        seen[0].line
    );
    assert!(seen.iter().all(|seen| seen.headers["x-redmine-api-key"] == KEY));
    assert_eq!(seen[1].headers["content-type"], "application/octet-stream");
    assert_eq!(seen[1].body, b"sealed bytes");
    let wish: Value = serde_json::from_slice(&seen[2].body).unwrap();
    assert_eq!(wish["issue"]["project_id"], "bugs");
    assert_eq!(wish["issue"]["uploads"][0]["filename"], Memory::NAME);
    assert!(wish["issue"]["subject"].as_str().unwrap().contains("[01234567]"));
}

#[test]
fn a_ticket_whose_making_was_not_heard_of_is_found_and_not_made_again() {
    for lost in [Reply::Swallow, json(500, &json!({})), json(502, &json!({}))] {
        let replies = vec![none(), uploaded(), lost, listed(), holds(12)];
        let (filed, seen) = talk(&redmine(), replies, file_it);
        assert_eq!(filed.unwrap().ticket.number, "7");
        let made = lines(&seen).iter().filter(|line| *line == "POST /redmine/issues.json").count();
        assert_eq!(made, 1, "{:?}", lines(&seen));
    }
}

#[test]
fn a_server_that_is_busy_is_asked_again_when_it_wishes() {
    let busy = |status| Reply::Answer(text(status, "retry-after: 0\r\n", ""));
    let replies =
        vec![busy(429), none(), busy(500), uploaded(), busy(429), created(), listed(), holds(12)];
    let ((filed, retries), _) = talk(&redmine(), replies, |tickets, follower| {
        (file_it(tickets, follower), follower.reasons().len())
    });
    assert_eq!(filed.unwrap().ticket.number, "7");
    assert_eq!(retries, 3);
}

#[test]
fn every_refusal_says_what_to_do_and_keeps_the_key_to_itself() {
    for (status, word) in [(401, "`api-key`"), (403, "REST"), (404, "`project`"), (422, "`fields`")]
    {
        let said = json!({ "errors": [format!("Project cannot be {KEY}\u{1b}[2J")] });
        let (error, _) = talk(&redmine(), vec![json(status, &said)], file_it);
        let Err(DeliveryError::Refused { reason, help }) = error else { panic!("{error:?}") };
        assert!(reason.contains(&format!("answered {status}: Project cannot be …")), "{reason}");
        assert!(!reason.contains('\u{1b}'), "{reason}");
        assert!(help.as_ref().unwrap().contains(word), "{help:?}");
    }
}

#[test]
fn a_bundle_over_the_limit_is_refused_before_there_is_a_ticket() {
    for status in [413, 422] {
        let said = json!({ "errors": ["it exceeds the maximum allowed file size (5)"] });
        let (error, seen) = talk(&redmine(), vec![none(), json(status, &said)], file_it);
        let Err(DeliveryError::Refused { reason, help }) = error else { panic!("{error:?}") };
        assert!(reason.contains("maximum allowed file size (5)"), "{reason}");
        assert!(help.unwrap().contains("`size`"));
        assert_eq!(seen.len(), 2);
    }
}

#[test]
fn what_arrives_damaged_is_noticed() {
    let other = json(201, &json!({ "upload": { "token": format!("1.{}", "0".repeat(64)) } }));
    let (error, _) = talk(&redmine(), vec![none(), other], file_it);
    assert!(error.unwrap_err().to_string().contains("not what was sent"));

    let replies = vec![
        none(),
        uploaded(),
        created(),
        listed(),
        holds(3),
        uploaded(),
        Reply::Answer(text(204, "", "")),
        holds(3),
    ];
    let (error, _) = talk(&redmine(), replies, file_it);
    assert!(error.unwrap_err().to_string().contains("holds 3 of 12 bytes"));
}

#[test]
fn another_page_is_not_taken_for_redmine() {
    let page = Reply::Answer(text(200, "content-type: text/html\r\n", "<html>Sign in</html>"));
    let (error, _) = talk(&redmine(), vec![page], file_it);
    let Err(DeliveryError::Refused { reason, help }) = error else { panic!("{error:?}") };
    assert!(reason.contains("not in JSON") && help.unwrap().contains("`url`"), "{reason}");
}

#[test]
fn a_tracker_is_named_by_its_name_and_a_wrong_one_is_refused() {
    let trackers = || json(200, &json!({ "trackers": [{ "id": 3, "name": "Support" }] }));
    let named = |name: &str| Redmine { tracker: Some(name.into()), ..redmine() };
    let replies = vec![
        none(),
        trackers(),
        uploaded(),
        created(),
        listed(),
        Reply::Answer(text(204, "", "")),
        holds(12),
    ];
    let (filed, seen) = talk(&named("support"), replies, file_it);
    filed.unwrap();
    let wish: Value = serde_json::from_slice(&seen[3].body).unwrap();
    assert_eq!(wish["issue"]["tracker_id"], 3);
    assert!(String::from_utf8_lossy(&seen[5].body).contains("did not heed"), "it took another");

    let (error, _) = talk(&named("Bugs"), vec![none(), trackers()], file_it);
    let Err(DeliveryError::Refused { help, .. }) = error else { panic!("{error:?}") };
    assert!(help.unwrap().contains("there are: Support"));
}

#[test]
fn a_ticket_is_closed_by_the_first_status_that_the_workflow_lets_the_account_choose() {
    let ticket = Ticket { number: "7".into(), url: String::new() };
    let all = json!([{ "id": 1 }, { "id": 5, "is_closed": true }, { "id": 6, "is_closed": true }]);
    let done = || Reply::Answer(text(204, "", ""));
    let shows = |id: u64| json(200, &json!({ "issue": { "id": 7, "status": { "id": id } } }));
    let statuses = || json(200, &json!({ "issue_statuses": all }));
    let replies = vec![done(), statuses(), done(), shows(1), done(), shows(6)];
    let (closed, seen) =
        talk(&redmine(), replies, |tickets, _| tickets.close(&ticket, "for a reason"));
    closed.unwrap();
    assert!(String::from_utf8_lossy(&seen[0].body).contains("for a reason"));

    let replies = vec![done(), statuses(), done(), shows(1), done(), shows(1)];
    let (closed, _) = talk(&redmine(), replies, |tickets, _| tickets.close(&ticket, ""));
    let Err(TicketError::Failed(DeliveryError::Refused { help, .. })) = closed else {
        panic!("{closed:?}")
    };
    assert!(help.unwrap().contains("Workflow"));
}

#[test]
fn a_field_that_redmine_dropped_is_noticed() {
    let wish = json!({
        "tracker_id": 3,
        "custom_fields": [{ "id": "1", "value": "a" }, { "id": "77", "value": "b" }],
    });
    let made = json!({
        "tracker": { "id": 1 },
        "priority": { "id": 2 },
        "custom_fields": [{ "id": 1, "value": "a" }],
    });
    assert_eq!(ignored(&wish, &made), ["tracker", "fields.77"]);
}

#[test]
fn wrong_options_are_found_before_anything_is_collected() {
    let wrong = |redmine: &Redmine, url: &str| {
        let options = TicketOptions { url: url.into(), ..TicketOptions::default() };
        redmine.check(&options).into_iter().map(|invalid| invalid.option).collect::<Vec<_>>()
    };
    let good = "https://redmine.example.com/redmine";
    assert_eq!(wrong(&redmine(), good), [""; 0]);
    assert_eq!(wrong(&redmine(), "http://redmine.example.com"), ["url"]);
    assert_eq!(wrong(&redmine(), "https://me:made-up@redmine.example.com"), ["url"]);
    assert_eq!(wrong(&Redmine::default(), good), ["api-key", "project"]);
    let template = |text| Template::parse(text).unwrap();
    let fields =
        BTreeMap::from([("Host".into(), template("{host}")), ("3".into(), template("{hst}"))]);
    assert_eq!(wrong(&Redmine { fields, ..redmine() }, good), ["fields", "fields"]);
}

#[test]
fn options_without_a_profile_are_checked_and_never_repeated() {
    let parse = |text: &str| collect_core::ticket::TicketSink::parse(text).err();
    let good = "use = \"redmine\"\nurl = \"https://tickets.example.com\"\nproject = \"ops\"\n\
                api-key = \"madeupkey\"\n";
    assert_eq!(parse(good), None);
    for (text, words) in [
        ("use = \"rt\"".to_owned(), "`use` has to be one of: "),
        (format!("{good}projekt = \"x\""), "`redmine` has no option `projekt`"),
        (format!("{good}fields = \"madeupkey\""), "line 5 "),
        (good.replace("ops", "no project"), "`project`: "),
        (format!("{good}title = \"madeupkey"), "line 5 "),
    ] {
        let said = parse(&text).unwrap();
        assert!(said.contains(words) && !said.contains("madeupkey"), "{text}: {said}");
    }
}
