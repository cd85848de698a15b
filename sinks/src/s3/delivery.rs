//! One bundle on its way to one bucket.

use super::{
    access::{Access, Beside, CHECKSUM, Way},
    answer::{Verdict, judge},
    form::Form,
};
use crate::{
    http::{
        self, Failure, Mask,
        upload::{Answer, Broken, Limits, Upload, exchange},
    },
    retry::{Again, Failed, Schedule, retry},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use collect_core::sink::{DeliveryError, Sealed, Watch};
use reqwest::{Client, Method};
use std::time::Duration;
use tokio::time::timeout;
use url::Url;

/// How long the question for a stored object's checksum may take.
const QUESTION: Duration = Duration::from_secs(30);

/// After a broken try, the server has so many times longer to say no before the body is sent: it
/// may have tried to say why it breaks off.
const LISTEN_LONGER: u32 = 10;

/// One bundle on its way to one bucket.
pub(crate) struct Delivery<'a> {
    pub(crate) access: Access,
    pub(crate) referer: Option<&'a str>,
    pub(crate) beside: Beside<'a>,
    pub(crate) client: Client,
    pub(crate) bundle: &'a Sealed,
    pub(crate) watch: &'a dyn Watch,
    pub(crate) tried_before: bool,
    pub(crate) limits: Limits,
    pub(crate) mask: &'a Mask,
}

/// One try.
struct Request {
    upload: Upload,
    /// Where the bundle is then.
    location: String,
    /// Hides what must not be shown of it.
    mask: Mask,
}

/// A bundle that is stored.
pub(crate) struct Stored {
    /// Where.
    pub(crate) location: String,
    /// What the server said last.
    pub(crate) answer: Answer,
}

impl Delivery<'_> {
    /// Tries until the bundle is stored or refused, and gives the last answer.
    pub(crate) async fn run(mut self, schedule: &Schedule) -> Result<Stored, DeliveryError> {
        // Whether an earlier try may have stored the bundle without our hearing.
        let mut perhaps_stored = self.tried_before;
        let (mask, watch) = (self.mask, self.watch);
        retry(schedule, mask, watch, async || {
            let Request { upload, location, mask } = self.request().await?;
            let host = http::host(&upload.url);
            let answer = match self.send(upload, &host).await? {
                Ok(answer) => answer,
                Err(failure) => {
                    perhaps_stored |= failure.arrived;
                    self.limits.verdict *= LISTEN_LONGER;
                    self.limits.verdict = self.limits.verdict.min(QUESTION);
                    return Err(Failed::from(failure));
                }
            };
            match judge(&answer, self.access.way(), &host, &mask) {
                Verdict::Stored => Ok(Stored { location, answer }),
                Verdict::Exists if perhaps_stored && self.access.owns_key(self.bundle) => {
                    Ok(Stored { location, answer })
                }
                Verdict::Exists => self.compare().await.map(|answer| Stored { location, answer }),
                Verdict::Failed(failed) => {
                    perhaps_stored |= answer.status.is_server_error();
                    Err(failed)
                }
            }
        })
        .await
    }

    /// What is sent by this try.
    async fn request(&self) -> Result<Request, Failed> {
        let mut mask = self.mask.clone();
        let file = || self.bundle.open().map_err(DeliveryError::Read);
        if let Access::Function(url) = &self.access {
            let form = self.form(url).await?;
            form.hide_in(&mut mask);
            let location = form.location();
            return Ok(Request { upload: form.upload(self.bundle, file()?), location, mask });
        }
        let (url, headers) = self.access.put(self.bundle, self.referer, self.beside)?;
        let location = http::bare(&url);
        let upload = Upload {
            method: Method::PUT,
            url,
            headers,
            file: Box::new(file()?),
            len: self.bundle.len(),
            before: Vec::new(),
            after: Vec::new(),
        };
        Ok(Request { upload, location, mask })
    }

    /// Asks the function at `url` for a form.
    async fn form(&self, url: &Url) -> Result<Form, Failed> {
        let request = Form::request(&self.client, url, self.bundle, self.beside);
        let host = http::host(url);
        let answer = timeout(QUESTION, exchange(request)).await.map_err(|_| Failure {
            reason: format!("`{host}` gave no answer for {} s", QUESTION.as_secs()),
            help: Some("check the network, or try later".into()),
            lasting: false,
            arrived: false,
        })?;
        let answer = answer.map_err(|error| Failure::of(error, &host))?;
        Form::read(&answer, &host, self.mask)
    }

    /// Sends the bundle once. The outer error ends the delivery.
    async fn send(
        &self,
        upload: Upload,
        host: &str,
    ) -> Result<Result<Answer, Failure>, DeliveryError> {
        match upload.send(&self.client, host, &self.limits, self.watch).await {
            Ok(answer) => Ok(Ok(answer)),
            Err(Broken::Line(failure)) => Ok(Err(failure)),
            Err(Broken::File(error)) => Err(DeliveryError::Read(error)),
            Err(Broken::Stopped) => Err(DeliveryError::Stopped),
        }
    }

    /// There is an object of this key: is it this bundle, from an earlier delivery?
    async fn compare(&self) -> Result<Answer, Failed> {
        let mut another = false;
        if let Some((url, headers)) = self.access.head(self.bundle, self.referer) {
            let question = exchange(self.client.head(url).headers(headers));
            let ours = STANDARD.encode(self.bundle.sha256());
            if let Ok(Ok(answer)) = timeout(QUESTION, question).await
                && let Some(theirs) = answer.header(CHECKSUM)
            {
                if theirs == ours {
                    return Ok(answer);
                }
                another = true;
            }
        }
        let help = match self.access.way() {
            _ if another => "its content is another one; it is not overwritten: ask those who own \
                             the bucket how it came there"
                .into(),
            Way::Token(_) | Way::Keys(_) | Way::DeskToken(_) | Way::DeskKeys(..) => format!(
                "most likely an earlier delivery of this bundle arrived without its confirmation; \
                 ask those who own the bucket for `{}`",
                self.bundle.key()
            ),
            Way::Presigned | Way::Function => {
                "a presigned URL takes one bundle: get a new one".into()
            }
        };
        Err(Failed::from(DeliveryError::Refused {
            reason: "the bucket holds an object of this key already".into(),
            help: Some(help),
        }))
    }
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        let (reason, help) = (failure.reason, failure.help);
        if failure.lasting {
            return DeliveryError::Refused { reason, help }.into();
        }
        Self { error: DeliveryError::Unreachable { reason, help }, again: Again::Later }
    }
}
