//! A gate in front of servers: it counts the requests that go through, one a connection, and can hold
//! any of them before or after it takes place.
//!
//! It passes requests on as they are, `Host` included, so that signatures hold. Only where a request says
//! from which page it comes, the server is named instead of the gate: it refuses any other.

use super::Hold;
use std::{
    io::{BufRead, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

#[derive(Default)]
struct State {
    /// The first lines of all requests.
    lines: Vec<String>,
    hold: Option<(usize, Hold)>,
    held: bool,
    /// What is said instead of passing requests on.
    instead: Option<String>,
}

type Shared = Arc<(Mutex<State>, Condvar)>;

/// The gate; servers behind it share the count.
#[derive(Clone, Default)]
pub(crate) struct Gate(Shared);

impl Gate {
    /// The address of the gate in front of a server, which is named as `http://HOST:PORT`, with a path
    /// behind it that stays.
    pub(crate) fn before(&self, server: &str) -> String {
        let server = server.strip_prefix("http://").unwrap().replace("localhost", "127.0.0.1");
        let path = server.find('/').unwrap_or(server.len());
        let (server, path) = (server[..path].to_owned(), server[path..].to_owned());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::clone(&self.0);
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let (server, shared) = (server.clone(), Arc::clone(&shared));
                // Whoever goes away is part of the game.
                thread::spawn(move || _ = pass(&connection, &server, &shared));
            }
        });
        format!("http://127.0.0.1:{port}{path}")
    }

    /// The first lines of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.0.0.lock().unwrap().lines.clone()
    }

    /// Holds the request of that number, from 0.
    pub(crate) fn hold(&self, number: usize, hold: Hold) {
        self.0.0.lock().unwrap().hold = Some((number, hold));
    }

    /// Waits until it is held; false if it was not for so long.
    pub(crate) fn is_held_within(&self, limit: Duration) -> bool {
        let (state, changed) = &*self.0;
        let state = state.lock().unwrap();
        changed.wait_timeout_while(state, limit, |state| !state.held).unwrap().0.held
    }

    /// Forgets the request that is held: it never takes place, or its answer is never sent.
    pub(crate) fn forget(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        (state.hold, state.held) = (None, false);
        changed.notify_all();
    }

    /// Says this instead of passing requests on, from now on; or passes them on again.
    pub(crate) fn answer(&self, instead: Option<&str>) {
        self.0.0.lock().unwrap().instead = instead.map(str::to_owned);
    }
}

/// Passes one request on, and its answer back.
fn pass(connection: &TcpStream, server: &str, shared: &Shared) -> std::io::Result<()> {
    let Some((line, request)) = read_request(connection, server)? else { return Ok(()) };
    let mut connection = connection;
    let (state, changed) = &**shared;
    let held = {
        let mut state = state.lock().unwrap();
        if let Some(instead) = &state.instead {
            return connection.write_all(instead.as_bytes());
        }
        let number = state.lines.len();
        state.lines.push(line);
        state.hold.filter(|(at, _)| *at == number).map(|(_, hold)| hold)
    };
    let wait = || {
        let mut state = state.lock().unwrap();
        state.held = true;
        changed.notify_all();
        drop(changed.wait_while(state, |state| state.held).unwrap());
    };
    if held == Some(Hold::Before) {
        wait();
        return Ok(());
    }
    let mut upstream = TcpStream::connect(server)?;
    upstream.write_all(&request)?;
    if held == Some(Hold::After) {
        upstream.read_to_end(&mut Vec::new())?;
        wait();
        return Ok(());
    }
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match upstream.read(&mut buffer)? {
            0 => return Ok(()),
            count => connection.write_all(&buffer[..count])?,
        }
    }
}

/// The first line of a request, and all of it as the only one of its connection.
fn read_request(
    connection: &TcpStream,
    server: &str,
) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut reader = BufReader::new(connection);
    let (mut head, mut length, mut is_from_page) = (String::new(), 0, false);
    if reader.read_line(&mut head)? == 0 {
        return Ok(None);
    }
    let first = head.trim().to_owned();
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        let name = header.to_lowercase();
        if let Some(value) = name.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        is_from_page |= name.starts_with("origin:");
        if !name.starts_with("connection:") {
            head += &header;
        }
    }
    if is_from_page {
        head = head.replace(&connection.local_addr()?.to_string(), server);
    }
    let mut request = (head + "connection: close\r\n\r\n").into_bytes();
    let before = request.len();
    request.resize(before + length, 0);
    reader.read_exact(&mut request[before..])?;
    Ok(Some((first, request)))
}
