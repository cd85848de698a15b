//! The rules of the redactor `secrets`, made from what vendors and manuals publish about formats.

mod assignment;
mod commands;
mod key;
mod near;
mod prose;
mod shape;
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
    rules.extend(assignment::rules()?);
    rules.extend(prose::rules()?);
    Ok(rules)
}

#[cfg(test)]
mod forms;
