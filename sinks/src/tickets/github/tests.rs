//! GitHub as its documentation says that it asks to be spoken to, and answers; values are made up.
//!
//! <https://docs.github.com/en/rest/issues/issues>, <https://docs.github.com/en/rest/issues/comments>,
//! <https://docs.github.com/en/rest/repos/repos#get-a-repository>,
//! <https://docs.github.com/en/rest/search/search#search-issues-and-pull-requests>,
//! <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>,
//! <https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api>, and GitHub's
//! `OpenAPI` description, <https://github.com/github/rest-api-description>. How long a text may be:
//! <https://github.com/PyGithub/PyGithub/issues/1906>.

use super::*;
use crate::testing::{
    Follower, Memory, Reply,
    contract::{Call, call, hurry, play, refusal},
    submit_in,
};
use collect_core::ticket::{Filed, Origin, TicketSink};

const TOKEN: &str = "made-up-github-token";
const FILE: Memory = Memory(b"sealed bytes");
const BUCKET: &str = "https://bucket.example.com/reports/shop.tar.xz.age";

fn github() -> Github {
    Github {
        token: Some(SecretSource::Literal(Secret::new(TOKEN))),
        repository: "octocat/Hello-World".into(),
        ..Github::default()
    }
}

/// Plays a contract with what this GitHub is asked.
fn asked<T>(
    github: &Github,
    calls: Vec<Call>,
    ask: impl FnOnce(&dyn Tickets, &Follower) -> T,
) -> T {
    play(calls, |options, context, follower| {
        let mut repository = github.repository(options, context).unwrap();
        hurry(&mut repository.api);
        ask(&repository, follower)
    })
}

/// Files a ticket for a bundle that lies in a bucket.
fn filed(github: &Github, calls: Vec<Call>) -> Result<Filed, DeliveryError> {
    asked(github, calls, |tickets, follower| {
        submit_in(Markup::Markdown, tickets, &FILE, follower, &[BUCKET.to_owned()])
    })
}

/// A request with what all have in common.
fn request(line: &'static str) -> Call {
    call(line)
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("x-github-api-version", "2022-11-28")
}

fn list() -> Call {
    request("GET /api/v3/repos/octocat/Hello-World/issues")
        .query("state", "all")
        .query("sort", "created")
        .query("per_page", "100")
}

fn by_label() -> Call {
    list().query("direction", "asc").query("labels", "collect-01234567")
}

fn newest() -> Call {
    list().query("direction", "desc")
}

fn issue(number: u64, title: &str) -> Value {
    json!({
        "id": 1, "node_id": "MDU6SXNzdWUx", "number": number, "state": "open", "title": title,
        "url": format!("https://api.github.com/repos/octocat/Hello-World/issues/{number}"),
        "html_url": format!("https://github.com/octocat/Hello-World/issues/{number}"),
        "labels": [], "assignees": [],
    })
}

fn repository(push: bool) -> Call {
    request("GET /api/v3/repos/octocat/Hello-World").answered(
        200,
        &json!({ "id": 1_296_269, "full_name": "octocat/Hello-World", "has_issues": true,
            "permissions": { "admin": false, "push": push, "pull": true } }),
    )
}

fn body() -> String {
    format!(
        "Info: [ File: {}, Req. ID: r-1, Source IP: - ]\n\n**Missing or partial**\n\n```\n\
         the bundle of 12 B is not attached (it takes no files); it is here:\n{BUCKET}\n\
         what the user typed and what is missing stand in the bundle only\n```",
        Memory::NAME
    )
}

fn create(labels: &[&str]) -> Call {
    let mut wish = json!({ "title": "shop: problem report [01234567]", "body": body() });
    if !labels.is_empty() {
        wish["labels"] = json!(labels);
    }
    request("POST /api/v3/repos/octocat/Hello-World/issues").json(wish)
}

fn created(labels: &[&str]) -> Value {
    let mut made = issue(1347, "shop: problem report [01234567]");
    let labels = labels.iter().map(|name| json!({ "id": 208_045_946, "name": name }));
    made["labels"] = labels.collect();
    made
}

