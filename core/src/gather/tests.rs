//! What the pipeline promises, each promise with a test that fails when it is broken.

use crate::{
    CollectError, Collector, Output,
    bundle::{Note, NoteKind, Status},
    gather::{Stop, ledger::Ledger, step::End},
    profile::{Binary, Compression, StepOptions},
    redact::Rule,
    report::Report,
    seal::{Front, write_archive},
    testkit::{FakeHost, Trial},
    units::{Length, Size},
};
use sha2::{Digest, Sha256};
use std::{
    fmt::Write as _,
    io::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

pub(super) struct Files(pub(super) &'static [&'static str]);

impl Collector for Files {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        self.0.iter().try_for_each(|path| out.file(path))
    }
}

struct Panics;

impl Collector for Panics {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        out.text("before", "kept\n")?;
        let mut entry = out.entry("open", "", None)?;
        entry.write_all(b"as far as it got\nhalf a li").expect("there is room");
        panic!("a planted defect");
    }
}

fn within(limit: Duration) -> StepOptions {
    StepOptions { timeout: Length(limit), ..StepOptions::default() }
}

/// Time enough for any test, on any machine.
const AMPLE: Duration = Duration::from_mins(1);

/// Some MiB of lines that differ, so that several blocks are needed.
pub(super) fn long_log() -> String {
    (0..200_000).fold(String::new(), |mut text, number| {
        _ = writeln!(text, "2026-11-23 10:42:05 line {number} of a log that is long");
        text
    })
}

#[test]
fn entries_come_out_as_they_went_in_with_their_records() {
    let log = long_log();
    let host = FakeHost::new().file("/var/log/long.log", &log).file("/etc/small", "small\n");
    let collected = Trial::of(Files(&["/etc/small", "/var/log/long.log", "/etc/absent"])).on(host);

    assert_eq!(collected.text("/var/log/long.log"), log);
    assert_eq!(collected.text("/etc/small"), "small\n");
    assert_eq!(collected.status(), Status::Complete);
    let record = collected.record("/var/log/long.log");
    assert_eq!(record.size, log.len() as u64);
    let sha256 = format!("{:x}", Sha256::digest(&log));
    assert_eq!(record.sha256, sha256);
    assert!(collected.notes()[0].contains("/etc/absent"), "{:?}", collected.notes());
}

#[test]
fn zstandard_bundles_are_read_too() {
    let log = long_log();
    let host = FakeHost::new().file("/var/log/long.log", &log);
    let trial = Trial::of(Files(&["/var/log/long.log"])).compression(Compression::Zstd);
    assert_eq!(trial.on(host).text("/var/log/long.log"), log);
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    let archive = |threads| {
        let log = long_log();
        let host = FakeHost::new().file("/a.log", &log).file("/b", "b\n").file("/c.log", &log);
        let mut trial = Trial::none().threads(threads);
        for id in ["one", "two", "three", "four"] {
            let step = Files(&["/b", "/a.log", "/b", "/c.log", "/b"]);
            trial = trial.step(id, step, StepOptions::default());
        }
        let mut gathered = trial.gather(Arc::new(host));
        let mut bytes = Vec::new();
        let front = Front::of(&mut gathered, &Report::default()).unwrap();
        write_archive(&mut gathered, &front, &mut bytes).unwrap();
        bytes
    };
    let one = archive(1);
    for _ in 0..3 {
        assert!(archive(8) == one, "eight threads give other bytes than one");
    }
}

#[test]
fn a_stuck_read_does_not_hold_up_the_bundle() {
    let host = FakeHost::new().file("/good", "good\n").hangs("/mnt/dead");
    let _release = host.release();
    let begun = Instant::now();
    let collected = Trial::none()
        .step("stuck", Files(&["/good", "/mnt/dead"]), within(Duration::from_millis(100)))
        .step("quick", Files(&["/good"]), within(AMPLE))
        .on(host);
    assert!(begun.elapsed() < Duration::from_secs(10));
    let status = |index: usize| collected.manifest().steps[index].status;
    assert_eq!(status(0), Status::Abandoned);
    assert_eq!(status(1), Status::Complete);
    assert_eq!(collected.text("stuck:good"), "good\n", "what it had gathered is lost");
    assert!(!collected.manifest().complete);
}

