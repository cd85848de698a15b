//! `collect redact`: a made-up tree with planted secrets, redacted by the real program.

use crate::kit::{Collect, Planted, files_below, filler, plant};
use serde_json::Value;
use std::{
    ffi::OsString,
    fs,
    io::Write as _,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

const PROFILE: &str = r#"
product = "Shop"
[redact.ours]
use = "literal"
values = [{ file = "known.txt" }, { env = "SHOP_TOKEN" }]
[redact.sessions]
use = "keys"
json = ["$.auth.*.id"]
names = ["till-number"]
examples = { hit = ['{"auth":{"web":{"id":"x"}}}'], miss = ['{"id":"x"}'] }
"#;

struct Scene {
    collect: Collect,
    profile: PathBuf,
    secrets: Vec<Planted>,
}

impl Scene {
    /// A tree of another host with secrets in configuration, a log, rotated logs and a name.
    fn new() -> Self {
        let mut collect = Collect::new();
        collect.env("SHOP_TOKEN", "Correct-Horse-7");
        collect.write("known.txt", "made-up-one\nmade-up-two\n");
        let profile = collect.write("shop.toml", PROFILE);
        let secrets = plant(11, 2);
        let mut log = String::new();
        for secret in &secrets {
            log += &filler(20_000);
            log += &secret.text;
            log.push('\n');
        }
        collect.write("host/var/log/shop.log", &log);
        let mut xz = xz2::write::XzEncoder::new(Vec::new(), 0);
        xz.write_all(log.as_bytes()).unwrap();
        collect.write("host/var/log/shop.log.1.xz", xz.finish().unwrap());
        collect.write(
            "host/etc/shop.conf",
            "one made-up-one two made-up-two three Correct-Horse-7\ntill-number = 77 b\nlast = 1\n",
        );
        collect.write("host/etc/shop.json", "{\"auth\":{\"web\":{\"id\":12}},\"id\":34}\n");
        collect.write("host/etc/made-up-one.conf", "harmless\n");
        collect.write("host/usr/bin/shop", b"\x7fELF\x02\x01\x01\0\0\0made-up-one");
        symlink("shop.conf", collect.path("host/etc/current.conf")).unwrap();
        Self { collect, profile, secrets }
    }

    fn arguments(&self, further: &[&str]) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["redact".into(), "--profile".into()];
        arguments.push(self.profile.clone().into());
        arguments.push(self.collect.path("host").into());
        arguments.extend(further.iter().map(OsString::from));
        arguments
    }

    fn target(&self) -> PathBuf {
        self.collect.path("redacted")
    }

    fn writing(&self, further: &[&str]) -> Vec<OsString> {
        let mut arguments = self.arguments(further);
        arguments.extend(["--output".into(), self.target().into()]);
        arguments
    }

    #[track_caller]
    fn finds_nothing_in(&self, what: &str, text: &[u8]) {
        let known = ["made-up-one", "made-up-two", "Correct-Horse-7"].map(str::to_owned);
        let parts = self.secrets.iter().flat_map(|secret| &secret.parts).chain(&known);
        for part in parts {
            let found = text.windows(part.len()).any(|window| window == part.as_bytes());
            assert!(!found, "{what} holds `{part}`");
        }
    }
}

fn unpacked(path: &Path) -> Vec<u8> {
    let packed = fs::read(path).unwrap();
    if path.extension().is_some_and(|extension| extension == "xz") {
        let mut text = Vec::new();
        let mut decoder = xz2::read::XzDecoder::new(&packed[..]);
        std::io::Read::read_to_end(&mut decoder, &mut text).unwrap();
        return text;
    }
    packed
}

#[test]
fn a_tree_is_redacted_to_the_same_paths_and_what_is_left_out_is_said() {
    let scene = Scene::new();
    let ended = scene.collect.run(scene.writing(&["--root"]));
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    let target = scene.target();
    let mut paths = Vec::new();
    for path in files_below(&target) {
        let below = path.strip_prefix(&target).unwrap().display().to_string();
        scene.finds_nothing_in("a name", below.as_bytes());
        scene.finds_nothing_in(&below, &unpacked(&path));
        paths.push(below);
    }
    paths.sort();
    assert_eq!(
        paths,
        [
            "etc/[redacted:ours].conf",
            "etc/shop.conf",
            "etc/shop.json",
            "var/log/shop.log",
            "var/log/shop.log.1.xz"
        ]
    );
    let read = |name: &str| fs::read_to_string(target.join(name)).unwrap();
    let gone = "[redacted:ours]";
    assert_eq!(
        read("etc/shop.conf"),
        format!(
            "one {gone} two {gone} three {gone}\ntill-number = [redacted:sessions]\nlast = 1\n"
        )
    );
    let json = "{\"auth\":{\"web\":{\"id\":\"[redacted:sessions]\"}},\"id\":34}\n";
    assert_eq!(read("etc/shop.json"), json);
    assert_eq!(fs::read_link(target.join("etc/current.conf")).unwrap(), Path::new("shop.conf"));
    let log = unpacked(&target.join("var/log/shop.log"));
    assert!(log == unpacked(&target.join("var/log/shop.log.1.xz")));
    let lines = filler(20_000);
    assert!(String::from_utf8(log).unwrap().starts_with(&lines), "what is no secret stays");
    assert!(ended.stderr.contains("usr/bin/shop: it is a program"), "{}", ended.stderr);
    assert!(ended.stderr.contains("ours"), "{}", ended.stderr);
    scene.finds_nothing_in("what it says", ended.stderr.as_bytes());

    let again = scene.collect.run(scene.writing(&[]));
    assert_eq!(again.code, Some(4), "a folder that holds something is not written to");
}

