//! Jira as its documentation says that it asks to be spoken to, and answers; values are made up.
//!
//! Cloud: <https://developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-issues/>,
//! `…/api-group-issue-search/`, `…/api-group-issue-attachments/`, `…/api-group-issue-comments/`, and
//! Atlassian's `OpenAPI` description that these pages are made of;
//! <https://developer.atlassian.com/cloud/jira/platform/rate-limiting/>.
//! Data Center: <https://docs.atlassian.com/software/jira/docs/api/REST/latest/>,
//! <https://confluence.atlassian.com/enterprise/using-personal-access-tokens-1026032365.html>.
//! What Jira says of a field that is not on the screen: <https://github.com/pycontribs/jira/issues/16>.

use super::*;
use crate::testing::{
    Follower, Memory, Reply,
    contract::{Call, call, hurry, play, refusal},
    submit_in, text,
};
use collect_core::Secret;
use collect_core::ticket::{Filed, Origin, TicketSink};

const TOKEN: &str = "made-up-jira-token";
const FILE: Memory = Memory(b"sealed bytes");

/// `me@example.com:made-up-jira-token`.
const BASIC: &str = "Basic bWVAZXhhbXBsZS5jb206bWFkZS11cC1qaXJhLXRva2Vu";

fn cloud() -> Jira {
    Jira {
        user: Some("me@example.com".into()),
        token: Some(SecretSource::Literal(Secret::new(TOKEN))),
        project: "BUGS".into(),
        ..Jira::default()
    }
}

fn data_center() -> Jira {
    Jira { edition: Edition::DataCenter, user: None, ..cloud() }
}

/// Plays a contract with what this Jira is asked.
fn asked<T>(jira: &Jira, calls: Vec<Call>, ask: impl FnOnce(&dyn Tickets, &Follower) -> T) -> T {
    play(calls, |options, context, follower| {
        let mut project = jira.project(options, context).unwrap();
        hurry(&mut project.api);
        ask(&project, follower)
    })
}

/// Files a ticket.
fn filed(jira: &Jira, calls: Vec<Call>) -> Result<Filed, DeliveryError> {
    asked(jira, calls, |tickets, follower| submit_in(Markup::Jira, tickets, &FILE, follower, &[]))
}

fn search(line: &'static str) -> Call {
    let jql = r#"project = "BUGS" AND (labels = "collect-01234567" OR summary ~ "\"01234567\"") ORDER BY key ASC"#;
    call(line).query("jql", jql).query("fields", "summary,labels").query("maxResults", "50")
}

fn cloud_search() -> Call {
    search("GET /rest/api/2/search/jql").header("authorization", BASIC)
}

fn none() -> Value {
    json!({ "issues": [], "isLast": true })
}

fn issue(key: &str) -> Value {
    json!({
        "expand": "", "id": "10002", "key": key,
        "self": format!("https://your-domain.atlassian.net/rest/api/2/issue/{key}"),
        "fields": { "summary": "shop: problem report [01234567]", "labels": [] },
    })
}

fn meta() -> Call {
    let settings = json!({ "enabled": true, "uploadLimit": 1_000_000 });
    call("GET /rest/api/2/attachment/meta").answered(200, &settings)
}

/// What a new issue is made of, without its text.
fn wish() -> Value {
    json!({ "fields": {
        "project": { "key": "BUGS" },
        "issuetype": { "name": "Task" },
        "summary": "shop: problem report [01234567]",
        "description": description(),
        "labels": ["collect-01234567"],
    } })
}

fn description() -> String {
    format!(
        "Info: \\[ File: {}, Req. ID: r-1, Source IP: - \\]\n\n*Missing or partial*\n{{noformat}}\n\
         what the user typed and what is missing stand in the bundle only\n{{noformat}}",
        Memory::NAME
    )
}

fn create() -> Call {
    call("POST /rest/api/2/issue").json(wish()).header("accept", "application/json")
}

fn created() -> Value {
    json!({
        "id": "10000", "key": "BUGS-24",
        "self": "https://your-domain.atlassian.net/rest/api/2/issue/10000",
        "transition": { "status": 200, "errorCollection": { "errorMessages": [], "errors": {} } },
    })
}

