//! The journald collector against `journalctl`, on real journal files.

use crate::kit::{Bundle, Collect, Entry, Journal, KeyPair, needs, profile};
use serde_json::Value;

/// Three units in two files that overlap in time; fields that are binary, repeated, long and empty.
fn journal() -> Journal {
    let journal = Journal::new();
    let of = |unit, identifier, priority, from: u64| {
        (0..200).map(move |number| Entry {
            unit,
            identifier,
            priority: if number % 10 == 0 { 3 } else { priority },
            ..Entry::new(from + number * 30, format!("{identifier} did number {number}"))
        })
    };
    let mut first: Vec<_> = of("shop.service", "shop", 6, 0).collect();
    first[3].message = b"first line\nsecond line\n\tthird".to_vec();
    first[4].message = vec![0, 1, 0xfe, 0xff, b'x'];
    first[5].message = b"in colour: \x1b[31mred\x1b[0m".to_vec();
    first[6].message = "y".repeat(70_000).into_bytes();
    first[7].message = Vec::new();
    first[8].message = "größer als üblich".into();
    first[9].fields = vec![
        ("SHOP_TAG", b"one".to_vec()),
        ("SHOP_TAG", b"two".to_vec()),
        ("SHOP_BLOB", vec![0, 159, 146, 150]),
    ];
    first.extend(of("till.service", "till", 5, 15));
    first.sort_by_key(|entry| entry.seconds);
    journal.file("system@first", &first);
    let second: Vec<_> = of("shop.service", "shop-worker", 7, 3000).collect();
    journal.file("system", &second);
    journal
}

/// Runs the collector with these options and returns the bundle.
fn collected(journal: &Journal, options: &str) -> Bundle {
    let (collect, key) = (Collect::new(), KeyPair::new());
    let body = format!(
        "[collect.journal]\nuse = \"journald\"\ndirectory = [\"{}\"]\nbinary = \"keep\"\n{options}\n",
        journal.path().display()
    );
    let profile = collect.write("shop.toml", profile(&key.recipient, &body));
    let ended = collect.gather(&profile);
    assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.printed());
    Bundle::open(&collect.bundle(), &key.file())
}

/// What time the manifest says that the entry covers.
fn covers(bundle: &Bundle) -> [String; 2] {
    let entries = bundle.manifest["entries"].as_array().unwrap();
    let covers = entries.iter().find_map(|entry| entry.get("covers")).unwrap();
    ["from", "to"].map(|end| covers[end].as_str().unwrap().to_owned())
}

/// Everything that the step wrote, one file after the other.
fn text(bundle: &Bundle) -> String {
    let entries: Vec<_> = bundle
        .entries()
        .into_iter()
        .filter(|entry| entry.starts_with("journal/") && entry.contains("/journal."))
        .map(|entry| String::from_utf8_lossy(&bundle.read(&entry)).into_owned())
        .collect();
    entries.concat()
}

/// Journal entries, one JSON object a line, with values as text wherever they are text.
///
/// `journalctl` writes a value as numbers as soon as a control character is in it.
fn entries(text: &str) -> Vec<Value> {
    let read = |line| -> Value {
        let mut entry: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for value in entry.as_object_mut().unwrap().values_mut() {
            if let Some(text) = as_text(value) {
                *value = Value::String(text);
            }
        }
        entry
    };
    text.lines().map(read).collect()
}

/// The text whose bytes an array of numbers is, if it is one.
fn as_text(value: &Value) -> Option<String> {
    let numbers = value.as_array()?.iter();
    let bytes = numbers.map(|number| number.as_u64().and_then(|number| number.try_into().ok()));
    String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()
}

#[track_caller]
fn agree(journal: &Journal, options: &str, judge: &[&str], at_least: usize) -> Bundle {
    let bundle = collected(journal, &format!("format = \"json\"\n{options}"));
    let collected = entries(&text(&bundle));
    let mut arguments = vec!["--output=json"];
    arguments.extend(judge);
    let judged = entries(&journal.judge(&arguments));
    assert!(judged.len() >= at_least, "{} entries", judged.len());
    assert_eq!(collected.len(), judged.len());
    for (number, (collected, judged)) in collected.iter().zip(&judged).enumerate() {
        assert_eq!(collected, judged, "entry {number}");
    }
    bundle
}

