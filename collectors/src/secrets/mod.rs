//! The rules of the redactor `secrets`, made from what vendors and manuals publish about formats.

mod arguments;
mod assignment;
mod commands;
mod key;
mod labels;
mod lists;
mod pipes;
mod prose;
mod table;
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
    rules.extend(pipes::rules()?);
    rules.extend(lists::rules()?);
    rules.extend(assignment::rules()?);
    rules.extend(prose::rules()?);
    rules.extend(table::rules()?);
    rules.extend(labels::rules()?);
    Ok(rules)
}

#[cfg(test)]
mod forms;
