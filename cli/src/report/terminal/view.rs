//! What a person sees: plain functions from data to text.

use crate::{
    exit::Exit,
    outline::{Outline, OutlineStep},
    report::Ending,
    text::{self, Style, fitting, one_line, shell},
};
use collect_core::bundle::{Note, NoteKind, StepRecord};
use std::fmt::Write;

/// How wide text is where no terminal says so.
pub(crate) const WIDTH: usize = 100;

/// Narrower than this nothing can be laid out.
const NARROW: usize = 60;

/// The longest id of a step that keeps its column; longer ones push the rest to the right.
const ID_WIDTH: usize = 20;

/// How many notes of a step are shown unless all are asked for.
const NOTES: usize = 2;

/// The width of the terminal.
pub(super) fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stderr());
    let columns = size.map_or(0, |size| usize::from(size.ws_col));
    if columns == 0 { WIDTH } else { columns.clamp(NARROW, WIDTH) }
}

/// What will be gathered and sent.
pub(crate) fn outline(outline: &Outline, style: Style, width: usize) -> String {
    let title = if outline.sends { "What will be sent" } else { "What will be gathered" };
    let mut text = format!("{}\n\n", style.bold(title));
    let columns = Columns::of(outline, width);
    for step in &outline.steps {
        let id = format!("{:<ids$}", step.id, ids = columns.ids);
        let line = match left_out(step) {
            Some(reason) => {
                let reason = fitting(&reason, width.saturating_sub(columns.ids + 4)).into_owned();
                style.dim(&format!("{id}  {reason}"))
            }
            None => format!("{id}  {}", columns.line(step, outline, style)),
        };
        _ = writeln!(text, "  {}", line.trim_end());
        if !step.refused.is_empty() && left_out(step).is_none() {
            let refused = one_line(&format!("only root sees {}", step.refused.join(", ")));
            let refused = wrapped(&refused, width.saturating_sub(columns.ids + 4));
            for line in refused.lines() {
                _ = writeln!(text, "  {:ids$}  {}", "", style.careful(line), ids = columns.ids);
            }
        }
    }
    text.push('\n');
    let line = |name: &str, value: &str| {
        format!("  {}  {}\n", style.bold(&format!("{name:<9}")), one_line(value))
    };
    if let Some(window) = columns.shared.as_deref().filter(|window| !window.is_empty()) {
        text += &line("time", window);
    }
    text += &line("report", "what you typed");
    for destination in &outline.destinations {
        text += &line("goes to", destination);
    }
    for recipient in &outline.recipients {
        text += &line("readable", &format!("by {recipient}"));
    }
    let removed = match outline.redactors.as_slice() {
        [] => "nothing: the profile has no rules".to_owned(),
        rules => format!("what these rules find: {}", rules.join(", ")),
    };
    text += &line("removed", &removed);
    text.push('\n');
    text
}

/// A text on lines that are no wider, broken between words.
fn wrapped(text: &str, width: usize) -> String {
    let (mut wrapped, mut used) = (String::new(), 0);
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            wrapped.push('\n');
            used = 0;
        } else if used > 0 {
            wrapped.push(' ');
            used += 1;
        }
        wrapped += word;
        used += length;
    }
    wrapped
}

/// How wide the columns of the plan are.
struct Columns {
    ids: usize,
    what: usize,
    sizes: usize,
    /// The time that is the same for every step, and so needs no column.
    shared: Option<String>,
}

impl Columns {
    fn of(outline: &Outline, width: usize) -> Self {
        let longest = |texts: &mut dyn Iterator<Item = String>| {
            texts.map(|text| text.chars().count()).max().unwrap_or(0)
        };
        let active = || outline.steps.iter().filter(|step| left_out(step).is_none());
        let ids = longest(&mut outline.steps.iter().map(|step| step.id.clone())).min(ID_WIDTH);
        let sizes = longest(&mut active().map(size));
        let mut windows: Vec<String> = active().map(|step| step.window(&outline.zone)).collect();
        windows.dedup();
        let shared = if windows.len() == 1 { windows.pop() } else { None };
        let windows = longest(&mut windows.into_iter());
        let room = width.saturating_sub(ids + sizes + windows + 8);
        let what = longest(&mut active().map(words)).min(room);
        Self { ids, what, sizes, shared }
    }

