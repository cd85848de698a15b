//! `collect-desk tickets replay` against an emulated Amazon SQS: whatever waits comes back, wherever a run
//! breaks off.

use crate::{
    desk::{desk_with, key},
    kit::{Collect, Gate, Hold, MemoryBucket, Queues, WhichQueue, needs},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, thread, time::Duration};

/// A desk with a bucket, queues, and keys to them.
fn desk(bucket: &MemoryBucket, queues: &Queues, endpoint: &str) -> Collect {
    let mut desk = desk_with(&format!("{}{}", bucket.desk(), queues.desk()));
    Queues::let_in(&mut desk, endpoint);
    desk
}

fn empty() -> MemoryBucket {
    MemoryBucket::with([])
}

/// Puts so many notifications into the dead-letter queue; what they say.
fn dead_letters(queues: &Queues, count: usize) -> BTreeSet<String> {
    let bodies = (0..count).map(|number| {
        let key = key("shop", "2026-11-23", &format!("{number:016}"));
        let at = format!("2026-11-23T10:42:{number:02}.000Z");
        json!({ "Records": [{
            "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventTime": at,
            "s3": { "bucket": { "name": "b-r" }, "object": { "key": key, "size": 5 } },
        }]})
        .to_string()
    });
    let bodies: Vec<_> = bodies.collect();
    for body in &bodies {
        queues.put(WhichQueue::Dead, body);
    }
    bodies.into_iter().collect()
}

fn set(bodies: Vec<String>) -> BTreeSet<String> {
    bodies.into_iter().collect()
}

#[test]
fn what_waits_in_the_dead_letter_queue_comes_back_in_full() {
    needs!("ministack", "curl", "setpriv");
    let (queues, bucket) = (Queues::start(), empty());
    let desk = desk(&bucket, &queues, &Queues::endpoint());
    let bodies = dead_letters(&queues, 23);
    let before = desk.run(["tickets", "replay", "--dry-run"]).expect(0);
    assert_eq!(before.stdout, "23 messages in the dead-letter queue\n");
    let replayed = desk.run(["tickets", "replay"]).expect(0);
    assert!(replayed.stderr.contains(": 23 messages\n"), "{}", replayed.stderr);
    let after = desk.run(["tickets", "replay", "--dry-run"]).expect(0);
    assert_eq!(after.stdout, "0 messages in the dead-letter queue\n");
    let back = queues.drain(WhichQueue::Tickets);
    assert_eq!(back.len(), 23);
    assert_eq!(set(back), bodies);

    queues.put(WhichQueue::Dead, "no notification");
    let lines = desk.run(["tickets", "replay", "--json"]).expect(0).stdout;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["event"], &lines[0]["keys"]), (&json!("replayed"), &json!([])));
    assert_eq!(lines[1], json!({ "event": "ended", "replayed": 1, "left": 0 }));
    assert_eq!(queues.drain(WhichQueue::Tickets), ["no notification"]);
}

#[test]
fn a_run_that_is_killed_anywhere_loses_nothing() {
    needs!("ministack", "curl", "setpriv");
    let endpoint = Queues::endpoint();
    // It takes, puts and removes, again and again.
    let points = [0, 1, 2, 4].into_iter().flat_map(|n| [(n, Hold::Before), (n, Hold::After)]);
    let run = |number, hold| {
        let (queues, bucket, gate) = (Queues::start(), empty(), Gate::default());
        let bodies = dead_letters(&queues, 13);
        gate.hold(number, hold);
        let desk_at = |endpoint: &str| desk(&bucket, &queues, endpoint);
        let hasty = desk_at(&gate.before(&endpoint));
        let running = hasty.start(["tickets", "replay"]);
        assert!(gate.is_held_within(Duration::from_secs(30)), "{number} {hold:?}");
        running.signal("KILL");
        running.end();
        gate.forget();
        let ended = desk_at(&endpoint).run(["tickets", "replay"]).expect(0);
        let back = queues.drain(WhichQueue::Tickets);
        assert_eq!(set(back), bodies, "{number} {hold:?}: {}", ended.printed());
        assert_eq!(queues.drain(WhichQueue::Dead), [""; 0], "{number} {hold:?}");
    };
    thread::scope(|scope| {
        for (number, hold) in points {
            scope.spawn(move || run(number, hold));
        }
    });
}

/// The key of a report that was made so long ago.
fn made(minutes: i64, id: &str) -> String {
    let at = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    let name = at.strftime("shop-%Y%m%dT%H%M%SZ");
    format!("reports/shop/{}/{name}-{id}.tar.xz.age", at.strftime("%Y/%m/%d"))
}

/// The keys that the queue was told of.
fn told(queues: &Queues) -> Vec<String> {
    let key = |body: String| {
        let body: Value = serde_json::from_str(&body).unwrap();
        let object = &body["Records"][0]["s3"];
        assert_eq!(object["bucket"]["name"], "b-r");
        object["object"]["key"].as_str().unwrap().to_owned()
    };
    queues.drain(WhichQueue::Tickets).into_iter().map(key).collect()
}

