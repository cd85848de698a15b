//! The rules of the redactor `identities`, one file for each kind of identity.
//!
//! What has a shape of its own (an address, a card number) is found by it and by what stands around
//! it. What has none (a name) is found where the host knows it, or where the words before it say
//! what follows.

mod card;
mod email;
mod host;
mod iban;
mod ipv4;
mod ipv6;
mod layout;
mod mac;
mod national;
mod person;
mod phone;
mod place;
#[cfg(test)]
mod tests;
mod user;

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
        ipv6::rule(pseudonyms)?,
        mac::rule(pseudonyms)?,
        ipv4::rule(pseudonyms)?,
        card::rule(pseudonyms)?,
        iban::rule(pseudonyms)?,
        national::rule(pseudonyms)?,
    ];
    rules.extend(phone::rules(pseudonyms)?);
    rules.extend(host::rules(pseudonyms, facts, columns)?);
    rules.extend(user::rules(pseudonyms, facts)?);
    rules.extend(person::rules(pseudonyms, facts)?);
    rules.extend(place::rules(pseudonyms)?);
    Ok(rules)
}
