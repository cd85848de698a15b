//! Seals what was gathered: manifest, report and segments, encrypted, on disk.
//!
//! The file is `NAME.tar.xz.age.partial` until all of it is on the disk. There is no way to write a
//! bundle that is not encrypted: a [`Sealed`] is only made here and by the outbox, and the only
//! writer that takes an archive's bytes is age's.

use crate::{
    bundle::{
        EntryRecord, FORMAT_VERSION, HostFacts, Manifest, ProfileRef,
        frame::{self, END},
        object_key,
    },
    gather::{Gathered, hexadecimal},
    output::BLOCK,
    plan::Plan,
    private::is_ours,
    recipient::Recipient,
    redact::{Counts, Left, Redaction, learnt::Needles},
    report::Report,
    sink::Sealed,
    ticket::{Brief, BriefStep},
};
use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
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
    /// Something is in it that redaction should have removed.
    #[error("{0}, in what is said of the entries or was typed")]
    Unprotected(Left),
    /// Learnt secrets are not found where they are.
    #[error("learnt secrets cannot be looked for: a defect in collect")]
    Blind,
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
    let front = Front::of(gathered, report)?;
    let ages = recipients.iter().map(Recipient::as_age);
    let encryptor = age::Encryptor::with_recipients(ages)
        .map_err(|error| SealError::Recipients(error.to_string()))?;
    let plan = &gathered.plan;
    let path = dir.join(format!("{}.{}.age", plan.name, plan.format.extension()));
    let partial = Partial::create(&path).map_err(|error| write_error(&path, error))?;
    let written = write_sealed(gathered, &front, encryptor, &partial.file);
    let (len, sha256) = written.map_err(|error| write_error(&path, error))?;
    partial.finish().map_err(|error| write_error(&path, error))?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let key = object_key(name).unwrap_or_else(|| format!("reports/{name}"));
    Ok(Sealed { path, len, sha256, key })
}

