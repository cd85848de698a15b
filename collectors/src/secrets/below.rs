//! Values on lines below their key: block scalars, lists, maps, elements and continued lines.

use super::{
    assignment::{Subject, assigned, judged},
    extent::{self, Value},
    key::{Strength, is_plural},
    place::{Place, run, trimmed},
    sign::{Sign, separator},
};
use collect_core::redact::{Found, Near};
use std::ops::Range;

/// More lines below a key are not looked at.
const LINES: usize = 80;

/// Names of what holds the value of the key above.
const VALUES: &[&[u8]] = &[
    b"value",
    b"default",
    b"plaintext",
    b"plain",
    b"text",
    b"content",
    b"result",
    b"string",
    b"encrypted_data",
    b"ciphertext",
];

/// A line that is no shorter may be folded (RFC 2849).
const FOLDED: usize = 70;

/// The secrets below the key.
pub(super) fn values(
    near: &Near<'_>,
    key: &Range<usize>,
    place: &Place,
    subject: Subject<'_>,
) -> Vec<Found> {
    let here = near.line();
    let line = &near.text()[here.clone()];
    let rest = line[key.end..].trim_ascii_end();
    let rest = without_tags(rest);
    if rest.len() > 24 || place.query || place.option {
        return listed(line, key, place, subject)
            .into_iter()
            .map(|f| moved(&f, here.start))
            .collect();
    }
    if rest.ends_with(b"|")
        || rest.ends_with(b">") && !place.element && rest.starts_with(b":")
        || is_block(rest)
    {
        return scalar(near, indent(line), subject);
    }
    if rest.ends_with(b"\"\"\"") || rest.ends_with(b"'''") {
        return until(near, &rest[rest.len() - 3..], subject);
    }
    if let Some(end) = heredoc(rest) {
        return until(near, end, subject);
    }
    if rest.ends_with(b"=>") {
        return dumped(near, subject).into_iter().collect();
    }
    let tag = line[..key.start].strip_suffix(b"<").unwrap_or_default().trim_ascii_end();
    let open = (tag.is_empty() || tag.ends_with(b">"))
        && place.element
        && rest.ends_with(b">")
        && !rest.contains(&b'<');
    if open && is_plural(subject.name) {
        return children(near, indent(line), true, subject);
    }
    if open {
        return element(near, subject).into_iter().collect();
    }
    let head = rest.trim_ascii_start();
    let head =
        head.strip_prefix(b"\"").or(head.strip_prefix(b"'")).unwrap_or(head).trim_ascii_start();
    let opens = head.ends_with(b"{") || head.ends_with(b"[");
    match head {
        b"" if line[..key.start].trim_ascii() == b"?" => {
            complex(near, subject).into_iter().collect()
        }
        b":" | b"=" | b": {" | b": [" | b"= {" | b"= [" | b"{" | b"={" | b":{" | b"=["
        | b"=> {" | b"= array (" => {
            let found = children(near, indent(line), opens, subject);
            if found.is_empty() && head == b"=" {
                scalar(near, indent(line), subject)
            } else {
                found
            }
        }
        b"]" if line.trim_ascii_start().starts_with(b"[") => section(near, subject),
        _ if opens => children(near, indent(line), true, subject),
        _ => listed(line, key, place, subject).into_iter().map(|f| moved(&f, here.start)).collect(),
    }
}

/// What a value goes on with in the lines below its own.
pub(super) fn continued(near: &Near<'_>, value: &Range<usize>, place: &Place) -> Vec<Found> {
    let here = near.line();
    let line = &near.text()[here.clone()];
    let rest = line[value.end..].trim_ascii_end();
    let mut found = Vec::new();
    let mut at = here.clone();
    if rest == b"\\" && place.first {
        while let Some(next) = near.next(&at) {
            let text = near.text()[next.clone()].trim_ascii_end();
            let part = text.strip_suffix(b"\\").unwrap_or(text).trim_ascii();
            if !part.is_empty() {
                let start = next.start + indent(text);
                found.push((start..start + part.len()).into());
            }
            if !text.ends_with(b"\\") || found.len() >= LINES {
                break;
            }
            at = next;
        }
    } else if rest.is_empty() && line.len() >= FOLDED && place.first {
        while let Some(next) = near.next(&at) {
            let text = near.text()[next.clone()].trim_ascii_end();
            if text.len() < 2
                || text[0] != b' '
                || text[1] == b' '
                || found.len() >= LINES
                || text.contains(&b':')
            {
                break;
            }
            found.push((next.start + 1..next.start + text.len()).into());
            at = next;
        }
    }
    found
}

