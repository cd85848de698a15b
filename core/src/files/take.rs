//! [`Output::files`]: takes the files of a set into the bundle.

use super::{
    FileSet,
    copy::{LEAST_CUT, NO_ROOM, Plan, Taken},
    dates::Dates,
    pattern::is_made_up,
    section,
    walk::{self, Found, Selection},
};
use crate::{
    CollectError, Output,
    host::HostFile,
    inside::{Form, HEAD},
    stamp::{Filter, SAMPLE, Stamps, Within},
};
use std::{
    io::{self, ErrorKind, Read, SeekFrom, Write},
    ops::Range,
    path::Path,
    rc::Rc,
};

/// The one file of the kernel that is compressed, `proc(5)`.
const KERNEL_CONFIGURATION: &str = "/proc/config.gz";

/// So many similar things are named; the rest is counted.
const NAMED: usize = 20;

/// How many bytes of a file are not holes.
fn held(found: &Found) -> u64 {
    found.info.len.min(found.info.allocated)
}

impl Output<'_> {
    /// Copies the files of a set to the same paths below the step's folder: those that were
    /// modified in the time of interest, newest first, as far as the step's size goes. Where all
    /// fit, those of the same hour come in the order of their paths.
    ///
    /// Of a file that does not fit, a quarter of the room is used for its beginning and the rest
    /// for its end; it is cut between lines, and a line in it states the cut. Holes of sparse
    /// files are skipped and stated likewise. What is compressed, archived or in UTF-16 is stored
    /// as plain text, and where it does not fit, its beginning is. What is missing is noted; if
    /// nothing matched at all, the step is absent.
    ///
    /// # Errors
    ///
    /// Returns [`CollectError::Stopped`] at the deadline.
    pub fn files(&mut self, set: &FileSet) -> Result<(), CollectError> {
        let deadline = self.deadline();
        let mut in_time = || if deadline.passed() { Err(CollectError::Stopped) } else { Ok(()) };
        let mut selection = walk::select(set, self.host(), &self.window(), &mut in_time)?;
        if selection.files.iter().map(held).sum::<u64>() <= self.budget() {
            selection.by_hour();
        }
        self.remark(set, &selection);
        let mut unfit = Unfit::default();
        let dates = Rc::new(Dates::new(&self.window(), set.times, &selection.outside_window));
        for found in &selection.files {
            self.take(found, &mut unfit, &dates)?;
        }
        unfit.note(self);
        dates.note(self);
        Ok(())
    }

    /// The files of a set that were modified in the time of interest, newest first, for a collector
    /// that reads them itself. What is missing is noted as by [`Output::files`].
    ///
    /// # Errors
    ///
    /// Returns [`CollectError::Stopped`] at the deadline.
    pub fn find(&mut self, set: &FileSet) -> Result<Vec<Found>, CollectError> {
        let deadline = self.deadline();
        let mut in_time = || if deadline.passed() { Err(CollectError::Stopped) } else { Ok(()) };
        let selection = walk::select(set, self.host(), &self.window(), &mut in_time)?;
        self.remark(set, &selection);
        Ok(selection.files)
    }

    fn remark(&mut self, set: &FileSet, selection: &Selection) {
        if !selection.matched && selection.failed.is_empty() && selection.vanished.is_empty() {
            for pattern in &set.paths {
                self.absent(pattern.text(), "nothing matches");
            }
        }
        if let Some(limit) = &selection.limit {
            self.truncated("", &format!("not all files were looked for: {limit}"));
        }
        if !selection.outside_window.is_empty() {
            self.note(&format!(
                "{} left out: not modified in the time of interest",
                files(selection.outside_window.len())
            ));
        }
        let special = |path: &Path| format!("`{}` is no regular file: not read", path.display());
        let special: Vec<_> = selection.special.iter().map(|path| special(path)).collect();
        let vanished = |path: &Path| format!("`{}` vanished meanwhile", path.display());
        let vanished: Vec<_> = selection.vanished.iter().map(|path| vanished(path)).collect();
        self.note_some(&special, "more are no regular files");
        self.note_some(&vanished, "more vanished meanwhile");
        self.note_some(&selection.links, "more links were not followed");
        for (path, error) in selection.failed.iter().take(NAMED) {
            self.failed(&path.to_string_lossy(), error);
        }
        if let Some(((_, error), more)) = selection.failed.get(NAMED..).and_then(<[_]>::split_first)
        {
            self.failed(&format!("{} more", more.len() + 1), error);
        }
    }

    /// Notes the first of many similar things, and how many more there are.
    pub(crate) fn note_some(&mut self, texts: &[String], more: &str) {
        let total = texts.len();
        for text in texts.iter().take(NAMED) {
            self.note(text);
        }
        if total > NAMED {
            self.note(&format!("{} {more}", total - NAMED));
        }
    }

    fn take(
        &mut self,
        found: &Found,
        unfit: &mut Unfit,
        dates: &Rc<Dates>,
    ) -> Result<(), CollectError> {
        let path = &found.path;
        let source = path.to_string_lossy().into_owned();
        if held(found) > self.budget() && self.budget() < LEAST_CUT {
            unfit.add(source, found.info.len, NO_ROOM);
            return Ok(());
        }
        let opened = self.host().open(path).and_then(|mut file| {
            if form_of(path, file.as_mut())? != Form::Plain {
                return Ok(Opened::Inside(file));
            }
            let lines = self.lines(found, file.as_mut(), dates);
            let part = match &lines {
                Some(lines) if lines.part.is_none() => return Ok(Opened::Outside),
                Some(lines) => lines.part.clone(),
                None => None,
            };
            let plan = Plan::new(file.as_mut(), part, self.budget(), self.binary)?;
            Ok(Opened::Plain(file, plan, lines.and_then(|lines| lines.filter)))
        });
        let name = source.trim_start_matches('/');
        let (mut file, plan, filter) = match opened {
            Ok(Opened::Plain(_, Plan::Nothing(reason), _)) => {
                unfit.add(source, found.info.len, reason);
                return Ok(());
            }
            Ok(Opened::Outside) => {
                dates.left_out();
                return Ok(());
            }
            Ok(Opened::Plain(file, plan, filter)) => (file, plan, filter),
            Ok(Opened::Inside(file)) => {
                // No further than it was: one that is still being written has no end.
                let mut file = file.take(found.info.len);
                let dates = Some(Rc::clone(dates));
                return self.unfold(&mut file, name, &source, found.info.modified, dates);
            }
            Err(error) => {
                match error.kind() {
                    ErrorKind::NotFound => self.note(&format!("`{source}` vanished meanwhile")),
                    ErrorKind::InvalidInput => {
                        self.note(&format!("`{source}` is no regular file any more: not read"));
                    }
                    _ => self.failed(&source, &error),
                }
                return Ok(());
            }
        };
        let origin = self.origin(found.info.modified);
        let mut entry = self.entry(name, &source, found.info.modified)?;
        if !path.ancestors().any(is_made_up) {
            entry.dated(origin);
        }
        let taken = match filter {
            Some(filter) => {
                let (within, stamps) = *filter;
                let mut kept = Kept::new(&mut entry, within, stamps);
                let taken = plan.carry_out(file.as_mut(), &mut kept)?;
                kept.flush()?;
                taken
            }
            None => plan.carry_out(file.as_mut(), &mut entry)?,
        };
        if let Some(cut) = &taken.cut {
            entry.truncated(cut);
        }
        if let Some(error) = &taken.failed {
            entry.tear(&format!("cut here: {error}"));
        }
        entry.end()?;
        self.remark_on(&source, &taken);
        Ok(())
    }

    /// Which of the lines of a file are of interest, if that can be told. What cannot be read is
    /// reported when the file is copied.
    fn lines(&self, found: &Found, file: &mut dyn HostFile, dates: &Dates) -> Option<Lines> {
        let info = file.info().ok()?;
        if info.len == 0 || found.path.ancestors().any(is_made_up) {
            return None;
        }
        let data = if info.allocated >= info.len { 0..info.len } else { file.data(0).ok()?? };
        let rest = if data.end < info.len { file.data(data.end).ok()? } else { None };
        let mut sample = Vec::new();
        file.seek(SeekFrom::Start(data.start)).ok()?;
        Read::take(&mut *file, (SAMPLE as u64).min(data.end - data.start))
            .read_to_end(&mut sample)
            .ok()?;
        let (within, stamps) = dates.read(&sample, &self.origin(info.modified), &found.path)?;
        let all = data.start..data.end.min(info.len);
        let part = if rest.is_some() {
            // Holes between its lines; they are passed over when it is copied.
            Some(0..info.len)
        } else {
            let room = self.budget();
            let part = section::find(file, all.clone(), within, &stamps, false).ok()?;
            match part {
                Some(part) if part.end - part.start > room => {
                    section::find(file, all, within, &stamps, true).ok()?
                }
                part => part,
            }
        };
        Some(Lines { part, filter: Some(Box::new((within, stamps))) })
    }

    fn remark_on(&mut self, source: &str, taken: &Taken) {
        if taken.holes > 0 {
            self.note(&format!(
                "`{source}` has holes of {} bytes, which were skipped",
                taken.holes
            ));
        }
        if taken.shrunk {
            self.note(&format!("`{source}` became shorter while it was read"));
        }
        if let Some(error) = &taken.failed {
            self.failed(source, error);
        }
    }
}

