//! The outbox: where sealed bundles wait until every sink has confirmed them.
//!
//! A bundle is `NAME.tar.xz.age` with its record `NAME.tar.xz.age.json`. The record is written
//! before the bundle, replaced whole at every change, and moved to `delivered/` when the last sink
//! has confirmed; only then is the bundle removed. A process that works on a bundle holds a lock on
//! it, so two never deliver the same one, and what a dead process left is recognised. Where a sink
//! tells what is in the bundle, `NAME.tar.xz.age.brief` holds that, encrypted for this host.

mod record;

pub use record::{Record, SinkState};

use crate::{
    bundle::object_key,
    identity::Identity,
    private::{clear_up, private_dir, temporary, write_private},
    seal::{PARTIAL, sync_dir},
    sink::{Receipt, Sealed},
    ticket::Brief,
};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};
use thiserror::Error;
use zeroize::Zeroizing;

/// What the name of a brief ends with: encrypted for this host, beside the bundle as long as it waits.
const BRIEF: &str = ".brief";

/// What the name of a record ends with.
const RECORD: &str = ".json";

/// A bundle that was announced so long ago and is not there is none that is being sealed.
const ANNOUNCED: Duration = Duration::from_hours(1);

/// How many records of delivered bundles are kept.
const DELIVERED_KEPT: usize = 100;

/// The outbox of this host.
#[derive(Clone, Debug)]
pub struct Outbox {
    dir: PathBuf,
}

/// A bundle that waits.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The file's name.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// What is known of it; a bundle that was put here by hand has none.
    pub record: Option<Record>,
}

/// A bundle that this process is delivering.
#[derive(Debug)]
pub struct Claim {
    dir: PathBuf,
    sealed: Sealed,
    record: Record,
    _lock: File,
}

