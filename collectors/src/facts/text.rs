//! Text files of any size, line by line.

use collect_core::{
    host::Host,
    inside::{Form, HEAD},
};
use std::{
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

/// No line that is understood is longer; the rest of a longer one is skipped.
const LONGEST_LINE: u64 = 1 << 20;

/// The lines of a text, without what ends them. What is no UTF-8 is replaced; an error of the
/// reader is an end.
pub(crate) struct Lines<R>(BufReader<R>);

impl<R: Read> Lines<R> {
    /// Reads them from here.
    pub(crate) fn new(from: R) -> Self {
        Self(BufReader::with_capacity(64 << 10, from))
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let read = (&mut self.0).take(LONGEST_LINE).read_until(b'\n', &mut line).ok()?;
        if read == 0 {
            return None;
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if read as u64 == LONGEST_LINE {
            self.0.skip_until(b'\n').ok()?;
        }
        Some(String::from_utf8_lossy(&line).into_owned())
    }
}

/// Opens a file over symbolic links, and undoes its compression if it has one.
pub(crate) fn open(host: &dyn Host, path: impl AsRef<Path>) -> io::Result<Box<dyn Read>> {
    let mut file = host.open(&host.canonical(path.as_ref())?)?;
    let mut head = Vec::new();
    (&mut file).take(HEAD as u64).read_to_end(&mut head)?;
    let form = Form::of(&head);
    let whole = io::Cursor::new(head).chain(file);
    match form {
        Form::Compressed(codec) => codec.decoder(whole),
        _ => Ok(Box::new(whole)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;

    #[test]
    fn lines_are_read_whatever_they_hold() {
        let mut bytes = b"a\n\xff\n".to_vec();
        bytes.extend(vec![b'x'; LONGEST_LINE as usize + 7]);
        bytes.extend(b"\nlast");
        let lines: Vec<_> = Lines::new(bytes.as_slice()).collect();
        assert_eq!(lines[..2], ["a", "\u{fffd}"]);
        assert_eq!(lines[2].len() as u64, LONGEST_LINE);
        assert_eq!(lines[3..], ["last"]);
    }

    #[test]
    fn a_compressed_file_is_read_inside_and_over_a_link() {
        // `printf 'rotated\n' | gzip -n`
        const GZIP: [u8; 28] = [
            31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 43, 202, 47, 73, 44, 73, 77, 225, 2, 0, 31, 29, 77,
            137, 8, 0, 0, 0,
        ];
        let host = FakeHost::new().bytes("/log.1.gz", GZIP).link("/link", "log.1.gz");
        let lines: Vec<_> = Lines::new(open(&host, "/link").unwrap()).collect();
        assert_eq!(lines, ["rotated"]);
    }
}
