//! Each variable of `terraform/` that is out of range is refused at plan, in a sentence.

use crate::kit::{
    REFERER,
    terraform::{Root, no_terraform},
};
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Write as _};

/// A variable as it is written, the sentence about it, and what else has to be written for that.
#[derive(Clone, Copy)]
struct Bad {
    variable: &'static str,
    value: &'static str,
    sentence: &'static str,
    also: &'static str,
}

const fn bad(variable: &'static str, value: &'static str, sentence: &'static str) -> Bad {
    Bad { variable, value, sentence, also: "" }
}

const fn besides(bad: Bad, also: &'static str) -> Bad {
    Bad { also, ..bad }
}

const GOOD_TOKEN: &str = r#"["made-up-upload-token-3f9c1b7e"]"#;
const NETWORK: &str = "has to be an address or a network";
const TOKEN: &str = "has to be 24 to 128 letters, digits and ._~-, without spaces.";

/// What is wrong by itself.
const ALONE: [Bad; 54] = [
    bad("bucket", r#""bug_reports""#, "S3 refuses `_`"),
    bad("bucket", r#""Bug-Reports""#, "lower-case letters"),
    bad("bucket", r#""ab""#, "3 to 55"),
    bad("bucket", r#""bug.reports""#, "a dot would break the certificate"),
    bad("bucket", r#""-bug-reports""#, "at both ends"),
    bad("bucket", r#""a23456789012345678901234567890123456789012345678901234567""#, "3 to 55"),
    bad("bucket", r#""xn--reports""#, "that S3 keeps for itself"),
    bad("log_bucket", r#""logs_""#, "log_bucket has to be 3 to 63"),
    bad("referer", r#""http://shop.example.com/""#, "has to be an https address"),
    bad(
        "referer",
        r#""https://shop.example.com/${"$"}{aws:username}""#,
        "has to be an https address",
    ),
    bad("referer", r#""https://*/""#, "has to be an https address"),
    bad("upload_tokens", "[]", "upload_tokens has to have 1 to 5 tokens"),
    bad("upload_tokens", r#"["made-up-short"]"#, TOKEN),
    bad("upload_tokens", r#"["made up token with spaces in it"]"#, TOKEN),
    bad("upload_tokens", r#"["made-up-token-with-a-star-*"]"#, TOKEN),
    bad(
        "upload_tokens",
        r#"["made-up-twice-the-same-one", "made-up-twice-the-same-one"]"#,
        "upload_tokens has a token twice",
    ),
    bad("desk_tokens", "[]", "desk_tokens has to have 1 to 5 tokens"),
    bad("desk_tokens", r#"["made-up-short"]"#, TOKEN),
    bad(
        "desk_tokens",
        r#"["made-up-twice-the-same-one", "made-up-twice-the-same-one"]"#,
        "desk_tokens has a token twice",
    ),
    bad("retired_tokens", r#"["made-up-short"]"#, "retired_tokens has to have at most 10 tokens"),
    bad("administrator_arns", r#"["*"]"#, "without wildcards"),
    bad("administrator_arns", r#"["arn:aws:iam::111122223333:role/*"]"#, "without wildcards"),
    bad("administrator_arns", r#"["deploy"]"#, "the whole ARN of a role or a user"),
    bad("blocked_addresses", r#"["192.0.2.300"]"#, NETWORK),
    bad("blocked_addresses", r#"["192.0.2.0/33"]"#, NETWORK),
    bad("blocked_addresses", r#"["shop.example.com"]"#, NETWORK),
    bad("blocked_addresses", r#"["0.0.0.0/0"]"#, "that is not one abuser"),
    bad("blocked_addresses", r#"["2001::/16"]"#, "that is not one abuser"),
    bad("allowed_addresses", r#"["192.0.2"]"#, NETWORK),
    bad("report_days", "0", "report_days has to be a whole number from 1 to 3650."),
    bad("report_days", "1.5", "report_days has to be a whole number from 1 to 3650."),
    bad("log_days", "91", "a number of days that CloudWatch has"),
    bad("ticket_zip", r#""nowhere.zip""#, "ticket_zip is not there"),
    bad("guard_zip", r#""nowhere.zip""#, "guard_zip is not there"),
    bad("upload_zip", r#""nowhere.zip""#, "upload_zip is not there"),
    bad("ticket_environment", r#"{ AWS_REGION = "x" }"#, "which others set"),
    bad("ticket_environment", r#"{ key = "x" }"#, "upper-case letters"),
    bad(
        "ticket_secret_arn",
        r#""arn:aws:secretsmanager:eu-central-1:111122223333:secret:*""#,
        "has to be the whole ARN of a secret",
    ),
    bad("ticket_timeout", "901", "ticket_timeout has to be from 10 to 900 seconds."),
    bad("guard_schedule", r#""every hour""#, "has to be as EventBridge writes it"),
    bad("upload_products", r#"["../shop"]"#, "Each of upload_products has to be"),
    bad("upload_max_bytes", "5368709121", "from 1024 to 5368709120 bytes"),
    bad("upload_expiry_seconds", "86400", "upload_expiry_seconds has to be from 30 to 3600."),
    bad("upload_per_address", "0", "upload_per_address has to be from 1 to 10000."),
    bad("upload_concurrency", "0", "upload_concurrency has to be from 1 to 100, or -1."),
    bad("architecture", r#""riscv64""#, "architecture has to be x86_64 or arm64."),
    bad("alert_topic_arn", r#""alerts""#, "alert_topic_arn has to be the ARN of a topic"),
    bad(
        "alert_webhook",
        r#""http://hooks.example.com/x""#,
        "alert_webhook has to be an https address",
    ),
    bad("alert_emails", r#"["operations"]"#, "Each of alert_emails has to be an e-mail address."),
    bad("refused_per_hour", "0", "refused_per_hour has to be at least 1."),
    bad(
        "guard_rules",
        "join(\"\", [for line in range(1000) : format(\"%070d\", line)])",
        "guard_rules has to have at most 64 KB.",
    ),
    bad(
        "blocked_addresses",
        r#"[for number in range(101) : "10.0.0.${number}"]"#,
        "blocked_addresses has to have at most 100 entries",
    ),
    bad(
        "allowed_addresses",
        r#"[for number in range(51) : "10.0.0.${number}"]"#,
        "allowed_addresses has to have at most 50 entries",
    ),
    bad(
        "administrator_arns",
        r#"[for number in range(21) : "arn:aws:iam::111122223333:role/r${number}"]"#,
        "administrator_arns has to have at most 20 ARNs",
    ),
];

/// What is wrong beside another variable; Terraform looks at that only where the others are right.
const TOGETHER: [Bad; 7] = [
    bad("log_bucket", r#""good-bug-reports""#, "another bucket than the one for reports"),
    besides(
        bad("desk_tokens", GOOD_TOKEN, "could then read every report"),
        "upload_tokens = [\"made-up-upload-token-3f9c1b7e\"]",
    ),
    besides(
        bad("retired_tokens", GOOD_TOKEN, "still in upload_tokens or desk_tokens"),
        "upload_tokens = [\"made-up-upload-token-3f9c1b7e\"]",
    ),
    bad("exempt_caller", "false", "the policy would lock everyone out"),
    besides(
        bad(
            "allowed_addresses",
            r#"["192.0.2.1"]"#,
            "in allowed_addresses and in blocked_addresses",
        ),
        "blocked_addresses = [\"192.0.2.1\"]",
    ),
    bad("upload_url", "true", "upload_url needs upload_zip"),
    besides(
        bad(
            "alert_emails",
            r#"["operations@example.com"]"#,
            "only goes with the topic that the module makes",
        ),
        "alert_topic_arn = \"arn:aws:sns:eu-central-1:111122223333:alerts\"",
    ),
];

/// A root module that uses the module once for each case, under a name that says which.
fn body(cases: &[Bad]) -> String {
    let mut body = String::new();
    for (number, case) in cases.iter().enumerate() {
        let mut given = vec![format!("{} = {}", case.variable, case.value), case.also.to_owned()];
        if case.variable != "bucket" {
            given.push("bucket = \"good-bug-reports\"".to_owned());
        }
        if case.variable != "referer" {
            given.push(format!("referer = \"{REFERER}\""));
        }
        let source = Root::module();
        _ = writeln!(
            body,
            "module \"case_{number}\" {{\n  source = {source:?}\n  {}\n}}",
            given.join("\n  ")
        );
    }
    body
}

/// Plans with all cases at once, and looks for the sentence of each.
fn check(name: &str, cases: &[Bad]) {
    let root = Root::without_aws(name, &body(cases));
    let plan = root.output(&["plan", "-input=false", "-json"]);
    assert!(!plan.status.success());
    let mut said: BTreeMap<String, String> = BTreeMap::new();
    for line in String::from_utf8(plan.stdout).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let diagnostic = &line["diagnostic"];
        let context = diagnostic["snippet"]["context"].as_str().unwrap_or_default();
        if let Some(case) = context.strip_prefix("module ") {
            let texts = said.entry(case.trim_matches('"').to_owned()).or_default();
            texts.push_str(diagnostic["detail"].as_str().unwrap());
        }
    }
    for (number, case) in cases.iter().enumerate() {
        let said = said.get(&format!("case_{number}")).map_or("nothing", String::as_str);
        let (variable, value) = (case.variable, case.value);
        assert!(said.contains(case.sentence), "{variable} = {value}: {said}");
        // Texts about tokens must not show them.
        assert!(!said.contains("made-up-twice"), "{said}");
    }
}

#[test]
fn a_variable_out_of_range_is_refused_at_plan_in_a_sentence() {
    if !no_terraform() {
        check("alone", &ALONE);
    }
}

#[test]
fn variables_that_do_not_go_together_are_refused_at_plan_in_a_sentence() {
    if !no_terraform() {
        check("together", &TOGETHER);
    }
}

#[test]
fn every_variable_that_can_be_out_of_range_has_a_case() {
    let module = Root::module();
    for file in ["variables.tf", "variables-functions.tf"] {
        let text = std::fs::read_to_string(module.join(file)).unwrap();
        for block in text.split("\nvariable ").skip(1).chain(text.strip_prefix("variable ")) {
            let name = block.split('"').nth(1).unwrap();
            let block = block.split("\n}\n").next().unwrap();
            let checks = block.matches("validation {").count();
            let cases = ALONE.iter().chain(&TOGETHER).filter(|case| case.variable == name).count();
            assert!(cases >= checks, "{name}: {checks} checks, {cases} cases");
        }
    }
}
