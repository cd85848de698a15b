//! What a container wrote, as the engine keeps it: frames of standard output and standard error,
//! each with its time (<https://docs.docker.com/reference/api/engine/>, "Attach to a container").

use std::{
    collections::VecDeque,
    io::{self, BufReader, Read},
};

/// A longer line is cut.
const LONGEST_LINE: usize = 1 << 20;

/// The latest lines that fit into so many bytes.
pub(crate) struct Latest {
    lines: VecDeque<String>,
    room: usize,
    left_out: u64,
}

impl Latest {
    fn new(room: usize) -> Self {
        Self { lines: VecDeque::new(), room, left_out: 0 }
    }

    fn push(&mut self, stream: &str, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches(['\r', '\n']);
        let line = match line.split_once(' ') {
            Some((time, text)) => format!("{time} {stream} {text}\n"),
            None => format!("{line} {stream}\n"),
        };
        while line.len() > self.room {
            let Some(oldest) = self.lines.pop_front() else {
                self.left_out += 1;
                return;
            };
            self.room += oldest.len();
            self.left_out += 1;
        }
        self.room -= line.len();
        self.lines.push_back(line);
    }

    /// The lines, oldest first, each with its time and `out` or `err`.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// How many older ones are left out.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out
    }
}

/// Reads what a container without a terminal wrote: frames of 8 bytes, of which the first says the
/// stream and the last four the length, and the text. Also gives what ended it early.
pub(crate) fn frames(from: impl Read, room: usize) -> (Latest, Option<io::Error>) {
    let mut latest = Latest::new(room);
    let mut from = BufReader::new(from);
    // What was begun on either stream and not ended by a line break: long lines come in pieces.
    let mut begun: [Vec<u8>; 2] = Default::default();
    let ended = loop {
        match frame(&mut from) {
            Ok(Some((stream, text))) => {
                let at = usize::from(stream == 2);
                let line = &mut begun[at];
                // Each piece has the time before it.
                let text = if line.is_empty() { &text[..] } else { behind_time(&text) };
                line.extend_from_slice(&text[..text.len().min(LONGEST_LINE - line.len())]);
                if text.ends_with(b"\n") || line.len() == LONGEST_LINE {
                    latest.push(NAMES[at], line);
                    line.clear();
                }
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    for (line, name) in begun.iter().zip(NAMES).filter(|(line, _)| !line.is_empty()) {
        latest.push(name, line);
    }
    (latest, ended)
}

const NAMES: [&str; 2] = ["out", "err"];

fn frame(from: &mut impl Read) -> io::Result<Option<(u8, Vec<u8>)>> {
    let mut head = Vec::new();
    from.take(8).read_to_end(&mut head)?;
    if head.is_empty() {
        return Ok(None);
    }
    let Ok([stream, zeros @ .., a, b, c, d]) = <[u8; 8]>::try_from(head) else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    if stream > 2 || zeros != [0; 3] {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the engine's log has no frames"));
    }
    let length = u32::from_be_bytes([a, b, c, d]);
    let mut rest = from.take(length.into());
    let mut text = Vec::new();
    (&mut rest).take(LONGEST_LINE as u64).read_to_end(&mut text)?;
    io::copy(&mut rest, &mut io::sink())?;
    Ok(Some((stream, text)))
}

fn behind_time(text: &[u8]) -> &[u8] {
    let is_time = text.len() > 10 && text[4] == b'-' && text[10] == b'T';
    let space = text.iter().position(|byte| *byte == b' ').filter(|_| is_time);
    space.map_or(text, |space| &text[space + 1..])
}

/// Reads what a container with a terminal wrote: lines, all of one stream.
pub(crate) fn terminal(from: impl Read, room: usize) -> (Latest, Option<io::Error>) {
    let mut latest = Latest::new(room);
    let mut failing = Failing { from, error: None };
    for line in crate::facts::text::Lines::new(&mut failing) {
        latest.push("out", line.as_bytes());
    }
    (latest, failing.error)
}

/// A reader whose error is remembered, and is an end.
struct Failing<R> {
    from: R,
    error: Option<io::Error>,
}

impl<R: Read> Read for Failing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.from.read(buffer).or_else(|error| {
            self.error = Some(error);
            Ok(0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(stream: u8, text: &str) -> Vec<u8> {
        let mut frame = vec![stream, 0, 0, 0];
        frame.extend((text.len() as u32).to_be_bytes());
        frame.extend(text.as_bytes());
        frame
    }

    fn read(bytes: &[u8], room: usize) -> (String, u64, bool) {
        let (latest, error) = frames(bytes, room);
        (latest.lines().collect(), latest.left_out(), error.is_some())
    }

    #[test]
    fn frames_become_lines_with_their_stream() {
        let bytes = [
            framed(1, "2026-01-02T03:04:05Z open\n"),
            framed(2, "2026-01-02T03:04:06Z no till\n"),
            framed(1, "2026-01-02T03:04:07Z one long "),
            framed(2, "2026-01-02T03:04:07Z in between\n"),
            framed(1, "2026-01-02T03:04:07Z line\n"),
        ];
        let text = "2026-01-02T03:04:05Z out open\n2026-01-02T03:04:06Z err no till\n\
                    2026-01-02T03:04:07Z err in between\n2026-01-02T03:04:07Z out one long line\n";
        assert_eq!(read(&bytes.concat(), 1000), (text.to_owned(), 0, false));
    }

    #[test]
    fn where_the_room_is_short_the_latest_lines_are_kept() {
        let bytes: Vec<_> = (0..10).flat_map(|line| framed(1, &format!("t {line}\n"))).collect();
        assert_eq!(read(&bytes, 16), ("t out 8\nt out 9\n".to_owned(), 8, false));
        assert_eq!(read(&framed(1, "t too long for it\n"), 16), (String::new(), 1, false));
    }

    #[test]
    fn a_torn_or_odd_stream_keeps_what_came_before() {
        let mut bytes = framed(1, "t a\n");
        bytes.extend([1, 0, 0, 0, 0]);
        assert_eq!(read(&bytes, 100), ("t out a\n".to_owned(), 0, true));
        assert_eq!(read(b"plain text", 100), (String::new(), 0, true));
        assert_eq!(read(&framed(1, "t x\n")[..9], 100).0, "t out\n");
        assert_eq!(read(&framed(0, ""), 100), (String::new(), 0, false));
    }

    #[test]
    fn what_comes_from_a_terminal_has_no_frames() {
        let (latest, error) = terminal(&b"t hello\r\nt last"[..], 100);
        assert_eq!(latest.lines().collect::<String>(), "t out hello\nt out last\n");
        assert!(error.is_none());
    }
}
