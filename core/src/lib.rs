//! The engine of `collect`: profiles, plugins, pipeline, redaction, bundle format and outbox.
//!
//! This crate knows no collector, no network and no command line. It defines what a plugin is
//! ([`Plugin`], [`register!`]), how a [`Profile`] names and configures plugins, how what collectors
//! write becomes one sealed bundle, and where that waits until it is delivered.

pub mod bundle;
pub mod collector;
pub mod deliver;
pub mod draft;
pub mod event;
pub mod files;
pub mod gather;
pub mod host;
pub mod identity;
pub mod inside;
mod names;
pub mod outbox;
pub mod output;
pub mod plan;
pub mod plugin;
mod private;
pub mod profile;
pub mod recipient;
pub mod redact;
pub mod report;
pub mod rewrite;
pub mod seal;
pub mod secret;
pub mod sink;
mod spool;
pub mod stamp;
pub mod suggest;
#[cfg(any(test, feature = "testkit"))]
pub mod testkit;
pub mod ticket;
pub mod units;
pub mod unseal;

pub use collector::{CollectError, Collector, Invalid, Output};
pub use files::FileSet;
pub use output::{EntryWriter, Window};
pub use plugin::{Plugin, Registry};
pub use profile::Profile;
pub use redact::Redactor;
pub use secret::Secret;
pub use sink::Sink;
pub use ticket::TicketSystem;

#[doc(hidden)]
pub use {
    inventory as __inventory, schemars as __schemars, serde as __serde,
    serde_ignored as __serde_ignored,
};
