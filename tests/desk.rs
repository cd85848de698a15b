//! The desk and a real bucket: what comes in is listed, fetched, verified and deleted.

use crate::kit::{
    ADMINISTRATOR, Bundle, Collect, DESK_TOKEN, Ended, KeyPair, REFERER, Seaweed, UPLOAD_TOKEN,
    contains, needs, profile,
};
use serde_json::Value;
use std::{fs, path::PathBuf};

/// Support's host, with a `desk.toml` for the server.
pub(crate) fn desk(server: &Seaweed) -> Collect {
    let desk = Collect::of(env!("CARGO_BIN_EXE_collect-desk"));
    desk.write("config/collect/desk.toml", server.desk());
    desk
}

/// What `collect-desk reports list --json` says, and further words.
fn listed(desk: &Collect, words: &[&str]) -> Vec<Value> {
    let words = [&["reports", "list", "--json"], words].concat();
    let printed = desk.run(words).expect(0).stdout;
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Sends a report from a host of the product's, and gives its sealed bytes.
fn send_report(server: &Seaweed, key: &KeyPair) -> Vec<u8> {
    let host = Collect::new();
    let log = host.write("shop.log", "the print button does nothing\n");
    let body = format!(
        "[collect.logs]\nuse = \"files\"\npaths = [\"{}\"]\n{}",
        log.display(),
        server.sink(&format!("\"{UPLOAD_TOKEN}\""))
    );
    let profile = host.write("shop.toml", profile(&key.recipient, &body));
    let before = server.keys();
    host.run(Collect::delivering(&profile)).expect(0);
    let key = server.keys().into_iter().find(|key| !before.contains(key)).unwrap();
    server.object(&key)
}

#[test]
fn a_report_is_listed_by_the_desks_token() {
    needs!("age-keygen", "weed", "openssl", "curl");
    let (server, key) = (Seaweed::start(), KeyPair::new());
    let sealed = send_report(&server, &key);
    let desk = desk(&server);
    let rows = listed(&desk, &[]);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["product"], "shop");
    assert_eq!(rows[0]["size"], sealed.len());
    let table = desk.run(["reports", "list"]).expect(0);
    eprintln!("{}", table.printed());
}
