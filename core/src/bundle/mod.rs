//! The bundle format.

mod manifest;

pub use manifest::*;
