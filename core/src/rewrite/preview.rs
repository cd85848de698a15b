//! Shows what redaction changes in a text, without showing what it removes.
//!
//! Redaction keeps lines, so the text before and the text after are compared line by line. Shown of
//! the line before is only what stands, in the same order, in the line after; of what was removed,
//! the first and the last character.

use std::collections::VecDeque;

/// How much of a line is compared and shown.
const LONGEST_LINE: usize = 64 << 10;

/// How many changes of one file are shown.
const MOST_CHANGES: usize = 200;

/// Lines with more words than this between the first and the last change are not looked into.
const MOST_WORDS: usize = 400;

/// How many characters of what is unchanged are shown beside a change.
const AROUND: usize = 48;

/// A removed text with fewer characters is not shown at all.
const SHORTEST_SHOWN: usize = 6;

/// A line that redaction changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its number, from 1.
    pub line: u64,
    /// The line before, with what was removed masked.
    pub before: Vec<Segment>,
    /// The line after.
    pub after: Vec<Segment>,
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// What is shown.
    pub text: String,
    /// Whether it is what was changed.
    pub changed: bool,
}

/// Compares a stream of text with what became of it.
#[derive(Default)]
pub(super) struct Preview {
    before: Lines,
    after: Lines,
    line: u64,
    changes: Vec<Change>,
    further: u64,
}

impl Preview {
    /// Begins with another text: a member of an archive.
    pub(super) fn begin(&mut self) {
        (self.before, self.after, self.line) = (Lines::default(), Lines::default(), 0);
    }

    /// Takes more of the text before.
    pub(super) fn original(&mut self, bytes: &[u8]) {
        self.before.push(bytes);
    }

    /// Takes more of the text after.
    pub(super) fn redacted(&mut self, bytes: &[u8]) {
        self.after.push(bytes);
    }

    /// Compares the lines that are there on both sides.
    pub(super) fn compare(&mut self) {
        while let (Some(before), Some(after)) =
            (self.before.whole.front(), self.after.whole.front())
        {
            self.line += 1;
            if before != after {
                if self.changes.len() < MOST_CHANGES {
                    let change = change(self.line, &before.bytes, &after.bytes);
                    self.changes.push(change);
                } else {
                    self.further += 1;
                }
            }
            self.before.whole.pop_front();
            self.after.whole.pop_front();
        }
    }

    /// Ends the text.
    pub(super) fn end(&mut self) {
        self.before.end();
        self.after.end();
        self.compare();
    }

    /// The changes, and how many there are further.
    pub(super) fn finish(self) -> (Vec<Change>, u64) {
        (self.changes, self.further)
    }
}

/// A line, or its beginning.
#[derive(Default, PartialEq, Eq)]
struct Line {
    bytes: Vec<u8>,
    len: usize,
}

/// The lines of a stream that were not compared yet.
#[derive(Default)]
struct Lines {
    whole: VecDeque<Line>,
    last: Line,
}

impl Lines {
    fn push(&mut self, mut bytes: &[u8]) {
        while let Some(feed) = memchr::memchr(b'\n', bytes) {
            self.extend(&bytes[..feed]);
            self.whole.push_back(std::mem::take(&mut self.last));
            bytes = &bytes[feed + 1..];
        }
        self.extend(bytes);
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = LONGEST_LINE.saturating_sub(self.last.bytes.len());
        self.last.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.last.len += bytes.len();
    }

    fn end(&mut self) {
        self.whole.push_back(std::mem::take(&mut self.last));
    }
}

fn change(line: u64, before: &[u8], after: &[u8]) -> Change {
    let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(after));
    let (before, after) = (words(&before), words(&after));
    let kept = common(&before, &after);
    let masked = segments(&before, &kept.iter().map(|pair| pair.0).collect::<Vec<_>>());
    let masked = masked.into_iter().map(|segment| {
        let text = if segment.changed { mask(&segment.text) } else { segment.text };
        Segment { text, ..segment }
    });
    Change {
        line,
        before: shortened(masked.collect()),
        after: shortened(segments(&after, &kept.iter().map(|pair| pair.1).collect::<Vec<_>>())),
    }
}

/// The words of a line and what is between them. What stands in for a value is one word.
fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let token = rest.starts_with("[redacted:").then(|| rest.find(']')).flatten();
        let word = |char: char| char.is_alphanumeric() || char == '_';
        let end = match token {
            Some(end) => end + 1,
            None if word(first) => rest.find(|char| !word(char)).unwrap_or(rest.len()),
            None => first.len_utf8(),
        };
        let (word, left) = rest.split_at(end);
        words.push(word);
        rest = left;
    }
    words
}

/// The places of words that both lines have in the same order, as many as can be.
fn common(before: &[&str], after: &[&str]) -> Vec<(usize, usize)> {
    let same = |(a, b): &(&&str, &&str)| a == b;
    let start = before.iter().zip(after).take_while(same).count();
    let (left, right) = (&before[start..], &after[start..]);
    let end = left.iter().rev().zip(right.iter().rev()).take_while(same).count();
    let (left, right) = (&left[..left.len() - end], &right[..right.len() - end]);
    let mut pairs: Vec<_> = (0..start).map(|at| (at, at)).collect();
    if left.len() <= MOST_WORDS && right.len() <= MOST_WORDS {
        pairs.extend(longest(left, right).into_iter().map(|(a, b)| (start + a, start + b)));
    }
    let ends = (before.len() - end..before.len()).zip(after.len() - end..after.len());
    pairs.extend(ends);
    pairs
}

