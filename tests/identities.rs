//! Pseudonyms: one incident on two made-up hosts, redacted by the real program under two keys.

use crate::kit::Collect;
use collect_core::Secret;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const PROFILE: &str = r#"
product = "Shop"
[redact.people]
use = "identities"
key = { file = "customer.key" }
"#;

const KEY: &str = "a made-up key of a customer";

const OTHER: &str = "another made-up key, of another customer";

/// What both hosts wrote down of the same incident: of every kind of identity one.
const INCIDENT: &str = "\
2026-11-23T10:42:00Z till1 shop[7]: connection from 10.42.7.1:50010 to 10.42.7.20:443 refused
2026-11-23T10:42:00Z till1 shop[7]: peer fd12:3456:789a::7 at 52:54:00:ab:cd:ef is gone
2026-11-23T10:42:01Z till2 shop[8]: till2.stage.made-up.net does not answer till1.stage.made-up.net
2026-11-23T10:42:01Z till2 sshd[9]: Accepted publickey for zmadeup from 93.184.216.34 port 22
2026-11-23T10:42:02Z till2 shop[8]: mail from=<zoe.madeup@made-up.net> name=\"Zoe Madeup\"
2026-11-23T10:42:03Z till2 shop[8]: card 4111 1111 1111 1111 iban DE89370400440532013000 refused
2026-11-23T10:42:03Z till2 shop[8]: call +49 30 12345678, ssn: 078-05-1120, ship to Madeupweg 7
2026-11-23T10:42:04Z till1 shop[7]: open /home/zmadeup/shop.toml: version 4.19.0.7, OID 1.3.6.1.4.1
";

/// What of it names nobody, so that it stays.
const STAYS: &[&str] = &[
    "2026-11-23T10:42:00Z",
    "sshd[9]:",
    ":50010",
    "publickey",
    "/home/",
    "4.19.0.7",
    "1.3.6.1.4.1",
];

/// A host's tree.
fn host(collect: &Collect, name: &str) -> PathBuf {
    let write = |path: &str, text: &str| collect.write(&format!("{name}/{path}"), text);
    write("etc/hostname", &format!("{name}\n"));
    write(
        "etc/hosts",
        "127.0.0.1 localhost\n10.42.7.20 till1.stage.made-up.net till1\n10.42.7.21 till2.stage.made-up.net till2\n",
    );
    write(
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\nzmadeup:x:1000:1000:Zoe Madeup,,,:/home/zmadeup:/bin/sh\n",
    );
    write("var/log/shop.log", INCIDENT);
    write("home/zmadeup/notes.txt", &format!("this is {name}, of zmadeup\n"));
    collect.path(name)
}

/// Redacts a host's tree under a key.
fn redacted(collect: &Collect, host: &Path, key: &str) -> PathBuf {
    collect.write("customer.key", key);
    let profile = collect.write("shop.toml", PROFILE);
    let target = collect.path(&format!("{}-{}", host.file_name().unwrap().display(), key.len()));
    let ended = collect.run([
        "redact".into(),
        "--profile".into(),
        profile.into_os_string(),
        "--root".into(),
        host.as_os_str().to_owned(),
        "--output".into(),
        target.clone().into_os_string(),
    ]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    target
}

fn log(tree: &Path) -> String {
    fs::read_to_string(tree.join("var/log/shop.log")).unwrap()
}

/// The words that stand where the incident has others.
fn pseudonyms(log: &str) -> BTreeSet<String> {
    let words = |text: &str| -> BTreeSet<String> {
        text.split(|letter: char| letter.is_whitespace() || "<>\"/=,".contains(letter))
            .map(str::to_owned)
            .collect()
    };
    words(log).difference(&words(INCIDENT)).cloned().collect()
}

/// What a log has between these words.
fn between<'t>(log: &'t str, before: &str, after: &str) -> &'t str {
    let (_, rest) = log.split_once(before).unwrap();
    rest.split_once(after).unwrap().0
}

#[test]
fn one_incident_on_two_hosts_has_the_same_pseudonyms_under_one_key_and_none_in_common_under_another()
 {
    let collect = Collect::new();
    let [one, two] = ["till1", "till2"].map(|name| host(&collect, name));
    let [on_one, on_two] = [&one, &two].map(|host| log(&redacted(&collect, host, KEY)));
    assert_eq!(on_one, on_two);
    for gone in
        ["till", "10.42.7", "fd12", "52:54", "made", "216.34", "4111 1111", "370400", "078-05"]
    {
        assert!(!on_one.to_lowercase().contains(gone), "`{gone}` is in {on_one}");
    }
    for stays in STAYS {
        assert!(on_one.contains(stays), "`{stays}` is not in {on_one}");
    }
    let other = log(&redacted(&collect, &one, OTHER));
    let common: Vec<_> = pseudonyms(&on_one).intersection(&pseudonyms(&other)).cloned().collect();
    // Groups of few digits, as of a telephone, may be the same by chance.
    assert!(common.iter().all(|word| word.len() <= 4), "{common:?}");
    for (before, after) in [("card ", " iban"), ("call ", ", ssn"), ("name=\"", "\"\n")] {
        let of = |log: &str| between(log, before, after).to_owned();
        assert_ne!(of(&on_one), of(&other), "what stands behind `{before}`");
    }
}

#[test]
fn what_was_redacted_is_revealed_with_the_key_alone() {
    let collect = Collect::new();
    let tree = redacted(&collect, &host(&collect, "till1"), KEY);
    let revealing = collect_collectors::reveal(&Secret::new(KEY)).unwrap();
    assert_eq!(revealing.text(&log(&tree)), INCIDENT);
    let names: Vec<String> = crate::kit::files_below(&tree)
        .iter()
        .map(|path| revealing.text(&path.strip_prefix(&tree).unwrap().display().to_string()))
        .collect();
    assert!(names.contains(&"home/zmadeup/notes.txt".to_owned()), "{names:?}");
    assert!(!tree.join("home/zmadeup").exists());
    let other = collect_collectors::reveal(&Secret::new(OTHER)).unwrap().text(&log(&tree));
    for gone in ["till1", "10.42.7.1:", "52:54:00", "zmadeup", "4111 1111", "370400"] {
        assert!(!other.contains(gone), "`{gone}` is in {other}");
    }
}
