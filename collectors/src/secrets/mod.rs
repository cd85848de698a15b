//! The rules of the redactor `secrets`, made from what vendors and manuals publish about formats.

mod assignment;
mod below;
mod commands;
mod directives;
mod extent;
mod formats;
mod key;
mod known;
mod label;
mod pair;
mod place;
mod prose;
mod random;
mod sections;
mod sign;
mod speech;
mod text;
mod value;
mod vendors;
mod words;

use collect_core::redact::{Rule, RuleError};

/// All rules, more certain ones first: they name what several find.
pub(crate) fn rules() -> Result<Vec<Rule>, RuleError> {
    let mut rules = text::private_keys()?;
    rules.extend(vendors::rules()?);
    rules.extend(text::rules()?);
    rules.extend(commands::rules()?);
    rules.extend(formats::rules()?);
    rules.extend(assignment::rules()?);
    rules.extend(directives::rules()?);
    rules.extend(sections::rules()?);
    rules.extend(known::rules()?);
    rules.extend(prose::rules()?);
    Ok(rules)
}

#[cfg(test)]
mod forms;
