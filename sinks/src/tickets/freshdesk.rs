//! `freshdesk`: opens a ticket in Freshdesk.

mod shapes;

use crate::api::{self, Api, Effect, invalid, is_address, refused, wrong_templates};
use collect_core::{
    Invalid, TicketSystem,
    secret::SecretSource,
    sink::{DeliveryContext, DeliveryError},
    ticket::{
        Attachment, Holding, Letter, Markup, Opened, Template, Ticket, TicketError, TicketOptions,
        Tickets,
    },
    units::Size,
};
use reqwest::{Method, header::HeaderMap};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use shapes::{attachments, form, ignored, list, too_large_if_attachments};
use std::{collections::BTreeMap, time::Duration};

/// Opens a ticket in Freshdesk with the bundle attached.
///
/// This follows Freshdesk's documentation, <https://developers.freshdesk.com/api/>, and was not run
/// against a live Freshdesk. The account of the key has to be an agent that may see all tickets.
///
/// Texts are HTML. The attachments of a ticket may have 20 MB in all. For larger bundles deliver to
/// a bucket first: the ticket then says where the bundle is.
///
/// A ticket is found again by its tag, `collect-` and the id of the report, or by `key-field`. The
/// search of Freshdesk knows a new ticket only after some minutes and an archived one no more, so the
/// hundred newest tickets are looked through as well. When an answer was lost, five minutes pass
/// before it is tried again.
///
/// ```toml
/// [deliver.desk]
/// use = "freshdesk"
/// url = "https://komand.freshdesk.com"
/// api-key = { env = "FRESHDESK_KEY" }
/// email = "reports@example.com"
/// tags = ["collect"]
/// ```
#[derive(Deserialize, JsonSchema, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Freshdesk {
    /// The API key of the agent who opens the tickets; Freshdesk shows it in the settings of the
    /// profile.
    api_key: Option<SecretSource>,
    /// The mail address of the requester, whom Freshdesk wants to know: one of the team's own. The
    /// requester can read a ticket's description, and Freshdesk may send it to them by mail.
    email: String,
    /// Whom a ticket is from: the address of `email`, or with `contact` the mail address that the
    /// user gave, if it is one and no pseudonym, and otherwise that of `email` as well. Freshdesk
    /// makes a contact of an address that it does not know. `email` if not given.
    requester: Requester,
    /// The priority; `low` if not given.
    priority: Priority,
    /// The type, as it is named there, where Freshdesk asks for one.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Tags of the ticket.
    tags: Vec<String>,
    /// The number of the group that the ticket is for.
    group: Option<u64>,
    /// The number of the product that the ticket is about.
    product: Option<u64>,
    /// Values of custom fields, by the fields' names, with the placeholders of `title`:
    /// `fields = { cf_host = "{host}" }`.
    fields: BTreeMap<String, Template>,
    /// The name of a custom field, a single line of text, that holds the id of the report, by which
    /// a ticket is found again; without it, each ticket has a tag of its own.
    key_field: Option<String>,
}

/// Whom a ticket is from.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Requester {
    /// The address in the profile.
    #[default]
    Email,
    /// The user, if an address is known.
    Contact,
}

/// How urgent a ticket is.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Priority {
    /// Low.
    #[default]
    Low = 1,
    /// Medium.
    Medium = 2,
    /// High.
    High = 3,
    /// Urgent.
    Urgent = 4,
}

/// How many bytes the attachments of a ticket may have in all; 20 MB.
const ROOM: u64 = 20_000_000;

/// How long the search may not know of a ticket: some minutes, it is said.
const LAG: Duration = Duration::from_mins(5);

/// How many tickets or conversations Freshdesk tells at once.
const PAGE: usize = 100;

/// How many pages of conversations of a ticket are looked at.
const PAGES: usize = 20;

/// What tickets are, by number.
const OPEN: u64 = 2;
const CLOSED: u64 = 5;

collect_core::register!("freshdesk" => Freshdesk as TicketSystem);

impl TicketSystem for Freshdesk {
    fn connect<'c>(
        &'c self,
        options: &'c TicketOptions,
        context: &'c DeliveryContext<'c>,
    ) -> Result<Box<dyn Tickets + 'c>, DeliveryError> {
        Ok(Box::new(self.account(options, context)?))
    }

    fn check(&self, options: &TicketOptions) -> Vec<Invalid> {
        let mut wrong = api::check(options);
        if self.api_key.is_none() {
            let help = "write `api-key = { file = \"freshdesk.key\" }`";
            wrong.push(invalid("api-key", "no key of an account is given", help));
        }
        if !is_address(&self.email) {
            let message = format!("`{}` is no mail address of a requester", self.email);
            let help =
                "write an address of the team's own, such as `email = \"reports@example.com\"`";
            wrong.push(invalid("email", message, help));
        }
        for tag in &self.tags {
            if tag.is_empty() || tag.contains(',') {
                let message = format!("`{tag}` is no tag");
                wrong.push(invalid("tags", message, "write each tag by itself, without commas"));
            }
        }
        let help = "Freshdesk shows it with the field (Admin, Ticket Fields), such as `cf_host`";
        if let Some(name) = self.key_field.as_ref().filter(|name| !is_field(name)) {
            let message = format!("`{name}` is no name of a custom field");
            wrong.push(invalid("key-field", message, help));
        }
        for name in self.fields.keys() {
            if !is_field(name) {
                let message = format!("`{name}` is no name of a custom field");
                wrong.push(invalid("fields", message, help));
            }
        }
        wrong.extend(wrong_templates(self.fields.values()));
        wrong
    }

    fn secrets(&self, options: &TicketOptions) -> Vec<SecretSource> {
        api::secrets(options, self.api_key.as_ref())
    }

    fn destination(&self, options: &TicketOptions) -> String {
        format!("Freshdesk at {}", api::host(options))
    }

    fn markup(&self) -> Markup {
        Markup::Html
    }
}

