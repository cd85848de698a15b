//! `servicenow`: opens a record in `ServiceNow`.

use crate::api::{self, Api, Body, Effect, hexadecimal, invalid, refused, wrong_templates};
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
    header::{CONTENT_TYPE, HeaderMap, HeaderValue},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{borrow::Cow, collections::BTreeMap};

/// Opens a record in `ServiceNow`, usually an incident, and attaches the bundle.
///
/// The account needs the roles to read, to create and to write records of the table (`itil` for
/// incidents) and to create attachments. `short_description` and `description` are the columns for
/// title and text, as every table that extends Task has them. Texts are plain.
///
/// Built to the documentation of the vendor
/// (<https://www.servicenow.com/docs/r/api-reference/rest-apis/c_TableAPI.html>,
/// <https://www.servicenow.com/docs/r/api-reference/rest-apis/c_AttachmentAPI.html>) and tested with
/// the requests and answers that it shows; it has not been run against the live service.
///
/// ```toml
/// [deliver.incident]
/// use = "servicenow"
/// url = "https://komand.service-now.com"
/// user = "collect"
/// token = { env = "SERVICENOW_PASSWORD" }
/// table = "incident"
/// ```
#[derive(Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
struct ServiceNow {
    /// The user, if `token` is a password; without it, `token` is one of OAuth.
    user: Option<String>,
    /// The password of `user`, or an OAuth token.
    token: Option<SecretSource>,
    /// The table, by its name in the database.
    table: String,
    /// Values of other columns, by their names in the database, with the placeholders of `title`:
    /// `fields = { urgency = "2", impact = "2", category = "software", assignment_group = "SYS_ID" }`.
    /// Columns that refer to other records, such as `assignment_group` and `caller_id`, want the
    /// record's `sys_id`.
    fields: BTreeMap<String, Template>,
    /// The column that holds the report's key, by which a record is found however its title is
    /// changed.
    key_field: String,
    /// The column for comments: `work_notes`, which only the staff sees, or `comments`.
    comment_field: String,
    /// What the columns become when a duplicate is closed. If not given, it is
    /// `{ state = "7", close_code = "Duplicate", close_notes = "Duplicate" }`.
    closed: BTreeMap<String, String>,
}

impl Default for ServiceNow {
    fn default() -> Self {
        let closed = [("state", "7"), ("close_code", "Duplicate"), ("close_notes", "Duplicate")];
        Self {
            user: None,
            token: None,
            table: "incident".into(),
            fields: BTreeMap::new(),
            key_field: "correlation_id".into(),
            comment_field: "work_notes".into(),
            closed: closed.map(|(name, value)| (name.into(), value.into())).into(),
        }
    }
}

/// The columns for title and text.
const TITLE: &str = "short_description";
const TEXT: &str = "description";

/// What these columns hold in tables that extend Task, in characters; the rest is cut off without
/// a word.
const LONGEST_TITLE: usize = 160;
const LONGEST_TEXT: usize = 4_000;

/// What is asked of a record.
const ASKED: &str = "sys_id,number,short_description";

collect_core::register!("servicenow" => ServiceNow as TicketSystem);

impl TicketSystem for ServiceNow {
    fn connect<'c>(
        &'c self,
        options: &'c TicketOptions,
        context: &'c DeliveryContext<'c>,
    ) -> Result<Box<dyn Tickets + 'c>, DeliveryError> {
        Ok(Box::new(self.table(options, context)?))
    }

    fn check(&self, options: &TicketOptions) -> Vec<Invalid> {
        let mut wrong = api::check(options);
        if self.token.is_none() {
            let help = "write `token = { file = \"servicenow.token\" }`";
            wrong.push(invalid("token", "no password or token is given", help));
        }
        for (option, name) in [
            ("table", &self.table),
            ("key-field", &self.key_field),
            ("comment-field", &self.comment_field),
        ] {
            if !is_name(name) {
                let message = format!("`{name}` is no name of the database");
                wrong.push(invalid(option, message, "it has small letters, digits and `_` only"));
            }
        }
        for name in self.fields.keys() {
            if !is_name(name) {
                let message = format!("`{name}` is no name of a column");
                let help = "write its name in the database: `assignment_group`";
                wrong.push(invalid("fields", message, help));
            }
            if [TITLE, TEXT, &self.key_field].contains(&name.as_str()) {
                let message = format!("`{name}` is given by the report");
                wrong.push(invalid("fields", message, "take it out of `fields`"));
            }
        }
        wrong.extend(wrong_templates(self.fields.values()));
        wrong
    }

    fn secrets(&self, options: &TicketOptions) -> Vec<SecretSource> {
        api::secrets(options, self.token.as_ref())
    }

    fn destination(&self, options: &TicketOptions) -> String {
        format!("ServiceNow table \"{}\" at {}", self.table, api::host(options))
    }

    fn markup(&self) -> Markup {
        Markup::Plain
    }
}