#[test]
fn a_run_in_which_more_steps_hang_than_run_at_once_still_ends() {
    let host = FakeHost::new().hangs("/mnt/dead").file("/good", "good\n");
    let _release = host.release();
    let mut trial = Trial::none().limits(|limits| limits.time = Length(Duration::from_millis(400)));
    for number in 0..12 {
        trial = trial.step(&format!("stuck-{number}"), Files(&["/mnt/dead"]), within(AMPLE));
    }
    let collected = trial.step("last", Files(&["/good"]), within(AMPLE)).on(host);
    let statuses: Vec<Status> = collected.manifest().steps.iter().map(|step| step.status).collect();
    assert_eq!(statuses[0], Status::Abandoned);
    assert_eq!(statuses[12], Status::NotStarted);
    assert_eq!(collected.manifest().stopped.as_deref(), Some("deadline"));
}

#[test]
fn a_step_after_hung_ones_still_gets_its_turn() {
    let host = FakeHost::new().hangs("/mnt/dead").file("/good", "good\n");
    let _release = host.release();
    let mut trial = Trial::none();
    for number in 0..10 {
        let id = format!("stuck-{number}");
        trial = trial.step(&id, Files(&["/mnt/dead"]), within(Duration::from_millis(50)));
    }
    let collected = trial.step("last", Files(&["/good"]), within(AMPLE)).on(host);
    assert_eq!(collected.text("last:good"), "good\n");
}

#[test]
fn what_a_collector_wrote_before_it_panicked_is_kept() {
    let collected = Trial::of(Panics).on(FakeHost::new());
    assert_eq!(collected.status(), Status::Panicked);
    assert_eq!(collected.text("before"), "kept\n");
    assert_eq!(collected.text("open"), "as far as it got\n");
    assert!(collected.record("open").truncated.is_some());
    assert!(collected.notes().join("\n").contains("a planted defect"));
}

#[test]
fn a_command_that_hangs_is_ended_and_what_it_said_is_kept() {
    struct Hangs;
    impl Collector for Hangs {
        fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
            out.text("first", "first\n")?;
            out.command("hung.txt", &crate::host::CommandLine::new(["hang"]))
        }
    }
    let host = FakeHost::new().command_hangs("hang");
    let _release = host.release();
    let collected = Trial::of(Hangs)
        .options(|options| options.timeout = Length(Duration::from_millis(100)))
        .on(host);
    assert_eq!(collected.status(), Status::TimedOut);
    assert_eq!(collected.text("first"), "first\n");
}

#[test]
fn a_step_takes_no_more_than_its_size_and_says_so() {
    let host = FakeHost::new().file("/a", &"a".repeat(50)).file("/b", &"bbbb\n".repeat(20));
    let trial =
        Trial::of(Files(&["/a", "/b"])).options(|options| options.max_size = Some(Size(80)));
    let collected = trial.on(host);
    assert_eq!(collected.bytes("/a").len(), 50);
    assert_eq!(collected.bytes("/b").len(), 30);
    assert_eq!(collected.status(), Status::Truncated);
    assert!(collected.record("/b").truncated.as_deref().unwrap().contains("size limit"));
    let note = &collected.manifest().steps[0].notes[0];
    assert!(note.source.ends_with("/b") && note.text.contains("size limit"), "{note:?}");
}

#[test]
fn a_file_that_grows_for_ever_ends_at_the_deadline() {
    let host = FakeHost::new().grows("/var/log/endless");
    let collected = Trial::of(Files(&["/var/log/endless"]))
        .options(|options| {
            options.timeout = Length(Duration::from_millis(200));
            options.binary = Binary::Keep;
        })
        .limits(|limits| limits.size = Size(3_000_000))
        .on(host);
    let status = collected.status();
    assert!(matches!(status, Status::TimedOut | Status::Truncated), "{status:?}");
    assert!(!collected.bytes("/var/log/endless").is_empty());
}

#[test]
fn what_does_not_fit_into_memory_is_spilled_and_comes_back() {
    // Bytes that do not compress, 40 MB of them, in a pipeline that may keep 16 MB.
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(40_000_000)
    .collect();
    let host = FakeHost::new().bytes("/noise", noise.clone());
    let collected = Trial::of(Files(&["/noise"]))
        .options(|options| options.binary = Binary::Keep)
        .limits(|limits| limits.memory = Size(32_000_000))
        .compression(Compression::Zstd)
        .on(host);
    assert!(collected.bytes("/noise") == noise, "spilled segments came back changed");
}

