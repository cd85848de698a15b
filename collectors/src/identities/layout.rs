//! What stands around a value, and digits that are replaced where they stand.

use collect_core::redact::pseudonym::Pseudonyms;

/// How far back a word is looked for.
const REACH: usize = 40;

/// The byte before a place.
pub(super) fn before(text: &[u8], at: usize) -> Option<u8> {
    at.checked_sub(1).map(|at| text[at])
}

/// Whether a word may begin or end between these: one of them is no letter or digit.
pub(super) fn is_border(byte: Option<u8>) -> bool {
    !byte.is_some_and(|byte| byte.is_ascii_alphanumeric())
}

/// What stands before a place in its line, as far as it is looked at, in lower case.
pub(super) fn lead(text: &[u8], at: usize) -> Vec<u8> {
    let lead = &text[at.saturating_sub(REACH)..at];
    let line = lead.iter().rposition(|&byte| byte == b'\n').map_or(0, |feed| feed + 1);
    lead[line..].to_ascii_lowercase()
}

/// The word that stands before a place, with nothing but signs between; in lower case.
pub(super) fn word_before(text: &[u8], at: usize) -> Vec<u8> {
    let lead = lead(text, at);
    let Some(end) = lead.iter().rposition(u8::is_ascii_alphanumeric) else {
        return Vec::new();
    };
    let letter = |byte: &u8| byte.is_ascii_alphanumeric();
    let start = lead[..end].iter().rposition(|byte| !letter(byte)).map_or(0, |sign| sign + 1);
    lead[start..=end].to_vec()
}

/// Whether the text holds one of the words.
pub(super) fn has_any(text: &[u8], words: &[&str]) -> bool {
    words.iter().any(|word| memchr::memmem::find(text, word.as_bytes()).is_some())
}

/// Replaces the digits of a text, but for the first `kept`, where they stand.
pub(super) fn digits(pseudonyms: &Pseudonyms, what: &str, text: &[u8], kept: usize) -> Vec<u8> {
    let mut out = text.to_vec();
    let at: Vec<usize> =
        (0..text.len()).filter(|&at| text[at].is_ascii_digit()).skip(kept).collect();
    let mut digits: Vec<u8> = at.iter().map(|&at| text[at] - b'0').collect();
    // What is kept is part of the value: it says by which of several tables the rest is replaced.
    let head: Vec<u8> = text.iter().copied().filter(u8::is_ascii_digit).take(kept).collect();
    let table = format!("{what} {}", String::from_utf8_lossy(&head));
    pseudonyms.digits(&table, 10, &mut digits);
    for (at, digit) in at.into_iter().zip(digits) {
        out[at] = b'0' + digit;
    }
    out
}
