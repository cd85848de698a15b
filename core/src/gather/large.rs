//! A large entry: segments of its own, stored in their order whatever the order they are packed in.

use super::pack::{self, Digests, Edges, EntryMeta, PackedPart, Prefix};
use crate::{
    bundle::{EntryRecord, Format, frame},
    spool::{SegmentId, Spool},
};
use std::{collections::BTreeMap, io, sync::Arc};

/// A part of a large entry.
pub(super) struct Part {
    pub(super) segment: SegmentId,
    pub(super) sieve: Option<SegmentId>,
    pub(super) edges: Edges,
}

/// A large entry, as far as it is stored.
pub(crate) struct Large {
    pub(crate) meta: EntryMeta,
    pub(crate) digests: Arc<Digests>,
    /// How many parts there are, stored or not.
    begun: usize,
    /// The parts that are stored: the first ones.
    pub(super) parts: Vec<Part>,
    /// Parts that wait for earlier ones; nothing for one that is missing.
    early: BTreeMap<usize, Option<PackedPart>>,
    /// Whether a part is missing, so that none that follows can be kept.
    broken: bool,
    pub(super) truncated: Option<String>,
    pub(super) lost: bool,
    /// What it is since secrets were removed that were learnt later.
    pub(super) mended: Option<Prefix>,
}

impl Large {
    pub(super) fn new(meta: EntryMeta) -> Self {
        Self {
            meta,
            digests: Arc::default(),
            begun: 0,
            parts: Vec::new(),
            early: BTreeMap::new(),
            broken: false,
            truncated: None,
            lost: false,
            mended: None,
        }
    }

    /// The number of the part that comes now.
    pub(super) fn next_part(&mut self) -> usize {
        self.begun += 1;
        self.begun - 1
    }

    /// Takes it out of the bundle; says whether it was in it.
    pub(super) fn withhold(&mut self) -> bool {
        // What waits gives its memory back: it will never be stored.
        self.early.clear();
        !std::mem::replace(&mut self.lost, true)
    }

    /// Stores a part, if it is the next, and those that had to wait for it; nothing stands for one
    /// that is missing.
    pub(super) fn store(
        &mut self,
        number: usize,
        packed: Option<PackedPart>,
        spool: &mut Spool,
    ) -> io::Result<()> {
        if self.lost {
            return Ok(());
        }
        self.early.insert(number, packed);
        self.store_next(spool)
    }

    /// Stores what is next in order, as far as it is there.
    fn store_next(&mut self, spool: &mut Spool) -> io::Result<()> {
        while !self.broken
            && let Some(next) = self.early.remove(&self.parts.len())
        {
            match next.map(|part| store(part, spool)) {
                Some(Ok(part)) => self.parts.push(part),
                Some(Err(error)) => {
                    self.broken = true;
                    self.early.clear();
                    return Err(error);
                }
                None => self.broken = true,
            }
        }
        if self.broken {
            self.early.clear();
        }
        Ok(())
    }

    /// Puts its segments in order and makes its record; none if it is not in the bundle.
    pub(super) fn settle(
        self,
        bundle: &str,
        format: Format,
        spool: &mut Spool,
        order: &mut Vec<SegmentId>,
    ) -> io::Result<Option<EntryRecord>> {
        let Self { meta, digests, begun, parts, mut truncated, lost, mended, .. } = self;
        if lost {
            return Ok(None);
        }
        if parts.len() < begun {
            truncated.get_or_insert_with(|| "cut here: the rest could not be kept".to_owned());
        }
        let prefix = mended.unwrap_or_else(|| digests.prefix(parts.len()));
        let (size, redactions) = (prefix.size, prefix.redactions.clone());
        let header = frame::header(&format!("{bundle}/{}", meta.path), size, meta.modified)?;
        order.push(spool.keep(format.compress(&header)?));
        order.extend(parts.iter().map(|part| part.segment));
        let padding = frame::padding(size);
        if !padding.is_empty() {
            order.push(spool.keep(format.compress(padding)?));
        }
        Ok(Some(pack::record(meta, size, prefix.sha256(), truncated, redactions)))
    }
}

fn store(part: PackedPart, spool: &mut Spool) -> io::Result<Part> {
    let PackedPart { compressed, sieve, edges, .. } = part;
    let segment = spool.put_part(compressed)?;
    let sieve = sieve.and_then(|sieve| spool.aside(sieve.into_bytes()).ok());
    Ok(Part { segment, sieve, edges })
}