/// A file, and how it is taken.
enum Opened {
    /// As it is, or a part of it: lines of a time of interest, in this format.
    Plain(Box<dyn HostFile>, Plan, Option<Box<(Within, Stamps)>>),
    /// Not at all: no line is of interest.
    Outside,
    /// From its beginning on, to be decoded.
    Inside(Box<dyn HostFile>),
}

/// The lines of interest of a file.
struct Lines {
    /// Where they are; nowhere if there are none.
    part: Option<Range<u64>>,
    filter: Option<Box<(Within, Stamps)>>,
}

/// Writes the lines of a time of interest. Behind a cut, which is a flush, lines without a time go on
/// with one that was kept.
struct Kept<'e> {
    to: &'e mut dyn Write,
    filter: Filter,
    within: Within,
    stamps: Stamps,
}

impl<'e> Kept<'e> {
    fn new(to: &'e mut dyn Write, within: Within, stamps: Stamps) -> Self {
        Self { to, filter: Filter::new(within, stamps.clone()), within, stamps }
    }
}

impl Write for Kept<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let to = &mut self.to;
        self.filter.push(bytes, &mut |kept| to.write_all(kept))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let to = &mut self.to;
        self.filter.finish(&mut |kept| to.write_all(kept))?;
        self.filter = Filter::going_on(self.within, self.stamps.clone());
        Ok(())
    }
}

