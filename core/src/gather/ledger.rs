//! What the coordinator knows of one step: its entries in their order, and how it is going.

use super::{
    Stop,
    large::Large,
    pack::{self, EntryMeta, PackedBatch, PackedPart, Whole},
    step::{End, PackError},
};
use crate::{
    bundle::{Covers, EntryRecord, Format, Note, NoteKind, Status, StepRecord},
    plan::PlannedStep,
    redact::Counts,
    spool::{SegmentId, Spool},
};
use std::{
    io,
    time::{Duration, Instant},
};

/// One step, as far as it has come.
pub(crate) struct Ledger {
    pub(crate) phase: Phase,
    pub(crate) items: Vec<Item>,
    /// The large entry that is being written, by its place in `items`.
    pub(crate) open: Option<usize>,
    /// Small entries that are not packed yet.
    pub(crate) batch: Vec<(Whole, u64)>,
    pub(super) notes: Vec<Note>,
    /// How many entries were begun, and whether any of them was cut.
    begun: usize,
    cut: bool,
}

/// Where a step is.
pub(crate) enum Phase {
    Waiting,
    Running { since: Instant, since_uptime: Duration },
    Over { status: Status, duration: Duration },
}

/// A part of a step in the bundle.
pub(crate) enum Item {
    /// Small entries in one segment; none while they are being packed, or if that failed.
    Batch(Option<Batch>),
    /// A large entry in segments of its own.
    Large(Box<Large>),
}

