//! The table of steps that were only tried.

use super::view::gaps;
use crate::{
    report::Rehearsal,
    text::{self, Style, fitting},
};
use collect_core::bundle::{Status, StepRecord};
use std::{cmp::Reverse, collections::BTreeMap, fmt::Write, time::Duration};

/// What stands over the columns.
const TITLES: [&str; 6] = ["step", "status", "time", "size", "entries", "redactions"];

/// How far a column is from the next.
const GAP: usize = 2;

/// The steps as a table, then what they have to say.
pub(super) fn table(rehearsal: &Rehearsal<'_>, style: Style, all: bool, width: usize) -> String {
    let steps = rehearsal.steps;
    // What was left out on request says nothing of the profile.
    let ran = || steps.iter().filter(|step| step.status != Status::Skipped);
    let mut rows: Vec<Row> = ran().map(row).collect();
    rows.push(sum(rehearsal));
    let mut text = String::new();
    let widths = widths(&rows);
    _ = writeln!(text, "{}", style.bold(&line(&TITLES.map(str::to_owned), &widths, width)));
    let last = rows.len() - 1;
    for (number, row) in rows.iter().enumerate() {
        let line = line(row, &widths, width);
        let line = match ran().nth(number).map(|step| step.status) {
            None => style.bold(&line),
            Some(status) if !status.is_complete() => style.careful(&line),
            Some(Status::Complete) => line,
            Some(_) => style.dim(&line),
        };
        if number == last {
            text.push('\n');
        }
        _ = writeln!(text, "{line}");
    }
    let gaps = gaps(steps, style, all, width);
    if !gaps.is_empty() {
        _ = write!(text, "\n{}", gaps.trim_end_matches('\n'));
        text.push('\n');
    }
    let compressed = text::size(rehearsal.compressed);
    _ = writeln!(
        text,
        "\nCompressed it would be {compressed}. Nothing was kept, nothing was sent."
    );
    if let Some(stop) = rehearsal.stopped {
        _ = writeln!(text, "{} ({})", style.careful("It ended early"), stop.word());
    }
    text
}

type Row = [String; 6];

fn row(step: &StepRecord) -> Row {
    let took = match step.status {
        Status::NotStarted => String::new(),
        _ => text::length(Duration::from_millis(step.duration_ms)),
    };
    let (size, entries) = match step.entries {
        0 => (String::new(), String::new()),
        entries => (text::size(step.bytes), entries.to_string()),
    };
    let redactions = by_rule(&step.redactions);
    [step.id.clone(), step.status.word().to_owned(), took, size, entries, redactions]
}

/// All steps together.
fn sum(rehearsal: &Rehearsal<'_>) -> Row {
    let steps = rehearsal.steps;
    let mut redactions = BTreeMap::new();
    for (rule, count) in steps.iter().flat_map(|step| &step.redactions) {
        *redactions.entry(rule.clone()).or_default() += count;
    }
    let total = |of: fn(&StepRecord) -> u64| steps.iter().map(of).sum::<u64>();
    [
        "all".to_owned(),
        String::new(),
        text::length(rehearsal.took),
        text::size(total(|step| step.bytes)),
        total(|step| step.entries).to_string(),
        by_rule(&redactions),
    ]
}

/// `12 secrets, 3 session`: the most frequent first.
fn by_rule(redactions: &BTreeMap<String, u64>) -> String {
    let mut rules: Vec<_> = redactions.iter().collect();
    rules.sort_by_key(|(rule, count)| (Reverse(**count), *rule));
    let rules = rules.into_iter().map(|(rule, count)| format!("{count} {}", text::one_line(rule)));
    rules.collect::<Vec<_>>().join(", ")
}

fn widths(rows: &[Row]) -> [usize; 6] {
    let mut widths = TITLES.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    widths
}

/// Words to the left, numbers to the right; the last column takes what is left of the line.
fn line(row: &Row, widths: &[usize; 6], width: usize) -> String {
    let [id, status, took, size, entries, redactions] = row;
    let [ids, words, times, sizes, counts, _] = *widths;
    let room = width.saturating_sub(ids + words + times + sizes + counts + 5 * GAP).max(12);
    let line = format!(
        "{id:<ids$}  {status:<words$}  {took:>times$}  {size:>sizes$}  {entries:>counts$}  {}",
        fitting(redactions, room)
    );
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use collect_core::bundle::{Note, NoteKind};

    fn record(id: &str, status: Status, bytes: u64) -> StepRecord {
        let note = |kind, text: &str| Note { kind, source: "/a".into(), text: text.into() };
        let notes = match status {
            Status::Denied => vec![note(NoteKind::Denied, "may not be read")],
            _ => vec![note(NoteKind::Info, "fine")],
        };
        StepRecord {
            id: id.into(),
            collector: "files".into(),
            status,
            duration_ms: 1234,
            entries: u64::from(bytes > 0),
            bytes,
            redactions: BTreeMap::new(),
            notes,
        }
    }

    #[test]
    fn every_step_has_a_line_and_what_is_missing_stands_below() {
        let mut steps = vec![
            record("product-logs", Status::Complete, 1_200_000),
            record("os", Status::Denied, 100),
            record("docker", Status::Absent, 0),
        ];
        steps[0].redactions = BTreeMap::from([("secrets".into(), 3), ("url".into(), 12)]);
        let rehearsal = Rehearsal {
            exit: Exit::Complete,
            steps: &steps,
            took: Duration::from_millis(1300),
            compressed: 4200,
            stopped: None,
        };
        assert_eq!(
            table(&rehearsal, Style { colours: false }, false, 80),
            "\
step          status     time    size  entries  redactions
product-logs  complete  1.2 s  1.2 MB        1  12 url, 3 secrets
os            denied    1.2 s   100 B        1
docker        absent    1.2 s

all                     1.3 s  1.2 MB        2  12 url, 3 secrets

Not complete
  os            denied       /a: may not be read

Compressed it would be 4.2 kB. Nothing was kept, nothing was sent.
"
        );
    }
}
