//! Fields of a line: where the value of a key is, and which path a key has in JSON.

mod path;
mod value;

pub(crate) use path::Path;
pub(crate) use value::{key_around, value};
