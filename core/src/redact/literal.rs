//! The forms in which a known secret may stand in a text.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use std::fmt::Write;

/// A shorter secret would be found in ordinary words.
const SHORTEST_SECRET: usize = 4;

/// A shorter one would, in base64 or hexadecimal, be found in other encoded data.
const SHORTEST_ENCODED: usize = 8;

/// The secret and its encoded forms; nothing if it cannot be looked for in a line.
pub(super) fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    if secret.len() < SHORTEST_SECRET || secret.contains(&b'\n') {
        return Vec::new();
    }
    let percent = percent(secret);
    let mut forms = vec![secret.to_vec(), json(secret), lower_digits(&percent), percent];
    forms.extend([shell_quoted(secret), shell_escaped(secret)]);
    if secret.len() >= SHORTEST_ENCODED {
        let hex = hexadecimal(secret);
        forms.extend([hex.to_ascii_uppercase(), hex]);
        for shift in 0..3 {
            forms.push(base64(secret, shift, &STANDARD_NO_PAD));
            forms.push(base64(secret, shift, &URL_SAFE_NO_PAD));
        }
    }
    forms.sort();
    forms.dedup();
    forms
}

/// The characters that the secret fully decides when it stands `shift` bytes, modulo three, into
/// something that is encoded as a whole.
fn base64(secret: &[u8], shift: usize, engine: &impl Engine) -> Vec<u8> {
    let mut shifted = vec![0; shift];
    shifted.extend_from_slice(secret);
    let whole = engine.encode(&shifted).into_bytes();
    let skip = (shift * 8).div_ceil(6);
    let keep = shifted.len() * 8 / 6;
    whole[skip..keep].to_vec()
}

fn json(secret: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(secret);
    let quoted = serde_json::Value::from(text.as_ref()).to_string();
    quoted.as_bytes()[1..quoted.len() - 1].to_vec()
}

fn percent(secret: &[u8]) -> Vec<u8> {
    let mut out = String::new();
    for &byte in secret {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            _ = write!(out, "%{byte:02X}");
        }
    }
    out.into_bytes()
}

/// Percent-encoded with small digits, as some programs write it.
fn lower_digits(percent: &[u8]) -> Vec<u8> {
    let is_digit = |at: usize| percent[at.saturating_sub(2)..at].contains(&b'%');
    let lower = |(at, byte): (usize, &u8)| {
        if is_digit(at) { byte.to_ascii_lowercase() } else { *byte }
    };
    percent.iter().enumerate().map(lower).collect()
}

/// Within single quotes of a shell.
fn shell_quoted(secret: &[u8]) -> Vec<u8> {
    let quoted = secret
        .iter()
        .map(|byte| if *byte == b'\'' { &br"'\''"[..] } else { std::slice::from_ref(byte) });
    quoted.collect::<Vec<_>>().concat()
}

/// With backslashes, as `printf %q` of a shell writes it.
fn shell_escaped(secret: &[u8]) -> Vec<u8> {
    let is_plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"-_.,/:=+@%^".contains(&byte)
    };
    let mut escaped = Vec::with_capacity(secret.len());
    for &byte in secret {
        escaped.extend((!is_plain(byte)).then_some(b'\\'));
        escaped.push(byte);
    }
    escaped
}

fn hexadecimal(secret: &[u8]) -> Vec<u8> {
    let mut out = String::with_capacity(secret.len() * 2);
    for byte in secret {
        _ = write!(out, "{byte:02x}");
    }
    out.into_bytes()
}