/// The longest common subsequence.
fn longest(left: &[&str], right: &[&str]) -> Vec<(usize, usize)> {
    let mut lengths = vec![vec![0_u16; right.len() + 1]; left.len() + 1];
    for a in (0..left.len()).rev() {
        for b in (0..right.len()).rev() {
            lengths[a][b] = if left[a] == right[b] {
                lengths[a + 1][b + 1] + 1
            } else {
                lengths[a + 1][b].max(lengths[a][b + 1])
            };
        }
    }
    let (mut a, mut b, mut pairs) = (0, 0, Vec::new());
    while a < left.len() && b < right.len() {
        if left[a] == right[b] {
            pairs.push((a, b));
            (a, b) = (a + 1, b + 1);
        } else if lengths[a + 1][b] >= lengths[a][b + 1] {
            a += 1;
        } else {
            b += 1;
        }
    }
    pairs
}

/// The words as runs of what is kept and what is not.
fn segments(words: &[&str], kept: &[usize]) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut kept = kept.iter().peekable();
    for (at, word) in words.iter().enumerate() {
        let changed = kept.next_if(|&&next| next == at).is_none();
        match segments.last_mut() {
            Some(last) if last.changed == changed => last.text.push_str(word),
            _ => segments.push(Segment { text: (*word).to_owned(), changed }),
        }
    }
    segments
}

/// The first and the last character.
fn mask(text: &str) -> String {
    let mut chars = text.trim().chars();
    let (first, last) = (chars.next(), chars.next_back());
    match (first, last) {
        (Some(first), Some(last)) if chars.count() + 2 >= SHORTEST_SHOWN => {
            format!("{first}…{last}")
        }
        _ => "…".to_owned(),
    }
}

/// Leaves out of a long line what is far from its changes.
fn shortened(mut segments: Vec<Segment>) -> Vec<Segment> {
    let last = segments.len().saturating_sub(1);
    for (at, segment) in segments.iter_mut().enumerate().filter(|(_, segment)| !segment.changed) {
        let text: Vec<char> = segment.text.chars().collect();
        let (head, tail) = (if at == 0 { 0 } else { AROUND }, if at == last { 0 } else { AROUND });
        if text.len() > head + tail + AROUND {
            let head = text[..head].iter();
            let tail = text[text.len() - tail..].iter();
            segment.text = head.chain(&['…']).chain(tail).collect();
        }
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(segments: &[Segment]) -> String {
        let show = |Segment { text, changed }: &Segment| {
            if *changed { format!("«{text}»") } else { text.clone() }
        };
        segments.iter().map(show).collect()
    }

    fn previewed(before: &str, after: &str) -> (Vec<Change>, u64) {
        let mut preview = Preview::default();
        for byte in before.as_bytes().chunks(3) {
            preview.original(byte);
        }
        preview.redacted(after.as_bytes());
        preview.end();
        preview.finish()
    }

    #[test]
    fn of_what_is_removed_only_the_first_and_the_last_character_are_shown() {
        let (changes, further) = previewed(
            "same\nuser=app password=hunter2-Hunter2 port=1\nshort=abc\n",
            "same\nuser=app password=[redacted:password] port=1\nshort=[redacted:pin]\n",
        );
        assert_eq!((changes.len(), further), (2, 0));
        assert_eq!(changes[0].line, 2);
        assert_eq!(shown(&changes[0].before), "user=app password=«h…2» port=1");
        assert_eq!(shown(&changes[0].after), "user=app password=«[redacted:password]» port=1");
        assert_eq!(shown(&changes[1].before), "short=«…»");
    }

    #[test]
    fn nothing_is_shown_of_a_removed_text_that_is_not_in_the_line_after() {
        let (changes, _) = previewed(
            "a password=one b token=two secret words b",
            "a password=[redacted:x] b token=[redacted:y] b",
        );
        let before = shown(&changes[0].before);
        assert!(!before.contains("secret") && !before.contains("words"), "{before}");
        let many = "word ".repeat(1000);
        let (changes, _) = previewed(&format!("x{many}y"), &format!("[redacted:z]{many}[r]"));
        assert!(!shown(&changes[0].before).contains("xword"));
    }

    #[test]
    fn of_a_long_line_what_is_around_the_change_is_shown() {
        let (changes, _) = previewed(
            &format!("{} k=hunter2 {}", "x".repeat(9000), "y".repeat(9000)),
            &format!("{} k=[redacted:p] {}", "x".repeat(9000), "y".repeat(9000)),
        );
        let before = shown(&changes[0].before);
        assert!(before.contains(" k=«h…2»") && before.chars().count() < 200, "{before}");
    }

    #[test]
    fn changes_beyond_some_hundred_are_counted() {
        let (changes, further) = previewed(&"a=hunter2\n".repeat(300), &"a=[r]\n".repeat(300));
        assert_eq!((changes.len(), further), (200, 100));
    }
}
