//! Compression of one segment: an xz stream or a Zstandard frame of its own, so that segments are
//! made in parallel and put end to end.

use std::io::{self, Read, Write};
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

/// Between the presets 0 and 1, for text: no position bits, and a search that looks at more
/// candidates of a smaller window and is content with shorter matches. On logs it is as small as
/// preset 1 in seven eighths of its time; preset 0 is 13 % larger, presets from 2 on take twice to
/// twenty times as long. 6 MB a thread.
fn xz_options() -> Result<LzmaOptions, xz2::stream::Error> {
    let mut options = LzmaOptions::new_preset(1)?;
    options.position_bits(0).literal_context_bits(2);
    options.dict_size(512 << 10).depth(10).nice_len(48);
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
                let mut filters = Filters::new();
                filters.lzma2(&xz_options()?);
                // age authenticates every byte, and the manifest has the digest of every entry.
                let stream = Stream::new_stream_encoder(&filters, Check::None)?;
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
