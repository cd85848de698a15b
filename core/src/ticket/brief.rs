//! What is told of a report beside its bundle, to those who cannot open it.

use crate::{
    bundle::{HostFacts, NoteKind, Status, StepRecord},
    report::Report,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many notes of a step are told; the manifest has them all.
const NOTES: usize = 3;

/// How much is told of what was typed, in characters; the bundle has all of it.
const TYPED: usize = 20_000;

/// What is told of a report beside its bundle. It is made by the sealer, of the same redacted text
/// that is sealed; on disk it rests encrypted for this host only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Brief {
    /// The tool that made the bundle, with its version.
    pub tool: String,
    /// The product.
    pub product: String,
    /// When the run began.
    pub started: Timestamp,
    /// Why the run ended early, if it did.
    #[serde(default)]
    pub stopped: Option<String>,
    /// The host, with pseudonyms where the bundle has them.
    pub host: HostFacts,
    /// How to reach the user.
    #[serde(default)]
    pub contact: Option<String>,
    /// What happened, shortened.
    #[serde(default)]
    pub description: String,
    /// Answers to the profile's own questions, by their ids.
    #[serde(default)]
    pub answers: BTreeMap<String, String>,
    /// The ticket that this belongs to, if the user named one.
    #[serde(default)]
    pub ticket: Option<String>,
    /// The steps.
    pub steps: Vec<BriefStep>,
    /// How many more steps there were, where there was no room to tell of all.
    #[serde(default)]
    pub left_out: u64,
}

/// What is told of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BriefStep {
    /// Its id.
    pub id: String,
    /// How it ended.
    pub status: Status,
    /// How many entries it wrote.
    pub entries: u64,
    /// Their bytes, after redaction.
    pub bytes: u64,
    /// What is missing, the first of it.
    #[serde(default)]
    pub missing: Vec<String>,
}

impl Brief {
    /// Takes what is typed from a report that is redacted already.
    #[must_use]
    pub(crate) fn with_report(self, report: Report) -> Self {
        let answers = report.answers.into_iter();
        Self {
            contact: report.email,
            description: shortened(report.description),
            answers: answers.map(|(id, answer)| (id, shortened(answer))).collect(),
            ticket: report.ticket,
            ..self
        }
    }

    /// The steps of which something is missing.
    pub fn gaps(&self) -> impl Iterator<Item = &BriefStep> {
        self.steps.iter().filter(|step| !step.status.is_complete())
    }
}

impl BriefStep {
    /// Tells of a step what matters first.
    pub fn of(step: &StepRecord) -> Self {
        let gaps = step.notes.iter();
        let gaps = gaps.filter(|note| !matches!(note.kind, NoteKind::Info | NoteKind::Absent));
        let missing = gaps.take(NOTES).map(|note| match note.source.as_str() {
            "" => note.text.clone(),
            source => format!("{source}: {}", note.text),
        });
        Self {
            id: step.id.clone(),
            status: step.status,
            entries: step.entries,
            bytes: step.bytes,
            missing: missing.collect(),
        }
    }
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(TYPED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
