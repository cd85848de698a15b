//! The form that stores one object, signed with Signature Version 4.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html>

use base64::{Engine, engine::general_purpose::STANDARD};
use collect_core::Secret;
use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::Sha256;
use std::{collections::BTreeMap, fmt::Write};

/// The bucket that forms are for.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its name.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// Where forms are posted to, the bucket's name included.
    pub url: String,
}

/// The keys that forms are signed with.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The id of the key; not secret.
    pub id: String,
    /// The secret key.
    pub secret: Secret,
    /// What goes with temporary keys. It is part of every form: without the secret key it is of no
    /// use.
    pub session: Option<String>,
}

/// Where to post, and the fields before the file.
#[derive(Debug, Serialize)]
pub struct Form {
    /// Where to.
    pub url: String,
    /// The fields, to be sent as they are; the file comes last, as `file`.
    pub fields: BTreeMap<&'static str, String>,
    /// When S3 stops taking it.
    pub expires: Timestamp,
}

/// Signs a form for an object of exactly `size` bytes; `fields` are bound to it as well.
pub(super) fn sign(
    place: &Place,
    keys: &Keys,
    key: &str,
    size: u64,
    fields: impl IntoIterator<Item = (&'static str, String)>,
    now: Timestamp,
    life: SignedDuration,
) -> Form {
    let now = now.to_zoned(TimeZone::UTC);
    let date = now.strftime("%Y%m%d").to_string();
    let expires = now.timestamp() + life;
    let mut all: BTreeMap<&'static str, String> = fields.into_iter().collect();
    let scope = format!("{}/{date}/{}/s3/aws4_request", keys.id, place.region);
    all.extend([
        ("content-type", "application/octet-stream".to_owned()),
        ("key", key.to_owned()),
        ("x-amz-algorithm", "AWS4-HMAC-SHA256".to_owned()),
        ("x-amz-credential", scope),
        ("x-amz-date", now.strftime("%Y%m%dT%H%M%SZ").to_string()),
    ]);
    all.extend(keys.session.clone().map(|session| ("x-amz-security-token", session)));

    let mut conditions = vec![
        json!({ "bucket": place.bucket }),
        // Both ends: not a byte more or less than was said.
        json!(["content-length-range", size, size]),
    ];
    conditions.extend(all.iter().map(|(name, value)| json!({ *name: value })));
    let policy: Value = json!({
        "expiration": expires.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string(),
        "conditions": conditions,
    });
    let policy = STANDARD.encode(policy.to_string());
    let signature = hex(&mac(&signing_key(keys, &date, &place.region), &policy));
    all.extend([("policy", policy), ("x-amz-signature", signature)]);
    Form { url: place.url.clone(), fields: all, expires }
}

/// Whether this is the SHA-256 of something, in base64.
pub(super) fn is_sha256(text: &str) -> bool {
    STANDARD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

/// The key for one day, region and service
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>).
fn signing_key(keys: &Keys, date: &str, region: &str) -> Vec<u8> {
    let first = format!("AWS4{}", keys.secret.reveal()).into_bytes();
    [date, region, "s3", "aws4_request"].iter().fold(first, |key, part| mac(&key, part))
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key's");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's documentation: its keys and policy give its signature
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html>).
    #[test]
    fn the_signing_key_is_that_of_the_documentation() {
        let keys = Keys {
            id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            session: None,
        };
        let policy = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9";
        let signature = hex(&mac(&signing_key(&keys, "20151229", "us-east-1"), policy));
        assert_eq!(signature, "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e");
    }
}
