use super::*;
use crate::redact::Rule;
use std::io::Read;
use tempfile::TempDir;

fn redaction() -> Redaction {
    let broken =
        Rule::pattern("broken", ["BROKEN"], "BROKEN").unwrap().valid(|_| panic!("made up"));
    let token = Rule::pattern("token", ["token="], "token=(?<secret>[A-Za-z0-9]+)").unwrap();
    let acme = Rule::pattern("acme", ["ACME-"], "ACME-[0-9]+").unwrap();
    let password = Rule::pattern("password", ["password"], r"password = (?<secret>\S+)").unwrap();
    Redaction::compile(vec![broken, token, acme, password.learns(|_| true)]).unwrap()
}

struct Scene {
    folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path("in").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn rewrite(&self, target: Option<&Path>) -> Result<Vec<Rewritten>, RewriteError> {
        self.rewrite_as(target, false)
    }

    fn rewrite_as(
        &self,
        target: Option<&Path>,
        is_root: bool,
    ) -> Result<Vec<Rewritten>, RewriteError> {
        let (redaction, stop, source) = (redaction(), AtomicBool::new(false), self.path("in"));
        let rewrite =
            Rewrite { redaction: &redaction, source: &source, target, is_root, stop: &stop };
        let mut told = Vec::new();
        rewrite.run(|rewritten| told.push(rewritten))?;
        Ok(told)
    }

    /// Redacts into `out`.
    fn redacted(&self) -> Vec<Rewritten> {
        self.rewrite(Some(&self.path("out"))).unwrap()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path("out").join(name)).unwrap()
    }

    /// All that is below `out`.
    fn files(&self) -> Vec<String> {
        let out = self.path("out");
        let files = walkdir::WalkDir::new(&out).sort_by_file_name().into_iter().flatten();
        let files = files.filter(|file| !file.file_type().is_dir());
        let below = |file: walkdir::DirEntry| {
            file.path().strip_prefix(&out).unwrap().to_string_lossy().into_owned()
        };
        files.map(below).collect()
    }
}

fn left_out(told: &[Rewritten]) -> Vec<String> {
    let left_out = told.iter().flat_map(|file| &file.left_out);
    left_out.map(|left| format!("{}: {}", left.path, left.reason)).collect()
}

#[test]
fn a_tree_keeps_its_paths_and_loses_its_secrets() {
    let scene = Scene::new();
    scene.write("etc/app.conf", "a token=Hunter2 b\n");
    scene.write("var/log/token=Hunter2.log", "harmless\n");
    scene.write("empty", "");
    let told = scene.redacted();
    assert_eq!(scene.text("etc/app.conf"), "a token=[redacted:token] b\n");
    let log = "var/log/token=[redacted:token].log";
    assert_eq!(scene.files(), ["empty", "etc/app.conf", log]);
    let told: Vec<_> = told.iter().map(|file| (file.path.as_str(), file.bytes)).collect();
    assert_eq!(told, [("empty", 0), ("etc/app.conf", 18), (log, 9)]);
}

#[test]
fn what_was_compressed_is_redacted_inside_and_stays_compressed() {
    let scene = Scene::new();
    let text = b"a token=Hunter2 b\n".repeat(50_000);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&text).unwrap();
    scene.write("a.log.1.gz", gzip.finish().unwrap());
    let mut xz = xz2::write::XzEncoder::new(Vec::new(), 0);
    xz.write_all(&text).unwrap();
    // Two streams end to end, as `cat` makes them.
    scene.write("b.xz", xz.finish().unwrap().repeat(2));
    scene.write("c.zst", zstd::encode_all(&text[..], 1).unwrap());
    let told = scene.redacted();
    assert!(left_out(&told).is_empty());
    assert_eq!(told[1].redactions["token"], 100_000);
    let open = |name: &str| File::open(scene.path("out").join(name)).unwrap();
    let mut texts = [String::new(), String::new(), String::new()];
    flate2::read::GzDecoder::new(open("a.log.1.gz")).read_to_string(&mut texts[0]).unwrap();
    xz2::read::XzDecoder::new(open("b.xz")).read_to_string(&mut texts[1]).unwrap();
    zstd::Decoder::new(open("c.zst")).unwrap().read_to_string(&mut texts[2]).unwrap();
    for (text, times) in texts.iter().zip([1, 2, 1]) {
        assert!(*text == "a token=[redacted:token] b\n".repeat(50_000 * times));
    }
}

