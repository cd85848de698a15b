//! `gitlab`: opens an issue in GitLab.

use crate::api::{self, Api, Effect, Form, has_all, invalid, missing, refused};
use collect_core::{
    Invalid, TicketSystem,
    secret::SecretSource,
    sink::{DeliveryContext, DeliveryError},
    ticket::{
        Attachment, Holding, Letter, Markup, Opened, Ticket, TicketError, TicketOptions, Tickets,
    },
};
use reqwest::{Method, header::HeaderMap};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// Opens an issue in GitLab and attaches the bundle, at `https://gitlab.com` or a GitLab of your
/// own.
///
/// This follows GitLab's documentation and was not run against a live GitLab:
/// <https://docs.gitlab.com/api/issues/>, <https://docs.gitlab.com/api/notes/>,
/// <https://docs.gitlab.com/api/project_markdown_uploads/>,
/// <https://docs.gitlab.com/security/user_file_uploads/>. It wants GitLab 15.6 or newer, and the
/// token of an account with the role Reporter or a higher one in the project.
///
/// GitLab lets everyone who knows its address download a file of a public project, even one of a
/// confidential issue. A bundle is not uploaded to such a project unless `public-uploads` allows
/// it; where an earlier sink has put the bundle somewhere else, the issue says where.
///
/// GitLab does not say how long an attached file is: an issue that links the bundle is taken to
/// hold it.
///
/// ```toml
/// [deliver.issue]
/// use = "gitlab"
/// url = "https://gitlab.com"
/// project = "example/komand-reports"
/// token = { env = "GITLAB_TOKEN" }
/// labels = ["report"]
/// ```
#[derive(Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
struct Gitlab {
    /// A personal, project or group access token with the scope `api`.
    token: Option<SecretSource>,
    /// The project: its path, `group/project`, or its number.
    project: String,
    /// Whether only members of the project may see the issue. What is added to an issue of somebody
    /// else is an internal note then.
    confidential: bool,
    /// Labels of the issue. GitLab makes those that it does not have.
    labels: Vec<String>,
    /// Whether bundles may be uploaded to a public project, where everyone who knows a file's
    /// address can download it. They stay encrypted there.
    public_uploads: bool,
}

impl Default for Gitlab {
    fn default() -> Self {
        Self {
            token: None,
            project: String::new(),
            confidential: true,
            labels: Vec::new(),
            public_uploads: false,
        }
    }
}

/// How many notes GitLab tells at once.
const PAGE: usize = 100;

/// How many notes of an issue are looked at, the newest first, in pages.
const PAGES: usize = 20;

collect_core::register!("gitlab" => Gitlab as TicketSystem);

impl TicketSystem for Gitlab {
    fn connect<'c>(
        &'c self,
        options: &'c TicketOptions,
        context: &'c DeliveryContext<'c>,
    ) -> Result<Box<dyn Tickets + 'c>, DeliveryError> {
        Ok(Box::new(self.project(options, context)?))
    }

    fn check(&self, options: &TicketOptions) -> Vec<Invalid> {
        let mut wrong = api::check(options);
        if self.token.is_none() {
            let help = "write `token = { file = \"gitlab.token\" }`";
            wrong.push(invalid("token", "no token of an account is given", help));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let in_path = |part: &str| !part.is_empty() && part.chars().all(plain);
        let is_number = self.project.parse::<u64>().is_ok();
        let is_path = self.project.contains('/') && self.project.split('/').all(in_path);
        if !is_number && !is_path {
            let message = format!("`{}` is neither path nor number of a project", self.project);
            let help = "write what stands in the project's address, `group/project`, or its number";
            wrong.push(invalid("project", message, help));
        }
        for label in &self.labels {
            if label.is_empty() || label.contains(',') {
                let message = format!("`{label}` is no label");
                wrong.push(invalid(
                    "labels",
                    message,
                    "write each label by itself, without commas",
                ));
            }
        }
        wrong
    }

    fn secrets(&self, options: &TicketOptions) -> Vec<SecretSource> {
        api::secrets(options, self.token.as_ref())
    }

    fn destination(&self, options: &TicketOptions) -> String {
        format!("GitLab project \"{}\" at {}", self.project, api::host(options))
    }

    fn markup(&self) -> Markup {
        Markup::Markdown
    }
}

