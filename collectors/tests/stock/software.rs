//! `packages` and `config-diff`, held to `dpkg`, `apt-mark`, `debsums` and `rpm`.

#![expect(
    clippy::disallowed_methods,
    reason = "tests make what is looked at, and say what they skip"
)]

use crate::kit::{collected, json, stock};
use collect_core::{
    host::Host,
    testkit::{FakeHost, Trial},
};
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

/// What dpkg says twice with the collector in between: packages may be installed meanwhile.
fn bracketed(argv: &[&str], name: &str) -> Option<(String, collect_core::testkit::Collected)> {
    for _ in 0..20 {
        let before = stock(argv)?;
        let collected = collected(name, "");
        if stock(argv)? == before {
            return Some((before, collected));
        }
    }
    println!("skipped: packages are being installed all the time");
    None
}

fn installed(collected: &collect_core::testkit::Collected) -> Vec<Value> {
    let packages = json(collected, "packages.json");
    let packages = packages.as_array().expect("a list").iter();
    packages.filter(|package| package["manager"] == "dpkg").cloned().collect()
}

#[test]
fn packages_are_those_of_dpkg_query() {
    const FORMAT: &str = "${Package}\t${Version}\t${Architecture}\t${db:Status-Status}\t\
                          ${db:Status-Want}\t${db:Status-Eflag}\t${Installed-Size}\t\
                          ${source:Package}\t${Maintainer}\n";
    let Some((said, collected)) = bracketed(&["dpkg-query", "-W", "-f", FORMAT], "packages") else {
        return;
    };
    let theirs: BTreeSet<_> = said.lines().map(str::to_owned).collect();
    let ours: BTreeSet<_> = installed(&collected).iter().map(as_dpkg_query).collect();
    assert!(ours.len() > 100);
    assert_eq!(ours.difference(&theirs).collect::<Vec<_>>(), [""; 0]);
    assert_eq!(theirs.difference(&ours).collect::<Vec<_>>(), [""; 0]);
    let broken = json(&collected, "summary.json")["broken"].as_array().map(Vec::len);
    let states = said.lines().filter_map(|line| line.split('\t').nth(3));
    let stuck = states.filter(|state| !["installed", "config-files"].contains(state)).count();
    assert_eq!(broken, Some(stuck));
}

fn as_dpkg_query(package: &Value) -> String {
    let text = |name: &str| package[name].as_str().unwrap_or_default().to_owned();
    let state = text("state");
    let (state, flag) = state.split_once(", ").unwrap_or((&state, "ok"));
    let wanted = match (package["held"].as_bool(), state) {
        (Some(true), _) => "hold",
        (_, "config-files") => "deinstall",
        _ => "install",
    };
    let size = package["size"].as_u64().map(|bytes| (bytes / 1024).to_string());
    [
        text("name"),
        text("version"),
        text("architecture"),
        state.to_owned(),
        wanted.to_owned(),
        flag.to_owned(),
        size.unwrap_or_default(),
        text("source"),
        text("vendor"),
    ]
    .join("\t")
}

#[test]
fn what_apt_holds_and_installed_by_itself_is_what_apt_mark_says() {
    let Some((automatic, collected)) = bracketed(&["apt-mark", "showauto"], "packages") else {
        return;
    };
    let Some(held) = stock(&["apt-mark", "showhold"]) else {
        return;
    };
    let packages = installed(&collected);
    let those = |field: &str| -> BTreeSet<String> {
        let packages = packages.iter().filter(|package| package[field] == true);
        packages.map(|package| package["name"].as_str().expect("a name").to_owned()).collect()
    };
    // A name of another architecture has it behind a colon.
    let named = |text: &str| -> BTreeSet<String> {
        text.lines().map(|line| line.split(':').next().unwrap_or(line).to_owned()).collect()
    };
    for (ours, theirs) in [(those("held"), named(&held)), (those("automatic"), named(&automatic))] {
        assert_eq!(ours.symmetric_difference(&theirs).collect::<Vec<_>>(), [""; 0]);
    }
}

#[test]
fn when_a_package_was_installed_is_when_its_list_was_written() {
    let argv = ["dpkg-query", "-W", "-f", "${Package}\t${db-fsys:Last-Modified}\n", "dpkg"];
    let Some((said, collected)) = bracketed(&argv, "packages") else {
        return;
    };
    let seconds: i64 = said.trim().rsplit('\t').next().and_then(|time| time.parse().ok()).unwrap();
    let packages = installed(&collected);
    let dpkg = packages.iter().find(|package| package["name"] == "dpkg").expect("dpkg itself");
    let ours: jiff::Timestamp = dpkg["installed"].as_str().unwrap().parse().unwrap();
    assert_eq!(ours.as_second(), seconds);
}

