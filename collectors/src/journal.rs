//! The journal of systemd: asking `journalctl` for entries, reading what it exports, and writing it
//! for people and programs.

mod export;
mod passage;
mod query;
mod render;

pub(crate) use passage::Passage;
pub(crate) use query::Query;
pub(crate) use render::{Renderer, json, text};
