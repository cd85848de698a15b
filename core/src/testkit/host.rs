//! A made-up host, for tests.

mod command;
mod content;
mod service;
mod tree;

use crate::host::{
    CommandLine, Connection, Deadline, Endpoint, FileInfo, FileKind, Host, HostFile, Interface,
    NetworkTable, NetworkTables, Process, Usage,
};
use command::Script;
use content::{Content, Gate, OpenFile};
use jiff::{Timestamp, tz::TimeZone};
use rustix::io::Errno;
use service::{Answer, End, Name, Service};
use std::{
    collections::BTreeMap,
    io::{self, Cursor, Read},
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

pub use content::Release;

/// The clock of a host that was not told another time: `2026-01-02T03:04:05Z`.
const NOW: Timestamp = Timestamp::constant(1_767_323_045, 0);

/// The length that a file that never ends claims to have.
const GROWING: u64 = 64 * 1024;

/// A host that exists only in a test: it has what it was told, its clock stands still, and nothing
/// of it depends on the machine that runs the test.
///
/// Directories exist when something is in them. A command is known by its words with a space
/// between them; an unknown one is not found.
///
/// Some builder methods have the name of what they fake; to ask the host, go through `&dyn Host`.
///
/// ```
/// # use collect_core::{host::Host, testkit::FakeHost};
/// let host = FakeHost::new()
///     .file("/var/log/app.log", "started\n")
///     .link("/var/log/current", "app.log")
///     .command("uname -a", "Linux example\n");
/// assert_eq!(host.entries("/var/log".as_ref()).unwrap().len(), 2);
/// ```
#[derive(Debug)]
pub struct FakeHost {
    nodes: BTreeMap<PathBuf, Node>,
    commands: BTreeMap<String, Script>,
    services: BTreeMap<Endpoint, Service>,
    names: BTreeMap<String, Name>,
    usages: BTreeMap<PathBuf, Usage>,
    interfaces: Vec<Interface>,
    networks: BTreeMap<NetworkTable, NetworkTables>,
    kernel_log: Option<String>,
    now: Timestamp,
    gate: Arc<Gate>,
    touched: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug)]
struct Node {
    what: What,
    modified: Option<Timestamp>,
    inode: u64,
}

#[derive(Debug)]
enum What {
    File(Arc<Content>),
    Directory,
    Link(PathBuf),
    Special,
    Denied,
    Panics,
}

impl FakeHost {
    /// A host with nothing on it.
    pub fn new() -> Self {
        Self {
            nodes: BTreeMap::new(),
            commands: BTreeMap::new(),
            services: BTreeMap::new(),
            names: BTreeMap::new(),
            usages: BTreeMap::new(),
            interfaces: Vec::new(),
            networks: BTreeMap::new(),
            kernel_log: None,
            now: NOW,
            gate: Arc::default(),
            touched: Arc::default(),
        }
    }

    /// A text file, last changed now.
    #[must_use]
    pub fn file(self, path: impl AsRef<Path>, text: &str) -> Self {
        self.bytes(path, text)
    }

    /// A file of any bytes, last changed now.
    #[must_use]
    pub fn bytes(self, path: impl AsRef<Path>, bytes: impl Into<Vec<u8>>) -> Self {
        self.content(path, Content::Bytes(bytes.into()))
    }

    /// A text file that was last changed at some time.
    #[must_use]
    pub fn file_at(
        self,
        path: impl AsRef<Path>,
        text: impl Into<Vec<u8>>,
        modified: Timestamp,
    ) -> Self {
        let what = What::File(Arc::new(Content::Bytes(text.into())));
        self.node(path.as_ref(), what, Some(modified))
    }

    /// A file of `len` bytes with holes: only `data` stands in it, each part at its place.
    #[must_use]
    pub fn sparse(self, path: impl AsRef<Path>, len: u64, data: &[(u64, &[u8])]) -> Self {
        let data = data.iter().map(|&(at, bytes)| (at, bytes.to_vec()));
        let data = data.collect();
        self.content(path, Content::Sparse { len, data })
    }

