//! The host this process runs on.

/// The host this process runs on.
#[derive(Debug, Default)]
pub struct Machine {}
