//! The sink against a server that misbehaves on purpose.

use super::*;
use crate::testing::{Follower, Reply, Server, answer, error};
use base64::{Engine, engine::general_purpose::STANDARD};
use collect_core::testkit::sealed;
use sha2::{Digest, Sha256};
use std::{
    net::TcpListener,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

mod function;

const TOKEN: &str = "Made-Up/1.0 (upload; 4711)";
const REFERER: &str = "https://product.example.com/report";
const NAME: &str = "example-20261123T104200Z-madeup.tar.xz.age";

/// Large enough that the kernel cannot take all of it at once.
const LARGE: usize = 24 << 20;

struct Case {
    follower: Follower,
    limits: Limits,
    schedule: Schedule,
    env: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            follower: Follower::default(),
            limits: Limits {
                verdict: Duration::from_millis(20),
                stall: Duration::from_millis(500),
                answer: Duration::from_millis(500),
            },
            schedule: Schedule {
                tries: 5,
                first_wait: Duration::from_millis(1),
                longest_wait: Duration::from_millis(50),
                all_waits: Duration::from_secs(5),
            },
            env: Vec::new(),
            body: b"age-encryption.org/v1 made up".to_vec(),
        }
    }
}

impl Case {
    fn large() -> Self {
        Self { body: vec![7; LARGE], ..Self::default() }
    }

    fn deliver(&self, options: &str) -> Result<Receipt, DeliveryError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        std::fs::write(&path, &self.body).unwrap();
        let bundle = sealed(&path).unwrap();
        let env = |name: &str| {
            let found = self.env.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let context = self.follower.context(folder.path(), &env);
        let result = sink(options).deliver_within(&bundle, &context, &self.limits, &self.schedule);
        if let Err(error) = &result {
            let said = format!("{error:?} {error} {:?}", self.follower.reasons());
            assert!(!said.contains("4711"), "the token is shown: {said}");
            assert!(!said.contains("MADEUPSECRET"), "a key is shown: {said}");
        }
        result
    }

    fn refused(&self, options: &str) -> (String, String) {
        match self.deliver(options) {
            Err(DeliveryError::Refused { reason, help }) => (reason, help.unwrap()),
            other => panic!("{other:?}"),
        }
    }

    fn unreachable(&self, options: &str) -> (String, String) {
        match self.deliver(options) {
            Err(DeliveryError::Unreachable { reason, help }) => (reason, help.unwrap()),
            other => panic!("{other:?}"),
        }
    }
}

fn sink(options: &str) -> S3 {
    let sink: S3 = toml::from_str(options).unwrap();
    assert_eq!(sink.check(), [], "{options}");
    sink
}

fn by_token(server: &Server) -> String {
    format!(
        "bucket = \"bugs\"\nendpoint = \"http://{}\"\npath-style = true\nupload-token = \"{TOKEN}\"\n\
         referer = \"{REFERER}\"",
        server.address
    )
}

fn by_keys(server: &Server) -> String {
    format!(
        "bucket = \"bugs\"\nregion = \"eu-central-1\"\nendpoint = \"http://{}\"\npath-style = true\n\
         access = \"keys\"",
        server.address
    )
}

fn keys() -> Case {
    Case {
        env: vec![
            ("AWS_ACCESS_KEY_ID", "AKIDMADEUP"),
            ("AWS_SECRET_ACCESS_KEY", "MADEUPSECRET"),
            ("AWS_SESSION_TOKEN", "MADEUPSECRETSESSION"),
        ],
        ..Case::default()
    }
}

