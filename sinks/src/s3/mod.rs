//! What the `s3` sink knows of S3's protocol; options and retries are the sink's own.

mod access;
mod answer;
mod delivery;
mod target;

pub(crate) use access::{Access, Keys, presigned};
pub(crate) use answer::reference;
pub(crate) use delivery::Delivery;
pub(crate) use target::{Target, TargetError};
