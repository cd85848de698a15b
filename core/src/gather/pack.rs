//! The work that needs the processor: redact, hash, frame and compress. It runs on a pool of its
//! own, whose tasks never wait for the host.

use super::permits::Permit;
use crate::{
    bundle::{Covers, EntryRecord, Format, Note, NoteKind, frame},
    redact::{
        Counts, Left, Piece, Redaction, ScrubError,
        learnt::{REACH, Sieve},
    },
};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

/// What is known of an entry when it begins.
#[derive(Clone, Debug)]
pub(crate) struct EntryMeta {
    /// Its path in the bundle, redacted.
    pub(crate) path: String,
    /// Where it comes from, redacted.
    pub(crate) source: String,
    pub(crate) modified: Option<Timestamp>,
    /// What was undone to come to it, the outermost first.
    pub(crate) decoded: Vec<String>,
    /// Whether it is binary data, of which no byte may be changed.
    pub(crate) binary: bool,
    /// The time that its lines are of; known at its end.
    pub(crate) covers: Option<Covers>,
}

/// A small entry, complete.
pub(crate) struct Whole {
    pub(crate) meta: EntryMeta,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) truncated: Option<String>,
    pub(crate) permit: Permit,
}

/// Small entries that share a segment.
#[derive(Default)]
pub(crate) struct PackedBatch {
    pub(crate) compressed: Vec<u8>,
    pub(crate) records: Vec<EntryRecord>,
    /// Which of them are binary data.
    pub(crate) binary: Vec<bool>,
    pub(crate) notes: Vec<Note>,
    pub(crate) sieve: Option<Sieve>,
}

/// Redacts small entries and puts them into one segment below the folder `bundle`.
pub(crate) fn batch(
    wholes: Vec<Whole>,
    redaction: &Redaction,
    format: Format,
    bundle: &str,
) -> std::io::Result<PackedBatch> {
    let mut packed = PackedBatch::default();
    let mut archive = Vec::new();
    let mut permits = Vec::with_capacity(wholes.len());
    for Whole { meta, pieces, truncated, permit } in wholes {
        permits.push(permit);
        let mut bytes = Vec::new();
        let mut redactions = Counts::new();
        let scrubbed = pieces.into_iter().try_for_each(|piece| {
            let scrubbed = redaction.scrub(piece)?;
            add(&mut redactions, &scrubbed.counts);
            bytes.extend_from_slice(&scrubbed.bytes);
            Ok(())
        });
        if let Err(error) = scrubbed {
            packed.notes.push(withheld(&meta, &error));
            continue;
        }
        if meta.binary && !redactions.is_empty() {
            packed.notes.push(withheld_binary(&meta.path, &redactions));
            continue;
        }
        if let Err(left) = redaction.prove(&bytes) {
            packed.notes.push(withheld_at_last(&meta.path, &left));
            continue;
        }
        let sha256 = hexadecimal(&Sha256::digest(&bytes));
        packed.binary.push(meta.binary);
        packed.records.push(record(meta, bytes.len() as u64, sha256, truncated, redactions));
        frame_entry(&mut archive, packed.records.last().expect("it was pushed"), &bytes, bundle)?;
    }
    packed.sieve = redaction.sieve(&archive);
    packed.compressed = format.compress(&archive)?;
    Ok(packed)
}

/// Puts an entry into an archive.
pub(super) fn frame_entry(
    archive: &mut Vec<u8>,
    record: &EntryRecord,
    bytes: &[u8],
    bundle: &str,
) -> std::io::Result<()> {
    let path = format!("{bundle}/{}", record.path);
    archive.extend(frame::header(&path, record.size, record.modified)?);
    archive.extend_from_slice(bytes);
    archive.extend_from_slice(frame::padding(record.size));
    Ok(())
}

/// One part of a large entry.
pub(crate) struct PackedPart {
    pub(crate) compressed: Vec<u8>,
    /// Its bytes after redaction.
    pub(crate) size: u64,
    /// How many redactions were made in it.
    pub(crate) redactions: u64,
    pub(crate) sieve: Option<Sieve>,
    pub(crate) edges: Edges,
    /// Held until the part is stored, so that what waits to be stored is bounded too.
    pub(crate) _permit: Arc<Permit>,
}

/// The first line of a part and what follows its last line feed, as far as a secret reaches: what
/// goes over the border of two parts stands in them.
#[derive(Default)]
pub(crate) struct Edges {
    pub(crate) head: Vec<u8>,
    pub(crate) tail: Vec<u8>,
}

impl Edges {
    fn of(bytes: &[u8]) -> Self {
        let head = &bytes[..bytes.len().min(REACH)];
        let head = &head[..memchr::memchr(b'\n', head).unwrap_or(head.len())];
        let tail = &bytes[bytes.len() - bytes.len().min(REACH)..];
        let tail = &tail[memchr::memrchr(b'\n', tail).map_or(0, |feed| feed + 1)..];
        Self { head: head.to_vec(), tail: tail.to_vec() }
    }
}

