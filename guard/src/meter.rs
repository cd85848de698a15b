//! Counts that come out the same in whatever order, and however often, the same lines are read.
//!
//! A count is a set of marks: hashes of what is counted, such as request ids, with the time of each.
//! A set does not grow by what is in it already, and does not know in which order it grew. A bucket
//! holds the marks of one rule and one subject in one stretch of time as long as the rule's window. If
//! it holds as many as the threshold, that is an offence; if it and the one before it do together, the
//! window is slid over the times of their marks. A bucket keeps at most [`Gauge::most`] marks, those
//! with the lowest hashes; beyond that it is an offence anyway, and its count an estimate.

use crate::{
    net::Net,
    rules::Rule,
    token::{Token, Tokens},
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

/// A threshold above this is counted in units of itself divided by this; what is less than a unit
/// counts with as much probability, by its hash. That is right to some 4 %.
const UNITS: u64 = 512;

/// Each bucket of a token names so many addresses; those that sort first.
const NAMED_ADDRESSES: usize = 32;

/// So many buckets are kept in memory, each of some 150 bytes.
const MOST_BUCKETS: usize = 200_000;

/// So many marks, each of 12 bytes.
const MOST_MARKS: usize = 2_000_000;

/// So many offences are remembered of buckets that had to make room.
const MOST_SETTLED: usize = 50_000;

/// Whose count it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Subject {
    /// A host or a network.
    Net(Net),
    /// A token, by its number.
    Token(usize),
}

/// Which count it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// The number of the rule.
    pub(crate) rule: usize,
    pub(crate) subject: Subject,
    /// Which stretch of time: its beginning by the rule's window.
    pub(crate) window: i64,
}

/// How a rule counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gauge {
    threshold: u64,
    /// So many marks are an offence.
    full: usize,
    pub(crate) window: i64,
}

/// One thing that was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// What it is recognised by.
    pub(crate) hash: u32,
    /// When it came first, in seconds since the beginning of the stretch.
    pub(crate) first: u32,
    /// When it came last.
    pub(crate) last: u32,
}

/// What was counted, and what is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// By hash, each once.
    pub(crate) marks: Vec<Mark>,
    /// There were more.
    pub(crate) more: bool,
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// The numbers of the tokens that were used, as bits.
    pub(crate) tokens: u64,
    /// The verbs that were used, as bits.
    pub(crate) verbs: u8,
    /// For a token: from where.
    pub(crate) addresses: BTreeSet<Net>,
}

/// A threshold that was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offence {
    pub(crate) count: u64,
    /// The count is no estimate.
    pub(crate) exact: bool,
    pub(crate) evidence: Bucket,
}

/// One thing to count.
pub(crate) struct Entry<'n> {
    pub(crate) key: Key,
    pub(crate) time: i64,
    pub(crate) hash: u64,
    pub(crate) weight: u64,
    pub(crate) token: Option<usize>,
    pub(crate) verb: u8,
    pub(crate) address: Option<&'n Net>,
}

/// All counts.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    pub(crate) buckets: HashMap<Key, Bucket>,
    gauges: Vec<Gauge>,
    marks: usize,
    /// Offences of buckets that had to make room.
    settled: BTreeMap<Key, Offence>,
    /// How many buckets had to.
    pub(crate) evicted: u64,
}

impl Gauge {
    pub(crate) fn of(rule: &Rule) -> Self {
        let full = usize::try_from(rule.threshold.min(UNITS)).unwrap_or(1);
        Self { threshold: rule.threshold, full, window: rule.window }
    }

    /// How many marks a bucket keeps: enough for the count to be told when it is beyond the threshold.
    pub(crate) fn most(&self) -> usize {
        (self.full * 4).clamp(64, 512)
    }

    /// How many units a weight is.
    fn units(&self, weight: u64, hash: u64) -> usize {
        let scaled = u128::from(weight) * self.full as u128;
        let threshold = u128::from(self.threshold);
        let whole = (scaled / threshold).min(self.most() as u128) as usize;
        whole + usize::from(u128::from(hash) % threshold < scaled % threshold)
    }

