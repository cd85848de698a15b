//! Files and folders that only their owner can read, written whole or not at all.
//!
//! A file has a temporary name until all of it is on the disk, and is locked as long: a file with
//! such a name that nobody holds a lock on is what a process left that was killed.

use crate::seal::sync_dir;
use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::Path,
};
use tempfile::NamedTempFile;

/// How every temporary name begins.
const TEMPORARY: &str = ".unfinished-";

/// Makes a folder that only its owner can enter.
pub(crate) fn private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Writes a file that only its owner can read, whole or not at all.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = temporary(path.parent().unwrap_or(Path::new("/")))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_dir(path)
}

/// An empty file under a temporary name, which is removed unless it is given another.
pub(crate) fn temporary(dir: &Path) -> io::Result<NamedTempFile> {
    loop {
        let file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(dir)?;
        if is_ours(file.as_file())? {
            return Ok(file);
        }
    }
}

/// Locks a file that this process has just made. Another process that clears up may have found it
/// before it was locked, and removes it then: `false`. Without locks nothing is ever cleared up.
pub(crate) fn is_ours(made: &File) -> io::Result<bool> {
    Ok(!matches!(made.try_lock(), Err(TryLockError::WouldBlock)) && made.metadata()?.nlink() > 0)
}

/// Removes what killed processes left half-written in a folder.
pub(crate) fn clear_up(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let is_temporary =
            entry.file_name().to_str().is_some_and(|name| name.starts_with(TEMPORARY));
        // The lock is held until the file is gone: whoever has just made it makes another then.
        if is_temporary
            && let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_another_writes_is_not() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(format!("{TEMPORARY}dead")), "half").unwrap();
        fs::write(dir.path().join("whole"), "whole").unwrap();
        let live = temporary(dir.path()).unwrap();
        clear_up(dir.path());
        let mut left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        left.sort();
        assert_eq!(left, [live.path().to_owned(), dir.path().join("whole")]);
    }
}