impl ServiceNow {
    fn table<'c>(
        &'c self,
        options: &'c TicketOptions,
        context: &'c DeliveryContext<'c>,
    ) -> Result<Table<'c>, DeliveryError> {
        let token = self.token.as_ref().ok_or_else(|| refused("no token", "write `token`"))?;
        let token = context.secret(token)?;
        let api = Api::new(options, context, help)?.with_account(self.user.as_deref(), &token)?;
        Ok(Table { service: self, api })
    }
}

/// What a status means at `ServiceNow`.
fn help(status: u16) -> Option<&'static str> {
    match status {
        400 => {
            Some("correct in the profile what ServiceNow names: `table`, or a value in `fields`")
        }
        401 => Some(
            "`user` and `token` are not accepted (any more): put the password of `user`, or a valid \
             OAuth token without `user`, there, then `collect send`",
        ),
        403 => Some(
            "the account of `token` needs the roles to read, to create and to write records of \
             `table` (`itil` for incidents) and to create attachments, and a rule of the table may \
             want more in `fields`",
        ),
        404 => Some(
            "there is no such record that the account of `token` can see, or no ServiceNow: correct \
             `table` or `url`",
        ),
        _ => None,
    }
}

/// A table that can be spoken to.
struct Table<'c> {
    service: &'c ServiceNow,
    api: Api<'c>,
}

impl Tickets for Table<'_> {
    /// By the key's column, and by the title of records that lost it there. What a query says of a
    /// column that does not exist is left out of it, so what comes is looked at again.
    fn find(&self, key: &str) -> Result<Vec<Ticket>, TicketError> {
        let field = &self.service.key_field;
        let (stored, wanted) = (stored(key), plain(key));
        let query =
            format!("{field}={}^OR{TITLE}LIKE{wanted}^ORDERBYsys_created_on", plain(&stored));
        let records = self.records(&query, &format!("{ASKED},{field}"))?;
        let is_ours = |record: &&Value| {
            record[field] == stored
                || record[TITLE].as_str().is_some_and(|title| title.contains(key))
        };
        Ok(records.iter().filter(is_ours).filter_map(|record| self.ticket(record)).collect())
    }

    fn get(&self, number: &str) -> Result<Option<Ticket>, TicketError> {
        let number = number.trim().to_ascii_uppercase();
        if number.is_empty() || !number.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Ok(None);
        }
        let records = self.records(&format!("number={number}"), ASKED)?;
        let found = records.iter().find(|record| record["number"] == number);
        Ok(found.and_then(|record| self.ticket(record)))
    }

    fn open(&self, letter: &Letter, _: Option<&dyn Attachment>) -> Result<Opened, TicketError> {
        let wish = self.wish(letter);
        let (none, post) = (HeaderMap::new, Method::POST);
        let made = self.api.send(&post, &self.path(), &none, &wish, Effect::Each)?;
        let made = &made["result"];
        let ticket = self.ticket(made).ok_or_else(|| {
            refused("the answer names no record", "correct `url`: is that a ServiceNow?")
        })?;
        Ok(Opened { ticket, ignored: self.ignored(&wish, made) })
    }

    fn attach(
        &self,
        ticket: &Ticket,
        file: &dyn Attachment,
        comment: Option<&str>,
    ) -> Result<(), TicketError> {
        if let Some(comment) = comment {
            self.comment(ticket, comment)?;
        }
        let mut url = self.api.url("api/now/attachment/file");
        url.query_pairs_mut()
            .append_pair("table_name", &self.service.table)
            .append_pair("table_sys_id", sys_id(ticket)?)
            .append_pair("file_name", file.name());
        let octets = HeaderValue::from_static("application/octet-stream");
        let headers = || HeaderMap::from_iter([(CONTENT_TYPE, octets.clone())]);
        let body = Body { before: Vec::new(), file, after: Vec::new() };
        self.api.upload(&url, &headers, &body, Effect::Each).map(|_| ())
    }

    fn comment(&self, ticket: &Ticket, text: &str) -> Result<(), TicketError> {
        self.change(ticket, &json!({ &self.service.comment_field: text })).map(|_| ())
    }

    fn close(&self, ticket: &Ticket, comment: &str) -> Result<(), TicketError> {
        let mut change: Map<_, _> = self
            .service
            .closed
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect();
        change.insert(self.service.comment_field.clone(), comment.into());
        let record = self.change(ticket, &change.into())?;
        if record["active"] == "false" {
            return Ok(());
        }
        let reason = format!("ServiceNow did not close the record {}", ticket.number);
        let help = "correct `closed`: the values by which a record of the table is closed";
        Err(refused(reason, help).into())
    }

    fn holding(&self, ticket: &Ticket, file: &dyn Attachment) -> Result<Holding, TicketError> {
        let query = format!(
            "table_name={}^table_sys_id={}^file_name={}",
            self.service.table,
            sys_id(ticket)?,
            file.name()
        );
        let found = self.api.get("api/now/attachment", &[("sysparm_query", &query)])?;
        let held = found["result"].as_array().into_iter().flatten();
        let named = held.filter(|held| held["file_name"] == file.name());
        let ours = file.sha256().map(|digest| hexadecimal(&digest));
        Ok(Holding::of(
            named.filter_map(|held| {
                let len = held["size_bytes"].as_str()?.parse().ok()?;
                // Some releases tell a digest.
                let other = held["hash"].as_str().filter(|hash| hash.len() == 64);
                let differs = other.is_some_and(|hash| Some(hash) != ours.as_deref());
                Some((len, differs.then_some([0; 32])))
            }),
            file,
        ))
    }
}

