//! `request-tracker`: opens a ticket in Request Tracker.

mod content;

use crate::api::{self, Api, Effect, Form, invalid, refused, wrong_templates};
use collect_core::{
    Invalid, Secret, TicketSystem,
    secret::SecretSource,
    sink::{DeliveryContext, DeliveryError},
    ticket::{
        Attachment, Holding, Letter, Markup, Opened, Template, Ticket, TicketError, TicketOptions,
        Tickets,
    },
};
use content::Content;
use reqwest::{Method, header::HeaderMap};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How much Request Tracker lists at a time, at most.
const PAGE: usize = 100;

/// What texts are. Plain ones are shown with their columns out of line, and every indent gone.
const KIND: &str = "text/html";

/// What is put behind the name of an attachment that was dropped.
const DROPPED: &str = ".txt";

/// Opens a ticket in Request Tracker 5 and attaches the bundle.
///
/// The account of the token needs these rights in the queue: `SeeQueue`, `CreateTicket`,
/// `ShowTicket`, `ShowTicketComments`, `CommentOnTicket`, `ModifyTicket`, and for custom fields
/// `SeeCustomField` and `ModifyCustomField`. What a ticket holds is downloaded and compared, since
/// Request Tracker may cut or drop an attachment (`$TruncateLongAttachments`,
/// `$DropLongAttachments`) without a word.
///
/// ```toml
/// [deliver.ticket]
/// use = "request-tracker"
/// url = "https://rt.example.com"
/// token = { file = "rt.token" }
/// queue = "Komand"
/// ```
#[derive(Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
struct RequestTracker {
    /// The authentication token of the account that opens the tickets: Settings, Auth Tokens.
    token: Option<SecretSource>,
    /// The name of the queue.
    queue: String,
    /// The priority, a number; without it, the queue's own.
    priority: Option<u32>,
    /// Values of custom fields, by the fields' names, with the placeholders of `title`:
    /// `fields = { Host = "{host}" }`.
    fields: BTreeMap<String, Template>,
    /// The status of a ticket that is closed.
    closed: String,
}

impl Default for RequestTracker {
    fn default() -> Self {
        Self {
            token: None,
            queue: String::new(),
            priority: None,
            fields: BTreeMap::new(),
            closed: "resolved".into(),
        }
    }
}

collect_core::register!("request-tracker" => RequestTracker as TicketSystem);

impl TicketSystem for RequestTracker {
    fn connect<'c>(
        &'c self,
        options: &'c TicketOptions,
        context: &'c DeliveryContext<'c>,
    ) -> Result<Box<dyn Tickets + 'c>, DeliveryError> {
        Ok(Box::new(self.queue(options, context)?))
    }

    fn check(&self, options: &TicketOptions) -> Vec<Invalid> {
        let mut wrong = api::check(options);
        if self.token.is_none() {
            let help = "write `token = { file = \"request-tracker.token\" }`";
            wrong.push(invalid("token", "no token of an account is given", help));
        }
        if self.queue.trim().is_empty() || self.queue.contains(['\'', '\\']) {
            let message = format!("`{}` is no name of a queue that can be asked for", self.queue);
            wrong.push(invalid("queue", message, "write `queue = \"bugs\"`"));
        }
        if self.closed.is_empty() {
            let help = "write the name of the status, `closed = \"resolved\"`";
            wrong.push(invalid("closed", "no status is named", help));
        }
        wrong.extend(wrong_templates(self.fields.values()));
        wrong
    }

    fn secrets(&self, options: &TicketOptions) -> Vec<SecretSource> {
        api::secrets(options, self.token.as_ref())
    }

    fn destination(&self, options: &TicketOptions) -> String {
        format!("Request Tracker queue \"{}\" at {}", self.queue, api::host(options))
    }

    fn markup(&self) -> Markup {
        Markup::Html
    }
}

/// What a status means at Request Tracker.
fn help(status: u16) -> Option<&'static str> {
    match status {
        400 => Some(
            "correct what Request Tracker names; the account of `token` may lack the right \
             `CommentOnTicket` in the queue",
        ),
        401 => {
            Some("`token` is not accepted (any more): put a valid one there, then `collect send`")
        }
        403 => Some(
            "there is no such queue, or the account of `token` lacks a right there: `SeeQueue`, \
             `CreateTicket`, `ShowTicket`, `ShowTicketComments`, `CommentOnTicket`, `ModifyTicket`",
        ),
        404 => Some("there is no Request Tracker 5: correct `url`"),
        _ => None,
    }
}

