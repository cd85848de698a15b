//! A time of interest across rotated logs: exactly its lines come out, and redacted.

use crate::kit::{Bundle, Collect, Ended, KeyPair, Planted, needs, output, plant, profile};
use std::{
    ffi::OsString,
    fmt::Write as _,
    fs::{File, FileTimes},
    time::{Duration, SystemTime},
};

/// 2026-11-20 00:00:00 UTC, in seconds since 1970.
const FIRST: u64 = 1_795_132_800;

const HOURS: u64 = 5;

/// An hour of a log: a line every ten seconds, some with a secret, some with lines that belong to
/// them.
fn hour(number: u64, secrets: &[Planted]) -> Vec<String> {
    (0..360)
        .map(|line| {
            let (minute, second) = (line / 6, line % 6 * 10);
            let mut text = format!("2026-11-20 {number:02}:{minute:02}:{second:02},500 INFO ");
            write!(text, "did {number}-{line}").unwrap();
            if line % 9 == 0 {
                let secret = &secrets[(number * 40 + line / 9) as usize % secrets.len()];
                write!(text, " {}", secret.text).unwrap();
            }
            if line % 50 == 0 {
                text += "\n  at app.work(work.py:7)\nCaused by: nothing";
            }
            text + "\n"
        })
        .collect()
}

struct Scene {
    collect: Collect,
    key: KeyPair,
    secrets: Vec<Planted>,
    hours: Vec<Vec<String>>,
}

impl Scene {
    /// A log, and what it was rotated to by the real tools.
    fn new() -> Self {
        let (collect, key) = (Collect::new(), KeyPair::new());
        let secrets = plant(23, 4);
        // A key of several lines would have to be written without times in between.
        let secrets: Vec<_> =
            secrets.into_iter().filter(|secret| !secret.text.contains('\n')).collect();
        let hours: Vec<_> = (0..HOURS).map(|number| hour(number, &secrets)).collect();
        for (number, lines) in hours.iter().enumerate() {
            let age = HOURS as usize - 1 - number;
            let name = if age == 0 { "log/app.log".into() } else { format!("log/app.log.{age}") };
            let path = collect.write(&name, lines.concat());
            let tool = ["", "xz", "zstd", "bzip2", "gzip"][age];
            let path = match tool {
                "" => path,
                "zstd" => {
                    output("zstd", ["--quiet", "--rm", path.to_str().unwrap()]);
                    path.with_added_extension("zst")
                }
                tool => {
                    output(tool, [path.to_str().unwrap()]);
                    path.with_added_extension(match tool {
                        "xz" => "xz",
                        "bzip2" => "bz2",
                        _ => "gz",
                    })
                }
            };
            let modified = SystemTime::UNIX_EPOCH
                + Duration::from_secs(FIRST + (number as u64 + 1) * 3600 - 10);
            let times = FileTimes::new().set_modified(modified);
            File::options().append(true).open(&path).unwrap().set_times(times).unwrap();
        }
        Self { collect, key, secrets, hours }
    }

    fn gather(&self, options: &str, further: &[&str]) -> (Ended, Bundle) {
        let folder = self.collect.path("log");
        let body = format!(
            "[collect.logs]\nuse = \"files\"\npaths = [\"{}\"]\n{options}\n",
            folder.display()
        );
        let profile = self.collect.write("shop.toml", profile(&self.key.recipient, &body));
        let mut arguments = self.collect.gathering(&profile);
        arguments.extend(further.iter().map(OsString::from));
        let ended = self.collect.run(arguments);
        let bundle = Bundle::open(&self.collect.bundle(), &self.key.file());
        (ended, bundle)
    }

    /// What came out, from the oldest file to the newest.
    fn text(&self, bundle: &Bundle) -> String {
        let folder = format!("logs{}", self.collect.path("log").display());
        let entries = bundle.entries();
        let names = (0..HOURS).rev().map(|age| match age {
            0 => format!("{folder}/app.log"),
            age => format!("{folder}/app.log.{age}"),
        });
        let texts = names.filter(|name| entries.contains(name)).map(|name| bundle.text(&name));
        texts.collect()
    }

    #[track_caller]
    fn holds_no_secret(&self, text: &str) {
        for part in self.secrets.iter().flat_map(|secret| &secret.parts) {
            assert!(!text.contains(part.as_str()), "`{part}` got out");
        }
    }
}

/// What tells the lines apart, whatever was removed from them.
fn marks(text: &str) -> Vec<String> {
    let mark = |line: &str| match line.split_once(" did ") {
        Some((head, rest)) => format!("{head} {}", rest.split(' ').next().unwrap_or_default()),
        None => line.to_owned(),
    };
    text.lines().map(mark).collect()
}

