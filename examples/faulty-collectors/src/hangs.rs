//! A collector that never comes back, as one that reads from a dead network file system.

use collect_core::{CollectError, Collector, Output, register};
use schemars::JsonSchema;
use serde::Deserialize;

/// Writes an entry, and then neither ends nor looks at its deadline.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Hangs {}

register!("hangs" => Hangs as Collector);

impl Collector for Hangs {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        out.text("before.txt", "written before it hung\n")?;
        loop {
            std::thread::park();
        }
    }
}
