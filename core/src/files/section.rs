//! Which part of a log holds the lines of a time of interest.
//!
//! A log of gigabytes is not read for that: its times are looked at in a few places, as in a
//! dictionary. They need not ascend strictly. What is found is right if no line is more than
//! [`SLACK`] older than one before it, as lines of several processes are. Where a clock was set back
//! further, that is noticed if it shows between any of the places that were looked at, [`CHECKS`]
//! evenly spread ones among them, and the whole file is read then, every line judged by itself. In
//! files below [`LARGE`] it always is.

use crate::{
    host::HostFile,
    stamp::{Moment, Stamps, Within},
};
use memchr::memchr;
use std::{
    io::{self, SeekFrom},
    ops::Range,
};

/// Files below this are read from their beginning; that takes a few milliseconds.
const LARGE: u64 = 4 << 20;

/// How much older a line may be than one before it, in microseconds: five minutes.
const SLACK: i64 = 300_000_000;

/// In so many places more than the search needs it is looked whether times ascend.
const CHECKS: u64 = 32;

/// What is read in a place, and how near the search comes.
const BLOCK: usize = 64 << 10;

/// How far a line with a time is looked for: behind the longest stack trace.
const REACH: u64 = 1 << 20;

/// What is read at once where lines are looked at one by one.
const CHUNK: usize = 256 << 10;

/// The part of a file from the first line of interest to the last, between line ends; `None` if no
/// line is of interest.
///
/// With `exactly`, it ends behind the last line of interest; otherwise there may be others at its
/// end.
pub(super) fn find(
    file: &mut dyn HostFile,
    all: Range<u64>,
    within: Within,
    stamps: &Stamps,
    exactly: bool,
) -> io::Result<Option<Range<u64>>> {
    let mut search = Search { file, all: all.clone(), stamps: stamps.clone(), seen: Vec::new() };
    let part = if all.end - all.start < LARGE { None } else { search.narrow(within)? };
    let part = part.unwrap_or_else(|| all.clone());
    let Some(start) = search.first_kept(&part, within)? else {
        return Ok(None);
    };
    let end = if exactly && within.until < i64::MAX {
        search.end_of_kept(start..part.end, within)?
    } else {
        part.end
    };
    Ok(Some(start..end))
}

struct Search<'f> {
    file: &'f mut dyn HostFile,
    all: Range<u64>,
    stamps: Stamps,
    /// The times that were found, each with its place.
    seen: Vec<(u64, Moment)>,
}

