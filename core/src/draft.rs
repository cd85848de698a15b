//! What the user typed, saved before anything runs, encrypted for this host.
//!
//! A draft is `ID.age` beside an empty `ID.lock`, which the process that works on it keeps locked.
//! A draft whose lock is free belongs to a run that did not finish.

use crate::{
    identity::Identity,
    private::{clear_up, is_ours, private_dir, write_private},
    report::Report,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The drafts of this host.
pub struct Drafts {
    dir: PathBuf,
    identity: Identity,
}

/// What was typed, and for what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Draft {
    /// The profile, as it was named.
    pub profile: String,
    /// Its product.
    pub product: String,
    /// When it was last saved.
    pub saved: Timestamp,
    /// What was typed so far.
    pub report: Report,
}

/// A draft that this process works on. It stays until [`OpenDraft::done`].
#[derive(Debug)]
pub struct OpenDraft {
    path: PathBuf,
    lock_path: PathBuf,
    _lock: File,
    identity: Identity,
    /// What was typed, and for what.
    pub draft: Draft,
}

impl Drafts {
    /// Opens the folder, and makes it if there is none.
    pub fn open(dir: &Path, identity: Identity) -> io::Result<Self> {
        private_dir(dir)?;
        Ok(Self { dir: dir.to_owned(), identity })
    }

    /// Begins a draft and saves it.
    pub fn begin(&self, draft: Draft) -> io::Result<OpenDraft> {
        let (path, lock_path, lock) = loop {
            let id = format!("{:016x}", rand::random::<u64>());
            let lock_path = self.path(&id, "lock");
            let lock = open_lock(&lock_path)?;
            if is_ours(&lock)? {
                break (self.path(&id, "age"), lock_path, lock);
            }
        };
        let identity = self.identity.clone();
        let open = OpenDraft { path, lock_path, _lock: lock, identity, draft };
        open.write()?;
        Ok(open)
    }

    /// The drafts of runs that did not finish, oldest first. Each is taken over by this process as
    /// long as it is held.
    ///
    /// One that cannot be read stays where it is, and is given as its path and the reason.
    pub fn unfinished(&self) -> io::Result<Vec<Result<OpenDraft, (PathBuf, io::Error)>>> {
        self.clear_up()?;
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "age") {
                continue;
            }
            let lock_path = path.with_extension("lock");
            let Some(lock) = lock(&lock_path)? else { continue };
            match self.read(&path) {
                Ok(draft) => {
                    let identity = self.identity.clone();
                    found.push(Ok(OpenDraft { path, lock_path, _lock: lock, identity, draft }));
                }
                // Finished while we looked.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    _ = fs::remove_file(&lock_path);
                }
                Err(error) => found.push(Err((path, error))),
            }
        }
        found.sort_by_key(|draft| draft.as_ref().ok().map(|open| open.draft.saved));
        Ok(found)
    }

    /// Removes what runs left that were killed before anything was saved.
    fn clear_up(&self) -> io::Result<()> {
        clear_up(&self.dir);
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let is_lock = path.extension().is_some_and(|extension| extension == "lock");
            if is_lock
                && let Some(_lock) = lock(&path)?
                && !path.with_extension("age").exists()
            {
                _ = fs::remove_file(&path);
            }
        }
        Ok(())
    }

    fn read(&self, path: &Path) -> io::Result<Draft> {
        let plain = self.identity.decrypt(&fs::read(path)?)?;
        serde_json::from_slice(&plain).map_err(io::Error::other)
    }

    fn path(&self, id: &str, extension: &str) -> PathBuf {
        self.dir.join(id).with_extension(extension)
    }
}

impl OpenDraft {
    /// Saves what was typed so far.
    pub fn save(&mut self, report: Report, at: Timestamp) -> io::Result<()> {
        self.draft.report = report;
        self.draft.saved = at;
        self.write()
    }

    /// Removes the draft: what was typed is in a sealed bundle now, or the user threw it away.
    pub fn done(self) -> io::Result<()> {
        fs::remove_file(&self.path)?;
        fs::remove_file(&self.lock_path)
    }

    fn write(&self) -> io::Result<()> {
        let plain = serde_json::to_vec(&self.draft).map(zeroize::Zeroizing::new)?;
        write_private(&self.path, &self.identity.encrypt(&plain)?)
    }
}

/// Locks a file for this process; `None` if another holds it.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = open_lock(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drafts(dir: &Path) -> Drafts {
        let identity = Identity::load_or_create(&dir.join("identity.txt")).unwrap();
        Drafts::open(&dir.join("drafts"), identity).unwrap()
    }

    fn draft(description: &str) -> Draft {
        Draft {
            profile: "komand".into(),
            product: "Komand".into(),
            saved: Timestamp::UNIX_EPOCH,
            report: Report { description: description.into(), ..Report::default() },
        }
    }

    #[test]
    fn what_was_typed_is_found_again_when_the_run_did_not_finish() {
        let dir = tempfile::tempdir().unwrap();
        let drafts = drafts(dir.path());
        drop(drafts.begin(draft("it broke when planted-0000 was pressed")).unwrap());

        let on_disk: Vec<u8> = fs::read_dir(dir.path().join("drafts"))
            .unwrap()
            .flat_map(|entry| fs::read(entry.unwrap().path()).unwrap())
            .collect();
        assert!(!on_disk.windows(7).any(|bytes| bytes == b"planted"), "plaintext on disk");

        let mut found = drafts.unfinished().unwrap();
        let open = found.pop().unwrap().unwrap();
        assert!(open.draft.report.description.contains("planted-0000"));
        open.done().unwrap();
        assert_eq!(fs::read_dir(dir.path().join("drafts")).unwrap().count(), 0);
    }

    #[test]
    fn the_draft_of_a_run_that_goes_on_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let drafts = drafts(dir.path());
        let _open = drafts.begin(draft("still typing")).unwrap();
        assert!(drafts.unfinished().unwrap().is_empty());
    }

    #[test]
    fn what_a_run_left_that_was_killed_before_it_saved_anything_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let drafts = drafts(dir.path());
        fs::write(dir.path().join("drafts/0123.lock"), "").unwrap();
        let open = drafts.begin(draft("still typing")).unwrap();
        assert!(drafts.unfinished().unwrap().is_empty());
        let left: Vec<_> = fs::read_dir(dir.path().join("drafts")).unwrap().collect();
        assert_eq!(left.len(), 2, "{left:?}");
        open.done().unwrap();
    }

    #[test]
    fn a_damaged_draft_is_named_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let drafts = drafts(dir.path());
        let path = dir.path().join("drafts/0123.age");
        fs::write(&path, "no age file").unwrap();
        let found = drafts.unfinished().unwrap();
        assert_eq!(found[0].as_ref().unwrap_err().0, path);
        assert!(path.exists());
    }
}
