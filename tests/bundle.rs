//! What is in a bundle, and that stock tools agree on it.

use crate::kit::{Bundle, Collect, KeyPair, filler, find, needs, output, profile, sha256};
use std::{collections::BTreeMap, fs, path::Path, process::Command};

/// Content by path below the top folder, as a digest.
type Digests = BTreeMap<String, String>;

/// A host with a long log, a short one, and a file that is not text in UTF-8 throughout.
fn gathered(collect: &Collect, key: &KeyPair) -> Bundle {
    collect.write("logs/shop.log", filler(9 << 20));
    collect.write("logs/till.log", "2026-11-20T10:00:00Z till[1]: opened\n");
    collect.write("logs/empty.log", "");
    let body = format!(
        "[collect.logs]\nuse = \"files\"\npaths = [\"{}/*.log\"]\n[collect.os]\nuse = \"os\"\n",
        collect.path("logs").display()
    );
    let profile = collect.write("shop.toml", profile(&key.recipient, &body));
    collect.gather(&profile).expect(0);
    Bundle::open(&collect.bundle(), &key.file())
}

#[test]
fn age_and_tar_open_a_bundle_and_find_manifest_report_and_entries() {
    needs!("age", "age-keygen", "tar", "xz");
    let (collect, key) = (Collect::new(), KeyPair::new());
    let bundle = gathered(&collect, &key);

    let name = collect.bundle();
    let name = name.file_name().unwrap().to_str().unwrap();
    assert_eq!(name.strip_suffix(".tar.xz.age"), Some(&*bundle.name()));

    let archive = bundle.compressed();
    let listing = output("tar", ["-tJf".as_ref(), archive.as_os_str()]);
    let listing = String::from_utf8(listing).unwrap();
    let first = listing.lines().next().unwrap();
    assert_eq!(first, format!("{}/manifest.json", bundle.name()));

    assert_eq!(bundle.manifest["format"], 1);
    assert_eq!(bundle.manifest["product"], "Shop");
    assert_eq!(bundle.manifest["complete"], true);
    let report = bundle.text("report.json");
    assert!(report.contains("user@example.com"), "{report}");
    assert!(report.contains("The print button does nothing."), "{report}");
    let till = format!("logs{}", collect.path("logs/till.log").display());
    assert_eq!(bundle.text(&till), "2026-11-20T10:00:00Z till[1]: opened\n");
    let long = format!("logs{}", collect.path("logs/shop.log").display());
    assert!(bundle.text(&long) == filler(9 << 20), "the long log differs");
    assert_eq!(bundle.status("os"), "complete");
}

#[test]
fn every_size_and_digest_in_the_manifest_is_right() {
    needs!("age", "age-keygen", "tar", "xz");
    let (collect, key) = (Collect::new(), KeyPair::new());
    let bundle = gathered(&collect, &key);

    let listed: Vec<_> = bundle.manifest["entries"].as_array().unwrap().clone();
    for entry in &listed {
        let path = entry["path"].as_str().unwrap();
        let content = bundle.read(path);
        assert_eq!(entry["size"], content.len(), "{path}");
        assert_eq!(entry["sha256"].as_str().unwrap(), sha256(&content), "{path}");
    }
    let mut listed: Vec<_> =
        listed.iter().map(|entry| entry["path"].as_str().unwrap().to_owned()).collect();
    listed.push("manifest.json".to_owned());
    listed.sort();
    let mut there = bundle.entries();
    there.sort();
    assert_eq!(listed, there);
}

#[test]
fn gnu_tar_bsdtar_and_pythons_tarfile_read_the_same() {
    needs!("age", "age-keygen", "tar", "xz", "bsdtar", "python3");
    let (collect, key) = (Collect::new(), KeyPair::new());
    let bundle = gathered(&collect, &key);
    let archive = bundle.compressed();

    let unpacked = |program: &str| -> Digests {
        let folder = tempfile::tempdir().unwrap();
        let mut tar = Command::new(find(program).unwrap());
        tar.arg("-xJf").arg(&archive).arg("-C").arg(folder.path());
        let done = tar.output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success() && said.is_empty(), "{tar:?}: {said}");
        digests_below(folder.path())
    };
    let gnu = unpacked("tar");
    assert!(gnu.len() > 5, "{gnu:?}");
    assert_eq!(gnu, unpacked("bsdtar"));
    assert_eq!(gnu, digests_by_python(&archive));
}

