//! The collectors and redactors that come with `collect`: one file each.
//!
//! A collector is a file in `src/plugins/`, a redactor is a file in `src/redactors/`; nothing else
//! names them. They reach the machine only through [`collect_core::host::Host`].

mod examples;
mod facts;
mod fields;
mod identities;
mod journal;
mod process;

mod plugins {
    automod::dir!("src/plugins");
}

mod redactors {
    automod::dir!("src/redactors");
}

mod secrets;

use collect_core::{
    Secret,
    redact::{Redaction, RuleError, pseudonym::Pseudonyms},
};
use std::sync::Arc;

/// Makes a binary that calls it link this crate, and so its plugins.
pub fn link() {}

/// What turns the pseudonyms of the redactor `identities` back, in any text, with nothing but the
/// key that they were made under. Another key turns no name back, and numbers into other numbers.
///
/// What is in lower case because it means the same so (names of hosts and accounts) stays in lower
/// case. What has the shape of an address, stands where one is and is no pseudonym, is turned as well.
pub fn reveal(key: &Secret) -> Result<Redaction, RuleError> {
    Redaction::compile(identities::revealing(&Arc::new(Pseudonyms::new(key)))?)
}
