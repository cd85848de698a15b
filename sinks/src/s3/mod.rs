//! What the `s3` sink knows of S3's protocol, its options and retries being its own, and the
//! client for a [`Bucket`] as a whole.

mod access;
mod answer;
mod arrival;
mod bucket;
mod delivery;
mod form;
mod target;

pub use arrival::Arrival;
pub use bucket::{
    Bucket, BucketAccess, BucketError, BucketOptions, Condition, Download, Env, Head, Listed,
    Listing, Page, Range, Undeleted,
};

pub(crate) use crate::aws::Keys;
pub(crate) use access::{Access, Beside, SET_KEYS, given_url};
pub(crate) use answer::{explain, reference};
pub(crate) use delivery::{Delivery, Stored};
pub(crate) use target::{Target, TargetError};