impl RequestTracker {
    fn queue<'c>(
        &'c self,
        options: &TicketOptions,
        context: &DeliveryContext<'c>,
    ) -> Result<Queue<'c>, DeliveryError> {
        let token = self.token.as_ref().ok_or_else(|| refused("no token", "write `token`"))?;
        let token = context.secret(token)?;
        let header = Secret::new(format!("token {}", token.reveal()));
        let mut api = Api::new(options, context, help)?.with_secret("authorization", &header)?;
        api.hide(token.reveal());
        Ok(Queue { tracker: self, api })
    }
}

/// A queue that can be spoken to
/// (<https://docs.bestpractical.com/rt/5.0.3/RT/REST2.html>).
struct Queue<'c> {
    tracker: &'c RequestTracker,
    api: Api<'c>,
}

impl Tickets for Queue<'_> {
    fn find(&self, key: &str) -> Result<Vec<Ticket>, TicketError> {
        let key: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
        let found = self.search(&format!("Subject LIKE '{key}'"))?;
        let holds_key =
            |item: &&Value| item["Subject"].as_str().is_some_and(|title| title.contains(&key));
        Ok(found.iter().filter(holds_key).filter_map(|item| self.ticket(item)).collect())
    }

    fn get(&self, number: &str) -> Result<Option<Ticket>, TicketError> {
        let number = number.trim().trim_start_matches('#');
        if number.parse::<u32>().is_err() {
            return Ok(None);
        }
        let found = self.search(&format!("id = {number}"))?;
        Ok(found.first().and_then(|item| self.ticket(item)))
    }

    fn open(&self, letter: &Letter, file: Option<&dyn Attachment>) -> Result<Opened, TicketError> {
        let fields = self.tracker.fields.iter();
        let fields: BTreeMap<_, _> =
            fields.map(|(name, value)| (name, letter.fill(value))).collect();
        let mut wish = json!({
            "Queue": self.tracker.queue,
            "Subject": letter.title,
            "Content": in_columns(&letter.body),
            "ContentType": KIND,
            "CustomFields": fields,
        });
        if let Some(priority) = self.tracker.priority {
            wish["Priority"] = priority.into();
        }
        let made = self.send("REST/2.0/ticket", &wish, file)?;
        let ticket = self.ticket(&made).ok_or_else(no_tracker)?;
        let ignored = match wish["CustomFields"].as_object() {
            Some(fields) if fields.is_empty() && self.tracker.priority.is_none() => Vec::new(),
            _ => ignored(&wish, &self.read(&ticket)?),
        };
        Ok(Opened { ticket, ignored })
    }

    fn attach(
        &self,
        ticket: &Ticket,
        file: &dyn Attachment,
        comment: Option<&str>,
    ) -> Result<(), TicketError> {
        let note = comment.unwrap_or("The bundle is attached.");
        self.say(ticket, note, Some(file))
    }

    fn comment(&self, ticket: &Ticket, text: &str) -> Result<(), TicketError> {
        self.say(ticket, text, None)
    }

    fn close(&self, ticket: &Ticket, comment: &str) -> Result<(), TicketError> {
        self.comment(ticket, comment)?;
        let (path, closed) = (format!("REST/2.0/ticket/{}", ticket.number), &self.tracker.closed);
        let wish = json!({ "Status": closed });
        let said = self.api.send(&Method::PUT, &path, &HeaderMap::new, &wish, Effect::Same)?;
        // It answers 200 whatever came of it.
        if self.read(ticket)?["Status"] == closed.as_str() {
            return Ok(());
        }
        let said = said[0].as_str().unwrap_or_default();
        let reason = format!(
            "Request Tracker did not close the ticket {}: {}",
            ticket.number,
            self.api.quote(said)
        );
        let help = "correct `closed`, or give the account of `token` the right `ModifyTicket`";
        Err(refused(reason, help).into())
    }

    fn holding(&self, ticket: &Ticket, file: &dyn Attachment) -> Result<Holding, TicketError> {
        let dropped = format!("{}{DROPPED}", file.name());
        let mut sums = Vec::new();
        for held in self.attachments(ticket)? {
            if held["Filename"] != file.name() && held["Filename"] != dropped.as_str() {
                continue;
            }
            // The length that it tells is the one that was sent, not the one that is kept.
            let id = held["id"].as_str().unwrap_or_default();
            let url = self.api.url(&format!("REST/2.0/attachment/{id}"));
            sums.push(self.api.download::<Content>(&url, &HeaderMap::new)?.finish());
        }
        Ok(Holding::of(sums, file))
    }
}

