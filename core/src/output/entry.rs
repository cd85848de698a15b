//! An entry on its way from a collector to packing, block by block.

use super::{BLOCK, Output};
use crate::{
    bundle::{Covers, NoteKind},
    collector::CollectError,
    gather::{EntryMeta, StepEvent, Whole},
    inside::Form,
    profile::Binary,
    redact::{self, Cutter, Piece},
    stamp::{Moment, Origin, Stamps},
};
use jiff::Timestamp;
use std::{
    io::{self, ErrorKind, Read, Write},
    mem,
    sync::{Arc, atomic::Ordering},
};

/// What a small entry takes beside its bytes and its name while it waits to be packed: its records in
/// the archive, and what is known of it. Empty files, too, come in hundreds of thousands.
const FRAME: u64 = 2 << 10;

/// An entry that is being written; ended by [`EntryWriter::end`].
///
/// One that is dropped before, by an error or a panic, is ended as far as it got and marked.
pub struct EntryWriter<'o, 'a> {
    out: &'o mut Output<'a>,
    meta: EntryMeta,
    cutter: Option<Cutter>,
    buffer: Vec<u8>,
    filled: usize,
    state: State,
    pub(super) truncated: Option<String>,
    /// Whether it ends at any byte, not where its source ends or was cut between lines.
    torn: bool,
    dating: Dating,
}

/// How it is found out what time an entry covers.
enum Dating {
    /// It is not, or was said.
    Known,
    /// By the lines of a source of which this is known.
    Of(Origin),
    /// By lines of this format.
    By(Box<Stamps>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was sent yet.
    Start,
    /// The first block was sent: a large entry.
    Begun,
    /// It is left out; what is still written is ignored.
    LeftOut,
    /// It was ended.
    Ended,
}

impl<'o, 'a> EntryWriter<'o, 'a> {
    pub(super) fn new(out: &'o mut Output<'a>, meta: EntryMeta, cutter: Cutter) -> Self {
        Self {
            out,
            meta,
            cutter: Some(cutter),
            buffer: Vec::new(),
            filled: 0,
            state: State::Start,
            truncated: None,
            torn: false,
            dating: Dating::Known,
        }
    }

