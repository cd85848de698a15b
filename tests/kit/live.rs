//! Many requests to a real server, all by one `curl`: what a policy does is asked hundreds of times.

use super::{
    Seaweed,
    matrix::{Cell, Operation, Verdict},
    sha256,
};
use serde_json::Value;
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// One request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) url: String,
    pub(crate) agent: Option<String>,
    pub(crate) referer: Option<String>,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
    /// The address that it comes from.
    pub(crate) from: Option<&'static str>,
    /// Key id and secret key of who signs it.
    pub(crate) signer: Option<(&'static str, &'static str)>,
    /// Lines for curl's configuration besides.
    pub(crate) also: Vec<String>,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    /// What it says of the request.
    pub(crate) fn verdict(&self) -> Verdict {
        match self.status {
            200..300 => Verdict::Allowed,
            // 412: there is such an object, and the request said that it must not be there.
            403 | 412 => Verdict::Refused,
            _ => Verdict::Else(format!("{} {}", self.status, self.body)),
        }
    }
}

/// Sends all requests, one after the other, and returns their answers.
pub(crate) fn send(ca_file: &Path, requests: &[Request]) -> Vec<Answer> {
    let folder = tempfile::tempdir().unwrap();
    let mut config = String::new();
    for (number, request) in requests.iter().enumerate() {
        if number > 0 {
            config.push_str("next\n");
        }
        _ = write!(config, "{}", settings(request, number, ca_file, &folder));
    }
    let file = folder.path().join("curl.conf");
    fs::write(&file, config).unwrap();
    let mut curl = Command::new("timeout");
    curl.args(["--kill-after=5", "180", "curl", "--config"]).arg(&file);
    let output = curl.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let statuses: Vec<u16> = text.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(statuses.len(), requests.len(), "{errors}");
    let body = |number| fs::read(answer_file(&folder, number)).unwrap_or_default();
    statuses
        .into_iter()
        .enumerate()
        .map(|(number, status)| {
            assert!(status != 0, "no answer to {:?}: {errors}", requests[number]);
            Answer { status, body: String::from_utf8_lossy(&body(number)).into_owned() }
        })
        .collect()
}

fn answer_file(folder: &TempDir, number: usize) -> PathBuf {
    folder.path().join(format!("{number}.answer"))
}

