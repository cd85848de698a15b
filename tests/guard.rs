//! Abuse in a bucket's access logs: who does it is kept out by a real server's policy, nobody else
//! is, and not for ever.

use crate::kit::{
    ADMINISTRATOR, Collect, DESK_TOKEN, REFERER, Seaweed, UPLOAD_TOKEN, contains, needs, wait_for,
};
use serde_json::Value;
use std::{
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const GUESSING: &str = "127.0.0.19";
const FLOODING: &str = "127.0.0.20";
const HONEST: &str = "127.0.0.21";

/// A host with a `desk.toml` for the server, and keys of its administrator.
fn host(server: &Seaweed) -> Collect {
    let mut host = Collect::of(env!("CARGO_BIN_EXE_collect-desk"));
    let guard = format!(
        "[guard]\nupload-tokens = [\"{UPLOAD_TOKEN}\"]\nretired-tokens = [\"made-up-old-token-0000\"]\n"
    );
    host.write("config/collect/desk.toml", server.desk() + &guard);
    for (name, value) in ADMINISTRATOR {
        host.env(name, value);
    }
    host
}

/// A line of an access log, some seconds ago.
fn line(id: usize, address: &str, status: u16, agent: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let time = jiff::Timestamp::from_second(i64::try_from(now).unwrap() - 60).unwrap();
    let time = time.strftime("%d/%b/%Y:%H:%M:%S +0000");
    format!(
        "79a59df900b949e5 bug-reports [{time}] {address} - ID{id:06} REST.PUT.OBJECT reports/a.tar.xz.age \
         \"PUT /bug-reports/reports/a.tar.xz.age HTTP/1.1\" {status} - - 1000 7 5 \"{REFERER}\" \"{agent}\" \
         - host-id= - TLS_AES_128_GCM_SHA256 - localhost TLSv1.3 - - us-east-1\n"
    )
}

/// One address guesses tokens, another one floods the bucket, a third one is honest.
fn logs() -> [String; 2] {
    let guesses = (0..30).map(|n| line(n, GUESSING, 403, &format!("made-up-guess-{n}")));
    let flood = (30..130).map(|n| line(n, FLOODING, 200, UPLOAD_TOKEN));
    let honest = (130..160).map(|n| line(n, HONEST, 200, UPLOAD_TOKEN));
    [guesses.chain(honest).collect(), flood.collect::<String>() + "torn \"line\n"]
}

/// What the server answers to an upload from an address.
fn upload(server: &Seaweed, from: &str, name: &str) -> String {
    let answer = Command::new("curl")
        .args([
            "--silent",
            "--max-time",
            "20",
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code}",
        ])
        .args(["--interface", from, "--user-agent", UPLOAD_TOKEN, "--referer", REFERER, "--cacert"])
        .arg(server.ca_file())
        .args(["--request", "PUT", "--header", "if-none-match: *", "--data-binary", "a report"])
        .arg(format!(
            "{}/bug-reports/reports/komand/2026/11/23/{name}.tar.xz.age",
            server.endpoint()
        ))
        .output()
        .unwrap();
    String::from_utf8(answer.stdout).unwrap()
}

fn denied(server: &Seaweed) -> Value {
    let policy = server.policy();
    let statements = policy["Statement"].as_array().unwrap().iter();
    let mut guarded = statements.filter(|statement| statement["Sid"] == "DenyGuarded");
    guarded
        .next()
        .map_or(Value::Null, |found| found["Condition"]["IpAddress"]["aws:SourceIp"].clone())
}

#[test]
fn two_who_abuse_the_bucket_are_kept_out_for_a_time_and_the_third_never_notices() {
    needs!("weed", "openssl", "curl");
    let server = Seaweed::start();
    let before = server.policy();
    for (name, log) in
        ["logs/2026-11-23-00-00-00-A", "logs/2026-11-23-00-00-00-B"].iter().zip(logs())
    {
        server.put(name, log.as_bytes());
    }
    for (from, name) in [(GUESSING, "a"), (FLOODING, "b"), (HONEST, "c")] {
        assert_eq!(upload(&server, from, name), "200", "{from} before");
    }
    let host = host(&server);
    let rules = host.write("guard.toml", "terms = [\"20s\", \"1d\"]\n");
    let guard = ["guard", "--logs", "s3://bug-reports/logs/", "--rules", rules.to_str().unwrap()];

    let dry = host.run(guard).expect(1);
    assert!(dry.stdout.contains("would be blocked until"), "{}", dry.printed());
    for secret in [UPLOAD_TOKEN, DESK_TOKEN, REFERER, "made-up-guess", "AKID"] {
        assert!(
            !contains(dry.printed().as_bytes(), secret.as_bytes()),
            "{secret}: {}",
            dry.printed()
        );
    }
    assert_eq!(denied(&server), Value::Null, "nothing changes without --apply");
    assert!(!server.keys().contains(&"guard/state.json".to_owned()));

    let apply = [&guard[..], &["--apply"]].concat();
    let applied = host.run(&apply).expect(0);
    assert!(
        applied.stderr.contains("kept out: 127.0.0.19/32, 127.0.0.20/32"),
        "{}",
        applied.printed()
    );
    assert!(applied.stderr.contains("1 line could not be read"), "{}", applied.printed());
    assert_eq!(denied(&server), serde_json::json!(["127.0.0.19/32", "127.0.0.20/32"]));
    for (from, name, answer) in
        [(GUESSING, "d", "403"), (FLOODING, "e", "403"), (HONEST, "f", "200")]
    {
        assert_eq!(upload(&server, from, name), answer, "{from} while blocked");
    }

    // The same logs again lengthen nothing, and the blocks come to their end.
    wait_for("the blocks expire", Duration::from_mins(2), || {
        host.run(&apply).expect(0);
        denied(&server).is_null().then_some(())
    });
    assert_eq!(server.policy(), before);
    assert_eq!(upload(&server, GUESSING, "g"), "200");
    let state = String::from_utf8(server.object("guard/state.json")).unwrap();
    assert!(state.contains("\"level\":1") && !state.contains(UPLOAD_TOKEN), "{state}");
}