/// What stands in a file. Those that the kernel makes up are not looked at before they are read:
/// they can be expensive to read, or another time say something else.
fn form_of(path: &Path, file: &mut dyn HostFile) -> io::Result<Form> {
    if path.ancestors().any(is_made_up) && path != Path::new(KERNEL_CONFIGURATION) {
        return Ok(Form::Plain);
    }
    let mut head = Vec::new();
    // An error comes again, and is reported, when the file is read.
    _ = Read::take(&mut *file, HEAD as u64).read_to_end(&mut head);
    file.seek(SeekFrom::Start(0))?;
    Ok(Form::of(&head))
}

/// Files that were left out for their size.
#[derive(Default)]
struct Unfit {
    named: Vec<(String, u64, &'static str)>,
    more: usize,
    bytes_of_more: u64,
}

impl Unfit {
    fn add(&mut self, source: String, len: u64, reason: &'static str) {
        if self.named.len() < NAMED {
            self.named.push((source, len, reason));
        } else {
            self.more += 1;
            self.bytes_of_more = self.bytes_of_more.saturating_add(len);
        }
    }

    fn note(self, out: &mut Output<'_>) {
        for (source, len, reason) in self.named {
            out.truncated(&source, &format!("left out with its {len} bytes: {reason}"));
        }
        if self.more > 0 {
            out.truncated(
                "",
                &format!(
                    "{} more left out with their {} bytes: {NO_ROOM}",
                    files(self.more),
                    self.bytes_of_more
                ),
            );
        }
    }
}

pub(super) fn files(count: usize) -> String {
    match count {
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    }
}
