//! Finds what a run has left running, however it hides: a process keeps the environment that it
//! was started with, whatever its parent, group or session.

use super::{Ended, Running};
use std::{
    fs,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// The name of an environment variable that marks the processes of one sandbox.
pub(crate) fn run_tag() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("COLLECT_TEST_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The command lines of the living processes that were started with the variable `tag`.
pub(crate) fn descendants_with(tag: &str) -> Vec<String> {
    let mark = format!("{tag}=").into_bytes();
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let folder = process.path();
        // Most are other users' or gone by now; a zombie has no environment.
        let Ok(environment) = fs::read(folder.join("environ")) else {
            continue;
        };
        if environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(&mark)) {
            let line = fs::read(folder.join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            found.push(format!("{}: {}", process.file_name().display(), line.trim_end()));
        }
    }
    found
}

/// Waits for the end of a run, and says what it took at its peak.
pub(crate) fn end_watched(running: Running) -> (Ended, u64) {
    let status = format!("/proc/{}/status", running.id());
    let mut peak = 0;
    // A process that has ended has no memory.
    while let Some(bytes) = peak_memory(&status) {
        peak = peak.max(bytes);
        std::thread::sleep(Duration::from_millis(5));
    }
    (running.end(), peak)
}

fn peak_memory(status: &str) -> Option<u64> {
    let status = fs::read_to_string(status).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes << 10)
}
