//! Passwords in sentences: `the password is hunter2`.

use super::value::is_password_like;
use collect_core::redact::{Found, Rule, RuleError};
use std::ops::Range;

/// Words that may stand between the noun and the password.
const BETWEEN: &[&str] = &[
    "is",
    "was",
    "are",
    "attempt",
    "set",
    "to",
    "generated",
    "now",
    "be",
    "will",
    "of",
    "as",
    "value",
    "typed",
    "entered",
    "used",
    "changed",
    "reset",
    "password",
    "passphrase",
    "secret",
    "with",
    "using",
    "token",
];

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    let nouns = ["password", "passwd", "passphrase", "passcode", "secret", "token", "credentials"];
    Ok(vec![Rule::finder("password", nouns, find)?])
}

/// How many words are looked at.
const WORDS: usize = 5;

/// How far words may reach.
const REACH: usize = 256;

/// The password behind the noun at `at`, with only words of a sentence between.
fn find(line: &[u8], at: Range<usize>) -> Option<Found> {
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    if line[..at.start].last().is_some_and(word) || line.get(at.end).is_some_and(word) {
        return None;
    }
    let text = &line[..line.len().min(at.end + REACH)];
    let mut next = at.end;
    for _ in 0..WORDS {
        let gap = text[next..].iter().take_while(|b| b" \t:=".contains(b)).count();
        let start = next + gap;
        let len = text[start..].iter().position(|b| b.is_ascii_whitespace() || *b == 0);
        let end = start + len.unwrap_or(text.len() - start);
        if gap == 0 || start == end {
            return None;
        }
        let value = unwrapped(text, start..end);
        let inner = &text[value.clone()];
        let lower = String::from_utf8_lossy(inner).to_ascii_lowercase();
        if lower == "for" {
            next = past_owner(text, end)?;
            continue;
        }
        if BETWEEN.contains(&lower.as_str()) {
            next = value.end;
            if value.end < end && text[value.end] != b':' {
                return None;
            }
            continue;
        }
        return is_password_like(inner).then(|| value.into());
    }
    None
}

/// Where the sign is in `for root@localhost: …` and `for backup = …`.
fn past_owner(text: &[u8], from: usize) -> Option<usize> {
    let gap = text[from..].iter().take_while(|&&b| b == b' ').count();
    let start = from + gap;
    let len = text[start..].iter().position(|&b| b == b' ')?;
    let sign = &text[start + len..];
    if text[start..start + len].ends_with(b":") {
        return Some(start + len);
    }
    (sign.starts_with(b" = ") || sign.starts_with(b" : ")).then_some(start + len)
}

/// A word without the quotes and the full stop around it.
fn unwrapped(text: &[u8], mut at: Range<usize>) -> Range<usize> {
    while at.start < at.end && b"\"'`(".contains(&text[at.start]) {
        at.start += 1;
    }
    while at.start < at.end && b"\"'`),:;".contains(&text[at.end - 1]) {
        at.end -= 1;
    }
    at
}
