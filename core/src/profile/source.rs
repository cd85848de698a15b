//! The texts that a profile is made of, and places in them.

use super::problem::{Place, Problem, ProfileError};
use std::{ops::Range, sync::Arc};

/// A place in all sources at once: the sources are thought of as one text, end to end, so that
/// values of several files can stand in one table and each still knows where it comes from.
pub(super) type Span = Range<usize>;

/// A file, or a profile that is built in.
pub(super) struct Source {
    /// What it is called in messages.
    pub(super) name: String,
    /// Its text.
    pub(super) text: Arc<str>,
    /// Where it begins in the text of all sources.
    pub(super) start: usize,
}

/// All sources of one profile: itself first, then what it extends, in the order they were read.
#[derive(Default)]
pub(super) struct Sources(Vec<Source>);

impl Sources {
    /// Adds one, and says which number it has.
    pub(super) fn add(&mut self, name: String, text: String) -> usize {
        // One byte between two sources: the end of one is not the start of the next.
        let start = self.0.last().map_or(0, |last| last.start + last.text.len() + 1);
        self.0.push(Source { name, text: text.into(), start });
        self.0.len() - 1
    }

    pub(super) fn get(&self, number: usize) -> &Source {
        &self.0[number]
    }

    /// The number of the source that holds a span.
    pub(super) fn number(&self, span: &Span) -> usize {
        self.0.partition_point(|source| source.start <= span.start).saturating_sub(1)
    }

    /// The place of a span, for people.
    pub(super) fn place(&self, span: &Span) -> Place {
        let source = self.get(self.number(span));
        let length = source.text.len();
        let start = floor(&source.text, (span.start - source.start).min(length));
        let end = floor(&source.text, (span.end - source.start).clamp(start, length));
        let before = &source.text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            file: source.name.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            range: start..end,
            text: Arc::clone(&source.text),
        }
    }
}

/// The nearest border of characters at or before `at`.
fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Something wrong, at a place of the sources.
pub(super) struct Finding {
    pub(super) span: Span,
    message: String,
    label: String,
    help: Option<String>,
    also: Option<(Span, String)>,
}

impl Finding {
    pub(super) fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), label: String::new(), help: None, also: None }
    }

    /// What stands beside the caret.
    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// What to do.
    pub(super) fn help(mut self, help: impl Into<Option<String>>) -> Self {
        self.help = help.into();
        self
    }

    /// Another place that has to do with it.
    pub(super) fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.also = Some((span, label.into()));
        self
    }
}

/// All that is wrong so far.
#[derive(Default)]
pub(super) struct Findings {
    placed: Vec<Finding>,
    /// What is wrong at no place of the sources.
    general: Vec<Problem>,
}

impl Findings {
    pub(super) fn push(&mut self, finding: Finding) {
        self.placed.push(finding);
    }

    pub(super) fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.placed.extend(findings);
    }

    /// Adds what is wrong at no place, such as with the command line.
    pub(super) fn push_general(&mut self, problem: Problem) {
        self.general.push(problem);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.placed.is_empty() && self.general.is_empty()
    }

    /// Drops what `drop` says, such as what only follows from another problem.
    pub(super) fn forget(&mut self, drop: impl Fn(&Span) -> bool) {
        self.placed.retain(|finding| !drop(&finding.span));
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.placed.append(&mut other.placed);
        self.general.append(&mut other.general);
    }

    /// Adds a line to the help of those whose place says one.
    pub(super) fn remark(&mut self, remark: impl Fn(&Span) -> Option<String>) {
        for finding in &mut self.placed {
            if let Some(remark) = remark(&finding.span) {
                let help = finding.help.take();
                finding.help = Some(help.map(|help| format!("{help}\n{remark}")).unwrap_or(remark));
            }
        }
    }

    /// The error that names all of them, in the order of the sources.
    pub(super) fn into_error(mut self, sources: &Sources) -> ProfileError {
        self.placed.sort_by_key(|finding| (finding.span.start, finding.span.end));
        self.placed.dedup_by(|a, b| a.span == b.span && a.message == b.message);
        let placed = self.placed.into_iter().map(|finding| {
            let at = sources.place(&finding.span);
            let also = finding.also.map(|(span, label)| (sources.place(&span), label));
            Problem::placed(finding.message, at, finding.label, finding.help, also)
        });
        ProfileError::new(self.general.into_iter().chain(placed).collect())
    }
}
