//! `github`: opens an issue in GitHub.

use crate::api::{self, Api, Effect, invalid, refused};
use collect_core::{
    Invalid, TicketSystem,
    secret::SecretSource,
    sink::{DeliveryContext, DeliveryError},
    ticket::{
        Attachment, Holding, Letter, Markup, Opened, Ticket, TicketError, TicketOptions, Tickets,
    },
};
use reqwest::{
    Method,
    header::{HeaderMap, HeaderName},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use url::Url;

/// Opens an issue in GitHub that says where the bundle is.
///
/// GitHub takes no files by its interface, so a sink before this one has to put the bundle into a
/// bucket. `url` is left out for github.com, and is the address of an Enterprise Server or
/// `https://NAME.ghe.com` otherwise. The token needs to read and write issues of the repository.
/// Everyone who can see the repository can read what users typed: take a private one. Texts are
/// Markdown.
///
/// Built to the documentation of the vendor (<https://docs.github.com/en/rest/issues/issues>) and
/// tested with the requests and answers that it shows; it has not been run against the live
/// service.
///
/// ```toml
/// # An issue says where the bundle is, so a bucket comes first.
/// [deliver.bucket]
/// use = "s3"
/// bucket = "komand-bug-reports"
/// region = "eu-central-1"
/// upload-url = "https://upload.example.com/"
///
/// [deliver.issue]
/// use = "github"
/// repository = "example/komand-reports"
/// token = { env = "GITHUB_TOKEN" }
/// labels = ["report"]
/// ```
#[derive(Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
struct Github {
    /// A personal access token, fine-grained with the permission `Issues: read and write`, or
    /// classic with the scope `repo`.
    token: Option<SecretSource>,
    /// The repository: `OWNER/NAME`.
    repository: String,
    /// Labels. Who may not write to the repository cannot set them.
    labels: Vec<String>,
    /// The accounts that issues are assigned to. Who may not write to the repository cannot do so.
    assignees: Vec<String>,
    /// Whether each issue gets a label of its own, `collect-` and the report's short id, by which it
    /// is found however its title is changed. It is left out if the account may not set labels.
    key_label: bool,
}

impl Default for Github {
    fn default() -> Self {
        Self {
            token: None,
            repository: String::new(),
            labels: Vec::new(),
            assignees: Vec::new(),
            key_label: true,
        }
    }
}

/// The longest text that GitHub takes, in characters.
const LONGEST: usize = 65_536;

/// How many issues GitHub lists in one answer.
const PAGE: usize = 100;

/// The interface of github.com.
const PUBLIC: &str = "https://api.github.com";

collect_core::register!("github" => Github as TicketSystem);

impl TicketSystem for Github {
    fn connect<'c>(
        &'c self,
        options: &'c TicketOptions,
        context: &'c DeliveryContext<'c>,
    ) -> Result<Box<dyn Tickets + 'c>, DeliveryError> {
        Ok(Box::new(self.repository(options, context)?))
    }

    fn check(&self, options: &TicketOptions) -> Vec<Invalid> {
        let mut wrong = api::check(&interface(options));
        if self.token.is_none() {
            let help = "write `token = { file = \"github.token\" }`";
            wrong.push(invalid("token", "no token is given", help));
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_name = |name: &str| !matches!(name, "" | "." | "..") && name.chars().all(is_plain);
        if !self
            .repository
            .split_once('/')
            .is_some_and(|(owner, name)| is_name(owner) && is_name(name))
        {
            let message = format!("`{}` is no repository", self.repository);
            wrong.push(invalid("repository", message, "write `repository = \"OWNER/NAME\"`"));
        }
        if let Some(label) = self.labels.iter().find(|label| label.contains(',')) {
            let message = format!("the label `{label}` has a comma in it");
            wrong.push(invalid("labels", message, "write each label by itself: [\"a\", \"b\"]"));
        }
        wrong
    }

    fn secrets(&self, options: &TicketOptions) -> Vec<SecretSource> {
        api::secrets(options, self.token.as_ref())
    }

    fn destination(&self, options: &TicketOptions) -> String {
        format!("GitHub repository \"{}\" at {}", self.repository, api::host(&interface(options)))
    }

    fn markup(&self) -> Markup {
        Markup::Markdown
    }
}

impl Github {
    fn repository<'c>(
        &'c self,
        options: &TicketOptions,
        context: &'c DeliveryContext<'c>,
    ) -> Result<Repository<'c>, DeliveryError> {
        let token = self.token.as_ref().ok_or_else(|| refused("no token", "write `token`"))?;
        let token = context.secret(token)?;
        let api = Api::new(&interface(options), context, help)?
            .with_header(HeaderName::from_static("x-github-api-version"), "2022-11-28")
            .with_account(None, &token)?;
        Ok(Repository { github: self, api })
    }
}

