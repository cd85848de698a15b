//! A rotation of tokens, during which no valid client is ever refused.

use super::{key, listed};
use crate::kit::{Collect, DESK_TOKEN, Seaweed, UPLOAD_TOKEN, needs};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

/// The tokens of a variable.
fn tokens(path: &Path, variable: &str) -> Vec<String> {
    let all: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    serde_json::from_value(all[variable].clone()).unwrap_or_default()
}

/// Puts the policy that Terraform would make of the variables.
fn apply(server: &Seaweed, path: &Path) {
    let (upload, desk) = (tokens(path, "upload_tokens"), tokens(path, "desk_tokens"));
    let upload: Vec<&str> = upload.iter().map(String::as_str).collect();
    let desk: Vec<&str> = desk.iter().map(String::as_str).collect();
    server.let_in(&upload, &desk);
}

/// The token on the line that is to be pasted.
fn pasted(printed: &str, option: &str) -> String {
    let line = printed.trim_end();
    assert_eq!(line.lines().count(), 1, "{printed}");
    let token = line.strip_prefix(&format!("{option} = \"")).unwrap();
    token.strip_suffix('"').unwrap().to_owned()
}

/// Uploads as the sink does, and says which status came back.
fn upload(server: &Seaweed, token: &str, key: &str) -> String {
    let put = Command::new("curl")
        .args(["--silent", "--output", "/dev/null", "--write-out", "%{http_code}"])
        .args(["--user-agent", token, "--referer", crate::kit::REFERER, "--cacert"])
        .arg(server.ca_file())
        .args(["--header", "if-none-match: *", "--request", "PUT", "--data-binary", "x"])
        .arg(format!("{}/bug-reports/{key}", server.endpoint()))
        .output()
        .unwrap();
    String::from_utf8(put.stdout).unwrap()
}

#[test]
fn a_rotation_refuses_no_valid_client_at_any_moment() {
    needs!("weed", "openssl", "curl");
    let server = Seaweed::start();
    let desk = Collect::of(env!("CARGO_BIN_EXE_collect-desk"));
    desk.write("config/collect/desk.toml", server.desk());
    let file = desk.write(
        "tokens.auto.tfvars.json",
        json!({ "upload_tokens": [UPLOAD_TOKEN], "desk_tokens": [DESK_TOKEN], "region": "here" })
            .to_string(),
    );
    let words = |verb: &'static str| ["tokens", verb, "upload", "--tfvars"].map(str::to_owned);
    let run =
        |verb| desk.run(words(verb).into_iter().chain([file.display().to_string()])).expect(0);

    // Clients that have the old token until they are told the new one, as hosts are.
    let (over, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    let token = std::sync::Mutex::new(UPLOAD_TOKEN.to_owned());
    thread::scope(|scope| {
        let clients: Vec<_> = (0..2)
            .map(|client| {
                let (over, sent, token, server) = (&over, &sent, &token, &server);
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        let number = sent.fetch_add(1, Ordering::Relaxed);
                        let key = key("shop", "2026-11-23", &format!("{client}x{number}"));
                        // Held until the answer, so that a token is told only between uploads.
                        let held = token.lock().unwrap();
                        let status = upload(server, &held, &key);
                        assert_eq!(status, "200", "upload {number}");
                    }
                })
            })
            .collect();
        let more = |count: usize| {
            let enough = sent.load(Ordering::Relaxed) + count;
            let failed = || clients.iter().any(thread::ScopedJoinHandle::is_finished);
            while sent.load(Ordering::Relaxed) < enough && !failed() {
                thread::yield_now();
            }
        };
        more(5);
        let rotated = run("rotate");
        let new = pasted(&rotated.stdout, "upload-token");
        assert!(rotated.stderr.contains("secret") && !rotated.stderr.contains(&new));
        assert_eq!(tokens(&file, "upload_tokens"), [new.clone(), UPLOAD_TOKEN.to_owned()]);
        more(5);
        apply(&server, &file);
        more(5);
        // The new profile reaches the hosts.
        *token.lock().unwrap() = new.clone();
        more(5);
        run("retire");
        assert_eq!(tokens(&file, "upload_tokens"), [new]);
        assert_eq!(tokens(&file, "retired_tokens"), [UPLOAD_TOKEN]);
        more(5);
        apply(&server, &file);
        more(5);
        over.store(true, Ordering::Relaxed);
    });
    let stored = server.keys().len();
    assert_eq!(stored, sent.load(Ordering::Relaxed), "every upload arrived");
    let old = upload(&server, UPLOAD_TOKEN, &key("shop", "2026-11-23", "old"));
    assert_eq!(old, "403", "the old token has ended");
    assert_eq!(listed(&desk, &["--columns", "name"]).len(), stored);
    let all: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(all["region"], "here");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let only = desk.run(words("retire").into_iter().chain([file.display().to_string()])).expect(4);
    assert!(only.stderr.contains("one upload token only"), "{}", only.stderr);
}

#[test]
fn the_desks_own_token_is_rotated_as_well_and_old_ones_end_when_they_are_many() {
    let desk = Collect::of(env!("CARGO_BIN_EXE_collect-desk"));
    let path = desk.path("new.auto.tfvars.json");
    let file = path.display().to_string();
    let rotate = ["tokens", "rotate", "desk", "--tfvars", &file, "--keep", "1"];
    let made: Vec<_> =
        (0..3).map(|_| pasted(&desk.run(rotate).expect(0).stdout, "desk-token")).collect();
    assert_eq!(tokens(&path, "desk_tokens"), [made[2].clone(), made[1].clone()]);
    assert_eq!(tokens(&path, "retired_tokens"), [made[0].clone()]);
    // A link that leads nowhere is not replaced by a file with a token.
    let link = desk.path("link.tfvars.json");
    std::os::unix::fs::symlink("gone/x.tfvars.json", &link).unwrap();
    let dangling = ["tokens", "rotate", "desk", "--tfvars", link.to_str().unwrap()];
    let refused = desk.run(dangling).expect(4);
    assert!(refused.stderr.contains("remove the link"), "{}", refused.stderr);
    assert!(link.is_symlink());
    // One that stands there twice stays valid.
    let twice = desk.write("twice.tfvars.json", r#"{"desk_tokens":["made-up-a","made-up-a"]}"#);
    desk.run(["tokens", "retire", "desk", "--tfvars", twice.to_str().unwrap()]).expect(0);
    assert_eq!(tokens(&twice, "retired_tokens"), [""; 0]);
    let refused = desk.run(["tokens", "rotate", "desk", "--tfvars", "x.tfvars"]).expect(4);
    assert!(refused.stderr.contains("tfvars.json"), "{}", refused.stderr);
}
