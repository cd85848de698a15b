//! What was learnt is removed everywhere, whatever was gathered first.

use super::tests::{Files, long_log};
use crate::{
    CollectError, Collector, Output,
    bundle::{Manifest, Status},
    gather::hexadecimal,
    profile::{Binary, Compression, StepOptions},
    redact::{Redaction, Rule},
    report::Report,
    seal::{Front, SealError, seal, write_archive},
    testkit::{Collected, FakeHost, Trial},
    units::Size,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use std::sync::Arc;

const PASSWORD: &str = "m4deUp/v4lue";
const CONFIG: &str = "password = m4deUp/v4lue\n";

fn rule() -> Rule {
    let pattern = r"password = (?<secret>\S+)";
    Rule::pattern("password", ["password"], pattern).unwrap().learns(|_| true)
}

/// Gathers `first`, then the file that the password is learnt from.
fn before(first: &'static [&'static str]) -> Trial {
    let trial = Trial::none().step("first", Files(first), StepOptions::default());
    trial.step("config", Files(&["/shop.conf"]), StepOptions::default()).rules(vec![rule()])
}

fn host() -> FakeHost {
    FakeHost::new().file("/shop.conf", CONFIG)
}

/// Holds the manifest to what is there.
fn assert_right(collected: &Collected) {
    let mut bytes = 0;
    for record in collected.manifest().entries.iter().skip(1) {
        let entry = collected.bytes(&record.path.replacen('/', ":", 1));
        assert_eq!(record.size, entry.len() as u64, "{}", record.path);
        assert_eq!(record.sha256, format!("{:x}", Sha256::digest(entry)), "{}", record.path);
        bytes += record.size;
        assert!(!entry.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes()));
    }
    let steps = &collected.manifest().steps;
    assert_eq!(steps.iter().map(|step| step.bytes).sum::<u64>(), bytes);
}

#[test]
fn a_password_is_removed_from_a_log_that_was_gathered_before_it_was_learnt() {
    let log = format!("login with {PASSWORD} failed\nnothing\n");
    let collected = before(&["/log", "/other"]).on(host().file("/log", &log).file("/other", "x\n"));
    assert_eq!(collected.text("first:log"), "login with [redacted:learnt] failed\nnothing\n");
    assert_eq!(collected.text("config:shop.conf"), "password = [redacted:password]\n");
    assert_eq!(collected.text("first:other"), "x\n");
    assert_right(&collected);
    assert_eq!(collected.record("first:log").redactions["learnt"], 1);
    assert_eq!(collected.manifest().steps[0].redactions["learnt"], 1);
    assert_eq!(collected.manifest().steps[0].status, Status::Complete);
}

#[test]
fn a_password_is_removed_in_its_encoded_forms_too() {
    let hex = hexadecimal(PASSWORD.as_bytes());
    for form in [STANDARD.encode(format!("shop:{PASSWORD}")), hex, "m4deUp%2Fv4lue".to_owned()] {
        let collected = before(&["/log"]).on(host().file("/log", &format!("sent {form}\n")));
        let log = collected.text("first:log");
        assert!(log.starts_with("sent ") && log.contains("[redacted:learnt]"), "{log}");
        assert_right(&collected);
    }
}

#[test]
fn a_password_is_removed_from_the_middle_of_a_large_entry() {
    for compression in [Compression::Xz, Compression::Zstd] {
        let (half, rest) = (long_log().repeat(2), long_log());
        let log = format!("{half}{PASSWORD}\n{rest}");
        let trial = before(&["/large.log"]).compression(compression);
        let collected = trial.on(host().file("/large.log", &log));
        assert!(collected.text("first:large.log") == log.replace(PASSWORD, "[redacted:learnt]"));
        assert_right(&collected);
        assert_eq!(collected.record("first:large.log").redactions["learnt"], 1);
    }
}

#[test]
fn a_password_on_the_border_of_two_segments_is_removed() {
    // Segments of one line end anywhere: here every place has the password.
    let line = format!("{}\n", PASSWORD.repeat(700_000));
    let collected = before(&["/line.json"]).on(host().file("/line.json", &line));
    let left = collected.text("first:line.json");
    let parts: Vec<&str> = left.trim_end().split("[redacted:learnt]").collect();
    assert!(parts.iter().all(|part| part.is_empty()), "{:?}", parts.iter().max());
    assert_right(&collected);
}

#[test]
fn a_password_is_removed_from_the_names_and_notes_of_entries() {
    struct Named;
    impl Collector for Named {
        fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
            out.text("cache/m4deUpv4lue/a", "one\n")?;
            out.text("cache/m4deUpv4lue", "two\n")?;
            out.file("/no/m4deUpv4lue")?;
            out.file("/large/m4deUpv4lue")
        }
    }
    let collected = Trial::none()
        .step("first", Named, StepOptions::default())
        .step("config", Files(&["/shop.conf"]), StepOptions::default())
        .rules(vec![rule()])
        .on(FakeHost::new()
            .file("/shop.conf", "password = m4deUpv4lue\n")
            .file("/large/m4deUpv4lue", &long_log()));
    let paths = collected.paths();
    let cache = "first/cache/[redacted:learnt]";
    let large = "first/large/[redacted:learnt]";
    assert_eq!(paths, ["config/shop.conf", &format!("{cache}/a"), &format!("{cache}~2"), large]);
    assert_eq!(collected.text("first:cache/[redacted:learnt]~2"), "two\n");
    assert_right(&collected);
    let manifest = serde_json::to_string(collected.manifest()).unwrap();
    assert!(!manifest.contains("m4deUp"), "{manifest}");
}

