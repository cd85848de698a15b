//! Programs that crashed: what was kept of them.

use crate::facts::{
    kernel_files::{exists, name, number, value},
    listing, present,
    programs::{installed, said},
};
use collect_core::{
    CollectError, Collector, Output, Window, host::FileKind, host::Host, units::Size,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;

/// Core dumps of programs: a list.
///
/// `dumps.json` and `dumps.txt` list the core dumps and crash reports that lie in the folders of
/// systemd-coredump, apport and ABRT, newest first, with the program, user, process and time that the
/// name tells, and the size in bytes; `coredumpctl.json` is what the journal knows of them. How dumps
/// are made is in `summary.json`, and the configuration beside it. The content of a dump is never taken
/// unless `content` asks for it.
///
/// From `core(5)`, `systemd-coredump(8)` and `coredumpctl(1)`. Dumps of other users are listed for
/// everybody; their content, and the folders of some distributions, need root.
///
/// ```toml
/// [collect.coredumps]
/// use = "coredumps"
/// content = false
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Coredumps {
    /// Take the newest dumps too. A dump is the memory of a program: passwords, keys, and whatever
    /// its users worked on are in it, and no redactor finds them all. Ask for the consent of the
    /// people whose data it is before this is switched on. The step must say `binary = "keep"` as
    /// well, or dumps are left out for being binary.
    content: bool,
    /// Dumps that are larger on disk than this are only listed.
    largest: Size,
    /// How many dumps are taken at most.
    newest: usize,
}

impl Default for Coredumps {
    fn default() -> Self {
        Self { content: false, largest: Size(100_000_000), newest: 1 }
    }
}

collect_core::register!("coredumps" => Coredumps as Collector);

/// Where dumps are kept, and how deep: ABRT makes a folder for each.
const FOLDERS: [&str; 4] =
    ["/var/lib/systemd/coredump", "/var/lib/apport/coredump", "/var/crash", "/var/spool/abrt"];

const FILES: [&str; 6] = [
    "/etc/systemd/coredump.conf",
    "/etc/systemd/coredump.conf.d/",
    "/usr/lib/systemd/coredump.conf.d/",
    "/etc/default/apport",
    "/etc/abrt/abrt.conf",
    "/etc/abrt/plugins/CCpp.conf",
];

const COLUMNS: [&str; 6] = ["time", "size", "program", "user", "pid", "path"];

/// More dumps than that are not listed.
const LISTED: usize = 1000;

impl Collector for Coredumps {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let host = out.host();
        let pattern = value(host, "/proc/sys/kernel/core_pattern");
        let summary = json!({
            "pattern": pattern,
            "uses-pid": value(host, "/proc/sys/kernel/core_uses_pid").map(|with| with == "1"),
            "suid-dumpable": number(host, "/proc/sys/fs/suid_dumpable"),
            "pipe-limit": number(host, "/proc/sys/kernel/core_pipe_limit"),
        });
        out.json("summary.json", &summary)?;
        present::copy(out, &FILES)?;
        let mut dumps = Vec::new();
        for folder in FOLDERS.map(str::to_owned).into_iter().chain(own_folder(pattern.as_deref())) {
            list(out, &folder, &mut dumps);
        }
        dumps.sort_by_key(|dump: &Dump| std::cmp::Reverse(dump.time));
        dumps.truncate(LISTED);
        listing::write_any(out, "dumps", COLUMNS, &dumps)?;
        write_known(out)?;
        if !self.content {
            return Ok(());
        }
        let (fitting, large): (Vec<_>, Vec<_>) =
            dumps.iter().partition(|dump| dump.size <= self.largest.0);
        for dump in large {
            out.truncated(&dump.path, &format!("larger than {}", self.largest));
        }
        fitting.into_iter().take(self.newest).try_for_each(|dump| out.file(&dump.path))
    }

    fn refused(&self, host: &dyn Host, _window: &Window) -> Vec<String> {
        let refused = FOLDERS.into_iter().filter(|folder| {
            let denied =
                |error: std::io::Error| error.kind() == std::io::ErrorKind::PermissionDenied;
            host.entries(folder.as_ref()).is_err_and(denied)
        });
        refused.map(str::to_owned).collect()
    }
}