/// A package of rpm that holds one file, in a database of its own below `root`.
fn rpm_database(root: &Path) -> Option<()> {
    let spec = "Name: till\nEpoch: 2\nVersion: 1.0\nRelease: 3\nSummary: A till\nLicense: MIT\n\
                Vendor: Example\nBuildArch: noarch\n%description\nMade up.\n%install\n\
                mkdir -p %{buildroot}/etc\necho open > %{buildroot}/etc/till.conf\n%files\n\
                %config /etc/till.conf\n";
    fs::write(root.join("till.spec"), spec).unwrap();
    let at = |path: &str| root.join(path).display().to_string();
    let top = format!("_topdir {}", at("build"));
    stock(&["rpmbuild", "--quiet", "-bb", "--define", &top, &at("till.spec")])?;
    let built = at("build/RPMS/noarch/till-1.0-3.noarch.rpm");
    stock(&["rpm", "--root", &at("root"), "--initdb"])?;
    stock(&["rpm", "--root", &at("root"), "--nodeps", "-i", &built]).map(|_| ())
}

/// A host that has the database where rpm keeps it, and answers what rpm itself says of it.
fn rpm_host(root: &Path) -> Option<FakeHost> {
    let host = || FakeHost::new().file("/var/lib/rpm/rpmdb.sqlite", "");
    let asked = Arc::new(host());
    Trial::plugin("packages", "").gather(Arc::clone(&asked) as Arc<dyn Host>);
    let question = asked.touched().into_iter().find_map(|touched| {
        touched.strip_prefix("$ ").filter(|line| line.starts_with("rpm ")).map(str::to_owned)
    });
    let question = question.expect("rpm is asked");
    let root = root.join("root").display().to_string();
    let mut argv = vec!["rpm", "--root", &root];
    argv.extend(question.split(' ').skip(1));
    Some(host().command(&question, stock(&argv)?))
}

#[test]
fn packages_of_rpm_are_those_of_rpm() {
    collect_collectors::link();
    let root = tempfile::tempdir().unwrap();
    let Some(host) = rpm_database(root.path()).and_then(|()| rpm_host(root.path())) else {
        return;
    };
    let collected = Trial::plugin("packages", "").on(host);
    let packages = json(&collected, "packages.json");
    assert_eq!(packages.as_array().map(Vec::len), Some(1));
    let till = &packages[0];
    let path = root.path().join("root").display().to_string();
    let ask = |format: &str| {
        stock(&["rpm", "--root", &path, "-q", "till", "--queryformat", format]).unwrap()
    };
    assert_eq!(till["version"], ask("%{EVR}"));
    assert_eq!(till["architecture"], ask("%{ARCH}"));
    assert_eq!(till["size"].to_string(), ask("%{LONGSIZE}"));
    assert_eq!(till["vendor"], ask("%{VENDOR}"));
    assert_eq!(ask("%{SOURCERPM}"), format!("{}-1.0-3.src.rpm", till["source"].as_str().unwrap()));
    let installed: jiff::Timestamp = till["installed"].as_str().unwrap().parse().unwrap();
    assert_eq!(installed.as_second().to_string(), ask("%{INSTALLTIME}"));
}

/// The paths that differ, by how they do.
fn differing(collected: &collect_core::testkit::Collected) -> BTreeSet<(String, String)> {
    let files = json(collected, "files.json");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let files = files.as_array().unwrap().iter();
    files.map(|file| (text(&file["path"]), text(&file["state"]))).collect()
}

#[test]
fn settings_that_differ_are_those_of_debsums() {
    let Some((said, collected)) = bracketed(&["sh", "-c", "debsums -ce 2>&1; true"], "config-diff")
    else {
        return;
    };
    let ours: BTreeSet<_> = {
        let files = json(&collected, "files.json");
        let files = files.as_array().unwrap().iter();
        // debsums knows neither ucf nor what is no setting.
        let files = files.filter(|file| file["by"] == "dpkg" && file["setting"] == true);
        files.map(|file| file["path"].as_str().unwrap().to_owned()).collect()
    };
    // `/etc/x`, or `debsums: missing file /etc/x (from y package)`.
    let theirs: BTreeSet<_> = said
        .lines()
        .filter_map(|line| line.split(' ').find(|word| word.starts_with('/')).map(str::to_owned))
        .collect();
    assert_eq!(ours, theirs);
}

