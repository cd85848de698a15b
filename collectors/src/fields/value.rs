//! Where the value of a key is, in whatever syntax it is written.

use collect_core::redact::Found;
use std::ops::Range;

/// Whether a byte may be part of a key.
fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// Whether exactly this, or the last part of a dotted name, is a key.
pub(crate) fn key_around(line: &[u8], at: &Range<usize>) -> bool {
    let before = line[..at.start].last();
    let after = line.get(at.end);
    before.is_none_or(|&byte| !is_key(byte) || byte == b'.' || is_option(&line[..at.start]))
        && after.is_none_or(|&byte| !is_key(byte))
}

/// Whether what ends here are the dashes of an option, `--`.
fn is_option(before: &[u8]) -> bool {
    let start = before.iter().rposition(|&byte| byte != b'-').map_or(0, |last| last + 1);
    start < before.len() && before[..start].last().is_none_or(|&byte| !is_key(byte))
}

/// Where the value of the key at `key` is: behind `=`, `:`, `=>` or `:=`, in an XML element, or, of
/// an option of a command, behind a space. Nothing if no value follows.
///
/// An object or a list in JSON is one value, if it ends in the same line.
pub(crate) fn value(line: &[u8], key: &Range<usize>) -> Option<Found> {
    if key.start > 0 && line[key.start - 1] == b'<' && line.get(key.end) == Some(&b'>') {
        let start = key.end + 1;
        let end = line[start..].iter().position(|&byte| byte == b'<');
        return Some((start..end.map_or(line.len(), |end| start + end)).into());
    }
    let quote = quote_at(line, key.end);
    let mut at = key.end + quote.len();
    at += spaces(&line[at..]);
    let signs: [&[u8]; 4] = [b"=>", b":=", b"=", b":"];
    let sign = signs.into_iter().find(|sign| line[at..].starts_with(sign));
    match sign {
        Some(sign) => at += sign.len(),
        None if at > key.end && is_option(&line[..key.start]) => {}
        None if line.get(at) == Some(&0) && is_option(&line[..key.start]) => at += 1,
        None => return None,
    }
    at += spaces(&line[at..]);
    let found = read(line, at, key, quote)?;
    (!found.value.is_empty()).then_some(found)
}

fn read(line: &[u8], at: usize, key: &Range<usize>, key_quote: &[u8]) -> Option<Found> {
    let quote = quote_at(line, at);
    if !quote.is_empty() {
        let start = at + quote.len();
        return Some((start..start + quoted_len(&line[start..], quote)).into());
    }
    let rest = &line[at..];
    if matches!(rest.first(), Some(b'{' | b'[')) {
        let len = composite_len(rest)?;
        return Some(Found { value: at..at + len, quote: key_quote == b"\"" });
    }
    let len = if key_quote == b"\"" || key_quote == b"\\\"" {
        rest.iter().position(|byte| b",}] \t\r".contains(byte)).unwrap_or(rest.len())
    } else if is_first(&line[..key.start]) {
        whole_len(rest)
    } else {
        let ends = |byte: &u8| b" \t\r\0&;,\"'<>)}]|".contains(byte);
        rest.iter().position(ends).unwrap_or(rest.len())
    };
    Some(Found { value: at..at + len, quote: key_quote == b"\"" })
}

/// The quotes at a place: `"`, `'`, `\"`, or none.
fn quote_at(line: &[u8], at: usize) -> &[u8] {
    match &line[at.min(line.len())..] {
        [b'"' | b'\'', ..] => &line[at..=at],
        [b'\\', b'"', ..] => &line[at..at + 2],
        _ => b"",
    }
}

/// How long a text is up to the quotes that end it.
pub(super) fn quoted_len(text: &[u8], quote: &[u8]) -> usize {
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with(quote) {
            return at;
        }
        // Within escaped quotes, what is escaped once more has three backslashes.
        let escapes = text[at..].iter().take_while(|&&byte| byte == b'\\').count();
        at += match escapes {
            0 => 1,
            _ if quote == b"'" => escapes,
            _ if quote.len() == 2 && escapes % 4 == 1 => escapes - 1,
            _ => escapes + usize::from(escapes % 2 == 1 || quote.len() == 2),
        }
        .max(1);
    }
    text.len()
}

/// How long an object or a list is, if it ends.
pub(super) fn composite_len(text: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        match text[at] {
            b'"' => at += 1 + quoted_len(&text[at + 1..], b"\""),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at.min(text.len()));
        }
    }
    None
}

/// Whether a key behind this is the first thing in its line.
fn is_first(before: &[u8]) -> bool {
    let words = before.trim_ascii();
    let name = words.rsplit(|&byte| byte == b' ').next().unwrap_or_default();
    let dotted = name.ends_with(b".") && name.iter().all(|&byte| is_key(byte));
    let words = if dotted { words[..words.len() - name.len()].trim_ascii_end() } else { words };
    matches!(words, b"" | b"export" | b"-" | b"set" | b"#" | b";")
}

/// How long the rest of a line is without a comment and the white space before it.
fn whole_len(rest: &[u8]) -> usize {
    let comment = memchr::memmem::find(rest, b" #").unwrap_or(rest.len());
    rest[..comment].trim_ascii_end().len()
}

fn spaces(text: &[u8]) -> usize {
    text.iter().take_while(|&&byte| byte == b' ' || byte == b'\t').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_in_every_syntax_and_nothing_else_is_taken() {
        for line in [
            "pin=«a b c»",
            "  pin: «a b c» # remark",
            "export pin='«a \\»'",
            "app.pin = «x»",
            "x pin=«abc» y=1",
            "GET /?a=1&pin=«abc»&b=2",
            r#"{"pin": "«a\"b\\»", "b": 1}"#,
            r#"{"pin":«{"a":["}"]}»,"b":1}"#,
            r#"{"msg":"{\"pin\":\"«a\\\"b»\",\"b\":1}"}"#,
            "{\"pin\":«12»}",
            "<pin>«abc»</pin>",
            r#"<a pin="«abc»"/>"#,
            "run --pin «abc» -v",
            "run\0--pin\0«abc»\0-v",
            "pin => '«abc»',",
        ] {
            let plain = line.replace(['«', '»'], "");
            let at = plain.find("pin").unwrap();
            let key = at..at + 3;
            let found =
                key_around(plain.as_bytes(), &key).then(|| value(plain.as_bytes(), &key)).flatten();
            let found = found.unwrap_or_else(|| panic!("nothing in `{line}`")).value;
            let start = line.find('«').unwrap();
            let end = line.find('»').unwrap() - '«'.len_utf8();
            assert_eq!(found, start..end, "{line}: {}", &plain[found.clone()]);
        }
    }

    #[test]
    fn part_of_a_name_and_a_word_alone_are_no_key() {
        assert!(!key_around(b"spin=1", &(1..4)) && !key_around(b"pin_code=1", &(0..3)));
        assert_eq!(value(b"the pin is wrong", &(4..7)), None);
        assert_eq!(value(b"pin=", &(0..3)), None);
        assert_eq!(value(br#"{"pin": {"#, &(2..5)), None, "an object that does not end here");
    }
}
