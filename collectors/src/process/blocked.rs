//! Threads that wait in the kernel and cannot be interrupted: state `D`.

use super::{Process, Refused};
use crate::facts::kernel_files::{bytes, children, name, value};
use collect_core::host::{Deadline, Host};
use serde::Serialize;
use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

/// So many threads are looked at for one that is blocked.
const THREADS: u64 = 20_000;

/// A thread that is blocked.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Blocked {
    pid: u32,
    thread: u32,
    name: String,
    /// The function of the kernel that it waits in.
    waits_in: Option<String>,
    /// The stack in the kernel, innermost first; only root sees it.
    stack: Vec<String>,
}

/// The threads that are blocked, and the same as text.
pub(crate) fn blocked(
    host: &dyn Host,
    processes: &[Process],
    deadline: &Deadline,
    refused: &mut Refused,
) -> (Vec<Blocked>, String) {
    let mut left = THREADS;
    let mut blocked = Vec::new();
    for process in processes.iter().take_while(|_| !deadline.passed()) {
        for thread in blocked_threads(host, process, &mut left) {
            blocked.push(look(host, process, &thread, refused));
        }
    }
    let mut text = String::new();
    for Blocked { pid, thread, name, waits_in, stack } in &blocked {
        let place = waits_in.as_deref().unwrap_or("a place that is not known");
        writeln!(text, "{pid} {name}, thread {thread}, waits in {place}").expect("it is text");
        for frame in stack {
            writeln!(text, "    {frame}").expect("a String takes every write");
        }
    }
    (blocked, text)
}

/// The folders of the threads of a process that are blocked.
fn blocked_threads(host: &dyn Host, process: &Process, left: &mut u64) -> Vec<PathBuf> {
    if process.threads < 2 || process.threads > *left {
        return if process.state == 'D' { vec![process.folder()] } else { Vec::new() };
    }
    *left -= process.threads;
    let mut threads = children(host, process.folder().join("task"));
    threads.retain(|thread| {
        let stat = value(host, thread.join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('D'))
    });
    threads
}

fn look(host: &dyn Host, process: &Process, thread: &Path, refused: &mut Refused) -> Blocked {
    let path = thread.join("stack");
    let stack = bytes(host, &path).unwrap_or_else(|error| {
        refused.see("stacks in the kernel", &path, &error);
        Vec::new()
    });
    let stack = String::from_utf8_lossy(&stack);
    // `[<0>] function+0x12/0x34`
    let frames = stack.lines().map(|frame| frame.trim_start_matches("[<0>] ").to_owned());
    Blocked {
        pid: process.pid,
        thread: name(thread).parse().unwrap_or(process.pid),
        name: process.name.clone(),
        waits_in: value(host, thread.join("wchan")).filter(|place| place != "0"),
        stack: frames.collect(),
    }
}
