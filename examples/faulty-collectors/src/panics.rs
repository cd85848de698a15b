//! A collector with a defect.

use collect_core::{CollectError, Collector, Output, register};
use schemars::JsonSchema;
use serde::Deserialize;

/// Writes an entry, and then panics.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Panics {}

register!("panics" => Panics as Collector);

impl Collector for Panics {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        out.text("before.txt", "written before it panicked\n")?;
        panic!("a made-up defect");
    }
}
