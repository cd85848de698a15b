//! What stands in directories.

use crate::facts::{kernel_files::value, listing};
use collect_core::{
    CollectError, Collector, Invalid, Output, Window,
    host::{FileInfo, FileKind, Host, SpecialFile},
    register,
    units::Size,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
};

/// Lists directories: kind, owner, permissions, sizes and times of what is in them, never content.
///
/// `listing.json` has an object for each name, `listing.txt` the same as a table: `mode` (octal) and
/// `permissions` as `ls -l` writes them, `owner` and `group`, by name for system accounts and by
/// number for people, `size` in bytes (of a device, its numbers in `device`), `modified`, and `target`
/// of a symbolic link, which is never followed. A path that is no directory is listed by itself.
///
/// From `stat(2)`, `readlink(2)`, `passwd(5)` and `group(5)`. What an automounter would mount is left
/// alone. Directories that only root may read need root.
///
/// ```toml
/// [collect.installation]
/// use = "directory"
/// paths = ["/opt/komand", "/var/lib/komand"]
/// depth = 3
/// hashes = true
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Directory {
    /// Absolute paths, without wildcards.
    paths: Vec<String>,
    /// How deep to go: 1 is what stands in the directories themselves, 0 only the directories.
    depth: usize,
    /// Whether to add the SHA-256 of regular files.
    hashes: bool,
    /// Larger files get no SHA-256.
    hash_size: Size,
    /// Whether to add inode (`inode`), number of names (`links`), bytes on disk (`allocated`), and when
    /// anything of a file changed (`changed`) and when it was read (`accessed`).
    extended: bool,
    /// Whether to go into other file systems that are mounted below the paths. `/proc`, `/sys` and
    /// `/dev` are entered only where a path names them.
    cross_file_systems: bool,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            depth: 1,
            hashes: false,
            hash_size: Size(16_000_000),
            extended: false,
            cross_file_systems: false,
        }
    }
}

register!("directory" => Directory as Collector);

/// More names than this are not listed; each takes some 500 bytes until they are written.
const MOST_NAMES: usize = 50_000;

/// What is read at once for a digest.
const CHUNK: usize = 256 << 10;

const COLUMNS: [&str; 7] = ["permissions", "owner", "group", "size", "modified", "path", "target"];

/// What stands at a path.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Row {
    path: String,
    kind: &'static str,
    mode: String,
    permissions: String,
    owner: String,
    group: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    modified: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inode: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    links: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allocated: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accessed: Option<Timestamp>,
}

impl Collector for Directory {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let automounts = Automounts::of(out.host());
        let mut listing = Listing {
            options: self,
            users: system_names(out.host(), "/etc/passwd"),
            groups: system_names(out.host(), "/etc/group"),
            automounts,
            rows: Vec::new(),
        };
        for path in &self.paths {
            listing.add(out, Path::new(path));
        }
        if listing.rows.is_empty() {
            return Ok(());
        }
        if listing.rows.len() == MOST_NAMES {
            out.truncated("", &format!("only the first {MOST_NAMES} names are listed"));
        }
        let rows = listing.rows;
        listing::write(out, "listing", COLUMNS, &rows)?;
        if out.deadline().passed() { Err(CollectError::Stopped) } else { Ok(()) }
    }

    fn describe(&self) -> Option<String> {
        Some(format!("names in {}", self.paths.join(", ")))
    }

    fn check(&self) -> Vec<Invalid> {
        let invalid = |message: String| Invalid { option: "paths", message, help: None };
        if self.paths.is_empty() {
            return vec![invalid("no path is given".to_owned())];
        }
        let wrong = self.paths.iter().filter(|path| !path.starts_with('/'));
        wrong.map(|path| invalid(format!("`{path}` is not an absolute path"))).collect()
    }

    fn refused(&self, host: &dyn Host, _: &Window) -> Vec<String> {
        let refused = |path: &&String| {
            let read = host.entries(Path::new(path));
            read.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
        };
        self.paths.iter().filter(refused).cloned().collect()
    }
}

