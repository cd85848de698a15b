//! What is learnt in one file is removed from all.
//!
//! What was written as plain text is searched for all that was learnt by the end; of what would have
//! to be decompressed, its sieve says first whether anything may be in it. Where something is found,
//! or cannot be looked for, the file is redacted anew, from its source. Without a target all is read
//! once to learn, and once to show.

use super::{LeftOut, Rewritten, plan::Plan, plan::What};
use crate::{
    inside::Form,
    names::Names,
    redact::{
        Redaction, Scrubbed,
        learnt::{Needles, REACH, Sieve},
    },
};
use rayon::prelude::*;
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read},
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

/// So many bytes the sieves of all files take together. That is enough for some 2 GB of compressed
/// logs; files beyond are redacted anew if anything was learnt at all.
const ROOM: usize = 64 << 20;

/// How much of a file is searched at once.
const CHUNK: u64 = 1 << 20;

/// The room that is left for sieves.
pub(super) struct Room(AtomicUsize);

impl Default for Room {
    fn default() -> Self {
        Self(AtomicUsize::new(ROOM))
    }
}

/// What may be in a file, after it was redacted.
#[derive(Default)]
pub(super) struct Traces {
    sieves: Vec<Sieve>,
    /// What may be the beginning of a secret that goes on in what comes next.
    tail: Vec<u8>,
    /// Whether it must be searched to know: it is plain text, or there was no room.
    unknown: bool,
}

impl Traces {
    /// Takes plain text, which can be searched when all is learnt.
    pub(super) fn searchable(&mut self) {
        self.unknown = true;
    }

    /// Takes what came out.
    pub(super) fn add(&mut self, redacted: &[u8], redaction: &Redaction, room: &Room) {
        if !redaction.learns() || self.unknown {
            return;
        }
        let sieve = if self.tail.is_empty() {
            Sieve::of(redacted)
        } else {
            Sieve::of(&[&self.tail, redacted].concat())
        };
        let end = &redacted[redacted.len().saturating_sub(REACH)..];
        let end = &end[memchr::memrchr(b'\n', end).map_or(0, |feed| feed + 1)..];
        self.tail = end.to_vec();
        let take = |left: usize| left.checked_sub(sieve.len());
        if room.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
            self.sieves.push(sieve);
        } else {
            self.unknown = true;
        }
    }

    fn may_hold(&self, needles: &Needles) -> bool {
        self.unknown || self.sieves.iter().any(|sieve| needles.may_be_in(sieve))
    }
}

/// Removes what was learnt from a stream that was redacted.
pub(super) struct Mender<'n> {
    needles: &'n Needles,
    /// What may be the beginning of a secret.
    held: Vec<u8>,
}

impl<'n> Mender<'n> {
    pub(super) fn new(needles: &'n Needles) -> Self {
        Self { needles, held: Vec::new() }
    }

    /// Takes more of the stream, and returns what is clear by then.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Scrubbed {
        let mut text = std::mem::take(&mut self.held);
        text.extend_from_slice(bytes);
        let feed = memchr::memrchr(b'\n', &text).map(|feed| feed + 1);
        let end = feed.unwrap_or_else(|| {
            let end = text.len().saturating_sub(REACH);
            let over = self.needles.find(&text).into_iter();
            over.filter(|at| at.end > end).map(|at| at.start).fold(end, usize::min)
        });
        self.held = text.split_off(end);
        self.mended(text)
    }

    /// The rest of the stream.
    pub(super) fn finish(mut self) -> Scrubbed {
        let rest = std::mem::take(&mut self.held);
        self.mended(rest)
    }

    fn mended(&self, text: Vec<u8>) -> Scrubbed {
        let mended = self.needles.mend(&text, &[]);
        mended.unwrap_or_else(|| Scrubbed { bytes: text, ..Scrubbed::default() })
    }
}

/// Whether any of them is in a file that was written; nothing about it is known if it cannot be read
/// as plain text.
fn is_in(path: &Path, needles: &Needles) -> io::Result<bool> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Ok(true);
    }
    let mut file = File::open(path)?;
    let mut text = Vec::new();
    for first in (0..).map(|chunk| chunk == 0) {
        let read = (&mut file).take(CHUNK).read_to_end(&mut text)?;
        if first && Form::of(&text) != Form::Plain || !needles.find(&text).is_empty() {
            return Ok(true);
        }
        if read == 0 {
            break;
        }
        // What stands over the border is seen whole with what comes next.
        text.drain(..text.len().saturating_sub(REACH));
    }
    Ok(false)
}

