//! Mends what was compressed before a secret in it was learnt.
//!
//! When all is packed, every segment whose sieve lets one of the learnt secrets through is read back,
//! cleared of them, looked at a second time, and compressed again; the others are left as they are.
//! What comes out follows from all that was learnt, not from when: nothing learnt is looked for
//! before.

use super::{
    large::Large,
    ledger::{Batch, Item, Ledger},
    pack::{Prefix, add, frame_entry, hexadecimal, withheld_at_last, withheld_binary},
};
use crate::{
    bundle::{EntryRecord, Note, NoteKind, frame},
    names::Names,
    plan::Plan,
    redact::{
        Counts, Left, Scrubbed,
        learnt::{Border, Needles, Sieve},
    },
    spool::{SegmentId, Spool},
};
use rayon::{ThreadPool, prelude::*};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

pub(super) struct Mending<'m> {
    pub(super) needles: &'m Needles,
    pub(super) plan: &'m Plan,
    pub(super) spool: &'m mut Spool,
    pub(super) pool: ThreadPool,
    /// When there is no time left; none if there always is.
    pub(super) late: Option<Instant>,
}

/// A segment that is to be read back.
struct Unit {
    ledger: usize,
    item: usize,
    segment: SegmentId,
    what: What,
}

enum What {
    /// Small entries, with their paths from now on.
    Batch { records: Vec<EntryRecord>, binary: Vec<bool>, paths: Vec<String> },
    /// A part of a large entry, with what of it belongs to secrets that go over its borders.
    Part { path: String, binary: bool, also: Vec<Border> },
}

/// What became of it.
enum Done {
    Batch(MendedBatch),
    Part(MendedPart),
    /// The entry must not leave.
    Withheld(Note),
}

struct MendedBatch {
    /// None if nothing of it has changed.
    compressed: Option<Vec<u8>>,
    records: Vec<EntryRecord>,
    binary: Vec<bool>,
    notes: Vec<Note>,
}

struct MendedPart {
    /// None if nothing of it has changed.
    compressed: Option<Vec<u8>>,
    bytes: Vec<u8>,
    counts: Counts,
}

