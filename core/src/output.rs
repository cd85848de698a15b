//! The verbs that a collector writes its entries with.

use crate::{
    bundle::{Note, NoteKind},
    collector::CollectError,
    gather::{EntryMeta, Message, Permits, StepEvent, Whole},
    host::{CommandLine, Deadline, Host},
    inside::Form,
    names::Names,
    profile::Binary,
    redact::{self, Cutter, Piece, Redaction},
};
use jiff::Timestamp;
use serde::Serialize;
use std::{
    io::{self, ErrorKind, Read, Write},
    mem,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::Sender,
    },
};

/// How much of an entry is redacted and compressed at a time: a segment of the bundle.
///
/// Six times the window of the compression in use: larger blocks gain little, and
/// cost memory for each that is on its way.
pub(crate) const BLOCK: usize = 3 << 20;

/// What a small entry takes beside its bytes and its name while it waits to be packed: its records in
/// the archive, and what is known of it. Empty files, too, come in hundreds of thousands.
const FRAME: u64 = 2 << 10;

/// What [`Output::read`] takes at most.
const READ_MAX: u64 = 16 << 20;

/// How many characters of a command's standard error go into a note.
const STDERR_SHOWN: usize = 500;

/// The time that is of interest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Nothing older.
    pub since: Option<Timestamp>,
    /// Nothing newer.
    pub until: Option<Timestamp>,
}

/// Where a collector writes to: the folder of its step in the bundle.
///
/// Everything that is written is redacted, and counts towards the step's size.
pub struct Output<'a> {
    pub(crate) index: usize,
    pub(crate) id: &'a str,
    pub(crate) host: &'a dyn Host,
    pub(crate) deadline: &'a Deadline,
    pub(crate) window: Window,
    pub(crate) budget: u64,
    pub(crate) binary: Binary,
    pub(crate) redaction: &'a Redaction,
    pub(crate) permits: &'a Arc<Permits>,
    pub(crate) full: &'a AtomicBool,
    pub(crate) messages: &'a Sender<Message>,
    /// The paths of entries, and those of their folders with a `/` behind.
    pub(crate) names: Names,
}

