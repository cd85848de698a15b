//! Cuts a stream into pieces that can be redacted apart from each other.
//!
//! A stream is cut behind a line feed. What rules look for stands within a line, except for blocks;
//! so a piece knows whether it begins within a block, and no cut is made where the lines before it
//! may be a block whose END is still to come. A line that is longer than 1 MiB is
//! redacted here and now, window by window. Where windows lie follows from the line alone, so the
//! same bytes come out however they came in.

use super::{
    Redaction, ScrubError, Scrubbed,
    below::{self, Held},
    block::{LOOK_BACK, State, Walk, may_be_body},
    compiled::Look,
    line::{around, past},
    near::REACH,
    span::{Put, Span, merged},
};
use memchr::{memchr, memrchr};
use std::{ops::Range, sync::Arc};

/// Where a stream is cut.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    /// A longer line is redacted in windows.
    pub(super) longest_line: usize,
    /// How far the windows of a long line are apart.
    pub(super) window: usize,
    /// How far a window reaches into the next: what begins in the window is seen to this length at
    /// least; what is longer is removed up to its end.
    pub(super) overlap: usize,
    /// Fewer bytes are held back to be cut together with what follows.
    pub(super) smallest_piece: usize,
    /// How far rules may look around a line.
    pub(super) reach: usize,
}

/// The sizes in use; tests take smaller ones, to meet every border.
const SIZES: Sizes = Sizes {
    longest_line: 1 << 20,
    window: 512 << 10,
    overlap: 64 << 10,
    smallest_piece: 256 << 10,
    reach: REACH,
};

/// A part of a stream that can be redacted on any thread, independently of all others.
#[derive(Debug)]
pub struct Piece(Vec<Part>);

/// Whole lines, with what rules may look at around them.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) text: Vec<u8>,
    /// The lines themselves.
    pub(super) own: Range<usize>,
    /// Whether they begin within a block.
    pub(super) state: State,
    /// The heads that they begin below.
    pub(super) heads: Vec<Held>,
    /// The rules for the file that they are from.
    pub(super) scope: Arc<[usize]>,
    pub(super) reach: usize,
}

#[derive(Debug)]
enum Part {
    Lines(Lines),
    /// What had to be redacted in the order of the stream.
    Done(Scrubbed),
}

/// Cuts a stream into [`Piece`]s.
///
/// Holds the last incomplete line, of at most 1 MiB, and at most 320 KiB before it.
pub struct Cutter {
    redaction: Redaction,
    sizes: Sizes,
    held: Vec<u8>,
    /// How much of what is held was given out already, and is there to be looked at only.
    given: usize,
    scope: Arc<[usize]>,
    /// How much must be held for another cut to be tried.
    enough: usize,
    /// The state at the start of what is held.
    state: State,
    /// The heads that what is held begins below.
    heads: Vec<Held>,
    long: Option<LongLine>,
}

/// What is carried from window to window.
#[derive(Default)]
struct LongLine {
    /// What began in an earlier window, with places meant from the start of what is held.
    spans: Vec<Span>,
    /// Whether the last of the spans goes on until its value ends.
    open: bool,
}

impl Piece {
    /// How many bytes it has, before redaction where that is still to come.
    pub fn len(&self) -> usize {
        let len = |part: &Part| match part {
            Part::Lines(lines) => lines.own.len(),
            Part::Done(done) => done.bytes.len(),
        };
        self.0.iter().map(len).sum()
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn scrub(self, redaction: &Redaction) -> Result<Scrubbed, ScrubError> {
        let mut whole = Scrubbed::default();
        for part in self.0 {
            whole.append(match part {
                Part::Lines(lines) => {
                    let scrubbed = redaction.lines(&lines)?;
                    redaction.spare(lines.text);
                    scrubbed
                }
                Part::Done(done) => done,
            });
        }
        Ok(whole)
    }
}

impl Cutter {
    pub(super) fn new(redaction: Redaction, scope: &[usize]) -> Self {
        Self { scope: scope.into(), ..Self::with_sizes(redaction, SIZES) }
    }

    pub(super) fn with_sizes(redaction: Redaction, sizes: Sizes) -> Self {
        Self {
            redaction,
            held: Vec::new(),
            given: 0,
            scope: Arc::default(),
            enough: sizes.smallest_piece,
            sizes,
            state: State::Closed,
            heads: Vec::new(),
            long: None,
        }
    }

    /// Takes the next bytes of the stream. Returns what can be redacted already: everything up to
    /// a safe border near the end of `bytes`, or nothing.
    ///
    /// # Errors
    ///
    /// A rule failed in a line too long to be redacted elsewhere. The stream cannot be continued.
    pub fn push(&mut self, bytes: Vec<u8>) -> Result<Option<Piece>, ScrubError> {
        if self.held.is_empty() {
            self.held = bytes;
        } else {
            self.held.extend_from_slice(&bytes);
            self.redaction.spare(bytes);
        }
        if self.held.len() < self.enough {
            return Ok(None);
        }
        let piece = self.cut(false)?;
        // What is left was looked at in vain; doing that for every byte more would take for ever.
        self.enough = self.sizes.smallest_piece.max(self.held.len() + self.sizes.overlap);
        Ok(piece)
    }

