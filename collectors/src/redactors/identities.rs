//! Puts pseudonyms in the place of addresses, names and other personal data.

use collect_core::{
    Redactor, Secret,
    redact::{
        HostFacts, Rule, RuleContext, RuleError,
        pseudonym::{Pseudonyms, host_key, strong},
    },
    register,
    secret::SecretSource,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// Puts pseudonyms in the place of addresses, names and other personal data.
///
/// The same value has the same pseudonym in every entry and in every bundle that is made under the
/// same key. An address becomes an address of the same kind, in the same subnet as its neighbours;
/// a host name becomes a host name. What the host knows of itself, such as its own names and
/// accounts, is found wherever it stands; what it does not, where the words around say what it is.
/// With the key, and with nothing else, names and addresses can be turned back.
///
/// ```toml
/// [redact.people]
/// use = "identities"
/// key = { file = "customer.key" }
/// ```
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Identities {
    /// The key of the pseudonyms: hosts that share it give the same ones. At least 16 characters.
    /// Without it, it is that in `/etc/collect/redact.key` or one that this host makes and keeps.
    key: Option<SecretSource>,
    /// Whether the column of the host in logs of syslog is replaced also where this host does not
    /// know the name: for hosts that keep the logs of others.
    log_hosts: bool,
    /// Rules that are not applied: of `ipv4`, `ipv6`, `mac`, `host`, `user`, `email`, `phone`,
    /// `card`, `iban`, `national-id`, `person`, `address`.
    except: Vec<String>,
}

register!("identities" => Identities as Redactor);

impl Redactor for Identities {
    fn rules(&self, id: &str) -> Result<Vec<Rule>, RuleError> {
        self.rules_with(id, &RuleContext::default())
    }

    fn rules_with(&self, id: &str, context: &RuleContext<'_>) -> Result<Vec<Rule>, RuleError> {
        let facts = context.around.host.map(HostFacts::discover).unwrap_or_default();
        let unusable = |reason: String| RuleError::Unusable { rule: id.to_owned(), reason };
        let key = self.key(context).map_err(unusable)?;
        let pseudonyms = Arc::new(match &key {
            Some(key) => Pseudonyms::new(key),
            None => Pseudonyms::for_once(),
        });
        let mut rules = crate::identities::rules(&pseudonyms, &facts, self.log_hosts)?;
        for name in &self.except {
            if !rules.iter().any(|rule| rule.id() == name) {
                return Err(unusable(format!("`identities` has no rule named `{name}`")));
            }
        }
        rules.retain(|rule| !self.except.iter().any(|name| name == rule.id()));
        if let Some(key) = &key {
            rules.push(Rule::literal(id, key.reveal().as_bytes())?);
        }
        Ok(rules)
    }
}

impl Identities {
    /// The key; none if there is no place to keep one.
    fn key(&self, context: &RuleContext<'_>) -> Result<Option<Secret>, String> {
        let around = &context.around;
        if let Some(source) = &self.key {
            let key =
                source.resolve(context.base, around.env).map_err(|error| error.to_string())?;
            return strong(key).map(Some).map_err(|error| error.to_string());
        }
        around.key.map(host_key).transpose().map_err(|error| error.to_string())
    }
}
