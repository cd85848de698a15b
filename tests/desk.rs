//! The desk and a real bucket: what comes in is listed, fetched, verified and deleted.

mod bucket;
mod open;
mod prune;
mod tokens;

use crate::kit::{
    ADMINISTRATOR, BucketOf, Bundle, Collect, DESK_TOKEN, KeyPair, REFERER, Seaweed, UPLOAD_TOKEN,
    contains, end_watched, needs, profile,
};
use serde_json::Value;
use std::{fs, os::unix::fs::MetadataExt as _};

/// Support's host, with a `desk.toml`.
pub(crate) fn desk_with(settings: &str) -> Collect {
    let desk = Collect::of(env!("CARGO_BIN_EXE_collect-desk"));
    desk.write("config/collect/desk.toml", settings);
    desk
}

/// The key of a report that was made at a date, `2026-11-23`.
pub(crate) fn key(product: &str, date: &str, id: &str) -> String {
    let (path, time) = (date.replace('-', "/"), date.replace('-', ""));
    format!("reports/{product}/{path}/{product}-{time}T104205Z-{id}.tar.xz.age")
}

/// Something that looks like a report from outside.
pub(crate) fn content(len: usize) -> Vec<u8> {
    let mut content = b"age-encryption.org/v1\n".to_vec();
    content.extend((0..len).map(|at| (at * 7 % 251) as u8));
    content
}

/// What `collect-desk reports list --json` says, and further words.
fn listed(desk: &Collect, words: &[&str]) -> Vec<Value> {
    let words = [&["reports", "list", "--json"], words].concat();
    let printed = desk.run(words).expect(0).stdout;
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Sends a report from a host of the product's.
fn send_report(server: &Seaweed, key: &KeyPair, token: &str) -> Collect {
    let host = Collect::new();
    let log = host.write("shop.log", "the print button does nothing\n");
    let body = format!(
        "[collect.logs]\nuse = \"files\"\npaths = [\"{}\"]\n{}",
        log.display(),
        server.sink(&format!("\"{token}\""))
    );
    host.write("shop.toml", profile(&key.recipient, &body));
    host
}

#[test]
fn a_report_goes_from_a_host_to_support_and_away() {
    needs!("age", "age-keygen", "tar", "xz", "weed", "openssl", "curl");
    let (server, pair) = (Seaweed::start(), KeyPair::new());
    let host = send_report(&server, &pair, UPLOAD_TOKEN);
    host.run(Collect::delivering(&host.path("shop.toml"))).expect(0);
    let sealed = server.object(&server.keys()[0]);

    let desk = desk_with(&server.desk());
    let rows = listed(&desk, &[]);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["product"], "shop");
    assert_eq!(rows[0]["size"], sealed.len());
    let pseudonym = rows[0]["host"].as_str().unwrap();
    assert!(pseudonym.starts_with("host-") && pseudonym.len() <= 64, "{pseudonym}");
    let table = desk.run(["reports", "list"]).expect(0).stdout;
    let id = rows[0]["id"].as_str().unwrap();
    assert!(table.starts_with("DATE") && table.contains(id), "{table}");

    let got = desk.run(["reports", "get", id, "--output", "out"]).expect(0);
    let path = desk.out().join(rows[0]["name"].as_str().unwrap());
    assert_eq!(got.stdout.trim(), format!("out/{}", path.file_name().unwrap().to_str().unwrap()));
    assert!(!got.stderr.contains("verified"), "{}", got.stderr);
    assert!(fs::read(&path).unwrap() == sealed, "the sealed bytes");
    Bundle::open(&path, &pair.file());

    // It is there already, and it is the same.
    desk.run(["reports", "get", id, "--output", "out"]).expect(0);

    let young = desk.run(["reports", "prune", "--older-than", "1h", "--yes"]).expect(0);
    assert_eq!(server.keys().len(), 1, "{}", young.printed());
    std::thread::sleep(std::time::Duration::from_millis(2100));
    desk.run(["reports", "prune", "--older-than", "1s", "--yes"]).expect(0);
    assert_eq!(server.keys(), [""; 0]);
    for file in desk.left_behind() {
        if !file.ends_with("desk.toml") {
            assert!(!contains(&fs::read(&file).unwrap(), DESK_TOKEN.as_bytes()), "{file:?}");
        }
    }
}

