//! A host of which one thing fails, for tests that try every one.

use crate::host::{
    CommandLine, Connection, Deadline, Endpoint, FileInfo, Host, HostFile, Interface, NetworkTable,
    NetworkTables, Process, Usage,
};
use jiff::{Timestamp, tz::TimeZone};
use std::{
    io::{self, Read, Seek, SeekFrom},
    net::IpAddr,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// A host on which what is asked for at the `at`th time fails, as if it had vanished just before;
/// opening a file and every read of it count as well.
///
/// ```
/// # use collect_core::{host::Host, testkit::{FakeHost, Faulty}};
/// let host = Faulty::new(FakeHost::new().directory("/proc/1"), 1, std::io::ErrorKind::NotFound);
/// assert!(host.info("/proc/1".as_ref()).is_ok());
/// assert!(host.info("/proc/1".as_ref()).is_err());
/// assert!(host.info("/proc/1".as_ref()).is_ok());
/// assert_eq!(host.asked(), 3);
/// ```
#[derive(Debug)]
pub struct Faulty<H> {
    host: H,
    fault: Arc<Fault>,
}

#[derive(Debug)]
struct Fault {
    at: usize,
    kind: io::ErrorKind,
    asked: AtomicUsize,
}

impl<H: Host> Faulty<H> {
    /// A host on which access number `at`, counted from 0, fails with this error.
    pub fn new(host: H, at: usize, kind: io::ErrorKind) -> Self {
        Self { host, fault: Arc::new(Fault { at, kind, asked: AtomicUsize::new(0) }) }
    }

    /// How often it was asked for something.
    pub fn asked(&self) -> usize {
        self.fault.asked.load(Ordering::SeqCst)
    }

    /// The same number, for when the host was given away.
    pub fn counter(&self) -> impl Fn() -> usize + 'static {
        let fault = Arc::clone(&self.fault);
        move || fault.asked.load(Ordering::SeqCst)
    }
}

impl Fault {
    fn pass(&self) -> io::Result<()> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        if number == self.at { Err(self.kind.into()) } else { Ok(()) }
    }
}

impl<H: Host> Host for Faulty<H> {
    fn now(&self) -> Timestamp {
        self.host.now()
    }

    fn uptime(&self) -> Duration {
        self.host.uptime()
    }

    fn zone(&self) -> TimeZone {
        self.host.zone()
    }

    fn info(&self, path: &Path) -> io::Result<FileInfo> {
        self.fault.pass().and_then(|()| self.host.info(path))
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.fault.pass().and_then(|()| self.host.canonical(path))
    }

    fn link(&self, path: &Path) -> io::Result<PathBuf> {
        self.fault.pass().and_then(|()| self.host.link(path))
    }

    fn target(&self, link: &Path) -> io::Result<FileInfo> {
        self.fault.pass().and_then(|()| self.host.target(link))
    }

    fn entries(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.fault.pass().and_then(|()| self.host.entries(dir))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn HostFile>> {
        self.fault.pass()?;
        let file = self.host.open(path)?;
        Ok(Box::new(FaultyFile { file, fault: Arc::clone(&self.fault) }))
    }

    fn kernel_log(&self) -> io::Result<Box<dyn Read + Send>> {
        self.fault.pass().and_then(|()| self.host.kernel_log())
    }

    fn usage(&self, path: &Path) -> io::Result<Usage> {
        self.fault.pass().and_then(|()| self.host.usage(path))
    }

    fn interfaces(&self) -> Vec<Interface> {
        self.host.interfaces()
    }

    fn network(&self, table: NetworkTable) -> io::Result<NetworkTables> {
        self.fault.pass().and_then(|()| self.host.network(table))
    }

    fn connect(&self, to: &Endpoint, deadline: &Deadline) -> io::Result<Box<dyn Connection>> {
        self.fault.pass().and_then(|()| self.host.connect(to, deadline))
    }

    fn resolve(&self, name: &str, deadline: &Deadline) -> io::Result<Vec<IpAddr>> {
        self.fault.pass().and_then(|()| self.host.resolve(name, deadline))
    }

    fn spawn(&self, command: &CommandLine, deadline: &Deadline) -> io::Result<Box<dyn Process>> {
        self.fault.pass().and_then(|()| self.host.spawn(command, deadline))
    }
}

struct FaultyFile {
    file: Box<dyn HostFile>,
    fault: Arc<Fault>,
}

impl Read for FaultyFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fault.pass().and_then(|()| self.file.read(buffer))
    }
}

impl Seek for FaultyFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl HostFile for FaultyFile {
    fn info(&self) -> io::Result<FileInfo> {
        self.file.info()
    }

    fn data(&mut self, from: u64) -> io::Result<Option<Range<u64>>> {
        self.file.data(from)
    }
}
