//! The rules of a profile, as the rest of the program uses them.

use super::{
    Cutter, Piece, RuleError, ScrubError, Scrubbed,
    compiled::{Compiled, Look},
    cut::Lines,
    files::parts,
    learnt::{Learnt, Needles, Sieve},
    proof::Left,
    rule::Rule,
    span::Span,
};
use std::{ops::Range, sync::Arc};

/// What stands in for a text in which a rule failed.
const WITHHELD: &str = "[withheld]";

/// All rules of a profile, compiled. Cheap to clone; may be used from many threads at once. What its
/// rules learn is shared by its clones.
#[derive(Clone)]
pub struct Redaction {
    pub(super) compiled: Arc<Compiled>,
    /// None if no rule learns.
    learnt: Option<Arc<Learnt>>,
}

impl Redaction {
    /// Compiles the rules. Where two rules find the same value, the earlier one names it.
    pub fn compile(rules: Vec<Rule>) -> Result<Self, RuleError> {
        let learnt = rules.iter().any(|rule| rule.worth.is_some()).then(Arc::default);
        let compiled = Compiled::compile(rules)?;
        Ok(Self { compiled: Arc::new(compiled), learnt })
    }

    /// The same rules for another run, which has learnt nothing yet.
    #[must_use]
    pub fn for_run(&self) -> Self {
        let learnt = self.learnt.as_ref().map(|_| Arc::default());
        Self { compiled: Arc::clone(&self.compiled), learnt }
    }

    /// Whether any rule learns.
    pub(crate) fn learns(&self) -> bool {
        self.learnt.is_some()
    }

    /// Forgets all that was learnt but so much; says how much that was, if it was more.
    pub(crate) fn keep_learnt(&self, most: usize) -> Option<usize> {
        self.learnt.as_ref()?.keep(most)
    }

    /// What was learnt so far; none if that is nothing.
    pub(crate) fn needles(&self) -> Option<Needles> {
        let values = self.learnt.as_ref()?.values();
        (!values.is_empty()).then(|| Needles::new(&values))
    }

    /// The sieve of what was redacted, if anything may be learnt that could be in it.
    pub(crate) fn sieve(&self, redacted: &[u8]) -> Option<Sieve> {
        self.learnt.as_ref().map(|_| Sieve::of(redacted))
    }

    /// Looks at what was redacted a second time, by other means.
    pub(crate) fn prove(&self, redacted: &[u8]) -> Result<(), Left> {
        self.compiled.proof.of(redacted)
    }

    /// Starts on a stream of which is not known where it comes from.
    pub fn cutter(&self) -> Cutter {
        Cutter::new(self.clone(), &[])
    }

    /// Starts on a stream that comes from a file at this path, or from a member of an archive, so
    /// that the rules for well-known files apply.
    pub fn cutter_for(&self, path: &str) -> Cutter {
        let rules = self.compiled.rules.iter().enumerate();
        let parts = parts(path);
        let of = |rule: &Rule| rule.files.as_ref().is_some_and(|files| files.have(&parts));
        let scope: Vec<usize> =
            rules.filter(|(_, rule)| of(rule)).map(|(index, _)| index).collect();
        Cutter::new(self.clone(), &scope)
    }

    /// Redacts one piece. Pure: the same piece gives the same bytes.
    pub fn scrub(&self, piece: Piece) -> Result<Scrubbed, ScrubError> {
        piece.scrub(self)
    }

    /// An empty buffer with room for so many bytes: one that was used before, if there is one.
    pub(crate) fn buffer(&self, len: usize) -> Vec<u8> {
        self.compiled.spares.take(len)
    }

    /// Takes back a large buffer that is no longer needed.
    pub(crate) fn spare(&self, buffer: Vec<u8>) {
        self.compiled.spares.give(buffer);
    }

    /// Where in a text there is something to replace, for rules that decode what they find; all of
    /// the text if a rule fails.
    pub fn places(&self, text: &[u8]) -> Vec<Range<usize>> {
        let spans = self.compiled.spans(&Look::at(text), None);
        let whole = || std::iter::once(0..text.len()).collect();
        spans.map_or_else(
            |_| whole(),
            |spans| spans.iter().map(|span| span.start..span.end).collect(),
        )
    }

    /// Redacts a short text made here: a path, a note, an error message.
    ///
    /// Text in which a rule fails is replaced as a whole.
    pub fn text(&self, text: &str) -> String {
        self.whole(text.as_bytes().to_vec())
            .map_or_else(|_| WITHHELD.to_owned(), |scrubbed| into_text(scrubbed.bytes))
    }

    /// Redacts a text that is held as a whole.
    pub fn whole(&self, text: Vec<u8>) -> Result<Scrubbed, ScrubError> {
        self.all(self.cutter(), text)
    }

    /// Redacts a text that is held as a whole and comes from a file at this path.
    pub fn whole_of(&self, path: &str, text: Vec<u8>) -> Result<Scrubbed, ScrubError> {
        self.all(self.cutter_for(path), text)
    }

    fn all(&self, mut cutter: Cutter, text: Vec<u8>) -> Result<Scrubbed, ScrubError> {
        let mut scrubbed = Scrubbed::default();
        let first = cutter.push(text)?;
        for piece in [first, cutter.finish()?].into_iter().flatten() {
            scrubbed.append(self.scrub(piece)?);
        }
        Ok(scrubbed)
    }
}

impl Redaction {
    /// Redacts whole lines.
    pub(super) fn lines(&self, lines: &Lines) -> Result<Scrubbed, ScrubError> {
        let look = Look {
            text: &lines.text,
            own: lines.own.clone(),
            state: &lines.state,
            heads: &lines.heads,
            scope: &lines.scope,
            reach: lines.reach,
            window: false,
        };
        let spans = self.spans(&look)?;
        Ok(self.compiled.replace(&lines.text, spans, lines.own.clone()))
    }

    /// What is to be replaced in a text, as [`Compiled::spans`].
    pub(super) fn spans(&self, look: &Look<'_>) -> Result<Vec<Span>, ScrubError> {
        self.compiled.spans(look, self.learnt.as_deref())
    }
}

fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