#[test]
fn each_token_is_refused_what_is_the_others() {
    needs!("age-keygen", "weed", "openssl", "curl");
    let (server, pair) = (Seaweed::start(), KeyPair::new());
    let host = send_report(&server, &pair, DESK_TOKEN);
    let refused = host.run(Collect::delivering(&host.path("shop.toml"))).expect(5);
    assert!(refused.stderr.contains("`upload-token`"), "{}", refused.stderr);
    assert_eq!(server.keys(), [""; 0]);

    let there = key("shop", "2020-01-02", "aaaabbbbccccdddd");
    server.put(&there, &content(100));
    let settings = |token: &str, referer: &str| {
        server.desk_by(&format!("desk-token = \"{token}\"\nreferer = \"{referer}\"\n"))
    };
    for (token, referer) in [
        (UPLOAD_TOKEN, REFERER),
        ("made-up-wrong-token", REFERER),
        (&*format!("{DESK_TOKEN}x"), REFERER),
        (DESK_TOKEN, "https://other.example.com/"),
    ] {
        let desk = desk_with(&settings(token, referer));
        for words in [
            &["reports", "list"][..],
            &["reports", "get", &there],
            &["reports", "delete", &there, "--yes"],
            &["reports", "prune", "--older-than", "1s", "--yes"],
        ] {
            let refused = desk.run(words).expect(5);
            assert!(refused.stderr.contains("`desk-token`"), "{}", refused.stderr);
            for secret in [token, referer] {
                assert!(!refused.printed().contains(secret), "{}", refused.printed());
            }
        }
    }
    assert_eq!(server.keys(), [there]);
}

#[test]
fn keys_of_the_environment_do_what_the_token_does() {
    needs!("weed", "openssl", "curl");
    let server = Seaweed::start();
    let there = key("shop", "2020-01-02", "aaaabbbbccccdddd");
    server.put(&there, &content(100));
    let mut desk = desk_with(&server.desk_by("access = \"keys\"\n"));
    let without = desk.run(["reports", "list"]).expect(4);
    assert!(without.stderr.contains("AWS_ACCESS_KEY_ID"), "{}", without.stderr);
    for (name, value) in ADMINISTRATOR {
        desk.env(name, value);
    }
    assert_eq!(listed(&desk, &[]).len(), 1);
    // What was stored without a checksum cannot be verified, and that is said.
    let got = desk.run(["reports", "get", "aaaabbbb", "--output", "out"]).expect(1);
    assert!(got.stderr.contains("could not be verified"), "{}", got.stderr);
    desk.run(["reports", "delete", "aaaabbbb", "--yes"]).expect(0);
    assert_eq!(server.keys(), [""; 0]);
}

#[test]
fn what_is_here_already_and_is_another_file_is_not_overwritten() {
    needs!("weed", "openssl", "curl");
    let (server, name) = (Seaweed::start(), key("shop", "2020-01-02", "aaaabbbbccccdddd"));
    server.put(&name, &content(100));
    let desk = desk_with(&server.desk());
    let file = desk.write(&format!("out/{}", name.rsplit('/').next().unwrap()), "mine");
    let refused = desk.run(["reports", "get", "aaaabbbb", "--output", "out"]).expect(1);
    assert!(refused.stderr.contains("is another file"), "{}", refused.stderr);
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    assert_eq!(desk.left_behind().len(), 2, "{:?}", desk.left_behind());
}

