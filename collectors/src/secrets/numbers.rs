//! Secrets that code and its logs have as lists of bytes: `Secret: []byte{12, 34, …}`, `[12, 34, …]`.

use std::ops::Range;

/// The fewest numbers that are a key, and the most that are looked at.
const LEAST: usize = 8;
const MOST: usize = 512;

/// What stands before such a list in code.
const TYPES: [&[u8]; 10] = [
    b"[]byte",
    b"[]uint8",
    b"new byte[]",
    b"new[]",
    b"(byte[])",
    b"byte[]",
    b"bytes(",
    b"bytearray(",
    b"vec!",
    b"Buffer.from(",
];

/// Where the numbers are in the list at the start of a text, and whether the list is of JSON.
pub(super) fn list(text: &[u8]) -> Option<(Range<usize>, bool)> {
    let mut at = blanks(text, 0);
    if let Some(kind) = TYPES.iter().find(|kind| text[at..].starts_with(kind)) {
        at += kind.len();
        at += blanks(text, at);
    }
    at += usize::from(text.get(at) == Some(&b'&'));
    let open = *text.get(at)?;
    let close = match open {
        b'{' => b'}',
        b'[' => b']',
        _ => return None,
    };
    let start = at + 1 + blanks(text, at + 1);
    at = start;
    let mut end = start;
    for count in 0..MOST {
        let len = number(&text[at..]);
        if len == 0 {
            return (count >= LEAST && text.get(at) == Some(&close))
                .then_some((start..end, open == b'['));
        }
        end = at + len;
        at = end + blanks(text, end);
        match text.get(at) {
            Some(b',') => at += 1 + blanks(text, at + 1),
            Some(byte) if *byte == close => {
                return (count + 1 >= LEAST).then_some((start..end, open == b'['));
            }
            // What is cut off is shown so.
            _ => return None,
        }
    }
    None
}

fn blanks(text: &[u8], from: usize) -> usize {
    text[from.min(text.len())..].iter().take(16).take_while(|b| b" \t".contains(b)).count()
}

/// The length of a number of at most three digits, or of two hexadecimal ones behind `0x`.
fn number(text: &[u8]) -> usize {
    let count = |from: usize, of: fn(&u8) -> bool| {
        text.get(from..).unwrap_or_default().iter().take(4).take_while(|b| of(b)).count()
    };
    if text.starts_with(b"0x") {
        let digits = count(2, u8::is_ascii_hexdigit);
        return if (1..=2).contains(&digits) { digits + 2 } else { 0 };
    }
    let digits = count(0, u8::is_ascii_digit);
    if digits <= 3 { digits } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_bytes_are_told_from_other_lists() {
        let found =
            |text: &str| list(text.as_bytes()).map(|(at, json)| (text[at].to_owned(), json));
        assert_eq!(found("[1, 22,133,4,5,6,7,8]"), Some(("1, 22,133,4,5,6,7,8".into(), true)));
        assert_eq!(
            found("[]byte{0x01, 0xFf,3,4,5,6,7, 8, }"),
            Some(("0x01, 0xFf,3,4,5,6,7, 8".into(), false))
        );
        for text in [
            "[1, 2, 3]",
            "[1,2,3,4,5,6,7,8000]",
            "{a, b}",
            "[\"a\"]",
            "1,2,3,4,5,6,7,8",
            "[1,2,3,4,5,6,7,8",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
