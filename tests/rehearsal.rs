//! `collect check --run`: a profile is tried, and nothing is kept.

use crate::kit::{Collect, profile, wait_for_file};
use serde_json::Value;
use std::path::PathBuf;

fn written(collect: &Collect, steps: &str) -> PathBuf {
    let key = "age1ar7d3l5py9tah2dfgplax6scy4s3442yq8qde5detjmxdqgkz9aqjea6e7";
    let share = collect.path("share");
    let log = collect.write("shop.log", "password = made-up-2d8f0c\nfine\n");
    let body = format!(
        "[collect.logs]\nuse = \"files\"\npaths = [\"{}\"]\n\
         [collect.nothing]\nuse = \"files\"\npaths = [\"/nowhere/*.log\"]\n{steps}\
         [redact.people]\nuse = \"identities\"\n\
         [deliver.share]\nuse = \"folder\"\npath = \"{}\"\n",
        log.display(),
        share.display()
    );
    collect.write("shop.toml", profile(key, &body))
}

#[test]
fn every_step_has_a_line_and_nothing_is_left_behind() {
    let collect = Collect::new();
    std::fs::create_dir(collect.path("share")).unwrap();
    let path = written(&collect, "");
    let path = path.to_str().unwrap();
    let before = collect.left_behind();
    let said = collect.run(["check", "--run", path]).expect(0).stdout;
    for words in [&["logs", "complete", "1 password"][..], &["nothing", "absent"]] {
        let line = |line: &&str| words.iter().all(|word| line.contains(word));
        assert!(said.lines().any(|l| line(&l)), "{words:?}\n{said}");
    }
    assert!(!said.contains("made-up-2d8f0c"));
    assert_eq!(collect.left_behind(), before, "nothing on disk, no key either");
    assert_eq!(std::fs::read_dir(collect.path("share")).unwrap().count(), 0, "nothing is sent");

    let events = collect.run(["check", "--run", path, "--json", "--skip", "nothing"]).expect(0);
    let events: Vec<Value> =
        events.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let gathered = events.iter().find(|event| event["event"] == "gathered").unwrap();
    let steps = gathered["steps"].as_array().unwrap();
    assert_eq!((&steps[0]["status"], &steps[0]["entries"]), (&"complete".into(), &1.into()));
    assert_eq!(steps[1]["status"], "skipped");
    let last = events.last().unwrap();
    assert_eq!((&last["event"], &last["exit"]), (&"finished".into(), &0.into()));
    assert_eq!(collect.left_behind(), before);
}

#[test]
fn a_step_that_fails_or_takes_too_long_is_an_error_and_one_that_is_refused_is_none() {
    let collect = Collect::new();
    let slow = "[collect.slow]\nuse = \"command\"\nargv = [\"sleep\", \"60\"]\ntimeout = \"1s\"\n";
    let path = written(&collect, slow);
    let said = collect.run(["check", "--run", path.to_str().unwrap()]).expect(3).stdout;
    assert!(said.contains("timed-out"), "{said}");
    let said = collect.run(["check", "--run", path.to_str().unwrap(), "--skip", "slow"]).expect(0);
    assert!(!said.stdout.contains("slow"), "{}", said.stdout);
    collect.assert_nothing_runs();
}

#[test]
fn ctrl_c_shows_what_was_seen_by_then() {
    let collect = Collect::new();
    let reached = collect.path("reached");
    let endless = format!(
        "[collect.endless]\nuse = \"command\"\nargv = [\"sh\", \"-c\", \"touch {}; sleep 300\"]\n",
        reached.display()
    );
    let path = written(&collect, &endless);
    let before = collect.left_behind();
    let running = collect.start(["check", "--run", path.to_str().unwrap()]);
    wait_for_file(&reached);
    running.signal("INT");
    let ended = running.end().expect(130);
    collect.assert_nothing_runs();
    assert!(ended.stdout.contains("endless"), "{}", ended.printed());
    assert!(ended.stdout.contains("interrupted"), "{}", ended.printed());
    assert_eq!(collect.left_behind(), before);
}

#[test]
fn what_only_a_trial_understands_is_refused_without_one() {
    let collect = Collect::new();
    let path = written(&collect, "");
    let said = collect.run(["check", path.to_str().unwrap(), "--only", "logs"]).expect(4);
    assert!(said.stderr.contains("--run"), "{}", said.stderr);
}
