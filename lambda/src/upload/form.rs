//! The form that stores one object, signed with Signature Version 4.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html>

use base64::{Engine, engine::general_purpose::STANDARD};
use collect_sinks::aws::Keys;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

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
    let scope = format!("{}/{date}/{}/s3/aws4_request", keys.id(), place.region);
    all.extend([
        ("content-type", "application/octet-stream".to_owned()),
        ("key", key.to_owned()),
        ("x-amz-algorithm", "AWS4-HMAC-SHA256".to_owned()),
        ("x-amz-credential", scope),
        ("x-amz-date", now.strftime("%Y%m%dT%H%M%SZ").to_string()),
    ]);
    all.extend(keys.session().map(|session| ("x-amz-security-token", session.to_owned())));

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
    let signature = keys.sign(&policy, &date, &place.region, "s3");
    all.extend([("policy", policy), ("x-amz-signature", signature)]);
    Form { url: place.url.clone(), fields: all, expires }
}

/// Whether this is the SHA-256 of something, in base64.
pub(super) fn is_sha256(text: &str) -> bool {
    STANDARD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}
