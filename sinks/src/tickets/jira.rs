//! `jira`: opens an issue in Jira.

mod shapes;

use crate::api::{self, Api, Effect, Form, invalid, refused};
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
    header::{HeaderMap, HeaderName, HeaderValue},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use shapes::{filled, has, is_done, is_key, label, path, quoted, resolution};
use std::{cell::OnceCell, collections::BTreeMap, time::Duration};

/// Opens an issue in Jira, Cloud or Data Center, and attaches the bundle.
///
/// The account needs the rights to browse projects, to create and to transition issues, to add
/// comments and to create attachments. Both editions are spoken to by version 2 of the REST
/// interface, in which texts are wiki text; what users typed stands in `{noformat}` blocks.
///
/// Built to the documentation of the vendor
/// (<https://developer.atlassian.com/cloud/jira/platform/rest/v2/>,
/// <https://docs.atlassian.com/software/jira/docs/api/REST/latest/>) and tested with the requests
/// and answers that it shows; it has not been run against the live service.
///
/// ```toml
/// [deliver.issue]
/// use = "jira"
/// url = "https://komand.atlassian.net"
/// user = "reports@example.com"
/// token = { env = "JIRA_TOKEN" }
/// project = "SUP"
/// ```
#[derive(Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
struct Jira {
    /// Which Jira it is: `cloud` or `data-center`, which also means Server; `cloud`
    /// if not given.
    edition: Edition,
    /// The account. On Cloud it is the mail address that the token belongs to. On Data Center it is
    /// left out for a personal access token, or is the user whose password `token` is.
    user: Option<String>,
    /// The API token (Cloud), the personal access token or the password (Data Center).
    token: Option<SecretSource>,
    /// The key of the project: `BUGS`.
    project: String,
    /// The type of the issue, by name.
    r#type: String,
    /// The priority, by name; without it, Jira's own.
    priority: Option<String>,
    /// Labels, without spaces.
    labels: Vec<String>,
    /// Components, by name.
    components: Vec<String>,
    /// Values of other fields, by the fields' ids, as Jira's REST interface wants them; texts may
    /// have the placeholders of `title`:
    /// `fields = { customfield_10042 = "{host}", customfield_10043 = { value = "Shop" } }`.
    fields: BTreeMap<String, Value>,
    /// Whether each issue gets a label of its own, `collect-` and the report's short id, by which it
    /// is found however its title is changed. The field has to be on the screen for new issues.
    key_label: bool,
}

/// Which Jira it is.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Edition {
    /// The one at `atlassian.net`.
    #[default]
    Cloud,
    /// One's own.
    DataCenter,
}

impl Default for Jira {
    fn default() -> Self {
        Self {
            edition: Edition::default(),
            user: None,
            token: None,
            project: String::new(),
            r#type: "Task".into(),
            priority: None,
            labels: Vec::new(),
            components: Vec::new(),
            fields: BTreeMap::new(),
            key_label: true,
        }
    }
}

/// The longest text that Jira takes, in characters.
const LONGEST: usize = 32_767;

/// The fields that options of their own, or the report, give.
const OURS: [&str; 7] =
    ["project", "summary", "description", "issuetype", "priority", "labels", "components"];

/// Without it, Jira takes an upload for one that another site has tricked a browser into.
const NO_CHECK: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-atlassian-token"), HeaderValue::from_static("no-check"));

collect_core::register!("jira" => Jira as TicketSystem);

