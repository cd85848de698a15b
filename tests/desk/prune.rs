//! `prune` never deletes what it was told to keep.

use super::{content, desk_with, key};
use crate::kit::{Collect, Hold, MemoryBucket, Seaweed, needs};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use std::{collections::BTreeSet, thread::sleep, time::Duration};

/// What the companions of reports say; none of the others means that a ticket is closed.
const CLOSED: &str = r#"{"ticket":"4711","url":"https://t.example.com/4711","state":"closed"}"#;
const NOT_CLOSED: [&str; 5] = [
    r#"{"ticket":"4712","state":"open"}"#,
    r#"{"ticket":"4713","state":"unknown"}"#,
    r#"{"ticket":"4714"}"#,
    r#"{"ticket":"4715","state":"closed""#,
    "",
];

/// A bucket with reports of all kinds, and what has to be in it after a prune.
struct Made {
    all: Vec<(String, Vec<u8>)>,
    kept: BTreeSet<String>,
}

/// Makes up reports; `keep_open` and `product` are what the prune will be told.
fn make(random: &mut StdRng, count: usize, keep_open: bool, product: Option<&str>) -> Made {
    let mut made = Made { all: Vec::new(), kept: BTreeSet::new() };
    for number in 0..count {
        let of = *["shop", "till", "shop-pro"].choose(random).unwrap();
        let old = random.random_bool(0.8);
        // The other date is in the future, so that only the key says that it is young.
        let date = if old { "2020-01-02" } else { "2199-01-02" };
        let report = key(of, date, &format!("{number:04}{:08x}", random.random::<u32>()));
        let ticket = match random.random_range(0..4) {
            0 => None,
            1 => Some(*NOT_CLOSED.choose(random).unwrap()),
            _ => Some(CLOSED),
        };
        let goes = old
            && product.is_none_or(|product| product == of)
            && (!keep_open || ticket == Some(CLOSED));
        let companion = format!("{report}.ticket.json");
        if !goes {
            made.kept.insert(report.clone());
            made.kept.extend(ticket.map(|_| companion.clone()));
        }
        made.all.push((report, content(random.random_range(0..50))));
        made.all.extend(ticket.map(|ticket| (companion, ticket.as_bytes().to_vec())));
    }
    for stray in ["reports/junk.age", "reports/shop/2020/01/02/junk.age", "logs/2020-01-02"] {
        made.kept.insert(stray.to_owned());
        made.all.push((stray.to_owned(), b"junk".to_vec()));
    }
    made
}

fn keys(server: &Seaweed) -> BTreeSet<String> {
    server.keys().into_iter().collect()
}

fn is_report(key: &str) -> bool {
    !key.ends_with(".ticket.json")
}

/// Until all that was stored is older than a second.
fn let_it_age() {
    sleep(Duration::from_millis(2100));
}

const PRUNE: [&str; 5] = ["reports", "prune", "--older-than", "1s", "--yes"];

#[test]
fn whatever_is_in_the_bucket_what_is_to_be_kept_is_kept_and_the_rest_goes() {
    needs!("weed", "openssl", "curl");
    let server = Seaweed::start();
    let desk = desk_with(&server.desk());
    for seed in 0..6 {
        let mut random = StdRng::seed_from_u64(seed);
        let keep_open = seed % 2 == 0;
        let product = (seed % 3 == 2).then_some("shop");
        let made = make(&mut random, 60, keep_open, product);
        server.put_each(made.all.clone());
        let mut words = PRUNE.to_vec();
        words.extend(keep_open.then_some("--keep-open-tickets"));
        words.extend(product.map(|product| ["--product", product]).into_iter().flatten());

        // All of it has only just come in.
        let young = [&words[..2], &["--older-than", "1h"], &words[4..]].concat();
        desk.run(young).expect(0);
        assert_eq!(keys(&server).len(), made.all.len(), "seed {seed}");
        let_it_age();

        let before = keys(&server);
        let dry = desk.run([&words[..], &["--dry-run"]].concat()).expect(0);
        assert_eq!(keys(&server), before, "seed {seed}");
        let said: BTreeSet<_> = dry.stdout.lines().map(str::to_owned).collect();
        let ended = desk.run(words).expect(0);
        let left = keys(&server);
        assert_eq!(left, made.kept, "seed {seed}: {}", ended.printed());
        let gone: BTreeSet<_> =
            before.difference(&left).filter(|key| is_report(key)).cloned().collect();
        assert_eq!(said, gone, "seed {seed}");
        for key in left {
            server.delete(&key);
        }
    }
}

