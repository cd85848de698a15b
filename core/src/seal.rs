//! Seals what was gathered: manifest, report and segments, encrypted, on disk.
//!
//! The file is `NAME.tar.xz.age.partial` until all of it is on the disk. There is no way to write a
//! bundle that is not encrypted: a [`Sealed`] is only made here and by the outbox, and the only
//! writer that takes an archive's bytes is age's.

use crate::{
    bundle::{
        EntryRecord, FORMAT_VERSION, Manifest, ProfileRef,
        frame::{self, END},
        object_key,
    },
    gather::{Gathered, hexadecimal},
    output::BLOCK,
    private::is_ours,
    recipient::Recipient,
    redact::Counts,
    report::Report,
    sink::Sealed,
};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
};
use thiserror::Error;

/// What the name of a bundle ends with while it is being written.
pub const PARTIAL: &str = ".partial";

/// Why a bundle could not be sealed. Nothing is left behind, and nothing is delivered.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SealError {
    /// There is nobody to encrypt for.
    #[error("there is no recipient to encrypt for")]
    NoRecipient,
    /// age refused the recipients.
    #[error("cannot encrypt for these recipients: {0}")]
    Recipients(String),
    /// The disk is full.
    #[error("no space left in `{}`", dir.display())]
    Full {
        /// The folder.
        dir: PathBuf,
    },
    /// It cannot be written.
    #[error("cannot write the bundle to `{}`: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Seals what was gathered for `recipients`, as a file in `dir`.
pub fn seal(
    gathered: &mut Gathered,
    report: &Report,
    recipients: &[Recipient],
    dir: &Path,
) -> Result<Sealed, SealError> {
    if recipients.is_empty() {
        return Err(SealError::NoRecipient);
    }
    let ages = recipients.iter().map(Recipient::as_age);
    let encryptor = age::Encryptor::with_recipients(ages)
        .map_err(|error| SealError::Recipients(error.to_string()))?;
    let plan = &gathered.plan;
    let path = dir.join(format!("{}.{}.age", plan.name, plan.format.extension()));
    let partial = Partial::create(&path).map_err(|error| write_error(&path, error))?;
    let written = write_sealed(gathered, report, encryptor, &partial.file);
    let (len, sha256) = written.map_err(|error| write_error(&path, error))?;
    partial.finish().map_err(|error| write_error(&path, error))?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let key = object_key(name).unwrap_or_else(|| format!("reports/{name}"));
    Ok(Sealed { path, len, sha256, key })
}

/// Copies a sealed bundle into another folder, whole or not at all.
pub fn copy(sealed: &Sealed, dir: &Path) -> Result<PathBuf, SealError> {
    let path = dir.join(sealed.name());
    let copied = || -> io::Result<()> {
        if path.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let partial = Partial::create(&path)?;
        io::copy(&mut sealed.open()?, &mut &partial.file)?;
        partial.file.sync_all()?;
        partial.finish()
    };
    copied().map_err(|error| write_error(&path, error))?;
    Ok(path)
}

fn write_sealed(
    gathered: &mut Gathered,
    report: &Report,
    encryptor: age::Encryptor,
    file: &File,
) -> io::Result<(u64, [u8; 32])> {
    let written = thread::scope(|scope| {
        let (to, chunks) = mpsc::sync_channel(CHUNKS);
        let writing = scope.spawn(move || write_hashed(file, &chunks));
        let sealing = || {
            let mut sealed = encryptor.wrap_output(BufWriter::with_capacity(CHUNK, Handed(to)))?;
            write_archive(gathered, report, &mut sealed)?;
            sealed.finish()?.flush()
        };
        let sealed = sealing();
        // What could not be written says more than that nobody took it.
        let written = writing.join().expect("writing does not panic")?;
        sealed.map(|()| written)
    })?;
    file.sync_all()?;
    Ok(written)
}

/// How much is encrypted before it is handed on to be hashed and written, beside what is encrypted
/// next.
const CHUNK: usize = 1 << 20;

/// How many chunks may wait to be written.
const CHUNKS: usize = 4;

/// Hands what is written to it on to another thread.
struct Handed(SyncSender<Vec<u8>>);