impl TicketSystem for Jira {
    fn connect<'c>(
        &'c self,
        options: &'c TicketOptions,
        context: &'c DeliveryContext<'c>,
    ) -> Result<Box<dyn Tickets + 'c>, DeliveryError> {
        Ok(Box::new(self.project(options, context)?))
    }

    fn check(&self, options: &TicketOptions) -> Vec<Invalid> {
        let mut wrong = api::check(options);
        if self.user.is_none() && self.edition == Edition::Cloud {
            let help = "write `user = \"MAIL ADDRESS\"`, or `edition = \"data-center\"`";
            wrong.push(invalid("user", "no account is given", help));
        }
        if self.token.is_none() {
            let help = "write `token = { file = \"jira.token\" }`";
            wrong.push(invalid("token", "no token of the account is given", help));
        }
        if !is_key(&self.project) {
            let message = format!("`{}` is no key of a project", self.project);
            let help = "write what stands before the numbers of its issues: `BUGS`";
            wrong.push(invalid("project", message, help));
        }
        if let Some(label) = self.labels.iter().find(|label| label.contains(char::is_whitespace)) {
            let message = format!("the label `{label}` has a space in it");
            wrong.push(invalid("labels", message, "Jira takes none: write `-` in its place"));
        }
        for (id, value) in &self.fields {
            if OURS.contains(&id.as_str()) {
                let message = format!("`{id}` has an option of its own, or is given by the report");
                wrong.push(invalid("fields", message, "take it out of `fields`"));
            }
            if let Err((message, help)) = filled(value, &|template| {
                Letter::objection(template).map_or(Ok(String::new()), Err)
            }) {
                wrong.push(invalid("fields", format!("`{id}`: {message}"), &help));
            }
        }
        wrong
    }

    fn secrets(&self, options: &TicketOptions) -> Vec<SecretSource> {
        api::secrets(options, self.token.as_ref())
    }

    fn destination(&self, options: &TicketOptions) -> String {
        format!("Jira project \"{}\" at {}", self.project, api::host(options))
    }

    fn markup(&self) -> Markup {
        Markup::Jira
    }
}

impl Jira {
    fn project<'c>(
        &'c self,
        options: &'c TicketOptions,
        context: &'c DeliveryContext<'c>,
    ) -> Result<Project<'c>, DeliveryError> {
        let token = self.token.as_ref().ok_or_else(|| refused("no token", "write `token`"))?;
        let token = context.secret(token)?;
        let api = Api::new(options, context, help)?.with_account(self.user.as_deref(), &token)?;
        Ok(Project { jira: self, api, limit: OnceCell::new() })
    }
}

/// What a status means at Jira.
fn help(status: u16) -> Option<&'static str> {
    match status {
        400 => Some(
            "correct in the profile what Jira names: `project`, `type`, `priority`, `components`, or \
             a field that it wants in `fields`. A field that cannot be set has to be put on the \
             screen for new issues, or be left out (`key-label = false` for the label)",
        ),
        401 => Some(
            "`user` and `token` are not accepted (any more): put a valid token there, then \
             `collect send`. Cloud wants the mail address and an API token, Data Center a personal \
             access token without `user`",
        ),
        403 => Some(
            "the account of `token` has to browse the project, create issues, add comments and \
             create attachments there; after many wrong passwords it has to log in once by hand",
        ),
        404 => Some(
            "there is no such project or issue that the account of `token` can see, it may not \
             create attachments there, or this is no Jira: correct `project` or `url`",
        ),
        _ => None,
    }
}

/// A project that can be spoken to.
struct Project<'c> {
    jira: &'c Jira,
    api: Api<'c>,
    /// The largest attachment, once it was asked for.
    limit: OnceCell<Option<u64>>,
}

