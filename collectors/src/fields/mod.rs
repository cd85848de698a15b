//! Fields of a line: where the value of a key is, which path a key has in JSON, and which fields are
//! none of those that are known.

mod path;
mod unknown;
mod value;

pub(crate) use path::Path;
pub(crate) use unknown::unknown_fields;
pub(crate) use value::{key_around, value};
