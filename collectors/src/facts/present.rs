//! Files of which any one host has only some.

use super::kernel_files::{children, exists};
use collect_core::{CollectError, Output, host::FileKind};
use std::{io::ErrorKind, path::PathBuf};

/// Copies those of these files that there are. A path with `/` at its end is a folder: the regular
/// files and links in it are copied, not what is further below. A refusal is noted.
pub(crate) fn copy(out: &mut Output<'_>, paths: &[&str]) -> Result<(), CollectError> {
    let host = out.host();
    for path in paths {
        let Some(folder) = path.strip_suffix('/') else {
            if exists(host, path) {
                out.file(path)?;
            }
            continue;
        };
        for file in children(host, folder) {
            let info = host.info(&file);
            if info.is_ok_and(|info| matches!(info.kind, FileKind::Regular | FileKind::Link)) {
                out.file(file)?;
            }
        }
    }
    Ok(())
}

/// The text of a file without the white space around it, if there is any. A refusal is noted; that
/// there is no such file is not.
pub(crate) fn text(out: &mut Output<'_>, path: &str) -> Result<Option<String>, CollectError> {
    match out.host().info(path.as_ref()) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            out.failed(path, &error);
            return Ok(None);
        }
        Ok(_) => {}
    }
    let text = out.read(path)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    Ok((!text.is_empty()).then_some(text))
}

/// The paths in a folder. A refusal is noted; that there is no such folder is not.
pub(crate) fn entries(out: &mut Output<'_>, folder: &str) -> Vec<PathBuf> {
    match out.host().entries(folder.as_ref()) {
        Ok(entries) => entries,
        Err(error) => {
            if error.kind() != ErrorKind::NotFound {
                out.failed(folder, &error);
            }
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        Collector,
        bundle::Status,
        testkit::{FakeHost, Trial},
    };

    struct Some;

    impl Collector for Some {
        fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
            out.text("made.txt", "here\n")?;
            copy(out, &["/etc/a.conf", "/etc/none.conf", "/etc/a.d/", "/etc/none.d/"])
        }
    }

    #[test]
    fn what_is_there_is_copied_and_what_is_not_leaves_no_note() {
        let host = FakeHost::new()
            .file("/etc/a.conf", "a\n")
            .file("/etc/a.d/1.conf", "one\n")
            .file("/etc/a.d/deep/2.conf", "two\n")
            .special("/etc/a.d/fifo");
        let collected = Trial::of(Some).on(host);
        assert_eq!(collected.paths(), ["test/etc/a.conf", "test/etc/a.d/1.conf", "test/made.txt"]);
        assert_eq!(collected.notes(), [""; 0]);
    }

    #[test]
    fn a_refusal_is_noted() {
        let collected = Trial::of(Some).on(FakeHost::new().denied("/etc/a.conf"));
        assert_eq!(collected.status(), Status::Partial);
    }
}
