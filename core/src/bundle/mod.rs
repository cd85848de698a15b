//! The bundle format: names, manifest, tar records and compression.
//!
//! A bundle is an age file; in it a tar, compressed as many independent streams end to end. The
//! manifest comes first, then the report, then the entries of every step in the order of the plan.

mod compress;
pub(crate) mod frame;
mod manifest;
mod name;
mod read;

pub use compress::Format;
pub use manifest::*;
pub use name::{BundleName, object_key, slug};
pub use read::archive;
