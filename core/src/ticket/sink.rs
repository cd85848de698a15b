//! A ticket system as a sink: tickets straight from the host.

use super::{Filing, Origin, PAUSE, Template, TicketSystem, Unrecorded, file, letter};
use crate::{
    collector::Invalid,
    secret::SecretSource,
    sink::{DeliveryContext, DeliveryError, Receipt, Sealed, Sink},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;

/// The options that every ticket system has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct TicketOptions {
    /// The address of the ticket system, such as `https://tickets.example.com`.
    pub url: String,
    /// The title of a ticket, with placeholders: `{product}`, `{id}`, `{file}`, `{description}`,
    /// `{host}`, `{os}`. It must have `{id}`, by which a ticket is found again;
    /// `{product}: {description} [{id}]` if not given.
    pub title: Template,
    /// The text of a ticket, in the markup of the ticket system. The placeholders `{info}`,
    /// `{missing}`, `{description}`, `{contact}`, `{answers}` and `{summary}` are paragraphs with a
    /// heading, or nothing if there is nothing to say; `{product}`, `{id}`, `{file}` and `{host}`
    /// are words. If not given, it is all of the paragraphs in this order.
    pub body: Template,
    /// A PEM file of certificate authorities that are trusted besides the host's own. A relative
    /// path is meant from the profile's folder.
    pub ca_file: Option<PathBuf>,
    /// The proxy: `http://`, `https://` or `socks5h://`, a user and password included if it asks
    /// for them. Without it, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` of the environment hold.
    pub proxy: Option<String>,
}

impl Default for TicketOptions {
    fn default() -> Self {
        let template = |text| Template::parse(text).expect("its braces are closed");
        Self {
            url: String::new(),
            title: template("{product}: {description} [{id}]"),
            body: template(
                "{info}\n\n{missing}\n\n{description}\n\n{contact}\n\n{answers}\n\n{summary}",
            ),
            ca_file: None,
            proxy: None,
        }
    }
}

impl TicketOptions {
    /// What is wrong with the templates.
    fn check(&self) -> Vec<Invalid> {
        let mut wrong = Vec::new();
        let templates = [
            ("title", &self.title, letter::IN_TITLE.as_slice()),
            ("body", &self.body, &letter::IN_BODY),
        ];
        for (option, template, known) in templates {
            if let Some((message, help)) = template.objection(known) {
                wrong.push(Invalid { option, message, help: Some(help) });
            }
        }
        if !self.title.has("id") {
            wrong.push(Invalid {
                option: "title",
                message: "the title has no `{id}`, by which a ticket is found again".into(),
                help: Some("without it, a lost answer would lead to a second ticket".into()),
            });
        }
        wrong
    }
}

/// A ticket system, configured, that bundles are delivered to.
pub struct TicketSink {
    /// The ticket system.
    pub system: Box<dyn TicketSystem>,
    /// The options that every ticket system has.
    pub options: TicketOptions,
}

impl Sink for TicketSink {
    fn deliver(
        &self,
        bundle: &Sealed,
        context: &DeliveryContext<'_>,
    ) -> Result<Receipt, DeliveryError> {
        let tickets = self.system.connect(&self.options, context)?;
        let mut origin = Origin { file: bundle.name(), request: "", source: None };
        let key = origin.key().to_owned();
        origin.request = &key;
        let filed = file(&Filing {
            tickets: &*tickets,
            markup: self.system.markup(),
            options: &self.options,
            origin,
            brief: context.brief,
            file: bundle,
            remarks: &[],
            elsewhere: context.elsewhere,
            watch: context.watch,
            journal: &Unrecorded,
            pause: PAUSE,
        })?;
        Ok(Receipt {
            location: filed.ticket.url,
            reference: None,
            ticket: Some(filed.ticket.number),
            at: Timestamp::now(),
        })
    }

    fn check(&self) -> Vec<Invalid> {
        let mut wrong = self.options.check();
        wrong.extend(self.system.check(&self.options));
        wrong
    }

    fn secrets(&self) -> Vec<SecretSource> {
        self.system.secrets(&self.options)
    }

    fn destination(&self) -> String {
        let system = self.system.destination(&self.options);
        format!("{system}, where description and contact can be read")
    }

    fn tickets(&self) -> Option<&TicketSink> {
        Some(self)
    }

    fn wants_brief(&self) -> bool {
        true
    }
}
