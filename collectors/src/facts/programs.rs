//! Programs that know what the kernel does not tell in files.

use super::kernel_files::exists;
use collect_core::{
    Output,
    host::{CommandLine, Host},
};
use std::io::{ErrorKind, Read};

/// What such a program says is a few pages; more is cut rather than taken into memory.
const LIMIT: u64 = 4 << 20;

const FOLDERS: [&str; 6] =
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"];

/// Whether a program is installed where the system's programs are.
pub(crate) fn installed(host: &dyn Host, program: &str) -> bool {
    FOLDERS.iter().any(|folder| exists(host, format!("{folder}/{program}")))
}

/// What a program writes to its standard output, whatever its exit code, for an entry that is made
/// of it. Nothing if it is not installed or writes nothing; other reasons are noted.
pub(crate) fn said<const N: usize>(out: &mut Output<'_>, argv: [&str; N]) -> Option<Vec<u8>> {
    let source = format!("$ {}", argv.join(" "));
    let mut said = Vec::new();
    let spawned = out.host().spawn(&CommandLine::new(argv), out.deadline());
    match spawned.and_then(|process| process.take(LIMIT).read_to_end(&mut said)) {
        Ok(0) => None,
        Ok(_) => Some(said),
        Err(error) => {
            if error.kind() != ErrorKind::NotFound {
                out.failed(&source, &error);
            }
            None
        }
    }
}
