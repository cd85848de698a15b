//! `roundup`: opens an issue in Roundup.

use crate::api::{self, Api, Effect, Form, Sum, invalid, refused, wrong_templates};
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
    header::{ACCEPT, HeaderMap, HeaderName, HeaderValue, ORIGIN, REFERER},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a script that is no web page has to send, so that pages of others cannot do the same.
const REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// The properties of an issue that are not for the profile.
const OWN: [&str; 3] = ["title", "messages", "files"];

/// How often a change is begun anew because somebody else changed the issue meanwhile.
const CHANGES: usize = 5;

/// Opens an issue in Roundup and attaches the bundle.
///
/// The tracker needs its REST interface (`enable_rest`, as it comes). The account needs the
/// permissions `Rest Access` and to view, search, create and edit issues, messages and files, which
/// the role `User` has in a tracker as it comes.
///
/// ```toml
/// [deliver.issue]
/// use = "roundup"
/// url = "https://tracker.example.com/komand"
/// user = "collect"
/// password = { file = "roundup.password" }
/// ```
#[derive(Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
struct Roundup {
    /// The account that opens the issues; `url` is the address of the tracker, as its setting
    /// `web` in `[tracker]` says: `https://tickets.example.com/shop`.
    user: String,
    /// The account's password.
    password: Option<SecretSource>,
    /// Values of further properties of the issue, with the placeholders of `title`:
    /// `fields = { priority = "bug", keyword = "collect" }`.
    fields: BTreeMap<String, Template>,
    /// The status of an issue that is closed.
    closed: String,
}

impl Default for Roundup {
    fn default() -> Self {
        Self {
            user: String::new(),
            password: None,
            fields: BTreeMap::new(),
            closed: "resolved".into(),
        }
    }
}

collect_core::register!("roundup" => Roundup as TicketSystem);

impl TicketSystem for Roundup {
    fn connect<'c>(
        &'c self,
        options: &'c TicketOptions,
        context: &'c DeliveryContext<'c>,
    ) -> Result<Box<dyn Tickets + 'c>, DeliveryError> {
        Ok(Box::new(self.tracker(options, context)?))
    }

    fn check(&self, options: &TicketOptions) -> Vec<Invalid> {
        let mut wrong = api::check(options);
        if self.user.is_empty() || self.user.contains(':') {
            wrong.push(invalid("user", "no account is named", "write `user = \"collect\"`"));
        }
        if self.password.is_none() {
            let help = "write `password = { file = \"roundup.password\" }`";
            wrong.push(invalid("password", "no password of the account is given", help));
        }
        if self.closed.is_empty() {
            let help = "write the name of the tracker's status, `closed = \"resolved\"`";
            wrong.push(invalid("closed", "no status is named", help));
        }
        for name in self.fields.keys() {
            if OWN.contains(&name.as_str()) {
                let message = format!("`{name}` is set by the bundle");
                let help = "`title` and `body` say what an issue is called and begins with";
                wrong.push(invalid("fields", message, help));
            }
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(is_name) {
                let message = format!("`{name}` is no name of a property");
                let help = "write the name that it has in the tracker's `schema.py`";
                wrong.push(invalid("fields", message, help));
            }
        }
        wrong.extend(wrong_templates(self.fields.values()));
        wrong
    }

    fn secrets(&self, options: &TicketOptions) -> Vec<SecretSource> {
        api::secrets(options, self.password.as_ref())
    }

    fn destination(&self, options: &TicketOptions) -> String {
        format!("Roundup at {}", api::host(options))
    }

    fn markup(&self) -> Markup {
        Markup::Plain
    }
}

/// What a status means at Roundup.
fn help(status: u16) -> Option<&'static str> {
    match status {
        400 => Some(
            "correct what Roundup names: a property or value of `fields`, or `url`, which has to be \
             the tracker's own address, as its setting `web` says",
        ),
        401 => Some(
            "`user` and `password` are not accepted (any more): put valid ones there, then `collect \
             send`",
        ),
        403 => Some(
            "the account `user` needs a role that has `Rest Access` and may view, search, create and \
             edit issues, messages and files",
        ),
        404 => Some("there is no such tracker: correct `url`, which ends with the tracker's name"),
        405 => Some("the tracker's own rules refuse this: give what they ask for in `fields`"),
        _ => None,
    }
}

