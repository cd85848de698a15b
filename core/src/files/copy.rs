//! Copies a file: all of it, or its beginning and its end; without the holes of a sparse file, and
//! no further than it was when it was opened.

use crate::host::HostFile;
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

/// More pieces than this are not counted; a log has one to three.
const MOST_EXTENTS: usize = 1024;

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

/// Where a file holds data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extents {
    data: Vec<Range<u64>>,
    len: u64,
    /// Whether it has a size on disk; the files of `/sys` claim a length that they do not have.
    real: bool,
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
    /// Plans a file of which at most `budget` bytes can be taken.
    pub(super) fn new(file: &mut dyn HostFile, budget: u64) -> io::Result<Self> {
        let info = file.info()?;
        if info.len == 0 {
            return Ok(Self::Stream(budget));
        }
        let Some(extents) = Extents::of(file, info.len, info.allocated)? else {
            return Ok(Self::Nothing("it has too many holes"));
        };
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
        let mut copy = Copy { file, to, at_line_start: true, taken: Taken::default() };
        match self {
            Self::Nothing(_) => {}
            Self::Stream(limit) => copy.stream(limit)?,
            Self::Whole(extents) => {
                copy.range(&extents, 0..extents.len)?;
                copy.taken.shrunk &= extents.real;
            }
            Self::Ends(extents, shares) => copy.ends(&extents, shares)?,
        }
        Ok(copy.taken)
    }
}

impl Extents {
    fn of(file: &mut dyn HostFile, len: u64, allocated: u64) -> io::Result<Option<Self>> {
        let real = allocated > 0;
        let mut data = Vec::new();
        if allocated >= len {
            data.push(0..len);
            return Ok(Some(Self { data, len, real }));
        }
        let mut from = 0;
        while from < len {
            let Some(next) = file.data(from)? else { break };
            let next = next.start.max(from)..next.end.min(len);
            if next.is_empty() {
                break;
            }
            from = next.end;
            data.push(next);
            if data.len() > MOST_EXTENTS {
                return Ok(None);
            }
        }
        Ok(Some(Self { data, len, real }))
    }

    /// Bytes of data.
    fn size(&self) -> u64 {
        self.data.iter().map(|range| range.end - range.start).sum()
    }

    fn holes(&self) -> u64 {
        self.len - self.size()
    }

    /// Bytes of data in a part of the file.
    fn size_of(&self, part: &Range<u64>) -> u64 {
        self.within(part).map(|range| range.end - range.start).sum()
    }

    /// The data in a part of the file.
    fn within<'a>(&'a self, part: &'a Range<u64>) -> impl Iterator<Item = Range<u64>> + 'a {
        self.data
            .iter()
            .map(|range| range.start.max(part.start)..range.end.min(part.end))
            .filter(|range| !range.is_empty())
    }

    /// Where the last `size` bytes of data begin.
    fn start_of_last(&self, size: u64) -> u64 {
        let mut left = size;
        for range in self.data.iter().rev() {
            let held = range.end - range.start;
            if held >= left {
                return range.end - left;
            }
            left -= held;
        }
        0
    }

    /// Where the first `size` bytes of data end.
    fn end_of_first(&self, size: u64) -> u64 {
        let mut left = size;
        for range in &self.data {
            let held = range.end - range.start;
            if held >= left {
                return range.start + left;
            }
            left -= held;
        }
        self.len
    }
}

/// Whether a file looks as if its middle made no sense without its beginning, or could not be told
/// into lines.
fn is_binary(file: &mut dyn HostFile, extents: &Extents) -> io::Result<bool> {
    const COMPRESSED: [&[u8]; 4] = [b"\x1f\x8b", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"BZh"];
    let Some(first) = extents.data.first() else {
        return Ok(false);
    };
    file.seek(SeekFrom::Start(first.start))?;
    let mut sample = Vec::new();
    Read::take(file, 8192.min(first.end - first.start)).read_to_end(&mut sample)?;
    Ok(sample.contains(&0) || COMPRESSED.iter().any(|magic| sample.starts_with(magic)))
}

struct Copy<'a> {
    file: &'a mut dyn HostFile,
    to: &'a mut dyn Write,
    at_line_start: bool,
    taken: Taken,
}

