//! Secrets within encoded text: decoded, looked through with all other rules, and replaced where it
//! can be said which part holds them, or else as a whole.

use super::{arguments::hex, prose::is_noted, value::is_placeholder};
use base64::{
    Engine, alphabet,
    engine::{
        DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD_NO_PAD,
    },
};
use collect_core::redact::{Found, Redaction, Rule, RuleError};
use std::{
    collections::BTreeSet,
    ops::Range,
    sync::{Arc, OnceLock},
};

/// How far around an anchor text is decoded.
const REACH: usize = 16 << 10;

/// Text is decoded in blocks of this size, so that many anchors in a line cost no more than one.
const BLOCK: usize = 2048;

/// Words by which text in base64 is known to be worth a look.
const WORDS: &[&str] = &[
    "password",
    "Password",
    "PASSWORD",
    "passwd",
    "PASSWD",
    "secret",
    "SECRET",
    "Secret",
    "token",
    "TOKEN",
    "Token",
    "api_key",
    "apiKey",
    "API_KEY",
    "access_key",
    "ACCESS_KEY",
    "_PASS=",
    "credential",
    "\"auth\"",
    "Bearer ",
    "Basic ",
    "private_key",
    // Of a JSON Web Key (RFC 7517).
    "\"kty\"",
];

/// The rules that look into decoded text, made when the first is found.
#[derive(Clone)]
struct Inner {
    rules: fn() -> Result<Vec<Rule>, RuleError>,
    redaction: Arc<OnceLock<Option<Redaction>>>,
}

impl Inner {
    fn places(&self, text: &[u8]) -> Vec<Range<usize>> {
        let compile = || (self.rules)().and_then(Redaction::compile).ok();
        let redaction = self.redaction.get_or_init(compile);
        redaction.as_ref().map_or_else(
            || std::iter::once(0..text.len()).collect(),
            |redaction| redaction.places(text),
        )
    }
}

pub(super) fn rules(plain: fn() -> Result<Vec<Rule>, RuleError>) -> Result<Vec<Rule>, RuleError> {
    let inner = Inner { rules: plain, redaction: Arc::default() };
    let of = |find: fn(&Inner, &[u8], Range<usize>) -> Vec<Found>| {
        let inner = inner.clone();
        move |line: &[u8], at: Range<usize>| find(&inner, line, at)
    };
    let escapes = |kind: Escape| {
        let inner = inner.clone();
        move |line: &[u8], at: Range<usize>| escaped(&inner, kind, line, at)
    };
    Ok(vec![
        Rule::several("encoded", ["proctitle=", " cmd=", " data=", "argc="], of(audit))?,
        Rule::several("encoded", base64_anchors(), of(within_base64))?,
        Rule::several("encoded", ["base64 -d", "base64 --decode", "base64 -D"], of(piped))?,
        Rule::several(
            "encoded",
            ["-enc", "powershell -e ", "powershell.exe -e ", "pwsh -e "],
            of(powershell),
        )?,
        Rule::several("encoded", ["%3d", "%22%3a", "%3a%22"], escapes(Escape::Percent))?,
        Rule::several("encoded", ["&quot;", "&lt;", "&#3"], escapes(Escape::Entity))?,
        Rule::several(
            "encoded",
            ["\\u003c", "\\u0026", "\\u003d", "\\u0022"],
            escapes(Escape::Unicode),
        )?,
        Rule::several("encoded", ["#033[", "#012"], escapes(Escape::Octal))?,
    ])
}

/// Text whose bytes each came from a part of a line.
#[derive(Default)]
struct Decoded {
    text: Vec<u8>,
    places: Vec<usize>,
}

impl Decoded {
    fn push(&mut self, byte: u8, at: usize) {
        self.text.push(byte);
        self.places.push(at);
    }

    /// Where a part came from, up to `end` for the last.
    fn origin(&self, part: &Range<usize>, end: usize) -> Range<usize> {
        self.places[part.start]..self.places.get(part.end).copied().unwrap_or(end)
    }
}

