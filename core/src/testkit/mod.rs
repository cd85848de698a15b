//! What plugin tests need: a made-up host.

mod host;

pub use host::{FakeHost, Release};