impl Mending<'_> {
    pub(super) fn run(mut self, ledgers: &mut [Ledger]) {
        let mut units = Vec::new();
        for (number, ledger) in ledgers.iter_mut().enumerate() {
            self.texts(ledger);
            let paths = self.paths(ledger);
            for item in 0..ledger.items.len() {
                let whats = match &mut ledger.items[item] {
                    Item::Batch(Some(batch)) => {
                        self.batch(batch, paths.get(&item)).into_iter().collect()
                    }
                    Item::Large(large) if !large.lost => {
                        if let Some([path]) = paths.get(&item).map(Vec::as_slice) {
                            large.meta.path.clone_from(path);
                        }
                        self.large(large)
                    }
                    _ => Vec::new(),
                };
                let unit = |(segment, what)| Unit { ledger: number, item, segment, what };
                units.extend(whats.into_iter().map(unit));
            }
        }
        // Each takes as much memory as one that is packed.
        for wave in units.chunks(self.pool.current_num_threads()) {
            for (unit, done) in wave.iter().zip(self.wave(wave)) {
                let done = done.and_then(|done| self.store(ledgers, unit, done));
                if let Err(error) = done {
                    lose(&mut ledgers[unit.ledger], unit.item, &error);
                }
            }
        }
    }

    /// Mends what is said of a step and its entries, but for their paths.
    fn texts(&self, ledger: &mut Ledger) {
        let mend = |text: &mut String| *text = self.needles.text(text);
        for note in &mut ledger.notes {
            mend(&mut note.source);
            mend(&mut note.text);
        }
        for item in &mut ledger.items {
            match item {
                Item::Batch(None) => {}
                Item::Batch(Some(batch)) => {
                    for record in &mut batch.records {
                        mend(&mut record.source);
                        record.truncated.iter_mut().for_each(mend);
                    }
                }
                Item::Large(large) => {
                    mend(&mut large.meta.source);
                    large.truncated.iter_mut().for_each(mend);
                }
            }
        }
    }

    /// The new paths of the entries of all items of which one has a new path.
    fn paths(&self, ledger: &Ledger) -> BTreeMap<usize, Vec<String>> {
        let of = |item: &Item| -> Vec<String> {
            match item {
                Item::Batch(None) => Vec::new(),
                Item::Batch(Some(batch)) => {
                    batch.records.iter().map(|record| record.path.clone()).collect()
                }
                Item::Large(large) => vec![large.meta.path.clone()],
            }
        };
        let mut paths: Vec<Vec<String>> = ledger.items.iter().map(of).collect();
        let mut names = Names::default();
        let (mut changed, mut new) = (Vec::new(), BTreeSet::new());
        for (item, paths) in paths.iter().enumerate() {
            for (entry, path) in paths.iter().enumerate() {
                let mended = self.needles.text(path);
                if mended == *path {
                    names.free(path);
                } else {
                    changed.push((item, entry, mended));
                }
            }
        }
        for (item, entry, mended) in changed {
            paths[item][entry] = names.free(&mended);
            new.insert(item);
        }
        new.into_iter().map(|item| (item, std::mem::take(&mut paths[item]))).collect()
    }

    /// What is to be done about small entries.
    fn batch(&mut self, batch: &Batch, paths: Option<&Vec<String>>) -> Option<(SegmentId, What)> {
        if paths.is_none() && !self.may_hold(batch.sieve) {
            return None;
        }
        let own = || batch.records.iter().map(|record| record.path.clone()).collect();
        let paths = paths.cloned().unwrap_or_else(own);
        let (records, binary) = (batch.records.clone(), batch.binary.clone());
        Some((batch.segment, What::Batch { records, binary, paths }))
    }

    /// What is to be done about the parts of a large entry: from the first that may change, all are
    /// read, since they are in its digest.
    fn large(&mut self, large: &mut Large) -> Vec<(SegmentId, What)> {
        let mut also: Vec<Vec<Border>> = large.parts.iter().map(|_| Vec::new()).collect();
        let mut first = large.parts.len();
        for (number, pair) in large.parts.windows(2).enumerate() {
            let (before, after) = (&pair[0].edges.tail, &pair[1].edges.head);
            if before.is_empty() || after.is_empty() {
                continue;
            }
            if let Some((one, other)) = self.needles.across(before, after) {
                also[number].push(one);
                also[number + 1].push(other);
                first = first.min(number);
            }
        }
        for (number, part) in large.parts.iter().enumerate().take(first) {
            if self.may_hold(part.sieve) {
                first = number;
                break;
            }
        }
        if first < large.parts.len() {
            let all = large.digests.prefix(large.parts.len());
            let before = large.digests.prefix(first);
            large.mended = Some(Prefix { redactions: all.redactions, ..before });
        }
        let parts = large.parts.iter().zip(also).skip(first);
        let (path, binary) = (&large.meta.path, large.meta.binary);
        let what = |also| What::Part { path: path.clone(), binary, also };
        parts.map(|(part, also)| (part.segment, what(also))).collect()
    }

    fn may_hold(&mut self, sieve: Option<SegmentId>) -> bool {
        let bytes = sieve.and_then(|sieve| self.spool.read(sieve).ok());
        bytes.and_then(Sieve::from_bytes).is_none_or(|sieve| self.needles.may_be_in(&sieve))
    }

    /// Works on some segments at once.
    fn wave(&mut self, units: &[Unit]) -> Vec<io::Result<Done>> {
        if self.late.is_some_and(|late| Instant::now() >= late) {
            let text = "there was no time left to look for secrets that were learnt later";
            return units.iter().map(|_| Err(io::Error::other(text))).collect();
        }
        let read: Vec<io::Result<Vec<u8>>> =
            units.iter().map(|unit| self.spool.read(unit.segment)).collect();
        let (needles, plan) = (self.needles, self.plan);
        let work = |(unit, compressed): (&Unit, io::Result<Vec<u8>>)| {
            let work = || unit.work(&compressed?, needles, plan);
            let defect = |_| Err(io::Error::other("a defect while secrets were looked for"));
            catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(defect)
        };
        self.pool.install(|| units.par_iter().zip(read).map(work).collect())
    }

    fn store(&mut self, ledgers: &mut [Ledger], unit: &Unit, done: Done) -> io::Result<()> {
        let ledger = &mut ledgers[unit.ledger];
        match (done, &mut ledger.items[unit.item]) {
            (Done::Batch(mended), Item::Batch(Some(batch))) => {
                if let Some(compressed) = mended.compressed {
                    self.spool.replace(batch.segment, compressed)?;
                }
                (batch.records, batch.binary) = (mended.records, mended.binary);
                ledger.notes.extend(mended.notes);
            }
            (Done::Part(mended), Item::Large(large)) if !large.lost => {
                if let Some(compressed) = mended.compressed {
                    self.spool.replace(unit.segment, compressed)?;
                }
                if let Some(prefix) = &mut large.mended {
                    prefix.push(&mended.bytes, &mended.counts);
                }
            }
            (Done::Withheld(note), Item::Large(large)) if !large.lost => {
                large.lost = true;
                ledger.notes.push(note);
            }
            _ => {}
        }
        Ok(())
    }
}

