//! JSON over HTTP, as ticket systems speak it: asked, tried again where that can do no harm, and
//! answered in words that help.
//!
//! It blocks, and runs each request on a runtime of its own; inside of another runtime it wants a
//! thread of its own.

mod contact;
mod download;
mod form;
mod kept;
mod options;
mod refusal;
#[cfg(test)]
mod tests;

pub(crate) use contact::{address, is_address};
pub(crate) use download::{Intake, Sum};
pub(crate) use form::Form;
pub(crate) use kept::{has_all, is_value, missing};
pub(crate) use options::{check, host, invalid, secrets, wrong_templates};
pub(crate) use refusal::{Help, refused};

use crate::{
    http::{
        self, Mask, Route,
        upload::{Answer, Broken, Limits, Upload, exchange_up_to},
    },
    retry::{Again, Failed, Schedule, retry},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use collect_core::{
    Secret,
    sink::{DeliveryContext, DeliveryError, Watch},
    ticket::{Attachment, TicketError, TicketOptions},
};
use reqwest::{
    Client, Method, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT},
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{
    fmt::Write,
    io,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::timeout;
use url::Url;

/// How long a question may take; a busy ticket system takes its time.
const QUESTION: Duration = Duration::from_mins(1);

/// How much of an answer is read: a ticket with its whole history.
const ANSWER: usize = 4 << 20;

/// By these a server says that it takes no such file; the second means that for files only.
const TOO_LARGE: [u16; 2] = [413, 422];

/// What requests call themselves.
const OWN_NAME: &str = concat!("collect/", env!("CARGO_PKG_VERSION"));

/// A server that speaks JSON.
pub(crate) struct Api<'c> {
    client: Client,
    base: Url,
    headers: HeaderMap,
    mask: Mask,
    help: Help,
    any_answer: bool,
    watch: &'c dyn Watch,
    pub(crate) schedule: Schedule,
    pub(crate) limits: Limits,
}

/// Whether a request may be sent again when its answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Twice is as good as once.
    Same,
    /// Twice makes two.
    Each,
}

/// The headers of one try.
pub(crate) type Headers<'h> = &'h dyn Fn() -> HeaderMap;

/// A file on its way, with what stands around it.
pub(crate) struct Body<'b> {
    pub(crate) before: Vec<u8>,
    pub(crate) file: &'b dyn Attachment,
    pub(crate) after: Vec<u8>,
}

/// What the retrying loop cannot say.
#[derive(Default)]
enum Odd {
    #[default]
    None,
    TooLarge(String),
    Unsure,
}