    /// An empty directory.
    #[must_use]
    pub fn directory(self, path: impl AsRef<Path>) -> Self {
        self.node(path.as_ref(), What::Directory, None)
    }

    /// A symbolic link.
    #[must_use]
    pub fn link(self, path: impl AsRef<Path>, target: impl AsRef<Path>) -> Self {
        let target = target.as_ref().to_owned();
        self.node(path.as_ref(), What::Link(target), None)
    }

    /// A FIFO.
    #[must_use]
    pub fn special(self, path: impl AsRef<Path>) -> Self {
        self.node(path.as_ref(), What::Special, None)
    }

    /// A file that may be seen but not read; a directory, if something is in it.
    #[must_use]
    pub fn denied(self, path: impl AsRef<Path>) -> Self {
        self.node(path.as_ref(), What::Denied, None)
    }

    /// A file whose reads hang as on a dead network file system, until the host or one of its
    /// [`release`](Self::release)s is dropped.
    #[must_use]
    pub fn hangs(self, path: impl AsRef<Path>) -> Self {
        let gate = Arc::clone(&self.gate);
        self.content(path, Content::Hangs(gate))
    }

    /// A file that is written faster than it can be read: its length stays, its content never ends.
    #[must_use]
    pub fn grows(self, path: impl AsRef<Path>) -> Self {
        self.content(path, Content::Grows(GROWING))
    }

    /// A file that panics when it is opened.
    #[must_use]
    pub fn panics(self, path: impl AsRef<Path>) -> Self {
        self.node(path.as_ref(), What::Panics, None)
    }

    /// A command that succeeds.
    #[must_use]
    pub fn command(self, line: &str, stdout: impl Into<Vec<u8>>) -> Self {
        self.script(line, Script::Ends(stdout.into(), 0, Vec::new()))
    }

    /// A command that fails, having written nothing to its standard output.
    #[must_use]
    pub fn command_fails(self, line: &str, code: i32, stderr: impl Into<Vec<u8>>) -> Self {
        self.script(line, Script::Ends(Vec::new(), code, stderr.into()))
    }

    /// A command that may not be run.
    #[must_use]
    pub fn command_denied(self, line: &str) -> Self {
        self.script(line, Script::Denied)
    }

    /// A command that says nothing and ends only at its deadline.
    #[must_use]
    pub fn command_hangs(self, line: &str) -> Self {
        self.script(line, Script::Hangs)
    }

    /// A service that answers requests that begin with `request`, and closes the connection then.
    /// May be told several answers; an unknown request gets none.
    #[must_use]
    pub fn answers(
        self,
        at: &Endpoint,
        request: impl AsRef<[u8]>,
        answer: impl Into<Vec<u8>>,
    ) -> Self {
        self.answer(at, request.as_ref(), answer.into(), End::Closed)
    }

    /// As [`answers`](Self::answers), but after these bytes nothing comes any more until the deadline.
    #[must_use]
    pub fn answers_and_hangs(
        self,
        at: &Endpoint,
        request: impl AsRef<[u8]>,
        answer: impl Into<Vec<u8>>,
    ) -> Self {
        self.answer(at, request.as_ref(), answer.into(), End::Silence)
    }

    /// As [`answers`](Self::answers), but after these bytes the connection breaks.
    #[must_use]
    pub fn answers_and_breaks(
        self,
        at: &Endpoint,
        request: impl AsRef<[u8]>,
        answer: impl Into<Vec<u8>>,
    ) -> Self {
        self.answer(at, request.as_ref(), answer.into(), End::Reset)
    }

