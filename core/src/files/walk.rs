//! Finds the files of a [`FileSet`]: only below what its patterns name, and only by asking the
//! [`Host`]. Opens nothing.

use super::{
    FileSet,
    pattern::{Part, is_made_up},
};
use crate::{
    CollectError, Window,
    host::{FileInfo, FileKind, Host},
};
use std::{
    cmp::Reverse,
    collections::BTreeSet,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// Deeper folders are left out: nobody keeps logs there, but bind mounts can nest without end.
const MOST_DEEP: usize = 64;

/// Names that are looked at before the walk gives up: a mistyped pattern must not keep a disk busy
/// until the step's deadline.
const MOST_NAMES: usize = 1_000_000;

/// Files that are remembered; each takes some 200 bytes.
const MOST_FILES: usize = 100_000;

/// Asked again and again whether to go on.
pub(super) type GoOn<'a> = &'a mut dyn FnMut() -> Result<(), CollectError>;

/// A file of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it stands, without symbolic links below what the set names.
    pub path: PathBuf,
    /// What is known of it.
    pub info: FileInfo,
}

/// What a walk came upon.
#[derive(Debug, Default)]
pub(super) struct Selection {
    /// The files, newest first, then by path; each inode once.
    pub(super) files: Vec<Found>,
    /// The files that were not modified in the time of interest.
    pub(super) outside_window: Vec<PathBuf>,
    /// Matched links that were not followed, with what is said of them.
    pub(super) links: Vec<String>,
    /// Matched FIFOs, sockets and devices.
    pub(super) special: Vec<PathBuf>,
    /// What was there in the listing of its folder, and then was not.
    pub(super) vanished: Vec<PathBuf>,
    /// What could not be looked at.
    pub(super) failed: Vec<(PathBuf, io::Error)>,
    /// Which limit of the walk was reached, if one was.
    pub(super) limit: Option<String>,
    /// Whether anything matched, of whatever kind.
    pub(super) matched: bool,
}

/// Finds the files.
pub(super) fn select(
    set: &FileSet,
    host: &dyn Host,
    window: &Window,
    go_on: GoOn<'_>,
) -> Result<Selection, CollectError> {
    let mut walk = Walk { set, host, selection: Selection::default(), names: 0, left: Vec::new() };
    let start = (0..set.paths.len()).map(|pattern| State { pattern, at: 0 });
    walk.left.push((PathBuf::from("/"), start.collect()));
    while let Some((folder, states)) = walk.left.pop() {
        go_on()?;
        walk.visit(&folder, &states);
        if walk.selection.limit.is_some() {
            break;
        }
    }
    let mut selection = walk.selection;
    selection.sort();
    selection.keep(window);
    Ok(selection)
}

impl Selection {
    /// Puts files of the same hour in the order of their paths. That is nearly how they lie on the
    /// disk, and what is alike comes together, so that it is read and compressed better.
    pub(super) fn by_hour(&mut self) {
        let hour = |found: &Found| found.info.modified.map(|at| at.as_second().div_euclid(3600));
        self.files.sort_by(|a, b| hour(b).cmp(&hour(a)).then_with(|| a.path.cmp(&b.path)));
    }

    fn sort(&mut self) {
        self.files.sort_by(|a, b| {
            let order = |found: &Found| Reverse(found.info.modified);
            order(a).cmp(&order(b)).then_with(|| a.path.cmp(&b.path))
        });
        let mut seen = BTreeSet::new();
        self.files.retain(|found| seen.insert(found.info.id));
        self.vanished.sort();
        self.special.sort();
        self.links.sort();
        self.links.dedup();
        self.failed.sort_by(|a, b| a.0.cmp(&b.0));
    }

    fn keep(&mut self, window: &Window) {
        let inside = |found: &Found| {
            // `until` is no reason to leave a file out: a log that is still being written holds the
            // lines of an hour ago too.
            found
                .info
                .modified
                .is_none_or(|modified| window.since.is_none_or(|since| modified >= since))
        };
        let all = std::mem::take(&mut self.files).into_iter();
        let (inside, outside): (Vec<_>, Vec<_>) = all.partition(inside);
        self.files = inside;
        self.outside_window = outside.into_iter().map(|found| found.path).collect();
    }
}

/// A pattern of which the first `at` parts are matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    pattern: usize,
    at: usize,
}

struct Walk<'a> {
    set: &'a FileSet,
    host: &'a dyn Host,
    selection: Selection,
    names: usize,
    /// Folders still to visit, with what of the patterns they stand for.
    left: Vec<(PathBuf, BTreeSet<State>)>,
}

