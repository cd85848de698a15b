//! UTF-8 becomes UTF-16 again.

use crate::inside::Endian;
use std::io::{self, Write};

/// Writes UTF-8 as UTF-16; what is no UTF-8 becomes U+FFFD.
pub(super) struct Widen<'w> {
    inner: &'w mut dyn Write,
    endian: Endian,
    /// The beginning of a character.
    held: Vec<u8>,
}

impl<'w> Widen<'w> {
    /// Writes the mark first, if the text is to have one.
    pub(super) fn new(inner: &'w mut dyn Write, endian: Endian, mark: bool) -> io::Result<Self> {
        let mut widen = Self { inner, endian, held: Vec::new() };
        if mark {
            widen.put("\u{feff}")?;
        }
        Ok(widen)
    }

    /// Ends the text.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.held.is_empty() { Ok(()) } else { self.put("\u{fffd}") }
    }

    fn put(&mut self, text: &str) -> io::Result<()> {
        let bytes = |unit: u16| match self.endian {
            Endian::Big => unit.to_be_bytes(),
            Endian::Little => unit.to_le_bytes(),
        };
        let bytes: Vec<u8> = text.encode_utf16().flat_map(bytes).collect();
        self.inner.write_all(&bytes)
    }
}

impl Write for Widen<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut text = std::mem::take(&mut self.held);
        text.extend_from_slice(bytes);
        let mut rest = &text[..];
        while let Some(chunk) = rest.utf8_chunks().next() {
            let len = chunk.valid().len();
            self.put(chunk.valid())?;
            rest = &rest[len..];
            let wrong = chunk.invalid().len();
            // Three bytes at the end may be a character whose fourth is still to come.
            if wrong == rest.len()
                && std::str::from_utf8(rest).is_err_and(|e| e.error_len().is_none())
            {
                break;
            }
            if wrong > 0 {
                self.put("\u{fffd}")?;
            }
            rest = &rest[wrong..];
        }
        self.held = rest.to_vec();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_it_is_written_the_same_text_comes_out() {
        let text = "a\u{e9}\u{20ac}\u{1f600}\n";
        for size in 1..10 {
            let mut out = Vec::new();
            let mut widen = Widen::new(&mut out, Endian::Little, true).unwrap();
            for part in text.as_bytes().chunks(size) {
                widen.write_all(part).unwrap();
            }
            widen.finish().unwrap();
            let units: Vec<u16> =
                out.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            assert_eq!(String::from_utf16(&units).unwrap(), format!("\u{feff}{text}"));
        }
    }
}