    /// Ends the stream. Returns what was still held back.
    ///
    /// # Errors
    ///
    /// A rule failed in a line too long to be redacted elsewhere.
    pub fn finish(mut self) -> Result<Option<Piece>, ScrubError> {
        self.cut(true)
    }

    /// Ends a stream that was torn off at any byte. The line that it was torn in is dropped, as far
    /// as it was held back: of half a secret nobody can tell that it is one.
    ///
    /// # Errors
    ///
    /// As [`Cutter::finish`].
    pub fn finish_torn(mut self) -> Result<Option<Piece>, ScrubError> {
        let whole = memrchr(b'\n', &self.held).map_or(0, |feed| feed + 1);
        self.held.truncate(whole);
        self.cut(true)
    }

    fn cut(&mut self, last: bool) -> Result<Option<Piece>, ScrubError> {
        let mut parts = Vec::new();
        loop {
            if self.long.is_some() {
                if !self.windows(last, &mut parts)? {
                    break;
                }
            } else if !self.lines(last, &mut parts) {
                break;
            }
        }
        Ok((!parts.is_empty()).then_some(Piece(parts)))
    }

    /// Takes whole lines from what is held; says whether a long line follows.
    fn lines(&mut self, last: bool, parts: &mut Vec<Part>) -> bool {
        let (end, long) = self.whole_lines();
        let (cut, seen) = if long {
            (end, end)
        } else if last {
            (self.held.len(), self.held.len())
        } else {
            let cut = safe_cut(&self.held, self.before(end));
            (cut, self.behind(cut, end))
        };
        if cut > self.given {
            let goes_on = long || !last;
            parts.push(Part::Lines(self.give(cut, seen, goes_on)));
        }
        if long {
            self.take(self.given);
            self.given = 0;
            self.long = Some(self.begin_long());
        }
        long
    }

    /// How far around a line anything may be that has to do with it: a rule looks as far around its
    /// own line, which is no longer than that, and finds something as far away.
    fn around(&self) -> usize {
        3 * self.sizes.reach
    }

    /// The last start of a line with enough behind it, before `end`.
    fn before(&self, end: usize) -> usize {
        let last = end.saturating_sub(self.around());
        memrchr(b'\n', &self.held[..last]).map_or(0, |feed| feed + 1)
    }

    /// The end of the lines behind `cut` that must be seen with those before it.
    fn behind(&self, cut: usize, end: usize) -> usize {
        let enough = cut + self.around();
        let feed = memchr(b'\n', &self.held[enough.min(end)..end]);
        feed.map_or(end, |feed| enough + feed + 1)
    }

    /// Gives out the lines up to `cut`, with those up to `seen`. If the stream goes on, it is known
    /// then what holds behind them.
    fn give(&mut self, cut: usize, seen: usize, goes_on: bool) -> Lines {
        let own = self.given..cut;
        let (after, heads) = if goes_on {
            let lines = &self.held[own.clone()];
            (self.after(lines), self.heads_after(lines))
        } else {
            (State::Closed, Vec::new())
        };
        let state = std::mem::replace(&mut self.state, after);
        let heads = std::mem::replace(&mut self.heads, heads);
        let first = cut.saturating_sub(self.around());
        let keep = if first == 0 {
            0
        } else {
            memchr(b'\n', &self.held[first - 1..cut]).map_or(cut, |feed| first + feed)
        };
        let mut rest = self.redaction.buffer(self.held.len() - keep);
        rest.extend_from_slice(&self.held[keep..]);
        self.given = cut - keep;
        self.held.truncate(seen);
        let text = std::mem::replace(&mut self.held, rest);
        Lines { text, own, state, heads, scope: Arc::clone(&self.scope), reach: self.sizes.reach }
    }

    /// Up to where there are whole lines of bearable length, and whether a longer one follows.
    fn whole_lines(&self) -> (usize, bool) {
        let mut start = self.given;
        loop {
            let rest = &self.held[start..];
            let reach = &rest[..rest.len().min(self.sizes.longest_line + 1)];
            match memrchr(b'\n', reach) {
                Some(feed) => start += feed + 1,
                None => return (start, rest.len() > self.sizes.longest_line),
            }
        }
    }

    /// Takes the first bytes of what is held.
    fn take(&mut self, len: usize) -> Vec<u8> {
        if len == self.held.len() {
            return std::mem::take(&mut self.held);
        }
        let mut rest = self.redaction.buffer(self.held.len());
        rest.extend_from_slice(&self.held[len..]);
        self.held.truncate(len);
        std::mem::replace(&mut self.held, rest)
    }

