//! Lines that are a name, a kind of secret, and a value: `acme SECRET 0a1b…`, `acme_TOKEN-0a1b…`.

use super::{
    key::strength,
    value::{different, is_generated, is_random},
};
use collect_core::redact::{Found, Rule, RuleError};
use std::ops::Range;

/// The kinds, with what may set them apart from a value where the word alone is too frequent.
const KINDS: &[&str] = &[
    "key", "secret", "token", "access-", "access_", "access=", "access.", "private-", "private_",
    "private=", "private.",
];

/// The shortest value.
const LEAST: usize = 20;

/// A longer text is no name.
const LONGEST_NAME: usize = 40;

/// Longer values have other marks.
const LONGEST_VALUE: usize = 200;

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    Ok(vec![Rule::finder("key", KINDS, find)?])
}

/// The value behind the kind at `at`, if it ends the line.
fn find(line: &[u8], at: Range<usize>) -> Option<Found> {
    let signs = |b: &u8| b"_-.=".contains(b);
    let letters = line[at.clone()].iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let kind = at.start..at.start + letters;
    let gap = *line.get(kind.end)?;
    let start = kind.end + 1;
    let rest = line.get(start..)?.trim_ascii_end();
    if !(signs(&gap) || gap == b' ') || !(LEAST..=LONGEST_VALUE).contains(&rest.len()) {
        return None;
    }
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"_-.+/=".contains(b);
    if !rest.iter().all(plain) {
        return None;
    }
    let head = &line[..kind.start];
    let before = head.strip_suffix(b" ").unwrap_or(head);
    let part = |b: &u8| b.is_ascii_alphanumeric() || signs(b);
    let len = before.iter().rev().take(LONGEST_NAME).take_while(|b| part(b)).count();
    let from = before.len() - len;
    let is_glued = gap != b' ' && before.len() == head.len();
    let capitals = line[kind.clone()].iter().all(u8::is_ascii_uppercase);
    let says = matches!(line[kind.clone()].to_ascii_lowercase().as_slice(), b"secret" | b"token");
    // Behind other words only what is of one piece, and says so in capitals.
    let stands = line[..from].iter().all(u8::is_ascii_whitespace)
        || is_glued && capitals && line[..from].ends_with(b" ");
    if len < 2 || !stands || !(capitals || says && gap != b' ') {
        return None;
    }
    let name = line[from..kind.end].strip_prefix(b"-").unwrap_or(&line[from..kind.end]);
    let plain_kind = matches!(&*line[kind.clone()].to_ascii_lowercase(), b"access" | b"private");
    let is_value = is_random(rest, LEAST) && is_generated(rest) && different(rest) >= 8;
    ((plain_kind || strength(name).is_some()) && is_value && !is_named(rest))
        .then(|| (start..start + rest.len()).into())
}

/// Whether a value has words of its own before what looks generated.
fn is_named(value: &[u8]) -> bool {
    let first = value.split(|b| b"_-.=".contains(b)).next().unwrap_or_default();
    first.len() < value.len() && first.iter().all(u8::is_ascii_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Option<String> {
        let (at, kind) = KINDS
            .iter()
            .find_map(|kind| Some((line.to_ascii_lowercase().find(kind)?, kind)))
            .unwrap();
        let found = find(line.as_bytes(), at..at + kind.len())?;
        Some(line[found.value].to_owned())
    }

    #[test]
    fn a_name_a_kind_and_a_random_value_make_a_secret() {
        for before in ["acme SECRET ", "acme_TOKEN-", "acmeKEY ", "acme-token-", "acme.ACCESS="] {
            let line = format!("{before}0a1b2c3d4e5f6071829304");
            assert_eq!(found(&line).as_deref(), Some("0a1b2c3d4e5f6071829304"), "{line}");
        }
        assert!(found("set acme_KEY-0a1b2c3d4e5f6071829304").is_some());
    }

    #[test]
    fn what_only_has_such_a_word_is_none() {
        for line in [
            "cache-KEY-0a1b2c3d4e5f6071829304",
            "cache key 0a1b2c3d4e5f6071829304",
            "acme-key-0a1b2c3d4e5f6071829304",
            "KEY 0a1b2c3d4e5f6071829304",
            "the public KEY 0a1b2c3d4e5f6071829304",
            "acme-token-name-0a1b2c3d4e5f6071829304",
            "acme TOKEN 0a1b2c3d4e5f6071829304 was used",
        ] {
            assert_eq!(found(line), None, "{line}");
        }
    }
}
