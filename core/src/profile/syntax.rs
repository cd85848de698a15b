//! TOML, with every syntax error of a text, and with places that count from its start in all
//! sources.

use super::{
    problem::without_secrets,
    source::{Finding, Span},
};
use std::{collections::BTreeSet, mem, ops::Range};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Parses a text that begins at `start` of all sources, as far as that is possible.
pub(super) fn parse(text: &str, start: usize) -> (DeTable<'_>, Vec<Finding>) {
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut unclosed = Vec::new();
    find_unclosed(text, root.get_ref(), &mut unclosed);
    let mut found: Vec<_> = unclosed.iter().map(unclosed_array).collect();
    // After an array that is not closed, everything is wrong, and after the first error of a line
    // the rest of it.
    let mut lines = BTreeSet::new();
    let mut errors: Vec<_> =
        errors.iter().map(|e| (e.span().unwrap_or(0..0), e.message())).collect();
    errors.sort_by_key(|(span, _)| span.start);
    for (span, message) in errors {
        let line = text[..span.start.min(text.len())].matches('\n').count();
        let follows =
            unclosed.iter().any(|array| array.start <= span.start && span.end <= array.end);
        if !follows && lines.insert(line) {
            found.push(explain(text, span, message));
        }
    }
    for finding in &mut found {
        finding.span = moved(finding.span.clone(), start);
    }
    (move_table(root.into_inner(), start), found)
}

fn find_unclosed(text: &str, table: &DeTable<'_>, unclosed: &mut Vec<Range<usize>>) {
    for (_, value) in table {
        match value.get_ref() {
            DeValue::Table(table) => find_unclosed(text, table, unclosed),
            DeValue::Array(items) => {
                let written = text.get(value.span()).unwrap_or_default();
                if written.starts_with('[') && !written.trim_end().ends_with(']') {
                    unclosed.push(value.span());
                }
                for item in items {
                    if let DeValue::Table(table) = item.get_ref() {
                        find_unclosed(text, table, unclosed);
                    }
                }
            }
            _ => {}
        }
    }
}

fn unclosed_array(span: &Range<usize>) -> Finding {
    Finding::new(span.start..span.start + 1, "this list is never closed")
        .label("opened here")
        .help("put a `]` after its last item".to_owned())
}

/// Says what is wrong in the words of somebody who writes a profile once a year.
fn explain(text: &str, span: Range<usize>, message: &str) -> Finding {
    let written = text.get(span.clone()).unwrap_or_default();
    if message.starts_with("string values must be quoted") && !written.is_empty() {
        // A secret is no more shown than in the line itself.
        let help = match without_secrets(text).get(span.clone()) {
            Some(shown) if shown == written => format!("write `\"{written}\"`"),
            _ => "put a `\"` before and behind it".to_owned(),
        };
        return Finding::new(span, "a text needs quotes around it").help(help);
    }
    if message.starts_with("duplicate key") {
        return Finding::new(span, "this stands here twice")
            .help("give one of them another name, or put both together".to_owned());
    }
    Finding::new(span, message)
}

/// What a value is, in the words of a profile.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn moved(span: Range<usize>, by: usize) -> Span {
    span.start + by..span.end + by
}

fn move_table(table: DeTable<'_>, by: usize) -> DeTable<'_> {
    table
        .into_iter()
        .map(|(key, value)| {
            let span = moved(key.span(), by);
            (Spanned::new(span, key.into_inner()), move_value(value, by))
        })
        .collect()
}

fn move_value(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let span = moved(value.span(), by);
    let value = match value.into_inner() {
        DeValue::Table(table) => DeValue::Table(move_table(table, by)),
        DeValue::Array(mut items) => {
            for item in items.iter_mut() {
                let placeholder = Spanned::new(0..0, DeValue::Boolean(false));
                *item = move_value(mem::replace(item, placeholder), by);
            }
            DeValue::Array(items)
        }
        other => other,
    };
    Spanned::new(span, value)
}