/// Installs a package of its own below `root`, and changes what it shipped.
fn dpkg_root(root: &Path) -> Option<()> {
    let at = |path: &str| root.join(path).display().to_string();
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let control = "Package: till\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.com>\n\
                   Description: x\n";
    write("till/DEBIAN/control", control);
    write("till/DEBIAN/conffiles", "/etc/till/changed\n/etc/till/gone\n/etc/till/same\n");
    for name in ["changed", "gone", "same", "no-setting"] {
        write(&format!("till/etc/till/{name}"), "drawer = closed\n");
    }
    // dpkg-deb writes no digests of its own.
    let digest = stock(&["md5sum", &at("till/etc/till/same")])?;
    let digest = digest.split(' ').next()?;
    write("till/DEBIAN/md5sums", &format!("{digest}  etc/till/no-setting\n"));
    stock(&["dpkg-deb", "--root-owner-group", "--build", &at("till"), &at("till.deb")])?;
    for folder in ["info", "updates", "triggers"] {
        fs::create_dir_all(root.join("root/var/lib/dpkg").join(folder)).unwrap();
    }
    write("root/var/lib/dpkg/status", "");
    let log = format!("--log={}", at("log"));
    let into = format!("--root={}", at("root"));
    stock(&["dpkg", &into, &log, "--force-not-root", "--install", &at("till.deb")])?;
    write("root/etc/till/changed", "drawer = open\n");
    write("root/etc/till/changed.dpkg-dist", "drawer = closed\n");
    write("root/etc/till/no-setting", "drawer = open\n");
    fs::remove_file(root.join("root/etc/till/gone")).unwrap();
    Some(())
}

/// A host with what is below a folder.
fn host_of(root: &Path) -> FakeHost {
    let mut host = FakeHost::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let inside = Path::new("/").join(path.strip_prefix(root).unwrap());
                host = host.bytes(inside, fs::read(path).unwrap());
            }
        }
    }
    host
}

#[test]
fn files_that_differ_are_those_of_dpkg_verify() {
    collect_collectors::link();
    let folder = tempfile::tempdir().unwrap();
    if dpkg_root(folder.path()).is_none() {
        return;
    }
    let root = folder.path().join("root");
    let collected = Trial::plugin("config-diff", "").on(host_of(&root));
    let argv = format!("--root={}", root.display());
    let Some(said) = stock(&["sh", "-c", "dpkg \"$0\" --verify || true", &argv]) else {
        return;
    };
    let theirs: BTreeSet<_> = said
        .lines()
        .map(|line| {
            let path = line.split_whitespace().last().unwrap().to_owned();
            let state = if line.starts_with("missing") { "missing" } else { "changed" };
            (path, state.to_owned())
        })
        .collect();
    assert_eq!(theirs.len(), 3, "{said}");
    assert_eq!(differing(&collected), theirs);
    let diff = collected.text("diffs/etc/till/changed.diff");
    assert!(diff.ends_with("-drawer = closed\n+drawer = open\n"), "{diff}");
    assert_eq!(collected.text("/etc/till/no-setting"), "drawer = open\n");
}

#[test]
fn settings_of_rpm_that_differ_are_those_of_rpm() {
    collect_collectors::link();
    let folder = tempfile::tempdir().unwrap();
    if rpm_database(folder.path()).is_none() {
        return;
    }
    let root = folder.path().join("root");
    fs::write(root.join("etc/till.conf"), "closed for today\n").unwrap();
    let host = || {
        FakeHost::new()
            .file("/var/lib/rpm/rpmdb.sqlite", "")
            .file("/etc/till.conf", "closed for today\n")
    };
    let asked = Arc::new(host());
    Trial::plugin("config-diff", "").gather(Arc::clone(&asked) as Arc<dyn Host>);
    let asked = asked.touched();
    let question = asked.iter().find_map(|touched| touched.strip_prefix("$ ")).expect("rpm");
    let at = format!("rpm --root {} \"$@\" || true", root.display());
    let mut argv = vec!["sh", "-c", &at];
    argv.extend(question.split(' '));
    let Some(said) = stock(&argv) else {
        return;
    };
    let collected = Trial::plugin("config-diff", "").on(host().command(question, said));
    let changed = ("/etc/till.conf".to_owned(), "changed".to_owned());
    assert_eq!(differing(&collected), BTreeSet::from([changed]));
}
