//! `webhook`: tells an address of your own, and sends it the bundle.

use crate::api::{self, Api, Body, Effect, hexadecimal, invalid, refused, sha256};
use collect_core::{
    Invalid, Secret, TicketSystem,
    secret::SecretSource,
    sink::{DeliveryContext, DeliveryError},
    ticket::{
        Attachment, Holding, Letter, Markup, Opened, Ticket, TicketError, TicketOptions, Tickets,
    },
};
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Tells an address of your own of a report, and sends it the bundle, for ticket systems that
/// collect does not know.
///
/// Two requests come, both `POST` to `url`. The first, `X-Collect-Event: report`, is JSON: `version`
/// (1), `key`, `title`, `body`, `file` (`name`, `size`, `sha256`; null if the bundle does not follow)
/// and `brief`, what is known of user, host and steps, or null. It may be answered with `number` and
/// `url` of a ticket, in JSON, which the user is told. The second, `X-Collect-Event: bundle`, has the
/// bundle itself as its body, and its name as `X-Collect-File`.
///
/// Each is signed: `X-Collect-Signature` is `v1=` and the HMAC-SHA256 under `secret`, in hexadecimal,
/// of `v1.TIMESTAMP.EVENT.KEY.DIGEST`, of which the first three after `v1` are the headers
/// `X-Collect-Timestamp` (seconds since 1970), `X-Collect-Event` and `X-Collect-Key`, and the last is
/// the SHA-256 of the body in hexadecimal, also given as `X-Collect-Digest`. Compare both, and refuse
/// what is older than five minutes. A request whose answer was lost comes again: the same key and
/// event are the same thing, and want an answer of success once more.
///
/// ```toml
/// [deliver.tickets]
/// use = "webhook"
/// url = "https://tickets.example.com/collect"
/// secret = { file = "webhook.secret" }
/// ```
#[derive(Deserialize, JsonSchema, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Webhook {
    /// What both sides know and nobody else: at least 16 characters.
    secret: Option<SecretSource>,
    /// Whether the bundle follows, or stays where a sink before this one has put it.
    bundle: Bundle,
}

/// What becomes of the bundle.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Bundle {
    /// It follows in the second request.
    #[default]
    Send,
    /// There is no second request; `body` says where the bundle is.
    Link,
}

/// The shortest secret, in bytes.
const SHORTEST: usize = 16;

collect_core::register!("webhook" => Webhook as TicketSystem);

impl TicketSystem for Webhook {
    fn connect<'c>(
        &'c self,
        options: &'c TicketOptions,
        context: &'c DeliveryContext<'c>,
    ) -> Result<Box<dyn Tickets + 'c>, DeliveryError> {
        let secret = self.secret.as_ref().ok_or_else(|| refused("no secret", "write `secret`"))?;
        let secret = context.secret(secret)?;
        if secret.reveal().len() < SHORTEST {
            return Err(refused("the secret of the webhook is too short", "take a longer one"));
        }
        let mut api = Api::new(options, context, |_| None)?.with_any_answer();
        api.hide(secret.reveal());
        // The path of a webhook is often a secret itself.
        let path = api.url("").path().trim_matches('/').to_owned();
        api.hide(&path);
        Ok(Box::new(Address { bundle: self.bundle, secret, api }))
    }

    fn check(&self, options: &TicketOptions) -> Vec<Invalid> {
        let mut wrong = api::check(options);
        let help = "write `secret = { file = \"webhook.secret\" }`";
        match &self.secret {
            None => wrong.push(invalid("secret", "no secret is given", help)),
            Some(SecretSource::Literal(secret)) if secret.reveal().len() < SHORTEST => {
                wrong.push(invalid(
                    "secret",
                    "the secret is too short",
                    "take 16 characters or more",
                ));
            }
            Some(_) => {}
        }
        wrong
    }

    fn secrets(&self, options: &TicketOptions) -> Vec<SecretSource> {
        api::secrets(options, self.secret.as_ref())
    }

    fn destination(&self, options: &TicketOptions) -> String {
        format!("webhook at {}", api::host(options))
    }

    fn markup(&self) -> Markup {
        Markup::Plain
    }
}

