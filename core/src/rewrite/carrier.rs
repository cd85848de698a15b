//! What a file is, by its first bytes: text, or something that holds text.

use crate::redact::looks_binary;

/// How much of a file is looked at; a tar archive tells itself at byte 257.
pub(super) const HEAD: usize = 8 << 10;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    Text,
    Gzip,
    Xz,
    Zstd,
    Tar,
    /// Something in which secrets cannot be found, and what it is called.
    Closed(&'static str),
}

/// Formats that can be told by how they begin, and that are not opened. A short one may hold no NUL,
/// and would be taken for text.
const CLOSED: &[(&[u8], &str)] = &[
    (b"BZh", "bzip2 data"),
    (b"PK\x03\x04", "a zip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a rar archive"),
    (b"\x04\x22\x4d\x18", "lz4 data"),
    (b"\x89LZO", "lzop data"),
    (b"LZIP", "lzip data"),
    (b"\x1f\x9d", "compress data"),
    (b"]\0\0", "lzma data"),
    (b"\x7fELF", "a program"),
    (b"%PDF-", "a PDF document"),
    (b"SQLite format 3\0", "a SQLite database"),
    (b"LPKSHHRH", "a journal file"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
];

impl Carrier {
    /// What begins like this.
    pub(super) fn of(head: &[u8]) -> Self {
        let tar = head.get(257..262) == Some(b"ustar");
        if head.starts_with(&[0x1f, 0x8b]) {
            Self::Gzip
        } else if head.starts_with(b"\xfd7zXZ\0") {
            Self::Xz
        } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Self::Zstd
        } else if tar {
            Self::Tar
        } else if let Some((_, name)) = CLOSED.iter().find(|(magic, _)| head.starts_with(magic)) {
            Self::Closed(name)
        } else if looks_binary(head) {
            Self::Closed("binary data")
        } else {
            Self::Text
        }
    }
}
