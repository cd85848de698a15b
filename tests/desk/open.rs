//! `collect-desk open`: a bundle becomes a folder, and can do no harm.

use super::desk_with;
use crate::kit::{Bundle, Collect, KeyPair, needs, output, profile};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// A host with a bundle for these recipients.
fn gathered(recipients: &str) -> Collect {
    let host = Collect::new();
    // Too much for one part of an age file, however well it is compressed.
    let lines =
        (0..40_000_u64).map(|number| format!("{:x}\n", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let log = host.write("shop.log", lines.collect::<String>());
    let body = format!("[collect.logs]\nuse = \"files\"\npaths = [\"{}\"]\n", log.display());
    let text = profile(recipients, &body);
    host.write("shop.toml", text);
    host.gather(&host.path("shop.toml")).expect(0);
    host
}

fn desk() -> Collect {
    desk_with("")
}

/// The folder that was printed.
fn opened(desk: &Collect, bundle: &Path, key: &Path) -> PathBuf {
    let out = desk.path("opened");
    let words = ["open".as_ref(), bundle.as_os_str(), "--key".as_ref(), key.as_os_str()];
    let words = words.into_iter().chain(["--output".as_ref(), out.as_os_str()]);
    let ended = desk.run(words).expect(0);
    assert!(ended.stderr.contains("Shop on "), "{}", ended.stderr);
    PathBuf::from(ended.stdout.trim_end())
}

#[test]
fn a_bundle_is_opened_by_a_key_of_age_or_ssh_and_is_what_stock_tools_see() {
    needs!("age", "age-keygen", "tar", "xz", "ssh-keygen");
    let (pair, desk) = (KeyPair::new(), desk());
    let ssh = desk.path("id_ed25519");
    output("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", ssh.to_str().unwrap()]);
    let public = fs::read_to_string(ssh.with_extension("pub")).unwrap();
    let host = gathered(&format!("{}\", \"{}", pair.recipient, public.trim()));
    let bundle = host.bundle();
    let stock = Bundle::open(&bundle, &pair.file());
    for key in [pair.file(), ssh] {
        let folder = opened(&desk, &bundle, &key);
        let name = bundle.file_name().unwrap().to_str().unwrap();
        assert_eq!(folder.file_name().unwrap().to_str(), name.split(".tar.").next());
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        let log = format!("logs{}", host.path("shop.log").display());
        let file = folder.join(&log);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read(&file).unwrap(), stock.read(&log));
        let manifest: Value =
            serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
        assert_eq!(manifest, stock.manifest);
        // Twice would mix two bundles, or lose somebody's notes.
        let again = ["open".as_ref(), bundle.as_os_str(), "--key".as_ref(), key.as_os_str()];
        let again =
            again.into_iter().chain(["--output".as_ref(), folder.parent().unwrap().as_os_str()]);
        assert!(desk.run(again).expect(4).stderr.contains("is there already"));
        fs::remove_dir_all(folder.parent().unwrap()).unwrap();
    }
}

#[test]
fn what_does_not_open_says_why_and_leaves_nothing() {
    needs!("age", "age-keygen", "ssh-keygen");
    let (pair, other, desk) = (KeyPair::new(), KeyPair::new(), desk());
    let host = gathered(&pair.recipient);
    let bundle = host.bundle();
    let locked = desk.path("locked");
    output("ssh-keygen", ["-q", "-t", "ed25519", "-N", "made up", "-f", locked.to_str().unwrap()]);
    let public = desk.write("public.txt", &pair.recipient);
    let junk = desk.write("junk.tar.xz.age", "no bundle");
    let short = desk.write("short.tar.xz.age", &fs::read(&bundle).unwrap()[..600]);
    for (bundle, key, words) in [
        (&bundle, other.file(), "none of the keys opens it"),
        (&bundle, locked, "has a passphrase"),
        (&bundle, public, "only the private one opens bundles"),
        (&bundle, "AGE-SECRET-KEY-1MADEUP".into(), "write it into a file"),
        (&bundle, desk.path("nothing"), "cannot read it"),
        (&junk, pair.file(), "it is no bundle"),
        (&short, pair.file(), "no bundle, or it is damaged"),
        (&desk.path("nothing.age"), pair.file(), "cannot read"),
    ] {
        let words_of = ["open".as_ref(), bundle.as_os_str(), "--key".as_ref(), key.as_os_str()];
        let out = desk.path("unpacked");
        let ended = desk.run(words_of.into_iter().chain(["--output".as_ref(), out.as_os_str()]));
        let ended = ended.expect(4);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
        assert!(!ended.printed().contains("1MADEUP"), "{}", ended.stderr);
        assert!(!out.exists());
    }
}

