//! Lists what is in a bucket, page by page.

use super::{Bucket, BucketError, ask::Ask};
use jiff::Timestamp;
use reqwest::Method;
use rusty_s3::actions::ListObjectsV2;
use std::collections::VecDeque;

/// A page is a thousand keys, each of at most 1024 bytes before it is escaped.
const PAGE_BYTES: usize = 8 << 20;

/// An object, as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Its bytes.
    pub size: u64,
    /// When it was stored, if the server says so.
    pub modified: Option<Timestamp>,
    /// What the server calls this content of it.
    pub etag: Option<String>,
}

/// A page of a listing that groups keys.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The objects that are in no group.
    pub objects: Vec<Listed>,
    /// The groups: what their keys have in common, `/` included.
    pub groups: Vec<String>,
    /// Whether there is more.
    pub more: bool,
}

/// Gives the objects of a bucket in the order of their keys, and holds a page of them at most.
pub struct Listing {
    bucket: Bucket,
    prefix: String,
    after: String,
    page: VecDeque<Listed>,
    /// Where the next page begins; none once there is no other.
    next: Option<String>,
}

impl Bucket {
    /// Lists the objects whose keys begin with `prefix` and come after `after`; either may be
    /// empty.
    pub fn list(&self, prefix: &str, after: &str) -> Listing {
        Listing {
            bucket: self.clone(),
            prefix: prefix.to_owned(),
            after: after.to_owned(),
            page: VecDeque::new(),
            next: Some(String::new()),
        }
    }

    /// The first page of what is below `prefix`, which ends in `/`: objects, and what would be
    /// folders.
    pub async fn folders(&self, prefix: &str) -> Result<Page, BucketError> {
        let ask = listing(prefix).query("delimiter", "/");
        let parsed = self.page(&ask).await?;
        Ok(Page {
            more: parsed.next_continuation_token.is_some(),
            groups: parsed.common_prefixes.into_iter().map(|group| group.prefix).collect(),
            objects: parsed.contents.into_iter().map(Listed::from).collect(),
        })
    }

    async fn page(
        &self,
        ask: &Ask<'_>,
    ) -> Result<rusty_s3::actions::list_objects_v2::ListObjectsV2Response, BucketError> {
        let answer = self.ask(ask).await?;
        ListObjectsV2::parse_response(&answer.text).map_err(|error| {
            let reason = format!("the listing of `{}` cannot be read: {error}", self.name());
            let help = Some("this does not look like an S3 server: correct `endpoint`".into());
            BucketError::Refused { reason: self.clean(&reason), help }
        })
    }
}

impl Listing {
    /// The next object; none when there is no more.
    pub async fn next(&mut self) -> Result<Option<Listed>, BucketError> {
        while self.page.is_empty() {
            let Some(token) = self.next.take() else { return Ok(None) };
            let mut ask = listing(&self.prefix);
            if !token.is_empty() {
                ask = ask.query("continuation-token", &token);
            } else if !self.after.is_empty() {
                ask = ask.query("start-after", &self.after);
            }
            let parsed = match self.bucket.page(&ask).await {
                Ok(parsed) => parsed,
                Err(error) => {
                    // Asked again, it goes on where it broke off.
                    self.next = Some(token);
                    return Err(error);
                }
            };
            self.page.extend(parsed.contents.into_iter().map(Listed::from));
            self.next = parsed.next_continuation_token;
        }
        Ok(self.page.pop_front())
    }
}

fn listing(prefix: &str) -> Ask<'_> {
    Ask::new(Method::GET, "", "s3:ListBucket")
        .most(PAGE_BYTES)
        .query("list-type", "2")
        .query("encoding-type", "url")
        .query("prefix", prefix)
}

impl From<rusty_s3::actions::list_objects_v2::ListObjectsContent> for Listed {
    fn from(content: rusty_s3::actions::list_objects_v2::ListObjectsContent) -> Self {
        Self {
            key: content.key,
            size: content.size.unwrap_or(0),
            modified: content.last_modified.and_then(|at| at.parse().ok()),
            etag: content.etag,
        }
    }
}
