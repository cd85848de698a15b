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
/// same key. An address becomes an address of the same kind, in the same subnet as its neighbours,
/// of which the first (.0) and the last (.255) stay so; a host name becomes a host name. What the
/// host knows of itself, such as its own names and accounts, is found wherever it stands; what it
/// does not, where the words around say what it is. Private addresses stay that a comment gives as
/// examples, as those of configuration files do that come with a program.
/// With the key, and with nothing else, all of them can be turned back.
///
/// A number keeps its grouping: a card its first digit, a telephone its country, an account (IBAN)
/// its country. The check digits of cards and accounts are made wrong in a way that is known again,
/// so that no pseudonym is anybody's; numbers of telephones and national ids have no check digits,
/// so theirs may by chance be somebody's. Hardware addresses show neither maker nor device.
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
    fn rules(&self, id: &str, context: &RuleContext<'_>) -> Result<Vec<Rule>, RuleError> {
        let facts = context.host.map(HostFacts::discover).unwrap_or_default();
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
        if let Some(source) = &self.key {
            let key =
                source.resolve(context.base, context.env).map_err(|error| error.to_string())?;
            return strong(key).map(Some).map_err(|error| error.to_string());
        }
        context.key.map(host_key).transpose().map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{redact::Redaction, testkit::FakeHost};
    use std::path::Path;

    const KEY: &str = "a made-up key of a customer";

    fn host(name: &str) -> FakeHost {
        FakeHost::new().file("/etc/hostname", name)
    }

    fn on(host: &FakeHost, identities: &Identities) -> Result<Redaction, RuleError> {
        let env = |name: &str| (name == "REDACT_KEY").then(|| KEY.to_owned());
        let context = RuleContext { base: Path::new("/"), env: &env, host: Some(host), key: None };
        identities.rules("people", &context).and_then(Redaction::compile)
    }

    fn with(key: SecretSource) -> Identities {
        Identities { key: Some(key), ..Identities::default() }
    }

    #[test]
    fn two_hosts_with_one_key_give_the_same_pseudonyms() {
        let keyed = with(SecretSource::Env("REDACT_KEY".into()));
        let [one, two] = ["shop1", "shop2"].map(|name| on(&host(name), &keyed).unwrap());
        let text = "10.42.7.1 52:54:00:ab:cd:ef zoe@made-up.net /home/zmadeup";
        assert_eq!(one.text(text), two.text(text));
        assert_ne!(one.text("shop1"), "shop1");
        assert_eq!(two.text("shop1"), "shop1", "only its own host knows it");
        let unkeyed = Identities::default();
        let [one, again] = [(); 2].map(|()| on(&host("shop1"), &unkeyed).unwrap());
        assert_ne!(one.text("shop1"), again.text("shop1"), "without a place for a key");
    }

    #[test]
    fn the_key_is_shown_nowhere() {
        let keyed = with(SecretSource::Literal(Secret::new(KEY)));
        let scrubbed = on(&host("shop1"), &keyed).unwrap().text(&format!("key = {KEY}"));
        assert_eq!(scrubbed, "key = [redacted:people]");
        let short = with(SecretSource::Literal(Secret::new("hunter2")));
        let error = on(&host("shop1"), &short).err().unwrap().to_string();
        assert!(error.contains("16 characters") && !error.contains("hunter2"), "{error}");
        assert!(!format!("{keyed:?}").contains(KEY));
    }

    #[test]
    fn a_rule_can_be_left_out_by_its_name() {
        let without =
            |name: &str| Identities { except: vec![name.into()], ..Identities::default() };
        let redaction = on(&host("shop1"), &without("host")).unwrap();
        assert_eq!(redaction.text("shop1"), "shop1");
        assert_ne!(redaction.text("10.42.7.1"), "10.42.7.1");
        assert!(on(&host("shop1"), &without("no-such-rule")).is_err());
    }
}
