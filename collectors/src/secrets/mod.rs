//! The rules of the redactor `secrets`, made from what vendors and manuals publish about formats.

mod arguments;
mod assignment;
mod commands;
mod encoded;
mod http;
mod key;
mod labels;
mod lists;
mod near;
mod pipes;
mod prose;
mod protocols;
mod shape;
mod sql;
mod table;
mod text;
mod value;
mod vendors;
mod words;

use collect_core::redact::{Rule, RuleError};

/// All rules, more certain ones first: they name what several find.
pub(crate) fn rules() -> Result<Vec<Rule>, RuleError> {
    let mut rules = plain_rules()?;
    rules.extend(encoded::rules(plain_rules)?);
    Ok(rules)
}

/// The rules for what is not encoded.
fn plain_rules() -> Result<Vec<Rule>, RuleError> {
    let mut rules = text::private_keys()?;
    for of in [
        vendors::rules,
        http::rules,
        sql::rules,
        text::rules,
        protocols::rules,
        commands::rules,
        pipes::rules,
        lists::rules,
        assignment::rules,
        prose::rules,
        table::rules,
        labels::rules,
    ] {
        rules.extend(of()?);
    }
    Ok(rules)
}

#[cfg(test)]
mod forms;
