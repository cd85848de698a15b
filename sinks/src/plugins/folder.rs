//! `folder`: copies the bundle into a folder of this host or of a mounted share.

use collect_core::{
    Sink,
    sink::{DeliveryContext, DeliveryError, Invalid, Receipt, Sealed, Watch},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, Permissions},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;

/// What is copied at a time, and the grain of the progress.
const CHUNK: usize = 1 << 20;

/// What the name of a bundle ends with while it is being copied.
const PARTIAL: &str = ".partial";

/// Copies the bundle into a folder of this host or of a mounted share.
///
/// The bundle appears there under its own name, whole, or not at all. A file that is there is never
/// overwritten.
///
/// ```toml
/// [deliver.share]
/// use = "folder"
/// path = "/mnt/support/reports"
/// ```
#[derive(Deserialize, JsonSchema, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Folder {
    /// The folder. A relative path is meant from the profile's folder. It is made if only its last
    /// part is missing.
    path: PathBuf,
}

collect_core::register!("folder" => Folder as Sink);

impl Sink for Folder {
    fn deliver(
        &self,
        bundle: &Sealed,
        context: &DeliveryContext<'_>,
    ) -> Result<Receipt, DeliveryError> {
        let folder = context.base.join(&self.path);
        make_folder(&folder)?;
        let target = folder.join(bundle.name());
        if !is_there(&target, bundle)? {
            remove_leftovers(&folder, bundle.name());
            copy(bundle, &folder, &target, context.watch)?;
        }
        Ok(Receipt {
            location: target.display().to_string(),
            reference: None,
            ticket: None,
            at: Timestamp::now(),
        })
    }

    fn check(&self) -> Vec<Invalid> {
        if self.path.as_os_str().is_empty() {
            vec![Invalid {
                option: "path",
                message: "no folder is named".into(),
                help: Some("write `path = \"/srv/reports\"`".into()),
            }]
        } else {
            Vec::new()
        }
    }

    fn destination(&self) -> String {
        format!("folder {}", self.path.display())
    }
}

/// Makes the folder if its parent exists: a whole missing path is more likely a share that is not
/// mounted, or a misspelling.
fn make_folder(folder: &Path) -> Result<(), DeliveryError> {
    match fs::create_dir(folder) {
        Ok(()) => Ok(()),
        Err(_) if folder.is_dir() => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(DeliveryError::Refused {
            reason: format!("there is no folder in which `{}` could be", folder.display()),
            help: Some("create the folder, mount the share, or correct `path`".into()),
        }),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(DeliveryError::Refused {
            reason: format!("`{}` is no folder", folder.display()),
            help: Some("correct `path`".into()),
        }),
        Err(error) => Err(explain(&error, "create", folder)),
    }
}

/// Whether the bundle stands there already; another file of that name is an error.
fn is_there(target: &Path, bundle: &Sealed) -> Result<bool, DeliveryError> {
    let info = match fs::metadata(target) {
        Ok(info) => info,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(explain(&error, "look at", target)),
    };
    let own = fs::metadata(bundle.path()).map_err(DeliveryError::Read)?;
    if (info.dev(), info.ino()) == (own.dev(), own.ino()) {
        return Err(DeliveryError::Refused {
            reason: format!("`{}` is where bundles wait to be delivered", target.display()),
            help: Some("write another folder as `path`".into()),
        });
    }
    let same = info.len() == bundle.len()
        && digest(target).map_err(|error| explain(&error, "read", target))? == bundle.sha256();
    if same {
        return Ok(true);
    }
    Err(taken(target))
}

fn taken(target: &Path) -> DeliveryError {
    DeliveryError::Refused {
        reason: format!("another file is already at `{}`", target.display()),
        help: Some("move that file away; it is not overwritten".into()),
    }
}

