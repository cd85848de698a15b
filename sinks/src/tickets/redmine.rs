//! `redmine`: opens a ticket in Redmine.

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
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Opens a ticket in Redmine and attaches the bundle.
///
/// The REST interface has to be switched on there (Administration, Settings, API), and the account
/// of the key needs the rights to view, to add and to edit issues of the project.
///
/// ```toml
/// [deliver.ticket]
/// use = "redmine"
/// url = "https://redmine.example.com"
/// api-key = { file = "redmine.key" }
/// project = "komand"
/// tracker = "Bug"
/// ```
#[derive(Deserialize, JsonSchema, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Redmine {
    /// The API key of the account that opens the tickets; Redmine shows it on the page of the
    /// account.
    api_key: Option<SecretSource>,
    /// The identifier of the project, as it stands in its address.
    project: String,
    /// The tracker, by name or number; without it, the project's first.
    tracker: Option<String>,
    /// The priority, by name or number; without it, Redmine's own.
    priority: Option<String>,
    /// Values of custom fields, by the fields' numbers, with the placeholders of `title`:
    /// `fields = { 3 = "{host}" }`.
    fields: BTreeMap<String, Template>,
    /// How Redmine formats texts, as its settings say: `textile` or `markdown`; for `CommonMark`,
    /// too, it is `markdown`.
    text_format: TextFormat,
}

/// How Redmine formats texts.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum TextFormat {
    /// Textile, with which Redmine up to version 5 begins.
    #[default]
    Textile,
    /// Markdown.
    Markdown,
}

collect_core::register!("redmine" => Redmine as TicketSystem);

impl TicketSystem for Redmine {
    fn connect<'c>(
        &'c self,
        options: &'c TicketOptions,
        context: &'c DeliveryContext<'c>,
    ) -> Result<Box<dyn Tickets + 'c>, DeliveryError> {
        let key = self.api_key.as_ref().ok_or_else(|| refused("no key", "write `api-key`"))?;
        let api = Api::new(options, context, help)?;
        let api = api.with_secret("x-redmine-api-key", &context.secret(key)?)?;
        Ok(Box::new(Project { redmine: self, api }))
    }

    fn check(&self, options: &TicketOptions) -> Vec<Invalid> {
        let mut wrong = api::check(options);
        if self.api_key.is_none() {
            let help = "write `api-key = { file = \"redmine.key\" }`";
            wrong.push(invalid("api-key", "no key of an account is given", help));
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if self.project.is_empty() || !self.project.chars().all(is_plain) {
            let message = format!("`{}` is no identifier of a project", self.project);
            let help = "write what stands in the project's address: /projects/IDENTIFIER";
            wrong.push(invalid("project", message, help));
        }
        for number in self.fields.keys() {
            if number.parse::<u32>().is_err() {
                let message = format!("`{number}` is no number of a custom field");
                let help = "Redmine shows it in the address of the field's page";
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
        format!("Redmine project \"{}\" at {}", self.project, api::host(options))
    }

    fn markup(&self) -> Markup {
        match self.text_format {
            TextFormat::Textile => Markup::Textile,
            TextFormat::Markdown => Markup::Markdown,
        }
    }
}

/// What a status means at Redmine.
fn help(status: u16) -> Option<&'static str> {
    match status {
        401 => {
            Some("`api-key` is not accepted (any more): put a valid one there, then `collect send`")
        }
        403 => Some(
            "the account of `api-key` has to be a member of the project that may view, add and \
             edit issues, and the REST interface has to be switched on (Administration, Settings, \
             API)",
        ),
        404 => Some(
            "there is no such project that the account of `api-key` can see, or no Redmine: correct \
             `project` or `url`",
        ),
        422 => Some(
            "correct in the profile what Redmine names: it wants a field that `fields` does not \
             give, or the account of `api-key` may not add issues to the project",
        ),
        _ => None,
    }
}

/// A project that can be spoken to (<https://www.redmine.org/projects/redmine/wiki/Rest_Issues>).
struct Project<'c> {
    redmine: &'c Redmine,
    api: Api<'c>,
}

