//! Reads a tar archive from beginning to end, as `tar(5)` and pax(1) of POSIX describe it: without
//! seeking, and without holding more of it than a name.

use super::form::{RECORD, is_header};
use jiff::Timestamp;
use std::io::{self, ErrorKind, Read};
use tar::{EntryType, Header};

/// The longest record of attributes that is read: names of 4 KiB in several attributes fit.
const LONGEST_ATTRIBUTES: u64 = 64 << 10;

/// A member of an archive.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) path: String,
    pub(super) modified: Option<Timestamp>,
    pub(super) kind: MemberKind,
}

/// What a member is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum MemberKind {
    File,
    Folder,
    /// A symbolic or hard link to this.
    Link(String),
    /// Something that cannot be stored, named.
    Other(&'static str),
}

/// The members of an archive, one after the other; it reads as the data of the current one.
pub(super) struct Members<'r> {
    from: &'r mut dyn Read,
    /// What of the current member's data was not read yet, and what fills its last record.
    left: u64,
    padding: u64,
}

/// What extended headers say of the member that follows them.
#[derive(Default)]
struct Attributes {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    modified: Option<i64>,
    sparse: bool,
}

impl<'r> Members<'r> {
    pub(super) fn new(from: &'r mut dyn Read) -> Self {
        Self { from, left: 0, padding: 0 }
    }

    /// The next member, past what was not read of the one before.
    pub(super) fn next(&mut self) -> io::Result<Option<Member>> {
        let mut attributes = Attributes::default();
        loop {
            self.skip()?;
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            let kind = header.entry_type();
            let size = attributes.size.filter(|_| !is_attributes(kind));
            self.expect(size.map_or_else(|| header.entry_size(), Ok)?)?;
            match kind {
                EntryType::GNULongName => attributes.path = Some(self.text()?),
                EntryType::GNULongLink => attributes.link = Some(self.text()?),
                EntryType::XHeader => attributes.read(&self.attributes()?),
                EntryType::XGlobalHeader => {}
                _ => return self.member(&header, &attributes).map(Some),
            }
        }
    }