    fn amount(&self, units: u64) -> u64 {
        (u128::from(units) * u128::from(self.threshold) / self.full as u128) as u64
    }

    pub(crate) fn window_of(&self, time: i64) -> i64 {
        time.div_euclid(self.window)
    }

    /// When a stretch of time begins.
    pub(crate) fn start(&self, window: i64) -> i64 {
        window.saturating_mul(self.window)
    }
}

impl Bucket {
    /// Adds a mark; says whether there is one more.
    fn mark(&mut self, hash: u32, offset: u32, most: usize) -> bool {
        if self.marks.len() == most && self.marks.last().is_some_and(|last| last.hash < hash) {
            self.more = true;
            return false;
        }
        match self.marks.binary_search_by_key(&hash, |mark| mark.hash) {
            Ok(at) => {
                let mark = &mut self.marks[at];
                mark.first = mark.first.min(offset);
                mark.last = mark.last.max(offset);
                false
            }
            Err(at) => {
                let is_full = self.marks.len() == most;
                self.more |= is_full;
                self.marks.truncate(most - 1);
                self.marks.insert(at, Mark { hash, first: offset, last: offset });
                !is_full
            }
        }
    }

    /// How many there were; beyond what is kept, by how densely their hashes lie.
    fn estimate(&self) -> u64 {
        let kept = self.marks.len() as u64;
        let highest = self.marks.last().map_or(u64::MAX, |mark| u64::from(mark.hash).max(1));
        if self.more { kept.max(((kept - 1) << 32) / highest) } else { kept }
    }

    /// Takes over what is known of another.
    pub(crate) fn absorb(&mut self, other: &Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.more |= other.more;
        self.tokens |= other.tokens;
        self.verbs |= other.verbs;
        self.addresses.extend(&other.addresses);
    }
}

impl Meters {
    pub(crate) fn new(rules: &[Rule]) -> Self {
        Self { gauges: rules.iter().map(Gauge::of).collect(), ..Self::default() }
    }

    pub(crate) fn gauge(&self, rule: usize) -> &Gauge {
        &self.gauges[rule]
    }

    /// Puts in a bucket of an earlier run.
    pub(crate) fn restore(&mut self, key: Key, bucket: Bucket) {
        self.marks += bucket.marks.len();
        self.buckets.insert(key, bucket);
    }

    pub(crate) fn count(&mut self, entry: &Entry<'_>) {
        let gauge = self.gauges[entry.key.rule];
        let units = gauge.units(entry.weight, entry.hash);
        if units == 0 {
            return;
        }
        let offset = entry.time.rem_euclid(gauge.window).unsigned_abs() as u32;
        let bucket = self.buckets.entry(entry.key).or_insert_with(|| Bucket {
            first: entry.time,
            last: entry.time,
            ..Bucket::default()
        });
        bucket.first = bucket.first.min(entry.time);
        bucket.last = bucket.last.max(entry.time);
        bucket.tokens |= entry.token.map_or(0, token_bit);
        bucket.verbs |= entry.verb;
        if let Some(address) = entry.address {
            bucket.addresses.insert(*address);
            if bucket.addresses.len() > NAMED_ADDRESSES {
                bucket.addresses.pop_last();
            }
        }
        for unit in 0..units as u64 {
            let hash = (mix(entry.hash.wrapping_add(unit)) >> 32) as u32;
            self.marks += usize::from(bucket.mark(hash, offset, gauge.most()));
        }
        if self.buckets.len() > MOST_BUCKETS || self.marks > MOST_MARKS {
            self.make_room();
        }
    }

    /// All offences, in the order of rules, subjects and time.
    pub(crate) fn offences(&mut self) -> BTreeMap<Key, Offence> {
        let mut offences = std::mem::take(&mut self.settled);
        offences.extend(self.buckets.keys().filter_map(|key| Some((*key, self.offence(key)?))));
        offences
    }

