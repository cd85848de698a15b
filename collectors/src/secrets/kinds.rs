//! Lines that are a name, a kind of secret, and a value: `acme SECRET 0a1b…`, `acme_TOKEN-0a1b…`.

use super::{
    key::strength,
    placeholder::is_consecutive,
    random::hardness,
    value::{different, is_generated, is_random},
};
use collect_core::redact::{Found, Rule, RuleError};
use std::ops::Range;

/// The kinds, with what may set them apart from a value where the word alone is too frequent.
const KINDS: &[&str] = &[
    "key", "secret", "token", "access ", "access-", "access_", "access=", "access.", "private ",
    "private-", "private_", "private=", "private.",
];

/// The shortest value, and of small words before it.
const LEAST: usize = 16;
const LEAST_OF_WORDS: usize = 20;

/// So many digits, and nothing else, are a number of something else if they are fewer; so many
/// hexadecimal ones are a key.
const LONG_NUMBER: usize = 20;
const LONG_HEX: usize = 32;

/// What a vendor puts before a token is shorter than this.
const LONG_WORD: usize = 5;

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
    // Padding is at the end; elsewhere, a sign sets what stands before it.
    let sets = rest.iter().position(|&b| b == b'=').is_some_and(|at| rest.len() - at > 2);
    if sets || is_consecutive(rest) {
        return None;
    }
    let random = is_random(rest, LEAST_OF_WORDS) && is_generated(rest) && different(rest) >= 8;
    let is_value = if capitals {
        (random || is_made(rest)) && !is_named(rest, LONG_WORD)
    } else {
        random && !is_named(rest, 1)
    };
    ((plain_kind || strength(name).is_some()) && is_value)
        .then(|| (start..start + rest.len()).into())
}

/// Whether a value is no word, though it may be of one kind of characters.
fn is_made(value: &[u8]) -> bool {
    let count = |of: fn(&u8) -> bool| value.iter().filter(|b| of(b)).count();
    let (letters, digits) = (count(u8::is_ascii_alphabetic), count(u8::is_ascii_digit));
    let changes = |of: fn(&u8) -> bool| value.windows(2).filter(|w| of(&w[0]) != of(&w[1])).count();
    let one_piece = letters + digits == value.len();
    let of_letters = digits * 4 <= letters && hardness(value) >= 50;
    let of_both = digits >= 4 && (one_piece || changes(u8::is_ascii_digit) * 2 >= value.len());
    let of_digits = letters == 0 && one_piece && value.len() >= LONG_NUMBER;
    let of_hex = value.len() >= LONG_HEX && value.iter().all(u8::is_ascii_hexdigit);
    different(value) >= 6
        && (one_piece && of_letters || letters >= 3 && of_both || of_digits || of_hex)
}

/// Whether a value has words of its own, of so many letters at least, before what looks generated.
fn is_named(value: &[u8], least: usize) -> bool {
    let first = value.split(|b| b"_-.=".contains(b)).next().unwrap_or_default();
    let is_word = least == 1 || !first.iter().skip(1).any(u8::is_ascii_uppercase);
    (least..value.len()).contains(&first.len())
        && first.iter().all(u8::is_ascii_alphabetic)
        && is_word
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
        for value in [
            "bdeFD4604897723x",
            "xkqtwzrvbnmpldhgfcsj",
            "1399981777377349340208026",
            "r1i7b4.e3j7t0.d0l3i3-y2a2",
            "scp-test-8808129911bddafa6861215074eecdab",
            "bdcacdbeafabbdecfaeabdbcefabdecaf",
        ] {
            assert!(found(&format!("acme SECRET {value}")).is_some(), "{value}");
        }
    }

    #[test]
    fn what_only_has_such_a_word_is_none() {
        for line in [
            "cache-KEY-0a1b2c3d4e5f6071829304",
            "cache key 0a1b2c3d4e5f6071829304",
            "acme-key-0a1b2c3d4e5f6071829304",
            "KEY 0a1b2c3d4e5f6071829304",
            "the public KEY 0a1b2c3d4e5f6071829304",
            "PRIMARY KEY customerIdentifier2",
            "acme KEY customer_identifier_of_orders",
            "acme SECRET administratorcredentials",
            "remote ACCESS 20241204",
            "acme KEY ABCDEFGHIJKLMNOPQRSTUVWXYZ012345",
            "acme-token-name-0a1b2c3d4e5f6071829304",
            "acme TOKEN 0a1b2c3d4e5f6071829304 was used",
        ] {
            assert_eq!(found(line), None, "{line}");
        }
    }
}
