//! The bucket's policy, as it ships: every combination of token, Referer, scheme and operation, on a
//! real server and by AWS's documented rules.

use crate::kit::{
    CONSOLE, DEPLOY, DESK_TOKEN, REFERER, Seaweed, UPLOAD_TOKEN,
    live::{Answer, Request, judge, send},
    matrix::{Cell, Operation, Referer, Token, Verdict, cells, differences},
    needs,
    oracle::{ask, no_oracle},
    policy::{ACCOUNT, BUCKET, for_seaweed, shipped},
};
use serde_json::{Value, json};

/// The key of a report.
pub(crate) const REPORT: &str = "reports/shop/2026/11/23/shop-1.tar.xz.age";

/// No line, or all of them.
fn none(differences: &[String]) {
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

/// The ARN of a role.
pub(crate) fn arn(role: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{role}")
}

/// The policy of someone who may do all that an account can let them.
pub(crate) fn administrator() -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }],
    })
}

#[test]
fn a_real_server_lets_in_what_is_right_and_nothing_else() {
    needs!("weed", "openssl", "curl");
    let policy = for_seaweed(&shipped()["reports"]);
    let cells = cells();
    assert_eq!(cells.len(), 456);
    let verdicts = judge(&policy, &cells, None);
    none(&differences(&cells, &verdicts, Cell::is_right));
}

#[test]
fn a_real_server_lets_an_administrator_of_the_account_do_nothing() {
    needs!("weed", "openssl", "curl");
    let policy = for_seaweed(&shipped()["reports"]);
    let cells: Vec<_> = without_token()
        // SeaweedFS does not ask the policy about a signed deletion of several objects.
        .filter(|cell| cell.operation != Operation::MultiDelete)
        .collect();
    let verdicts = judge(&policy, &cells, Some(CONSOLE));
    none(&differences(&cells, &verdicts, |_| false));
    let verdicts = judge(&policy, &cells, Some(DEPLOY));
    let allowed = verdicts.iter().filter(|verdict| **verdict == Verdict::Allowed).count();
    assert!(allowed > 10, "the role that deploys gets in by the same requests: {verdicts:?}");
}

/// Requests as the console and the command line send them.
fn without_token() -> impl Iterator<Item = Cell> {
    cells().into_iter().filter(|cell| cell.token == Token::None && cell.referer == Referer::None)
}

#[test]
fn by_the_rules_of_aws_what_is_right_is_let_in_and_nothing_else() {
    if no_oracle() {
        return;
    }
    let policies = json!({ "reports": shipped()["reports"] });
    let cells = cells();
    let questions: Vec<_> = cells.iter().map(|cell| cell.question("reports", None)).collect();
    none(&differences(&cells, &ask(&policies, &questions), Cell::is_right));
}

#[test]
fn what_the_real_server_gets_means_the_same() {
    if no_oracle() {
        return;
    }
    let shipped = &shipped()["reports"];
    let policies = json!({ "shipped": shipped, "projected": for_seaweed(shipped) });
    let cells: Vec<_> = cells()
        .into_iter()
        // What the statement that is left out decides.
        .filter(|cell| !matches!(cell.operation, Operation::PutOverwrite | Operation::StartUpload))
        .collect();
    let by = |policy: &str| {
        ask(&policies, &cells.iter().map(|cell| cell.question(policy, None)).collect::<Vec<_>>())
    };
    assert_eq!(by("shipped"), by("projected"));
}

#[test]
fn by_the_rules_of_aws_an_administrator_of_the_account_can_do_no_more_than_anyone() {
    if no_oracle() {
        return;
    }
    let policies = json!({ "reports": shipped()["reports"] });
    let (arn, policy) = (arn("console"), administrator());
    let cells = cells();
    let questions: Vec<_> =
        cells.iter().map(|cell| cell.question("reports", Some((&arn, &policy)))).collect();
    // With a token, what the token may; without one, nothing.
    none(&differences(&cells, &ask(&policies, &questions), Cell::is_right));
}

