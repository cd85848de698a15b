//! What an address of one's own sees.

use super::*;
use crate::{
    http::upload::Limits,
    testing::{Follower, IMPATIENT, Memory, Reply, Seen, Server, json, submit, text},
};
use collect_core::ticket::Filed;
use std::{path::Path, time::Duration};

const SECRET: &str = "made-up-webhook-secret";
const FILE: Memory = Memory(b"sealed bytes");

fn told(bundle: Bundle, replies: Vec<Reply>) -> (Result<Filed, DeliveryError>, Vec<Seen>) {
    let server = Server::start(replies);
    let follower = Follower::default();
    let env = |_: &str| None;
    let context = follower.context(Path::new("/"), &env);
    let options = TicketOptions {
        url: format!("http://{}/hooks/made-up", server.address),
        ..Default::default()
    };
    let mut api = Api::new(&options, &context, |_| None).unwrap().with_any_answer();
    api.schedule = IMPATIENT;
    api.limits = Limits { verdict: Duration::from_millis(1), ..Limits::default() };
    let address = Address { bundle, secret: Secret::new(SECRET), api };
    let filed = submit(&address, &FILE, &follower);
    (filed, server.seen())
}

fn ok() -> Reply {
    Reply::Answer(text(200, "", "ok"))
}

/// Checks a request as the page of the plugin tells its receiver to.
fn verify(seen: &Seen) {
    let header = |name: &str| seen.headers[&format!("x-collect-{name}")].as_str();
    let digest = hexadecimal(&Sha256::digest(&seen.body));
    assert_eq!(header("digest"), digest);
    let age = Timestamp::now().as_second() - header("timestamp").parse::<i64>().unwrap();
    assert!((0..60).contains(&age));
    let signed =
        format!("v1.{}.{}.{}.{digest}", header("timestamp"), header("event"), header("key"));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    assert_eq!(header("signature"), format!("v1={}", hexadecimal(&mac.finalize().into_bytes())));
}

#[test]
fn a_report_and_its_bundle_come_signed() {
    let made = json(201, &json!({ "number": 12, "url": "https://desk.example.com/12" }));
    let (filed, seen) = told(Bundle::Send, vec![made, ok()]);
    let filed = filed.unwrap();
    assert_eq!(filed.ticket.number, "12");
    assert_eq!(filed.ticket.url, "https://desk.example.com/12");
    assert!(filed.attached);
    seen.iter().for_each(verify);
    let report: Value = serde_json::from_slice(&seen[0].body).unwrap();
    assert_eq!(report["key"], "01234567");
    assert_eq!(report["file"]["name"], Memory::NAME);
    assert_eq!(report["file"]["sha256"], hexadecimal(&FILE.sha256().unwrap()));
    assert_eq!(seen[1].headers["x-collect-event"], "bundle");
    assert_eq!(seen[1].headers["x-collect-file"], Memory::NAME);
    assert_eq!(seen[1].body, b"sealed bytes");
    assert_eq!(seen[1].line, "POST /hooks/made-up HTTP/1.1");
}

#[test]
fn a_lost_answer_brings_the_same_report_again() {
    let (filed, seen) = told(Bundle::Send, vec![Reply::Swallow, ok(), Reply::Close(3), ok()]);
    let filed = filed.unwrap();
    assert_eq!(filed.ticket.number, "01234567", "it said none");
    assert!(!filed.ticket.url.contains("hooks"), "the path may be a secret");
    assert_eq!(seen[0].body, seen[1].body);
    verify(&seen[3]);
}

#[test]
fn without_a_place_for_the_bundle_a_link_cannot_be_sent() {
    let (filed, seen) = told(Bundle::Link, Vec::new());
    assert!(filed.unwrap_err().to_string().contains("it takes no files"));
    assert_eq!(seen.len(), 0);
}
