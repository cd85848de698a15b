//! Takes entries of a journal into the bundle: the newest that fit, in their order.

use super::{
    export::{Entry, Export},
    query::{Query, Start},
    render::Renderer,
};
use collect_core::{
    CollectError, Output,
    host::{CommandLine, Exit, Process},
    redact::Redaction,
};
use jiff::Timestamp;
use std::io::{self, ErrorKind, Write};

/// So many complaints of journalctl are noted.
const COMPLAINTS: usize = 20;

/// What journalctl says when it does not show the messages of others, or nothing at all:
/// `journal_access_check_and_warn` of systemd.
const UNSEEN: &str = "not seeing messages from other users";
const NO_RIGHTS: &str = "insufficient permissions";
const NO_FILES: &str = "No journal files were found";
const NO_BOOT: &str = "Data from the specified boot";
/// Of a unit with wildcards that none matches; one without is merely not found.
const NO_UNIT: &str = "Failed to add filter for units: No data available";

/// Entries of a journal, to be written as one entry of the bundle.
pub(crate) struct Passage<'a> {
    pub(crate) query: &'a Query<'a>,
    pub(crate) renderer: Renderer,
    /// The name of the entry.
    pub(crate) entry: &'a str,
}

/// Where to begin, so that everything from there on fits.
enum Beginning {
    Oldest,
    Cursor(String),
    /// Not even the newest entry fits.
    Nowhere,
}

/// What was written.
#[derive(Default)]
struct Written {
    entries: u64,
    /// Entries of which a value was too large to be kept.
    cut: u64,
    /// Entries came in meanwhile that do not fit.
    overflow: bool,
    /// When the first of them was received.
    first: Option<Timestamp>,
}

/// When an entry was received.
fn time(entry: &Entry) -> Option<Timestamp> {
    let time = std::str::from_utf8(entry.get("__REALTIME_TIMESTAMP")?).ok()?;
    Timestamp::from_microsecond(time.parse().ok()?).ok()
}