struct Listing<'o> {
    options: &'o Directory,
    users: BTreeMap<u32, String>,
    groups: BTreeMap<u32, String>,
    automounts: Automounts,
    rows: Vec<Row>,
}

impl Listing<'_> {
    /// Lists a path of the profile, and what is below it.
    fn add(&mut self, out: &mut Output<'_>, path: &Path) {
        let source = path.display().to_string();
        if self.automounts.hold(path) {
            out.note(&format!("`{source}` is not listed: the automounter would mount it"));
            return;
        }
        let root = out.host().canonical(path).and_then(|path| Ok((out.host().info(&path)?, path)));
        let (info, root) = match root {
            Ok(root) => root,
            Err(error) => return out.failed(&source, &error),
        };
        let mut left = vec![(root, info, 0)];
        while let Some((path, info, depth)) = left.pop() {
            if self.rows.len() == MOST_NAMES || out.deadline().passed() {
                return;
            }
            let enter = info.kind == FileKind::Directory && depth < self.options.depth;
            self.rows.push(self.row(out, &path, &info));
            if !enter {
                continue;
            }
            let names = match out.host().entries(&path) {
                Ok(names) => names,
                Err(error) => {
                    out.failed(&path.display().to_string(), &error);
                    continue;
                }
            };
            // The first is to be popped first.
            for name in names.into_iter().rev() {
                if self.automounts.hold(&name) {
                    continue;
                }
                // What vanished meanwhile is not there.
                let Ok(below) = out.host().info(&name) else { continue };
                let other = below.id.0 != info.id.0 && !self.options.cross_file_systems;
                let made_up = below.id.0 != info.id.0 && is_made_up(&name);
                let depth = if other || made_up { self.options.depth } else { depth + 1 };
                left.push((name, below, depth));
            }
        }
    }

    fn row(&self, out: &Output<'_>, path: &Path, info: &FileInfo) -> Row {
        let host = out.host();
        let name = |names: &BTreeMap<u32, String>, id: u32| {
            names.get(&id).cloned().unwrap_or_else(|| id.to_string())
        };
        let device = match info.special {
            Some(SpecialFile::Character(major, minor) | SpecialFile::Block(major, minor)) => {
                Some(format!("{major}:{minor}"))
            }
            _ => None,
        };
        let extended = self.options.extended;
        let hashed = self.options.hashes
            && info.kind == FileKind::Regular
            && info.len <= self.options.hash_size.0;
        let target = (info.kind == FileKind::Link).then(|| host.link(path).ok()).flatten();
        Row {
            path: path.display().to_string(),
            kind: kind(info),
            mode: format!("{:04o}", info.mode),
            permissions: permissions(info),
            owner: name(&self.users, info.user),
            group: name(&self.groups, info.group),
            size: device.is_none().then_some(info.len),
            device,
            modified: info.modified,
            target: target.map(|target| target.display().to_string()),
            sha256: if hashed { sha256(out, path) } else { None },
            inode: extended.then_some(info.id.1),
            links: extended.then_some(info.links),
            allocated: extended.then_some(info.allocated),
            changed: info.changed.filter(|_| extended),
            accessed: info.accessed.filter(|_| extended),
        }
    }
}

fn kind(info: &FileInfo) -> &'static str {
    match (info.kind, info.special) {
        (FileKind::Regular, _) => "file",
        (FileKind::Directory, _) => "directory",
        (FileKind::Link, _) => "link",
        (FileKind::Special, Some(SpecialFile::Socket)) => "socket",
        (FileKind::Special, Some(SpecialFile::Character(..))) => "character-device",
        (FileKind::Special, Some(SpecialFile::Block(..))) => "block-device",
        (FileKind::Special, Some(SpecialFile::Fifo) | None) => "fifo",
    }
}

