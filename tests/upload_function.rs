//! Uploads without a secret in the product: the function `upload` in an emulated Lambda, and a real
//! S3 server that holds hosts to what it handed out.

use crate::kit::{
    Bundle, Collect, Function, KeyPair, Seaweed, contains, needs, output, profile, sha256_base64,
};
use serde_json::{Value, json};
use std::path::PathBuf;

const NAME: &str = "shop-20261123T104200Z-0123456789abcdefghjkmnpqrs.tar.xz.age";
const CONTENT: &[u8] = b"age-encryption.org/v1 made up";

/// Asks the function for a form, with curl; the status and the answer.
fn ask(function: &Function, wish: &Value) -> (String, Value) {
    let args = ["--silent", "--max-time", "20", "--write-out", "\n%{http_code}", "--data"];
    let args = args.map(str::to_owned).into_iter().chain([wish.to_string(), function.url()]);
    let answer = String::from_utf8(output("curl", args)).unwrap();
    let (text, status) = answer.rsplit_once('\n').unwrap();
    (status.to_owned(), serde_json::from_str(text).unwrap())
}

fn wish(content: &[u8]) -> Value {
    json!({ "name": NAME, "size": content.len(), "sha256": sha256_base64(content), "host": "h-1" })
}

/// Posts a file with a form, with curl, some of its fields changed; the status.
fn post(server: &Seaweed, form: &Value, content: &[u8], changes: &[(&str, &str)]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    let mut args: Vec<String> = ["--silent", "--max-time", "20", "--output", "/dev/null"]
        .into_iter()
        .chain(["--write-out", "%{http_code}", "--cacert"])
        .map(str::to_owned)
        .collect();
    args.push(server.ca_file().display().to_string());
    for (name, value) in form["fields"].as_object().unwrap() {
        let other = changes.iter().find(|(field, _)| field == name);
        let value = other.map_or(value.as_str().unwrap(), |(_, value)| value);
        args.extend(["--form-string".to_owned(), format!("{name}={value}")]);
    }
    args.extend(["--form".to_owned(), format!("file=@{}", file.path().display())]);
    args.push(form["url"].as_str().unwrap().to_owned());
    String::from_utf8(output("curl", args)).unwrap()
}

fn started(an_hour: &str) -> (Seaweed, Function) {
    let server = Seaweed::start();
    let mut variables = server.role();
    variables.extend([
        ("COLLECT_UPLOAD_PER_ADDRESS", an_hour.to_owned()),
        ("COLLECT_UPLOAD_MAX_BYTES", "20000000".to_owned()),
    ]);
    let function = Function::start("upload", &variables);
    (server, function)
}

#[test]
fn a_profile_without_a_secret_delivers_by_the_upload_function() {
    needs!("age", "age-keygen", "tar", "xz", "weed", "openssl", "curl", "cargo-lambda");
    let (collect, key) = (Collect::new(), KeyPair::new());
    let (server, function) = started("20");
    let log = collect.write("shop.log", "says debug\n");
    let profile = collect.write(
        "shop.toml",
        profile(
            &key.recipient,
            &format!(
                "[collect.logs]\nuse = \"files\"\npaths = [\"{}\"]\n[deliver.bucket]\n\
                 use = \"s3\"\nupload-url = \"{}\"\nca-file = \"{}\"\n",
                log.display(),
                function.url(),
                server.ca_file().display()
            ),
        ),
    );
    let ended = collect.run(Collect::delivering(&profile)).expect(0);
    for secret in ["x-amz-signature", "AKIDMADEUP"] {
        assert!(!contains(ended.printed().as_bytes(), secret.as_bytes()), "{}", ended.printed());
    }
    let keys = server.keys();
    let [stored] = &keys[..] else { panic!("{keys:?}") };
    assert!(stored.starts_with("reports/shop/20"), "{stored}");
    assert!(ended.printed().contains(stored.as_str()), "{}", ended.printed());
    let delivered: PathBuf = collect.write("delivered.tar.xz.age", server.object(stored));
    Bundle::open(&delivered, &key.file());
}

#[test]
fn a_form_stores_what_it_was_asked_for_and_nothing_else() {
    needs!("weed", "openssl", "curl", "cargo-lambda");
    let (server, function) = started("20");
    let (status, form) = ask(&function, &wish(CONTENT));
    assert_eq!(status, "200", "{form}");
    let longer = [CONTENT, b"x"].concat();
    let other = vec![b'x'; CONTENT.len()];
    for (what, content, changes) in [
        ("one byte more", &longer[..], &[][..]),
        ("one byte less", &CONTENT[1..], &[]),
        ("other bytes", &other, &[]),
        ("another key", CONTENT, &[("key", "reports/shop/other.tar.xz.age")]),
        ("outside the reports", CONTENT, &[("key", "index.html")]),
        ("another host", CONTENT, &[("x-amz-meta-host", "h-2")]),
        ("another day", CONTENT, &[("x-amz-date", "20361123T104205Z")]),
    ] {
        let status = post(&server, &form, content, changes);
        assert!(status.starts_with('4'), "{what}: {status}");
        assert_eq!(server.keys(), [""; 0], "{what}");
    }
    let status = post(&server, &form, CONTENT, &[]);
    assert_eq!(status, "204");
    assert_eq!(server.keys(), [form["fields"]["key"].as_str().unwrap()]);
}

#[test]
fn an_address_that_asks_too_often_is_told_to_wait() {
    needs!("weed", "openssl", "curl", "cargo-lambda");
    let (_server, function) = started("2");
    for _ in 0..2 {
        assert_eq!(ask(&function, &wish(CONTENT)).0, "200");
    }
    let (status, answer) = ask(&function, &wish(CONTENT));
    assert_eq!(status, "429");
    assert!(answer["help"].as_str().unwrap().contains("wait"), "{answer}");
}