impl Copy<'_> {
    /// Copies a part, stating its holes.
    fn range(&mut self, extents: &Extents, part: Range<u64>) -> io::Result<()> {
        let mut at = part.start;
        for data in extents.within(&part) {
            self.hole(data.start - at)?;
            at = data.end;
            if !self.data(data)? {
                return Ok(());
            }
        }
        self.hole(part.end - at)
    }

    /// Copies a range of bytes; says whether it was there to its end.
    fn data(&mut self, range: Range<u64>) -> io::Result<bool> {
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
            self.write(&chunk[..count])?;
            left -= count as u64;
        }
        Ok(true)
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

    fn hole(&mut self, bytes: u64) -> io::Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        self.taken.holes += bytes;
        self.mark(&format!("hole of {bytes} bytes"))
    }

    fn ends(&mut self, extents: &Extents, shares: Shares) -> io::Result<()> {
        let head = 0..self.line_end_before(extents.end_of_first(shares.head), extents);
        let tail = self.line_start_after(extents.start_of_last(shares.tail), extents)..extents.len;
        self.range(extents, head.clone())?;
        if self.taken.failed.is_none() {
            let left_out = extents.size_of(&(head.end..tail.start));
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
        let from = at.saturating_sub(LONGEST_LINE as u64);
        let window = from..at;
        // A hole ends a line, so only what follows the last one counts.
        let Some(data) = extents.within(&window).last() else {
            return at;
        };
        let bytes = self.peek(data.clone());
        match memchr::memrchr(b'\n', &bytes) {
            Some(found) => data.start + found as u64 + 1,
            None if data.start > from => data.start,
            None => 0,
        }
    }

    /// The beginning of the first line that begins at or after `at`; the end of the file if its
    /// lines are too long to tell.
    fn line_start_after(&mut self, at: u64, extents: &Extents) -> u64 {
        let from = at.saturating_sub(1);
        let window = from..at.saturating_add(LONGEST_LINE as u64).min(extents.len);
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
            None => extents.len,
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
mod tests {
    use super::*;
    use crate::host::{FileInfo, FileKind};
    use std::io::{Cursor, Seek};

    /// A file of these pieces of data, each at its offset, with holes between.
    struct Pieces {
        len: u64,
        data: Vec<(u64, Vec<u8>)>,
        at: u64,
        claimed: u64,
    }

    impl Pieces {
        fn whole(text: impl Into<Vec<u8>>) -> Self {
            let text = text.into();
            let len = text.len() as u64;
            Self { len, data: vec![(0, text)], at: 0, claimed: len }
        }

        fn sparse(len: u64, data: Vec<(u64, Vec<u8>)>) -> Self {
            Self { len, data, at: 0, claimed: len }
        }
    }

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let next = self.data.iter().find_map(|(start, bytes)| {
                let skipped = usize::try_from(self.at.checked_sub(*start)?).ok()?;
                bytes.get(skipped..).filter(|rest| !rest.is_empty())
            });
            assert!(next.is_some() || self.at >= self.len, "a hole was read");
            let count = Cursor::new(next.unwrap_or_default()).read(buffer)?;
            self.at += count as u64;
            Ok(count)
        }
    }

    impl Seek for Pieces {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            match to {
                SeekFrom::Start(at) => self.at = at,
                _ => unimplemented!("not needed"),
            }
            Ok(self.at)
        }
    }

    impl HostFile for Pieces {
        fn info(&self) -> io::Result<FileInfo> {
            Ok(FileInfo {
                kind: FileKind::Regular,
                len: self.claimed,
                modified: None,
                allocated: self.data.iter().map(|(_, bytes)| bytes.len() as u64).sum(),
                id: (0, 0),
                mode: 0o644,
            })
        }

        fn data(&mut self, from: u64) -> io::Result<Option<Range<u64>>> {
            let ranges = self.data.iter();
            let mut ranges = ranges.map(|(start, bytes)| *start..start + bytes.len() as u64);
            Ok(ranges.find(|range| range.end > from).map(|range| range.start.max(from)..range.end))
        }
    }

    fn take(mut file: Pieces, budget: u64) -> (String, Taken) {
        let plan = Plan::new(&mut file, budget).unwrap();
        let mut to = Vec::new();
        let taken = plan.carry_out(&mut file, &mut to).unwrap();
        assert!(to.len() as u64 <= budget, "{} of {budget}", to.len());
        (String::from_utf8(to).unwrap(), taken)
    }

    fn lines(count: usize) -> String {
        (0..count).map(|n| format!("line {n:07} of the log\n")).collect()
    }

    #[test]
    fn a_file_that_fits_is_taken_as_it_is() {
        let (text, taken) = take(Pieces::whole("one\ntwo"), 7);
        assert_eq!(text, "one\ntwo");
        assert!(taken.cut.is_none() && !taken.shrunk && taken.failed.is_none());
    }

    #[test]
    fn of_a_file_that_does_not_fit_the_beginning_and_more_of_the_end_are_taken_in_whole_lines() {
        let all = lines(10_000);
        let (text, taken) = take(Pieces::whole(all.clone()), 40_000);
        let (head, tail) = text.split_once("[collect: ").unwrap();
        let (mark, tail) = tail.split_once("]\n").unwrap();
        assert!(head.ends_with('\n') && all.starts_with(head));
        assert!(tail.starts_with("line ") && all.ends_with(tail));
        assert!((9_000..=10_000).contains(&head.len()));
        assert!((29_000..=30_000).contains(&tail.len()));
        let left_out = all.len() - head.len() - tail.len();
        assert_eq!(mark, format!("{left_out} bytes left out here"));
        assert!(taken.cut.unwrap().contains(&left_out.to_string()));
    }

    #[test]
    fn a_cut_never_falls_into_a_line_however_long_it_is() {
        let long = format!("first\npassword={}\nlast\n", "x".repeat(3 << 20));
        let (text, _) = take(Pieces::whole(long), 2 << 20);
        let left_out = (3 << 20) + "password=\nlast\n".len();
        // The end of so long a line is not searched for, so the last line is lost with it.
        assert_eq!(text, format!("first\n[collect: {left_out} bytes left out here]\n"));
    }

    #[test]
    fn holes_are_skipped_and_stated_however_large() {
        const TEN_TERABYTES: u64 = 10 << 40;
        let (text, taken) = take(Pieces::sparse(TEN_TERABYTES, vec![]), 1000);
        assert_eq!(text, format!("[collect: hole of {TEN_TERABYTES} bytes]\n"));
        assert_eq!(taken.holes, TEN_TERABYTES);

        let data = vec![(4096, b"old".to_vec()), (1 << 40, b"new\n".to_vec())];
        let (text, _) = take(Pieces::sparse((1 << 40) + 4, data), 1000);
        let hole = (1_u64 << 40) - 4099;
        assert_eq!(
            text,
            format!("[collect: hole of 4096 bytes]\nold\n[collect: hole of {hole} bytes]\nnew\n")
        );
    }

    #[test]
    fn a_sparse_file_that_does_not_fit_is_cut_by_what_it_holds() {
        let start = 1 << 30;
        let all = lines(10_000);
        let len = start + all.len() as u64;
        let file = Pieces::sparse(len, vec![(start, all.clone().into_bytes())]);
        let (text, _) = take(file, 40_000);
        assert!(text.starts_with("[collect: hole of 1073741824 bytes]\nline 0000000"));
        assert!(text.ends_with(&all[all.len() - 29_000..]));
    }

    #[test]
    fn a_file_is_read_no_further_than_it_was_when_it_was_opened() {
        let mut file = Pieces::whole("old\nnew\n");
        file.claimed = 4;
        assert_eq!(take(file, 1000).0, "old\n");
    }

    #[test]
    fn a_file_that_became_shorter_says_so() {
        let mut file = Pieces::whole("all there is\n");
        file.claimed = 13;
        let plan = Plan::new(&mut file, 1000).unwrap();
        file.data[0].1.truncate(4);
        file.len = 4;
        let mut to = Vec::new();
        assert!(plan.carry_out(&mut file, &mut to).unwrap().shrunk);
        assert_eq!(to, b"all ");
    }

    #[test]
    fn a_file_without_a_length_is_read_to_its_end_or_in_whole_lines_up_to_the_size() {
        let made_up = |text: &str| {
            let mut file = Pieces::whole(text);
            file.claimed = 0;
            file
        };
        assert_eq!(take(made_up("a: 1\nb: 2\n"), 1000).0, "a: 1\nb: 2\n");
        let (text, taken) = take(made_up(&lines(1000)), 20_000);
        let (kept, mark) = text.split_at(text.find("[collect").unwrap());
        assert!(kept.ends_with('\n') && lines(1000).starts_with(kept) && kept.len() > 19_000);
        assert_eq!(mark, "[collect: the rest left out here]\n");
        assert!(taken.cut.is_some());
    }

    #[test]
    fn half_of_a_binary_file_is_not_taken() {
        let mut compressed = b"\x1f\x8b".to_vec();
        compressed.extend(lines(10_000).into_bytes());
        let plan = Plan::new(&mut Pieces::whole(compressed), 40_000).unwrap();
        assert!(matches!(plan, Plan::Nothing(reason) if reason.contains("binary")));
    }
}