fn nothing() -> Value {
    json!([])
}

fn refusal_of(status: u16, message: &str) -> Value {
    let page = "https://docs.github.com/rest/issues/issues#create-an-issue";
    json!({ "message": message, "documentation_url": page, "status": status.to_string() })
}

#[test]
fn an_issue_says_where_the_bundle_is() {
    let label = ["collect-01234567"];
    let calls = vec![
        by_label().answered(200, &nothing()),
        newest().answered(200, &nothing()),
        repository(true),
        create(&label).answered(201, &created(&label)),
        by_label().answered(200, &json!([created(&label)])),
    ];
    let filed = filed(&github(), calls).unwrap();
    assert_eq!((filed.ticket.number.as_str(), filed.attached), ("1347", false));
    assert_eq!(filed.ticket.url, "https://github.com/octocat/Hello-World/issues/1347");
}

#[test]
fn without_a_place_for_the_bundle_there_is_no_issue() {
    let calls = vec![by_label().answered(200, &nothing()), newest().answered(200, &nothing())];
    let said = asked(&github(), calls, |tickets, follower| {
        submit_in(Markup::Markdown, tickets, &FILE, follower, &[])
    });
    let (reason, help) = refusal(said);
    assert!(reason.contains("takes no files") && help.contains("bucket"), "{reason} {help}");
}

#[test]
fn who_may_not_label_tries_no_label_and_the_issue_says_so() {
    let said = "The ticket system did not heed these options of the profile: key-label";
    let calls = vec![
        by_label().answered(200, &nothing()),
        newest().answered(200, &nothing()),
        repository(false),
        create(&[]).answered(201, &created(&[])),
        by_label().answered(200, &nothing()),
        newest().answered(200, &json!([created(&[])])),
        request("GET /api/v3/repos/octocat/Hello-World/issues/1347/comments")
            .query("per_page", "100")
            .answered(200, &nothing()),
        request("POST /api/v3/repos/octocat/Hello-World/issues/1347/comments")
            .json(json!({ "body": said }))
            .answered(201, &json!({ "id": 1, "body": said })),
    ];
    assert_eq!(filed(&github(), calls).unwrap().ticket.number, "1347");
}

#[test]
fn labels_and_assignees_that_were_dropped_are_known() {
    let github = Github {
        labels: vec!["Support".into()],
        assignees: vec!["octocat".into()],
        key_label: false,
        ..github()
    };
    let options = TicketOptions::default();
    let origin = Origin { file: Memory::NAME, request: "r-1", source: None };
    let letter = Letter::write(&options, Markup::Markdown, &origin, None, &[]);
    let wish = json!({ "title": letter.title, "body": letter.body, "labels": ["Support"],
        "assignees": ["octocat"] });
    let mut kept = created(&["support"]);
    kept["assignees"] = json!([{ "login": "octocat", "id": 1 }]);
    for (made, ignored) in [(kept, vec![]), (created(&[]), vec!["labels", "assignees"])] {
        let make = request("POST /api/v3/repos/octocat/Hello-World/issues").json(wish.clone());
        let calls = vec![make.answered(201, &made)];
        let opened = asked(&github, calls, |github, _| github.open(&letter, None)).unwrap();
        assert_eq!(opened.ignored, ignored);
    }
}

#[test]
fn an_issue_is_found_by_its_label_by_its_title_and_by_the_search() {
    let full: Vec<_> = (1..=100).map(|number| issue(number, "another")).collect();
    let search = |items: &Value| {
        let found = json!({ "total_count": 1, "incomplete_results": false, "items": items });
        request("GET /api/v3/search/issues")
            .query("q", "\"01234567\" in:title is:issue repo:octocat/Hello-World")
            .answered(200, &found)
    };
    let mut request_to_pull = issue(3, "x [01234567]");
    request_to_pull["pull_request"] = json!({ "url": "https://api.github.com/" });
    let listed = [issue(9, "x [01234567]"), request_to_pull, issue(8, "y"), issue(7, "[01234567]")];
    let calls = vec![
        by_label().answered(200, &json!([issue(5, "renamed")])),
        by_label().answered(200, &nothing()),
        newest().answered(200, &json!(listed)),
        by_label().answered(200, &nothing()),
        newest().answered(200, &json!(full)),
        search(&json!([issue(2, "[01234567]"), issue(1, "01 234567")])),
    ];
    asked(&github(), calls, |github, _| {
        let found = || {
            let found = github.find("01234567").unwrap();
            found.into_iter().map(|ticket| ticket.number).collect::<Vec<_>>()
        };
        assert_eq!(found(), ["5"]);
        assert_eq!(found(), ["7", "9"]);
        assert_eq!(found(), ["2"]);
    });
}

