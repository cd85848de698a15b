//! Redacts what lies in a folder: a log, a tree of files, the unpacked report of another tool.
//!
//! Every file is copied through redaction to the same path below a target, or, without a target,
//! what redaction would change is shown. What cannot be redacted is left out and named; nothing is
//! ever copied as it is. Files are worked on in parallel, each in memory that does not depend on its
//! size, and have their name only when they are whole.

mod archive;
mod carrier;
mod copy;
mod learning;
mod order;
mod plan;
mod preview;
#[cfg(test)]
mod tests;
mod widen;

pub use preview::{Change, Segment};

use crate::{
    private::temporary,
    redact::{Counts, Redaction, learnt::Needles},
};
use copy::{Copy, Halt, Tools};
use learning::{Room, Traces, clear, rename};
use order::Order;
use plan::{Item, Plan, What};
use preview::Preview;
use std::{
    fs::{self, File, FileTimes, Permissions},
    io::{self, Write},
    os::unix::fs::{PermissionsExt, symlink},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};
use thiserror::Error;

/// What is to be redacted, and where to.
#[derive(Clone, Copy)]
pub struct Rewrite<'r> {
    /// The rules.
    pub redaction: &'r Redaction,
    /// A file or a folder.
    pub source: &'r Path,
    /// A folder that is empty or not there; none to have the changes shown.
    pub target: Option<&'r Path>,
    /// Whether absolute links in the source are meant from it, as it is a host's `/`.
    pub is_root: bool,
    /// True once the work has to end.
    pub stop: &'r AtomicBool,
}

/// What became of one file. All text in it is redacted.
#[derive(Clone, Debug, Default)]
pub struct Rewritten {
    /// Its path below source and target.
    pub path: String,
    /// How many bytes of text were redacted, not counting compression around them.
    pub bytes: u64,
    /// What was replaced.
    pub redactions: Counts,
    /// The changes, if there is no target; at most some hundred.
    pub changes: Vec<Change>,
    /// How many further changed lines are not among them.
    pub further: u64,
    /// What was left out, and why: the file itself or members of an archive.
    pub left_out: Vec<LeftOut>,
}

/// Something that was not copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its path.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// Why a tree was not redacted. What is below the target by then is whole and redacted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RewriteError {
    /// The source cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Source {
        /// The source.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The target holds something already.
    #[error("`{}` is not empty", .0.display())]
    Occupied(PathBuf),
    /// The target lies in the source.
    #[error("`{}` lies in what is to be redacted", .0.display())]
    Within(PathBuf),
    /// Something cannot be written.
    #[error("cannot write below `{}`: {source}", path.display())]
    Target {
        /// The target.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The work was stopped.
    #[error("stopped before its end")]
    Stopped,
}

impl Rewrite<'_> {
    /// Does it, and tells of each file in the order of paths.
    ///
    /// # Errors
    ///
    /// Source or target cannot be used, or the work was stopped. A file that cannot be redacted is
    /// no error: it is left out, and told of.
    pub fn run(&self, mut tell: impl FnMut(Rewritten) + Send) -> Result<(), RewriteError> {
        let redaction = self.redaction.for_run();
        let mut plan = Plan::of(self.source, &redaction, self.is_root)
            .map_err(|source| RewriteError::Source { path: self.source.to_owned(), source })?;
        if let Some(target) = self.target {
            self.prepare(target)?;
        }
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|error| self.failed(io::Error::other(error)))?;
        let pass = Pass { rewrite: self, redaction: &redaction, pool: &pool, threads };
        let all: Vec<usize> = (0..plan.items.len()).collect();
        match self.target {
            _ if !redaction.learns() => {
                let how = if self.target.is_some() { How::Copy } else { How::Show };
                pass.run(&plan, &all, how, None, |told| tell(told.rewritten))
            }
            Some(target) => {
                let (told, ended) = pass.learning(&mut plan, &all, target);
                if ended.is_ok() || redaction.needles().is_none() {
                    for rewritten in told {
                        tell(rewritten);
                    }
                }
                ended
            }
            None => {
                pass.run(&plan, &all, How::Learn, None, |_| ())?;
                let needles = redaction.needles();
                if let Some(needles) = &needles {
                    rename(&mut plan, needles);
                }
                pass.run(&plan, &all, How::Show, needles.as_ref(), |told| {
                    tell(told.rewritten.mended(needles.as_ref()));
                })
            }
        }
    }

    /// Makes the target, and refuses one in which something could be mixed up.
    fn prepare(&self, target: &Path) -> Result<(), RewriteError> {
        let failed = |source| self.failed(source);
        let above = target.ancestors().find_map(|folder| {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            fs::canonicalize(folder).ok()
        });
        let source = fs::canonicalize(self.source)
            .map_err(|source| RewriteError::Source { path: self.source.to_owned(), source })?;
        if above.is_some_and(|above| above.starts_with(&source)) {
            return Err(RewriteError::Within(target.to_owned()));
        }
        match fs::read_dir(target).map(|mut entries| entries.next().is_some()) {
            Ok(true) => Err(RewriteError::Occupied(target.to_owned())),
            Ok(false) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(target).map_err(failed)
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn failed(&self, source: io::Error) -> RewriteError {
        RewriteError::Target { path: self.target.unwrap_or(self.source).to_owned(), source }
    }
}

/// What a pass over files does with them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// It copies them.
    Copy,
    /// It shows what changes.
    Show,
    /// It learns from them.
    Learn,
}

