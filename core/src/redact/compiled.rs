//! All rules made ready for one scan, and what the scan finds put to use.

use super::{
    Counts, RuleError, Scrubbed,
    anchors::Anchors,
    below::{Heads, Held},
    block::{Block, Marks, State},
    near::REACH,
    proof::Proof,
    rule::{Kind, Rule},
    span::{Put, Span, TOKEN},
    spare::Spares,
};
use std::{collections::BTreeMap, ops::Range};

/// What all clones of a [`super::Redaction`] share.
pub(super) struct Compiled {
    pub(super) rules: Vec<Rule>,
    pub(super) anchors: Option<Anchors>,
    /// The rules of every anchor.
    pub(super) targets: Vec<Vec<usize>>,
    /// The rules without an anchor.
    pub(super) everywhere: Vec<usize>,
    pub(super) marks: Marks,
    pub(super) proof: Proof,
    pub(super) spares: Spares,
}

/// A text to be looked at, and what is known of it.
#[derive(Clone)]
pub(super) struct Look<'t> {
    pub(super) text: &'t [u8],
    /// What of it is to be redacted; what is around that is there to be looked at only.
    pub(super) own: Range<usize>,
    /// Whether that begins within a block.
    pub(super) state: &'t State,
    /// The heads that it begins below.
    pub(super) heads: &'t [Held],
    /// The rules for the file that it is from.
    pub(super) scope: &'t [usize],
    /// How far rules may look around a line.
    pub(super) reach: usize,
    /// Whether it is a window of one line, that has no end of lines in it.
    pub(super) window: bool,
}

impl<'t> Look<'t> {
    /// A text of which nothing is known.
    pub(super) fn at(text: &'t [u8]) -> Self {
        let own = 0..text.len();
        Self {
            text,
            own,
            state: &State::Closed,
            heads: &[],
            scope: &[],
            reach: REACH,
            window: false,
        }
    }
}

impl Compiled {
    pub(super) fn compile(rules: Vec<Rule>) -> Result<Self, RuleError> {
        let mut targets: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
        let mut everywhere = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            if rule.anchors.is_empty() {
                everywhere.push(index);
            }
            for anchor in &rule.anchors {
                let of = targets.entry(anchor.to_ascii_lowercase()).or_default();
                if of.last() != Some(&index) {
                    of.push(index);
                }
            }
        }
        let (anchors, targets): (Vec<_>, Vec<_>) = targets.into_iter().unzip();
        let anchors = if anchors.is_empty() { None } else { Some(Anchors::compile(&anchors)?) };
        let blocks = rules.iter().filter(|rule| matches!(rule.kind, Kind::Block(_)));
        let marks = Marks::compile(blocks.flat_map(|rule| &rule.anchors))?;
        let proof = Proof::compile(&rules)?;
        let spares = Spares::default();
        Ok(Self { rules, anchors, targets, everywhere, marks, proof, spares })
    }

    /// The rules that look for blocks.
    pub(super) fn blocks(&self) -> Vec<(usize, &Block)> {
        let rules = self.rules.iter().enumerate();
        rules
            .filter_map(|(index, rule)| match &rule.kind {
                Kind::Block(block) => Some((index, block)),
                _ => None,
            })
            .collect()
    }

    /// The rules that look for what is below a head.
    pub(super) fn heads(&self) -> impl Iterator<Item = (usize, &Heads)> {
        self.rules.iter().enumerate().filter_map(|(index, rule)| match &rule.kind {
            Kind::Below(heads) => Some((index, heads)),
            _ => None,
        })
    }

    /// Copies a part of a text with what `spans` say instead of what is there.
    pub(super) fn replace(&self, text: &[u8], spans: Vec<Span>, own: Range<usize>) -> Scrubbed {
        let len = own.end;
        let mut bytes = self.spares.take(own.len() + own.len() / 64 + 64);
        let mut counts = Counts::new();
        let mut at = own.start;
        for span in spans {
            if span.start >= len {
                break;
            }
            bytes.extend_from_slice(&text[at..span.start]);
            at = span.end.min(len);
            let own = span.own.as_deref();
            let (rule, quote): (_, &[u8]) = match span.put {
                Put::Nothing => continue,
                Put::Token(rule) => (rule, b""),
                Put::Quoted(rule) => (rule, b"\""),
            };
            let id = &self.rules[rule].id;
            match own {
                Some(own) => bytes.extend_from_slice(own),
                None => {
                    for part in [quote, TOKEN, id.as_bytes(), b"]", quote] {
                        bytes.extend_from_slice(part);
                    }
                }
            }
            *counts.entry(id.clone()).or_default() += 1;
        }
        bytes.extend_from_slice(&text[at..len]);
        Scrubbed { bytes, counts }
    }
}
