//! A collector and a stock tool look at the same host at the same moment.

use collect_core::{
    host::Machine,
    testkit::{Collected, Trial},
};
use serde_json::Value;
use std::{collections::BTreeMap, process::Command};

/// What the collector of that name gathers here; `options` as in a profile, on one line.
pub(crate) fn collected(name: &str, options: &str) -> Collected {
    collect_collectors::link();
    Trial::plugin(name, options).on(Machine::new())
}

/// An entry that is JSON.
pub(crate) fn json(collected: &Collected, entry: &str) -> Value {
    serde_json::from_str(collected.text(entry)).expect("JSON")
}

/// What a stock tool prints. None, and a word about it, where it is not installed or cannot do its
/// work here: the test skips then.
pub(crate) fn stock(argv: &[&str]) -> Option<String> {
    let ran = Command::new(argv[0]).args(&argv[1..]).env("LC_ALL", "C").output();
    match ran {
        Ok(ran) if ran.status.success() => Some(String::from_utf8(ran.stdout).expect("UTF-8")),
        Ok(ran) => {
            println!("skipped: {argv:?} says {}", String::from_utf8_lossy(&ran.stderr));
            None
        }
        Err(error) => {
            println!("skipped: {argv:?}: {error}");
            None
        }
    }
}

/// The same, read as JSON.
pub(crate) fn stock_json(argv: &[&str]) -> Option<Value> {
    stock(argv).map(|text| serde_json::from_str(&text).expect("JSON"))
}

/// The objects of an array by one of their fields.
pub(crate) fn by<'v>(rows: &'v Value, key: &str) -> BTreeMap<String, &'v Value> {
    let rows = rows.as_array().expect("an array").iter();
    let rows = rows.filter_map(|row| Some((row[key].as_str()?.to_owned(), row)));
    rows.collect()
}

/// All objects of a tree, whose branches are arrays of that name.
pub(crate) fn flat(rows: &Value, children: &str) -> Vec<Value> {
    let rows = rows.as_array().into_iter().flatten();
    rows.flat_map(|row| {
        let mut below = flat(&row[children], children);
        below.insert(0, row.clone());
        below
    })
    .collect()
}

/// As some versions write numbers and switches in quotes.
pub(crate) fn plain(value: &Value) -> Value {
    match value.as_str() {
        Some(text) => serde_json::from_str(text).unwrap_or_else(|_| text.trim().into()),
        None => value.clone(),
    }
}

/// The records of `lspci -vmm`: blocks of `Key:\tvalue`, keys possibly several times.
pub(crate) fn records(text: &str) -> Vec<BTreeMap<String, Vec<String>>> {
    let blocks = text.split("\n\n").filter(|block| !block.trim().is_empty());
    let blocks = blocks.map(|block| {
        let mut record = BTreeMap::<String, Vec<String>>::new();
        for (key, value) in block.lines().filter_map(|line| line.split_once(':')) {
            record.entry(key.to_owned()).or_default().push(value.trim().to_owned());
        }
        record
    });
    blocks.collect()
}

/// Runs this test once more, in a mount namespace of its own in which `script` has changed what it
/// likes: whether that was possible, and so whether nothing is left to do out here. Needs root.
pub(crate) fn goes_inside(test: &str, script: &str) -> bool {
    const INSIDE: &str = "COLLECT_TEST_INSIDE";
    if std::env::var_os(INSIDE).is_some_and(|inside| inside == test) {
        return false;
    }
    let own = std::env::current_exe().expect("the test itself");
    let script =
        format!("set -e\n{script}\nexec \"$0\" --exact \"$1\" --nocapture --test-threads=1");
    let ran = Command::new("unshare")
        .args(["--mount", "bash", "-c", &script])
        .arg(own)
        .arg(test)
        .env(INSIDE, test)
        .output();
    match ran {
        Ok(ran) => {
            let said = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
            if said.contains("running 1 test") {
                assert!(ran.status.success(), "inside: {said}");
            } else {
                println!("skipped: the host cannot be changed for {test}: {said}");
            }
        }
        Err(error) => println!("skipped: unshare: {error}"),
    }
    true
}
