//! Where in its lines a source writes the time.

use super::{
    clock::{Clock, Moment},
    shape::{self, Shape},
};
use memchr::{memchr, memmem};

/// So much of a line is looked at where the time may stand anywhere in it: more than any line that
/// a container engine writes.
const REACH: usize = 64 << 10;

/// How far into a line a bracket with the time may open: behind a host, a user and a virtual host.
const BRACKET_REACH: usize = 512;

/// How many words may stand before the time: level, thread, process, host.
const MOST_WORDS: u8 = 6;

/// What stands before the time in lines of `key=value` and of JSON, the more telling first. Between
/// a key and its value there may be a colon, an equals sign, spaces and quotes.
const KEYS: [&str; 16] = [
    "\"@timestamp\"",
    "\"timestamp\"",
    "\"time\"",
    "\"ts\"",
    "\"$date\"",
    "\"datetime\"",
    "\"date\"",
    "\"asctime\"",
    "\"@t\"",
    "\"t\"",
    "\"__REALTIME_TIMESTAMP\"",
    "msg=audit(",
    "timestamp=",
    "time=",
    "ts=",
    "t=",
];

/// What stands before the time in the history of apt.
const APT: &[u8] = b"Start-Date: ";

/// Where the time stands.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// At the beginning, behind a bracket, a quote or the priority of a syslog message.
    Start,
    /// Behind so many words.
    Words(u8),
    /// In a bracket, as web servers write it.
    Bracket,
    /// Behind this key.
    Key(Box<memmem::Finder<'static>>),
}

impl Place {
    /// Every place, the more usual first.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let keys = KEYS.iter().map(|key| Self::Key(Box::new(memmem::Finder::new(*key))));
        let words = (1..=MOST_WORDS).map(Self::Words);
        [Self::Start].into_iter().chain(keys).chain([Self::Bracket]).chain(words)
    }

    /// Whether lines that have the time elsewhere may have it at their start.
    pub(super) fn is_start(&self) -> bool {
        matches!(self, Self::Start)
    }

    /// The time of a line, if it stands there.
    pub(super) fn read(&self, line: &[u8], clock: &mut Clock) -> Option<(Shape, Moment)> {
        match self {
            Self::Start => start(line, clock),
            Self::Words(count) => shape::read(behind_words(line, *count)?, clock, false),
            Self::Bracket => {
                let line = &line[..line.len().min(BRACKET_REACH)];
                memchr::memchr_iter(b'[', line)
                    .find_map(|at| shape::read(&line[at + 1..], clock, false))
            }
            Self::Key(key) => {
                let line = &line[..line.len().min(REACH)];
                let found = key.find(line)?;
                // `start-time=` is another key than `time=`.
                let before = found.checked_sub(1).map(|before| line[before]);
                if before.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
                {
                    return None;
                }
                let value = &line[found + key.needle().len()..];
                let from = value.iter().position(|byte| !b" :=\"".contains(byte))?;
                if from > 4 {
                    return None;
                }
                shape::read(&value[from..], clock, true)
            }
        }
    }
}

/// The time that a line begins with.
fn start(line: &[u8], clock: &mut Clock) -> Option<(Shape, Moment)> {
    let mut text = line;
    match text.first()? {
        // The history of apt: a paragraph for each run.
        b'S' if text.starts_with(APT) => return shape::read(&text[APT.len()..], clock, false),
        b'0'..=b'9' | b'A'..=b'Z' => return shape::read(text, clock, true),
        // The priority of a message in syslog's protocol, RFC 3164 and RFC 5424.
        b'<' => {
            let end = memchr(b'>', &text[..text.len().min(5)])?;
            text = &text[end + 1..];
            text = text.strip_prefix(b"1 ").unwrap_or(text);
        }
        b'\xef' => text = text.strip_prefix(b"\xef\xbb\xbf")?,
        _ => {}
    }
    match text.first()? {
        b'[' => {
            text = &text[1..];
            let bare = matches!(text.first()?, b' ' | b'0'..=b'9');
            if bare && let Some(found) = shape::since_boot(text, clock) {
                return Some(found);
            }
        }
        b'(' | b'"' | b'\'' => text = &text[1..],
        _ => {}
    }
    shape::read(text, clock, true)
}

/// What stands behind so many words, without a bracket or quote before it.
fn behind_words(line: &[u8], count: u8) -> Option<&[u8]> {
    let mut rest = &line[..line.len().min(BRACKET_REACH)];
    for _ in 0..count {
        let end = memchr(b' ', rest)?;
        let next = rest[end..].iter().position(|byte| *byte != b' ')?;
        rest = &rest[end + next..];
    }
    match rest.first()? {
        b'[' | b'(' | b'"' | b'\'' => Some(&rest[1..]),
        _ => Some(rest),
    }
}
