//! What goes wrong on hosts: a bundle comes out all the same, in time, and says what is missing.

use crate::kit::{Bundle, Collect, KeyPair, example, filler, needs, output, profile, skip};
use std::{
    fs,
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// The time limit of the runs here, and how much later they may end.
const LIMIT: Duration = Duration::from_secs(4);
const GRACE: Duration = Duration::from_secs(2);

/// A file that grows until this is dropped.
struct GrowingFile {
    stop: Arc<AtomicBool>,
    writer: Option<JoinHandle<()>>,
}

impl GrowingFile {
    fn at(path: std::path::PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&stop);
        let mut file = fs::File::create(path).unwrap();
        file.write_all(&vec![b'.'; 1 << 20]).unwrap();
        let writer = std::thread::spawn(move || {
            // At most 400 MB in all, if nobody stops it.
            for _ in 0..4000 {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                file.write_all("one more line of this log\n".repeat(4000).as_bytes()).unwrap();
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        Self { stop, writer: Some(writer) }
    }
}

impl Drop for GrowingFile {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(writer) = self.writer.take() {
            _ = writer.join();
        }
    }
}

#[test]
fn everything_that_can_hang_hangs_and_the_bundle_is_there_in_time() {
    needs!("age", "age-keygen", "tar", "xz", "setsid", "mkfifo");
    let collect = Collect::of(example("faulty-collectors"));
    let key = KeyPair::new();
    let stubborn = collect.write(
        "stubborn.sh",
        "trap '' TERM HUP INT\n\
         setsid sh -c 'trap \"\" TERM HUP INT; while :; do sleep 1; done' &\n\
         echo said before it hung\n\
         while :; do sleep 1; done\n",
    );
    fs::create_dir(collect.path("logs")).unwrap();
    let fifo = collect.path("logs/never.log");
    output("mkfifo", [&fifo]);
    let growing = GrowingFile::at(collect.path("logs/growing.log"));
    collect.write("logs/quiet.log", "a quiet line\n");
    let body = format!(
        "[limits]\ntime = \"{limit}s\"\n\
         [collect.stubborn]\nuse = \"command\"\nargv = [\"sh\", \"{stubborn}\"]\n\
         [collect.fifo]\nuse = \"command\"\nargv = [\"cat\", \"{fifo}\"]\n\
         [collect.panics]\nuse = \"panics\"\n\
         [collect.hangs]\nuse = \"hangs\"\n\
         [collect.logs]\nuse = \"files\"\npaths = [\"{logs}/*.log\"]\n",
        limit = LIMIT.as_secs(),
        stubborn = stubborn.display(),
        fifo = fifo.display(),
        logs = collect.path("logs").display(),
    );
    let profile = collect.write("shop.toml", profile(&key.recipient, &body));
    let ended = collect.gather(&profile).expect(3);
    collect.assert_nothing_runs();
    drop(growing);
    assert!(ended.took <= LIMIT + GRACE, "took {:?}", ended.took);

    let bundle = Bundle::open(&collect.bundle(), &key.file());
    assert_eq!(bundle.manifest["complete"], false);
    assert_eq!(bundle.status("stubborn"), "timed-out");
    assert_eq!(bundle.status("fifo"), "timed-out");
    assert_eq!(bundle.status("panics"), "panicked");
    assert_eq!(bundle.status("hangs"), "abandoned");
    let quiet = format!("logs{}", collect.path("logs/quiet.log").display());
    assert_eq!(bundle.text(&quiet), "a quiet line\n");
    let notes = bundle.step("logs")["notes"].to_string();
    assert!(notes.contains("never.log"), "the FIFO is named: {notes}");
    let entries = bundle.entries();
    assert!(!entries.iter().any(|entry| entry.ends_with("never.log")), "{entries:?}");
    assert!(
        entries.contains(&"panics/before.txt".to_owned()),
        "what came before the panic is kept: {entries:?}"
    );
    for step in ["stubborn", "fifo", "panics", "hangs"] {
        assert!(ended.stderr.contains(step), "`{step}`: {}", ended.stderr);
    }
}

#[test]
fn a_command_that_hangs_costs_only_its_own_time() {
    needs!("age", "age-keygen", "tar", "xz");
    let (collect, key) = (Collect::new(), KeyPair::new());
    let body = "[collect.slow]\nuse = \"command\"\ntimeout = \"1s\"\n\
                argv = [\"sh\", \"-c\", \"echo first; sleep 100\"]\n\
                [collect.os]\nuse = \"os\"\n";
    let profile = collect.write("shop.toml", profile(&key.recipient, body));
    let ended = collect.gather(&profile).expect(3);
    collect.assert_nothing_runs();
    assert!(ended.took < Duration::from_secs(10), "{:?}", ended.took);
    let bundle = Bundle::open(&collect.bundle(), &key.file());
    assert_eq!(bundle.status("slow"), "timed-out");
    assert_eq!(bundle.status("os"), "complete");
    let slow: Vec<_> =
        bundle.entries().into_iter().filter(|entry| entry.starts_with("slow/")).collect();
    assert_eq!(slow.len(), 1, "{slow:?}");
    assert_eq!(bundle.text(&slow[0]), "first\n");
}

#[test]
fn what_is_not_there_is_absent_and_no_fault() {
    needs!("age", "age-keygen", "tar", "xz");
    let (collect, key) = (Collect::new(), KeyPair::new());
    let body = format!(
        "[collect.none]\nuse = \"files\"\npaths = [\"{0}/no/such/*.log\"]\n\
         [collect.not-here]\nuse = \"os\"\nwhen = {{ path = \"{0}/no/such\" }}\n\
         [collect.no-program]\nuse = \"command\"\nargv = [\"no-such-program-here\"]\n",
        collect.path("").display()
    );
    let profile = collect.write("shop.toml", profile(&key.recipient, &body));
    collect.gather(&profile).expect(0);
    let bundle = Bundle::open(&collect.bundle(), &key.file());
    for step in ["none", "not-here", "no-program"] {
        assert_eq!(bundle.status(step), "absent", "{step}");
    }
}

/// Makes the output folder a file system of its own, of so many megabytes, in which nothing else
/// is. What is in it at the end is listed in the file `listing`; without that, none can be mounted.
fn with_a_small_disk(collect: &mut Collect, megabytes: u32) {
    let (out, listing) = (collect.out(), collect.path("listing"));
    collect.through(&format!(
        "exec unshare --user --map-root-user --mount sh -c '\n\
         mount -t tmpfs -o size={megabytes}m tmpfs {out} || exit 99\n\
         PROGRAM \"$@\"; code=$?; ls -A {out} > {listing}; exit $code' sh \"$@\"",
        out = out.display(),
        listing = listing.display()
    ));
}

#[test]
fn a_disk_with_too_little_room_is_said_before_anything_runs() {
    needs!("age-keygen", "unshare", "mount");
    let (mut collect, key) = (Collect::new(), KeyPair::new());
    let touched = collect.path("touched");
    let body = format!(
        "[collect.run]\nuse = \"command\"\nargv = [\"touch\", \"{}\"]\n",
        touched.display()
    );
    let profile = collect.write("shop.toml", profile(&key.recipient, &body));
    with_a_small_disk(&mut collect, 1);
    let ended = collect.gather(&profile);
    let Ok(left) = fs::read_to_string(collect.path("listing")) else {
        skip(&format!("no file system can be mounted here: {}", ended.stderr));
        return;
    };
    let ended = ended.expect(4);
    assert!(ended.stderr.contains("too little"), "{}", ended.stderr);
    assert_eq!(left, "");
    assert!(!touched.exists(), "nothing ran");
}

#[test]
fn a_disk_that_fills_up_leaves_a_smaller_bundle_or_one_message_and_no_debris() {
    needs!("age-keygen", "unshare", "mount");
    let (mut collect, key) = (Collect::new(), KeyPair::new());
    let log = collect.write("shop.log", filler(24 << 20));
    let body = format!(
        "[collect.ballast]\nuse = \"command\"\n\
         argv = [\"sh\", \"-c\", \"head -c 19000000 /dev/zero > {}/ballast\"]\n\
         [collect.logs]\nuse = \"files\"\npaths = [\"{}\"]\n",
        collect.out().display(),
        log.display()
    );
    let profile = collect.write("shop.toml", profile(&key.recipient, &body));
    with_a_small_disk(&mut collect, 20);
    let ended = collect.gather(&profile);
    let Ok(left) = fs::read_to_string(collect.path("listing")) else {
        skip(&format!("no file system can be mounted here: {}", ended.stderr));
        return;
    };
    let left: Vec<_> = left.lines().filter(|file| *file != "ballast").collect();
    match ended.code {
        Some(3) => assert!(left.len() == 1 && left[0].ends_with(".tar.xz.age"), "{left:?}"),
        Some(6) => assert!(left.is_empty(), "{left:?}"),
        _ => panic!("{:?}: {}", ended.code, ended.printed()),
    }
    assert!(ended.stderr.contains("no space left"), "{}", ended.stderr);
}

#[test]
fn an_output_folder_that_takes_nothing_is_said_in_one_message() {
    needs!("age-keygen");
    let (collect, key) = (Collect::new(), KeyPair::new());
    let profile =
        collect.write("shop.toml", profile(&key.recipient, "[collect.os]\nuse = \"os\"\n"));
    let mut arguments = collect.gathering(&profile);
    let at = arguments.iter().position(|argument| *argument == collect.out()).unwrap();
    // Nothing can be created there, not even by root.
    arguments[at] = "/proc/self".into();
    let ended = collect.run(arguments);
    assert!(
        ended.code.is_some_and(|code| ![0, 3, 70, 101].contains(&code)),
        "{:?}: {}",
        ended.code,
        ended.printed()
    );
    assert!(ended.stderr.contains("/proc/self"), "{}", ended.stderr);
    assert!(collect.bundles().is_empty());
}

#[test]
fn a_size_limit_is_kept_and_said() {
    needs!("age", "age-keygen", "tar", "xz");
    let (collect, key) = (Collect::new(), KeyPair::new());
    let log = collect.write("shop.log", filler(24 << 20));
    let body = format!(
        "[limits]\nsize = \"1MB\"\n[collect.os]\nuse = \"os\"\n\
         [collect.logs]\nuse = \"files\"\npaths = [\"{}\"]\n",
        log.display()
    );
    let profile = collect.write("shop.toml", profile(&key.recipient, &body));
    collect.gather(&profile).expect(3);
    let size = fs::metadata(collect.bundle()).unwrap().len();
    assert!(size <= 1_000_000, "{size} bytes");
    let bundle = Bundle::open(&collect.bundle(), &key.file());
    assert_eq!(bundle.manifest["stopped"], "size");
    assert_eq!(bundle.status("os"), "complete");
    assert_eq!(bundle.status("logs"), "truncated");
}