    /// Copies everything from a reader, as far as the step's budget goes; says how many bytes were
    /// taken. What came before an error of the reader is kept.
    pub fn copy(&mut self, from: &mut dyn Read) -> Result<u64, CollectError> {
        let mut taken = 0;
        while self.state != State::LeftOut {
            if self.out.deadline.passed() {
                return Err(self.stopped());
            }
            self.make_room()?;
            let room = (self.buffer.len() - self.filled) as u64;
            let room = room.min(self.out.budget) as usize;
            if room == 0 {
                let more = from.read(&mut [0]).is_ok_and(|more| more > 0);
                if more {
                    self.tear("cut here: the size limit of the step is reached");
                }
                break;
            }
            match from.read(&mut self.buffer[self.filled..self.filled + room]) {
                Ok(0) => break,
                Ok(read) => {
                    self.filled += read;
                    self.out.budget -= read as u64;
                    taken += read as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::TimedOut => return Err(self.stopped()),
                Err(error) => {
                    self.tear(&format!("cut here: {error}"));
                    self.out.failed(&self.meta.source.clone(), &error);
                    break;
                }
            }
        }
        Ok(taken)
    }

    /// Says what was undone to come to this entry, the outermost first.
    pub fn decoded_from(&mut self, decoded: &[&str]) {
        self.meta.decoded = decoded.iter().map(|&what| what.to_owned()).collect();
    }

    /// Has it found out by the entry's own lines what time it covers.
    pub fn dated(&mut self, origin: Origin) {
        self.dating = Dating::Of(origin);
    }

    /// Says what time the entry covers.
    pub fn covers(&mut self, from: Timestamp, to: Timestamp) {
        self.dating = Dating::Known;
        self.meta.covers = Some(Covers { from, to });
    }

    /// Says that something was cut from this entry: where, and how much.
    pub fn truncated(&mut self, what: &str) {
        let what = self.out.redaction.text(what);
        self.truncated = Some(match self.truncated.take() {
            Some(before) => format!("{before}; {what}"),
            None => what,
        });
    }

    /// Ends the entry.
    pub fn end(mut self) -> Result<(), CollectError> {
        self.finish()
    }

    fn stopped(&mut self) -> CollectError {
        self.tear("cut here: the step was stopped");
        CollectError::Stopped
    }

    /// Ends it at any byte; the line that is torn by that is not taken.
    pub(crate) fn tear(&mut self, why: &str) {
        if !self.torn {
            self.truncated(why);
            self.torn = true;
        }
    }

    fn make_room(&mut self) -> Result<(), CollectError> {
        if self.filled < self.buffer.len() {
            return Ok(());
        }
        // Most entries are small: a block is taken only by those that need it.
        if self.buffer.len() < BLOCK {
            let len = (self.buffer.len() * 8).clamp(BLOCK / 64, BLOCK);
            self.buffer.resize(len, 0);
            return Ok(());
        }
        self.flush_block()
    }

    fn flush_block(&mut self) -> Result<(), CollectError> {
        if !self.is_wanted() {
            return Ok(());
        }
        if self.out.full.load(Ordering::Relaxed) {
            self.tear("cut here: the size limit of the bundle is reached");
            return Err(CollectError::Stopped);
        }
        self.date();
        let mut next = self.out.redaction.buffer(BLOCK);
        next.resize(BLOCK, 0);
        let block = mem::replace(&mut self.buffer, next);
        self.filled = 0;
        let permit = self.out.permits.acquire(block.len() as u64, self.out.deadline)?;
        if self.state == State::Start {
            self.state = State::Begun;
            self.out.send(StepEvent::Begun(self.meta.clone()));
        }
        let cut = self.cutter.as_mut().expect("an open entry has a cutter").push(block);
        match cut {
            Ok(Some(piece)) => self.out.send(StepEvent::Piece(piece, Arc::new(permit))),
            Ok(None) => {}
            Err(error) => self.withhold(&error),
        }
        Ok(())
    }

    /// Looks for the times of the first and the last line of what is about to be sent.
    fn date(&mut self) {
        let mut text = &self.buffer[..self.filled];
        if self.torn {
            text = &text[..memchr::memrchr(b'\n', text).map_or(0, |end| end + 1)];
        }
        if let Dating::Of(origin) = &self.dating {
            let found = Stamps::detect(text, origin).filter(|_| !self.meta.binary);
            self.dating = found.map_or(Dating::Known, |stamps| Dating::By(Box::new(stamps)));
        }
        let Dating::By(stamps) = &mut self.dating else {
            return;
        };
        let time = |moment: Option<Moment>| moment.and_then(Moment::timestamp);
        let from = match self.meta.covers {
            Some(covers) => Some(covers.from),
            None => time(stamps.first(text)),
        };
        let to = time(stamps.last(text)).or(self.meta.covers.map(|covers| covers.to));
        self.meta.covers = from.zip(to).map(|(from, to)| Covers { from, to });
    }

    /// Whether the entry may be in the bundle; looked at once, when its first bytes are there.
    fn is_wanted(&mut self) -> bool {
        if self.state == State::Start {
            let head = &self.buffer[..self.filled];
            let why = if let Form::Compressed(_) = Form::of(head) {
                // Whatever the policy: nobody can say what is in it.
                Some("left out: it holds compressed data that was not opened")
            } else if !redact::looks_binary(head) {
                None
            } else if self.out.binary == Binary::Drop {
                Some("left out: it holds binary data")
            } else {
                self.meta.binary = true;
                None
            };
            if let Some(why) = why {
                self.state = State::LeftOut;
                let path = self.meta.path.clone();
                self.out.noted(NoteKind::Dropped, &path, why);
            }
        }
        self.state != State::LeftOut
    }

    fn withhold(&mut self, error: &redact::ScrubError) {
        if self.state == State::Begun {
            self.out.send(StepEvent::Lost);
        }
        self.state = State::LeftOut;
        self.out.send(StepEvent::Noted(crate::gather::withheld(&self.meta, error)));
    }

    fn finish(&mut self) -> Result<(), CollectError> {
        let state = self.state;
        let wanted = self.is_wanted();
        if !wanted || state == State::Ended {
            self.state = State::Ended;
            return Ok(());
        }
        self.date();
        self.buffer.truncate(self.filled);
        self.buffer.shrink_to_fit();
        let rest = mem::take(&mut self.buffer);
        let len = rest.len() as u64;
        let mut cutter = self.cutter.take().expect("an open entry has a cutter");
        let pieces = cutter.push(rest).and_then(|first| {
            let rest = if self.torn { cutter.finish_torn() } else { cutter.finish() };
            let pieces: Vec<Piece> = first.into_iter().chain(rest?).collect();
            Ok(pieces)
        });
        let pieces = match pieces {
            Ok(pieces) => pieces,
            Err(error) => {
                self.withhold(&error);
                self.state = State::Ended;
                return Ok(());
            }
        };
        self.state = State::Ended;
        let truncated = self.truncated.take();
        let frame = if state == State::Start { FRAME + self.meta.path.len() as u64 } else { 0 };
        match self.out.permits.acquire(len + frame, self.out.deadline) {
            Ok(permit) if state == State::Start => {
                let meta = self.meta.clone();
                self.out.send(StepEvent::Whole(Whole { meta, pieces, truncated, permit }));
                Ok(())
            }
            Ok(permit) => {
                let permit = Arc::new(permit);
                for piece in pieces {
                    self.out.send(StepEvent::Piece(piece, Arc::clone(&permit)));
                }
                self.out.send(StepEvent::EntryEnded(truncated, self.meta.covers));
                Ok(())
            }
            Err(error) => {
                let text = "cut here: the step was stopped";
                if state == State::Start {
                    let path = self.meta.path.clone();
                    self.out.noted(NoteKind::Truncated, &path, text);
                } else {
                    let covers = self.meta.covers;
                    self.out.send(StepEvent::EntryEnded(Some(text.to_owned()), covers));
                }
                Err(error)
            }
        }
    }
}

impl Drop for EntryWriter<'_, '_> {
    fn drop(&mut self) {
        if self.state != State::Ended {
            if self.truncated.is_none() {
                self.truncated("cut here: the collector ended before the entry did");
            }
            self.torn = true;
            _ = self.finish();
        }
    }
}

impl Write for EntryWriter<'_, '_> {
    /// Takes bytes as far as the step's budget goes; beyond it the entry is marked as cut, and the
    /// rest is dropped without an error.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        self.copy(&mut rest).map_err(|_| io::Error::from(ErrorKind::TimedOut))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