impl<'a> Output<'a> {
    /// The host.
    pub fn host(&self) -> &'a dyn Host {
        self.host
    }

    /// The time that is of interest.
    pub fn window(&self) -> Window {
        self.window
    }

    /// How many bytes the step may still gather.
    pub fn budget(&self) -> u64 {
        self.budget
    }

    /// When the step has to stop.
    pub fn deadline(&self) -> &'a Deadline {
        self.deadline
    }

    /// The redaction that everything written goes through: for a value that must be seen by it
    /// before it is encoded beyond recognition.
    pub fn redaction(&self) -> &'a Redaction {
        self.redaction
    }

    /// Copies a file to the same path below the step's folder, following symbolic links. What is
    /// compressed, archived or in UTF-16 is stored as plain text.
    ///
    /// What cannot be read is noted: absent, denied or failed.
    pub fn file(&mut self, path: impl AsRef<Path>) -> Result<(), CollectError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let opened = self.host.canonical(path).and_then(|path| self.host.open(&path));
        let opened = opened.and_then(|file| Ok((file.info()?, file)));
        match opened {
            Ok((info, mut file)) => self.unfold(&mut file, &name, &name, info.modified),
            Err(error) => self.go_on(&name, &error),
        }
    }

    /// Reads a small file for an entry made here: at most 16 MiB. What cannot be read is noted, and
    /// gives nothing.
    pub fn read(&mut self, path: impl AsRef<Path>) -> Result<Option<Vec<u8>>, CollectError> {
        let path = path.as_ref();
        let read = self.host.canonical(path).and_then(|path| self.host.open(&path));
        let read = read.and_then(|file| {
            let mut bytes = Vec::new();
            file.take(READ_MAX).read_to_end(&mut bytes).map(|_| bytes)
        });
        match read {
            Ok(bytes) => {
                if bytes.len() as u64 == READ_MAX {
                    self.truncated(&path.display().to_string(), "read only as far as 16 MiB");
                }
                self.in_time().map(|()| Some(bytes))
            }
            Err(error) => self.go_on(&path.display().to_string(), &error).map(|()| None),
        }
    }

    /// Runs a command and keeps what it writes to its standard output as entry `name`.
    ///
    /// Another exit code than 0 is noted, with what it wrote to standard error.
    pub fn command(&mut self, name: &str, command: &CommandLine) -> Result<(), CollectError> {
        let source = format!("$ {}", command.argv.join(" "));
        let mut process = match self.host.spawn(command, self.deadline) {
            Ok(process) => process,
            Err(error) => return self.go_on(&source, &error),
        };
        let mut entry = self.entry(name, &source, None)?;
        entry.copy(&mut process)?;
        let cut = entry.truncated.is_some();
        entry.end()?;
        if cut {
            // Its output was not read to the end, so how it would have ended says nothing.
            return Ok(());
        }
        let exit = process.finish()?;
        if exit.code != Some(0) {
            let how = match (exit.code, exit.signal) {
                (Some(code), _) => format!("ended with exit code {code}"),
                (None, Some(signal)) => format!("was ended by signal {signal}"),
                (None, None) => "did not end".to_owned(),
            };
            // Redacted as it was written: neither half a line nor lines in a row are recognised.
            let said = self.redaction.text(&String::from_utf8_lossy(&exit.stderr));
            let said: String = said.trim().chars().take(STDERR_SHOWN).collect();
            let said = said.replace('\n', " | ");
            let text = if said.is_empty() { how } else { format!("{how}: {said}") };
            self.noted(NoteKind::Failed, &source, &text);
        }
        Ok(())
    }

    /// Writes a text made here.
    pub fn text(&mut self, name: &str, text: &str) -> Result<(), CollectError> {
        let mut entry = self.entry(name, "", None)?;
        entry.copy(&mut text.as_bytes())?;
        entry.end()
    }

    /// Writes a value made here, as indented JSON.
    pub fn json(&mut self, name: &str, value: &impl Serialize) -> Result<(), CollectError> {
        let json = serde_json::to_string_pretty(value);
        let json = json.map_err(|error| CollectError::Failed(error.to_string()))?;
        self.text(name, &(json + "\n"))
    }

    /// Starts an entry that is written bit by bit, `name` below the step's folder. `source` says
    /// where it comes from, for the manifest: a path, or `$ ` and a command.
    pub fn entry(
        &mut self,
        name: &str,
        source: &str,
        modified: Option<Timestamp>,
    ) -> Result<EntryWriter<'_, 'a>, CollectError> {
        self.in_time()?;
        let path = format!("{}/{}", self.id, self.names.free(&self.redaction.text(name)));
        let cutter = self.redaction.cutter_for(if source.is_empty() { name } else { source });
        let source = self.redaction.text(source);
        let meta = EntryMeta { path, source, modified, decoded: Vec::new(), binary: false };
        Ok(EntryWriter {
            meta,
            cutter: Some(cutter),
            buffer: Vec::new(),
            filled: 0,
            state: State::Start,
            truncated: None,
            torn: false,
            out: self,
        })
    }

    /// Notes something worth knowing; nothing is missing.
    pub fn note(&mut self, text: &str) {
        self.noted(NoteKind::Info, "", text);
    }

    /// Notes that something does not exist here.
    pub fn absent(&mut self, source: &str, text: &str) {
        self.noted(NoteKind::Absent, source, text);
    }

    /// Notes that something was left out or cut for its size.
    pub fn truncated(&mut self, source: &str, text: &str) {
        self.noted(NoteKind::Truncated, source, text);
    }

    /// Notes that something could not be gathered; what kind of failure follows from the error.
    pub fn failed(&mut self, source: &str, error: &io::Error) {
        let kind = match error.kind() {
            ErrorKind::NotFound => NoteKind::Absent,
            ErrorKind::PermissionDenied => NoteKind::Denied,
            ErrorKind::TimedOut => NoteKind::TimedOut,
            _ => NoteKind::Failed,
        };
        self.noted(kind, source, &error.to_string());
    }

    pub(crate) fn noted(&mut self, kind: NoteKind, source: &str, text: &str) {
        let (source, text) = (self.redaction.text(source), self.redaction.text(text));
        self.send(StepEvent::Noted(Note { kind, source, text }));
    }

    fn go_on(&mut self, source: &str, error: &io::Error) -> Result<(), CollectError> {
        self.failed(source, error);
        self.in_time()
    }

    fn in_time(&self) -> Result<(), CollectError> {
        if self.deadline.passed() { Err(CollectError::Stopped) } else { Ok(()) }
    }

    fn send(&self, event: StepEvent) {
        // Nobody listens any more once the step was abandoned.
        _ = self.messages.send(Message { step: self.index, event });
    }
}

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
    truncated: Option<String>,
    /// Whether it ends at any byte, not where its source ends or was cut between lines.
    torn: bool,
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

impl EntryWriter<'_, '_> {
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
    pub(crate) fn decoded_from(&mut self, decoded: &[&str]) {
        self.meta.decoded = decoded.iter().map(|&what| what.to_owned()).collect();
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
                self.out.send(StepEvent::EntryEnded(truncated));
                Ok(())
            }
            Err(error) => {
                let text = "cut here: the step was stopped";
                if state == State::Start {
                    let path = self.meta.path.clone();
                    self.out.noted(NoteKind::Truncated, &path, text);
                } else {
                    self.out.send(StepEvent::EntryEnded(Some(text.to_owned())));
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
