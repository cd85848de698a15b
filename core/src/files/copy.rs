//! Copies a file: all of it, or its beginning and its end; without the holes of a sparse file, and
//! no further than it was when it was opened.

mod extents;

use crate::{host::HostFile, profile::Binary};
use extents::{Extents, is_binary, nuls};
use std::{
    io::{self, ErrorKind, Read, SeekFrom, Write},
    ops::Range,
};

/// The longest line of which it is said where it begins and ends. A file is cut only between
/// lines: half a line could be a secret without the key that it is recognised by.
const LONGEST_LINE: usize = 1 << 20;

/// Less than this of a file is not worth taking.
pub(super) const LEAST_CUT: u64 = 16 << 10;

/// Why a file is not taken when the step's size is used up.
pub(super) const NO_ROOM: &str = "no room is left";

/// Room that is left for the line that states a cut, and for each that states a hole.
const MARK: u64 = 64;

const CHUNK: usize = 256 << 10;

/// What is to be taken of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// All that it held when it was opened.
    Whole(Extents),
    /// So much of its beginning and so much of its end.
    Ends(Extents, Shares),
    /// It has no length, as the files of `/proc`: all that can be read, up to so many bytes.
    Stream(u64),
    /// Nothing, for this reason.
    Nothing(&'static str),
}

/// How much of the beginning and of the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shares {
    head: u64,
    tail: u64,
}

/// What was taken of a file.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// What was left out for its size.
    pub(super) cut: Option<String>,
    /// Bytes of holes, which were skipped.
    pub(super) holes: u64,
    /// It became shorter meanwhile.
    pub(super) shrunk: bool,
    /// Reading failed on the way.
    pub(super) failed: Option<io::Error>,
}

impl Plan {
    /// Plans a file, or a part of it that begins and ends with a line, of which at most `budget`
    /// bytes can be taken.
    ///
    /// Of binary data that is to be kept nothing is skipped, holes neither.
    pub(super) fn new(
        file: &mut dyn HostFile,
        part: Option<Range<u64>>,
        budget: u64,
        binary: Binary,
    ) -> io::Result<Self> {
        let info = file.info()?;
        if info.len == 0 {
            return Ok(Self::Stream(budget));
        }
        let Some(mut extents) = Extents::of(file, info.len, info.allocated)? else {
            return Ok(Self::Nothing("it has too many holes"));
        };
        if let Some(part) = part {
            extents = extents.only(part);
        }
        if binary == Binary::Keep && extents.holes() > 0 && is_binary(file, &extents)? {
            extents.data.clear();
            extents.data.push(extents.part.clone());
        }
        let marks = extents.data.len() as u64 * MARK + MARK;
        if extents.size() + if extents.holes() == 0 { 0 } else { marks } <= budget {
            return Ok(Self::Whole(extents));
        }
        let Some(share) = budget.checked_sub(marks).filter(|room| *room >= LEAST_CUT) else {
            return Ok(Self::Nothing(NO_ROOM));
        };
        if is_binary(file, &extents)? {
            return Ok(Self::Nothing("half of a binary file is of no use"));
        }
        let head = share / 4;
        Ok(Self::Ends(extents, Shares { head, tail: share - head }))
    }

    /// Carries it out. An error is one of `to`; those of the file are part of what is returned.
    pub(super) fn carry_out(
        self,
        file: &mut dyn HostFile,
        to: &mut dyn Write,
    ) -> io::Result<Taken> {
        let taken = Taken::default();
        let mut copy = Copy { file, to, at_line_start: true, hole: 0, nuls: 0, taken };
        match self {
            Self::Nothing(_) => {}
            Self::Stream(limit) => copy.stream(limit)?,
            Self::Whole(extents) => {
                copy.range(&extents, extents.part.clone())?;
                copy.taken.shrunk &= extents.real;
            }
            Self::Ends(extents, shares) => copy.ends(&extents, shares)?,
        }
        Ok(copy.taken)
    }
}

struct Copy<'a> {
    file: &'a mut dyn HostFile,
    to: &'a mut dyn Write,
    at_line_start: bool,
    /// The hole that was come upon and not stated yet: the rest of a block beside it are NULs, too.
    hole: u64,
    /// NULs at the end of what was read, which may be the beginning of a hole.
    nuls: u64,
    taken: Taken,
}