#[test]
fn the_policy_of_the_bucket_sees_token_referer_length_and_checksum() {
    let server = Server::start([answer(200, "etag: \"abc\"\r\nx-amz-version-id: v1\r\n")]);
    let case = Case::default();
    let receipt = case.deliver(&by_token(&server)).unwrap();
    let seen = &server.seen()[0];
    assert_eq!(seen.line, format!("PUT /bugs/reports/example/2026/11/23/{NAME} HTTP/1.1"));
    assert_eq!(seen.headers["user-agent"], TOKEN);
    assert_eq!(seen.headers["referer"], REFERER);
    assert_eq!(seen.headers["content-length"], case.body.len().to_string());
    assert_eq!(seen.headers["if-none-match"], "*");
    assert_eq!(seen.headers["x-amz-meta-host"], "host-3k9w");
    assert_eq!(seen.headers["x-amz-meta-envelope"], "bWFkZSB1cA==");
    assert_eq!(seen.headers["x-amz-checksum-sha256"], STANDARD.encode(Sha256::digest(&case.body)));
    assert!(!seen.headers.contains_key("transfer-encoding"));
    assert!(!seen.headers.contains_key("authorization"));
    assert_eq!(seen.body, case.body);
    assert_eq!(
        receipt.location,
        format!("http://{}/bugs/reports/example/2026/11/23/{NAME}", server.address)
    );
    assert_eq!(receipt.reference.as_deref(), Some("v1"));
    assert_eq!(case.follower.most.load(Ordering::Relaxed), case.body.len() as u64);
}

#[test]
fn a_busy_server_and_a_broken_line_are_tried_again() {
    let server = Server::start([
        Reply::Answer(error(503, "SlowDown", "Please reduce your request rate")),
        Reply::Answer(error(503, "SlowDown", "")),
        Reply::Close(3 << 20),
        answer(200, ""),
    ]);
    let case = Case::large();
    case.deliver(&by_token(&server)).unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    assert_eq!(seen[3].body, case.body);
    let reasons = case.follower.reasons();
    assert!(reasons[0].contains("503 SlowDown: Please reduce"), "{reasons:?}");
    assert_eq!(reasons.len(), 3);
}

#[test]
fn a_server_that_stays_busy_is_given_up_with_its_words() {
    let server = Server::start((0..5).map(|_| Reply::Answer(error(503, "SlowDown", "wait"))));
    let (reason, help) = Case::default().unreachable(&by_token(&server));
    assert!(reason.contains("503 SlowDown: wait (tried 5 times)"), "{reason}");
    assert!(help.contains("later"));
}

#[test]
fn a_server_that_refuses_while_the_body_is_on_its_way_is_heard() {
    let no = || error(403, "AccessDenied", &format!("no {TOKEN}\u{1b}[2J"));
    let server = Server::start([Reply::Early(1 << 20, no()), Reply::Early(0, no())]);
    let (reason, help) = Case::large().refused(&by_token(&server));
    assert!(reason.ends_with("answered 403 AccessDenied: no …[2J"), "{reason}");
    assert!(help.contains("`upload-token`") && help.contains("`referer`"), "{help}");
}

#[test]
fn a_server_that_refuses_at_once_is_sent_no_body() {
    let server = Server::start([Reply::Refuse(error(403, "AccessDenied", ""))]);
    let mut case = Case::large();
    // Not waited for: the answer comes first.
    case.limits.verdict = Duration::from_mins(1);
    case.refused(&by_token(&server));
    assert_eq!(server.wait_for(1)[0].body.len(), 0);
}

#[test]
fn a_refusal_is_not_tried_again() {
    for (status, code) in [(403, "AccessDenied"), (404, "NoSuchBucket"), (400, "InvalidRequest")] {
        let server = Server::start([Reply::Answer(error(status, code, "")), answer(200, "")]);
        let (reason, _) = Case::default().refused(&by_token(&server));
        assert!(reason.contains(code), "{reason}");
        assert_eq!(server.seen().len(), 1);
    }
}

#[test]
fn an_object_that_is_there_already_is_not_overwritten_and_is_an_error() {
    let server = Server::start([answer(412, "")]);
    let (reason, help) = Case::default().refused(&by_token(&server));
    assert!(reason.contains("already"), "{reason}");
    assert!(help.contains(NAME), "{help}");
}

