//! The verbs that a collector writes its entries with.

mod entry;

pub use entry::EntryWriter;

use crate::{
    bundle::{Note, NoteKind},
    collector::CollectError,
    gather::{EntryMeta, Message, Permits, StepEvent},
    host::{CommandLine, Deadline, Host},
    names::Names,
    profile::Binary,
    redact::Redaction,
    stamp::Origin,
};
use jiff::Timestamp;
use serde::Serialize;
use std::{
    cell::OnceCell,
    io::{self, ErrorKind, Read},
    path::Path,
    sync::{Arc, atomic::AtomicBool, mpsc::Sender},
};

/// How much of an entry is redacted and compressed at a time: a segment of the bundle.
///
/// Six times the window of the compression in use: larger blocks gain little, and
/// cost memory for each that is on its way.
pub(crate) const BLOCK: usize = 3 << 20;

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
    /// When the host was started, once somebody asked.
    pub(crate) booted: OnceCell<Option<Timestamp>>,
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

    /// What the lines of a source may leave out that was last changed then: its year, the time zone,
    /// when the host was started.
    pub fn origin(&self, modified: Option<Timestamp>) -> Origin {
        let booted = *self.booted.get_or_init(|| booted(self.host));
        let modified = modified.unwrap_or_else(|| self.host.now());
        Origin { zone: self.host.zone(), modified, booted }
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
            Ok((info, mut file)) => self.unfold(&mut file, &name, &name, info.modified, None),
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
        let meta =
            EntryMeta { path, source, modified, decoded: Vec::new(), binary: false, covers: None };
        Ok(EntryWriter::new(self, meta, cutter))
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

/// When the host was started, to the second (`proc_stat(5)`).
fn booted(host: &dyn Host) -> Option<Timestamp> {
    let mut stat = String::new();
    host.open(Path::new("/proc/stat")).ok()?.take(READ_MAX).read_to_string(&mut stat).ok()?;
    let second = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    Timestamp::from_second(second.trim().parse().ok()?).ok()
}