#[test]
fn journald_agrees_with_journalctl_on_every_entry_of_several_files() {
    needs!("journalctl", "systemd-journal-remote", "age", "age-keygen", "tar", "xz");
    let bundle = agree(&journal(), "since = \"2026-01-01\"", &[], 600);
    assert_eq!(bundle.status("journal"), "complete");
    let notes = bundle.step("journal")["notes"].to_string();
    assert!(notes.contains("begins at 2026-11-20T00:00:00Z"), "{notes}");
}

#[test]
fn journald_agrees_with_journalctl_on_a_unit_and_a_time_window() {
    needs!("journalctl", "systemd-journal-remote", "age", "age-keygen", "tar", "xz");
    let journal = journal();
    agree(
        &journal,
        "since = \"2026-11-20T00:30:00Z\"\nuntil = \"2026-11-20T01:10:00Z\"\n\
         units = [\"shop.service\"]",
        &["--since=2026-11-20 00:30:00", "--until=2026-11-20 01:10:00", "--unit=shop.service"],
        100,
    );
    // Both ends belong to it, to the fraction of a second: entries stand at whole ones.
    let bundle = agree(
        &journal,
        "since = \"2026-11-20T00:30:00Z\"\nuntil = \"2026-11-20T00:31:00Z\"",
        &["--since=2026-11-20 00:30:00", "--until=2026-11-20 00:31:00"],
        5,
    );
    let covers = covers(&bundle);
    assert_eq!(covers, ["2026-11-20T00:30:00Z", "2026-11-20T00:31:00Z"].map(str::to_owned));
    let bundle = agree(
        &journal,
        "since = \"2026-11-20T00:30:00.5Z\"\nuntil = \"2026-11-20T00:30:59.5Z\"",
        &["--since=2026-11-20 00:30:00.5", "--until=2026-11-20 00:30:59.5"],
        3,
    );
    let covers = self::covers(&bundle);
    assert_eq!(covers, ["2026-11-20T00:30:15Z", "2026-11-20T00:30:45Z"].map(str::to_owned));
    agree(
        &journal,
        "since = \"2026-01-01\"\nunits = [\"shop.service\", \"till.service\"]\n\
         max-priority = \"err\"\nidentifiers = [\"till\", \"shop-worker\"]",
        &[
            "--unit=shop.service",
            "--unit=till.service",
            "--priority=err",
            "--identifier=till",
            "--identifier=shop-worker",
        ],
        40,
    );
}

#[test]
fn journald_agrees_with_journalctl_beside_a_damaged_file_and_says_that_it_is_damaged() {
    needs!("journalctl", "systemd-journal-remote", "age", "age-keygen", "tar", "xz");
    let journal = journal();
    let lost: Vec<_> =
        (0..2000).map(|number| Entry::new(number, format!("lost number {number}"))).collect();
    journal.damaged_file("system@damaged", &lost);
    let bundle = agree(&journal, "since = \"2026-01-01\"", &[], 600);
    assert_eq!(bundle.status("journal"), "partial");
    let notes = bundle.step("journal")["notes"].to_string();
    assert!(notes.contains("system@damaged.journal"), "{notes}");
}

#[test]
fn the_text_of_the_journal_has_every_message_in_order() {
    needs!("journalctl", "systemd-journal-remote", "age", "age-keygen", "tar", "xz");
    let journal = journal();
    let text = text(&collected(&journal, "format = \"text\"\nsince = \"2026-01-01\""));
    let words = |text: &str| -> Vec<String> {
        text.lines()
            .filter_map(|line| line.split_once("did number ").map(|(_, number)| number))
            .map(str::to_owned)
            .collect()
    };
    let judged = words(&journal.judge(&["--output=short-iso"]));
    assert!(judged.len() > 590, "{}", judged.len());
    assert_eq!(words(&text), judged);
    assert!(text.contains("second line") && text.contains("größer als üblich"));
}

#[test]
fn a_folder_without_journal_files_is_said_to_be_absent() {
    needs!("journalctl", "age", "age-keygen", "tar", "xz");
    let bundle = collected(&Journal::new(), "");
    assert_eq!(bundle.status("journal"), "absent");
    let notes = bundle.step("journal")["notes"].to_string();
    assert!(notes.contains("there are no journal files"), "{notes}");
}
