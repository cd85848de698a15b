//! The settings of those who file tickets for others: a ticket system, and others for some products.

use super::{TicketSink, envelope::EnvelopeKey, notice::refused};
use crate::bundle::slug;
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};

/// Which ticket system a report goes to.
///
/// In TOML: `[ticket]` with the options that a profile has in `[deliver.ID]`, `[product.NAME]` with
/// those that are different for one product, and `identity`, the age identity that opens envelopes.
pub struct TicketSettings {
    ticket: TicketSink,
    products: BTreeMap<String, TicketSink>,
    identity: Option<EnvelopeKey>,
}

impl TicketSettings {
    /// Reads the settings.
    ///
    /// # Errors
    ///
    /// Says what is wrong with them, and what to write; no value is repeated.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parsed = DeTable::parse(text).map_err(|error| refused(&error, text))?;
        let mut all = parsed.into_inner();
        let table = |name: &str, value| match value {
            DeValue::Table(table) => Ok(table),
            _ => Err(format!("`{name}` has to be a section: `[{name}]`")),
        };
        let ticket = all.remove("ticket").ok_or("there is no section `[ticket]`")?;
        let ticket = table("ticket", ticket.into_inner())?;
        let mut products = BTreeMap::new();
        if let Some(given) = all.remove("product") {
            for (name, own) in table("product", given.into_inner())? {
                let name = name.into_inner();
                let section = format!("product.{name}");
                if slug(&name) != name {
                    let written = slug(&name);
                    return Err(format!("`[{section}]` has to be written `[product.{written}]`"));
                }
                let own = table(&section, own.into_inner())?;
                let own = over(&ticket, own);
                let sink =
                    TicketSink::built(own, text).map_err(|why| format!("`[{section}]`: {why}"));
                products.insert(name.into_owned(), sink?);
            }
        }
        let identity = all.remove("identity").map(|identity| match identity.into_inner() {
            DeValue::String(identity) => EnvelopeKey::parse(&identity),
            _ => None,
        });
        if matches!(identity, Some(None)) {
            return Err(
                "`identity` has to be `\"AGE-SECRET-KEY-1…\"`, as age-keygen writes it".into()
            );
        }
        if all.keys().next().is_some() {
            return Err("there may only be `identity`, `[ticket]` and `[product.NAME]`".into());
        }
        let ticket = TicketSink::built(ticket, text).map_err(|why| format!("`[ticket]`: {why}"))?;
        Ok(Self { ticket, products, identity: identity.flatten() })
    }

    /// Where the reports of a product go; it is written as in their keys.
    pub fn of(&self, product: &str) -> &TicketSink {
        self.products.get(product).unwrap_or(&self.ticket)
    }

    /// Whether a product has options of its own.
    pub fn knows(&self, product: &str) -> bool {
        self.products.contains_key(product)
    }

    /// What opens envelopes, if it was given.
    pub fn identity(&self) -> Option<&EnvelopeKey> {
        self.identity.as_ref()
    }
}

/// The options of a product: those of all, except for its own. One that names its ticket system
/// itself shares nothing.
fn over<'t>(all: &DeTable<'t>, own: DeTable<'t>) -> DeTable<'t> {
    if own.contains_key("use") {
        return own;
    }
    let mut options = all.clone();
    for (name, value) in own {
        options.insert(name, value);
    }
    options
}
