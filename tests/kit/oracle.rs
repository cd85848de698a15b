//! The oracle: what AWS would say by its documented rules, from `tests/oracle/simulate.mjs`.

use super::{find, matrix::Verdict, skip};
use serde_json::{Value, json};
use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Where `tests/run` installs it.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("../tools-oracle")
}

/// Whether the oracle cannot be asked; says so.
pub(crate) fn no_oracle() -> bool {
    let missing = if find("node").is_none() {
        "node is not installed"
    } else if !folder().join("node_modules/@cloud-copilot/iam-simulate").exists() {
        "the oracle is not installed (`tests/run` does, where there is npm)"
    } else {
        return false;
    };
    skip(missing);
    true
}

/// What the oracle says of each request, all judged by `policy`, the name of one in `policies`.
pub(crate) fn ask(policies: &Value, requests: &[Value]) -> Vec<Verdict> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oracle/simulate.mjs");
    let mut oracle = Command::new("timeout")
        .args(["--kill-after=5", "120", "node"])
        .arg(script)
        .arg(folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let question = json!({ "policies": policies, "requests": requests }).to_string();
    let mut input = oracle.stdin.take().unwrap();
    // It reads all before it writes anything.
    _ = input.write_all(question.as_bytes());
    drop(input);
    let answer = oracle.wait_with_output().unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let answers: Vec<String> = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!(answers.len(), requests.len());
    answers
        .into_iter()
        .map(|answer| match answer.as_str() {
            "Allowed" => Verdict::Allowed,
            "ExplicitlyDenied" | "ImplicitlyDenied" => Verdict::Refused,
            _ => Verdict::Else(answer),
        })
        .collect()
}
