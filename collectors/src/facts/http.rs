//! Asking a service of this host by HTTP: GET, over a connection that keeps the step's deadline.
//!
//! No redirect is followed, no proxy used, nothing cached, no compression asked for.

use collect_core::host::{Connection, Deadline, Endpoint, Host};
use http::{HeaderMap, Request, Response, StatusCode, header};
use std::{
    fmt,
    io::{self, ErrorKind, Read, Write},
};
use ureq_proto::{
    BodyMode,
    client::{
        Call, RecvResponseResult, SendRequestResult,
        state::{RecvBody, RecvResponse},
    },
};

/// How much is read at a time, and kept for what is not yet understood: the length of a chunk, its
/// trailers.
const PIECE: usize = 32 << 10;

/// How much of an answer is taken, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Of its status line and headers; more is an error.
    pub(crate) headers: usize,
    /// Of its body; the rest is left out.
    pub(crate) body: u64,
}

impl Default for Limits {
    /// 64 KiB, as many servers set for themselves, and 16 MiB.
    fn default() -> Self {
        Self { headers: 64 << 10, body: 16 << 20 }
    }
}

/// What a service answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
}

impl Answer {
    /// The whole body, of an answer that says that all is well.
    #[cfg_attr(not(test), allow(dead_code, reason = "for collectors that ask engines"))]
    pub(crate) fn bytes(mut self) -> io::Result<Vec<u8>> {
        if !self.status.is_success() {
            return Err(io::Error::other(format!("the service answered {}", self.status)));
        }
        let mut bytes = Vec::new();
        self.body.read_to_end(&mut bytes)?;
        if self.body.was_cut() {
            let text = format!("the service answered more than {} bytes", bytes.len());
            return Err(invalid(text));
        }
        Ok(bytes)
    }

    /// A header's value, if it has one that is text.
    pub(crate) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Asks the service at `endpoint` for `target`: a path, with a query if there is one.
///
/// The kind of error says what is the matter, as [`Host::connect`] does; an answer that is no HTTP
/// or beyond the limits is an [`ErrorKind::InvalidData`], and one that ends too early an
/// [`ErrorKind::UnexpectedEof`].
#[cfg_attr(not(test), allow(dead_code, reason = "for collectors that ask engines"))]
pub(crate) fn get(
    host: &dyn Host,
    endpoint: &Endpoint,
    target: &str,
    headers: &[(&str, &str)],
    limits: Limits,
    deadline: &Deadline,
) -> io::Result<Answer> {
    let authority = match endpoint {
        Endpoint::Unix(_) => "localhost".to_owned(),
        Endpoint::Tcp(address) => address.to_string(),
    };
    ask(host.connect(endpoint, deadline)?, &authority, target, headers, limits)
}

/// Asks over a connection that exists. `authority` is what the service is called: `example.com`,
/// `192.0.2.1:8080`.
pub(crate) fn ask(
    mut connection: Box<dyn Connection>,
    authority: &str,
    target: &str,
    headers: &[(&str, &str)],
    limits: Limits,
) -> io::Result<Answer> {
    let call = send(&mut connection, authority, target, headers)?;
    let mut buffer = Buffer::default();
    let (response, call) = receive(&mut connection, call, &mut buffer, limits.headers)?;
    let (parts, ()) = response.into_parts();
    let body = Body { connection, call, buffer, left: limits.body, cut: false };
    Ok(Answer { status: parts.status, headers: parts.headers, body })
}

fn send(
    connection: &mut dyn Write,
    authority: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> io::Result<Call<RecvResponse>> {
    let mut request = Request::get(format!("http://{authority}{target}"))
        .header(header::USER_AGENT, "collect")
        .header(header::ACCEPT, "*/*")
        .header(header::CONNECTION, "close");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let unusable = |error: &dyn fmt::Display| {
        io::Error::new(ErrorKind::InvalidInput, format!("`{target}` cannot be asked for: {error}"))
    };
    let request = request.body(()).map_err(|error| unusable(&error))?;
    let mut call = Call::new(request).map_err(|error| unusable(&error))?.proceed();
    let mut piece = vec![0; PIECE];
    while !call.can_proceed() {
        let length = call.write(&mut piece).map_err(|error| unusable(&error))?;
        connection.write_all(&piece[..length])?;
    }
    connection.flush()?;
    match call.proceed().map_err(|error| unusable(&error))? {
        Some(SendRequestResult::RecvResponse(call)) => Ok(call),
        _ => Err(unusable(&"it would have a body")),
    }
}

/// Reads the status line and the headers. No call is left if there is no body to read.
fn receive(
    connection: &mut dyn Read,
    mut call: Call<RecvResponse>,
    buffer: &mut Buffer,
    limit: usize,
) -> io::Result<(Response<()>, Option<Call<RecvBody>>)> {
    let mut taken = 0;
    loop {
        let room = limit.saturating_sub(taken + buffer.bytes().len());
        if room == 0 {
            return Err(invalid(format!("the headers are longer than {limit} bytes")));
        }
        let from = buffer.bytes().len();
        if buffer.fill(connection, room)? == 0 {
            return Err(cut_short());
        }
        // Only the end of a line can change what is known.
        while buffer.bytes()[from.min(buffer.bytes().len())..].contains(&b'\n') {
            let (used, response) =
                call.try_response(buffer.bytes(), false).map_err(|error| no_http(&error))?;
            buffer.take(used);
            taken += used;
            if let Some(response) = response {
                let call = match call.proceed() {
                    Some(RecvResponseResult::RecvBody(call)) => Some(call),
                    _ => None,
                };
                return Ok((response, call));
            }
            if used == 0 {
                break;
            }
        }
    }
}

/// The body of an answer, read as it comes. It ends at its limit.
pub(crate) struct Body {
    connection: Box<dyn Connection>,
    call: Option<Call<RecvBody>>,
    buffer: Buffer,
    left: u64,
    cut: bool,
}

impl Body {
    /// Whether it was longer than its limit; known once it was read to its end.
    pub(crate) fn was_cut(&self) -> bool {
        self.cut
    }

    fn next(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Some(call) = &mut self.call else {
            return Ok(0);
        };
        loop {
            let (used, length) =
                call.read(self.buffer.bytes(), out).map_err(|error| no_http(&error))?;
            self.buffer.take(used);
            if length > 0 {
                return Ok(length);
            }
            let until_close = call.body_mode() == BodyMode::CloseDelimited;
            if call.can_proceed() && !until_close {
                return Ok(0);
            }
            if used > 0 {
                continue;
            }
            if self.buffer.bytes().len() >= PIECE {
                return Err(invalid("the length of a chunk is no number".to_owned()));
            }
            let filled = match self.buffer.fill(&mut self.connection, PIECE) {
                // A TLS server that hangs up without saying so.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => 0,
                filled => filled?,
            };
            if filled == 0 {
                let complete = until_close || call.is_ended_chunked();
                return if complete { Ok(0) } else { Err(cut_short()) };
            }
        }
    }
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() || self.cut {
            return Ok(0);
        }
        if self.left == 0 {
            self.cut = self.next(&mut [0])? > 0;
            return Ok(0);
        }
        let wanted = out.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let length = self.next(&mut out[..wanted])?;
        self.left -= length as u64;
        Ok(length)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("left", &self.left)
            .field("cut", &self.cut)
            .finish_non_exhaustive()
    }
}

/// What was read and not yet understood.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    from: usize,
}

