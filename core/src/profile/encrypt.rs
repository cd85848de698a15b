//! `[encrypt]`: who can read what.

use super::{
    check::Verify,
    options::Options,
    source::{Finding, Findings},
};
use crate::recipient::Recipient;
use schemars::JsonSchema;
use serde::Deserialize;

/// `[encrypt]`
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Encrypt {
    /// For whom the bundle is encrypted: public keys of age (`age1…`) or SSH (`ssh-ed25519 …`,
    /// `ssh-rsa …`). Each of them can open it alone.
    pub(super) recipients: Vec<String>,
    /// A public key of age (`age1…`) that the receiving side has for itself: beside a bundle in a
    /// bucket goes an envelope for it, from which the ticket is written. It tells who reports what
    /// and what is missing, and does not open the bundle.
    pub(super) envelope: Option<String>,
}

impl Verify for Encrypt {
    fn verify(&self, options: &Options<'_>, findings: &mut Findings) {
        let places = options.table.get("recipients").and_then(|value| value.get_ref().as_array());
        let places = places.into_iter().flat_map(|places| places.iter());
        for (place, written) in places.zip(&self.recipients) {
            if let Err(error) = written.parse::<Recipient>() {
                let finding = Finding::new(place.span(), error.to_string());
                findings.push(finding.help(error.help));
            }
        }
        let wrong = self.envelope.as_deref().and_then(|key| objection(key, &self.recipients));
        if let Some((message, help)) = wrong {
            findings.push(Finding::new(options.span_of("envelope"), message).help(help));
        }
    }
}

/// Why a key is none for envelopes, and what to do.
fn objection(key: &str, recipients: &[String]) -> Option<(String, String)> {
    let key = key.trim();
    if let Err(error) = key.parse::<Recipient>() {
        return Some((error.to_string(), error.help));
    }
    let make = "make one for the receiving side alone, with `age-keygen`".to_owned();
    if !key.starts_with("age1") {
        return Some(("an envelope needs a key of age".to_owned(), make));
    }
    let opens_bundles = recipients.iter().any(|recipient| recipient.trim() == key);
    opens_bundles
        .then(|| ("with this key the receiving side could open the bundles".to_owned(), make))
}
