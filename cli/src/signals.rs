//! What happens when the user, or the system, wants the run to end.
//!
//! While questions are asked no signal is caught: Ctrl-C ends the program at once, and what was
//! typed is saved already.

use rustix::process::{Pid, Signal, getpid, kill_process_group};
use signal_hook::{
    consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM},
    iterator::Signals,
};
use std::{
    fs, io,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Watches for signals from here on.
pub(crate) struct Watch {
    /// True once the run has to end.
    pub(crate) stop: Arc<AtomicBool>,
    unfinished: Arc<Mutex<Vec<PathBuf>>>,
}

impl Watch {
    /// The first signal asks the run to end, and a second one ends it.
    pub(crate) fn begin() -> io::Result<Self> {
        let (stop, unfinished) = (Arc::new(AtomicBool::new(false)), Arc::default());
        // Where SIGCHLD is ignored, as some parents leave it, the kernel takes away the exit codes
        // of commands. A handler, even one that does nothing, ends that.
        signal_hook::flag::register(SIGCHLD, Arc::default())?;
        let ignored = ignored_signals();
        let wanted = [SIGINT, SIGTERM, SIGHUP, SIGQUIT].into_iter();
        // `nohup` and shells that start something in the background mean what they ignore.
        let mut signals = Signals::new(wanted.filter(|signal| !is_ignored(ignored, *signal)))?;
        let watch = Self { stop: Arc::clone(&stop), unfinished: Arc::clone(&unfinished) };
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for _ in signals.forever() {
                if stop.swap(true, Ordering::Relaxed) {
                    leave(&unfinished);
                }
            }
        })?;
        Ok(watch)
    }

    /// Says which files are to be removed should the program end at once: each only if those before
    /// it were there, so that a bundle that is whole already keeps its record.
    pub(crate) fn remove_if_ended(&self, files: Vec<PathBuf>) {
        if let Ok(mut unfinished) = self.unfinished.lock() {
            *unfinished = files;
        }
    }

    /// Whether the run has to end.
    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Ends the program without a bundle and without debris.
#[expect(clippy::exit, reason = "the user asked twice")]
fn leave(unfinished: &Mutex<Vec<PathBuf>>) {
    remove(unfinished.lock().iter().flat_map(|files| files.iter()));
    end_commands();
    std::process::exit(i32::from(crate::exit::Exit::Stopped.code()));
}

fn remove<'f>(files: impl IntoIterator<Item = &'f PathBuf>) {
    _ = files.into_iter().try_for_each(fs::remove_file);
}

/// Kills the commands that still run: each is our child, and leads a process group of its own.
fn end_commands() {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    for id in ids {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // `ID (NAME) STATE PARENT GROUP …`, and the name may hold anything (proc_pid_stat(5)).
        let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(1);
        let mut number = || fields.next().and_then(|field| field.parse::<i32>().ok());
        let (parent, group) = (number(), number());
        if parent == Some(getpid().as_raw_nonzero().get())
            && group == Some(id)
            && let Some(group) = Pid::from_raw(id)
        {
            _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// The signals that whoever started us had ignored, as a mask (`SigIgn` of `proc_pid_status(5)`).
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

fn is_ignored(mask: u64, signal: i32) -> bool {
    mask >> (signal - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_parent_ignores_is_read_from_the_mask() {
        let mask = 1 << (SIGHUP - 1) | 1 << (SIGINT - 1);
        assert!(is_ignored(mask, SIGHUP) && is_ignored(mask, SIGINT));
        assert!(!is_ignored(mask, SIGTERM));
    }

    #[test]
    fn the_record_of_a_bundle_that_is_whole_already_is_not_removed() {
        let dir = tempfile::tempdir().unwrap();
        let [partial, record] = ["a.age.partial", "a.age.json"].map(|name| dir.path().join(name));
        fs::write(&record, "{}").unwrap();
        remove([&partial, &record]);
        assert!(record.exists());
        fs::write(&partial, "half").unwrap();
        remove([&partial, &record]);
        assert!(!partial.exists() && !record.exists());
    }
}
