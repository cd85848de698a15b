//! Compression of one segment: an xz stream or a Zstandard frame of its own, so that segments are
//! made in parallel and put end to end.

use std::io::{self, Write};

/// How segments are compressed; what [`crate::profile::Compression`] comes to in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// xz.
    Xz,
    /// Zstandard.
    Zstd,
}

/// Preset 0 takes 2.5 MB of memory a thread and 28 ns a byte; preset 1 takes three times the memory
/// and half as much time again for 8 % less, preset 6 takes 80 MB and 25 times the time.
const XZ_PRESET: u32 = 0;

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

    /// Compresses one segment.
    pub(crate) fn compress(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let out = Vec::with_capacity(bytes.len() / 4 + 256);
        match self {
            Self::Xz => {
                let mut encoder = xz2::write::XzEncoder::new(out, XZ_PRESET);
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
