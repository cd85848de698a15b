//! Text without the sequences that colour it on a terminal (ECMA-48, 5.4), and where it came from.

use super::{line::around, span::Span};
use memchr::memchr;
use std::ops::Range;

/// How every sequence begins.
const ESCAPE: u8 = 0x1b;

/// A text without its sequences.
pub(super) struct Plain {
    pub(super) text: Vec<u8>,
    /// Where in the plain text sequences were left out, and how much so far.
    left_out: Vec<(usize, usize)>,
}

impl Plain {
    /// The text without sequences; nothing if there are none.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let mut plain = Self { text: Vec::new(), left_out: Vec::new() };
        let (mut at, mut out) = (0, 0);
        let mut from = 0;
        while let Some(next) = memchr(ESCAPE, &text[at..]) {
            let start = at + next;
            let len = sequence(&text[start..]);
            at = start + len.max(1);
            if len > 0 {
                plain.text.extend_from_slice(&text[from..start]);
                out += len;
                plain.left_out.push((plain.text.len(), out));
                from = at;
            }
        }
        if out == 0 {
            return None;
        }
        plain.text.extend_from_slice(&text[from..]);
        Some(plain)
    }

    /// Where the byte at `at` of the plain text is in the original.
    fn origin(&self, at: usize) -> usize {
        let before = self.left_out.partition_point(|&(start, _)| start <= at);
        at + before.checked_sub(1).map_or(0, |index| self.left_out[index].1)
    }

    /// Where the line around `at` of the plain text is in the original.
    pub(super) fn line(&self, original: &[u8], at: usize) -> Range<usize> {
        around(original, self.origin(at).min(original.len()))
    }

    /// Where a border of lines of the original is in the plain text.
    pub(super) fn place(&self, origin: usize) -> usize {
        let before = self.left_out.partition_point(|&(start, out)| start + out <= origin);
        origin - before.checked_sub(1).map_or(0, |index| self.left_out[index].1)
    }

    /// Moves a span to where it is in the original.
    pub(super) fn moved(&self, span: Span) -> Span {
        let end = if span.end > span.start { self.origin(span.end - 1) + 1 } else { span.end };
        Span { from: self.origin(span.from), start: self.origin(span.start), end, ..span }
    }
}

/// The length of the sequence at the start of a text: one that sets colours, moves the cursor or
/// clears. Others could take letters with them that are meant to be read.
fn sequence(text: &[u8]) -> usize {
    if text.get(1) != Some(&b'[') {
        return 0;
    }
    let is_parameter = |b: &&u8| b.is_ascii_digit() || b";:?".contains(b);
    let parameters = text[2..].iter().take_while(is_parameter).count();
    match text.get(2 + parameters) {
        Some(b'm' | b'K' | b'J' | b'H' | b'h' | b'l' | b'A' | b'C' | b'D' | b'G') => parameters + 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Redaction, Rule};

    #[test]
    fn colours_hide_no_secret_and_stay() {
        let rule = Rule::pattern("token", ["token="], r"token=(?<secret>\S+)").unwrap();
        let redaction = Redaction::compile(vec![rule]).unwrap();
        for (text, expected) in [
            (
                "\x1b[32mtoken\x1b[0m=\x1b[31mab\x1b[1mc\x1b[0m x",
                "\x1b[32mtoken\x1b[0m=\x1b[31m[redacted:token]\x1b[0m x",
            ),
            (
                "a \x1b[Kb\n\x1b[2mtoken=\x1b[22mabc\n\x1b[0m",
                "a \x1b[Kb\n\x1b[2mtoken=\x1b[22m[redacted:token]\n\x1b[0m",
            ),
            ("\x1b token=abc \x1b[", "\x1b token=[redacted:token] \x1b["),
        ] {
            assert_eq!(redaction.text(text), expected);
        }
    }
}
