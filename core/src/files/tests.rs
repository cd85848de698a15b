use super::FileSet;
use crate::{
    CollectError, Collector, Output, Window,
    bundle::Status,
    host::{
        CommandLine, Connection, Deadline, Endpoint, FileInfo, Host, HostFile, Interface, Machine,
        NetworkTable, NetworkTables, Process, Usage,
    },
    profile::Binary,
    testkit::{Collected, FakeHost, Trial},
    units::{Size, TimePoint},
};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use std::{
    io::{self, Read},
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

const NOW: Timestamp = Timestamp::constant(1_767_323_045, 0);

struct Files(FileSet);

impl Files {
    fn of(paths: &[&str], exclude: &[&str]) -> Self {
        Self(FileSet::new(paths, exclude).unwrap())
    }
}

impl Collector for Files {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        out.files(&self.0)
    }
}

fn take(host: FakeHost, paths: &[&str], exclude: &[&str]) -> Collected {
    Trial::of(Files::of(paths, exclude)).on(host)
}

fn take_at_most(size: u64, host: FakeHost, paths: &[&str]) -> Collected {
    let trial = Trial::of(Files::of(paths, &[]));
    trial.options(|options| options.max_size = Some(Size(size))).on(host)
}

fn minutes_ago(minutes: i64) -> Timestamp {
    NOW - minutes.minutes()
}

fn said(collected: &Collected, what: &str) -> bool {
    collected.notes().iter().any(|note| note.contains(what))
}

#[test]
fn matching_files_keep_their_paths_and_excluded_ones_stay() {
    let host = FakeHost::new()
        .file("/var/log/app/a.log", "a")
        .file("/var/log/app/old/b.log", "b")
        .file("/var/log/app/old/b.log.gz", "packed")
        .file("/var/log/app/cache/c.log", "c")
        .file("/var/log/other.log", "other");
    let collected = take(host, &["/var/log/app/**/*.log*"], &["*.gz", "/var/log/app/cache"]);
    assert_eq!(collected.paths(), ["test/var/log/app/a.log", "test/var/log/app/old/b.log"]);
    assert_eq!(collected.status(), Status::Complete);
    assert_eq!(collected.record("/var/log/app/a.log").source, "/var/log/app/a.log");
}

#[test]
fn a_path_that_is_a_folder_stands_for_all_below_it() {
    let host = FakeHost::new().file("/etc/app/a.conf", "a").file("/etc/app/d/.b", "b");
    assert_eq!(
        take(host, &["/etc/app/"], &[]).paths(),
        ["test/etc/app/a.conf", "test/etc/app/d/.b"]
    );
}

#[test]
fn nothing_matching_is_absent() {
    let collected = take(FakeHost::new(), &["/var/log/app/*.log"], &[]);
    assert_eq!(collected.status(), Status::Absent);
    assert!(said(&collected, "Absent /var/log/app/*.log"));
}

#[test]
fn only_files_of_the_time_of_interest_are_taken_and_the_others_counted() {
    let host = FakeHost::new()
        .file_at("/log/old", "old", minutes_ago(180))
        .file_at("/log/then", "then", minutes_ago(90))
        .file_at("/log/now", "now", minutes_ago(0));
    let trial = Trial::of(Files::of(&["/log/*"], &[])).options(|options| {
        options.since = Some(TimePoint::At(minutes_ago(120)));
        options.until = Some(TimePoint::At(minutes_ago(60)));
    });
    let collected = trial.on(host);
    assert_eq!(collected.paths(), ["test/log/now", "test/log/then"]);
    assert!(said(&collected, "1 file left out: not modified in the time of interest"));
    assert_eq!(collected.status(), Status::Complete);
}

#[test]
fn newest_files_come_first_and_what_does_not_fit_is_cut_or_named() {
    let lines = |name: &str| format!("{name} says something\n").repeat(1000);
    let host = FakeHost::new()
        .file_at("/log/new", lines("new"), minutes_ago(1))
        .file_at("/log/middle", lines("mid"), minutes_ago(2))
        .file_at("/log/old", lines("old"), minutes_ago(3));
    let collected = take_at_most(36_500, host, &["/log/*"]);
    assert_eq!(collected.text("log/new"), lines("new"));
    assert!(collected.text("log/middle").contains("bytes left out here]\n"));
    assert!(collected.record("log/middle").truncated.is_some());
    assert_eq!(collected.paths(), ["test/log/middle", "test/log/new"]);
    assert!(said(&collected, "Truncated /log/old: left out with its 19000 bytes"));
    assert_eq!(collected.status(), Status::Truncated);
}

