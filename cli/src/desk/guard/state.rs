//! The state between two runs, in a file of this host or beside the logs.

use crate::{desk::settings::Desk, exit::Failure, paths::Places};
use collect_guard::State;
use std::{
    fs, io,
    io::Write,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// The state as it was found in a file.
pub(super) struct Kept {
    state: State,
    path: PathBuf,
    /// What stood in the file.
    found: Option<String>,
}

impl Kept {
    /// Reads that of a file; without a name, that of the bucket in the state folder of this user.
    pub(super) fn in_file(path: Option<&Path>, desk: Option<&Desk>) -> Result<Self, Failure> {
        let path = path.map_or_else(|| default_path(desk), Path::to_owned);
        let found = match fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failure(&path, "read", &error)),
        };
        // One that cannot be read is never replaced.
        let state = found.as_deref().map(|text| State::parse(text.as_bytes())).transpose();
        let state = state.map_err(|error| {
            Failure::unusable(format!("cannot go on from `{}`: {error}", path.display()))
                .help("move it away to begin anew; the blocks that it holds are then lifted")
        })?;
        Ok(Self { state: state.unwrap_or_default(), path, found })
    }

    pub(super) fn state(&self) -> State {
        self.state.clone()
    }

    /// Replaces the file at once, so that there is always a whole one, unless another run did so
    /// since it was read.
    pub(super) fn save(&self, state: &State) -> Result<bool, Failure> {
        let failed = |error: io::Error| failure(&self.path, "write", &error);
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(state.to_json().as_bytes()).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        let is_as_found = match fs::read_to_string(&self.path) {
            Ok(text) => self.found.as_ref() == Some(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.found.is_none(),
            Err(error) => return Err(failed(error)),
        };
        if !is_as_found {
            return Ok(false);
        }
        file.persist(&self.path).map_err(|error| failed(error.error))?;
        Ok(true)
    }
}

fn default_path(desk: Option<&Desk>) -> PathBuf {
    let bucket = desk.map_or("unknown", |desk| desk.bucket.bucket.as_str());
    Places::of_this_user().state.join("guard").join(format!("{bucket}.json"))
}

fn failure(path: &Path, verb: &str, error: &io::Error) -> Failure {
    Failure::unusable(format!("cannot {verb} the state in `{}`: {error}", path.display()))
        .help("`--state FILE` names another file")
}
