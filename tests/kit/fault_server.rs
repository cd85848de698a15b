//! An S3 server that misbehaves: it has its faults first, one a request, and then takes every
//! upload and keeps it in memory.
//!
//! It speaks plain HTTP, which the S3 sink allows to loopback only.

use super::REFERER;
use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `503 SlowDown`, after the body was taken.
    Busy,
    /// The connection is reset in the middle of the body.
    Reset,
    /// The body is taken, and no answer ever comes.
    Silent,
}

/// What reached the server.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Method and path, such as `PUT /bucket/key`.
    pub(crate) line: String,
    /// The headers, names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

#[derive(Default)]
struct State {
    faults: Vec<Fault>,
    tries: usize,
    accepted: Vec<Request>,
    /// Connections that are never answered.
    silent: Vec<TcpStream>,
}

/// The server; stopped when dropped.
pub(crate) struct FaultServer {
    port: u16,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FaultServer {
    /// Starts a server that has these faults, one a request, and then accepts every upload.
    pub(crate) fn start(faults: &[Fault]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State {
            faults: faults.iter().rev().copied().collect(),
            ..State::default()
        }));
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, over) = (Arc::clone(&state), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                // A client that goes away is part of the game.
                _ = connection.and_then(|connection| serve(connection, &shared));
            }
        });
        Self { port, state, stop, thread: Some(thread) }
    }

    /// The `[deliver.bucket]` of a profile for this server.
    pub(crate) fn sink(&self, token: &str) -> String {
        format!(
            "[deliver.bucket]\nuse = \"s3\"\nbucket = \"shop-bug-reports\"\n\
             region = \"us-east-1\"\nendpoint = \"http://127.0.0.1:{}\"\npath-style = true\n\
             upload-token = {token}\nreferer = \"{REFERER}\"\n",
            self.port
        )
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many requests came, with those that failed.
    pub(crate) fn tries(&self) -> usize {
        self.state.lock().unwrap().tries
    }

    /// The uploads that were confirmed.
    pub(crate) fn accepted(&self) -> Vec<Request> {
        self.state.lock().unwrap().accepted.clone()
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

/// Serves the one request of a connection.
fn serve(connection: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    // One byte at a time, so that the body stays in the socket.
    let mut reader = BufReader::with_capacity(1, connection.try_clone()?);
    let mut connection = connection;
    let Some(mut request) = read_head(&mut reader)? else {
        return Ok(());
    };
    let length = request
        .headers
        .get("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0_u64);
    let fault = {
        let mut state = state.lock().unwrap();
        state.tries += 1;
        state.faults.pop()
    };
    if request.headers.contains_key("expect") {
        connection.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    if fault == Some(Fault::Reset) {
        // Closing a socket that holds bytes which nobody has read sends a reset, not an end.
        connection.peek(&mut [0])?;
        return Ok(());
    }
    (&connection).take(length).read_to_end(&mut request.body)?;
    if fault == Some(Fault::Silent) {
        state.lock().unwrap().silent.push(connection);
        return Ok(());
    }
    let answer = if fault == Some(Fault::Busy) {
        "503 Service Unavailable"
    } else {
        state.lock().unwrap().accepted.push(request);
        "200 OK"
    };
    let body = if fault == Some(Fault::Busy) {
        "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
    } else {
        ""
    };
    write!(
        connection,
        "HTTP/1.1 {answer}\r\nContent-Length: {}\r\nETag: \"made-up\"\r\nConnection: close\r\n\r\n\
         {body}",
        body.len()
    )
}

fn read_head(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = header.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let line = line.rsplit_once(' ').map_or(line.as_str(), |(line, _)| line);
    Ok(Some(Request { line: line.to_owned(), headers, body: Vec::new() }))
}