impl Tickets for Project<'_> {
    /// By the label, and by the title of issues that have none.
    fn find(&self, key: &str) -> Result<Vec<Ticket>, TicketError> {
        let (project, label) = (quoted(&self.jira.project), label(key));
        let title = quoted(&quoted(key));
        let jql = format!(
            "project = {project} AND (labels = {} OR summary ~ {title}) ORDER BY key ASC",
            quoted(&label)
        );
        let path = match self.jira.edition {
            Edition::Cloud => "rest/api/2/search/jql",
            Edition::DataCenter => "rest/api/2/search",
        };
        let query = [("jql", &*jql), ("fields", "summary,labels"), ("maxResults", "50")];
        let found = self.api.get(path, &query)?;
        let issues = found["issues"].as_array().into_iter().flatten();
        let is_ours = |issue: &&Value| {
            let fields = &issue["fields"];
            fields["summary"].as_str().is_some_and(|summary| summary.contains(key))
                || has(&fields["labels"], &label)
        };
        Ok(issues.filter(is_ours).filter_map(|issue| self.ticket(issue)).collect())
    }

    fn get(&self, number: &str) -> Result<Option<Ticket>, TicketError> {
        let number = number.trim().to_ascii_uppercase();
        if !self.is_number(&number) {
            return Ok(None);
        }
        let issue = self.api.get_if_there(&path(&number, ""), &[("fields", "summary")])?;
        // One that was moved is found by its old number.
        let ours = |ticket: &Ticket| self.is_number(&ticket.number);
        Ok(issue.and_then(|issue| self.ticket(&issue)).filter(ours))
    }

    fn open(&self, letter: &Letter, _: Option<&dyn Attachment>) -> Result<Opened, TicketError> {
        let wish = json!({ "fields": self.fields(letter) });
        let (none, post) = (HeaderMap::new, Method::POST);
        let made = self.api.send(&post, "rest/api/2/issue", &none, &wish, Effect::Each)?;
        let ticket = self.ticket(&made).ok_or_else(|| {
            refused("the answer names no issue", "correct `url`: is that a Jira?")
        })?;
        // The ticket is there; that it cannot be read back is no reason to say otherwise.
        let ignored = self.ignored(&ticket, &wish["fields"]).unwrap_or_default();
        Ok(Opened { ticket, ignored })
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
        let (mut headers, body) = Form::default().with_file("file", file);
        headers.extend([NO_CHECK]);
        let url = self.api.url(&path(&ticket.number, "/attachments"));
        self.api.upload(&url, &|| headers.clone(), &body, Effect::Each).map(|_| ())
    }

    fn comment(&self, ticket: &Ticket, text: &str) -> Result<(), TicketError> {
        self.post(ticket, "/comment", &json!({ "body": Markup::Jira.cut(text, LONGEST) }))
    }

    /// Which transitions there are, and what they want, depends on the workflow.
    fn close(&self, ticket: &Ticket, comment: &str) -> Result<(), TicketError> {
        self.comment(ticket, comment)?;
        let query = [("expand", "transitions.fields")];
        let found = self.api.get(&path(&ticket.number, "/transitions"), &query)?;
        let transitions = found["transitions"].as_array().into_iter().flatten();
        for transition in transitions.filter(|transition| is_done(&transition["to"])) {
            let mut wish = json!({ "transition": { "id": transition["id"] } });
            if let Some(resolution) = resolution(transition) {
                wish["fields"] = json!({ "resolution": resolution });
            }
            match self.post(ticket, "/transitions", &wish) {
                // It wants a field that only a person can give; another one may not.
                Ok(()) | Err(TicketError::Failed(DeliveryError::Refused { .. })) => {}
                Err(error) => return Err(error),
            }
            let issue = self.api.get(&path(&ticket.number, ""), &[("fields", "status")])?;
            if is_done(&issue["fields"]["status"]) {
                return Ok(());
            }
        }
        let reason = format!("Jira did not close the issue {}", ticket.number);
        let help = "let the account of `token` transition issues to a status that means done";
        Err(refused(reason, help).into())
    }

    fn holding(&self, ticket: &Ticket, file: &dyn Attachment) -> Result<Holding, TicketError> {
        let issue = self.api.get(&path(&ticket.number, ""), &[("fields", "attachment")])?;
        let held = issue["fields"]["attachment"].as_array().into_iter().flatten();
        let named = held.filter(|held| held["filename"] == file.name());
        // Jira tells no digest.
        Ok(Holding::of(named.filter_map(|held| Some((held["size"].as_u64()?, None))), file))
    }

    fn limit(&self) -> Result<Option<u64>, TicketError> {
        if let Some(limit) = self.limit.get() {
            return Ok(*limit);
        }
        // A proxy before it may not let everything through; the upload is refused then.
        let settings = self.api.get_if_there("rest/api/2/attachment/meta", &[])?;
        let settings = settings.unwrap_or_default();
        let off = settings["enabled"] == false;
        let limit = if off { Some(0) } else { settings["uploadLimit"].as_u64() };
        Ok(*self.limit.get_or_init(|| limit))
    }

    /// The search of Cloud is said to take seconds to minutes; that of Data Center is written to in
    /// the same go, but each node of a cluster has its own.
    fn lag(&self) -> Duration {
        match self.jira.edition {
            Edition::Cloud => Duration::from_mins(1),
            Edition::DataCenter => Duration::from_secs(5),
        }
    }
}