#[test]
fn a_damaged_bundle_keeps_what_could_be_read_and_says_what_is_wrong() {
    needs!("age", "age-keygen");
    let (pair, desk) = (KeyPair::new(), desk());
    let host = gathered(&pair.recipient);
    let whole = fs::read(host.bundle()).unwrap();
    let cut = desk.write("cut.tar.xz.age", &whole[..whole.len() - 20]);
    let key = pair.file();
    let out = desk.path("unpacked");
    let words = ["open".as_ref(), cut.as_os_str(), "--key".as_ref(), key.as_os_str()];
    let ended = desk.run(words.into_iter().chain(["--output".as_ref(), out.as_os_str()])).expect(1);
    assert!(ended.stderr.contains("it breaks off"), "{}", ended.stderr);
    assert_eq!(ended.stdout.trim_end(), out.join("cut.partial").to_str().unwrap());
    assert!(!out.join("cut").exists());
}

/// Makes an archive as no bundle has it.
const HOSTILE: &str = r#"
import io, json, sys, tarfile

archive = tarfile.open(sys.argv[1], "w:xz", preset=0)

def put(name, content=b"", **more):
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    for attribute, value in more.items():
        setattr(entry, attribute, value)
    archive.addfile(entry, io.BytesIO(content))

put("b/manifest.json", b"{}")
put("b/../../outside", b"x")
put("/tmp/collect-test-outside", b"x")
put("b/link", type=tarfile.SYMTYPE, linkname="/tmp")
put("b/link/through", b"x")
put("b/hard", type=tarfile.LNKTYPE, linkname="/etc/passwd")
put("b/pipe", type=tarfile.FIFOTYPE)
put("other/file", b"x")
put("b/twice", b"1")
put("b/twice", b"2")
put("b/good", b"good")
put("b/zeros", bytes(50_000_000))
archive.close()
"#;

#[test]
fn a_hostile_bundle_can_write_plain_files_into_its_own_folder_and_no_more_than_is_allowed() {
    needs!("age", "age-keygen", "python3");
    let (pair, desk) = (KeyPair::new(), desk());
    let archive = desk.path("hostile.tar.xz");
    output("python3", ["-c", HOSTILE, archive.to_str().unwrap()]);
    let bundle = desk.path("hostile.tar.xz.age");
    let args = ["-r", &pair.recipient, "-o", bundle.to_str().unwrap(), archive.to_str().unwrap()];
    output("age", args);
    let (key, out) = (pair.file(), desk.path("unpacked"));
    let words = |most: &'static str| {
        let words = ["open".as_ref(), bundle.as_os_str(), "--key".as_ref(), key.as_os_str()];
        let words = words.into_iter().chain(["--output".as_ref(), out.as_os_str()]);
        words
            .chain(["--max-size".as_ref(), most.as_ref()])
            .map(ToOwned::to_owned)
            .collect::<Vec<_>>()
    };
    let ended = desk.run(words("100MB")).expect(1);
    for said in [
        "`b/../../outside` is no path within the bundle",
        "`/tmp/collect-test-outside` is no path within the bundle",
        "`b/link` is no plain file",
        "`b/hard` is no plain file",
        "`b/pipe` is no plain file",
        "`other/file` is in another folder",
        "`twice` is there twice",
        "no manifest that can be read",
    ] {
        assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
    }
    let folder = out.join("hostile.partial");
    assert!(!desk.path("outside").exists() && !out.join("outside").exists());
    assert!(!Path::new("/tmp/collect-test-outside").exists());
    // The folder is one that was made here, and no way out.
    assert!(folder.join("link").symlink_metadata().unwrap().is_dir());
    assert_eq!(fs::read(folder.join("twice")).unwrap(), b"1");
    assert_eq!(fs::read(folder.join("good")).unwrap(), b"good");

    // What an earlier run could read may have somebody's notes in it.
    let ended = desk.run(words("1MB")).expect(4);
    assert!(ended.stderr.contains("hostile.partial` is there already"), "{}", ended.stderr);
    fs::remove_dir_all(&folder).unwrap();
    let ended = desk.run(words("1MB")).expect(1);
    assert!(ended.stderr.contains("more is in it than may be unpacked"), "{}", ended.stderr);
    assert!(!folder.join("zeros").exists());
}
