//! Redaction: what must not leave the host is replaced while it flows.
//!
//! Redactors are plugins that hand in [`Rule`]s. All rules of a profile are compiled into one
//! [`Redaction`], which looks once at every chunk. See [`Cutter`] for how a stream is cut so that
//! chunks can be redacted in parallel and no secret is missed at a border.

use std::{collections::BTreeMap, sync::Arc};
use thiserror::Error;

pub use crate::collector::Invalid;

/// A plugin that gives rules to the one shared scan.
pub trait Redactor: Send + Sync {
    /// The rules of this redactor, configured as `[redact.ID]`.
    fn rules(&self, id: &str) -> Result<Vec<Rule>, RuleError>;

    /// Says what is wrong with the options beyond their types; the profile is refused then.
    fn check(&self) -> Vec<Invalid> {
        Vec::new()
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

// ---- to be replaced by the engine ----

/// One rule.
pub struct Rule {}

/// All rules of a profile, compiled.
#[derive(Clone)]
pub struct Redaction(Arc<()>);

/// A part of a stream that can be redacted on any thread, independently of all others.
pub struct Piece(Vec<u8>);

/// Cuts a stream into [`Piece`]s.
pub struct Cutter(Redaction);

impl Redaction {
    /// Compiles the rules.
    pub fn compile(_rules: Vec<Rule>) -> Result<Self, RuleError> {
        Ok(Self(Arc::new(())))
    }

    /// Starts on a stream.
    pub fn cutter(&self) -> Cutter {
        Cutter(self.clone())
    }

    /// Redacts one piece. Pure: the same piece gives the same bytes.
    pub fn scrub(&self, piece: Piece) -> Result<Scrubbed, ScrubError> {
        Ok(Scrubbed { bytes: piece.0, counts: Counts::new() })
    }

    /// Redacts a short text made here: a path, a note, an error message.
    ///
    /// Text in which a rule fails is replaced as a whole.
    pub fn text(&self, text: &str) -> String {
        text.to_owned()
    }
}

impl Cutter {
    /// Takes the next bytes of the stream. Returns what can be redacted already: everything up to
    /// a safe border near the end of `bytes`, or nothing.
    pub fn push(&mut self, bytes: Vec<u8>) -> Result<Option<Piece>, ScrubError> {
        Ok(Some(Piece(bytes)))
    }

    /// Ends the stream. Returns what was still held back.
    pub fn finish(self) -> Result<Option<Piece>, ScrubError> {
        Ok(None)
    }
}

/// Whether bytes from the beginning of a file are no text.
pub fn looks_binary(_head: &[u8]) -> bool {
    false
}
