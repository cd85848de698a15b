//! Where a sealed bundle goes.

use crate::{
    secret::{Secret, SecretSource},
    ticket::{Brief, TicketSink},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    fs::File,
    io,
    path::{Path, PathBuf},
};
use thiserror::Error;

pub use crate::collector::Invalid;

/// A finished, encrypted bundle on disk: what a sink delivers, and may read more than once.
///
/// Only the sealer and the outbox make one.
#[derive(Clone, Debug)]
pub struct Sealed {
    pub(crate) path: PathBuf,
    pub(crate) len: u64,
    pub(crate) sha256: [u8; 32],
    pub(crate) key: String,
}

impl Sealed {
    /// The file: ciphertext, never plaintext.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's name: `PRODUCT-YYYYMMDDTHHMMSSZ-ID.tar.xz.age`.
    ///
    /// # Panics
    ///
    /// Never: a sealed bundle has a name in ASCII.
    pub fn name(&self) -> &str {
        self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Never true: an age file has a header.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The SHA-256 of the sealed bytes.
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// The object key in a bucket: `reports/PRODUCT/YYYY/MM/DD/NAME.tar.xz.age`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Opens the bundle at its first byte, as every retry must.
    pub fn open(&self) -> io::Result<File> {
        File::open(&self.path)
    }
}

/// A place that bundles are delivered to.
pub trait Sink: Send + Sync {
    /// Delivers the bundle and says where it is now.
    ///
    /// Retries what can pass by itself; returns when the sink has confirmed, when it refused for
    /// good, or when it is not worth trying longer.
    fn deliver(
        &self,
        bundle: &Sealed,
        context: &DeliveryContext<'_>,
    ) -> Result<Receipt, DeliveryError>;

    /// Says what is wrong with the options beyond their types; the profile is refused then.
    fn check(&self) -> Vec<Invalid> {
        Vec::new()
    }

    /// The secrets among the options: every bundle of the profile is searched for them.
    fn secrets(&self) -> Vec<SecretSource> {
        Vec::new()
    }

    /// Whether it tells what is in the bundle, and so has to know.
    fn wants_brief(&self) -> bool {
        false
    }

    /// The ticket system behind it, if it is one.
    fn tickets(&self) -> Option<&TicketSink> {
        None
    }

    /// Whether it can send an envelope along with the bundle.
    fn takes_envelope(&self) -> bool {
        false
    }

    /// Where it delivers to, for the person who is asked to agree: `s3 bucket "reports"`.
    fn destination(&self) -> String;
}

/// What a sink may use while it delivers.
pub struct DeliveryContext<'a> {
    /// Told how far the delivery is, and asked whether to stop.
    pub watch: &'a dyn Watch,
    /// Whether an earlier try of this bundle ended without an answer: it may have arrived.
    pub tried_before: bool,
    /// What stands in for the host that made the bundle, if that is known: at most 64 characters of
    /// ASCII that nobody without the key of pseudonyms can turn back.
    pub host: Option<&'a str>,
    /// What may be told of the report beside the bundle, if that is known.
    pub brief: Option<&'a Brief>,
    /// The most important of it, sealed for the receiving side: at most
    /// [`ENVELOPE`](crate::ticket::envelope::ENVELOPE) characters of ASCII.
    pub envelope: Option<&'a str>,
    /// Where sinks have put this bundle that were before this one.
    pub elsewhere: &'a [String],
    /// The folder of the profile: relative paths of a sink are meant from there.
    pub base: &'a Path,
    /// Looks up an environment variable; only the command line reads the environment.
    pub env: &'a (dyn Fn(&str) -> Option<String> + Sync),
}

impl DeliveryContext<'_> {
    /// The value of a secret, without the white space around it.
    pub fn secret(&self, source: &SecretSource) -> Result<Secret, DeliveryError> {
        source.resolve(self.base, self.env).map_err(|error| DeliveryError::Refused {
            reason: error.to_string(),
            help: Some("put the secret there, then `collect send` goes on".into()),
        })
    }
}

/// Follows a delivery.
pub trait Watch: Sync {
    /// So many bytes of `total` are on their way; goes back to 0 when a try is repeated.
    fn sent(&self, bytes: u64, total: u64);

    /// A try failed and will be repeated after `wait`.
    fn retrying(&self, reason: &str, wait: std::time::Duration);

    /// Whether the user asked to stop.
    fn stopped(&self) -> bool;

    /// How much time is left, if that is known: what would have to wait longer is not waited for.
    fn left(&self) -> Option<std::time::Duration> {
        None
    }
}

/// Nobody follows, and nobody stops it.
pub struct Unwatched;

impl Watch for Unwatched {
    fn sent(&self, _bytes: u64, _total: u64) {}

    fn retrying(&self, _reason: &str, _wait: std::time::Duration) {}

    fn stopped(&self) -> bool {
        false
    }
}

/// A sink's answer: the bundle is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Where the bundle is, for a person: a URL without credentials, or a path.
    pub location: String,
    /// What the other side calls it, such as an `ETag` or a version id, if it said so.
    pub reference: Option<String>,
    /// The ticket's number, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// When it was confirmed.
    pub at: Timestamp,
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ticket {
            Some(number) => write!(f, "ticket {number}, {}", self.location),
            None => f.write_str(&self.location),
        }
    }
}

/// Why a delivery failed. The bundle stays in the outbox.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeliveryError {
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
    /// The user stopped it.
    #[error("stopped")]
    Stopped,
    /// The bundle could not be read.
    #[error("cannot read the bundle")]
    Read(#[source] io::Error),
}
