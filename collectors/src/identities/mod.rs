//! The rules of the redactor `identities`, one file for each kind of identity.
//!
//! What has a shape of its own (an address, a card number) is found by it and by what stands around
//! it. What has none (a name) is found where the host knows it, or where the words before it say
//! what follows.

mod card;
#[cfg(test)]
mod clean;
mod email;
mod host;
mod iban;
mod ipv4;
mod ipv6;
mod layout;
mod mac;
mod national;
#[cfg(test)]
mod needed;
mod person;
mod phone;
mod place;
#[cfg(test)]
mod tests;
mod user;

use self::layout::Way;
use collect_core::redact::{HostFacts, Rule, RuleError, pseudonym::Pseudonyms};
use std::sync::Arc;

/// All rules; `columns` says whether the hosts of logs are hidden that this host does not know. The
/// more certain rules come first: they name what several find.
pub(crate) fn rules(
    pseudonyms: &Arc<Pseudonyms>,
    facts: &HostFacts,
    columns: bool,
) -> Result<Vec<Rule>, RuleError> {
    let mut rules = vec![
        email::rule(pseudonyms)?,
        ipv6::rule(pseudonyms, Way::Hide)?,
        mac::rule(pseudonyms, Way::Hide)?,
        ipv4::rule(pseudonyms, Way::Hide)?,
        card::rule(pseudonyms, Way::Hide)?,
        iban::rule(pseudonyms, Way::Hide)?,
        national::rule(pseudonyms, Way::Hide)?,
    ];
    rules.extend(phone::rules(pseudonyms, Way::Hide)?);
    rules.extend(host::rules(pseudonyms, facts, columns)?);
    rules.extend(user::rules(pseudonyms, facts)?);
    rules.extend(person::rules(pseudonyms, facts)?);
    rules.extend(place::rules(pseudonyms)?);
    Ok(rules)
}

/// Rules that turn pseudonyms back: the same as those that made them, for what is found by its
/// shape or by the words around is found by them again.
pub(crate) fn revealing(pseudonyms: &Arc<Pseudonyms>) -> Result<Vec<Rule>, RuleError> {
    let keyed = Arc::clone(pseudonyms);
    let names =
        Rule::sweep("name", Pseudonyms::names)?.replaced(move |value| keyed.named(value)).aligned();
    let mut rules = vec![
        names,
        ipv6::rule(pseudonyms, Way::Show)?,
        mac::rule(pseudonyms, Way::Show)?,
        ipv4::rule(pseudonyms, Way::Show)?,
        card::rule(pseudonyms, Way::Show)?,
        iban::rule(pseudonyms, Way::Show)?,
        national::rule(pseudonyms, Way::Show)?,
    ];
    rules.extend(phone::rules(pseudonyms, Way::Show)?);
    Ok(rules)
}
