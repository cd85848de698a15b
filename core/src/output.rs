//! The verbs that a collector writes its entries with.

use crate::{
    collector::CollectError,
    host::{CommandLine, Host},
};
use jiff::Timestamp;
use serde::Serialize;
use std::{
    io::{self, Read, Write},
    marker::PhantomData,
    path::Path,
};

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
pub struct Output<'a>(PhantomData<&'a ()>);

/// An entry that is being written; ended by [`EntryWriter::end`].
pub struct EntryWriter<'o>(PhantomData<&'o ()>);

impl Output<'_> {
    /// The host.
    pub fn host(&self) -> &dyn Host {
        todo!()
    }

    /// The time that is of interest.
    pub fn window(&self) -> Window {
        todo!()
    }

    /// How many bytes the step may still gather.
    pub fn budget(&self) -> u64 {
        todo!()
    }

    /// Copies a file to the same path below the step's folder, following symbolic links.
    ///
    /// What cannot be read is noted: absent, denied or failed.
    pub fn file(&mut self, path: impl AsRef<Path>) -> Result<(), CollectError> {
        _ = path;
        todo!()
    }

    /// Reads a small file for an entry made here: at most 16 MiB. What cannot be read is noted, and
    /// gives nothing.
    pub fn read(&mut self, path: impl AsRef<Path>) -> Result<Option<Vec<u8>>, CollectError> {
        _ = path;
        todo!()
    }

    /// Runs a command and keeps what it writes to its standard output as entry `name`. Another
    /// exit code than 0 is noted, with what it wrote to standard error.
    pub fn command(&mut self, name: &str, command: &CommandLine) -> Result<(), CollectError> {
        _ = (name, command);
        todo!()
    }

    /// Writes a text made here.
    pub fn text(&mut self, name: &str, text: &str) -> Result<(), CollectError> {
        _ = (name, text);
        todo!()
    }

    /// Writes a value made here, as indented JSON.
    pub fn json(&mut self, name: &str, value: &impl Serialize) -> Result<(), CollectError> {
        _ = (name, value);
        todo!()
    }

    /// Starts an entry that is written bit by bit, `name` below the step's folder. `source` says
    /// where it comes from, for the manifest: a path, or `$ ` and a command.
    pub fn entry(
        &mut self,
        name: &str,
        source: &str,
        modified: Option<Timestamp>,
    ) -> Result<EntryWriter<'_>, CollectError> {
        _ = (name, source, modified);
        todo!()
    }

    /// Notes something worth knowing; nothing is missing.
    pub fn note(&mut self, text: &str) {
        _ = text;
        todo!()
    }

    /// Notes that something does not exist here.
    pub fn absent(&mut self, source: &str, text: &str) {
        _ = (source, text);
        todo!()
    }

    /// Notes that something was left out or cut for its size.
    pub fn truncated(&mut self, source: &str, text: &str) {
        _ = (source, text);
        todo!()
    }

    /// Notes that something could not be gathered; what kind of failure follows from the error.
    pub fn failed(&mut self, source: &str, error: &io::Error) {
        _ = (source, error);
        todo!()
    }
}

impl EntryWriter<'_> {
    /// Copies everything from a reader, as far as the step's budget goes; says how many bytes were
    /// taken. An error of the reader is returned with what came before it kept.
    pub fn copy(&mut self, from: &mut dyn Read) -> Result<u64, CollectError> {
        _ = from;
        todo!()
    }

    /// Says that something was cut from this entry: where, and how much.
    pub fn truncated(&mut self, what: &str) {
        _ = what;
        todo!()
    }

    /// Ends the entry.
    pub fn end(self) -> Result<(), CollectError> {
        todo!()
    }
}

impl Write for EntryWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        _ = bytes;
        todo!()
    }
    fn flush(&mut self) -> io::Result<()> {
        todo!()
    }
}
