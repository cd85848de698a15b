//! What a run leaves for the next one.

use crate::{block::Block, meter::Key, net::Net};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The format of the state. A later one is not read: it may hold blocks that this one would lift.
const VERSION: u32 = 1;

/// So many blocks are remembered; beyond that those that ended first are forgotten.
pub(crate) const MOST_BLOCKS: usize = 5_000;

/// So many counts are kept, those that are nearest to an offence: some 500 KB with their marks.
pub(crate) const MOST_COUNTS: usize = 4_000;

/// So many marks are kept in all counts.
pub(crate) const MOST_MARKS: usize = 24_000;

/// So many offences are remembered as told; beyond that those that were seen last longest ago are
/// forgotten.
pub(crate) const MOST_TOLD: usize = 5_000;

/// What a run leaves for the next one: blocks, counts that are not yet an offence, and which offences
/// were told. It holds no token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct State {
    pub(crate) version: u32,
    /// Blocks in force, and ended ones as long as they count for the next term.
    pub(crate) blocks: Vec<Block>,
    /// How the rules counted, by name: counts of a rule that was changed mean nothing.
    pub(crate) rules: BTreeMap<String, String>,
    /// The fingerprints of the tokens, in the order of the bits in counts.
    pub(crate) tokens: Vec<String>,
    pub(crate) counts: Vec<Count>,
    /// Offences that were told, and when they were seen last.
    pub(crate) told: BTreeMap<String, i64>,
}

/// A bucket of marks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Count {
    pub(crate) rule: String,
    pub(crate) subject: String,
    pub(crate) window: i64,
    /// Base64 of three numbers of 4 bytes each: hash, first and last time.
    pub(crate) marks: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) more: bool,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) tokens: u64,
    pub(crate) verbs: u8,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) addresses: Vec<Net>,
}

/// A state that cannot be read. It must be kept: without it blocks would be lifted.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It is none.
    #[error("this is no state of guard: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// It was written by a later version.
    #[error("the state has the format {0}, and this program reads {VERSION}; use a newer one")]
    Newer(u64),
}

impl Default for State {
    fn default() -> Self {
        Self {
            version: VERSION,
            blocks: Vec::new(),
            rules: BTreeMap::new(),
            tokens: Vec::new(),
            counts: Vec::new(),
            told: BTreeMap::new(),
        }
    }
}

impl State {
    /// Reads what [`State::to_json`] gave.
    pub fn parse(json: &[u8]) -> Result<Self, StateError> {
        // The version first: what else stands in a later format is not known.
        let value: serde_json::Value = serde_json::from_slice(json)?;
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(newer) if newer > u64::from(VERSION) => Err(StateError::Newer(newer)),
            _ => Ok(serde_json::from_value(value)?),
        }
    }

    /// The state as JSON, to be kept.
    pub fn to_json(&self) -> String {
        // All keys are texts, so that this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The state with nothing told that `before` had not told: for a run that could tell nobody.
    #[must_use]
    pub fn untold(mut self, before: &Self) -> Self {
        self.told.retain(|offence, _| before.told.contains_key(offence));
        self
    }

    /// The blocks that are in force at a time, as they were decided.
    pub fn blocks_at(&self, now: Timestamp) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(move |block| block.until > now)
    }
}

/// What an offence is remembered by.
pub(crate) fn identity(rule: &str, subject: &str, key: &Key) -> String {
    format!("{rule} {subject} {}", key.window)
}
