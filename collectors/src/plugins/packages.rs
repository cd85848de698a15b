//! What is installed, and what was changed lately.

use crate::facts::{
    kernel_files::{children, exists, name, value},
    listing,
    packages::{
        Change, Package, apk, apt, dpkg,
        languages::{self, Language},
        pacman, rpm,
    },
    text::{self, Lines},
};
use collect_core::{
    CollectError, Collector, Invalid, Output, Window,
    host::{FileKind, Host},
    register,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// Installed packages and their latest changes.
///
/// `packages` has each package of dpkg, rpm, apk and pacman with version, architecture, state, size
/// in bytes, when it was installed or upgraded last, its source package and who built it; packages
/// that dpkg removed but for their settings have the state `config-files`. `summary.json` names
/// those that are held or broken, and says whether a restart is asked for. `changes` has what was
/// installed, upgraded and removed between `since` and `until`, the latest 5,000 at most;
/// `transactions` the runs of apt behind that, with who asked for them. Beside them stand the
/// settings of the managers: repositories, pins, held versions.
///
/// From `/var/lib/dpkg/status` (`dpkg-query(1)`), `/var/log/dpkg.log*`, `/var/log/apt/history.log*`,
/// `/lib/apk/db/installed`, `/var/lib/pacman/local`; rpm's database is asked through `rpm -qa`. No
/// root is needed.
///
/// ```toml
/// [collect.packages]
/// use = "packages"
/// since = "30d"
/// languages = ["pip"]
/// folders = ["/srv/till/venv/lib/python3.11/site-packages"]
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Packages {
    /// Packages of these languages, too: `pip`, `npm`, `gem`, as far as they are installed for the
    /// whole host.
    languages: Vec<Language>,
    /// Further folders with such packages, as of an application: `site-packages` for `pip`,
    /// `node_modules` for `npm`, `specifications` for `gem`.
    folders: Vec<PathBuf>,
}

register!("packages" => Packages as Collector);

const COLUMNS: [&str; 8] =
    ["name", "version", "architecture", "state", "held", "size", "installed", "manager"];

/// So many changes are kept, the latest.
const MOST: usize = 5000;

/// Settings of the managers: a folder, and how the names of the files end that count.
const SETTINGS: [(&str, &str); 10] = [
    ("/etc/apt", "sources.list"),
    ("/etc/apt", "preferences"),
    ("/etc/apt/sources.list.d", ".list"),
    ("/etc/apt/sources.list.d", ".sources"),
    ("/etc/apt/preferences.d", ""),
    ("/etc/apt/apt.conf.d", ""),
    ("/etc/dnf", ".conf"),
    ("/etc/dnf/plugins", "versionlock.list"),
    ("/etc/yum.repos.d", ".repo"),
    ("/etc/zypp/repos.d", ".repo"),
];
const SINGLE_SETTINGS: [&str; 5] = [
    "/etc/apt/apt.conf",
    "/etc/apk/repositories",
    "/etc/apk/world",
    "/etc/pacman.conf",
    "/etc/zypp/locks",
];

/// Written by programs that replace what runs (`update-notifier`, `needrestart`).
const REBOOT: &str = "/run/reboot-required";

impl Collector for Packages {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let packages = self.packages(out);
        if packages.is_empty() {
            out.absent("package databases", "none of dpkg, rpm, apk or pacman is here");
            return Ok(());
        }
        out.json("summary.json", &summary(out.host(), &packages))?;
        listing::write(out, "packages", COLUMNS, &packages)?;
        drop(packages);
        write_changes(out)?;
        write_transactions(out)?;
        copy_settings(out)
    }

    fn check(&self) -> Vec<Invalid> {
        let wrong = self.folders.iter().filter(|folder| !folder.is_absolute());
        let mut wrong: Vec<_> = wrong
            .map(|folder| Invalid {
                option: "folders",
                message: format!("`{}` is not an absolute path", folder.display()),
                help: None,
            })
            .collect();
        if self.languages.is_empty() && !self.folders.is_empty() {
            wrong.push(Invalid {
                option: "folders",
                message: "nothing is looked for in these folders".to_owned(),
                help: Some("name the language as well: `languages = [\"pip\"]`".to_owned()),
            });
        }
        wrong
    }
}

impl Packages {
    fn packages(&self, out: &mut Output<'_>) -> Vec<Package> {
        let host = out.host();
        let mut packages = Vec::new();
        let mut add = |out: &mut Output<'_>, source: &str, found: io::Result<Vec<Package>>| {
            match found {
                Ok(found) => packages.extend(found),
                // Each host has one or two of the managers.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => out.failed(source, &error),
            }
        };
        add(out, dpkg::STATUS, dpkg::packages(host));
        add(out, "/lib/apk/db/installed", apk::packages(host));
        add(out, "/var/lib/pacman/local", pacman::packages(host));
        if rpm::is_there(host) {
            add(out, "$ rpm -qa", rpm::packages(host, out.deadline()));
        }
        for &language in &self.languages {
            packages.extend(languages::packages(host, language, &self.folders));
        }
        packages
    }
}

