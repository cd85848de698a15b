//! Settings that differ from what their packages shipped.

use crate::facts::{
    kernel_files::exists,
    listing,
    packages::{
        rpm,
        shipped::{self, Shipped},
    },
    text::Lines,
};
use collect_core::{
    CollectError, Collector, Invalid, Output, Window,
    host::{Deadline, FileKind, Host},
    register,
    units::Size,
};
use jiff::Timestamp;
use md5::{Digest, Md5};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use similar::TextDiff;
use std::{
    fmt::Write,
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Settings that were changed.
///
/// `files` lists what below `folders` is no longer as its package shipped it: `changed`, `missing`,
/// or `denied` if it may not be read; size in bytes, when it was changed, and the package. Of each
/// changed file, `diffs` has what was changed, where the package's version lies beside it
/// (`*.dpkg-dist`, `*.ucf-dist`, `*.rpmnew`, `*.pacnew`; else the one before: `*.dpkg-old`,
/// `*.rpmsave`, …); otherwise the file itself is taken. Files that hold keys and passwords by their
/// nature, such as `/etc/shadow`, are only listed.
///
/// By the digests that dpkg (`Conffiles` in `/var/lib/dpkg/status`, `/var/lib/dpkg/info/*.md5sums`),
/// `ucf(1)` and pacman keep; rpm is asked by `rpm -Va`. As an ordinary user, files that only root may
/// read are `denied`.
///
/// ```toml
/// [collect.changed-settings]
/// use = "config-diff"
/// folders = ["/etc/nginx", "/etc/postgresql"]
/// max-file = "1MB"
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct ConfigDiff {
    /// Where files are looked at.
    folders: Vec<String>,
    /// Whether to take what was changed, beside the list.
    content: bool,
    /// Longer files are only listed.
    max_file: Size,
}

impl Default for ConfigDiff {
    fn default() -> Self {
        Self { folders: vec!["/etc".to_owned()], content: true, max_file: Size(100_000) }
    }
}

register!("config-diff" => ConfigDiff as Collector);

/// What is behind the name of the package's own version, which stands beside a changed file.
const SHIPPED: [&str; 6] =
    [".dpkg-dist", ".dpkg-new", ".ucf-dist", ".ucf-new", ".rpmnew", ".pacnew"];

/// What is behind the name of the version before.
const BEFORE: [&str; 6] =
    [".dpkg-old", ".dpkg-bak", ".ucf-old", ".rpmsave", ".rpmorig", ".pacsave"];

/// Names, and ends of names, of files that hold nothing but keys and passwords.
const SECRET: [&str; 9] =
    ["shadow", "shadow-", ".key", "_key", ".keytab", "auth.conf", ".pgpass", "secrets", ".netrc"];

/// What a private key begins with.
const PRIVATE_KEY: &[u8] = b"PRIVATE KEY-----";

/// Lines around what was changed.
const AROUND: usize = 3;

/// How long two texts are compared until it is done by halves.
const COMPARING: Duration = Duration::from_secs(2);

/// So much at a time is digested.
const PIECE: usize = 64 << 10;

/// How long a dry run looks for what it is refused.
const LOOK: Duration = Duration::from_secs(1);

/// A file that differs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Differing {
    path: String,
    /// `changed`, `missing`, `denied`, or `attributes` if only owner, mode or the like differ.
    state: &'static str,
    package: Option<String>,
    /// Whether it is one of the package's settings, which are meant to be changed.
    setting: bool,
    /// Whether the package does not ship it any more.
    obsolete: bool,
    size: Option<u64>,
    modified: Option<Timestamp>,
    /// Versions that lie beside it.
    beside: Vec<String>,
    /// Who knows what was shipped.
    by: &'static str,
}

