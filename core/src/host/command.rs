//! Commands: an argument vector, never a shell.

use std::{
    io::{self, Read},
    path::PathBuf,
};

/// A command to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// The program, looked up in `PATH` if it has no slash, and its arguments.
    pub argv: Vec<String>,
    /// Environment variables to add or change.
    pub env: Vec<(String, String)>,
    /// The directory to run in; `/` if none is given.
    pub dir: Option<PathBuf>,
}

impl CommandLine {
    /// A command of these words.
    pub fn new<I: IntoIterator<Item: Into<String>>>(argv: I) -> Self {
        Self { argv: argv.into_iter().map(Into::into).collect(), ..Self::default() }
    }
}

/// A running command. Reading gives its standard output.
///
/// A read after the deadline, or after the run was stopped, is an [`io::ErrorKind::TimedOut`]; by
/// then the command and all its descendants are killed.
pub trait Process: Read + Send {
    /// Waits for the command's end. To be called when its output has ended.
    fn finish(self: Box<Self>) -> io::Result<Exit>;
}

/// How a command ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code, if it ended by itself.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The first 64 KiB that it wrote to standard error.
    pub stderr: Vec<u8>,
}