#[test]
fn a_bundle_that_arrived_although_the_answer_was_lost_is_delivered() {
    let server = Server::start([Reply::Swallow, answer(412, "")]);
    Case::default().deliver(&by_token(&server)).unwrap();
}

#[test]
fn a_bundle_that_an_earlier_run_delivered_before_it_was_killed_is_delivered() {
    let server = Server::start([answer(412, "")]);
    let mut case = Case::default();
    case.follower.tried_before = true;
    case.deliver(&by_token(&server)).unwrap();
}

#[test]
fn a_server_that_could_not_be_reached_has_not_stored_anything() {
    let case =
        Case { schedule: Schedule { tries: 1, ..Case::default().schedule }, ..Case::default() };
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options = format!(
        "bucket = \"bugs\"\nendpoint = \"http://{address}\"\npath-style = true\n\
         upload-token = \"{TOKEN}\"\nreferer = \"r\""
    );
    let (reason, help) = case.unreachable(&options);
    assert!(reason.contains("refused the connection"), "{reason}");
    assert!(help.contains("proxy"), "{help}");
}

#[test]
fn keys_recognise_their_own_bundle_by_its_checksum() {
    let case = keys();
    let ours = STANDARD.encode(Sha256::digest(&case.body));
    let server = Server::start([
        answer(412, ""),
        answer(200, &format!("x-amz-checksum-sha256: {ours}\r\netag: \"e\"\r\n")),
    ]);
    let receipt = case.deliver(&by_keys(&server)).unwrap();
    assert_eq!(receipt.reference.as_deref(), Some("e"));
    assert!(server.seen()[1].line.starts_with("HEAD "));
    let server =
        Server::start([answer(412, ""), answer(200, "x-amz-checksum-sha256: another\r\n")]);
    let (_, help) = keys().refused(&by_keys(&server));
    assert!(help.contains("another one"), "{help}");
}

#[test]
fn keys_sign_what_protects_the_object() {
    let server = Server::start([answer(200, "")]);
    let receipt = keys().deliver(&by_keys(&server)).unwrap();
    let line = &server.seen()[0].line;
    assert!(
        line.contains("/eu-central-1/s3/") || line.contains("%2Feu-central-1%2Fs3%2F"),
        "{line}"
    );
    assert!(line.contains("X-Amz-Security-Token=MADEUPSECRETSESSION"), "{line}");
    let signed = "X-Amz-SignedHeaders=host%3Bif-none-match%3Bx-amz-checksum-sha256\
                  %3Bx-amz-meta-envelope%3Bx-amz-meta-host&";
    assert!(line.contains(signed), "{line}");
    assert!(!receipt.location.contains('?'));
}

#[test]
fn keys_that_are_not_set_are_named() {
    let server = Server::start([]);
    let (reason, help) = Case::default().refused(&by_keys(&server));
    assert!(reason.contains("`AWS_ACCESS_KEY_ID`"), "{reason}");
    assert!(help.contains("collect send"));
}

#[test]
fn a_presigned_url_is_used_as_it_is_and_never_shown() {
    let server = Server::start([answer(200, ""), answer(403, ""), answer(412, "")]);
    let query = "X-Amz-Signature=MADEUPSECRET0123456789&X-Amz-SignedHeaders=host";
    let options = format!("presigned-url = \"http://{}/bugs/one%20key?{query}\"", server.address);
    let receipt = Case::default().deliver(&options).unwrap();
    assert_eq!(receipt.location, format!("http://{}/bugs/one%20key", server.address));
    let seen = &server.seen()[0];
    assert_eq!(seen.line, format!("PUT /bugs/one%20key?{query} HTTP/1.1"));
    // S3 refuses `x-amz-` headers that were not signed.
    assert!(!seen.headers.contains_key("x-amz-checksum-sha256"));
    assert!(!seen.headers.keys().any(|name| name.starts_with("x-amz-meta-")));
    let (_, help) = Case::default().refused(&options);
    assert!(help.contains("expired"), "{help}");
    let (_, help) = Case::default().refused(&options);
    assert!(help.contains("get a new one"), "{help}");
}

