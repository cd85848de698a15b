//! Every rule is needed: without it, a secret of the documented forms is left that is otherwise
//! removed.
//!
//! The rules are compiled once. Each is told to have its values put back while it counts as left
//! out, and to note where it finds something: only those documents can come out otherwise without
//! it. What runs without telling, as rules for blocks do, is left out for real.

use super::forms::{Form, forms};
use collect_core::redact::{Redaction, Rule};
use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

/// No rule is left out.
const NONE: usize = usize::MAX;

/// The rules, of which any one can be left out at any time.
struct Bench {
    redaction: Redaction,
    left_out: Arc<AtomicUsize>,
    /// The rules that have found something.
    found: Arc<Mutex<BTreeSet<usize>>>,
}

impl Bench {
    fn new() -> Self {
        let left_out = Arc::new(AtomicUsize::new(NONE));
        let found: Arc<Mutex<BTreeSet<usize>>> = Arc::default();
        let told = |(index, rule): (usize, Rule)| {
            let token = format!("[redacted:{}]", rule.id()).into_bytes();
            let (left_out, found) = (Arc::clone(&left_out), Arc::clone(&found));
            rule.replaced(move |_| {
                found.lock().unwrap().insert(index);
                (left_out.load(Ordering::Relaxed) != index).then(|| token.clone())
            })
        };
        let rules = super::rules().unwrap().into_iter().enumerate().map(told).collect();
        Self { redaction: Redaction::compile(rules).unwrap(), left_out, found }
    }

    /// How many secrets of a document are left with all rules, and the rules that have found some.
    fn with_all(&self, form: &Form) -> (usize, BTreeSet<usize>) {
        self.left_out.store(NONE, Ordering::Relaxed);
        let left = form.left(&form.scrubbed(&self.redaction)).len();
        (left, std::mem::take(&mut self.found.lock().unwrap()))
    }

    /// How many are left without one of the rules.
    fn without(&self, rule: usize, form: &Form) -> usize {
        self.left_out.store(rule, Ordering::Relaxed);
        form.left(&form.scrubbed(&self.redaction)).len()
    }
}

/// Whether the rules without this one, really left out, leave more of a document.
fn is_needed(rule: usize, documents: &[(Form, usize, BTreeSet<usize>)]) -> bool {
    let mut rules = super::rules().unwrap();
    rules.remove(rule);
    let redaction = Redaction::compile(rules).unwrap();
    documents.iter().any(|(form, left, _)| form.left(&form.scrubbed(&redaction)).len() > *left)
}

#[test]
fn without_any_one_of_the_rules_a_documented_secret_is_left() {
    let bench = Bench::new();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("forms/secrets");
    let documents: Vec<_> = forms(&dir)
        .into_iter()
        .map(|(_, form)| {
            let (left, found) = bench.with_all(&form);
            (form, left, found)
        })
        .collect();
    let rules = super::rules().unwrap();
    let mut needless = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let mut of = documents.iter().filter(|(_, _, found)| found.contains(&index)).peekable();
        let needed = if of.peek().is_some() {
            of.any(|(form, left, _)| bench.without(index, form) > *left)
        } else {
            is_needed(index, &documents)
        };
        if !needed {
            let anchors = rule.anchors().iter().map(|anchor| String::from_utf8_lossy(anchor));
            needless.push(format!("{} {:?}", rule.id(), anchors.collect::<Vec<_>>()));
        }
    }
    assert!(needless.is_empty(), "no document needs these of {} rules: {needless:#?}", rules.len());
}
