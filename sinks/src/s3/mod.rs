//! What the `s3` sink knows of S3's protocol; options and retries are the sink's own.

mod access;
mod answer;
mod delivery;
mod form;
mod target;

pub(crate) use access::{Access, Keys, given_url};
pub(crate) use answer::reference;
pub(crate) use delivery::{Delivery, Stored};
pub(crate) use target::{Target, TargetError};