impl Passage<'_> {
    /// Takes them; says whether there were any.
    pub(crate) fn take(&self, out: &mut Output<'_>) -> Result<bool, CollectError> {
        let source = self.query.source();
        if let Some(directory) = self.query.directory
            && let Err(error) = out.host().entries(directory.as_ref())
        {
            out.failed(source, &error);
            return Ok(false);
        }
        let beginning = match self.beginning(out) {
            Ok(beginning) => beginning,
            Err(error) => return self.cannot_start(out, &error).map(|()| false),
        };
        let from = match &beginning {
            Beginning::Oldest => Start::Oldest,
            Beginning::Cursor(cursor) => Start::Cursor(cursor),
            Beginning::Nowhere => {
                out.truncated(source, "left out: no room is left for a single entry");
                return Ok(false);
            }
        };
        let command = self.query.entries(from);
        let process = match out.host().spawn(&command, out.deadline()) {
            Ok(process) => process,
            Err(error) => return self.cannot_start(out, &error).map(|()| false),
        };
        self.write(out, process, &command, matches!(beginning, Beginning::Cursor(_)))
    }

    fn cannot_start(&self, out: &mut Output<'_>, error: &io::Error) -> Result<(), CollectError> {
        match error.kind() {
            ErrorKind::TimedOut => return Err(CollectError::Stopped),
            ErrorKind::NotFound => out.absent(self.query.source(), "journalctl is not installed"),
            _ => out.failed(self.query.source(), error),
        }
        Ok(())
    }

    /// Goes back from the newest entry as far as the step's size allows. journalctl reads no more
    /// than that, so this costs as much as the entries that are taken, not as the whole journal.
    fn beginning(&self, out: &Output<'_>) -> io::Result<Beginning> {
        let budget = out.budget();
        if budget == u64::MAX {
            return Ok(Beginning::Oldest);
        }
        // Room for what comes in before the entries are read again.
        let mut room = budget - budget / 64;
        let mut cursor = None;
        let process = out.host().spawn(&self.query.entries(Start::Newest), out.deadline())?;
        let mut export = Export::new(process);
        let mut entry = Entry::default();
        let mut rendered = Vec::new();
        while export.read(&mut entry)? {
            rendered.clear();
            self.render(out.redaction(), &entry, &mut rendered);
            let Some(left) = room.checked_sub(rendered.len() as u64) else {
                return Ok(cursor.map_or(Beginning::Nowhere, Beginning::Cursor));
            };
            room = left;
            let at = entry.get("__CURSOR").unwrap_or_default();
            cursor = Some(String::from_utf8_lossy(at).into_owned());
        }
        Ok(Beginning::Oldest)
    }

    fn render(&self, redaction: &Redaction, entry: &Entry, to: &mut Vec<u8>) {
        (self.renderer)(entry, to, &|name, value| {
            let field = format!("{name}={value}");
            let redacted = redaction.text(&field);
            (redacted != field).then(|| {
                let value = redacted.strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
                value.unwrap_or(&redacted).to_owned()
            })
        });
    }

    fn write(
        &self,
        out: &mut Output<'_>,
        process: Box<dyn Process>,
        command: &CommandLine,
        older_left_out: bool,
    ) -> Result<bool, CollectError> {
        let source = format!("$ {}", command.argv.join(" "));
        let mut export = Export::new(process);
        let mut written = Written::default();
        self.copy(out, &mut export, &source, &mut written, older_left_out)?;
        if older_left_out {
            let text = "the oldest entries are left out: the size limit of the step is reached";
            out.truncated(self.query.source(), text);
        }
        if written.cut > 0 {
            let text = format!("{} entries hold a value too large to be kept", written.cut);
            out.truncated(self.query.source(), &text);
        }
        if written.overflow {
            out.truncated(self.query.source(), "the newest entries are left out: no room is left");
        } else {
            let exit = export.into_inner().finish()?;
            self.complain(out, &exit)?;
        }
        if let Some(first) = written.first.filter(|_| !older_left_out) {
            self.begins(out, first)?;
        }
        let entries = written.entries;
        out.note(&format!("{}: {entries} entries", self.query.source().trim_start_matches("$ ")));
        Ok(entries > 0)
    }

    fn copy(
        &self,
        out: &mut Output<'_>,
        export: &mut Export<Box<dyn Process>>,
        source: &str,
        written: &mut Written,
        older_left_out: bool,
    ) -> Result<(), CollectError> {
        let mut entry = Entry::default();
        if !export.read(&mut entry)? {
            return Ok(());
        }
        let mut room = out.budget();
        let mut rendered = Vec::new();
        let redaction = out.redaction();
        self.render(redaction, &entry, &mut rendered);
        let mut covers = time(&entry).map(|at| (at, at));
        let mut writer = out.entry(self.entry, source, None)?;
        if older_left_out {
            writer.truncated("older entries left out");
        }
        loop {
            let Some(left) = room.checked_sub(rendered.len() as u64) else {
                writer.truncated("newer entries left out");
                written.overflow = true;
                break;
            };
            room = left;
            writer.write_all(&rendered)?;
            // In text, an entry without a message is no line.
            written.entries += u64::from(!rendered.is_empty());
            written.cut += u64::from(entry.is_cut());
            covers = covers.zip(time(&entry)).map(|((from, _), to)| (from, to)).or(covers);
            if !export.read(&mut entry)? {
                break;
            }
            rendered.clear();
            self.render(redaction, &entry, &mut rendered);
        }
        if let Some((from, to)) = covers {
            writer.covers(from, to);
        }
        writer.end()?;
        written.first = covers.map(|(from, _)| from);
        Ok(())
    }

    /// Says where the journal begins, if nothing is there that is older than was asked for.
    fn begins(&self, out: &mut Output<'_>, first: Timestamp) -> Result<(), CollectError> {
        if self.query.window.since.is_none_or(|since| first <= since) {
            return Ok(());
        }
        let Ok(process) = out.host().spawn(&self.query.before(), out.deadline()) else {
            return Ok(());
        };
        let mut export = Export::new(process);
        let mut entry = Entry::default();
        if !export.read(&mut entry)? && export.into_inner().finish()?.code == Some(0) {
            out.note(&format!("the journal begins at {first}: nothing older is there"));
        }
        Ok(())
    }

    /// What journalctl says about the journal as a whole.
    fn warnings(&self, out: &Output<'_>) -> io::Result<String> {
        let mut process = match out.host().spawn(&self.query.warnings(), out.deadline()) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(String::new()),
            process => process?,
        };
        io::copy(&mut process, &mut io::sink())?;
        Ok(String::from_utf8_lossy(&process.finish()?.stderr).into_owned())
    }

    /// Notes what journalctl complained about.
    fn complain(&self, out: &mut Output<'_>, exit: &Exit) -> io::Result<()> {
        let source = self.query.source();
        let denied = |text: &str| io::Error::new(ErrorKind::PermissionDenied, text.to_owned());
        let warnings = self.warnings(out)?;
        if warnings.contains(NO_RIGHTS) {
            out.failed(source, &denied("no journal may be read; run as root"));
            return Ok(());
        }
        if warnings.contains(NO_FILES) {
            out.absent(source, "there are no journal files");
            return Ok(());
        }
        if warnings.contains(UNSEEN) {
            let text = "only the user's own messages may be read; run as root, or as a member of \
                        the group `systemd-journal` or `adm`";
            out.failed(source, &denied(text));
        }
        let said = String::from_utf8_lossy(&exit.stderr);
        let mut lines: Vec<_> =
            said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        lines.dedup();
        if said.contains(NO_BOOT) {
            out.absent(source, "the journal knows no such boot");
        } else if said.contains(NO_UNIT) {
            out.absent(source, "the journal knows no such unit");
        } else {
            for line in lines.iter().take(COMPLAINTS) {
                out.failed(source, &io::Error::other((*line).to_owned()));
            }
            if exit.code != Some(0) && lines.is_empty() {
                let text = format!("journalctl ended with {:?}", exit.code.or(exit.signal));
                out.failed(source, &io::Error::other(text));
            }
        }
        Ok(())
    }
}
