//! The last lines of many logs.

use collect_core::{
    CollectError, Collector, FileSet, Invalid, Output, Window,
    files::Found,
    host::{FileKind, Host, HostFile},
    inside::{Codec, Form, HEAD},
    register, stamp,
    units::Size,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{
    cmp::Reverse,
    io::{self, Read, SeekFrom},
    path::Path,
};

/// Takes the last lines of many logs.
///
/// Each log keeps its path. It is read from its end, so its size is no matter; what is compressed is
/// read through. With `rotated`, where a log has fewer lines than asked for, the newest of what it was
/// rotated to (`app.log.1`, `app.log-20261123.gz`) gives the rest, each as an entry of its own. Of the
/// lines that are taken, those between `since` and `until` are kept, where they say a time. UTF-16 and
/// archives are left to `files`.
///
/// Reads the files of `paths` as `files` does: newest first, links only to what is among the paths.
/// What only root may read needs root.
///
/// ```toml
/// [collect.service-logs]
/// use = "tail"
/// paths = ["/var/log/**/*.log"]
/// lines = 500
/// rotated = true
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Tail {
    /// Absolute paths with the wildcards of `files`.
    paths: Vec<String>,
    /// What to leave out, as for `files`.
    exclude: Vec<String>,
    /// How many lines of each log; no more than 16 MiB.
    lines: usize,
    /// How many bytes of each log, in place of `lines`; whole lines of them.
    size: Option<Size>,
    /// Whether to go on in what a log was rotated to.
    rotated: bool,
}

impl Default for Tail {
    fn default() -> Self {
        let (paths, exclude) = (Vec::new(), Vec::new());
        Self { paths, exclude, lines: 1000, size: None, rotated: false }
    }
}

register!("tail" => Tail as Collector);

/// What is taken of a log at most, since it is held in memory.
const MOST_BYTES: u64 = 16 << 20;

/// What is read at once.
const CHUNK: usize = 64 << 10;

/// What is still wanted of a log.
#[derive(Clone, Copy)]
struct Wanted {
    lines: usize,
    bytes: u64,
}

/// The end of a file.
struct End {
    text: Vec<u8>,
    /// Whether there is more before it.
    cut: bool,
    /// What was undone.
    decoded: Option<Codec>,
}

impl Tail {
    fn set(&self) -> Result<FileSet, Vec<Invalid>> {
        FileSet::new(&self.paths, &self.exclude)
    }

    fn wanted(&self) -> Wanted {
        match self.size {
            Some(Size(bytes)) => Wanted { lines: usize::MAX, bytes: bytes.min(MOST_BYTES) },
            None => Wanted { lines: self.lines, bytes: MOST_BYTES },
        }
    }

    /// Takes a log and, as far as it is too short, what it was rotated to; says how many files have
    /// more than was taken.
    fn take(&self, out: &mut Output<'_>, log: Found) -> Result<usize, CollectError> {
        let mut wanted = self.wanted();
        let mut left = if self.rotated { rotated(out.host(), &log.path) } else { Vec::new() };
        let mut cut = 0;
        let mut next = Some(log);
        while let Some(found) = next {
            let source = found.path.display().to_string();
            match end(out, &found.path, wanted) {
                Ok(Some(end)) => {
                    wanted.lines -= memchr::memchr_iter(b'\n', &end.text).count().min(wanted.lines);
                    wanted.bytes -= (end.text.len() as u64).min(wanted.bytes);
                    cut += usize::from(end.cut);
                    write(out, &found, &source, end)?;
                }
                Ok(None) => out.note(&format!("`{source}` is an archive or in UTF-16: not read")),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    return Err(CollectError::Stopped);
                }
                Err(error) => out.failed(&source, &error),
            }
            let enough = wanted.lines == 0 || wanted.bytes == 0;
            next = left.pop().filter(|_| !enough);
        }
        Ok(cut)
    }
}

impl Collector for Tail {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let set = self.set().map_err(|wrong| {
            let messages: Vec<_> = wrong.into_iter().map(|invalid| invalid.message).collect();
            CollectError::Failed(messages.join("; "))
        })?;
        let mut cut = 0;
        for log in out.find(&set)? {
            if out.budget() == 0 {
                out.truncated("", "the older logs are left out: no room is left");
                break;
            }
            cut += self.take(out, log)?;
        }
        if cut > 0 {
            out.note(&format!("{cut} logs are longer than what was taken of them"));
        }
        Ok(())
    }

    fn describe(&self) -> Option<String> {
        Some(format!("the last lines of {}", self.paths.join(", ")))
    }

    fn check(&self) -> Vec<Invalid> {
        if self.paths.is_empty() {
            let message = "no path is given".to_owned();
            return vec![Invalid { option: "paths", message, help: None }];
        }
        self.set().err().unwrap_or_default()
    }

    fn estimate(&self, host: &dyn Host, window: &Window) -> Option<u64> {
        let all = self.set().ok()?.size(host, window);
        Some(self.size.map_or(all, |Size(size)| all.min(size.saturating_mul(100))))
    }
}

