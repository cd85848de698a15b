//! A host with thousands of processes and sockets, of which some end all the time: a run stays
//! within its limits.

use crate::kit::{Bundle, Collect, KeyPair, end_watched, needs, skip};
use std::{
    fs,
    io::{BufRead as _, BufReader, PipeWriter, Read as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

const PROCESSES: usize = 2000;

/// Sockets in all, and of each process that holds some: below the 1024 files that most may open.
const SOCKETS: usize = 10_000;
const SOCKETS_EACH: usize = 900;

/// What the profile may take on such a host, in a build that is not optimised, with the other tests
/// beside it.
const LIMIT: Duration = Duration::from_secs(20);

/// The profile's limit of memory.
const MEMORY: u64 = 256_000_000;

/// Tells a process of this test that it is to hold sockets.
const HOLDS: &str = "COLLECT_TEST_HOLDS_SOCKETS";

/// A crowd of processes and sockets. It ends with this, and also if the test is killed: all of them
/// wait for the end of a pipe.
struct Crowd {
    members: Vec<Child>,
    over: Arc<AtomicBool>,
    come_and_gone: Arc<AtomicUsize>,
    passers_by: Option<JoinHandle<()>>,
    _gate: PipeWriter,
}

impl Crowd {
    /// Nothing where so many processes may not be started.
    fn gather() -> Option<Self> {
        let (waits, gate) = std::io::pipe().unwrap();
        let mut crowd = Self {
            members: Vec::new(),
            over: Arc::default(),
            come_and_gone: Arc::default(),
            passers_by: None,
            _gate: gate,
        };
        for _ in 0..PROCESSES {
            let mut cat = Command::new("cat");
            match cat.stdin(waits.try_clone().unwrap()).stdout(Stdio::null()).spawn() {
                Ok(member) => crowd.members.push(member),
                Err(error) => {
                    skip(&format!("after {} processes: {error}", crowd.members.len()));
                    return None;
                }
            }
        }
        for _ in 0..SOCKETS.div_ceil(SOCKETS_EACH) {
            let mut holder = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "crowd::this_process_holds_sockets", "--nocapture"])
                .env(HOLDS, "yes")
                .stdin(waits.try_clone().unwrap())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let said = BufReader::new(holder.stdout.take().unwrap());
            crowd.members.push(holder);
            let ready = said.lines().map_while(Result::ok).any(|line| line.contains("are open"));
            assert!(ready, "the sockets are open");
        }
        let (over, gone) = (Arc::clone(&crowd.over), Arc::clone(&crowd.come_and_gone));
        crowd.passers_by = Some(std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let mut some: Vec<_> =
                    (0..20).filter_map(|_| Command::new("true").spawn().ok()).collect();
                gone.fetch_add(some.len(), Ordering::Relaxed);
                for one in &mut some {
                    _ = one.wait();
                }
            }
        }));
        Some(crowd)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(passers_by) = self.passers_by.take() {
            _ = passers_by.join();
        }
        for member in &mut self.members {
            _ = member.kill();
        }
        for member in &mut self.members {
            _ = member.wait();
        }
    }
}

/// What the crowd's processes with sockets do; on its own it is no test.
#[test]
fn this_process_holds_sockets() {
    if std::env::var_os(HOLDS).is_none() {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let pairs: Vec<_> = (0..SOCKETS_EACH / 2)
        .map(|_| (TcpStream::connect(address).unwrap(), listener.accept().unwrap()))
        .collect();
    println!("{} are open", pairs.len() * 2 + 1);
    _ = std::io::stdin().read(&mut [0]);
}

#[test]
fn a_host_with_thousands_of_processes_and_sockets_is_gathered_within_the_limits() {
    needs!("age", "age-keygen", "tar", "xz");
    let (collect, key) = (Collect::new(), KeyPair::new());
    let profile = collect.write(
        "shop.toml",
        format!(
            "product = \"Shop\"\nextends = [\"linux\"]\n[limits]\nmemory = \"{MEMORY}B\"\n\
             [encrypt]\nrecipients = [\"{}\"]\n",
            key.recipient
        ),
    );
    let Some(crowd) = Crowd::gather() else {
        return;
    };
    let before = crowd.come_and_gone.load(Ordering::Relaxed);
    let (ended, peak) = end_watched(collect.start(collect.gathering(&profile)));
    let come_and_gone = crowd.come_and_gone.load(Ordering::Relaxed) - before;
    drop(crowd);
    assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.printed());
    assert!(ended.took < LIMIT, "it took {:?}", ended.took);
    assert!(peak < MEMORY, "it took {peak} bytes of memory");
    assert!(come_and_gone > 100, "only {come_and_gone} processes came and went");

    let bundle = Bundle::open(&collect.bundle(), &key.file());
    for step in bundle.manifest["steps"].as_array().unwrap() {
        let status = step["status"].as_str().unwrap();
        // Truncated are logs, of a host with many.
        let right = ["complete", "partial", "denied", "absent", "truncated"].contains(&status);
        assert!(right, "{step:#}");
        for note in step["notes"].as_array().into_iter().flatten() {
            assert_ne!(note["kind"], "failed", "{step:#}");
        }
    }
    let processes: serde_json::Value =
        serde_json::from_str(&bundle.text("processes/processes.json")).unwrap();
    let cats = processes.as_array().unwrap().iter().filter(|process| process["name"] == "cat");
    assert!(cats.count() >= PROCESSES);
    let tree = bundle.text("processes/tree.txt");
    assert!(tree.lines().filter(|line| line.ends_with(" cat")).count() >= PROCESSES);
    let sockets = bundle.text("sockets/connections.txt");
    let own = sockets.lines().filter(|line| line.contains("127.0.0.1:"));
    assert!(own.count() >= SOCKETS, "{}", sockets.lines().count());
    let size = fs::metadata(collect.bundle()).unwrap().len();
    assert!(size < 20_000_000, "{size} bytes");
    println!("took {:?}, {peak} bytes of memory, {size} bytes", ended.took);
}
