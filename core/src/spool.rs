//! Where compressed segments wait until the bundle is sealed: in memory as far as it may be used,
//! the rest in an unnamed file under a one-time key.
//!
//! The key exists only in this process's memory and the file has no name, so nothing of it can be
//! read later, whatever ends the process.

use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit, Nonce,
    aead::{Aead, OsRng},
};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// A segment in the spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentId(usize);

/// By how much encryption makes a segment longer (RFC 8439, 2.8).
const TAG: usize = 16;

/// The segments of one run.
pub(crate) struct Spool {
    segments: Vec<Segment>,
    in_memory: u64,
    memory: u64,
    max: u64,
    dir: PathBuf,
    spill: Option<Spill>,
    len: u64,
}

enum Segment {
    Memory(Vec<u8>),
    Spilled { at: u64, len: usize, number: u64 },
}

struct Spill {
    file: File,
    cipher: ChaCha20Poly1305,
    end: u64,
    used: u64,
}

impl Spool {
    /// An empty spool for `max` bytes, which keeps up to `memory` bytes in memory and the rest in a
    /// file in `dir`.
    pub(crate) fn new(max: u64, memory: u64, dir: &Path) -> Self {
        let dir = dir.to_owned();
        Self { segments: Vec::new(), in_memory: 0, memory, max, dir, spill: None, len: 0 }
    }

    /// Whether parts of large entries no longer fit.
    pub(crate) fn is_full(&self) -> bool {
        self.len >= self.max_for_parts()
    }

    /// A tenth is left for small entries, which say most for their size.
    fn max_for_parts(&self) -> u64 {
        self.max - self.max / 10
    }

    /// Takes a part of a large entry.
    ///
    /// # Errors
    ///
    /// As [`Spool::put`], but when nine tenths are used.
    pub(crate) fn put_part(&mut self, bytes: Vec<u8>) -> io::Result<SegmentId> {
        self.put_below(bytes, self.max_for_parts())
    }

    /// How many bytes are in it.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Takes a segment.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`io::ErrorKind::QuotaExceeded`] if the spool is full, and
    /// another if the segment does not fit into memory and cannot be written. It is not kept then.
    pub(crate) fn put(&mut self, bytes: Vec<u8>) -> io::Result<SegmentId> {
        self.put_below(bytes, self.max)
    }