/// Copies under a name of its own, checks what was written, and only then gives it the right name.
fn copy(
    bundle: &Sealed,
    folder: &Path,
    target: &Path,
    watch: &dyn Watch,
) -> Result<(), DeliveryError> {
    let failed = |error: &io::Error| explain(error, "write", target);
    let mut partial = tempfile::Builder::new()
        .prefix(&format!("{}.", bundle.name()))
        .suffix(PARTIAL)
        // As any program would create it; the bundle is encrypted.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(|error| failed(&error))?;
    // Tells `remove_leftovers` of another run that this is no leftover; where the file system has
    // no locks, nothing is taken for one.
    _ = partial.as_file().try_lock();
    write(bundle, &mut partial, target, watch)?;
    partial.as_file().sync_all().map_err(|error| failed(&error))?;
    if digest(partial.path()).map_err(|error| failed(&error))? != bundle.sha256() {
        return Err(DeliveryError::Unreachable {
            reason: format!("what was written to `{}` is not what was sent", folder.display()),
            help: Some("check the disk or the share, then `collect send` tries again".into()),
        });
    }
    name(partial, target)?;
    sync_folder(folder).map_err(|error| failed(&error))
}

fn write(
    bundle: &Sealed,
    partial: &mut NamedTempFile,
    target: &Path,
    watch: &dyn Watch,
) -> Result<(), DeliveryError> {
    let mut source = bundle.open().map_err(DeliveryError::Read)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut sent = 0;
    loop {
        watch.sent(sent, bundle.len());
        if watch.stopped() {
            return Err(DeliveryError::Stopped);
        }
        let count = source.read(&mut chunk).map_err(DeliveryError::Read)?;
        if count == 0 {
            break;
        }
        hash.update(&chunk[..count]);
        let written = partial.write_all(&chunk[..count]);
        written.map_err(|error| explain(&error, "write", target))?;
        sent += count as u64;
    }
    if <[u8; 32]>::from(hash.finalize()) == bundle.sha256() {
        return Ok(());
    }
    let changed = io::Error::new(ErrorKind::InvalidData, "it has changed since it was sealed");
    Err(DeliveryError::Read(changed))
}

/// Gives the copy its name, unless that is taken.
fn name(partial: NamedTempFile, target: &Path) -> Result<(), DeliveryError> {
    let Err(error) = partial.persist_noclobber(target) else {
        return Ok(());
    };
    match error.error.kind() {
        ErrorKind::AlreadyExists => Err(taken(target)),
        // A file system that can neither link nor rename without replacing.
        ErrorKind::Unsupported | ErrorKind::InvalidInput | ErrorKind::PermissionDenied
            if !target.exists() =>
        {
            let named = error.file.persist(target);
            named.map(drop).map_err(|error| explain(&error.error, "write", target))
        }
        _ => Err(explain(&error.error, "write", target)),
    }
}

/// Makes the name survive a power cut; some shares cannot say whether it does.
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {
            Ok(())
        }
        synced => synced,
    }
}

/// Removes what an earlier copy of this bundle left when it was killed.
fn remove_leftovers(folder: &Path, name: &str) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let file_name = entry.file_name();
        let is_partial = file_name.to_str().is_some_and(|file_name| {
            file_name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
                && file_name.ends_with(PARTIAL)
        });
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_partial
            && is_file
            && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok())
        {
            // What cannot be removed does no harm.
            _ = fs::remove_file(entry.path());
        }
    }
}

fn digest(path: &Path) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hash)?;
    Ok(hash.finalize().into())
}

fn explain(error: &io::Error, verb: &str, path: &Path) -> DeliveryError {
    let reason = format!("cannot {verb} `{}`: {error}", path.display());
    let help = |text: &str| Some(text.to_owned());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => DeliveryError::Unreachable {
            reason,
            help: help("make room there, then `collect send` tries again"),
        },
        ErrorKind::PermissionDenied => DeliveryError::Refused {
            reason,
            help: help("let this user write there, or correct `path`"),
        },
        ErrorKind::ReadOnlyFilesystem => {
            DeliveryError::Refused { reason, help: help("mount it for writing, or correct `path`") }
        }
        ErrorKind::FileTooLarge => DeliveryError::Refused {
            reason,
            help: help("the file system takes no file of this size: correct `path`"),
        },
        _ => DeliveryError::Unreachable {
            reason,
            help: help("check the disk or the share, then `collect send` tries again"),
        },
    }
}

#[cfg(test)]
mod tests;
