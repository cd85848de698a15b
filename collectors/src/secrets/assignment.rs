//! Values of keys: `key = value` in all its spellings, from INI to JSON within JSON, XML, query
//! strings and command lines.

use super::{
    key::{Strength, strength},
    value::{LOOKED_AT, is_password_like, is_placeholder, is_random, is_secret},
};
use collect_core::redact::{Found, Rule, RuleError};
use std::ops::Range;

/// What names a secret, by the rule that is counted.
const NOUNS: &[(&str, &[&str])] = &[
    (
        "password",
        &[
            "pass",
            "pwd",
            "rootpw",
            "bindpw",
            "adminpw",
            "kennwort",
            "masterauth",
            "_pw",
            "-pw",
            "pw:",
            "pw=",
            "pw\"",
        ],
    ),
    ("token", &["token", "jwt", "bearer"]),
    ("secret", &["secret", "credential", "creds", "psk", "privateaccess", "connectionstring"]),
    ("key", &["key"]),
    (
        "session",
        &[
            "cookie",
            "session",
            "sessid",
            "sig=",
            "signature",
            "_auth",
            "auth=",
            "auth\"",
            "otp=",
            "pin=",
            "\"pin\"",
            "\"otp\"",
            "\"auth",
            "salt",
            "community",
            "mnemonic",
            "seed",
            "sid=",
            "&code=",
            "?code=",
        ],
    ),
];

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    let rule = |&(id, anchors): &(&str, &[&str])| {
        let rule = Rule::finder(id, anchors, find)?;
        Ok(match id {
            "password" => rule.learns(is_password_like),
            "token" | "secret" => rule.learns(|value| is_random(value, 16)),
            "key" => rule.learns(|value| is_random(value, 24)),
            // There are too many of them in logs, and they say nothing for long.
            _ => rule,
        })
    };
    NOUNS.iter().map(rule).collect()
}

/// Parameters of a query that let whoever has them in.
const SESSIONS: [&[u8]; 3] = [b"code", b"session_id", b"auth_code"];

/// Names of secrets that are a few digits.
const CODES: [&[u8]; 3] = [b"pin", b"otp", b"totp"];

/// A longer name is no key.
const LONGEST_KEY: usize = 128;

/// A longer text is no password of several words.
const LONGEST_PHRASE: usize = 256;

/// More space than this stands between columns, not between a key and its value.
const LONGEST_SPACE: usize = 40;

/// Where the value of the key around `at` is, if it is a secret.
fn find(line: &[u8], at: Range<usize>) -> Option<Found> {
    let key = key_around(line, &at)?;
    let name = trimmed(line, &key);
    let place = Place::of(line, &key, &name);
    let is_signed =
        line[name.end..].starts_with(b"=AKIA") || line[name.end..].starts_with(b"=ASIA");
    if is_of_parts(&line[name.clone()]) || is_signed && name.len() == b"Credential".len() {
        return None;
    }
    let strength = match strength(&line[name.clone()]) {
        Some(Strength::Weak) if place.query => Strength::Strong,
        None if place.query && SESSIONS.contains(&&*line[name.clone()].to_ascii_lowercase()) => {
            Strength::Strong
        }
        strength => strength?,
    };
    let (start, sign) = separator(line, key.end, &place)?;
    let raw = value(line, start, &place, sign, strength)?;
    let text = &line[raw.at.clone()];
    let is_generated = |least| is_random(text, least);
    let fits = match sign {
        // Behind white space alone stand the words of sentences, unless in quotes.
        Sign::Space if !place.option && raw.quoted => {
            strength != Strength::Weak && (is_generated(12) || !name_is_token(line, &name))
        }
        Sign::Space if !place.option => {
            place.first && raw.last && strength != Strength::Weak && is_field(text)
                || is_generated(if strength == Strength::Weak { 32 } else { 20 })
        }
        Sign::Space => !text.starts_with(b"-"),
        // `(passwd:chauthtok)`: PAM's name for what it does.
        Sign::Colon => text != b"chauthtok",
        _ => true,
    };
    let is_code = CODES.contains(&&*line[name].to_ascii_lowercase())
        && (4..=8).contains(&text.len())
        && text.iter().all(u8::is_ascii_digit);
    if !fits || !(is_code || is_secret(text, strength, raw.quoted)) {
        return None;
    }
    let number = text.iter().all(|b| b.is_ascii_digit() || b".-".contains(b));
    Some(Found { value: raw.at, quote: place.json && !raw.quoted && number })
}

/// Whether the value has parts of which only some are secrets; others find these.
fn is_of_parts(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 4] = [b"cookie", b"set-cookie", b"x-amz-credential", b"x-goog-credential"];
    NAMES.contains(&&*name.to_ascii_lowercase())
}