    fn put_below(&mut self, bytes: Vec<u8>, max: u64) -> io::Result<SegmentId> {
        let len = bytes.len() as u64;
        if self.len + len > max {
            let text = "the size limit of the bundle is reached";
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, text));
        }
        let id = self.aside(bytes)?;
        self.len += len;
        Ok(id)
    }

    /// Takes bytes that are no part of the bundle, but are needed until it is sealed.
    ///
    /// # Errors
    ///
    /// They do not fit into memory and cannot be written.
    pub(crate) fn aside(&mut self, bytes: Vec<u8>) -> io::Result<SegmentId> {
        let segment = self.segment(bytes)?;
        self.segments.push(segment);
        Ok(SegmentId(self.segments.len() - 1))
    }

    /// Puts other bytes in the place of a segment of the bundle, whatever its limit: that there is
    /// less of it than was gathered is worse than that it is a little larger.
    ///
    /// # Errors
    ///
    /// They do not fit into memory and cannot be written. The segment stays what it was.
    pub(crate) fn replace(&mut self, id: SegmentId, bytes: Vec<u8>) -> io::Result<()> {
        let len = bytes.len() as u64;
        let segment = self.segment(bytes)?;
        let old = match std::mem::replace(&mut self.segments[id.0], segment) {
            Segment::Memory(bytes) => {
                self.in_memory = self.in_memory.saturating_sub(bytes.len() as u64);
                bytes.len()
            }
            Segment::Spilled { len, .. } => len - TAG,
        };
        self.len = self.len - old as u64 + len;
        Ok(())
    }

    fn segment(&mut self, mut bytes: Vec<u8>) -> io::Result<Segment> {
        let len = bytes.len() as u64;
        if self.in_memory + len > self.memory {
            return self.spill(&bytes);
        }
        self.in_memory += len;
        bytes.shrink_to_fit();
        Ok(Segment::Memory(bytes))
    }

    /// Takes a segment into memory, whatever the limit: for the few that end the bundle.
    pub(crate) fn keep(&mut self, bytes: Vec<u8>) -> SegmentId {
        self.len += bytes.len() as u64;
        self.segments.push(Segment::Memory(bytes));
        SegmentId(self.segments.len() - 1)
    }

    fn spill(&mut self, bytes: &[u8]) -> io::Result<Segment> {
        let spill = match &mut self.spill {
            Some(spill) => spill,
            empty => {
                let file = tempfile::tempfile_in(&self.dir)?;
                let key = ChaCha20Poly1305::generate_key(&mut OsRng);
                empty.insert(Spill { file, cipher: ChaCha20Poly1305::new(&key), end: 0, used: 0 })
            }
        };
        // Counted even if writing fails: a nonce is never used twice.
        let number = spill.used;
        spill.used += 1;
        let sealed = spill.cipher.encrypt(&nonce(number), bytes).map_err(|_| cipher_failed())?;
        let at = spill.end;
        spill.file.seek(SeekFrom::Start(at))?;
        spill.file.write_all(&sealed)?;
        spill.end += sealed.len() as u64;
        Ok(Segment::Spilled { at, len: sealed.len(), number })
    }

    /// The bytes of a segment.
    pub(crate) fn read(&mut self, id: SegmentId) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.copy(id, &mut bytes)?;
        Ok(bytes)
    }

    /// Writes a segment to the bundle.
    pub(crate) fn copy(&mut self, id: SegmentId, to: &mut dyn Write) -> io::Result<()> {
        match &self.segments[id.0] {
            Segment::Memory(bytes) => to.write_all(bytes),
            Segment::Spilled { at, len, number } => {
                let spill = self.spill.as_mut().expect("a spilled segment has a file");
                let mut sealed = vec![0; *len];
                spill.file.seek(SeekFrom::Start(*at))?;
                spill.file.read_exact(&mut sealed)?;
                let plain = spill.cipher.decrypt(&nonce(*number), &*sealed);
                to.write_all(&plain.map_err(|_| cipher_failed())?)
            }
        }
    }
}

/// Every segment has a number of its own, and the key is used for one run: no nonce repeats.
fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&number.to_le_bytes());
    nonce.into()
}

fn cipher_failed() -> io::Error {
    io::Error::other("a segment could not be protected while it waited")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_into_memory_waits_encrypted_in_a_file_without_a_name() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(1000, 10, dir.path());
        let first = spool.put(b"in memory".to_vec()).unwrap();
        let second = spool.put(b"password=planted-0000".to_vec()).unwrap();
        let third = spool.put(b"third".to_vec()).unwrap();

        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "the file has a name");
        let spill = spool.spill.as_mut().expect("there is a file");
        let mut on_disk = Vec::new();
        spill.file.rewind().unwrap();
        spill.file.read_to_end(&mut on_disk).unwrap();
        assert!(!on_disk.windows(7).any(|window| window == b"planted"), "plaintext on disk");

        let mut all = Vec::new();
        for id in [first, second, third] {
            spool.copy(id, &mut all).unwrap();
        }
        assert_eq!(all, b"in memorypassword=planted-0000third");
    }

    #[test]
    fn a_segment_can_be_replaced_wherever_it_waits() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(30, 10, dir.path());
        let first = spool.put(b"in memory".to_vec()).unwrap();
        let second = spool.put(b"in the file".to_vec()).unwrap();
        let beside = spool.aside(b"no part of the bundle".to_vec()).unwrap();
        assert_eq!(spool.len(), 20);
        spool.replace(first, b"mended".to_vec()).unwrap();
        spool.replace(second, b"mended, and longer than the limit".to_vec()).unwrap();
        assert_eq!(spool.len(), 6 + 33);
        assert_eq!(spool.read(first).unwrap(), b"mended");
        assert_eq!(spool.read(second).unwrap(), b"mended, and longer than the limit");
        assert_eq!(spool.read(beside).unwrap(), b"no part of the bundle");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error_and_loses_nothing_before() {
        let mut spool = Spool::new(1000, 4, Path::new("/nonexistent"));
        let kept = spool.put(b"kept".to_vec()).unwrap();
        assert!(spool.put(b"more".to_vec()).is_err());
        let mut all = Vec::new();
        spool.copy(kept, &mut all).unwrap();
        assert_eq!(all, b"kept");
    }
}
