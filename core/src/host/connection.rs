//! Talking to services of the real host: without ever blocking longer than the deadline allows.

use super::{Connection, Deadline, Endpoint};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect,
        recv, send, socket_with, sockopt::socket_error,
    },
};
use std::{
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    os::fd::OwnedFd,
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

/// How often to look whether the run was stopped.
const TICK: Duration = Duration::from_millis(50);

/// How long to wait before knocking again at a Unix socket whose queue is full.
const QUEUE_FULL: Duration = Duration::from_millis(10);

/// Connects to a service.
pub(super) fn open(to: &Endpoint, deadline: &Deadline) -> io::Result<Socket> {
    let family = match to {
        Endpoint::Unix(_) => AddressFamily::UNIX,
        Endpoint::Tcp(SocketAddr::V4(_)) => AddressFamily::INET,
        Endpoint::Tcp(SocketAddr::V6(_)) => AddressFamily::INET6,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = Socket {
        socket: socket_with(family, SocketType::STREAM, flags, None)?,
        deadline: deadline.clone(),
    };
    loop {
        if deadline.passed() {
            return Err(too_late());
        }
        let connected = match to {
            Endpoint::Unix(path) => connect(&socket.socket, &SocketAddrUnix::new(path)?),
            Endpoint::Tcp(address) => connect(&socket.socket, address),
        };
        match connected {
            Ok(()) => return Ok(socket),
            Err(Errno::INTR) => {}
            // Only Unix sockets: nothing tells when there is room again.
            Err(Errno::AGAIN) => thread::sleep(QUEUE_FULL.min(deadline.left())),
            Err(Errno::INPROGRESS | Errno::ALREADY) => {
                socket.wait(PollFlags::OUT)?;
                socket_error(&socket.socket)??;
                return Ok(socket);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// A connection to a service.
pub(super) struct Socket {
    socket: OwnedFd,
    deadline: Deadline,
}

impl Socket {
    /// Waits until the socket is ready, or it is too late.
    fn wait(&self, ready: PollFlags) -> io::Result<()> {
        loop {
            if self.deadline.passed() {
                return Err(too_late());
            }
            let time = Timespec::try_from(TICK.min(self.deadline.left()))
                .expect("a tick fits into a timespec");
            match poll(&mut [PollFd::new(&self.socket, ready)], Some(&time)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Does what would block as soon as the socket is ready for it.
    fn when(
        &self,
        ready: PollFlags,
        mut act: impl FnMut() -> rustix::io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            // Looked at each time, so that a server that never pauses ends at the deadline as well.
            if self.deadline.passed() {
                return Err(too_late());
            }
            match act() {
                Ok(length) => return Ok(length),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait(ready)?,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.when(PollFlags::IN, || {
            recv(&self.socket, &mut *buffer, RecvFlags::empty()).map(|(length, _)| length)
        })
    }
}

impl Write for Socket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        // No signal: a service that hangs up must not end the run.
        self.when(PollFlags::OUT, || send(&self.socket, buffer, SendFlags::NOSIGNAL))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Connection for Socket {}

/// Asks the system's resolver. It knows no deadline, so it is asked on a thread, which is abandoned
/// if it takes too long.
pub(super) fn resolve(name: &str, deadline: &Deadline) -> io::Result<Vec<IpAddr>> {
    let (answer, answered) = channel();
    let name = name.to_owned();
    thread::Builder::new().name("resolver".into()).spawn(move || {
        let found = (name.as_str(), 0).to_socket_addrs();
        // Nobody listens any more if it took too long.
        _ = answer.send(found.map(|found| found.map(|address| address.ip()).collect::<Vec<_>>()));
    })?;
    loop {
        if deadline.passed() {
            return Err(too_late());
        }
        match answered.recv_timeout(TICK.min(deadline.left())) {
            Ok(found) => {
                let mut addresses: Vec<IpAddr> = Vec::new();
                for address in found? {
                    if !addresses.contains(&address) {
                        addresses.push(address);
                    }
                }
                return Ok(addresses);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(io::Error::other("the system's resolver failed"));
            }
        }
    }
}

fn too_late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer in time, or the run was stopped")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        net::TcpListener,
        os::unix::net::UnixListener,
        path::Path,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        time::Instant,
    };

    fn within(limit: Duration) -> Deadline {
        Deadline::after(limit, Arc::default())
    }

    fn answer(stream: &mut (impl Read + Write)) {
        let mut request = [0; 4];
        stream.read_exact(&mut request).unwrap();
        stream.write_all(&request).unwrap();
    }

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn a_service_is_asked_and_answers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let unix = UnixListener::bind(&path).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let service = thread::spawn(move || {
            answer(&mut unix.accept().unwrap().0);
            answer(&mut tcp.accept().unwrap().0);
        });
        for to in [Endpoint::Unix(path), Endpoint::Tcp(address)] {
            let mut connection = open(&to, &within(LONG)).unwrap();
            connection.write_all(b"ping").unwrap();
            assert_eq!(io::read_to_string(connection).unwrap(), "ping");
        }
        service.join().unwrap();
    }

    #[test]
    fn a_silent_service_ends_at_the_deadline_and_when_the_run_is_stopped() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = Endpoint::Tcp(silent.local_addr().unwrap());
        let mut connection = open(&to, &within(Duration::from_millis(60))).unwrap();
        let error = connection.read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);

        let stopped = Arc::new(AtomicBool::new(false));
        let mut connection = open(&to, &Deadline::after(LONG, Arc::clone(&stopped))).unwrap();
        let start = Instant::now();
        let reader = thread::spawn(move || connection.read(&mut [0; 8]).unwrap_err().kind());
        stopped.store(true, Ordering::Relaxed);
        assert_eq!(reader.join().unwrap(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() < LONG / 2);
    }

    #[test]
    fn a_service_that_reads_nothing_ends_the_writer_at_the_deadline() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = Endpoint::Tcp(silent.local_addr().unwrap());
        let mut connection = open(&to, &within(Duration::from_millis(200))).unwrap();
        let much = vec![0; 64 << 20];
        assert_eq!(connection.write_all(&much).unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_service_that_takes_nobody_ends_at_the_deadline() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("full");
        let _full = UnixListener::bind(&path).unwrap();
        let to = Endpoint::Unix(path);
        let mut waiting = Vec::new();
        let error = loop {
            match open(&to, &within(Duration::from_millis(60))) {
                Ok(connection) => waiting.push(connection),
                Err(error) => break error,
            }
            assert!(waiting.len() < 100_000, "the queue never fills");
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn what_is_not_there_and_what_hangs_up_are_told_apart() {
        let kind = |to| open(&to, &within(LONG)).err().unwrap().kind();
        assert_eq!(kind(Endpoint::Unix("/no/such/socket".into())), io::ErrorKind::NotFound);
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(kind(Endpoint::Tcp(free)), io::ErrorKind::ConnectionRefused);
        let long = Path::new("/").join("x".repeat(200));
        assert!(open(&Endpoint::Unix(long), &within(LONG)).is_err());
        let late = open(&Endpoint::Tcp(free), &within(Duration::ZERO)).err().unwrap();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn names_are_looked_up_in_time() {
        assert_eq!(resolve("192.0.2.7", &within(LONG)).unwrap(), [IpAddr::from([192, 0, 2, 7])]);
        let addresses = resolve("localhost", &within(LONG)).unwrap();
        assert!(addresses.iter().all(IpAddr::is_loopback) && !addresses.is_empty());
        let late = resolve("localhost", &within(Duration::ZERO)).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
    }
}
