//! What the user said: `report.json`, the second entry of a bundle.

use crate::redact::{Redaction, learnt::Needles};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the user said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct Report {
    /// How to reach the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What happened.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Answers to the profile's own questions, by their ids.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<String, String>,
    /// The ticket that this belongs to, if there is one already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// How the user agreed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
}

/// How the user agreed that the bundle is made and sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Consent {
    /// When (RFC 3339, UTC).
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// How: `asked` in a terminal, or by the flag `--yes`.
    pub by: String,
}

impl Report {
    /// The report with secrets removed from what was typed; people paste what is on their screen.
    #[must_use]
    pub fn redacted(&self, redaction: &Redaction) -> Self {
        let answers = self.answers.iter();
        Self {
            description: redaction.text(&self.description),
            answers: answers.map(|(id, text)| (id.clone(), redaction.text(text))).collect(),
            ..self.clone()
        }
    }

    /// The report without learnt secrets.
    pub(crate) fn mended(self, needles: &Needles) -> Self {
        let answers = self.answers.iter();
        Self {
            description: needles.text(&self.description),
            answers: answers.map(|(id, text)| (id.clone(), needles.text(text))).collect(),
            ..self
        }
    }
}
