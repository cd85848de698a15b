//! National identity numbers, where the words before say what they are.

use super::layout::{Way, digits};
use collect_core::redact::{Rule, RuleError, pseudonym::Pseudonyms};
use std::sync::Arc;

const NUMBER: &str = r#"(?i)(?:^|[^a-z])(?:ssn|social[ _-]?security(?:[ _-]?(?:number|no|num|nr))?|national[ _-]?id(?:entity)?(?:[ _-]?(?:number|no))?|tax[ _-]?id|taxpayer[ _-]?id|itin|sin|nino|nhs[ _-]?number|passport(?:[ _-]?(?:number|no))?|personalausweis|steuer-?id|pesel|dni|nie|codice[ _]fiscale)\.?\\*["']?\s{0,3}[:=#]?\s{0,3}\\*["']?(?<secret>[0-9A-Z]{0,3}[0-9]{2,3}[- ]?[0-9]{2,3}[- ]?[0-9]{2,4}[- ]?[0-9A-Z]{0,4})(?:[^0-9A-Za-z]|$)"#;

const ANCHORS: &[&str] = &[
    "ssn",
    "social security",
    "social_security",
    "social-security",
    "socialsecurity",
    "national id",
    "national_id",
    "nationalid",
    "national-id",
    "national identity",
    "tax id",
    "tax_id",
    "tax-id",
    "taxid",
    "taxpayer",
    "itin",
    "sin:",
    "sin\"",
    "nino",
    "nhs number",
    "nhs_number",
    "passport",
    "personalausweis",
    "steuer",
    "pesel",
    "dni",
    "codice fiscale",
];

pub(super) fn rule(pseudonyms: &Arc<Pseudonyms>, way: Way) -> Result<Rule, RuleError> {
    let pseudonyms = Arc::clone(pseudonyms);
    let rule =
        Rule::pattern("national-id", ANCHORS.iter().copied(), NUMBER)?.before(may_go_on).valid(
            |value| (8..=12).contains(&value.iter().filter(|byte| byte.is_ascii_digit()).count()),
        );
    Ok(rule.replaced(move |value| Some(digits(&pseudonyms, way, "national-id", value, 0))))
}

/// Whether a number may follow what ends here, and not the rest of a word such as `writing`.
fn may_go_on(rest: &[u8]) -> bool {
    // `entity number`, `id`, `number`; or the letters of a number.
    let word = rest.first().is_some_and(u8::is_ascii_alphabetic);
    !word || b"einEIN".contains(&rest[0]) || rest.iter().take(4).any(u8::is_ascii_digit)
}
