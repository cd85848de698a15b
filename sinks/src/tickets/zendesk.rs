//! `zendesk`: opens a ticket in Zendesk Support.

use crate::api::{
    self, Api, Body, Effect, has_all, invalid, is_address, is_value, missing, refused,
    wrong_templates,
};
use collect_core::{
    Invalid, TicketSystem,
    secret::SecretSource,
    sink::{DeliveryContext, DeliveryError},
    ticket::{
        Attachment, Holding, Letter, Markup, Opened, Template, Ticket, TicketError, TicketOptions,
        Tickets,
    },
};
use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Opens a ticket in Zendesk Support and attaches the bundle.
///
/// This follows Zendesk's documentation and was not run against a live Zendesk:
/// <https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/>,
/// <https://developer.zendesk.com/api-reference/ticketing/tickets/ticket-attachments/>,
/// <https://developer.zendesk.com/api-reference/ticketing/introduction/#idempotency>. The account
/// of the token has to be an agent that may see all tickets. Texts are HTML.
///
/// A ticket is found again by its `external_id`, `collect-` and the id of the report, for as long as
/// Zendesk has not archived it, which it does 120 days after closing. It is made with that as its
/// `Idempotency-Key`, so that two that make it at the same time make one. What is to be added to a
/// closed ticket goes into a new one, since Zendesk takes nothing more for a closed one.
///
/// ```toml
/// [deliver.ticket]
/// use = "zendesk"
/// url = "https://komand.zendesk.com"
/// email = "reports@example.com"
/// token = { env = "ZENDESK_TOKEN" }
/// tags = ["collect"]
/// ```
#[derive(Deserialize, JsonSchema, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Zendesk {
    /// An API token, together with `email`; an OAuth access token without it.
    token: Option<SecretSource>,
    /// The address of the agent who acts with an API token.
    email: Option<String>,
    /// Who sees what is written: `internal`, the agents, or `public`, the requester as well, to whom
    /// Zendesk may also send it by mail. What is said of a ticket later, such as why it was closed,
    /// is always for agents. `internal` if not given.
    comment: Audience,
    /// Whom a ticket is from: `account`, the account of the token, or `contact`, the mail address
    /// that the user gave, if it is one and no pseudonym, and the account otherwise. Zendesk makes a
    /// user of an address that it does not know, and may greet them by mail. `account` if not given.
    requester: Requester,
    /// The priority; without it, none.
    priority: Option<Priority>,
    /// Tags of the ticket.
    tags: Vec<String>,
    /// The number of the group that the ticket is for.
    group: Option<u64>,
    /// Values of custom fields, by the fields' numbers, with the placeholders of `title`:
    /// `fields = { 27642 = "{host}" }`.
    fields: BTreeMap<String, Template>,
}

/// Who sees what is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Audience {
    /// Agents only: what is known of a host is nobody else's, and nothing of it goes out by mail.
    #[default]
    Internal,
    /// The requester as well.
    Public,
}

/// Whom a ticket is from.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Requester {
    /// The account of the token.
    #[default]
    Account,
    /// The user, if an address is known.
    Contact,
}

/// How urgent a ticket is.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Priority {
    /// Low.
    Low,
    /// Normal.
    Normal,
    /// High.
    High,
    /// Urgent.
    Urgent,
}

/// The longest comment, in characters; Zendesk takes 64 KiB, and a character may have four bytes.
const COMMENT: usize = 16_000;

/// How many pages of comments of a ticket are looked at, the newest first.
const PAGES: usize = 20;

/// By this Zendesk says that a ticket of the same `Idempotency-Key` was made with other contents.
const MADE_BEFORE: &str = "IdempotentRequestError";

collect_core::register!("zendesk" => Zendesk as TicketSystem);

