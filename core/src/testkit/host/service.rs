//! The services of a made-up host, and its resolver.

use super::content::Gate;
use crate::host::{Connection, Deadline};
use std::{
    io::{self, Read, Write},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How often something that hangs looks whether it was stopped.
const TICK: Duration = Duration::from_millis(5);

/// What a service does.
#[derive(Clone, Debug)]
pub(super) enum Service {
    /// Answers requests that begin with these bytes; the longest beginning counts.
    Answers(Vec<(Vec<u8>, Answer)>),
    /// Takes nobody, for this reason.
    Refuses(io::ErrorKind),
    /// Does not even take a connection before the deadline.
    Hangs,
}

/// An answer, and what comes after it.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) bytes: Vec<u8>,
    pub(super) end: End,
}

/// What comes after an answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Closed,
    Silence,
    Reset,
}

/// What the resolver says of a name.
#[derive(Clone, Debug)]
pub(super) enum Name {
    Known(Vec<IpAddr>),
    Hangs,
}

impl Service {
    pub(super) fn connect(
        &self,
        deadline: &Deadline,
        gate: &Arc<Gate>,
        asked: &Arc<Mutex<Vec<String>>>,
    ) -> io::Result<Box<dyn Connection>> {
        if deadline.passed() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match self {
            Self::Answers(answers) => Ok(Box::new(Talk {
                answers: answers.clone(),
                request: Vec::new(),
                answer: None,
                asked: Arc::clone(asked),
                deadline: deadline.clone(),
                gate: Arc::clone(gate),
            })),
            Self::Refuses(kind) => Err((*kind).into()),
            Self::Hangs => Err(hang(deadline, gate)),
        }
    }
}

impl Name {
    pub(super) fn resolve(&self, deadline: &Deadline, gate: &Gate) -> io::Result<Vec<IpAddr>> {
        match self {
            _ if deadline.passed() => Err(io::ErrorKind::TimedOut.into()),
            Self::Known(addresses) => Ok(addresses.clone()),
            Self::Hangs => Err(hang(deadline, gate)),
        }
    }
}

/// A connection to a made-up service.
struct Talk {
    answers: Vec<(Vec<u8>, Answer)>,
    /// What was written since the last answer.
    request: Vec<u8>,
    /// The answer that is being read, and how far.
    answer: Option<(Answer, usize)>,
    asked: Arc<Mutex<Vec<String>>>,
    deadline: Deadline,
    gate: Arc<Gate>,
}

impl Talk {
    fn in_time(&self) -> io::Result<()> {
        if self.deadline.passed() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }

    /// Finds the answer to what was written.
    fn look_up(&mut self) -> (Answer, usize) {
        let request = std::mem::take(&mut self.request);
        let line = request.split(|byte| *byte == b'\r' || *byte == b'\n').next();
        let line = String::from_utf8_lossy(line.unwrap_or_default()).into_owned();
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(format!("> {line}"));
        let fitting = self.answers.iter().filter(|(start, _)| request.starts_with(start));
        let found = fitting.max_by_key(|(start, _)| start.len());
        let unknown = Answer { bytes: Vec::new(), end: End::Closed };
        (found.map_or(unknown, |(_, answer)| answer.clone()), 0)
    }
}

impl Read for Talk {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.in_time()?;
        if self.answer.is_none() || !self.request.is_empty() {
            self.answer = Some(self.look_up());
        }
        let (answer, at) = self.answer.as_mut().expect("it was looked up");
        let left = &answer.bytes[*at..];
        if left.is_empty() {
            return match answer.end {
                End::Closed => Ok(0),
                End::Silence => Err(hang(&self.deadline, &self.gate)),
                End::Reset => Err(io::ErrorKind::ConnectionReset.into()),
            };
        }
        // In odd pieces, as from a network.
        let length = left.len().min(buffer.len()).min(1009);
        buffer[..length].copy_from_slice(&left[..length]);
        *at += length;
        Ok(length)
    }
}

impl Write for Talk {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.in_time()?;
        self.request.extend_from_slice(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.in_time()
    }
}

impl Connection for Talk {}

fn hang(deadline: &Deadline, gate: &Gate) -> io::Error {
    while !deadline.passed() && !gate.wait_for(TICK) {}
    io::ErrorKind::TimedOut.into()
}
