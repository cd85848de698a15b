//! Tar records: the frame around an entry.
//!
//! A tar is a sequence of 512-byte records, so its parts can be made in any order and put together
//! later. Names that do not fit the old header get GNU's long-name record, which GNU tar, bsdtar,
//! busybox and Python read.

use jiff::Timestamp;
use std::io;

/// The size of a tar record.
const RECORD: u64 = 512;

/// What ends an archive: two empty records.
pub(crate) const END: [u8; 1024] = [0; 1024];

/// The header of an entry of `size` bytes.
pub(crate) fn header(path: &str, size: u64, modified: Option<Timestamp>) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(size);
    header.set_mode(0o600);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(modified.map_or(0, |at| u64::try_from(at.as_second()).unwrap_or(0)));
    let mut builder = tar::Builder::new(Vec::with_capacity(1024));
    // The data follows later: the builder writes what precedes it.
    builder.append_data(&mut header, path, io::empty())?;
    // `into_inner` would end the archive; the bytes so far are all that is wanted.
    let bytes = builder.get_ref().clone();
    Ok(bytes)
}

/// The zeros that fill the last record of an entry of `size` bytes.
pub(crate) fn padding(size: u64) -> &'static [u8] {
    const ZEROS: [u8; RECORD as usize] = [0; RECORD as usize];
    let rest = (size.next_multiple_of(RECORD) - size) as usize;
    &ZEROS[..rest]
}