#[test]
fn an_issue_whose_making_was_not_heard_of_is_found() {
    let origin = Origin { file: Memory::NAME, request: "r-1", source: None };
    let letter = Letter::write(&TicketOptions::default(), Markup::Markdown, &origin, None, &[]);
    let label = ["collect-01234567"];
    let mut wish = json!({ "title": letter.title, "body": letter.body });
    wish["labels"] = json!(label);
    let make = request("POST /api/v3/repos/octocat/Hello-World/issues").json(wish);
    let calls = vec![
        repository(true),
        make.then(Reply::Swallow),
        by_label().answered(200, &json!([created(&label)])),
    ];
    asked(&github(), calls, |github, _| {
        let opened = github.open(&letter, None);
        assert!(matches!(opened, Err(TicketError::Unsure(_))), "{opened:?}");
        assert_eq!(github.find("01234567").unwrap()[0].number, "1347");
    });
}

#[test]
fn an_issue_is_named_by_its_number() {
    let ask = || request("GET /api/v3/repos/octocat/Hello-World/issues/7");
    let mut request_to_pull = issue(7, "x");
    request_to_pull["pull_request"] = json!({ "url": "https://api.github.com/" });
    let calls = vec![
        ask().answered(200, &issue(7, "x")),
        ask().answered(200, &request_to_pull),
        ask().answered(404, &refusal_of(404, "Not Found")),
        ask().answered(410, &refusal_of(410, "This issue was deleted")),
    ];
    asked(&github(), calls, |github, _| {
        assert_eq!(github.get(" #7").unwrap().unwrap().number, "7");
        for _ in 0..3 {
            assert_eq!(github.get("7").unwrap(), None);
        }
        assert_eq!(github.get("../7").unwrap(), None);
    });
}

#[test]
fn a_comment_is_said_once_and_a_duplicate_closed() {
    let ticket = Ticket { number: "7".into(), url: String::new() };
    let comments = |said: &Value| {
        request("GET /api/v3/repos/octocat/Hello-World/issues/7/comments")
            .query("per_page", "100")
            .answered(200, said)
    };
    let close = || {
        let wish = json!({ "state": "closed", "state_reason": "not_planned" });
        request("PATCH /api/v3/repos/octocat/Hello-World/issues/7").json(wish)
    };
    let mut closed = issue(7, "x");
    closed["state"] = "closed".into();
    let there = json!([{ "id": 1, "body": "has an issue" }]);
    let calls = vec![
        comments(&there),
        close().answered(200, &closed),
        comments(&there),
        close().answered(200, &issue(7, "x")),
    ];
    asked(&github(), calls, |github, _| {
        github.close(&ticket, "has an issue").unwrap();
        assert!(github.close(&ticket, "has an issue").is_err(), "it is still open");
    });
}

#[test]
fn every_refusal_says_what_to_do_and_keeps_the_token_to_itself() {
    for (status, message, word) in [
        (401, "Bad credentials", "`token`"),
        (403, "Resource not accessible by personal access token", "read and write issues"),
        (404, "Not Found", "`repository`"),
    ] {
        let document = refusal_of(status, &format!("{message} {TOKEN}"));
        let (reason, help) =
            refusal(filed(&github(), vec![by_label().answered(status, &document)]));
        assert!(reason.contains(message) && !reason.contains(TOKEN), "{reason}");
        assert!(help.contains(word), "{help}");
    }
}

