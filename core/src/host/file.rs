//! Regular files of the real host, opened so that nothing else is ever opened by mistake.

use super::{FileInfo, FileKind, HostFile, SpecialFile};
use jiff::Timestamp;
use rustix::{
    fs::{Advice, Mode, OFlags, SeekFrom as Sparse},
    io::Errno,
};
use std::{
    fs::{self, File, Metadata},
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
};

/// A regular file.
#[derive(Debug)]
pub(super) struct RegularFile(File);

/// What Linux reads ahead anyway: longer files are worth saying that all of it will be read.
const READ_AHEAD: u64 = 128 << 10;

/// Opens a regular file, and refuses everything else without blocking.
///
/// Looked at before, because merely opening a device can do something (rewind a tape, wake a
/// modem); looked at again when it is open, because it may have been replaced in between.
pub(super) fn open(path: &Path) -> io::Result<RegularFile> {
    if is_emptied_by_reading(path) {
        return Err(refused("loses what is read from it"));
    }
    check(&fs::symlink_metadata(path)?)?;
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| match error {
        Errno::LOOP => refused("is a symbolic link"),
        Errno::NXIO => refused("is a socket or a device"),
        other => other.into(),
    })?;
    let file = File::from(opened);
    let metadata = file.metadata()?;
    check(&metadata)?;
    if metadata.len() > READ_AHEAD {
        // Only a hint: twice as much is read ahead.
        let _ = rustix::fs::fadvise(&file, 0, None, Advice::Sequential);
    }
    Ok(RegularFile(file))
}

/// What is known of a file from its metadata.
pub(super) fn info(metadata: &Metadata) -> FileInfo {
    let file_type = metadata.file_type();
    FileInfo {
        kind: if file_type.is_file() {
            FileKind::Regular
        } else if file_type.is_dir() {
            FileKind::Directory
        } else if file_type.is_symlink() {
            FileKind::Link
        } else {
            FileKind::Special
        },
        len: metadata.len(),
        modified: metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok()),
        // st_blocks counts 512 bytes each, whatever the file system's block size: stat(3type).
        allocated: metadata.blocks().saturating_mul(512),
        id: (metadata.dev(), metadata.ino()),
        mode: metadata.mode() & 0o7777,
        special: special(metadata),
        user: metadata.uid(),
        group: metadata.gid(),
        links: metadata.nlink(),
        changed: time(metadata.ctime(), metadata.ctime_nsec()),
        accessed: time(metadata.atime(), metadata.atime_nsec()),
    }
}

fn time(second: i64, nanosecond: i64) -> Option<Timestamp> {
    Timestamp::new(second, i32::try_from(nanosecond).ok()?).ok()
}

fn special(metadata: &Metadata) -> Option<SpecialFile> {
    let kind = metadata.file_type();
    let device = metadata.rdev();
    let number = (rustix::fs::major(device), rustix::fs::minor(device));
    if kind.is_fifo() {
        Some(SpecialFile::Fifo)
    } else if kind.is_socket() {
        Some(SpecialFile::Socket)
    } else if kind.is_char_device() {
        Some(SpecialFile::Character(number.0, number.1))
    } else if kind.is_block_device() {
        Some(SpecialFile::Block(number.0, number.1))
    } else {
        None
    }
}

fn check(metadata: &Metadata) -> io::Result<()> {
    let kind = metadata.file_type();
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        "is a directory"
    } else if kind.is_symlink() {
        "is a symbolic link"
    } else if kind.is_fifo() {
        "is a FIFO"
    } else if kind.is_socket() {
        "is a socket"
    } else {
        "is a device"
    };
    Err(refused(what))
}

fn refused(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

/// Whether reading the file takes its content away from whoever it is meant for: the kernel's own
/// log (`proc_kmsg(5)`) and trace pipes (<https://docs.kernel.org/trace/ftrace.html>).
fn is_emptied_by_reading(path: &Path) -> bool {
    let kernel = path.starts_with("/sys") || path.starts_with("/proc");
    kernel
        && path
            .file_name()
            .is_some_and(|name| name == "kmsg" || name == "trace_pipe" || name == "trace_pipe_raw")
}

impl Read for RegularFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer) {
            // Some files of the kernel wait for news when they are at their end.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            result => result,
        }
    }
}