#[test]
fn a_full_bundle_keeps_small_facts_and_cuts_large_logs() {
    let mut state = 1_u64;
    let mut noise = String::new();
    while noise.len() < 12_000_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        _ = writeln!(noise, "{state:016x}");
    }
    let host = FakeHost::new().file("/noise.log", &noise).file("/fact", "fact\n");
    let collected = Trial::none()
        .step("logs", Files(&["/noise.log"]), StepOptions::default())
        .step("facts", Files(&["/fact"]), StepOptions::default())
        .limits(|limits| limits.size = Size(4_000_000))
        .on(host);
    assert_eq!(collected.text("facts:fact"), "fact\n");
    let kept = collected.text("logs:noise.log");
    assert!(!kept.is_empty() && noise.starts_with(kept));
    assert_eq!(collected.manifest().steps[0].status, Status::Truncated);
    assert_eq!(collected.manifest().stopped.as_deref(), Some(Stop::Size.word()));
    let notes = &collected.manifest().steps[0].notes;
    let cuts = notes.iter().filter(|note| note.source.ends_with("noise.log")).count();
    assert_eq!(cuts, 1, "{notes:?}");
    let record = collected.record("logs:noise.log");
    assert_eq!(
        record.sha256,
        format!("{:x}", Sha256::digest(kept)),
        "the digest is not of what is there"
    );
}

#[test]
fn names_in_the_bundle_are_safe_and_never_the_same_twice() {
    struct Names;
    impl Collector for Names {
        fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
            for name in ["../../etc/passwd", "a//b", "a/b", "", "line\nbreak"] {
                out.text(name, name)?;
            }
            out.text(&"long/".repeat(60), "long")
        }
    }
    let collected = Trial::of(Names).on(FakeHost::new());
    let long = format!("test{}", "/long".repeat(60));
    let expected =
        ["test/a/b", "test/a/b~2", "test/entry", "test/etc/passwd", "test/line_break", &long];
    assert_eq!(collected.paths(), expected);
}

#[test]
fn a_line_that_a_limit_tears_is_left_out() {
    // Half of it matches no rule.
    let rule = Rule::pattern("token", ["ghp_"], "ghp_[a-z]{20}").unwrap();
    let log = "first\nghp_plantedplantedplanted\n";
    let collected = Trial::of(Files(&["/log"]))
        .rules(vec![rule])
        .options(|options| options.max_size = Some(Size(20)))
        .on(FakeHost::new().file("/log", log));
    assert_eq!(collected.text("/log"), "first\n");
    assert_eq!(collected.status(), Status::Truncated);
}

#[test]
fn what_a_command_complains_of_is_redacted_as_it_was_written() {
    struct Complains;
    impl Collector for Complains {
        fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
            out.command("out.txt", &crate::host::CommandLine::new(["complain"]))
        }
    }
    let rule = |id| Rule::pattern(id, ["ghp_"], "ghp_[a-z]{20}").unwrap();
    let block = Rule::block("key", &["KEY"], "BEGIN KEY", "END KEY").unwrap();
    let body = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5\n".repeat(20);
    let before = "x".repeat(475);
    let said = format!("BEGIN KEY\n{body}END KEY\n{before} ghp_plantedplantedplanted\n");
    let host = FakeHost::new().command_fails("complain", 1, said);
    let collected = Trial::of(Complains).rules(vec![rule("token"), block]).on(host);
    let notes = collected.notes().join("\n");
    assert!(notes.contains("exit code 1: [redacted:key]"), "{notes}");
    assert!(!notes.contains("QUJD") && !notes.contains("ghp_"), "{notes}");
}

#[test]
fn what_a_defect_says_is_redacted() {
    struct Says;
    impl Collector for Says {
        fn collect(&self, _: &mut Output<'_>) -> Result<(), CollectError> {
            panic!("it is inside of `password=planted-0000`");
        }
    }
    let rule = Rule::pattern("password", ["password="], "password=(?<secret>[a-z0-9-]+)").unwrap();
    let notes = Trial::of(Says).rules(vec![rule]).on(FakeHost::new()).notes().join("\n");
    assert!(notes.contains("password=[redacted:password]"), "{notes}");
}

