//! A bucket in memory that can be stopped at any deletion, before or after it takes place.
//!
//! It speaks plain HTTP, which is allowed to loopback only, and knows as much of S3 as the desk
//! needs.

use super::REFERER;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{BufRead, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
};

/// Where a deletion is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Nothing of it has taken place.
    Before,
    /// All of it has, and the answer is not sent.
    After,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    deletions: usize,
    hold: Option<(usize, Hold)>,
    held: bool,
}

/// The server.
pub(crate) struct MemoryBucket {
    port: u16,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl MemoryBucket {
    /// Starts a server with these objects.
    pub(crate) fn with(objects: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State { objects: objects.into_iter().collect(), ..State::default() };
        let state = Arc::new((Mutex::new(state), Condvar::new()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                thread::spawn(move || serve(&connection, &state));
            }
        });
        Self { port, state }
    }

    /// The `desk.toml` for it.
    pub(crate) fn desk(&self) -> String {
        format!(
            "[bucket]\nbucket = \"b-r\"\nregion = \"us-east-1\"\npath-style = true\n\
             endpoint = \"http://127.0.0.1:{}\"\nreferer = \"{REFERER}\"\n\
             desk-token = \"made-up-token\"\n",
            self.port
        )
    }

    /// The keys of all objects.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.state.0.lock().unwrap().objects.keys().cloned().collect()
    }

    /// How many requests to delete something came in.
    pub(crate) fn deletions(&self) -> usize {
        self.state.0.lock().unwrap().deletions
    }

    /// Holds the deletion of that number, from 0.
    pub(crate) fn hold(&self, number: usize, hold: Hold) {
        self.state.0.lock().unwrap().hold = Some((number, hold));
    }

    /// Waits until it is held.
    pub(crate) fn wait_until_held(&self) {
        let (state, changed) = &*self.state;
        drop(changed.wait_while(state.lock().unwrap(), |state| !state.held).unwrap());
    }

    /// Lets it go on.
    pub(crate) fn release(&self) {
        let (state, changed) = &*self.state;
        let mut state = state.lock().unwrap();
        (state.hold, state.held) = (None, false);
        changed.notify_all();
    }
}

/// Answers requests until the client has had enough.
fn serve(connection: &TcpStream, shared: &(Mutex<State>, Condvar)) {
    let mut reader = BufReader::new(connection);
    loop {
        let (mut line, mut length) = (String::new(), 0);
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header).unwrap_or(0) == 0 || header.trim().is_empty() {
                break;
            }
            let header = header.to_lowercase();
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let answer = answer(&line, &String::from_utf8(body).unwrap(), shared);
        let mut writer = connection;
        // A client that goes away is part of the game.
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn answer(line: &str, body: &str, shared: &(Mutex<State>, Condvar)) -> String {
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let say = |status: &str, text: &str, is_head: bool| {
        let shown = if is_head { "" } else { text };
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{shown}", text.len())
    };
    // Somebody who looks for the server that had this port before.
    let Some(key) = path.strip_prefix("/b-r/") else {
        return say("404 Not Found", "", false);
    };
    if method == "POST" {
        delete(body, shared);
        let text =
            "<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"></DeleteResult>";
        return say("200 OK", text, false);
    }
    let state = shared.0.lock().unwrap();
    if key.is_empty() {
        return say("200 OK", &listing(query, &state.objects), false);
    }
    match state.objects.get(key) {
        Some(content) => say("200 OK", &String::from_utf8_lossy(content), method == "HEAD"),
        None => say("404 Not Found", "", false),
    }
}

fn delete(body: &str, shared: &(Mutex<State>, Condvar)) {
    let (lock, changed) = shared;
    let mut state = lock.lock().unwrap();
    let number = state.deletions;
    state.deletions += 1;
    let held = state.hold.filter(|(at, _)| *at == number).map(|(_, hold)| hold);
    let take_place = |state: &mut State| {
        for rest in body.split("<Key>").skip(1) {
            state.objects.remove(rest.split("</Key>").next().unwrap());
        }
    };
    if held != Some(Hold::Before) {
        take_place(&mut state);
    }
    if held.is_some() {
        state.held = true;
        changed.notify_all();
        state = changed.wait_while(state, |state| state.held).unwrap();
    }
    if held == Some(Hold::Before) {
        take_place(&mut state);
    }
}

fn listing(query: &str, objects: &BTreeMap<String, Vec<u8>>) -> String {
    let value = |name: &str| {
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_default().replace("%2F", "/").replace("%3A", ":")
    };
    let (prefix, token) = (value("prefix"), value("continuation-token"));
    let after = if token.is_empty() { value("start-after") } else { token };
    let below = objects.iter().filter(|(key, _)| key.starts_with(&prefix) && **key > after);
    let mut text =
        String::from("<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    let (mut groups, mut count, mut last) = (Vec::new(), 0, String::new());
    let mut more = false;
    for (key, content) in below {
        let rest = &key[prefix.len()..];
        match rest.split_once('/') {
            Some((group, _)) if !value("delimiter").is_empty() => {
                groups.push(format!("{prefix}{group}/"));
            }
            _ if count == 100 => {
                more = true;
                break;
            }
            _ => {
                (count, last) = (count + 1, key.clone());
                let len = content.len();
                write!(
                    text,
                    "<Contents><Key>{key}</Key><Size>{len}</Size>\
                     <LastModified>2020-02-01T00:00:00Z</LastModified></Contents>"
                )
                .unwrap();
            }
        }
    }
    groups.dedup();
    for group in groups {
        write!(text, "<CommonPrefixes><Prefix>{group}</Prefix></CommonPrefixes>").unwrap();
    }
    write!(text, "<IsTruncated>{more}</IsTruncated>").unwrap();
    if more {
        write!(text, "<NextContinuationToken>{last}</NextContinuationToken>").unwrap();
    }
    text + "</ListBucketResult>"
}