impl Project<'_> {
    /// What a new issue is made of.
    fn fields(&self, letter: &Letter) -> Map<String, Value> {
        let jira = self.jira;
        let fill = |template: &Template| Ok::<_, (String, String)>(letter.fill(template));
        let fields = jira.fields.iter();
        let mut fields: Map<_, _> = fields
            .filter_map(|(id, value)| Some((id.clone(), filled(value, &fill).ok()?)))
            .collect();
        let own = jira.key_label.then(|| label(&letter.key));
        let labels: Vec<_> = jira.labels.iter().cloned().chain(own).collect();
        fields.insert("project".into(), json!({ "key": jira.project }));
        fields.insert("issuetype".into(), json!({ "name": jira.r#type }));
        fields.insert("summary".into(), letter.title.clone().into());
        fields.insert("description".into(), Markup::Jira.cut(&letter.body, LONGEST).into());
        if !labels.is_empty() {
            fields.insert("labels".into(), labels.into());
        }
        if let Some(priority) = &jira.priority {
            fields.insert("priority".into(), json!({ "name": priority }));
        }
        if !jira.components.is_empty() {
            let components = jira.components.iter().map(|name| json!({ "name": name }));
            fields.insert("components".into(), components.collect());
        }
        fields
    }

    /// What of a wish is not in the issue that was made of it: rules of the project may change it.
    fn ignored(&self, ticket: &Ticket, wish: &Value) -> Result<Vec<String>, TicketError> {
        let query = [("fields", "labels,priority,components")];
        let issue = self.api.get(&path(&ticket.number, ""), &query)?;
        let made = &issue["fields"];
        let mut ignored = Vec::new();
        if wish["priority"].is_object() && wish["priority"]["name"] != made["priority"]["name"] {
            ignored.push("priority".to_owned());
        }
        for label in wish["labels"].as_array().into_iter().flatten() {
            if !has(&made["labels"], label.as_str().unwrap_or_default()) {
                ignored.push(format!("labels.{}", label.as_str().unwrap_or_default()));
            }
        }
        let held = made["components"].as_array().map(Vec::as_slice).unwrap_or_default();
        for component in wish["components"].as_array().into_iter().flatten() {
            if !held.iter().any(|held| held["name"] == component["name"]) {
                ignored.push(format!("components.{}", component["name"].as_str().unwrap_or("")));
            }
        }
        Ok(ignored)
    }

    fn post(&self, ticket: &Ticket, what: &str, wish: &Value) -> Result<(), TicketError> {
        let none = HeaderMap::new;
        let path = path(&ticket.number, what);
        self.api.send(&Method::POST, &path, &none, wish, Effect::Each).map(|_| ())
    }

    fn ticket(&self, issue: &Value) -> Option<Ticket> {
        let number = issue["key"].as_str()?.to_owned();
        let url = self.api.url(&format!("browse/{number}")).into();
        Some(Ticket { number, url })
    }

    /// Whether that is the number of an issue of this project.
    fn is_number(&self, number: &str) -> bool {
        let digits = number.strip_prefix(self.jira.project.as_str());
        let digits = digits.and_then(|rest| rest.strip_prefix('-'));
        digits.is_some_and(|digits| digits.parse::<u32>().is_ok())
    }
}

#[cfg(test)]
mod tests;
