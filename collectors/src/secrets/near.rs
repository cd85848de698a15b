//! Values that are known only by the name of the vendor before them: `datadog = …`.

use super::{shape::Shape, value::different};
use collect_core::redact::Found;
use std::ops::Range;

/// How far behind the name a value may begin.
const REACH: usize = 40;

/// Longer than any shape that is known.
const LONGEST_VALUE: usize = 512;

/// A shorter name may be only the beginning of another word.
const LONG_NAME: usize = 7;

/// The shortest name, and value, that are enough if nothing else is in the line.
const LEAST_NAME: usize = 5;
const LONG_VALUE: usize = 32;

/// What a key is called, in parts of its words.
const KEYS: &[&str] = &[
    "key", "token", "secret", "access", "private", "auth", "pass", "cred", "api", "licen",
    "bearer", "login",
];

/// Words of a key whose value looks random, and is no secret.
const HARMLESS: &[&str] = &[
    "id",
    "ids",
    "uuid",
    "guid",
    "sha",
    "sha1",
    "sha256",
    "md5",
    "hash",
    "digest",
    "checksum",
    "commit",
    "rev",
    "revision",
    "ref",
    "etag",
    "trace",
    "span",
    "request",
    "event",
    "version",
    "build",
    "image",
    "fingerprint",
    "nonce",
    "public",
];

/// The value that has one of these shapes, and that the name at `at` is set to.
pub(super) fn find(shapes: &[Shape], line: &[u8], at: &Range<usize>) -> Option<Found> {
    if !is_name(line, at) {
        return None;
    }
    // So much is looked at, so that time stays linear.
    let head = &line[..line.len().min(at.end + REACH + LONGEST_VALUE)];
    let ends = |end: &usize| !line.get(*end).copied().is_some_and(goes_on);
    if let Some(value) = pair(shapes, line, at) {
        return Some(value.into());
    }
    for start in at.end..head.len().min(at.end + REACH) {
        let apart = start > at.end && !line[start - 1].is_ascii_alphanumeric();
        if apart
            && let Some(end) = shapes.iter().find_map(|shape| shape.end(head, start).filter(ends))
            && let Some(kind) = says(&line[at.end..start])
            && is_mixed(&line[start..end], kind)
        {
            return Some((start..end).into());
        }
        if !is_between(line[start]) {
            return None;
        }
    }
    None
}

/// The value in a line that is a name, a blank and a value, and long enough to be nothing else.
fn pair(shapes: &[Shape], line: &[u8], name: &Range<usize>) -> Option<Range<usize>> {
    let start = name.end + 1;
    let value = line.get(start..)?.trim_ascii_end();
    let end = start + value.len();
    let fits = line[..name.start].trim_ascii().is_empty()
        && line[name.end] == b' '
        && name.len() >= LEAST_NAME
        && (LONG_VALUE..=LONGEST_VALUE).contains(&value.len())
        && value.iter().filter(|b| b.is_ascii_digit()).count() >= 4
        && different(value) >= 8;
    (fits && shapes.iter().any(|shape| shape.end(line, start) == Some(end))).then_some(start..end)
}

/// Whether a byte behind a value would be part of it.
fn goes_on(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_+/".contains(&byte)
}

/// Whether the name is a word, or one of the words of a name, `myDatadogKey`.
fn is_name(line: &[u8], at: &Range<usize>) -> bool {
    let before = line[..at.start].last().copied().unwrap_or(b' ');
    let (first, last) = (line[at.start], line[at.end - 1]);
    let begins = !before.is_ascii_alphanumeric()
        || line[..at.start].ends_with(b"-D")
        || !first.is_ascii_alphanumeric()
        || first.is_ascii_uppercase() && !before.is_ascii_uppercase();
    let rest = &line[at.end..];
    let after = rest.first().copied().unwrap_or(b' ');
    let ends = at.len() >= LONG_NAME
        || !last.is_ascii_alphanumeric()
        || !after.is_ascii_alphabetic()
        || after.is_ascii_uppercase() != last.is_ascii_uppercase()
        || KEYS.iter().any(|key| has_prefix(rest, key));
    begins && ends
}

fn has_prefix(text: &[u8], prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
}

/// Whether a byte may stand between a name and its value; not what separates one thing from the next.
fn is_between(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" \t_-.=:|>,'\"`()[]\\<?".contains(&byte)
}

