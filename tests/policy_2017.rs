//! The policy of 2017 that the one that ships comes from, by the same matrix: it fails where it is
//! known to be wrong. So the matrix can tell a good policy from a bad one.

use crate::kit::{
    CONSOLE, UPLOAD_TOKEN,
    live::judge,
    matrix::{Cell, Operation, Referer, Token, Verdict, cells, differences},
    needs,
    oracle::{ask, no_oracle},
    policy::{for_seaweed, of_2017},
};
use serde_json::json;

/// The token that its first statement names, and nothing else does.
const MISTYPED: &str = "made-up-upload-token-3f9c1b7f";

/// The cells that differ, on a real server.
fn on_the_server(uploader: &str) -> Vec<String> {
    let policy = for_seaweed(&of_2017(uploader));
    let cells = cells();
    differences(&cells, &judge(&policy, &cells, None), Cell::is_right)
}

/// The cells that differ by AWS's rules; with `by_console`, for an administrator of the account.
fn by_the_rules(uploader: &str, by_console: bool) -> Vec<(Cell, Verdict)> {
    let policies = json!({ "2017": of_2017(uploader) });
    let administrator = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }],
    });
    let signer = by_console.then_some(("arn:aws:iam::111122223333:role/console", &administrator));
    let cells = cells();
    let questions: Vec<_> = cells.iter().map(|cell| cell.question("2017", signer)).collect();
    let verdicts = ask(&policies, &questions);
    cells
        .into_iter()
        .zip(verdicts)
        .filter(|(cell, verdict)| (*verdict == Verdict::Allowed) != cell.is_right())
        .collect()
}

fn is_upload(cell: &Cell, operation: Operation) -> bool {
    cell.operation == operation
        && cell.token == Token::Upload
        && cell.referer == Referer::Right
        && cell.https
}

#[test]
fn with_the_policy_of_2017_a_real_server_lets_nobody_upload() {
    needs!("weed", "openssl", "curl");
    let differing = on_the_server(MISTYPED);
    let has = |line: &str| assert!(differing.iter().any(|cell| cell == line), "{differing:#?}");
    has("PUT new, upload token, right Referer, https: refused, should be allowed");
    has("LIST, desk token, right Referer, https: refused, should be allowed");
    has("GET, desk token, no Referer, https: allowed, should be refused");
    has("DELETE, desk token, wrong Referer, http: allowed, should be refused");
    let on_http = "GET, desk token, right Referer, http: allowed, should be refused";
    assert!(!differing.iter().any(|cell| cell == on_http), "{differing:#?}");
}

#[test]
fn with_the_policy_of_2017_and_its_token_mended_a_real_server_takes_uploads_anywhere() {
    needs!("weed", "openssl", "curl");
    let differing = on_the_server(UPLOAD_TOKEN);
    let has = |line: &str| assert!(differing.iter().any(|cell| cell == line), "{differing:#?}");
    has("PUT outside reports/, upload token, right Referer, https: allowed, should be refused");
    has("PUT new, upload token, right Referer, http: allowed, should be refused");
    assert!(!differing.iter().any(|cell| cell.starts_with("PUT new") && cell.contains("https")));
}

#[test]
fn with_the_policy_of_2017_a_real_server_lets_every_administrator_replace_the_policy() {
    needs!("weed", "openssl", "curl");
    let policy = for_seaweed(&of_2017(MISTYPED));
    let cells: Vec<_> = cells()
        .into_iter()
        .filter(|cell| cell.token == Token::None && cell.referer == Referer::None)
        .filter(|cell| !cell.operation.of_an_object())
        .collect();
    let verdicts = judge(&policy, &cells, Some(CONSOLE));
    let differing = differences(&cells, &verdicts, Cell::is_right);
    let has = |line: &str| assert!(differing.iter().any(|cell| cell == line), "{differing:#?}");
    has("PUT ?policy, no token, no Referer, http: allowed, should be refused");
    has("GET ?policy, no token, no Referer, http: allowed, should be refused");
    has("LIST, no token, no Referer, https: allowed, should be refused");
}

#[test]
fn by_the_rules_of_aws_the_policy_of_2017_fails_where_it_is_known_to_be_wrong() {
    if no_oracle() {
        return;
    }
    let literal = by_the_rules(MISTYPED, false);
    let is = |found: &[(Cell, Verdict)], wanted: &dyn Fn(&Cell) -> bool, verdict: Verdict| {
        found.iter().any(|(cell, found)| wanted(cell) && *found == verdict)
    };
    let refused = |wanted: &dyn Fn(&Cell) -> bool| is(&literal, wanted, Verdict::Refused);
    assert!(refused(&|cell| is_upload(cell, Operation::PutNew)), "nobody can upload");
    assert!(
        refused(&|cell| cell.operation == Operation::List && cell.token == Token::Desk),
        "the desk cannot list"
    );
    let allowed = |wanted: &dyn Fn(&Cell) -> bool| is(&literal, wanted, Verdict::Allowed);
    assert!(
        allowed(&|cell| cell.operation == Operation::Get && cell.referer == Referer::None),
        "the desk token needs no Referer"
    );
    assert!(
        allowed(&|cell| cell.operation == Operation::Delete && !cell.https),
        "only GET is denied over http"
    );
    assert!(
        !allowed(&|cell| cell.operation == Operation::Get && !cell.https),
        "GET is denied over http"
    );

    let mended = by_the_rules(UPLOAD_TOKEN, false);
    for operation in [Operation::PutOverwrite, Operation::PutElsewhere, Operation::StartUpload] {
        assert!(
            is(&mended, &|cell| is_upload(cell, operation), Verdict::Allowed),
            "the upload token may do {operation:?}"
        );
    }

    let signed = by_the_rules(MISTYPED, true);
    for operation in [Operation::GetPolicy, Operation::PutPolicy, Operation::List] {
        let open =
            |cell: &Cell| cell.operation == operation && cell.token == Token::None && !cell.https;
        assert!(is(&signed, &open, Verdict::Allowed), "{operation:?} is open to administrators");
    }
    // The role of a function is denied by what is meant for others: it has no token.
    assert!(
        !is(
            &signed,
            &|cell| cell.operation == Operation::Get && cell.token == Token::None,
            Verdict::Allowed
        ),
        "a function cannot read a report"
    );
}