impl Seek for RegularFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl HostFile for RegularFile {
    fn info(&self) -> io::Result<FileInfo> {
        self.0.metadata().map(|metadata| info(&metadata))
    }

    /// Leaves the file at the start of the range.
    fn data(&mut self, from: u64) -> io::Result<Option<Range<u64>>> {
        let range = match rustix::fs::seek(&self.0, Sparse::Data(from)) {
            Ok(start) => start..rustix::fs::seek(&self.0, Sparse::Hole(start))?,
            Err(Errno::NXIO) => return Ok(None),
            Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOTTY) => from..self.0.metadata()?.len(),
            Err(error) => return Err(error.into()),
        };
        if range.is_empty() {
            return Ok(None);
        }
        self.0.seek(SeekFrom::Start(range.start))?;
        Ok(Some(range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType};
    use std::os::unix::{fs::symlink, net::UnixListener};

    fn refusal(path: &Path) -> String {
        let error = open(path).expect_err("it is not a regular file");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        error.to_string()
    }

    #[test]
    fn a_fifo_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert_eq!(refusal(&path), "is a FIFO");
    }

    #[test]
    fn a_socket_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let _listener = UnixListener::bind(&path).unwrap();
        assert_eq!(refusal(&path), "is a socket");
    }

    #[test]
    fn a_symbolic_link_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("link");
        symlink("/etc/hostname", &path).unwrap();
        assert_eq!(refusal(&path), "is a symbolic link");
    }

    #[test]
    fn devices_and_directories_are_refused() {
        assert_eq!(refusal(Path::new("/dev/zero")), "is a device");
        assert_eq!(refusal(Path::new("/dev")), "is a directory");
    }

    #[test]
    fn the_log_that_reading_would_empty_is_refused() {
        assert_eq!(refusal(Path::new("/proc/kmsg")), "loses what is read from it");
    }

    #[test]
    fn a_missing_file_is_not_found() {
        let error = open(Path::new("/nonexistent/file")).expect_err("it does not exist");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_file_that_the_kernel_makes_up_is_read() {
        let mut text = String::new();
        let mut file = open(Path::new("/proc/version")).unwrap();
        file.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("Linux"), "{text}");
    }

    #[test]
    fn the_data_of_a_file_with_holes_is_found() {
        use std::os::unix::fs::FileExt;
        const HOLE: u64 = 4 << 20;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sparse");
        let written = File::create(&path).unwrap();
        written.write_all_at(b"data", HOLE).unwrap();
        written.set_len(3 * HOLE).unwrap();

        let mut file = open(&path).unwrap();
        let info = file.info().unwrap();
        assert_eq!(info.len, 3 * HOLE);
        let Some(data) = file.data(0).unwrap() else {
            panic!("four bytes were written");
        };
        assert!(data.contains(&HOLE), "{data:?}");
        let mut found = vec![0; 4];
        file.seek(SeekFrom::Start(HOLE)).unwrap();
        file.read_exact(&mut found).unwrap();
        assert_eq!(found, b"data");
        if info.allocated < info.len {
            assert!(data.end < 3 * HOLE, "{data:?}");
            assert_eq!(file.data(data.end).unwrap(), None);
        }
        assert_eq!(file.data(3 * HOLE).unwrap(), None);
    }

    #[test]
    fn a_file_system_without_holes_gives_the_rest_of_the_file() {
        // procfs refuses SEEK_DATA, and says that the file is empty.
        assert_eq!(open(Path::new("/proc/version")).unwrap().data(0).unwrap(), None);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dense");
        fs::write(&path, "0123456789").unwrap();
        assert_eq!(open(&path).unwrap().data(4).unwrap(), Some(4..10));
    }
}
