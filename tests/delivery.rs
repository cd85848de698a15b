//! Delivery to a real S3 server, and to one that misbehaves.

use crate::kit::{
    ADMINISTRATOR, Bundle, Collect, Fault, FaultServer, KeyPair, REFERER, Seaweed, UPLOAD_TOKEN,
    contains, needs, profile, wait_for,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};
use std::{fs, path::PathBuf, time::Duration};

/// A profile whose upload token stands in `upload.token` beside it.
fn profile_for(collect: &Collect, key: &KeyPair, sink: &str, token: &str) -> PathBuf {
    collect.write("upload.token", format!("{token}\n"));
    let log = collect.write("shop.log", format!("sent with {UPLOAD_TOKEN}, says debug\n"));
    let body = format!("[collect.logs]\nuse = \"files\"\npaths = [\"{}\"]\n{sink}", log.display());
    collect.write("shop.toml", profile(&key.recipient, &body))
}

/// The bundles that `collect outbox` knows, with what it says of them.
fn in_the_outbox(collect: &Collect) -> Vec<(String, String)> {
    let listed = collect.run(["outbox", "--json"]).expect(0).stdout;
    let read = |line: &str| {
        let bundle: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| bundle[name].as_str().unwrap_or_default().to_owned();
        (text("state"), text("bundle"))
    };
    listed.lines().map(read).collect()
}

const TOKEN_FILE: &str = "{ file = \"upload.token\" }";

#[test]
fn the_right_token_delivers() {
    needs!("age", "age-keygen", "tar", "xz", "weed", "openssl", "curl");
    let (collect, key, server) = (Collect::new(), KeyPair::new(), Seaweed::start());
    let profile = profile_for(&collect, &key, &server.sink(TOKEN_FILE), UPLOAD_TOKEN);
    let ended = collect.run(Collect::delivering(&profile)).expect(0);

    let keys = server.keys();
    assert_eq!(keys.len(), 1, "{keys:?}");
    let parts: Vec<_> = keys[0].split('/').collect();
    assert_eq!(parts.len(), 6, "reports/PRODUCT/YYYY/MM/DD/NAME: {keys:?}");
    assert_eq!((parts[0], parts[1]), ("reports", "shop"));
    let date = parts[2..5].concat();
    assert!(
        parts[5].starts_with(&format!("shop-{date}T")) && parts[5].ends_with(".tar.xz.age"),
        "{keys:?}"
    );

    let delivered = collect.write("delivered.tar.xz.age", server.object(&keys[0]));
    let bundle = Bundle::open(&delivered, &key.file());
    let log = bundle.text(&format!("logs{}", collect.path("shop.log").display()));
    assert!(!log.contains(UPLOAD_TOKEN), "the token left: {log}");
    assert!(log.contains("says debug"), "{log}");
    assert!(!ended.printed().contains(UPLOAD_TOKEN));
    for file in collect.left_behind() {
        let content = fs::read(&file).unwrap();
        assert!(!contains(&content, UPLOAD_TOKEN.as_bytes()), "{file:?}");
    }
    collect.run(["send"]).expect(0);
    assert_eq!(server.keys(), keys, "nothing was left to send");
}

#[test]
fn a_wrong_token_keeps_the_bundle_until_the_token_is_right() {
    needs!("age", "age-keygen", "tar", "xz", "weed", "openssl", "curl");
    let (collect, key, server) = (Collect::new(), KeyPair::new(), Seaweed::start());
    let wrong = "made-up-token-of-last-year";
    let profile = profile_for(&collect, &key, &server.sink(TOKEN_FILE), wrong);
    let ended = collect.run(Collect::delivering(&profile)).expect(5);
    assert!(ended.stderr.contains("403"), "{}", ended.stderr);
    assert!(ended.stderr.contains("collect send"), "{}", ended.stderr);
    assert!(!ended.printed().contains(wrong), "{}", ended.stderr);
    assert_eq!(server.keys(), [""; 0]);
    let kept = collect.bundle();
    let sealed = fs::read(&kept).unwrap();
    let name = kept.file_name().unwrap().to_str().unwrap();
    assert_eq!(in_the_outbox(&collect), [("waiting".to_owned(), name.to_owned())]);

    collect.run(["send"]).expect(5);
    assert_eq!(fs::read(&kept).unwrap(), sealed, "still kept");

    collect.write("upload.token", UPLOAD_TOKEN);
    collect.run(["send"]).expect(0);
    let keys = server.keys();
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert!(server.object(&keys[0]) == sealed, "the sealed bytes");
    assert_eq!(in_the_outbox(&collect), [("delivered".to_owned(), name.to_owned())]);
}

