//! One object: what is known of it, and its content.

use super::{Bucket, BucketError, ask::Ask};
use crate::{
    http::{Failure, upload::Answer},
    s3::access::CHECKSUM,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use reqwest::{Method, Response, header::HeaderMap};
use std::{collections::BTreeMap, ops::Deref, time::Duration};
use tokio::time::timeout;

/// What a header of the object's own begins with.
const META: &str = "x-amz-meta-";

/// How long a download may stand still.
const STALL: Duration = Duration::from_mins(1);

/// What is known of an object without its content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Its bytes.
    pub size: u64,
    /// When it was stored.
    pub modified: Option<Timestamp>,
    /// What the server calls this content of it, in quotes.
    pub etag: Option<String>,
    /// The SHA-256 that was sent with it, and that the server has checked.
    pub sha256: Option<[u8; 32]>,
    /// Its version, where the bucket keeps several.
    pub version: Option<String>,
    /// What stands in its `x-amz-meta-` headers, by the rest of their names.
    pub meta: BTreeMap<String, String>,
}

/// Which part of an object is wanted, and of which content of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Range<'a> {
    /// From this byte to the end.
    pub from: u64,
    /// Only if it is still called this.
    pub etag: Option<&'a str>,
}

/// The content of an object, as it comes in.
pub struct Download {
    response: Response,
    host: String,
    /// Where in the object it begins: at 0 also if the server knows no ranges.
    pub from: u64,
    /// What is known of the object.
    pub head: Head,
}

impl Bucket {
    /// Asks what is known of an object.
    ///
    /// # Errors
    ///
    /// [`BucketError::Missing`] if it is not there.
    pub async fn head(&self, key: &str) -> Result<Head, BucketError> {
        let ask =
            Ask::new(Method::HEAD, key, "s3:GetObject").header("x-amz-checksum-mode", "ENABLED");
        Ok(Head::of(&self.ask(&ask).await?.headers))
    }

    /// Begins to get the content of an object.
    ///
    /// # Errors
    ///
    /// [`BucketError::Missing`] if it is not there, [`BucketError::Changed`] if it is another one
    /// by now, or ends before `range` begins.
    pub async fn get(&self, key: &str, range: Range<'_>) -> Result<Download, BucketError> {
        let mut ask = Ask::new(Method::GET, key, "s3:GetObject");
        if range.from > 0 {
            ask = ask.header("range", format!("bytes={}-", range.from));
        }
        if let Some(etag) = range.etag {
            ask = ask.header("if-match", etag);
        }
        let response = self.begin(&ask).await?;
        let from = if response.status().as_u16() == 206 { range.from } else { 0 };
        let head = Head::of(response.headers());
        Ok(Download { response, host: self.inner.host.clone(), from, head })
    }

    /// Gets the first bytes of an object, `count` of them or fewer if there are no more.
    ///
    /// # Errors
    ///
    /// As [`Bucket::get`].
    pub async fn first_bytes(
        &self,
        key: &str,
        count: usize,
        etag: Option<&str>,
    ) -> Result<Vec<u8>, BucketError> {
        let range = format!("bytes=0-{}", count.saturating_sub(1));
        let mut ask = Ask::new(Method::GET, key, "s3:GetObject").header("range", range);
        if let Some(etag) = etag {
            ask = ask.header("if-match", etag);
        }
        let response = self.begin(&ask).await?;
        let head = Head::of(response.headers());
        let mut download = Download { response, host: self.inner.host.clone(), from: 0, head };
        let mut bytes = Vec::with_capacity(count);
        // A server that knows no ranges sends more, which is left where it is.
        while bytes.len() < count
            && let Some(chunk) = download.chunk().await?
        {
            bytes.extend_from_slice(&chunk);
        }
        bytes.truncate(count);
        Ok(bytes)
    }

    /// Gets the whole content of a small object, and what is known of it.
    ///
    /// # Errors
    ///
    /// [`BucketError::Missing`] if it is not there, [`BucketError::TooLarge`] if it is larger than
    /// `most` bytes.
    pub async fn read_text(&self, key: &str, most: usize) -> Result<(String, Head), BucketError> {
        let ask = Ask::new(Method::GET, key, "s3:GetObject").most(most);
        let Answer { headers, text, .. } = self.ask(&ask).await?;
        Ok((text, Head::of(&headers)))
    }
}

impl Download {
    /// The next bytes; none at the end.
    ///
    /// # Errors
    ///
    /// [`BucketError::Unreachable`] if the line broke: the rest can be asked for.
    pub async fn chunk(
        &mut self,
    ) -> Result<Option<impl Deref<Target = [u8]> + use<>>, BucketError> {
        let failure = match timeout(STALL, self.response.chunk()).await {
            Ok(Ok(chunk)) => return Ok(chunk),
            Ok(Err(error)) => Failure::of(error, &self.host),
            Err(_) => Failure {
                reason: format!("`{}` sent nothing for {} s", self.host, STALL.as_secs()),
                help: Some("check the network, or try later".into()),
                lasting: false,
                arrived: false,
            },
        };
        Err(BucketError::Unreachable { reason: failure.reason, help: failure.help })
    }
}

impl Head {
    fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let date = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|at| at.timestamp());
        let meta = headers.iter().filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix(META)?;
            Some((name.to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        });
        Self {
            size: text("content-length").and_then(|size| size.parse().ok()).unwrap_or(0),
            modified: text("last-modified").and_then(date),
            etag: text("etag").map(str::to_owned),
            sha256: text(CHECKSUM)
                .and_then(|digest| STANDARD.decode(digest).ok())
                .and_then(|digest| digest.try_into().ok()),
            version: text("x-amz-version-id").map(str::to_owned).filter(|id| id != "null"),
            meta: meta.collect(),
        }
    }
}
