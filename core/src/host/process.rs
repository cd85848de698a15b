//! Running a command of the real host: in a process group of its own, read without ever blocking,
//! and ended with all its descendants, whatever it does.
//!
//! There is no thread here. Whoever reads polls both pipes, so a command that floods its standard
//! error does not block; and the deadline is kept by the reader, or when the process is dropped.

use super::{CommandLine, Deadline, Exit, Process, family::Family};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::ioctl_fionbio,
    process::{Pid, PidfdFlags, pidfd_open},
};
use std::{
    env,
    ffi::OsString,
    io::{self, Read},
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How often to look whether the run was stopped.
const TICK: Duration = Duration::from_millis(50);

/// How long descendants may hold the output open, silently, after the command itself has ended.
const LINGER: Duration = Duration::from_millis(500);

/// How long to wait for the end of what was killed.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much of standard error is kept.
const STDERR: usize = 64 * 1024;

/// What can still be in a pipe when nobody writes to it any more: the largest that an ordinary user
/// can have (`pipe(7)`, `pipe-max-size`).
const PIPE: usize = 1 << 20;

/// Where administrators' programs are, which are not in everybody's `PATH`.
const SYSTEM_PROGRAMS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Starts a command.
pub(super) fn spawn(command: &CommandLine, deadline: &Deadline) -> io::Result<Running> {
    if deadline.passed() {
        return Err(too_late());
    }
    let mark = format!("COLLECT_COMMAND_{:032x}", rand::random::<u128>());
    let mut child = prepare(command, &mark)?.spawn()?;
    let leader = Pid::from_child(&child);
    let running = Running {
        stdout: child.stdout.take(),
        stderr: Kept { pipe: child.stderr.take(), bytes: Vec::new() },
        child,
        family: Family::new(leader, &mark),
        // Only saves time: without it (before Linux 5.3) the end is noticed at the next tick.
        end: pidfd_open(leader, PidfdFlags::empty()).ok(),
        deadline: deadline.clone(),
        gone: None,
        reaped: false,
        state: State::Running,
    };
    // From here on, dropping what was made ends the command.
    for pipe in
        [running.stdout.as_ref().map(AsFd::as_fd), running.stderr.pipe.as_ref().map(AsFd::as_fd)]
            .into_iter()
            .flatten()
    {
        ioctl_fionbio(pipe, true)?;
    }
    Ok(running)
}

fn prepare(line: &CommandLine, mark: &str) -> io::Result<Command> {
    let Some((program, arguments)) = line.argv.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the command is empty"));
    };
    let dir = line.dir.as_deref().unwrap_or(Path::new("/"));
    if !dir.is_dir() {
        // Starting it would say only that something was not found.
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("there is no directory `{}` to run it in", dir.display()),
        ));
    }
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(dir)
        // What is collected is read by people and programs that do not know the user's language.
        .env("LC_ALL", "C");
    if let Some(path) = search_path(env::var_os("PATH")) {
        command.env("PATH", path);
    }
    command
        .envs(line.env.iter().map(|(name, value)| (name, value)))
        .env(mark, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    Ok(command)
}

/// The search path with the directories of system programs, if they are missing from it.
fn search_path(path: Option<OsString>) -> Option<OsString> {
    let mut dirs: Vec<PathBuf> = env::split_paths(&path?).collect();
    let known = dirs.len();
    for dir in SYSTEM_PROGRAMS.map(PathBuf::from) {
        if !dirs.contains(&dir) {
            dirs.push(dir);
        }
    }
    (dirs.len() > known).then(|| env::join_paths(dirs).ok()).flatten()
}

fn too_late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the command took too long, or the run was stopped")
}

/// A running command.
pub(super) struct Running {
    child: Child,
    family: Family,
    stdout: Option<ChildStdout>,
    stderr: Kept,
    /// Readable when the command has ended.
    end: Option<OwnedFd>,
    deadline: Deadline,
    /// Since when the command itself is known to have ended.
    gone: Option<Instant>,
    reaped: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    /// Everything was ended after the command itself had: what is left in the pipe is the rest.
    Ended {
        left: usize,
    },
    /// Everything was killed at the deadline; what came before it is still given.
    Late {
        left: usize,
    },
}