#[test]
fn a_second_upload_of_the_same_bundle_is_refused() {
    needs!("age-keygen", "weed", "openssl", "curl");
    let (collect, key, server) = (Collect::new(), KeyPair::new(), Seaweed::start());
    let profile = profile_for(&collect, &key, &server.sink(TOKEN_FILE), UPLOAD_TOKEN);
    let mut arguments = Collect::delivering(&profile);
    arguments.extend(["--output".into(), collect.out().into()]);
    collect.run(arguments).expect(0);
    let delivered = server.object(&server.keys()[0]);

    let copy = collect.bundle();
    let mut again = fs::read(&copy).unwrap();
    assert!(again == delivered, "the copy is what was delivered");
    again.extend_from_slice(b"changed");
    fs::write(&copy, again).unwrap();
    let (copy, profile) = (copy.to_str().unwrap(), profile.to_str().unwrap());
    let ended = collect.run(["send", copy, "--profile", profile]).expect(5);
    assert!(ended.stderr.contains("already"), "{}", ended.stderr);
    assert!(server.object(&server.keys()[0]) == delivered, "it is as it was");
}

#[test]
fn a_key_that_somebody_else_has_taken_is_not_taken_for_delivered() {
    needs!("age-keygen", "weed", "openssl", "curl");
    let (collect, key, server) = (Collect::new(), KeyPair::new(), Seaweed::start());
    let profile = profile_for(&collect, &key, &server.sink(TOKEN_FILE), "made-up-wrong");
    collect.run(Collect::delivering(&profile)).expect(5);
    let kept = collect.bundle();
    let name = kept.file_name().unwrap().to_str().unwrap();
    let date = name.strip_prefix("shop-").unwrap();
    let taken = format!("reports/shop/{}/{}/{}/{name}", &date[..4], &date[4..6], &date[6..8]);
    server.put(&taken, b"somebody else's");

    collect.write("upload.token", UPLOAD_TOKEN);
    let ended = collect.run(["send"]).expect(5);
    assert!(ended.stderr.contains("already"), "{}", ended.stderr);
    assert_eq!(server.object(&taken), b"somebody else's");
    assert!(kept.exists());

    server.delete(&taken);
    collect.run(["send"]).expect(0);
    assert_eq!(server.keys(), [taken]);
}

#[test]
fn a_server_that_is_busy_twice_and_resets_once_is_survived() {
    needs!("age-keygen");
    let (collect, key) = (Collect::new(), KeyPair::new());
    let server = FaultServer::start(&[Fault::Busy, Fault::Busy, Fault::Reset]);
    let profile = profile_for(&collect, &key, &server.sink(TOKEN_FILE), UPLOAD_TOKEN);
    let mut arguments = Collect::delivering(&profile);
    arguments.push("--json".into());
    let ended = collect.run(arguments).expect(0);

    assert_eq!(server.tries(), 4);
    let retries = ended.stdout.matches("\"retrying\"").count();
    assert_eq!(retries, 3, "{}", ended.stdout);
    let accepted = server.accepted();
    assert_eq!(accepted.len(), 1);
    let upload = &accepted[0];
    assert!(upload.line.starts_with("PUT /shop-bug-reports/reports/shop/"), "{}", upload.line);
    let header = |name: &str| upload.headers.get(name).map(String::as_str);
    assert_eq!(header("user-agent"), Some(UPLOAD_TOKEN));
    assert_eq!(header("referer"), Some(REFERER));
    assert_eq!(header("if-none-match"), Some("*"));
    assert_eq!(header("transfer-encoding"), None);
    let digest = BASE64_STANDARD.encode(Sha256::digest(&upload.body));
    assert_eq!(header("x-amz-checksum-sha256"), Some(&*digest));
    assert!(upload.body.starts_with(b"age-encryption.org/v1\n"));
}

#[test]
fn a_run_that_is_killed_while_it_delivers_loses_nothing() {
    needs!("age-keygen");
    let (collect, key) = (Collect::new(), KeyPair::new());
    let server = FaultServer::start(&[Fault::Silent, Fault::Silent]);
    let profile = profile_for(&collect, &key, &server.sink(TOKEN_FILE), UPLOAD_TOKEN);
    let running = collect.start(Collect::delivering(&profile));
    wait_for("the upload", Duration::from_mins(1), || (server.tries() == 1).then_some(()));
    running.signal("KILL");
    running.end();
    let sealed = fs::read(collect.bundle()).unwrap();

    let running = collect.start(["send"]);
    wait_for("the next upload", Duration::from_mins(1), || (server.tries() == 2).then_some(()));
    running.signal("KILL");
    running.end();
    assert!(fs::read(collect.bundle()).unwrap() == sealed);

    collect.run(["send"]).expect(0);
    let accepted = server.accepted();
    assert_eq!(accepted.len(), 1);
    assert!(accepted[0].body == sealed, "the sealed bytes");
}