/// The folder that the kernel itself writes dumps to, if that is a fixed one.
fn own_folder(pattern: Option<&str>) -> Option<String> {
    let folder = Path::new(pattern?.strip_prefix('/')?).parent()?;
    let folder = Path::new("/").join(folder).to_string_lossy().into_owned();
    (folder != "/" && !folder.contains('%') && !FOLDERS.contains(&folder.as_str()))
        .then_some(folder)
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Dump {
    path: String,
    /// When the program crashed; if the name does not tell, when the file was written.
    time: Option<Timestamp>,
    size: u64,
    program: Option<String>,
    /// The number of the user.
    user: Option<u32>,
    pid: Option<u32>,
}

fn list(out: &mut Output<'_>, folder: &str, dumps: &mut Vec<Dump>) {
    let host = out.host();
    for path in present::entries(out, folder) {
        if out.deadline().passed() {
            return;
        }
        let Ok(info) = host.info(&path) else { continue };
        // ABRT has a folder for each crash.
        let (path, info) = if info.kind == FileKind::Directory {
            let inner = path.join("coredump");
            match host.info(&inner) {
                Ok(info) => (inner, info),
                Err(_) => continue,
            }
        } else {
            (path, info)
        };
        let is = name(&path);
        let ending = is.rsplit('.').next().unwrap_or_default();
        let is_dump = is.starts_with("core") || ["crash", "core"].contains(&ending);
        if info.kind != FileKind::Regular || !is_dump {
            continue;
        }
        let told = told(&is).unwrap_or_default();
        dumps.push(Dump {
            path: path.to_string_lossy().into_owned(),
            time: told.time.or(info.modified),
            size: info.len,
            program: told.program,
            user: told.user,
            pid: told.pid,
        });
    }
}

/// What a name tells.
#[derive(Default)]
struct Told {
    program: Option<String>,
    user: Option<u32>,
    pid: Option<u32>,
    time: Option<Timestamp>,
}

/// `core.PROGRAM.USER.BOOT.PID.MICROSECONDS` with an ending for compression (systemd),
/// `core.PROGRAM.USER.BOOT.PID.TIME` or `PROGRAM.USER.crash` (apport), with `/` written as `_` there.
fn told(name: &str) -> Option<Told> {
    if let Some(rest) = name.strip_suffix(".crash") {
        let (program, user) = rest.rsplit_once('.')?;
        let program = Some(program.replace('_', "/"));
        return Some(Told { program, user: user.parse().ok(), ..Told::default() });
    }
    let name =
        [".zst", ".xz", ".lz4"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    // From behind: the program's name may have dots.
    let mut fields = name.strip_prefix("core.")?.rsplitn(5, '.');
    let (time, pid, _boot, user, program) =
        (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    Some(Told {
        program: Some(unescaped(program)),
        user: user.parse().ok(),
        pid: pid.parse().ok(),
        time: time.parse().ok().and_then(|time| Timestamp::from_microsecond(time).ok()),
    })
}

/// systemd writes what cannot stand in a name as `\x2f`.
fn unescaped(program: &str) -> String {
    program.replace(r"\x2f", "/").replace(r"\x20", " ").replace(r"\x2e", ".")
}

/// What the journal knows: it has the signal, and crashes whose dumps are gone.
fn write_known(out: &mut Output<'_>) -> Result<(), CollectError> {
    let has_journal =
        ["/run/log/journal", "/var/log/journal"].iter().any(|path| exists(out.host(), path));
    if !has_journal || !installed(out.host(), "coredumpctl") {
        return Ok(());
    }
    // It ends with 1 if there is none. Older ones know no JSON, and say nothing then.
    let known = said(out, ["coredumpctl", "list", "--json=short", "--no-pager", "--quiet"]);
    let known = known.and_then(|known| serde_json::from_slice::<Value>(&known).ok());
    known.map_or(Ok(()), |known| out.json("coredumpctl.json", &known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        profile::Binary,
        testkit::{FakeHost, Trial},
    };

    const SYSTEMD: &str = "/var/lib/systemd/coredump/core.web\\x2f1.2.33.0123456789abcdef0123456789abcdef.4711.1700000000000000.xz";

    fn host() -> FakeHost {
        FakeHost::new()
            .file("/proc/sys/kernel/core_pattern", "|/usr/lib/systemd/systemd-coredump %P\n")
            .file("/var/crash/_usr_bin_example.1000.crash", "ProblemType: Crash\n")
            .file("/var/crash/README", "not a crash\n")
            .file("/var/spool/abrt/ccpp-1/coredump", "x")
    }

    #[test]
    fn dumps_are_listed_with_what_their_names_tell_and_not_opened() {
        let collected = Trial::of(Coredumps::default()).on(host().panics(SYSTEMD));
        let dumps: Value = serde_json::from_str(collected.text("dumps.json")).unwrap();
        let dumps = dumps.as_array().unwrap();
        assert_eq!(dumps.len(), 3);
        let find =
            |what: &str| dumps.iter().find(|dump| dump["path"].as_str().unwrap().contains(what));
        let systemd = find("systemd").unwrap();
        assert_eq!((&systemd["program"], &systemd["user"]), (&json!("web/1.2"), &json!(33)));
        assert_eq!(
            (&systemd["pid"], &systemd["time"]),
            (&json!(4711), &json!("2023-11-14T22:13:20Z"))
        );
        let apport = find("example").unwrap();
        assert_eq!(
            (&apport["program"], &apport["user"]),
            (&json!("/usr/bin/example"), &json!(1000))
        );
        assert_eq!((collected.status(), collected.notes()), (Status::Complete, vec![]));
    }

    #[test]
    fn content_is_taken_only_on_request_and_up_to_a_size() {
        let with = |largest| Coredumps { content: true, largest: Size(largest), newest: 9 };
        let collected = Trial::of(with(100)).on(host());
        assert!(collected.text("/var/crash/_usr_bin_example.1000.crash").contains("Crash"));
        let collected = Trial::of(with(3)).options(|of| of.binary = Binary::Keep).on(host());
        assert_eq!(collected.status(), Status::Truncated);
        assert_eq!(collected.text("/var/spool/abrt/ccpp-1/coredump"), "x");
    }

    #[test]
    fn the_journal_is_asked_where_there_is_one() {
        let host = host()
            .directory("/var/log/journal")
            .file("/usr/bin/coredumpctl", "")
            .command("coredumpctl list --json=short --no-pager --quiet", r#"[{"pid":7,"sig":11}]"#);
        let collected = Trial::of(Coredumps::default()).on(host);
        assert!(collected.text("coredumpctl.json").contains("11"));
    }

    #[test]
    fn the_kernels_own_folder_is_looked_into_if_it_is_fixed() {
        assert_eq!(own_folder(Some("/srv/cores/core.%e")).as_deref(), Some("/srv/cores"));
        for pattern in [None, Some("core"), Some("/core"), Some("/srv/%e/core"), Some("|/bin/x")] {
            assert_eq!(own_folder(pattern), None, "{pattern:?}");
        }
        assert!(told("core.short").is_none());
    }
}