impl Write for Handed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let ended = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.0.send(bytes.to_vec()).map_err(ended)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes chunks until there are no more; returns how many bytes they had, and their SHA-256.
fn write_hashed(mut file: &File, chunks: &Receiver<Vec<u8>>) -> io::Result<(u64, [u8; 32])> {
    let (mut len, mut sha256) = (0, Sha256::new());
    for chunk in chunks {
        file.write_all(&chunk)?;
        len += chunk.len() as u64;
        sha256.update(&chunk);
    }
    Ok((len, sha256.finalize().into()))
}

/// Writes the compressed archive, in the order of the bundle.
pub(crate) fn write_archive(
    gathered: &mut Gathered,
    report: &Report,
    to: &mut dyn Write,
) -> io::Result<()> {
    front(gathered, report, to)?;
    for index in 0..gathered.order.len() {
        gathered.spool.copy(gathered.order[index], to)?;
    }
    to.write_all(&gathered.plan.format.compress(&END)?)
}

/// Writes the first segments: manifest and report. Of a bundle with many entries the manifest is
/// large, so nothing of it is held twice.
fn front(gathered: &mut Gathered, report: &Report, to: &mut dyn Write) -> io::Result<()> {
    let plan = Arc::clone(&gathered.plan);
    let report = report.redacted(&plan.profile.redaction);
    let report = serde_json::to_vec_pretty(&report).map_err(io::Error::other)?;
    let report_record = EntryRecord {
        path: "report.json".to_owned(),
        source: String::new(),
        decoded: Vec::new(),
        size: report.len() as u64,
        sha256: hexadecimal(&Sha256::digest(&report)),
        modified: Some(plan.started),
        truncated: None,
        redactions: Counts::new(),
    };
    let mut manifest = Manifest {
        format: FORMAT_VERSION,
        tool: format!("collect {}", env!("CARGO_PKG_VERSION")),
        bundle: plan.name.to_string(),
        product: plan.profile.product.clone(),
        profile: ProfileRef {
            name: plan.profile.name.clone(),
            sha256: plan.profile.sha256.clone(),
        },
        host: plan.host.clone(),
        started: plan.started,
        ended: gathered.ended,
        complete: gathered.is_complete(),
        stopped: gathered.stopped.map(|stop| stop.word().to_owned()),
        steps: gathered.steps.clone(),
        entries: std::mem::take(&mut gathered.entries),
    };
    manifest.entries.insert(0, report_record);
    let json = serde_json::to_vec_pretty(&manifest);
    manifest.entries.remove(0);
    gathered.entries = manifest.entries;
    for (name, bytes) in
        [("manifest.json", json.map_err(io::Error::other)?), ("report.json", report)]
    {
        let path = format!("{}/{name}", plan.name);
        let size = bytes.len() as u64;
        let header = frame::header(&path, size, Some(plan.started))?;
        let parts = [&header, &bytes, frame::padding(size)].into_par_iter();
        let packed =
            parts.flat_map(|part| part.par_chunks(BLOCK)).map(|part| plan.format.compress(part));
        for packed in packed.collect::<io::Result<Vec<_>>>()? {
            to.write_all(&packed)?;
        }
    }
    Ok(())
}

/// A file under its temporary name; removed when dropped, unless it was finished.
struct Partial<'p> {
    file: File,
    temporary: PathBuf,
    path: &'p Path,
    finished: bool,
}

impl<'p> Partial<'p> {
    fn create(path: &'p Path) -> io::Result<Self> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(PARTIAL);
        let temporary = PathBuf::from(temporary);
        let file = loop {
            let file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
            // Tells other processes that this is no debris of a process that died. One that looked
            // before the lock was there may have removed it.
            if is_ours(&file)? {
                break file;
            }
        };
        Ok(Self { file, temporary, path, finished: false })
    }

    fn finish(mut self) -> io::Result<()> {
        fs::rename(&self.temporary, self.path)?;
        self.finished = true;
        sync_dir(self.path).inspect_err(|_| {
            // Whoever is told that there is no bundle finds none.
            _ = fs::remove_file(self.path);
        })
    }
}

impl Drop for Partial<'_> {
    fn drop(&mut self) {
        if !self.finished {
            _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Makes a rename in the folder of `path` last; some shares cannot say whether it does.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    match File::open(dir.unwrap_or(Path::new(".")))?.sync_all() {
        Err(error)
            if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) =>
        {
            Ok(())
        }
        synced => synced,
    }
}

fn write_error(path: &Path, source: io::Error) -> SealError {
    if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        SealError::Full { dir: path.parent().unwrap_or(path).to_owned() }
    } else {
        SealError::Write { path: path.to_owned(), source }
    }
}