    /// The state behind `lines`. It depends only on the last line with a BEGIN and on what follows.
    fn after(&self, lines: &[u8]) -> State {
        let blocks = self.redaction.compiled.blocks();
        let marked = self.redaction.compiled.marks.lines(lines);
        let begins = |line: &&Range<usize>| {
            blocks.iter().any(|(_, block)| block.begins(&lines[(*line).clone()]))
        };
        let begin = marked.iter().rfind(begins).map(|line| line.start);
        let mut walk = Walk {
            blocks: &blocks,
            text: lines,
            state: if begin.is_some() { State::Closed } else { self.state.clone() },
            spans: Vec::new(),
        };
        let mut at = begin.unwrap_or(0);
        let mut first = begin.is_some();
        while at < lines.len() && (first || walk.state != State::Closed) {
            let line = around(lines, at);
            at = past(lines, line.end);
            let is_marked = marked.binary_search_by_key(&line.start, |line| line.start).is_ok();
            walk.line(line, is_marked);
            first = false;
        }
        walk.state
    }

    /// The heads that hold behind `lines`.
    fn heads_after(&self, lines: &[u8]) -> Vec<Held> {
        let held = |rule| self.heads.iter().find(|held| held.rule == rule).cloned();
        let rules = self.redaction.compiled.heads();
        rules.filter_map(|(rule, heads)| below::after(rule, heads, lines, held(rule))).collect()
    }

    /// A long line within a block is taken for a part of it, up to the end of its first word.
    fn begin_long(&mut self) -> LongLine {
        self.heads.clear();
        let within = std::mem::take(&mut self.state) != State::Closed;
        let whole = Span { from: 0, start: 0, end: 0, put: Put::Nothing, own: None };
        LongLine { spans: if within { vec![whole] } else { Vec::new() }, open: within }
    }

    /// Redacts the windows of a long line that are here; says whether the line is over.
    fn windows(&mut self, last: bool, parts: &mut Vec<Part>) -> Result<bool, ScrubError> {
        let Sizes { window: step, overlap, .. } = self.sizes;
        let mut done = Scrubbed::default();
        let mut start = 0;
        let over = loop {
            let rest = &self.held[start..];
            let reach = &rest[..rest.len().min(step + overlap)];
            let feed = memchr(b'\n', reach);
            if feed.is_none() && reach.len() < step + overlap && !last {
                break false;
            }
            let window = &reach[..feed.unwrap_or(reach.len())];
            let end = window.len() <= step;
            let len = window.len().min(step);
            let line = self.long.take().unwrap_or_default();
            let (scrubbed, line) = window_of(&self.redaction, window, len, line)?;
            done.append(scrubbed);
            start += len;
            if end {
                done.bytes.extend_from_slice(&self.held[start..past(&self.held, start)]);
                start = past(&self.held, start);
                break true;
            }
            self.long = Some(line);
        };
        self.take(start);
        if over {
            self.state = State::Closed;
        }
        if !done.bytes.is_empty() {
            parts.push(Part::Done(done));
        }
        Ok(over)
    }
}

/// Redacts the first `len` bytes of a window; what follows is there to be looked at only.
fn window_of(
    redaction: &Redaction,
    window: &[u8],
    len: usize,
    mut line: LongLine,
) -> Result<(Scrubbed, LongLine), ScrubError> {
    if line.open
        && let Some(span) = line.spans.last_mut()
    {
        let from = span.end.min(window.len());
        let value = value_end(&window[from..]);
        line.open = value.is_none();
        span.end = value.map_or(window.len(), |end| from + end);
    }
    let mut spans = redaction.spans(&Look { window: true, ..Look::at(window) })?;
    // What begins in the overlap is seen better by the next window.
    spans.retain(|span| span.from < len);
    let touches = |span: &Span| span.end == window.len();
    line.open |= spans.iter().any(touches);
    spans.append(&mut line.spans);
    let spans = merged(spans);
    let carried = spans
        .iter()
        .filter(|span| span.end > len)
        .map(|span| Span {
            from: 0,
            start: span.start.saturating_sub(len),
            end: span.end - len,
            put: if span.start < len { Put::Nothing } else { span.put },
            own: span.own.clone().filter(|_| span.start >= len),
        })
        .collect();
    let scrubbed = redaction.compiled.replace(window, spans, 0..len);
    let line = LongLine { spans: carried, open: line.open };
    Ok((scrubbed, line))
}

/// Where a value ends that began before this text.
fn value_end(text: &[u8]) -> Option<usize> {
    let ends = |at: usize| match text[at] {
        b'"' => at == 0 || text[at - 1] != b'\\',
        b'\'' | b'<' | 0 => true,
        byte => byte.is_ascii_whitespace(),
    };
    (0..text.len()).find(|&at| ends(at))
}

/// Where lines that end at `end` may be cut: not between lines that may be a block and its END.
fn safe_cut(text: &[u8], end: usize) -> usize {
    if end == 0 {
        return 0;
    }
    let cut = above(text, end);
    let last = around(text, end - 1);
    if may_be_body(&text[last.clone()], true) {
        cut
    } else {
        // The last line may be an END itself.
        cut.min(above(text, last.start))
    }
}

/// Where the lines begin that an END at the start of a line at `end` may belong to.
fn above(text: &[u8], end: usize) -> usize {
    let mut cut = end;
    while cut > 0 {
        let above = around(text, cut - 1);
        let kept = may_be_body(&text[above.clone()], cut == end);
        if end - above.start > LOOK_BACK || !kept {
            break;
        }
        cut = above.start;
    }
    cut
}
