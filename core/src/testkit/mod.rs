//! What plugin tests need: a made-up host, and a look at what was collected from it.

mod host;
mod trial;

pub use host::{FakeHost, Release};
pub use trial::{Collected, Trial};