fn read_back(fields: &Value) -> Call {
    call("GET /rest/api/2/issue/BUGS-24")
        .query("fields", "labels,priority,components")
        .answered(200, &json!({ "key": "BUGS-24", "fields": fields }))
}

fn labelled() -> Call {
    read_back(&json!({ "labels": ["collect-01234567"], "priority": { "name": "Medium" } }))
}

fn holds(attachments: &Value) -> Call {
    let issue = json!({ "key": "BUGS-24", "fields": { "attachment": attachments } });
    call("GET /rest/api/2/issue/BUGS-24").query("fields", "attachment").answered(200, &issue)
}

fn attached() -> Value {
    json!([{
        "self": "https://your-domain.atlassian.net/rest/api/2/attachments/10000",
        "id": "10001", "filename": Memory::NAME, "created": "2026-11-23T10:42:05.000+0000",
        "size": 12, "mimeType": "application/octet-stream",
    }])
}

fn attach() -> Call {
    call("POST /rest/api/2/issue/BUGS-24/attachments")
        .header("x-atlassian-token", "no-check")
        .form(&[("file", Some(Memory::NAME), "sealed bytes")])
}

/// All that filing a ticket takes, up to the answer to the attachment.
fn until_attached() -> Vec<Call> {
    vec![
        cloud_search().answered(200, &none()),
        meta(),
        create().header("authorization", BASIC).answered(201, &created()),
        labelled(),
        cloud_search().answered(200, &none()),
        holds(&json!([])),
    ]
}

/// What a user reads when Jira answers the making of an issue so.
fn refused_with(status: u16, document: &Value) -> (String, String) {
    let calls =
        vec![cloud_search().answered(200, &none()), meta(), create().answered(status, document)];
    refusal(filed(&cloud(), calls))
}

#[test]
fn an_issue_is_made_in_cloud_and_the_bundle_attached() {
    let mut calls = until_attached();
    calls.extend([attach().answered(200, &attached()), holds(&attached())]);
    let filed = filed(&cloud(), calls).unwrap();
    assert_eq!((filed.ticket.number.as_str(), filed.attached), ("BUGS-24", true));
    assert!(filed.ticket.url.ends_with("/browse/BUGS-24"), "{}", filed.ticket.url);
}

#[test]
fn data_center_is_asked_with_a_personal_access_token_or_a_password() {
    let made_up = "Bearer made-up-jira-token";
    let basic = "Basic bWU6bWFkZS11cC1qaXJhLXRva2Vu";
    for (user, proof) in [(None, made_up), (Some("me".to_owned()), basic)] {
        let issues = json!({ "expand": "names,schema", "startAt": 0, "maxResults": 50, "total": 1,
            "issues": [issue("BUGS-7"), issue("BUGS-9")] });
        let found = search("GET /rest/api/2/search").header("authorization", proof);
        let jira = Jira { user, ..data_center() };
        let tickets = asked(&jira, vec![found.answered(200, &issues)], |jira, _| {
            assert!(jira.lag() < Duration::from_mins(1));
            jira.find("01234567")
        });
        let numbers: Vec<_> = tickets.unwrap().into_iter().map(|ticket| ticket.number).collect();
        assert_eq!(numbers, ["BUGS-7", "BUGS-9"]);
    }
}

#[test]
fn what_the_profile_wants_is_in_the_issue_and_what_jira_changed_is_said() {
    let fields = json!({
        "customfield_10042": "{product} {{x}}",
        "customfield_10043": { "value": "Shop" },
        "customfield_10044": [{ "name": "{id}" }, 7],
    });
    let jira = Jira {
        r#type: "Bug".into(),
        priority: Some("High".into()),
        labels: vec!["support".into()],
        components: vec!["Shop".into()],
        fields: serde_json::from_value(fields).unwrap(),
        ..cloud()
    };
    let mut wish = wish();
    wish["fields"].as_object_mut().unwrap().extend([
        ("issuetype".to_owned(), json!({ "name": "Bug" })),
        ("priority".to_owned(), json!({ "name": "High" })),
        ("labels".to_owned(), json!(["support", "collect-01234567"])),
        ("components".to_owned(), json!([{ "name": "Shop" }])),
        ("customfield_10042".to_owned(), json!("shop {x}")),
        ("customfield_10043".to_owned(), json!({ "value": "Shop" })),
        ("customfield_10044".to_owned(), json!([{ "name": "01234567" }, 7])),
    ]);
    let said =
        "The ticket system did not heed these options of the profile: priority, labels.support";
    let calls = vec![
        cloud_search().answered(200, &none()),
        meta(),
        call("POST /rest/api/2/issue").json(wish).answered(201, &created()),
        read_back(&json!({
            "labels": ["collect-01234567"],
            "priority": { "name": "Medium" },
            "components": [{ "name": "Shop" }],
        })),
        cloud_search().answered(200, &none()),
        call("POST /rest/api/2/issue/BUGS-24/comment")
            .json(json!({ "body": said }))
            .answered(201, &json!({ "id": "10000", "body": said })),
        holds(&attached()),
    ];
    assert!(filed(&jira, calls).unwrap().attached);
}