#[test]
fn a_bundle_opens_for_each_of_its_recipients() {
    needs!("age", "age-keygen", "tar", "xz", "ssh-keygen");
    let (collect, first, second) = (Collect::new(), KeyPair::new(), KeyPair::new());
    let ssh = collect.path("ssh");
    let arguments = ["-q", "-t", "ed25519", "-N", "", "-C", "support", "-f"];
    output("ssh-keygen", arguments.iter().copied().chain([ssh.to_str().unwrap()]));
    let ssh_recipient = fs::read_to_string(collect.path("ssh.pub")).unwrap();

    let profile = collect.write(
        "shop.toml",
        format!(
            "product = \"Shop\"\n[collect.os]\nuse = \"os\"\n[encrypt]\n\
             recipients = [\"{}\", \"{}\", \"{}\"]\n",
            first.recipient,
            second.recipient,
            ssh_recipient.trim()
        ),
    );
    collect.gather(&profile).expect(0);
    for key in [first.file(), second.file(), ssh] {
        Bundle::open(&collect.bundle(), &key);
    }
}

#[test]
fn a_bundle_in_zstd_says_so_in_its_name_and_opens() {
    needs!("age", "age-keygen", "tar", "zstd");
    let (collect, key) = (Collect::new(), KeyPair::new());
    let log = collect.write("shop.log", filler(6 << 20));
    let body = format!(
        "[archive]\ncompression = \"zstd\"\n[collect.logs]\nuse = \"files\"\npaths = [\"{}\"]\n",
        log.display()
    );
    let profile = collect.write("shop.toml", profile(&key.recipient, &body));
    collect.gather(&profile).expect(0);
    let bundle = collect.bundle();
    assert!(bundle.to_str().unwrap().ends_with(".tar.zst.age"));
    let opened = Bundle::open(&bundle, &key.file());
    let content = opened.text(&format!("logs{}", log.display()));
    assert!(content == filler(6 << 20), "the log differs");
}

#[test]
fn without_a_profile_of_its_own_a_host_opens_its_bundle_as_it_is_told_to() {
    needs!("age", "tar", "xz");
    let collect = Collect::new();
    let mut keys = Vec::new();
    for _ in 0..2 {
        let ended = collect.gather(Path::new("linux"));
        // What an unprivileged user may not read makes the report partial.
        assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.printed());
        let told = ended.printed();
        let command = told
            .lines()
            .find_map(|line| line.find("age -d -i ").map(|at| &line[at..]))
            .unwrap_or_else(|| panic!("no command that opens the bundle:\n{told}"));

        let place = tempfile::tempdir().unwrap();
        let opened =
            Command::new("sh").args(["-c", command]).current_dir(place.path()).output().unwrap();
        assert!(opened.status.success(), "{command}: {opened:?}");
        let names = digests_below(place.path()).into_keys().collect::<Vec<_>>();
        for file in ["manifest.json", "report.json"] {
            assert!(names.iter().any(|name| name.ends_with(file)), "{names:?}");
        }

        let key = command.split_whitespace().nth(3).unwrap();
        let key = Path::new(key.trim_matches(['\'', '"']));
        let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(key).unwrap());
        assert_eq!(mode & 0o777, 0o600, "{}", key.display());
        keys.push(fs::read(key).unwrap());
    }
    assert!(keys[0] == keys[1], "the key of the host is made once");
}

fn digests_below(folder: &Path) -> Digests {
    crate::kit::files_below(folder)
        .iter()
        .map(|file| {
            let name = file.strip_prefix(folder).unwrap().to_str().unwrap();
            (name.to_owned(), sha256(&fs::read(file).unwrap()))
        })
        .collect()
}

fn digests_by_python(archive: &Path) -> Digests {
    let script = "
import hashlib, sys, tarfile
with tarfile.open(sys.argv[1], 'r:xz') as archive:
    for member in archive:
        if member.isfile():
            content = archive.extractfile(member).read()
            print(hashlib.sha256(content).hexdigest(), member.name)
";
    let printed = output("python3", ["-c".as_ref(), script.as_ref(), archive.as_os_str()]);
    String::from_utf8(printed)
        .unwrap()
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(digest, name)| (name.to_owned(), digest.to_owned()))
        .collect()
}
