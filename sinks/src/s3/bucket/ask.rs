//! One request, signed or with the token, tried until there is an answer.

use super::{Bucket, BucketError, Entry};
use crate::{
    http::{Failure, Mask, upload::Answer},
    retry::{Again, Failed, retry},
    s3::{
        access::{OWN_NAME, SIGNATURE_LIFE, header},
        answer::{code, failure},
    },
};
use collect_core::sink::DeliveryError;
use jiff::Timestamp;
use reqwest::{
    Method, Response,
    header::{HeaderMap, HeaderName, HeaderValue, REFERER, USER_AGENT},
};
use rusty_s3::S3Action;
use std::{borrow::Cow, time::Duration};
use tokio::time::timeout;
use url::Url;

/// How long an answer may take to begin.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long the rest of an answer may take that is read at once; a page of a listing is some 400 kB.
const READING: Duration = Duration::from_mins(1);

/// What is read of an answer that is no success: error documents are some hundred bytes.
const ERROR_BYTES: usize = 16 * 1024;

/// One request.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    /// Empty for the bucket itself.
    pub(super) key: &'a str,
    pub(super) query: Vec<(&'static str, Cow<'a, str>)>,
    /// Signed, where requests are.
    pub(super) headers: Vec<(&'static str, Cow<'a, str>)>,
    pub(super) body: Vec<u8>,
    /// What a policy calls the right to do this.
    pub(super) right: &'static str,
    /// The most bytes of an answer.
    pub(super) most: usize,
}

impl<'a> Ask<'a> {
    pub(super) fn new(method: Method, key: &'a str, right: &'static str) -> Self {
        let (query, headers, body) = Default::default();
        Self { method, key, query, headers, body, right, most: 1 << 20 }
    }

    pub(super) fn query(mut self, name: &'static str, value: impl Into<Cow<'a, str>>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<Cow<'a, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn body(self, body: Vec<u8>) -> Self {
        Self { body, ..self }
    }

    pub(super) fn most(self, most: usize) -> Self {
        Self { most, ..self }
    }
}

/// How a try ended that got an answer which will not change.
enum Settled<T> {
    Done(T),
    Missing,
    Changed,
    TooLarge,
}