/// Redacts and compresses part `number` of a large entry. An error says why the whole entry must not
/// leave.
pub(crate) fn part(
    piece: Piece,
    permit: Arc<Permit>,
    number: usize,
    (meta, digest): (&EntryMeta, &Digests),
    redaction: &Redaction,
    format: Format,
) -> Result<std::io::Result<PackedPart>, Note> {
    let scrubbed = redaction.scrub(piece).map_err(|error| withheld(meta, &error))?;
    if meta.binary && !scrubbed.counts.is_empty() {
        return Err(withheld_binary(&meta.path, &scrubbed.counts));
    }
    redaction.prove(&scrubbed.bytes).map_err(|left| withheld_at_last(&meta.path, &left))?;
    let compressed = format.compress(&scrubbed.bytes);
    let (sieve, edges) = (redaction.sieve(&scrubbed.bytes), Edges::of(&scrubbed.bytes));
    let (size, redactions) = (scrubbed.bytes.len() as u64, scrubbed.counts.values().sum());
    for hashed in digest.add(number, scrubbed.bytes, &scrubbed.counts, Arc::clone(&permit)) {
        redaction.spare(hashed);
    }
    Ok(compressed.map(|compressed| PackedPart {
        compressed,
        size,
        redactions,
        sieve,
        edges,
        _permit: permit,
    }))
}

/// The digest of a large entry, taken in the order of its parts whatever the order they come in.
///
/// It is kept for every prefix, so that an entry can still be ended after any of its parts.
#[derive(Default)]
pub(crate) struct Digests(Mutex<Chain>);

#[derive(Default)]
struct Chain {
    prefixes: Vec<Prefix>,
    early: BTreeMap<usize, (Vec<u8>, Counts, Arc<Permit>)>,
    /// The first part that never comes.
    end: Option<usize>,
}

/// A large entry up to one of its parts.
#[derive(Clone, Default)]
pub(crate) struct Prefix {
    pub(super) sha256: Sha256,
    pub(crate) size: u64,
    pub(crate) redactions: Counts,
}

impl Prefix {
    /// Adds the bytes of the next part.
    pub(super) fn push(&mut self, bytes: &[u8], counts: &Counts) {
        self.sha256.update(bytes);
        self.size += bytes.len() as u64;
        add(&mut self.redactions, counts);
    }

    pub(crate) fn sha256(self) -> String {
        hexadecimal(&self.sha256.finalize())
    }
}

impl Digests {
    /// Returns what was hashed by that.
    fn add(
        &self,
        number: usize,
        bytes: Vec<u8>,
        counts: &Counts,
        permit: Arc<Permit>,
    ) -> Vec<Vec<u8>> {
        let mut chain = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if chain.end.is_some_and(|end| number > end) {
            return vec![bytes];
        }
        let mut hashed = Vec::new();
        chain.early.insert(number, (bytes, counts.clone(), permit));
        loop {
            let next = chain.prefixes.len();
            let Some((bytes, counts, _permit)) = chain.early.remove(&next) else {
                break;
            };
            let mut prefix = chain.prefixes.last().cloned().unwrap_or_default();
            prefix.push(&bytes, &counts);
            chain.prefixes.push(prefix);
            hashed.push(bytes);
        }
        hashed
    }

    /// Says that part `number` never comes. What follows it would wait for it for ever, and the
    /// permits with it.
    pub(crate) fn end_before(&self, number: usize) {
        let mut chain = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        chain.end = Some(chain.end.map_or(number, |end| end.min(number)));
        chain.early.split_off(&number);
    }

    /// The entry up to its first `parts` parts.
    pub(crate) fn prefix(&self, parts: usize) -> Prefix {
        let chain = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parts.checked_sub(1).and_then(|last| chain.prefixes.get(last)).cloned().unwrap_or_default()
    }
}

pub(crate) fn record(
    meta: EntryMeta,
    size: u64,
    sha256: String,
    truncated: Option<String>,
    redactions: Counts,
) -> EntryRecord {
    let EntryMeta { path, source, modified, decoded, covers, binary: _ } = meta;
    EntryRecord { path, source, decoded, size, sha256, modified, covers, truncated, redactions }
}

pub(crate) fn withheld(meta: &EntryMeta, error: &ScrubError) -> Note {
    let text = format!("left out, because {error}");
    Note { kind: NoteKind::Withheld, source: meta.path.clone(), text }
}

/// Says that something is left in an entry, so that it must not leave.
pub(super) fn withheld_at_last(path: &str, left: &Left) -> Note {
    Note { kind: NoteKind::Withheld, source: path.to_owned(), text: format!("left out: {left}") }
}

/// Says that binary data which was to be kept is not: replacing what was found in it would corrupt
/// it, and keeping it would let it out.
pub(super) fn withheld_binary(path: &str, found: &Counts) -> Note {
    let rules: Vec<_> = found.keys().map(|rule| format!("`{rule}`")).collect();
    let rules = rules.join(", ");
    let text = format!("left out: it is binary data in which redaction found something ({rules})");
    Note { kind: NoteKind::Withheld, source: path.to_owned(), text }
}

/// Adds counts to counts.
pub(crate) fn add(to: &mut Counts, more: &Counts) {
    for (rule, count) in more {
        *to.entry(rule.clone()).or_default() += count;
    }
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}
