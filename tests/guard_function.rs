//! The function `guard` in an emulated Lambda: real requests, the lines that AWS logs of them, and a
//! real server's policy.

use crate::kit::{
    DESK_TOKEN, FaultServer, Function, REFERER, REPORTER_KEY, Redmine, Seaweed, UPLOAD_TOKEN,
    contains, needs, output, sha256, wait_for,
};
use serde_json::{Value, json};
use std::time::Duration;

const GUESSING: &str = "127.0.0.19";
const FLOODING: &str = "127.0.0.20";
const HONEST: &str = "127.0.0.21";

const RETIRED: &str = "made-up-upload-token-of-last-year";

/// Uploads once from an address, with curl; the status, and the line that AWS would log of it.
fn upload(server: &Seaweed, from: &str, token: &str, number: usize) -> (String, String) {
    let key = format!("reports/shop/2026/11/23/shop-20261123T104200Z-{number:026}.tar.xz.age");
    let url = format!("{}/{key}", server.bucket_url());
    let ca_file = server.ca_file();
    let args = ["--silent", "--max-time", "20", "--output", "/dev/null", "--write-out"];
    let args = args.into_iter().chain(["%{http_code}", "--interface", from, "--user-agent", token]);
    let args = args.chain(["--referer", REFERER, "--cacert", ca_file.to_str().unwrap()]);
    let args = args.chain(["--request", "PUT", "--header", "if-none-match: *"]);
    let status = output("curl", args.chain(["--data-binary", "a report", &url]));
    let status = String::from_utf8(status).unwrap();
    let time = jiff::Timestamp::now().strftime("%d/%b/%Y:%H:%M:%S +0000");
    let line = format!(
        "79a59df900b949e5 bug-reports [{time}] {from} - ID{number:06} REST.PUT.OBJECT {key} \
         \"PUT /bug-reports/{key} HTTP/1.1\" {status} - - 8 7 5 \"{REFERER}\" \"{token}\" - host-id= - \
         TLS_AES_128_GCM_SHA256 - localhost TLSv1.3 - - us-east-1\n"
    );
    (status, line)
}

/// The notification of a log.
fn notification(key: &str) -> Value {
    json!({ "Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": { "bucket": { "name": "bug-reports-logs" }, "object": { "key": key, "size": 1 } },
    }]})
}

fn denied(server: &Seaweed) -> Value {
    let policy = server.policy();
    let mut statements = policy["Statement"].as_array().unwrap().iter();
    let guarded = statements.find(|statement| statement["Sid"] == "DenyGuarded");
    guarded.map_or(Value::Null, |guarded| guarded["Condition"]["IpAddress"]["aws:SourceIp"].clone())
}

