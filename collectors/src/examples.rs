//! Texts that show what a redactor of a profile means, and are tried when the profile is checked.

use collect_core::redact::{Invalid, Redaction, Rule, RuleError};
use schemars::JsonSchema;
use serde::Deserialize;

/// Texts that show what is meant.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Examples {
    /// Lines in which something is replaced.
    pub(crate) hit: Vec<String>,
    /// Lines in which nothing is.
    pub(crate) miss: Vec<String>,
}

impl Examples {
    /// Says what is wrong with rules, by themselves or by these examples. An error of the rules is
    /// meant for `option`.
    pub(crate) fn check(
        &self,
        option: &'static str,
        rules: Result<Vec<Rule>, RuleError>,
    ) -> Vec<Invalid> {
        let redaction = match rules.and_then(Redaction::compile) {
            Ok(redaction) => redaction,
            Err(error) => return vec![invalid(option, error.to_string(), None)],
        };
        let replaced = |text: &&String| redaction.text(text) != **text;
        let wrong = |text: &String, is: &str| {
            let help = format!("correct `{option}` or the example");
            invalid("examples", format!("the example `{text}` is {is}"), Some(help))
        };
        let missed = self.hit.iter().filter(|text| !replaced(text));
        let changed = self.miss.iter().filter(replaced);
        missed
            .map(|text| wrong(text, "not changed"))
            .chain(changed.map(|text| wrong(text, "changed")))
            .collect()
    }
}

/// Something that is wrong with an option.
pub(crate) fn invalid(option: &'static str, message: String, help: Option<String>) -> Invalid {
    Invalid { option, message, help }
}