/// The arguments and titles of processes that the audit system writes in hexadecimal.
fn audit(inner: &Inner, line: &[u8], at: Range<usize>) -> Vec<Found> {
    let mut found = Vec::new();
    let text = &line[..line.len().min(at.end + REACH)];
    if &line[at.clone()] != b"argc=" {
        hexadecimal(inner, text, at.end, &mut found);
        return found;
    }
    for start in memchr::memmem::find_iter(&text[at.end..], b" a") {
        let name = at.end + start + 2;
        let digits = text[name..].iter().take_while(|b| b.is_ascii_digit()).count();
        if digits > 0 && text.get(name + digits) == Some(&b'=') {
            hexadecimal(inner, text, name + digits + 1, &mut found);
        }
    }
    found
}

fn hexadecimal(inner: &Inner, text: &[u8], start: usize, found: &mut Vec<Found>) {
    let len = text[start..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
    if len < 8 || len % 2 == 1 {
        return;
    }
    let mut decoded = Decoded::default();
    for at in (start..start + len).step_by(2) {
        if let Some(byte) = hex(&text[at..]) {
            decoded.push(byte, at);
        }
    }
    let places = inner.places(&decoded.text);
    found.extend(places.iter().map(|place| decoded.origin(place, start + len).into()));
}

/// What the words become in base64, in its three alignments, without the characters that depend on
/// what stands before and behind.
fn base64_anchors() -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for word in WORDS {
        for shift in 0..3 {
            let padded = [&b"   "[..shift], word.as_bytes()].concat();
            let encoded = STANDARD_NO_PAD.encode(&padded);
            let first = [0, 2, 3][shift];
            let last = padded.len() * 8 / 6;
            anchors.insert(encoded[first..last].to_ascii_lowercase());
        }
    }
    anchors.retain(|anchor| anchor.len() >= 5);
    anchors
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/_-".contains(&byte)
}

/// Text from base64 of any kind, if it is text.
fn from_base64(encoded: &[u8]) -> Option<Vec<u8>> {
    let standard: Vec<u8> = encoded
        .iter()
        .filter(|&&b| b != b'=')
        .map(|&b| match b {
            b'-' => b'+',
            b'_' => b'/',
            b => b,
        })
        .collect();
    let config = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone);
    let cut = if standard.len() % 4 == 1 { standard.len() - 1 } else { standard.len() };
    GeneralPurpose::new(&alphabet::STANDARD, config).decode(&standard[..cut]).ok()
}

/// Whether nearly all is readable.
fn is_text(bytes: &[u8]) -> bool {
    let odd = bytes.iter().filter(|&&b| b < 0x20 && !b"\n\r\t".contains(&b) || b == 0x7f).count();
    odd * 20 <= bytes.len() && std::str::from_utf8(bytes).is_ok()
}

fn within_base64(inner: &Inner, line: &[u8], at: Range<usize>) -> Vec<Found> {
    let before = line[..at.start].iter().rev().take(REACH).take_while(|b| is_base64(**b)).count();
    let after = line[at.start..].iter().take(REACH).take_while(|b| is_base64(**b)).count();
    let start = at.start - before;
    let end = at.start + after;
    let end = end + line[end..].iter().take(2).take_while(|&&b| b == b'=').count();
    let Some(decoded) = from_base64(&line[start..end]).filter(|decoded| is_text(decoded)) else {
        return Vec::new();
    };
    if inner.places(&decoded).is_empty() { Vec::new() } else { vec![(start..end).into()] }
}

/// What is decoded on a command line: `echo … | base64 -d`, `base64 -d <<< …`.
fn piped(_: &Inner, line: &[u8], at: Range<usize>) -> Vec<Found> {
    let from = at.start.saturating_sub(512);
    let to = line.len().min(at.end + 512);
    let is_part = |b: &u8| is_base64(*b) || *b == b'=';
    let mut found = Vec::new();
    let mut next = from;
    while next < to {
        next += line[next..to].iter().take_while(|b| !is_part(b)).count();
        let len = line[next..to].iter().take_while(|b| is_part(b)).count();
        let word = &line[next..next + len];
        if len >= 8
            && len % 4 == 0
            && let Some(decoded) = from_base64(word)
        {
            let value = decoded.trim_ascii_end();
            let value = &value[value.iter().position(|&b| b == b':').map_or(0, |at| at + 1)..];
            if is_text(value) && is_noted(value) && !is_placeholder(value) {
                found.push((next..next + len).into());
            }
        }
        next += len.max(1);
    }
    found
}

