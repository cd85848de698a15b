//! The way in by `upload-url`: the function is asked, and what it hands out is posted.

use super::*;

/// What the function answers; the form is to be posted to `server`.
fn form(server: &Server, field: &str) -> Reply {
    let form = format!(
        "{{\"url\":\"http://{}/bugs\",\"expires\":\"2026-11-23T10:52:05Z\",\"fields\":{{\
         \"key\":\"reports/a\",\"x-amz-security-token\":\"{field}\"}}}}",
        server.address
    );
    Reply::Answer(format!("HTTP/1.1 200 X\r\ncontent-length: {}\r\n\r\n{form}", form.len()))
}

fn by_function(server: &Server) -> String {
    format!("upload-url = \"http://{}/\"", server.address)
}

#[test]
fn the_form_of_the_function_is_posted_with_the_bundle_last() {
    let bucket = Server::start([answer(204, "etag: \"abc\"\r\n")]);
    let function = Server::start([form(&bucket, "MADEUPSECRET")]);
    let case = Case::default();
    let receipt = case.deliver(&by_function(&function)).unwrap();
    assert_eq!(receipt.location, format!("http://{}/bugs/reports/a", bucket.address));
    assert_eq!(receipt.reference.as_deref(), Some("abc"));

    let asked = &function.seen()[0];
    let sha256 = STANDARD.encode(Sha256::digest(&case.body));
    let wish = format!(
        "{{\"envelope\":\"bWFkZSB1cA==\",\"host\":\"host-3k9w\",\"name\":\"{NAME}\",\"sha256\":\"{sha256}\",\"size\":{}}}",
        case.body.len()
    );
    assert_eq!(String::from_utf8_lossy(&asked.body), wish);
    let posted = &bucket.seen()[0];
    assert_eq!(posted.line, "POST /bugs HTTP/1.1");
    assert_eq!(posted.headers["content-length"], posted.body.len().to_string());
    let boundary = posted.headers["content-type"].split_once("boundary=").unwrap().1;
    let text = String::from_utf8_lossy(&posted.body);
    let parts: Vec<_> = text.split(&format!("--{boundary}")).collect();
    assert_eq!(parts.len(), 5, "{text}");
    assert!(parts[1].contains("name=\"key\"\r\n\r\nreports/a\r\n"), "{text}");
    assert!(parts[2].contains("name=\"x-amz-security-token\""), "{text}");
    assert!(parts[3].contains("name=\"file\""), "{text}");
    assert!(parts[3].ends_with(&format!("\r\n\r\n{}\r\n", String::from_utf8_lossy(&case.body))));
    assert_eq!(parts[4], "--\r\n");
}

#[test]
fn each_try_asks_for_a_form_of_its_own() {
    let bucket = Server::start([Reply::Close(0), answer(204, "")]);
    let function = Server::start([form(&bucket, "one"), form(&bucket, "two")]);
    Case::default().deliver(&by_function(&function)).unwrap();
    let posted = bucket.seen();
    let with = |seen: &crate::testing::Seen, word: &str| {
        String::from_utf8_lossy(&seen.body).contains(&format!("\r\n\r\n{word}\r\n"))
    };
    assert!(with(&posted[1], "two") && !with(&posted[1], "one"));
}

#[test]
fn a_function_that_says_later_is_asked_later() {
    let bucket = Server::start([answer(204, "")]);
    let function = Server::start([
        answer(429, "retry-after: 0\r\n"),
        answer(503, ""),
        form(&bucket, "MADEUPSECRET"),
    ]);
    let case = Case::default();
    case.deliver(&by_function(&function)).unwrap();
    let reasons = case.follower.reasons();
    assert!(reasons[0].contains("429") && reasons[1].contains("503"), "{reasons:?}");
}

#[test]
fn what_the_function_says_against_it_is_passed_on() {
    let text = "{\"error\":\"the bundle has 900 bytes\\u001b[2J\",\"help\":\"lower `size`\"}";
    let refusal = format!("HTTP/1.1 413 X\r\ncontent-length: {}\r\n\r\n{text}", text.len());
    let function = Server::start([Reply::Answer(refusal)]);
    let (reason, help) = Case::default().refused(&by_function(&function));
    assert!(reason.ends_with("answered 413: the bundle has 900 bytes[2J"), "{reason}");
    assert_eq!(help, "lower `size`");
}

#[test]
fn what_is_no_form_is_not_followed() {
    for text in [
        "<html>a portal</html>",
        "{\"url\":\"http://192.0.2.1/\",\"fields\":{}}",
        "{\"url\":\"https://bugs.example.com/\",\"fields\":{\"key\":\"a\\r\\n--x\"}}",
    ] {
        let reply = format!("HTTP/1.1 200 X\r\ncontent-length: {}\r\n\r\n{text}", text.len());
        let function = Server::start([Reply::Answer(reply)]);
        let (reason, help) = Case::default().refused(&by_function(&function));
        assert!(reason.contains("no form"), "{text}: {reason}");
        assert!(help.contains("`upload-url`"), "{help}");
    }
}

#[test]
fn what_a_form_holds_is_never_shown() {
    let bucket = Server::start([Reply::Answer(error(403, "AccessDenied", "no MADEUPSECRET here"))]);
    let function = Server::start([form(&bucket, "MADEUPSECRET")]);
    let (reason, help) = Case::default().refused(&by_function(&function));
    assert!(reason.contains("no … here"), "{reason}");
    assert!(help.contains("upload function"), "{help}");
}
