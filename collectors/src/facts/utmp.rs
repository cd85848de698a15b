//! Who logged in and when the host was started: the records of utmp, wtmp and btmp (`utmp(5)`).

use collect_core::host::{Host, HostFile};
use jiff::Timestamp;
use std::{
    io::{self, BufReader, Read, Seek, SeekFrom},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing; the record is not in use.
    Empty,
    /// The run level changed; the user `shutdown` says that the host was shut down.
    RunLevel,
    /// The host was started.
    Boot,
    /// The clock was set: the time after it.
    NewTime,
    /// The clock was set: the time before it.
    OldTime,
    /// `init` started a process.
    Init,
    /// A terminal waits for somebody.
    Login,
    /// Somebody logged in.
    User,
    /// A session ended.
    Dead,
    /// Accounting began.
    Accounting,
}

/// One record. Times have microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) kind: Kind,
    pub(crate) process: i32,
    /// The terminal, without `/dev/`; `~` for the host as a whole.
    pub(crate) line: String,
    pub(crate) user: String,
    /// Where from; for [`Kind::Boot`] and [`Kind::RunLevel`] the release of the kernel.
    pub(crate) host: String,
    pub(crate) address: Option<IpAddr>,
    pub(crate) time: Option<Timestamp>,
}

/// What was read of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Records {
    /// How many records the file has.
    pub(crate) total: u64,
    /// Those that were asked for, in the order of the file: oldest first.
    pub(crate) records: Vec<Record>,
}

/// Where the fields are that are not at the same place everywhere. Which of the two it is depends on
/// what the C library promises its 32 bit programs, so it is told by the file, not by the processor.
#[derive(Clone, Copy)]
struct Layout {
    length: usize,
    wide_time: bool,
    time: usize,
    address: usize,
}

/// glibc on x86-64, s390x and POWER; and with `long` times on 64 bit ARM.
const LAYOUTS: [Layout; 2] = [
    Layout { length: 384, wide_time: false, time: 340, address: 348 },
    Layout { length: 400, wide_time: true, time: 344, address: 360 },
];

/// So many records tell the layout.
const TELLING: usize = 16;

