//! A sealed bundle for the tests of sinks.

use crate::sink::Sealed;
use sha2::{Digest, Sha256};
use std::{fs, io, path::Path};

/// Takes any file as a sealed bundle of the product `example`, with the object key
/// `reports/example/2026/11/23/NAME`.
///
/// # Panics
///
/// Panics if the path has no file name in UTF-8.
pub fn sealed(path: impl AsRef<Path>) -> io::Result<Sealed> {
    let path = path.as_ref();
    let bytes = fs::read(path)?;
    let name =
        path.file_name().and_then(|name| name.to_str()).expect("a test names its bundle in UTF-8");
    Ok(Sealed {
        path: path.to_owned(),
        len: bytes.len() as u64,
        sha256: Sha256::digest(&bytes).into(),
        key: format!("reports/example/2026/11/23/{name}"),
    })
}
