//! The bucket policies under test: the one that `terraform/` ships, the one of 2017, and what of
//! them SeaweedFS understands.

use super::{DESK_TOKEN, REFERER, UPLOAD_TOKEN};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The bucket that the policies are for.
pub(crate) const BUCKET: &str = "bug-reports";
/// The account that the bucket is in.
pub(crate) const ACCOUNT: &str = "111122223333";

/// What `terraform apply` put into AWS: `reports` and `logs` are the policies of the buckets,
/// `roles` those of the functions' roles. A test holds the file to what is applied.
pub(crate) fn shipped() -> Value {
    let file = shipped_file();
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    serde_json::from_str(&text).unwrap()
}

/// The policy of the bucket that ships, with other tokens.
pub(crate) fn shipped_for(upload: &[&str], desk: &[&str]) -> Value {
    let mut policy = shipped()["reports"].clone();
    for statement in policy["Statement"].as_array_mut().unwrap() {
        let conditions = statement.get_mut("Condition").and_then(Value::as_object_mut);
        for (_, keys) in conditions.into_iter().flatten() {
            let Some(tokens) = keys.get_mut("aws:UserAgent") else {
                continue;
            };
            let for_each = |token: String| match token.as_str() {
                UPLOAD_TOKEN => upload.iter().map(ToString::to_string).collect(),
                DESK_TOKEN => desk.iter().map(ToString::to_string).collect(),
                _ => vec![token],
            };
            *tokens = texts(tokens).into_iter().flat_map(for_each).collect();
        }
    }
    policy
}

/// Where [`shipped`] is kept.
pub(crate) fn shipped_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/policy/shipped.json")
}

/// The policy in the words that SeaweedFS knows: `NotAction` becomes the list of all other actions,
/// `aws:PrincipalArn` becomes `aws:username`, and the statement about `s3:if-none-match` is left out.
/// That it means the same is for the oracle to say.
pub(crate) fn for_seaweed(policy: &Value) -> Value {
    let mut policy = policy.clone();
    let statements = policy["Statement"].as_array_mut().unwrap();
    statements.retain(|statement| !statement["Condition"]["Null"].is_object());
    for statement in statements {
        let statement = statement.as_object_mut().unwrap();
        if let Some(spared) = statement.remove("NotAction") {
            let spared = texts(&spared);
            let actions: Vec<_> = include_str!("../policy/actions.txt")
                .lines()
                .chain(IN_PARTS)
                .filter(|action| !spared.contains(&(*action).to_owned()))
                .collect();
            statement.insert("Action".to_owned(), json!(actions));
        }
        let Some(conditions) = statement.get_mut("Condition").and_then(Value::as_object_mut) else {
            continue;
        };
        for (_, keys) in conditions.iter_mut() {
            let keys = keys.as_object_mut().unwrap();
            if let Some(arns) = keys.remove("aws:PrincipalArn") {
                let mut names: Vec<_> = texts(&arns).iter().map(|arn| name_in(arn)).collect();
                names.dedup();
                keys.insert("aws:username".to_owned(), json!(names));
            }
        }
    }
    policy
}

/// SeaweedFS's own names for uploading in parts. AWS asks for `s3:PutObject`, and the statement about
/// `s3:if-none-match` refuses them, since these requests cannot say it.
const IN_PARTS: [&str; 3] =
    ["s3:CreateMultipartUpload", "s3:UploadPart", "s3:CompleteMultipartUpload"];

/// One text, or several.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    let one = std::slice::from_ref(value);
    let all = value.as_array().map_or(one, Vec::as_slice);
    all.iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// The name of the role or user that an ARN is of.
fn name_in(arn: &str) -> String {
    arn.rsplit(['/', ':']).next().unwrap_or_default().to_owned()
}

/// A policy as such buckets had it in 2017. `uploader` is the token that its first statement lets in.
pub(crate) fn of_2017(uploader: &str) -> Value {
    let objects = format!("arn:aws:s3:::{BUCKET}/*");
    let statement = |effect: &str, action: Value, condition: Value| {
        json!({
            "Effect": effect, "Principal": "*", "Action": action, "Resource": objects,
            "Condition": condition,
        })
    };
    json!({
        "Version": "2012-10-17",
        "Statement": [
            statement("Allow", json!("s3:PutObject"), json!({
                "StringEquals": { "aws:UserAgent": uploader, "aws:Referer": REFERER } })),
            statement("Allow", json!(["s3:GetObject", "s3:DeleteObject"]), json!({
                "StringEquals": { "aws:UserAgent": DESK_TOKEN } })),
            // Meant for either, is for both.
            statement("Deny", json!("s3:PutObject"), json!({
                "StringNotEquals": { "aws:UserAgent": UPLOAD_TOKEN, "aws:Referer": REFERER } })),
            statement("Deny", json!("s3:PutObject"), json!({
                "StringNotEquals": { "aws:UserAgent": UPLOAD_TOKEN } })),
            statement("Deny", json!(["s3:GetObject", "s3:DeleteObject"]), json!({
                "StringNotEquals": { "aws:UserAgent": DESK_TOKEN } })),
            statement("Deny", json!("s3:GetObject"), json!({
                "Bool": { "aws:SecureTransport": "false" } })),
        ],
    })
}
