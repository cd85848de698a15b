//! What stands before a secret within its value and says how it is kept: `{SSHA}`, `base64:`,
//! `ENC(…)`, `Bearer `.

use std::ops::Range;

/// Words that a colon sets apart from the secret.
const LABELS: [&[u8]; 13] = [
    // openssl-passphrase-options(1)
    b"pass:", b"base64:", b"hash:", b"hex:", b"raw:", b"plain:", b"ascii:", b"s:", b"obf:", b"enc:",
    b"aes:", b"crypt:", b"b64:",
];

/// Schemes of HTTP authentication.
const SCHEMES: [&[u8]; 4] = [b"basic ", b"bearer ", b"token ", b"basic\\ "];

/// The shortest secret behind a label.
const LEAST: usize = 4;

/// Where the secret itself is in a value.
pub(super) fn inner(value: &[u8]) -> Range<usize> {
    let mut at = 0..value.len();
    for _ in 0..3 {
        let next = step(value, at.clone());
        if next == at || next.len() < LEAST {
            break;
        }
        at = next;
    }
    at
}

fn step(value: &[u8], at: Range<usize>) -> Range<usize> {
    let text = &value[at.clone()];
    let starts = |prefix: &[u8]| {
        text.len() > prefix.len() && text[..prefix.len()].eq_ignore_ascii_case(prefix)
    };
    for label in LABELS.iter().chain(&SCHEMES) {
        // `s:` comes before the letters of a key for WEP, and before none else.
        let fits = *label != b"s:" || matches!(text.len(), 7 | 15 | 18);
        if starts(label) && fits {
            return at.start + label.len()..at.end;
        }
    }
    if starts(b"ENC(") && text.ends_with(b")") {
        return at.start + 4..at.end - 1;
    }
    if starts(b"ENC[") {
        return sealed(text)
            .map_or(at.clone(), |inner| at.start + inner.start..at.start + inner.end);
    }
    let is_number = |prefix: &[u8]| starts(prefix) && text.len() >= 10;
    if is_number(b"0x") && text[2..].iter().all(u8::is_ascii_hexdigit) || is_number(b"0s") {
        return at.start + 2..at.end;
    }
    if text.first() == Some(&b'{')
        && let Some(close) = text.iter().take(24).position(|&b| b == b'}')
    {
        let name = &text[1..close];
        let plain = name.iter().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(b));
        if name.len() >= 2 && plain && text.len() > close + LEAST {
            return at.start + close + 1..at.end;
        }
    }
    at
}

/// `ENC[AES256_GCM,data:SECRET,iv:…]` and `ENC[PKCS7,SECRET]`.
fn sealed(text: &[u8]) -> Option<Range<usize>> {
    let comma = text.iter().position(|&b| b == b',')?;
    let rest = &text[comma + 1..];
    let (start, stop) = match rest.strip_prefix(b"data:") {
        Some(_) => (comma + 6, b','),
        None => (comma + 1, b']'),
    };
    let len = text[start..].iter().position(|&b| b == stop).unwrap_or(text.len() - start);
    Some(start..start + len)
}
