//! Processes as a tree: who started whom.

use super::Process;
use crate::facts::command_lines::shortened;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

/// So much of a command line is shown: a tree is to be looked over.
const COMMAND_LENGTH: usize = 120;

/// Deeper trees are drawn as if they were this deep: a fork that went wild is a chain of thousands.
const DEEPEST: usize = 40;

/// Draws the tree: memory in MiB and share of the processor on the left, the processes by their ids
/// on the right. Of the kernel's own threads only their number is given.
pub(crate) fn tree(processes: &[Process]) -> String {
    let of_the_kernel = processes.iter().filter(|process| process.is_of_the_kernel()).count();
    let shown: Vec<_> = processes.iter().filter(|process| !process.is_of_the_kernel()).collect();
    let ids: BTreeSet<_> = shown.iter().map(|process| process.pid).collect();
    let mut children = BTreeMap::<u32, Vec<&Process>>::new();
    let mut waiting = Vec::new();
    for process in shown {
        if process.parent != process.pid && ids.contains(&process.parent) {
            children.entry(process.parent).or_default().push(process);
        } else {
            waiting.push((process, String::new(), String::new()));
        }
    }
    waiting.reverse();
    let mut tree = "    MEM   %CPU  S  PROCESS\n".to_owned();
    while let Some((process, branch, below)) = waiting.pop() {
        line(&mut tree, process, &branch);
        // Each is taken once, so that ids that were given anew while they were read make no circle.
        let mut children = children.remove(&process.pid).unwrap_or_default();
        let last = children.pop();
        let deep = below.chars().count() / 3 >= DEEPEST;
        let of = |child, branch: &str, more: &str| {
            let more = if deep { "" } else { more };
            (child, format!("{below}{branch}"), format!("{below}{more}"))
        };
        waiting.extend(last.map(|child| of(child, "└─ ", "   ")));
        waiting.extend(children.into_iter().rev().map(|child| of(child, "├─ ", "│  ")));
    }
    if of_the_kernel > 0 {
        writeln!(tree, "{:22}{of_the_kernel} threads of the kernel", "").expect("it is text");
    }
    tree
}

fn line(tree: &mut String, process: &Process, branch: &str) {
    let Process { pid, name, state, cpu_share, .. } = process;
    let memory = process.memory.resident as f64 / f64::from(1 << 20);
    let command = shortened(name, &process.arguments, COMMAND_LENGTH);
    let threads =
        if process.threads > 1 { format!(" ({} threads)", process.threads) } else { String::new() };
    writeln!(tree, "{memory:7.1}  {cpu_share:5.1}  {state}  {branch}{pid} {command}{threads}")
        .expect("a String takes every write");
}