fn summary(host: &dyn Host, packages: &[Package]) -> serde_json::Value {
    let mut counts = BTreeMap::new();
    for package in packages {
        *counts.entry(package.manager).or_insert(0) += 1;
    }
    let broken = packages.iter().filter(|package| package.is_broken());
    let held = packages.iter().filter(|package| package.held);
    let lines = |path: &str| -> Vec<String> {
        value(host, path).map(|text| text.lines().map(str::to_owned).collect()).unwrap_or_default()
    };
    json!({
        "packages": counts,
        "held": held.map(|package| &package.name).collect::<Vec<_>>(),
        "broken": broken
            .map(|package| json!({ "name": package.name, "state": package.state }))
            .collect::<Vec<_>>(),
        // dpkg keeps its last steps there until it comes to its end.
        "interrupted": !children(host, "/var/lib/dpkg/updates").is_empty(),
        "foreign-architectures": lines("/var/lib/dpkg/arch").get(1..).unwrap_or_default(),
        "reboot-required": exists(host, REBOOT),
        "reboot-required-by": lines(&format!("{REBOOT}.pkgs")),
        "modules-of-running-kernel-are-there": modules_are_there(host),
    })
}

/// Whether the kernel that runs was not removed or replaced meanwhile; unknown where there are no
/// kernels at all, as in a container.
fn modules_are_there(host: &dyn Host) -> Option<bool> {
    let folders = [Path::new("/lib/modules"), Path::new("/usr/lib/modules")];
    let release = value(host, "/proc/sys/kernel/osrelease")?;
    let folders: Vec<_> =
        folders.into_iter().filter(|folder| !children(host, folder).is_empty()).collect();
    (!folders.is_empty()).then(|| folders.iter().any(|folder| exists(host, folder.join(&release))))
}

/// The files of a log and its rotated ones that can hold something of the time of interest.
fn logs(host: &dyn Host, folder: &str, log: &str, window: Window) -> Vec<PathBuf> {
    let files = children(host, folder).into_iter();
    let files = files.filter(|path| name(path).starts_with(log));
    let modified = |path: &PathBuf| host.info(path).ok().and_then(|info| info.modified);
    files.filter(|path| modified(path) >= window.since).collect()
}

fn is_within(time: Timestamp, window: Window) -> bool {
    window.since.is_none_or(|since| time >= since) && window.until.is_none_or(|until| time <= until)
}

fn write_changes(out: &mut Output<'_>) -> Result<(), CollectError> {
    let (host, window, zone) = (out.host(), out.window(), out.host().zone());
    let mut changes: Vec<Change> = Vec::new();
    let mut left_out = false;
    let mut keep_latest = |changes: &mut Vec<Change>| {
        changes.sort_by_key(|change| change.time);
        left_out |= changes.len() > MOST;
        changes.drain(..changes.len().saturating_sub(MOST));
    };
    for path in logs(host, "/var/log", "dpkg.log", window).into_iter().chain(logs(
        host,
        "/var/log",
        "pacman.log",
        window,
    )) {
        let log = match text::open(host, &path) {
            Ok(log) => log,
            Err(error) => {
                out.failed(&path.display().to_string(), &error);
                continue;
            }
        };
        for line in Lines::new(log) {
            let change = dpkg::change(&line, &zone).or_else(|| pacman::change(&line));
            changes.extend(change.filter(|change| is_within(change.time, window)));
            if changes.len() > 2 * MOST {
                keep_latest(&mut changes);
            }
            if out.deadline().passed() {
                break;
            }
        }
    }
    keep_latest(&mut changes);
    if left_out {
        out.truncated("changes", &format!("only the latest {MOST} changes are listed"));
    }
    let columns = ["time", "action", "name", "architecture", "from", "to"];
    if changes.is_empty() { Ok(()) } else { listing::write(out, "changes", columns, &changes) }
}

fn write_transactions(out: &mut Output<'_>) -> Result<(), CollectError> {
    let (host, window, zone) = (out.host(), out.window(), out.host().zone());
    let mut runs = Vec::new();
    for path in logs(host, "/var/log/apt", "history.log", window) {
        match text::open(host, &path) {
            Ok(log) => {
                let found = apt::transactions(log, &zone).take_while(|_| !out.deadline().passed());
                runs.extend(found.filter(|run| is_within(run.started, window)));
            }
            Err(error) => out.failed(&path.display().to_string(), &error),
        }
    }
    runs.sort_by_key(|run| run.started);
    runs.drain(..runs.len().saturating_sub(MOST));
    let columns = ["started", "ended", "requested-by", "command", "error"];
    if runs.is_empty() { Ok(()) } else { listing::write(out, "transactions", columns, &runs) }
}