    fn line(&self, step: &OutlineStep, outline: &Outline, style: Style) -> String {
        let words = words(step);
        let what = fitting(&words, self.what);
        let window = if self.shared.is_some() { String::new() } else { step.window(&outline.zone) };
        let details = format!("{:>width$}  {window}", size(step), width = self.sizes);
        let details = style.dim(details.trim_end());
        format!("{what:<width$}  {details}", width = self.what)
    }
}

/// What a step gathers, in words.
fn words(step: &OutlineStep) -> String {
    one_line(step.what.trim_end_matches('.'))
}

/// About how much a step reads, if that is known.
fn size(step: &OutlineStep) -> String {
    step.bytes.map(text::size).unwrap_or_default()
}

fn left_out(step: &OutlineStep) -> Option<String> {
    let reason = step.absent.as_ref().map(|reason| format!("not here: {}", one_line(reason)));
    if step.skipped { Some("left out".to_owned()) } else { reason }
}

/// What is missing, and why; nothing if nothing is.
pub(super) fn gaps(steps: &[StepRecord], style: Style, all: bool, width: usize) -> String {
    let mut text = String::new();
    let ids = steps.iter().map(|step| step.id.len()).max().unwrap_or(0).min(ID_WIDTH);
    for step in steps {
        let complete = step.status.is_complete();
        let silent = !all || step.notes.is_empty();
        if complete && silent {
            continue;
        }
        if text.is_empty() {
            let title = if all { "What the steps have to say" } else { "Not complete" };
            text = format!("{}\n", style.bold(title));
        }
        let word = format!("{:<11}", step.status.word());
        let word = if complete { style.dim(&word) } else { style.careful(&word) };
        let notes: Vec<&Note> = step.notes.iter().filter(|note| all || is_gap(note.kind)).collect();
        let shown = if all { notes.len() } else { notes.len().min(NOTES) };
        let first = notes.first().map(|note| said(note)).unwrap_or_default();
        let room = if all { usize::MAX } else { width.saturating_sub(ids + 17) };
        _ = writeln!(text, "  {:<ids$}  {word}  {}", step.id, fitting(&first, room));
        for note in notes.iter().take(shown).skip(1) {
            _ = writeln!(text, "  {:ids$}  {:11}  {}", "", "", fitting(&said(note), room));
        }
        let more = notes.len() - shown;
        if more > 0 {
            let more = style.dim(&format!("and {more} more; the manifest has them all"));
            _ = writeln!(text, "  {:ids$}  {:11}  {more}", "", "");
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Whether a note says that something is missing.
fn is_gap(kind: NoteKind) -> bool {
    !matches!(kind, NoteKind::Info | NoteKind::Absent)
}

/// Of a command only its program is named, so that there is room for what it said.
fn said(note: &Note) -> String {
    let source = match note.source.strip_prefix("$ ").and_then(|command| command.split_once(' ')) {
        Some((program, _)) => format!("$ {program} …"),
        None => note.source.clone(),
    };
    let text =
        if source.is_empty() { note.text.clone() } else { format!("{source}: {}", note.text) };
    one_line(&text)
}

/// How the run ended, and how to go on.
pub(super) fn ending(ending: &Ending, style: Style) -> String {
    let partial = if ending.complete { "" } else { ", without what is named above" };
    let done = style.good("Submission complete");
    let title = match ending.exit {
        Exit::Stopped => style.careful("Stopped"),
        Exit::NotDelivered => style.bad("Not delivered"),
        _ if ending.locations.is_empty() => format!("{done}{partial}, kept on this host"),
        _ => format!("{done}{partial}"),
    };
    let mut text = format!("\n{title}\n\n");
    let mut line = |name: &str, value: &str| {
        _ = writeln!(text, "  {}  {value}", style.bold(&format!("{name:<8}")));
    };
    if let Some(reason) = &ending.reason {
        line("why", &one_line(reason));
    }
    line("id", &ending.id);
    for location in &ending.locations {
        line("sent to", &one_line(location));
    }
    if let Some(path) = &ending.path {
        line("bundle", &one_line(&path.display().to_string()));
    }
    if let Some(open) = &ending.open {
        line("open it", open);
    }
    if let Some(send) = &ending.send {
        line("send it", send);
    }
    text
}

/// The command that opens a bundle with a key in a file.
pub(crate) fn open_command(identity: &std::path::Path, bundle: &std::path::Path) -> String {
    let zstd = bundle.display().to_string().contains(".tar.zst");
    let unpack = if zstd { "tar x --zstd" } else { "tar xJ" };
    format!("age -d -i {} {} | {unpack}", shell(identity), shell(bundle))
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::bundle::Status;
    use std::path::Path;

    const PLAIN: Style = Style { colours: false };

    #[test]
    fn the_plan_has_a_line_for_each_step_and_says_where_it_goes() {
        assert_eq!(
            outline(&crate::outline::example(), PLAIN, 80),
            "What will be sent

  product-logs     Takes files whole, or their…   1.2 MB  since 2026-11-22 10:42
  os               The operating system…
  product-journal  not here: there is no `/etc/komand`
  network          left out

  report     what you typed
  goes to    s3 bucket \"komand-bug-reports\"
  readable   by age1ar7d…jea6e7
  removed    what these rules find: secrets, session

"
        );
    }

    #[test]
    fn what_only_root_sees_stands_below_the_step() {
        let mut plan = crate::outline::example();
        plan.steps[1].refused = vec!["/dev/kmsg".into(), "the open files of other users".into()];
        let shown = outline(&plan, PLAIN, 60);
        let expected = "\
                   only root sees /dev/kmsg, the open files
                   of other users
";
        assert!(shown.contains(expected), "{shown}");
    }

    fn record(id: &str, status: Status, notes: &[(NoteKind, &str)]) -> StepRecord {
        let notes = notes.iter().map(|(kind, text)| Note {
            kind: *kind,
            source: "/var/log/a".into(),
            text: (*text).to_owned(),
        });
        StepRecord {
            id: id.into(),
            collector: "files".into(),
            status,
            duration_ms: 1,
            entries: 1,
            bytes: 1,
            redactions: std::collections::BTreeMap::default(),
            notes: notes.collect(),
        }
    }

    #[test]
    fn what_a_command_said_is_not_hidden_by_its_arguments() {
        let note = |source: &str| {
            said(&Note { kind: NoteKind::Failed, source: source.into(), text: "refused".into() })
        };
        assert_eq!(note("$ psql --no-psqlrc --command SELECT"), "$ psql …: refused");
        assert_eq!(note("$ psql"), "$ psql: refused");
        assert_eq!(note("/var/log/a b"), "/var/log/a b: refused");
    }

    #[test]
    fn what_is_missing_is_named_with_its_reasons_and_what_is_not_stays_quiet() {
        let denied = (NoteKind::Denied, "may not be read\x1b[2J");
        let steps = [
            record("os", Status::Complete, &[(NoteKind::Info, "fine")]),
            record("docker", Status::Absent, &[(NoteKind::Absent, "not there")]),
            record("logs", Status::Denied, &[denied, denied, denied, (NoteKind::Info, "fine")]),
        ];
        assert_eq!(
            gaps(&steps, PLAIN, false, 100),
            "Not complete
  logs    denied       /var/log/a: may not be read\u{fffd}[2J
                       /var/log/a: may not be read\u{fffd}[2J
                       and 1 more; the manifest has them all

"
        );
        assert_eq!(gaps(&steps[..2], PLAIN, false, 100), "");
        assert!(gaps(&steps, PLAIN, true, 100).contains("/var/log/a: fine"));
    }

    #[test]
    fn a_bundle_for_this_host_comes_with_the_command_that_opens_it() {
        let command = open_command(Path::new("/s/identity.txt"), Path::new("/b/a b.tar.zst.age"));
        assert_eq!(command, "age -d -i /s/identity.txt '/b/a b.tar.zst.age' | tar x --zstd");
    }
}
