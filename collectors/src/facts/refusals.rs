//! What this user is refused, and root would see.

use collect_core::{Output, host::Host};
use std::{io, path::Path};

/// Those of these files that are there and may not be opened; for a dry run.
pub(crate) fn refused(host: &dyn Host, paths: &[&str]) -> Vec<String> {
    let refused = paths.iter().filter(|path| is_refused(host, path.as_ref()));
    refused.map(|path| (*path).to_owned()).collect()
}

/// Whether a file is there and may not be opened.
pub(crate) fn is_refused(host: &dyn Host, path: &Path) -> bool {
    host.open(path).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// Notes once that several things below `source` are refused: how many and one of them.
pub(crate) fn note(out: &mut Output<'_>, source: &str, things: &str, refused: &[String]) {
    if let Some(first) = refused.first() {
        let text = format!("{things} refused: {}, such as `{first}`", refused.len());
        out.failed(source, &io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;

    #[test]
    fn what_is_missing_is_not_refused() {
        let host = FakeHost::new().denied("/proc/slabinfo").file("/proc/stat", "");
        assert_eq!(refused(&host, &["/proc/slabinfo", "/proc/stat", "/none"]), ["/proc/slabinfo"]);
    }
}
