//! A server for the tests: it speaks just enough HTTP to answer, and can misbehave on purpose.

pub(crate) mod contract;

use crate::retry::Schedule;
use collect_core::{
    sink::{DeliveryContext, DeliveryError, Watch},
    ticket::{self, Attachment, Filed, Filing, Markup, Origin, TicketOptions, Tickets, Unrecorded},
};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, VecDeque},
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// What the server does with one connection.
pub(crate) enum Reply {
    /// Reads the whole request, then sends this.
    Answer(String),
    /// Reads the head and so many bytes of the body, sends this, and closes with the rest unread,
    /// which makes the kernel reset the connection.
    Early(usize, String),
    /// Reads the head, sends this, and then reads whatever still comes.
    Refuse(String),
    /// Reads the head and so many bytes of the body, and closes.
    Close(usize),
    /// Reads the whole request, and closes without a word.
    Swallow,
    /// Reads the head, and then nothing more.
    Stall,
    /// Reads the whole request, and says nothing more.
    Mute,
}

/// A request as it came in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) line: String,
    /// By name in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// A server that gives its replies in turn.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub(crate) fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut replies: VecDeque<Reply> = replies.into_iter().collect();
        let log = Arc::clone(&seen);
        thread::spawn(move || {
            // What still waits for its end; dropped, and so closed, with the process.
            let mut held = Vec::new();
            while let Some(reply) = replies.pop_front() {
                let (stream, _) = listener.accept().unwrap();
                held.extend(serve(stream, &reply, &log));
            }
            drop(listener);
            thread::park();
        });
        Self { address, seen }
    }

    /// What came in, once it is so many requests.
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Seen> {
        while self.seen.lock().unwrap().len() < count {
            thread::yield_now();
        }
        self.seen()
    }

    /// What came in so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// A complete answer with an empty text.
pub(crate) fn answer(status: u16, headers: &str) -> Reply {
    Reply::Answer(text(status, headers, ""))
}

/// A complete answer with an error document.
pub(crate) fn error(status: u16, code: &str, message: &str) -> String {
    let document = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    text(status, "", &document)
}

/// A complete answer in JSON.
pub(crate) fn json(status: u16, document: &serde_json::Value) -> Reply {
    Reply::Answer(text(status, "content-type: application/json\r\n", &document.to_string()))
}

pub(crate) fn text(status: u16, headers: &str, text: &str) -> String {
    let len = text.len();
    format!(
        "HTTP/1.1 {status} X\r\n{headers}content-length: {len}\r\nconnection: close\r\n\r\n{text}"
    )
}

/// Serves one connection; gives it back if it must stay open.
fn serve(mut stream: TcpStream, reply: &Reply, log: &Mutex<Vec<Seen>>) -> Option<TcpStream> {
    let mut reader = BufReader::with_capacity(1024, stream.try_clone().unwrap());
    let mut seen = head(&mut reader);
    let len: usize = seen.headers.get("content-length").map_or(0, |len| len.parse().unwrap());
    let wanted = match reply {
        Reply::Answer(_) | Reply::Swallow | Reply::Mute => len,
        Reply::Early(count, _) | Reply::Close(count) => *count,
        Reply::Stall => 0,
        Reply::Refuse(text) => {
            stream.write_all(text.as_bytes()).unwrap();
            usize::MAX
        }
    };
    reader.take(wanted as u64).read_to_end(&mut seen.body).unwrap();
    log.lock().unwrap().push(seen);
    match reply {
        Reply::Answer(text) | Reply::Early(_, text) => {
            // The client may be gone already.
            _ = stream.write_all(text.as_bytes());
            None
        }
        Reply::Close(_) | Reply::Refuse(_) => None,
        Reply::Swallow => {
            _ = stream.shutdown(Shutdown::Both);
            None
        }
        Reply::Stall | Reply::Mute => Some(stream),
    }
}

fn head(reader: &mut impl BufRead) -> Seen {
    let mut lines = reader.lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let line = lines.next().unwrap_or_default();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(": ").unwrap_or((&line, ""));
        (name.to_lowercase(), value.to_owned())
    });
    Seen { line, headers: headers.collect(), body: Vec::new() }
}

/// A file to attach, in memory.
pub(crate) struct Memory(pub(crate) &'static [u8]);

impl Memory {
    pub(crate) const NAME: &str = "shop-20261123T104205Z-0123456789abcdefghjkmnpqrs.tar.xz.age";
}

impl Attachment for Memory {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn sha256(&self) -> Option<[u8; 32]> {
        Some(Sha256::digest(self.0).into())
    }

    fn open(&self) -> std::io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(self.0))
    }
}

/// Retries at once, and gives up after as many as usual.
pub(crate) const IMPATIENT: Schedule = Schedule {
    tries: 6,
    first_wait: Duration::ZERO,
    longest_wait: Duration::from_millis(20),
    all_waits: Duration::from_secs(1),
};

/// Files a ticket for a bundle of which nothing is known.
pub(crate) fn submit(
    tickets: &dyn Tickets,
    file: &dyn Attachment,
    watch: &dyn Watch,
) -> Result<Filed, DeliveryError> {
    submit_in(Markup::Plain, tickets, file, watch, &[])
}

/// The same in another markup, when the bundle is somewhere else as well.
pub(crate) fn submit_in(
    markup: Markup,
    tickets: &dyn Tickets,
    file: &dyn Attachment,
    watch: &dyn Watch,
    elsewhere: &[String],
) -> Result<Filed, DeliveryError> {
    ticket::file(&Filing {
        tickets,
        markup,
        options: &TicketOptions::default(),
        origin: Origin { file: file.name(), request: "r-1", source: None },
        brief: None,
        file,
        remarks: &[],
        elsewhere,
        watch,
        journal: &Unrecorded,
        pause: Duration::ZERO,
    })
}

/// Follows a delivery, and stops it after so many bytes or retries.
pub(crate) struct Follower {
    pub(crate) most: AtomicU64,
    pub(crate) retries: Mutex<Vec<(String, Duration)>>,
    pub(crate) calls: AtomicUsize,
    pub(crate) stop: AtomicBool,
    pub(crate) stop_at_retry: bool,
    /// Whether an earlier run tried this delivery.
    pub(crate) tried_before: bool,
}

impl Default for Follower {
    fn default() -> Self {
        Self {
            most: AtomicU64::new(0),
            retries: Mutex::new(Vec::new()),
            calls: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            stop_at_retry: false,
            tried_before: false,
        }
    }
}

impl Follower {
    /// A context with the profile's folder and an environment.
    pub(crate) fn context<'a>(
        &'a self,
        base: &'a Path,
        env: &'a (dyn Fn(&str) -> Option<String> + Sync),
    ) -> DeliveryContext<'a> {
        DeliveryContext {
            watch: self,
            tried_before: self.tried_before,
            host: Some("host-3k9w"),
            brief: None,
            envelope: Some("bWFkZSB1cA=="),
            elsewhere: &[],
            base,
            env,
        }
    }

    /// The reasons of all retries.
    pub(crate) fn reasons(&self) -> Vec<String> {
        let retries = self.retries.lock().unwrap();
        retries.iter().map(|(reason, _)| reason.clone()).collect()
    }
}

impl Watch for Follower {
    fn sent(&self, bytes: u64, _total: u64) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.most.fetch_max(bytes, Ordering::Relaxed);
    }

    fn retrying(&self, reason: &str, wait: Duration) {
        self.retries.lock().unwrap().push((reason.to_owned(), wait));
        self.stop.fetch_or(self.stop_at_retry, Ordering::Relaxed);
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