/// What a log was rotated to, the newest last.
fn rotated(host: &dyn Host, log: &Path) -> Vec<Found> {
    let (Some(folder), Some(name)) = (log.parent(), log.file_name()) else { return Vec::new() };
    let name = name.to_string_lossy();
    let siblings = host.entries(folder).unwrap_or_default().into_iter();
    let mut found: Vec<_> = siblings
        .filter(|path| {
            let other = path.file_name().unwrap_or_default().to_string_lossy();
            let mut ending = other.strip_prefix(&*name).unwrap_or_default().bytes();
            let separated = matches!(ending.next(), Some(b'.' | b'-' | b'_'));
            separated && ending.next().is_some_and(|byte| byte.is_ascii_digit())
        })
        .filter_map(|path| host.info(&path).ok().map(|info| Found { path, info }))
        .filter(|found| found.info.kind == FileKind::Regular)
        .collect();
    found.sort_by_key(|found| (found.info.modified, Reverse(found.path.clone())));
    found
}

fn write(out: &mut Output<'_>, found: &Found, source: &str, end: End) -> Result<(), CollectError> {
    let origin = out.origin(found.info.modified);
    let text = stamp::of_interest(end.text, &out.window(), &origin);
    if text.is_empty() {
        return Ok(());
    }
    let name = source.trim_start_matches('/');
    let name = end.decoded.map_or_else(|| name.to_owned(), |codec| codec.stripped(name));
    let mut entry = out.entry(&name, source, found.info.modified)?;
    entry.dated(origin);
    entry.decoded_from(&end.decoded.map(Codec::name).into_iter().collect::<Vec<_>>());
    entry.copy(&mut text.as_slice())?;
    entry.end()
}

/// The last lines of a file; `None` if it is not told into lines.
fn end(out: &Output<'_>, path: &Path, wanted: Wanted) -> io::Result<Option<End>> {
    let mut file = out.host().open(path)?;
    let len = file.info()?.len;
    let mut head = Vec::new();
    Read::take(&mut *file, HEAD as u64).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(0))?;
    match Form::of(&head) {
        Form::Plain => end_of_file(file.as_mut(), len, wanted).map(Some),
        Form::Compressed(codec) => {
            // No further than it was: one that is still being written has no end.
            let mut text = codec.decoder(file.take(len))?;
            let mut end = end_of_stream(out, &mut text, wanted)?;
            end.decoded = Some(codec);
            let archive = !end.cut && Form::of(&end.text) == Form::Archive;
            Ok((!archive).then_some(end))
        }
        Form::Archive | Form::Wide(_) => Ok(None),
    }
}

fn end_of_file(file: &mut dyn HostFile, len: u64, wanted: Wanted) -> io::Result<End> {
    let mut text = Vec::new();
    let mut start = len;
    let mut feeds = 0;
    // One more line feed than lines: the one before the first.
    while start > 0 && (text.len() as u64) <= wanted.bytes && feeds <= wanted.lines {
        let size = start.min(CHUNK as u64);
        start -= size;
        file.seek(SeekFrom::Start(start))?;
        let mut block = Vec::new();
        Read::take(&mut *file, size).read_to_end(&mut block)?;
        feeds += memchr::memchr_iter(b'\n', &block).count();
        block.extend_from_slice(&text);
        text = block;
    }
    Ok(cut(text, start > 0, wanted))
}

