//! Changes what is in a bucket, and what it lets in.

use super::{
    Bucket, BucketError,
    ask::{Ask, is_addressable},
};
use crate::s3::{access::CHECKSUM, answer::element};
use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Method;
use rusty_s3::actions::{DeleteObjectsResponse, ObjectIdentifier};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// What S3 takes in one request.
const MOST_KEYS: usize = 1000;

/// A policy is at most 20 kB.
const POLICY_BYTES: usize = 64 << 10;

/// When an object is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition<'a> {
    /// Whatever is there.
    Always,
    /// Only if nothing is there.
    New,
    /// Only if what is there is called this.
    Is(&'a str),
}

/// An object that was not deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undeleted {
    /// Its key.
    pub key: String,
    /// Why, with any credential removed.
    pub reason: String,
}

impl Bucket {
    /// Deletes an object; that it is not there is no error.
    pub async fn delete(&self, key: &str) -> Result<(), BucketError> {
        if key.is_empty() {
            let help = Some("name an object".into());
            return Err(BucketError::Refused { reason: "there is no key".into(), help });
        }
        match self.ask(&Ask::new(Method::DELETE, key, "s3:DeleteObject")).await {
            Ok(_) | Err(BucketError::Missing) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Deletes objects, and says which are still there. That one is gone already is no error.
    ///
    /// A server that does not enforce its policy for requests of this kind deletes what the policy
    /// protects; SeaweedFS, with keys, is one.
    ///
    /// # Errors
    ///
    /// If a request as a whole fails: then some may be deleted and some not.
    pub async fn delete_all(&self, keys: &[String]) -> Result<Vec<Undeleted>, BucketError> {
        let mut left = Vec::new();
        // A key that XML cannot hold would fail all of its request.
        let (plain, odd): (Vec<_>, Vec<_>) = keys.iter().partition(|key| fits_xml(key));
        for some in plain.chunks(MOST_KEYS) {
            left.extend(self.delete_some(some).await?);
        }
        for key in odd {
            match self.delete(key).await {
                Ok(()) => {}
                Err(BucketError::Refused { reason, .. }) => {
                    left.push(Undeleted { key: key.clone(), reason });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(left)
    }

    async fn delete_some(&self, keys: &[&String]) -> Result<Vec<Undeleted>, BucketError> {
        let objects: Vec<_> =
            keys.iter().map(|key| ObjectIdentifier::new((*key).clone())).collect();
        let mut action = self.inner.target.bucket.delete_objects(None, objects.iter());
        action.set_quiet(true);
        let (body, md5) = action.body_with_md5();
        let ask = Ask::new(Method::POST, "", "s3:DeleteObject")
            .query("delete", "")
            .header("content-md5", md5)
            .header("content-type", "application/xml")
            .body(body.into_bytes())
            .most(4 << 20);
        let answer = self.ask(&ask).await?;
        let parsed = DeleteObjectsResponse::parse(&answer.text).map_err(|error| {
            let reason = format!("what was deleted is not known, the answer is no list: {error}");
            let help = Some("list what is there".into());
            BucketError::Refused { reason: self.clean(&reason), help }
        })?;
        let errors = parsed.errors.into_iter().filter(|error| error.code != "NoSuchKey");
        let left = errors.map(|error| Undeleted {
            reason: self.mask().quote(&format!("{}: {}", error.code, error.message)),
            key: error.key,
        });
        Ok(left.collect())
    }

    /// Stores a small object, and says what the server calls its content.
    ///
    /// # Errors
    ///
    /// [`BucketError::Changed`] if the condition does not hold. A try may have been stored without
    /// our hearing, and then the next one says so too: read the object again.
    pub async fn put(
        &self,
        key: &str,
        content: &[u8],
        content_type: &str,
        condition: Condition<'_>,
    ) -> Result<Option<String>, BucketError> {
        let mut ask = Ask::new(Method::PUT, key, "s3:PutObject")
            .header("content-type", content_type)
            .header(CHECKSUM, STANDARD.encode(Sha256::digest(content)))
            .body(content.to_owned());
        ask = match condition {
            Condition::Always => ask,
            Condition::New => ask.header("if-none-match", "*"),
            Condition::Is(etag) => ask.header("if-match", etag),
        };
        Ok(self.ask(&ask).await?.header("etag").map(str::to_owned))
    }

    /// The bucket's policy, as it stands there; none if it has none.
    pub async fn policy(&self) -> Result<Option<String>, BucketError> {
        let ask = Ask::new(Method::GET, "", "s3:GetBucketPolicy").query("policy", "");
        match self.ask(&ask.most(POLICY_BYTES)).await {
            Ok(answer) => Ok(Some(answer.text)),
            Err(BucketError::Missing) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces the bucket's policy. S3 has no condition for this: whoever writes last wins.
    pub async fn put_policy(&self, policy: &str) -> Result<(), BucketError> {
        let ask = Ask::new(Method::PUT, "", "s3:PutBucketPolicy")
            .query("policy", "")
            .header("content-type", "application/json")
            .header(CHECKSUM, STANDARD.encode(Sha256::digest(policy)))
            .body(policy.as_bytes().to_owned());
        self.ask(&ask).await.map(drop)
    }

    /// The tags of an object.
    pub async fn tags(&self, key: &str) -> Result<Vec<(String, String)>, BucketError> {
        let ask = Ask::new(Method::GET, key, "s3:GetObjectTagging").query("tagging", "");
        let text = self.ask(&ask).await?.text;
        let tags = text.split("<Tag>").skip(1).filter_map(|tag| {
            Some((element(tag, "Key")?, element(tag, "Value").unwrap_or_default()))
        });
        Ok(tags.collect())
    }

    /// Replaces the tags of an object.
    pub async fn put_tags(&self, key: &str, tags: &[(&str, &str)]) -> Result<(), BucketError> {
        let mut body = String::from("<Tagging><TagSet>");
        for (name, value) in tags {
            let (name, value) = (escaped(name), escaped(value));
            _ = write!(body, "<Tag><Key>{name}</Key><Value>{value}</Value></Tag>");
        }
        body += "</TagSet></Tagging>";
        let ask = Ask::new(Method::PUT, key, "s3:PutObjectTagging")
            .query("tagging", "")
            .header("content-type", "application/xml")
            .header(CHECKSUM, STANDARD.encode(Sha256::digest(&body)))
            .body(body.into_bytes());
        self.ask(&ask).await.map(drop)
    }
}

/// Whether a key can stand in the list of a deletion: XML holds no control characters, and a parser
/// makes a line feed of a carriage return. What a URL would make another key of, a list would not,
/// but the single way stays the stricter one.
fn fits_xml(key: &str) -> bool {
    is_addressable(key) && !key.contains(|c: char| c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}'))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