impl TicketSystem for Zendesk {
    fn connect<'c>(
        &'c self,
        options: &'c TicketOptions,
        context: &'c DeliveryContext<'c>,
    ) -> Result<Box<dyn Tickets + 'c>, DeliveryError> {
        Ok(Box::new(self.account(options, context)?))
    }

    fn check(&self, options: &TicketOptions) -> Vec<Invalid> {
        let mut wrong = api::check(options);
        if self.token.is_none() {
            let help = "write `token = { file = \"zendesk.token\" }`";
            wrong.push(invalid("token", "no token is given", help));
        }
        if let Some(email) = self.email.as_ref().filter(|email| !is_address(email)) {
            let message = format!("`{email}` is no mail address");
            wrong.push(invalid("email", message, "write the address of the agent"));
        }
        for tag in &self.tags {
            if tag.is_empty() || tag.contains(|c: char| c.is_whitespace() || c == ',') {
                let message = format!("`{tag}` is no tag");
                wrong.push(invalid("tags", message, "write each tag by itself, without spaces"));
            }
        }
        for number in self.fields.keys() {
            if number.parse::<u64>().is_err() {
                let message = format!("`{number}` is no number of a custom field");
                let help = "Zendesk shows it in the list of fields (Admin Center, Tickets, Fields)";
                wrong.push(invalid("fields", message, help));
            }
        }
        wrong.extend(wrong_templates(self.fields.values()));
        wrong
    }

    fn secrets(&self, options: &TicketOptions) -> Vec<SecretSource> {
        api::secrets(options, self.token.as_ref())
    }

    fn destination(&self, options: &TicketOptions) -> String {
        format!("Zendesk at {}", api::host(options))
    }

    fn markup(&self) -> Markup {
        Markup::Html
    }
}

impl Zendesk {
    fn account<'c>(
        &'c self,
        options: &TicketOptions,
        context: &DeliveryContext<'c>,
    ) -> Result<Account<'c>, DeliveryError> {
        let token = self.token.as_ref().ok_or_else(|| refused("no token", "write `token`"))?;
        let token = context.secret(token)?;
        // How Zendesk tells a token of the account from its password.
        let user = self.email.as_ref().map(|email| format!("{email}/token"));
        let api = Api::new(options, context, help)?.with_account(user.as_deref(), &token)?;
        Ok(Account { zendesk: self, api })
    }
}

/// What a status means at Zendesk.
fn help(status: u16) -> Option<&'static str> {
    match status {
        401 => Some(
            "`token` is not accepted (any more), or `email` is not the address of an agent: put \
             valid ones there (an API token with `email`, an OAuth token without it), then `collect \
             send`",
        ),
        403 => Some(
            "the account of `token` has to be an agent that may see and change all tickets, and an \
             OAuth token needs the scopes `read` and `write`",
        ),
        404 => Some("there is no Zendesk of that name: write `url = \"https://NAME.zendesk.com\"`"),
        422 => Some(
            "correct in the profile what Zendesk names, or make fields optional there that it \
             misses; tickets that are closed take nothing more",
        ),
        _ => None,
    }
}

/// A Zendesk that can be spoken to.
struct Account<'c> {
    zendesk: &'c Zendesk,
    api: Api<'c>,
}

