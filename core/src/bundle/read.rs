//! Reads the archive of a bundle that has been decrypted.

use super::Format;
use std::io::{self, Read};

/// The archive in the decrypted bytes of a bundle.
///
/// A bundle is made of many compressed streams end to end, so the decoders are those that go on
/// after the first. A plain one ends early without a word.
pub fn archive<'r>(
    bundle: impl Read + 'r,
    format: Format,
) -> io::Result<tar::Archive<Box<dyn Read + 'r>>> {
    let plain: Box<dyn Read + 'r> = match format {
        Format::Xz => Box::new(xz2::read::XzDecoder::new_multi_decoder(bundle)),
        Format::Zstd => Box::new(zstd::Decoder::new(bundle)?),
    };
    Ok(tar::Archive::new(plain))
}