/// Small entries in one segment.
pub(crate) struct Batch {
    pub(super) segment: SegmentId,
    /// Its sieve; none if nothing is learnt, or it could not be kept.
    pub(super) sieve: Option<SegmentId>,
    pub(super) records: Vec<EntryRecord>,
    /// Which of the entries are binary data.
    pub(super) binary: Vec<bool>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        let (items, batch, notes) = (Vec::new(), Vec::new(), Vec::new());
        Self { phase: Phase::Waiting, items, open: None, batch, notes, begun: 0, cut: false }
    }

    /// How the step ended, if it did, as far as it is known before all is packed.
    pub(crate) fn ended(&self) -> Option<(Status, Duration)> {
        match self.phase {
            Phase::Over { status, duration } => {
                Some((refine(status, &self.notes, self.begun, self.cut), duration))
            }
            _ => None,
        }
    }

    /// Takes a small entry, to be packed with others.
    pub(crate) fn take(&mut self, whole: Whole) {
        self.begun += 1;
        self.cut |= whole.truncated.is_some();
        let bytes = whole.permit.bytes();
        self.batch.push((whole, bytes));
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over { .. })
    }

    pub(crate) fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    /// How many segments it has.
    pub(super) fn segments(&self) -> usize {
        let segments = |item: &Item| match item {
            Item::Batch(batch) => usize::from(batch.is_some()),
            Item::Large(large) => large.parts.len(),
        };
        self.items.iter().map(segments).sum()
    }

    /// Begins a large entry.
    pub(crate) fn begin(&mut self, meta: EntryMeta) {
        self.items.push(Item::Large(Box::new(Large::new(meta))));
        self.begun += 1;
        self.open = Some(self.items.len() - 1);
    }

    /// The open large entry with its place, and the number of the part that comes now.
    pub(crate) fn next_part(&mut self) -> Option<(usize, usize, &Large)> {
        let item = self.open?;
        let Some(Item::Large(large)) = self.items.get_mut(item) else {
            return None;
        };
        Some((item, large.next_part(), large))
    }

    /// Ends the open large entry.
    pub(crate) fn end_entry(&mut self, truncated: Option<String>, covers: Option<Covers>) {
        self.cut |= truncated.is_some();
        if let Some(large) = self.open.take().and_then(|item| self.large(item)) {
            large.truncated = truncated;
            large.meta.covers = covers;
        }
    }

    /// Takes the open large entry out of the bundle.
    pub(crate) fn lose_entry(&mut self) {
        if let Some(large) = self.open.take().and_then(|item| self.large(item)) {
            large.lost = true;
        }
    }

    fn large(&mut self, item: usize) -> Option<&mut Large> {
        match self.items.get_mut(item) {
            Some(Item::Large(large)) => Some(large),
            _ => None,
        }
    }

    /// Stores packed small entries.
    pub(crate) fn store_batch(
        &mut self,
        item: usize,
        packed: io::Result<PackedBatch>,
        spool: &mut Spool,
    ) -> io::Result<()> {
        let stored = packed.and_then(|packed| {
            let PackedBatch { compressed, records, binary, notes, sieve } = packed;
            self.notes.extend(notes);
            let segment = spool.put(compressed)?;
            let sieve = sieve.and_then(|sieve| spool.aside(sieve.into_bytes()).ok());
            Ok(Batch { segment, sieve, records, binary })
        });
        match stored {
            Ok(stored) => {
                self.items[item] = Item::Batch(Some(stored));
                Ok(())
            }
            Err(error) => {
                self.note(missing("", "several small entries", &error));
                Err(error)
            }
        }
    }

    /// Stores a packed part of a large entry, and those that had to wait for it.
    ///
    /// They are stored in their order, whatever the order they come in: where the room ends, an
    /// entry keeps its beginning.
    pub(crate) fn store_part(
        &mut self,
        item: usize,
        number: usize,
        packed: Result<PackedPart, PackError>,
        spool: &mut Spool,
    ) -> io::Result<()> {
        let Some(large) = self.large(item) else {
            return Ok(());
        };
        let packed = match packed {
            Err(PackError::Withheld(note)) => {
                if large.withhold() {
                    self.note(note);
                }
                return Ok(());
            }
            Err(PackError::Lost) => None,
            Ok(part) => Some(part),
        };
        let Err(error) = large.store(number, packed, spool) else {
            return Ok(());
        };
        let path = large.meta.path.clone();
        self.note(missing(&path, "the rest of it", &error));
        Err(error)
    }

    /// Ends the step. What comes later from its thread is ignored.
    pub(crate) fn close(&mut self, end: &End, stop: Option<Stop>, duration: Duration) {
        let status = match end {
            End::Panicked(text) => {
                let text = format!("a defect in the collector: it panicked: {text}");
                self.note(step_note(NoteKind::Failed, text));
                Status::Panicked
            }
            End::Unmet(reason) => {
                self.note(step_note(NoteKind::Absent, reason.clone()));
                Status::Absent
            }
            End::Stopped => {
                let (kind, text, status) = match stop {
                    None => (NoteKind::TimedOut, "stopped at its deadline", Status::TimedOut),
                    Some(Stop::Deadline) => {
                        (NoteKind::TimedOut, "stopped at the deadline of the run", Status::TimedOut)
                    }
                    Some(Stop::Interrupted) => {
                        (NoteKind::Failed, "the run was stopped by the user", Status::Partial)
                    }
                    Some(Stop::Size) => {
                        let text = "the size limit of the bundle is reached";
                        (NoteKind::Truncated, text, Status::Truncated)
                    }
                    Some(Stop::Disk) => {
                        (NoteKind::Truncated, "the disk is full", Status::Truncated)
                    }
                };
                self.note(step_note(kind, text.to_owned()));
                status
            }
            End::Failed(text) => {
                self.note(step_note(NoteKind::Failed, text.clone()));
                Status::Failed
            }
            End::Done => Status::Complete,
        };
        self.phase = Phase::Over { status, duration };
        self.open = None;
    }

    /// Ends the step without its thread having ended.
    pub(crate) fn abandon(&mut self, duration: Duration) {
        self.note(step_note(
            NoteKind::TimedOut,
            "abandoned: it did not stop, most often because a file system does not answer".into(),
        ));
        self.end_entry(Some("cut here: the step was abandoned".into()), None);
        self.phase = Phase::Over { status: Status::Abandoned, duration };
    }

    /// Gives up what was still being packed.
    pub(crate) fn lose_packing(&mut self) {
        self.note(step_note(
            NoteKind::TimedOut,
            "some of it is left out: redacting or compressing it did not come to an end, most often \
             because of an expression under `[redact]`"
                .into(),
        ));
    }

    /// Ends a step that never began.
    pub(crate) fn leave_out(&mut self, status: Status) {
        self.phase = Phase::Over { status, duration: Duration::ZERO };
    }

    /// Puts the step's segments in order and makes its records. To be called when all is packed.
    pub(crate) fn settle(
        self,
        planned: &PlannedStep,
        bundle: &str,
        format: Format,
        spool: &mut Spool,
        order: &mut Vec<SegmentId>,
    ) -> (StepRecord, Vec<EntryRecord>) {
        let Self { phase, items, mut notes, .. } = self;
        let mut entries = Vec::new();
        for item in items {
            match item {
                Item::Batch(None) => {}
                Item::Batch(Some(batch)) => {
                    order.push(batch.segment);
                    entries.extend(batch.records);
                }
                Item::Large(large) => match large.settle(bundle, format, spool, order) {
                    Ok(record) => entries.extend(record),
                    Err(error) => notes.push(missing("", "a large entry", &error)),
                },
            }
        }
        let (status, duration) = match phase {
            Phase::Over { status, duration } => (status, duration),
            Phase::Waiting | Phase::Running { .. } => (Status::NotStarted, Duration::ZERO),
        };
        let cut = entries.iter().any(|entry| entry.truncated.is_some());
        if !notes.iter().any(|note| note.kind == NoteKind::Truncated) {
            notes.extend(cuts(&entries));
        }
        let mut redactions = Counts::new();
        for entry in &entries {
            pack::add(&mut redactions, &entry.redactions);
        }
        let record = StepRecord {
            id: planned.step.id.clone(),
            collector: planned.step.plugin.to_owned(),
            status: refine(status, &notes, entries.len(), cut),
            duration_ms: duration.as_millis() as u64,
            entries: entries.len() as u64,
            bytes: entries.iter().map(|entry| entry.size).sum(),
            redactions,
            notes,
        };
        (record, entries)
    }
}