impl Unit {
    fn work(&self, compressed: &[u8], needles: &Needles, plan: &Plan) -> io::Result<Done> {
        let text = plan.format.decompress(compressed)?;
        match &self.what {
            What::Batch { records, binary, paths } => {
                let entries = records.iter().zip(binary).zip(paths);
                let entries = entries.map(|((record, binary), path)| (record, *binary, path));
                batch(&text, entries, needles, plan).map(Done::Batch)
            }
            What::Part { path, binary, also } => match mended(&text, also, needles) {
                Ok(None) => {
                    let (compressed, counts) = (None, Counts::new());
                    Ok(Done::Part(MendedPart { compressed, bytes: text, counts }))
                }
                Ok(Some(mended)) if *binary => {
                    Ok(Done::Withheld(withheld_binary(path, &mended.counts)))
                }
                Ok(Some(Scrubbed { bytes, counts })) => {
                    let compressed = Some(plan.format.compress(&bytes)?);
                    Ok(Done::Part(MendedPart { compressed, bytes, counts }))
                }
                Err(left) => Ok(Done::Withheld(withheld_at_last(path, &left))),
            },
        }
    }
}

/// Mends small entries, and gives them their new paths.
fn batch<'e>(
    archive: &[u8],
    entries: impl Iterator<Item = (&'e EntryRecord, bool, &'e String)>,
    needles: &Needles,
    plan: &Plan,
) -> io::Result<MendedBatch> {
    let bundle = plan.name.as_str();
    let mut new = Vec::with_capacity(archive.len());
    let (mut records, mut binaries, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    let mut at = 0;
    for (old, binary, path) in entries {
        at += frame::header(&format!("{bundle}/{}", old.path), old.size, old.modified)?.len();
        let size = old.size as usize;
        let bytes = archive.get(at..at + size).ok_or(io::ErrorKind::UnexpectedEof)?;
        at += size + frame::padding(old.size).len();
        let mut record = EntryRecord { path: path.clone(), ..old.clone() };
        match mended(bytes, &[], needles) {
            Ok(None) => frame_entry(&mut new, &record, bytes, bundle)?,
            Ok(Some(mended)) if binary => {
                notes.push(withheld_binary(path, &mended.counts));
                continue;
            }
            Ok(Some(Scrubbed { bytes, counts })) => {
                record.size = bytes.len() as u64;
                record.sha256 = hexadecimal(&Sha256::digest(&bytes));
                add(&mut record.redactions, &counts);
                frame_entry(&mut new, &record, &bytes, bundle)?;
            }
            Err(left) => {
                notes.push(withheld_at_last(path, &left));
                continue;
            }
        }
        records.push(record);
        binaries.push(binary);
    }
    let compressed = if new == archive { None } else { Some(plan.format.compress(&new)?) };
    Ok(MendedBatch { compressed, records, binary: binaries, notes })
}

/// A text without what was learnt, if any of it was in it; an error if it still is.
fn mended(text: &[u8], also: &[Border], needles: &Needles) -> Result<Option<Scrubbed>, Left> {
    let mended = needles.mend(text, also);
    needles.prove(mended.as_ref().map_or(text, |mended| &mended.bytes))?;
    Ok(mended)
}

/// Leaves out what could not be mended.
fn lose(ledger: &mut Ledger, item: usize, error: &io::Error) {
    let (source, what) = match &mut ledger.items[item] {
        Item::Large(large) if large.lost => return,
        Item::Large(large) => {
            large.lost = true;
            (large.meta.path.clone(), "left out".to_owned())
        }
        Item::Batch(batch) => match batch.take() {
            Some(batch) => {
                (String::new(), format!("{} small entries left out", batch.records.len()))
            }
            None => return,
        },
    };
    let text = format!("{what}: {error}");
    ledger.notes.push(Note { kind: NoteKind::Withheld, source, text });
}
