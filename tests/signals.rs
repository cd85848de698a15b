//! A run that is stopped from outside: politely, and not.

use crate::kit::{
    Bundle, Collect, KeyPair, Running, contains, files_below, filler, needs, profile, wait_for,
    wait_for_file,
};
use std::{fs, path::PathBuf, time::Duration};

/// A word that stands in the log and nowhere else.
const MARK: &str = "made-up-word-of-the-log-8c1e";

/// A run that has gathered a log and now waits for a command without end.
fn half_way(collect: &Collect, key: &KeyPair) -> Running {
    let log = collect.write("shop.log", format!("{MARK}\n{}", filler(6 << 20)));
    let reached = collect.path("reached");
    let body = format!(
        "[collect.logs]\nuse = \"files\"\npaths = [\"{}\"]\n\
         [collect.endless]\nuse = \"command\"\n\
         argv = [\"sh\", \"-c\", \"touch {}; echo {MARK}; sleep 300\"]\n",
        log.display(),
        reached.display()
    );
    let profile = collect.write("shop.toml", profile(&key.recipient, &body));
    let mut arguments = collect.gathering(&profile);
    arguments.push("--json".into());
    let running = collect.start(arguments);
    wait_for_file(&reached);
    wait_for("the log is gathered", Duration::from_mins(1), || {
        running.stdout().contains("\"step-ended\"").then_some(())
    });
    running
}

fn assert_partial_bundle_after(signal: &str) {
    let (collect, key) = (Collect::new(), KeyPair::new());
    let running = half_way(&collect, &key);
    running.signal(signal);
    let ended = running.end().expect(130);
    collect.assert_nothing_runs();
    let printed = ended.printed();
    assert!(printed.contains(".tar.xz.age"), "{printed}");

    let bundle = Bundle::open(&collect.bundle(), &key.file());
    assert_eq!(bundle.manifest["complete"], false);
    assert_eq!(bundle.manifest["stopped"], "interrupted");
    assert_eq!(bundle.status("logs"), "complete");
    assert_ne!(bundle.status("endless"), "complete");
    let log = bundle.text(&format!("logs{}", collect.path("shop.log").display()));
    assert!(log == format!("{MARK}\n{}", filler(6 << 20)));
}

#[test]
fn ctrl_c_gives_a_readable_partial_bundle() {
    needs!("age", "age-keygen", "tar", "xz");
    assert_partial_bundle_after("INT");
}

#[test]
fn sigterm_gives_a_readable_partial_bundle() {
    needs!("age", "age-keygen", "tar", "xz");
    assert_partial_bundle_after("TERM");
}

#[test]
fn ctrl_backslash_gives_a_readable_partial_bundle() {
    needs!("age", "age-keygen", "tar", "xz");
    assert_partial_bundle_after("QUIT");
}

#[test]
fn after_sigkill_there_is_no_plaintext_and_the_next_run_says_what_it_found() {
    needs!("age", "age-keygen", "tar", "xz");
    let (collect, key) = (Collect::new(), KeyPair::new());
    let running = half_way(&collect, &key);
    running.signal("KILL");
    let ended = running.end();
    assert_eq!(ended.code, None);
    collect.kill_what_is_left();

    let shared = files_below("/dev/shm".as_ref());
    for file in collect.left_behind().iter().chain(&shared) {
        let content = fs::read(file).unwrap_or_default();
        for word in [MARK, "The print button", "user@example.com"] {
            assert!(!contains(&content, word.as_bytes()), "{word}: {file:?}");
        }
    }

    // The same again, now with a command that ends.
    let text = fs::read_to_string(collect.path("shop.toml")).unwrap();
    let profile = collect.write("shop.toml", text.replace("sleep 300", "true"));
    let next = collect.gather(&profile).expect(0);
    assert!(next.stderr.contains("unfinished"), "{}", next.stderr);
    Bundle::open(&collect.bundle(), &key.file());
    let debris: Vec<PathBuf> = collect
        .left_behind()
        .into_iter()
        .filter(|file| file.to_string_lossy().ends_with(".partial"))
        .collect();
    assert!(debris.is_empty(), "{debris:?}");
    let third = collect.gather(&profile).expect(0);
    assert!(!third.stderr.contains("unfinished"), "{}", third.stderr);
}
