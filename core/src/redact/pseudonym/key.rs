//! The key of a host, for profiles that name none.

use crate::{
    Secret,
    private::{private_dir, temporary},
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use rand::Rng;
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};
use thiserror::Error;
use zeroize::Zeroizing;

/// Why there is no key. Never holds the key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file cannot be read.
    #[error("cannot read the key of pseudonyms in `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be made.
    #[error("cannot keep a key of pseudonyms in `{}`: {source}", path.display())]
    Make {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It could be guessed.
    #[error("the key of pseudonyms is shorter than {SHORTEST} characters, so it could be guessed")]
    Short,
}

/// A shorter key could be found by trying.
const SHORTEST: usize = 16;

/// The key of this host: what is in the file, which is made, readable only to its owner, if there
/// is none.
///
/// Of two processes that make it at the same time, both get the one that was first.
pub fn host_key(path: &Path) -> Result<Secret, KeyError> {
    if !path.exists() {
        make(path).map_err(|source| KeyError::Make { path: path.to_owned(), source })?;
    }
    let text = fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|source| KeyError::Read { path: path.to_owned(), source })?;
    strong(Secret::new(text.trim()))
}

/// The key, unless it is so short that it could be guessed.
pub fn strong(key: Secret) -> Result<Secret, KeyError> {
    if key.reveal().len() < SHORTEST { Err(KeyError::Short) } else { Ok(key) }
}

fn make(path: &Path) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    private_dir(dir)?;
    let key: Zeroizing<[u8; 32]> = Zeroizing::new(rand::rng().random());
    let text = Zeroizing::new(STANDARD_NO_PAD.encode(*key) + "\n");
    let mut file = temporary(dir)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
        _ => crate::seal::sync_dir(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_made_once_and_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/redact.key");
        let key = host_key(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(key == host_key(&path).unwrap());
        assert!(key.reveal().len() >= 40);
    }

    #[test]
    fn a_key_that_could_be_guessed_is_refused_without_being_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("redact.key");
        fs::write(&path, "hunter2\n").unwrap();
        let error = host_key(&path).unwrap_err().to_string();
        assert!(error.contains("guessed") && !error.contains("hunter2"), "{error}");
    }
}
