//! What stands in the files of a made-up host.

use crate::host::{FileInfo, HostFile};
use std::{
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

/// A line of a file that never ends.
const LINE: &[u8] = b"and another line\n";

/// What stands in a file.
#[derive(Debug)]
pub(super) enum Content {
    Bytes(Vec<u8>),
    Sparse {
        len: u64,
        data: Vec<(u64, Vec<u8>)>,
    },
    Hangs(Arc<Gate>),
    /// Claims this length, and goes on for ever.
    Grows(u64),
}

impl Content {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Sparse { len, .. } | Self::Grows(len) => *len,
            Self::Hangs(_) => LINE.len() as u64,
        }
    }

    pub(super) fn allocated(&self) -> u64 {
        match self {
            Self::Sparse { data, .. } => data.iter().map(|(_, bytes)| bytes.len() as u64).sum(),
            _ => self.len(),
        }
    }

    fn read(&self, from: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Bytes(bytes) => Ok(copy(bytes, from, buffer)),
            Self::Sparse { len, data } => Ok(copy_sparse(*len, data, from, buffer)),
            Self::Hangs(gate) => {
                gate.wait();
                Err(io::Error::other("the test that this file hung for is over"))
            }
            Self::Grows(_) => {
                let start = (from % LINE.len() as u64) as usize;
                let endless = LINE.iter().cycle().skip(start);
                for (to, from) in buffer.iter_mut().zip(endless) {
                    *to = *from;
                }
                Ok(buffer.len())
            }
        }
    }

    fn data(&self, from: u64) -> Option<Range<u64>> {
        match self {
            Self::Sparse { data, .. } => data
                .iter()
                .map(|(at, bytes)| (*at).max(from)..at + bytes.len() as u64)
                .filter(|range| !range.is_empty())
                .min_by_key(|range| range.start),
            _ => Some(from..self.len()).filter(|range| !range.is_empty()),
        }
    }
}

fn copy(bytes: &[u8], from: u64, buffer: &mut [u8]) -> usize {
    let from = (from as usize).min(bytes.len());
    let length = buffer.len().min(bytes.len() - from);
    buffer[..length].copy_from_slice(&bytes[from..from + length]);
    length
}

fn copy_sparse(len: u64, data: &[(u64, Vec<u8>)], from: u64, buffer: &mut [u8]) -> usize {
    let length = len.saturating_sub(from).min(buffer.len() as u64);
    let end = from + length;
    let buffer = &mut buffer[..length as usize];
    buffer.fill(0);
    for (at, bytes) in data {
        let common = from.max(*at)..end.min(at + bytes.len() as u64);
        if !common.is_empty() {
            let to = (common.start - from) as usize..(common.end - from) as usize;
            let source = (common.start - at) as usize..(common.end - at) as usize;
            buffer[to].copy_from_slice(&bytes[source]);
        }
    }
    buffer.len()
}

/// An open file of a made-up host.
#[derive(Debug)]
pub(super) struct OpenFile {
    content: Arc<Content>,
    info: FileInfo,
    at: u64,
}

impl OpenFile {
    pub(super) fn new(content: Arc<Content>, info: FileInfo) -> Self {
        Self { content, info, at: 0 }
    }
}

impl Read for OpenFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.content.read(self.at, buffer)?;
        self.at += length as u64;
        Ok(length)
    }
}

impl Seek for OpenFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.info.len.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl HostFile for OpenFile {
    fn info(&self) -> io::Result<FileInfo> {
        Ok(self.info)
    }

    fn data(&mut self, from: u64) -> io::Result<Option<Range<u64>>> {
        let range = self.content.data(from);
        if let Some(range) = &range {
            self.at = range.start;
        }
        Ok(range)
    }
}

/// What everything that hangs waits at.
#[derive(Debug, Default)]
pub(super) struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    pub(super) fn open(&self) {
        *self.is_open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.opened.notify_all();
    }

    fn wait(&self) {
        while !self.wait_for(Duration::from_mins(1)) {}
    }

    /// Waits until it is open, but not longer than this; says whether it is open.
    pub(super) fn wait_for(&self, limit: Duration) -> bool {
        let is_open = self.is_open.lock().unwrap_or_else(PoisonError::into_inner);
        let (is_open, _) = self
            .opened
            .wait_timeout_while(is_open, limit, |is_open| !*is_open)
            .unwrap_or_else(PoisonError::into_inner);
        *is_open
    }
}

/// Lets go everything on a [`FakeHost`](super::FakeHost) that hangs, when it is dropped.
#[derive(Debug)]
#[must_use = "what hangs goes on as soon as this is dropped"]
pub struct Release(Arc<Gate>);

impl Release {
    pub(super) fn new(gate: Arc<Gate>) -> Self {
        Self(gate)
    }
}

impl Drop for Release {
    fn drop(&mut self) {
        self.0.open();
    }
}