    fn member(&mut self, header: &Header, attributes: &Attributes) -> io::Result<Member> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let path = attributes.path.as_deref().map_or_else(|| text(&header.path_bytes()), text);
        let link = || {
            let bytes = header.link_name_bytes().unwrap_or_default();
            attributes.link.as_deref().map_or_else(|| text(&bytes), text)
        };
        let kind = match header.entry_type() {
            EntryType::GNUSparse => {
                self.sparse_map(header)?;
                MemberKind::Other("a sparse file")
            }
            EntryType::Regular | EntryType::Continuous if attributes.sparse => {
                MemberKind::Other("a sparse file")
            }
            // Before POSIX, a folder was a file whose name ends in a slash.
            EntryType::Regular | EntryType::Continuous if path.ends_with('/') => MemberKind::Folder,
            EntryType::Regular | EntryType::Continuous => MemberKind::File,
            EntryType::Directory => MemberKind::Folder,
            EntryType::Link | EntryType::Symlink => MemberKind::Link(link()),
            EntryType::Char | EntryType::Block => MemberKind::Other("a device"),
            EntryType::Fifo => MemberKind::Other("a FIFO"),
            _ => MemberKind::Other("of an unknown kind"),
        };
        if let MemberKind::Folder | MemberKind::Link(_) = kind {
            // The size of what has no data is of no account.
            self.expect(0)?;
        }
        let seconds = attributes.modified.or_else(|| header.mtime().ok()?.try_into().ok());
        let modified = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        Ok(Member { path, modified, kind })
    }

    fn expect(&mut self, size: u64) -> io::Result<()> {
        if size > i64::MAX as u64 {
            return Err(damaged("a size in it is impossible"));
        }
        self.left = size;
        self.padding = size.next_multiple_of(RECORD as u64) - size;
        Ok(())
    }

    fn skip(&mut self) -> io::Result<()> {
        let rest = self.left + self.padding;
        let skipped = io::copy(&mut (&mut *self.from).take(rest), &mut io::sink())?;
        self.left = 0;
        self.padding = 0;
        // The last record of a file that was cut may lack its padding.
        if skipped == rest { Ok(()) } else { Err(early()) }
    }

    /// The next header; none at the end.
    fn header(&mut self) -> io::Result<Option<Header>> {
        let mut record = [0; RECORD];
        let mut filled = 0;
        while filled < RECORD {
            match self.from.read(&mut record[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(early()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if record == [0; RECORD] {
            return Ok(None);
        }
        let header = Header::from_byte_slice(&record);
        if is_header(header) { Ok(Some(header.clone())) } else { Err(damaged("it is damaged")) }
    }

    /// Further records of the map of a sparse file of GNU tar, which stand before its data.
    fn sparse_map(&mut self, header: &Header) -> io::Result<()> {
        /// Where a further record says whether another one follows.
        const MORE: usize = 504;
        let mut more = header.as_gnu().is_some_and(tar::GnuHeader::is_extended);
        while more {
            let mut record = [0; RECORD];
            self.from.read_exact(&mut record)?;
            more = record[MORE] == 1;
        }
        Ok(())
    }

    fn attributes(&mut self) -> io::Result<Vec<u8>> {
        if self.left > LONGEST_ATTRIBUTES {
            return Err(damaged("the attributes of a member are too long"));
        }
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn text(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = self.attributes()?;
        bytes.truncate(memchr::memchr(0, &bytes).unwrap_or(bytes.len()));
        Ok(bytes)
    }
}

impl Read for Members<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = self.from.read(&mut buffer[..len])?;
        self.left -= count as u64;
        if count == 0 && len > 0 { Err(early()) } else { Ok(count) }
    }
}

impl Attributes {
    /// Reads records of the form `LENGTH KEY=VALUE\n`.
    fn read(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((record, behind)) = first_record(rest) {
            rest = behind;
            let Some(at) = memchr::memchr(b'=', record) else {
                continue;
            };
            let (key, value) = (&record[..at], &record[at + 1..]);
            let text = || std::str::from_utf8(value).ok();
            match key {
                b"path" => self.path = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => self.size = text().and_then(|text| text.parse().ok()),
                b"mtime" => {
                    let whole = text().and_then(|text| text.split('.').next());
                    self.modified = whole.and_then(|text| text.parse().ok());
                }
                _ if key.starts_with(b"GNU.sparse.") => self.sparse = true,
                _ => {}
            }
        }
    }
}

/// The first record of attributes, and what is behind it.
fn first_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let digits = memchr::memchr(b' ', bytes)?;
    let len: usize = std::str::from_utf8(&bytes[..digits]).ok()?.parse().ok()?;
    let record = bytes.get(digits + 1..len)?;
    Some((record.strip_suffix(b"\n")?, &bytes[len..]))
}

fn is_attributes(kind: EntryType) -> bool {
    matches!(
        kind,
        EntryType::GNULongName
            | EntryType::GNULongLink
            | EntryType::XHeader
            | EntryType::XGlobalHeader
    )
}

fn early() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "the archive ends too early")
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(archive: &[u8]) -> Vec<(String, MemberKind, String)> {
        let mut from = archive;
        let mut members = Members::new(&mut from);
        let mut all = Vec::new();
        while let Some(member) = members.next().unwrap() {
            let mut text = String::new();
            members.read_to_string(&mut text).unwrap();
            all.push((member.path, member.kind, text));
        }
        all
    }

    #[test]
    fn long_names_and_attributes_belong_to_the_member_that_follows() {
        let long = format!("{}/app.log", "folder/".repeat(40).trim_end_matches('/'));
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = Header::new_gnu();
        header.set_size(4);
        builder.append_data(&mut header, &long, b"one\n".as_slice()).unwrap();
        let attributes = [("path", b"by/attribute".as_slice()), ("mtime", b"12.5")];
        builder.append_pax_extensions(attributes).unwrap();
        let mut header = Header::new_ustar();
        header.set_size(4);
        builder.append_data(&mut header, "by/header", b"two\n".as_slice()).unwrap();
        let archive = builder.into_inner().unwrap();
        assert_eq!(
            members(&archive),
            [
                (long, MemberKind::File, "one\n".into()),
                ("by/attribute".into(), MemberKind::File, "two\n".into())
            ]
        );
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_changed_in_an_archive_it_comes_to_an_end(
            changes in proptest::collection::vec((0..4096_usize, proptest::num::u8::ANY), 1..8),
            fixed in proptest::bool::ANY,
        ) {
            let mut builder = tar::Builder::new(Vec::new());
            builder.append_pax_extensions([("path", b"by/attribute".as_slice())]).unwrap();
            let mut header = Header::new_gnu();
            header.set_size(600);
            builder.append_data(&mut header, "a".repeat(150), [b'a'; 600].as_slice()).unwrap();
            let mut archive = builder.into_inner().unwrap();
            for (at, byte) in changes {
                let len = archive.len();
                archive[at % len] = byte;
            }
            if fixed {
                // Else nearly every change ends at the sum of its header.
                for record in archive.chunks_exact_mut(RECORD) {
                    let mut header = Header::from_byte_slice(record).clone();
                    header.set_cksum();
                    record.copy_from_slice(header.as_bytes());
                }
            }
            let mut from = archive.as_slice();
            let mut members = Members::new(&mut from);
            let mut count = 0;
            while let Ok(Some(_)) = members.next() {
                count += 1;
            }
            assert!(count <= archive.len() / RECORD);
        }
    }

    #[test]
    fn attributes_of_any_size_are_not_held() {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::XHeader);
        header.set_path("x").unwrap();
        header.set_size(1 << 40);
        header.set_cksum();
        let mut from = header.as_bytes().chain(io::repeat(b'x'));
        assert!(Members::new(&mut from).next().is_err());
    }

    #[test]
    fn an_archive_that_was_cut_says_so() {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = Header::new_gnu();
        header.set_size(2000);
        builder.append_data(&mut header, "a", [b'a'; 2000].as_slice()).unwrap();
        let archive = builder.into_inner().unwrap();
        let mut from = &archive[..1000];
        let mut members = Members::new(&mut from);
        assert!(members.next().unwrap().is_some());
        let mut bytes = Vec::new();
        assert!(members.read_to_end(&mut bytes).is_err());
        assert_eq!(bytes.len(), 1000 - RECORD);
    }
}