impl<'c> Api<'c> {
    /// Makes ready to speak with the server that the options name; `help` says what to do about a
    /// status, where that is particular to it.
    pub(crate) fn new(
        options: &TicketOptions,
        context: &DeliveryContext<'c>,
        help: Help,
    ) -> Result<Self, DeliveryError> {
        let base = options::base(options).map_err(|reason| refused(reason, "correct `url`"))?;
        let proxy = http::proxy(options.proxy.as_deref());
        let proxy = proxy.map_err(|reason| refused(reason, "correct `proxy`"))?;
        let mut mask = Mask::default();
        mask.hide_url(&base);
        if let Some(proxy) = &proxy {
            mask.hide_url(proxy);
        }
        let route = Route { ca_file: options.ca_file.clone(), proxy }.from(context.base);
        let client = route.client(&base).map_err(|error| {
            refused(mask.clean(&error.to_string()), "correct `ca-file` or `proxy`")
        })?;
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(OWN_NAME));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        Ok(Self {
            client,
            base,
            headers,
            mask,
            help,
            any_answer: false,
            watch: context.watch,
            schedule: Schedule::default(),
            limits: Limits::default(),
        })
    }

    /// The same, sending a secret in a header of every request.
    pub(crate) fn with_secret(
        mut self,
        name: &'static str,
        secret: &Secret,
    ) -> Result<Self, DeliveryError> {
        let mut value = HeaderValue::from_str(secret.reveal()).map_err(|_| {
            refused("the key holds characters that cannot be sent", "put the right key there")
        })?;
        value.set_sensitive(true);
        self.headers.insert(HeaderName::from_static(name), value);
        self.mask.hide(secret.reveal());
        Ok(self)
    }

    /// The same, as the account of `user`, whose password or key `secret` is; without a user, as the
    /// account of that token.
    pub(crate) fn with_account(
        self,
        user: Option<&str>,
        secret: &Secret,
    ) -> Result<Self, DeliveryError> {
        match user {
            Some(user) => self.with_pair(user, secret.reveal(), secret),
            None => self.with_proof("Bearer", secret.reveal(), secret),
        }
    }

    /// The same, as an account by user and password (RFC 7617), of which `secret` is the one to hide.
    pub(crate) fn with_pair(
        self,
        user: &str,
        password: &str,
        secret: &Secret,
    ) -> Result<Self, DeliveryError> {
        let pair = Secret::new(STANDARD.encode(format!("{user}:{password}")));
        self.with_proof("Basic", pair.reveal(), secret)
    }

    fn with_proof(self, kind: &str, proof: &str, secret: &Secret) -> Result<Self, DeliveryError> {
        let header = Secret::new(format!("{kind} {proof}"));
        let mut api = self.with_secret("authorization", &header)?;
        // A server may repeat any part of it.
        api.hide(proof);
        api.hide(secret.reveal());
        Ok(api)
    }

    /// The same, sending a header with every request that is no secret.
    pub(crate) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        // What stands in a URL can stand in a header.
        self.headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        self
    }

    /// The same, taking any text for an answer of success.
    pub(crate) fn with_any_answer(mut self) -> Self {
        self.any_answer = true;
        self
    }

    /// The address of something below the server's own; its own if the path is empty.
    pub(crate) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        if !path.is_empty() {
            let base = url.path().trim_end_matches('/');
            url.set_path(&format!("{base}/{path}"));
        }
        url
    }

    /// The address of the server, without what its path may tell.
    pub(crate) fn origin(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    /// Asks.
    pub(crate) fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, TicketError> {
        let asked = self.ask(path, query, &AtomicBool::default());
        Ok(self.read(&asked?)?)
    }

    /// Asks for what may not be there.
    pub(crate) fn get_if_there(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Option<Value>, TicketError> {
        let absent = AtomicBool::default();
        let asked = self.ask(path, query, &absent);
        if absent.into_inner() {
            return Ok(None);
        }
        Ok(Some(self.read(&asked?)?))
    }

    fn ask(
        &self,
        path: &str,
        query: &[(&str, &str)],
        absent: &AtomicBool,
    ) -> Result<Answer, TicketError> {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.run(Effect::Same, &TOO_LARGE[..1], async || {
            let answer = self.exchange(self.client.get(url.clone())).await?;
            let gone = matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::GONE);
            absent.store(gone, Ordering::Relaxed);
            Ok(answer)
        })
    }

    /// Sends JSON.
    pub(crate) fn send(
        &self,
        method: &Method,
        path: &str,
        headers: Headers<'_>,
        body: &Value,
        effect: Effect,
    ) -> Result<Value, TicketError> {
        let (url, body) = (self.url(path), body.to_string());
        let answer = self.run(effect, &TOO_LARGE[..1], async || {
            let request = self.client.request(method.clone(), url.clone()).headers(headers());
            let request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
            self.exchange(request).await
        })?;
        Ok(self.read(&answer)?)
    }

    /// Sends a file, from its first byte with every try.
    pub(crate) fn upload(
        &self,
        url: &Url,
        headers: Headers<'_>,
        body: &Body<'_>,
        effect: Effect,
    ) -> Result<Value, TicketError> {
        let answer = self.run(effect, &TOO_LARGE, async || {
            let mut all = self.headers.clone();
            all.extend(headers());
            let upload = Upload {
                method: Method::POST,
                url: url.clone(),
                headers: all,
                file: body.file.open().map_err(Broken::File)?,
                len: body.file.len(),
                before: body.before.clone(),
                after: body.after.clone(),
            };
            let host = http::host(url);
            upload.send(&self.client, &host, &self.limits, self.watch).await
        });
        Ok(self.read(&answer?)?)
    }

    async fn exchange(&self, request: reqwest::RequestBuilder) -> Result<Answer, Broken> {
        let host = http::host(&self.base);
        let request = request.headers(self.headers.clone());
        match timeout(QUESTION, exchange_up_to(request, ANSWER)).await {
            Ok(answer) => answer.map_err(|error| Broken::Line(http::Failure::of(error, &host))),
            Err(_) => Err(Broken::Line(http::Failure {
                reason: format!("`{host}` gave no answer for {} s", QUESTION.as_secs()),
                help: Some("check the network, or try later".into()),
                lasting: false,
                arrived: true,
            })),
        }
    }

    /// Runs one request until it is answered; `too_large` are the statuses by which a server says
    /// that it takes no such file.
    fn run(
        &self,
        effect: Effect,
        too_large: &[u16],
        attempt: impl AsyncFn() -> Result<Answer, Broken>,
    ) -> Result<Answer, TicketError> {
        let odd = Mutex::new(Odd::None);
        let tried = retry(&self.schedule, &self.mask, self.watch, async || {
            let (failed, said) = match attempt().await {
                Ok(answer) if answer.status.is_success() => return Ok(answer),
                Ok(answer) => self.refusal(&answer, effect, too_large),
                Err(broken) => interrupted(broken, effect),
            };
            if let Ok(mut odd) = odd.lock() {
                *odd = said;
            }
            Err(failed)
        });
        let answered = http::run(tried).map_err(|error| DeliveryError::Unreachable {
            reason: format!("this host gives no means to send: {error}"),
            help: Some("free memory and file descriptors, then `collect send`".into()),
        })?;
        answered.map_err(|error| match odd.into_inner().unwrap_or_default() {
            Odd::None => TicketError::Failed(error),
            Odd::TooLarge(reason) => TicketError::TooLarge(self.mask.clean(&reason)),
            Odd::Unsure => TicketError::Unsure(error),
        })
    }

    fn refusal(&self, answer: &Answer, effect: Effect, too_large: &[u16]) -> (Failed, Odd) {
        let failed = refusal::explain(answer, &http::host(&self.base), &self.mask, self.help);
        match answer.status.as_u16() {
            status if too_large.contains(&status) => {
                let reason = failed.error.to_string();
                (failed, Odd::TooLarge(reason))
            }
            // It says itself that it did nothing.
            429 | 503 => (failed, Odd::None),
            500.. if effect == Effect::Each => {
                (Failed { again: Again::Never, ..failed }, Odd::Unsure)
            }
            _ => (failed, Odd::None),
        }
    }

    /// The JSON of an answer; null if there is none to be.
    fn read(&self, answer: &Answer) -> Result<Value, DeliveryError> {
        if answer.text.trim().is_empty() {
            return Ok(Value::Null);
        }
        let read = serde_json::from_str(&answer.text);
        if self.any_answer {
            return Ok(read.unwrap_or_default());
        }
        read.map_err(|_| {
            let host = http::host(&self.base);
            refused(
                format!("`{host}` answered {}, but not in JSON", answer.status.as_u16()),
                "correct `url`: another page than the ticket system's answers there",
            )
        })
    }

    /// Hides a value in messages.
    pub(crate) fn hide(&mut self, value: &str) {
        self.mask.hide(value);
    }

    /// What a server says, fit to be shown.
    pub(crate) fn quote(&self, text: &str) -> String {
        self.mask.quote(text)
    }
}

/// A request without an answer.
fn interrupted(broken: Broken, effect: Effect) -> (Failed, Odd) {
    match broken {
        Broken::Stopped => (DeliveryError::Stopped.into(), Odd::None),
        Broken::File(error) => (DeliveryError::Read(error).into(), Odd::None),
        Broken::Line(failure) if failure.arrived && effect == Effect::Each => {
            (Failed { again: Again::Never, ..Failed::from(failure) }, Odd::Unsure)
        }
        Broken::Line(failure) => (Failed::from(failure), Odd::None),
    }
}

/// Bytes as servers write them.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        _ = write!(text, "{byte:02x}");
        text
    })
}

/// The SHA-256 of a file; read for it only if it is not known.
pub(crate) fn sha256(file: &dyn Attachment) -> Result<[u8; 32], DeliveryError> {
    if let Some(known) = file.sha256() {
        return Ok(known);
    }
    let mut digest = Sha256::new();
    let read = file.open().and_then(|mut file| io::copy(&mut file, &mut digest));
    read.map_err(DeliveryError::Read)?;
    Ok(digest.finalize().into())
}
