//! Tells an address on the web what happened.

use super::{Failure, Mask, Route, host, objection, upload::exchange};
use collect_core::sink::DeliveryError;
use reqwest::header::CONTENT_TYPE;
use serde::Serialize;
use std::time::Duration;
use tokio::time::timeout;
use url::Url;

/// How long the other side may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// An address that takes JSON.
#[derive(Clone, Debug)]
pub struct Webhook(Url);

impl Webhook {
    /// This address. It is often a secret itself, so that messages show no more than its host.
    ///
    /// # Errors
    ///
    /// Says why nothing may be sent there.
    pub fn new(url: &str) -> Result<Self, String> {
        let url: Url = url.parse().map_err(|error| format!("this is no URL: {error}"))?;
        objection(&url).map_or(Ok(Self(url)), Err)
    }

    /// Posts a message, once.
    ///
    /// # Errors
    ///
    /// The other side could not be reached, or refused.
    pub async fn post(&self, message: &impl Serialize) -> Result<(), DeliveryError> {
        let mut mask = Mask::default();
        mask.hide(self.0.path().trim_start_matches('/'));
        mask.hide_url(&self.0);
        let refused = |reason: &str| {
            let help = Some("correct the address of the webhook".into());
            DeliveryError::Refused { reason: mask.clean(reason), help }
        };
        let later = |reason: String| {
            let help = Some("check the network, or try later".into());
            DeliveryError::Unreachable { reason: mask.clean(&reason), help }
        };
        let body = serde_json::to_string(message).map_err(|error| refused(&error.to_string()))?;
        let client = Route::default().client(&self.0);
        let client = client.map_err(|error| refused(&error.to_string()))?;
        let host = host(&self.0);
        let request = client.post(self.0.clone()).header(CONTENT_TYPE, "application/json");
        match timeout(PATIENCE, exchange(request.body(body))).await {
            Ok(Ok(answer)) if answer.status.is_success() => Ok(()),
            Ok(Ok(answer)) => {
                Err(refused(&format!("`{host}` answered {}", answer.status.as_u16())))
            }
            Ok(Err(error)) => Err(later(Failure::of(error, &host).reason)),
            Err(_) => Err(later(format!("`{host}` gave no answer for {} s", PATIENCE.as_secs()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        http::run,
        testing::{Server, answer},
    };
    use serde_json::json;

    fn post(server: &Server) -> Result<(), DeliveryError> {
        let url = format!("http://{}/hooks/made-up-secret?key=made-up", server.address);
        let webhook = Webhook::new(&url).unwrap();
        run(webhook.post(&json!({ "text": "made up" }))).unwrap()
    }

    #[test]
    fn a_webhook_gets_json() {
        let server = Server::start([answer(200, "")]);
        post(&server).unwrap();
        let seen = &server.seen()[0];
        assert_eq!(seen.line, "POST /hooks/made-up-secret?key=made-up HTTP/1.1");
        assert_eq!(seen.headers["content-type"], "application/json");
        assert_eq!(seen.body, br#"{"text":"made up"}"#);
    }

    #[test]
    fn a_webhook_that_refuses_is_named_without_its_secret() {
        let server = Server::start([answer(404, "")]);
        let error = post(&server).unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains("404") && !said.contains("made-up"), "{said}");
        assert!(Webhook::new("http://hooks.example.com/x").is_err());
    }
}
