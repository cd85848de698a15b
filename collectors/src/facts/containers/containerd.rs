//! containerd, whose interface is gRPC: asked through `ctr`, which comes with it.

use crate::facts::{kernel_files::exists, text::Lines};
use collect_core::{
    CollectError, Output,
    host::{CommandLine, Endpoint},
};

/// Its socket.
pub(crate) const CONTAINERD: &str = "/run/containerd/containerd.sock";

/// Lists what it has, in each namespace.
pub(crate) fn list(out: &mut Output<'_>) -> Result<(), CollectError> {
    let connected = out.host().connect(&Endpoint::Unix(CONTAINERD.into()), out.deadline());
    if let Err(error) = connected {
        out.failed(CONTAINERD, &error);
        return Ok(());
    }
    if !["/usr/bin/ctr", "/usr/local/bin/ctr", "/bin/ctr"]
        .iter()
        .any(|path| exists(out.host(), path))
    {
        out.note("containerd runs, but `ctr`, which would list what it has, is not installed");
        return Ok(());
    }
    let ctr = |words: &[&str]| {
        CommandLine::new(["ctr", "--address", CONTAINERD].into_iter().chain(words.iter().copied()))
    };
    // What `ctr version` adds is an id of this host's containerd.
    out.command("containerd/version.txt", &CommandLine::new(["ctr", "--version"]))?;
    let list = ctr(&["namespaces", "list", "--quiet"]);
    let namespaces: Vec<_> = match out.host().spawn(&list, out.deadline()) {
        Ok(process) => Lines::new(process).collect(),
        Err(error) => {
            out.failed("$ ctr namespaces list", &error);
            return Ok(());
        }
    };
    let is_name = |name: &&String| {
        let safe = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
        !name.is_empty() && !name.starts_with(['-', '.']) && name.chars().all(safe)
    };
    for namespace in namespaces.iter().filter(is_name) {
        for what in ["containers", "tasks", "images"] {
            let list = ctr(&["--namespace", namespace, what, "list"]);
            out.command(&format!("containerd/{namespace}/{what}.txt"), &list)?;
        }
    }
    Ok(())
}