#[test]
fn many_files_without_room_are_counted() {
    let mut host = FakeHost::new();
    for number in 0..50 {
        host = host.file(format!("/log/{number:02}"), &"x".repeat(100));
    }
    let collected = take_at_most(100, host, &["/log/*"]);
    assert_eq!(collected.paths(), ["test/log/00"]);
    assert!(said(&collected, "29 files more left out with their 2900 bytes"));
    assert_eq!(collected.step().notes.len(), 21);
}

#[test]
fn a_link_is_followed_only_to_what_is_among_the_paths() {
    let host = FakeHost::new()
        .file("/log/app-7.log", "seven")
        .link("/log/current.log", "app-7.log")
        .link("/log/evil.log", "/etc/shadow")
        .link("/log/gone.log", "nowhere")
        .file("/etc/shadow", "root:x");
    let collected = take(host, &["/log/*.log"], &[]);
    assert_eq!(collected.paths(), ["test/log/app-7.log"]);
    assert!(said(&collected, "`/log/evil.log` is a link to `/etc/shadow`, which is not among"));
    assert!(said(&collected, "`/log/gone.log` is a link to `nowhere`, which does not exist"));
}

#[test]
fn a_link_that_a_path_names_does_not_lead_out_of_the_paths() {
    let host = FakeHost::new().link("/log/app.log", "/etc/shadow").file("/etc/shadow", "root:x");
    let collected = take(host, &["/log/app.log"], &[]);
    assert!(collected.paths().is_empty());
    assert!(said(&collected, "`/etc/shadow`"));
}

#[test]
fn a_linked_folder_is_walked_only_where_a_path_names_it() {
    let host = FakeHost::new()
        .link("/var/log/app", "/data/app")
        .file("/data/app/a.log", "a")
        .link("/data/app/current.log", "a.log")
        .link("/data/app/more", "/data/more")
        .file("/data/more/b.log", "b");
    let collected = take(host, &["/var/log/app/**/*.log"], &[]);
    assert_eq!(collected.paths(), ["test/var/log/app/a.log"]);
    assert!(said(&collected, "`/var/log/app/more` is a link to `/data/more`"));
    assert!(!said(&collected, "current.log"));
}

#[test]
fn links_in_a_circle_end() {
    let host = FakeHost::new()
        .file("/log/a.log", "a")
        .link("/log/loop", "/log")
        .link("/log/x", "y")
        .link("/log/y", "x");
    assert_eq!(take(host, &["/log/**"], &[]).paths(), ["test/log/a.log"]);
}

#[test]
fn a_file_that_several_paths_match_is_taken_once() {
    let host = FakeHost::new().file("/log/a.log", "a");
    let collected = take(host, &["/log/*.log", "/log/**", "/log/a.log"], &[]);
    assert_eq!(collected.paths(), ["test/log/a.log"]);
}

#[test]
fn fifos_and_devices_are_never_opened() {
    let host = FakeHost::new().special("/log/pipe").file("/log/a.log", "a");
    let collected = take(host, &["/log/*"], &[]);
    assert_eq!(collected.paths(), ["test/log/a.log"]);
    assert!(said(&collected, "`/log/pipe` is no regular file"));
    assert_eq!(collected.status(), Status::Complete);
}

#[test]
fn what_may_not_be_read_is_denied_and_the_rest_goes_on() {
    let host = FakeHost::new().denied("/log/a.log").file("/log/b.log", "b").denied("/secret");
    let host = host.file("/secret/c.log", "c");
    let collected = take(host, &["/log/*", "/secret/*"], &[]);
    assert_eq!(collected.paths(), ["test/log/b.log"]);
    assert!(said(&collected, "Denied /log/a.log") && said(&collected, "Denied /secret"));
    assert_eq!(collected.status(), Status::Partial);
    let host = FakeHost::new().denied("/log/a.log");
    assert_eq!(take(host, &["/log/*"], &[]).status(), Status::Denied);
}