impl Collector for ConfigDiff {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let shipped = shipped::files(out.host(), &self.folders, out.deadline());
        let has_rpm = rpm::is_there(out.host());
        if shipped.is_empty() && !has_rpm {
            out.absent("package databases", "no package of dpkg, rpm or pacman ships files there");
            return Ok(());
        }
        let count = shipped.len();
        let mut files = Vec::new();
        for (path, shipped) in shipped {
            files.extend(differing(out.host(), &path, shipped, out.deadline()));
            if out.deadline().passed() {
                break;
            }
        }
        if has_rpm {
            self.ask_rpm(out, &mut files);
        }
        out.note(&format!(
            "{count} files were compared with what dpkg, ucf or pacman know of them"
        ));
        let denied: Vec<_> = files.iter().filter(|file| file.state == "denied").collect();
        if let Some(first) = denied.first() {
            let text = format!("{} files may not be read; they are in the list", denied.len());
            out.failed(&first.path, &io::Error::new(ErrorKind::PermissionDenied, text));
        }
        listing::write(out, "files", ["state", "path", "package", "size", "modified"], &files)?;
        if self.content {
            files.iter().try_for_each(|file| self.take(out, file))?;
        }
        Ok(())
    }

    fn check(&self) -> Vec<Invalid> {
        let wrong = self.folders.iter().filter(|folder| !folder.starts_with('/'));
        wrong
            .map(|folder| Invalid {
                option: "folders",
                message: format!("`{folder}` is not an absolute path"),
                help: None,
            })
            .collect()
    }

    fn refused(&self, host: &dyn Host, _: &Window) -> Vec<String> {
        let deadline = Deadline::after(LOOK, Arc::default());
        let files = shipped::files(host, &self.folders, &deadline).into_keys();
        let files = files.take_while(|_| !deadline.passed());
        let is_refused = |path: &String| {
            let opened = host.canonical(Path::new(path)).and_then(|path| host.open(&path));
            opened.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
        };
        files.filter(is_refused).collect()
    }
}

/// The file if it is not as it was shipped.
fn differing(
    host: &dyn Host,
    path: &str,
    shipped: Shipped,
    deadline: &Deadline,
) -> Option<Differing> {
    let state = match digest(host, path, deadline) {
        Ok(digest) if digest == shipped.digest => return None,
        Ok(_) => "changed",
        Err(error) if error.kind() == ErrorKind::PermissionDenied => "denied",
        Err(error) if error.kind() == ErrorKind::NotFound => "missing",
        // Replaced by a folder or a device, or unreadable for another reason.
        Err(error) if error.kind() == ErrorKind::InvalidInput => "changed",
        Err(_) => return None,
    };
    // Gone with the package that it belonged to.
    if shipped.obsolete && state == "missing" {
        return None;
    }
    Some(Differing {
        package: shipped.package,
        setting: shipped.is_setting,
        obsolete: shipped.obsolete,
        by: shipped.by,
        ..seen(host, path, state)
    })
}

fn seen(host: &dyn Host, path: &str, state: &'static str) -> Differing {
    let info = host.canonical(Path::new(path)).and_then(|path| host.info(&path)).ok();
    let beside = SHIPPED.iter().chain(&BEFORE).map(|end| format!("{path}{end}"));
    Differing {
        path: path.to_owned(),
        state,
        package: None,
        setting: true,
        obsolete: false,
        size: info.map(|info| info.len),
        modified: info.and_then(|info| info.modified),
        beside: beside.filter(|path| exists(host, path)).collect(),
        by: "rpm",
    }
}

fn digest(host: &dyn Host, path: &str, deadline: &Deadline) -> io::Result<String> {
    let mut file = host.open(&host.canonical(Path::new(path))?)?;
    let mut digest = Md5::new();
    let mut piece = vec![0; PIECE];
    loop {
        if deadline.passed() {
            return Err(ErrorKind::TimedOut.into());
        }
        let length = file.read(&mut piece)?;
        if length == 0 {
            break;
        }
        digest.update(&piece[..length]);
    }
    let mut hexadecimal = String::new();
    for byte in digest.finalize() {
        write!(hexadecimal, "{byte:02x}").expect("a String takes every write");
    }
    Ok(hexadecimal)
}

