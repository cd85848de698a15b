//! UTF-16 becomes UTF-8: rules look for bytes, and so does everybody who reads a bundle.

use super::form::{Endian, HEAD};
use std::io::{self, ErrorKind, Read};

/// The mark that UTF-16 may begin with, as a unit.
const MARK: u16 = 0xfeff;

/// So many units in a row that are two printable ASCII characters each are no UTF-16: another
/// program has gone on in ASCII. Taken for UTF-16 they would be a secret in another script.
const NARROW_RUN: usize = 12;

/// The order of bytes of what begins like this, if that is text in UTF-16: by its mark, or without
/// one by the NULs of an alphabet.
pub(super) fn endian_of(head: &[u8]) -> Option<Endian> {
    let marked = match head {
        [0xff, 0xfe, ..] => Some(Endian::Little),
        [0xfe, 0xff, ..] => Some(Endian::Big),
        _ => None,
    };
    match marked {
        Some(endian) => is_text(head, endian).then_some(endian),
        None => [Endian::Little, Endian::Big].into_iter().find(|&endian| is_latin(head, endian)),
    }
}

fn units(bytes: &[u8], endian: Endian) -> impl Iterator<Item = u16> + Clone + '_ {
    bytes.chunks_exact(2).map(move |pair| unit(pair[0], pair[1], endian))
}

fn unit(first: u8, second: u8, endian: Endian) -> u16 {
    match endian {
        Endian::Big => u16::from_be_bytes([first, second]),
        Endian::Little => u16::from_le_bytes([first, second]),
    }
}

/// Whether these are letters, with something between them that every script has: space, digits,
/// ends of lines, punctuation. Binary data that happens to begin with a mark is neither.
fn is_text(head: &[u8], endian: Endian) -> bool {
    let units = units(head, endian);
    let (mut all, mut wrong, mut common) = (0, 0, 0);
    for char in char::decode_utf16(units.filter(|&unit| unit != MARK)) {
        all += 1;
        match char {
            Ok(char) if char.is_control() && !is_space(char) => wrong += 1,
            Ok(char) if is_narrow(char as u32) => {}
            Ok('\0'..='\u{ff}' | '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ffef}') => common += 1,
            Ok(_) => {}
            Err(_) => wrong += 1,
        }
    }
    all == 0 || wrong * 8 <= all && common > 0 && common * 50 >= all
}

/// Whether the two bytes of this unit are printable ASCII characters.
fn is_narrow(unit: u32) -> bool {
    let is_ascii = |byte: u8| (0x20..0x7f).contains(&byte) || b"\t\n\r\x1b".contains(&byte);
    u16::try_from(unit).is_ok_and(|unit| unit.to_be_bytes().into_iter().all(is_ascii))
}

fn is_space(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | '\x0c' | '\x1b')
}

/// Whether at least nine in ten units are Latin letters, and none is a NUL.
fn is_latin(head: &[u8], endian: Endian) -> bool {
    let is_letter = |unit: u16| {
        u8::try_from(unit)
            .is_ok_and(|byte| (0x20..0x7f).contains(&byte) || byte >= 0xa0 || is_space(byte.into()))
    };
    let units = units(head, endian);
    let all = units.clone().count();
    let letters = units.clone().filter(|&unit| is_letter(unit)).count();
    all >= 4 && letters * 10 >= all * 9 && units.clone().all(|unit| unit != 0)
}

/// Reads UTF-16 as UTF-8. A sequence that is no UTF-16 becomes U+FFFD; a mark at the beginning is
/// dropped.
pub(super) struct Wide<R> {
    from: R,
    endian: Endian,
    text: Vec<u8>,
    at: usize,
    /// The first byte of a unit whose second was not read yet.
    odd: Option<u8>,
    /// The first unit of a pair whose second was not read yet.
    high: Option<u16>,
    /// Units that may turn out to be ASCII.
    narrow: Vec<u16>,
    begun: bool,
    ended: bool,
    /// Whether it ended because it did not go on in UTF-16.
    narrowed: bool,
    replaced: u64,
}

impl<R: Read> Wide<R> {
    pub(super) fn new(from: R, endian: Endian) -> Self {
        Self {
            from,
            endian,
            text: Vec::new(),
            at: 0,
            odd: None,
            high: None,
            narrow: Vec::new(),
            begun: false,
            ended: false,
            narrowed: false,
            replaced: 0,
        }
    }

    /// How many sequences were replaced by U+FFFD so far.
    pub(super) fn replaced(&self) -> u64 {
        self.replaced
    }

    fn fill(&mut self) -> io::Result<()> {
        self.text.clear();
        self.at = 0;
        let mut bytes = [0; HEAD];
        let count = self.from.read(&mut bytes)?;
        if count == 0 {
            self.end();
            return Ok(());
        }
        for &byte in &bytes[..count] {
            match self.odd.take() {
                None => self.odd = Some(byte),
                Some(first) => self.take(unit(first, byte, self.endian)),
            }
        }
        Ok(())
    }