fn end_of_stream(out: &Output<'_>, from: &mut dyn Read, wanted: Wanted) -> io::Result<End> {
    let mut text = Vec::new();
    let mut chunk = vec![0; CHUNK];
    let mut dropped = false;
    loop {
        if out.deadline().passed() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let count = match from.read(&mut chunk) {
            Ok(0) => return Ok(cut(text, dropped, wanted)),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        text.extend_from_slice(&chunk[..count]);
        if text.len() as u64 > 2 * wanted.bytes.max(CHUNK as u64) {
            text = cut(text, dropped, wanted).text;
            dropped = true;
        }
    }
}

/// The last whole lines of a text. One that is longer than the size that is wanted is left out.
fn cut(mut text: Vec<u8>, dropped: bool, wanted: Wanted) -> End {
    let mut start = 0;
    let mut torn = dropped;
    let most = usize::try_from(wanted.bytes).unwrap_or(usize::MAX);
    if text.len() > most {
        start = text.len() - most;
        torn = text[start - 1] != b'\n';
    } else if dropped {
        // The byte before is not held, so the first line may be half of one.
        torn = true;
    }
    if torn {
        start += memchr::memchr(b'\n', &text[start..]).map_or(text.len() - start, |at| at + 1);
    }
    // The last line feed ends a line, and is not between two.
    let end = text.len() - usize::from(text.ends_with(b"\n"));
    if let Some(before) = wanted.lines.checked_sub(1) {
        let mut feeds = memchr::memrchr_iter(b'\n', &text[start..end.max(start)]);
        start += feeds.nth(before).map_or(0, |at| at + 1);
    } else {
        start = text.len();
    }
    text.drain(..start);
    End { text, cut: dropped || start > 0, decoded: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::{Collected, FakeHost, Trial};
    use jiff::SignedDuration;
    use std::fmt::Write as _;

    fn tail(paths: &[&str]) -> Tail {
        let paths = paths.iter().map(|&path| path.to_owned()).collect();
        Tail { paths, ..Tail::default() }
    }

    fn lines(numbers: std::ops::Range<u32>) -> String {
        numbers.fold(String::new(), |mut text, number| {
            writeln!(text, "line {number}").unwrap();
            text
        })
    }

    fn on(tail: Tail, host: FakeHost) -> Collected {
        Trial::of(tail).on(host)
    }

    #[test]
    fn the_last_lines_are_taken_and_short_logs_whole() {
        let host = || {
            FakeHost::new()
                .file("/var/log/a.log", &lines(0..50_000))
                .file("/var/log/b.log", "only\nlast without end")
                .file("/var/log/c.log", "")
        };
        let tail = |lines| Tail { lines, ..tail(&["/var/log/*.log"]) };
        let collected = on(tail(2), host());
        assert_eq!(collected.text("/var/log/a.log"), lines(49_998..50_000));
        assert_eq!(collected.text("/var/log/b.log"), "only\nlast without end");
        assert!(collected.notes()[0].contains("1 logs are longer"), "{:?}", collected.notes());
        assert_eq!(on(tail(20_000), host()).text("/var/log/a.log"), lines(30_000..50_000));
        assert_eq!(on(tail(1), host()).text("/var/log/b.log"), "last without end");
        assert!(on(tail(0), host()).paths().is_empty());
    }

    #[test]
    fn of_a_size_whole_lines_are_taken() {
        let host = || FakeHost::new().file("/var/log/a.log", &lines(0..10));
        let tail = |size| Tail { size: Some(Size(size)), ..tail(&["/var/log/a.log"]) };
        assert_eq!(on(tail(21), host()).text("/var/log/a.log"), lines(7..10));
        assert_eq!(on(tail(20), host()).text("/var/log/a.log"), lines(8..10));
        assert!(on(tail(3), host()).paths().is_empty());
    }

    #[test]
    fn a_log_of_any_size_is_read_from_its_end() {
        let end = lines(0..5);
        let len = (1 << 40) + end.len() as u64;
        let host = FakeHost::new().sparse("/var/log/a.log", len, &[(1 << 40, end.as_bytes())]);
        let collected = on(Tail { lines: 4, ..tail(&["/var/log/a.log"]) }, host);
        assert_eq!(collected.text("/var/log/a.log"), lines(1..5));
    }

    #[test]
    fn a_short_log_goes_on_in_what_it_was_rotated_to() {
        let at = |minute: i64| Host::now(&FakeHost::new()) - SignedDuration::from_mins(minute);
        let host = FakeHost::new()
            .file_at("/var/log/a.log", lines(20..22), at(0))
            .file_at("/var/log/a.log.1", lines(10..20), at(10))
            .file_at("/var/log/a.log.2", lines(0..10), at(20))
            .file_at("/var/log/a.log.9", lines(0..10), at(30))
            .file_at("/var/log/a.log.conf", "no", at(5));
        let tail = Tail { lines: 15, rotated: true, ..tail(&["/var/log/a.log"]) };
        let collected = on(tail, host);
        let paths = ["test/var/log/a.log", "test/var/log/a.log.1", "test/var/log/a.log.2"];
        assert_eq!(collected.paths(), paths);
        assert_eq!(collected.text("/var/log/a.log.2"), lines(7..10));
    }

    #[test]
    fn compressed_logs_are_read_through() {
        let gzip: &[u8] =
            b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x01\x04\0\xfb\xffa\nb\n\x97\x2a\x57\x18\x04\0\0\0";
        let host = FakeHost::new().bytes("/var/log/a.1.gz", gzip);
        let collected = on(Tail { lines: 1, ..tail(&["/var/log/a.1.gz"]) }, host);
        assert_eq!(collected.text("/var/log/a.1"), "b\n");
        assert_eq!(collected.record("/var/log/a.1").decoded, ["gzip"]);
    }
}