/// The permissions as `ls -l` writes them: `drwxr-sr-x`.
fn permissions(info: &FileInfo) -> String {
    let kind = match kind(info) {
        "directory" => 'd',
        "link" => 'l',
        "socket" => 's',
        "character-device" => 'c',
        "block-device" => 'b',
        "fifo" => 'p',
        _ => '-',
    };
    let mut text = String::from(kind);
    for (shift, special, sign) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = info.mode >> shift;
        text.push(if bits & 4 > 0 { 'r' } else { '-' });
        text.push(if bits & 2 > 0 { 'w' } else { '-' });
        text.push(match (bits & 1 > 0, info.mode & special > 0) {
            (true, false) => 'x',
            (false, false) => '-',
            (true, true) => sign,
            (false, true) => sign.to_ascii_uppercase(),
        });
    }
    text
}

/// The digest of a file as far as it can be read in time.
fn sha256(out: &Output<'_>, path: &Path) -> Option<String> {
    let mut file = out.host().open(path).ok()?;
    let mut digest = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    while !out.deadline().passed() {
        match file.read(&mut chunk).ok()? {
            0 => return Some(format!("{:x}", digest.finalize())),
            count => digest.update(&chunk[..count]),
        }
    }
    None
}

/// The names of the accounts or groups that are not people's (`login.defs(5)`, `UID_MIN`).
fn system_names(host: &dyn Host, table: &str) -> BTreeMap<u32, String> {
    let table = value(host, table).unwrap_or_default();
    let names = table.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let id = fields.nth(1)?.parse().ok()?;
        (id < 1000 || id == 65_534).then(|| (id, name.to_owned()))
    });
    names.collect()
}

fn is_made_up(path: &Path) -> bool {
    ["/proc", "/sys", "/dev"].iter().any(|folder| path == Path::new(folder))
}

/// Where an automounter waits to be looked into.
struct Automounts {
    /// All mounts, with whether they are an automounter's.
    mounts: Vec<(PathBuf, bool)>,
}

impl Automounts {
    fn of(host: &dyn Host) -> Self {
        let table = value(host, "/proc/self/mountinfo").unwrap_or_default();
        let mounts = table.lines().filter_map(|line| {
            let (mount, rest) = line.split_once(" - ")?;
            let point = mount.split(' ').nth(4)?.replace(r"\040", " ");
            Some((PathBuf::from(point), rest.starts_with("autofs ")))
        });
        Self { mounts: mounts.collect() }
    }

    /// Whether looking into a path, or at it, would mount something: the mount that it lies in is an
    /// automounter's. Of mounts at the same place, the last hides the others.
    fn hold(&self, path: &Path) -> bool {
        let around = self.mounts.iter().filter(|(point, _)| path.starts_with(point));
        around.max_by_key(|(point, _)| point.components().count()).is_some_and(|(_, auto)| *auto)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{Collected, FakeHost, Trial},
    };
    use serde_json::Value;

    fn listed(directory: Directory, host: FakeHost) -> (Vec<Value>, Collected) {
        let collected = Trial::of(directory).on(host);
        let rows = serde_json::from_str(collected.text("listing.json")).unwrap();
        (rows, collected)
    }

    fn of(path: &str) -> Directory {
        Directory { paths: vec![path.to_owned()], ..Directory::default() }
    }

    fn host() -> FakeHost {
        FakeHost::new()
            .file(
                "/etc/passwd",
                "root:x:0:0::/:/bin/sh\nweb:x:33:33::/:/bin/false\nada:x:1000:1000::/:/bin/sh\n",
            )
            .file("/etc/group", "root:x:0:\nweb:x:33:\nada:x:1000:\n")
            .file("/opt/app/run", "abc")
            .link("/opt/app/current", "v2")
            .special("/opt/app/pipe")
            .file("/opt/app/v2/lib/deep", "d")
            .owned("/opt/app/run", 33, 33)
            .owned("/opt/app/v2", 1000, 1000)
            .mode("/opt/app/run", 0o4755)
            .mode("/opt/app/v2", 0o1770)
    }