#[test]
fn what_is_wrong_with_a_new_issue_is_named() {
    let label = ["collect-01234567"];
    let field =
        json!({ "value": "nobody", "resource": "Issue", "field": "assignees", "code": "invalid" });
    let mut invalid = refusal_of(422, "Validation Failed");
    invalid["errors"] = json!([field]);
    for (status, document, said, word) in [
        (410, refusal_of(410, "Issues are disabled for this repo"), "disabled", "switch issues on"),
        (422, invalid, "assignees", "`assignees`"),
    ] {
        let calls = vec![
            by_label().answered(200, &nothing()),
            newest().answered(200, &nothing()),
            repository(true),
            create(&label).answered(status, &document),
        ];
        let (reason, help) = refusal(filed(&github(), calls));
        assert!(reason.contains(said) && help.contains(word), "{reason} {help}");
    }
}

#[test]
fn github_is_asked_again_when_its_limits_let_it() {
    let label = ["collect-01234567"];
    let limited = |call: Call, status, headers: &str, message: &str| {
        call.answered_with(status, headers, &refusal_of(status, message))
    };
    let spent =
        "x-ratelimit-limit: 5000\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 1764000000\r\n";
    let primary = "API rate limit exceeded for user ID 1.";
    let secondary = "You have exceeded a secondary rate limit.";
    let calls = vec![
        limited(by_label(), 403, spent, primary),
        limited(by_label(), 429, "retry-after: 0\r\n", secondary),
        by_label().answered(200, &nothing()),
        newest().answered(200, &nothing()),
        repository(true),
        limited(create(&label), 403, "retry-after: 0\r\n", secondary),
        limited(create(&label), 403, "", secondary),
        create(&label).answered(201, &created(&label)),
        by_label().answered(200, &json!([created(&label)])),
    ];
    assert_eq!(filed(&github(), calls).unwrap().ticket.number, "1347");
}

#[test]
fn each_github_has_its_interface_in_its_own_place() {
    let interface = |url: &str| {
        super::interface(&TicketOptions { url: url.into(), ..TicketOptions::default() }).url
    };
    for public in ["", "https://github.com", "https://github.com/", "https://api.github.com"] {
        assert_eq!(interface(public), "https://api.github.com");
    }
    assert_eq!(interface("https://octocorp.ghe.com"), "https://api.octocorp.ghe.com");
    assert_eq!(interface("https://api.octocorp.ghe.com/"), "https://api.octocorp.ghe.com");
    let server = "https://github.example.com/api/v3";
    assert_eq!(interface("https://github.example.com"), server);
    assert_eq!(interface("https://github.example.com/api/v3/"), server);
    assert_eq!(interface("no address"), "no address");
}

#[test]
fn wrong_options_are_found_before_anything_is_collected() {
    let wrong = |github: &Github, url: &str| {
        let options = TicketOptions { url: url.into(), ..TicketOptions::default() };
        github.check(&options).into_iter().map(|invalid| invalid.option).collect::<Vec<_>>()
    };
    assert_eq!(wrong(&github(), ""), [""; 0]);
    assert_eq!(wrong(&github(), "http://github.example.com"), ["url"]);
    assert_eq!(wrong(&Github::default(), ""), ["token", "repository"]);
    for repository in ["octocat", "octocat/", "a/b/c", "../x", "a/b?c"] {
        let github = Github { repository: repository.into(), ..github() };
        assert_eq!(wrong(&github, ""), ["repository"], "{repository}");
    }
    assert_eq!(wrong(&Github { labels: vec!["a,b".into()], ..github() }, ""), ["labels"]);
}

#[test]
fn a_profile_can_say_all_that_there_is() {
    let profile = r#"
        use = "github"
        token = "made-up"
        repository = "octocat/Hello-World"
        labels = ["support"]
        assignees = ["octocat"]
        key-label = false
    "#;
    let sink = TicketSink::parse(profile).map_err(|error| panic!("{error}")).unwrap();
    let said = collect_core::Sink::destination(&sink);
    assert!(
        said.starts_with("GitHub repository \"octocat/Hello-World\" at api.github.com"),
        "{said}"
    );
}