impl Gitlab {
    fn project<'c>(
        &'c self,
        options: &TicketOptions,
        context: &DeliveryContext<'c>,
    ) -> Result<Project<'c>, DeliveryError> {
        let token = self.token.as_ref().ok_or_else(|| refused("no token", "write `token`"))?;
        let api = Api::new(options, context, help)?;
        let api = api.with_secret("private-token", &context.secret(token)?)?;
        let path = format!("api/v4/projects/{}", self.project.replace('/', "%2F"));
        Ok(Project { gitlab: self, api, path, is_elsewhere: !context.elsewhere.is_empty() })
    }
}

/// What a status means at GitLab.
fn help(status: u16) -> Option<&'static str> {
    match status {
        401 => Some(
            "`token` is not accepted (any more): put a valid one there, with the scope `api`, then \
             `collect send`",
        ),
        403 => Some(
            "`token` needs the scope `api`, and its account the role Reporter or a higher one in \
             the project",
        ),
        404 => Some(
            "there is no such project that the account of `token` can see, its issues are switched \
             off, or there is no GitLab: correct `project` or `url`",
        ),
        _ => None,
    }
}

/// A project that can be spoken to.
struct Project<'c> {
    gitlab: &'c Gitlab,
    api: Api<'c>,
    path: String,
    /// Whether the bundle is somewhere else, too.
    is_elsewhere: bool,
}

impl Tickets for Project<'_> {
    fn find(&self, key: &str) -> Result<Vec<Ticket>, TicketError> {
        let issues = self.issues(&[("search", key), ("in", "title")])?;
        let holds_key = |issue: &&Value| issue["title"].as_str().is_some_and(|it| it.contains(key));
        Ok(issues.iter().filter(holds_key).filter_map(|issue| self.ticket(issue)).collect())
    }

    fn get(&self, number: &str) -> Result<Option<Ticket>, TicketError> {
        let number = number.trim().trim_start_matches('#');
        if number.parse::<u64>().is_err() {
            return Ok(None);
        }
        let issues = self.issues(&[("iids[]", number)])?;
        Ok(issues.first().and_then(|issue| self.ticket(issue)))
    }

    fn open(&self, letter: &Letter, file: Option<&dyn Attachment>) -> Result<Opened, TicketError> {
        let link = file.map(|file| self.upload(file)).transpose()?;
        let gitlab = self.gitlab;
        let wish = json!({
            "title": letter.title,
            "description": with_link(&letter.body, link.as_deref()),
            "confidential": gitlab.confidential,
            "labels": gitlab.labels.join(","),
        });
        let made = self.send(&Method::POST, "issues", &wish)?;
        let ticket = self.ticket(&made).ok_or_else(|| {
            refused("the answer names no issue", "correct `url`: is that a GitLab?")
        })?;
        let mut ignored = missing(&[("confidential", "confidential")], &wish, &made);
        if !has_all(&made["labels"], &json!(gitlab.labels)) {
            ignored.push("labels".to_owned());
        }
        Ok(Opened { ticket, ignored })
    }

    fn attach(
        &self,
        ticket: &Ticket,
        file: &dyn Attachment,
        comment: Option<&str>,
    ) -> Result<(), TicketError> {
        let link = self.upload(file)?;
        self.note(ticket, &with_link(comment.unwrap_or_default(), Some(&link)))
    }

    fn comment(&self, ticket: &Ticket, text: &str) -> Result<(), TicketError> {
        self.note(ticket, &with_link(text, None))
    }

    fn close(&self, ticket: &Ticket, comment: &str) -> Result<(), TicketError> {
        self.comment(ticket, comment)?;
        let path = format!("issues/{}", ticket.number);
        let changed = self.send(&Method::PUT, &path, &json!({ "state_event": "close" }))?;
        if changed["state"] == "closed" {
            return Ok(());
        }
        let reason = format!("GitLab did not close the issue {}", ticket.number);
        let help = "give the account of `token` the role Reporter or a higher one in the project";
        Err(refused(reason, help).into())
    }

    fn holding(&self, ticket: &Ticket, file: &dyn Attachment) -> Result<Holding, TicketError> {
        let link = format!("[{}](/uploads/", file.name());
        let links = |text: &Value| text.as_str().is_some_and(|text| text.contains(&link));
        let path = format!("{}/issues/{}", self.path, ticket.number);
        if links(&self.api.get(&path, &[])?["description"]) {
            return Ok(Holding::Whole);
        }
        let (path, size) = (format!("{path}/notes"), PAGE.to_string());
        for page in 1..=PAGES {
            let page = page.to_string();
            let query = [("sort", "desc"), ("per_page", &*size), ("page", &*page)];
            let notes = self.api.get(&path, &query)?;
            let notes = notes.as_array().map(Vec::as_slice).unwrap_or_default();
            if notes.iter().any(|note| links(&note["body"])) {
                return Ok(Holding::Whole);
            }
            if notes.len() < PAGE {
                break;
            }
        }
        Ok(Holding::Missing)
    }
}