/// The options with the address of the interface in place of that of the pages.
fn interface(options: &TicketOptions) -> TicketOptions {
    let given = options.url.trim_end_matches('/');
    let host = given.parse::<Url>().ok().and_then(|url| url.host_str().map(str::to_lowercase));
    let url = match host.as_deref() {
        None if given.is_empty() => PUBLIC.to_owned(),
        None => given.to_owned(),
        Some("github.com" | "www.github.com" | "api.github.com") => PUBLIC.to_owned(),
        Some(host) if host.ends_with(".ghe.com") => {
            format!("https://api.{}", host.trim_start_matches("api."))
        }
        Some(_) if given.ends_with("/api/v3") => given.to_owned(),
        Some(_) => format!("{given}/api/v3"),
    };
    TicketOptions { url, ..options.clone() }
}

/// What a status means at GitHub.
fn help(status: u16) -> Option<&'static str> {
    match status {
        401 => {
            Some("`token` is not accepted (any more): put a valid one there, then `collect send`")
        }
        403 => Some(
            "`token` needs the permission to read and write issues of the repository, and its \
             organisation may have to approve it; who may not write to the repository cannot make \
             labels (`key-label = false`)",
        ),
        404 => Some(
            "there is no such repository that `token` can see, or `token` may not write issues \
             there: correct `repository` or `url`",
        ),
        410 => Some("switch issues on in the settings of the repository"),
        422 => Some("correct in the profile what GitHub names: `labels` or `assignees`"),
        _ => None,
    }
}

/// A repository that can be spoken to.
struct Repository<'c> {
    github: &'c Github,
    api: Api<'c>,
}

impl Tickets for Repository<'_> {
    /// By the label; by the title among the newest, which are listed at once; and, where there are
    /// more, by the search, whose index may lag but knows the old ones.
    fn find(&self, key: &str) -> Result<Vec<Ticket>, TicketError> {
        let (per_page, label) = (PAGE.to_string(), label(key));
        let all = [("state", "all"), ("sort", "created"), ("per_page", &*per_page)];
        let mut found = Vec::new();
        if self.github.key_label {
            let query = [&all[..], &[("direction", "asc"), ("labels", &*label)]].concat();
            found.extend(self.list(&query)?);
        }
        if found.is_empty() {
            let newest = self.list(&[&all[..], &[("direction", "desc")]].concat())?;
            let is_all = newest.len() < PAGE;
            found.extend(newest.into_iter().filter(|issue| is_about(issue, key)));
            if found.is_empty() && !is_all {
                found.extend(self.search(key)?);
            }
        }
        let mut numbers: Vec<_> = found
            .iter()
            .filter(|issue| issue["pull_request"].is_null())
            .filter_map(|issue| issue["number"].as_u64().zip(self.ticket(issue)))
            .collect();
        numbers.sort_by_key(|(number, _)| *number);
        numbers.dedup_by_key(|(number, _)| *number);
        Ok(numbers.into_iter().map(|(_, ticket)| ticket).collect())
    }

    fn get(&self, number: &str) -> Result<Option<Ticket>, TicketError> {
        let Ok(number) = number.trim().trim_start_matches('#').parse::<u32>() else {
            return Ok(None);
        };
        let issue = self.api.get_if_there(&self.path(&format!("issues/{number}")), &[])?;
        // Each pull request is an issue as well.
        let issue = issue.filter(|issue| issue["pull_request"].is_null());
        Ok(issue.and_then(|issue| self.ticket(&issue)))
    }

    fn open(&self, letter: &Letter, _: Option<&dyn Attachment>) -> Result<Opened, TicketError> {
        let github = self.github;
        let own = self.may_label()?.then(|| label(&letter.key));
        let labels: Vec<_> = github.labels.iter().cloned().chain(own.clone()).collect();
        let mut wish = json!({
            "title": letter.title,
            "body": Markup::Markdown.cut(&letter.body, LONGEST),
        });
        if !labels.is_empty() {
            wish["labels"] = json!(labels);
        }
        if !github.assignees.is_empty() {
            wish["assignees"] = json!(github.assignees);
        }
        let made = self.send(&Method::POST, "issues", &wish, Effect::Each)?;
        let ticket = self.ticket(&made).ok_or_else(|| {
            refused("the answer names no issue", "correct `url`: is that a GitHub?")
        })?;
        let mut ignored = Vec::new();
        if github.key_label && !own.is_some_and(|own| has(&made["labels"], "name", &own)) {
            ignored.push("key-label".to_owned());
        }
        let lost = |list: &str, member: &str, wanted: &[String]| {
            wanted.iter().any(|wanted| !has(&made[list], member, wanted))
        };
        if lost("labels", "name", &github.labels) {
            ignored.push("labels".to_owned());
        }
        if lost("assignees", "login", &github.assignees) {
            ignored.push("assignees".to_owned());
        }
        Ok(Opened { ticket, ignored })
    }

    fn attach(&self, _: &Ticket, _: &dyn Attachment, _: Option<&str>) -> Result<(), TicketError> {
        Err(TicketError::TooLarge("it takes no files".to_owned()))
    }

    /// What stands there already is not said again, so that a report that is filed anew does not
    /// repeat itself.
    fn comment(&self, ticket: &Ticket, text: &str) -> Result<(), TicketError> {
        let text = Markup::Markdown.cut(text, LONGEST);
        let path = format!("issues/{}/comments", ticket.number);
        let said = self.api.get(&self.path(&path), &[("per_page", &*PAGE.to_string())])?;
        if said.as_array().into_iter().flatten().any(|comment| comment["body"] == *text) {
            return Ok(());
        }
        self.send(&Method::POST, &path, &json!({ "body": text }), Effect::Each).map(|_| ())
    }

    fn close(&self, ticket: &Ticket, comment: &str) -> Result<(), TicketError> {
        self.comment(ticket, comment)?;
        let path = format!("issues/{}", ticket.number);
        let wish = json!({ "state": "closed", "state_reason": "not_planned" });
        let issue = self.send(&Method::PATCH, &path, &wish, Effect::Same)?;
        if issue["state"] == "closed" {
            return Ok(());
        }
        let reason = format!("GitHub did not close the issue {}", ticket.number);
        Err(refused(reason, "let `token` write issues of the repository").into())
    }

    fn holding(&self, _: &Ticket, _: &dyn Attachment) -> Result<Holding, TicketError> {
        Ok(Holding::Missing)
    }

    fn limit(&self) -> Result<Option<u64>, TicketError> {
        Ok(Some(0))
    }

    /// The list is not said to be late; this is for servers of which there are several.
    fn lag(&self) -> Duration {
        Duration::from_secs(5)
    }
}

