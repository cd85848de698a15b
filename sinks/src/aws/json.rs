//! The protocol of the services that take JSON: a `POST` to the root that names an operation.

use super::{Keys, keys::Post};
use crate::{
    http::{self, Failure, Mask, upload::exchange_up_to},
    s3::explain,
};
use collect_core::sink::DeliveryError;
use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use url::Url;

/// How often a service is asked while it is busy.
const TRIES: u32 = 3;

/// How long to wait before it is asked again; twice as long the next time.
const PAUSE: Duration = Duration::from_millis(200);

/// A service, and how it is asked.
#[derive(Clone, Copy)]
pub(super) struct Service<'s> {
    /// What signatures call it.
    pub(super) name: &'static str,
    pub(super) region: &'s str,
    pub(super) url: &'s Url,
    pub(super) client: &'s reqwest::Client,
    pub(super) keys: &'s Keys,
    /// Which JSON it speaks.
    pub(super) content_type: &'static str,
    /// How long it may take.
    pub(super) patience: Duration,
    /// How much it may answer.
    pub(super) answer: usize,
}

impl Service<'_> {
    /// Asks for an operation, again while the service is busy; its answer, as it came. `help` is what
    /// to do when it refuses.
    ///
    /// # Errors
    ///
    /// The service could not be reached, or refused.
    pub(super) async fn ask(
        &self,
        target: &'static str,
        body: &Value,
        help: &str,
    ) -> Result<String, DeliveryError> {
        let body = body.to_string();
        let mut round = 1;
        loop {
            match self.try_once(target, &body, help).await {
                Err(DeliveryError::Unreachable { .. }) if round < TRIES => {
                    sleep(PAUSE * round).await;
                    round += 1;
                }
                ended => return ended,
            }
        }
    }

    async fn try_once(
        &self,
        target: &'static str,
        body: &str,
        help: &str,
    ) -> Result<String, DeliveryError> {
        let post = Post {
            body,
            content_type: self.content_type,
            target: Some(target),
            region: self.region,
            service: self.name,
        };
        let headers = self.keys.headers_of(&post, self.url, Timestamp::now());
        let host = http::host(self.url);
        let request = self.client.post(self.url.clone()).headers(headers).body(body.to_owned());
        let answer = match timeout(self.patience, exchange_up_to(request, self.answer)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(unreachable(Failure::of(error, &host).reason)),
            Err(_) => {
                let seconds = self.patience.as_secs();
                return Err(unreachable(format!("`{host}` gave no answer for {seconds} s")));
            }
        };
        if answer.status.is_success() {
            return Ok(answer.text);
        }
        let mut mask = Mask::default();
        self.keys.hide_in(&mut mask);
        let said = serde_json::from_str::<Value>(&answer.text).unwrap_or_default();
        // Some services say in which of their namespaces the name stands.
        let code = said["__type"].as_str().map(|kind| kind.rsplit('#').next().unwrap_or(kind));
        let quoted = code.map(|code| format!(": {}", mask.quote(code)));
        let reason = explain(&answer, &host, &mask) + &quoted.unwrap_or_default();
        Err(match (answer.status.as_u16(), code.unwrap_or_default()) {
            (429 | 500.., _) | (_, "ThrottlingException" | "RequestThrottled") => {
                unreachable(reason)
            }
            (_, code) => {
                let help = about_keys(code).unwrap_or(help);
                DeliveryError::Refused { reason, help: Some(help.into()) }
            }
        })
    }
}

/// What to do about keys that no service would take.
fn about_keys(code: &str) -> Option<&'static str> {
    Some(match code {
        "ExpiredToken" | "ExpiredTokenException" => {
            "the temporary keys have expired: renew them, with `AWS_SESSION_TOKEN`"
        }
        "InvalidClientTokenId" | "InvalidAccessKeyId" | "UnrecognizedClientException" => {
            "`AWS_ACCESS_KEY_ID` is not known there; temporary keys need `AWS_SESSION_TOKEN`, too"
        }
        "SignatureDoesNotMatch" | "InvalidSignatureException" => {
            "check `AWS_SECRET_ACCESS_KEY`, and the clock of this host"
        }
        _ => return None,
    })
}

fn unreachable(reason: String) -> DeliveryError {
    DeliveryError::Unreachable { reason, help: Some("check the network, or try later".into()) }
}