#[test]
fn a_presigned_url_for_any_key_proves_nothing_when_the_key_is_taken() {
    let server = Server::start([answer(503, ""), answer(412, "")]);
    Case::default().refused(&format!("presigned-url = \"http://{}/bugs/key\"", server.address));
}

#[test]
fn a_server_that_reads_no_more_is_left_and_tried_again() {
    let server = Server::start([Reply::Stall, answer(200, "")]);
    let case = Case::large();
    case.deliver(&by_token(&server)).unwrap();
    let reasons = case.follower.reasons();
    assert!(reasons[0].contains("took no more bytes"), "{reasons:?}");
}

#[test]
fn a_server_that_never_answers_is_left_and_tried_again() {
    let server = Server::start([Reply::Mute, answer(200, "")]);
    let case = Case::default();
    case.deliver(&by_token(&server)).unwrap();
    let reasons = case.follower.reasons();
    assert!(reasons[0].contains("gave no answer"), "{reasons:?}");
}

#[test]
fn the_server_says_when_to_come_back_within_reason() {
    let server = Server::start([
        answer(429, "retry-after: 0\r\n"),
        answer(503, "retry-after: 86400\r\n"),
        answer(200, ""),
    ]);
    let case = Case::default();
    case.deliver(&by_token(&server)).unwrap();
    let waits = case.follower.retries.lock().unwrap();
    assert!(waits[0].1 < Duration::from_millis(50), "{waits:?}");
    assert!(waits[1].1 >= Duration::from_millis(50), "{waits:?}");
    assert!(waits[1].1 < Duration::from_secs(1), "{waits:?}");
}