#[test]
fn without_a_target_the_changes_are_shown_with_what_is_removed_masked() {
    let scene = Scene::new();
    fs::remove_file(scene.collect.path("host/usr/bin/shop")).unwrap();
    let ended = scene.collect.run(scene.arguments(&[]));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let gone = "[redacted:ours]";
    let shown = format!(
        "etc/shop.conf  3 ours, 1 sessions\n@@ 1 @@\n-one m…e two m…o three C…7\n\
         +one {gone} two {gone} three {gone}\n@@ 2 @@\n-till-number = …\n\
         +till-number = [redacted:sessions]\n\n"
    );
    assert!(ended.stdout.contains(&shown), "{}", ended.stdout);
    assert!(!ended.stdout.contains('\x1b') && !ended.stdout.contains("last = 1"));
    scene.finds_nothing_in("what is shown", ended.stdout.as_bytes());
    let coloured = scene.collect.run(scene.arguments(&["--color", "always"]));
    assert!(coloured.stdout.contains("\x1b[1;31mm…e\x1b[0m"), "{}", coloured.stdout);
}

#[test]
fn a_program_is_told_by_events() {
    let scene = Scene::new();
    let ended = scene.collect.run(scene.writing(&["--json"]));
    assert_eq!(ended.code, Some(3));
    let events: Vec<Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let left: Vec<_> = events.iter().filter(|event| event["event"] == "left-out").collect();
    assert_eq!((left.len(), &left[0]["path"]), (1, &Value::from("usr/bin/shop")));
    let conf = events.iter().find(|event| event["path"] == "etc/shop.conf").unwrap();
    assert_eq!((&conf["event"], &conf["redactions"]["ours"]), (&"redacted".into(), &3.into()));
    let last = events.last().unwrap();
    assert_eq!(
        (&last["event"], &last["exit"], &last["files"]),
        (&"finished".into(), &3.into(), &6.into())
    );
}

#[test]
fn a_value_that_cannot_be_read_refuses_the_profile_before_anything_is_written() {
    let scene = Scene::new();
    fs::remove_file(scene.collect.path("known.txt")).unwrap();
    let ended = scene.collect.run(scene.writing(&[]));
    assert_eq!(ended.code, Some(4));
    assert!(ended.stderr.contains("known.txt"), "{}", ended.stderr);
    assert!(!scene.target().exists());
}

#[test]
fn what_a_profile_holds_as_a_value_is_not_shown_when_it_is_wrong() {
    let collect = Collect::new();
    let text = "product = \"Shop\"\n[redact.ours]\nuse = \"literal\"\nvalues = [\n  \"made-up-one\",\n  7,\n]\n";
    let profile = collect.write("shop.toml", text);
    let ended = collect.run(["check".into(), profile.into_os_string()]);
    assert_eq!(ended.code, Some(4));
    assert!(!ended.stderr.contains("made-up-one"), "{}", ended.stderr);
}

#[test]
fn rules_of_another_program_are_applied_from_a_file_beside_the_profile() {
    let collect = Collect::new();
    let rules = "[[rules]]\nid = \"acme-token\"\nregex = '''acme-([a-z0-9]{8})'''\n";
    collect.write("acme.toml", format!("{rules}keywords = [\"acme-\"]\nentropy = 2\n"));
    let body = "product = \"Shop\"\n[redact.acme]\nuse = \"import\"\nfiles = [\"acme.toml\"]\n";
    let profile = collect.write("shop.toml", body);
    collect.write("host/shop.log", "got acme-m4d3upt0 from acme-aaaaaaaa\n");
    let redact = |name: &str| {
        let mut arguments: Vec<OsString> = vec!["redact".into(), "--profile".into()];
        arguments.extend([profile.clone().into(), collect.path("host").into()]);
        arguments.extend(["--output".into(), collect.path(name).into()]);
        collect.run(arguments)
    };
    redact("redacted").expect(0);
    let log = fs::read_to_string(collect.path("redacted/shop.log")).unwrap();
    assert_eq!(log, "got acme-[redacted:acme-token] from acme-aaaaaaaa\n");

    collect.write("acme.toml", format!("{}keywords = []\n", rules.replace("acme-(", "(?=a)(")));
    let refused = redact("refused");
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("`acme-token`"), "{}", refused.stderr);
    assert!(refused.stderr.contains("acme.toml"), "{}", refused.stderr);
}
