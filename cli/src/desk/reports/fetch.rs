//! Gets one report, so that what has the report's name in the end is the report.
//!
//! It is written to `NAME.TAG.partial`, where the tag stands for the content that the server
//! speaks of: what an earlier try of another content left is never gone on with. The file has its
//! name when its checksum is right, and a file that has the name already is never replaced.

use super::{Context, key::file_name};
use crate::{
    desk::voice::Progress,
    exit::{Exit, Failure},
    text,
};
use collect_sinks::s3::{BucketError, Head, Listed, Range};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

/// How every report begins: that of age's format, version 1.
const BEGINNING: &[u8] = b"age-encryption.org/v1\n";

/// So often in a row a broken line is taken up again without a byte more than before.
const PATIENCE: u32 = 5;

/// A report that is here.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) key: String,
    pub(super) path: PathBuf,
    pub(super) size: u64,
    pub(super) outcome: Outcome,
    /// Whether the server had a checksum to compare with.
    checked: bool,
}

impl Fetched {
    /// Whether its content is known to be right.
    pub(super) fn is_verified(&self) -> bool {
        self.checked
    }
}

/// How it came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// By this run.
    Fetched,
    /// It was here already.
    There,
}

/// A download under way.
struct Partial {
    path: PathBuf,
    file: File,
    digest: Sha256,
    len: u64,
}

/// Gets the report into `folder`.
pub(super) async fn fetch(
    context: &Context<'_>,
    folder: &Path,
    object: &Listed,
    progress: &Progress,
) -> Result<Fetched, Failure> {
    let key = &object.key;
    let name = plain_name(key)?;
    let head = match context.bucket.head(key).await {
        Ok(head) => head,
        Err(error) => return Err(context.failure(&format!("cannot get `{key}`"), error)),
    };
    let path = folder.join(name);
    let fetched = |outcome| Fetched {
        key: key.clone(),
        path: path.clone(),
        size: head.size,
        outcome,
        checked: head.sha256.is_some(),
    };
    if path.symlink_metadata().is_ok() {
        compare(&path, &head)?;
        progress.add(object.size);
        return Ok(fetched(Outcome::There));
    }
    let mut partial = Partial::open(folder, name, &head)?;
    progress.add(partial.len);
    partial.fill(context, key, &head, progress).await?;
    partial.verify(key, &head)?;
    partial.rename(&path)?;
    Ok(fetched(Outcome::Fetched))
}

/// The name of the file: the last part of the key, if that is one.
fn plain_name(key: &str) -> Result<&str, Failure> {
    let name = file_name(key);
    if name.is_empty() || name.starts_with('.') || text::harmless(name) != name {
        let message = format!("`{key}` has no name that a file could have here");
        return Err(Failure::new(Exit::Left, message).help("it is no report of collect"));
    }
    Ok(name)
}

/// Says whether the file that is here already is the report.
fn compare(path: &Path, head: &Head) -> Result<(), Failure> {
    let other = || {
        let message = format!("`{}` is here already, and is another file", path.display());
        let help =
            "it is not overwritten: move it away, or choose another folder with `--output DIR`";
        Failure::new(Exit::Left, message).help(help)
    };
    let unreadable = |error: io::Error| cannot("read", path, &error);
    let metadata = path.symlink_metadata().map_err(unreadable)?;
    if !metadata.is_file() || metadata.len() != head.size {
        return Err(other());
    }
    let (digest, _) = digest(&mut File::open(path).map_err(unreadable)?).map_err(unreadable)?;
    match head.sha256 {
        Some(expected) if digest.finalize()[..] != expected => Err(other()),
        _ => Ok(()),
    }
}

