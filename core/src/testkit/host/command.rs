//! The commands of a made-up host.

use super::content::Gate;
use crate::host::{Deadline, Exit, Process};
use std::{
    io::{self, Cursor, Read},
    sync::Arc,
    time::Duration,
};

/// How often something that hangs looks whether it was stopped.
const TICK: Duration = Duration::from_millis(5);

/// What a command does.
#[derive(Clone, Debug)]
pub(super) enum Script {
    /// Writes this, ends with this code, having written that to standard error.
    Ends(Vec<u8>, i32, Vec<u8>),
    Hangs,
    Denied,
}

impl Script {
    pub(super) fn start(
        &self,
        deadline: &Deadline,
        gate: &Arc<Gate>,
    ) -> io::Result<Box<dyn Process>> {
        if deadline.passed() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match self {
            Self::Ends(stdout, code, stderr) => Ok(Box::new(Ending {
                stdout: Cursor::new(stdout.clone()),
                exit: Exit { code: Some(*code), signal: None, stderr: stderr.clone() },
                deadline: deadline.clone(),
            })),
            Self::Hangs => {
                Ok(Box::new(Hanging { deadline: deadline.clone(), gate: Arc::clone(gate) }))
            }
            Self::Denied => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }
}

/// A command that ends.
struct Ending {
    stdout: Cursor<Vec<u8>>,
    exit: Exit,
    deadline: Deadline,
}

impl Read for Ending {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.deadline.passed() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stdout.read(buffer)
    }
}

impl Process for Ending {
    fn finish(self: Box<Self>) -> io::Result<Exit> {
        Ok(self.exit)
    }
}

/// A command that ends only when it is killed.
struct Hanging {
    deadline: Deadline,
    gate: Arc<Gate>,
}

impl Hanging {
    fn wait(&self) -> io::Error {
        while !self.deadline.passed() && !self.gate.wait_for(TICK) {}
        io::ErrorKind::TimedOut.into()
    }
}

impl Read for Hanging {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.wait())
    }
}

impl Process for Hanging {
    fn finish(self: Box<Self>) -> io::Result<Exit> {
        Err(self.wait())
    }
}
