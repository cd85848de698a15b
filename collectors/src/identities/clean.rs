//! Checks on clean text what the rules leave alone: the folder `forms/clean` of this crate, which
//! has documents of many formats in which nothing is secret. Addresses are in it, and are replaced.
//!
//! `COLLECT_FORMS=DIR cargo test -p collect-collectors clean_text -- --nocapture` shows everything
//! that is replaced in another folder of such files.

#![expect(clippy::disallowed_methods, reason = "the forms are files of the project")]

use collect_core::{
    Secret,
    redact::{HostFacts, Redaction, pseudonym::Pseudonyms},
};
use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Names that the documents say are those of accounts and hosts.
const NAMES: &[&str] = &[
    "alice",
    "bob",
    "cyrus",
    "kim",
    "ops",
    "pi",
    "sa",
    "svc_backup",
    "webmaster",
    "app.corp.internal",
];

/// What is replaced in a line, and by what.
fn replaced<'l>(before: &'l str, after: &'l str) -> Vec<(&'l str, &'l str)> {
    let ends = |letter: char| letter.is_whitespace() || "\"'`<>()[]{},;=|".contains(letter);
    let words = |text: &'l str| text.split(ends).filter(|word| !word.is_empty());
    let (old, new): (Vec<_>, Vec<_>) = (words(before).collect(), words(after).collect());
    if old.len() != new.len() {
        return vec![(before, after)];
    }
    old.into_iter().zip(new).filter(|(old, new)| old != new).collect()
}

/// Whether the word has the shape of an address of a host, or of a person's mail.
fn is_address(word: &str) -> bool {
    let parts = |part: &str| {
        let part = part.trim_matches(['/', '.', ':', '%', '\\']);
        let bare = part.rsplit_once(':').map_or(part, |(host, _)| host);
        let digits = part.replace([':', '-', '.'], "");
        let mac = digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        mac || [part, bare].into_iter().any(|part| part.parse::<IpAddr>().is_ok())
    };
    word.contains('@') || word.split(['/', '@', '-', '\\', '%']).any(parts) || parts(word)
}

#[test]
fn of_clean_text_nothing_is_replaced_but_addresses() {
    let pseudonyms = Arc::new(Pseudonyms::new(&Secret::new("a made-up key of a customer")));
    let rules = super::rules(&pseudonyms, &HostFacts::default(), false).unwrap();
    let redaction = Redaction::compile(rules).unwrap();
    let shown = std::env::var_os("COLLECT_FORMS").map(PathBuf::from);
    let dir = shown.clone().unwrap_or_else(|| "forms/clean".into());
    let mut wrong = Vec::new();
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(dir)).unwrap() {
        let file = file.unwrap().path();
        let text = fs::read(&file).unwrap();
        let scrubbed = redaction.whole(text.clone()).unwrap().bytes;
        let (before, after) = (String::from_utf8_lossy(&text), String::from_utf8_lossy(&scrubbed));
        assert_eq!(before.lines().count(), after.lines().count(), "{}", file.display());
        for (before, after) in before.lines().zip(after.lines()).filter(|(old, new)| old != new) {
            for (old, new) in replaced(before, after) {
                let word = old.trim_end_matches('.');
                let right = is_address(old)
                    || NAMES.iter().any(|name| word.ends_with(name))
                    || old.contains("/home/");
                if shown.is_some() {
                    eprintln!(
                        "{} {old} -> {new} | {before}",
                        if right { "right" } else { "WRONG" }
                    );
                }
                if !right {
                    wrong.push(format!("{old} -> {new} in {before}"));
                }
            }
        }
    }
    assert!(shown.is_some() || wrong.is_empty(), "{}", wrong.join("\n"));
}
