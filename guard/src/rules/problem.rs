//! What is wrong with a file of rules.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;
use std::{fmt, ops::Range};

/// Rules that cannot be used, and why.
#[derive(Debug)]
pub struct RulesError {
    problems: Vec<Problem>,
    text: String,
}

/// One thing wrong with a file of rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    #[serde(skip)]
    range: Range<usize>,
}

impl Problem {
    pub(super) fn new(
        file: &str,
        text: &str,
        range: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Self {
        let floor = |mut at: usize| {
            at = at.min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (start, end) = (floor(range.start), floor(range.end.max(range.start)));
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: message.into(),
            help,
            range: start..end,
        }
    }
}

impl RulesError {
    pub(super) fn new(mut problems: Vec<Problem>, text: &str) -> Self {
        problems.sort_by_key(|problem| problem.range.start);
        Self { problems, text: text.to_owned() }
    }

    /// Every problem, in the order of the file.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The problems for people: each with its line, a caret, and what to do.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let shown = self.problems.iter().map(|problem| {
            let mark = AnnotationKind::Primary.span(problem.range.clone());
            let snippet = Snippet::source(&self.text).path(&problem.file).annotation(mark);
            let group = Level::ERROR.primary_title(&problem.message).element(snippet);
            let group = match &problem.help {
                Some(help) => group.element(Level::HELP.message(help)),
                None => group,
            };
            renderer.render(&[group])
        });
        shown.collect::<Vec<_>>().join("\n\n")
    }
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.problems.first() else {
            return f.write_str("the rules cannot be used");
        };
        write!(f, "{}:{}: {}", first.file, first.line, first.message)?;
        if let Some(help) = &first.help {
            write!(f, ": {help}")?;
        }
        match self.problems.len() - 1 {
            0 => Ok(()),
            more => write!(f, " (and {more} more)"),
        }
    }
}

impl std::error::Error for RulesError {}