fn copy_settings(out: &mut Output<'_>) -> Result<(), CollectError> {
    let host = out.host();
    for (folder, end) in SETTINGS {
        let files = children(host, folder).into_iter();
        for file in files.filter(|path| name(path).ends_with(end)) {
            if host.info(&file).is_ok_and(|info| info.kind == FileKind::Regular) {
                out.file(file)?;
            }
        }
    }
    let single = SINGLE_SETTINGS.iter().filter(|path| exists(host, path));
    single.into_iter().try_for_each(|path| out.file(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };
    use serde_json::Value;

    fn json(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn packages_are_listed_with_what_needs_attention_above_all() {
        let host = FakeHost::new()
            .file(
                dpkg::STATUS,
                "Package: bash\nStatus: hold ok installed\nVersion: 5\nArchitecture: amd64\n\n\
                 Package: shop\nStatus: install ok half-configured\nVersion: 1\n",
            )
            .file("/var/lib/dpkg/updates/0001", "")
            .file("/var/lib/dpkg/arch", "amd64\ni386\n")
            .file("/run/reboot-required", "")
            .file("/run/reboot-required.pkgs", "linux-image\n")
            .file("/proc/sys/kernel/osrelease", "6.1.0-1\n")
            .directory("/lib/modules/6.1.0-2")
            .file("/etc/apt/sources.list.d/example.list", "deb https://example.com stable main\n")
            .file("/etc/apt/auth.conf", "machine example.com password made-up\n");
        let collected = Trial::of(Packages::default()).on(host);
        assert_eq!(collected.status(), Status::Complete, "{:?}", collected.notes());
        let summary = json(collected.text("summary.json"));
        assert_eq!(summary["held"], json!(["bash"]));
        assert_eq!(summary["broken"], json!([{ "name": "shop", "state": "half-configured" }]));
        assert_eq!(summary["foreign-architectures"], json!(["i386"]));
        assert_eq!(summary["reboot-required-by"], json!(["linux-image"]));
        assert_eq!(summary["modules-of-running-kernel-are-there"], false);
        assert_eq!(summary["interrupted"], true);
        assert!(collected.text("packages.txt").starts_with("NAME  VERSION  ARCHITECTURE"));
        assert!(collected.text("/etc/apt/sources.list.d/example.list").contains("stable"));
        assert!(!collected.paths().iter().any(|path| path.contains("auth.conf")));
    }

    #[test]
    fn changes_are_those_of_the_time_of_interest() {
        let at = |time: &str| time.parse::<Timestamp>().unwrap();
        let host = FakeHost::new()
            .file(dpkg::STATUS, "Package: bash\nVersion: 5\n")
            .file(
                "/var/log/dpkg.log",
                "2026-01-01 00:00:00 install early:all <none> 1\n\
                 2026-01-02 00:00:00 upgrade bash:amd64 4 5\n\
                 2026-01-03 00:00:00 install late:all <none> 1\n",
            )
            .file_at(
                "/var/log/dpkg.log.1",
                "2026-01-02 00:00:00 remove x:all 4 5\n",
                at("2025-12-01T00:00:00Z"),
            )
            .file("/var/log/apt/history.log", "Start-Date: 2026-01-02  00:00:00\nCommandline: x\n");
        let collected = Trial::of(Packages::default())
            .options(|options| {
                options.since = Some("2026-01-01 12:00".parse().unwrap());
                options.until = Some("2026-01-02 12:00".parse().unwrap());
            })
            .on(host);
        let changes = json(collected.text("changes.json"));
        assert_eq!(changes.as_array().unwrap().len(), 1);
        assert_eq!(changes[0]["from"], "4");
        assert_eq!(json(collected.text("transactions.json"))[0]["command"], "x");
    }

    #[test]
    fn a_host_without_packages_is_absent_and_one_that_refuses_says_so() {
        assert_eq!(Trial::of(Packages::default()).on(FakeHost::new()).status(), Status::Absent);
        let refused = Trial::of(Packages::default()).on(FakeHost::new().denied(dpkg::STATUS));
        assert!(refused.notes()[0].starts_with("Denied /var/lib/dpkg/status"));
    }

    #[test]
    fn folders_without_a_language_are_a_mistake() {
        let folders = Packages { folders: vec!["venv".into()], ..Packages::default() };
        assert_eq!(folders.check().len(), 2);
    }
}
