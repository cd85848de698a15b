//! Tickets about something that is no report, such as abuse of the bucket.

use super::{Letter, Ticket, TicketError, TicketOptions, TicketSink, Tickets};
use crate::{
    plugin::{Plugins, Registry},
    profile::{option_names, schema_of},
    sink::{DeliveryContext, DeliveryError},
    ticket::TicketSystem,
};
use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

impl TicketSink {
    /// A ticket system from the options that a profile has in `[deliver.ID]`.
    ///
    /// # Errors
    ///
    /// Says what is wrong with them, and what to write; no value is repeated.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refused = |error| refused(&error, text);
        Self::built(DeTable::parse(text).map_err(refused)?.into_inner(), text)
    }

    /// The same from a part of a text.
    pub(super) fn built(mut own: DeTable<'_>, text: &str) -> Result<Self, String> {
        let refused = |error| refused(&error, text);
        let tickets: Registry<dyn TicketSystem> = Plugins::linked().tickets;
        let names: Vec<_> = tickets.names().collect();
        let wanted = own.remove("use");
        let wanted = wanted.as_ref().and_then(|name| name.get_ref().as_str());
        let plugin = wanted
            .and_then(|name| tickets.get(name))
            .ok_or_else(|| format!("`use` has to be one of: {}", names.join(", ")))?;
        let mut common = DeTable::new();
        for option in option_names(&schema_of::<TicketOptions>()) {
            common.extend(own.remove_entry(option.as_str()));
        }
        let of =
            |table| ValueDeserializer::from(Spanned::new(0..text.len(), DeValue::Table(table)));
        let options = TicketOptions::deserialize(of(common)).map_err(refused)?;
        let mut unknown = Vec::new();
        let built = plugin.build(of(own), &mut |path| unknown.push(path.to_string()));
        let sink = Self { system: built.map_err(refused)?, options };
        if let Some(option) = unknown.first() {
            return Err(format!("`{}` has no option `{option}`", plugin.name));
        }
        match crate::Sink::check(&sink).into_iter().next() {
            Some(wrong) => Err(format!("`{}`: {}", wrong.option, wrong.message)),
            None => Ok(sink),
        }
    }

    /// Says something: in the ticket whose title holds `key`, or in a new one of that title.
    ///
    /// Two who do so at once may open two.
    ///
    /// # Errors
    ///
    /// The ticket system could not be reached, or refused.
    pub fn tell(
        &self,
        key: &str,
        title: &str,
        text: &str,
        context: &DeliveryContext<'_>,
    ) -> Result<Ticket, DeliveryError> {
        let tickets = self.system.connect(&self.options, context)?;
        let text = self.system.markup().block(title, text);
        let title = format!("{title} [{key}]");
        told(&*tickets, &Letter::notice(key, &title, &text)).map_err(|error| match error {
            TicketError::Failed(error) | TicketError::Unsure(error) => error,
            TicketError::TooLarge(reason) => DeliveryError::Refused { reason, help: None },
        })
    }
}

/// Where a text is wrong; what the error says of it may repeat a secret.
pub(super) fn refused(error: &toml::de::Error, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    format!("line {} is no option that can be used", before.matches('\n').count() + 1)
}

fn told(tickets: &dyn Tickets, letter: &Letter) -> Result<Ticket, TicketError> {
    if let Some(ticket) = tickets.find(&letter.key)?.into_iter().next() {
        tickets.comment(&ticket, &letter.body)?;
        return Ok(ticket);
    }
    match tickets.open(letter, None) {
        Ok(opened) => Ok(opened.ticket),
        // It may have been opened without our hearing.
        Err(TicketError::Unsure(error)) => {
            let found = tickets.find(&letter.key)?.into_iter().next();
            found.ok_or(TicketError::Unsure(error))
        }
        Err(error) => Err(error),
    }
}