#[test]
fn utf_16_and_bzip2_are_redacted_and_stay_what_they_are() {
    let scene = Scene::new();
    let wide = |text: &str| -> Vec<u8> {
        format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_be_bytes).collect()
    };
    scene.write("win.log", wide("caf\u{e9} token=Hunter2 \u{1f600}\r\nend"));
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(b"token=Hunter2\n").unwrap();
    scene.write("a.bz2", bzip2.finish().unwrap());
    assert!(left_out(&scene.redacted()).is_empty());
    let read = fs::read(scene.path("out/win.log")).unwrap();
    assert_eq!(read, wide("caf\u{e9} token=[redacted:token] \u{1f600}\r\nend"));
    let mut text = String::new();
    let packed = File::open(scene.path("out/a.bz2")).unwrap();
    bzip2::read::BzDecoder::new(packed).read_to_string(&mut text).unwrap();
    assert_eq!(text, "token=[redacted:token]\n");
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn an_archive_is_redacted_member_by_member() {
    let scene = Scene::new();
    let inner = zstd::encode_all(&b"token=Hunter2\n"[..], 1).unwrap();
    let members: &[(&str, &[u8])] = &[
        ("logs/a.log", b"a token=Hunter2\n"),
        ("logs/b.log", b"BROKEN\n"),
        ("logs/ACME-77.zst", &inner),
    ];
    scene.write("old.tar.zst", zstd::encode_all(&tar(members)[..], 1).unwrap());
    let told = scene.redacted();
    assert_eq!(left_out(&told), ["old.tar.zst!logs/b.log: redaction failed in rule `broken`"]);
    let packed = File::open(scene.path("out/old.tar.zst")).unwrap();
    let mut archive = tar::Archive::new(zstd::Decoder::new(packed).unwrap());
    let mut found = Vec::new();
    for member in archive.entries().unwrap() {
        let mut member = member.unwrap();
        let mut content = Vec::new();
        member.read_to_end(&mut content).unwrap();
        found.push((member.path().unwrap().display().to_string(), content));
    }
    assert_eq!(found[0], ("logs/a.log".into(), b"a token=[redacted:token]\n".to_vec()));
    assert_eq!(found[1].0, "logs/[redacted:acme].zst");
    assert_eq!(zstd::decode_all(&found[1].1[..]).unwrap(), b"token=[redacted:token]\n");
    assert_eq!(found.len(), 2);
}

#[test]
fn what_cannot_be_redacted_is_left_out_and_named() {
    let scene = Scene::new();
    scene.write("binary", b"\x7fELF\0\0\0token=Hunter2");
    scene.write("broken.log", "first line\nBROKEN\n");
    scene.write("damaged.gz", b"\x1f\x8b\x08\0no gzip at all token=Hunter2");
    scene.write("short.zip", b"PK\x03\x04token=Hunter2");
    rustix::fs::mkfifoat(rustix::fs::CWD, scene.path("in/fifo"), 0o600.into()).unwrap();
    scene.write("ok", "x\n");
    let told = scene.redacted();
    assert_eq!(scene.files(), ["ok"]);
    let left_out = left_out(&told);
    let known =
        ["binary: it is a program", "broken.log: redaction failed", "damaged.gz: it cannot"];
    for (left, known) in left_out.iter().zip(known) {
        assert!(left.starts_with(known), "{left_out:?}");
    }
    assert_eq!(left_out[3], "fifo: it is a FIFO, a socket or a device");
    assert_eq!(left_out[4], "short.zip: it is a zip archive");
}

#[test]
fn a_link_is_kept_if_it_stays_within_the_tree() {
    let scene = Scene::new();
    scene.write("log/a", "x\n");
    for (to, name) in [("log/a", "kept"), ("../../etc/shadow", "log/up"), ("/etc/shadow", "out")] {
        symlink(to, scene.path("in").join(name)).unwrap();
    }
    let told = scene.redacted();
    assert_eq!(scene.files(), ["kept", "log/a"]);
    assert_eq!(fs::read_link(scene.path("out/kept")).unwrap(), Path::new("log/a"));
    assert_eq!(left_out(&told).len(), 2);
    let told = scene.rewrite_as(Some(&scene.path("as-root")), true).unwrap();
    assert_eq!(left_out(&told).len(), 1, "an absolute one is meant from the root of the tree");
}

