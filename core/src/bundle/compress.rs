//! Compression of one segment: an xz stream or a Zstandard frame of its own, so that segments are
//! made in parallel and put end to end.

use lzma_rust2::{CheckType, XzOptions, XzWriter};
use std::io::{self, Read, Write};

/// How segments are compressed; what [`crate::profile::Compression`] comes to in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// xz.
    Xz,
    /// Zstandard.
    Zstd,
}

/// Between the presets 0 and 1, for text: no position bits, and a search that looks at more
/// candidates of a smaller window and is content with shorter matches. On logs it is as small as
/// preset 1 of liblzma in three quarters of its time; preset 0 is 13 % larger, presets from 2 on take
/// twice to twenty times as long. 5 MB a thread.
fn xz_options() -> XzOptions {
    let mut options = XzOptions::with_preset(1);
    // age authenticates every byte, and the manifest has the digest of every entry.
    options.set_check_sum_type(CheckType::None);
    let lzma = &mut options.lzma_options;
    (lzma.pb, lzma.lc) = (0, 2);
    (lzma.dict_size, lzma.depth_limit, lzma.nice_len) = (512 << 10, 10, 48);
    options
}

/// Above 3, Zstandard's time grows faster than its gain.
const ZSTD_LEVEL: i32 = 3;

impl Format {
    /// How a bundle's name ends, before `.age`.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Xz => "tar.xz",
            Self::Zstd => "tar.zst",
        }
    }

    /// What was compressed to one segment.
    pub(crate) fn decompress(self, segment: &[u8]) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(segment.len() * 8);
        match self {
            Self::Xz => xz2::read::XzDecoder::new(segment).read_to_end(&mut bytes)?,
            Self::Zstd => zstd::Decoder::new(segment)?.read_to_end(&mut bytes)?,
        };
        Ok(bytes)
    }

    /// Compresses one segment.
    pub(crate) fn compress(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let out = Vec::with_capacity(bytes.len() / 4 + 256);
        match self {
            Self::Xz => {
                let mut encoder = XzWriter::new(out, xz_options())?;
                encoder.write_all(bytes)?;
                encoder.finish()
            }
            Self::Zstd => {
                let mut encoder = zstd::Encoder::new(out, ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                encoder.write_all(bytes)?;
                encoder.finish()
            }
        }
    }
}
