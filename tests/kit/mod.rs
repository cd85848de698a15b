//! What the end-to-end tests share: the program in a sandbox, real servers, and stock tools that
//! judge what comes out.
//!
//! Nothing here knows the inside of collect.

mod aws;
mod bucket_of;
mod bundle;
mod collect;
mod examples;
mod fault_server;
mod function;
mod gate;
mod instance;
mod journal;
pub(crate) mod live;
pub(crate) mod matrix;
mod memory_bucket;
pub(crate) mod oracle;
mod planted;
pub(crate) mod policy;
mod processes;
mod queues;
mod redmine;
mod request_tracker;
mod roundup;
mod seaweed;
mod terminal;
pub(crate) mod terraform;
mod ticket_server;

pub(crate) use bucket_of::BucketOf;
pub(crate) use bundle::{Bundle, KeyPair, decrypt};
pub(crate) use collect::{ANSWERS, Collect, Ended, Running, wait_for_file};
pub(crate) use examples::example;
pub(crate) use fault_server::{Fault, FaultServer};
pub(crate) use function::Function;
pub(crate) use gate::Gate;
pub(crate) use instance::Instance;
pub(crate) use journal::{Entry, Journal};
pub(crate) use memory_bucket::{Hold, MemoryBucket};
pub(crate) use planted::{Planted, filler, plant};
pub(crate) use processes::{descendants_with, end_watched, run_tag};
pub(crate) use queues::{Queues, Which as WhichQueue};
pub(crate) use redmine::{PROJECT, REPORTER_KEY, Redmine};
pub(crate) use request_tracker::RequestTracker;
pub(crate) use roundup::{REPORTER_PASSWORD as ROUNDUP_PASSWORD, Roundup};
pub(crate) use seaweed::{
    ADMINISTRATOR, CONSOLE, DEPLOY, DESK_TOKEN, REFERER, Seaweed, UPLOAD_TOKEN,
};
pub(crate) use terminal::Terminal;
pub(crate) use ticket_server::{FoundTicket, TICKET_SERVERS, TicketServer};

use sha2::{Digest, Sha256};
use std::{
    ffi::OsStr,
    fmt::Write as _,
    io::Write as _,
    net::TcpListener,
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Where systemd keeps the programs that are not for people.
const SYSTEM_PROGRAMS: [&str; 2] = ["/usr/lib/systemd", "/lib/systemd"];

/// Ends a test early, saying so, if one of the programs it needs is not installed.
///
/// `tests/run` installs them all and then sets `COLLECT_TESTS=all`, which makes it a failure.
macro_rules! needs {
    ($($program:literal),+) => {
        if $crate::kit::lacks(&[$($program),+]) {
            return;
        }
    };
}
pub(crate) use needs;

/// Whether one of the programs is missing. See [`needs!`].
pub(crate) fn lacks(programs: &[&str]) -> bool {
    let missing: Vec<_> =
        programs.iter().filter(|program| find(program).is_none()).copied().collect();
    if missing.is_empty() {
        return false;
    }
    let missing = missing.join(", ");
    assert!(
        std::env::var_os("COLLECT_TESTS").is_none_or(|tests| tests != "all"),
        "not installed: {missing}"
    );
    skip(&format!("not installed: {missing} (`tests/run` installs it)"));
    true
}

/// Says that this test does nothing, and why.
pub(crate) fn skip(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Not `eprintln!`, which the test harness would swallow.
    _ = writeln!(std::io::stderr(), "skipped: {test}: {why}");
}

/// The path of a program that is installed.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(SYSTEM_PROGRAMS.iter().map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Runs a stock tool to its end and returns what it wrote to standard output.
pub(crate) fn output<S: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = S>) -> Vec<u8> {
    let mut command = Command::new(find(program).expect("the test asked for it with `needs!`"));
    command.args(args).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    let output = command.output().expect("it is installed");
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// The SHA-256 of bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

/// The SHA-256 of bytes, in base64.
pub(crate) fn sha256_base64(bytes: &[u8]) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, Sha256::digest(bytes))
}

/// Where [`free_ports`] looks: below those that the kernel gives to clients and to servers that take
/// any (`ip_local_port_range`, 32768 and more), of which one could be in use by the time that a server
/// binds it.
const PORTS: Range<u16> = 20_000..32_000;

/// Ports on loopback that nobody listens on, and that no other test got.
pub(crate) fn free_ports(count: usize) -> Vec<u16> {
    static NEXT: Mutex<Option<u16>> = Mutex::new(None);
    let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
    // Where another run of the tests is under way, it begins somewhere else.
    let somewhere = std::process::id() as usize * 97 % PORTS.len();
    let first = next.unwrap_or(PORTS.start + somewhere as u16);
    let all = (first..PORTS.end).chain(PORTS.start..first);
    let free = all.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    let ports: Vec<_> = free.take(count).collect();
    assert_eq!(ports.len(), count, "no port is free");
    *next = ports.last().map(|last| if *last + 1 < PORTS.end { last + 1 } else { PORTS.start });
    ports
}

/// The text of a profile of the product `Shop` that is encrypted for one recipient.
pub(crate) fn profile(recipient: &str, body: &str) -> String {
    format!("product = \"Shop\"\n{body}\n[encrypt]\nrecipients = [\"{recipient}\"]\n")
}

/// Waits until `condition` gives a value; fails the test when it does not within `limit`.
pub(crate) fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Every regular file below a folder, sorted.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // A folder that goes away meanwhile holds nothing any more.
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files.sort();
    files
}

/// Whether `bytes` contain `word`.
pub(crate) fn contains(bytes: &[u8], word: &[u8]) -> bool {
    let Some(first) = word.first() else {
        return true;
    };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        if rest[at..].starts_with(word) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}