impl ConfigDiff {
    /// Asks rpm which settings differ.
    fn ask_rpm(&self, out: &mut Output<'_>, files: &mut Vec<Differing>) {
        const SOURCE: &str = "$ rpm -Va";
        let process = match out.host().spawn(&rpm::verify(), out.deadline()) {
            Ok(process) => process,
            Err(error) => return out.failed(SOURCE, &error),
        };
        let mut process = process;
        for line in Lines::new(&mut process) {
            let Some((state, path)) = rpm::differing(&line) else {
                continue;
            };
            if shipped::is_below(path, &self.folders) {
                files.push(seen(out.host(), path, state));
            }
        }
        // It ends with an error where anything differs: that says nothing.
        if let Err(error) = process.finish() {
            out.failed(SOURCE, &error);
        }
    }

    /// Takes what was changed in a file.
    fn take(&self, out: &mut Output<'_>, file: &Differing) -> Result<(), CollectError> {
        let is_regular = || {
            let real = out.host().canonical(Path::new(&file.path));
            let info = real.and_then(|real| out.host().info(&real));
            info.is_ok_and(|info| info.kind == FileKind::Regular)
        };
        if file.state != "changed" || is_secret(&file.path) || !is_regular() {
            return Ok(());
        }
        if file.size.is_some_and(|size| size > self.max_file.0) {
            out.truncated(&file.path, "left out: it is longer than `max-file`");
            return Ok(());
        }
        let Some(now) = self.read(out, Path::new(&file.path)) else {
            return Ok(());
        };
        let Some(other) = file.beside.first() else {
            return out.file(&file.path);
        };
        let Some(other_text) = self.read(out, Path::new(other)) else {
            return out.file(&file.path);
        };
        let redaction = out.redaction();
        // What the lines around a secret say of it is lost between the lines of a comparison.
        let (from, to) = (redaction.text(&other_text), redaction.text(&now));
        let mut diff = TextDiff::configure();
        let diff = diff.timeout(COMPARING).diff_lines(&from, &to);
        let mut unified = diff.unified_diff();
        let text = unified.context_radius(AROUND).header(other, &file.path).to_string();
        out.text(&format!("diffs{}.diff", file.path), &text)
    }