    fn offence(&self, key: &Key) -> Option<Offence> {
        let gauge = self.gauges[key.rule];
        let bucket = self.buckets.get(key)?;
        let before = self.buckets.get(&Key { window: key.window - 1, ..*key });
        let own = bucket.estimate();
        let enough = |before: &&Bucket| before.marks.len() + bucket.marks.len() >= gauge.full;
        let before = before.filter(enough);
        let sliding = before.map_or(0, |before| most_within(before, bucket) as u64);
        if own.max(sliding) < gauge.full as u64 {
            return None;
        }
        let mut evidence = Bucket { marks: Vec::new(), ..bucket.clone() };
        if let Some(before) = before.filter(|_| sliding > own) {
            evidence.absorb(before);
        }
        let exact = gauge.threshold <= UNITS && !evidence.more;
        Some(Offence { count: gauge.amount(own.max(sliding)), exact, evidence })
    }

    /// How near to an offence a bucket is, in thousandths.
    pub(crate) fn fill(&self, key: &Key, bucket: &Bucket) -> usize {
        bucket.marks.len() * 1000 / self.gauges[key.rule].full
    }

    /// Remembers what is an offence already, then lets go of the half that is farthest from one; of
    /// those that are as far, the older.
    fn make_room(&mut self) {
        self.settled = self.offences();
        if self.settled.len() > MOST_SETTLED {
            let mut counts: Vec<_> =
                self.settled.iter().map(|(key, offence)| (Reverse(offence.count), *key)).collect();
            counts.sort_unstable();
            for (_, key) in counts.drain(MOST_SETTLED / 2..) {
                self.settled.remove(&key);
            }
        }
        let buckets = self.buckets.iter();
        let mut order: Vec<_> = buckets
            .map(|(key, bucket)| {
                (self.fill(key, bucket), self.gauges[key.rule].start(key.window), *key)
            })
            .collect();
        let half = order.len().div_ceil(2);
        // The order within the halves does not matter.
        let middle = half.min(order.len() - 1);
        order.select_nth_unstable(middle);
        for (_, _, key) in &order[..half] {
            if let Some(bucket) = self.buckets.remove(key) {
                self.marks -= bucket.marks.len();
                self.evicted += 1;
            }
        }
    }
}

/// The bit of a token; those beyond the 64th are not told apart.
pub(crate) fn token_bit(number: usize) -> u64 {
    1 << number.min(63)
}

/// The names of the tokens whose bits are set.
pub(crate) fn tokens_of(bits: u64, tokens: &Tokens) -> impl Iterator<Item = &Token> {
    tokens
        .all()
        .enumerate()
        .filter(move |(number, _)| bits & token_bit(*number) != 0)
        .map(|(_, t)| t)
}

/// The most different marks within any window that ends in the second bucket.
///
/// Of what was counted in the first bucket the last time matters, of what is in the second one the
/// first: so no more has to be kept of it.
fn most_within(before: &Bucket, bucket: &Bucket) -> usize {
    let mut earlier: Vec<_> = before.marks.iter().map(|mark| (mark.last, mark.hash)).collect();
    earlier.sort_unstable();
    let mut earlier = earlier.into_iter().peekable();
    let mut inside: HashSet<u32> = before.marks.iter().map(|mark| mark.hash).collect();
    let mut marks: Vec<_> = bucket.marks.iter().map(|mark| (mark.first, mark.hash)).collect();
    marks.sort_unstable();
    let mut most = 0;
    for (number, (time, hash)) in marks.into_iter().enumerate() {
        // The bucket before is one window long, so that the same offset in it is one window ago.
        while let Some((_, gone)) = earlier.next_if(|(last, _)| *last <= time) {
            inside.remove(&gone);
        }
        inside.remove(&hash);
        most = most.max(number + 1 + inside.len());
    }
    most
}

/// Spreads a number over all 64 bits (the finalizer of `SplitMix64`).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The hash of something that nobody chose, such as a request id. It is part of the state's format.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let mut chunks = bytes.chunks_exact(8);
    let mut sum = bytes.len() as u64;
    for chunk in &mut chunks {
        sum = mix(sum ^ u64::from_le_bytes(chunk.try_into().expect("the chunk has 8 bytes")));
    }
    let mut last = [0; 8];
    last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    mix(sum ^ u64::from_le_bytes(last))
}