fn moved(found: &Found, by: usize) -> Found {
    Found { value: by + found.value.start..by + found.value.end, quote: found.quote }
}

fn indent(line: &[u8]) -> usize {
    run(line, 0, |b| b == b' ' || b == b'\t')
}

/// What follows a key, without tags and anchors of YAML.
fn without_tags(rest: &[u8]) -> &[u8] {
    let Some(at) = rest.iter().position(|b| b"!&".contains(b)) else {
        return rest;
    };
    let word = run(rest, at, |b| !b.is_ascii_whitespace());
    if rest[at + word..].trim_ascii().is_empty() || rest[..at].trim_ascii() != b":" {
        return rest;
    }
    &rest[at + word..]
}

/// Whether a key is followed by the head of a block scalar: `: |-`, `: >2`.
fn is_block(rest: &[u8]) -> bool {
    let Some(rest) = rest.trim_ascii_start().strip_prefix(b":") else {
        return false;
    };
    let rest = rest.trim_ascii();
    matches!(rest.first(), Some(b'|' | b'>'))
        && rest.len() <= 3
        && rest[1..].iter().all(|b| b"+-123456789".contains(b))
}

/// The lines that are indented more than the key.
fn inside(near: &Near<'_>, least: usize, bracket: bool) -> Vec<Range<usize>> {
    let mut at = near.line();
    let mut lines = Vec::new();
    while let Some(next) = near.next(&at) {
        let text = &near.text()[next.clone()];
        at = next.clone();
        let blank = text.trim_ascii().is_empty();
        let deep = indent(text);
        let item = deep == least && text[deep..].starts_with(b"- ") && !bracket;
        if !blank && deep <= least && !item || lines.len() >= LINES {
            break;
        }
        if !blank {
            lines.push(next);
        }
    }
    lines
}

/// Every line of a block scalar.
fn scalar(near: &Near<'_>, least: usize, subject: Subject<'_>) -> Vec<Found> {
    let lines = inside(near, least, true);
    let texts = || lines.iter().map(|at| near.text()[at.clone()].trim_ascii());
    // What is between markers is found by them, and may be a certificate.
    if texts().any(|text| text.starts_with(b"-----") || text.starts_with(b"$ANSIBLE_VAULT")) {
        return Vec::new();
    }
    let whole: Vec<u8> = texts().flatten().copied().collect();
    if whole.len() > 4 && lines.len() > 1 && is_document(near, &lines) {
        return Vec::new();
    }
    if !super::value::is_secret(&whole, subject.strength, true) {
        return Vec::new();
    }
    lines.into_iter().map(|at| content(near, at).into()).collect()
}

/// Whether lines have keys of their own.
fn is_document(near: &Near<'_>, lines: &[Range<usize>]) -> bool {
    lines.iter().any(|at| {
        let text = near.text()[at.clone()].trim_ascii();
        let key = run(text, 0, |b| b.is_ascii_alphanumeric() || b"_-.\"".contains(&b));
        key > 0
            && (text[key..].starts_with(b": ")
                || text[key..].starts_with(b"=") && key < 24
                || text.ends_with(b"{"))
    })
}

fn content(near: &Near<'_>, at: Range<usize>) -> Range<usize> {
    let text = &near.text()[at.clone()];
    let deep = run(text, 0, |b| b.is_ascii_whitespace());
    at.start + deep..at.start + text.trim_ascii_end().len().max(deep)
}

/// The lines up to one that has this end.
fn until(near: &Near<'_>, end: &[u8], subject: Subject<'_>) -> Vec<Found> {
    let mut at = near.line();
    let mut found: Vec<Found> = Vec::new();
    while let Some(next) = near.next(&at) {
        at = next.clone();
        let mut part = content(near, next);
        let text = &near.text()[part.clone()];
        let last = memchr::memmem::find(text, end);
        part.end = last.map_or(part.end, |last| part.start + last);
        let text = &near.text()[part.clone()];
        if text.starts_with(b"-----") {
            return Vec::new();
        }
        if !text.is_empty()
            && (!found.is_empty() || super::value::is_secret(text, subject.strength, true))
        {
            found.push(part.into());
        }
        if last.is_some() || found.len() >= LINES {
            return found;
        }
    }
    Vec::new()
}