#[test]
fn a_download_that_was_ended_goes_on_and_is_not_spliced_with_another_object() {
    needs!("weed", "openssl", "curl");
    let (server, name) = (Seaweed::start(), key("shop", "2020-01-02", "aaaabbbbccccdddd"));
    let (first, second) = (content(60_000_000), content(4_000_000));
    bucket::store(&server, &name, &first);
    let desk = desk_with(&server.desk());
    let get = ["reports", "get", "aaaabbbb", "--output", "out"];
    let file = desk.out().join(name.rsplit('/').next().unwrap());
    let partial = || {
        let files = crate::kit::files_below(&desk.out());
        files.into_iter().find(|file| file.to_string_lossy().ends_with(".partial"))
    };
    let running = desk.start(get);
    let part = crate::kit::wait_for("a part", std::time::Duration::from_secs(30), || {
        partial().filter(|part| fs::metadata(part).is_ok_and(|part| part.len() > 0))
    });
    running.signal("KILL");
    running.end();
    assert!(!file.exists(), "it was ended in the middle");

    let inode = |file: &std::path::Path| fs::metadata(file).unwrap().ino();
    let before = inode(&part);
    desk.run(get).expect(0);
    assert!(fs::read(&file).unwrap() == first);
    assert_eq!((inode(&file), partial()), (before, None), "it went on with the same file");

    // What was damaged on this side is noticed, thrown away, and fetched anew.
    fs::remove_file(&file).unwrap();
    fs::write(&part, vec![0; 1_000_000]).unwrap();
    let damaged = desk.run(get).expect(1);
    assert!(damaged.stderr.contains("checksum"), "{}", damaged.stderr);
    assert_eq!((file.exists(), partial()), (false, None));

    fs::write(&part, &first[..1_000_000]).unwrap();
    bucket::store(&server, &name, &second);
    desk.run(get).expect(0);
    assert!(fs::read(&file).unwrap() == second);
    assert_eq!(partial(), None, "what is of no use any more is removed");
}

#[test]
fn what_is_no_report_is_not_handed_over() {
    needs!("weed", "openssl", "curl");
    let (server, name) = (Seaweed::start(), key("shop", "2020-01-02", "aaaabbbb"));
    bucket::store(&server, &name, b"plain text");
    let desk = desk_with(&server.desk());
    let refused = desk.run(["reports", "get", "aaaabbbb", "--output", "out"]).expect(1);
    assert!(refused.stderr.contains("not encrypted"), "{}", refused.stderr);
    assert_eq!(crate::kit::files_below(&desk.out()), [""; 0].map(std::path::PathBuf::from));
}

#[test]
fn a_pattern_that_means_several_or_nothing_is_an_error_and_everything_needs_a_yes() {
    needs!("weed", "openssl", "curl");
    let server = Seaweed::start();
    let keys = ["2020-01-02", "2020-01-03"].map(|date| key("shop", date, &date.replace('-', "x")));
    let other = key("till", "2020-01-03", "tilltilltill");
    for key in keys.iter().chain([&other]) {
        server.put(key, &content(10));
    }
    let desk = desk_with(&server.desk());
    let several = desk.run(["reports", "delete", "shop-2020", "--yes"]).expect(4);
    assert!(several.stderr.contains("means 2 reports"), "{}", several.stderr);
    let nothing = desk.run(["reports", "get", "nothing", "--output", "out"]).expect(1);
    assert!(nothing.stderr.contains("no report is `nothing`"), "{}", nothing.stderr);
    for pattern in ["*", "reports/*", "*.age", "*-2020*", "?*"] {
        let refused = desk.run(["reports", "delete", pattern]).expect(4);
        assert!(refused.stderr.contains("everything in the bucket"), "{}", refused.stderr);
    }
    desk.run(["reports", "delete", ""]).expect(4);
    desk.run(["reports", "delete", "", "--yes"]).expect(4);
    let unasked = desk.run(["reports", "delete", "shop*"]).expect(4);
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    assert_eq!(server.keys().len(), 3);
    desk.run(["reports", "delete", "shop*", "--yes"]).expect(0);
    assert_eq!(server.keys(), [other]);
    desk.run(["reports", "delete", "*", "--yes"]).expect(0);
    assert_eq!(server.keys(), [""; 0]);
}

