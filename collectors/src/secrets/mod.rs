//! The rules of the redactor `secrets`, made from what vendors and manuals publish about formats.

mod arguments;
mod assignment;
mod below;
mod commands;
mod directives;
mod encoded;
mod extent;
mod formats;
mod http;
mod key;
mod kinds;
mod known;
mod label;
mod labels;
mod lists;
mod lone;
mod near;
mod numbers;
mod pair;
mod phrase;
mod pipes;
mod place;
mod placeholder;
mod prose;
mod protocols;
mod random;
mod reference;
mod sections;
mod shape;
mod sign;
mod speech;
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
    rules.extend(lone::rules()?);
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
        formats::rules,
        assignment::rules,
        directives::rules,
        sections::rules,
        known::rules,
        prose::rules,
        table::rules,
        labels::rules,
        kinds::rules,
    ] {
        rules.extend(of()?);
    }
    Ok(rules)
}

#[cfg(test)]
mod forms;
#[cfg(test)]
mod mangled;
#[cfg(test)]
mod needed;
