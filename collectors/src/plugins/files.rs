//! Copies files, chosen by patterns: logs and configuration.

use collect_core::{
    CollectError, Collector, FileSet, Invalid, Output, Window, files::Times, host::Host, register,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Copies files to the same paths in the bundle.
///
/// Newest files come first, by the time of their last change. Where `max-size` is too small for a
/// file, a quarter of the room is used for its beginning and the rest for its end; it is cut
/// between lines, and a line in it says how much is missing. Binary files are never cut: they are
/// taken whole or left out. Holes of sparse files are skipped. What is left out is named.
///
/// What is compressed (gzip, xz, zstd, bzip2) or in UTF-16 is stored as plain text, under its name
/// without the ending: `syslog.2.gz` as `syslog.2`. The members of a tar archive become entries below
/// its name. Where these do not fit, the beginning is kept.
///
/// Only files that were modified at or after `since` are taken, and of logs only the lines between
/// `since` and `until`: the time stamps of the usual formats are recognised by a file's first lines,
/// those without a zone are of the host's, and without a year, of the year before the last change. A
/// line without one, as of a stack trace, belongs to the line before. A line that may be in the window
/// is taken: at any time of its second if it says no fraction, at both times if the clock was set back
/// by an hour. A time of the future is taken as it is written. In large files the place is looked
/// up, not read up to; that is right where no line is more than five minutes older than one before
/// it, and where a clock was set back further and it is noticed, the whole file is read. A file
/// without such times is taken whole. What is compressed is cut to the window as well, before
/// `max-size` counts. The manifest says for each entry what time it covers.
///
/// A symbolic link to a file is followed only if its target, too, is among `paths`; a symbolic link
/// to a folder only where a path names it without a wildcard. FIFOs, sockets and devices are never
/// opened.
///
/// ```toml
/// [collect.product-logs]
/// use = "files"
/// paths = ["/var/log/komand/**/*.log*", "/etc/komand"]
/// exclude = ["*.pem"]
/// since = "24h"
/// max-size = "200MB"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Files {
    /// Absolute paths. `*` and `?` stand for characters of a name, `[a-z]` for one of a set, `**`
    /// for any number of folders. A folder stands for everything below it.
    paths: Vec<String>,
    /// What to leave out: absolute paths with the same wildcards, or, without a slash, names in any
    /// folder (`*.gz`). What is below such a folder is left out, too.
    exclude: Vec<String>,
    /// `lines`: of logs, lines of the time of interest are taken; or `file`: files are taken whole,
    /// by the time of their last change.
    times: Times,
}

register!("files" => Files as Collector);

impl Files {
    fn set(&self) -> Result<FileSet, Vec<Invalid>> {
        FileSet::new(&self.paths, &self.exclude).map(|set| set.times(self.times))
    }
}

impl Collector for Files {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let set = self.set().map_err(|wrong| {
            let messages: Vec<_> = wrong.into_iter().map(|invalid| invalid.message).collect();
            CollectError::Failed(messages.join("; "))
        })?;
        out.files(&set)
    }

    fn describe(&self) -> Option<String> {
        Some(self.paths.join(", "))
    }

    fn check(&self) -> Vec<Invalid> {
        if self.paths.is_empty() {
            return vec![Invalid {
                option: "paths",
                message: "no path is given".into(),
                help: Some(
                    r#"name what to copy, as in `paths = ["/var/log/product/*.log"]`"#.into(),
                ),
            }];
        }
        self.set().err().unwrap_or_default()
    }

    fn estimate(&self, host: &dyn Host, window: &Window) -> Option<u64> {
        self.set().ok().map(|set| set.size(host, window))
    }

    fn refused(&self, host: &dyn Host, window: &Window) -> Vec<String> {
        self.set().map(|set| set.refused(host, window)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::{FakeHost, Trial};

    #[test]
    fn files_are_copied_to_their_own_paths() {
        let files = Files { paths: vec!["/var/log/app/*.log".into()], ..Files::default() };
        let host = FakeHost::new().file("/var/log/app/a.log", "a").file("/var/log/app/b", "b");
        let collected = Trial::of(files).on(host);
        assert_eq!(collected.paths(), ["test/var/log/app/a.log"]);
    }

    #[test]
    fn what_only_root_may_read_is_named_before_anything_is_read() {
        let files = Files {
            paths: vec!["/etc/app".into(), "/var/log/*".into()],
            exclude: vec![],
            times: Times::default(),
        };
        let window = Window { since: None, until: None };
        let host = FakeHost::new().file("/etc/app/a", "a").denied("/etc/app/key");
        assert_eq!(files.refused(&host, &window), ["/etc/app/key"]);
        let many = (1..7).fold(FakeHost::new(), |host, n| host.denied(format!("/var/log/{n}")));
        assert_eq!(
            files.refused(&many, &window),
            ["/var/log/1", "/var/log/2", "/var/log/3", "3 more files"]
        );
        assert!(files.refused(&FakeHost::new(), &window).is_empty());
    }

    #[test]
    fn every_wrong_path_is_named_with_its_option() {
        let files = Files {
            paths: vec!["/var/log/*.log".into(), "logs/*.log".into()],
            exclude: vec!["/var/log/[".into(), "*.gz".into()],
            ..Files::default()
        };
        let wrong = files.check();
        let options: Vec<_> = wrong.iter().map(|invalid| invalid.option).collect();
        assert_eq!(options, ["paths", "exclude"]);
        assert!(wrong[0].message.contains("`logs/*.log`"));
    }

    #[test]
    fn a_step_without_paths_is_refused() {
        assert_eq!(Files::default().check()[0].option, "paths");
    }
}