/// What was cut, where nobody has said it: the first in full, the others by their number.
fn cuts(entries: &[EntryRecord]) -> impl Iterator<Item = Note> {
    let mut cut =
        entries.iter().filter_map(|entry| Some((entry.path.clone(), entry.truncated.clone()?)));
    let first = cut.next();
    let more = cut.count();
    let more = (more > 0).then(|| (String::new(), format!("{more} more are cut")));
    let kind = NoteKind::Truncated;
    first.into_iter().chain(more).map(move |(source, text)| Note { kind, source, text })
}

/// The status that follows from what is missing, for a step that came to its end.
fn refine(status: Status, notes: &[Note], entries: usize, cut: bool) -> Status {
    let any = |kinds: &[NoteKind]| notes.iter().any(|note| kinds.contains(&note.kind));
    let broken = any(&[NoteKind::Failed, NoteKind::Withheld, NoteKind::TimedOut]);
    match status {
        Status::Failed if entries > 0 => Status::Partial,
        Status::Complete if entries == 0 && any(&[NoteKind::Denied]) && !broken => Status::Denied,
        Status::Complete if entries == 0 && broken => Status::Failed,
        Status::Complete if broken || any(&[NoteKind::Denied]) => Status::Partial,
        Status::Complete if cut || any(&[NoteKind::Truncated]) => Status::Truncated,
        Status::Complete if entries == 0 && any(&[NoteKind::Absent]) => Status::Absent,
        other => other,
    }
}

fn step_note(kind: NoteKind, text: String) -> Note {
    Note { kind, source: String::new(), text }
}

fn missing(source: &str, what: &str, error: &io::Error) -> Note {
    let text = format!("{what} could not be kept: {error}");
    Note { kind: NoteKind::Truncated, source: source.to_owned(), text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        gather::{pack::Edges, permits::Permits},
        host::Deadline,
    };
    use std::{path::Path, sync::Arc};

    fn packed(bytes: &[u8]) -> PackedPart {
        let deadline = Deadline::after(Duration::from_secs(1), Arc::default());
        let permit = Permits::new(10).acquire(1, &deadline).unwrap();
        let (compressed, size) = (bytes.to_vec(), bytes.len() as u64);
        let (sieve, edges) = (None, Edges::default());
        PackedPart { compressed, size, redactions: 0, sieve, edges, _permit: Arc::new(permit) }
    }

    #[test]
    fn where_the_room_ends_an_entry_keeps_its_beginning_whatever_was_packed_first() {
        // Room for one of the parts.
        let mut spool = Spool::new(20, 20, Path::new("/nonexistent"));
        let mut ledger = Ledger::new();
        let (path, source) = ("step/log".to_owned(), String::new());
        let (decoded, binary) = (Vec::new(), false);
        ledger.begin(EntryMeta { path, source, modified: None, decoded, binary, covers: None });
        for _ in 0..3 {
            ledger.next_part().unwrap();
        }
        ledger.store_part(0, 2, Ok(packed(b"third part")), &mut spool).unwrap();
        ledger.store_part(0, 1, Ok(packed(b"second part")), &mut spool).unwrap();
        assert_eq!(spool.len(), 0, "a later part took the room of the first");
        let full = ledger.store_part(0, 0, Ok(packed(b"first part")), &mut spool).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::QuotaExceeded);
        let mut kept = Vec::new();
        spool.copy(ledger.large(0).unwrap().parts[0].segment, &mut kept).unwrap();
        assert_eq!(kept, b"first part");
    }
}
