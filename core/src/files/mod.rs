//! Which files, and how much of each: what [`Output::files`](crate::Output::files) takes.
//!
//! A [`FileSet`] is walked only below what its patterns name, through the
//! [`Host`]; newest files come first, and where a size is short, the beginning
//! and the end of a file are kept.

mod copy;
mod dates;
mod pattern;
mod section;
mod take;
#[cfg(test)]
mod tests;
mod walk;
#[cfg(test)]
mod window_tests;

use crate::{Invalid, Window, host::Host};
pub(crate) use dates::Dates;
use pattern::{Exclusion, PathPattern, PatternError};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{
    io,
    path::{Path, PathBuf},
};
pub use walk::Found;

/// How many of the files that may not be read are named.
const NAMED: usize = 3;

/// Which files to take: absolute paths with wildcards, and what to leave out of them.
///
/// - `*` and `?` stand for characters of a name (hidden names included), `[a-z]` for one of a set,
///   and `**`, alone between slashes, for any number of folders.
/// - A path without wildcards that is a folder stands for everything below it.
/// - A symbolic link to a folder is walked only where a path names it without a wildcard. A
///   symbolic link to a file is followed only if its target, too, is among the paths.
/// - FIFOs, sockets and devices are never opened, and `/dev`, `/proc` and `/sys` are entered only
///   where a path names them.
/// - An exclusion without a slash is of names in any folder; what is below an excluded folder is
///   excluded with it.
#[derive(Clone, Debug)]
pub struct FileSet {
    paths: Vec<PathPattern>,
    exclude: Vec<Exclusion>,
    times: Times,
}

/// Which time decides what of a file is of interest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Times {
    /// Those of its lines.
    #[default]
    Lines,
    /// Only that of its last change: it is taken whole or not.
    File,
}

impl FileSet {
    /// Reads the patterns.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with them, as faults of the options `paths` and `exclude`.
    pub fn new<S: AsRef<str>>(paths: &[S], exclude: &[S]) -> Result<Self, Vec<Invalid>> {
        let mut wrong = Vec::new();
        let paths = paths.iter().map(AsRef::as_ref);
        let paths = read("paths", paths, PathPattern::parse, &mut wrong);
        let exclude = exclude.iter().map(AsRef::as_ref);
        let exclude = read("exclude", exclude, Exclusion::parse, &mut wrong);
        let times = Times::default();
        if wrong.is_empty() { Ok(Self { paths, exclude, times }) } else { Err(wrong) }
    }

    /// The same files, of which this time decides.
    #[must_use]
    pub fn times(self, times: Times) -> Self {
        Self { times, ..self }
    }

    /// How many bytes the files hold on disk that were modified in the time of interest. Looks at
    /// folders, opens nothing.
    pub fn size(&self, host: &dyn Host, window: &Window) -> u64 {
        let selection = walk::select(self, host, window, &mut || Ok(()));
        selection.map_or(0, |selection| {
            let sizes = selection.files.iter().map(|found| {
                let info = &found.info;
                // Small files can live in their inode, and take nothing.
                if info.allocated == 0 { info.len.min(4096) } else { info.len.min(info.allocated) }
            });
            sizes.sum()
        })
    }

    /// What may not be read: folders that cannot be listed, and files that cannot be opened; the
    /// first few by their paths, the rest by their number. Reads no content.
    pub fn refused(&self, host: &dyn Host, window: &Window) -> Vec<String> {
        let Ok(selection) = walk::select(self, host, window, &mut || Ok(())) else {
            return Vec::new();
        };
        let is_refusal = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
        let folders = selection.failed.into_iter().filter(|(_, error)| is_refusal(error));
        let files = selection.files.into_iter().map(|found| found.path);
        let files = files.filter(|path| host.open(path).is_err_and(|error| is_refusal(&error)));
        let mut refused: Vec<_> = folders.map(|(path, _)| path).chain(files).collect();
        refused.sort();
        refused.dedup();
        let more = refused.len().saturating_sub(NAMED);
        let mut named: Vec<_> =
            refused.iter().take(NAMED).map(|path| path.display().to_string()).collect();
        if more > 0 {
            named.push(format!("{more} more file{}", if more == 1 { "" } else { "s" }));
        }
        named
    }

    fn excludes(&self, path: &Path) -> bool {
        self.exclude.iter().any(|exclusion| exclusion.matches(path))
    }

    /// What the target of a link is called among the paths, if it is among them: below the folder
    /// that a pattern names, which may itself be reached over links.
    fn name_of_target(&self, target: &Path, host: &dyn Host) -> Option<PathBuf> {
        self.paths.iter().find_map(|pattern| {
            let prefix = pattern.prefix();
            let canonical = resolved_prefix(&prefix, host)?;
            let below = target.strip_prefix(&canonical).ok()?;
            let named = if below.as_os_str().is_empty() { prefix } else { prefix.join(below) };
            let excluded = named.ancestors().any(|path| self.excludes(path));
            (pattern.matches_below_prefix(below) && !excluded).then_some(named)
        })
    }
}

/// The prefix of a pattern without links. Its last name is resolved only if that is a folder:
/// otherwise a link that a pattern names would be its own target.
fn resolved_prefix(prefix: &Path, host: &dyn Host) -> Option<PathBuf> {
    use crate::host::FileKind;

    let canonical = host.canonical(prefix).ok()?;
    if host.info(&canonical).ok()?.kind == FileKind::Directory {
        return Some(canonical);
    }
    let folder = host.canonical(prefix.parent()?).ok()?;
    Some(folder.join(prefix.file_name()?))
}

fn read<'a, T>(
    option: &'static str,
    patterns: impl Iterator<Item = &'a str>,
    parse: fn(&str) -> Result<T, PatternError>,
    wrong: &mut Vec<Invalid>,
) -> Vec<T> {
    let mut good = Vec::new();
    for pattern in patterns {
        match parse(pattern) {
            Ok(pattern) => good.push(pattern),
            Err(error) => wrong.push(Invalid {
                option,
                message: error.to_string(),
                help: Some(error.help().to_owned()),
            }),
        }
    }
    good
}
