//! A server that lists a bucket of as many reports as is wished, and keeps none of them in memory.
//!
//! It speaks plain HTTP, which is allowed to loopback only.

use super::REFERER;
use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// How many keys a page has.
const PAGE: usize = 1000;

/// A bucket of numbered reports of one product.
pub(crate) struct BucketOf {
    port: u16,
    pages: Arc<AtomicUsize>,
}

impl BucketOf {
    /// Starts a server whose bucket holds `count` reports.
    pub(crate) fn reports(count: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let pages = Arc::new(AtomicUsize::new(0));
        let asked = Arc::clone(&pages);
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let asked = Arc::clone(&asked);
                thread::spawn(move || serve(&connection, count, &asked));
            }
        });
        Self { port, pages }
    }

    /// The `desk.toml` for it.
    pub(crate) fn desk(&self) -> String {
        format!(
            "[bucket]\nbucket = \"bug-reports\"\nregion = \"us-east-1\"\npath-style = true\n\
             endpoint = \"http://127.0.0.1:{}\"\nreferer = \"{REFERER}\"\n\
             desk-token = \"made-up-token\"\n",
            self.port
        )
    }

    /// How many pages were asked for.
    pub(crate) fn pages(&self) -> usize {
        self.pages.load(Ordering::Relaxed)
    }
}

/// The key of a report: a thousand for each day of a month.
fn key(number: usize) -> String {
    let (month, day) = (number / 28_000 + 1, number / 1000 % 28 + 1);
    let second = number % 1000;
    let time = format!("2026{month:02}{day:02}T10{:02}{:02}Z", second / 60, second % 60);
    format!("reports/shop/2026/{month:02}/{day:02}/shop-{time}-{number:026}.tar.xz.age")
}

/// Answers requests until the client has had enough.
fn serve(connection: &TcpStream, count: usize, pages: &AtomicUsize) {
    let mut reader = BufReader::new(connection);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut header = String::from("…");
        while header.trim() != "" {
            header.clear();
            reader.read_line(&mut header).unwrap();
        }
        let (headers, body) = if line.starts_with("HEAD") {
            ("x-amz-meta-host: host-3k9w\r\n", String::new())
        } else {
            pages.fetch_add(1, Ordering::Relaxed);
            ("", listing(&line, count))
        };
        let len = body.len();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {len}\r\n{headers}\r\n{body}");
        let mut writer = connection;
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn listing(line: &str, count: usize) -> String {
    let mut text =
        String::from("<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    if line.contains("delimiter=") {
        text += "<IsTruncated>false</IsTruncated>\
                 <CommonPrefixes><Prefix>reports/shop/</Prefix></CommonPrefixes>";
        return text + "</ListBucketResult>";
    }
    let token = line.split_once("continuation-token=").map(|(_, rest)| rest);
    let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
    let first: usize = token.map_or(0, |rest| digits(rest).parse().unwrap());
    let end = (first + PAGE).min(count);
    for number in first..end {
        let key = key(number);
        write!(
            text,
            "<Contents><Key>{key}</Key><LastModified>2026-10-01T00:00:00Z</LastModified>\
             <ETag>&quot;e&quot;</ETag><Size>{number}</Size></Contents>"
        )
        .unwrap();
    }
    write!(text, "<IsTruncated>{}</IsTruncated>", end < count).unwrap();
    if end < count {
        write!(text, "<NextContinuationToken>{end}</NextContinuationToken>").unwrap();
    }
    text + "</ListBucketResult>"
}
