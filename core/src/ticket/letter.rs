//! What is written into a ticket: first which file and from where, then what is missing, then what
//! the user says, then the summary.

use super::{
    Template, TicketOptions,
    brief::{Brief, BriefStep},
    markup::{Markup, one_line, shortened},
};
use crate::units::Size;
use std::{collections::BTreeMap, net::IpAddr};

/// How long the short id is that the user is told, in characters.
const KEY: usize = 8;

/// The longest title, in characters; Redmine takes 255.
const TITLE: usize = 250;

/// How much of the description a title shows, in characters.
const TITLE_DESCRIPTION: usize = 100;

/// How much of a description a ticket shows, in characters.
const DESCRIPTION: usize = 8_000;

/// How much of an answer, a contact or a line a ticket shows, in characters.
const LINE: usize = 500;

/// How many lines of answers, gaps or steps a ticket shows.
const LINES: usize = 60;

/// What a title may have between braces.
pub(super) const IN_TITLE: [&str; 6] = ["product", "id", "file", "description", "host", "os"];

/// What a body may have between braces.
pub(super) const IN_BODY: [&str; 10] = [
    "info",
    "missing",
    "description",
    "contact",
    "answers",
    "summary",
    "product",
    "id",
    "file",
    "host",
];

/// What is written into a ticket.
#[derive(Clone, Debug, PartialEq)]
pub struct Letter {
    /// By which the ticket is found again; part of the title.
    pub key: String,
    /// The title, one line.
    pub title: String,
    /// The text, in the markup of the ticket system.
    pub body: String,
    /// What is known of the report, for systems that take facts apart from the text.
    pub brief: Option<Brief>,
    words: BTreeMap<&'static str, String>,
}

/// The file that a ticket is about, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin<'o> {
    /// The bundle's file name.
    pub file: &'o str,
    /// The request that brought it; the bundle's own id where there was none.
    pub request: &'o str,
    /// The address that it came from, if that is known.
    pub source: Option<IpAddr>,
}

impl Origin<'_> {
    /// The short id that the user was told: it stands in the title, by which a ticket is found.
    pub fn key(&self) -> &str {
        let stem = self.file.split(".tar.").next().unwrap_or_default();
        let id = stem.rsplit('-').next().unwrap_or_default();
        id.get(..KEY).unwrap_or(id)
    }

    /// Whether a text looks like such an id.
    pub(super) fn is_key(text: &str) -> bool {
        text.len() == KEY && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
    }

    fn info(&self) -> String {
        let source = self.source.map_or_else(|| "-".to_owned(), |address| address.to_string());
        let (file, request) = (one_line(self.file), one_line(self.request));
        format!("Info: [ File: {file}, Req. ID: {request}, Source IP: {source} ]")
    }

    /// The product, as it stands in the file's name.
    fn product(&self) -> &str {
        self.file.rsplitn(3, '-').nth(2).unwrap_or(self.file)
    }
}

impl Letter {
    /// Writes it. `remarks` are what the reader has to know first, beside what is missing.
    pub fn write(
        options: &TicketOptions,
        markup: Markup,
        origin: &Origin<'_>,
        brief: Option<&Brief>,
        remarks: &[String],
    ) -> Self {
        let facts = Facts { markup, origin, brief, remarks };
        let mut body = options.body.fill(|name| facts.block(name));
        if !options.body.has("missing") {
            body += "\n\n";
            body += &facts.block("missing");
        }
        Self {
            key: origin.key().to_owned(),
            title: facts.title(options),
            body: without_gaps(&body),
            words: IN_TITLE.iter().map(|name| (*name, facts.value(name))).collect(),
            brief: brief.cloned(),
        }
    }

    /// A letter about something that is no report; `body` is in the markup of the ticket system.
    pub(super) fn notice(key: &str, title: &str, body: &str) -> Self {
        Self {
            key: key.to_owned(),
            title: shortened(&one_line(title), TITLE),
            body: body.to_owned(),
            brief: None,
            words: BTreeMap::new(),
        }
    }

    /// A template of a plugin's own, with the placeholders of titles.
    pub fn fill(&self, template: &Template) -> String {
        template.fill(|name| self.words.get(name).cloned().unwrap_or_default())
    }

    /// What is wrong with such a template, and what to do about it.
    pub fn objection(template: &Template) -> Option<(String, String)> {
        template.objection(&IN_TITLE)
    }
}

struct Facts<'f> {
    markup: Markup,
    origin: &'f Origin<'f>,
    brief: Option<&'f Brief>,
    remarks: &'f [String],
}