    /// A service that refuses connections for this reason. One that was never told of is
    /// [`NotFound`](io::ErrorKind::NotFound) if it is a Unix socket, and otherwise
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused).
    #[must_use]
    pub fn service_refuses(mut self, at: &Endpoint, reason: io::ErrorKind) -> Self {
        self.services.insert(at.clone(), Service::Refuses(reason));
        self
    }

    /// A service that takes no connection before the deadline.
    #[must_use]
    pub fn service_hangs(mut self, at: &Endpoint) -> Self {
        self.services.insert(at.clone(), Service::Hangs);
        self
    }

    /// A name that the resolver knows. Others cannot be looked up.
    #[must_use]
    pub fn name(mut self, name: &str, addresses: &[IpAddr]) -> Self {
        self.names.insert(name.to_owned(), Name::Known(addresses.to_vec()));
        self
    }

    /// A name whose look-up hangs until the deadline.
    #[must_use]
    pub fn name_hangs(mut self, name: &str) -> Self {
        self.names.insert(name.to_owned(), Name::Hangs);
        self
    }

    /// The file system at a path, and below it as long as no longer path is told.
    #[must_use]
    pub fn usage(mut self, path: impl AsRef<Path>, usage: Usage) -> Self {
        self.usages.insert(path.as_ref().to_owned(), usage);
        self
    }

    /// A network interface.
    #[must_use]
    pub fn interface(mut self, interface: Interface) -> Self {
        self.interfaces.push(interface);
        self.interfaces.sort_by(|left, right| left.name.cmp(&right.name));
        self
    }

    /// A table of the kernel's network stack. Without it there is none, as in a kernel without a
    /// network.
    #[must_use]
    pub fn network(mut self, table: NetworkTable, messages: impl Into<Vec<u8>>) -> Self {
        self.networks.insert(table, NetworkTables { messages: messages.into(), cut: false });
        self
    }

    /// The kernel's log, as `/dev/kmsg` has it. Without it there is none; it is refused if
    /// `/dev/kmsg` is [`denied`](Self::denied).
    #[must_use]
    pub fn kernel_log(mut self, text: &str) -> Self {
        self.kernel_log = Some(text.to_owned());
        self
    }

    /// The time at which the clock stands.
    #[must_use]
    pub fn now(mut self, now: Timestamp) -> Self {
        self.now = now;
        self
    }

    /// Lets go what hangs when it is dropped: for tests in which a thread that hangs keeps the host
    /// itself alive.
    pub fn release(&self) -> Release {
        Release::new(Arc::clone(&self.gate))
    }

    /// What was opened, connected to (`connect ` and the endpoint), asked of it (`> ` and the first
    /// line), looked up (`resolve ` and the name) and started (`$ ` and the command), in that order:
    /// to see that nothing was.
    pub fn touched(&self) -> Vec<String> {
        let touched = self.touched.lock();
        touched.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn touch(&self, what: String) {
        let touched = self.touched.lock();
        touched.unwrap_or_else(PoisonError::into_inner).push(what);
    }

    fn content(self, path: impl AsRef<Path>, content: Content) -> Self {
        self.node(path.as_ref(), What::File(Arc::new(content)), None)
    }

    fn node(mut self, path: &Path, what: What, modified: Option<Timestamp>) -> Self {
        assert!(path.is_absolute(), "`{}` is not absolute", path.display());
        let inode = 1 + self.nodes.len() as u64;
        let node = Node { what, modified, inode };
        self.nodes.insert(path.to_owned(), node);
        self
    }

    fn answer(mut self, at: &Endpoint, request: &[u8], bytes: Vec<u8>, end: End) -> Self {
        let service = self.services.entry(at.clone());
        let service = service.or_insert_with(|| Service::Answers(Vec::new()));
        match service {
            Service::Answers(answers) => answers.push((request.to_vec(), Answer { bytes, end })),
            Service::Refuses(_) | Service::Hangs => panic!("`{at}` takes nobody"),
        }
        self
    }

    fn script(mut self, line: &str, script: Script) -> Self {
        self.commands.insert(line.to_owned(), script);
        self
    }
}

