//! The small files that the kernel makes up: `/proc` and `/sys`.
//!
//! What is missing here is the rule, not the exception (a device without a driver, a process that
//! ended meanwhile), so these reads leave no note.

use collect_core::host::Host;
use jiff::Timestamp;
use procfs::FromRead;
use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

/// No attribute or process file is near this; a longer one is cut rather than taken into memory.
const LIMIT: u64 = 4 << 20;

/// The content of a file.
pub(crate) fn bytes(host: &dyn Host, path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    host.open(path.as_ref())?.take(LIMIT).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The content of a file without the white space around it, if there is any.
pub(crate) fn value(host: &dyn Host, path: impl AsRef<Path>) -> Option<String> {
    let bytes = bytes(host, path).ok()?;
    let value = String::from_utf8_lossy(&bytes).trim().to_owned();
    (!value.is_empty()).then_some(value)
}

/// Like [`value`], read as a number.
pub(crate) fn number(host: &dyn Host, path: impl AsRef<Path>) -> Option<u64> {
    value(host, path)?.parse().ok()
}

/// Like [`value`], read as a number that may be negative.
pub(crate) fn signed(host: &dyn Host, path: impl AsRef<Path>) -> Option<i64> {
    value(host, path)?.parse().ok()
}

/// Like [`value`], read as a switch: `0` is off, another number is on.
pub(crate) fn switch(host: &dyn Host, path: impl AsRef<Path>) -> Option<bool> {
    signed(host, path).map(|set| set != 0)
}

/// The paths in a directory; none if it cannot be read.
pub(crate) fn children(host: &dyn Host, dir: impl AsRef<Path>) -> Vec<PathBuf> {
    host.entries(dir.as_ref()).unwrap_or_default()
}

/// The last part of a path.
pub(crate) fn name(path: impl AsRef<Path>) -> String {
    let name = path.as_ref().file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The last part of what a symbolic link points to: `e1000e` for a device's `driver`.
pub(crate) fn link_name(host: &dyn Host, path: impl AsRef<Path>) -> Option<String> {
    host.link(path.as_ref()).ok().map(name)
}

/// Whether something stands at a path.
pub(crate) fn exists(host: &dyn Host, path: impl AsRef<Path>) -> bool {
    host.info(path.as_ref()).is_ok()
}

/// The processes: their ids, in order, and their folders in `/proc`.
pub(crate) fn processes(host: &dyn Host) -> Vec<(u32, PathBuf)> {
    let folders = children(host, "/proc").into_iter();
    let mut processes: Vec<_> =
        folders.filter_map(|path| Some((name(&path).parse().ok()?, path))).collect();
    processes.sort();
    processes
}

/// When the host was started, to the second (`proc_stat(5)`).
pub(crate) fn boot_time(host: &dyn Host) -> Option<Timestamp> {
    let stat = value(host, "/proc/stat")?;
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    Timestamp::from_second(seconds.parse().ok()?).ok()
}

/// A file of `proc(5)`, if it can be read and understood. To be kept as it is too, so that nothing
/// is lost where it cannot.
pub(crate) fn parsed<T: FromRead>(host: &dyn Host, path: &str) -> Option<T> {
    T::from_read(bytes(host, path).ok()?.as_slice()).ok()
}
