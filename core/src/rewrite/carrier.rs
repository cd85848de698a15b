//! Files in which redaction could not find what it looks for.

use crate::redact::looks_binary;

/// Formats that can be told by how they begin, and that are not opened. A short one may hold no NUL,
/// and would be taken for text.
const CLOSED: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "a zip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a rar archive"),
    (b"\x04\x22\x4d\x18", "lz4 data"),
    (b"\x89LZO", "lzop data"),
    (b"LZIP\x01", "lzip data"),
    (b"\x1f\x9d", "compress data"),
    (b"]\0\0", "lzma data"),
    (b"\x7fELF", "a program"),
    (b"%PDF-", "a PDF document"),
    (b"SQLite format 3\0", "a SQLite database"),
    (b"LPKSHHRH", "a journal file"),
];

/// What a file that begins like this is, if it is no text.
pub(super) fn closed(head: &[u8]) -> Option<&'static str> {
    let known = CLOSED.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name);
    known.or_else(|| looks_binary(head).then_some("binary data"))
}