/// What became of one file, with what may be in it.
struct Told {
    rewritten: Rewritten,
    traces: Option<Traces>,
}

/// What all passes have in common.
struct Pass<'p> {
    rewrite: &'p Rewrite<'p>,
    redaction: &'p Redaction,
    pool: &'p rayon::ThreadPool,
    threads: usize,
}

impl Pass<'_> {
    /// Copies files, and then anew those in which something is that was learnt by then; says what
    /// became of each. If it is stopped, none of these are left.
    fn learning(
        &self,
        plan: &mut Plan,
        all: &[usize],
        target: &Path,
    ) -> (Vec<Rewritten>, Result<(), RewriteError>) {
        let (mut rewritten, mut traces) = (Vec::new(), Vec::new());
        let mut ended = self.run(plan, all, How::Copy, None, |told| {
            rewritten.push(told.rewritten);
            traces.push(told.traces);
        });
        let Some(needles) = self.redaction.needles() else {
            return (rewritten, ended);
        };
        // Of what was not told of, for the work was stopped, nothing is known.
        traces.resize_with(all.len(), || None);
        match clear(plan, &needles, &traces, target, self.pool) {
            Ok(anew) if ended.is_ok() => {
                let mut numbers = anew.iter();
                ended = self.run(plan, &anew, How::Copy, Some(&needles), |told| {
                    if let Some(&number) = numbers.next() {
                        rewritten[number] = told.rewritten;
                    }
                });
            }
            Ok(_) => {}
            Err(error) => ended = Err(self.rewrite.failed(error)),
        }
        let mended = rewritten.into_iter().map(|rewritten| rewritten.mended(Some(&needles)));
        (mended.collect(), ended)
    }

    /// Works on files, by their numbers in the plan, and tells of them in that order.
    fn run(
        &self,
        plan: &Plan,
        numbers: &[usize],
        how: How,
        needles: Option<&Needles>,
        tell: impl FnMut(Told) + Send,
    ) -> Result<(), RewriteError> {
        let Self { rewrite, redaction, pool, threads } = *self;
        let (stop, room) = (rewrite.stop, Room::default());
        let work = Work {
            rewrite,
            tools: Tools { redaction, pool, stop, needles, room },
            plan,
            numbers,
            how,
            next: AtomicUsize::new(0),
            order: Order::new(tell),
            error: Mutex::new(None),
        };
        thread::scope(|scope| {
            for _ in 0..threads.min(numbers.len()) {
                scope.spawn(|| work.go());
            }
        });
        match work.error.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// The work on some files. Each thread takes the next file; the rules run on a pool of their own,
/// since a rayon thread that waits for a large file would take up another one meanwhile.
struct Work<'w, T> {
    rewrite: &'w Rewrite<'w>,
    tools: Tools<'w>,
    plan: &'w Plan,
    numbers: &'w [usize],
    how: How,
    next: AtomicUsize,
    order: Order<T>,
    error: Mutex<Option<RewriteError>>,
}

