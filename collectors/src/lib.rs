//! The collectors and redactors that come with `collect`: one file each.
//!
//! A collector is a file in `src/plugins/`, a redactor is a file in `src/redactors/`; nothing else
//! names them. They reach the machine only through [`collect_core::host::Host`].

mod examples;
mod facts;
mod fields;
mod identities;
mod journal;

mod plugins {
    automod::dir!("src/plugins");
}

mod redactors {
    automod::dir!("src/redactors");
}

mod secrets;

/// Makes a binary that calls it link this crate, and so its plugins.
pub fn link() {}