impl Facts<'_> {
    /// The title; what the user typed gives way to what the profile wants in it.
    fn title(&self, options: &TicketOptions) -> String {
        let with = |limit| {
            one_line(&options.title.fill(|name| match name {
                "description" => shortened(&one_line(&self.first_line()), limit),
                name => self.value(name),
            }))
        };
        let room = TITLE.saturating_sub(with(0).chars().count());
        with(room.min(TITLE_DESCRIPTION))
    }

    fn first_line(&self) -> String {
        let typed = self.brief.map(|brief| brief.description.trim()).unwrap_or_default();
        let line = typed.lines().next().unwrap_or_default();
        if line.is_empty() { "problem report".to_owned() } else { line.to_owned() }
    }

    /// What stands for a placeholder of a title.
    fn value(&self, name: &str) -> String {
        let value = match name {
            "description" => one_line(&self.first_line()),
            name => self.word(name),
        };
        shortened(&value, LINE)
    }

    /// A value within a line, as it is.
    fn word(&self, name: &str) -> String {
        let of_host = |value: fn(&Brief) -> &String| {
            let value = self.brief.map(value).filter(|value| !value.is_empty());
            value.cloned().unwrap_or_else(|| "unknown".to_owned())
        };
        let word = match name {
            "product" => self.brief.map_or(self.origin.product(), |brief| &brief.product).into(),
            "id" => self.origin.key().to_owned(),
            "file" => self.origin.file.to_owned(),
            "host" => of_host(|brief| &brief.host.name),
            "os" => of_host(|brief| &brief.host.os),
            _ => String::new(),
        };
        one_line(&word)
    }

    /// What stands for a placeholder in a body.
    fn block(&self, name: &str) -> String {
        let block = |heading, text: String| self.markup.block(heading, &text);
        match (name, self.brief) {
            ("info", _) => self.markup.line(&self.origin.info()),
            ("missing", _) => block("Missing or partial", self.missing()),
            ("product" | "id", _) => self.word(name),
            ("file" | "host", _) => self.markup.inline(&self.word(name)),
            ("description", Some(brief)) => {
                block("Description", shortened(&brief.description, DESCRIPTION))
            }
            ("contact", Some(brief)) => {
                let contact = brief.contact.as_deref().unwrap_or_default();
                block("Contact", shortened(&one_line(contact), LINE))
            }
            ("answers", Some(brief)) => {
                let answers = brief.answers.iter();
                let answers = answers.map(|(id, answer)| format!("{id}: {}", one_line(answer)));
                block("Answers", lines(answers))
            }
            ("summary", Some(brief)) => block("Host and steps", summary(brief)),
            _ => String::new(),
        }
    }

    fn missing(&self) -> String {
        let unknown = "what the user typed and what is missing stand in the bundle only";
        let unknown = self.brief.is_none().then(|| unknown.to_owned());
        let stopped = self.brief.and_then(|brief| brief.stopped.as_ref());
        let stopped = stopped.map(|why| format!("the run ended early: {why}"));
        let gaps = self.brief.into_iter().flat_map(Brief::gaps).map(gap);
        lines(self.remarks.iter().cloned().chain(unknown).chain(stopped).chain(gaps))
    }
}

fn gap(step: &BriefStep) -> String {
    let said = step.missing.iter().map(|text| one_line(text)).collect::<Vec<_>>().join("; ");
    format!("{:<16} {:<11} {said}", step.id, step.status.word())
}

fn summary(brief: &Brief) -> String {
    let host = &brief.host;
    let rights = if host.root { "as root" } else { "without root's rights" };
    let head = [
        format!("{} on {}, {}", brief.product, host.name, host.os),
        format!("kernel {}, {}", host.kernel, host.architecture),
        format!("{}, {rights}, begun {}", brief.tool, brief.started.strftime("%Y-%m-%d %H:%M:%SZ")),
        String::new(),
    ];
    let steps = brief.steps.iter().map(|step| {
        let (id, word) = (&step.id, step.status.word());
        let (entries, bytes) = (step.entries, Size(step.bytes).to_string());
        let noun = if entries == 1 { "entry" } else { "entries" };
        format!("{id:<16} {word:<11} {entries:>6} {noun:<7} {bytes:>10}")
    });
    let more = (brief.left_out > 0)
        .then(|| format!("and {} more steps; the bundle has them all", brief.left_out));
    lines(head.into_iter().chain(steps).chain(more))
}

/// The first of these lines, each shortened.
fn lines(lines: impl Iterator<Item = String>) -> String {
    let mut lines = lines.map(|line| shortened(line.trim_end(), LINE));
    let mut text: Vec<String> = lines.by_ref().take(LINES).collect();
    let more = lines.count();
    if more > 0 {
        text.push(format!("and {more} more; the bundle has them all"));
    }
    text.join("\n")
}

/// The text without the gaps that empty placeholders leave between paragraphs.
fn without_gaps(text: &str) -> String {
    let mut text = text.trim().to_owned();
    // Within blocks, too, two empty lines say no more than one.
    while text.contains("\n\n\n") {
        text = text.replace("\n\n\n", "\n\n");
    }
    text
}