#[test]
fn an_issue_whose_making_was_not_heard_of_is_found_by_its_label() {
    let mut renamed = issue("BUGS-24");
    renamed["fields"] = json!({ "summary": "Renamed", "labels": ["collect-01234567"] });
    let calls = vec![
        create().then(Reply::Swallow),
        cloud_search().answered(200, &json!({ "issues": [renamed], "isLast": true })),
    ];
    let origin = Origin { file: Memory::NAME, request: "r-1", source: None };
    let letter = Letter::write(&TicketOptions::default(), Markup::Jira, &origin, None, &[]);
    let found = asked(&cloud(), calls, |jira, _| {
        let opened = jira.open(&letter, None);
        assert!(matches!(opened, Err(TicketError::Unsure(_))), "{opened:?}");
        assert_eq!(jira.lag(), Duration::from_mins(1), "the search of Cloud lags");
        jira.find(&letter.key)
    });
    assert_eq!(found.unwrap()[0].number, "BUGS-24");
}

#[test]
fn only_issues_of_the_project_are_taken_for_the_users_ticket() {
    let there = |key: &'static str| {
        let answer = json!({ "key": key, "fields": { "summary": "It broke" } });
        call("GET /rest/api/2/issue/BUGS-12").query("fields", "summary").answered(200, &answer)
    };
    let gone = json!({ "errorMessages": ["Issue does not exist or you do not have permission to see it."],
        "errors": {} });
    let absent = call("GET /rest/api/2/issue/BUGS-13").query("fields", "summary");
    let calls = vec![there("BUGS-12"), there("OTHER-3"), absent.answered(404, &gone)];
    let found = asked(&cloud(), calls, |jira, _| {
        let number = |wanted: &str| jira.get(wanted).unwrap().map(|ticket| ticket.number);
        let wanted = [" bugs-12", "BUGS-12", "BUGS-13", "OTHER-3", "BUGS-1/../x", "4711", "BUGS-"];
        wanted.map(number)
    });
    let none = || None;
    assert_eq!(found, [Some("BUGS-12".to_owned()), none(), none(), none(), none(), none(), none()]);
}