impl Copy<'_> {
    /// Copies a part, stating its holes.
    fn range(&mut self, extents: &Extents, part: Range<u64>) -> io::Result<()> {
        let mut at = part.start;
        for data in extents.within(&part) {
            self.hole(data.start - at);
            at = data.end;
            if !self.data(data, extents.holes() > 0)? {
                break;
            }
        }
        if self.taken.failed.is_none() && !self.taken.shrunk {
            self.hole(part.end - at);
        }
        self.state_hole()
    }

    /// Copies a range of bytes; says whether it was there to its end.
    fn data(&mut self, range: Range<u64>, sparse: bool) -> io::Result<bool> {
        if let Err(error) = self.file.seek(SeekFrom::Start(range.start)) {
            self.taken.failed = Some(error);
            return Ok(false);
        }
        let mut chunk = vec![0; CHUNK];
        let mut left = range.end - range.start;
        while left > 0 {
            let wanted = chunk.len().min(usize::try_from(left).unwrap_or(CHUNK));
            let count = self.read(&mut chunk[..wanted]);
            if count == 0 {
                self.taken.shrunk = self.taken.failed.is_none();
                return Ok(false);
            }
            if sparse {
                self.write_beside_holes(&chunk[..count])?;
            } else {
                self.write(&chunk[..count])?;
            }
            left -= count as u64;
        }
        Ok(true)
    }

    /// Writes data of a file with holes, of which NULs beside a hole are a part of it: a block is
    /// allocated as a whole, however little of it was written.
    fn write_beside_holes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let leading = nuls(bytes.iter());
        let bytes = &bytes[leading..];
        if self.hole > 0 && self.nuls == 0 {
            self.hole += leading as u64;
        } else {
            self.nuls += leading as u64;
        }
        if bytes.is_empty() {
            return Ok(());
        }
        self.state_hole()?;
        let trailing = nuls(bytes.iter().rev());
        self.nuls = trailing as u64;
        self.write(&bytes[..bytes.len() - trailing])
    }

    /// Reads; an error is remembered, and is an end.
    fn read(&mut self, chunk: &mut [u8]) -> usize {
        loop {
            match self.file.read(chunk) {
                Ok(count) => return count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.taken.failed = Some(error);
                    return 0;
                }
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(last) = bytes.last() {
            self.at_line_start = *last == b'\n';
        }
        self.to.write_all(bytes)
    }

    fn mark(&mut self, text: &str) -> io::Result<()> {
        let line = if self.at_line_start { "" } else { "\n" };
        self.write(format!("{line}[collect: {text}]\n").as_bytes())
    }

    /// Comes upon a hole of so many bytes.
    fn hole(&mut self, bytes: u64) {
        if bytes > 0 {
            self.hole += bytes + std::mem::take(&mut self.nuls);
        }
    }

    /// States the hole that was come upon, if there is one, and writes the NULs that are no hole.
    fn state_hole(&mut self) -> io::Result<()> {
        let hole = std::mem::take(&mut self.hole);
        if hole > 0 {
            self.taken.holes += hole;
            self.mark(&format!("hole of {hole} bytes"))?;
        }
        let mut nuls = std::mem::take(&mut self.nuls);
        while nuls > 0 {
            let count = nuls.min(CHUNK as u64);
            self.write(&vec![0; count as usize])?;
            nuls -= count;
        }
        Ok(())
    }

    fn ends(&mut self, extents: &Extents, shares: Shares) -> io::Result<()> {
        let Range { start, end } = extents.part;
        let head = start..self.line_end_before(extents.end_of_first(shares.head), extents);
        let tail = self.line_start_after(extents.start_of_last(shares.tail), extents)..end;
        self.range(extents, head.clone())?;
        if self.taken.failed.is_none() {
            let left_out = extents.size_of(&(head.end..tail.start));
            // What looks at lines on their way begins anew behind the cut.
            self.to.flush()?;
            self.mark(&format!("{left_out} bytes left out here"))?;
            self.taken.cut = Some(format!(
                "{left_out} bytes of {} left out after the first {}",
                extents.size(),
                extents.size_of(&head)
            ));
            self.range(extents, tail)?;
        }
        Ok(())
    }

    /// The end of the last line that ends at or before `at`; the beginning of the file if its lines
    /// are too long to tell.
    fn line_end_before(&mut self, at: u64, extents: &Extents) -> u64 {
        let from = at.saturating_sub(LONGEST_LINE as u64).max(extents.part.start);
        let window = from..at;
        // A hole ends a line, so only what follows the last one counts.
        let Some(data) = extents.within(&window).last() else {
            return at;
        };
        let bytes = self.peek(data.clone());
        match memchr::memrchr(b'\n', &bytes) {
            Some(found) => data.start + found as u64 + 1,
            None if data.start > from => data.start,
            None => extents.part.start,
        }
    }

    /// The beginning of the first line that begins at or after `at`; the end of the file if its
    /// lines are too long to tell.
    fn line_start_after(&mut self, at: u64, extents: &Extents) -> u64 {
        let from = at.saturating_sub(1);
        let window = from..at.saturating_add(LONGEST_LINE as u64).min(extents.part.end);
        let Some(data) = extents.within(&window).next() else {
            return at;
        };
        if data.start > from {
            return data.start;
        }
        let bytes = self.peek(data.clone());
        match memchr::memchr(b'\n', &bytes) {
            Some(found) => data.start + found as u64 + 1,
            None if data.end < window.end => data.end,
            None => extents.part.end,
        }
    }

    /// Reads a range of at most [`LONGEST_LINE`] bytes; what of it cannot be read is missing.
    fn peek(&mut self, range: Range<u64>) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.file.seek(SeekFrom::Start(range.start)).is_ok() {
            // The copy comes upon the same error again, and reports it.
            let mut part = Read::take(&mut *self.file, range.end - range.start);
            _ = part.read_to_end(&mut bytes);
        }
        bytes
    }

    /// Copies all that can be read, up to `limit` bytes, and then whole lines only.
    fn stream(&mut self, limit: u64) -> io::Result<()> {
        let mut left = limit;
        let mut line = Vec::new();
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = self.read(&mut chunk);
            if count == 0 {
                return self.write(&line);
            }
            line.extend_from_slice(&chunk[..count]);
            if line.len() as u64 > left {
                return self.cut_stream(&line[..usize::try_from(left).unwrap_or(line.len())]);
            }
            let whole = memchr::memrchr(b'\n', &line).map_or(0, |found| found + 1);
            self.write(&line[..whole])?;
            left -= whole as u64;
            line.drain(..whole);
            if line.len() > LONGEST_LINE {
                return self.cut_stream(&[]);
            }
        }
    }

    fn cut_stream(&mut self, rest: &[u8]) -> io::Result<()> {
        let room = rest.len().saturating_sub(MARK as usize);
        let whole = memchr::memrchr(b'\n', &rest[..room]).map_or(0, |found| found + 1);
        self.write(&rest[..whole])?;
        self.taken.cut = Some("the rest left out".to_owned());
        self.mark("the rest left out here")
    }
}

#[cfg(test)]
mod tests;
