//! A form that stores one object, as the function `upload` hands it out.

use super::{
    access::{Beside, CHECKSUM, OWN_NAME},
    answer::passing,
};
use crate::{
    http::{
        self, Mask,
        upload::{Answer, Upload},
    },
    retry::{Again, Failed},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use collect_core::sink::{DeliveryError, Sealed};
use reqwest::{
    Client, Method, RequestBuilder,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT},
};
use serde::Deserialize;
use serde_json::json;
use std::{collections::BTreeMap, fmt::Write, fs::File};
use url::Url;

/// Where to post, and the fields before the file.
#[derive(Deserialize)]
pub(super) struct Form {
    url: Url,
    fields: BTreeMap<String, String>,
}

/// What the function says when it hands out nothing.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error: String,
    help: String,
}

impl Form {
    /// The question for a form.
    pub(super) fn request(
        client: &Client,
        function: &Url,
        bundle: &Sealed,
        beside: Beside<'_>,
    ) -> RequestBuilder {
        let mut wish = json!({
            "name": bundle.name(),
            "size": bundle.len(),
            "sha256": STANDARD.encode(bundle.sha256()),
        });
        for (name, value) in [("host", beside.host), ("envelope", beside.envelope)] {
            if let Some(value) = value {
                wish[name] = json!(value);
            }
        }
        client
            .post(function.clone())
            .header(USER_AGENT, OWN_NAME)
            .header(CONTENT_TYPE, "application/json")
            .body(wish.to_string())
    }

    /// Reads the function's answer; `host` is its name in messages.
    pub(super) fn read(answer: &Answer, host: &str, mask: &Mask) -> Result<Self, Failed> {
        let status = answer.status.as_u16();
        if answer.status.is_success() {
            let form: Option<Self> = serde_json::from_str(&answer.text).ok();
            let form = form.filter(Self::can_be_sent);
            return form.ok_or_else(|| {
                let reason = format!("`{host}` answered {status}, but with no form for an upload");
                refused(reason, "correct `upload-url`: it is what the Terraform module prints")
            });
        }
        let said: Refusal = serde_json::from_str(&answer.text).unwrap_or_default();
        let mut reason = format!("`{host}` answered {status}");
        if !said.error.is_empty() {
            _ = write!(reason, ": {}", mask.quote(&said.error));
        }
        if let Some(again) = passing(answer, "") {
            let help = Some("the receiving side is busy: try later".to_owned());
            return Err(Failed { error: DeliveryError::Unreachable { reason, help }, again });
        }
        let help = match said.help.as_str() {
            "" => "correct `upload-url`, or ask the product's team".to_owned(),
            help => mask.quote(help),
        };
        Err(refused(reason, &help))
    }

    /// Whether it goes to a safe place, and is one line a field.
    fn can_be_sent(&self) -> bool {
        let plain = |text: &String| !text.contains(|c: char| c.is_control() || c == '"');
        let mut fields = self.fields.iter();
        http::objection(&self.url).is_none()
            && fields.all(|(name, value)| plain(name) && plain(value))
    }

    /// Hides what must not be shown of it.
    pub(super) fn hide_in(&self, mask: &mut Mask) {
        for (name, value) in &self.fields {
            let open = name == "key" || name == "content-type" || name == CHECKSUM;
            if !open {
                mask.hide(value);
            }
        }
    }

    /// Where the bundle is then.
    pub(super) fn location(&self) -> String {
        let key = self.fields.get("key").map_or("", String::as_str);
        http::visible(&format!("{}/{key}", http::bare(&self.url).trim_end_matches('/')))
    }

    /// The request that stores the bundle (RFC 7578).
    pub(super) fn upload(self, bundle: &Sealed, file: File) -> Upload {
        // No other bundle has this digest, and none holds its own.
        let boundary = bundle.sha256().iter().fold(String::new(), |mut text, byte| {
            _ = write!(text, "{byte:02x}");
            text
        });
        let mut before = String::new();
        for (name, value) in &self.fields {
            _ = write!(
                before,
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
        }
        _ = write!(
            before,
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; \
             filename=\"{}\"\r\nContent-Type: application/octet-stream\r\n\r\n",
            bundle.name()
        );
        let kind = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"));
        Upload {
            method: Method::POST,
            url: self.url,
            headers: HeaderMap::from_iter([
                (CONTENT_TYPE, kind.expect("a digest in hexadecimal digits")),
                (USER_AGENT, HeaderValue::from_static(OWN_NAME)),
            ]),
            file: Box::new(file),
            len: bundle.len(),
            before: before.into_bytes(),
            after: format!("\r\n--{boundary}--\r\n").into_bytes(),
        }
    }
}

fn refused(reason: String, help: &str) -> Failed {
    let error = DeliveryError::Refused { reason, help: Some(help.into()) };
    Failed { error, again: Again::Never }
}
