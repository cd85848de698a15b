//! Values that a generator made.

use super::value::{LOOKED_AT, is_path};

/// Whether the value was made by a generator: long and in disorder, or base64 of `user:password`,
/// or a hash with its scheme.
pub(super) fn is_generated(value: &[u8]) -> bool {
    is_random(value, 16)
        || is_disorderly(value)
        || is_scrambled(value)
        || is_pair(value)
        || is_scheme(value)
}

/// Whether the letters of a value make no words: of one piece of twenty characters or more, three of
/// five neighbours are both consonants. Words of English, and names made of them, have half as many.
fn is_scrambled(value: &[u8]) -> bool {
    let letters = |pair: &&[u8]| pair.iter().all(u8::is_ascii_alphabetic);
    let hard = if value.len() < 32 { 60 } else { 50 };
    (20..=LOOKED_AT).contains(&value.len())
        && value.iter().all(u8::is_ascii_alphanumeric)
        && value.windows(2).filter(letters).count() >= 15
        && hardness(value) >= hard
}

/// How many of a hundred letters that stand beside another are both consonants.
pub(super) fn hardness(value: &[u8]) -> usize {
    let consonant = |b: &u8| b.is_ascii_alphabetic() && !b"aeiouyAEIOUY".contains(b);
    let letters = |pair: &&[u8]| pair.iter().all(u8::is_ascii_alphabetic);
    let pairs = value.windows(2).filter(letters).count();
    let hard = value.windows(2).filter(|pair| pair.iter().all(consonant)).count();
    hard * 100 / pairs.max(1)
}

/// A hash in modular crypt format, or of MySQL.
fn is_scheme(value: &[u8]) -> bool {
    value.len() >= 12 && value[0] == b'$' && value[1..].contains(&b'$')
        || value.len() == 41 && value[0] == b'*'
}

/// Whether letters of both cases, digits and signs change so often as they do not in names.
fn is_disorderly(value: &[u8]) -> bool {
    let class = |byte: u8| match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    let has = |wanted: u8| value.iter().any(|&byte| class(byte) == wanted);
    let changes = value.windows(2).filter(|pair| class(pair[0]) != class(pair[1])).count();
    let blanks = value.iter().filter(|b| b.is_ascii_whitespace()).count();
    (20..=LOOKED_AT).contains(&value.len())
        && has(0)
        && has(1)
        && has(2)
        && blanks <= 2
        && changes * 100 >= value.len() * 42
        && !value.starts_with(b"/") | value.iter().any(|b| b"+=".contains(b))
}

/// Whether the value is base64 of `user:password`.
fn is_pair(value: &[u8]) -> bool {
    use base64::{Engine, engine::general_purpose::STANDARD};
    if value.len() < 8 || value.len() > 400 || !value.len().is_multiple_of(4) {
        return false;
    }
    STANDARD.decode(value).is_ok_and(|plain| {
        plain.contains(&b':')
            && std::str::from_utf8(&plain).is_ok_and(|text| !text.contains(char::is_control))
    })
}

/// Whether the value looks as if it was made by a generator: long, of one piece, of letters and
/// digits in disorder.
pub(super) fn is_random(value: &[u8], least: usize) -> bool {
    let count = |of: fn(&u8) -> bool| value.iter().filter(|b| of(b)).count();
    let (letters, digits) = (count(u8::is_ascii_alphabetic), count(u8::is_ascii_digit));
    let pieces = value
        .split(|b| !b.is_ascii_alphanumeric() && !b"+/=".contains(b))
        .map(<[u8]>::len)
        .max()
        .unwrap_or(0);
    let changes = value
        .windows(2)
        .filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit())
        .count();
    (least..=LOOKED_AT).contains(&value.len())
        && value.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=_-.~%".contains(b))
        && letters >= 3
        && digits >= 3
        && pieces >= least.min(12)
        && changes >= 3
        && !is_path(value)
        // Addresses and counters.
        && !value.starts_with(b"0x")
}

/// How many different bytes there are in a value: few in a mask, as in `xxxx-xxxx`.
pub(super) fn different(value: &[u8]) -> usize {
    let mut seen = [false; 256];
    for byte in value {
        seen[usize::from(*byte)] = true;
    }
    seen.iter().filter(|seen| **seen).count()
}