/// What stands between a name and its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Between {
    /// The name of a key.
    Key,
    /// A sign that sets something.
    Sign,
}

/// What says that the one is set to the other; nothing if they only stand in the same line.
fn says(between: &[u8]) -> Option<Between> {
    if words(between).any(|word| HARMLESS.contains(&word.as_str())) {
        return None;
    }
    let lower = String::from_utf8_lossy(between).to_ascii_lowercase();
    if KEYS.iter().any(|key| lower.contains(key)) {
        return Some(Between::Key);
    }
    is_assignment(&lower).then_some(Between::Sign)
}

/// The words in lower case: what signs, or capitals, are between.
fn words(text: &[u8]) -> impl Iterator<Item = String> {
    let border = |pair: &[u8]| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase();
    let mut words = vec![String::new()];
    for (at, byte) in text.iter().enumerate() {
        let begins = !byte.is_ascii_alphanumeric() || at > 0 && border(&text[at - 1..=at]);
        if begins {
            words.push(String::new());
        }
        if byte.is_ascii_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(char::from(byte.to_ascii_lowercase()));
        }
    }
    words.into_iter()
}

/// Whether the text is the rest of a key, and a sign that sets it: `Value := "`.
fn is_assignment(between: &str) -> bool {
    let open = |c: char| c.is_ascii_whitespace() || "'\"`([\\".contains(c);
    let sign = |c: char| "=:>|,?.".contains(c);
    let text = between.trim_end_matches(open);
    let key = text.trim_end_matches(sign);
    key.len() < text.len() && !key.contains(['=', ':', '>', '|', ','])
}

/// Whether the value looks as if it was made by a generator: no mask, and, unless it is that of a key,
/// not the name of a class or a file.
fn is_mixed(value: &[u8], between: Between) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let turns = value
        .windows(2)
        .filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
        .count();
    different(value) >= 6 && (digits >= 2 || turns >= 4 || between == Between::Key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Option<String> {
        let shapes = [Shape::parse("[a-f0-9]{16}", true).unwrap()];
        let at = line.to_ascii_lowercase().find("acmeco").unwrap();
        let found = find(&shapes, line.as_bytes(), &(at..at + 6))?;
        Some(line[found.value].to_owned())
    }

    #[test]
    fn what_a_name_is_set_to_is_found() {
        for before in [
            "acmeco = ",
            "ACMECO=",
            "acmeco: \"",
            "export ACMECO_ADMIN='",
            "\"acmecoValue\" => \"",
            "myAcmecoValue := `",
            "System.setProperty(\"ACMECO\", \"",
            "acmeco-apikey-",
            "acmeco SECRET ",
            "acmecotoken ",
            "-Dacmeco.login=",
            "\\\"acmeco\\\": \\\"",
        ] {
            let line = format!("{before}0a1b2c3d4e5f6789\" x");
            assert_eq!(found(&line).as_deref(), Some("0a1b2c3d4e5f6789"), "{line}");
        }
    }

    #[test]
    fn a_name_and_a_long_value_alone_in_a_line_are_a_pair() {
        let shapes = [Shape::parse("[a-f0-9]{32}", true).unwrap()];
        let value = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";
        let found = |line: &str| find(&shapes, line.as_bytes(), &(0..6)).map(|found| found.value);
        assert_eq!(found(&format!("acmeco {value}")), Some(7..39));
        for line in ["acmeco  V", "acmeco V 7", "acmeco V0", "acmeco (V)"] {
            assert_eq!(found(&line.replace('V', value)), None, "{line}");
        }
    }

    #[test]
    fn what_only_stands_behind_a_name_is_not() {
        for line in [
            "acmeco 0a1b2c3d4e5f6789",
            "acmeco_trace_id=0a1b2c3d4e5f6789",
            "acmeco.commit: 0a1b2c3d4e5f6789",
            "acmecoRequest = 0a1b2c3d4e5f6789",
            "acmeco/key/0a1b2c3d4e5f6789",
            "acmeco=on; x=0a1b2c3d4e5f6789",
            "acmeco=0a1b2c3d4e5f67890",
            "acmeco=0a1b2c3d4e5f6789-1",
            "acmeco=0000000000000000",
            "tacmeco=0a1b2c3d4e5f6789",
            "acmeco: and much more than forty characters of text, key 0a1b2c3d4e5f6789",
        ] {
            assert_eq!(found(line), None, "{line}");
        }
    }
}