impl Tickets for Account<'_> {
    fn find(&self, key: &str) -> Result<Vec<Ticket>, TicketError> {
        let id = external_id(key);
        let found = self.api.get("api/v2/tickets", &[("external_id", &id)])?;
        let all = found["tickets"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut ours: Vec<_> = all.iter().filter(|ticket| ticket["external_id"] == id).collect();
        ours.sort_by_key(|ticket| ticket["id"].as_u64());
        Ok(ours.into_iter().filter_map(|ticket| self.ticket(ticket)).collect())
    }

    /// Closed ones, which take nothing more, are as good as none.
    fn get(&self, number: &str) -> Result<Option<Ticket>, TicketError> {
        let number = number.trim().trim_start_matches('#');
        if number.parse::<u64>().is_err() {
            return Ok(None);
        }
        let found = self.api.get("api/v2/tickets/show_many", &[("ids", number)])?;
        let ticket = &found["tickets"][0];
        let is_over = ticket["status"] == "closed" || ticket["status"] == "deleted";
        Ok(self.ticket(ticket).filter(|_| !is_over))
    }

    fn open(&self, letter: &Letter, file: Option<&dyn Attachment>) -> Result<Opened, TicketError> {
        let upload = file.map(|file| self.upload(file)).transpose()?;
        let ticket = self.wish(letter, upload.as_deref());
        let id = external_id(&letter.key);
        let key = HeaderValue::from_str(&id).ok();
        let key = key.map(|key| (HeaderName::from_static("idempotency-key"), key));
        // Without a key, twice would make two.
        let effect = if key.is_some() { Effect::Same } else { Effect::Each };
        let headers = || HeaderMap::from_iter(key.clone());
        let wish = json!({ "ticket": ticket });
        let made = self.api.send(&Method::POST, "api/v2/tickets", &headers, &wish, effect);
        let made = made.map_err(unsure_if_made_before)?;
        let made = &made["ticket"];
        let opened = self.ticket(made).ok_or_else(|| {
            refused("the answer names no ticket", "correct `url`: is that a Zendesk?")
        })?;
        Ok(Opened { ticket: opened, ignored: ignored(&ticket, made) })
    }

    fn attach(
        &self,
        ticket: &Ticket,
        file: &dyn Attachment,
        comment: Option<&str>,
    ) -> Result<(), TicketError> {
        let upload = self.upload(file)?;
        let text = comment.unwrap_or("The bundle of this report.");
        let comment = json!({
            "html_body": Markup::Html.cut(text, COMMENT),
            "public": self.is_public(),
            "uploads": [upload],
        });
        self.change(ticket, &json!({ "comment": comment })).map(|_| ())
    }

    fn comment(&self, ticket: &Ticket, text: &str) -> Result<(), TicketError> {
        self.change(ticket, &json!({ "comment": remark(text) })).map(|_| ())
    }

    fn close(&self, ticket: &Ticket, comment: &str) -> Result<(), TicketError> {
        let change = json!({ "status": "solved", "comment": remark(comment) });
        let changed = self.change(ticket, &change)?;
        if changed["status"] == "solved" || changed["status"] == "closed" {
            return Ok(());
        }
        let reason = format!("Zendesk did not solve the ticket {}", ticket.number);
        let help = "let the account of `token` solve tickets, and see whether a trigger opens them \
                    again";
        Err(refused(reason, help).into())
    }

    fn holding(&self, ticket: &Ticket, file: &dyn Attachment) -> Result<Holding, TicketError> {
        let path = format!("api/v2/tickets/{}/comments", ticket.number);
        let (mut held, mut cursor) = (Vec::new(), None::<String>);
        for _ in 0..PAGES {
            let mut query = vec![("sort", "-created_at"), ("page[size]", "100")];
            query.extend(cursor.as_deref().map(|cursor| ("page[after]", cursor)));
            let page = self.api.get(&path, &query)?;
            let comments = page["comments"].as_array().into_iter().flatten();
            let files = comments.filter_map(|comment| comment["attachments"].as_array()).flatten();
            let named = files.filter(|held| held["file_name"] == file.name());
            let named = named.filter(|held| held["deleted"] != true);
            held.extend(named.filter_map(|held| Some((held["size"].as_u64()?, None))));
            cursor = page["meta"]["after_cursor"].as_str().map(str::to_owned);
            if !held.is_empty() || page["meta"]["has_more"] != true || cursor.is_none() {
                break;
            }
        }
        Ok(Holding::of(held, file))
    }

    fn limit(&self) -> Result<Option<u64>, TicketError> {
        match self.api.get("api/v2/account/settings", &[]) {
            Ok(found) => Ok(found["settings"]["limits"]["attachment_size"].as_u64()),
            // Not every agent may ask; the upload says it, too.
            Err(TicketError::Failed(DeliveryError::Refused { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Account<'_> {
    fn ticket(&self, ticket: &Value) -> Option<Ticket> {
        let number = ticket["id"].as_u64()?.to_string();
        let url = self.api.url(&format!("agent/tickets/{number}")).into();
        Some(Ticket { number, url })
    }

    fn is_public(&self) -> bool {
        self.zendesk.comment == Audience::Public
    }

    /// The ticket as it is wished for.
    fn wish(&self, letter: &Letter, upload: Option<&str>) -> Value {
        let zendesk = self.zendesk;
        let fields = zendesk.fields.iter();
        let fields = fields.filter_map(|(id, value)| {
            Some(json!({ "id": id.parse::<u64>().ok()?, "value": letter.fill(value) }))
        });
        let mut wish = json!({
            // What stands between two braces is filled in by Zendesk.
            "subject": letter.title.replace("{{", "{ {"),
            "external_id": external_id(&letter.key),
            "comment": {
                "html_body": Markup::Html.cut(&letter.body, COMMENT),
                "public": self.is_public(),
                "uploads": upload.into_iter().collect::<Vec<_>>(),
            },
            "tags": zendesk.tags,
            "custom_fields": fields.collect::<Vec<_>>(),
        });
        if let Some(priority) = zendesk.priority {
            wish["priority"] = json!(priority);
        }
        if let Some(group) = zendesk.group {
            wish["group_id"] = json!(group);
        }
        if zendesk.requester == Requester::Contact
            && let Some(address) = api::address(letter)
        {
            wish["requester"] = json!({ "name": address, "email": address });
        }
        wish
    }

    /// Uploads a file, which belongs to no ticket yet; Zendesk removes it an hour later if it stays
    /// so.
    fn upload(&self, file: &dyn Attachment) -> Result<String, TicketError> {
        let mut url = self.api.url("api/v2/uploads");
        url.query_pairs_mut().append_pair("filename", file.name());
        let octets = HeaderValue::from_static("application/octet-stream");
        let headers = || HeaderMap::from_iter([(CONTENT_TYPE, octets.clone())]);
        let body = Body { before: Vec::new(), file, after: Vec::new() };
        let answer = self.api.upload(&url, &headers, &body, Effect::Same)?;
        let upload = &answer["upload"];
        if upload["attachment"]["size"].as_u64().is_some_and(|size| size != file.len()) {
            let reason = "what arrived at Zendesk is not what was sent";
            return Err(refused(reason, "a proxy on the way may change it").into());
        }
        let token = upload["token"].as_str().map(str::to_owned);
        let help = "correct `url`: is that a Zendesk?";
        Ok(token.ok_or_else(|| refused("the answer to the upload holds no token", help))?)
    }

    fn change(&self, ticket: &Ticket, change: &Value) -> Result<Value, TicketError> {
        let path = format!("api/v2/tickets/{}", ticket.number);
        let change = json!({ "ticket": change });
        let changed = self.api.send(&Method::PUT, &path, &HeaderMap::new, &change, Effect::Each)?;
        Ok(changed["ticket"].clone())
    }
}

/// By which a ticket is found again.
fn external_id(key: &str) -> String {
    format!("collect-{key}")
}

/// A comment for agents.
fn remark(text: &str) -> Value {
    json!({ "html_body": Markup::Html.cut(text, COMMENT), "public": false })
}

/// A ticket of this key is there already, with the token of another upload in it.
fn unsure_if_made_before(error: TicketError) -> TicketError {
    match error {
        TicketError::Failed(DeliveryError::Refused { reason, help })
            if reason.contains(MADE_BEFORE) =>
        {
            TicketError::Unsure(DeliveryError::Refused { reason, help })
        }
        error => error,
    }
}

/// What of a wish is not in the ticket that was made.
fn ignored(wish: &Value, made: &Value) -> Vec<String> {
    let members = [("external_id", "external_id"), ("priority", "priority"), ("group", "group_id")];
    let mut ignored = missing(&members, wish, made);
    if wish["comment"]["public"] == false && made["is_public"] == true {
        ignored.push("comment".to_owned());
    }
    if !has_all(&made["tags"], &wish["tags"]) {
        ignored.push("tags".to_owned());
    }
    for field in wish["custom_fields"].as_array().into_iter().flatten() {
        let wanted = field["value"].as_str().unwrap_or_default();
        let mut held = made["custom_fields"].as_array().into_iter().flatten();
        if !held.any(|held| held["id"] == field["id"] && is_value(&held["value"], wanted)) {
            ignored.push(format!("fields.{}", field["id"]));
        }
    }
    ignored
}

#[cfg(test)]
mod tests;