/// `-EncodedCommand`, which is UTF-16 in base64, and may be shortened.
fn powershell(inner: &Inner, line: &[u8], at: Range<usize>) -> Vec<Found> {
    let text = &line[..line.len().min(at.end + REACH)];
    let shortened = !line[at.clone()].ends_with(b" ");
    let letters = text[at.end..].iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let option = if shortened { letters } else { 0 };
    let mut start = at.end + option;
    start += text[start..].iter().take_while(|b| b" \"'".contains(b)).count();
    let len = text[start..].iter().take_while(|b| is_base64(**b) || **b == b'=').count();
    if len < 16 {
        return Vec::new();
    }
    let Some(decoded) = from_base64(&text[start..start + len]) else { return Vec::new() };
    let wide = decoded.iter().skip(1).step_by(2).filter(|&&b| b == 0).count();
    if wide * 4 < decoded.len() {
        return Vec::new();
    }
    let narrow: Vec<u8> = decoded.into_iter().step_by(2).collect();
    if inner.places(&narrow).is_empty() { Vec::new() } else { vec![(start..start + len).into()] }
}

/// How single characters are written.
#[derive(Clone, Copy)]
enum Escape {
    /// `%3D` (RFC 3986).
    Percent,
    /// `&quot;` (HTML, XML).
    Entity,
    /// `\u003c` (RFC 8259).
    Unicode,
    /// `#033`, as rsyslog writes control characters.
    Octal,
}

impl Escape {
    /// The byte that an escape at the start of a text means, and its length.
    fn decode(self, text: &[u8]) -> Option<(u8, usize)> {
        match self {
            Self::Percent => {
                let rest = text.strip_prefix(b"%")?;
                Some((hex(rest)?, 3))
            }
            Self::Unicode => {
                let rest = text.strip_prefix(b"\\u00")?;
                Some((hex(rest)?, 6))
            }
            Self::Octal => {
                let digits = std::str::from_utf8(text.strip_prefix(b"#")?.get(..3)?).ok()?;
                Some((u8::from_str_radix(digits, 8).ok()?, 4))
            }
            Self::Entity => {
                const NAMES: [(&[u8], u8); 5] = [
                    (b"&quot;", b'"'),
                    (b"&lt;", b'<'),
                    (b"&gt;", b'>'),
                    (b"&amp;", b'&'),
                    (b"&apos;", b'\''),
                ];
                if let Some((name, byte)) = NAMES.iter().find(|(name, _)| text.starts_with(name)) {
                    return Some((*byte, name.len()));
                }
                let rest = text.strip_prefix(b"&#")?;
                let len = rest.iter().take(5).position(|&b| b == b';')?;
                let digits = std::str::from_utf8(&rest[..len]).ok()?;
                let code = match digits.strip_prefix(['x', 'X']) {
                    Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                    None => digits.parse().ok()?,
                };
                Some((u8::try_from(code).ok().filter(u8::is_ascii)?, len + 3))
            }
        }
    }
}

/// What is found in a part of a line once its characters are no longer escaped.
fn escaped(inner: &Inner, escape: Escape, line: &[u8], at: Range<usize>) -> Vec<Found> {
    let block = at.start / BLOCK * BLOCK;
    let anchor = &line[at.clone()];
    let seen =
        line[block..at.start].windows(anchor.len()).any(|part| part.eq_ignore_ascii_case(anchor));
    if seen {
        return Vec::new();
    }
    let from = block.saturating_sub(BLOCK / 4);
    let to = line.len().min(block + 2 * BLOCK);
    let mut decoded = Decoded::default();
    let mut next = from;
    while next < to {
        let (byte, len) = escape.decode(&line[next..to]).unwrap_or((line[next], 1));
        // A control character only ends what is before it.
        decoded.push(if byte == b'\n' { b' ' } else { byte }, next);
        next += len;
    }
    let places = inner.places(&decoded.text);
    places.iter().map(|place| decoded.origin(place, to).into()).collect()
}
