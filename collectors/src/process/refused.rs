//! What is refused, said once for each kind of thing rather than for each process.

use collect_core::Output;
use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    path::Path,
};

/// What was refused: by what it is, the first path, and of how many processes.
#[derive(Default)]
pub(crate) struct Refused(BTreeMap<&'static str, (String, usize)>);

impl Refused {
    /// Takes note of a refusal; nothing else is worth one, as the process has ended then.
    pub(crate) fn see(&mut self, what: &'static str, path: &Path, error: &io::Error) {
        if error.kind() == ErrorKind::PermissionDenied {
            self.0.entry(what).or_insert_with(|| (path.display().to_string(), 0)).1 += 1;
        }
    }

    /// Notes what was refused, if anything was.
    pub(crate) fn note(&self, out: &mut Output<'_>) {
        for (what, (path, count)) in &self.0 {
            let processes = if *count == 1 { "process" } else { "processes" };
            let text = format!("{what} of {count} {processes} of others may not be seen");
            out.failed(path, &io::Error::new(ErrorKind::PermissionDenied, text));
        }
    }
}
