//! What stands between a key and its value.

use super::place::{LONGEST_SPACE, Place, run};

/// What stands between a key and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Colon,
    Equals,
    /// `!=`.
    Differs,
    /// Only white space, or NUL.
    Space,
    /// `>` of an XML element.
    Element,
    /// The comma between two arguments.
    Comma,
    /// `:-` in `${KEY:-value}`.
    Default,
}

/// More of the attributes of an element, or of a type, is not looked at.
const LONGEST_BETWEEN: usize = 256;

/// Where the value behind a key begins.
pub(super) fn separator(line: &[u8], end: usize, place: &Place) -> Option<(usize, Sign)> {
    let mut at = end + colours(&line[end..]);
    if place.brace {
        return default(&line[at..]).map(|len| (at + len, Sign::Default));
    }
    let slashes = run(line, at, |b| b == b'\\');
    let mut closed = false;
    if matches!(line.get(at + slashes), Some(b'"' | b'\'' | b'`')) {
        at += slashes + 1;
        closed = true;
    }
    if line.get(at) == Some(&b']') {
        at += 1;
    }
    at += colours(&line[at..]);
    at += run(line, at, is_space).min(LONGEST_SPACE);
    let space = at > end && is_space(line[at - 1]);
    let rest = &line[at..];
    if let Some((len, sign)) = sign(rest) {
        at += len;
        at += run(line, at, is_space).min(LONGEST_SPACE);
        at += colours(&line[at..]);
        at += run(line, at, is_space).min(LONGEST_SPACE);
        if sign == Sign::Colon && !closed {
            at += annotation(&line[at..]);
        }
        return Some((at, sign));
    }
    if closed && rest.first() == Some(&b'>') {
        return Some((at + 1, Sign::Element));
    }
    if place.element
        && let Some(len) = element(rest, space)
    {
        return Some((at + len, Sign::Element));
    }
    if closed && let Some(value) = named_value(rest) {
        return Some((at + value, Sign::Colon));
    }
    if closed && let Some(len) = serialized(rest) {
        return Some((at + len, Sign::Colon));
    }
    if place.call && rest.first() == Some(&b',') {
        let blank = run(rest, 1, |b| b.is_ascii_whitespace()).min(LONGEST_SPACE);
        return Some((at + 1 + blank, Sign::Comma));
    }
    // `password("value")`, as syslog-ng has it.
    let named = [&b"password"[..], b"passwd", b"pwd"];
    let called = end.checked_sub(8).map_or(&line[..end], |from| &line[from..end]);
    if at == end
        && rest.first() == Some(&b'(')
        && matches!(rest.get(1), Some(b'"' | b'\''))
        && named.iter().any(|name| called.ends_with(name))
        && !line[..end]
            .iter()
            .rev()
            .take(16)
            .take_while(|b| **b != b' ')
            .any(|b| b"_.>".contains(b))
    {
        return Some((at + 1, Sign::Comma));
    }
    if !closed && space && !rest.is_empty() {
        return Some((at, Sign::Space));
    }
    (place.option && rest.first() == Some(&0)).then_some((at + 1, Sign::Space))
}

fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// The length of the control sequences for colours (ECMA-48, SGR) at the start of a text.
fn colours(text: &[u8]) -> usize {
    let mut at = 0;
    while text[at..].starts_with(b"\x1b[") {
        let len = text[at + 2..].iter().take(16).position(u8::is_ascii_alphabetic);
        let Some(len) = len else {
            break;
        };
        at += len + 3;
    }
    at
}

/// The length of `:-`, `:=`, `-` or `=` behind a parameter; what follows `:?` is a message.
fn default(text: &[u8]) -> Option<usize> {
    let colon = usize::from(text.first() == Some(&b':'));
    matches!(text.get(colon), Some(b'-' | b'=')).then_some(colon + 1)
}

/// The sign at the start of a text: `=`, `:`, or one that ends with them, as `=>`, `:=`, `?=`, `::`.
fn sign(text: &[u8]) -> Option<(usize, Sign)> {
    if text.starts_with(b"!=") {
        return Some((1 + run(&text[..text.len().min(3)], 1, |b| b == b'='), Sign::Differs));
    }
    let before = run(text, 0, |b| b":?.+~".contains(&b)).min(LONGEST_SPACE * 2);
    if text.get(before) == Some(&b'=') {
        let strict = usize::from(text[before..].starts_with(b"=== "));
        let after = strict + usize::from(matches!(text.get(before + 1), Some(b'=' | b'>')));
        return Some((before + 1 + after, Sign::Equals));
    }
    let optional = usize::from(text.starts_with(b"?:"));
    let colons = run(text, optional, |b| b == b':');
    (colons > 0).then_some((optional + colons, Sign::Colon))
}

/// The length of a type and a sign before a value in quotes: `str = `, `&str = `.
fn annotation(text: &[u8]) -> usize {
    let is_type = |b: u8| b.is_ascii_alphanumeric() || b"_<>[]&'.|?:* ".contains(&b);
    let len = run(&text[..text.len().min(48)], 0, is_type);
    let named = text.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'&');
    let sign = text.get(len) == Some(&b'=');
    let space = run(text, len + 1, is_space);
    let quote = text.get(len + 1 + space).is_some_and(|b| b"\"'`br@".contains(b));
    if named && sign && quote { len + 1 + space } else { 0 }
}

/// The length of the rest of an element's tag, with its attributes.
fn element(rest: &[u8], space: bool) -> Option<usize> {
    if rest.first() == Some(&b'>') {
        return Some(1);
    }
    if rest.starts_with(b"&gt;") {
        return Some(4);
    }
    if !space {
        return None;
    }
    let rest = &rest[..rest.len().min(LONGEST_BETWEEN)];
    let close = rest.iter().position(|&b| b == b'>' || b == b'<')?;
    let is_attribute = rest[..close].contains(&b'=');
    (rest[close] == b'>' && is_attribute && !rest[..close].ends_with(b"/")).then_some(close + 1)
}

/// The length of `, "value": ` or ` value=` that separates the name of a pair from its value.
pub(super) fn named_value(rest: &[u8]) -> Option<usize> {
    let mut at = run(rest, 0, |b| b" \t,\\\"'".contains(&b));
    let len = run(rest, at, |b| b.is_ascii_alphanumeric());
    if !rest[at..at + len].to_ascii_lowercase().ends_with(b"value") {
        return None;
    }
    at += len;
    at += run(rest, at, |b| b"\\\"'".contains(&b));
    at += run(rest, at, |b| b == b' ');
    if !matches!(rest.get(at), Some(b':' | b'=')) {
        return None;
    }
    at += 1;
    Some(at + run(rest, at, |b| b == b' '))
}

/// The length of `;s:10:` behind a key that PHP has serialized.
fn serialized(rest: &[u8]) -> Option<usize> {
    let rest = rest.strip_prefix(b";s:")?;
    let digits = run(rest, 0, |b| b.is_ascii_digit());
    (digits > 0 && rest.get(digits) == Some(&b':')).then_some(digits + 4)
}
