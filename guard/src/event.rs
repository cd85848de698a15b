//! A request, as far as the rules look at it, wherever it was logged.

use std::net::IpAddr;

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// When it came, in seconds since 1970.
    pub time: i64,
    /// Where it came from.
    pub address: IpAddr,
    /// Which bucket it was for.
    pub bucket: Option<&'a [u8]>,
    /// Its id, by which it is recognised when it is read again.
    pub id: Option<&'a [u8]>,
    /// What it asked for.
    pub verb: Verb,
    /// The status of the answer.
    pub status: u16,
    /// How many bytes it stored.
    pub uploaded: u64,
    /// The header `Referer`.
    pub referer: Referer<'a>,
    /// The header `User-Agent`, in which the tokens are sent.
    pub agent: Option<&'a [u8]>,
    /// Who signed it, if anybody did: an ARN, or a canonical user id.
    pub signer: Option<&'a [u8]>,
    /// Whether it was signed in its header: by somebody who has keys, not by a presigned request that
    /// was handed out.
    pub signed_in_header: bool,
}

/// The header `Referer` of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Referer<'a> {
    /// It was sent.
    Sent(&'a [u8]),
    /// There was none.
    Absent,
    /// The log does not say; CloudTrail never does.
    Unrecorded,
}

/// What a request asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Verb {
    /// To store an object.
    Create,
    /// To read an object, or what is known of it.
    Read,
    /// To delete objects.
    Delete,
    /// To list objects, or to ask for the bucket.
    List,
    /// Anything else: policies, access control, copies, uploads in parts.
    Other,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Create, Self::Read, Self::Delete, Self::List, Self::Other];

    /// That of an operation in an access log.
    pub fn of_operation(operation: &[u8]) -> Self {
        match operation {
            b"REST.PUT.OBJECT" | b"REST.POST.OBJECT" | b"POST.OBJECT" | b"REST.POST.BUCKET" => {
                Self::Create
            }
            b"REST.GET.OBJECT" | b"REST.HEAD.OBJECT" => Self::Read,
            b"REST.DELETE.OBJECT" | b"REST.POST.MULTI_OBJECT_DELETE" | b"BATCH.DELETE.OBJECT" => {
                Self::Delete
            }
            b"REST.GET.BUCKET" | b"REST.HEAD.BUCKET" | b"REST.GET.BUCKETVERSIONS" => Self::List,
            _ => Self::Other,
        }
    }

    /// That of an event of CloudTrail.
    pub fn of_cloudtrail(name: &str) -> Self {
        match name {
            "PutObject" | "PostObject" => Self::Create,
            "GetObject" | "HeadObject" => Self::Read,
            "DeleteObject" | "DeleteObjects" => Self::Delete,
            "ListObjects" | "ListObjectsV2" | "ListObjectVersions" | "HeadBucket" => Self::List,
            _ => Self::Other,
        }
    }

    /// What it is called when an offence is explained.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "PUT",
            Self::Read => "GET",
            Self::Delete => "DELETE",
            Self::List => "LIST",
            Self::Other => "other",
        }
    }

    pub(crate) fn bit(self) -> u8 {
        1 << self as u8
    }
}