impl Project<'_> {
    /// The project's issues that pass a filter, open or closed, oldest first.
    fn issues(&self, filter: &[(&str, &str)]) -> Result<Vec<Value>, TicketError> {
        let mut query = filter.to_vec();
        query.extend([("state", "all"), ("scope", "all"), ("per_page", "100")]);
        query.extend([("order_by", "created_at"), ("sort", "asc")]);
        let mut found = self.api.get(&format!("{}/issues", self.path), &query)?;
        Ok(found.as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    fn ticket(&self, issue: &Value) -> Option<Ticket> {
        let number = issue["iid"].as_u64()?.to_string();
        let page = self.api.quote(issue["web_url"].as_str().unwrap_or_default());
        let is_page = page.starts_with("https://") || page.starts_with("http://");
        Some(Ticket { number, url: if is_page { page } else { self.api.origin() } })
    }

    /// Uploads a file, which belongs to the project; a link in a text makes it part of an issue.
    fn upload(&self, file: &dyn Attachment) -> Result<String, TicketError> {
        self.may_upload()?;
        let (headers, body) = Form::default().with_file("file", file);
        let url = self.api.url(&format!("{}/uploads", self.path));
        let answer = self.api.upload(&url, &|| headers.clone(), &body, Effect::Same)?;
        let place = answer["url"].as_str().unwrap_or_default();
        if !place.starts_with("/uploads/") || !place.ends_with(&format!("/{}", file.name())) {
            let help = "ask those who run GitLab whether it renames uploads, or correct `url`";
            return Err(refused("GitLab did not say where it put the bundle", help).into());
        }
        Ok(format!("[{}]({place})", file.name()))
    }

    /// Refuses to put a bundle where everybody could fetch it.
    fn may_upload(&self) -> Result<(), TicketError> {
        if self.gitlab.public_uploads || self.api.get(&self.path, &[])?["visibility"] != "public" {
            return Ok(());
        }
        let reason = "the project is public, and everyone who knows a file's address can download \
                      it there";
        if self.is_elsewhere {
            return Err(TicketError::TooLarge(reason.to_owned()));
        }
        let help = "take a private project, deliver to a bucket first (the issue then says where \
                    the bundle is), or allow it, since bundles are encrypted: `public-uploads = \
                    true`";
        Err(refused(reason, help).into())
    }

    fn note(&self, ticket: &Ticket, text: &str) -> Result<(), TicketError> {
        let note = json!({ "body": text, "internal": self.gitlab.confidential });
        self.send(&Method::POST, &format!("issues/{}/notes", ticket.number), &note).map(|_| ())
    }

    fn send(&self, method: &Method, path: &str, wish: &Value) -> Result<Value, TicketError> {
        let path = format!("{}/{path}", self.path);
        self.api.send(method, &path, &HeaderMap::new, wish, Effect::Each)
    }
}

/// A text with a link below it, and without what GitLab would take for commands: it obeys lines
/// that begin with a slash, and not every version leaves them alone in preformatted text.
fn with_link(text: &str, link: Option<&str>) -> String {
    let lines = text.lines().map(|line| {
        let space = if line.starts_with('/') { " " } else { "" };
        format!("{space}{line}")
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    let parts = [text.trim_end(), link.unwrap_or_default()];
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests;