impl Running {
    /// Ends the command and its descendants if it is time for it.
    fn keep_limits(&mut self) {
        if self.state != State::Running {
            return;
        }
        if self.deadline.passed() {
            self.family.end();
            self.state = State::Late { left: PIPE };
        } else if self.gone_for().is_some_and(|time| time >= LINGER) {
            self.family.end();
            self.state = State::Ended { left: PIPE };
        }
    }

    /// For how long the command itself has been known to be gone.
    fn gone_for(&mut self) -> Option<Duration> {
        if self.gone.is_none() && self.family.leader_is_gone() {
            self.gone = Some(Instant::now());
        }
        self.gone.map(|since| since.elapsed())
    }

    /// Waits until there is something to read, the command ends, or it is time to look again.
    fn wait(&self) -> io::Result<()> {
        let end = self.end.as_ref().filter(|_| self.gone.is_none());
        let mut watched: Vec<_> = [
            self.stdout.as_ref().map(AsFd::as_fd),
            self.stderr.pipe.as_ref().map(AsFd::as_fd),
            end.map(AsFd::as_fd),
        ]
        .into_iter()
        .flatten()
        .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
        .collect();
        let time = Timespec::try_from(TICK.min(self.deadline.left()))
            .expect("a tick fits into a timespec");
        match poll(&mut watched, Some(&time)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The exit status of the command, which has ended or was killed.
    fn reap(&mut self) -> io::Result<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                self.reaped = true;
                return Ok(status);
            }
            if start.elapsed() >= PATIENCE {
                // It hangs in the kernel; waiting for it would hang as well.
                return Err(too_late());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Read for Running {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            self.stderr.drain()?;
            self.keep_limits();
            let Some(stdout) = &mut self.stdout else {
                return Ok(0);
            };
            let wanted = match self.state {
                State::Running => buffer.len(),
                State::Ended { left } | State::Late { left } => left.min(buffer.len()),
            };
            let read = available(stdout, &mut buffer[..wanted])?;
            match (read, &mut self.state) {
                (Some(0) | None, State::Late { .. }) => return Err(too_late()),
                (Some(0), _) | (None, State::Ended { .. }) => {
                    self.stdout = None;
                    return Ok(0);
                }
                (None, State::Running) => self.wait()?,
                (Some(length), State::Running) => return Ok(length),
                (Some(length), State::Ended { left } | State::Late { left }) => {
                    *left -= length;
                    return Ok(length);
                }
            }
        }
    }
}

impl Process for Running {
    fn finish(mut self: Box<Self>) -> io::Result<Exit> {
        // Whoever finishes wants no more: a command that still writes is told by SIGPIPE.
        self.stdout = None;
        while self.state == State::Running {
            self.stderr.drain()?;
            if self.gone_for().is_some() && self.stderr.pipe.is_none() {
                break;
            }
            self.keep_limits();
            if self.state == State::Running {
                self.wait()?;
            }
        }
        if matches!(self.state, State::Late { .. }) {
            return Err(too_late());
        }
        self.family.end();
        let status = self.reap()?;
        Ok(Exit {
            code: status.code(),
            signal: status.signal(),
            stderr: std::mem::take(&mut self.stderr.bytes),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Once it is reaped its number may be another's.
        if !self.reaped {
            self.family.end();
            _ = self.reap();
        }
    }
}

/// The start of what comes from standard error; the rest is read and dropped.
struct Kept {
    pipe: Option<ChildStderr>,
    bytes: Vec<u8>,
}

impl Kept {
    /// Takes what is there: not more than a usual pipe holds, so that a flood does not keep the
    /// reader from standard output.
    fn drain(&mut self) -> io::Result<()> {
        let Some(pipe) = &mut self.pipe else {
            return Ok(());
        };
        let mut buffer = [0; 16 * 1024];
        for _ in 0..4 {
            match available(pipe, &mut buffer)? {
                Some(0) => {
                    self.pipe = None;
                    break;
                }
                Some(length) => {
                    let room = STDERR - self.bytes.len();
                    self.bytes.extend_from_slice(&buffer[..length.min(room)]);
                }
                None => break,
            }
        }
        Ok(())
    }
}

/// Reads what is there by now: `None` if there is nothing yet.
fn available(pipe: &mut impl Read, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    if buffer.is_empty() {
        return Ok(None);
    }
    loop {
        match pipe.read(buffer) {
            Ok(length) => return Ok(Some(length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