#[test]
fn by_the_rules_of_aws_a_token_leads_nowhere_but_to_reports() {
    if no_oracle() {
        return;
    }
    let policies = json!({ "reports": shipped()["reports"] });
    let arn = arn("console");
    let question = |(token, action, key): (&str, &str, &str)| {
        json!({
            "policy": "reports", "account": ACCOUNT, "principal": arn, "identity": administrator(),
            "action": action, "resource": format!("arn:aws:s3:::{BUCKET}/{key}"),
            "context": {
                "aws:SecureTransport": "true", "aws:PrincipalArn": arn,
                "aws:UserAgent": token, "aws:Referer": REFERER,
            },
        })
    };
    let elsewhere = [
        (DESK_TOKEN, "s3:GetObject", "secret/plans.txt"),
        (DESK_TOKEN, "s3:DeleteObject", "secret/plans.txt"),
        (DESK_TOKEN, "s3:GetObject", "reports"),
        (UPLOAD_TOKEN, "s3:PutObject", "reports/shop/new.txt"),
    ];
    for (place, verdict) in elsewhere.iter().zip(ask(&policies, &elsewhere.map(question))) {
        assert_eq!(verdict, Verdict::Refused, "{place:?}");
    }
    let there = (DESK_TOKEN, "s3:GetObject", REPORT);
    assert_eq!(ask(&policies, &[question(there)]), [Verdict::Allowed]);
}

#[test]
fn by_the_rules_of_aws_who_deploys_is_not_locked_out() {
    if no_oracle() {
        return;
    }
    let policies = json!({ "reports": shipped()["reports"] });
    let policy = administrator();
    let cells: Vec<_> = without_token().collect();
    // The caller, whose role has a path that its session does not show, and one that was named.
    for role in ["deploy", "teams/deploy", "operations"] {
        let arn = arn(role);
        let questions: Vec<_> =
            cells.iter().map(|cell| cell.question("reports", Some((&arn, &policy)))).collect();
        let overwrites = |cell: &Cell| {
            matches!(cell.operation, Operation::PutOverwrite | Operation::StartUpload)
        };
        none(&differences(&cells, &ask(&policies, &questions), |cell| {
            cell.https && !overwrites(cell)
        }));
    }
    for stranger in ["deployer", "teams/operations", "deploy/other"] {
        let arn = arn(stranger);
        let questions: Vec<_> =
            cells.iter().map(|cell| cell.question("reports", Some((&arn, &policy)))).collect();
        none(&differences(&cells, &ask(&policies, &questions), |_| false));
    }
}

/// A request of somebody with a token and the right Referer.
fn by(token: &str, method: &'static str, url: String) -> Request {
    Request {
        method,
        url,
        agent: Some(token.to_owned()),
        referer: Some(REFERER.to_owned()),
        headers: vec!["if-none-match: *".to_owned()],
        body: b"a report".to_vec(),
        ..Request::default()
    }
}

fn one(server: &Seaweed, request: Request) -> Answer {
    send(&server.ca_file(), &[request]).remove(0)
}

#[test]
fn a_token_or_a_referer_that_is_only_nearly_right_is_refused() {
    needs!("weed", "openssl", "curl");
    let server = Seaweed::start();
    let url = |name: &str| format!("{}/reports/shop/{name}.age", server.bucket_url());
    let upload = |agent: &str, referer: &str, name: &str| Request {
        referer: Some(referer.to_owned()),
        ..by(agent, "PUT", url(name))
    };
    let nearly = [
        upload(&format!("{UPLOAD_TOKEN} collect/1.0"), REFERER, "suffix"),
        upload(&format!("curl {UPLOAD_TOKEN}"), REFERER, "prefix"),
        upload(&UPLOAD_TOKEN.to_uppercase(), REFERER, "case"),
        upload(UPLOAD_TOKEN, &format!("{REFERER}/"), "slash"),
        upload(UPLOAD_TOKEN, &REFERER.to_uppercase(), "referer-case"),
        upload("*", REFERER, "star"),
        upload(UPLOAD_TOKEN, "*", "referer-star"),
    ];
    for (request, answer) in nearly.iter().zip(send(&server.ca_file(), &nearly)) {
        assert_eq!(answer.status, 403, "{request:?}: {}", answer.body);
    }
    assert_eq!(server.keys(), [""; 0]);
    let right = one(&server, upload(UPLOAD_TOKEN, REFERER, "right"));
    assert_eq!(right.status, 200, "{}", right.body);
}