impl Partial {
    /// Opens what an earlier try left, or begins anew.
    fn open(folder: &Path, name: &str, head: &Head) -> Result<Self, Failure> {
        let tag = tag(head);
        let path = folder.join(format!("{name}.{tag}.partial"));
        let failed = |error: io::Error| cannot("write", &path, &error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let message = format!("`{}` is written by another process", path.display());
                return Err(Failure::new(Exit::Left, message).help("wait for it to end"));
            }
            // Some file systems know no locks.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        remove_stale(folder, name, &path);
        let (mut digest, mut len) = digest(&mut file).map_err(failed)?;
        if len > head.size || head.etag.is_none() {
            (digest, len) = (Sha256::new(), 0);
            file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).map_err(failed)?;
        }
        Ok(Self { path, file, digest, len })
    }

    /// Gets what is missing.
    async fn fill(
        &mut self,
        context: &Context<'_>,
        key: &str,
        head: &Head,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let mut patience = PATIENCE;
        while self.len < head.size {
            let before = self.len;
            match self.go_on(context, key, head, progress).await {
                Ok(()) => {}
                Err(BucketError::Unreachable { reason, .. }) if patience > 0 => {
                    patience = if self.len > before { PATIENCE } else { patience - 1 };
                    context.voice.say(&context.bucket.clean(&format!("{reason}; going on")));
                }
                Err(BucketError::Changed) => {
                    let message = format!("`{key}` was replaced while it was fetched");
                    let help = "get it again: what came so far is not mixed with it";
                    return Err(Failure::new(Exit::Left, message).help(help));
                }
                Err(error) => return Err(context.failure(&format!("cannot get `{key}`"), error)),
            }
            if let Err(error) = self.file.flush() {
                return Err(cannot("write", &self.path, &error));
            }
        }
        Ok(())
    }

    async fn go_on(
        &mut self,
        context: &Context<'_>,
        key: &str,
        head: &Head,
        progress: &Progress,
    ) -> Result<(), BucketError> {
        let range = Range { from: self.len, etag: head.etag.as_deref() };
        let mut download = context.bucket.get(key, range).await?;
        if download.from != self.len {
            // The server knows no ranges: all of it comes again.
            self.restart()?;
        }
        while let Some(bytes) = download.chunk().await? {
            if context.stop.load(Ordering::Relaxed) {
                return Err(BucketError::Stopped);
            }
            if self.len + bytes.len() as u64 > head.size {
                return Err(BucketError::Changed);
            }
            self.file.write_all(&bytes).map_err(|error| self.no_room(&error))?;
            self.digest.update(&*bytes);
            self.len += bytes.len() as u64;
            progress.add(bytes.len() as u64);
        }
        Ok(())
    }

    fn restart(&mut self) -> Result<(), BucketError> {
        let begun = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        begun.map_err(|error| self.no_room(&error))?;
        (self.digest, self.len) = (Sha256::new(), 0);
        Ok(())
    }

    fn no_room(&self, error: &io::Error) -> BucketError {
        BucketError::Unusable {
            reason: format!("cannot write `{}`: {error}", self.path.display()),
            help: "choose another folder with `--output DIR`; what came so far is kept".into(),
        }
    }

    /// Says whether all of it is what was stored. What is not is removed, so that the next try
    /// begins anew.
    fn verify(&mut self, key: &str, head: &Head) -> Result<(), Failure> {
        let digest: [u8; 32] = std::mem::take(&mut self.digest).finalize().into();
        let mut beginning = Vec::new();
        let read = self
            .file
            .seek(SeekFrom::Start(0))
            .and_then(|_| (&self.file).take(BEGINNING.len() as u64).read_to_end(&mut beginning));
        read.map_err(|error| cannot("read", &self.path, &error))?;
        let (wrong, help) = if head.sha256.is_some_and(|expected| expected != digest) {
            (
                "what came is not what was stored: its checksum is another one",
                "get it again; if that does not help, it is damaged",
            )
        } else if beginning != BEGINNING {
            (
                "it is no report: it is not encrypted with age",
                "whoever may add reports can store anything; `collect-desk reports delete` deletes it",
            )
        } else {
            return self.file.sync_all().map_err(|error| cannot("write", &self.path, &error));
        };
        _ = fs::remove_file(&self.path);
        let message = format!("`{key}`: {wrong}");
        Err(Failure::new(Exit::Left, message).help(help))
    }

    /// Gives it its name, unless something has that by now.
    fn rename(self, path: &Path) -> Result<(), Failure> {
        let renamed = match renameat_with(CWD, &self.path, CWD, path, RenameFlags::NOREPLACE) {
            // The file system does not know how; a second name is as safe.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                fs::hard_link(&self.path, path).and_then(|()| fs::remove_file(&self.path))
            }
            renamed => renamed.map_err(io::Error::from),
        };
        renamed.map_err(|error| cannot("write", path, &error))
    }
}

/// Removes what tries of other contents left; those that are written at the moment stay.
fn remove_stale(folder: &Path, name: &str, ours: &Path) {
    let is_partial = |file: &str| {
        let tag = file.strip_prefix(name).and_then(|rest| rest.strip_prefix('.'));
        let tag = tag.and_then(|rest| rest.strip_suffix(".partial"));
        tag.is_some_and(|tag| tag.len() == 16 && tag.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path != ours
            && entry.file_name().to_str().is_some_and(is_partial)
            && File::open(&path).is_ok_and(|file| file.try_lock().is_ok())
        {
            _ = fs::remove_file(path);
        }
    }
}

/// What stands for this content of the object.
fn tag(head: &Head) -> String {
    let content = format!("{:?} {:?} {}", head.etag, head.sha256, head.size);
    let digest = Sha256::digest(content);
    digest[..8].iter().fold(String::new(), |tag, byte| format!("{tag}{byte:02x}"))
}

fn digest(file: &mut File) -> io::Result<(Sha256, u64)> {
    let mut digest = Sha256::new();
    let len = io::copy(file, &mut digest)?;
    Ok((digest, len))
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::unusable(format!("cannot {what} `{}`: {error}", path.display()))
        .help("choose another folder with `--output DIR`")
}