/// Why a bundle cannot be taken.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// There is no such bundle.
    #[error("there is no bundle `{0}` in the outbox")]
    Unknown(String),
    /// Another process is delivering it.
    #[error("another process is delivering `{0}`")]
    Busy(String),
    /// It was put here by hand, so nobody knows where to deliver it.
    #[error("nothing is known of where `{0}` is to be delivered")]
    NoRecord(String),
    /// The outbox cannot be read or written.
    #[error("cannot use the outbox `{}`: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Outbox {
    /// Opens the folder, and makes it if there is none.
    pub fn open(dir: &Path) -> Result<Self, OutboxError> {
        private_dir(&dir.join("delivered")).map_err(failed(dir))?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Announces a bundle that will be sealed here, so that it is known where it goes whatever
    /// happens next.
    pub fn announce(&self, name: &str, record: &Record) -> Result<(), OutboxError> {
        let path = self.record_path(name);
        write_record(&path, record).map_err(failed(&path))
    }

    /// Keeps what may be told of a bundle beside it, encrypted for this host, until every sink has
    /// confirmed the bundle.
    pub fn keep_brief(
        &self,
        name: &str,
        brief: &Brief,
        identity: &Identity,
    ) -> Result<(), OutboxError> {
        let path = self.brief_path(name);
        let keep = || {
            let plain = Zeroizing::new(serde_json::to_vec(brief)?);
            write_private(&path, &identity.encrypt(&plain)?)
        };
        keep().map_err(failed(&path))
    }

    /// Takes back the announcement of a bundle that could not be sealed.
    pub fn withdraw(&self, name: &str) {
        _ = fs::remove_file(self.brief_path(name));
        _ = fs::remove_file(self.record_path(name));
    }

    /// Removes what dead processes left half-written, and says of which bundles.
    pub fn recover(&self) -> Result<Vec<String>, OutboxError> {
        clear_up(&self.dir);
        clear_up(&self.dir.join("delivered"));
        let mut removed = Vec::new();
        for name in self.names()? {
            if let Some(bundle) = name.strip_suffix(PARTIAL)
                && remove_if_abandoned(&self.dir.join(&name))?
            {
                self.withdraw(bundle);
                removed.push(bundle.to_owned());
            } else if let Some(bundle) = name.strip_suffix(RECORD).or(name.strip_suffix(BRIEF))
                && self.is_left_over(bundle)
            {
                self.withdraw(bundle);
            }
        }
        Ok(removed)
    }

    /// Whether a record stands without its bundle, and not because that is only now being sealed.
    fn is_left_over(&self, bundle: &str) -> bool {
        let path = self.dir.join(bundle);
        let partial = self.dir.join(format!("{bundle}{PARTIAL}"));
        let modified = |path| fs::metadata(path).and_then(|note| note.modified());
        let age = modified(self.record_path(bundle)).or(modified(self.brief_path(bundle)));
        let age = age.ok().and_then(|modified| modified.elapsed().ok()).unwrap_or_default();
        // The bundle is looked for last: it gets its name when it loses the other.
        age >= ANNOUNCED && !partial.exists() && !path.exists()
    }

    /// The bundles that wait, by name, which is by product and time.
    pub fn waiting(&self) -> Result<Vec<Waiting>, OutboxError> {
        let mut waiting = Vec::new();
        for name in self.names()? {
            if Path::new(&name).extension().is_none_or(|extension| extension != "age") {
                continue;
            }
            let path = self.dir.join(&name);
            // Delivered while we looked.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            let record = read_record(&self.record_path(&name)).ok();
            waiting.push(Waiting { name, bytes: metadata.len(), record });
        }
        Ok(waiting)
    }

    /// The records of bundles that were delivered, with their names; the newest last.
    pub fn delivered(&self) -> Result<Vec<(String, Record)>, OutboxError> {
        let dir = self.dir.join("delivered");
        let mut found = Vec::new();
        for name in names(&dir).map_err(failed(&dir))? {
            if let (Ok(record), Some(name)) =
                (read_record(&dir.join(&name)), name.strip_suffix(RECORD))
            {
                found.push((name.to_owned(), record));
            }
        }
        found.sort_by_key(|(_, record)| record.created);
        Ok(found)
    }

    /// Copies a bundle from elsewhere into the outbox, to be delivered as `record` says.
    pub fn adopt(&self, bundle: &Path, record: &Record) -> Result<String, OutboxError> {
        let name = bundle.file_name().and_then(|name| name.to_str());
        let name = name.filter(|name| object_key(name).is_some());
        let name = name.ok_or_else(|| OutboxError::Unknown(bundle.display().to_string()))?;
        let path = self.dir.join(name);
        if path.exists() {
            return Ok(name.to_owned());
        }
        self.announce(name, record)?;
        let copied = copy_whole(bundle, &path);
        if copied.is_err() {
            self.withdraw(name);
        }
        copied.map_err(failed(bundle))?;
        Ok(name.to_owned())
    }

    /// Takes a bundle for delivery by this process alone.
    pub fn claim(&self, name: &str) -> Result<Claim, OutboxError> {
        let path = self.dir.join(name);
        let unknown = || OutboxError::Unknown(name.to_owned());
        let found = lock(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => unknown(),
            _ => failed(&path)(error),
        })?;
        let mut file = found.ok_or_else(|| OutboxError::Busy(name.to_owned()))?;
        let metadata = file.metadata().map_err(failed(&path))?;
        // Another process may have delivered and removed it between our open and our lock.
        if metadata.nlink() == 0 {
            return Err(unknown());
        }
        let record = read_record(&self.record_path(name));
        let record = record.map_err(|_| OutboxError::NoRecord(name.to_owned()))?;
        let mut sha256 = Sha256::new();
        io::copy(&mut file, &mut sha256).map_err(failed(&path))?;
        let sealed = Sealed {
            len: metadata.len(),
            sha256: sha256.finalize().into(),
            key: object_key(name).unwrap_or_else(|| format!("reports/{name}")),
            path,
        };
        Ok(Claim { dir: self.dir.clone(), sealed, record, _lock: file })
    }

    fn names(&self) -> Result<Vec<String>, OutboxError> {
        names(&self.dir).map_err(failed(&self.dir))
    }

    fn brief_path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}{BRIEF}"))
    }

    fn record_path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}{RECORD}"))
    }
}

impl Claim {
    /// The bundle.
    pub fn sealed(&self) -> &Sealed {
        &self.sealed
    }