impl Search<'_> {
    /// The part outside of which no line is of interest; `None` if times do not ascend.
    fn narrow(&mut self, within: Within) -> io::Result<Option<Range<u64>>> {
        let (since, until) =
            (within.since.saturating_sub(SLACK), within.until.saturating_add(SLACK));
        let mut start = self.all.start;
        if within.since > i64::MIN {
            (start, _) = self.split(self.all.start, |moment| moment.to < since, false)?;
        }
        let mut end = self.all.end;
        if within.until < i64::MAX {
            (_, end) = self.split(start, |moment| moment.from <= until, true)?;
        }
        let step = (self.all.end - self.all.start) / CHECKS;
        for check in 0..CHECKS {
            self.probe(self.all.start + check * step, self.all.end)?;
        }
        self.probe(self.all.end.saturating_sub(BLOCK as u64), self.all.end)?;
        Ok(self.ascends().then_some(start..end))
    }

    fn ascends(&mut self) -> bool {
        self.seen.sort_by_key(|(at, _)| *at);
        let mut latest = i64::MIN;
        self.seen.iter().all(|(_, moment)| {
            let goes_on = moment.to.saturating_add(SLACK) >= latest;
            latest = latest.max(moment.from);
            goes_on
        })
    }

    /// Where lines stop to be `early`: the beginning of a line before which all are, and that of one
    /// behind which none is. `unknown` says what a place without a time is taken for.
    fn split(
        &mut self,
        start: u64,
        early: impl Fn(Moment) -> bool,
        unknown: bool,
    ) -> io::Result<(u64, u64)> {
        let (mut low, mut high) = (start, self.all.end);
        let mut end = high;
        while high - low > BLOCK as u64 {
            let middle = low + (high - low) / 2;
            match self.probe(middle, high)? {
                Some((at, moment)) if early(moment) => low = at,
                None if unknown => low = middle,
                found => {
                    high = middle;
                    end = found.map_or(end, |(at, _)| at);
                }
            }
        }
        Ok((low, end))
    }

    /// The first line with a time that begins at or behind `from`, and before `to`.
    fn probe(&mut self, from: u64, to: u64) -> io::Result<Option<(u64, Moment)>> {
        let to = to.min(from.saturating_add(REACH));
        let start = if from > self.all.start { self.line_behind(from, to)? } else { Some(from) };
        let Some(start) = start else { return Ok(None) };
        let mut stamps = self.stamps.clone();
        let mut lines = Lines::new(self.file, start..to, BLOCK)?;
        while let Some((at, line)) = lines.next()? {
            if let Some(moment) = stamps.read(line) {
                self.seen.push((at, moment));
                return Ok(Some((at, moment)));
            }
        }
        Ok(None)
    }

    /// Where the first line begins at or behind `from`.
    fn line_behind(&mut self, from: u64, to: u64) -> io::Result<Option<u64>> {
        let mut lines = Lines::new(self.file, from - 1..to, BLOCK)?;
        lines.next()?;
        Ok((lines.at < to).then_some(lines.at))
    }

    /// Where the first line of interest begins. Lines at the beginning of the file that have no time
    /// belong to the first that has one.
    fn first_kept(&mut self, part: &Range<u64>, within: Within) -> io::Result<Option<u64>> {
        let mut stamps = self.stamps.clone();
        let mut lines = Lines::new(self.file, part.clone(), CHUNK)?;
        let mut first = part.start == self.all.start;
        while let Some((at, line)) = lines.next()? {
            if let Some(moment) = stamps.read(line) {
                if within.holds(moment) {
                    return Ok(Some(if first { part.start } else { at }));
                }
                first = false;
            }
        }
        Ok(None)
    }

    /// Where the last line of interest ends, with those that belong to it.
    fn end_of_kept(&mut self, part: Range<u64>, within: Within) -> io::Result<u64> {
        let mut bound = part.end;
        let mut end = part.end;
        while end > part.start {
            let mut start = end.saturating_sub(CHUNK as u64).max(part.start);
            if start > part.start {
                let Some(line) = self.line_behind(start, end)? else {
                    end = start;
                    continue;
                };
                start = line;
            }
            let mut stamps = self.stamps.clone();
            let mut lines = Lines::new(self.file, start..end, CHUNK)?;
            let (mut first, mut keep, mut kept) = (None, false, None);
            while let Some((at, line)) = lines.next()? {
                if let Some(moment) = stamps.read(line) {
                    first = first.or(Some(at));
                    keep = within.holds(moment);
                }
                if keep {
                    kept = Some(lines.at);
                }
            }
            if keep {
                return Ok(bound);
            }
            if let Some(kept) = kept {
                return Ok(kept);
            }
            bound = first.unwrap_or(bound);
            if start == part.start {
                break;
            }
            end = start;
        }
        Ok(bound)
    }
}

/// The lines of a part of a file, with their places.
struct Lines<'f> {
    file: &'f mut dyn HostFile,
    buffer: Vec<u8>,
    /// What of the buffer was not given yet.
    left: Range<usize>,
    /// Where the next line begins.
    at: u64,
    /// Where the part ends, and what of it was not read yet.
    unread: u64,
    block: usize,
}

impl<'f> Lines<'f> {
    fn new(file: &'f mut dyn HostFile, part: Range<u64>, block: usize) -> io::Result<Self> {
        file.seek(SeekFrom::Start(part.start))?;
        let unread = part.end.saturating_sub(part.start);
        Ok(Self { file, buffer: Vec::new(), left: 0..0, at: part.start, unread, block })
    }

    /// The next line, without its line feed; of one that is very long, its beginning.
    fn next(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        let at = self.at;
        // What was searched for its end, and what of it is not held any more.
        let (mut searched, mut dropped) = (0, 0);
        loop {
            let text = &self.buffer[self.left.clone()];
            if let Some(found) = memchr(b'\n', &text[searched..]) {
                let length = searched + found;
                let line = self.left.start..self.left.start + length;
                self.left.start += length + 1;
                self.at += dropped + length as u64 + 1;
                return Ok(Some((at, &self.buffer[line])));
            }
            searched = text.len();
            if searched as u64 > REACH {
                dropped += (searched - BLOCK) as u64;
                self.left.end = self.left.start + BLOCK;
                searched = BLOCK;
            }
            if !self.fill()? {
                let line = self.left.clone();
                self.at += dropped + line.len() as u64;
                self.left.start = self.left.end;
                return Ok((!line.is_empty()).then(|| (at, &self.buffer[line])));
            }
        }
    }

    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.left.start);
        self.buffer.truncate(self.left.len());
        let held = self.buffer.len();
        let wanted = self.unread.min(self.block as u64) as usize;
        self.buffer.resize(held + wanted, 0);
        let count = loop {
            match self.file.read(&mut self.buffer[held..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.buffer.truncate(held + count);
        self.left = 0..held + count;
        self.unread -= count as u64;
        Ok(count > 0)
    }
}