#[test]
fn the_name_of_the_host_has_its_pseudonym_in_the_manifest_too() {
    let rule = Rule::finder("host", ["shop1"], |_, at| Some(at.into())).unwrap();
    let rule = rule.replaced(|_| Some(b"host-7k2m".to_vec()));
    let host =
        FakeHost::new().file("/proc/sys/kernel/hostname", "shop1\n").file("/log", "shop1 up\n");
    let collected = Trial::of(Files(&["/log"])).rules(vec![rule]).on(host);
    assert_eq!(collected.manifest().host.name, "host-7k2m");
    assert_eq!(collected.text("/log"), "host-7k2m up\n");
}

#[test]
fn an_entry_in_which_redaction_fails_does_not_hold_up_the_others() {
    let fails = |line: &[u8], _| {
        assert!(line.is_empty(), "a planted defect");
        None
    };
    let rule = Rule::finder("broken", ["planted"], fails).unwrap();
    let (bad, good) = (format!("planted\n{}", long_log().repeat(4)), long_log());
    let host = FakeHost::new().file("/bad", &bad).file("/good", &good);
    let collected = Trial::none()
        .step("bad", Files(&["/bad"]), within(AMPLE))
        .step("good", Files(&["/good"]), within(AMPLE))
        .rules(vec![rule])
        .limits(|limits| limits.memory = Size(32_000_000))
        .on(host);
    assert_eq!(collected.manifest().steps[0].status, Status::Failed);
    assert!(collected.text("good:good") == good);
    assert_eq!(collected.manifest().stopped, None);
}

#[test]
fn a_flood_of_empty_entries_does_not_wait_in_memory_as_a_whole() {
    struct Flood;
    impl Collector for Flood {
        fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
            (0..10_000).try_for_each(|number| out.text(&format!("{number}"), ""))
        }
    }
    let gathered = Trial::of(Flood).gather(Arc::new(FakeHost::new()));
    assert_eq!(gathered.entries().len(), 10_000);
    // Each has a record of 512 bytes in the archive.
    assert!(gathered.order.len() >= 10_000 * 512 / (2 << 20), "{}", gathered.order.len());
    assert!(gathered.order.len() > 2);
}

#[test]
fn names_are_never_longer_than_file_systems_take() {
    struct Long;
    impl Collector for Long {
        fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
            let name = "\u{fffd}".repeat(200);
            out.text(&format!("{name}/a"), "")?;
            out.text(&name, "first")?;
            out.text(&format!("{name}x"), "second")
        }
    }
    let collected = Trial::of(Long).on(FakeHost::new());
    let paths = collected.paths();
    assert_eq!(paths.len(), 3);
    for name in paths.iter().flat_map(|path| path.split('/')) {
        assert!(name.len() <= 255, "{} bytes", name.len());
    }
    let folder = paths.iter().find_map(|path| path.strip_suffix("/a")).expect("it is kept");
    assert!(!paths.contains(&folder), "a file where a folder is");
}

#[test]
fn an_expression_that_does_not_end_does_not_hold_up_the_bundle() {
    let (release, hold) = std::sync::mpsc::channel::<()>();
    let hold = std::sync::Mutex::new(hold);
    let never = move |_: &[u8], _| {
        _ = hold.lock().unwrap().recv();
        None
    };
    let rule = Rule::finder("endless", ["planted"], never).unwrap();
    let host = FakeHost::new().file("/bad", "planted\n").file("/good", "good\n");
    let collected = Trial::none()
        .step("bad", Files(&["/bad"]), within(AMPLE))
        .step("good", Files(&["/good"]), within(AMPLE))
        .rules(vec![rule])
        .on(host);
    drop(release);
    assert_eq!(collected.text("good:good"), "good\n");
    assert_eq!(collected.manifest().steps[0].entries, 0);
    assert_eq!(collected.manifest().steps[0].status, Status::Failed);
    assert!(!collected.manifest().complete);
}

#[test]
fn a_step_is_told_to_have_ended_as_the_manifest_will_say() {
    let ended = |kind| {
        let mut ledger = Ledger::new();
        ledger.note(Note { kind, source: "/etc/shop".into(), text: String::new() });
        ledger.close(&End::Done, None, Duration::ZERO);
        ledger.ended().map(|(status, _)| status)
    };
    assert_eq!(ended(NoteKind::Absent), Some(Status::Absent));
    assert_eq!(ended(NoteKind::Denied), Some(Status::Denied));
    assert_eq!(ended(NoteKind::Info), Some(Status::Complete));
}