    /// What is known of it.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// What may be told of it; none if nothing was kept, as of a bundle from elsewhere.
    pub fn brief(&self, identity: &Identity) -> io::Result<Option<Brief>> {
        match fs::read(self.brief_path()) {
            Ok(sealed) => Ok(serde_json::from_slice(&identity.decrypt(&sealed)?)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn brief_path(&self) -> PathBuf {
        self.dir.join(format!("{}{BRIEF}", self.sealed.name()))
    }

    /// Notes that a sink is tried now, so that a later run knows, whatever ends this one.
    pub fn begin(&mut self, sink: &str) -> Result<(), OutboxError> {
        self.change(sink, |state| {
            state.tries += 1;
            state.unheard = true;
        })
    }

    /// Notes that a sink has confirmed the bundle.
    pub fn confirmed(&mut self, sink: &str, receipt: Receipt) -> Result<(), OutboxError> {
        self.change(sink, |state| {
            state.receipt = Some(receipt);
            state.error = None;
            state.unheard = false;
        })
    }

    /// Notes that a sink did not take the bundle, and why; `unheard` says whether it may have taken
    /// it without our hearing.
    pub fn not_taken(&mut self, sink: &str, error: &str, unheard: bool) -> Result<(), OutboxError> {
        self.change(sink, |state| {
            state.error = Some(error.to_owned());
            state.unheard = unheard;
        })
    }

    fn change(
        &mut self,
        sink: &str,
        change: impl FnOnce(&mut SinkState),
    ) -> Result<(), OutboxError> {
        if let Some(state) = self.record.sinks.iter_mut().find(|state| state.id == sink) {
            change(state);
        }
        let path = self.dir.join(format!("{}{RECORD}", self.sealed.name()));
        write_record(&path, &self.record).map_err(failed(&path))
    }

    /// Ends the delivery: a bundle that every sink has confirmed is removed and its receipts are
    /// kept, any other stays. Says whether it was removed.
    pub fn close(self) -> Result<bool, OutboxError> {
        if !self.record.is_delivered() {
            return Ok(false);
        }
        let record = format!("{}{RECORD}", self.sealed.name());
        let (from, kept) = (self.dir.join(&record), self.dir.join("delivered").join(&record));
        // The bundle goes first: a record without a bundle harms nobody, a bundle without a record
        // would be delivered twice.
        write_record(&kept, &self.record).map_err(failed(&kept))?;
        fs::remove_file(&self.sealed.path).map_err(failed(&self.sealed.path))?;
        // Most bundles have none.
        _ = fs::remove_file(self.brief_path());
        fs::remove_file(&from).map_err(failed(&from))?;
        forget_old(&self.dir.join("delivered"));
        Ok(true)
    }
}

/// Removes the oldest records of delivered bundles beyond those that are kept.
fn forget_old(dir: &Path) {
    let mut records: Vec<_> = names(dir).unwrap_or_default();
    let created = |name: &String| read_record(&dir.join(name)).map(|record| record.created).ok();
    records.sort_by_cached_key(created);
    let old = records.len().saturating_sub(DELIVERED_KEPT);
    for name in &records[..old] {
        _ = fs::remove_file(dir.join(name));
    }
}

/// Removes a half-written bundle, unless whoever writes it is alive or has just finished it.
fn remove_if_abandoned(partial: &Path) -> Result<bool, OutboxError> {
    let removed = lock(partial).and_then(|lock| match lock {
        Some(_lock) => fs::remove_file(partial).map(|()| true),
        None => Ok(false),
    });
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        removed => removed.map_err(failed(partial)),
    }
}

/// Opens and locks a file; `None` if another process holds it.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = File::open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn names(dir: &Path) -> io::Result<Vec<String>> {
    let names = fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
    let mut names: Vec<String> =
        names.filter_map(io::Result::transpose).collect::<io::Result<_>>()?;
    names.sort();
    Ok(names)
}

fn write_record(path: &Path, record: &Record) -> io::Result<()> {
    write_private(path, &serde_json::to_vec_pretty(record)?)
}

fn read_record(path: &Path) -> io::Result<Record> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

fn copy_whole(from: &Path, to: &Path) -> io::Result<()> {
    let dir = to.parent().unwrap_or(Path::new("/"));
    let mut copy = temporary(dir)?;
    io::copy(&mut File::open(from)?, &mut copy)?;
    copy.as_file().sync_all()?;
    copy.persist_noclobber(to).map_err(|error| error.error)?;
    sync_dir(to)
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> OutboxError {
    let path = path.to_owned();
    move |source| OutboxError::Io { path, source }
}

#[cfg(test)]
mod tests;