/// Parsers complain of an unexpected token, and show it in quotes.
fn name_is_token(line: &[u8], name: &Range<usize>) -> bool {
    line[name.clone()].eq_ignore_ascii_case(b"token")
}

/// Where a key stands.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Place {
    /// It is the first of its line, or of its part between NULs.
    first: bool,
    /// It is an option of a command, `--password`.
    option: bool,
    /// It is in a query string.
    query: bool,
    /// It is the name of an XML element.
    element: bool,
    /// It is quoted, as in JSON.
    json: bool,
}

impl Place {
    fn of(line: &[u8], key: &Range<usize>, name: &Range<usize>) -> Self {
        let before = line[..key.start].last().copied();
        let indent = line[..key.start].iter().rev().take(LONGEST_SPACE);
        let blank = indent.take_while(|b| b.is_ascii_whitespace()).count();
        let edge = line[..key.start - blank].last();
        let quote = matches!(before, Some(b'"'));
        let escaped = key.start >= 2 && line[key.start - 2] == b'\\';
        Self {
            first: edge.is_none_or(|&b| b == 0),
            option: name.start > key.start && line[key.start] == b'-',
            query: matches!(before, Some(b'?' | b'&')),
            element: matches!(before, Some(b'<' | b':')),
            json: quote && !escaped,
        }
    }
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// The name that an anchor is part of.
fn key_around(line: &[u8], at: &Range<usize>) -> Option<Range<usize>> {
    // Some anchors end with a sign, which is not part of the name.
    let inner = at.start..at.start + line[at.clone()].iter().rposition(|&b| is_key_byte(b))? + 1;
    let skip = usize::from(!is_key_byte(line[inner.start]));
    let count = |of: &mut dyn Iterator<Item = &u8>| {
        of.take(LONGEST_KEY).take_while(|b| is_key_byte(**b)).count()
    };
    let start = inner.start + skip;
    let before = count(&mut line[..start].iter().rev());
    let after = count(&mut line[inner.end..].iter());
    (before < LONGEST_KEY && after < LONGEST_KEY).then(|| start - before..inner.end + after)
}

/// The name without the signs around it.
fn trimmed(line: &[u8], key: &Range<usize>) -> Range<usize> {
    let text = &line[key.clone()];
    let signs = text.iter().take_while(|b| !b.is_ascii_alphanumeric()).count();
    key.start + signs..key.end
}

/// What stands between a key and its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Colon,
    Equals,
    /// Only white space, or NUL.
    Space,
    /// `>` of an XML element.
    Element,
}

/// Where the value behind a key begins.
fn separator(line: &[u8], end: usize, place: &Place) -> Option<(usize, Sign)> {
    let mut at = end;
    let slashes = run(line, at, |b| b == b'\\');
    let mut closed = false;
    if matches!(line.get(at + slashes), Some(b'"' | b'\'' | b'`')) {
        at += slashes + 1;
        closed = true;
        if line.get(at) == Some(&b']') {
            at += 1;
        }
    }
    let space = run(line, at, |b| b == b' ' || b == b'\t').min(LONGEST_SPACE);
    at += space;
    let rest = &line[at..];
    if let Some((len, sign)) = sign(rest) {
        at += len;
        at += run(line, at, |b| b == b' ' || b == b'\t').min(LONGEST_SPACE);
        return Some((at, sign));
    }
    if closed && rest.first() == Some(&b'>') {
        return Some((at + 1, Sign::Element));
    }
    if place.element && rest.first() == Some(&b'>') {
        return Some((at + 1, Sign::Element));
    }
    if closed && let Some(value) = named_value(rest) {
        return Some((at + value, Sign::Colon));
    }
    if !closed && space > 0 && !rest.is_empty() {
        return Some((at, Sign::Space));
    }
    (place.option && rest.first() == Some(&0)).then_some((at + 1, Sign::Space))
}

/// The sign at the start of a text: `=`, `:`, or one that ends with them, as `=>`, `:=`, `?=`, `::`.
fn sign(text: &[u8]) -> Option<(usize, Sign)> {
    let before = run(text, 0, |b| b":?.+".contains(&b));
    if text.get(before) == Some(&b'=') {
        let after = usize::from(matches!(text.get(before + 1), Some(b'=' | b'>')));
        return Some((before + 1 + after, Sign::Equals));
    }
    let colons = run(text, 0, |b| b == b':');
    (colons > 0).then_some((colons, Sign::Colon))
}

/// The length of `, "value": ` or ` value=` that separates the name of a pair from its value.
fn named_value(rest: &[u8]) -> Option<usize> {
    let mut at = run(rest, 0, |b| b" \t,\\\"'".contains(&b));
    if !rest[at..].get(..5)?.eq_ignore_ascii_case(b"value") {
        return None;
    }
    at += 5;
    at += run(rest, at, |b| b"\\\"'".contains(&b));
    at += run(rest, at, |b| b == b' ');
    if !matches!(rest.get(at), Some(b':' | b'=')) {
        return None;
    }
    at += 1;
    Some(at + run(rest, at, |b| b == b' '))
}

