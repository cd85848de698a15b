//! A line and what stands around it.

use super::line::around;
use memchr::{memchr, memrchr};
use std::ops::Range;

/// How far around its line a rule may look, in bytes.
///
/// What it finds then depends on nothing farther away, so a piece needs to bring only so much of
/// its neighbours.
pub(super) const REACH: usize = 4 << 10;

/// A line with the whole lines before and behind it, as far as a rule may look.
///
/// A line that is itself longer than a rule may look stands alone.
#[derive(Clone, Copy, Debug)]
pub struct Near<'t> {
    text: &'t [u8],
    start: usize,
    end: usize,
}

impl<'t> Near<'t> {
    /// A line alone.
    pub fn alone(line: &'t [u8]) -> Self {
        Self { text: line, start: 0, end: line.len() }
    }

    /// All of it: places in what is found are meant in this text.
    pub fn text(&self) -> &'t [u8] {
        self.text
    }

    /// Where the line is in the text, without its line feed.
    pub fn line(&self) -> Range<usize> {
        self.start..self.end
    }

    /// The place of the line behind that one; none if it is the last.
    pub fn next(&self, line: &Range<usize>) -> Option<Range<usize>> {
        (line.end < self.text.len().saturating_sub(1)).then(|| around(self.text, line.end + 1))
    }

    /// The place of the line before that one; none if it is the first.
    pub fn previous(&self, line: &Range<usize>) -> Option<Range<usize>> {
        (line.start > 0).then(|| around(self.text, line.start - 1))
    }
}

/// Which part of a text is near a line.
pub(super) fn near(text: &[u8], line: &Range<usize>, reach: usize) -> Range<usize> {
    if line.len() > reach {
        return line.clone();
    }
    let start = match line.start.checked_sub(reach) {
        None | Some(0) => 0,
        Some(from) => {
            memchr(b'\n', &text[from - 1..line.start]).map_or(line.start, |feed| from + feed)
        }
    };
    let last = line.end.saturating_add(reach);
    let end = if last >= text.len() {
        text.len()
    } else {
        memrchr(b'\n', &text[line.end..=last]).map_or(line.end, |feed| line.end + feed)
    };
    start..end
}

/// A line in what is near it.
pub(super) fn within(text: &[u8], line: Range<usize>) -> Near<'_> {
    Near { text, start: line.start, end: line.end }
}
