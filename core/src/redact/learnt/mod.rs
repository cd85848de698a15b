//! Secrets that were learnt during a run: what stood where only a secret stands is looked for
//! everywhere else, too.
//!
//! A rule that [learns](super::Rule::learns) hands in what it finds while it redacts. When all is
//! gathered, the values become [`Needles`], and what is compressed already is mended. What comes out
//! follows from all values together, not from when each was learnt; the set is therefore the same
//! whatever the order they come in, also when it is full. It exists in memory only.

mod needles;
mod sieve;

pub(crate) use self::{
    needles::{Border, Needles, REACH},
    sieve::Sieve,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};
use zeroize::Zeroizing;

/// How learnt secrets are counted, and what stands in for them.
pub(super) const RULE: &str = "learnt";

/// A shorter value would be found in ordinary text.
const SHORTEST: usize = 8;

/// A longer one hardly stands anywhere without what it was found by.
const LONGEST: usize = 512;

/// The least entropy, in bits a character: that of `abcabcde`.
const LEAST_ENTROPY: f64 = 2.5;

/// So many values are kept.
const MOST: usize = 10_000;

/// They have so many bytes together. In all their forms they take some twelve times that.
const MOST_BYTES: usize = 1 << 20;

/// A value that a run has learnt.
pub(super) type Value = Zeroizing<Vec<u8>>;

/// The values that a run has learnt.
#[derive(Default)]
pub(super) struct Learnt(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// By their digest: those with the lowest are kept where there are too many.
    values: BTreeMap<[u8; 32], Value>,
    bytes: usize,
    /// What is not below this is not kept.
    bound: Option<[u8; 32]>,
}

impl Learnt {
    /// Takes what a rule has found if it is `worth` it, also as what it stands for, as far as that is
    /// fit to be looked for.
    pub(super) fn offer(&self, found: &[u8], worth: impl Fn(&[u8]) -> bool) {
        if found.len() > 2 * LONGEST || !worth(found) {
            return;
        }
        let meanings = [percent_decoded(found), unescaped(found), decoded(found)];
        let plain = std::iter::once(Zeroizing::new(found.to_vec()));
        for value in plain.chain(meanings.into_iter().flatten()) {
            if is_fit(&value) {
                self.insert(value);
            }
        }
    }

    fn insert(&self, value: Value) {
        let digest: [u8; 32] = Sha256::digest(&*value).into();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.bound.is_some_and(|bound| digest >= bound) || known.values.contains_key(&digest) {
            return;
        }
        known.bytes += value.len();
        known.values.insert(digest, value);
        while known.values.len() > MOST || known.bytes > MOST_BYTES {
            let Some((digest, value)) = known.values.pop_last() else { break };
            known.bytes -= value.len();
            known.bound = Some(digest);
        }
    }

    /// All values, in an order of their own.
    pub(super) fn values(&self) -> Vec<Value> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.values.values().cloned().collect()
    }
}

/// Whether a value can be told from ordinary text wherever it stands.
fn is_fit(value: &[u8]) -> bool {
    (SHORTEST..=LONGEST).contains(&value.len())
        && value.iter().all(u8::is_ascii_graphic)
        && value.iter().filter(|byte| byte.is_ascii_alphabetic()).count() >= 3
        && entropy(value) >= LEAST_ENTROPY
        && !value.starts_with(b"/")
        && !is_words(value)
        && !is_placeholder(value)
}

/// Bits a character, by how often each character is in the value.
fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0_u16; 256];
    for &byte in value {
        counts[usize::from(byte)] += 1;
    }
    let share = |&count: &u16| f64::from(count) / value.len() as f64;
    counts.iter().filter(|&&count| count > 0).map(share).map(|share| -share * share.log2()).sum()
}

/// Whether the value may be one word, or some, of a language or of a program: `backup2024`,
/// `db-primary`, `getUserName`.
fn is_words(value: &[u8]) -> bool {
    let turns = value.windows(2).filter(|pair| is_turn(pair[0], pair[1])).count();
    if value.iter().any(|byte| !byte.is_ascii_alphabetic() && !b"-_.:/".contains(byte)) {
        turns < 2
    } else {
        value.len() < 2 * SHORTEST || turns * 5 < value.len()
    }
}

/// Whether the second character is of another kind than the first, as seldom within a word.
fn is_turn(first: u8, second: u8) -> bool {
    let kind = |byte: u8| match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        b'-' | b'_' | b'.' | b':' | b'/' => 3,
        _ => 4,
    };
    let (first, second) = (kind(first), kind(second));
    let begins = first == 1 && second == 0;
    first != second && !begins && first != 3 && second != 3
}