impl Freshdesk {
    fn account<'c>(
        &'c self,
        options: &TicketOptions,
        context: &DeliveryContext<'c>,
    ) -> Result<Account<'c>, DeliveryError> {
        let key = self.api_key.as_ref().ok_or_else(|| refused("no key", "write `api-key`"))?;
        let key = context.secret(key)?;
        // Freshdesk wants some password behind the key.
        let api = Api::new(options, context, help)?.with_pair(key.reveal(), "X", &key)?;
        Ok(Account { freshdesk: self, api, lag: LAG })
    }
}

/// What a status means at Freshdesk.
fn help(status: u16) -> Option<&'static str> {
    match status {
        400 => Some(
            "correct in the profile what Freshdesk names: it wants a field that `fields` or `type` \
             does not give, or does not know the one of `fields` or `key-field`",
        ),
        401 => {
            Some("`api-key` is not accepted (any more): put a valid one there, then `collect send`")
        }
        403 => Some(
            "the account of `api-key` has to be an agent that may see all tickets, and neither it \
             nor Freshdesk itself may be locked",
        ),
        404 => {
            Some("there is no Freshdesk of that name: write `url = \"https://NAME.freshdesk.com\"`")
        }
        _ => None,
    }
}

/// A Freshdesk that can be spoken to.
struct Account<'c> {
    freshdesk: &'c Freshdesk,
    api: Api<'c>,
    lag: Duration,
}

impl Tickets for Account<'_> {
    fn find(&self, key: &str) -> Result<Vec<Ticket>, TicketError> {
        let newest =
            [("order_by", "created_at"), ("order_type", "desc"), ("per_page", "100")].as_slice();
        let newest = self.api.get("api/v2/tickets", newest)?;
        let mut found = list(&newest);
        if let Some(query) = self.query(key) {
            let searched = self.api.get("api/v2/search/tickets", &[("query", &query)])?;
            found.extend(list(&searched["results"]));
        }
        found.retain(|ticket| self.is_of(ticket, key));
        found.sort_by_key(|ticket| ticket["id"].as_u64());
        found.dedup_by_key(|ticket| ticket["id"].as_u64());
        Ok(found.iter().filter_map(|ticket| self.ticket(ticket)).collect())
    }

    fn get(&self, number: &str) -> Result<Option<Ticket>, TicketError> {
        let number = number.trim().trim_start_matches('#');
        if number.parse::<u64>().is_err() {
            return Ok(None);
        }
        let found = self.api.get_if_there(&format!("api/v2/tickets/{number}"), &[])?;
        let found = found.filter(|ticket| ticket["deleted"] != true && ticket["spam"] != true);
        Ok(found.and_then(|ticket| self.ticket(&ticket)))
    }

    fn open(&self, letter: &Letter, file: Option<&dyn Attachment>) -> Result<Opened, TicketError> {
        let wish = self.wish(letter);
        let made = self.post("api/v2/tickets", &wish, file)?;
        let ticket = self.ticket(&made).ok_or_else(|| {
            refused("the answer names no ticket", "correct `url`: is that a Freshdesk?")
        })?;
        Ok(Opened { ticket, ignored: ignored(&wish, &made) })
    }

    fn attach(
        &self,
        ticket: &Ticket,
        file: &dyn Attachment,
        comment: Option<&str>,
    ) -> Result<(), TicketError> {
        let held: u64 = self.files(ticket)?.iter().map(|(_, size)| size).sum();
        if held + file.len() > ROOM {
            return Err(TicketError::TooLarge(format!(
                "the attachments of a ticket may have {} in all, and it has {}",
                Size(ROOM),
                Size(held)
            )));
        }
        self.note(ticket, comment.unwrap_or("The bundle of this report."), Some(file))
    }

    fn comment(&self, ticket: &Ticket, text: &str) -> Result<(), TicketError> {
        self.note(ticket, text, None)
    }

    fn close(&self, ticket: &Ticket, comment: &str) -> Result<(), TicketError> {
        self.comment(ticket, comment)?;
        let path = format!("api/v2/tickets/{}", ticket.number);
        let (none, change) = (HeaderMap::new, json!({ "status": CLOSED }));
        let changed = self.api.send(&Method::PUT, &path, &none, &change, Effect::Same)?;
        if changed["status"] == CLOSED {
            return Ok(());
        }
        let reason = format!("Freshdesk did not close the ticket {}", ticket.number);
        let help = "let the account of `api-key` close tickets, and see whether a rule opens them \
                    again";
        Err(refused(reason, help).into())
    }

    fn holding(&self, ticket: &Ticket, file: &dyn Attachment) -> Result<Holding, TicketError> {
        let files = self.files(ticket)?.into_iter();
        let named = files.filter(|(name, _)| name == file.name());
        Ok(Holding::of(named.map(|(_, size)| (size, None)), file))
    }

    fn limit(&self) -> Result<Option<u64>, TicketError> {
        Ok(Some(ROOM))
    }

    fn lag(&self) -> Duration {
        self.lag
    }
}

