use super::*;
use std::{
    io::{Seek, SeekFrom},
    sync::atomic::AtomicBool,
    thread,
};

fn path(path: &str) -> &Path {
    Path::new(path)
}

fn read(host: &FakeHost, at: &str) -> io::Result<String> {
    let mut text = String::new();
    host.open(path(at))?.read_to_string(&mut text)?;
    Ok(text)
}

const LONG: Duration = Duration::from_mins(1);

fn within(limit: Duration) -> Deadline {
    Deadline::after(limit, Arc::new(AtomicBool::new(false)))
}

#[test]
fn files_imply_their_directories() {
    let host = FakeHost::new()
        .file("/var/log/b.log", "b")
        .file("/var/log/a/x.log", "x")
        .file("/var/log.old", "old");
    assert_eq!(host.entries(path("/var")).unwrap().len(), 2);
    assert_eq!(
        host.entries(path("/var/log")).unwrap(),
        [path("/var/log/a"), path("/var/log/b.log")]
    );
    let kind = host.info(path("/var/log/a")).unwrap().kind;
    assert_eq!(kind, FileKind::Directory);
    let error = host.info(path("/var/lo")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    let error = host.entries(path("/var/log.old")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
}

#[test]
fn links_are_resolved_wherever_they_stand() {
    let host = FakeHost::new()
        .file("/data/logs/app.log", "text")
        .link("/var/log", "../data/logs")
        .link("/data/logs/current", "app.log")
        .link("/loop", "/loop");
    let current = path("/var/log/current");
    assert_eq!(host.canonical(current).unwrap(), path("/data/logs/app.log"));
    assert_eq!(Host::link(&host, current).unwrap(), path("app.log"));
    assert_eq!(host.info(current).unwrap().kind, FileKind::Link);
    assert_eq!(read(&host, "/var/log/app.log").unwrap(), "text");
    assert_eq!(
        host.info(path("/var/log/app.log")).unwrap().id,
        host.info(path("/data/logs/app.log")).unwrap().id
    );
    assert_eq!(host.entries(path("/var/log")).unwrap()[1], current);
    assert!(host.canonical(path("/loop")).is_err());
}

#[test]
fn only_regular_files_that_may_be_read_are_opened() {
    let host = FakeHost::new()
        .special("/fifo")
        .link("/link", "/fifo")
        .denied("/secret")
        .denied("/private")
        .file("/private/file", "");
    let kind = |at| read(&host, at).unwrap_err().kind();
    assert_eq!(kind("/fifo"), io::ErrorKind::InvalidInput);
    assert_eq!(kind("/link"), io::ErrorKind::InvalidInput);
    assert_eq!(kind("/"), io::ErrorKind::InvalidInput);
    assert_eq!(kind("/secret"), io::ErrorKind::PermissionDenied);
    assert_eq!(kind("/missing"), io::ErrorKind::NotFound);
    let error = host.entries(path("/private")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    assert_eq!(host.touched().len(), 5);
}

#[test]
fn a_growing_file_never_ends_but_its_length_stays() {
    let host = FakeHost::new().grows("/log");
    let mut file = host.open(path("/log")).unwrap();
    let read = io::copy(&mut file.by_ref().take(3 * GROWING), &mut io::sink());
    assert_eq!(read.unwrap(), 3 * GROWING);
    assert_eq!(file.info().unwrap().len, GROWING);
}

#[test]
fn a_sparse_file_has_holes_of_zeros() {
    let host = FakeHost::new().sparse("/db", 100, &[(10, b"abc"), (50, b"xyz")]);
    let mut file = host.open(path("/db")).unwrap();
    assert_eq!(file.data(0).unwrap(), Some(10..13));
    assert_eq!(file.data(12).unwrap(), Some(12..13));
    assert_eq!(file.data(13).unwrap(), Some(50..53));
    assert_eq!(file.data(53).unwrap(), None);
    file.seek(SeekFrom::Start(0)).unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len(), 100);
    assert_eq!(&bytes[8..14], b"\0\0abc\0");
    let info = host.info(path("/db")).unwrap();
    assert_eq!((info.len, info.allocated), (100, 6));
}

#[test]
fn what_hangs_is_let_go_when_the_test_ends() {
    let host = Arc::new(FakeHost::new().hangs("/nfs/file"));
    let release = host.release();
    let stuck = Arc::clone(&host);
    let reader = thread::spawn(move || read(&stuck, "/nfs/file").is_err());
    assert!(!host.gate.wait_for(Duration::ZERO));
    drop(release);
    assert!(reader.join().unwrap());
}

#[test]
fn commands_do_what_they_were_told() {
    let host = FakeHost::new()
        .command("uname -a", "Linux example\n")
        .command_fails("false", 1, "no\n")
        .command_denied("dmidecode")
        .command_hangs("stuck");
    let spawn = |line: &str, limit| host.spawn(&CommandLine::new(line.split(' ')), &within(limit));
    let long = Duration::from_mins(1);

    let mut process = spawn("uname -a", long).unwrap();
    assert_eq!(io::read_to_string(&mut process).unwrap(), "Linux example\n");
    assert_eq!(process.finish().unwrap().code, Some(0));

    let exit = spawn("false", long).unwrap().finish().unwrap();
    assert_eq!((exit.code, exit.stderr.as_slice()), (Some(1), &b"no\n"[..]));

    let kind = |line| spawn(line, long).err().unwrap().kind();
    assert_eq!(kind("dmidecode"), io::ErrorKind::PermissionDenied);
    assert_eq!(kind("unknown"), io::ErrorKind::NotFound);

    let mut process = spawn("stuck", Duration::from_millis(20)).unwrap();
    let error = process.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(host.touched().last().unwrap(), "$ stuck");
}

#[test]
fn services_do_what_they_were_told() {
    let [engine, shop] = ["/run/engine.sock", "/run/shop.sock"].map(|at| Endpoint::Unix(at.into()));
    let [web, slow] = [80, 81].map(|port| Endpoint::Tcp(([192, 0, 2, 1], port).into()));
    let host = FakeHost::new()
        .answers(&engine, "GET /", "not found")
        .answers(&engine, "GET /info", "its info")
        .answers_and_hangs(&engine, "GET /slow", "start")
        .answers_and_breaks(&engine, "GET /cut", "start")
        .service_refuses(&shop, io::ErrorKind::PermissionDenied)
        .service_hangs(&slow);
    let ask = |request: &str, limit: Duration| {
        let mut text = String::new();
        let mut connection = host.connect(&engine, &within(limit)).unwrap();
        connection.write_all(request.as_bytes()).unwrap();
        let end = connection.read_to_string(&mut text).map_err(|error| error.kind());
        (text, end.err())
    };
    assert_eq!(ask("GET /info HTTP/1.1\r\n\r\n", LONG), ("its info".into(), None));
    assert_eq!(ask("GET /other", LONG), ("not found".into(), None));
    assert_eq!(ask("POST", LONG), (String::new(), None));
    assert_eq!(ask("GET /cut", LONG).1, Some(io::ErrorKind::ConnectionReset));
    assert_eq!(ask("GET /slow", Duration::from_millis(200)).1, Some(io::ErrorKind::TimedOut));
    let kind =
        |to: &Endpoint| host.connect(to, &within(Duration::from_millis(200))).err().unwrap().kind();
    assert_eq!(kind(&shop), io::ErrorKind::PermissionDenied);
    assert_eq!(kind(&Endpoint::Unix("/run/other".into())), io::ErrorKind::NotFound);
    assert_eq!(kind(&web), io::ErrorKind::ConnectionRefused);
    assert_eq!(kind(&slow), io::ErrorKind::TimedOut);
    let touched = host.touched();
    assert_eq!(touched[..2], ["connect unix:/run/engine.sock", "> GET /info HTTP/1.1"]);
    assert_eq!(touched.last().unwrap(), "connect 192.0.2.1:81");
}

#[test]
fn names_are_known_unknown_or_never_answered() {
    let address = IpAddr::from([192, 0, 2, 7]);
    let host = FakeHost::new().name("db.example.com", &[address]).name_hangs("slow.example.com");
    let resolve = |name| Host::resolve(&host, name, &within(Duration::from_millis(200)));
    assert_eq!(resolve("db.example.com").unwrap(), [address]);
    assert_eq!(resolve("slow.example.com").unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert!(resolve("other.example.com").unwrap_err().to_string().contains("not known"));
}

#[test]
fn the_file_system_nearest_above_a_path_is_asked() {
    let size = |size| Usage { size, ..Usage::default() };
    let host = FakeHost::new().usage("/", size(1)).usage("/var", size(2));
    assert_eq!(Host::usage(&host, path("/etc/x")).unwrap().size, 1);
    assert_eq!(Host::usage(&host, path("/var/log")).unwrap().size, 2);
}

#[test]
fn the_kernel_log_may_be_missing_or_refused() {
    let kind = |host: FakeHost| Host::kernel_log(&host).err().unwrap().kind();
    assert_eq!(kind(FakeHost::new()), io::ErrorKind::NotFound);
    let denied = FakeHost::new().denied("/dev/kmsg").kernel_log("6,1,1,-;x");
    assert_eq!(kind(denied), io::ErrorKind::PermissionDenied);
}

#[test]
fn the_clock_stands_and_files_are_of_now() {
    let host = FakeHost::new().file("/file", "");
    assert_eq!(Host::now(&host).to_string(), "2026-01-02T03:04:05Z");
    assert_eq!(host.info(path("/file")).unwrap().modified, Some(NOW));
    let later = "2026-02-03T00:00:00Z".parse().unwrap();
    let host = host.now(later).file_at("/old", "", NOW);
    assert_eq!(host.info(path("/file")).unwrap().modified, Some(later));
    assert_eq!(host.info(path("/old")).unwrap().modified, Some(NOW));
}