impl Buffer {
    fn bytes(&self) -> &[u8] {
        &self.bytes[self.from..]
    }

    fn take(&mut self, length: usize) {
        self.from += length;
    }

    /// Reads once, at most so much; says how much came.
    fn fill(&mut self, connection: &mut dyn Read, room: usize) -> io::Result<usize> {
        self.bytes.drain(..self.from);
        self.from = 0;
        let from = self.bytes.len();
        self.bytes.resize(from + room.min(PIECE), 0);
        let read = connection.read(&mut self.bytes[from..]);
        self.bytes.truncate(from + read.as_ref().copied().unwrap_or(0));
        read
    }
}

fn invalid(text: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, text)
}

fn no_http(error: &ureq_proto::Error) -> io::Error {
    invalid(format!("the answer is no HTTP: {error}"))
}

fn cut_short() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "the service hung up in the middle of its answer")
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;
    use std::{fmt::Write, sync::Arc, time::Duration};

    fn engine() -> Endpoint {
        Endpoint::Unix("/run/engine.sock".into())
    }

    fn within(limit: Duration) -> Deadline {
        Deadline::after(limit, Arc::default())
    }

    const SMALL: Limits = Limits { headers: 300, body: 20 };

    fn ask_for(host: &FakeHost, target: &str, limits: Limits) -> io::Result<Answer> {
        get(host, &engine(), target, &[], limits, &within(Duration::from_mins(1)))
    }

    /// The status and the body of an answer with these bytes.
    fn of(answer: &str, limits: Limits) -> io::Result<(u16, String, bool)> {
        let host = FakeHost::new().answers(&engine(), "GET /x HTTP/1.1\r\n", answer);
        let mut answer = ask_for(&host, "/x", limits)?;
        let mut text = String::new();
        answer.body.read_to_string(&mut text)?;
        Ok((answer.status.as_u16(), text, answer.body.was_cut()))
    }

    fn kind(answer: &str, limits: Limits) -> ErrorKind {
        of(answer, limits).unwrap_err().kind()
    }

    #[test]
    fn bodies_have_a_length_come_in_chunks_or_end_with_the_connection() {
        let good = |answer| of(answer, Limits::default()).unwrap();
        let all = (200, "all is well".to_owned(), false);
        assert_eq!(good("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall is wellmore"), all);
        assert_eq!(
            good(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nall \r\n7;a=b\r\nis well\r\n0\r\nTrailer: x\r\n\r\n"
            ),
            all
        );
        assert_eq!(good("HTTP/1.0 200 OK\r\n\r\nall is well"), all);
        assert_eq!(
            good("HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nall is well"),
            all
        );
        assert_eq!(good("HTTP/1.1 204 No Content\r\n\r\n"), (204, String::new(), false));
        assert_eq!(good("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").1, "");
        assert_eq!(
            good(
                "HTTP/1.1 302 Found\r\nLocation: http://example.com/\r\nContent-Length: 2\r\n\r\nno"
            )
            .0,
            302
        );
    }

    #[test]
    fn a_long_body_comes_through_in_pieces() {
        let body = "0123456789abcdef".repeat(20_000);
        let mut chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
        for chunk in body.as_bytes().chunks(70_001) {
            let chunk = std::str::from_utf8(chunk).unwrap();
            write!(chunks, "{:X}\r\n{chunk}\r\n", chunk.len()).unwrap();
        }
        chunks += "0\r\n\r\n";
        assert_eq!(of(&chunks, Limits::default()).unwrap().1, body);
    }

    #[test]
    fn what_is_too_long_is_cut_or_refused() {
        let long = "HTTP/1.1 200 OK\r\n\r\n0123456789012345678901234567890";
        assert_eq!(of(long, SMALL).unwrap(), (200, "01234567890123456789".into(), true));
        let exact = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n01234567890123456789";
        assert!(!of(exact, SMALL).unwrap().2);
        let headers = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(400));
        assert_eq!(kind(&headers, SMALL), ErrorKind::InvalidData);
        // Interim answers without end count as well.
        assert_eq!(kind(&"HTTP/1.1 102 Wait\r\n\r\n".repeat(100), SMALL), ErrorKind::InvalidData);
        let host = FakeHost::new().answers(&engine(), "GET /", long);
        let error = ask_for(&host, "/", SMALL).unwrap().bytes().unwrap_err();
        assert_eq!(error.to_string(), "the service answered more than 20 bytes");
    }

    #[test]
    fn what_is_no_http_or_ends_too_early_is_an_error() {
        for odd in [
            "SSH-2.0-OpenSSH_9.9\r\n",
            "HTTP/1.1 two OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nall",
            "\u{0}\u{1}\u{2}\n",
        ] {
            assert_eq!(kind(odd, Limits::default()), ErrorKind::InvalidData, "{odd}");
        }
        for short in [
            "",
            "HTTP/1.1 200 OK\r\nContent-",
            "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nall",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nall\r\n",
        ] {
            assert_eq!(kind(short, Limits::default()), ErrorKind::UnexpectedEof, "{short}");
        }
        let endless =
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}", "1".repeat(PIECE));
        assert_eq!(kind(&endless, Limits::default()), ErrorKind::InvalidData);
    }

    #[test]
    fn slow_and_breaking_services_end() {
        let start = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall";
        let host = FakeHost::new()
            .answers_and_hangs(&engine(), "GET /slow", start)
            .answers_and_hangs(&engine(), "GET /silent", "")
            .answers_and_breaks(&engine(), "GET /cut", start);
        let ended = |target| {
            let deadline = within(Duration::from_millis(100));
            let answer = get(&host, &engine(), target, &[], Limits::default(), &deadline);
            answer.and_then(Answer::bytes).unwrap_err().kind()
        };
        assert_eq!(ended("/slow"), ErrorKind::TimedOut);
        assert_eq!(ended("/silent"), ErrorKind::TimedOut);
        assert_eq!(ended("/cut"), ErrorKind::ConnectionReset);
    }

    #[test]
    fn it_says_who_asks_and_with_the_headers_given() {
        let request = "GET /info?all=1 HTTP/1.1\r\nhost: localhost\r\nuser-agent: collect\r\naccept: */*\r\n\
            connection: close\r\nx-key: 7\r\n\r\n";
        let host = FakeHost::new()
            .answers(&engine(), request, "HTTP/1.1 200 OK\r\nServer: made up\r\n\r\n{}")
            .answers(&engine(), "GET /no", "HTTP/1.1 404 Not Found\r\n\r\n");
        let deadline = within(Duration::from_mins(1));
        let headers = [("x-key", "7")];
        let answer = get(&host, &engine(), "/info?all=1", &headers, SMALL, &deadline).unwrap();
        assert_eq!(answer.header(header::SERVER), Some("made up"));
        assert_eq!(answer.bytes().unwrap(), b"{}");
        let error = ask_for(&host, "/no", SMALL).unwrap().bytes().unwrap_err();
        assert_eq!(error.to_string(), "the service answered 404 Not Found");
        assert_eq!(ask_for(&host, "/a b", SMALL).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
