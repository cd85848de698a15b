use super::*;
use crate::host::family::is_alive;
use std::{
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

const LONG: Duration = Duration::from_mins(1);

fn within(limit: Duration) -> Deadline {
    Deadline::after(limit, Arc::new(AtomicBool::new(false)))
}

fn shell(script: &str) -> Box<Running> {
    start(&CommandLine::new(["sh", "-c", script]), &within(LONG))
}

fn start(command: &CommandLine, deadline: &Deadline) -> Box<Running> {
    Box::new(spawn(command, deadline).unwrap())
}

fn output(running: &mut Running) -> String {
    let mut text = String::new();
    running.read_to_string(&mut text).unwrap();
    text
}

/// Whether something takes much less than what it would wait for.
fn quickly<T>(act: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = act();
    let time = start.elapsed();
    assert!(time < LONG / 4, "took {time:?}");
    result
}

#[test]
fn a_command_gives_its_output_and_how_it_ended() {
    let mut running = shell("echo out; echo err >&2; exit 3");
    assert_eq!(output(&mut running), "out\n");
    let exit = running.finish().unwrap();
    assert_eq!(exit.code, Some(3));
    assert_eq!(exit.signal, None);
    assert_eq!(exit.stderr, b"err\n");
}

#[test]
fn the_signal_that_ended_a_command_is_told() {
    let mut running = shell("kill -ABRT $$");
    assert_eq!(output(&mut running), "");
    let exit = running.finish().unwrap();
    assert_eq!((exit.code, exit.signal), (None, Some(6)));
}

#[test]
fn a_command_runs_at_the_root_in_english_with_no_input() {
    let mut running = shell("pwd; echo $LC_ALL; cat; readlink /proc/self/fd/0");
    assert_eq!(output(&mut running), "/\nC\n/dev/null\n");
}

#[test]
fn environment_and_directory_are_as_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().canonicalize().unwrap();
    let command = CommandLine {
        env: vec![("LC_ALL".into(), "POSIX".into()), ("WORD".into(), "x".into())],
        dir: Some(dir.clone()),
        ..CommandLine::new(["sh", "-c", "pwd; echo $LC_ALL $WORD"])
    };
    let text = output(&mut start(&command, &within(LONG)));
    assert_eq!(text, format!("{}\nPOSIX x\n", dir.display()));
}

#[test]
fn a_program_that_does_not_exist_is_not_found() {
    let error = spawn(&CommandLine::new(["no-such-program"]), &within(LONG)).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_program_that_may_not_be_run_is_denied() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(file.path(), mode).unwrap();
    let command = CommandLine::new([file.path().to_str().unwrap()]);
    let error = spawn(&command, &within(LONG)).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
}

#[test]
fn a_missing_directory_is_named() {
    let command =
        CommandLine { dir: Some("/no/such/directory".into()), ..CommandLine::new(["true"]) };
    let error = spawn(&command, &within(LONG)).err().unwrap();
    assert!(error.to_string().contains("/no/such/directory"), "{error}");
}

#[test]
fn nothing_is_started_after_the_deadline() {
    let command = CommandLine::new(["true"]);
    let error = spawn(&command, &within(Duration::ZERO)).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[test]
fn ten_megabytes_are_read_whole() {
    let mut bytes = Vec::new();
    let mut running = shell("head -c 10000000 /dev/zero");
    running.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len(), 10_000_000);
    assert_eq!(running.finish().unwrap().code, Some(0));
}

#[test]
fn a_flood_on_standard_error_blocks_nobody_and_its_start_is_kept() {
    let mut running = shell("echo first >&2; head -c 3000000 /dev/zero >&2; echo done");
    assert_eq!(output(&mut running), "done\n");
    let exit = running.finish().unwrap();
    assert_eq!(exit.stderr.len(), STDERR);
    assert!(exit.stderr.starts_with(b"first\n"));
}

#[test]
fn a_read_ends_at_the_deadline_and_gives_what_came_before_it() {
    let command = CommandLine::new(["sh", "-c", "echo early; exec sleep 60"]);
    let mut running = start(&command, &within(Duration::from_millis(150)));
    let mut text = String::new();
    let error = quickly(|| running.read_to_string(&mut text).unwrap_err());
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(text, "early\n");
    assert_eq!(running.finish().unwrap_err().kind(), io::ErrorKind::TimedOut);
}