/// An address that can be told.
struct Address<'c> {
    bundle: Bundle,
    secret: Secret,
    api: Api<'c>,
}

impl Tickets for Address<'_> {
    /// The other side knows by the key.
    fn find(&self, _: &str) -> Result<Vec<Ticket>, TicketError> {
        Ok(Vec::new())
    }

    /// The report names the ticket, and the other side knows it.
    fn get(&self, _: &str) -> Result<Option<Ticket>, TicketError> {
        Ok(None)
    }

    fn open(&self, letter: &Letter, file: Option<&dyn Attachment>) -> Result<Opened, TicketError> {
        let file = file.map(|file| {
            let sha256 = sha256(file).map(|digest| hexadecimal(&digest));
            sha256
                .map(|sha256| json!({ "name": file.name(), "size": file.len(), "sha256": sha256 }))
        });
        let report = json!({
            "version": 1,
            "key": letter.key,
            "title": letter.title,
            "body": letter.body,
            "file": file.transpose()?,
            "brief": letter.brief,
        });
        let digest = Sha256::digest(report.to_string().as_bytes());
        let headers = || self.signed("report", &letter.key, &digest);
        let answer = self.api.send(&Method::POST, "", &headers, &report, Effect::Same)?;
        Ok(Opened { ticket: self.ticket(&answer, &letter.key), ignored: Vec::new() })
    }

    fn attach(
        &self,
        _: &Ticket,
        file: &dyn Attachment,
        _: Option<&str>,
    ) -> Result<(), TicketError> {
        let origin = collect_core::ticket::Origin { file: file.name(), request: "", source: None };
        let digest = sha256(file)?;
        let headers = || {
            let mut headers = self.signed("bundle", origin.key(), &digest);
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
            headers.insert("x-collect-file", value(file.name()));
            headers
        };
        let body = Body { before: Vec::new(), file, after: Vec::new() };
        self.api.upload(&self.api.url(""), &headers, &body, Effect::Same).map(|_| ())
    }

    /// There are no comments: the report says it all.
    fn comment(&self, _: &Ticket, _: &str) -> Result<(), TicketError> {
        Ok(())
    }

    fn close(&self, _: &Ticket, _: &str) -> Result<(), TicketError> {
        Err(refused("a webhook cannot be asked to close a ticket", "close it where it is").into())
    }

    fn holding(&self, _: &Ticket, _: &dyn Attachment) -> Result<Holding, TicketError> {
        Ok(Holding::Unknown)
    }

    fn limit(&self) -> Result<Option<u64>, TicketError> {
        Ok((self.bundle == Bundle::Link).then_some(0))
    }
}

impl Address<'_> {
    fn signed(&self, event: &str, key: &str, digest: &[u8]) -> HeaderMap {
        let (time, digest) = (Timestamp::now().as_second().to_string(), hexadecimal(digest));
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.reveal().as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(format!("v1.{time}.{event}.{key}.{digest}").as_bytes());
        let signature = format!("v1={}", hexadecimal(&mac.finalize().into_bytes()));
        let headers = [
            ("x-collect-timestamp", time.as_str()),
            ("x-collect-event", event),
            ("x-collect-key", key),
            ("x-collect-digest", &digest),
            ("x-collect-signature", &signature),
        ];
        let headers = headers.map(|(name, text)| (HeaderName::from_static(name), value(text)));
        headers.into_iter().collect()
    }

    /// The ticket that the other side has made, if it says so.
    fn ticket(&self, answer: &Value, key: &str) -> Ticket {
        let said = |name: &str| match &answer[name] {
            Value::Number(number) => number.to_string(),
            other => self.api.quote(other.as_str().unwrap_or_default()),
        };
        let is_page = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        let (number, url) = (said("number"), Some(said("url")).filter(is_page));
        Ticket {
            number: if number.is_empty() { key.to_owned() } else { number },
            url: url.unwrap_or_else(|| self.api.origin()),
        }
    }
}

/// A header's value; names and keys are ASCII.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests;
