//! The second look: whether anything is left that must not be, found by other means than the scan.
//!
//! The scan decides by anchors, lines and what its rules say. This looks for what can be told by
//! itself, anywhere in what came out: the secrets that were known before, the markers of private
//! keys, and the forms that rules say they leave none of.

use super::{
    RuleError,
    rule::{Kind, Rule, regex},
};
use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError, Match, packed};
use regex::bytes::Regex;
use std::ops::Range;
use thiserror::Error;

/// Something is left that a rule should have removed. What it is in must not leave.
#[derive(Debug, Error)]
#[error("a second look has found what rule `{rule}` should have removed")]
pub struct Left {
    /// The rule.
    pub rule: String,
}

/// How a token begins, and how long it is at most: an id may be like the secret that it stands for.
const TOKEN: &[u8] = b"[redacted:";
const LONGEST_TOKEN: usize = 128;

/// What must not be in a text.
pub(super) struct Proof {
    /// The forms of known secrets, with their rules.
    literals: Option<(Literals, Vec<String>)>,
    /// All shapes in one expression.
    any: Option<Regex>,
    /// Each shape, with its rule.
    shapes: Vec<(Regex, String)>,
}

impl Proof {
    pub(super) fn compile(rules: &[Rule]) -> Result<Self, RuleError> {
        let (mut literals, mut owners) = (Vec::new(), Vec::new());
        let mut shapes = Vec::new();
        for Rule { id, anchors, kind, shapes: own, .. } in rules {
            match kind {
                Kind::Literal => {
                    owners.extend(anchors.iter().map(|_| id.clone()));
                    literals.extend(anchors);
                }
                Kind::Block(block) => shapes.push((regex(id, block.begin())?, id.clone())),
                _ => {}
            }
            for shape in own {
                if !shapes.iter().any(|(known, _): &(Regex, _)| known.as_str() == shape) {
                    shapes.push((regex(id, shape)?, id.clone()));
                }
            }
        }
        let unusable = |reason: String| RuleError::Unusable { rule: "all".into(), reason };
        let literals = if literals.is_empty() {
            None
        } else {
            let all = Literals::compile(&literals).map_err(|error| unusable(error.to_string()))?;
            Some((all, owners))
        };
        let any: Vec<_> = shapes.iter().map(|(shape, _)| format!("(?:{shape})")).collect();
        let any = if any.is_empty() { None } else { Some(regex("all", &any.join("|"))?) };
        Ok(Self { literals, any, shapes })
    }

    /// Whether nothing of it is in the text.
    pub(super) fn of(&self, text: &[u8]) -> Result<(), Left> {
        let left = |rule: &String| Err(Left { rule: rule.clone() });
        if let Some((literals, owners)) = &self.literals
            && let Some(literal) = literals.find(text, |at| !is_in_token(text, at))
        {
            return left(&owners[literal]);
        }
        if let Some(any) = &self.any
            && let Some(found) = any.find_iter(text).find(|found| is_varied(found.as_bytes()))
        {
            let of = self.shapes.iter().find(|(shape, _)| shape.is_match(found.as_bytes()));
            return left(of.map_or(&self.shapes[0].1, |(_, rule)| rule));
        }
        Ok(())
    }
}

/// Known secrets, all looked for at once.
enum Literals {
    /// As few as can be compared with several places of a text at once.
    Few(packed::Searcher),
    Many(AhoCorasick),
}

impl Literals {
    fn compile(literals: &[&Vec<u8>]) -> Result<Self, BuildError> {
        if let Some(few) = packed::Searcher::new(literals) {
            return Ok(Self::Few(few));
        }
        // A prefilter by rare bytes stops at every other byte of a log.
        let kind = Some(AhoCorasickKind::DFA);
        let many = AhoCorasick::builder().kind(kind).prefilter(false).build(literals)?;
        Ok(Self::Many(many))
    }

    /// The number of the first that stands where it `counts`.
    fn find(&self, text: &[u8], counts: impl Fn(Range<usize>) -> bool) -> Option<usize> {
        let counts = |found: &Match| counts(found.range());
        let found = match self {
            Self::Few(few) => few.find_iter(text).find(counts),
            Self::Many(many) => many.find_iter(text).find(counts),
        };
        found.map(|found| found.pattern().as_usize())
    }
}

/// Whether a text has as many different characters as any secret, and any marker, has.
fn is_varied(text: &[u8]) -> bool {
    let mut seen = [false; 256];
    for &byte in text {
        seen[usize::from(byte)] = true;
    }
    seen.iter().filter(|&&seen| seen).count() >= 8
}

/// Whether this is part of what stands in for a secret.
fn is_in_token(text: &[u8], at: Range<usize>) -> bool {
    let before = &text[at.start.saturating_sub(LONGEST_TOKEN)..at.end];
    let Some(opened) = memchr::memmem::rfind(before, TOKEN) else {
        return false;
    };
    let inside = &before[opened + TOKEN.len()..];
    let rest = &text[at.end..text.len().min(at.end + LONGEST_TOKEN)];
    !inside.contains(&b']') && rest.contains(&b']') && inside.iter().all(|&byte| is_plain(byte))
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof() -> Proof {
        let token = Rule::pattern("token", ["ghp_"], "ghp_[a-z]{20}").unwrap();
        Proof::compile(&[
            token.leaves_no(r"\bghp_[a-z]{20}"),
            Rule::literal("upload", b"upload").unwrap(),
            Rule::block("key", &["-----BEGIN"], "-----BEGIN KEY-----", "-----END KEY-----")
                .unwrap(),
        ])
        .unwrap()
    }

    #[test]
    fn what_is_left_is_found_and_its_rule_is_named() {
        let left = |text: &str| proof().of(text.as_bytes()).err().map(|left| left.rule);
        assert_eq!(left("x ghp_plantedplantedplanted"), Some("token".into()));
        assert_eq!(left("an upload"), Some("upload".into()));
        assert_eq!(left("a\n-----BEGIN KEY-----\n"), Some("key".into()));
        assert_eq!(left("ghp_planted up load"), None);
    }

    #[test]
    fn what_only_shows_how_a_secret_looks_may_be_left() {
        assert!(proof().of(b"ghp_xxxxxxxxxxxxxxxxxxxx").is_ok());
        assert!(proof().of(b"ghp_xxxxxxxxxxxxxxxxxxxx ghp_plantedplantedplanted").is_err());
    }

    #[test]
    fn a_token_that_is_named_like_what_it_stands_for_is_not_what_is_left() {
        let proof = proof();
        assert!(proof.of(b"[redacted:upload] [redacted:an-upload-token]").is_ok());
        assert!(proof.of(b"[redacted:upload] upload").is_err());
        assert!(proof.of(b"[redacted: upload]").is_err());
    }
}