impl Tickets for Project<'_> {
    fn find(&self, key: &str) -> Result<Vec<Ticket>, TicketError> {
        let subject = format!("~{key}");
        let issues = self.issues(&[("subject", &subject)])?;
        let holds_key =
            |issue: &&Value| issue["subject"].as_str().is_some_and(|subject| subject.contains(key));
        Ok(issues.iter().filter(holds_key).filter_map(|issue| self.ticket(issue)).collect())
    }

    fn get(&self, number: &str) -> Result<Option<Ticket>, TicketError> {
        let number = number.trim().trim_start_matches('#');
        if number.parse::<u32>().is_err() {
            return Ok(None);
        }
        let issues = self.issues(&[("issue_id", number)])?;
        Ok(issues.first().and_then(|issue| self.ticket(issue)))
    }

    fn open(&self, letter: &Letter, file: Option<&dyn Attachment>) -> Result<Opened, TicketError> {
        let fields = self.redmine.fields.iter();
        let fields = fields.map(|(id, value)| json!({ "id": id, "value": letter.fill(value) }));
        let fields: Vec<_> = fields.collect();
        let mut issue = json!({
            "project_id": self.redmine.project,
            "subject": letter.title,
            "description": letter.body,
            "custom_fields": fields,
        });
        let (tracker, priority) = (&self.redmine.tracker, &self.redmine.priority);
        if let Some(tracker) = tracker {
            issue["tracker_id"] = self.number("tracker", "trackers", "trackers", tracker)?;
        }
        if let Some(priority) = priority {
            let path = "enumerations/issue_priorities";
            issue["priority_id"] = self.number("priority", path, "issue_priorities", priority)?;
        }
        issue["uploads"] = file.map(|file| self.upload(file)).transpose()?.into_iter().collect();
        let wish = json!({ "issue": issue });
        let (none, post) = (HeaderMap::new, Method::POST);
        let made = self.api.send(&post, "issues.json", &none, &wish, Effect::Each)?;
        let made = &made["issue"];
        let ticket = self.ticket(made).ok_or_else(|| {
            refused("the answer names no issue", "correct `url`: is that a Redmine?")
        })?;
        Ok(Opened { ticket, ignored: ignored(&issue, made) })
    }

    fn attach(
        &self,
        ticket: &Ticket,
        file: &dyn Attachment,
        comment: Option<&str>,
    ) -> Result<(), TicketError> {
        let upload = self.upload(file)?;
        self.change(ticket, &json!({ "uploads": [upload], "notes": comment.unwrap_or_default() }))
    }

    fn comment(&self, ticket: &Ticket, text: &str) -> Result<(), TicketError> {
        self.change(ticket, &json!({ "notes": text }))
    }

    fn close(&self, ticket: &Ticket, comment: &str) -> Result<(), TicketError> {
        self.comment(ticket, comment)?;
        let statuses = self.api.get("issue_statuses.json", &[])?;
        let statuses = statuses["issue_statuses"].as_array().into_iter().flatten();
        let path = format!("issues/{}.json", ticket.number);
        for closed in statuses.filter(|status| status["is_closed"] == true) {
            self.change(ticket, &json!({ "status_id": closed["id"] }))?;
            // One that the workflow does not let the account choose is left out without a word.
            if self.api.get(&path, &[])?["issue"]["status"]["id"] == closed["id"] {
                return Ok(());
            }
        }
        let reason = format!("Redmine did not close the issue {}", ticket.number);
        let help = "give the role of the account the right to edit its own issues (Administration, \
                    Roles and permissions), and let it close them (Administration, Workflow)";
        Err(refused(reason, help).into())
    }

    fn holding(&self, ticket: &Ticket, file: &dyn Attachment) -> Result<Holding, TicketError> {
        let path = format!("issues/{}.json", ticket.number);
        let issue = self.api.get(&path, &[("include", "attachments")])?;
        let held = issue["issue"]["attachments"].as_array().into_iter().flatten();
        let named = held.filter(|held| held["filename"] == file.name());
        // Redmine tells no digest here; that of the upload was compared.
        Ok(Holding::of(named.filter_map(|held| Some((held["filesize"].as_u64()?, None))), file))
    }
}

