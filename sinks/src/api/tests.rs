//! What becomes of the options and of what servers say.

use super::*;
use crate::testing::Follower;
use std::path::Path;

fn options(url: &str) -> TicketOptions {
    TicketOptions { url: url.into(), ..TicketOptions::default() }
}

#[test]
fn what_is_asked_for_stands_below_the_address_that_was_given() {
    let follower = Follower::default();
    let context = follower.context(Path::new("/"), &|_| None);
    for given in ["https://desk.example.com/redmine", "https://desk.example.com/redmine/"] {
        let api = Api::new(&options(given), &context, |_| None).unwrap();
        assert_eq!(
            api.url("issues/1.json").as_str(),
            "https://desk.example.com/redmine/issues/1.json"
        );
        assert_eq!(api.url("").as_str(), given);
    }
}

#[test]
fn the_password_of_a_proxy_is_a_secret() {
    let proxy = Some("http://me:made-up-password@proxy.example.com:3128".to_owned());
    let options = TicketOptions { proxy, ..options("https://desk.example.com") };
    let found = secrets(&options, None);
    assert!(matches!(&found[..], [collect_core::secret::SecretSource::Literal(secret)]
        if secret.reveal() == "made-up-password"));
    assert!(check(&options).is_empty());
}

#[test]
fn what_servers_say_is_found_in_the_members_that_they_use() {
    let said = |text: &str| {
        let answer = Answer {
            status: reqwest::StatusCode::BAD_REQUEST,
            headers: HeaderMap::new(),
            text: text.into(),
        };
        let failed = refusal::explain(&answer, "desk", &Mask::default(), |_| None);
        failed.error.to_string()
    };
    assert_eq!(said(r#"{"errors":["a","b"]}"#), "`desk` answered 400: a; b");
    assert_eq!(said(r#"{"errorMessages":[],"errors":{"project":"c"}}"#), "`desk` answered 400: c");
    assert_eq!(said(r#"{"error":{"msg":"d"},"message":"e"}"#), "`desk` answered 400: d; e");
    assert_eq!(
        said(r#"{"error":"f","details":{"value":[{"description":"is blank"}],"base":[]}}"#),
        "`desk` answered 400: f; value: is blank"
    );
    assert_eq!(said("<html>oh</html>"), "`desk` answered 400");
}
