//! Reads the export format of `journalctl --output=export`
//! (<https://systemd.io/JOURNAL_EXPORT_FORMATS/>).

use std::{
    io::{self, BufRead, BufReader, ErrorKind, Read},
    ops::Range,
};

/// The longest value that is kept. A field may be 768 MiB; only core dumps ever were.
const LONGEST_VALUE: usize = 4 << 20;

/// The largest entry that is kept; values beyond it are left out.
const LARGEST_ENTRY: usize = 16 << 20;

/// The longest name of a field; journald allows 64 characters.
const LONGEST_NAME: usize = 1024;

/// One entry: its fields, in the order of the journal; a name may stand there more than once.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    bytes: Vec<u8>,
    fields: Vec<Field>,
}

#[derive(Debug)]
struct Field {
    name: Range<usize>,
    /// Where the value is, or, if it is too large to be kept, nowhere.
    value: Option<Range<usize>>,
}

impl Entry {
    /// The fields: name and value, or `None` in place of a value that was too large to be kept.
    pub(crate) fn fields(&self) -> impl ExactSizeIterator<Item = (&[u8], Option<&[u8]>)> + Clone {
        self.fields.iter().map(|field| {
            let value = field.value.clone().map(|value| &self.bytes[value]);
            (&self.bytes[field.name.clone()], value)
        })
    }

    /// The first value of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.fields().find(|field| field.0 == name.as_bytes())?.1
    }

    /// Whether a value was too large to be kept.
    pub(crate) fn is_cut(&self) -> bool {
        self.fields.iter().any(|field| field.value.is_none())
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.fields.clear();
    }

    /// Takes what was read of a line that is too long, from `start` on, as a field without a value.
    fn keep_name_only(&mut self, start: usize) {
        let line = &self.bytes[start..];
        let length = line.iter().take(LONGEST_NAME).position(|byte| *byte == b'=');
        let name = start..start + length.unwrap_or(0);
        self.bytes.truncate(name.end);
        if !name.is_empty() {
            self.fields.push(Field { name, value: None });
        }
    }

    fn room(&self) -> usize {
        LARGEST_ENTRY.saturating_sub(self.bytes.len()).min(LONGEST_VALUE)
    }
}

/// Reads entries from a stream.
pub(crate) struct Export<R> {
    from: BufReader<R>,
}

/// How a line ended.
#[derive(PartialEq, Eq)]
enum LineEnd {
    /// With a line feed, which is left out.
    Whole,
    /// It was too long; the rest of it is skipped.
    Skipped,
    /// With the stream.
    Eof,
}

impl<R: Read> Export<R> {
    /// Reads from a stream.
    pub(crate) fn new(from: R) -> Self {
        Self { from: BufReader::with_capacity(64 << 10, from) }
    }

    /// Reads the next entry; says whether there was one. An entry that the stream breaks off in is
    /// not one.
    pub(crate) fn read(&mut self, entry: &mut Entry) -> io::Result<bool> {
        entry.clear();
        loop {
            let start = entry.bytes.len();
            match self.line(&mut entry.bytes, longest_line(start))? {
                LineEnd::Eof => return Ok(false),
                LineEnd::Skipped => entry.keep_name_only(start),
                LineEnd::Whole if entry.bytes.len() == start => {
                    if !entry.fields.is_empty() {
                        return Ok(true);
                    }
                }
                LineEnd::Whole => {
                    if !self.field(entry, start)? {
                        return Ok(false);
                    }
                }
            }
        }
    }

    /// What is left when the stream is no longer read.
    pub(crate) fn into_inner(self) -> R {
        self.from.into_inner()
    }

    /// Takes the line from `start` on as a field; says whether the stream went on to its end.
    fn field(&mut self, entry: &mut Entry, start: usize) -> io::Result<bool> {
        let line = &entry.bytes[start..];
        // What journalctl says to people, as `-- No entries --`.
        if line.starts_with(b"-- ") {
            entry.bytes.truncate(start);
            return Ok(true);
        }
        let end = entry.bytes.len();
        if let Some(length) = line.iter().position(|byte| *byte == b'=') {
            let name = start..start + length;
            entry.fields.push(Field { value: Some(name.end + 1..end), name });
            return Ok(true);
        }
        self.binary_field(entry, start..end)
    }