#[test]
fn the_list_shows_tickets_and_hosts_and_nothing_that_moves_a_cursor() {
    needs!("weed", "openssl", "curl");
    let server = Seaweed::start();
    let (one, other) =
        (key("shop", "2020-01-03", "aaaabbbb"), key("till", "2020-01-02", "ccccdddd"));
    server.put(&one, &content(10));
    server.put(&other, &content(10));
    let ticket = r#"{"ticket":"4711\u001b[2J","url":"https://t.example.com","state":"open"}"#;
    server.put(&format!("{one}.ticket.json"), ticket.as_bytes());
    server.put(&format!("{other}.ticket.json"), b"no JSON");
    server.put("reports/junk.age", b"junk");
    let desk = desk_with(&server.desk());
    let table = desk.run(["reports", "list", "--until", "2021-01-01"]).expect(0).stdout;
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(lines.iter().all(|line| !line.contains('\u{1b}')), "{table:?}");
    assert!(lines.iter().any(|line| line.contains("4711") && line.contains("open")), "{table}");
    let rows = listed(&desk, &["--product", "Till"]);
    assert_eq!(rows.len(), 1);
    assert!(rows[0]["ticket"]["unreadable"].is_string(), "{rows:?}");
    let rows = listed(&desk, &["--limit", "1", "--columns", "name"]);
    assert_eq!(rows.len(), 1);
    server.delete("reports/junk.age");
    let rows = listed(&desk, &[]);
    assert_eq!((&rows[0]["key"], &rows[1]["key"]), (&other.into(), &one.into()), "by time");
}

#[test]
fn a_hundred_thousand_reports_are_listed_in_constant_memory() {
    let mut peaks = Vec::new();
    for count in [2_000, 100_000] {
        let server = BucketOf::reports(count);
        let desk = desk_with(&server.desk());
        let words = ["reports", "list", "--columns", "date,product,size,name"];
        let (ended, peak) = end_watched(desk.start(words));
        let lines = ended.expect(0).stdout.lines().count();
        assert_eq!((lines, server.pages()), (count + 1, count / 1000 + 1));
        peaks.push(peak);
    }
    eprintln!("peaks: {peaks:?}");
    assert!(peaks[1] < peaks[0] + (4 << 20), "{peaks:?}");
}

#[test]
fn a_mistake_in_the_settings_is_shown_with_its_place() {
    let desk = desk_with("[bucket]\nbucket = \"bug-reports\"\nregoin = \"eu-central-1\"\n");
    let ended = desk.run(["reports", "list"]).expect(4);
    assert!(ended.stderr.contains("did you mean `region`?"), "{}", ended.stderr);
    assert!(ended.stderr.contains("desk.toml:3:1"), "{}", ended.stderr);
    let none = Collect::of(env!("CARGO_BIN_EXE_collect-desk"));
    let ended = none.run(["reports", "list"]).expect(4);
    assert!(ended.stderr.contains("--config"), "{}", ended.stderr);
}

#[test]
fn collect_itself_knows_nothing_of_the_desk() {
    let collect = Collect::new();
    let help = collect.run(["--help"]).expect(0).stdout;
    for word in ["reports", "prune", "tokens", "desk"] {
        assert!(!help.contains(word), "{help}");
    }
    for word in ["reports", "tokens", "guard"] {
        collect.run([word, "list"]).expect(4);
    }
    let program = fs::read(env!("CARGO_BIN_EXE_collect")).unwrap();
    assert!(!contains(&program, b"--keep-open-tickets"));
}
