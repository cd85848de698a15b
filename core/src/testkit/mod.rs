//! What the tests of plugins need. Never part of a release build.

mod sealed;

pub use sealed::sealed;
