//! What there is to redact, and what each file will be called.

use crate::{names::Names, redact::Redaction};
use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};
use walkdir::WalkDir;

/// The files of a source, in the order of paths.
pub(super) struct Plan {
    pub(super) items: Vec<Item>,
}

/// One of them.
pub(super) struct Item {
    pub(super) source: PathBuf,
    /// Its path below the target, redacted.
    pub(super) path: String,
    pub(super) what: What,
}

/// What becomes of it.
pub(super) enum What {
    File,
    /// A symbolic link to this path, redacted.
    Link(String),
    /// Nothing, for this reason.
    LeftOut(String),
}

impl Plan {
    /// Looks at what there is; opens nothing.
    pub(super) fn of(source: &Path, redaction: &Redaction, is_root: bool) -> io::Result<Self> {
        // The source itself may be a link; what is in it is not followed.
        let top = fs::canonicalize(source)?;
        if fs::metadata(&top)?.is_dir() {
            fs::read_dir(&top)?;
        }
        let mut names = Names::default();
        let mut items = Vec::new();
        for entry in WalkDir::new(&top).sort_by_file_name() {
            let (path, what) = match entry {
                Ok(entry) if entry.file_type().is_dir() => continue,
                Ok(entry) => {
                    let what = what(&top, &entry, redaction, is_root);
                    (entry.into_path(), what)
                }
                Err(error) => {
                    let path = error.path().unwrap_or(&top).to_owned();
                    let why =
                        error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                    (path, What::LeftOut(format!("it cannot be read: {why}")))
                }
            };
            let below = match path.strip_prefix(&top) {
                Ok(below) if !below.as_os_str().is_empty() => below,
                _ => Path::new(source.file_name().or(top.file_name()).unwrap_or_default()),
            };
            let below = names.free(&redaction.text(&below.to_string_lossy()));
            items.push(Item { source: path, path: below, what });
        }
        Ok(Self { items })
    }
}

fn what(top: &Path, entry: &walkdir::DirEntry, redaction: &Redaction, is_root: bool) -> What {
    let kind = entry.file_type();
    if kind.is_file() {
        return What::File;
    }
    if !kind.is_symlink() {
        return What::LeftOut("it is a FIFO, a socket or a device".into());
    }
    match fs::read_link(entry.path()) {
        Ok(to) if leads_out(top, entry.path(), &to, is_root) => {
            What::LeftOut("it is a link that leads out of the tree".into())
        }
        Ok(to) => What::Link(redaction.text(&to.to_string_lossy())),
        Err(error) => What::LeftOut(format!("it cannot be read: {error}")),
    }
}

/// Whether a link leads out of the tree, by what is written in it.
fn leads_out(top: &Path, link: &Path, to: &Path, is_root: bool) -> bool {
    if to.is_absolute() {
        return !is_root && !to.starts_with(top);
    }
    let folder = link.parent().and_then(|folder| folder.strip_prefix(top).ok());
    let mut depth = folder.map_or(0, |folder| folder.components().count());
    for part in to.components() {
        match part {
            Component::ParentDir if depth == 0 => return true,
            Component::ParentDir => depth -= 1,
            Component::Normal(_) => depth += 1,
            _ => {}
        }
    }
    false
}