/// What may be told of the bundle beside it: of the text that is sealed, and proved like it.
pub fn brief(gathered: &Gathered, report: &Report) -> Result<Brief, SealError> {
    let plan = &gathered.plan;
    let learnt = plan.redaction.needles();
    let (report, host) = protected(plan, report, learnt.as_ref());
    let brief = Brief {
        tool: tool(),
        product: plan.profile.product.clone(),
        started: plan.started,
        stopped: gathered.stopped.map(|stop| stop.word().to_owned()),
        host,
        contact: None,
        description: String::new(),
        answers: BTreeMap::new(),
        ticket: None,
        steps: gathered.steps.iter().map(BriefStep::of).collect(),
        left_out: 0,
    };
    let brief = brief.with_report(report);
    prove(&json(&brief)?, &plan.redaction, learnt.as_ref())?;
    Ok(brief)
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
    front: &Front,
    encryptor: age::Encryptor,
    file: &File,
) -> io::Result<(u64, [u8; 32])> {
    let written = thread::scope(|scope| {
        let (to, chunks) = mpsc::sync_channel(CHUNKS);
        let writing = scope.spawn(move || write_hashed(file, &chunks));
        let sealing = || {
            let mut sealed = encryptor.wrap_output(BufWriter::with_capacity(CHUNK, Handed(to)))?;
            write_archive(gathered, front, &mut sealed)?;
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
    front: &Front,
    to: &mut dyn Write,
) -> io::Result<()> {
    front.write(gathered, to)?;
    for index in 0..gathered.order.len() {
        gathered.spool.copy(gathered.order[index], to)?;
    }
    to.write_all(&gathered.plan.format.compress(&END)?)
}

/// The first entries of a bundle. Of a bundle with many entries the manifest is large, so nothing of
/// it is held twice.
pub(crate) struct Front {
    manifest: Vec<u8>,
    report: Vec<u8>,
}

impl Front {
    /// Makes manifest and report, and looks whether anything is left in them.
    pub(crate) fn of(gathered: &mut Gathered, report: &Report) -> Result<Self, SealError> {
        let plan = Arc::clone(&gathered.plan);
        // What was typed may have taught more than was known when the entries were mended.
        let learnt = plan.redaction.needles();
        let (report, host) = protected(&plan, report, learnt.as_ref());
        let report = json(&report)?;
        let profile = profile_ref(&plan, learnt.as_ref());
        let manifest = manifest(gathered, &report, host, profile)?;
        for text in [&manifest, &report] {
            prove(text, &plan.redaction, learnt.as_ref())?;
        }
        Ok(Self { manifest, report })
    }

    fn write(&self, gathered: &Gathered, to: &mut dyn Write) -> io::Result<()> {
        let plan = &gathered.plan;
        for (name, bytes) in [("manifest.json", &self.manifest), ("report.json", &self.report)] {
            let path = format!("{}/{name}", plan.name);
            let size = bytes.len() as u64;
            let header = frame::header(&path, size, Some(plan.started))?;
            let parts = [&header, bytes.as_slice(), frame::padding(size)].into_par_iter();
            let packed = parts
                .flat_map(|part| part.par_chunks(BLOCK))
                .map(|part| plan.format.compress(part));
            for packed in packed.collect::<io::Result<Vec<_>>>()? {
                to.write_all(&packed)?;
            }
        }
        Ok(())
    }
}

fn manifest(
    gathered: &mut Gathered,
    report: &[u8],
    host: HostFacts,
    profile: ProfileRef,
) -> Result<Vec<u8>, SealError> {
    let plan = Arc::clone(&gathered.plan);
    let report_record = EntryRecord {
        path: "report.json".to_owned(),
        source: String::new(),
        decoded: Vec::new(),
        size: report.len() as u64,
        sha256: hexadecimal(&Sha256::digest(report)),
        modified: Some(plan.started),
        covers: None,
        truncated: None,
        redactions: Counts::new(),
    };
    let mut manifest = Manifest {
        format: FORMAT_VERSION,
        tool: tool(),
        bundle: plan.name.to_string(),
        product: plan.profile.product.clone(),
        profile,
        host,
        started: plan.started,
        ended: gathered.ended,
        complete: gathered.is_complete(),
        stopped: gathered.stopped.map(|stop| stop.word().to_owned()),
        steps: gathered.steps.clone(),
        entries: std::mem::take(&mut gathered.entries),
    };
    manifest.entries.insert(0, report_record);
    let json = json(&manifest);
    manifest.entries.remove(0);
    gathered.entries = manifest.entries;
    json
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, SealError> {
    serde_json::to_vec_pretty(value)
        .map_err(|error| SealError::Write { path: PathBuf::new(), source: error.into() })
}

fn tool() -> String {
    format!("collect {}", env!("CARGO_PKG_VERSION"))
}

/// The profile, and what its parameters were, without secrets.
fn profile_ref(plan: &Plan, learnt: Option<&Needles>) -> ProfileRef {
    let profile = &plan.profile;
    let shown = |name: &str, value: &String| {
        // A rule may know a secret by the name before it.
        let named = plan.redaction.text(&format!("{name}={value}"));
        let value = named.strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
        let value = value.map_or_else(|| named.clone(), str::to_owned);
        learnt.map_or_else(|| value.clone(), |needles| needles.text(&value))
    };
    let params = profile.params.iter().map(|(name, values)| {
        (name.clone(), values.iter().map(|value| shown(name, value)).collect())
    });
    ProfileRef {
        name: profile.name.clone(),
        sha256: profile.sha256.clone(),
        params: params.collect(),
    }
}

/// What was typed and what the host says of itself, without secrets.
fn protected(plan: &Plan, report: &Report, learnt: Option<&Needles>) -> (Report, HostFacts) {
    let report = report.redacted(&plan.redaction);
    match learnt {
        Some(needles) => (report.mended(needles), mended(&plan.host, needles)),
        None => (report, plan.host.clone()),
    }
}

/// What the host says of itself, without learnt secrets.
fn mended(host: &HostFacts, needles: &Needles) -> HostFacts {
    let HostFacts { name, os, kernel, architecture, root } = host;
    HostFacts {
        name: needles.text(name),
        os: needles.text(os),
        kernel: needles.text(kernel),
        architecture: architecture.clone(),
        root: *root,
    }
}

/// Has the second look look at a text, once it has shown that it works.
fn prove(text: &[u8], redaction: &Redaction, learnt: Option<&Needles>) -> Result<(), SealError> {
    redaction.prove(text).map_err(SealError::Unprotected)?;
    let Some(needles) = learnt else {
        return Ok(());
    };
    if !needles.work() {
        return Err(SealError::Blind);
    }
    needles.prove(text).map_err(SealError::Unprotected)
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