impl Project<'_> {
    /// The project's issues that pass a filter, oldest first. Without `status_id` closed ones are
    /// left out.
    fn issues(&self, filter: &[(&str, &str)]) -> Result<Vec<Value>, TicketError> {
        let project = self.redmine.project.as_str();
        let mut query = vec![("project_id", project), ("status_id", "*"), ("sort", "id")];
        query.extend(filter);
        let mut found = self.api.get("issues.json", &query)?;
        Ok(found["issues"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    fn ticket(&self, issue: &Value) -> Option<Ticket> {
        let number = issue["id"].as_u64()?.to_string();
        let url = self.api.url(&format!("issues/{number}")).into();
        Some(Ticket { number, url })
    }

    /// Uploads a file, which belongs to no issue yet; Redmine removes those that stay so.
    fn upload(&self, file: &dyn Attachment) -> Result<Value, TicketError> {
        let mut url = self.api.url("uploads.json");
        url.query_pairs_mut().append_pair("filename", file.name());
        let octets = HeaderValue::from_static("application/octet-stream");
        let headers = || HeaderMap::from_iter([(CONTENT_TYPE, octets.clone())]);
        let body = Body { before: Vec::new(), file, after: Vec::new() };
        let answer = self.api.upload(&url, &headers, &body, Effect::Same)?;
        let token = answer["upload"]["token"].as_str().unwrap_or_default();
        // Behind the dot stands the digest of what arrived, SHA-256 since Redmine 4.
        let digest = token.split_once('.').map_or("", |(_, digest)| digest);
        let ours = file.sha256().map(|digest| hexadecimal(&digest));
        if digest.len() == 64 && ours.is_some_and(|ours| ours != digest) {
            let reason = "what arrived at Redmine is not what was sent";
            return Err(refused(reason, "a proxy on the way may change it").into());
        }
        Ok(json!({
            "token": token,
            "filename": file.name(),
            "content_type": "application/octet-stream",
        }))
    }

    fn change(&self, ticket: &Ticket, change: &Value) -> Result<(), TicketError> {
        let path = format!("issues/{}.json", ticket.number);
        let (none, change) = (HeaderMap::new, json!({ "issue": change }));
        self.api.send(&Method::PUT, &path, &none, &change, Effect::Each).map(|_| ())
    }

    /// The number of what the option `option` names: Redmine takes a wrong one without a word.
    fn number(
        &self,
        option: &str,
        path: &str,
        list: &str,
        wanted: &str,
    ) -> Result<Value, TicketError> {
        let found = self.api.get(&format!("{path}.json"), &[])?;
        let all = found[list].as_array().map(Vec::as_slice).unwrap_or_default();
        let is_wanted = |one: &&Value| {
            let name = one["name"].as_str().unwrap_or_default();
            name.eq_ignore_ascii_case(wanted) || is_number(&one["id"], wanted)
        };
        if let Some(one) = all.iter().find(is_wanted) {
            return Ok(one["id"].clone());
        }
        let names = all.iter().filter_map(|one| one["name"].as_str());
        let names: Vec<_> = names.map(|name| self.api.quote(name)).collect();
        let help = format!("correct `{option}`; there are: {}", names.join(", "));
        Err(refused(format!("Redmine has no {option} `{wanted}`"), &help).into())
    }
}

/// What of a wish is not in the issue that was made.
fn ignored(wish: &Value, made: &Value) -> Vec<String> {
    let mut ignored = Vec::new();
    for (option, asked, got) in
        [("tracker", "tracker_id", "tracker"), ("priority", "priority_id", "priority")]
    {
        if wish[asked].is_u64() && wish[asked] != made[got]["id"] {
            ignored.push(option.to_owned());
        }
    }
    let held = made["custom_fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    for field in wish["custom_fields"].as_array().into_iter().flatten() {
        let id = field["id"].as_str().unwrap_or_default();
        let there = |held: &&Value| is_number(&held["id"], id) && held["value"] == field["value"];
        if !held.iter().any(|held| there(&held)) {
            ignored.push(format!("fields.{id}"));
        }
    }
    ignored
}

/// Whether a value is the number that is written so.
fn is_number(value: &Value, written: &str) -> bool {
    value.as_u64().is_some_and(|number| written.parse() == Ok(number))
}

#[cfg(test)]
mod tests;