/// The word that ends a here document: `<<-EOT`.
fn heredoc(rest: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::find(rest, b"<<")?;
    let word = &rest[at + 2..];
    let word = word.strip_prefix(b"-").or(word.strip_prefix(b"~")).unwrap_or(word);
    let word = word.strip_prefix(b"'").and_then(|word| word.strip_suffix(b"'")).unwrap_or(word);
    (word.len() >= 2 && word.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_'))
        .then_some(word)
}

/// `string(10) "value"`, as PHP dumps it below its key.
fn dumped(near: &Near<'_>, subject: Subject<'_>) -> Option<Found> {
    let next = near.next(&near.line())?;
    let line = &near.text()[next.clone()];
    let start = line.iter().position(|b| b"\"'".contains(b))?;
    item(line, start, subject).map(|found| moved(&found, next.start))
}

/// `: value` below `? key`.
fn complex(near: &Near<'_>, subject: Subject<'_>) -> Option<Found> {
    let next = near.next(&near.line())?;
    let line = &near.text()[next.clone()];
    let start = line.strip_prefix(b": ").map(|_| 2)?;
    item(line, start, subject).map(|found| moved(&found, next.start))
}

/// The text below the tag of an element, or that of the element `value` in it.
fn element(near: &Near<'_>, subject: Subject<'_>) -> Option<Found> {
    let next = near.next(&near.line())?;
    let line = &near.text()[next.clone()];
    let deep = indent(line);
    let found = if line[deep..].starts_with(b"<") {
        child(line, subject)
    } else {
        let part = line[deep..].trim_ascii_end();
        let value = Value { at: deep..deep + part.len(), quoted: true, last: true };
        judged(line, &value, &nowhere(), Sign::Element, subject)
    };
    found.map(|found| moved(&found, next.start))
}

fn nowhere() -> Place {
    Place::of(b"", &(0..0), &(0..0))
}

/// The value at `start` of a line, judged by the name above.
fn item(line: &[u8], start: usize, subject: Subject<'_>) -> Option<Found> {
    let place = Place { first: true, ..nowhere() };
    let value = extent::value(line, start, &place, Sign::Colon, subject.strength)?;
    judged(line, &value, &Place { first: false, ..place }, Sign::Colon, subject)
}

/// The value of a line that has the value of the key above: `value: x`, `<Value>x`.
fn child(line: &[u8], subject: Subject<'_>) -> Option<Found> {
    let (key, _) = entry(line)?;
    let lower = line[key.clone()].to_ascii_lowercase();
    if !VALUES.contains(&lower.as_slice()) {
        return None;
    }
    let place = Place::of(line, &key, &key);
    assigned(line, &key, &place, subject)
}

/// The key that a line begins with, and whether it is an item of a list instead.
fn entry(line: &[u8]) -> Option<(Range<usize>, bool)> {
    let mut start = indent(line);
    let listed = line[start..].starts_with(b"- ");
    start += if listed { 2 } else { 0 };
    start += run(line, start, |b| b"\"'<".contains(&b)).min(1);
    let len = run(line, start, super::place::is_key_byte);
    (len > 0).then_some((start..start + len, listed))
}

/// The secrets in the lines of a map or list below the key.
fn children(near: &Near<'_>, least: usize, bracket: bool, subject: Subject<'_>) -> Vec<Found> {
    let lines = inside(near, least, bracket);
    let plural = is_plural(subject.name);
    let Some(first) = lines.first() else {
        return Vec::new();
    };
    let depth = indent(&near.text()[first.clone()]);
    let mut found = Vec::new();
    for at in lines {
        let line = &near.text()[at.clone()];
        if indent(line) != depth {
            continue;
        }
        // A map of hosts and what they let in with.
        let host = entry(line).is_some_and(|(key, _)| line[key].contains(&b'.'));
        let one = if plural || host { member(line, subject) } else { child(line, subject) };
        found.extend(one.map(|one| moved(&one, at.start)));
    }
    found
}

/// The secret in an entry of a map or list of secrets.
fn member(line: &[u8], subject: Subject<'_>) -> Option<Found> {
    let deep = indent(line);
    let rest = &line[deep..];
    if let Some(text) = rest.strip_prefix(b"- ") {
        let is_map = entry(line).is_some_and(|(key, _)| {
            matches!(line.get(key.end..key.end + 2), Some(b": "))
                || line.get(key.end) == Some(&b':') && line.len() == key.end + 1
        });
        return if is_map || text.starts_with(b"{") { None } else { item(line, deep + 2, subject) };
    }
    let (key, _) = entry(line)?;
    if line[..key.start].ends_with(b"<")
        && let Some(at) = memchr::memmem::find(line, b" value=\"")
    {
        return item(line, at + 7, Subject { strength: Strength::Weak, ..subject });
    }
    let place = Place::of(line, &key, &key);
    let colon = separator(line, key.end, &place);
    match colon {
        Some((_, Sign::Colon | Sign::Equals)) => {
            let harmless = about(&line[trimmed(line, &key)]);
            let strength = if subject.strength == Strength::Password {
                Strength::Weak
            } else {
                subject.strength
            };
            let subject = Subject { strength, ..subject };
            if harmless { None } else { assigned(line, &key, &place, subject) }
        }
        None if matches!(line.get(deep), Some(b'"' | b'\'')) => item(line, deep, subject),
        _ => None,
    }
}

/// Whether a name in a map of secrets is that of something harmless, such as `public` or `name`.
fn about(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 22] = [
        b"name",
        b"id",
        b"url",
        b"uri",
        b"host",
        b"file",
        b"path",
        b"type",
        b"kind",
        b"user",
        b"username",
        b"email",
        b"description",
        b"expires",
        b"created",
        b"version",
        b"algorithm",
        b"kid",
        b"namespace",
        b"label",
        b"provider",
        b"table",
    ];
    let lower = name.to_ascii_lowercase();
    lower.starts_with(b"pub")
        || NAMES.contains(&lower.as_slice())
        || lower.ends_with(b"_file")
        || lower.ends_with(b"file")
}

