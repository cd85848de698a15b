//! What the `s3` sink knows of S3's protocol, its options and retries being its own, and the
//! client for a [`Bucket`] as a whole.

mod access;
mod answer;
mod bucket;
mod delivery;
mod target;

pub use bucket::{
    Bucket, BucketAccess, BucketError, BucketOptions, Condition, Download, Env, Head, Listed, Listing,
    Page, Range, Undeleted,
};

pub(crate) use access::{Access, Keys, presigned};
pub(crate) use answer::reference;
pub(crate) use delivery::Delivery;
pub(crate) use target::{Target, TargetError};