#[test]
fn a_duplicate_is_closed_by_whatever_leads_to_done() {
    let ticket = || Ticket { number: "BUGS-24".into(), url: String::new() };
    let done = |key: &str| json!({ "name": "x", "statusCategory": { "id": 1, "key": key } });
    let resolutions = json!([{ "name": "Fixed" }, { "name": "Duplicate" }]);
    let transitions = json!({ "transitions": [
        { "id": "2", "name": "Start", "to": done("indeterminate"), "fields": {} },
        { "id": "5", "name": "Review", "to": done("done"), "fields": {} },
        { "id": "711", "name": "Close", "to": done("done"),
          "fields": { "resolution": { "required": true, "allowedValues": resolutions } } },
    ] });
    let begin = || {
        vec![
            call("POST /rest/api/2/issue/BUGS-24/comment")
                .json(json!({ "body": "has a ticket" }))
                .answered(201, &json!({ "id": "10000" })),
            call("GET /rest/api/2/issue/BUGS-24/transitions")
                .query("expand", "transitions.fields")
                .answered(200, &transitions),
        ]
    };
    let transition = "POST /rest/api/2/issue/BUGS-24/transitions";
    let first = || call(transition).json(json!({ "transition": { "id": "5" } }));
    let second = || {
        let resolution = json!({ "resolution": { "name": "Duplicate" } });
        call(transition).json(json!({ "transition": { "id": "711" }, "fields": resolution }))
    };
    let status = |key: &str| {
        let fields = json!({ "fields": { "status": done(key) } });
        call("GET /rest/api/2/issue/BUGS-24").query("fields", "status").answered(200, &fields)
    };
    let wants =
        json!({ "errorMessages": [], "errors": { "customfield_1": "Reviewer is required." } });
    let mut calls = begin();
    calls.extend([first().answered(400, &wants), status("new"), second(), status("done")]);
    asked(&cloud(), calls, |jira, _| jira.close(&ticket(), "has a ticket")).unwrap();

    let mut calls = begin();
    calls.extend([first(), status("new"), second(), status("new")]);
    let error = asked(&cloud(), calls, |jira, _| jira.close(&ticket(), "has a ticket"));
    let Err(TicketError::Failed(error)) = error else { panic!("{error:?}") };
    let (reason, help) = refusal::<()>(Err(error));
    assert!(reason.contains("BUGS-24") && help.contains("transition"), "{reason} {help}");
}

#[test]
fn wrong_credentials_are_said_and_the_token_is_not() {
    let calls = vec![cloud_search().then(Reply::Answer(text(
        401,
        "content-type: text/plain\r\n",
        "Client must be authenticated to access this resource.",
    )))];
    let (reason, help) = refusal(filed(&cloud(), calls));
    assert!(reason.contains("401: Client must be authenticated"), "{reason}");
    assert!(help.contains("`token`") && help.contains("mail address"), "{help}");

    let echo = json!({ "errorMessages": [format!("no {TOKEN} {BASIC}")], "errors": {} });
    let (reason, _) = refused_with(401, &echo);
    assert!(!reason.contains(TOKEN) && !reason.contains(&BASIC[6..]), "{reason}");
}

#[test]
fn a_project_that_is_not_there_is_named() {
    let said = "The value 'BUGS' does not exist for the field 'project'.";
    let document = json!({ "errorMessages": [said], "warningMessages": [] });
    let (reason, help) = refusal(filed(&cloud(), vec![cloud_search().answered(400, &document)]));
    assert!(reason.contains(said) && help.contains("`project`"), "{reason} {help}");
}

#[test]
fn a_field_that_is_wanted_or_not_on_the_screen_is_named_with_what_to_do() {
    let off_screen =
        "Field 'labels' cannot be set. It is not on the appropriate screen, or unknown.";
    let (reason, help) =
        refused_with(400, &json!({ "errorMessages": [], "errors": { "labels": off_screen } }));
    assert!(reason.contains(off_screen), "{reason}");
    assert!(help.contains("screen") && help.contains("`key-label = false`"), "{help}");

    let wanted = json!({ "errorMessages": ["Field 'priority' is required"], "errors": {} });
    let (reason, help) = refused_with(400, &wanted);
    assert!(reason.contains("'priority' is required") && help.contains("`fields`"), "{reason}");

    let kind = json!({ "errorMessages": [],
        "errors": { "issuetype": "The issue type selected is invalid." } });
    let (reason, help) = refused_with(400, &kind);
    assert!(reason.contains("issue type") && help.contains("`type`"), "{reason} {help}");
}

#[test]
fn a_right_that_is_missing_is_named() {
    let (reason, help) = refused_with(403, &json!({ "errorMessages": [], "errors": {} }));
    assert!(reason.contains("403") && help.contains("create issues"), "{reason} {help}");

    let mut calls = until_attached();
    let said = "You do not have permission to create attachments for this issue.";
    let document = json!({ "errorMessages": [said], "errors": {} });
    calls.push(attach().answered(403, &document));
    let (reason, help) = refusal(filed(&cloud(), calls));
    assert!(reason.contains(said) && help.contains("create attachments"), "{reason} {help}");
}

