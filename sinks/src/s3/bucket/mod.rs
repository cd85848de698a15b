//! A bucket as a whole: what the desk and the functions of the receiving side do with it.
//!
//! Everything is asynchronous; a program that is not runs it with [`run`](crate::http::run). What
//! can pass by itself is tried again; every message is without credentials.

mod ask;
mod list;
mod manage;
mod object;
mod options;
#[cfg(test)]
mod tests;

pub use list::{Listed, Listing, Page};
pub use manage::{Condition, Undeleted};
pub use object::{Download, Head, Range};
pub use options::{BucketAccess, BucketOptions, Env};

use super::{Keys, Target, access::Way};
use crate::{
    http::{self, Mask},
    retry::Schedule,
};
use collect_core::{
    Secret,
    sink::{DeliveryError, Unwatched, Watch},
};
use reqwest::Client;
use std::sync::Arc;
use thiserror::Error;

/// A bucket, and a way into it.
#[derive(Clone)]
pub struct Bucket {
    inner: Arc<Inner>,
    watch: Arc<dyn Watch + Send + Sync>,
    schedule: Schedule,
}

struct Inner {
    target: Target,
    entry: Entry,
    referer: Option<String>,
    client: Client,
    /// The server's name in messages.
    host: String,
    mask: Mask,
}

/// The way in, with its credentials at hand.
enum Entry {
    Token(Secret),
    Keys(Keys),
}

/// Why the bucket did not do what it was asked for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BucketError {
    /// The options cannot be used, or a secret is not there; nothing was sent.
    #[error("{reason}")]
    Unusable {
        /// Why.
        reason: String,
        /// What to do.
        help: String,
    },
    /// It may work later: the network, a busy server.
    #[error("{reason}")]
    Unreachable {
        /// What happened, with any credential removed.
        reason: String,
        /// What to do, if there is something.
        help: Option<String>,
    },
    /// The other side said no, and will say so again until something is changed.
    #[error("{reason}")]
    Refused {
        /// What it said and what that means, with any credential removed.
        reason: String,
        /// What to change.
        help: Option<String>,
    },
    /// There is no such object, or no policy.
    #[error("it is not there")]
    Missing,
    /// The condition of the request does not hold: the object is another one by now, or there is
    /// one already.
    #[error("it has changed meanwhile")]
    Changed,
    /// It is larger than it was said that it may be.
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
    /// It was wished that the work stops.
    #[error("stopped")]
    Stopped,
}

impl BucketError {
    fn unusable(reason: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Unusable { reason: reason.into(), help: help.into() }
    }

    /// What to do, if there is something.
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Unusable { help, .. } => Some(help),
            Self::Unreachable { help, .. } | Self::Refused { help, .. } => help.as_deref(),
            _ => None,
        }
    }
}

impl From<DeliveryError> for BucketError {
    fn from(error: DeliveryError) -> Self {
        match error {
            DeliveryError::Unreachable { reason, help } => Self::Unreachable { reason, help },
            DeliveryError::Refused { reason, help } => Self::Refused { reason, help },
            DeliveryError::Stopped => Self::Stopped,
            other => Self::Refused { reason: other.to_string(), help: None },
        }
    }
}

impl Bucket {
    fn new(
        target: Target,
        entry: Entry,
        referer: Option<String>,
        client: Client,
        mask: Mask,
    ) -> Self {
        let host = http::host(target.bucket.base_url());
        let inner = Inner { target, entry, referer, client, host, mask };
        Self { inner: Arc::new(inner), watch: Arc::new(Unwatched), schedule: Schedule::default() }
    }

    /// The same bucket, whose retries are told to `watch`, which may also stop the work.
    #[must_use]
    pub fn watched(self, watch: Arc<dyn Watch + Send + Sync>) -> Self {
        Self { watch, ..self }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.inner.target.bucket.name()
    }

    /// The text without credentials, and without anything that a terminal would act on.
    pub fn clean(&self, text: &str) -> String {
        self.inner.mask.clean(text)
    }

    /// How to speak about the way in, of a request that needs `right`.
    fn way<'w>(&'w self, right: &'w str) -> Way<'w> {
        match self.inner.entry {
            Entry::Token(_) => Way::DeskToken(self.name()),
            Entry::Keys(_) => Way::DeskKeys(self.name(), right),
        }
    }
}
