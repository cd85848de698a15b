//! The host that is collected from, behind one trait: so that tests fake it, and that no limit can
//! be bypassed.

mod command;
mod connection;
mod family;
mod file;
mod kernel_log;
mod machine;
mod netlink;
mod process;
mod tree;

pub use command::{CommandLine, Exit, Process};
pub use machine::Machine;
pub use tree::Tree;

use jiff::{Timestamp, tz::TimeZone};
use std::{
    fmt,
    io::{self, Read, Seek, Write},
    net::{IpAddr, SocketAddr},
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// All that a collector may ask of a host.
///
/// Paths are absolute. Calls may hang in the kernel (a dead network file system); the runner then
/// abandons the step, so an implementation needs no time-out of its own except for commands.
pub trait Host: Send + Sync {
    /// The time of day.
    fn now(&self) -> Timestamp;

    /// Time since some fixed point; never goes back.
    fn uptime(&self) -> Duration;

    /// The time zone of the host.
    fn zone(&self) -> TimeZone;

    /// What stands at a path; a symbolic link is not followed.
    fn info(&self, path: &Path) -> io::Result<FileInfo>;

    /// The path with every symbolic link resolved.
    fn canonical(&self, path: &Path) -> io::Result<PathBuf>;

    /// The target of a symbolic link, as it is written.
    fn link(&self, path: &Path) -> io::Result<PathBuf>;

    /// The paths in a directory, sorted.
    fn entries(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;

    /// Opens a regular file for reading. Never blocks, and never opens anything else: a symbolic
    /// link, FIFO, socket or device is an [`io::ErrorKind::InvalidInput`].
    fn open(&self, path: &Path) -> io::Result<Box<dyn HostFile>>;

    /// The kernel's log, as `/dev/kmsg` gives it: one record a line, from the oldest that is kept
    /// to the newest of now (<https://docs.kernel.org/admin-guide/abi-testing.html>, `dev-kmsg`).
    fn kernel_log(&self) -> io::Result<Box<dyn Read + Send>>;

    /// Size and use of the file system that holds a path (`statvfs(3)`).
    fn usage(&self, path: &Path) -> io::Result<Usage>;

    /// The network interfaces, by name.
    fn interfaces(&self) -> Vec<Interface>;

    /// A table of the kernel's network stack, of the network namespace that this process is in.
    fn network(&self, table: NetworkTable) -> io::Result<NetworkTables>;

    /// Starts a command in a process group of its own, with nothing on its standard input.
    ///
    /// It is killed with all its descendants at the deadline, and when the [`Process`] is dropped.
    fn spawn(&self, command: &CommandLine, deadline: &Deadline) -> io::Result<Box<dyn Process>>;

    /// Connects to a service. What is too slow, or still going when the run is stopped, is an
    /// [`io::ErrorKind::TimedOut`].
    ///
    /// No proxy is used. A service that starts when somebody connects is started by this.
    fn connect(&self, to: &Endpoint, deadline: &Deadline) -> io::Result<Box<dyn Connection>>;

    /// The addresses of a name, in the order in which the system's resolver gives them, each once.
    ///
    /// The only verb that may ask a name server. A resolver that takes too long is abandoned, with
    /// the thread that it runs on: an [`io::ErrorKind::TimedOut`].
    fn resolve(&self, name: &str, deadline: &Deadline) -> io::Result<Vec<IpAddr>>;
}

/// Where a service listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// A socket of this host, by its path.
    Unix(PathBuf),
    /// An address and a port.
    Tcp(SocketAddr),
}

impl fmt::Display for Endpoint {
    /// As `unix:/run/service.sock` or `192.0.2.1:80`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

/// A connection to a service, closed when it is dropped.
///
/// A read or write after the deadline, or after the run was stopped, is an
/// [`io::ErrorKind::TimedOut`].
pub trait Connection: Read + Write + Send {}

/// An open regular file.
pub trait HostFile: Read + Seek + Send {
    /// What is known of it now.
    fn info(&self) -> io::Result<FileInfo>;

    /// The next range that holds data at or after `from`, in a file with holes; `None` if there is
    /// none. A file system that knows no holes gives the rest of the file.
    fn data(&mut self, from: u64) -> io::Result<Option<Range<u64>>>;
}

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// What kind of file.
    pub kind: FileKind,
    /// Its length in bytes; 0 for files that the kernel makes up when they are read.
    pub len: u64,
    /// When its content last changed.
    pub modified: Option<Timestamp>,
    /// Bytes that it takes on disk; less than `len` if it has holes.
    pub allocated: u64,
    /// Device and inode: the same for two names of one file.
    pub id: (u64, u64),
    /// Permission bits.
    pub mode: u32,
}

/// The kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A FIFO, a socket or a device: never opened.
    Special,
}

/// Size and use of a file system, in bytes and inodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in all.
    pub size: u64,
    /// Bytes free.
    pub free: u64,
    /// Bytes that an ordinary user can still write.
    pub available: u64,
    /// Inodes in all; 0 where there is no fixed number.
    pub inodes: u64,
    /// Inodes free.
    pub inodes_free: u64,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its name, such as `eth0`.
    pub name: String,
    /// Its hardware address.
    pub mac: String,
    /// Its addresses with prefix length, as `192.0.2.1/24`.
    pub addresses: Vec<String>,
    /// Its MTU in bytes.
    pub mtu: u64,
    /// Bytes, packets and errors received.
    pub received: Traffic,
    /// Bytes, packets and errors sent.
    pub sent: Traffic,
}

/// Counters of an interface since it came up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes.
    pub bytes: u64,
    /// Packets.
    pub packets: u64,
    /// Errors.
    pub errors: u64,
}

/// A table of the kernel's network stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NetworkTable {
    /// The interfaces.
    Links,
    /// Their addresses.
    Addresses,
    /// The routes of all tables.
    Routes,
    /// Which neighbour has which address.
    Neighbours,
    /// Which table of routes is used when.
    Rules,
}

/// A table of the kernel's network stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkTables {
    /// The messages of `rtnetlink(7)` that hold it, one behind the other, each with its header.
    pub messages: Vec<u8>,
    /// Whether there were more than could be kept: 16 MiB.
    pub cut: bool,
}

/// When a step has to stop, and whether somebody asked for it sooner.
#[derive(Clone, Debug)]
pub struct Deadline {
    at: Instant,
    stopped: Arc<AtomicBool>,
}

impl Deadline {
    /// A deadline so far from now, which is also over when `stopped` becomes true.
    pub fn after(limit: Duration, stopped: Arc<AtomicBool>) -> Self {
        let now = Instant::now();
        // A limit beyond what the clock can hold is as good as a year.
        let at = now.checked_add(limit).unwrap_or(now + Duration::from_hours(365 * 24));
        Self { at, stopped }
    }

    /// The same one, but not further from now than this: for one of several things to wait for.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        let limited = Self::after(limit, Arc::clone(&self.stopped));
        Self { at: limited.at.min(self.at), ..limited }
    }

    /// Whether it has passed, or the run was stopped.
    pub fn passed(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || Instant::now() >= self.at
    }

    /// The time that is left; zero if it has passed.
    pub fn left(&self) -> Duration {
        if self.stopped.load(Ordering::Relaxed) {
            Duration::ZERO
        } else {
            self.at.saturating_duration_since(Instant::now())
        }
    }
}
