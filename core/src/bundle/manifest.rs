//! The manifest: the first entry of a bundle, which says what is in it and what is missing.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the bundle format that this crate writes.
pub const FORMAT_VERSION: u32 = 1;

/// How a step ended.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It gathered all it was asked for.
    Complete,
    /// Something of it could not be gathered.
    Partial,
    /// Something was cut at a size limit.
    Truncated,
    /// It was stopped at its deadline.
    TimedOut,
    /// It may not read what it was asked for; more rights are needed.
    Denied,
    /// What it gathers does not exist here. No error.
    Absent,
    /// It could not do its work.
    Failed,
    /// It panicked: a defect in collect.
    Panicked,
    /// It did not even stop; most often a file system that does not answer.
    Abandoned,
    /// The run ended before its turn.
    NotStarted,
    /// It was left out by the user.
    Skipped,
}

impl Status {
    /// Whether nothing is missing that was asked for and exists.
    pub fn is_complete(self) -> bool {
        matches!(self, Self::Complete | Self::Absent | Self::Skipped)
    }

    /// The word for it in manifests and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Truncated => "truncated",
            Self::TimedOut => "timed-out",
            Self::Denied => "denied",
            Self::Absent => "absent",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Abandoned => "abandoned",
            Self::NotStarted => "not-started",
            Self::Skipped => "skipped",
        }
    }
}

/// `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Manifest {
    /// The version of the bundle format.
    pub format: u32,
    /// The tool that made the bundle, with its version.
    pub tool: String,
    /// The bundle's name.
    pub bundle: String,
    /// The product of the profile.
    pub product: String,
    /// Which profile was used.
    pub profile: ProfileRef,
    /// The host.
    pub host: HostFacts,
    /// When the run began (RFC 3339, UTC).
    #[schemars(with = "String")]
    pub started: Timestamp,
    /// When gathering ended (RFC 3339, UTC).
    #[schemars(with = "String")]
    pub ended: Timestamp,
    /// Whether everything that was asked for and exists is in the bundle.
    pub complete: bool,
    /// Why the run ended early, if it did: `interrupted`, `deadline`, `size`, `disk`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stopped: Option<String>,
    /// Every step of the plan, in its order.
    pub steps: Vec<StepRecord>,
    /// Every entry but the manifest itself, in the order of the archive.
    pub entries: Vec<EntryRecord>,
}

/// Which profile was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ProfileRef {
    /// Its name or path, as it was given.
    pub name: String,
    /// The SHA-256 of the profile and of all that it extends, in hexadecimal.
    pub sha256: String,
    /// What its parameters were, as texts, redacted: several of a list.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub params: BTreeMap<String, Vec<String>>,
}

/// What every reader wants to know first of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct HostFacts {
    /// Its name.
    pub name: String,
    /// `PRETTY_NAME` of os-release.
    pub os: String,
    /// The kernel's release.
    pub kernel: String,
    /// The architecture, as the kernel calls it.
    pub architecture: String,
    /// Whether the run had root's rights.
    pub root: bool,
}

/// One step of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct StepRecord {
    /// Its id: the folder in the bundle.
    pub id: String,
    /// The collector.
    pub collector: String,
    /// How it ended.
    pub status: Status,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// How many entries it wrote.
    pub entries: u64,
    /// Their bytes, after redaction.
    pub bytes: u64,
    /// Redactions in them, by rule.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub redactions: BTreeMap<String, u64>,
    /// What is missing or worth knowing.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notes: Vec<Note>,
}

/// Something that is missing or worth knowing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Note {
    /// What kind of note.
    pub kind: NoteKind,
    /// What it is about: a path, a command; empty for the step as a whole.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub source: String,
    /// What is said of it.
    pub text: String,
}

/// The kind of a [`Note`]; the status of a step follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoteKind {
    /// Worth knowing; nothing is missing.
    Info,
    /// It does not exist here.
    Absent,
    /// It may not be read.
    Denied,
    /// It was cut, or left out, for its size.
    Truncated,
    /// It took too long.
    TimedOut,
    /// It could not be gathered.
    Failed,
    /// It was left out because redaction failed in it, or found something in binary data, which it
    /// cannot replace without corrupting it, or because a second look found something left in it.
    Withheld,
    /// It was left out by policy, such as binary data.
    Dropped,
}

/// From when to when the lines of an entry are: the times of the first and of the last that has one.
/// Where a clock was set back, some between them may be earlier or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Covers {
    /// The time of the first line (RFC 3339, UTC).
    #[schemars(with = "String")]
    pub from: Timestamp,
    /// The time of the last line (RFC 3339, UTC).
    #[schemars(with = "String")]
    pub to: Timestamp,
}

/// One entry of the bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct EntryRecord {
    /// Its path in the bundle, below the bundle's own folder.
    pub path: String,
    /// Where it comes from: a path, `$ ` and a command, or empty if the collector made it.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub source: String,
    /// What was undone to store it as plain text, the outermost first: `gzip`, `xz`, `zstd`,
    /// `bzip2`, `tar`, `UTF-16LE`, `UTF-16BE`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub decoded: Vec<String>,
    /// Its bytes in the bundle.
    pub size: u64,
    /// The SHA-256 of its bytes in the bundle, in hexadecimal.
    pub sha256: String,
    /// When its source last changed (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(with = "Option<String>")]
    pub modified: Option<Timestamp>,
    /// The time that its lines are of, if they say one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub covers: Option<Covers>,
    /// What was cut from it, if anything was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub truncated: Option<String>,
    /// Redactions in it, by rule.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub redactions: BTreeMap<String, u64>,
}
