//! Where `collect` delivers bundles, and the only HTTP client of the project.
//!
//! One file in `src/plugins/` makes a sink. This crate never prints, and what it says about a
//! failure never holds a credential.

pub mod http;
mod retry;
mod s3;
#[cfg(test)]
mod testing;

mod plugins {
    automod::dir!("src/plugins");
}