#[test]
fn a_bundle_that_is_too_large_is_noticed_before_there_is_an_issue() {
    for (settings, words) in [
        (json!({ "enabled": true, "uploadLimit": 5 }), "the most it takes is 5 B"),
        (json!({ "enabled": false, "uploadLimit": 5_000 }), "it takes no files"),
    ] {
        let calls = vec![
            cloud_search().answered(200, &none()),
            call("GET /rest/api/2/attachment/meta").answered(200, &settings),
        ];
        let (reason, help) = refusal(filed(&cloud(), calls));
        assert!(reason.contains(words) && help.contains("`size`"), "{reason} {help}");
    }
}

#[test]
fn a_bundle_that_is_refused_for_its_size_is_said_to_be_too_large() {
    let mut calls = until_attached();
    let said = json!({ "errorMessages": ["File is larger than the maximum size."], "errors": {} });
    calls.push(attach().answered(413, &said));
    let (reason, help) = refusal(filed(&cloud(), calls));
    assert!(reason.contains("larger than the maximum size"), "{reason}");
    assert!(help.contains("`size`"), "{help}");
}

#[test]
fn jira_is_asked_again_when_it_wishes() {
    let busy = |call: Call| {
        let headers = "retry-after: 0\r\nx-ratelimit-limit: 100\r\nx-ratelimit-remaining: 0\r\n\
                       x-ratelimit-reset: 2026-11-23T10:43Z\r\nratelimit-reason: jira-burst-based\r\n";
        call.answered_with(429, headers, &json!({ "errorMessages": ["Rate limit exceeded."] }))
    };
    let mut calls = until_attached();
    calls.extend([attach().answered(200, &attached()), holds(&attached())]);
    calls.insert(0, busy(cloud_search()));
    calls.insert(3, busy(create()));
    assert!(filed(&cloud(), calls).unwrap().attached, "429 means that nothing was done");
}

#[test]
fn a_text_that_is_too_long_is_cut() {
    let long = "word\n".repeat(10_000);
    let calls = vec![
        call("POST /rest/api/2/issue/BUGS-24/comment")
            .json(json!({ "body": Markup::Jira.cut(&long, LONGEST) }))
            .answered(201, &json!({})),
    ];
    let ticket = Ticket { number: "BUGS-24".into(), url: String::new() };
    asked(&cloud(), calls, |jira, _| jira.comment(&ticket, &long)).unwrap();
}

#[test]
fn wrong_options_are_found_before_anything_is_collected() {
    let wrong = |jira: &Jira, url: &str| {
        let options = TicketOptions { url: url.into(), ..TicketOptions::default() };
        jira.check(&options).into_iter().map(|invalid| invalid.option).collect::<Vec<_>>()
    };
    let good = "https://example.atlassian.net";
    assert_eq!(wrong(&cloud(), good), [""; 0]);
    assert_eq!(wrong(&data_center(), "https://jira.example.com/jira"), [""; 0]);
    assert_eq!(wrong(&Jira::default(), ""), ["url", "user", "token", "project"]);
    assert_eq!(wrong(&Jira { project: "bugs".into(), ..cloud() }, good), ["project"]);
    assert_eq!(wrong(&Jira { labels: vec!["a b".into()], ..cloud() }, good), ["labels"]);
    for (id, value) in [
        ("summary", json!("x")),
        ("customfield_1", json!("{hst}")),
        ("customfield_1", json!([{ "value": "{" }])),
    ] {
        let fields = BTreeMap::from([(id.to_owned(), value)]);
        assert_eq!(wrong(&Jira { fields, ..cloud() }, good), ["fields"]);
    }
}

#[test]
fn a_profile_can_say_all_that_there_is() {
    let profile = r#"
        use = "jira"
        url = "https://jira.example.com"
        edition = "data-center"
        token = "made-up"
        project = "BUGS"
        type = "Bug"
        priority = "High"
        labels = ["support"]
        components = ["Shop"]
        fields = { customfield_1 = "{host}", customfield_2 = { value = "a" }, customfield_3 = [1] }
        key-label = false
    "#;
    let sink = TicketSink::parse(profile).map_err(|error| panic!("{error}")).unwrap();
    let said = collect_core::Sink::destination(&sink);
    assert!(
        said.starts_with("Jira project \"BUGS\" at `jira.example.com`")
            || said.contains("jira.example.com"),
        "{said}"
    );
}