    /// The text of a file that is no private key.
    fn read(&self, out: &mut Output<'_>, path: &Path) -> Option<String> {
        let host = out.host();
        let mut bytes = Vec::new();
        let opened = host.canonical(path).and_then(|path: PathBuf| host.open(&path));
        match opened.and_then(|file| file.take(self.max_file.0).read_to_end(&mut bytes)) {
            Ok(_) => {}
            Err(error) => {
                out.failed(&path.display().to_string(), &error);
                return None;
            }
        }
        let is_key = memchr::memmem::find(&bytes, PRIVATE_KEY).is_some();
        (!is_key).then(|| String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn is_secret(path: &str) -> bool {
    SECRET.iter().any(|end| path.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{Collected, FakeHost, Trial},
    };

    /// `printf 'open = 9\n' | md5sum`
    const DIGEST: &str = "7a3aa99a3580d5108c640e1593916e7c";

    fn host() -> FakeHost {
        let names = ["same", "changed", "kept", "missing", "denied", "shadow", "pair"];
        let files = names.map(|name| format!(" /etc/{name} {DIGEST}\n"));
        let status = format!(
            "Package: shop\nStatus: install ok installed\nConffiles:\n{} /etc/old {DIGEST} obsolete\n",
            files.concat()
        );
        FakeHost::new()
            .file("/var/lib/dpkg/status", &status)
            .file("/etc/same", "open = 9\n")
            .file("/etc/changed", "open = 8\n")
            .file("/etc/kept", "a\nopen = 8\n")
            .file("/etc/kept.dpkg-dist", "a\nopen = 10\n")
            .file("/etc/shadow", "root:made-up\n")
            .file("/etc/pair", "-----BEGIN RSA PRIVATE KEY-----\nmade-up\n")
            .denied("/etc/denied")
    }

    fn state(collected: &Collected, path: &str) -> Option<String> {
        let files: serde_json::Value = serde_json::from_str(collected.text("files.json")).unwrap();
        let file = files.as_array()?.iter().find(|file| file["path"] == path)?;
        file["state"].as_str().map(str::to_owned)
    }

    #[test]
    fn what_differs_is_listed() {
        let collected = Trial::of(ConfigDiff::default()).on(host());
        for (path, expected) in [
            ("/etc/same", None),
            ("/etc/changed", Some("changed")),
            ("/etc/missing", Some("missing")),
            ("/etc/denied", Some("denied")),
            ("/etc/old", None),
        ] {
            assert_eq!(state(&collected, path).as_deref(), expected, "{path}");
        }
        assert!(collected.notes().iter().any(|note| note.starts_with("Denied /etc/denied")));
        assert_eq!(ConfigDiff::default().refused(&host(), &Window::default()), ["/etc/denied"]);
    }

    #[test]
    fn a_changed_file_is_taken_or_compared_with_what_lies_beside_it() {
        let collected = Trial::of(ConfigDiff::default()).on(host());
        assert_eq!(collected.text("/etc/changed"), "open = 8\n");
        assert_eq!(
            collected.text("diffs/etc/kept.diff"),
            "--- /etc/kept.dpkg-dist\n+++ /etc/kept\n@@ -1,2 +1,2 @@\n a\n-open = 10\n+open = 8\n"
        );
        assert!(!collected.paths().contains(&"test/etc/kept"));
    }

    #[test]
    fn keys_and_passwords_are_never_taken() {
        let collected = Trial::of(ConfigDiff::default()).on(host());
        for path in collected.paths() {
            let text = collected.text(path.trim_start_matches("test/"));
            assert!(!text.contains("made-up"), "{path}");
        }
        assert_eq!(state(&collected, "/etc/shadow").as_deref(), Some("changed"));
    }

    #[test]
    fn long_files_and_the_content_of_others_can_be_left_out() {
        let short = ConfigDiff { max_file: Size(3), ..ConfigDiff::default() };
        let collected = Trial::of(short).on(host());
        assert!(!collected.paths().contains(&"test/etc/changed"));
        assert!(collected.notes().iter().any(|note| note.starts_with("Truncated /etc/changed")));
        let listed = ConfigDiff { content: false, ..ConfigDiff::default() };
        assert_eq!(Trial::of(listed).on(host()).paths().len(), 2);
    }

    #[test]
    fn rpm_is_asked_where_it_is() {
        let host = FakeHost::new()
            .file("/var/lib/rpm/rpmdb.sqlite", "")
            .file("/etc/till", "open\n")
            .command(
                &rpm::verify().argv.join(" "),
                "S.5....T.  c /etc/till\nmissing     c /etc/gone\n.M.......  c /etc/mode\n\
                 S.5....T.    /usr/bin/till\nUnsatisfied dependencies for x\n",
            );
        let collected = Trial::of(ConfigDiff::default()).on(host);
        assert_eq!(state(&collected, "/etc/till").as_deref(), Some("changed"));
        assert_eq!(state(&collected, "/etc/gone").as_deref(), Some("missing"));
        assert_eq!(state(&collected, "/etc/mode").as_deref(), Some("attributes"));
        assert_eq!(collected.text("/etc/till"), "open\n");
    }

    #[test]
    fn a_host_without_packages_is_absent() {
        assert_eq!(Trial::of(ConfigDiff::default()).on(FakeHost::new()).status(), Status::Absent);
        let wrong = ConfigDiff { folders: vec!["etc".into()], ..ConfigDiff::default() };
        assert_eq!(wrong.check().len(), 1);
    }
}