#[test]
fn a_target_that_could_mix_things_up_is_refused() {
    let scene = Scene::new();
    scene.write("a", "x\n");
    let within = scene.rewrite(Some(&scene.path("in/below/out")));
    assert!(matches!(within, Err(RewriteError::Within(_))));
    fs::create_dir(scene.path("full")).unwrap();
    fs::write(scene.path("full/other"), "").unwrap();
    let occupied = scene.rewrite(Some(&scene.path("full")));
    assert!(matches!(occupied, Err(RewriteError::Occupied(_))));
    fs::write(scene.path("file"), "").unwrap();
    let file = scene.rewrite(Some(&scene.path("file")));
    assert!(matches!(file, Err(RewriteError::Target { .. })));
}

#[test]
fn without_a_target_the_changes_are_told_and_nothing_is_written() {
    let scene = Scene::new();
    scene.write("a.conf", "one\nthe token=Hunter2Hunter2 is\nthree\n");
    scene.write("b.conf", "one\n");
    scene.write("c.zst", zstd::encode_all(&b"token=Hunter2Hunter2"[..], 1).unwrap());
    let told = scene.rewrite(None).unwrap();
    let lines: Vec<_> = told.iter().map(|file| file.changes.len()).collect();
    assert_eq!(lines, [1, 0, 1]);
    let change = &told[0].changes[0];
    let text = |parts: &[Segment]| parts.iter().map(|part| part.text.clone()).collect::<String>();
    assert_eq!((change.line, text(&change.before)), (2, "the token=H…2 is".into()));
    assert_eq!(text(&change.after), "the token=[redacted:token] is");
    let left: Vec<_> = fs::read_dir(scene.folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1);
}

#[test]
fn a_large_file_comes_out_as_it_does_at_once() {
    let scene = Scene::new();
    use std::fmt::Write as _;
    let mut text = String::new();
    for number in 0..300_000 {
        writeln!(text, "line {number} of token=Hunter{number}").unwrap();
    }
    scene.write("large.log", &text);
    scene.redacted();
    let whole = redaction().whole(text.into_bytes()).unwrap();
    assert!(scene.text("large.log").into_bytes() == whole.bytes);
}

#[test]
fn work_that_is_stopped_leaves_nothing_half_written() {
    let scene = Scene::new();
    scene.write("a", "x\n");
    let (redaction, stop) = (redaction(), AtomicBool::new(true));
    let (source, target) = (scene.path("in"), scene.path("out"));
    let target = Some(target.as_path());
    let rewrite =
        Rewrite { redaction: &redaction, source: &source, target, is_root: false, stop: &stop };
    assert!(matches!(rewrite.run(|_| ()), Err(RewriteError::Stopped)));
    assert!(scene.files().is_empty());
}

#[test]
fn a_copy_is_as_readable_and_as_old_as_its_source() {
    let scene = Scene::new();
    let path = scene.write("a", "x\n");
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let before = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let times = FileTimes::new().set_modified(before);
    File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
    scene.redacted();
    let copy = fs::metadata(scene.path("out/a")).unwrap();
    assert_eq!((copy.permissions().mode() & 0o777, copy.modified().unwrap()), (0o640, before));
}

#[test]
fn what_is_learnt_in_one_file_is_removed_from_those_before_it() {
    let scene = Scene::new();
    let secret = "m4deUpv4lue";
    scene.write("a.log", format!("login with {secret}\n"));
    scene.write("b.log", "harmless\n");
    scene.write("c/m4deUpv4lue/d.log", "harmless\n");
    scene.write("d.gz", {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(format!("x {secret}\n").as_bytes()).unwrap();
        gzip.finish().unwrap()
    });
    scene.write("e.tar", tar(&[("m4deUpv4lue.log", b"in m4deUpv4lue")]));
    symlink("c/m4deUpv4lue/d.log", scene.path("in/f")).unwrap();
    scene.write("z.conf", format!("password = {secret}\n"));
    let told = scene.redacted();
    assert_eq!(scene.text("a.log"), "login with [redacted:learnt]\n");
    let token = "[redacted:learnt]";
    let moved = format!("c/{token}/d.log");
    assert_eq!(scene.files(), ["a.log", "b.log", &moved, "d.gz", "e.tar", "f", "z.conf"]);
    assert!(!scene.path("out/c/m4deUpv4lue").exists(), "the folder is still there");
    assert_eq!(fs::read_link(scene.path("out/f")).unwrap(), Path::new(&moved));
    let mut text = String::new();
    let packed = File::open(scene.path("out/d.gz")).unwrap();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    assert_eq!(text, "x [redacted:learnt]\n");
    let archive = fs::read(scene.path("out/e.tar")).unwrap();
    assert!(memchr::memmem::find(&archive, secret.as_bytes()).is_none());
    let counts: Vec<_> = told.iter().map(|file| file.redactions.get("learnt")).collect();
    assert_eq!(counts, [Some(&1), None, None, Some(&1), Some(&1), None, None]);
    assert!(told.iter().all(|file| !file.path.contains(secret)));
}