#[test]
fn binary_data_that_holds_a_learnt_password_is_left_out() {
    let mut noise = vec![0_u8; 4_000_000];
    noise[3_500_000..][..PASSWORD.len()].copy_from_slice(PASSWORD.as_bytes());
    let small = [b"\0\0\0\x01", PASSWORD.as_bytes()].concat();
    let host = host().bytes("/small", small).bytes("/large", noise).file("/ok", "ok\n");
    let files = Files(&["/small", "/large", "/ok"]);
    let options = StepOptions { binary: Binary::Keep, ..StepOptions::default() };
    let collected = Trial::none()
        .step("first", files, options)
        .step("config", Files(&["/shop.conf"]), StepOptions::default())
        .rules(vec![rule()])
        .on(host);
    assert_eq!(collected.paths(), ["config/shop.conf", "first/ok"]);
    let Manifest { steps, .. } = collected.manifest();
    assert_eq!((steps[0].status, steps[0].notes.len()), (Status::Partial, 2));
    assert_right(&collected);
}

#[test]
fn a_word_that_stands_where_a_password_does_stays_elsewhere() {
    for word in ["production", "backup2024", "short1a", "20260102030405"] {
        let config = format!("password = {word}\n");
        let log = format!("the {word} of today\n");
        let host = FakeHost::new().file("/shop.conf", &config).file("/log", &log);
        assert_eq!(before(&["/log"]).on(host).text("first:log"), log);
    }
}

#[test]
fn what_was_learnt_leaves_the_same_bytes_whatever_the_number_of_threads() {
    let archive = |threads| {
        let log = format!("{}{PASSWORD}\n{}", long_log(), long_log());
        let host = host().file("/a.log", &log).file("/b", &format!("{PASSWORD}\n"));
        let mut trial = Trial::none().threads(threads).rules(vec![rule()]);
        for id in ["one", "two", "three", "four"] {
            let step = Files(&["/b", "/a.log", "/shop.conf", "/b", "/a.log"]);
            trial = trial.step(id, step, StepOptions::default());
        }
        let mut gathered = trial.gather(Arc::new(host));
        let front = Front::of(&mut gathered, &Report::default()).unwrap();
        let mut bytes = Vec::new();
        write_archive(&mut gathered, &front, &mut bytes).unwrap();
        bytes
    };
    let one = archive(1);
    for _ in 0..2 {
        assert!(archive(8) == one, "eight threads give other bytes than one");
    }
}

#[test]
fn what_a_run_has_learnt_is_not_known_to_the_next() {
    let redaction = Redaction::compile(vec![rule()]).unwrap();
    let run = redaction.for_run();
    run.text(CONFIG);
    assert!(run.needles().is_some());
    assert!(redaction.needles().is_none() && redaction.for_run().needles().is_none());
}

#[test]
fn an_entry_in_which_something_is_left_is_withheld_and_named() {
    // Rules that lie: they say that they have removed what they leave.
    let same = |value: &[u8]| Some(value.to_vec());
    let literal = Rule::literal("upload-token", b"S3cret/made up").unwrap().replaced(same);
    let token = Rule::pattern("token", ["ghp_"], "ghp_[a-z]{20}").unwrap().replaced(same);
    let token = token.leaves_no("ghp_[a-z]{20}");
    let large = format!("{}ghp_plantedplantedplanted\n", long_log());
    let host = FakeHost::new()
        .file("/one", "a S3cret/made up b\n")
        .file("/two", "ghp_plantedplantedplanted\n")
        .file("/large", &large)
        .file("/ok", "ok\n");
    let collected = Trial::of(Files(&["/one", "/two", "/large", "/ok"]))
        .rules(vec![literal, token])
        .limits(|limits| limits.size = Size(1 << 30))
        .on(host);
    assert_eq!(collected.paths(), ["test/ok"]);
    assert_eq!(collected.status(), Status::Partial);
    let notes = collected.notes().join("\n");
    for (entry, rule) in [("one", "upload-token"), ("two", "token"), ("large", "token")] {
        let note = format!(
            "Withheld test/{entry}: left out: a second look has found what rule `{rule}` should have \
             removed"
        );
        assert!(notes.contains(&note), "{notes}");
    }
}

#[test]
fn nothing_is_sealed_if_something_is_left_in_what_is_said_of_the_entries() {
    let same = |value: &[u8]| Some(value.to_vec());
    let token = Rule::pattern("token", ["ghp_"], "ghp_[a-z]{20}").unwrap().replaced(same);
    let trial = Trial::of(Files(&["/ok"])).rules(vec![token.leaves_no("ghp_[a-z]{20}")]);
    let mut gathered = trial.gather(Arc::new(FakeHost::new().file("/ok", "ok\n")));
    let description = "it says ghp_plantedplantedplanted".to_owned();
    let report = Report { description, ..Report::default() };
    let dir = tempfile::tempdir().unwrap();
    let recipients = [age::x25519::Identity::generate().to_public().into()];
    let error = seal(&mut gathered, &report, &recipients, dir.path()).unwrap_err();
    assert!(matches!(&error, SealError::Unprotected(_)), "{error}");
    assert!(!error.to_string().contains("ghp_"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
