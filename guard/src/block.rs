//! Whom to keep out, and for how long.

use crate::{net::Net, rules::Rules};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An address or a network that is kept out for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Block {
    /// Who.
    pub net: Net,
    /// The how-manieth time, from 1.
    pub level: u32,
    /// When it was decided.
    pub from: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// The rules that it follows from.
    pub rules: BTreeSet<String>,
    /// How far beyond the threshold the worst offence was, in thousandths of it.
    pub weight: u64,
    /// The network that it may be put together with others in, if that holds nobody who is never
    /// blocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Net>,
}

/// All blocks, while they are decided.
#[derive(Debug)]
pub(crate) struct Blocks {
    now: Timestamp,
    known: BTreeMap<Net, Block>,
    /// Those that something follows from in this run.
    touched: BTreeSet<Net>,
}

impl Blocks {
    /// Those of the state, without those who are never blocked any more and those that are forgotten.
    pub(crate) fn new(earlier: &[Block], rules: &Rules, now: Timestamp) -> Self {
        let remembered = |block: &&Block| {
            !rules.allows(block.net) && block.until.as_second() + rules.forget > now.as_second()
        };
        let blocks = earlier.iter().filter(remembered).map(|block| {
            let within = block.within.filter(|network| !rules.allows(*network));
            (block.net, Block { within, ..block.clone() })
        });
        Self { now, known: blocks.collect(), touched: BTreeSet::new() }
    }

    /// Until when what somebody did is paid for already: until the end of their last block that was
    /// not decided in this very moment.
    pub(crate) fn paid(&self, net: Net) -> Option<i64> {
        let block = self.known.get(&net)?;
        (block.from < self.now).then(|| block.until.as_second())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Blocks somebody for an offence; one decision is one block, however many offences led to it.
    pub(crate) fn decide(&mut self, net: Net, rule: &str, weight: u64, rules: &Rules) -> &Block {
        let now = self.now;
        let within = net.network();
        let within = (within != net && !rules.allows(within)).then_some(within);
        let new = Block {
            net,
            level: 0,
            from: Timestamp::MIN,
            until: Timestamp::MIN,
            rules: BTreeSet::new(),
            weight: 0,
            within,
        };
        let block = self.known.entry(net).or_insert(new);
        if block.from < now && block.until <= now {
            block.level += 1;
            block.from = now;
            block.until = later(now, rules.term(block.level));
        }
        // What was known when it was decided may be less than what is known now.
        if self.touched.insert(net) && block.from >= now {
            block.rules.clear();
            block.weight = 0;
        }
        block.within = within;
        block.rules.insert(rule.to_owned());
        block.weight = block.weight.max(weight);
        block
    }

    /// Blocks the networks of which many addresses are blocked, as long as these are.
    pub(crate) fn aggregate(&mut self, rules: &Rules) {
        if rules.aggregate == 0 {
            return;
        }
        let mut networks: BTreeMap<Net, Vec<&Block>> = BTreeMap::new();
        for block in self.known.values().filter(|block| block.until > self.now) {
            if let Some(network) = block.within.filter(|network| !rules.allows(*network)) {
                networks.entry(network).or_default().push(block);
            }
        }
        networks.retain(|_, members| members.len() >= rules.aggregate);
        let whole: Vec<Block> =
            networks.into_iter().map(|(network, members)| self.around(network, &members)).collect();
        self.known.extend(whole.into_iter().map(|block| (block.net, block)));
    }

    /// The block of a network, from those of its addresses.
    fn around(&self, network: Net, members: &[&Block]) -> Block {
        let earlier = self.known.get(&network).filter(|block| block.until > self.now);
        let all = || members.iter().copied().chain(earlier);
        // What led to it in this very moment is known better by now.
        let is_known = self.touched.contains(&network);
        let known = earlier.filter(|block| is_known || block.from < self.now);
        let reasons = || members.iter().copied().chain(known);
        let ended = self.known.get(&network).map_or(1, |block| block.level);
        Block {
            net: network,
            level: all().map(|block| block.level).max().unwrap_or(1).max(ended),
            from: earlier.map_or(self.now, |block| block.from),
            until: all().map(|block| block.until).max().unwrap_or(self.now),
            rules: reasons().flat_map(|block| block.rules.iter().cloned()).collect(),
            weight: reasons().map(|block| block.weight).max().unwrap_or_default(),
            within: None,
        }
    }

    /// Those in force, without those that lie in another one.
    pub(crate) fn in_force(&self) -> Vec<Block> {
        let active = || self.known.values().filter(|block| block.until > self.now);
        let nets: BTreeSet<Net> = active().map(|block| block.net).collect();
        let covered = |block: &Block| {
            let network = block.net.network();
            network != block.net && nets.contains(&network)
        };
        active().filter(|block| !covered(block)).cloned().collect()
    }

    pub(crate) fn get(&self, net: Net) -> Option<&Block> {
        self.known.get(&net)
    }

    /// All that are remembered, at most so many: those that end last.
    pub(crate) fn into_remembered(self, most: usize) -> Vec<Block> {
        let mut blocks: Vec<Block> = self.known.into_values().collect();
        if blocks.len() > most {
            blocks.sort_by_key(|block| (std::cmp::Reverse(block.until), block.net));
            blocks.truncate(most);
            blocks.sort_by_key(|block| block.net);
        }
        blocks
    }
}

fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
