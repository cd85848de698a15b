//! The kernel's log, from `/dev/kmsg`
//! (<https://docs.kernel.org/admin-guide/abi-testing.html>, `dev-kmsg`).
//!
//! Every read gives one record. What the kernel says while it is read is not waited for: the end is
//! the newest record of when it was opened.

use rustix::fs::{Mode, OFlags};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::{FileTypeExt, MetadataExt},
};

const PATH: &str = "/dev/kmsg";

/// The device number that is the kernel's log; containers put other things at its path.
const DEVICE: (u32, u32) = (1, 11);

/// Above the kernel's limit for a record with everything that belongs to it (2 KiB since 2022, 8 KiB
/// before); a shorter buffer would be refused.
const RECORD: usize = 16 * 1024;

/// More records than the largest buffer holds that a kernel can be given: an end in any case.
const RECORDS: usize = 1 << 24;

/// Opens the log.
pub(super) fn open() -> io::Result<impl Read + Send> {
    // Opened first: it is read from the end, so that it gives only what comes after now.
    let mut news = device()?;
    news.seek(SeekFrom::End(0))?;
    Ok(KernelLog::new(device()?, news))
}

fn device() -> io::Result<File> {
    let metadata = std::fs::metadata(PATH)?;
    let number = metadata.rdev();
    let found = (rustix::fs::major(number), rustix::fs::minor(number));
    if !metadata.file_type().is_char_device() || found != DEVICE {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "`/dev/kmsg` is not the kernel's log here",
        ));
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(PATH, flags, Mode::empty())?.into())
}

/// The records of a log as lines, up to the first of `news`.
struct KernelLog<R> {
    log: R,
    news: R,
    /// The number of the first record that came after the log was opened, as soon as there is one.
    end: Option<u64>,
    left: usize,
    record: Box<[u8]>,
    /// The record's line, and how much of it was read.
    line: Vec<u8>,
    taken: usize,
}

impl<R: Read> KernelLog<R> {
    fn new(log: R, news: R) -> Self {
        Self {
            log,
            news,
            end: None,
            left: RECORDS,
            record: vec![0; RECORD].into_boxed_slice(),
            line: Vec::new(),
            taken: 0,
        }
    }

    /// Reads the next record; there is none at the end.
    fn advance(&mut self) -> io::Result<bool> {
        self.taken = 0;
        self.line.clear();
        if self.left == 0 {
            return Ok(false);
        }
        self.left -= 1;
        let Some(record) = next(&mut self.log, &mut self.record)? else {
            return Ok(false);
        };
        // A record's properties follow it on lines of their own, which begin with a space.
        let line = record.split(|&byte| byte == b'\n').next().unwrap_or(record);
        self.line.extend_from_slice(line);
        self.line.push(b'\n');
        if self.end.is_none() {
            self.end = next(&mut self.news, &mut self.record)?.and_then(number);
        }
        let is_news = match (self.end, number(&self.line)) {
            (Some(end), Some(number)) => number >= end,
            _ => false,
        };
        if is_news {
            self.left = 0;
            self.line.clear();
        }
        Ok(!is_news)
    }
}

/// The next record, if there is one by now.
fn next<'b>(log: &mut impl Read, buffer: &'b mut [u8]) -> io::Result<Option<&'b [u8]>> {
    loop {
        match log.read(buffer) {
            Ok(0) => return Ok(None),
            Ok(length) => return Ok(Some(&buffer[..length])),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => return Ok(None),
                // Overwritten while it was read: the next read gives the oldest that is left.
                io::ErrorKind::BrokenPipe | io::ErrorKind::Interrupted => {}
                _ => return Err(error),
            },
        }
    }
}

/// A record's number: the second field of `6,339,5140900,-;text`.
fn number(record: &[u8]) -> Option<u64> {
    let field = record.split(|&byte| byte == b',').nth(1)?;
    std::str::from_utf8(field).ok()?.parse().ok()
}

impl<R: Read> Read for KernelLog<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.line.len() && !self.advance()? {
            return Ok(0);
        }
        let length = (&self.line[self.taken..]).read(buffer)?;
        self.taken += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// What each read gives: a record or an error.
    struct Script(VecDeque<Result<&'static str, io::ErrorKind>>);

    impl Script {
        fn new<const N: usize>(reads: [Result<&'static str, io::ErrorKind>; N]) -> Self {
            Self(reads.into())
        }
    }

    impl Read for Script {
        fn read(&mut self, mut buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.pop_front() {
                Some(Ok(record)) => io::Write::write(&mut buffer, record.as_bytes()),
                Some(Err(kind)) => Err(kind.into()),
                None => Err(io::ErrorKind::WouldBlock.into()),
            }
        }
    }

    fn read(log: Script, news: Script) -> String {
        let mut text = String::new();
        let mut log = KernelLog::new(log, news);
        log.read_to_string(&mut text).unwrap();
        assert_eq!(log.read(&mut [0; 8]).unwrap(), 0, "the end is the end");
        text
    }

    #[test]
    fn each_record_is_a_line_without_its_properties() {
        let log = Script::new([
            Ok("6,1,10,-;usb 1-1: new device\n SUBSYSTEM=usb\n DEVICE=+usb:1-1\n"),
            Ok("4,2,20,-;two\\x0alines\n"),
        ]);
        assert_eq!(
            read(log, Script::new([])),
            "6,1,10,-;usb 1-1: new device\n4,2,20,-;two\\x0alines\n"
        );
    }

    #[test]
    fn records_that_were_overwritten_do_not_end_the_log() {
        let log =
            Script::new([Ok("6,1,10,-;a\n"), Err(io::ErrorKind::BrokenPipe), Ok("6,9,90,-;b\n")]);
        assert_eq!(read(log, Script::new([])), "6,1,10,-;a\n6,9,90,-;b\n");
    }

    #[test]
    fn a_kernel_that_logs_for_ever_does_not_hold_up_the_reader() {
        let log = Script::new([
            Ok("6,1,10,-;a\n"),
            Ok("6,2,20,-;b\n"),
            Ok("6,3,30,-;new\n"),
            Ok("6,4,40,-;newer\n"),
        ]);
        let news = Script::new([Err(io::ErrorKind::WouldBlock), Ok("6,3,30,-;new\n")]);
        assert_eq!(read(log, news), "6,1,10,-;a\n6,2,20,-;b\n");
    }
}
