//! The function `ticket` in an emulated Lambda: from `collect` through a real S3 server to a real ticket
//! system, and back to `collect-desk`.

use crate::kit::{
    Collect, Function, KeyPair, REFERER, REPORTER_KEY, Redmine, Seaweed, TicketServer,
    UPLOAD_TOKEN, contains, needs, profile,
};
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

/// The notification of an object that was stored.
pub(crate) fn notification(bucket: &str, key: &str, size: usize) -> Value {
    json!({ "Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "eventTime": "2026-11-23T10:42:05.000Z",
        "requestParameters": { "sourceIPAddress": "192.0.2.7" },
        "responseElements": { "x-amz-request-id": "R7A0B" },
        "s3": { "bucket": { "name": bucket }, "object": { "key": key, "size": size } },
    }]})
}

/// The same by way of a queue.
pub(crate) fn queue(bodies: &[Value]) -> Value {
    let records = bodies.iter().enumerate().map(|(number, body)| {
        let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        json!({ "eventSource": "aws:sqs", "messageId": format!("m-{number}"), "body": body })
    });
    json!({ "Records": records.collect::<Vec<_>>() })
}

fn profile_for(collect: &Collect, key: &KeyPair, receiving: &KeyPair, bucket: &Seaweed) -> PathBuf {
    let log = collect.write("shop.log", "says debug\n");
    let body = format!(
        "[collect.logs]\nuse = \"files\"\npaths = [\"{}\"]\n{}",
        log.display(),
        bucket.sink(&format!("\"{UPLOAD_TOKEN}\""))
    );
    let sealed_for = profile(&key.recipient, &body);
    collect.write("shop.toml", format!("{sealed_for}envelope = \"{}\"\n", receiving.recipient))
}