    fn take(&mut self, unit: u16) {
        if self.ended || !std::mem::replace(&mut self.begun, true) && unit == MARK {
            return;
        }
        if is_narrow(unit.into()) {
            self.narrow.push(unit);
            if self.narrow.len() < NARROW_RUN {
                return;
            }
            self.ended = true;
            self.narrowed = true;
            return;
        }
        self.release();
        self.put(unit);
    }

    /// Takes what could have been ASCII, and was not.
    fn release(&mut self) {
        for unit in std::mem::take(&mut self.narrow) {
            self.put(unit);
        }
    }

    fn put(&mut self, unit: u16) {
        let is_high = (0xd800..0xdc00).contains(&unit);
        let is_low = (0xdc00..0xe000).contains(&unit);
        match self.high.take() {
            Some(high) if is_low => return self.decode(&[high, unit]),
            Some(high) => self.decode(&[high]),
            None => {}
        }
        if is_high {
            self.high = Some(unit);
        } else {
            self.decode(&[unit]);
        }
    }

    fn decode(&mut self, units: &[u16]) {
        for char in char::decode_utf16(units.iter().copied()) {
            self.replaced += u64::from(char.is_err());
            let char = char.unwrap_or(char::REPLACEMENT_CHARACTER);
            self.text.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.release();
        if let Some(high) = self.high.take() {
            self.decode(&[high]);
        }
        if self.odd.take().is_some() {
            self.replaced += 1;
            self.text.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

impl<R: Read> Read for Wide<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() && !self.ended {
            self.fill()?;
        }
        if self.at == self.text.len() && self.narrowed {
            return Err(io::Error::new(ErrorKind::InvalidData, "it does not go on in UTF-16"));
        }
        let count = buffer.len().min(self.text.len() - self.at);
        buffer[..count].copy_from_slice(&self.text[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str, endian: Endian) -> Vec<u8> {
        let bytes = |unit: u16| match endian {
            Endian::Big => unit.to_be_bytes(),
            Endian::Little => unit.to_le_bytes(),
        };
        text.encode_utf16().flat_map(bytes).collect()
    }

    /// Reads a byte at a time, to meet every border.
    struct Slow<'b>(&'b [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let len = buffer.len().min(1);
            self.0.read(&mut buffer[..len])
        }
    }

    #[test]
    fn every_script_comes_back_wherever_reads_end() {
        let text = "\u{feff}Caf\u{e9} 漢字、日本語\n\u{1f600} done\r\n";
        for endian in [Endian::Big, Endian::Little] {
            let bytes = encoded(text, endian);
            assert_eq!(endian_of(&bytes), Some(endian));
            let mut read = String::new();
            Wide::new(Slow(&bytes), endian).read_to_string(&mut read).unwrap();
            assert_eq!(read, &text[3..]);
        }
    }

    #[test]
    fn text_without_a_mark_is_known_by_its_nuls() {
        let bytes = encoded("Grüße\r\nsecond line\r\n", Endian::Big);
        assert_eq!(endian_of(&bytes), Some(Endian::Big));
        assert_eq!(endian_of(b"HOME=/root\0PATH=/bin\0"), None);
        assert_eq!(endian_of("plain text, and a long one\n".as_bytes()), None);
        assert_eq!(endian_of(&[0; 64]), None);
    }

    #[test]
    fn bytes_behind_a_mark_that_are_no_text_are_not_taken_for_it() {
        let hidden = [&[0xff, 0xfe], b"password=planted-0000-in-ascii\n".as_slice()].concat();
        assert_eq!(endian_of(&hidden), None);
        assert_eq!(endian_of(b"\xff\xfe\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00"), None);
    }

    #[test]
    fn halves_of_characters_are_replaced_and_counted() {
        let bytes = [encoded("a", Endian::Little), vec![0x00, 0xd8], encoded("b", Endian::Little)];
        let mut bytes = bytes.concat();
        bytes.push(b'x');
        let mut wide = Wide::new(bytes.as_slice(), Endian::Little);
        let mut read = String::new();
        wide.read_to_string(&mut read).unwrap();
        assert_eq!(read, "a\u{fffd}b\u{fffd}");
        assert_eq!(wide.replaced(), 2);
    }

    #[test]
    fn what_goes_on_in_ascii_is_not_read_as_another_script() {
        let mut bytes = encoded("wide\n", Endian::Little);
        bytes.extend_from_slice(b"password=planted-0000-in-ascii\n");
        let mut wide = Wide::new(bytes.as_slice(), Endian::Little);
        let mut read = Vec::new();
        assert!(wide.read_to_end(&mut read).is_err());
        assert_eq!(read, b"wide\n");
    }
}