impl Walk<'_> {
    fn visit(&mut self, folder: &Path, states: &BTreeSet<State>) {
        let states = self.with_no_folders_for_double_stars(states);
        let mut candidates: BTreeSet<PathBuf> = BTreeSet::new();
        let mut wild = false;
        for state in &states {
            match self.part(*state) {
                Some(Part::Literal(name)) => _ = candidates.insert(folder.join(name)),
                Some(_) => wild = true,
                None => {}
            }
        }
        let mut listed = BTreeSet::new();
        if wild {
            match self.host.entries(folder) {
                Ok(entries) => listed.extend(entries),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    self.selection.vanished.push(folder.to_owned());
                }
                Err(error) => self.selection.failed.push((folder.to_owned(), error)),
            }
        }
        candidates.extend(listed.iter().cloned());
        for path in candidates {
            self.names += 1;
            if self.names > MOST_NAMES {
                self.selection.limit = Some(format!("{MOST_NAMES} names were looked at"));
                return;
            }
            let was_listed = listed.contains(&path);
            self.look_at(path, was_listed, &states);
            if self.selection.limit.is_some() {
                return;
            }
        }
    }

    /// A `**` may stand for no folder at all.
    fn with_no_folders_for_double_stars(&self, states: &BTreeSet<State>) -> BTreeSet<State> {
        let mut closed = states.clone();
        for state in states {
            if matches!(self.part(*state), Some(Part::Deep)) {
                closed.insert(State { at: state.at + 1, ..*state });
            }
        }
        closed
    }

    fn part(&self, state: State) -> Option<&Part> {
        let pattern = &self.set.paths[state.pattern];
        (state.at < pattern.len()).then(|| pattern.part(state.at))
    }

    /// What the patterns are, one name further; empty if none goes on.
    fn further(&self, name: &str, states: &BTreeSet<State>) -> BTreeSet<State> {
        let mut further = BTreeSet::new();
        for state in states {
            match self.part(*state) {
                Some(Part::Deep) => _ = further.insert(*state),
                Some(part) if part.matches(name) => {
                    further.insert(State { at: state.at + 1, ..*state });
                }
                _ => {}
            }
        }
        further
    }

    fn look_at(&mut self, path: PathBuf, was_listed: bool, states: &BTreeSet<State>) {
        let Some(name) = path.file_name().map(|name| name.to_string_lossy()) else {
            return;
        };
        let further = self.further(&name, states);
        if further.is_empty() || self.set.excludes(&path) {
            return;
        }
        let ends = |state: &State| self.set.paths[state.pattern].ends_at(state.at);
        let matched = further.iter().any(ends);
        let info = match self.host.info(&path) {
            Ok(info) => info,
            // What is found while looking for something else concerns nobody.
            Err(_) if !matched && !further.iter().any(|state| self.is_named(&path, state)) => {
                return;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if was_listed && matched {
                    self.selection.vanished.push(path);
                }
                return;
            }
            Err(error) => return self.selection.failed.push((path, error)),
        };
        match info.kind {
            FileKind::Directory => self.enter(path, further),
            FileKind::Link => self.link(path, matched, further),
            FileKind::Regular if matched => self.take(path, info),
            FileKind::Special if matched => {
                self.selection.matched = true;
                self.selection.special.push(path);
            }
            FileKind::Regular | FileKind::Special => {}
        }
    }

    /// Whether the pattern names this path without a wildcard.
    fn is_named(&self, path: &Path, state: &State) -> bool {
        // A `**` stays where it is in its pattern, so what it led to is deeper than that.
        let depth = path.components().count() - 1;
        state.at == depth && state.at <= self.set.paths[state.pattern].prefix_len()
    }

    fn enter(&mut self, path: PathBuf, mut states: BTreeSet<State>) {
        states.retain(|state| self.part(*state).is_some());
        if is_made_up(&path) {
            states.retain(|state| self.is_named(&path, state));
        }
        if states.is_empty() {
            return;
        }
        if path.components().count() > MOST_DEEP {
            let said = format!("folders deeper than {MOST_DEEP} are left out");
            self.selection.failed.push((path, io::Error::other(said)));
            return;
        }
        self.left.push((path, states));
    }

    fn take(&mut self, path: PathBuf, info: FileInfo) {
        self.selection.matched = true;
        if self.selection.files.len() == MOST_FILES {
            self.selection.limit = Some(format!("{MOST_FILES} files were found"));
            return;
        }
        self.selection.files.push(Found { path, info });
    }

    /// A link to a folder is walked where a pattern names it; a link to a file is followed only to
    /// what the patterns name anyway, so that nobody who may write to a log folder decides what is
    /// read.
    fn link(&mut self, path: PathBuf, matched: bool, states: BTreeSet<State>) {
        let found = self.host.canonical(&path).and_then(|target| {
            let info = self.host.info(&target)?;
            Ok((target, info))
        });
        let is_folder = matches!(&found, Ok((_, info)) if info.kind == FileKind::Directory);
        let mut named = states;
        named.retain(|state| self.is_named(&path, state));
        if is_folder && !named.is_empty() {
            return self.enter(path, named);
        }
        if !matched && !is_folder {
            return;
        }
        self.selection.matched |= matched;
        match found {
            Ok((target, info)) => match self.set.name_of_target(&target, self.host) {
                Some(_) if is_folder => {}
                Some(named) if info.kind == FileKind::Regular => self.take(named, info),
                _ => self.selection.links.push(format!(
                    "`{}` is a link to `{}`, which is not among the paths: not followed",
                    path.display(),
                    target.display()
                )),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let target = self.host.link(&path).unwrap_or_default();
                self.selection.links.push(format!(
                    "`{}` is a link to `{}`, which does not exist",
                    path.display(),
                    target.display()
                ));
            }
            Err(error) => self.selection.failed.push((path, error)),
        }
    }
}
