//! The identity of this host: an age key of its own, made once, which protects what waits here and
//! seals bundles that nobody else is to open.

use crate::{
    private::{clear_up, private_dir, temporary},
    recipient::Recipient,
};
use age::secrecy::ExposeSecret;
use jiff::Timestamp;
use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use thiserror::Error;
use zeroize::Zeroizing;

/// The identity of this host, in a file that `age -d -i FILE` reads.
#[derive(Clone)]
pub struct Identity {
    path: PathBuf,
    key: age::x25519::Identity,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Why there is no identity.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// Others may read it.
    #[error("the key `{}` can be read by others", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// It holds no key.
    #[error("`{}` holds no age key", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read or made.
    #[error("cannot read or make the key `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl IdentityError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Exposed { path } => format!("`chmod 600 {}` closes it", path.display()),
            Self::Damaged { path } => format!(
                "move `{}` away and a new one is made; what was sealed for the old one needs the old \
                 one",
                path.display()
            ),
            Self::Io { .. } => {
                "collect keeps its state in $XDG_STATE_HOME/collect, which must be a \
                                folder that you can write to"
                    .to_owned()
            }
        }
    }
}

impl Identity {
    /// Reads the identity, or makes it if there is none.
    pub fn load_or_create(path: &Path) -> Result<Self, IdentityError> {
        let failed = |source| IdentityError::Io { path: path.to_owned(), source };
        match Self::load(path) {
            Err(IdentityError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                create(path).map_err(failed)?;
                // Whoever was first has made it: another run may have been.
                Self::load(path)
            }
            loaded => loaded,
        }
    }

    fn load(path: &Path) -> Result<Self, IdentityError> {
        let failed = |source| IdentityError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
            return Err(IdentityError::Exposed { path: path.to_owned() });
        }
        let text = io::read_to_string(file).map(Zeroizing::new).map_err(failed)?;
        match parse_key(&text) {
            Some(key) => Ok(Self { path: path.to_owned(), key }),
            None => Err(IdentityError::Damaged { path: path.to_owned() }),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Who can open what is sealed for this host.
    pub fn recipient(&self) -> Recipient {
        self.key.to_public().into()
    }

    /// Encrypts for this host.
    pub(crate) fn encrypt(&self, plain: &[u8]) -> io::Result<Vec<u8>> {
        age::encrypt(&self.key.to_public(), plain).map_err(io::Error::other)
    }

    /// Decrypts what was encrypted for this host.
    pub(crate) fn decrypt(&self, sealed: &[u8]) -> io::Result<Zeroizing<Vec<u8>>> {
        age::decrypt(&self.key, sealed).map(Zeroizing::new).map_err(io::Error::other)
    }
}

/// Finds the key in a file as `age-keygen` writes it.
pub(crate) fn parse_key(text: &str) -> Option<age::x25519::Identity> {
    let key = text.lines().find(|line| !line.is_empty() && !line.starts_with('#'));
    key.and_then(|key| key.trim().parse().ok())
}

/// Makes the file, unless another process was first.
fn create(path: &Path) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    private_dir(dir)?;
    let key = age::x25519::Identity::generate();
    let text = Zeroizing::new(format!(
        "# The key of this host, made by collect at {}.\n# public key: {}\n{}\n",
        Timestamp::now(),
        key.to_public(),
        key.to_string().expose_secret(),
    ));
    clear_up(dir);
    let mut file = temporary(dir)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => crate::seal::sync_dir(path),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_key_is_made_once_and_only_its_owner_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/identity.txt");
        let first = Identity::load_or_create(&path).unwrap();
        let sealed = first.encrypt(b"typed").unwrap();
        let again = Identity::load_or_create(&path).unwrap();
        assert_eq!(*again.decrypt(&sealed).unwrap(), b"typed");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_with_the_command_that_closes_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("identity.txt");
        Identity::load_or_create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = Identity::load_or_create(&path).err().unwrap();
        assert!(error.help().starts_with("`chmod 600 "), "{}", error.help());
    }
}