impl Default for FakeHost {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for FakeHost {
    fn drop(&mut self) {
        self.gate.open();
    }
}

impl Host for FakeHost {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn uptime(&self) -> Duration {
        Duration::ZERO
    }

    fn zone(&self) -> TimeZone {
        TimeZone::UTC
    }

    fn info(&self, path: &Path) -> io::Result<FileInfo> {
        self.find(path).map(|(info, _)| info)
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        let path = self.follow(path, true)?;
        self.find(&path).map(|_| path)
    }

    fn link(&self, path: &Path) -> io::Result<PathBuf> {
        match self.find(path)?.1.map(|node| &node.what) {
            Some(What::Link(target)) => Ok(target.clone()),
            _ => Err(Errno::INVAL.into()),
        }
    }

    fn entries(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let resolved = self.follow(dir, true)?;
        let (info, node) = self.find(&resolved)?;
        match node.map(|node| &node.what) {
            Some(What::Denied) => return Err(io::ErrorKind::PermissionDenied.into()),
            _ if info.kind != FileKind::Directory => {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            _ => {}
        }
        let below = self.below(&resolved).into_iter();
        let names = below.filter_map(|path| path.file_name().map(|name| dir.join(name)));
        Ok(names.collect())
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn HostFile>> {
        self.touch(path.display().to_string());
        let (info, node) = self.find(path)?;
        let refused = match node.map(|node| &node.what) {
            Some(What::File(content)) => {
                return Ok(Box::new(OpenFile::new(Arc::clone(content), info)));
            }
            Some(What::Panics) => panic!("`{}` was opened", path.display()),
            Some(What::Denied) => return Err(io::ErrorKind::PermissionDenied.into()),
            Some(What::Link(_)) => "is a symbolic link",
            Some(What::Special) => "is a FIFO",
            Some(What::Directory) | None => "is a directory",
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, refused))
    }

    fn kernel_log(&self) -> io::Result<Box<dyn Read + Send>> {
        let path = Path::new("/dev/kmsg");
        self.touch(path.display().to_string());
        if let Some(What::Denied) = self.nodes.get(path).map(|node| &node.what) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        match &self.kernel_log {
            Some(text) => Ok(Box::new(Cursor::new(text.clone().into_bytes()))),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn usage(&self, path: &Path) -> io::Result<Usage> {
        let path = self.follow(path, true)?;
        let found = path.ancestors().find_map(|path| self.usages.get(path));
        found.copied().ok_or(io::ErrorKind::NotFound.into())
    }

    fn interfaces(&self) -> Vec<Interface> {
        self.interfaces.clone()
    }

    fn network(&self, table: NetworkTable) -> io::Result<NetworkTables> {
        self.networks.get(&table).cloned().ok_or(Errno::AFNOSUPPORT.into())
    }

    fn spawn(&self, command: &CommandLine, deadline: &Deadline) -> io::Result<Box<dyn Process>> {
        let line = command.argv.join(" ");
        self.touch(format!("$ {line}"));
        match self.commands.get(&line) {
            Some(script) => script.start(deadline, &self.gate),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn connect(&self, to: &Endpoint, deadline: &Deadline) -> io::Result<Box<dyn Connection>> {
        self.touch(format!("connect {to}"));
        match (self.services.get(to), to) {
            (Some(service), _) => service.connect(deadline, &self.gate, &self.touched),
            (None, Endpoint::Unix(_)) => Err(io::ErrorKind::NotFound.into()),
            (None, Endpoint::Tcp(_)) => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }

    fn resolve(&self, name: &str, deadline: &Deadline) -> io::Result<Vec<IpAddr>> {
        self.touch(format!("resolve {name}"));
        match self.names.get(name) {
            Some(known) => known.resolve(deadline, &self.gate),
            None => Err(io::Error::other("Name or service not known")),
        }
    }
}

#[cfg(test)]
mod tests;
