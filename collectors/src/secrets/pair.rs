//! Values of names in pairs: `name: DB_PASSWORD` and `value: …`, in one line or in two, in either
//! order, and in every syntax that has such pairs.

use super::{
    assignment::{Subject, assigned},
    extent,
    place::{Place, is_key_byte, run},
    sign::{Sign, named_value},
};
use collect_core::redact::{Found, Near};
use std::ops::Range;

/// Names of what holds the name.
const LABELS: &[&[u8]] = &[
    b"name",
    b"key",
    b"optionname",
    b"parameterkey",
    b"parametername",
    b"field",
    b"variable",
    b"option",
    b"property",
    b"id",
    b"env",
    b"setting",
    b"label",
    b"param",
    b"type",
    b"n",
    b"k",
];

/// More of a line is not looked at for the other half.
const LONGEST: usize = 2048;

/// So many lines may be between the halves.
const LINES: usize = 3;

/// The secrets that go with the name at `key`, if that is the name of a pair.
pub(super) fn values(near: &Near<'_>, key: &Range<usize>, subject: Subject<'_>) -> Vec<Found> {
    let here = near.line();
    let line = &near.text()[here.clone()];
    let Some(label) = label_before(line, key) else {
        return Vec::new();
    };
    let found = behind(line, key, subject).or_else(|| before(line, &label, subject));
    if let Some(found) = found {
        return vec![moved(&found, here.start)];
    }
    let inline = line[key.end..].contains(&b'}') || line[key.end..].contains(&b'{');
    if inline {
        return Vec::new();
    }
    around(near, subject).into_iter().collect()
}

fn moved(found: &Found, by: usize) -> Found {
    Found { value: by + found.value.start..by + found.value.end, quote: found.quote }
}

/// Where `name` is in `name: KEY`, `name="KEY"`, `<name>KEY`.
fn label_before(line: &[u8], key: &Range<usize>) -> Option<Range<usize>> {
    // A name may have other words in it: `Encryption:Secret`, `mysql-server/root_password`.
    let head = &line[..key.start];
    let more =
        head.iter().rev().take(64).take_while(|b| is_key_byte(**b) || b"/:".contains(b)).count();
    for len in [0, more] {
        let head = &head[..head.len() - len];
        let signs = head.iter().rev().take(6).take_while(|b| b"\"'\\ :=>".contains(b)).count();
        let end = head.len() - signs;
        let sign = head[end..].iter().any(|b| b":=>".contains(b));
        let len =
            head[..end].iter().rev().take(16).take_while(|b| b.is_ascii_alphanumeric()).count();
        let word = head[end - len..end].to_ascii_lowercase();
        if sign && LABELS.contains(&word.as_slice()) {
            return Some(end - len..end);
        }
    }
    None
}

/// The value behind the name in its line.
fn behind(line: &[u8], key: &Range<usize>, subject: Subject<'_>) -> Option<Found> {
    let rest = &line[key.end..line.len().min(key.end + LONGEST)];
    let element = rest.iter().take(3).any(|&b| b == b'<' || b == b'>');
    if element {
        return element_in(line, key.end, subject);
    }
    if let Some(len) = named_value(rest) {
        return given(line, key.end + len, subject);
    }
    // Other halves may stand between, up to the end of the object.
    let stop = rest.iter().position(|b| b"{}<>".contains(b)).unwrap_or(rest.len());
    let mut from = 0;
    while let Some(comma) = rest[from..stop].iter().position(|&b| b == b',') {
        from += comma + 1;
        if let Some(len) = named_value(&rest[from..stop]) {
            return given(line, key.end + from + len, subject);
        }
    }
    None
}

/// The value that begins at `start`.
fn given(line: &[u8], start: usize, subject: Subject<'_>) -> Option<Found> {
    let slashes = run(line, start, |b| b == b'\\');
    let quoted = matches!(line.get(start + slashes), Some(b'"' | b'\''));
    let place = Place::of(line, &(start..start), &(start..start));
    let place =
        Place { first: !quoted && !line.contains(&b'{'), element: false, quote: None, ..place };
    let value = extent::value(line, start, &place, Sign::Colon, subject.strength)?;
    super::assignment::judged(line, &value, &place, Sign::Colon, subject)
}