#[test]
fn a_command_that_never_stops_writing_ends_at_the_deadline() {
    let mut running = start(&CommandLine::new(["yes"]), &within(Duration::from_millis(50)));
    let error = quickly(|| io::copy(&mut running, &mut io::sink()).unwrap_err());
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

/// Reads lines that are process numbers.
fn numbers(lines: &mut impl BufRead, count: usize) -> Vec<String> {
    let mut found = Vec::new();
    for _ in 0..count {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        found.push(line.trim().to_owned());
    }
    found
}

/// A command that resists: with a child in a session of its own, and one that also hides the
/// variable it would be known by, all deaf to SIGTERM. Each writes its number.
const STUBBORN: &str = r#"
    trap "" TERM
    setsid sh -c 'echo $$; while :; do sleep 60; done' &
    env -i setsid sh -c 'trap "" TERM; echo $$; while :; do sleep 60; done' &
    (setsid sh -c 'echo $$; while :; do sleep 60; done' &)
    echo $$
    while :; do sleep 60; done
"#;

#[test]
fn a_stubborn_command_is_gone_with_all_its_descendants_when_the_run_is_stopped() {
    let stop = Arc::new(AtomicBool::new(false));
    let deadline = Deadline::after(LONG, Arc::clone(&stop));
    let mut running = start(&CommandLine::new(["sh", "-c", STUBBORN]), &deadline);
    let mut lines = BufReader::new(&mut *running);
    let numbers = numbers(&mut lines, 4);
    assert!(numbers.iter().all(|pid| is_alive(pid)), "{numbers:?}");
    stop.store(true, Ordering::Relaxed);
    let error = quickly(|| lines.read_line(&mut String::new()).unwrap_err());
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    let left: Vec<_> = numbers.iter().filter(|pid| is_alive(pid)).collect();
    assert!(left.is_empty(), "{left:?} of {numbers:?}");
}

#[test]
fn a_dropped_command_is_gone_with_all_its_descendants() {
    let mut running = shell(STUBBORN);
    let numbers = numbers(&mut BufReader::new(&mut *running), 4);
    quickly(|| drop(running));
    assert!(!numbers.iter().any(|pid| is_alive(pid)), "{numbers:?}");
}

#[test]
fn a_deaf_descendant_is_not_forgotten_when_its_parent_obeys() {
    let mut running = shell(
        r#"
        env -i setsid sh -c 'trap "" TERM; echo $$; while :; do sleep 60; done' &
        exec sleep 60
        "#,
    );
    let numbers = numbers(&mut BufReader::new(&mut *running), 1);
    quickly(|| drop(running));
    assert!(!is_alive(&numbers[0]), "{numbers:?}");
}

#[test]
fn a_descendant_that_holds_the_output_open_does_not_hold_it_up() {
    let mut running = shell("setsid sleep 60 & echo $!");
    let text = quickly(|| output(&mut running));
    let exit = quickly(|| running.finish().unwrap());
    assert_eq!(exit.code, Some(0));
    assert!(!is_alive(text.trim()));
}

#[test]
fn a_descendant_that_goes_on_writing_does_not_hold_it_up() {
    let mut running = shell("yes & exit 0");
    quickly(|| io::copy(&mut running, &mut io::sink()).unwrap());
    assert_eq!(running.finish().unwrap().code, Some(0));
}

#[test]
fn a_command_that_closed_its_output_is_waited_for() {
    let command = CommandLine::new(["sh", "-c", "exec >&- 2>&-; sleep 0.1; exit 4"]);
    let mut running = start(&command, &within(LONG));
    assert_eq!(output(&mut running), "");
    assert_eq!(running.finish().unwrap().code, Some(4));
}

#[test]
fn a_command_whose_output_is_no_longer_wanted_ends() {
    let mut running = start(&CommandLine::new(["yes"]), &within(LONG));
    running.read_exact(&mut [0; 100]).unwrap();
    let exit = quickly(|| running.finish().unwrap());
    assert_eq!(exit.signal, Some(13));
}

#[test]
fn system_programs_are_found_by_ordinary_users() {
    let path = search_path(Some("/usr/bin:/usr/sbin".into()));
    assert_eq!(
        path.unwrap(),
        "/usr/bin:/usr/sbin:/usr/local/sbin:/sbin",
        "what was there stays first"
    );
    let whole = "/usr/local/sbin:/usr/sbin:/sbin";
    assert_eq!(search_path(Some(whole.into())), None);
    assert_eq!(search_path(None), None);
}
