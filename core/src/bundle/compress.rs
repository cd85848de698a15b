//! Compression of one segment: an xz stream or a Zstandard frame of its own, so that segments are
//! made in parallel and put end to end.

use std::io::{self, Write};
use xz2::{
    stream::{Check, Filters, LzmaOptions, Stream},
    write::XzEncoder,
};

/// How segments are compressed; what [`crate::profile::Compression`] comes to in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// xz.
    Xz,
    /// Zstandard.
    Zstd,
}

/// Preset 1 with what suits text (no position bits, one more literal context bit) and a somewhat
/// shallower search: on logs as small as preset 1 to within 3 %, in five sixths of its time. Preset 0
/// is some 10 % larger; presets from 2 on take twice to twenty times as long. 9 MB a thread.
fn xz_options() -> Result<LzmaOptions, xz2::stream::Error> {
    let mut options = LzmaOptions::new_preset(1)?;
    options.position_bits(0).literal_context_bits(4).depth(6);
    Ok(options)
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

    /// Compresses one segment.
    pub(crate) fn compress(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let out = Vec::with_capacity(bytes.len() / 4 + 256);
        match self {
            Self::Xz => {
                let mut filters = Filters::new();
                filters.lzma2(&xz_options()?);
                let stream = Stream::new_stream_encoder(&filters, Check::Crc64)?;
                let mut encoder = XzEncoder::new_stream(out, stream);
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