#[test]
fn a_token_is_valid_as_long_as_it_is_in_the_list() {
    needs!("weed", "openssl", "curl");
    let server = Seaweed::start();
    let [older_upload, older_desk] = crate::kit::terraform::OLDER_TOKENS;
    let url = format!("{}/reports/shop/older.age", server.bucket_url());
    assert_eq!(one(&server, by(older_upload, "PUT", url.clone())).status, 200);
    let mut get = by(older_desk, "GET", url);
    get.headers.clear();
    let got = one(&server, get);
    assert_eq!((got.status, &*got.body), (200, "a report"));
}

#[test]
fn paths_copies_and_forms_lead_nowhere() {
    needs!("weed", "openssl", "curl");
    let server = Seaweed::start();
    server.put("reports/shop/there.age", b"a report");
    server.put("secret/plans.txt", b"plans");
    let bucket = server.bucket_url();
    let mut copy = by(UPLOAD_TOKEN, "PUT", format!("{bucket}/reports/shop/copy.age"));
    copy.headers.push(format!("x-amz-copy-source: {BUCKET}/secret/plans.txt"));
    copy.body.clear();
    let mut copy_report = copy.clone();
    copy_report.headers[1] = format!("x-amz-copy-source: {BUCKET}/reports/shop/there.age");
    let mut form = by(UPLOAD_TOKEN, "POST", format!("{bucket}/"));
    form.headers.clear();
    form.also = vec![
        r#"form = "key=reports/shop/form.age""#.to_owned(),
        r#"form = "file=a report""#.to_owned(),
    ];
    let mut parts = by(UPLOAD_TOKEN, "PUT", format!("{bucket}/reports/shop/note.age.ticket.json"));
    parts.headers.clear();
    let put = |path: &str| by(UPLOAD_TOKEN, "PUT", format!("{bucket}/{path}"));
    let get = |path: &str| {
        let mut request = by(DESK_TOKEN, "GET", format!("{bucket}/{path}"));
        request.headers.clear();
        request
    };
    let requests = [
        copy,
        copy_report,
        form,
        parts,
        put("reports/../secret/new.age"),
        put("reports/%2e%2e/secret/new.age"),
        put("reports/shop/new.txt"),
        put("Reports/shop/new.age"),
        get("secret/plans.txt"),
        get("reports/../secret/plans.txt"),
        get("reports/%2e%2e/secret/plans.txt"),
    ];
    for (request, answer) in requests.iter().zip(send(&server.ca_file(), &requests)) {
        assert!(
            (400..500).contains(&answer.status),
            "{} {}: {} {}",
            request.method,
            request.url,
            answer.status,
            answer.body
        );
        assert!(!answer.body.contains("plans\n"), "{}", answer.body);
    }
    assert_eq!(server.keys(), ["reports/shop/there.age", "secret/plans.txt"]);
}

#[test]
fn a_blocked_address_is_refused_while_its_neighbour_is_served() {
    needs!("weed", "openssl", "curl");
    let server = Seaweed::start();
    let from = |address, name: &str| Request {
        from: Some(address),
        ..by(UPLOAD_TOKEN, "PUT", format!("{}/reports/shop/{name}.age", server.bucket_url()))
    };
    assert_eq!(one(&server, from("127.0.0.9", "blocked")).status, 403);
    assert_eq!(one(&server, from("127.0.0.8", "neighbour")).status, 200);
    assert_eq!(server.keys(), ["reports/shop/neighbour.age"]);
}
