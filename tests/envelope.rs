//! What travels beside a bundle: the receiving side can read it, and nothing else.

use crate::kit::{
    Collect, Function, KeyPair, Seaweed, UPLOAD_TOKEN, contains, decrypt, needs, output, profile,
};
use serde_json::Value;
use std::{ffi::OsString, path::Path, process::Command};

const SECRET: &str = "hunter-made-up-2026-Xy7";

fn arguments(profile: &Path) -> Vec<OsString> {
    let typed = format!("It broke, with password: {SECRET}\n{}", "and again ".repeat(100_000));
    let file = profile.with_file_name("typed");
    std::fs::write(&file, typed).unwrap();
    let mut arguments: Vec<OsString> = vec!["--profile".into(), profile.into(), "--yes".into()];
    arguments.extend(["--email", "user@example.com", "--ticket", "4711"].map(Into::into));
    arguments.extend(["--description-file".into(), file.into()]);
    arguments
}

/// What the envelope says, by `age` and `zlib` alone.
fn opened(collect: &Collect, envelope: &str, key: &KeyPair) -> Value {
    assert!(envelope.len() <= 1_900, "{}", envelope.len());
    let text = collect.write("envelope.txt", envelope);
    let sealed = output("base64", ["--decode", text.to_str().unwrap()]);
    let packed = decrypt(&collect.write("envelope.age", sealed), &key.file());
    let packed = collect.write("envelope.zlib", packed);
    let script =
        "import sys, zlib; print(zlib.decompress(open(sys.argv[1], 'rb').read()).decode())";
    serde_json::from_slice(&output("python3", ["-c", script, packed.to_str().unwrap()])).unwrap()
}

#[test]
fn the_receiving_side_reads_the_envelope_and_never_the_bundle() {
    needs!("age", "age-keygen", "weed", "openssl", "curl", "cargo-lambda", "python3");
    let (team, receiving) = (KeyPair::new(), KeyPair::new());
    let server = Seaweed::start();
    let function = Function::start("upload", &server.role());
    let by_function = format!(
        "[deliver.bucket]\nuse = \"s3\"\nupload-url = \"{}\"\nca-file = \"{}\"\n",
        function.url(),
        server.ca_file().display()
    );
    for sink in [server.sink(&format!("\"{UPLOAD_TOKEN}\"")), by_function] {
        let collect = Collect::new();
        let log = collect.write("shop.log", "says debug\n");
        let body = format!(
            "[collect.logs]\nuse = \"files\"\npaths = [\"{}\"]\n\
             [collect.ledger]\nuse = \"command\"\nargv = [\"false\"]\n{sink}",
            log.display()
        );
        let text =
            profile(&team.recipient, &body) + "envelope = \"" + &receiving.recipient + "\"\n";
        let profile = collect.write("shop.toml", text);
        let before = server.keys();
        let ended = collect.run(arguments(&profile)).expect(3);
        assert!(!contains(ended.printed().as_bytes(), SECRET.as_bytes()));
        let keys = server.keys();
        let key = keys.iter().find(|key| !before.contains(key)).unwrap();

        let envelope = server.header(key, "x-amz-meta-envelope").unwrap();
        let note = opened(&collect, &envelope, &receiving);
        let said = note["description"].as_str().unwrap();
        assert!(said.starts_with("It broke, with password: "), "{note}");
        assert!(!note.to_string().contains(SECRET), "{note}");
        assert_eq!(note["product"], "Shop");
        assert_eq!(note["contact"], "user@example.com");
        assert_eq!(note["ticket"], "4711");
        assert_eq!(note["steps"][1]["id"], "ledger");
        assert_eq!(note["steps"][1]["status"], "partial");

        let bundle = collect.write("stored.age", server.object(key));
        assert!(!decrypt(&bundle, &team.file()).is_empty());
        let refused = Command::new("age")
            .args(["-d".as_ref(), "-i".as_ref(), receiving.file().as_path(), &bundle])
            .output()
            .unwrap();
        assert!(!refused.status.success() && refused.stdout.is_empty());
        // Nothing of it waits here, and the profile says beforehand who can read it.
        let shown = collect.run(arguments(&profile).into_iter().chain(["--dry-run".into()]));
        assert!(
            shown.printed().contains("whose receiving side can read description and contact"),
            "{}",
            shown.printed()
        );
    }
}
