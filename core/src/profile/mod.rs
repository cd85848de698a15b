//! Profiles: a TOML file by a product team that says what to gather, what to remove, for whom to
//! encrypt and where to deliver.

mod check;
mod encrypt;
mod fill;
mod merge;
mod options;
mod params;
mod problem;
mod read;
mod reference;
mod schema;
mod search;
mod settings;
mod source;
mod steps;
mod syntax;
mod template;
#[cfg(test)]
mod tests;
mod wording;

pub(crate) use options::{option_names, schema_of};
pub use params::{Parameter, Wanted};
pub use problem::{Problem, ProfileError};
pub use read::{Env, load, load_for, parameters};
pub use reference::{Described, catalogue, examples, reference};
pub use schema::schema;
pub use search::{Library, Listed, Origin};
pub use settings::Settings;
pub use template::template;

use crate::{
    Collector, Sink,
    redact::Redaction,
    units::{Length, Size, TimePoint},
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// A profile that has been read and found good. Only the checker makes one.
pub struct Profile {
    /// How it was named: a name of the search path, or a path.
    pub name: String,
    /// The SHA-256 of its text and of all that it extends, in hexadecimal.
    pub sha256: String,
    /// What its parameters are in this run, as texts: several of a list.
    pub params: BTreeMap<String, Vec<String>>,
    /// What was given for its parameters; it takes no more to read it again.
    pub set: Vec<(String, String)>,
    /// The folder that its relative paths are meant from.
    pub base: PathBuf,
    /// The product.
    pub product: String,
    /// What the user is asked.
    pub report: ReportForm,
    /// What a run may use.
    pub limits: Limits,
    /// What is gathered, in the order of the bundle.
    pub steps: Vec<Arc<Step>>,
    /// What is removed: the rules of `[redact.*]` and every secret of the profile, compiled.
    pub redaction: Redaction,
    /// The ids of the redactors that are switched on, in the order of the profile.
    pub redactors: Vec<String>,
    /// For whom the bundle is encrypted, as written: `age1…`, `ssh-ed25519 …`, `ssh-rsa …`.
    pub recipients: Vec<String>,
    /// For whom the note beside a bundle in a bucket is encrypted, as written: `age1…`.
    pub envelope: Option<String>,
    /// How the archive is compressed.
    pub compression: Compression,
    /// Where the bundle is delivered to, in order.
    pub sinks: Vec<ConfiguredSink>,
}

/// `[report]`: what the user is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct ReportForm {
    /// Whether an e-mail address is asked for.
    pub contact: Contact,
    /// What is said first.
    pub intro: Option<String>,
    /// The profile's own questions.
    pub questions: Vec<Question>,
}

/// Whether an e-mail address is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Contact {
    /// It must be given.
    Required,
    /// It may be left empty.
    #[default]
    Optional,
    /// It is not asked for.
    None,
}

/// A question of the profile's own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Question {
    /// Its id in the report.
    pub id: String,
    /// Its words.
    pub ask: String,
    /// Whether it must be answered.
    #[serde(default)]
    pub required: bool,
}

/// `[limits]`: what a run may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct Limits {
    /// How long gathering may take; 5 minutes if not given.
    pub time: Length,
    /// How large the compressed bundle may be; 500 MB if not given.
    pub size: Size,
    /// How much memory the pipeline may use; 256 MB if not given.
    pub memory: Size,
}

/// The least memory that a run can do with.
pub const LEAST_MEMORY: Size = Size(80_000_000);

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Length(std::time::Duration::from_mins(5)),
            size: Size(500_000_000),
            memory: Size(256_000_000),
        }
    }
}

/// How the archive is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// xz: small, read everywhere.
    #[default]
    Xz,
    /// Zstandard: five times as fast, some 5 % larger.
    Zstd,
    /// Zstandard if the estimated input would keep xz busy for more than half of the time limit,
    /// otherwise xz.
    Auto,
}

/// One collector, configured: `[collect.ID]`.
pub struct Step {
    /// Its id, and its folder in the bundle.
    pub id: String,
    /// The name of the collector.
    pub plugin: &'static str,
    /// The collector.
    pub collector: Box<dyn Collector>,
    /// The options that every step has.
    pub options: StepOptions,
}

/// The options that every step has.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct StepOptions {
    /// How long it may take; 60 seconds if not given.
    pub timeout: Length,
    /// How many bytes it may gather, before compression; without it, only the run's limits hold.
    pub max_size: Option<Size>,
    /// The step applies only if this holds; otherwise it is `absent`.
    pub when: Option<When>,
    /// Nothing older is gathered, where time applies.
    pub since: Option<TimePoint>,
    /// Nothing newer is gathered, where time applies.
    pub until: Option<TimePoint>,
    /// What goes first when a budget is short: higher before lower; 0 if not given.
    pub priority: i32,
    /// Whether support may ask for it in a request.
    pub requestable: bool,
    /// What happens to binary data.
    pub binary: Binary,
}

impl Default for StepOptions {
    fn default() -> Self {
        Self {
            timeout: Length(std::time::Duration::from_mins(1)),
            max_size: None,
            when: None,
            since: None,
            until: None,
            priority: 0,
            requestable: false,
            binary: Binary::default(),
        }
    }
}

/// What happens to binary data, in which secrets cannot be found reliably.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Binary {
    /// It is left out and named.
    #[default]
    Drop,
    /// It is kept byte for byte, unless redaction finds something in it: then it is left out.
    Keep,
}

/// `when`: a condition for a step. All that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct When {
    /// Something exists at this path.
    pub path: Option<PathBuf>,
    /// A program of this name is in `PATH`.
    pub command: Option<String>,
}

/// One sink, configured: `[deliver.ID]`.
pub struct ConfiguredSink {
    /// Its id.
    pub id: String,
    /// The name of the sink.
    pub plugin: &'static str,
    /// The sink.
    pub sink: Box<dyn Sink>,
}