fn run(line: &[u8], from: usize, of: impl Fn(u8) -> bool) -> usize {
    line[from.min(line.len())..].iter().take_while(|b| of(**b)).count()
}

struct Value {
    at: Range<usize>,
    quoted: bool,
    /// Nothing follows in its line.
    last: bool,
}

/// The value that begins at `start`.
fn value(
    line: &[u8],
    start: usize,
    place: &Place,
    sign: Sign,
    strength: Strength,
) -> Option<Value> {
    let mut start = start;
    if matches!(line.get(start), Some(b'b' | b'r' | b'f' | b'u' | b'@' | b'N'))
        && matches!(line.get(start + 1), Some(b'"' | b'\''))
    {
        start += 1;
    }
    let slashes = run(line, start, |b| b == b'\\');
    let quote = line.get(start + slashes).copied();
    if sign != Sign::Element
        && slashes < 8
        && let Some(quote @ (b'"' | b'\'' | b'`')) = quote
    {
        let mut from = start + slashes + 1;
        if line[from..].starts_with(&[quote, quote]) {
            from += 2;
        }
        return Some(quoted(line, from, quote, slashes));
    }
    let limit =
        if strength == Strength::Weak || sign == Sign::Space { LOOKED_AT + 1 } else { usize::MAX };
    let rest = &line[start..];
    let end = if sign == Sign::Element {
        let end = rest.iter().position(|&b| b == b'<' || b == b'\r');
        end.unwrap_or(rest.len())
    } else if whole_rest(rest, place, sign, strength) {
        rest.iter().position(|&b| b == 0 || b == b'\r').unwrap_or(rest.len())
    } else {
        bare(rest, place, limit)
    };
    let text = rest[..end].trim_ascii_end();
    let at = start..start + text.len();
    let last = line[at.end..].iter().all(|b| b.is_ascii_whitespace() || *b == b';');
    (!text.is_empty()).then_some(Value { at, quoted: false, last })
}

/// A value in quotes, which are escaped as often as they were at its start.
fn quoted(line: &[u8], from: usize, quote: u8, slashes: usize) -> Value {
    let mut at = from;
    let end = loop {
        let Some(next) = memchr::memchr2(quote, b'\\', &line[at..]) else {
            break line.len();
        };
        at += next;
        let escapes = run(line, at, |b| b == b'\\');
        let closes = line.get(at + escapes) == Some(&quote);
        if closes && escapes <= slashes {
            break at;
        }
        at += escapes + 1;
        if at >= line.len() {
            break line.len();
        }
    };
    Value { at: from..end, quoted: true, last: false }
}

/// Whether a bare password may have spaces in it: the only thing in a line of a configuration file.
fn whole_rest(rest: &[u8], place: &Place, sign: Sign, strength: Strength) -> bool {
    let words = rest.iter().take(LONGEST_PHRASE).filter(|&&b| b == b' ').count();
    let head = &rest[..rest.len().min(LONGEST_PHRASE)];
    let first = head.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    place.first
        && !place.option
        && first.len() >= 3
        && !is_placeholder(first)
        && strength == Strength::Password
        && matches!(sign, Sign::Equals | Sign::Colon)
        && rest.len() < LONGEST_PHRASE
        && words < 8
        && !rest.iter().any(|b| b"=:{}#".contains(b) || *b == b'"')
}

/// How long bare text goes on as one value.
fn bare(rest: &[u8], place: &Place, limit: usize) -> usize {
    let ends = |at: usize| {
        let next = rest.get(at + 1);
        match rest[at] {
            b'"' | b'\'' | b'&' | b'<' | 0 => true,
            b';' => !place.option,
            b',' => !place.option && (!place.first || next.is_none_or(u8::is_ascii_whitespace)),
            b'\\' => next.is_none_or(|b| b"nrt\"'\\u".contains(b)),
            byte => byte.is_ascii_whitespace(),
        }
    };
    let end = (0..rest.len().min(limit)).find(|&at| ends(at)).unwrap_or(rest.len().min(limit));
    let closers = rest[..end].iter().rev().take_while(|b| b")]},;>|".contains(b)).count();
    end - closers
}

/// Whether the second of two words in a line is the value of the first, as in `.netrc`.
fn is_field(text: &[u8]) -> bool {
    // `kpasswd 464/tcp` is a line of `/etc/services`.
    let is_port = text.ends_with(b"/tcp") || text.ends_with(b"/udp");
    text.len() >= 5 && !is_port && text.iter().any(|b| !b.is_ascii_lowercase())
}
