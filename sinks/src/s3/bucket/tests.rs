//! Tests of the client against a server that misbehaves.

use super::*;
use crate::testing::{Reply, Server, answer, error};
use collect_core::secret::SecretSource;
use std::{path::Path, time::Duration};

const TOKEN: &str = "made-up-desk-token";
const REFERER: &str = "https://shop.example.com/report";

/// A bucket at the server, whose retries wait hardly at all.
fn bucket(server: &Server) -> Bucket {
    let options = BucketOptions {
        bucket: "bug-reports".into(),
        endpoint: format!("http://{}", server.address),
        path_style: true,
        desk_token: Some(SecretSource::Literal(Secret::new(TOKEN))),
        referer: Some(REFERER.into()),
        ..BucketOptions::default()
    };
    let mut bucket =
        options.open(Path::new("/"), &|_| None).unwrap_or_else(|error| panic!("{error}"));
    bucket.schedule.first_wait = Duration::from_millis(1);
    bucket.schedule.tries = 3;
    bucket
}

fn ended<T>(work: impl Future<Output = Result<T, BucketError>>) -> Result<T, BucketError> {
    http::run(work).unwrap()
}

fn page(keys: &[&str], next: &str) -> Reply {
    let content = |key: &&str| format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>");
    let contents = keys.iter().map(content).collect::<Vec<_>>().concat();
    let more = if next.is_empty() {
        "<IsTruncated>false</IsTruncated>".to_owned()
    } else {
        format!(
            "<IsTruncated>true</IsTruncated><NextContinuationToken>{next}</NextContinuationToken>"
        )
    };
    let text = format!(
        "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{contents}{more}\
         </ListBucketResult>"
    );
    let len = text.len();
    Reply::Answer(format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {len}\r\nconnection: close\r\n\r\n{text}"
    ))
}

#[test]
fn a_listing_goes_on_behind_a_page_that_had_to_be_asked_for_again() {
    let server = Server::start([
        page(&["reports/a", "reports/b"], "n+1"),
        Reply::Answer(error(503, "SlowDown", "wait")),
        Reply::Swallow,
        page(&["reports/c"], ""),
    ]);
    let bucket = bucket(&server);
    let keys = ended(async {
        let mut listing = bucket.list("reports/", "reports/0");
        let mut keys = Vec::new();
        while let Some(object) = listing.next().await? {
            keys.push(object.key);
        }
        Ok(keys)
    });
    assert_eq!(keys.unwrap(), ["reports/a", "reports/b", "reports/c"]);
    let seen = server.seen();
    assert!(seen[0].line.contains("start-after=reports%2F0"), "{}", seen[0].line);
    assert!(seen[3].line.contains("continuation-token=n%2B1"), "{}", seen[3].line);
    assert_eq!(seen[0].headers["user-agent"], TOKEN);
    assert_eq!(seen[0].headers["referer"], REFERER);
}

#[test]
fn what_the_desk_may_not_do_is_said_without_its_token() {
    let message = format!("no {TOKEN} from {REFERER}\u{1b}[2J");
    let server = Server::start([Reply::Answer(error(403, "AccessDenied", &message))]);
    let refused = ended(bucket(&server).delete("reports/a.age")).unwrap_err();
    let said = format!("{refused} {}", refused.help().unwrap());
    assert!(said.contains("AccessDenied") && said.contains("`desk-token`"), "{said}");
    for hidden in [TOKEN, REFERER, "\u{1b}"] {
        assert!(!said.contains(hidden), "{said}");
    }
}

#[test]
fn a_bucket_elsewhere_and_a_wrong_clock_are_named() {
    let server = Server::start([
        answer(301, "x-amz-bucket-region: eu-west-1\r\n"),
        Reply::Answer(error(403, "RequestTimeTooSkewed", "late")),
        Reply::Answer(error(404, "NoSuchBucket", "none")),
        answer(404, ""),
    ]);
    let bucket = bucket(&server);
    let elsewhere = ended(bucket.head("reports/a.age")).unwrap_err();
    assert!(elsewhere.help().unwrap().contains("region = \"eu-west-1\""), "{elsewhere:?}");
    for word in ["clock", "`bug-reports`"] {
        let refused = ended(bucket.read_text("reports/a.age", 9)).unwrap_err();
        assert!(refused.help().unwrap().contains(word), "{refused:?}");
    }
    let missing = ended(bucket.head("reports/a.age"));
    assert!(matches!(missing, Err(BucketError::Missing)));
}

#[test]
fn what_is_not_deleted_of_many_is_named() {
    let text = "<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                <Error><Key>reports/a</Key><Code>AccessDenied</Code><Message>no</Message></Error>\
                <Error><Key>reports/b</Key><Code>NoSuchKey</Code><Message>-</Message></Error>\
                </DeleteResult>";
    let len = text.len();
    let reply =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {len}\r\nconnection: close\r\n\r\n{text}");
    let server = Server::start([Reply::Answer(reply)]);
    let keys = ["reports/a", "reports/b", "reports/c"].map(str::to_owned);
    let left = ended(bucket(&server).delete_all(&keys)).unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!((&*left[0].key, &*left[0].reason), ("reports/a", "AccessDenied: no"));
    let seen = server.seen();
    assert!(seen[0].headers.contains_key("content-md5"));
    assert!(seen[0].line.starts_with("POST /bug-reports/?delete"), "{}", seen[0].line);
}