impl<T: FnMut(Told) + Send> Work<'_, T> {
    fn go(&self) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = self.numbers.get(number).map(|&number| &self.plan.items[number])
            else {
                return;
            };
            let done = catch_unwind(AssertUnwindSafe(|| self.item(item)));
            let done = done.unwrap_or_else(|_| Ok(told(Rewritten::left_out(item, "of a defect"))));
            match done {
                Ok(told) => self.order.put(number, told),
                Err(error) => {
                    self.order.end();
                    let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
                    first.get_or_insert(error);
                    return;
                }
            }
            if self.order.has_ended() {
                return;
            }
        }
    }

    fn item(&self, item: &Item) -> Result<Told, RewriteError> {
        match (&item.what, self.rewrite.target) {
            (What::LeftOut(reason), _) => Ok(told(Rewritten::left_out(item, reason))),
            (What::File, Some(target)) if self.how == How::Copy => self.copy(item, target),
            (What::File, _) => self.show(item),
            (What::Link(to), Some(target)) => {
                let path = target.join(&item.path);
                let linked = make_parents(&path).and_then(|()| symlink(to, &path));
                linked.map_err(|error| self.rewrite.failed(error))?;
                Ok(told(Rewritten::of(item)))
            }
            (What::Link(_), None) => Ok(told(Rewritten::of(item))),
        }
    }

    fn preview(&self) -> Option<Preview> {
        (self.how == How::Show).then(Preview::default)
    }

    /// Redacts a file to see what changes, or to learn.
    fn show(&self, item: &Item) -> Result<Told, RewriteError> {
        let source = match open(&item.source) {
            Ok(source) => source,
            Err(error) => return Ok(told(Rewritten::left_out(item, &unreadable(&error)))),
        };
        let mut copy = Copy::new(&self.tools, &item.path, self.preview());
        let ended = copy.stream(&mut &source, &mut io::sink());
        rewritten(item, copy, ended)
    }

    /// Redacts a file into the target.
    fn copy(&self, item: &Item, target: &Path) -> Result<Told, RewriteError> {
        let source = match open(&item.source) {
            Ok(source) => source,
            Err(error) => return Ok(told(Rewritten::left_out(item, &unreadable(&error)))),
        };
        let failed = |error| self.rewrite.failed(error);
        let path = target.join(&item.path);
        make_parents(&path).map_err(failed)?;
        let folder = path.parent().unwrap_or(target);
        let file = temporary(folder).map_err(failed)?;
        let guarded = Guarded { inner: file.as_file(), failed: None };
        let mut output = io::BufWriter::new(guarded);
        let mut copy = Copy::new(&self.tools, &item.path, None);
        let mut ended = copy.stream(&mut &source, &mut output);
        if ended.is_ok() {
            ended = output.flush().map_err(Halt::from);
        }
        let (guarded, _) = output.into_parts();
        if let Some(error) = guarded.failed {
            return Err(failed(error));
        }
        let whole = ended.is_ok();
        let rewritten = rewritten(item, copy, ended)?;
        if whole {
            like(&source, file.as_file());
            file.persist(&path).map_err(|error| failed(error.error))?;
        }
        Ok(rewritten)
    }
}

impl Rewritten {
    fn of(item: &Item) -> Self {
        Self { path: item.path.clone(), ..Self::default() }
    }

    fn left_out(item: &Item, reason: &str) -> Self {
        let left_out = LeftOut { path: item.path.clone(), reason: reason.to_owned() };
        Self { left_out: vec![left_out], ..Self::of(item) }
    }
}

/// A file of which nothing is left in which anything could be.
fn told(rewritten: Rewritten) -> Told {
    Told { rewritten, traces: Some(Traces::default()) }
}

/// What became of a file whose copy has ended like this.
fn rewritten(item: &Item, copy: Copy<'_>, ended: Result<(), Halt>) -> Result<Told, RewriteError> {
    match ended {
        Ok(()) => {
            let (changes, further) = copy.preview.map(Preview::finish).unwrap_or_default();
            let Copy { bytes, counts: redactions, left_out, traces, .. } = copy;
            let rewritten =
                Rewritten { bytes, redactions, changes, further, left_out, ..Rewritten::of(item) };
            Ok(Told { rewritten, traces: Some(traces) })
        }
        Err(Halt::LeftOut(reason)) => Ok(told(Rewritten::left_out(item, &reason))),
        Err(Halt::Stopped) => Err(RewriteError::Stopped),
    }
}

fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    // Never a link, and never something that blocks, even if it has just taken the file's place.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

fn unreadable(error: &io::Error) -> String {
    format!("it cannot be read: {error}")
}

fn make_parents(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

/// Gives a copy the permissions and the time of its source. One that cannot have them stays its
/// owner's alone, which is no loss.
fn like(source: &File, copy: &File) {
    if let Ok(metadata) = source.metadata() {
        let mode = metadata.permissions().mode() & 0o777 | 0o600;
        _ = copy.set_permissions(Permissions::from_mode(mode));
        if let Ok(modified) = metadata.modified() {
            _ = copy.set_times(FileTimes::new().set_modified(modified));
        }
    }
}

/// Keeps the first error of a writer: behind compressors it cannot be told from one of a reader.
struct Guarded<W> {
    inner: W,
    failed: Option<io::Error>,
}

impl<W> Guarded<W> {
    fn guard<V>(&mut self, result: io::Result<V>) -> io::Result<V> {
        result.map_err(|error| {
            let told = io::Error::new(error.kind(), error.to_string());
            if error.kind() != io::ErrorKind::Interrupted {
                self.failed.get_or_insert(error);
            }
            told
        })
    }
}

impl<W: Write> Write for Guarded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes);
        self.guard(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.inner.flush();
        self.guard(flushed)
    }
}