#[test]
fn reports_without_a_ticket_get_another_turn_the_oldest_first() {
    needs!("ministack", "curl", "setpriv");
    let claim = r#"{"ticket":null,"state":"unknown","filing":{"by":"r-1","step":"opening","until":"2026-11-23T10:47:05Z","since":"2026-11-23T10:42:05Z"}}"#;
    let filed = r#"{"ticket":"4711","state":"open","attached":true}"#;
    let (none, claimed) = (made(40, "aaaabbbbccccdddd"), made(30, "bbbbccccddddeeee"));
    let (other, young) = (made(20, "ffffgggghhhhjjjj"), made(10, "ccccddddeeeeffff"));
    let (done, old) = (made(25, "ddddeeeeffffgggg"), key("till", "2020-02-03", "eeeeffffgggghhhh"));
    let reports = [&none, &claimed, &young, &done, &other, &old];
    let objects = reports.map(|key| (key.clone(), b"x".to_vec())).into_iter().chain([
        (format!("{claimed}.ticket.json"), claim.as_bytes().to_vec()),
        (format!("{done}.ticket.json"), filed.as_bytes().to_vec()),
        ("reports/junk.age".to_owned(), b"junk".to_vec()),
    ]);
    let (queues, bucket) = (Queues::start(), MemoryBucket::with(objects));
    let desk = desk(&bucket, &queues, &Queues::endpoint());

    let would = desk.run(["tickets", "replay", "--without-ticket", "--dry-run"]).expect(0);
    let shown: BTreeSet<_> = would.stdout.lines().map(str::to_owned).collect();
    assert_eq!(shown, [&old, &none, &claimed, &other].map(Clone::clone).into());
    let unasked = desk.run(["tickets", "replay", "--without-ticket"]).expect(4);
    assert!(unasked.stderr.contains("Put 4 reports into the queue?"), "{}", unasked.stderr);
    assert_eq!(told(&queues), [""; 0]);

    let words = ["tickets", "replay", "--without-ticket", "--since", "1h", "--yes"];
    let ended = desk.run(words).expect(0);
    assert!(ended.stderr.contains(": 3 reports\n"), "{}", ended.stderr);
    assert_eq!(told(&queues), [none.clone(), claimed, other]);

    // Who names a report means it, whatever its ticket and its age.
    let words = ["tickets", "replay", "ddddeeee", "ccccdddd", "eeeeffff", "--json"];
    desk.run(words).expect(0);
    assert_eq!(told(&queues), [old, done, young]);
    desk.run(["tickets", "replay", "nothing"]).expect(1);
    let all = desk.run(["tickets", "replay", "*"]).expect(4);
    assert!(all.stderr.contains("everything in the bucket"), "{}", all.stderr);
    assert_eq!(told(&queues), [""; 0]);
}

#[test]
fn a_report_whose_note_cannot_be_read_is_named() {
    needs!("ministack", "curl", "setpriv");
    let torn = made(40, "aaaabbbbccccdddd");
    let objects = [(torn.clone(), b"x".to_vec()), (format!("{torn}.ticket.json"), b"{".to_vec())];
    let (queues, bucket) = (Queues::start(), MemoryBucket::with(objects));
    let desk = desk(&bucket, &queues, &Queues::endpoint());
    let ended = desk.run(["tickets", "replay", "--without-ticket", "--yes"]).expect(1);
    assert!(ended.stderr.contains(&torn), "{}", ended.stderr);
    assert_eq!(told(&queues), [""; 0]);
}

#[test]
fn what_is_missing_is_said_with_what_to_do() {
    let bucket = empty();
    let queues = "[tickets]\n\
        queue = \"https://sqs.eu-central-1.amazonaws.com/111122223333/no-ticket\"\n\
        dead-letter-queue = \"https://sqs.eu-central-1.amazonaws.com/111122223333/no-dead\"\n";
    let replay = |settings: &str, endpoint: Option<&str>, code| {
        let mut desk = desk_with(&format!("{}{settings}", bucket.desk()));
        if let Some(endpoint) = endpoint {
            Queues::let_in(&mut desk, endpoint);
        }
        let ended = desk.run(["tickets", "replay"]).expect(code);
        assert!(!ended.printed().contains("made-up"), "{}", ended.printed());
        ended.stderr
    };
    let nobody = Some("http://127.0.0.1:1");
    for (said, expected) in [
        (replay("", nobody, 4), "where `dead-letter-queue` is"),
        (replay("[tickets]\nqueue = \"no-ticket\"\n", nobody, 4), "no address of a queue"),
        (replay("[tickets]\nqueu = \"x\"\n", nobody, 4), "did you mean `queue`?"),
        (replay(queues, None, 4), "`AWS_ACCESS_KEY_ID`"),
        (replay(queues, Some("http://sqs.example.com"), 4), "not safe"),
        (replay(queues, nobody, 5), "check the network"),
    ] {
        assert!(said.contains(expected), "{said}");
    }
    needs!("ministack", "curl", "setpriv");
    let said = replay(queues, Some(&Queues::endpoint()), 5);
    assert!(said.contains("QueueDoesNotExist"), "{said}");
    assert!(said.contains("`sqs:ReceiveMessage` on the queue `no-dead`"), "{said}");
}