#[test]
fn a_report_in_the_bucket_becomes_a_ticket_with_the_bundle_attached() {
    needs!("age-keygen", "weed", "openssl", "curl", "cargo-lambda", "python3", "setpriv");
    let Some(redmine) = Redmine::start() else { return };
    let bucket = Seaweed::start();
    let mut variables = bucket.role();
    let receiving = KeyPair::new();
    let identity = fs::read_to_string(receiving.file()).unwrap();
    let settings = format!("identity = \"\"\"{identity}\"\"\"\n[ticket]\n{}", redmine.options());
    variables.extend([
        ("AWS_CA_BUNDLE", bucket.ca_file().display().to_string()),
        ("COLLECT_TICKET", settings),
        ("COLLECT_TIMEOUT", "60".to_owned()),
    ]);
    let function = Function::start("ticket", &variables);
    let (collect, key) = (Collect::new(), KeyPair::new());
    collect.run(Collect::delivering(&profile_for(&collect, &key, &receiving, &bucket))).expect(0);
    let keys = bucket.keys();
    let [report] = &keys[..] else { panic!("{keys:#?}") };
    let sealed = bucket.object(report);

    // What is no report becomes no ticket, and holds nothing up.
    let beside = |name: &str| {
        report.replace("shop-", &format!("{name}-")).replace("/shop/", &format!("/{name}/"))
    };
    let (empty, junk) = (beside("empty"), beside("junk"));
    bucket.put(&empty, b"");
    bucket.put(&junk, b"not an age file, whatever its name says");
    let in_event = report.replace('-', "%2D");
    let batch = queue(&[
        json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "bug-reports" }),
        json!("{ torn"),
        notification("another-bucket", report, sealed.len()),
        notification("bug-reports", &empty, 0),
        notification("bug-reports", &junk, 39),
        notification("bug-reports", &beside("gone"), 5),
        notification("bug-reports", &format!("{report}.ticket.json"), 5),
        notification("bug-reports", &in_event, sealed.len()),
    ]);
    let failed = json!({ "batchItemFailures": [{ "itemIdentifier": "m-1" }] });
    assert_eq!(function.invoke(&batch), failed, "{}", function.log());
    let tickets = redmine.tickets();
    let [ticket] = &tickets[..] else { panic!("{tickets:#?}\n{}", function.log()) };
    let name = report.rsplit('/').next().unwrap();
    let info = format!("Info: [ File: {name}, Req. ID: R7A0B, Source IP: 192.0.2.7 ]");
    assert!(ticket.text.starts_with(&info), "{}", ticket.text);
    for said in ["The print button does nothing.", "logs             complete"] {
        assert!(ticket.text.contains(said), "what the envelope says: {}", ticket.text);
    }
    let attachments = redmine.attachments(&ticket.number);
    assert_eq!(attachments.len(), 1);
    assert!(attachments[0] == (name.to_owned(), sealed.clone()), "the bundle, bit by bit");

    // Support sees it.
    let desk = Collect::of(env!("CARGO_BIN_EXE_collect-desk"));
    desk.write("config/collect/desk.toml", bucket.desk());
    let listed = desk.run(["reports", "list"]).expect(0);
    assert!(listed.stdout.contains(&format!("{} open", ticket.number)), "{}", listed.stdout);
    assert!(bucket.tags(report).contains(&format!("<Value>{}</Value>", ticket.number)));

    // Again, by whichever way: nothing more happens.
    let bridge = json!({
        "source": "aws.s3", "detail-type": "Object Created", "time": "2026-11-23T10:42:05Z",
        "detail": {
            "bucket": { "name": "bug-reports" },
            "object": { "key": report, "size": sealed.len() },
            "request-id": "R7A0B",
        },
    });
    for event in [notification("bug-reports", &in_event, sealed.len()), bridge.clone()] {
        assert_eq!(function.invoke(&event), Value::Null, "{}", function.log());
    }
    assert_eq!(function.invoke(&queue(&[bridge])), json!({ "batchItemFailures": [] }));
    let tickets = redmine.tickets();
    assert_eq!(tickets.len(), 1, "{tickets:#?}");
    assert_eq!(redmine.attachments(&tickets[0].number).len(), 1);
    let torn = function.invoke(&json!({ "torn": true }));
    assert!(torn["errorMessage"].as_str().unwrap().contains("no notification of S3"), "{torn}");

    let log = function.log();
    assert!(log.contains("it is no age file: no ticket") && log.contains("it is empty"), "{log}");
    for secret in [UPLOAD_TOKEN, REPORTER_KEY, REFERER, "AGE-SECRET"] {
        assert!(!contains(log.as_bytes(), secret.as_bytes()), "{secret}: {log}");
    }
}

#[test]
fn a_report_whose_ticket_is_being_opened_is_shown_so_and_kept() {
    needs!("weed", "openssl", "curl");
    let bucket = Seaweed::start();
    let report =
        "reports/shop/2026/11/23/shop-20261123T104200Z-0123456789abcdefghjkmnpqrs.tar.xz.age";
    bucket.put(report, b"age-encryption.org/v1\nmade up");
    let note = json!({ "ticket": null, "state": "closed", "filing": {
        "by": "r-1", "until": "2026-11-23T10:47:05Z", "step": "opening",
        "since": "2026-11-23T10:42:05Z",
    }});
    bucket.put(&format!("{report}.ticket.json"), note.to_string().as_bytes());
    let desk = Collect::of(env!("CARGO_BIN_EXE_collect-desk"));
    desk.write("config/collect/desk.toml", bucket.desk());
    let listed = desk.run(["reports", "list"]).expect(0);
    assert!(listed.stdout.contains("being opened"), "{}", listed.stdout);
    let prune = ["reports", "prune", "--older-than", "1s", "--keep-open-tickets", "--yes"];
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let kept = desk.run(prune).expect(0);
    assert!(kept.stderr.contains("not known to be closed: 1 report"), "{}", kept.stderr);
    assert_eq!(bucket.keys().len(), 2);
}