#[test]
fn a_growing_file_is_read_to_where_it_was_and_a_hole_is_no_work() {
    let host = FakeHost::new().grows("/log/a").sparse("/log/b", 10 << 40, &[(0, b"start\n")]);
    let collected = take(host, &["/log/*"], &[]);
    assert_eq!(collected.bytes("log/a").len(), 64 * 1024);
    let hole = (10_u64 << 40) - 6;
    assert_eq!(collected.text("log/b"), format!("start\n[collect: hole of {hole} bytes]\n"));
    assert!(said(&collected, "`/log/b` has holes"));
    assert_eq!(collected.status(), Status::Complete);
}

#[test]
fn what_the_kernel_makes_up_is_entered_only_by_name() {
    let host = || {
        FakeHost::new()
            .file("/proc/1/status", "Name")
            .file("/opt/1/status", "fine")
            .special("/dev/x")
    };
    assert_eq!(take(host(), &["/*/1/status"], &[]).paths(), ["test/opt/1/status"]);
    assert_eq!(take(host(), &["/proc/*/status"], &[]).paths(), ["test/proc/1/status"]);
}

#[test]
fn the_size_is_known_without_opening_anything() {
    let host = FakeHost::new()
        .file_at("/log/a", "x".repeat(5000), minutes_ago(1))
        .file_at("/log/b", "x".repeat(5000), minutes_ago(100))
        .sparse("/log/c", 1 << 40, &[(0, &[b'x'; 6000])]);
    let set = FileSet::new(&["/log/*"], &[]).unwrap();
    let window = Window { since: Some(minutes_ago(10)), until: None };
    assert_eq!(set.size(&host, &window), 11_000);
    assert!(host.touched().is_empty());
}

/// A host on which a file is deleted between being seen and being opened.
struct Vanishing(FakeHost);

impl Host for Vanishing {
    fn now(&self) -> Timestamp {
        Host::now(&self.0)
    }
    fn uptime(&self) -> Duration {
        self.0.uptime()
    }
    fn zone(&self) -> TimeZone {
        self.0.zone()
    }
    fn info(&self, path: &Path) -> io::Result<FileInfo> {
        self.0.info(path)
    }
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.0.canonical(path)
    }
    fn link(&self, path: &Path) -> io::Result<PathBuf> {
        Host::link(&self.0, path)
    }
    fn entries(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.0.entries(dir)
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn HostFile>> {
        if path.ends_with("gone.log") {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.0.open(path)
    }
    fn kernel_log(&self) -> io::Result<Box<dyn Read + Send>> {
        Host::kernel_log(&self.0)
    }
    fn usage(&self, path: &Path) -> io::Result<Usage> {
        Host::usage(&self.0, path)
    }
    fn interfaces(&self) -> Vec<Interface> {
        self.0.interfaces()
    }
    fn network(&self, table: NetworkTable) -> io::Result<NetworkTables> {
        Host::network(&self.0, table)
    }
    fn spawn(&self, command: &CommandLine, deadline: &Deadline) -> io::Result<Box<dyn Process>> {
        self.0.spawn(command, deadline)
    }
    fn connect(&self, to: &Endpoint, deadline: &Deadline) -> io::Result<Box<dyn Connection>> {
        self.0.connect(to, deadline)
    }
    fn resolve(&self, name: &str, deadline: &Deadline) -> io::Result<Vec<IpAddr>> {
        self.0.resolve(name, deadline)
    }
}

#[test]
fn a_file_that_vanishes_is_noted_and_the_rest_goes_on() {
    let host = FakeHost::new().file("/log/gone.log", "x").file("/log/here.log", "here");
    let collected = Trial::of(Files::of(&["/log/*"], &[])).on(Vanishing(host));
    assert_eq!(collected.paths(), ["test/log/here.log"]);
    assert!(said(&collected, "`/log/gone.log` vanished"));
    assert_eq!(collected.status(), Status::Complete);
}

#[test]
fn on_a_real_host_a_hard_link_is_the_same_file_and_a_hole_takes_no_time() {
    let dir = tempfile::tempdir().unwrap();
    let root = std::fs::canonicalize(dir.path()).unwrap();
    std::fs::write(root.join("a.log"), "a").unwrap();
    std::fs::hard_link(root.join("a.log"), root.join("b.log")).unwrap();
    let sparse = std::fs::File::create(root.join("c.log")).unwrap();
    sparse.set_len(1 << 42).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, root.join("pipe.log"), rustix::fs::Mode::RUSR).unwrap();
    let pattern = format!("{}/*.log", root.display());
    let collected = Trial::of(Files::of(&[&pattern], &[])).on(Machine::new());
    let name = |name: &str| root.join(name).display().to_string();
    assert_eq!(collected.text(&name("a.log")), "a");
    assert_eq!(collected.paths().len(), 2);
    assert!(said(&collected, "pipe.log` is no regular file"));
    // A file system that knows no holes would have them read, up to the size limit.
    if std::os::unix::fs::MetadataExt::blocks(&sparse.metadata().unwrap()) == 0 {
        assert_eq!(collected.text(&name("c.log")), "[collect: hole of 4398046511104 bytes]\n");
    }
}

