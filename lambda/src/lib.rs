//! The receiving side's functions on AWS Lambda.
//!
//! Each is a binary in `src/bin/`, small and quick to start, whose work is done here. No function
//! can read a bundle: the private key is with the people who open it.

pub mod guard;
pub mod settings;
pub mod ticket;
pub mod upload;
