//! Recognises by its first bytes what stands in a file; a name can lie.

use super::wide;
use tar::Header;

/// How many of the first bytes are looked at.
pub const HEAD: usize = 8 << 10;

/// The size of a record in a tar archive, `tar(5)`.
pub(super) const RECORD: usize = 512;

/// What stands in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Compressed data.
    Compressed(Codec),
    /// A tar archive.
    Archive,
    /// Text in UTF-16.
    Wide(Endian),
    /// Text in UTF-8 or an encoding that contains ASCII, or binary data: to be taken as it is.
    Plain,
}

/// A compression that can be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// RFC 1952.
    Gzip,
    /// <https://tukaani.org/xz/xz-file-format.txt>
    Xz,
    /// RFC 8878.
    Zstandard,
    /// As the program `bzip2` writes it.
    Bzip2,
}

/// The order of the two bytes of a unit of UTF-16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endian {
    /// The high byte comes first.
    Big,
    /// The low byte comes first.
    Little,
}

impl Form {
    /// Recognises what begins with these bytes, of which the first [`HEAD`] count.
    pub fn of(head: &[u8]) -> Self {
        let head = &head[..head.len().min(HEAD)];
        if let Some(codec) = Codec::of(head) {
            Self::Compressed(codec)
        } else if is_archive(head) {
            Self::Archive
        } else if let Some(endian) = wide::endian_of(head) {
            Self::Wide(endian)
        } else {
            Self::Plain
        }
    }
}

impl Codec {
    fn of(head: &[u8]) -> Option<Self> {
        match head {
            // Deflate is the only method there is; the three highest flags are reserved.
            [0x1f, 0x8b, 8, flags, ..] if flags & 0xe0 == 0 => Some(Self::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            // A frame, or one to be skipped, with which parallel compressors begin.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                Some(Self::Zstandard)
            }
            // Then comes the beginning of a block, or, in an empty file, its end.
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => {
                Some(Self::Bzip2)
            }
            _ => None,
        }
    }

    /// What it is called in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstandard => "zstd",
            Self::Bzip2 => "bzip2",
        }
    }

    /// The name of a file after decompression. One without the usual extension keeps its name.
    pub fn stripped(self, name: &str) -> String {
        let endings: &[(&str, &str)] = match self {
            Self::Gzip => &[(".tgz", ".tar"), (".gz", ""), ("-gz", "")],
            Self::Xz => &[(".txz", ".tar"), (".xz", "")],
            Self::Zstandard => &[(".tzst", ".tar"), (".zst", "")],
            Self::Bzip2 => &[(".tbz2", ".tar"), (".tbz", ".tar"), (".bz2", "")],
        };
        let stripped = endings.iter().find_map(|(ending, instead)| {
            let stem = name.strip_suffix(ending)?;
            (!stem.is_empty() && !stem.ends_with('/')).then(|| format!("{stem}{instead}"))
        });
        stripped.unwrap_or_else(|| name.to_owned())
    }
}

impl Endian {
    /// What the encoding is called in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Big => "UTF-16BE",
            Self::Little => "UTF-16LE",
        }
    }
}

fn is_archive(head: &[u8]) -> bool {
    head.get(..RECORD).is_some_and(|record| is_header(Header::from_byte_slice(record)))
}

/// Whether the sum over the header is the one that stands in it.
pub(super) fn is_header(header: &Header) -> bool {
    // The sum is taken with spaces in its own place.
    const SUM: std::ops::Range<usize> = 148..156;
    let bytes = header.as_bytes();
    let sum = |range: &[u8]| range.iter().map(|&byte| u32::from(byte)).sum::<u32>();
    let spaces = SUM.len() as u32 * u32::from(b' ');
    let sum = sum(&bytes[..SUM.start]) + spaces + sum(&bytes[SUM.end..]);
    header.cksum().is_ok_and(|said| said == sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_looks_like_a_magic_number_is_text() {
        for text in ["BZh9 is how bzip2 files begin\n", "\u{1f}plain", "7zXZ", ""] {
            assert_eq!(Form::of(text.as_bytes()), Form::Plain, "{text}");
        }
    }

    #[test]
    fn names_lose_the_ending_of_their_compression_and_no_other() {
        assert_eq!(Codec::Gzip.stripped("var/log/syslog.2.gz"), "var/log/syslog.2");
        assert_eq!(Codec::Xz.stripped("dump.txz"), "dump.tar");
        assert_eq!(Codec::Zstandard.stripped("app.log"), "app.log");
        assert_eq!(Codec::Bzip2.stripped("logs/.bz2"), "logs/.bz2");
    }
}
