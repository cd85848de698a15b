//! What the roles of the functions may do with the buckets, by AWS's documented rules.

use crate::{
    kit::{
        matrix::Verdict,
        oracle::{ask, no_oracle},
        policy::{ACCOUNT, BUCKET, shipped},
    },
    policy::{REPORT, administrator, arn},
};
use serde_json::json;

/// What the oracle says to each action on each of these, signed by the role of a function.
fn allowed_to(function: &str, resources: &[(&str, &str)]) -> Vec<String> {
    let shipped = shipped();
    let policies = json!({ "reports": shipped["reports"], "logs": shipped["logs"], "none": null });
    let arn = arn(&format!("{BUCKET}-{function}"));
    let mut names = Vec::new();
    let mut questions = Vec::new();
    for action in include_str!("policy/actions.txt").lines() {
        for (policy, key) in resources {
            let bucket =
                if *policy == "logs" { format!("{BUCKET}-logs") } else { BUCKET.to_owned() };
            if key.is_empty() == of_an_object(action) {
                continue;
            }
            let resource = format!("arn:aws:s3:::{bucket}{}", prefixed(key));
            let mut context = json!({
                "aws:SecureTransport": "true",
                "aws:UserAgent": "aws-sdk-rust/1.0",
                "aws:PrincipalArn": arn,
            });
            if action == "s3:ListBucket" {
                context["s3:prefix"] = json!("reports/shop/");
            }
            names.push(format!("{action} {policy}{}", prefixed(key)));
            questions.push(json!({
                "policy": policy, "account": ACCOUNT, "principal": arn,
                "identity": shipped["roles"][function], "action": action, "resource": resource,
                "context": context,
            }));
        }
    }
    let verdicts = ask(&policies, &questions);
    names
        .into_iter()
        .zip(verdicts)
        .filter(|(_, verdict)| *verdict == Verdict::Allowed)
        .map(|(name, _)| name)
        .collect()
}

fn prefixed(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("/{key}") }
}

/// Whether an action is about objects; the names say it, but for these.
fn of_an_object(action: &str) -> bool {
    const ALSO: [&str; 6] = [
        "s3:AbortMultipartUpload",
        "s3:BypassGovernanceRetention",
        "s3:ListMultipartUploadParts",
        "s3:ReplicateDelete",
        "s3:ReplicateTags",
        "s3:ObjectOwnerOverrideToBucketOwner",
    ];
    ALSO.contains(&action)
        || (action.contains("Object")
            && action != "s3:GetBucketObjectLockConfiguration"
            && action != "s3:PutBucketObjectLockConfiguration")
        || matches!(action, "s3:InitiateReplication" | "s3:ReplicateObject" | "s3:RestoreObject")
}

const NOTE: &str = "reports/shop/2026/11/23/shop-1.tar.xz.age.ticket.json";
const LOG: &str = "access/111122223333/eu-central-1/bug-reports/2026/11/23/log";

/// The places that a function could reach.
const PLACES: [(&str, &str); 8] = [
    ("reports", ""),
    ("reports", REPORT),
    ("reports", NOTE),
    ("reports", "elsewhere"),
    ("logs", ""),
    ("logs", LOG),
    ("logs", "guard/state.json"),
    ("logs", "guard/rules.toml"),
];

#[test]
fn by_the_rules_of_aws_each_function_can_do_its_task_only() {
    if no_oracle() {
        return;
    }
    let ticket = [
        format!("s3:GetObject reports/{REPORT}"),
        format!("s3:GetObject reports/{NOTE}"),
        format!("s3:GetObjectTagging reports/{REPORT}"),
        "s3:ListBucket reports".to_owned(),
        format!("s3:PutObject reports/{NOTE}"),
        format!("s3:PutObjectTagging reports/{REPORT}"),
    ];
    assert_eq!(allowed_to("ticket", &PLACES), ticket);
    let guard = [
        "s3:GetBucketPolicy reports".to_owned(),
        format!("s3:GetObject logs/{LOG}"),
        "s3:GetObject logs/guard/state.json".to_owned(),
        "s3:GetObject logs/guard/rules.toml".to_owned(),
        "s3:ListBucket logs".to_owned(),
        "s3:PutBucketPolicy reports".to_owned(),
        "s3:PutObject logs/guard/state.json".to_owned(),
    ];
    assert_eq!(allowed_to("guard", &PLACES), guard);
    assert_eq!(allowed_to("upload", &PLACES), [format!("s3:PutObject reports/{REPORT}")]);
}

#[test]
fn by_the_rules_of_aws_logs_are_for_guard_and_for_who_deploys() {
    if no_oracle() {
        return;
    }
    let policies = json!({ "logs": shipped()["logs"] });
    let question = |role: &str| {
        let arn = arn(role);
        json!({
            "policy": "logs", "account": ACCOUNT, "principal": arn, "identity": administrator(),
            "action": "s3:GetObject", "resource": format!("arn:aws:s3:::{BUCKET}-logs/{LOG}"),
            "context": { "aws:SecureTransport": "true", "aws:PrincipalArn": arn },
        })
    };
    let asked = ["deploy", "operations", "bug-reports-guard", "console", "bug-reports-ticket"];
    let verdicts = ask(&policies, &asked.map(question));
    let allowed: Vec<_> =
        asked.iter().zip(&verdicts).filter(|(_, verdict)| **verdict == Verdict::Allowed).collect();
    assert_eq!(allowed.len(), 3, "{allowed:?}");
    assert_eq!(verdicts[..3], [Verdict::Allowed, Verdict::Allowed, Verdict::Allowed]);
}