impl Roundup {
    fn tracker<'c>(
        &'c self,
        options: &TicketOptions,
        context: &DeliveryContext<'c>,
    ) -> Result<Tracker<'c>, DeliveryError> {
        let source = self.password.as_ref();
        let source = source.ok_or_else(|| refused("no password", "write `password`"))?;
        let password = context.secret(source)?;
        let api = Api::new(options, context, help)?;
        let (origin, tracker) = (api.origin(), format!("{}/", api.url("")));
        let api = api
            .with_account(Some(&self.user), &password)?
            .with_header(REQUESTED_WITH, "rest")
            .with_header(ORIGIN, &origin)
            .with_header(REFERER, &tracker);
        Ok(Tracker { roundup: self, api })
    }
}

/// A tracker that can be spoken to (<https://www.roundup-tracker.org/docs/rest.html>).
struct Tracker<'c> {
    roundup: &'c Roundup,
    api: Api<'c>,
}

impl Tickets for Tracker<'_> {
    fn find(&self, key: &str) -> Result<Vec<Ticket>, TicketError> {
        let query = [("title", key), ("@fields", "title"), ("@sort", "id")];
        let found = self.api.get("rest/data/issue", &query)?;
        let issues = found["data"]["collection"].as_array().ok_or_else(no_roundup)?;
        let holds_key =
            |issue: &&Value| issue["title"].as_str().is_some_and(|title| title.contains(key));
        let mut found: Vec<_> = issues.iter().filter(holds_key).filter_map(number).collect();
        found.sort_unstable();
        Ok(found.into_iter().map(|number| self.ticket(number)).collect())
    }

    fn get(&self, number: &str) -> Result<Option<Ticket>, TicketError> {
        let number = number.trim().trim_start_matches('#').trim_start_matches("issue");
        if number.parse::<u32>().is_err() {
            return Ok(None);
        }
        let path = format!("rest/data/issue/{number}");
        let found = self.api.get_if_there(&path, &[("@fields", "title")])?;
        Ok(found.and_then(|issue| self::number(&issue["data"])).map(|number| self.ticket(number)))
    }

    fn open(&self, letter: &Letter, file: Option<&dyn Attachment>) -> Result<Opened, TicketError> {
        let files: Vec<_> = file.map(|file| self.upload(file)).transpose()?.into_iter().collect();
        let mut issue = json!({
            "title": letter.title,
            "messages": [self.write(&letter.body)?],
            "files": files,
        });
        for (name, template) in &self.roundup.fields {
            issue[name] = letter.fill(template).into();
        }
        // A link that takes one request and no more: whichever of our tries arrives, it is one.
        let link = self.post("issue/@poe", &json!({}))?;
        let link = link["link"].as_str().and_then(|link| link.rsplit('/').next());
        let link = link.ok_or_else(no_roundup)?;
        let made = self.post(&format!("issue/@poe/{link}"), &issue).map_err(used)?;
        let ticket = number(&made).map(|number| self.ticket(number)).ok_or_else(no_roundup)?;
        // What it does not know it refuses.
        Ok(Opened { ticket, ignored: Vec::new() })
    }

    fn attach(
        &self,
        ticket: &Ticket,
        file: &dyn Attachment,
        comment: Option<&str>,
    ) -> Result<(), TicketError> {
        let file = self.upload(file)?;
        let message = comment.map(|text| self.write(text)).transpose()?;
        self.add(ticket, &json!({ "files": [file], "messages": Vec::from_iter(message) }))
    }

    fn comment(&self, ticket: &Ticket, text: &str) -> Result<(), TicketError> {
        self.add(ticket, &json!({ "messages": [self.write(text)?] }))
    }

    fn close(&self, ticket: &Ticket, comment: &str) -> Result<(), TicketError> {
        self.comment(ticket, comment)?;
        let closed = self.roundup.closed.as_str();
        // A message opens an issue again, so this comes after it.
        self.change(&Method::PUT, ticket, |_| Some(json!({ "status": closed })))?;
        let issue = self.issue(ticket, "status", "2")?;
        if issue["attributes"]["status"]["name"] == closed {
            return Ok(());
        }
        let reason = format!("Roundup did not close the issue {}", ticket.number);
        Err(refused(reason, "let the account `user` edit the status of issues").into())
    }

    fn holding(&self, ticket: &Ticket, file: &dyn Attachment) -> Result<Holding, TicketError> {
        let issue = self.issue(ticket, "files", "2")?;
        let held = issue["attributes"]["files"].as_array().into_iter().flatten();
        let mut sums = Vec::new();
        for held in held.filter(|held| held["name"] == file.name()) {
            let Some(number) = number(held) else { continue };
            let url = self.api.url(&format!("rest/data/file/{number}/binary_content"));
            let octets = HeaderValue::from_static("application/octet-stream");
            let headers = || HeaderMap::from_iter([(ACCEPT, octets.clone())]);
            sums.push(self.api.download::<Sum>(&url, &headers)?.finish());
        }
        Ok(Holding::of(sums, file))
    }
}