/// Reads the newest records of a file, at most so many, and keeps those that `keep` wants.
pub(crate) fn newest(
    host: &dyn Host,
    path: impl AsRef<Path>,
    most: u64,
    keep: impl Fn(&Record) -> bool,
) -> io::Result<Records> {
    let path = host.canonical(path.as_ref())?;
    let mut file = host.open(&path)?;
    let length = file.info()?.len;
    let Some(layout) = layout(&mut *file)? else {
        return Ok(Records::default());
    };
    let size = layout.length as u64;
    let total = length / size;
    let skipped = total.saturating_sub(most);
    file.seek(SeekFrom::Start(skipped * size))?;
    let mut file = BufReader::with_capacity(64 << 10, file);
    let mut record = vec![0; layout.length];
    let mut records = Vec::new();
    // A file that grows meanwhile is read as far as it was long.
    for _ in skipped..total {
        match file.read_exact(&mut record) {
            Ok(()) => records.extend(layout.record(&record).filter(&keep)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
    }
    Ok(Records { total, records })
}

/// The layout under which the first records make sense; none where there is no whole record.
fn layout(file: &mut dyn HostFile) -> io::Result<Option<Layout>> {
    let mut start = Vec::new();
    let longest = LAYOUTS[1].length * TELLING;
    file.take(longest as u64).read_to_end(&mut start)?;
    let fits = |layout: &Layout| {
        let records = start.chunks_exact(layout.length).filter_map(|bytes| layout.record(bytes));
        // Read under the wrong layout, most of a file is empty.
        let in_use = records.filter(|record| record.kind != Kind::Empty && record.time.is_some());
        (in_use.count(), start.len().is_multiple_of(layout.length))
    };
    let there = |layout: &&Layout| start.len() >= layout.length;
    Ok(LAYOUTS.iter().filter(there).rev().max_by_key(|layout| fits(layout)).copied())
}

impl Layout {
    /// The record, unless it is of a kind that there is not.
    fn record(&self, bytes: &[u8]) -> Option<Record> {
        let kind = kind(i16::from_ne_bytes(array(bytes, 0)?))?;
        let time = if self.wide_time {
            let seconds = i64::from_ne_bytes(array(bytes, self.time)?);
            (seconds, i64::from_ne_bytes(array(bytes, self.time + 8)?))
        } else {
            // Unsigned, as glibc reads it since 2038 has come near.
            let seconds = u32::from_ne_bytes(array(bytes, self.time)?);
            (seconds.into(), i32::from_ne_bytes(array(bytes, self.time + 4)?).into())
        };
        let nanoseconds = i32::try_from(time.1.clamp(0, 999_999) * 1000).ok()?;
        let time = Timestamp::new(time.0, nanoseconds).ok();
        Some(Record {
            kind,
            process: i32::from_ne_bytes(array(bytes, 4)?),
            line: text(bytes.get(8..40)?),
            user: text(bytes.get(44..76)?),
            host: text(bytes.get(76..332)?),
            address: address(array(bytes, self.address)?),
            time: time.filter(|time| *time != Timestamp::UNIX_EPOCH),
        })
    }
}

fn kind(number: i16) -> Option<Kind> {
    Some(match number {
        0 => Kind::Empty,
        1 => Kind::RunLevel,
        2 => Kind::Boot,
        3 => Kind::NewTime,
        4 => Kind::OldTime,
        5 => Kind::Init,
        6 => Kind::Login,
        7 => Kind::User,
        8 => Kind::Dead,
        9 => Kind::Accounting,
        _ => return None,
    })
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// Text up to the first NUL, if there is one.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// An address of IPv4 stands in the first four bytes, with nothing behind.
fn address(bytes: [u8; 16]) -> Option<IpAddr> {
    match bytes {
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] => None,
        [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] => Some(Ipv4Addr::new(a, b, c, d).into()),
        _ => Some(Ipv6Addr::from(bytes).to_canonical()),
    }
}

/// A record as a C library writes it, for tests: type, process, line, user, host, seconds.
#[cfg(test)]
pub(crate) fn made_up(
    kind: i16,
    process: i32,
    line: &str,
    user: &str,
    host: &str,
    seconds: u32,
) -> Vec<u8> {
    let mut bytes = vec![0; LAYOUTS[0].length];
    let mut put = |at: usize, what: &[u8]| bytes[at..at + what.len()].copy_from_slice(what);
    put(0, &kind.to_ne_bytes());
    put(4, &process.to_ne_bytes());
    put(8, line.as_bytes());
    put(44, user.as_bytes());
    put(76, host.as_bytes());
    put(340, &seconds.to_ne_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;

    const WTMP: &str = "/var/log/wtmp";

    fn read(bytes: Vec<u8>, most: u64) -> Records {
        let host = FakeHost::new().bytes(WTMP, bytes);
        newest(&host, WTMP, most, |_| true).unwrap()
    }

    fn wide(narrow: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 400];
        bytes[..336].copy_from_slice(&narrow[..336]);
        bytes[344..348].copy_from_slice(&narrow[340..344]);
        bytes
    }

    #[test]
    fn records_say_who_came_from_where_and_when() {
        let boot = made_up(2, 0, "~", "reboot", "6.1.0-18-amd64", 1_767_312_000);
        let mut login = made_up(7, 42, "pts/0", "zoe", "client.example.com", 1_767_312_060);
        login[344..348].copy_from_slice(&250_000_i32.to_ne_bytes());
        login[348..352].copy_from_slice(&[192, 0, 2, 7]);
        let read = read([boot, login].concat(), 10);
        assert_eq!(read.total, 2);
        let [boot, login] = &read.records[..] else { panic!("{read:?}") };
        assert_eq!((boot.kind, boot.user.as_str()), (Kind::Boot, "reboot"));
        assert_eq!(boot.time, Some("2026-01-02T00:00:00Z".parse().unwrap()));
        assert_eq!((login.kind, login.process), (Kind::User, 42));
        assert_eq!((login.line.as_str(), login.user.as_str()), ("pts/0", "zoe"));
        assert_eq!(login.host, "client.example.com");
        assert_eq!(login.address, Some("192.0.2.7".parse().unwrap()));
        assert_eq!(login.time, Some("2026-01-02T00:01:00.25Z".parse().unwrap()));
    }

    #[test]
    fn the_other_layout_is_told_by_the_file() {
        let one = made_up(7, 1, "tty1", "zoe", "", 1_767_312_000);
        for count in [1, 2, 15, 16, 24, 25, 26, 40, 50, 75, 100] {
            let narrow = read(one.repeat(count), 1000);
            let records = read(wide(&one).repeat(count), 1000);
            assert_eq!((narrow.total, records.total), (count as u64, count as u64));
            assert_eq!(narrow.records, records.records, "{count}");
            assert_eq!(records.records[count - 1].line, "tty1");
        }
    }

    #[test]
    fn the_newest_are_kept_and_all_are_counted() {
        let all =
            (0..100).flat_map(|at| made_up(if at % 2 == 0 { 7 } else { 8 }, at, "", "", "", 9));
        let host = FakeHost::new().bytes(WTMP, all.collect::<Vec<_>>());
        let read = newest(&host, WTMP, 4, |record| record.kind == Kind::User).unwrap();
        assert_eq!(read.total, 100);
        let kept: Vec<_> = read.records.iter().map(|record| record.process).collect();
        assert_eq!(kept, [96, 98]);
    }

    #[test]
    fn torn_and_odd_files_are_read_as_far_as_they_make_sense() {
        assert_eq!(read(Vec::new(), 9), Records::default());
        assert_eq!(read(vec![7; 100], 9), Records::default());
        let one = made_up(7, 1, &"x".repeat(32), "zoe", "", 0);
        let torn = read([&one[..], &[0xff; 384], &one[..], &one[..200]].concat(), 9);
        assert_eq!((torn.total, torn.records.len()), (3, 2));
        assert_eq!(torn.records[0].line.len(), 32);
        assert_eq!(torn.records[0].time, None);
    }
}