#[test]
fn rotated_logs_of_every_compression_give_exactly_the_lines_of_the_window_redacted() {
    needs!("age", "age-keygen", "tar", "xz", "gzip", "bzip2", "zstd");
    let scene = Scene::new();
    // From within the oldest file to within the newest.
    let window = ["--since", "2026-11-20T00:30:00Z", "--until", "2026-11-20T04:29:59.9Z"];
    let (ended, bundle) = scene.gather("", &window);
    ended.expect(0);
    let all = scene.hours.concat();
    let expected = all[180..all.len() - 180].concat();
    let text = scene.text(&bundle);
    assert_eq!(marks(&text), marks(&expected));
    scene.holds_no_secret(&text);
    assert!(text.contains("[redacted:"), "{text}");
    let entries = bundle.manifest["entries"].as_array().unwrap();
    let covers = |name: &str| {
        let entry = entries.iter().find(|entry| entry["path"].as_str().unwrap().ends_with(name));
        entry.unwrap()["covers"].clone()
    };
    assert_eq!(covers("app.log.4")["from"], "2026-11-20T00:30:00.5Z");
    assert_eq!(covers("app.log")["to"], "2026-11-20T04:29:50.5Z");
}

#[test]
fn a_moment_and_the_time_around_it_may_lie_in_one_rotated_log() {
    needs!("age", "age-keygen", "tar", "xz", "gzip", "bzip2", "zstd");
    let scene = Scene::new();
    let (ended, bundle) = scene.gather("", &["--at", "2026-11-20T02:00:00Z", "--window", "20m"]);
    ended.expect(0);
    let all = scene.hours.concat();
    let text = scene.text(&bundle);
    assert_eq!(marks(&text), marks(&all[660..780].concat()));
    scene.holds_no_secret(&text);
    let notes = bundle.step("logs")["notes"].to_string();
    assert!(notes.contains("2 files left out"), "{notes}");
}

#[test]
fn a_profile_may_take_whole_files_by_the_time_of_their_last_change() {
    needs!("age", "age-keygen", "tar", "xz", "gzip", "bzip2", "zstd");
    let scene = Scene::new();
    let options = "since = \"2026-11-20T03:30:00Z\"\ntimes = \"file\"";
    let (ended, bundle) = scene.gather(options, &[]);
    ended.expect(0);
    assert_eq!(marks(&scene.text(&bundle)), marks(&scene.hours[3..].concat().concat()));
}

#[test]
fn the_last_lines_go_on_in_rotated_logs_and_are_redacted() {
    needs!("age", "age-keygen", "tar", "xz", "gzip", "bzip2", "zstd");
    let scene = Scene::new();
    let path = scene.collect.path("log/app.log");
    let lines = 900;
    let body = format!(
        "[collect.logs]\nuse = \"tail\"\npaths = [\"{}\"]\nlines = {lines}\nrotated = true\n",
        path.display()
    );
    let profile = scene.collect.write("shop.toml", profile(&scene.key.recipient, &body));
    scene.collect.gather(&profile).expect(0);
    let bundle = Bundle::open(&scene.collect.bundle(), &scene.key.file());
    let text = scene.text(&bundle);
    let all = scene.hours.concat().concat();
    let all: Vec<_> = all.lines().collect();
    assert_eq!(marks(&text), marks(&all[all.len() - lines..].join("\n")));
    scene.holds_no_secret(&text);
}

#[test]
fn times_without_a_zone_are_of_the_zone_that_the_environment_names() {
    needs!("age", "age-keygen", "tar", "xz");
    if !std::path::Path::new("/usr/share/zoneinfo/Asia/Tokyo").exists() {
        return crate::kit::skip("there is no /usr/share/zoneinfo");
    }
    let (mut collect, key) = (Collect::new(), KeyPair::new());
    collect.env("TZ", "Asia/Tokyo");
    let lines = "2026-11-20 09:00:00 a\n2026-11-20 10:00:00 b\n2026-11-20 11:00:00 c\n";
    let log = collect.write("log/app.log", lines);
    let body = format!("[collect.logs]\nuse = \"files\"\npaths = [\"{}\"]\n", log.display());
    let profile = collect.write("shop.toml", profile(&key.recipient, &body));
    let mut arguments = collect.gathering(&profile);
    // In the zone of the line, and in UTC.
    arguments
        .extend(["--since", "2026-11-20 09:30", "--until", "2026-11-20T01:30:00Z"].map(Into::into));
    collect.run(arguments).expect(0);
    let bundle = Bundle::open(&collect.bundle(), &key.file());
    assert_eq!(bundle.text(&format!("logs{}", log.display())), "2026-11-20 10:00:00 b\n");
}