impl Bucket {
    /// Asks, and reads all of the answer.
    pub(super) async fn ask(&self, ask: &Ask<'_>) -> Result<Answer, BucketError> {
        self.settle(ask, async |response: Response| {
            let (status, headers) = (response.status(), response.headers().clone());
            match self.read(response, ask.most).await? {
                Some(bytes) => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    Ok(Settled::Done(Answer { status, headers, text }))
                }
                None => Ok(Settled::TooLarge),
            }
        })
        .await
    }

    /// Asks, and gives the answer as soon as it begins.
    pub(super) async fn begin(&self, ask: &Ask<'_>) -> Result<Response, BucketError> {
        self.settle(ask, async |response| Ok(Settled::Done(response))).await
    }

    async fn settle<T>(
        &self,
        ask: &Ask<'_>,
        take: impl AsyncFn(Response) -> Result<Settled<T>, Failed>,
    ) -> Result<T, BucketError> {
        if !is_addressable(ask.key) {
            let reason = format!("the key `{}` cannot stand in a URL", self.clean(ask.key));
            let help = "only someone who has keys of the account can reach such an object";
            return Err(BucketError::Refused { reason, help: Some(help.into()) });
        }
        let mask = &self.inner.mask;
        let settled = retry(&self.schedule, mask, &*self.watch, async || {
            if self.watch.stopped() {
                return Err(DeliveryError::Stopped.into());
            }
            let response = self.send(ask).await?;
            if response.status().is_success() {
                return take(response).await;
            }
            let answer = self.refusal(response).await;
            let missing = ["", "NoSuchKey", "NoSuchBucketPolicy", "NoSuchTagSet"];
            match answer.status.as_u16() {
                404 if missing.contains(&&*code(&answer, mask))
                    && (!ask.key.is_empty() || !answer.text.is_empty()) =>
                {
                    Ok(Settled::Missing)
                }
                304 | 412 | 416 => Ok(Settled::Changed),
                _ => Err(failure(&answer, self.way(ask.right), &self.inner.host, mask)),
            }
        });
        match settled.await? {
            Settled::Done(value) => Ok(value),
            Settled::Missing => Err(BucketError::Missing),
            Settled::Changed => Err(BucketError::Changed),
            Settled::TooLarge => Err(BucketError::TooLarge(ask.most)),
        }
    }

    async fn send(&self, ask: &Ask<'_>) -> Result<Response, Failed> {
        let (url, headers) = self.signed(ask)?;
        let mut request = self.inner.client.request(ask.method.clone(), url).headers(headers);
        if !ask.body.is_empty() {
            request = request.body(ask.body.clone());
        }
        match timeout(PATIENCE, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(Failed::from(Failure::of(error, &self.inner.host))),
            Err(_) => Err(self.silence("gave no answer")),
        }
    }

    /// All bytes of an answer; none if they are more than `most`.
    async fn read(&self, mut response: Response, most: usize) -> Result<Option<Vec<u8>>, Failed> {
        let mut bytes = Vec::new();
        let reading = async {
            while let Some(chunk) = response.chunk().await? {
                if bytes.len() + chunk.len() > most {
                    return Ok(false);
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok(true)
        };
        match timeout(READING, reading).await {
            Ok(Ok(whole)) => Ok(whole.then_some(bytes)),
            Ok(Err(error)) => Err(Failed::from(Failure::of(error, &self.inner.host))),
            Err(_) => Err(self.silence("did not end its answer")),
        }
    }

    /// An answer that is no success; what cannot be read of it is left out, for the status is
    /// enough.
    async fn refusal(&self, mut response: Response) -> Answer {
        let (status, headers) = (response.status(), response.headers().clone());
        let mut bytes = Vec::new();
        let reading = async {
            while bytes.len() < ERROR_BYTES
                && let Ok(Some(chunk)) = response.chunk().await
            {
                bytes.extend_from_slice(&chunk);
            }
        };
        _ = timeout(Duration::from_secs(5), reading).await;
        bytes.truncate(ERROR_BYTES);
        Answer { status, headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    pub(super) fn silence(&self, what: &str) -> Failed {
        let reason = format!("`{}` {what} for {} s", self.inner.host, PATIENCE.as_secs());
        let help = Some("check the network, or try later".to_owned());
        Failed { error: DeliveryError::Unreachable { reason, help }, again: Again::Later }
    }

    /// URL and headers, good for one try.
    fn signed(&self, ask: &Ask<'_>) -> Result<(Url, HeaderMap), DeliveryError> {
        let inner = &*self.inner;
        let mut headers = HeaderMap::new();
        for (name, value) in &ask.headers {
            headers.insert(HeaderName::from_static(name), header(value, name)?);
        }
        if let Some(referer) = &inner.referer {
            headers.insert(REFERER, header(referer, "referer")?);
        }
        let name = match &inner.entry {
            Entry::Token(token) => header(token.reveal(), "desk-token")?,
            Entry::Keys(_) => HeaderValue::from_static(OWN_NAME),
        };
        headers.insert(USER_AGENT, name);
        let keys = match &inner.entry {
            Entry::Token(_) => None,
            Entry::Keys(keys) => Some(keys.credentials()),
        };
        let (bucket, keys) = (&inner.target.bucket, keys.as_ref());
        let url = match ask.method {
            Method::HEAD => ask.sign(bucket.head_object(keys, ask.key)),
            Method::PUT => ask.sign(bucket.put_object(keys, ask.key)),
            Method::DELETE => ask.sign(bucket.delete_object(keys, ask.key)),
            // The only other one is of the bucket itself.
            Method::POST => ask.sign(bucket.delete_objects(keys, std::iter::empty())),
            _ => ask.sign(bucket.get_object(keys, ask.key)),
        };
        Ok((url, headers))
    }

    /// What hides credentials in messages.
    pub(super) fn mask(&self) -> &Mask {
        &self.inner.mask
    }
}

impl<'a> Ask<'a> {
    fn sign(&'a self, mut action: impl S3Action<'a>) -> Url {
        for (name, value) in &self.query {
            action.query_mut().insert(*name, value.as_ref());
        }
        for (name, value) in &self.headers {
            action.headers_mut().insert(*name, value.as_ref());
        }
        action.sign_with_time(SIGNATURE_LIFE, &Timestamp::now())
    }
}

/// Whether a URL can name the key: `.` and `..` between slashes would be resolved, and lead to
/// another object.
pub(super) fn is_addressable(key: &str) -> bool {
    key.split('/').all(|part| part != "." && part != "..")
}
