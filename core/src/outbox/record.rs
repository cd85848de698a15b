//! What the outbox knows of a bundle. It holds no secret and nothing that the user typed.

use crate::sink::Receipt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is known of a bundle in the outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Record {
    /// The profile: a name of the search path, or an absolute path. It says how to reach the sinks,
    /// so a profile that was put right is used by the next try.
    pub profile: String,
    /// What was given for its parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<(String, String)>,
    /// Its product.
    pub product: String,
    /// When the bundle was made.
    pub created: Timestamp,
    /// What stands in for the host that made it, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Where it is to be delivered, in order.
    pub sinks: Vec<SinkState>,
}

/// One sink of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SinkState {
    /// Its id in the profile.
    pub id: String,
    /// How often it was tried.
    #[serde(default)]
    pub tries: u32,
    /// Whether a try ended without an answer: the bundle may have arrived.
    #[serde(default)]
    pub unheard: bool,
    /// Its answer, once it has confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// Why it did not take the bundle, the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Record {
    /// A record of a bundle that no sink has yet.
    pub fn new<'s>(
        profile: &str,
        product: &str,
        created: Timestamp,
        sinks: impl IntoIterator<Item = &'s str>,
    ) -> Self {
        let sinks = sinks.into_iter().map(|id| SinkState {
            id: id.to_owned(),
            tries: 0,
            unheard: false,
            receipt: None,
            error: None,
        });
        let (profile, product) = (profile.to_owned(), product.to_owned());
        let sinks = sinks.collect();
        Self { profile, set: Vec::new(), product, created, host: None, sinks }
    }

    /// The same, with this given for the parameters of the profile.
    #[must_use]
    pub fn with(self, set: &[(String, String)]) -> Self {
        Self { set: set.to_vec(), ..self }
    }

    /// The same, of the host that this pseudonym stands in for.
    #[must_use]
    pub fn of_host(self, pseudonym: Option<String>) -> Self {
        Self { host: pseudonym, ..self }
    }

    /// Whether every sink has confirmed.
    pub fn is_delivered(&self) -> bool {
        self.sinks.iter().all(|sink| sink.receipt.is_some())
    }
}
