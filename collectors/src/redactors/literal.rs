//! Removes values that are known beforehand.

use crate::examples::invalid;
use collect_core::{
    Redactor,
    redact::{Invalid, Rule, RuleContext, RuleError},
    register,
    secret::SecretSource,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Removes values that are known beforehand: as they are, and as base64, percent-encoded, escaped
/// for JSON or in hexadecimal.
///
/// ```toml
/// [redact.ours]
/// use = "literal"
/// values = [{ file = "db.password" }, { env = "KOMAND_TOKEN" }]
/// ```
///
/// The values are never shown. One that cannot be read, or that has fewer than four characters,
/// refuses the profile: what it is could not be removed.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Literal {
    /// The values. Of a file, every line that is not empty is a value of its own; a relative file is
    /// meant from the folder of the profile. Required.
    values: Vec<SecretSource>,
    /// Whether files and variables may be missing: there is nothing to remove then.
    optional: bool,
}

register!("literal" => Literal as Redactor);

impl Redactor for Literal {
    fn rules(&self, id: &str, context: &RuleContext<'_>) -> Result<Vec<Rule>, RuleError> {
        let mut rules = Vec::new();
        for source in &self.values {
            let secret = match source.resolve(context.base, context.env) {
                Ok(secret) => secret,
                Err(_) if self.optional => continue,
                Err(source) => return Err(RuleError::Secret { rule: id.to_owned(), source }),
            };
            let lines = secret.reveal().lines().map(str::trim).filter(|line| !line.is_empty());
            for line in lines {
                rules.push(Rule::literal(id, line.as_bytes())?);
            }
        }
        Ok(rules)
    }

    fn check(&self) -> Vec<Invalid> {
        if self.values.is_empty() {
            let help = "write it like `values = [{ file = \"db.password\" }]`".to_owned();
            return vec![invalid("values", "no value is given".into(), Some(help))];
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{Secret, redact::Redaction};
    use std::path::Path;

    fn literal(values: Vec<SecretSource>) -> Literal {
        Literal { values, optional: false }
    }

    fn env(name: &str) -> Option<String> {
        let known =
            [("ONE", "hunter2hunter2"), ("FILE", "first-line\n\n second-line \n"), ("PIN", "12")];
        known.iter().find(|known| known.0 == name).map(|known| known.1.to_owned())
    }

    fn rules(literal: &Literal) -> Result<Vec<Rule>, RuleError> {
        literal
            .rules("ours", &RuleContext { base: Path::new("/"), env: &env, host: None, key: None })
    }

    #[test]
    fn a_value_and_every_line_of_a_value_is_removed_also_encoded() {
        let sources = vec![
            SecretSource::Env("ONE".into()),
            SecretSource::Env("FILE".into()),
            SecretSource::Literal(Secret::new("Correct Horse")),
        ];
        let redaction = Redaction::compile(rules(&literal(sources)).unwrap()).unwrap();
        let text = "a hunter2hunter2 b first-line c second-line d Correct%20Horse e";
        let gone = "[redacted:ours]";
        assert_eq!(redaction.text(text), format!("a {gone} b {gone} c {gone} d {gone} e"));
        assert_eq!(redaction.text("Basic aHVudGVyMmh1bnRlcjI="), format!("Basic {gone}I="));
    }

    #[test]
    fn what_cannot_be_read_or_looked_for_refuses_the_profile_and_is_not_shown() {
        let missing = literal(vec![SecretSource::Env("NONE".into())]);
        let error = rules(&missing).err().unwrap().to_string();
        assert!(error.contains("`NONE` is not set"), "{error}");
        let optional = Literal { optional: true, ..missing };
        assert!(rules(&optional).unwrap().is_empty());
        let short = rules(&literal(vec![SecretSource::Env("PIN".into())])).err().unwrap();
        assert!(short.to_string().contains("too short") && !short.to_string().contains("12"));
        assert_eq!(Literal::default().check().len(), 1);
        assert!(
            !format!("{:?}", literal(vec![SecretSource::Literal(Secret::new("hunter2"))]))
                .contains("hunter2")
        );
    }
}
