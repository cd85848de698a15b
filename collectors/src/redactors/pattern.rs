//! Removes what a regular expression of the profile finds.

use crate::examples::{Examples, invalid};
use collect_core::{
    Redactor,
    redact::{Invalid, Rule, RuleContext, RuleError},
    register,
};
use regex_syntax::{ParserBuilder, hir::literal::Extractor};
use schemars::JsonSchema;
use serde::Deserialize;

/// Removes what a regular expression finds, line by line.
///
/// ```toml
/// [redact.license]
/// use = "pattern"
/// pattern = 'license ACME-(?<secret>[A-Z0-9-]+)'
/// examples = { hit = ["license ACME-AB12C"], miss = ["license expired"] }
/// ```
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[expect(clippy::struct_field_names, reason = "fields are the options of a profile")]
pub(crate) struct Pattern {
    /// The regular expression. It sees bytes; `(?i)` at its start ignores case. Required.
    pattern: String,
    /// The number of the group that is replaced. Without it, the group named `secret` is, or else
    /// the whole match.
    group: Option<usize>,
    /// Words of three bytes or more, of which one stands in every line with a match; in any case.
    /// Without them they are taken from the expression; if it has none, it is run on every line,
    /// which is slow.
    anchors: Vec<String>,
    /// Texts that show what is meant; the profile is refused if they are wrong.
    examples: Examples,
}

register!("pattern" => Pattern as Redactor);

impl Redactor for Pattern {
    fn rules(&self, id: &str, _: &RuleContext<'_>) -> Result<Vec<Rule>, RuleError> {
        let anchors = if self.anchors.is_empty() {
            anchors(&self.pattern)
        } else {
            self.anchors.iter().map(|anchor| anchor.clone().into_bytes()).collect()
        };
        let rule = Rule::pattern(id, anchors, &self.pattern)?;
        Ok(vec![match self.group {
            Some(group) => rule.group(group)?,
            None => rule,
        }])
    }

    fn check(&self) -> Vec<Invalid> {
        if self.pattern.is_empty() {
            return vec![invalid("pattern", "no expression is given".into(), None)];
        }
        self.examples.check("pattern", self.rules("example", &RuleContext::default()))
    }
}

/// Words of which one stands in every match; none if the expression has no such words.
pub(super) fn anchors(pattern: &str) -> Vec<Vec<u8>> {
    let parsed = ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern);
    let Ok(parsed) = parsed else {
        return Vec::new();
    };
    let mut literals = Extractor::new().extract(&parsed);
    literals.optimize_for_prefix_by_preference();
    let Some(literals) = literals.literals() else {
        return Vec::new();
    };
    let usable = literals.iter().all(|word| word.len() >= 3 && !word.as_bytes().contains(&b'\n'));
    if usable { literals.iter().map(|word| word.as_bytes().to_vec()).collect() } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::redact::Redaction;

    fn pattern(pattern: &str) -> Pattern {
        Pattern { pattern: pattern.into(), ..Pattern::default() }
    }

    fn scrubbed(pattern: &Pattern, text: &str) -> String {
        Redaction::compile(pattern.rules("license", &RuleContext::default()).unwrap())
            .unwrap()
            .text(text)
    }

    #[test]
    fn the_group_that_is_named_or_numbered_is_replaced() {
        let named = pattern("ACME-(?<secret>[A-Z0-9]+)");
        assert_eq!(scrubbed(&named, "key ACME-AB12 ok"), "key ACME-[redacted:license] ok");
        let numbered = Pattern { group: Some(1), ..pattern("customer ([0-9]+) of") };
        assert_eq!(scrubbed(&numbered, "customer 77 of 9"), "customer [redacted:license] of 9");
        assert_eq!(scrubbed(&pattern("[0-9]{4}x"), "a 1234x"), "a [redacted:license]");
    }

    #[test]
    fn words_that_must_stand_in_a_match_are_found() {
        assert_eq!(anchors("ACME-[0-9]+"), [b"ACME-"]);
        assert_eq!(anchors("(?:alpha|beta)[0-9]"), [b"alph", b"beta"]);
        assert!(anchors("[0-9]+").is_empty());
        assert!(anchors("(?i)x?").is_empty());
    }

    #[test]
    fn examples_that_are_wrong_refuse_the_profile() {
        let mut acme = pattern("ACME-[0-9]+");
        acme.examples.hit = vec!["ACME-1".into(), "acme".into()];
        acme.examples.miss = vec!["ACME".into(), "ACME-2".into()];
        let messages: Vec<_> = acme.check().into_iter().map(|invalid| invalid.message).collect();
        assert_eq!(
            messages,
            ["the example `acme` is not changed", "the example `ACME-2` is changed"]
        );
        assert_eq!(pattern("(").check().len(), 1);
        assert_eq!(pattern("").check().len(), 1);
    }
}