#[test]
fn a_prune_that_is_ended_at_any_moment_and_two_at_once_take_nothing_that_is_kept() {
    needs!("weed", "openssl", "curl");
    let server = Seaweed::start();
    let desk = desk_with(&server.desk());
    let mut random = StdRng::seed_from_u64(4711);
    let made = make(&mut random, 500, true, None);
    let start = || desk.start([&PRUNE[..], &["--keep-open-tickets"]].concat());
    let refill = || {
        let there = keys(&server);
        let gone = made.all.iter().filter(|(key, _)| !there.contains(key));
        server.put_each(gone.cloned());
        let_it_age();
    };
    refill();
    // How long it takes undisturbed, so that it can be ended at any moment of that.
    let whole = start().end().expect(0).took;
    assert_eq!(keys(&server), made.kept);
    for round in 0..5 {
        refill();
        let (one, other) = (start(), start());
        sleep(whole.mul_f64(random.random_range(0.2..1.1)));
        let signal = *["KILL", "TERM", "INT"].choose(&mut random).unwrap();
        one.signal(signal);
        other.signal("KILL");
        one.end();
        other.end();
        let left = keys(&server);
        let lost: Vec<_> = made.kept.difference(&left).collect();
        assert!(lost.is_empty(), "round {round}, {signal}: {lost:?}");
        // Whatever the end left undone, two others at once do.
        let (one, other) = (start(), start());
        for ended in [one.end(), other.end()] {
            ended.expect(0);
        }
        assert_eq!(keys(&server), made.kept, "round {round}, {signal}");
    }
}

#[test]
fn a_prune_that_is_ended_before_or_after_any_of_its_steps_is_finished_by_the_next() {
    let mut random = StdRng::seed_from_u64(815);
    let made = make(&mut random, 700, true, None);
    let prune = [&PRUNE[..], &["--keep-open-tickets"]].concat();
    let fresh = || MemoryBucket::with(made.all.clone());
    let undisturbed = fresh();
    desk_with(&undisturbed.desk()).run(&prune).expect(0);
    assert_eq!(undisturbed.keys().into_iter().collect::<BTreeSet<_>>(), made.kept);
    let steps = undisturbed.deletions();
    assert!(steps >= 4, "reports and companions, in several batches: {steps}");
    for step in 0..steps {
        for (hold, signal) in [
            (Hold::Before, "KILL"),
            (Hold::After, "KILL"),
            (Hold::Before, "INT"),
            (Hold::After, "TERM"),
        ] {
            let server = fresh();
            let desk = desk_with(&server.desk());
            server.hold(step, hold);
            let running = desk.start(&prune);
            server.wait_until_held();
            running.signal(signal);
            let killed = signal == "KILL";
            if !killed {
                // The signal thread notes it; the step that is under way is taken to its end.
                sleep(Duration::from_millis(50));
                server.release();
            }
            let ended = running.end();
            let code = if killed { None } else { Some(130) };
            // After the last step there is nothing left to be stopped.
            let whole = !killed && step + 1 == steps;
            assert!(ended.code == code || whole && ended.code == Some(0), "{}", ended.printed());
            server.release();
            let left: BTreeSet<_> = server.keys().into_iter().collect();
            assert!(left.is_superset(&made.kept), "step {step}, {hold:?}, {signal}");
            for report in left.iter().filter(|key| is_report(key)) {
                let companion = format!("{report}.ticket.json");
                let had = made.all.iter().any(|(key, _)| *key == companion);
                assert!(!had || left.contains(&companion), "{report} lost its companion");
            }
            desk.run(&prune).expect(0);
            let left = server.keys().into_iter().collect::<BTreeSet<_>>();
            assert_eq!(left, made.kept, "step {step}, {hold:?}, {signal}");
        }
    }
}

#[test]
fn a_second_prune_that_overtakes_the_first_at_any_step_disturbs_nobody() {
    let mut random = StdRng::seed_from_u64(42);
    let made = make(&mut random, 400, true, None);
    let prune = [&PRUNE[..], &["--keep-open-tickets"]].concat();
    for step in 0..3 {
        let server = MemoryBucket::with(made.all.clone());
        let desk = desk_with(&server.desk());
        server.hold(step, Hold::Before);
        let first = desk.start(&prune);
        server.wait_until_held();
        desk.run(&prune).expect(0);
        assert_eq!(server.keys().into_iter().collect::<BTreeSet<_>>(), made.kept);
        server.release();
        first.end().expect(0);
        assert_eq!(server.keys().into_iter().collect::<BTreeSet<_>>(), made.kept);
    }
}

#[test]
fn nothing_is_deleted_before_somebody_agreed() {
    needs!("weed", "openssl", "curl");
    let server = Seaweed::start();
    let desk: Collect = desk_with(&server.desk());
    server.put(&key("shop", "2020-01-02", "aaaabbbb"), &content(10));
    let_it_age();
    let ended = desk.run(&PRUNE[..4]).expect(4);
    assert!(ended.stderr.contains("1 report"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--yes"), "{}", ended.stderr);
    desk.run(["reports", "prune", "--older-than", "0s", "--yes"]).expect(4);
    assert_eq!(server.keys().len(), 1);
}
