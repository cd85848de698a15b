//! Lines of a reader, in constant memory.

use memchr::memchr;
use std::io::{self, Read};

/// What is read at once.
const BUFFER: usize = 256 * 1024;

/// A longer line is none: S3 takes at most 8 KB of headers, and no key beyond 1 KB.
pub(crate) const LONGEST: usize = 64 * 1024;

/// Gives each line to `each`, without the line break; of a line that is too long its beginning, and
/// `false`. Empty lines are left out.
pub(crate) fn each(mut reader: impl Read, mut each: impl FnMut(&[u8], bool)) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut filled = 0;
    // The rest of a line that was too long is still to be skipped.
    let mut skipping = false;
    loop {
        let read = match reader.read(&mut buffer[filled..]) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = filled + read;
        let mut start = 0;
        // What was filled before has no line break.
        let mut from = filled;
        while let Some(at) = memchr(b'\n', &buffer[from..end]) {
            let line = &buffer[start..from + at];
            match std::mem::take(&mut skipping) {
                true => {}
                false if line.len() > LONGEST => each(&line[..LONGEST], false),
                false if line.is_empty() => {}
                false => each(line, true),
            }
            start = from + at + 1;
            from = start;
        }
        let rest = start..end;
        if read == 0 {
            if !skipping && !rest.is_empty() {
                each(&buffer[rest], true);
            }
            return Ok(());
        }
        if rest.len() > LONGEST {
            if !skipping {
                each(&buffer[start..start + LONGEST], false);
            }
            skipping = true;
            filled = 0;
        } else {
            filled = if skipping { 0 } else { rest.len() };
            buffer.copy_within(rest, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], step: usize) -> Vec<(usize, bool)> {
        struct Steps<'t>(&'t [u8], usize);
        impl Read for Steps<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let length = self.1.min(self.0.len()).min(buffer.len());
                buffer[..length].copy_from_slice(&self.0[..length]);
                self.0 = &self.0[length..];
                Ok(length)
            }
        }
        let mut found = Vec::new();
        each(Steps(text, step), |line, whole| found.push((line.len(), whole))).unwrap();
        found
    }

    #[test]
    fn lines_are_the_same_however_they_arrive() {
        let long = "x".repeat(LONGEST * 5);
        let text = format!("abc\n\nde\n{long}\nf\n{}\nlast", "y".repeat(LONGEST));
        for step in [1, 7, 4096, BUFFER, usize::MAX] {
            assert_eq!(
                lines(text.as_bytes(), step),
                [(3, true), (2, true), (LONGEST, false), (1, true), (LONGEST, true), (4, true)],
                "{step} bytes at once"
            );
        }
    }
}
