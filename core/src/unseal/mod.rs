//! Opens a sealed bundle with a key of its recipients: support's side of [`seal`](crate::seal).
//!
//! Whoever knows the recipients' public key can seal something, so nothing in a bundle is trusted.

mod unpack;

pub use unpack::{Unpacked, unpack};

use crate::bundle::{self, Format};
use std::{
    fs, io,
    io::{BufRead, BufReader, Cursor, Read},
    path::Path,
};
use thiserror::Error;
use zeroize::Zeroizing;

/// How an xz stream begins (<https://tukaani.org/xz/xz-file-format.txt>).
const XZ: &[u8] = b"\xfd7zXZ\0";

/// How a Zstandard frame begins (RFC 8878).
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";

/// The archive in a bundle.
pub type Archive<'r> = tar::Archive<Box<dyn Read + 'r>>;

/// Private keys that may open a bundle.
#[derive(Default)]
pub struct Keys(Vec<Box<dyn age::Identity>>);

/// Why a file gave no key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It cannot be read.
    #[error("cannot read it: {0}")]
    Io(#[from] io::Error),
    /// There is no key in it that can be used.
    #[error("there is no private key of age or SSH in it")]
    None,
    /// It has a passphrase.
    #[error("the SSH key has a passphrase")]
    Locked,
    /// It is the public half.
    #[error("this is a public key; only the private one opens bundles")]
    Public,
}

/// Why a bundle was not opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UnsealError {
    /// It is no age file, or what it begins with is damaged: 64 KiB, less of which age opens none.
    #[error("it is no bundle, or it is damaged")]
    NoBundle,
    /// It was sealed for others.
    #[error("none of the keys opens it")]
    Foreign,
    /// What is sealed is compressed in no known way.
    #[error("what is sealed in it is no bundle")]
    Unknown,
    /// It cannot be read.
    #[error("cannot read it: {0}")]
    Io(#[from] io::Error),
}

impl Keys {
    /// Adds the keys in a file: of age, as `age-keygen` writes them, or of SSH.
    ///
    /// # Errors
    ///
    /// Says why there is none; no part of the file is repeated.
    pub fn add(&mut self, path: &Path) -> Result<(), KeyError> {
        let text = Zeroizing::new(fs::read(path)?);
        let (before, text) = (self.0.len(), String::from_utf8_lossy(&text));
        if text.contains("PRIVATE KEY-----") {
            let key = age::ssh::Identity::from_buffer(Cursor::new(text.as_bytes()), None)?;
            match key {
                age::ssh::Identity::Encrypted(_) => return Err(KeyError::Locked),
                age::ssh::Identity::Unsupported(_) => return Err(KeyError::None),
                age::ssh::Identity::Unencrypted(_) => self.0.push(Box::new(key)),
            }
        }
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            if let Ok(key) = line.parse::<age::x25519::Identity>() {
                self.0.push(Box::new(key));
            }
        }
        match self.0.len() > before {
            true => Ok(()),
            false if text.starts_with("age1") || text.starts_with("ssh-") => Err(KeyError::Public),
            false => Err(KeyError::None),
        }
    }
}

/// The archive in a sealed bundle. What is read of it was authenticated; where the file is cut or
/// damaged, reading ends with an error.
///
/// # Errors
///
/// Says why it cannot be opened.
pub fn unseal<'r>(sealed: impl Read + 'r, keys: &Keys) -> Result<Archive<'r>, UnsealError> {
    let decryptor = age::Decryptor::new(sealed).map_err(explained)?;
    let plain = decryptor.decrypt(keys.0.iter().map(|key| &**key)).map_err(explained)?;
    let mut plain = BufReader::with_capacity(128 << 10, plain);
    let start = plain.fill_buf().map_err(|_| UnsealError::NoBundle)?;
    let format = if start.starts_with(XZ) {
        Format::Xz
    } else if start.starts_with(ZSTD) {
        Format::Zstd
    } else {
        return Err(UnsealError::Unknown);
    };
    Ok(bundle::archive(plain, format)?)
}

fn explained(error: age::DecryptError) -> UnsealError {
    match error {
        age::DecryptError::NoMatchingKeys => UnsealError::Foreign,
        age::DecryptError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            UnsealError::Io(error)
        }
        _ => UnsealError::NoBundle,
    }
}