#[test]
fn two_processes_that_send_at_once_send_once() {
    needs!("age-keygen");
    let (collect, key) = (Collect::new(), KeyPair::new());
    let server = FaultServer::start(&[Fault::Silent]);
    let profile = profile_for(&collect, &key, &server.sink(TOKEN_FILE), UPLOAD_TOKEN);
    let first = collect.start(Collect::delivering(&profile));
    wait_for("the upload", Duration::from_mins(1), || (server.tries() == 1).then_some(()));
    // The first has it in its hands.
    let second = collect.run(["send"]);
    assert_eq!(server.tries(), 1, "{}", second.printed());
    first.signal("KILL");
    first.end();
    collect.run(["send"]).expect(0);
    assert_eq!(server.accepted().len(), 1);
}

#[test]
fn keys_of_the_environment_deliver() {
    needs!("age", "age-keygen", "tar", "xz", "weed", "openssl", "curl");
    let (mut collect, key, server) = (Collect::new(), KeyPair::new(), Seaweed::start());
    let sink = server.sink_by("access = \"keys\"\n");
    let profile = profile_for(&collect, &key, &sink, UPLOAD_TOKEN);
    let without = collect.run(Collect::delivering(&profile)).expect(5);
    assert!(without.stderr.contains("AWS_ACCESS_KEY_ID"), "{}", without.stderr);
    for (name, value) in ADMINISTRATOR {
        collect.env(name, value);
    }
    collect.run(["send"]).expect(0);
    let keys = server.keys();
    assert_eq!(keys.len(), 1, "{keys:?}");
    let delivered = collect.write("delivered.tar.xz.age", server.object(&keys[0]));
    Bundle::open(&delivered, &key.file());
}

#[test]
fn a_presigned_url_delivers_to_its_own_key() {
    needs!("age", "age-keygen", "tar", "xz", "weed", "openssl", "curl");
    let (mut collect, key, server) = (Collect::new(), KeyPair::new(), Seaweed::start());
    let place = "reports/made-up-key.tar.xz.age";
    collect.env("SHOP_UPLOAD_URL", server.presigned_put(place));
    let sink = format!(
        "[deliver.bucket]\nuse = \"s3\"\nca-file = \"{}\"\n\
         presigned-url = {{ env = \"SHOP_UPLOAD_URL\" }}\n",
        server.ca_file().display()
    );
    let profile = profile_for(&collect, &key, &sink, UPLOAD_TOKEN);
    let ended = collect.run(Collect::delivering(&profile)).expect(0);
    assert!(!ended.printed().contains("Signature="), "{}", ended.stderr);
    assert_eq!(server.keys(), [place]);
    let delivered = collect.write("delivered.tar.xz.age", server.object(place));
    Bundle::open(&delivered, &key.file());
}

#[test]
fn a_server_with_a_certificate_from_nobody_is_not_trusted() {
    needs!("age-keygen", "weed", "openssl", "curl");
    let (collect, key, server) = (Collect::new(), KeyPair::new(), Seaweed::start());
    let sink = server.sink(TOKEN_FILE);
    let without_authority: Vec<_> =
        sink.lines().filter(|line| !line.starts_with("ca-file")).collect();
    let sink = without_authority.join("\n");
    let profile = profile_for(&collect, &key, &sink, UPLOAD_TOKEN);
    let ended = collect.run(Collect::delivering(&profile)).expect(5);
    assert!(ended.stderr.contains("certificate"), "{}", ended.stderr);
    assert_eq!(server.keys(), [""; 0]);
}

#[test]
fn plain_http_beyond_this_host_is_refused_before_anything_runs() {
    needs!("age-keygen");
    let (collect, key) = (Collect::new(), KeyPair::new());
    let sink = format!(
        "[deliver.bucket]\nuse = \"s3\"\nbucket = \"shop\"\nregion = \"us-east-1\"\n\
         endpoint = \"http://192.0.2.1\"\nupload-token = {TOKEN_FILE}\nreferer = \"{REFERER}\"\n"
    );
    let profile = profile_for(&collect, &key, &sink, UPLOAD_TOKEN);
    let ended = collect.run(Collect::delivering(&profile)).expect(4);
    assert!(ended.stderr.contains("https"), "{}", ended.stderr);
    assert!(collect.bundles().is_empty());
}

#[test]
fn a_folder_gets_the_sealed_bundle() {
    needs!("age", "age-keygen", "tar", "xz");
    let (collect, key) = (Collect::new(), KeyPair::new());
    let folder = collect.path("share");
    fs::create_dir(&folder).unwrap();
    let sink = format!("[deliver.share]\nuse = \"folder\"\npath = \"{}\"\n", folder.display());
    let profile = profile_for(&collect, &key, &sink, UPLOAD_TOKEN);
    collect.run(Collect::delivering(&profile)).expect(0);
    let delivered = crate::kit::files_below(&folder);
    let bundles: Vec<_> =
        delivered.iter().filter(|file| file.to_string_lossy().ends_with(".tar.xz.age")).collect();
    assert_eq!(bundles.len(), 1, "{delivered:?}");
    Bundle::open(bundles[0], &key.file());
}
