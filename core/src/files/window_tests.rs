//! Which lines of which files are taken for a time of interest.

use super::{FileSet, Times, section};
use crate::{
    CollectError, Collector, Output, Window,
    bundle::Status,
    host::{HostFile, Machine},
    stamp::{Origin, Stamps, Within},
    testkit::{Collected, FakeHost, Trial},
    units::{Size, TimePoint},
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use std::{
    fmt::Write as _,
    io::{self, Read, Seek, SeekFrom, Write as _},
    ops::Range,
};

struct Files(FileSet);

impl Collector for Files {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        out.files(&self.0)
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn trial(since: &str, until: &str) -> Trial {
    let point = |text: &str| Some(TimePoint::At(at(text)));
    Trial::of(Files(FileSet::new(&["/var/log"], &[]).unwrap())).options(|options| {
        options.since = point(since);
        options.until = point(until);
    })
}

fn said(collected: &Collected, what: &str) -> bool {
    collected.notes().iter().any(|note| note.contains(what))
}

/// A line a minute of the 2nd of January 2026, from hour to hour.
fn minutes(hours: Range<u32>) -> String {
    let mut log = String::new();
    for minute in hours.start * 60..hours.end * 60 {
        let (hour, minute) = (minute / 60, minute % 60);
        writeln!(log, "2026-01-02 {hour:02}:{minute:02}:00 INFO did {hour}:{minute}").unwrap();
    }
    log
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn lines_of_the_time_of_interest_are_taken_across_rotated_files() {
    let host = FakeHost::new()
        .file_at("/var/log/app.log", minutes(2..3), at("2026-01-02T03:00:00Z"))
        .file_at("/var/log/app.log.1", minutes(1..2), at("2026-01-02T02:00:00Z"))
        .file_at("/var/log/app.log.2.gz", gzip(&minutes(0..1)), at("2026-01-02T01:00:00Z"));
    let collected = trial("2026-01-02T00:58:00Z", "2026-01-02T02:01:00Z").on(host);
    assert_eq!(collected.text("/var/log/app.log.1"), minutes(1..2));
    let last = |text: &str| text.lines().map(|line| line[11..16].to_owned()).collect::<Vec<_>>();
    assert_eq!(last(collected.text("/var/log/app.log.2")), ["00:58", "00:59"]);
    assert_eq!(last(collected.text("/var/log/app.log")), ["02:00", "02:01"]);
    let covers = collected.record("/var/log/app.log.2").covers.unwrap();
    assert_eq!((covers.from, covers.to), (at("2026-01-02T00:58:00Z"), at("2026-01-02T00:59:00Z")));
    assert!(!said(&collected, "begins at"), "{:?}", collected.notes());
    assert_eq!(collected.status(), Status::Complete);
}

#[test]
fn a_file_without_a_line_of_interest_is_left_out_and_counted() {
    let host = FakeHost::new()
        .file("/var/log/late.log", &minutes(2..3))
        .bytes("/var/log/late.2.gz", gzip(&minutes(2..3)))
        .file("/var/log/other.log", "no times\nin it\n");
    let collected = trial("2026-01-02T00:00:00Z", "2026-01-02T01:00:00Z").on(host);
    assert_eq!(collected.paths(), ["test/var/log/other.log"]);
    assert!(said(&collected, "2 files left out: no line of the time of interest"));
    assert_eq!(collected.status(), Status::Complete);
}

#[test]
fn a_log_that_begins_later_than_was_asked_for_is_named() {
    let host = || FakeHost::new().file("/var/log/app.log", &minutes(2..3));
    let collected = trial("2026-01-02T01:00:00Z", "2026-01-02T03:00:00Z").on(host());
    assert!(said(&collected, "`/var/log/app.log` begins at 2026-01-02T02:00:00Z"));
    // An older file is there, so nothing is missing.
    let host = host().file_at("/var/log/app.log.1", minutes(0..1), at("2026-01-02T01:00:00Z"));
    let collected = trial("2026-01-02T01:30:00Z", "2026-01-02T03:00:00Z").on(host);
    assert!(!said(&collected, "begins at"), "{:?}", collected.notes());
}

#[test]
fn a_profile_may_take_files_whole() {
    let set = FileSet::new(&["/var/log"], &[]).unwrap().times(Times::File);
    let host = FakeHost::new().file("/var/log/app.log", &minutes(0..3));
    let trial = Trial::of(Files(set));
    let since = Some(TimePoint::At(at("2026-01-02T02:00:00Z")));
    let collected = trial.options(|options| options.since = since).on(host);
    assert_eq!(collected.text("/var/log/app.log"), minutes(0..3));
}

#[test]
fn the_window_comes_before_the_size() {
    let host = FakeHost::new();
    let host = host.file_at("/var/log/app.log", minutes(0..24), at("2026-01-03T00:00:00Z"));
    let trial = trial("2026-01-02T06:00:00Z", "2026-01-02T17:59:30Z");
    let collected = trial.options(|options| options.max_size = Some(Size(20_000))).on(host);
    let text = collected.text("/var/log/app.log");
    assert!(text.starts_with("2026-01-02 06:00:00 INFO"), "{text}");
    assert!(text.ends_with("2026-01-02 17:59:00 INFO did 17:59\n"), "{text}");
    assert!(text.contains("bytes left out here]\n2026-01-02"), "{text}");
    assert!(text.len() > 16_000, "the room is used");
    assert_eq!(collected.status(), Status::Truncated);
    let covers = collected.record("/var/log/app.log").covers.unwrap();
    assert_eq!((covers.from, covers.to), (at("2026-01-02T06:00:00Z"), at("2026-01-02T17:59:00Z")));
}

#[test]
fn what_is_compressed_keeps_the_beginning_of_the_window() {
    let host = FakeHost::new();
    let packed = gzip(&minutes(0..24));
    let host = host.file_at("/var/log/app.log.1.gz", packed, at("2026-01-03T00:00:00Z"));
    let trial = trial("2026-01-02T06:00:00Z", "2026-01-02T17:59:30Z");
    let collected = trial.options(|options| options.max_size = Some(Size(20_000))).on(host);
    let text = collected.text("/var/log/app.log.1");
    assert!(text.starts_with("2026-01-02 06:00:00 INFO"), "{text}");
    let covers = collected.record("/var/log/app.log.1").covers.unwrap();
    let last = text.lines().last().unwrap();
    assert_eq!(covers.to.strftime("%H:%M:%S").to_string(), last[11..19]);
}

#[test]
fn binary_data_and_what_the_kernel_makes_up_is_not_looked_at_for_times() {
    let record = [minutes(0..1).as_bytes(), b"\0\0\0\x01"].concat();
    let host = FakeHost::new().bytes("/var/log/wtmp", record).file("/proc/log", &minutes(0..1));
    let set = FileSet::new(&["/var/log", "/proc/log"], &[]).unwrap();
    let collected = Trial::of(Files(set))
        .options(|options| {
            options.until = Some(TimePoint::At(at("2025-01-01T00:00:00Z")));
            options.binary = crate::profile::Binary::Keep;
        })
        .on(host);
    assert_eq!(collected.paths(), ["test/proc/log", "test/var/log/wtmp"]);
}

#[test]
fn a_hole_before_the_lines_of_a_log_does_not_matter() {
    let log = minutes(0..3);
    let len = (1 << 20) + log.len() as u64;
    let host = FakeHost::new().sparse("/var/log/a.log", len, &[(1 << 20, log.as_bytes())]);
    let collected = trial("2026-01-02T01:00:00Z", "2026-01-02T01:59:00Z").on(host);
    assert_eq!(collected.text("/var/log/a.log"), minutes(1..2));
}

/// A log of many gigabytes that is made up where it is read: a line of 64 bytes every tenth of a
/// second, and at `back` the clock is set back.
struct Endless {
    len: u64,
    at: u64,
    read: u64,
    back: Option<(u64, i64)>,
}

const LINE: u64 = 64;

impl Endless {
    fn new(len: u64) -> Self {
        Self { len, at: 0, read: 0, back: None }
    }

    fn time(&self, line: u64) -> Timestamp {
        let back = self.back.filter(|(from, _)| line >= *from).map_or(0, |(_, by)| by);
        let since =
            SignedDuration::from_millis(line.cast_signed() * 100) - SignedDuration::from_secs(back);
        at("2026-01-02T00:00:00Z") + since
    }

    fn line(&self, line: u64) -> Vec<u8> {
        let time = self.time(line).strftime("%Y-%m-%dT%H:%M:%S.%3fZ");
        let mut text = format!("{time} line {line}");
        while text.len() < LINE as usize - 1 {
            text.push('.');
        }
        text.push('\n');
        text.into_bytes()
    }
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut count = 0;
        while count < buffer.len() && self.at < self.len {
            let line = self.line(self.at / LINE);
            let rest = &line[(self.at % LINE) as usize..];
            let taken = rest.len().min(buffer.len() - count);
            buffer[count..count + taken].copy_from_slice(&rest[..taken]);
            count += taken;
            self.at += taken as u64;
        }
        self.read += count as u64;
        Ok(count)
    }
}

impl Seek for Endless {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(at) = to else { return Err(io::ErrorKind::Unsupported.into()) };
        self.at = at;
        Ok(at)
    }
}

impl HostFile for Endless {
    fn info(&self) -> io::Result<crate::host::FileInfo> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn data(&mut self, _: u64) -> io::Result<Option<Range<u64>>> {
        Ok(Some(0..self.len))
    }
}

fn find(file: &mut Endless, since: &str, until: &str, exactly: bool) -> Option<Range<u64>> {
    let window = |text: &str| Some(at(text)).filter(|_| !text.is_empty());
    let until = if until.is_empty() { None } else { window(until) };
    let within = Within::of(&Window { since: window(since), until }).unwrap();
    let sample = [file.line(0), file.line(1)].concat();
    let modified = at("2027-01-01T00:00:00Z");
    let origin = Origin { zone: TimeZone::UTC, modified, booted: None };
    let stamps = Stamps::detect(&sample, &origin).unwrap();
    let all = 0..file.len;
    section::find(file, all, within, &stamps, exactly).unwrap()
}

#[test]
fn a_place_in_ten_gigabytes_is_found_without_reading_them() {
    let mut file = Endless::new(10 << 30);
    let found = find(&mut file, "2026-02-01T00:00:00.05Z", "2026-02-01T01:00:00Z", true).unwrap();
    let first = 30 * 86_400 * 10 + 1;
    assert_eq!(found, first * LINE..(first + 36_000) * LINE);
    assert!(file.read < 24 << 20, "{} bytes were read", file.read);
    // What ends with the file is found by its beginning alone.
    let mut file = Endless::new(10 << 30);
    let late = file.time((10 << 30) / LINE - 600).to_string();
    let found = find(&mut file, &late, "", false).unwrap();
    assert_eq!(found, (10 << 30) - 600 * LINE..10 << 30);
    assert!(file.read < 10 << 20, "{} bytes were read", file.read);
    assert_eq!(find(&mut file, "2030-01-01T00:00:00Z", "", false), None);
}

#[test]
fn where_a_clock_was_set_back_no_line_is_missed() {
    // Three hours of lines; at the second the clock is set back by one.
    let mut file = Endless::new(108_000 * LINE);
    file.back = Some((72_000, 3600));
    let found = find(&mut file, "2026-01-02T01:30:00Z", "2026-01-02T01:45:00Z", true).unwrap();
    assert_eq!(found, 54_000 * LINE..(72_000 + 27_000 + 1) * LINE);
}

#[test]
fn lines_a_little_out_of_order_are_no_matter() {
    let mut file = Endless::new(108_000 * LINE);
    file.back = Some((54_000, 60));
    let found = find(&mut file, "2026-01-02T01:29:30Z", "2026-01-02T01:29:40Z", true).unwrap();
    assert_eq!(found, 53_700 * LINE..(54_000 + 400 + 1) * LINE);
}

#[test]
fn on_a_real_host_exactly_the_lines_of_the_window_are_taken_from_a_large_log() {
    let dir = tempfile::tempdir().unwrap();
    let root = std::fs::canonicalize(dir.path()).unwrap();
    let mut log = Vec::new();
    Endless::new(200_000 * LINE).read_to_end(&mut log).unwrap();
    std::fs::write(root.join("a.log"), &log).unwrap();
    let pattern = format!("{}/*.log", root.display());
    let trial = Trial::of(Files(FileSet::new(&[&pattern], &[]).unwrap())).options(|options| {
        options.since = Some(TimePoint::At(at("2026-01-02T02:00:00Z")));
        options.until = Some(TimePoint::At(at("2026-01-02T02:10:00Z")));
    });
    let collected = trial.on(Machine::new());
    let expected = &log[72_000 * LINE as usize..(72_000 + 6_001) * LINE as usize];
    assert_eq!(collected.bytes(&root.join("a.log").display().to_string()), expected);
}
