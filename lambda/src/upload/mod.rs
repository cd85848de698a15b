//! `upload`: hands out permissions to store one bundle each, so that a product needs no token.
//!
//! A host says the name, the size and the SHA-256 of its bundle and gets a form to post it with:
//! for this key, this size and this content only, and not for long. Who asks too often has to wait.
//! Nothing is looked up and nothing is written; what counts as too often is remembered by the
//! instance, of which the module runs one at a time.

mod form;
mod pace;

pub use form::{Form, Place};
pub use pace::Pace;

use collect_core::{bundle::object_key, ticket::envelope::ENVELOPE};
use collect_sinks::aws::Keys;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{collections::BTreeMap, net::IpAddr, time::Duration};

/// What S3 takes in one request
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html>).
pub const LARGEST: u64 = 5 << 30;

/// The longest pseudonym of a host, in bytes.
const LONGEST_HOST: usize = 64;

/// The function, ready to answer.
pub struct Upload {
    /// The bucket.
    pub place: Place,
    /// The role's keys.
    pub keys: Keys,
    /// The products whose bundles are taken, as they stand in bundles' names; all if there are none.
    pub products: Vec<String>,
    /// The largest bundle, in bytes.
    pub largest: u64,
    /// How long a form may be used. S3 looks when the upload begins, so it need not outlive a slow
    /// line.
    pub life: SignedDuration,
    /// How often an address may ask.
    pub pace: Pace,
}

/// What a function URL hands over, as far as it matters here
/// (<https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    #[serde(rename = "requestContext")]
    context: Context,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Debug, Deserialize)]
struct Context {
    http: Http,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: String,
    source_ip: String,
}

/// What a host asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    /// The file name of the bundle.
    name: String,
    /// Its length in bytes.
    size: u64,
    /// Its SHA-256, in base64 as S3 writes it.
    sha256: String,
    /// The pseudonym of the host, for those who look through the bucket.
    host: Option<String>,
    /// The envelope, from which the ticket is written.
    envelope: Option<String>,
}

/// The answer that a function URL passes on.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The HTTP status.
    pub status_code: u16,
    /// The headers.
    pub headers: BTreeMap<&'static str, String>,
    /// The text: JSON.
    pub body: String,
    /// None are set, but emulators want the list.
    pub cookies: [String; 0],
}

/// Why there is no form, and what to do.
#[derive(Debug)]
struct Refusal {
    status: u16,
    error: String,
    help: &'static str,
    wait: Option<Duration>,
}

impl Upload {
    /// Answers one request.
    pub fn answer(&mut self, request: &Request, now: Timestamp) -> Response {
        match self.form(request, now) {
            Ok(form) => response(200, &json!(form)),
            Err(refusal) => {
                let text: Value = json!({ "error": refusal.error, "help": refusal.help });
                let mut response = response(refusal.status, &text);
                if let Some(wait) = refusal.wait {
                    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                    response.headers.insert("retry-after", seconds.to_string());
                }
                response
            }
        }
    }

    fn form(&mut self, request: &Request, now: Timestamp) -> Result<Form, Refusal> {
        if request.context.http.method != "POST" {
            return Err(refused(405, "only `POST` is answered", ASK));
        }
        // Who asks nonsense has to wait like everybody else.
        let from = &request.context.http.source_ip;
        let from: IpAddr =
            from.parse().map_err(|_| refused(400, "the request has no address", ASK))?;
        self.pace.take(from, now).map_err(|wait| Refusal {
            status: 429,
            error: "too many bundles from this address".into(),
            help: "wait, then `collect send`",
            wait: Some(wait),
        })?;
        let wish = read(request)?;
        let (key, checksum) = self.check(&wish)?;
        let fields = [
            ("x-amz-checksum-sha256", Some(checksum)),
            ("x-amz-meta-host", wish.host),
            ("x-amz-meta-envelope", wish.envelope),
        ];
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Ok(form::sign(&self.place, &self.keys, &key, wish.size, fields, now, self.life))
    }

    /// The object's key and checksum, if the wish can be granted.
    fn check(&self, wish: &Wish) -> Result<(String, String), Refusal> {
        let key = object_key(&wish.name).ok_or_else(|| {
            refused(
                400,
                "`name` is not the name of a bundle",
                "send the file as `collect` named it",
            )
        })?;
        let product = key.split('/').nth(1).unwrap_or_default();
        if !self.products.is_empty() && !self.products.iter().any(|known| known == product) {
            let error = format!("reports of `{product}` do not belong here");
            return Err(refused(403, &error, "ask the product's team for the right `upload-url`"));
        }
        if wish.size == 0 {
            return Err(refused(400, "`size` is 0", "send the length of the bundle in bytes"));
        }
        if wish.size > self.largest {
            let error =
                format!("the bundle has {} bytes; the most here is {}", wish.size, self.largest);
            let help = "lower `size` in `[limits]` and collect again";
            return Err(Refusal { status: 413, error, help, wait: None });
        }
        if !form::is_sha256(&wish.sha256) {
            return Err(refused(400, "`sha256` is no SHA-256 in base64", ASK));
        }
        if !fits(wish.host.as_deref(), LONGEST_HOST) {
            return Err(refused(400, "`host` is no pseudonym", ASK));
        }
        if !fits(wish.envelope.as_deref(), ENVELOPE) {
            return Err(refused(400, "`envelope` is none", ASK));
        }
        Ok((key, wish.sha256.clone()))
    }
}

/// How to ask.
const ASK: &str = "POST {\"name\": FILE, \"size\": BYTES, \"sha256\": BASE64}";

fn read(request: &Request) -> Result<Wish, Refusal> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let body = request.body.as_deref().unwrap_or_default();
    let body = if request.is_base64_encoded {
        STANDARD.decode(body).map_err(|_| refused(400, "the body is no base64", ASK))?
    } else {
        body.as_bytes().to_vec()
    };
    serde_json::from_slice(&body)
        .map_err(|error| refused(400, &format!("the body is not what is expected: {error}"), ASK))
}

/// Whether a value can stand beside an object.
fn fits(value: Option<&str>, most: usize) -> bool {
    let graphic = |value: &str| value.bytes().all(|byte| byte.is_ascii_graphic());
    value.is_none_or(|value| value.len() <= most && graphic(value))
}

fn refused(status: u16, error: &str, help: &'static str) -> Refusal {
    Refusal { status, error: error.to_owned(), help, wait: None }
}

fn response(status_code: u16, body: &Value) -> Response {
    let headers = [("content-type", "application/json"), ("cache-control", "no-store")];
    let headers = headers.map(|(name, value)| (name, value.to_owned()));
    Response { status_code, headers: headers.into(), body: body.to_string(), cookies: [] }
}

#[cfg(test)]
mod tests;
