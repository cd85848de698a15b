//! The client of a bucket, at a real one: what the functions of the receiving side use of it.

use super::key;
use crate::kit::{ADMINISTRATOR, Seaweed, needs};
use collect_sinks::{
    http,
    s3::{Bucket, BucketAccess, BucketError, BucketOptions, Condition, Range},
};

/// The bucket, by the administrator's keys.
fn by_keys(server: &Seaweed) -> Bucket {
    let options = BucketOptions {
        bucket: "bug-reports".into(),
        region: "us-east-1".into(),
        endpoint: server.endpoint(),
        path_style: true,
        ca_file: Some(server.ca_file()),
        access: Some(BucketAccess::Keys),
        ..BucketOptions::default()
    };
    let env = |name: &str| {
        let known = ADMINISTRATOR.into_iter().find(|(known, _)| *known == name)?;
        Some(known.1.to_owned())
    };
    options.open("/".as_ref(), &env).unwrap_or_else(|error| panic!("{error}"))
}

/// Stores an object with its checksum, as the sink does.
pub(super) fn store(server: &Seaweed, key: &str, content: &[u8]) {
    let put = by_keys(server);
    let put = put.put(key, content, "application/octet-stream", Condition::Always);
    http::run(put).unwrap().unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_state_is_stored_only_over_the_one_that_was_read() {
    needs!("weed", "openssl", "curl");
    let server = Seaweed::start();
    let bucket = by_keys(&server);
    http::run(async {
        let put = async |content: &str, condition| {
            bucket.put("guard/state.json", content.as_bytes(), "application/json", condition).await
        };
        put("one", Condition::New).await.unwrap();
        assert!(matches!(put("two", Condition::New).await, Err(BucketError::Changed)));
        let (text, head) = bucket.read_text("guard/state.json", 100).await.unwrap();
        assert_eq!((&*text, head.size), ("one", 3));
        let etag = head.etag.unwrap();
        put("two", Condition::Is(&etag)).await.unwrap();
        assert!(matches!(put("three", Condition::Is(&etag)).await, Err(BucketError::Changed)));
        let small = bucket.read_text("guard/state.json", 2).await;
        assert!(matches!(small, Err(BucketError::TooLarge(2))));
        let missing = bucket.read_text("guard/none", 2).await;
        assert!(matches!(missing, Err(BucketError::Missing)));
        assert!(bucket.head("guard/state.json").await.unwrap().sha256.is_some());
    })
    .unwrap();
}

#[test]
fn the_policy_and_tags_are_read_and_replaced() {
    needs!("weed", "openssl", "curl");
    let server = Seaweed::start();
    let bucket = by_keys(&server);
    let report = key("shop", "2026-11-23", "aaaabbbb");
    server.put(&report, b"x");
    http::run(async {
        let policy = bucket.policy().await.unwrap().unwrap();
        assert!(policy.contains("DenyUnknownToken"), "{policy}");
        let renamed = policy.replace("DenyUnknownToken", "DenyUnknownTokens");
        bucket.put_policy(&renamed).await.unwrap();
        assert!(bucket.policy().await.unwrap().unwrap().contains("DenyUnknownTokens"));
        bucket.put_tags(&report, &[("ticket", "4711"), ("state", "a+b")]).await.unwrap();
        let mut tags = bucket.tags(&report).await.unwrap();
        tags.sort();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(tags, [pair("state", "a+b"), pair("ticket", "4711")]);
    })
    .unwrap();
}

#[test]
fn objects_are_listed_read_in_part_and_deleted_together_whatever_they_are_called() {
    needs!("weed", "openssl", "curl");
    let server = Seaweed::start();
    let bucket = by_keys(&server);
    let odd = ["reports/a b+c&d.age", "reports/é<x>'.age", "reports/100%25.age"];
    http::run(async {
        for key in odd {
            bucket.put(key, b"0123456789", "text/plain", Condition::Always).await.unwrap();
        }
        let mut listing = bucket.list("reports/", "");
        let mut keys = Vec::new();
        while let Some(object) = listing.next().await.unwrap() {
            assert_eq!(object.size, 10);
            keys.push(object.key);
        }
        assert_eq!(keys.len(), 3, "{keys:?}");
        assert!(odd.iter().all(|key| keys.iter().any(|listed| listed == key)), "{keys:?}");
        let head = bucket.head(odd[0]).await.unwrap();
        let range = Range { from: 4, etag: head.etag.as_deref() };
        let mut download = bucket.get(odd[0], range).await.unwrap();
        let mut content = Vec::new();
        while let Some(bytes) = download.chunk().await.unwrap() {
            content.extend_from_slice(&bytes);
        }
        assert_eq!((download.from, &*content), (4, &b"456789"[..]));
        bucket.put(odd[0], b"another", "text/plain", Condition::Always).await.unwrap();
        assert!(matches!(bucket.get(odd[0], range).await, Err(BucketError::Changed)));
        keys.push("reports/never-there".into());
        assert_eq!(bucket.delete_all(&keys).await.unwrap(), []);
        assert!(bucket.list("reports/", "").next().await.unwrap().is_none());
        let refused = bucket.delete("reports/../logs/x").await.unwrap_err();
        assert!(refused.to_string().contains("cannot stand in a URL"), "{refused}");
    })
    .unwrap();
}