/// Whether the value stands for another one, or was removed before.
fn is_placeholder(value: &[u8]) -> bool {
    let has = |part: &[u8]| memchr::memmem::find(value, part).is_some();
    let opens = value.starts_with(b"$") || value.starts_with(b"<") || value.starts_with(b"%");
    let brackets = [&b"${"[..], b"$(", b"{{", b"***", b"...", b"[redacted", b"xxxx", b"XXXX"];
    let closes = value.ends_with(b">") || value.ends_with(b"%") || value.ends_with(b"}");
    opens && closes || brackets.iter().any(|part| has(part))
}

/// What percent-encoding stands for.
fn percent_decoded(value: &[u8]) -> Option<Value> {
    if !value.contains(&b'%') {
        return None;
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(value.len()));
    let mut rest = value;
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).filter(|_| *first == b'%');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        plain.push(byte.unwrap_or(*first));
        rest = &rest[if byte.is_some() { 3 } else { 1 }..];
    }
    (**plain != *value).then_some(plain)
}

/// What a text with backslashes stands for, in JSON or a shell.
fn unescaped(value: &[u8]) -> Option<Value> {
    if !value.contains(&b'\\') {
        return None;
    }
    let quoted = Zeroizing::new([b"\"", value, b"\""].concat());
    if let Ok(plain) = serde_json::from_slice::<String>(&quoted) {
        return Some(Zeroizing::new(plain.into_bytes()));
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(value.len()));
    let mut bytes = value.iter();
    while let Some(&byte) = bytes.next() {
        plain.extend(if byte == b'\\' { bytes.next() } else { Some(&byte) });
    }
    Some(plain)
}

/// What base64 stands for, if that is a text: of `user:password`, the password.
fn decoded(value: &[u8]) -> Option<Value> {
    let plain = Zeroizing::new(STANDARD.decode(value).ok()?);
    let plain = plain.strip_suffix(b"\n").unwrap_or(&plain);
    if !plain.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let password = plain.iter().position(|&byte| byte == b':').map_or(0, |colon| colon + 1);
    Some(Zeroizing::new(plain[password..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learnt(values: &[&str]) -> Vec<String> {
        let learnt = Learnt::default();
        for value in values {
            learnt.offer(value.as_bytes(), |_| true);
        }
        let text = |value: Value| String::from_utf8(value.to_vec()).unwrap();
        let mut known: Vec<String> = learnt.values().into_iter().map(text).collect();
        known.sort();
        known
    }

    #[test]
    fn what_is_short_a_word_a_number_or_a_placeholder_is_not_learnt() {
        for value in [
            "a1B2c3D",
            "production",
            "backup2024",
            "db-primary",
            "getUserPassword",
            "20260102030405",
            "2026-01-02",
            "aaaa1111",
            "${DB_PASSWORD_2A}",
            "<your-Pa5sw0rd>",
            "/etc/shop/p4ss.w0rd",
            "xxxxxxxx1a2",
        ] {
            assert!(learnt(&[value]).is_empty(), "{value}");
        }
        for value in ["Tr0ub4dor&3", "hunter2hunter2", "9f86d081884c7d65", "kXpQzRtLmNbVcDfG"] {
            assert_eq!(learnt(&[value]), [value]);
        }
    }

    #[test]
    fn what_a_value_stands_for_is_learnt_too() {
        assert_eq!(learnt(&["m4de%2FUp%3Fv4lue"]), ["m4de%2FUp%3Fv4lue", "m4de/Up?v4lue"]);
        assert_eq!(learnt(&[r"m4de\/Up\u0026v4lue"]), ["m4de/Up&v4lue", r"m4de\/Up\u0026v4lue"]);
        let basic = STANDARD.encode("shop:m4deUpv4lue");
        assert_eq!(learnt(&[&basic]), [&basic, "m4deUpv4lue"]);
    }

    #[test]
    fn where_there_are_too_many_the_same_are_kept_whatever_their_order() {
        let values: Vec<String> = (0..MOST + 500)
            .map(|number| format!("m4de{number}Up{}", "zY9x8W7v".repeat(13)))
            .collect();
        let forwards: Vec<&str> = values.iter().map(String::as_str).collect();
        let backwards: Vec<&str> = forwards.iter().rev().copied().collect();
        let kept = learnt(&forwards);
        assert!(kept.len() < MOST && kept.len() > 1000, "{}", kept.len());
        assert_eq!(kept, learnt(&backwards));
    }
}