/// The numbers of the files that are to be redacted anew; they have their new names in the plan
/// then, and are gone from the target.
pub(super) fn clear(
    plan: &mut Plan,
    needles: &Needles,
    traces: &[Option<Traces>],
    target: &Path,
    pool: &rayon::ThreadPool,
) -> io::Result<Vec<usize>> {
    let old: Vec<String> = plan.items.iter().map(|item| item.path.clone()).collect();
    let mut anew = rename(plan, needles);
    let suspect = |number: &usize| match &traces[*number] {
        Some(traces) if !traces.may_hold(needles) => false,
        Some(_) => is_in(&target.join(&old[*number]), needles).unwrap_or(true),
        None => true,
    };
    let suspects: Vec<usize> =
        pool.install(|| (0..old.len()).into_par_iter().filter(suspect).collect());
    anew.extend(suspects);
    for &number in &anew {
        let path = target.join(&old[number]);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // A folder may be named by a secret, too. One that is not empty stays.
        let above = path.ancestors().skip(1).take_while(|above| *above != target);
        _ = above.map(fs::remove_dir).take_while(Result::is_ok).count();
    }
    Ok(anew.into_iter().collect())
}

/// Gives files and links new names where learnt secrets are in theirs, and says which.
pub(super) fn rename(plan: &mut Plan, needles: &Needles) -> BTreeSet<usize> {
    let mut names = Names::default();
    let mut changed = BTreeSet::new();
    for (number, item) in plan.items.iter_mut().enumerate() {
        if let What::Link(to) = &mut item.what {
            let mended = needles.text(to);
            if mended != *to {
                *to = mended;
                changed.insert(number);
            }
        }
        if needles.text(&item.path) == item.path {
            names.free(&item.path);
        }
    }
    for (number, item) in plan.items.iter_mut().enumerate() {
        let mended = needles.text(&item.path);
        if mended != item.path {
            item.path = names.free(&mended);
            changed.insert(number);
        }
    }
    changed
}

impl Rewritten {
    /// What is told of a file, without learnt secrets.
    pub(super) fn mended(mut self, needles: Option<&Needles>) -> Self {
        let Some(needles) = needles else {
            return self;
        };
        self.path = needles.text(&self.path);
        for LeftOut { path, reason } in &mut self.left_out {
            *path = needles.text(path);
            *reason = needles.text(reason);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Rule;

    #[test]
    fn a_secret_that_comes_in_two_parts_leaves_a_trace() {
        let rule = Rule::pattern("password", ["password"], r"password = (?<secret>\S+)").unwrap();
        let redaction = Redaction::compile(vec![rule.learns(|_| true)]).unwrap();
        redaction.text("password = m4deUpv4lue");
        let needles = redaction.needles().unwrap();
        let may_hold = |parts: [&[u8]; 2]| {
            let mut traces = Traces::default();
            for part in parts {
                traces.add(part, &redaction, &Room::default());
            }
            traces.may_hold(&needles)
        };
        assert!(may_hold([b"one long line m4deU", b"pv4lue that goes on"]));
        assert!(!may_hold([b"one long line m4deU\n", b"pv4lue that goes on"]));
        let full = Room(AtomicUsize::new(0));
        let mut traces = Traces::default();
        traces.add(b"harmless", &redaction, &full);
        assert!(traces.may_hold(&needles), "what nobody knows of is taken for harmless");
    }

    #[test]
    fn what_was_written_is_searched_to_its_end() {
        let rule = Rule::pattern("password", ["password"], r"password = (?<secret>\S+)").unwrap();
        let redaction = Redaction::compile(vec![rule.learns(|_| true)]).unwrap();
        redaction.text("password = m4deUpv4lue");
        let needles = redaction.needles().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let is_in = |text: &[u8]| {
            let path = dir.path().join("text");
            fs::write(&path, text).unwrap();
            is_in(&path, &needles).ok()
        };
        let line = b"nothing to be seen\n";
        let mut text = line.repeat(CHUNK as usize * 2 / line.len());
        assert_eq!(is_in(&text), Some(false));
        assert_eq!(is_in(b""), Some(false));
        for at in [0, CHUNK as usize - 5, text.len() - 11] {
            let part = at..at + 11;
            let before = text[part.clone()].to_vec();
            text[part.clone()].copy_from_slice(b"m4deUpv4lue");
            assert_eq!(is_in(&text), Some(true), "{at}");
            text[part].copy_from_slice(&before);
        }
        let compressed = b"\x1f\x8b\x08\0\0\0\0\0\0\x03";
        assert_eq!(is_in(compressed), Some(true), "what is compressed cannot be searched");
        assert!(super::is_in(&dir.path().join("none"), &needles).is_err());
    }
}
