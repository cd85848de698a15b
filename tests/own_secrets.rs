//! What a profile knows as secret (values to remove, keys, tokens) is shown nowhere: not when it is
//! checked, run, wrong or cannot deliver, and it is in no file that is left.

use crate::kit::{Bundle, Collect, KeyPair, REFERER, contains, needs};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::{fs, net::TcpListener, path::PathBuf};

/// Of every kind one, by what it is.
const SECRETS: [(&str, &str); 6] = [
    ("the value in the profile", "made-up-Heron-11"),
    ("the value of the file", "made-up-Egret-22"),
    ("the value of the environment", "made-up-Stork-33"),
    ("the key of the pseudonyms", "a made-up key of the customer Crane-44"),
    ("the upload token", "made-up-upload-token-Bittern-55"),
    ("the password of the proxy", "made-up-Ibis-66"),
];

/// A host user with a profile that holds three of them and names where the others are.
struct Scene {
    collect: Collect,
    key: KeyPair,
}

impl Scene {
    fn new() -> Self {
        let mut collect = Collect::new();
        collect.env("SHOP_VALUE", SECRETS[2].1);
        collect.write("known.txt", SECRETS[1].1);
        collect.write("customer.key", SECRETS[3].1);
        Self { collect, key: KeyPair::new() }
    }

    /// A profile that gathers a log and what a command says, which have all of them, also encoded,
    /// and delivers to a port on which nobody listens.
    fn profile(&self) -> PathBuf {
        let said = |(_, value): &(&str, &str)| {
            format!("known {value} as {}\n", BASE64_STANDARD.encode(value))
        };
        let log: String = SECRETS.iter().map(said).collect();
        let log = self.collect.write("shop.log", format!("{log}says debug\n"));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let [inline, .., token, proxy] = SECRETS.map(|(_, value)| value);
        let body = format!(
            "[collect.logs]\nuse = \"files\"\npaths = [\"{log}\"]\n\
             [collect.said]\nuse = \"command\"\nargv = [\"echo\", \"{inline}\"]\n\
             [redact.ours]\nuse = \"literal\"\n\
             values = [\"{inline}\", {{ file = \"known.txt\" }}, {{ env = \"SHOP_VALUE\" }}]\n\
             [redact.people]\nuse = \"identities\"\nkey = {{ file = \"customer.key\" }}\n\
             [deliver.bucket]\nuse = \"s3\"\nbucket = \"shop\"\nregion = \"us-east-1\"\n\
             endpoint = \"https://127.0.0.1:{port}\"\npath-style = true\n\
             upload-token = \"{token}\"\nreferer = \"{REFERER}\"\n\
             proxy = \"http://shop:{proxy}@127.0.0.1:{port}\"\n",
            log = log.display(),
        );
        self.collect.write("shop.toml", crate::kit::profile(&self.key.recipient, &body))
    }

    /// Fails the test if a file that is left has a secret.
    #[track_caller]
    fn keeps_none(&self) {
        let left = self.collect.left_behind();
        assert!(!left.is_empty());
        for file in left {
            holds_none(&file.display().to_string(), &fs::read(&file).unwrap());
        }
    }
}

#[track_caller]
fn holds_none(what: &str, bytes: &[u8]) {
    for (which, value) in SECRETS {
        for form in [value.to_owned(), BASE64_STANDARD.encode(value)] {
            let shown = String::from_utf8_lossy(bytes);
            assert!(!contains(bytes, form.as_bytes()), "{what} holds {which}:\n{shown}");
        }
    }
}

#[test]
fn what_a_profile_knows_as_secret_is_neither_shown_nor_kept() {
    needs!("age", "age-keygen", "tar", "xz");
    let scene = Scene::new();
    let profile = scene.profile();
    let path = profile.to_str().unwrap();
    for arguments in
        [vec!["check", path], vec!["--profile", path, "--dry-run", "-v"], vec!["schema"]]
    {
        let ended = scene.collect.run(&arguments).expect(0);
        holds_none(&arguments.join(" "), ended.printed().as_bytes());
    }

    let mut arguments = Collect::delivering(&profile);
    arguments.push("-v".into());
    let ended = scene.collect.run(arguments).expect(5);
    assert!(ended.stderr.contains("127.0.0.1"), "it says where to: {}", ended.stderr);
    holds_none("`-v`", ended.printed().as_bytes());
    scene.keeps_none();
    let bundle = Bundle::open(&scene.collect.bundle(), &scene.key.file());
    for entry in bundle.entries() {
        holds_none(&entry, &bundle.read(&entry));
    }
    let log = bundle.text(&format!("logs{}", scene.collect.path("shop.log").display()));
    assert!(log.contains("says debug"), "{log}");

    let mut gathering = scene.collect.gathering(&profile);
    gathering.push("--json".into());
    let ended = scene.collect.run(gathering).expect(0);
    holds_none("`--json`", ended.printed().as_bytes());
    for arguments in [vec!["outbox"], vec!["outbox", "--json"]] {
        let ended = scene.collect.run(&arguments).expect(0);
        holds_none(&arguments.join(" "), ended.printed().as_bytes());
    }
    scene.keeps_none();
}