    #[test]
    fn what_stands_in_a_directory_is_listed_with_owner_and_permissions() {
        let (rows, collected) = listed(of("/opt/app"), host());
        let paths: Vec<_> = rows.iter().map(|row| row["path"].as_str().unwrap()).collect();
        assert_eq!(
            paths,
            ["/opt/app", "/opt/app/current", "/opt/app/pipe", "/opt/app/run", "/opt/app/v2"]
        );
        assert_eq!((&rows[1]["kind"], &rows[1]["target"]), (&"link".into(), &"v2".into()));
        assert_eq!(rows[2]["kind"], "fifo");
        assert_eq!((&rows[3]["owner"], &rows[3]["size"]), (&"web".into(), &3.into()));
        assert_eq!(
            (&rows[3]["mode"], &rows[3]["permissions"]),
            (&"4755".into(), &"-rwsr-xr-x".into())
        );
        assert_eq!(
            (&rows[4]["owner"], &rows[4]["permissions"]),
            (&"1000".into(), &"drwxrwx--T".into())
        );
        assert!(rows[3].get("inode").is_none() && rows[3].get("sha256").is_none());
        assert!(collected.text("listing.txt").starts_with("PERMISSIONS  OWNER"));
        assert_eq!(collected.status(), Status::Complete);
    }

    #[test]
    fn depth_hashes_and_further_facts_are_there_when_asked_for() {
        let directory = Directory {
            depth: 9,
            hashes: true,
            hash_size: Size(2),
            extended: true,
            ..of("/opt/app")
        };
        let (rows, _) = listed(directory, host());
        let row = |path: &str| rows.iter().find(|row| row["path"] == path).unwrap();
        let digest = "18ac3e7343f016890c510e93f935261169d9e3f565436429830faf0934f4f8e4";
        assert_eq!(row("/opt/app/v2/lib/deep")["sha256"], digest);
        assert!(row("/opt/app/run").get("sha256").is_none(), "it is too large");
        assert_eq!(row("/opt/app/run")["links"], 1);
    }

    #[test]
    fn other_file_systems_are_entered_only_when_asked_for() {
        let mounted = || host().mounted("/opt/app/v2");
        let deep = || Directory { depth: 9, ..of("/opt/app") };
        let has = |rows: &[Value], path: &str| rows.iter().any(|row| row["path"] == path);
        let (rows, _) = listed(deep(), mounted());
        assert!(has(&rows, "/opt/app/v2") && !has(&rows, "/opt/app/v2/lib"));
        let (rows, _) = listed(Directory { cross_file_systems: true, ..deep() }, mounted());
        assert!(has(&rows, "/opt/app/v2/lib/deep"));
        let root = Directory { cross_file_systems: true, depth: 9, ..of("/") };
        let (rows, _) = listed(root, mounted().file("/proc/1/stat", "").mounted("/proc"));
        assert!(has(&rows, "/proc") && !has(&rows, "/proc/1"));
    }

    #[test]
    fn nothing_is_mounted_by_looking() {
        let table = "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
                     21 20 0:5 / /net rw - autofs auto rw\n22 21 0:6 / /net/a rw - nfs a:/ rw\n";
        let host = || {
            FakeHost::new()
                .file("/proc/self/mountinfo", table)
                .file("/net/a/file", "")
                .file("/net/b/file", "")
        };
        let deep = |path| Directory { depth: 9, cross_file_systems: true, ..of(path) };
        let (rows, _) = listed(deep("/"), host());
        assert!(!rows.iter().any(|row| row["path"].as_str().unwrap().starts_with("/net")));
        let collected = Trial::of(deep("/net/b")).on(host());
        assert!(collected.notes()[0].contains("automounter"), "{:?}", collected.notes());
        assert!(listed(deep("/net/a"), host()).0.len() == 2);
    }

    #[test]
    fn what_may_not_be_read_is_denied_and_what_is_not_there_absent() {
        let host = || host().denied("/opt/app/v2");
        let (_, collected) = listed(Directory { depth: 9, ..of("/opt/app") }, host());
        assert_eq!(collected.status(), Status::Partial);
        assert_eq!(of("/opt/app/v2").refused(&host(), &Window::default()), ["/opt/app/v2"]);
        let collected = Trial::of(of("/nowhere")).on(FakeHost::new());
        assert_eq!(collected.status(), Status::Absent);
        assert_eq!(of("relative").check().len() + Directory::default().check().len(), 2);
    }
}