/// The values of a section of an INI file.
fn section(near: &Near<'_>, subject: Subject<'_>) -> Vec<Found> {
    let mut at = near.line();
    let mut found = Vec::new();
    while let Some(next) = near.next(&at) {
        at = next.clone();
        let line = &near.text()[next];
        if line.starts_with(b"[") || found.len() >= LINES {
            break;
        }
        let one = if is_plural(subject.name) { member(line, subject) } else { None };
        found.extend(one.map(|one| moved(&one, at.start)));
    }
    found
}

/// The strings of a list, and the value of a map, in the line of the key.
fn listed(line: &[u8], key: &Range<usize>, place: &Place, subject: Subject<'_>) -> Vec<Found> {
    let Some((start, sign)) = separator(line, key.end, place) else {
        return Vec::new();
    };
    if !matches!(sign, Sign::Colon | Sign::Equals | Sign::Element)
        && !line[start..].starts_with(b"{")
    {
        return Vec::new();
    }
    let rest = &line[start..];
    match rest.first() {
        Some(b'[') if is_plural(subject.name) || subject.strength != Strength::Password => {
            items(line, start + 1, subject)
        }
        Some(b'{') => mapped(line, start + 1, b'}', subject),
        Some(b'<') if place.element => {
            child(rest, subject).map(|f| moved(&f, start)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// The strings of a list.
fn items(line: &[u8], start: usize, subject: Subject<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = start;
    while found.len() < LINES {
        at += run(line, at, |b| b" ,".contains(&b));
        let slashes = run(line, at, |b| b == b'\\');
        if !matches!(line.get(at + slashes), Some(b'"' | b'\'')) {
            break;
        }
        let Some(value) = extent::value(line, at, &nowhere(), Sign::Colon, subject.strength) else {
            break;
        };
        let behind = line[value.at.end..].iter().find(|b| !b"\\\"' ".contains(b));
        if !matches!(behind, Some(b',' | b']') | None) {
            break;
        }
        found.extend(judged(line, &value, &nowhere(), Sign::Colon, subject));
        at = value.at.end + slashes + 1;
    }
    found
}

/// The value of the key above in a map in its line, or all values of a map of secrets.
fn mapped(line: &[u8], start: usize, close: u8, subject: Subject<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = start;
    let plural = is_plural(subject.name);
    let end = line.len().min(start + 1024);
    let end = line[start..end]
        .iter()
        .position(|&b| b == close || b == b'{')
        .map_or(end, |len| start + len);
    while at < end && found.len() < LINES {
        at += run(line, at, |b| b" ,\"'\\;".contains(&b));
        let len = run(line, at, super::place::is_key_byte);
        // A name that reaches over the end is not looked at, as nothing behind it is.
        if len == 0 || at + len > end {
            break;
        }
        let key = at..at + len;
        let place = Place { first: false, ..Place::of(line, &key, &key) };
        let lower = line[key.clone()].to_ascii_lowercase();
        let plain = !about(&line[key.clone()]);
        let wanted =
            VALUES.contains(&lower.as_slice()) || (plural || lower.contains(&b'.')) && plain;
        if wanted {
            found.extend(
                assigned(line, &key, &place, subject).filter(|found| found.value.end <= end),
            );
        }
        let next = line[key.end..end].iter().position(|&b| b == b',' || b == b';');
        at = next.map_or(end, |next| key.end + next + 1);
    }
    found
}