impl Queue<'_> {
    /// The queue's tickets that pass a condition, oldest first; the closed ones, too.
    fn search(&self, condition: &str) -> Result<Vec<Value>, TicketError> {
        let query = format!("Queue = '{}' AND {condition}", self.tracker.queue);
        let query = [
            ("query", query.as_str()),
            ("fields", "Subject"),
            ("orderby", "id"),
            ("order", "ASC"),
            ("per_page", "100"),
        ];
        let mut found = self.api.get("REST/2.0/tickets", &query)?;
        let items = found["items"].as_array_mut().map(std::mem::take);
        items.ok_or_else(|| no_tracker().into())
    }

    /// A ticket as it is now.
    fn read(&self, ticket: &Ticket) -> Result<Value, TicketError> {
        self.api.get(&format!("REST/2.0/ticket/{}", ticket.number), &[])
    }

    fn ticket(&self, item: &Value) -> Option<Ticket> {
        let number = item["id"].as_str()?.to_owned();
        number.parse::<u32>().ok()?;
        let mut url = self.api.url("Ticket/Display.html");
        url.query_pairs_mut().append_pair("id", &number);
        Some(Ticket { number, url: url.into() })
    }

    /// What a ticket and its comments hold, texts included.
    fn attachments(&self, ticket: &Ticket) -> Result<Vec<Value>, TicketError> {
        let path = format!("REST/2.0/ticket/{}/attachments", ticket.number);
        let mut all = Vec::new();
        for page in 1.. {
            let (page, size) = (i32::to_string(&page), PAGE.to_string());
            let query =
                [("fields", "Filename"), ("per_page", size.as_str()), ("page", page.as_str())];
            let mut listed = self.api.get(&path, &query)?;
            let items = listed["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
            let is_last = items.len() < PAGE;
            all.extend(items);
            if is_last {
                break;
            }
        }
        Ok(all)
    }

    /// Adds a comment, which those who reported something are not sent.
    fn say(
        &self,
        ticket: &Ticket,
        text: &str,
        file: Option<&dyn Attachment>,
    ) -> Result<(), TicketError> {
        let wish = json!({ "Content": in_columns(text), "ContentType": KIND });
        let path = format!("REST/2.0/ticket/{}/comment", ticket.number);
        self.send(&path, &wish, file).map(|_| ())
    }

    /// Sends JSON, with the file in the same request.
    fn send(
        &self,
        path: &str,
        wish: &Value,
        file: Option<&dyn Attachment>,
    ) -> Result<Value, TicketError> {
        let Some(file) = file else {
            return self.api.send(&Method::POST, path, &HeaderMap::new, wish, Effect::Each);
        };
        let form = Form::default().text("JSON", wish.to_string());
        let (headers, body) = form.with_file("Attachments", file);
        self.api.upload(&self.api.url(path), &|| headers.clone(), &body, Effect::Each)
    }
}

/// What of a wish is not in the ticket that was made; Request Tracker says nothing then.
fn ignored(wish: &Value, made: &Value) -> Vec<String> {
    let mut ignored = Vec::new();
    if wish["Priority"].is_u64() && made["Priority"].as_str() != Some(&wish["Priority"].to_string())
    {
        ignored.push("priority".to_owned());
    }
    let held = made["CustomFields"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (name, value) in wish["CustomFields"].as_object().into_iter().flatten() {
        let is_field = |field: &&Value| {
            let same = field["name"].as_str().map(str::to_lowercase) == Some(name.to_lowercase());
            same || field["id"].as_str() == Some(name)
        };
        let values = held.iter().find(is_field).and_then(|field| field["values"].as_array());
        if !values.is_some_and(|values| values.contains(value)) {
            ignored.push(format!("fields.{name}"));
        }
    }
    ignored
}

/// The text with a font for what is preformatted: the one of Request Tracker is not monospaced. What
/// came from users has no element of its own any more.
fn in_columns(text: &str) -> String {
    text.replace("<pre>", "<pre style=\"font-family: monospace\">")
}

fn no_tracker() -> DeliveryError {
    let help = "correct `url`: is that a Request Tracker 5?";
    refused("the answer is none of Request Tracker's", help)
}

#[cfg(test)]
mod tests;
