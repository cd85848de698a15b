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
}

impl Kept {
    /// Reads that of a file; without a name, that of the bucket in the state folder of this user.
    pub(super) fn in_file(path: Option<&Path>, desk: Option<&Desk>) -> Result<Self, Failure> {
        let path = path.map_or_else(|| default_path(desk), Path::to_owned);
        let state = match fs::read_to_string(&path) {
            // One that cannot be read is never replaced.
            Ok(text) => State::parse(text.as_bytes()).map_err(|error| {
                Failure::unusable(format!("cannot go on from `{}`: {error}", path.display()))
                    .help("move it away to begin anew; the blocks that it holds are then lifted")
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => State::default(),
            Err(error) => return Err(failure(&path, "read", &error)),
        };
        Ok(Self { state, path })
    }

    pub(super) fn state(&self) -> State {
        self.state.clone()
    }

    /// Replaces the file at once, so that there is always a whole one.
    pub(super) fn save(&self, state: &State) -> Result<(), Failure> {
        let failed = |error: io::Error| failure(&self.path, "write", &error);
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(state.to_json().as_bytes()).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&self.path).map_err(|error| failed(error.error))?;
        Ok(())
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
