//! What of a text is replaced, and by what.

use std::ops::Range;

/// How every replacement begins.
pub(super) const TOKEN: &[u8] = b"[redacted:";

/// A part of a text that is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Where that began which showed it to be a secret.
    pub(super) from: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) put: Put,
    /// What its rule puts there instead of a token.
    pub(super) own: Option<Vec<u8>>,
}

/// What stands in for a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Put {
    /// Nothing: it belongs to another span's token.
    Nothing,
    /// The token of a rule.
    Token(usize),
    /// The token of a rule, in double quotes.
    Quoted(usize),
}

/// Sorts spans and joins those that overlap; the first, or longer, or earlier rule's, names them. A
/// secret names them before any value that has a replacement of its own.
pub(super) fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end), span.put));
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start < last.end => {
                let secret = span.own.is_none() && span.put != Put::Nothing;
                if last.own.is_some() && secret {
                    last.put = span.put;
                }
                // The replacement is of what it was made for, and of nothing more.
                if secret || span.end > last.end {
                    last.own = None;
                }
                last.end = last.end.max(span.end);
                last.from = last.from.min(span.from);
            }
            _ => merged.push(span),
        }
    }
    merged
}

/// Adds spaces to a replacement, or says how many of those behind the value it takes the place of,
/// so that what follows in a column stays there.
pub(super) fn align(text: &[u8], value: &Range<usize>, replacement: &mut Vec<u8>) -> usize {
    let spaces = text[value.end..].iter().take_while(|&&byte| byte == b' ').count();
    let ends = text.get(value.end + spaces).is_none_or(|byte| b"\r\n".contains(byte));
    if spaces < 2 || ends {
        return 0;
    }
    let width = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
    let (old, new) = (width(&text[value.clone()]), width(replacement));
    replacement.extend(std::iter::repeat_n(b' ', old.saturating_sub(new)));
    new.saturating_sub(old).min(spaces - 1)
}

/// Whether there is nothing in a value but what an earlier redaction has left.
pub(super) fn is_redacted(value: &[u8]) -> bool {
    let mut rest = value;
    while let Some(start) = memchr::memmem::find(rest, TOKEN) {
        if rest[..start].iter().any(u8::is_ascii_alphanumeric) {
            return false;
        }
        let Some(end) = memchr::memchr(b']', &rest[start..]) else {
            return start == 0 && rest.len() < 64 && is_plain(&rest[TOKEN.len()..]);
        };
        if end > 64 || !is_plain(&rest[start + TOKEN.len()..start + end]) {
            return false;
        }
        rest = &rest[start + end + 1..];
    }
    rest.len() < value.len() && !rest.iter().any(u8::is_ascii_alphanumeric)
}

fn is_plain(id: &[u8]) -> bool {
    id.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
}
