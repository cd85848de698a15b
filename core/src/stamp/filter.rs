//! Keeps the lines of a time of interest.

use super::{Moment, Stamps, first_line};
use crate::Window;
use memchr::memchr;
use std::io::{self, Read};

/// So much of a line that goes over the end of a block is kept to find its time.
const LONGEST_HEAD: usize = 64 << 10;

/// Lines before the first that has a time wait for it as far as this; then they are kept.
const LONGEST_WAIT: usize = 1 << 20;

/// What is read at once.
const CHUNK: usize = 64 << 10;

/// A time of interest, in microseconds since 1970, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Within {
    pub(crate) since: i64,
    pub(crate) until: i64,
}

impl Within {
    /// None if all times are of interest.
    pub(crate) fn of(window: &Window) -> Option<Self> {
        if window.since.is_none() && window.until.is_none() {
            return None;
        }
        Some(Self {
            since: window.since.map_or(i64::MIN, jiff::Timestamp::as_microsecond),
            until: window.until.map_or(i64::MAX, jiff::Timestamp::as_microsecond),
        })
    }

    /// Whether a line of that time is of interest. One that may be, is.
    pub(crate) fn holds(&self, moment: Moment) -> bool {
        moment.to >= self.since && moment.from <= self.until
    }
}

/// Keeps the lines of a time of interest. One without a time of its own belongs to the line before
/// it; those before the first time belong to what follows.
#[derive(Debug)]
pub(crate) struct Filter {
    within: Within,
    stamps: Stamps,
    /// Whether the last line is kept; not known before the first time.
    keep: Option<bool>,
    /// Lines that wait for the first time.
    waiting: Vec<u8>,
    /// The beginning of a line whose end was not read yet.
    head: Vec<u8>,
    /// Whether the line that goes on is decided already.
    decided: bool,
}

impl Filter {
    pub(crate) fn new(within: Within, stamps: Stamps) -> Self {
        let (waiting, head) = (Vec::new(), Vec::new());
        Self { within, stamps, keep: None, waiting, head, decided: false }
    }

    /// One whose first lines, if they have no time, go on with a line that was kept.
    pub(crate) fn going_on(within: Within, stamps: Stamps) -> Self {
        Self { keep: Some(true), ..Self::new(within, stamps) }
    }

    /// Takes bytes, and gives what of them is kept.
    pub(crate) fn push(
        &mut self,
        mut bytes: &[u8],
        to: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        bytes = self.go_on(bytes, to)?;
        // What is kept is given in runs of lines, not line by line.
        let mut run = 0;
        let mut at = 0;
        while let Some(length) = memchr(b'\n', &bytes[at..]) {
            let end = at + length + 1;
            let before = self.keep;
            self.decide(&bytes[at..end - 1]);
            if before != self.keep {
                self.give(before, &bytes[run..at], to)?;
                run = at;
                if before.is_none() {
                    let waiting = std::mem::take(&mut self.waiting);
                    self.give(self.keep, &waiting, to)?;
                }
            }
            at = end;
        }
        self.give(self.keep, &bytes[run..at], to)?;
        self.hold(&bytes[at..], to)
    }

    /// Takes the end: the last line may lack its line feed.
    pub(crate) fn finish(&mut self, to: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.release(to)?;
        // No line had a time after all.
        to(&std::mem::take(&mut self.waiting))
    }

    /// Goes on with the line that the last bytes ended in, and says what follows it.
    fn go_on<'b>(
        &mut self,
        bytes: &'b [u8],
        to: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<&'b [u8]> {
        if !self.decided && self.head.is_empty() {
            return Ok(bytes);
        }
        let end = memchr(b'\n', bytes);
        let line = &bytes[..end.map_or(bytes.len(), |end| end + 1)];
        if self.decided {
            self.give(self.keep, line, to)?;
        } else {
            self.head.extend_from_slice(line);
            if end.is_some() || self.head.len() > LONGEST_HEAD {
                self.release(to)?;
            }
        }
        self.decided = end.is_none() && (self.decided || self.head.is_empty());
        Ok(&bytes[line.len()..])
    }

    /// Keeps the beginning of a line.
    fn hold(
        &mut self,
        bytes: &[u8],
        to: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.head.extend_from_slice(bytes);
        if self.head.len() > LONGEST_HEAD {
            self.release(to)?;
            self.decided = true;
        }
        Ok(())
    }

    /// Decides on the line that was held, as far as it is known.
    fn release(&mut self, to: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let head = std::mem::take(&mut self.head);
        if head.is_empty() {
            return Ok(());
        }
        let before = self.keep;
        self.decide(first_line(&head));
        if before.is_none() && self.keep.is_some() {
            let waiting = std::mem::take(&mut self.waiting);
            self.give(self.keep, &waiting, to)?;
        }
        self.give(self.keep, &head, to)
    }

    fn decide(&mut self, line: &[u8]) {
        if let Some(moment) = self.stamps.read(line) {
            self.keep = Some(self.within.holds(moment));
        }
    }

    fn give(
        &mut self,
        keep: Option<bool>,
        bytes: &[u8],
        to: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        match keep {
            Some(true) if !bytes.is_empty() => to(bytes),
            Some(_) => Ok(()),
            None if self.waiting.len() + bytes.len() > LONGEST_WAIT => {
                self.keep = Some(true);
                let waiting = std::mem::take(&mut self.waiting);
                to(&waiting)?;
                to(bytes)
            }
            None => {
                self.waiting.extend_from_slice(bytes);
                Ok(())
            }
        }
    }
}

/// Reads only the lines of a time of interest.
pub(crate) struct Filtered<'r> {
    from: &'r mut dyn Read,
    filter: Filter,
    chunk: Vec<u8>,
    kept: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<'r> Filtered<'r> {
    pub(crate) fn new(from: &'r mut dyn Read, filter: Filter) -> Self {
        Self { from, filter, chunk: vec![0; CHUNK], kept: Vec::new(), at: 0, ended: false }
    }

    /// Whether there is anything to read, as far as the source can be read.
    pub(crate) fn has_any(&mut self) -> bool {
        // An error of the source comes again.
        self.fill().is_ok() && self.at < self.kept.len()
    }

    fn fill(&mut self) -> io::Result<()> {
        while self.at == self.kept.len() && !self.ended {
            self.kept.clear();
            self.at = 0;
            let count = self.from.read(&mut self.chunk)?;
            let kept = &mut self.kept;
            let mut keep = |bytes: &[u8]| {
                kept.extend_from_slice(bytes);
                Ok(())
            };
            if count == 0 {
                self.ended = true;
                self.filter.finish(&mut keep)?;
            } else {
                self.filter.push(&self.chunk[..count], &mut keep)?;
            }
        }
        Ok(())
    }
}

impl Read for Filtered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fill()?;
        let count = buffer.len().min(self.kept.len() - self.at);
        buffer[..count].copy_from_slice(&self.kept[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
