//! The journal of systemd: reading its export format, and writing entries for people and programs.

mod export;
mod render;

pub(crate) use export::{Entry, Export};
pub(crate) use render::{Renderer, json, text};