/// A value that must not be shown, in lines that are wrong.
const WRONG: &[&str] = &[
    "[redact.ours]\nuse = \"literal\"\nvalues = \"VALUE\"",
    "[redact.ours]\nuse = \"literal\"\nvalue = [\"VALUE\"]",
    "[redact.ours]\nuse = \"literal\"\nvalues = [\n\"VALUE\",\n7]",
    "[redact.ours]\nuse = \"literal\"\nvalues = [\"VALUE\", 7]",
    "[redact.ours]\nuse = \"literal\"\nvalues = [\"VALUE, \"x\"]",
    "[redact.ours]\nuse = \"literal\"\nvalues = [\n{ literal = \"VALUE\" }]",
    "[redact.ours]\nuse = \"litteral\"\nvalues = [\"VALUE\"]",
    "[redact]\nours = { use = \"literal\", values = [\"VALUE\"], extra = 1 }",
    "[redact.people]\nuse = \"identities\"\nkey = \"VALUE\"",
    "[redact.people]\nuse = \"identities\"\nkye = \"VALUE\"",
    "[redact.people]\nuse = \"identities\"\nkey = { value = \"VALUE\" }",
    "[redact.people]\nuse = \"identities\"\nkey = [\"VALUE\"]",
    "[redact.people]\nuse = \"identities\"\nkey = \"\"\"\nVALUE\n\"\"",
    "[deliver.bucket]\nuse = \"s3\"\nupload-token = \"VALUE\"",
    "[deliver.bucket]\nuse = \"s3\"\nuplaod-token = \"VALUE\"",
    "[deliver.bucket]\nuse = \"s3\"\nupload-token = \"VALUE\" bucket = \"shop\"",
    "[deliver.bucket]\nuse = \"s3\"\nupload-token = 'VALUE",
    "[deliver.bucket]\nuse = \"s3\"\nupload-token = VALUE",
    "[deliver.bucket]\nuse = \"s3\"\nupload-token: \"VALUE\"",
    "[deliver.bucket]\nuse = \"s3\"\nupload-token \"VALUE\"",
    "[deliver.bucket]\nuse = \"s3\"\nupload-token = { token = \"VALUE\" }",
    "[deliver.bucket]\nuse = \"s3\"\nupload-token = \"VALUE\"\nupload-token = \"VALUE\"",
    "[deliver.bucket]\nuse = \"s3\"\npresigned-url = \"VALUE\"",
    "[deliver.bucket]\nuse = \"s3\"\npresigned-url = \"https://\\h/?X-Amz-Signature=VALUE\"",
    "[deliver.bucket]\nuse = \"s3\"\nproxy = \"ftp://shop:VALUE@192.0.2.7\"",
    "[deliver.bucket]\nuse = \"s3\"\nproxy = \"http://shop:VALUE@192.0.2.7:no\"",
    "[delivr.bucket]\nuse = \"s3\"\nupload-token = \"VALUE\"",
];

#[test]
fn a_mistake_beside_a_secret_is_reported_without_the_secret() {
    let collect = Collect::new();
    for lines in WRONG {
        // Short enough to be refused as a key.
        let text = format!("product = \"Shop\"\n{}\n", lines.replace("VALUE", "Heron-11"));
        let profile = collect.write("shop.toml", text);
        let path = profile.to_str().unwrap();
        for arguments in [vec!["check", path], vec!["--profile", path, "--dry-run", "-v"]] {
            let said = collect.run(arguments).expect(4).printed();
            assert!(!said.contains("Heron") && !said.contains("eron-11"), "{lines}\n{said}");
        }
    }
}