impl Tracker<'_> {
    fn issue(&self, ticket: &Ticket, field: &str, verbose: &str) -> Result<Value, TicketError> {
        let path = format!("rest/data/issue/{}", ticket.number);
        let query = [("@fields", field), ("@verbose", verbose)];
        Ok(self.api.get(&path, &query)?["data"].take())
    }

    fn ticket(&self, number: u32) -> Ticket {
        let url = self.api.url(&format!("issue{number}")).into();
        Ticket { number: number.to_string(), url }
    }

    /// Makes something. What comes of it belongs to no issue yet, so one too many does no harm.
    fn post(&self, path: &str, thing: &Value) -> Result<Value, TicketError> {
        let (path, none) = (format!("rest/data/{path}"), HeaderMap::new);
        Ok(self.api.send(&Method::POST, &path, &none, thing, Effect::Same)?["data"].take())
    }

    /// Uploads a file, which belongs to no issue yet; returns its number.
    fn upload(&self, file: &dyn Attachment) -> Result<String, TicketError> {
        let form = Form::default().text("name", file.name());
        let form = form.text("type", "application/octet-stream");
        let (headers, body) = form.with_file("content", file);
        let url = self.api.url("rest/data/file");
        let made = self.api.upload(&url, &|| headers.clone(), &body, Effect::Same)?;
        Ok(number(&made["data"]).ok_or_else(no_roundup)?.to_string())
    }

    /// Writes a message, which belongs to no issue yet; returns its number. Roundup fills in neither
    /// the author nor the date by itself; a point means now.
    fn write(&self, text: &str) -> Result<String, TicketError> {
        let message = json!({ "content": text, "author": self.roundup.user, "date": "." });
        Ok(number(&self.post("msg", &message)?).ok_or_else(no_roundup)?.to_string())
    }

    /// Adds to the lists of an issue what is not in them yet.
    fn add(&self, ticket: &Ticket, lists: &Value) -> Result<(), TicketError> {
        self.change(&Method::PATCH, ticket, |issue| {
            let mut change = lists.clone();
            let mut all_there = true;
            for (name, wanted) in change.as_object_mut()? {
                let there = issue["attributes"][name].as_array().cloned().unwrap_or_default();
                wanted.as_array_mut()?.retain(|one| !there.contains(one));
                all_there &= wanted.as_array()?.is_empty();
            }
            change["@op"] = "add".into();
            (!all_there).then_some(change)
        })
    }

    /// Changes an issue as it is now. When somebody else was quicker, or an answer was lost, it is
    /// looked at again; no change is wanted then if `wish` says so.
    fn change(
        &self,
        method: &Method,
        ticket: &Ticket,
        wish: impl Fn(&Value) -> Option<Value>,
    ) -> Result<(), TicketError> {
        let path = format!("rest/data/issue/{}", ticket.number);
        let mut left = CHANGES;
        loop {
            let issue = self.issue(ticket, "files,messages", "0")?;
            let Some(mut change) = wish(&issue) else { return Ok(()) };
            change["@etag"] = issue["@etag"].clone();
            left -= 1;
            match self.api.send(method, &path, &HeaderMap::new, &change, Effect::Same) {
                Err(TicketError::Failed(DeliveryError::Refused { reason, .. }))
                    if left > 0 && reason.contains("answered 412") => {}
                done => return done.map(|_| ()),
            }
        }
    }
}

/// The number of an item.
fn number(item: &Value) -> Option<u32> {
    item["id"].as_str()?.parse().ok()
}

fn no_roundup() -> DeliveryError {
    refused("the answer is none of Roundup's", "correct `url`: is that a tracker of Roundup?")
}

/// A link that was used already was used by us: the answer to an earlier try was lost.
fn used(error: TicketError) -> TicketError {
    match error {
        TicketError::Failed(DeliveryError::Refused { reason, help })
            if reason.contains("POE token") =>
        {
            TicketError::Unsure(DeliveryError::Refused { reason, help })
        }
        error => error,
    }
}

#[cfg(test)]
mod tests;