/// The value before the name in its line: `value: x, name: KEY`.
fn before(line: &[u8], label: &Range<usize>, subject: Subject<'_>) -> Option<Found> {
    let from = label.start.saturating_sub(LONGEST);
    let head = &line[from..label.start];
    let object = head.iter().rposition(|b| b"{<}".contains(b)).map_or(0, |at| at + 1);
    let head = &head[object..];
    let lower = head.to_ascii_lowercase();
    let at = memchr::memmem::rfind(&lower, b"value")?;
    let start = from + object + at;
    let key = start..start + 5;
    let place = Place::of(line, &key, &key);
    assigned(line, &key, &Place { first: false, element: false, ..place }, subject)
}

/// The text of the element `value`, `string` and the like behind `from`.
fn element_in(line: &[u8], from: usize, subject: Subject<'_>) -> Option<Found> {
    const NAMES: [&[u8]; 5] = [b"<value", b"<string", b"<text", b"<data", b"<plaintext"];
    let rest = &line[from..line.len().min(from + LONGEST)];
    let lower = rest.to_ascii_lowercase();
    let (at, name) =
        NAMES.iter().find_map(|name| Some((memchr::memmem::find(&lower, name)?, name)))?;
    if at > 96 {
        return None;
    }
    let start = from + at + 1;
    let key = start..start + name.len() - 1;
    if line.get(key.end).is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let place = Place::of(line, &key, &key);
    assigned(line, &key, &place, subject)
}

/// The value in a line nearby.
fn around(near: &Near<'_>, subject: Subject<'_>) -> Option<Found> {
    let mut line = near.line();
    for _ in 0..LINES {
        let Some(next) = near.next(&line) else { break };
        line = next;
        let text = &near.text()[line.clone()];
        let start = text.trim_ascii_start();
        if start.starts_with(b"- ") || start.starts_with(b"}") || start.is_empty() {
            break;
        }
        if let Some(found) = half(text, subject) {
            return Some(moved(&found, line.start));
        }
        if is_name(start) {
            break;
        }
    }
    let own = near.text()[near.line()].trim_ascii_start();
    if own.starts_with(b"- ") || own.starts_with(b"{") {
        return None;
    }
    line = near.line();
    for _ in 0..LINES {
        let Some(previous) = near.previous(&line) else { break };
        line = previous;
        let text = &near.text()[line.clone()];
        if let Some(found) = half(text, subject) {
            return Some(moved(&found, line.start));
        }
        let start = text.trim_ascii_start();
        if start.starts_with(b"- ") || start.starts_with(b"{") || start.is_empty() || is_name(start)
        {
            break;
        }
    }
    None
}

fn is_name(start: &[u8]) -> bool {
    let lower = start[..start.len().min(16)].to_ascii_lowercase();
    [&b"name:"[..], b"\"name\"", b"<name>", b"<key>", b"name ="]
        .iter()
        .any(|name| lower.starts_with(name))
}

/// The value of a line that is the other half: `value: x`, `"value": "x"`, `<value>x</value>`.
fn half(line: &[u8], subject: Subject<'_>) -> Option<Found> {
    let indent = run(line, 0, |b| b.is_ascii_whitespace());
    let signs = run(line, indent, |b| b"-<\"' ".contains(&b));
    let start = indent + signs;
    let len = run(line, start, |b| b.is_ascii_alphanumeric());
    let word = line[start..start + len].to_ascii_lowercase();
    let element = line[..start].ends_with(b"<");
    let fits = word.ends_with(b"value")
        || matches!(word.as_slice(), b"default" | b"result")
        || element && matches!(word.as_slice(), b"string" | b"data" | b"text");
    if !fits {
        return None;
    }
    let key = start..start + len;
    let place = Place::of(line, &key, &key);
    assigned(line, &key, &Place { first: !place.json, ..place }, subject)
}