#[test]
fn what_the_kernel_makes_up_on_a_real_host_is_read_though_its_length_is_wrong() {
    let collected = Trial::of(Files::of(&["/proc/sys/kernel/osrelease"], &[])).on(Machine::new());
    assert!(!collected.text("/proc/sys/kernel/osrelease").is_empty());
    let path = "/sys/kernel/mm/transparent_hugepage/enabled";
    if std::fs::exists(path).unwrap() {
        let collected = Trial::of(Files::of(&[path], &[])).on(Machine::new());
        assert_eq!(collected.text(path), std::fs::read_to_string(path).unwrap());
        assert!(collected.notes().is_empty(), "{:?}", collected.notes());
    }
}

#[test]
fn nuls_beside_the_hole_of_a_sparse_log_belong_to_the_hole() {
    // A log that was emptied while its program wrote on: its first lines stand at the end of a block.
    let tail = [vec![0; 3000], b"after the hole\nlast\n".to_vec()].concat();
    let head = [b"before the hole\n".to_vec(), vec![0; 4080]].concat();
    let len = (1 << 20) + tail.len() as u64;
    let data = [(0, head.as_slice()), (1 << 20, tail.as_slice())];
    let host = FakeHost::new().sparse("/var/log/a.log", len, &data);
    let collected = take(host, &["/var/log/a.log"], &[]);
    let hole = len - b"before the hole\nafter the hole\nlast\n".len() as u64;
    assert_eq!(
        collected.text("/var/log/a.log"),
        format!("before the hole\n[collect: hole of {hole} bytes]\nafter the hole\nlast\n")
    );
    assert_eq!(collected.status(), Status::Complete);

    let lines = "a line of the log\n".repeat(10_000);
    let tail = [vec![0; 3000], lines.clone().into_bytes()].concat();
    let len = (1 << 20) + tail.len() as u64;
    let host = FakeHost::new().sparse("/var/log/a.log", len, &[(1 << 20, &tail)]);
    let collected = take_at_most(50_000, host, &["/var/log/a.log"]);
    assert!(collected.text("/var/log/a.log").ends_with("a line of the log\n"));
}

#[test]
fn nuls_within_the_data_of_a_sparse_file_stay() {
    let data = b"HOME=/\0PATH=/bin\0".as_slice();
    let host = FakeHost::new().sparse("/var/log/a", 4096 + data.len() as u64, &[(4096, data)]);
    let collected = take(host, &["/var/log/a"], &[]);
    let expected = [b"[collect: hole of 4096 bytes]\n".as_slice(), data].concat();
    assert_eq!(collected.bytes("/var/log/a"), expected);
}

#[test]
fn a_sparse_binary_file_that_is_kept_is_kept_with_its_holes() {
    let record = b"\x01\x02pts/0\0\0\0\0\0\0\0\0example.com\0\0\0\0".as_slice();
    let host = FakeHost::new().sparse("/var/log/lastlog", 20_000, &[(8192, record)]);
    let files = Files::of(&["/var/log/lastlog"], &[]);
    let collected = Trial::of(files).options(|options| options.binary = Binary::Keep).on(host);
    let bytes = collected.bytes("/var/log/lastlog");
    assert_eq!(bytes.len(), 20_000);
    assert_eq!(&bytes[8192..8192 + record.len()], record);
}