impl Table<'_> {
    /// The records that a query finds.
    fn records(&self, query: &str, fields: &str) -> Result<Vec<Value>, TicketError> {
        let query =
            [("sysparm_query", query), ("sysparm_fields", fields), ("sysparm_limit", "100")];
        let mut found = self.api.get(&self.path(), &query)?;
        Ok(found["result"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    /// What a new record is made of. A text that is too long stands whole in a comment.
    fn wish(&self, letter: &Letter) -> Value {
        let service = self.service;
        let fields = service.fields.iter();
        let mut wish: Map<_, _> =
            fields.map(|(name, value)| (name.clone(), letter.fill(value).into())).collect();
        wish.insert(TITLE.into(), fitting(&letter.title, &letter.key).into());
        wish.insert(service.key_field.clone(), stored(&letter.key).into());
        let text = Markup::Plain.cut(&letter.body, LONGEST_TEXT);
        if let Cow::Owned(_) = text {
            wish.insert(service.comment_field.clone(), letter.body.clone().into());
        }
        wish.insert(TEXT.into(), text.into());
        wish.into()
    }

    /// What of a wish is not in the record that was made: `ServiceNow` takes a column that it does
    /// not have, and a value that a rule replaces, without a word.
    fn ignored(&self, wish: &Value, made: &Value) -> Vec<String> {
        let key = &self.service.key_field;
        let mut ignored = Vec::new();
        if made[key] != wish[key] {
            ignored.push(format!("key-field {key}"));
        }
        for name in self.service.fields.keys() {
            let kept = match &made[name] {
                // A record that is referred to; its name may have been given.
                Value::Object(reference) => {
                    reference["value"].as_str().is_some_and(|id| !id.is_empty())
                }
                value => *value == wish[name],
            };
            if !kept {
                ignored.push(format!("fields.{name}"));
            }
        }
        ignored
    }

    fn change(&self, ticket: &Ticket, change: &Value) -> Result<Value, TicketError> {
        let path = format!("{}/{}", self.path(), sys_id(ticket)?);
        let none = HeaderMap::new;
        let mut changed = self.api.send(&Method::PATCH, &path, &none, change, Effect::Each)?;
        Ok(changed["result"].take())
    }

    fn path(&self) -> String {
        format!("api/now/table/{}", self.service.table)
    }

    /// Its page says which record it is; the number is for people.
    fn ticket(&self, record: &Value) -> Option<Ticket> {
        let sys_id = record["sys_id"].as_str().filter(|id| is_name(id))?;
        let number = record["number"].as_str().filter(|number| !number.is_empty());
        let mut url = self.api.url(&format!("{}.do", self.service.table));
        url.query_pairs_mut().append_pair(SYS_ID, sys_id);
        Some(Ticket { number: number.unwrap_or(sys_id).to_owned(), url: url.into() })
    }
}

/// By what a page names its record.
const SYS_ID: &str = "sys_id";

/// Which record a ticket is, as its page says.
fn sys_id(ticket: &Ticket) -> Result<&str, DeliveryError> {
    let id = ticket.url.rsplit_once("sys_id=").map_or("", |(_, id)| id);
    if is_name(id) {
        return Ok(id);
    }
    let reason = format!("`{}` is no page of a record", ticket.number);
    Err(refused(reason, "correct `url`: is that a ServiceNow?"))
}

/// Whether that is a name of the database, or a `sys_id`.
fn is_name(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    !text.is_empty() && text.chars().all(is_plain)
}

/// The key as it is kept.
fn stored(key: &str) -> String {
    format!("collect-{key}")
}

/// A text without what would end a condition of a query.
fn plain(text: &str) -> String {
    text.replace('^', " ")
}

/// A title that is short enough and still has its key.
fn fitting(title: &str, key: &str) -> String {
    let count = title.chars().count();
    if count <= LONGEST_TITLE {
        return title.to_owned();
    }
    let end = title.rfind(key).map_or("", |at| &title[title[..at].rfind(' ').unwrap_or(at)..]);
    let end = if end.chars().count() < LONGEST_TITLE / 2 { end } else { key };
    let room = LONGEST_TITLE - 1 - end.chars().count();
    title.chars().take(room).chain(['…']).chain(end.chars()).collect()
}

#[cfg(test)]
mod tests;
