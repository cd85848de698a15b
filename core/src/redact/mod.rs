//! Redaction: what must not leave the host is replaced while it flows.
//!
//! Redactors are plugins that hand in [`Rule`]s. All rules of a profile are compiled into one
//! [`Redaction`], which looks once at every byte: one automaton finds the anchors of all rules, and
//! a rule runs only on a line that holds an anchor of its own. A value is replaced by
//! `[redacted:RULE-ID]`, or by the rule's own replacement, a [`pseudonym`]; keys, quotes and layout stay.
//!
//! What a rule sees is one line, or a line with a bounded part of its neighbours, which every
//! [`Piece`] brings along. A stream can therefore be cut at any line and its pieces be redacted on
//! any thread; what reaches farther over lines (private keys, columns of tables) and lines too long to
//! be held are the work of the [`Cutter`]. Coloured lines are looked at without their colours. However a stream is cut, the same bytes come out. Rules for well-known
//! files run only in streams whose path is known to be such a file.

mod anchors;
mod below;
mod binary;
mod block;
mod colour;
mod compiled;
mod cut;
mod example;
mod facts;
mod files;
pub(crate) mod learnt;
mod line;
mod literal;
mod lone;
mod near;
mod proof;
pub mod pseudonym;
mod redaction;
mod rule;
mod scan;
mod span;
mod spare;
#[cfg(test)]
mod tests;

use crate::{host::Host, profile::Env, secret::SecretError};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use thiserror::Error;

pub use self::{
    below::{Below, Heads, NEAR},
    binary::looks_binary,
    cut::{Cutter, Piece},
    facts::HostFacts,
    near::Near,
    proof::Left,
    redaction::Redaction,
    rule::{Found, Rule},
};
pub use crate::collector::Invalid;

/// A plugin that gives rules to the one shared scan.
pub trait Redactor: Send + Sync {
    /// The rules of this redactor, configured as `[redact.ID]`.
    fn rules(&self, id: &str, context: &RuleContext<'_>) -> Result<Vec<Rule>, RuleError>;

    /// Says what is wrong with the options beyond their types; the profile is refused then.
    fn check(&self) -> Vec<Invalid> {
        Vec::new()
    }
}

/// What a redactor may ask for what its rules depend on.
#[derive(Clone, Copy)]
pub struct RuleContext<'c> {
    /// The folder that relative paths of the profile are meant from.
    pub base: &'c Path,
    /// Looks up an environment variable.
    pub env: Env<'c>,
    /// The host whose data is redacted, so that its facts can be learnt; none if nothing is going
    /// to be redacted, as when a profile is only checked.
    pub host: Option<&'c dyn Host>,
    /// Where the key of pseudonyms is kept if the profile names none; made if it is not there.
    pub key: Option<&'c Path>,
}

impl RuleContext<'_> {
    /// Reads a file of rules; a relative one is meant from the folder of the profile. `rule` is what
    /// an error names.
    pub fn read(&self, rule: &str, path: &Path) -> Result<String, RuleError> {
        let path = self.base.join(path);
        std::fs::read_to_string(&path).map_err(|source| RuleError::File {
            rule: rule.to_owned(),
            path,
            source,
        })
    }
}

impl Default for RuleContext<'_> {
    /// No folder, no environment, no host, no key.
    fn default() -> Self {
        Self { base: Path::new(""), env: &|_| None, host: None, key: None }
    }
}

/// How often each rule replaced something, by the rule's id.
pub type Counts = BTreeMap<String, u64>;

/// Bytes after redaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// What may leave the host.
    pub bytes: Vec<u8>,
    /// What was replaced.
    pub counts: Counts,
}

impl Scrubbed {
    fn append(&mut self, other: Self) {
        if self.bytes.is_empty() {
            self.bytes = other.bytes;
        } else {
            self.bytes.extend_from_slice(&other.bytes);
        }
        for (rule, count) in other.counts {
            *self.counts.entry(rule).or_default() += count;
        }
    }
}

/// Why a rule cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The regular expression is wrong.
    #[error("the regular expression `{pattern}` of rule `{rule}` is not valid: {reason}")]
    Pattern {
        /// The rule.
        rule: String,
        /// Its expression.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A value that it is to look for cannot be read.
    #[error("rule `{rule}` cannot be used: {source}")]
    Secret {
        /// The rule.
        rule: String,
        /// Why.
        source: SecretError,
    },
    /// A file with rules cannot be read.
    #[error("rule `{rule}` cannot be used: cannot read `{}`: {source}", path.display())]
    File {
        /// The rule.
        rule: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Anything else.
    #[error("rule `{rule}` cannot be used: {reason}")]
    Unusable {
        /// The rule.
        rule: String,
        /// Why.
        reason: String,
    },
}

/// A rule failed while it ran. What it was redacting must not leave.
#[derive(Debug, Error)]
#[error("redaction failed in rule `{rule}`")]
pub struct ScrubError {
    /// The rule.
    pub rule: String,
}
