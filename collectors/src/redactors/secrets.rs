//! Removes passwords, tokens, keys and other credentials.

use collect_core::{
    Redactor, register,
    redact::{Rule, RuleError},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Removes passwords, tokens, private keys and other credentials.
///
/// Finds tokens by the formats that vendors publish, values by their keys in any common format of
/// configuration, and what stands in URLs, headers, command lines, SQL and sentences. Every profile
/// has it, as `[redact.secrets]`, unless it says otherwise.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Secrets {
    /// Rules that are not applied, by the name that a replacement shows: `[redacted:NAME]`.
    except: Vec<String>,
}

register!("secrets" => Secrets as Redactor);

impl Redactor for Secrets {
    fn rules(&self, _: &str) -> Result<Vec<Rule>, RuleError> {
        let mut rules = crate::secrets::rules()?;
        for name in &self.except {
            if !rules.iter().any(|rule| rule.id() == name) {
                return Err(RuleError::Unusable {
                    rule: name.clone(),
                    reason: "`secrets` has no rule of that name".into(),
                });
            }
        }
        rules.retain(|rule| !self.except.iter().any(|name| name == rule.id()));
        Ok(rules)
    }
}
