//! Removes everything but what the profile lists.

use crate::{
    examples::{Examples, invalid},
    fields::unknown_fields,
};
use collect_core::{
    Redactor,
    redact::{Invalid, Rule, RuleContext, RuleError},
    register,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Removes everything but listed fields from lines of JSON, or of `key=value` pairs.
///
/// ```toml
/// [redact.audit]
/// use = "unknown"
/// lines = ['"logger":"audit"']
/// keep = ["time", "level", "logger", "http.status"]
/// examples = { hit = ['{"logger":"audit","user":"x"}'] }
/// ```
///
/// Names of fields stay; the value of a field that is not listed is removed as a whole. Of a line
/// that is neither JSON nor pairs nothing is kept. A file in which such a line has more than 1 MiB
/// is left out.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Unknown {
    /// Texts of three bytes or more, of which one stands in every line that is meant, in any case.
    /// Other lines stay as they are. Required.
    lines: Vec<String>,
    /// The fields that are kept, with all that is in them; `a.b` is the field `b` in the object `a`.
    keep: Vec<String>,
    /// Texts that show what is meant; the profile is refused if they are wrong.
    examples: Examples,
}

register!("unknown" => Unknown as Redactor);

impl Redactor for Unknown {
    fn rules(&self, id: &str, _: &RuleContext<'_>) -> Result<Vec<Rule>, RuleError> {
        let keep = self.keep.clone();
        Ok(vec![Rule::lines(id, &self.lines, move |line| unknown_fields(line, &keep))?])
    }

    fn check(&self) -> Vec<Invalid> {
        if self.lines.is_empty() {
            let help = "write what stands in all of them, like `lines = ['\"logger\":\"audit\"']`";
            let message = "it is not said which lines are meant".to_owned();
            return vec![invalid("lines", message, Some(help.to_owned()))];
        }
        self.examples.check("lines", self.rules("example", &RuleContext::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::redact::Redaction;

    #[test]
    fn of_the_lines_that_are_meant_only_what_is_listed_is_kept() {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let unknown = Unknown {
            lines: texts(&["audit"]),
            keep: texts(&["log", "time"]),
            ..Unknown::default()
        };
        assert!(unknown.check().is_empty());
        let rules = unknown.rules("x", &RuleContext::default()).unwrap();
        let redaction = Redaction::compile(rules).unwrap();
        let text = "{\"log\":\"audit\",\"user\":\"svc\"}\nuser=svc\nlog=audit user=svc time=1\n";
        assert_eq!(
            redaction.text(text),
            "{\"log\":\"audit\",\"user\":\"[redacted:x]\"}\nuser=svc\n\
             log=audit user=[redacted:x] time=1\n"
        );
        assert_eq!(Unknown::default().check().len(), 1);
        let short = Unknown { lines: texts(&["a"]), ..Unknown::default() };
        assert!(short.check()[0].message.contains("shorter than three bytes"));
    }
}
