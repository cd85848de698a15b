//! Lines of a text, and what private keys look like in them.

use memchr::{memchr, memrchr};
use std::ops::Range;

/// The line around `at`, without its line feed.
pub(super) fn around(text: &[u8], at: usize) -> Range<usize> {
    let start = memrchr(b'\n', &text[..at]).map_or(0, |feed| feed + 1);
    let end = memchr(b'\n', &text[at..]).map_or(text.len(), |feed| at + feed);
    start..end
}

/// Where the line that ends at `end` is over, with its line feed.
pub(super) fn past(text: &[u8], end: usize) -> usize {
    (end + 1).min(text.len())
}

/// Whether there is nothing but white space.
pub(super) fn is_blank(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_whitespace)
}

/// How long the base64 at the start of the text is.
pub(super) fn base64_run(text: &[u8]) -> usize {
    text.iter().position(|&byte| !is_base64(byte)).unwrap_or(text.len())
}

/// Whether the byte may stand in base64.
pub(super) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Whether the line holds base64 of this length anywhere.
pub(super) fn has_base64(line: &[u8], len: usize) -> bool {
    // A run of `len` bytes covers one of every `len` places, so only those are looked at.
    let mut at = len - 1;
    while at < line.len() {
        if !is_base64(line[at]) {
            at += len;
            continue;
        }
        let before = line[..at].iter().rev().take_while(|&&b| is_base64(b)).count();
        let after = base64_run(&line[at..]);
        if before + after >= len {
            return true;
        }
        at += after + len;
    }
    false
}

/// Where the content of a line begins, if the line begins like `prefix`: as many words, of any
/// letters and digits, and the same signs between them. Otherwise behind its leading white space.
pub(super) fn after_prefix(line: &[u8], prefix: &[u8]) -> usize {
    let indent = line.iter().take_while(|b| b.is_ascii_whitespace()).count();
    if prefix == b" " && matches!(line.first(), Some(b'+' | b'-')) {
        // A line of a diff.
        return 1;
    }
    if prefix.iter().all(u8::is_ascii_whitespace) {
        return indent;
    }
    if let Some(at) = match_prefix(line, prefix) {
        return at;
    }
    // What stood before the BEGIN may have been more than what every line begins with.
    let mut end = prefix.len();
    while let Some(space) = memrchr(b' ', &prefix[..end]) {
        let head = &prefix[..=space];
        let sign = space > 0 && b":]|>)".contains(&prefix[space - 1]);
        if sign && let Some(at) = match_prefix(line, head) {
            return at;
        }
        end = space;
    }
    indent
}

fn match_prefix(line: &[u8], prefix: &[u8]) -> Option<usize> {
    let (mut at, mut of) = (0, 0);
    while of < prefix.len() {
        let class = Class::of(prefix[of]);
        if at >= line.len() || Class::of(line[at]) != class {
            return None;
        }
        if let Class::Sign(_) = class {
            (at, of) = (at + 1, of + 1);
            continue;
        }
        at += run(&line[at..], class);
        of += run(&prefix[of..], class);
    }
    Some(at)
}

fn run(text: &[u8], class: Class) -> usize {
    text.iter().take_while(|&&b| Class::of(b) == class).count()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Word,
    Space,
    Sign(u8),
}

impl Class {
    fn of(byte: u8) -> Self {
        if byte.is_ascii_alphanumeric() {
            Self::Word
        } else if byte.is_ascii_whitespace() {
            Self::Space
        } else {
            Self::Sign(byte)
        }
    }
}
