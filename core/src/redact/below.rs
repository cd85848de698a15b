//! Lines that say what the lines below them are: heads of tables, labels with their value on the next
//! line.
//!
//! What a head says holds from line to line until it says that it is over, so it is carried from
//! piece to piece. To know what holds behind a piece the [`super::Cutter`] looks back from its end: a
//! head that is near is found by trying each line; one that is farther above can only be that of a
//! table whose every line is like the last.

use super::colour::Plain;
use std::{borrow::Cow, fmt, ops::Range, sync::Arc};

/// What a line says about the lines below it.
pub trait Below: Send + Sync {
    /// The values in a line below, which is the `number`th, from 0; nothing if it, and what is below
    /// it, is no longer meant.
    ///
    /// From [`NEAR`] on it must be over at the first line that [`Heads::alike`] does not call like any
    /// other since the head.
    fn values(&self, line: &[u8], number: usize) -> Option<Vec<Range<usize>>>;

    /// Whether it is over behind the first line with a value.
    fn once(&self) -> bool {
        false
    }
}

/// How a rule finds lines that say what is below them.
pub struct Heads {
    /// What a line says; nothing for most. A line that says something holds an anchor of the rule.
    pub head: fn(&[u8]) -> Option<Arc<dyn Below>>,
    /// Whether two lines may be of one long table.
    pub alike: fn(&[u8], &[u8]) -> bool,
}

/// Beyond so many lines a head holds only for lines that are all alike.
pub const NEAR: usize = 64;

/// A head whose lines are not over.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) rule: usize,
    below: Arc<dyn Below>,
    number: usize,
    over: bool,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("rule", &self.rule)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Held {
    pub(super) fn new(rule: usize, below: Arc<dyn Below>) -> Self {
        Self { rule, below, number: 0, over: false }
    }

    /// The values in the next line; nothing if the head is over.
    pub(super) fn next(&mut self, line: &[u8]) -> Option<Vec<Range<usize>>> {
        if self.over {
            return None;
        }
        let values = self.below.values(line, self.number)?;
        self.number += 1;
        self.over = self.below.once() && !values.is_empty();
        Some(values)
    }
}

/// A line without its colours and without the end that Windows puts.
fn seen(line: &[u8]) -> Cow<'_, [u8]> {
    let line = Plain::of(line).map_or(Cow::Borrowed(line), |plain| Cow::Owned(plain.text));
    match line {
        Cow::Borrowed(line) => Cow::Borrowed(line.strip_suffix(b"\r").unwrap_or(line)),
        Cow::Owned(mut line) => {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            Cow::Owned(line)
        }
    }
}

/// What of a rule's heads holds behind `lines`, which are whole, if `held` did before them.
pub(super) fn after(rule: usize, heads: &Heads, lines: &[u8], held: Option<Held>) -> Option<Held> {
    let body = lines.strip_suffix(b"\n").unwrap_or(lines);
    let mut last: Option<Cow<'_, [u8]>> = None;
    let mut alike = true;
    let mut end = body.len();
    for number in 0.. {
        let start = memchr::memrchr(b'\n', &body[..end]).map_or(0, |feed| feed + 1);
        let line = seen(&body[start..end]);
        if let Some(below) = (heads.head)(&line) {
            let held = Held::new(rule, below);
            return if end == body.len() { Some(held) } else { replay(held, &body[end + 1..]) };
        }
        if start == 0 {
            break;
        }
        let last = last.get_or_insert_with(|| line.clone());
        alike = alike && (heads.alike)(last, &line);
        if number >= NEAR && !alike {
            return None;
        }
        end = start - 1;
    }
    replay(held?, body)
}

/// Lets a head see these lines.
fn replay(mut held: Held, lines: &[u8]) -> Option<Held> {
    for line in lines.split(|&b| b == b'\n') {
        held.next(&seen(line))?;
    }
    Some(held)
}
