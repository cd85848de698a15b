//! What hosts, and others, may ask.

use super::*;
use base64::{Engine, engine::general_purpose::STANDARD};

const NAME: &str = "shop-20261123T104200Z-0123456789abcdefghjkmnpqrs.tar.xz.age";
const SHA256: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

fn upload() -> Upload {
    Upload {
        place: Place {
            bucket: "bug-reports".into(),
            region: "eu-central-1".into(),
            url: "https://bug-reports.s3.eu-central-1.amazonaws.com/".into(),
        },
        keys: Keys::read(&|name| match name {
            "AWS_ACCESS_KEY_ID" => Some("ASIAMADEUP".into()),
            "AWS_SECRET_ACCESS_KEY" => Some("made-up".into()),
            "AWS_SESSION_TOKEN" => Some("made-up-session".into()),
            _ => None,
        })
        .unwrap(),
        products: vec!["shop".into()],
        largest: 500,
        life: SignedDuration::from_mins(10),
        pace: Pace::new(3),
    }
}

fn request(method: &str, body: &str) -> Request {
    let context = json!({ "http": { "method": method, "sourceIp": "192.0.2.7", "path": "/" } });
    serde_json::from_value(json!({ "version": "2.0", "requestContext": context, "body": body }))
        .unwrap()
}

fn now() -> Timestamp {
    "2026-11-23T10:42:05Z".parse().unwrap()
}

fn answer(body: &str) -> (u16, Value) {
    let response = upload().answer(&request("POST", body), now());
    (response.status_code, serde_json::from_str(&response.body).unwrap())
}

#[test]
fn a_form_is_for_one_key_one_size_one_content_and_ten_minutes() {
    let wish = json!({ "name": NAME, "size": 499, "sha256": SHA256, "host": "h-1", "envelope": "bWFkZSB1cA==" });
    let (status, form) = answer(&wish.to_string());
    assert_eq!(status, 200, "{form}");
    let key = format!("reports/shop/2026/11/23/{NAME}");
    assert_eq!(form["fields"]["key"], json!(key));
    assert_eq!(form["expires"], "2026-11-23T10:52:05Z");
    let policy = STANDARD.decode(form["fields"]["policy"].as_str().unwrap()).unwrap();
    let policy: Value = serde_json::from_slice(&policy).unwrap();
    assert_eq!(policy["expiration"], "2026-11-23T10:52:05.000Z");
    let conditions = policy["conditions"].as_array().unwrap();
    for condition in [
        json!({ "bucket": "bug-reports" }),
        json!({ "key": key }),
        json!(["content-length-range", 499, 499]),
        json!({ "x-amz-checksum-sha256": SHA256 }),
        json!({ "x-amz-meta-host": "h-1" }),
        json!({ "x-amz-meta-envelope": "bWFkZSB1cA==" }),
        json!({ "x-amz-security-token": "made-up-session" }),
    ] {
        assert!(conditions.contains(&condition), "{condition} in {policy}");
    }
    assert!(!form.to_string().contains("\"made-up\""), "the secret key: {form}");
}

#[test]
fn what_is_no_bundle_gets_no_form() {
    let ask = |name: &str, size: u64, sha256: &str| {
        answer(&json!({ "name": name, "size": size, "sha256": sha256 }).to_string())
    };
    for (name, size, sha256, status, words) in [
        ("../../etc/x.tar.xz.age", 1, SHA256, 400, "`name`"),
        ("shop/..-20261123T104200Z-0123.tar.xz.age", 1, SHA256, 400, "`name`"),
        ("shop-20261123T104200Z-0123.html", 1, SHA256, 400, "`name`"),
        ("other-20261123T104200Z-0123.tar.xz.age", 1, SHA256, 403, "`other`"),
        (NAME, 0, SHA256, 400, "`size`"),
        (NAME, 501, SHA256, 413, "501"),
        (NAME, 1, "abc", 400, "`sha256`"),
    ] {
        let (answered, text) = ask(name, size, sha256);
        assert_eq!(answered, status, "{name}: {text}");
        assert!(text["error"].as_str().unwrap().contains(words), "{text}");
        assert!(text["help"].is_string(), "{text}");
    }
    for (field, value) in [("host", "h".repeat(65)), ("envelope", "e".repeat(1_901))] {
        let wish = json!({ "name": NAME, "size": 1, "sha256": SHA256, field: value });
        let (status, text) = answer(&wish.to_string());
        assert_eq!((status, text["error"].as_str().unwrap().contains(field)), (400, true));
    }
    let (status, _) = answer("{}");
    assert_eq!(status, 400);
    let (status, _) = answer("\u{0}nonsense");
    assert_eq!(status, 400);
    let get = upload().answer(&request("GET", ""), now());
    assert_eq!(get.status_code, 405);
}

#[test]
fn who_asks_too_often_is_told_when_to_come_back() {
    let mut upload = upload();
    let wish = json!({ "name": NAME, "size": 1, "sha256": SHA256 }).to_string();
    let mut ask = || upload.answer(&request("POST", &wish), now());
    for _ in 0..3 {
        assert_eq!(ask().status_code, 200);
    }
    let refused = ask();
    assert_eq!(refused.status_code, 429);
    assert_eq!(refused.headers["retry-after"], "1200");
}