#[test]
fn logs_of_a_folder_are_read_and_their_state_is_kept_in_a_file() {
    needs!("weed", "openssl", "curl");
    let server = Seaweed::start();
    let host = host(&server);
    for (name, log) in ["logs/a/1.log", "logs/2.log"].iter().zip(logs()) {
        host.write(name, log);
    }
    let (logs, state) = (host.path("logs"), host.path("state/guard.json"));
    let apply = |code| {
        let args = ["guard", "--json", "--apply", "--logs", logs.to_str().unwrap(), "--state"];
        let ended = host.run([&args[..], &[state.to_str().unwrap()]].concat()).expect(code);
        let lines = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect::<Vec<Value>>()
    };
    let first = apply(0);
    let blocks = |told: &[Value]| {
        told.iter().filter(|line| line["event"] == "block").cloned().collect::<Vec<_>>()
    };
    assert_eq!(blocks(&first).len(), 2);
    let again = apply(0);
    assert_eq!(blocks(&again), blocks(&first), "a second run does the same as one");
    let summary = again.last().unwrap();
    assert_eq!((&summary["written"], &summary["read"]["malformed"]), (&false.into(), &1.into()));

    // Blocks of another state are lifted, and that is said.
    let other = host.path("state/other.json");
    let empty = host.write("empty.log", "");
    let args = ["guard", "--apply", "--logs", empty.to_str().unwrap(), "--state"];
    let lifted = host.run([&args[..], &[other.to_str().unwrap()]].concat()).expect(0);
    let said = "no longer kept out: 127.0.0.19/32, 127.0.0.20/32";
    assert!(lifted.stderr.contains(said), "{}", lifted.printed());

    // A state that cannot be read is kept, and so is a policy.
    std::fs::write(&state, "{}").unwrap();
    apply(4);
    assert_eq!(std::fs::read_to_string(&state).unwrap(), "{}");
}

#[test]
fn without_tokens_in_the_settings_those_of_the_policy_count() {
    needs!("weed", "openssl", "curl");
    let server = Seaweed::start();
    let host = host(&server);
    host.write("config/collect/desk.toml", server.desk_by("access = \"keys\"\n"));
    let misuse = line(1, GUESSING, 403, UPLOAD_TOKEN).replace("REST.PUT.OBJECT", "REST.GET.BUCKET");
    let log: String = (0..3).map(|n| misuse.replace("ID000001", &format!("ID{n}"))).collect();
    server.put("logs/1", log.as_bytes());
    let ended = host.run(["guard", "--logs", "s3://bug-reports/logs/"]).expect(1);
    assert!(ended.stdout.contains("(…ends 7e)"), "{}", ended.printed());
}

#[test]
fn where_the_upload_tokens_are_not_known_nobody_is_taken_for_one_who_tries_tokens() {
    let host = Collect::of(env!("CARGO_BIN_EXE_collect-desk"));
    let settings = format!(
        "[bucket]\nbucket = \"bug-reports\"\nregion = \"here\"\nreferer = \"{REFERER}\"\n\
         desk-token = \"{DESK_TOKEN}\"\n"
    );
    host.write("config/collect/desk.toml", settings);
    let log: String = (0..30).map(|n| line(n, HONEST, 200, UPLOAD_TOKEN)).collect();
    let log = host.write("access.log", log);
    let ended = host.run(["guard", "--logs", log.to_str().unwrap()]).expect(0);
    assert!(!ended.printed().contains(HONEST), "{}", ended.printed());
    assert!(ended.stderr.contains("`[guard] upload-tokens"), "{}", ended.printed());
    // A folder without logs is not the same as logs without abuse.
    let folder = host.path("nothing");
    std::fs::create_dir(&folder).unwrap();
    let ended = host.run(["guard", "--logs", folder.to_str().unwrap()]).expect(0);
    assert!(ended.stderr.contains("there is nothing to read"), "{}", ended.printed());
}

#[test]
fn a_policy_that_is_not_the_modules_is_left_alone() {
    needs!("weed", "openssl", "curl");
    let server = Seaweed::start();
    let mut other = server.policy();
    let statements = other["Statement"].as_array_mut().unwrap();
    statements.retain(|statement| statement["Sid"] != "DenyUnknownToken");
    server.set_policy(&other);
    let host = host(&server);
    let log = host.write("access.log", logs().concat());
    let ended = host.run(["guard", "--apply", "--logs", log.to_str().unwrap()]).expect(1);
    assert!(ended.stderr.contains("left as it is"), "{}", ended.printed());
    assert_eq!(server.policy(), other);
}

#[test]
fn rules_that_cannot_be_used_say_line_and_suggestion() {
    let host = Collect::of(env!("CARGO_BIN_EXE_collect-desk"));
    let rules = host.write("guard.toml", "[rules.uploads]\ntreshold = 5\n");
    let log = host.write("access.log", "");
    let args = ["guard", "--logs", log.to_str().unwrap(), "--rules", rules.to_str().unwrap()];
    let ended = host.run(args).expect(4);
    assert!(ended.stderr.contains("guard.toml:2:1"), "{}", ended.printed());
    assert!(ended.stderr.contains("did you mean `threshold`?"), "{}", ended.printed());
}