impl Repository<'_> {
    fn list(&self, query: &[(&str, &str)]) -> Result<Vec<Value>, TicketError> {
        let mut found = self.api.get(&self.path("issues"), query)?;
        Ok(found.as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    fn search(&self, key: &str) -> Result<Vec<Value>, TicketError> {
        let key_in_title = format!(
            "\"{}\" in:title is:issue repo:{}",
            key.replace('"', " "),
            self.github.repository
        );
        let mut found = self.api.get("search/issues", &[("q", &*key_in_title)])?;
        let mut items = found["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
        items.retain(|issue| is_about(issue, key));
        Ok(items)
    }

    /// Whether the account may set labels; who may not must not try to make a new one.
    fn may_label(&self) -> Result<bool, TicketError> {
        if !self.github.key_label {
            return Ok(false);
        }
        let repository = self.api.get(&format!("repos/{}", self.github.repository), &[])?;
        Ok(repository["permissions"]["push"] == true)
    }

    fn send(
        &self,
        method: &Method,
        what: &str,
        wish: &Value,
        effect: Effect,
    ) -> Result<Value, TicketError> {
        self.api.send(method, &self.path(what), &HeaderMap::new, wish, effect)
    }

    fn path(&self, what: &str) -> String {
        format!("repos/{}/{what}", self.github.repository)
    }

    fn ticket(&self, issue: &Value) -> Option<Ticket> {
        let number = issue["number"].as_u64()?.to_string();
        let page = issue["html_url"].as_str().unwrap_or_default();
        let is_page = page.starts_with("https://") || page.starts_with("http://");
        let url = if is_page { self.api.quote(page) } else { self.api.origin() };
        Some(Ticket { number, url })
    }
}

fn is_about(issue: &Value, key: &str) -> bool {
    issue["title"].as_str().is_some_and(|title| title.contains(key))
}

/// The label of a report.
fn label(key: &str) -> String {
    format!("collect-{}", key.replace([',', ' '], "-"))
}

/// Whether one in a list has that name, in whatever case.
fn has(list: &Value, member: &str, wanted: &str) -> bool {
    let same =
        |one: &Value| one[member].as_str().is_some_and(|name| name.eq_ignore_ascii_case(wanted));
    list.as_array().is_some_and(|list| list.iter().any(same))
}

#[cfg(test)]
mod tests;
