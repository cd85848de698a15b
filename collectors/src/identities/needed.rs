//! Every rule is needed: without it, something stays of the lines in the tests of this folder that
//! is otherwise replaced.

use super::tests::{HITS, KEY, facts};
use collect_core::{
    Secret,
    redact::{Redaction, Rule, pseudonym::Pseudonyms},
};
use std::sync::Arc;

/// The rules, for hosts that keep the logs of others.
fn rules() -> Vec<Rule> {
    let pseudonyms = Arc::new(Pseudonyms::new(&Secret::new(KEY)));
    super::rules(&pseudonyms, &facts(), true).unwrap()
}

/// How many of the marked identities are left.
fn left(rules: Vec<Rule>) -> usize {
    let redaction = Redaction::compile(rules).unwrap();
    let of_line = |line: &&str| {
        let scrubbed = redaction.text(&line.replace(['«', '»'], ""));
        let marked = line.split(['«', '»']).skip(1).step_by(2);
        marked.filter(|identity| scrubbed.contains(identity)).count()
    };
    HITS.iter().chain(OF_LOGS).map(of_line).sum()
}

/// What is only found if it is asked for.
const OF_LOGS: &[&str] =
    &["Nov 23 10:42:00 «box9» sshd[7]: up", "2026-11-23T10:42:00.123+01:00 «cache7» app: up"];

#[test]
fn without_any_one_of_the_rules_an_identity_is_left() {
    let all = left(rules());
    let needless: Vec<_> = (0..rules().len())
        .filter_map(|index| {
            let mut rules = rules();
            let without = rules.remove(index);
            let anchors = without.anchors().iter().map(|anchor| String::from_utf8_lossy(anchor));
            let name = format!("{index} {} {:?}", without.id(), anchors.collect::<Vec<_>>());
            (left(rules) <= all).then_some(name)
        })
        .collect();
    assert_eq!(needless, [""; 0], "no line needs these");
}