impl Account<'_> {
    fn ticket(&self, ticket: &Value) -> Option<Ticket> {
        let number = ticket["id"].as_u64()?.to_string();
        let url = self.api.url(&format!("a/tickets/{number}")).into();
        Some(Ticket { number, url })
    }

    /// How the search is asked for a key.
    fn query(&self, key: &str) -> Option<String> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        key.chars().all(is_plain).then(|| match &self.freshdesk.key_field {
            Some(field) => format!("\"{field}:'{key}'\""),
            None => format!("\"tag:'{}'\"", tag(key)),
        })
    }

    /// Whether a ticket is that of a key.
    fn is_of(&self, ticket: &Value, key: &str) -> bool {
        let in_field = self.freshdesk.key_field.as_ref();
        let in_field = in_field.is_some_and(|field| ticket["custom_fields"][field] == key);
        let tag = tag(key);
        let is_tagged = list(&ticket["tags"]).iter().any(|held| *held == tag);
        let subject = ticket["subject"].as_str();
        in_field || is_tagged || subject.is_some_and(|subject| subject.contains(key))
    }

    /// The ticket as it is wished for.
    fn wish(&self, letter: &Letter) -> Value {
        let freshdesk = self.freshdesk;
        let mut tags = freshdesk.tags.clone();
        let fields = freshdesk.fields.iter();
        let mut fields: BTreeMap<_, _> =
            fields.map(|(name, value)| (name.clone(), letter.fill(value))).collect();
        match &freshdesk.key_field {
            Some(field) => _ = fields.insert(field.clone(), letter.key.clone()),
            None => tags.push(tag(&letter.key)),
        }
        let contact = api::address(letter);
        let contact = contact.filter(|_| freshdesk.requester == Requester::Contact);
        let mut wish = json!({
            "email": contact.as_ref().unwrap_or(&freshdesk.email),
            "subject": letter.title,
            "description": letter.body,
            "status": OPEN,
            "priority": freshdesk.priority as u64,
            "tags": tags,
            "custom_fields": fields,
        });
        for (member, number) in [("group_id", freshdesk.group), ("product_id", freshdesk.product)] {
            if let Some(number) = number {
                wish[member] = json!(number);
            }
        }
        if let Some(kind) = &freshdesk.kind {
            wish["type"] = json!(kind);
        }
        wish
    }

    /// A private note: agents see it.
    fn note(
        &self,
        ticket: &Ticket,
        text: &str,
        file: Option<&dyn Attachment>,
    ) -> Result<(), TicketError> {
        let path = format!("api/v2/tickets/{}/notes", ticket.number);
        self.post(&path, &json!({ "body": text, "private": true }), file).map(|_| ())
    }

    /// Makes something, with a file in the same request if there is one.
    fn post(
        &self,
        path: &str,
        wish: &Value,
        file: Option<&dyn Attachment>,
    ) -> Result<Value, TicketError> {
        let Some(file) = file else {
            return self.api.send(&Method::POST, path, &HeaderMap::new, wish, Effect::Each);
        };
        let (headers, body) = form(wish).with_file("attachments[]", file);
        let sent = self.api.upload(&self.api.url(path), &|| headers.clone(), &body, Effect::Each);
        sent.map_err(too_large_if_attachments)
    }

    /// All files of a ticket: their names and sizes.
    fn files(&self, ticket: &Ticket) -> Result<Vec<(String, u64)>, TicketError> {
        let path = format!("api/v2/tickets/{}", ticket.number);
        let mut files = attachments(&self.api.get(&path, &[])?);
        let (path, size) = (format!("{path}/conversations"), PAGE.to_string());
        for page in 1..=PAGES {
            let page = page.to_string();
            let query = [("per_page", &*size), ("page", &*page)];
            let conversations = list(&self.api.get(&path, &query)?);
            files.extend(conversations.iter().flat_map(attachments));
            if conversations.len() < PAGE {
                break;
            }
        }
        Ok(files)
    }
}

/// By which a ticket is found again.
fn tag(key: &str) -> String {
    format!("collect-{key}")
}

/// Whether that may be the name of a custom field.
fn is_field(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(is_plain)
}

#[cfg(test)]
mod tests;