#[test]
fn what_is_learnt_is_shown_in_the_files_before_it() {
    let scene = Scene::new();
    scene.write("a.log", "login with m4deUpv4lue\n");
    scene.write("z.conf", "password = m4deUpv4lue\n");
    let told = scene.rewrite(None).unwrap();
    let after = |file: &Rewritten| -> String {
        file.changes[0].after.iter().map(|part| part.text.clone()).collect()
    };
    assert_eq!(after(&told[0]), "login with [redacted:learnt]");
    assert_eq!(after(&told[1]), "password = [redacted:password]");
}

#[test]
fn what_is_learnt_is_removed_from_a_line_of_many_megabytes() {
    let scene = Scene::new();
    let line = format!("{}\n", "m4deUpv4lue".repeat(500_000));
    scene.write("a.json", &line);
    scene.write("z.conf", "password = m4deUpv4lue\n");
    scene.redacted();
    assert!(scene.text("a.json") == line.replace("m4deUpv4lue", "[redacted:learnt]"));
}

#[test]
fn work_that_is_stopped_leaves_nothing_that_was_learnt() {
    let scene = Scene::new();
    scene.write("a.conf", "password = m4deUpv4lue\n");
    scene.write("b.log", "login with m4deUpv4lue\n");
    scene.write("c.log", "harmless\n");
    // It is stopped by the rule that sees the last file.
    let stop = std::sync::Arc::new(AtomicBool::new(false));
    let ends = std::sync::Arc::clone(&stop);
    let last = Rule::pattern("last", ["LAST"], "LAST").unwrap().valid(move |_| {
        ends.store(true, Ordering::Relaxed);
        true
    });
    scene.write("d.log", format!("LAST\n{}", "filler\n".repeat(1_000_000)));
    let password = Rule::pattern("password", ["password"], r"password = (?<secret>\S+)").unwrap();
    let redaction = Redaction::compile(vec![last, password.learns(|_| true)]).unwrap();
    let (source, target) = (scene.path("in"), scene.path("out"));
    let (source, target) = (source.as_path(), Some(target.as_path()));
    let rewrite = Rewrite { redaction: &redaction, source, target, is_root: false, stop: &stop };
    assert!(matches!(rewrite.run(|_| ()), Err(RewriteError::Stopped)));
    assert!(!scene.files().contains(&"b.log".to_owned()), "{:?}", scene.files());
}

#[test]
fn a_file_in_which_something_is_left_is_left_out() {
    let scene = Scene::new();
    scene.write("a.log", "ghp_plantedplantedplanted\n");
    scene.write("b.log", "ok\n");
    // It says that it has removed what it leaves.
    let lies = Rule::pattern("token", ["ghp_"], "ghp_[a-z]{20}").unwrap();
    let lies = lies.replaced(|value| Some(value.to_vec())).leaves_no("ghp_[a-z]{20}");
    let (redaction, stop) = (Redaction::compile(vec![lies]).unwrap(), AtomicBool::new(false));
    let (source, target) = (scene.path("in"), scene.path("out"));
    let (source, target) = (source.as_path(), Some(target.as_path()));
    let mut told = Vec::new();
    Rewrite { redaction: &redaction, source, target, is_root: false, stop: &stop }
        .run(|one| told.push(one))
        .unwrap();
    assert_eq!(scene.files(), ["b.log"]);
    let reason = "a second look has found what rule `token` should have removed";
    assert_eq!(left_out(&told), [format!("a.log: {reason}")]);
}
