//! Where a file holds data, and of what kind that is.

use crate::host::HostFile;
use std::{
    io::{self, Read, SeekFrom},
    ops::Range,
};

/// More pieces than this are not counted; a log has one to three.
const MOST_EXTENTS: usize = 1024;

/// Where a file holds data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::files) struct Extents {
    pub(super) data: Vec<Range<u64>>,
    /// The part of the file that is meant.
    pub(super) part: Range<u64>,
    /// Whether it has a size on disk; the files of `/sys` claim a length that they do not have.
    pub(super) real: bool,
}

impl Extents {
    pub(super) fn of(
        file: &mut dyn HostFile,
        len: u64,
        allocated: u64,
    ) -> io::Result<Option<Self>> {
        let real = allocated > 0;
        let mut data = Vec::new();
        if allocated >= len {
            data.push(0..len);
            return Ok(Some(Self { data, part: 0..len, real }));
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
        Ok(Some(Self { data, part: 0..len, real }))
    }

    /// Only those of a part of the file.
    pub(super) fn only(mut self, part: Range<u64>) -> Self {
        self.data = self.within(&part).collect();
        Self { part, ..self }
    }

    /// Bytes of data.
    pub(super) fn size(&self) -> u64 {
        self.data.iter().map(|range| range.end - range.start).sum()
    }

    pub(super) fn holes(&self) -> u64 {
        self.part.end - self.part.start - self.size()
    }

    /// Bytes of data in a part of the file.
    pub(super) fn size_of(&self, part: &Range<u64>) -> u64 {
        self.within(part).map(|range| range.end - range.start).sum()
    }

    /// The data in a part of the file.
    pub(super) fn within<'a>(
        &'a self,
        part: &'a Range<u64>,
    ) -> impl Iterator<Item = Range<u64>> + 'a {
        self.data
            .iter()
            .map(|range| range.start.max(part.start)..range.end.min(part.end))
            .filter(|range| !range.is_empty())
    }

    /// Where the last `size` bytes of data begin.
    pub(super) fn start_of_last(&self, size: u64) -> u64 {
        let mut left = size;
        for range in self.data.iter().rev() {
            let held = range.end - range.start;
            if held >= left {
                return range.end - left;
            }
            left -= held;
        }
        self.part.start
    }

    /// Where the first `size` bytes of data end.
    pub(super) fn end_of_first(&self, size: u64) -> u64 {
        let mut left = size;
        for range in &self.data {
            let held = range.end - range.start;
            if held >= left {
                return range.start + left;
            }
            left -= held;
        }
        self.part.end
    }
}

/// Whether a file looks as if its middle made no sense without its beginning, or could not be told
/// into lines.
pub(super) fn is_binary(file: &mut dyn HostFile, extents: &Extents) -> io::Result<bool> {
    const COMPRESSED: [&[u8]; 4] = [b"\x1f\x8b", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"BZh"];
    let Some(first) = extents.data.first() else {
        return Ok(false);
    };
    file.seek(SeekFrom::Start(first.start))?;
    let mut sample = Vec::new();
    Read::take(file, 8192.min(first.end - first.start)).read_to_end(&mut sample)?;
    let text = if extents.holes() > 0 { trimmed(&sample) } else { &sample };
    Ok(text.contains(&0) || COMPRESSED.iter().any(|magic| sample.starts_with(magic)))
}

/// Bytes without the NULs around them.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let start = nuls(bytes.iter());
    let end = bytes.len() - nuls(bytes[start..].iter().rev());
    &bytes[start..end]
}

/// How many NULs come first.
pub(super) fn nuls<'b>(bytes: impl Iterator<Item = &'b u8>) -> usize {
    bytes.take_while(|&&byte| byte == 0).count()
}