    fn binary_field(&mut self, entry: &mut Entry, name: Range<usize>) -> io::Result<bool> {
        let mut length = [0; 8];
        if !self.exactly(&mut length)? {
            return Ok(false);
        }
        let length = u64::from_le_bytes(length);
        let kept = usize::try_from(length).ok().filter(|length| *length <= entry.room());
        let value = if let Some(length) = kept {
            let value = name.end..name.end + length;
            entry.bytes.resize(value.end, 0);
            if !self.exactly(&mut entry.bytes[value.clone()])? {
                return Ok(false);
            }
            Some(value)
        } else {
            let skipped = io::copy(&mut self.from.by_ref().take(length), &mut io::sink())?;
            if skipped < length {
                return Ok(false);
            }
            None
        };
        entry.fields.push(Field { name, value });
        // The line feed after the value.
        self.exactly(&mut [0])
    }

    /// Appends the next line, if it has no more than `limit` bytes, or so much of it.
    fn line(&mut self, to: &mut Vec<u8>, limit: usize) -> io::Result<LineEnd> {
        let read = self.from.by_ref().take(limit as u64 + 1).read_until(b'\n', to)?;
        if to.last() == Some(&b'\n') && read > 0 {
            to.pop();
            return Ok(LineEnd::Whole);
        }
        if read <= limit {
            return Ok(LineEnd::Eof);
        }
        loop {
            let buffered = self.from.fill_buf()?;
            if buffered.is_empty() {
                return Ok(LineEnd::Eof);
            }
            let found = buffered.iter().position(|byte| *byte == b'\n');
            let used = found.map_or(buffered.len(), |found| found + 1);
            self.from.consume(used);
            if found.is_some() {
                return Ok(LineEnd::Skipped);
            }
        }
    }

    /// Fills the buffer; says whether the stream went on so far.
    fn exactly(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        match self.from.read_exact(buffer) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// How long a line may be in an entry that holds so much: always long enough for a name.
fn longest_line(held: usize) -> usize {
    LARGEST_ENTRY.saturating_sub(held).min(LONGEST_VALUE) + LONGEST_NAME
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(bytes: &[u8]) -> Vec<Vec<(String, Option<Vec<u8>>)>> {
        let mut export = Export::new(bytes);
        let mut entry = Entry::default();
        let mut all = Vec::new();
        while export.read(&mut entry).unwrap() {
            let fields = entry.fields().map(|(name, value)| {
                (String::from_utf8(name.to_vec()).unwrap(), value.map(<[u8]>::to_vec))
            });
            all.push(fields.collect());
        }
        all
    }

    fn field(name: &str, value: &[u8]) -> (String, Option<Vec<u8>>) {
        (name.to_owned(), Some(value.to_vec()))
    }

    fn binary(name: &str, value: &[u8]) -> Vec<u8> {
        let mut bytes = format!("{name}\n").into_bytes();
        bytes.extend((value.len() as u64).to_le_bytes());
        bytes.extend(value);
        bytes.push(b'\n');
        bytes
    }

    #[test]
    fn text_and_binary_fields_are_read_as_they_are() {
        let mut bytes = b"A=one=1\nEMPTY=\n".to_vec();
        bytes.extend(binary("B", b"two\n\nlines\0\xff"));
        bytes.extend(b"A=again\n\nA=next\n\n");
        assert_eq!(
            entries(&bytes),
            [
                vec![
                    field("A", b"one=1"),
                    field("EMPTY", b""),
                    field("B", b"two\n\nlines\0\xff"),
                    field("A", b"again"),
                ],
                vec![field("A", b"next")],
            ]
        );
    }

    #[test]
    fn an_entry_that_is_broken_off_is_none() {
        assert_eq!(entries(b"A=1\n\nA=2\n").len(), 1);
        assert_eq!(entries(b"A=1\n\nA=2").len(), 1);
        assert_eq!(entries(b"A=1\n\nB\n\x09\0\0\0\0\0\0\0short").len(), 1);
    }

    #[test]
    fn what_journalctl_says_to_people_is_no_entry() {
        assert!(entries(b"-- No entries --\n").is_empty());
    }

    #[test]
    fn values_too_large_to_be_kept_are_skipped_and_known() {
        let large = vec![b'x'; LONGEST_VALUE + 2000];
        let mut bytes = binary("BINARY", &large);
        bytes.extend(b"TEXT=");
        bytes.extend(&large);
        bytes.extend(b"\nA=1\n\nA=2\n\n");
        let found = entries(&bytes);
        assert_eq!(
            found,
            [
                vec![("BINARY".into(), None), ("TEXT".into(), None), field("A", b"1")],
                vec![field("A", b"2")],
            ]
        );
    }

    #[test]
    fn an_entry_of_many_large_values_is_bounded() {
        let mut bytes = Vec::new();
        for _ in 0..10 {
            bytes.extend(binary("A", &vec![0; LONGEST_VALUE]));
        }
        bytes.push(b'\n');
        let found = entries(&bytes);
        let kept = found[0].iter().filter(|field| field.1.is_some()).count();
        assert_eq!((found[0].len(), kept), (10, 3));
    }
}
