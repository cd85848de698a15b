//! What stands around a value, and digits that are replaced where they stand.

use collect_core::redact::pseudonym::Pseudonyms;
use std::{net::IpAddr, ops::Range};

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

/// A set of bytes.
pub(super) struct Bytes([bool; 256]);

impl Bytes {
    /// Those from `0` to `9`, from `A` to `Z` if `upper`, and others.
    pub(super) const fn new(upper: bool, others: &[u8]) -> Self {
        let mut set = [false; 256];
        let mut byte = 0;
        while byte < 128 {
            let is_upper = upper && (byte as u8).is_ascii_uppercase();
            set[byte] = (byte as u8).is_ascii_digit() || is_upper;
            byte += 1;
        }
        let mut at = 0;
        while at < others.len() {
            set[others[at] as usize] = true;
            at += 1;
        }
        Self(set)
    }

    fn have(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }
}

/// Calls `each` with every run of so many bytes of a set, or more: at least 13.
pub(super) fn runs(text: &[u8], set: &Bytes, shortest: usize, mut each: impl FnMut(Range<usize>)) {
    // A run covers one of every `shortest` places, so only those are looked at; and of those before
    // it, or of those behind it, at least six.
    let (mut at, mut done) = (shortest - 1, 0);
    while at < text.len() {
        let is_likely = match text[at - 6..].first_chunk::<13>() {
            Some(near) => {
                let have = |place: usize| set.have(near[place]);
                // Whether each is there cannot be foretold, so all are looked at and then it is decided.
                have(6) & (have(0) & have(3) | have(9) & have(12))
            }
            None => set.have(text[at]),
        };
        if !is_likely {
            at += shortest;
            continue;
        }
        let start = at - text[done..at].iter().rev().take_while(|&&byte| set.have(byte)).count();
        let end = at + text[at..].iter().take_while(|&&byte| set.have(byte)).count();
        (done, at) = (end, end + shortest);
        if end - start >= shortest {
            each(start..end);
        }
    }
}

/// How many bits the network has whose address ends at a place: what stands behind its slash.
pub(super) fn network(text: &[u8], end: usize) -> Option<u8> {
    let rest = text.get(end..)?.strip_prefix(b"/")?;
    let len = rest.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    let ends = !matches!(rest.get(len), Some(b'.' | b':'));
    if ends { std::str::from_utf8(&rest[..len]).ok()?.parse().ok() } else { None }
}

/// What stands before a place in its line, as far as it is looked at, in lower case.
pub(super) fn lead(text: &[u8], at: usize) -> Vec<u8> {
    let lead = &text[at.saturating_sub(REACH)..at];
    let line = lead.iter().rposition(|&byte| byte == b'\n').map_or(0, |feed| feed + 1);
    lead[line..].to_ascii_lowercase()
}

/// The word that stands before a place in its line, with nothing but signs between.
pub(super) fn word_before(text: &[u8], at: usize) -> &[u8] {
    let lead = &text[at.saturating_sub(REACH)..at];
    let letter = |byte: &u8| byte.is_ascii_alphanumeric();
    let Some(end) = lead.iter().rposition(|byte| letter(byte) || *byte == b'\n') else {
        return &[];
    };
    let start = lead[..end].iter().rposition(|byte| !letter(byte)).map_or(0, |sign| sign + 1);
    if letter(&lead[end]) { &lead[start..=end] } else { &[] }
}

/// Whether the text holds one of the words.
pub(super) fn has_any(text: &[u8], words: &[&str]) -> bool {
    words.iter().any(|word| memchr::memmem::find(text, word.as_bytes()).is_some())
}

/// Which way values are turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Into their pseudonyms.
    Hide,
    /// Back.
    Show,
}

impl Way {
    /// Turns digits below a radix.
    pub(super) fn turn(self, pseudonyms: &Pseudonyms, what: &str, radix: u8, digits: &mut [u8]) {
        match self {
            Self::Hide => pseudonyms.digits(what, radix, digits),
            Self::Show => pseudonyms.original_digits(what, radix, digits),
        }
    }

    /// Turns an address; nothing if it stays.
    pub(super) fn address(self, pseudonyms: &Pseudonyms, address: IpAddr) -> Option<IpAddr> {
        match self {
            Self::Hide => pseudonyms.address(address),
            Self::Show => pseudonyms.original_address(address),
        }
    }
}

/// Turns the digits of a text, but for the first `kept`, where they stand.
///
/// A leading nought stays one and no other becomes one, because a number in JSON has none.
pub(super) fn digits(
    pseudonyms: &Pseudonyms,
    way: Way,
    what: &str,
    text: &[u8],
    kept: usize,
) -> Vec<u8> {
    let mut out = text.to_vec();
    let at: Vec<usize> =
        (0..text.len()).filter(|&at| text[at].is_ascii_digit()).skip(kept).collect();
    let mut digits: Vec<u8> = at.iter().map(|&at| text[at] - b'0').collect();
    // What is kept is part of the value: it says by which of several tables the rest is replaced.
    let head: Vec<u8> = text.iter().copied().filter(u8::is_ascii_digit).take(kept).collect();
    let table = format!("{what} {}", String::from_utf8_lossy(&head));
    let nought = digits.first() == Some(&0);
    // What leaves its class is turned on until it is in it again.
    loop {
        way.turn(pseudonyms, &table, 10, &mut digits);
        if kept > 0 || (digits.first() == Some(&0)) == nought {
            break;
        }
    }
    for (at, digit) in at.into_iter().zip(digits) {
        out[at] = b'0' + digit;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_found_wherever_it_stands_and_however_long_it_is() {
        const SET: Bytes = Bytes::new(false, b" ");
        let found = |text: &str| {
            let mut found = Vec::new();
            runs(text.as_bytes(), &SET, 13, |run| found.push((run.start, run.end)));
            found
        };
        for before in 0..30 {
            for len in 1..40 {
                for behind in 0..15 {
                    let text = ["x".repeat(before), "4 ".repeat(len), "y".repeat(behind)].concat();
                    let (start, end) = (before, before + 2 * len);
                    let expected = if 2 * len >= 13 { vec![(start, end)] } else { vec![] };
                    assert_eq!(found(&text), expected, "{text}");
                    let odd = text.replacen("4 ", "4", 1);
                    let expected = if 2 * len > 13 { vec![(start, end - 1)] } else { vec![] };
                    assert_eq!(found(&odd), expected, "{odd}");
                }
            }
        }
        assert_eq!(found("0123456789012x0123456789012").len(), 2);
    }
}