#[test]
fn the_guard_function_keeps_two_out_for_a_time_and_the_third_never_notices() {
    needs!("weed", "openssl", "curl", "cargo-lambda");
    let server = Seaweed::start();
    server.put("guard/rules.toml", b"terms = [\"20s\", \"1d\"]\n[rules.uploads]\nthreshold = 40\n");
    server.put("guard/retired.json", json!([sha256(RETIRED.as_bytes())]).to_string().as_bytes());
    let told = FaultServer::start(&[]);
    let redmine = Redmine::start();
    if let Some(redmine) = &redmine {
        let options = redmine.sink().replace("{ file = \"redmine.key\" }", "{ env = \"REDMINE\" }");
        let options = options.replace("[deliver.desk]", "");
        server.put("guard/ticket.toml", options.as_bytes());
    }
    let mut variables = server.role();
    variables.extend([
        ("REDMINE", REPORTER_KEY.to_owned()),
        ("AWS_CA_BUNDLE", server.ca_file().display().to_string()),
        ("AWS_ENDPOINT_URL_SNS", told.url()),
        ("COLLECT_LOG_BUCKET", "bug-reports".to_owned()),
        ("COLLECT_LOG_PREFIX", "access/".to_owned()),
        ("COLLECT_ALLOWED_ADDRESSES", "192.0.2.0/24 2001:db8::/32".to_owned()),
        ("COLLECT_ALERT_TOPIC", "arn:aws:sns:us-east-1:111122223333:alerts".to_owned()),
        ("COLLECT_ALERT_WEBHOOK", format!("{}/made-up-hook", told.url())),
    ]);
    let function = Function::start("guard", &variables);
    let before = server.policy();

    let mut numbers = 0..;
    let mut requests = |from: &str, count: usize, token: &dyn Fn(usize) -> String| -> String {
        let each = numbers.by_ref().take(count).map(|n| upload(&server, from, &token(n), n).1);
        each.collect()
    };
    let guesses = requests(GUESSING, 25, &|number| format!("made-up-guess-{number}"));
    let flood = requests(FLOODING, 45, &|_| UPLOAD_TOKEN.to_owned());
    let honest = requests(HONEST, 10, &|_| UPLOAD_TOKEN.to_owned());
    let late = requests(HONEST, 1, &|_| RETIRED.to_owned());
    assert!(!guesses.contains("\" 200 ") && !flood.contains("\" 403 "), "{guesses}{flood}");
    server.put("access/2026-11-23-10-42-00-A", (guesses + &honest).as_bytes());
    server.put("access/2026-11-23-10-42-00-B", (flood + &late + "torn \"line\n").as_bytes());

    for log in ["A", "B", "A"] {
        // A notification may write any character in hexadecimal digits.
        let event = notification(&format!("access/2026-11-23-10-42-00%2D{log}"));
        assert_eq!(function.invoke(&event), Value::Null);
    }
    assert_eq!(denied(&server), json!([format!("{GUESSING}/32"), format!("{FLOODING}/32")]));
    for (from, status) in [(GUESSING, "403"), (FLOODING, "403"), (HONEST, "200")] {
        let number = numbers.next().unwrap();
        assert_eq!(upload(&server, from, UPLOAD_TOKEN, number).0, status, "{from} while blocked");
    }

    // The topic and the webhook were told once of each, and of no token.
    let messages = told.accepted();
    let texts: Vec<_> =
        messages.iter().map(|message| String::from_utf8_lossy(&message.body)).collect();
    let all = texts.join("\n");
    assert_eq!(messages.len(), 4, "{all}");
    assert!(messages[0].headers["authorization"].contains("/us-east-1/sns/aws4_request"));
    for who in [GUESSING, FLOODING] {
        let about = texts.iter().filter(|text| text.contains(&format!("{who}%2F32")));
        assert_eq!(about.count(), 1, "{who}: {all}");
    }
    assert!(all.contains("retired"), "{all}");
    let log = function.log();
    for secret in [UPLOAD_TOKEN, DESK_TOKEN, REFERER, RETIRED, "made-up-guess", "made-up-hook"] {
        assert!(!contains(all.as_bytes(), secret.as_bytes()), "{secret}: {all}");
        assert!(!contains(log.as_bytes(), secret.as_bytes()), "{secret}: {log}");
    }

    // The ticket system has one ticket of the day, with what came later as a comment.
    if let Some(redmine) = &redmine {
        let issues = redmine.issues();
        let [issue] = &issues[..] else { panic!("{issues:#?}") };
        assert!(issue["subject"].as_str().unwrap().contains("abuse of the report bucket [guard-"));
        let text = issue.to_string();
        assert!(issue["description"].as_str().unwrap().contains(GUESSING), "{issue:#}");
        let notes: Vec<_> = issue["journals"].as_array().unwrap().iter().collect();
        assert_eq!(notes.len(), 1, "{issue:#}");
        assert!(notes[0]["notes"].as_str().unwrap().contains(FLOODING), "{issue:#}");
        assert!(!contains(text.as_bytes(), UPLOAD_TOKEN.as_bytes()), "{issue:#}");
    }

    // `terraform apply` writes the policy anew; the clock brings the blocks back, and ends them.
    let clock = json!({ "source": "aws.events", "detail-type": "Scheduled Event" });
    server.set_policy(&before);
    assert_eq!(function.invoke(&clock), Value::Null);
    assert_ne!(denied(&server), Value::Null);
    wait_for("the blocks expire", Duration::from_mins(2), || {
        function.invoke(&clock);
        denied(&server).is_null().then_some(())
    });
    assert_eq!(server.policy(), before);
    let number = numbers.next().unwrap();
    assert_eq!(upload(&server, GUESSING, UPLOAD_TOKEN, number).0, "200");
}