/// One request in curl's configuration; nothing is kept from the one before.
fn settings(request: &Request, number: usize, ca_file: &Path, folder: &TempDir) -> String {
    let mut lines = vec![
        "silent".to_owned(),
        "show-error".to_owned(),
        "path-as-is".to_owned(),
        "globoff".to_owned(),
        "max-time = 20".to_owned(),
        format!("cacert = {:?}", ca_file.display().to_string()),
        format!("url = {:?}", request.url),
        format!("output = {:?}", answer_file(folder, number).display().to_string()),
        r#"write-out = "%{http_code}\n""#.to_owned(),
        format!("user-agent = {:?}", request.agent.as_deref().unwrap_or_default()),
    ];
    if let Some(referer) = &request.referer {
        lines.push(format!("referer = {referer:?}"));
    }
    if let Some(from) = request.from {
        lines.push(format!("interface = {from:?}"));
    }
    if let Some((id, key)) = request.signer {
        lines.push(r#"aws-sigv4 = "aws:amz:us-east-1:s3""#.to_owned());
        lines.push(format!("user = \"{id}:{key}\""));
        lines.push(format!("header = \"x-amz-content-sha256: {}\"", sha256(&request.body)));
    }
    match request.method {
        "HEAD" => lines.push("head".to_owned()),
        method => lines.push(format!("request = {method:?}")),
    }
    if matches!(request.method, "PUT" | "POST") && request.also.is_empty() {
        let file = folder.path().join(format!("{number}.body"));
        fs::write(&file, &request.body).unwrap();
        lines.push(format!("data-binary = {:?}", format!("@{}", file.display())));
        lines.push(r#"header = "content-type: application/octet-stream""#.to_owned());
    }
    lines.extend(request.headers.iter().map(|header| format!("header = {header:?}")));
    lines.extend(request.also.iter().cloned());
    lines.join("\n") + "\n"
}

/// What a real server with this policy says of each cell; `signer` signs them all.
pub(crate) fn judge(
    policy: &Value,
    cells: &[Cell],
    signer: Option<(&'static str, &'static str)>,
) -> Vec<Verdict> {
    let server = Seaweed::without_policy();
    let there: Vec<_> = cells.iter().map(Cell::existing).collect();
    server.put_all(&there, b"a report");
    server.set_policy(policy);
    let policy = policy.to_string();
    let requests: Vec<_> =
        cells.iter().map(|cell| Request { signer, ..request(&server, &policy, cell) }).collect();
    let answers = send(&server.ca_file(), &requests);
    cells
        .iter()
        .zip(answers)
        .map(|(cell, answer)| match (cell.operation, answer.verdict()) {
            // Answered with 200, and object by object in the body.
            (Operation::MultiDelete, Verdict::Allowed) if answer.body.contains("AccessDenied") => {
                Verdict::Refused
            }
            (_, verdict) => verdict,
        })
        .collect()
}

/// A cell as a request.
fn request(server: &Seaweed, policy: &str, cell: &Cell) -> Request {
    let bucket = if cell.https { server.bucket_url() } else { server.plain_bucket_url() };
    let object = format!("{bucket}/{}", cell.key());
    let text = |method, url: String, body: String| Request {
        method,
        url,
        body: body.into_bytes(),
        ..Request::default()
    };
    let plain = |method, url: String| text(method, url, String::new());
    // `?policy=`: a signature is made over the form with `=`, which curl does not add.
    let of_bucket = |query: &str| format!("{bucket}?{query}");
    let of_object = |query: &str| format!("{object}?{query}");
    let mut request = match cell.operation {
        Operation::PutNew | Operation::PutElsewhere | Operation::PutOverwrite => {
            text("PUT", object, "another report".to_owned())
        }
        Operation::Get => plain("GET", object),
        Operation::Head => plain("HEAD", object),
        Operation::Delete => plain("DELETE", object),
        Operation::MultiDelete => text(
            "POST",
            of_bucket("delete="),
            format!("<Delete><Object><Key>{}</Key></Object></Delete>", cell.key()),
        ),
        Operation::List => plain("GET", of_bucket("list-type=2&max-keys=1")),
        Operation::HeadBucket => plain("HEAD", bucket.clone()),
        Operation::Versions => plain("GET", of_bucket("versions=")),
        Operation::Uploads => plain("GET", of_bucket("uploads=")),
        Operation::GetPolicy => plain("GET", of_bucket("policy=")),
        // That which is there already, so that one hole does not open all.
        Operation::PutPolicy => text("PUT", of_bucket("policy="), policy.to_owned()),
        Operation::GetLifecycle => plain("GET", of_bucket("lifecycle=")),
        Operation::PutLifecycle => text("PUT", of_bucket("lifecycle="), LIFECYCLE.to_owned()),
        Operation::GetAcl => plain("GET", of_bucket("acl=")),
        Operation::GetTagging => plain("GET", of_object("tagging=")),
        Operation::PutTagging => text("PUT", of_object("tagging="), TAGGING.to_owned()),
        Operation::StartUpload => plain("POST", of_object("uploads=")),
    };
    // The server does not know the statement that refuses an overwriting request without it.
    if cell.operation.only_if_new() || cell.operation == Operation::PutOverwrite {
        request.headers.push("if-none-match: *".to_owned());
    }
    request.agent = cell.token.text().map(str::to_owned);
    request.referer = cell.referer.text().map(str::to_owned);
    request
}

const LIFECYCLE: &str = "<LifecycleConfiguration><Rule><ID>all</ID><Status>Enabled</Status>\
    <Filter><Prefix></Prefix></Filter><Expiration><Days>1</Days></Expiration></Rule>\
    </LifecycleConfiguration>";
const TAGGING: &str =
    "<Tagging><TagSet><Tag><Key>seen</Key><Value>yes</Value></Tag></TagSet></Tagging>";