#[test]
fn a_changed_body_gets_one_second_chance() {
    let bad = || Reply::Answer(error(400, "BadDigest", ""));
    let server = Server::start([bad(), answer(200, "")]);
    Case::default().deliver(&by_token(&server)).unwrap();
    let server = Server::start([bad(), bad(), answer(200, "")]);
    let (_, help) = Case::default().refused(&by_token(&server));
    assert!(help.contains("proxy"), "{help}");
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn redirects_are_explained_and_not_followed() {
    let elsewhere = Server::start([answer(200, "")]);
    let location = format!("location: http://{}/bugs/x\r\n", elsewhere.address);
    for status in [301, 303, 307] {
        let server = Server::start([answer(status, &location)]);
        let (_, help) = Case::default().refused(&by_token(&server));
        assert!(help.contains("`endpoint`"), "{help}");
    }
    assert_eq!(elsewhere.seen().len(), 0);
}

#[test]
fn a_user_who_stops_is_obeyed_at_once() {
    let server = Server::start([Reply::Stall]);
    let case = Case::large();
    case.follower.stop.store(true, Ordering::Relaxed);
    let begun = Instant::now();
    let result = case.deliver(&by_token(&server));
    assert!(matches!(result, Err(DeliveryError::Stopped)), "{result:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    let server = Server::start([answer(503, "")]);
    let mut case = Case::default();
    case.follower.stop_at_retry = true;
    let result = case.deliver(&by_token(&server));
    assert!(matches!(result, Err(DeliveryError::Stopped)), "{result:?}");
}

#[test]
fn a_bundle_that_shrank_is_an_error_of_reading() {
    let server = Server::start([Reply::Answer(String::new())]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    std::fs::write(&path, vec![7; LARGE]).unwrap();
    let bundle = sealed(&path).unwrap();
    std::fs::write(&path, "short").unwrap();
    let follower = Follower::default();
    let context = follower.context(folder.path(), &|_| None);
    let result = sink(&by_token(&server)).deliver(&bundle, &context);
    assert!(matches!(result, Err(DeliveryError::Read(_))), "{result:?}");
}

#[test]
fn a_proxy_gets_its_password_but_never_the_token() {
    let proxy = Server::start([answer(407, "")]);
    let options = format!(
        "bucket = \"bugs\"\nendpoint = \"https://s3.example.com\"\nupload-token = \"{TOKEN}\"\n\
         referer = \"r\"\nproxy = \"http://me:MADEUPSECRET@{}\"",
        proxy.address
    );
    let (reason, _) = Case::default().refused(&options);
    assert!(reason.contains("proxy"), "{reason}");
    let seen = &proxy.seen()[0];
    assert_eq!(seen.line, "CONNECT bugs.s3.example.com:443 HTTP/1.1");
    let expected = format!("Basic {}", STANDARD.encode("me:MADEUPSECRET"));
    assert_eq!(seen.headers["proxy-authorization"], expected);
    assert!(!format!("{seen:?}").contains("4711"), "{seen:?}");
    assert_eq!(sink(&options).secrets().len(), 2);
}

#[test]
fn what_goes_to_this_host_goes_through_no_proxy() {
    let (proxy, server) = (Server::start([answer(200, "")]), Server::start([answer(200, "")]));
    let options = format!("{}\nproxy = \"http://{}\"", by_token(&server), proxy.address);
    Case::default().deliver(&options).unwrap();
    assert_eq!((proxy.seen().len(), server.seen().len()), (0, 1));
}

#[test]
fn wrong_options_are_found_before_anything_is_collected() {
    let good = "bucket = \"bugs\"\nregion = \"eu-central-1\"\n";
    for (options, option) in [
        (format!("{good}upload-token = \"made-up\""), "referer"),
        (good.to_owned(), "access"),
        (
            format!(
                "{good}upload-token = \"made-up\"\nreferer = \"r\"\npresigned-url = \"https://h/\""
            ),
            "access",
        ),
        (format!("{good}access = \"keys\"\nupload-token = \"made-up\""), "access"),
        (format!("{good}access = \"token\""), "access"),
        (format!("{good}access = \"keys\"\nendpoint = \"http://s3.example.com\""), "endpoint"),
        ("access = \"keys\"\nregion = \"eu-central-1\"".to_owned(), "bucket"),
        ("presigned-url = \"http://s3.example.com/b/k?made-up\"".to_owned(), "presigned-url"),
        (format!("{good}upload-token = \"made\\nup\"\nreferer = \"r\""), "upload-token"),
        (format!("{good}access = \"keys\"\nproxy = \"ftp://me:made-up@h\""), "proxy"),
    ] {
        let wrong = toml::from_str::<S3>(&options).unwrap().check();
        let named: Vec<_> = wrong.iter().map(|wrong| wrong.option).collect();
        assert_eq!(named, [option], "{options}");
        assert!(wrong[0].help.is_some());
        assert!(!format!("{wrong:?}").contains("made-up"), "{wrong:?}");
    }
}

#[test]
fn plain_http_is_refused_for_a_url_that_is_only_known_at_delivery() {
    let case = Case {
        env: vec![("UPLOAD_URL", "http://s3.example.com/b/k?MADEUPSECRET")],
        ..Case::default()
    };
    let (reason, _) = case.refused("presigned-url = { env = \"UPLOAD_URL\" }");
    assert!(reason.contains("not safe"), "{reason}");
}

#[test]
fn the_destination_is_named_without_credentials() {
    let named = |options: &str| sink(options).destination();
    assert_eq!(
        named("bucket = \"bugs\"\nregion = \"eu-central-1\"\naccess = \"keys\""),
        "S3 bucket \"bugs\" at s3.eu-central-1.amazonaws.com"
    );
    assert_eq!(
        named("presigned-url = \"https://s3.example.com/b/k?made-up\""),
        "an S3 bucket at s3.example.com, by a presigned URL"
    );
}
