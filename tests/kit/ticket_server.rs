//! What every real ticket system in the tests can do, whichever it is.

use super::{REPORTER_KEY, Redmine, RequestTracker, Roundup};
use serde_json::Value;

/// A running ticket system with a place of its own that is empty at first; it ends when dropped.
pub(crate) trait TicketServer {
    /// What a profile calls it, `use = "redmine"`.
    fn name(&self) -> &'static str;

    /// The options of `[deliver.ID]`, without that line and with the key itself, so that they are
    /// also what `TicketSink::parse` takes.
    fn options(&self) -> String;

    /// Its address.
    fn url(&self) -> String;

    /// All tickets of the place, the closed ones, too, the oldest first.
    fn tickets(&self) -> Vec<FoundTicket>;

    /// Name and content of all attachments of a ticket, the oldest first.
    fn attachments(&self, number: &str) -> Vec<(String, Vec<u8>)>;

    /// Closes a ticket, as support does.
    fn close(&self, number: &str);

    /// Stops it; what it knows is kept.
    fn stop(&mut self);

    /// Starts it again after `stop`, with all that it knew.
    fn resume(&mut self);
}

/// A ticket as an administrator sees it.
#[derive(Clone, Debug)]
pub(crate) struct FoundTicket {
    pub(crate) number: String,
    pub(crate) title: String,
    /// What it was opened with, and every comment below that.
    pub(crate) text: String,
    pub(crate) is_closed: bool,
}

/// A ticket system with how it is started; that says so and gives none if it is not installed.
type Start = fn() -> Option<Box<dyn TicketServer>>;

/// All of them.
pub(crate) const TICKET_SERVERS: [(&str, Start); 3] = [
    ("redmine", || Some(Box::new(Redmine::start()?))),
    ("request-tracker", || Some(Box::new(RequestTracker::start()?))),
    ("roundup", || Some(Box::new(Roundup::start_with(&ANY_ADDRESS)?))),
];

/// Settings with which Roundup also answers where it is reached by another address than its own, such
/// as that of a gate before it.
const ANY_ADDRESS: [(&str, &str); 3] = [
    ("allowed_api_origins", "*"),
    ("csrf_enforce_header_referer", "no"),
    ("csrf_enforce_header_host", "no"),
];

impl TicketServer for Redmine {
    fn name(&self) -> &'static str {
        "redmine"
    }

    fn options(&self) -> String {
        let sink =
            self.sink().replace("{ file = \"redmine.key\" }", &format!("\"{REPORTER_KEY}\""));
        sink.replace("[deliver.desk]\n", "")
    }

    fn url(&self) -> String {
        self.url()
    }

    fn tickets(&self) -> Vec<FoundTicket> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let issues = self.issues().into_iter();
        let found = issues.map(|issue| {
            let notes = issue["journals"].as_array().into_iter().flatten();
            let notes = notes.map(|journal| text(&journal["notes"]));
            let texts: Vec<_> = [text(&issue["description"])].into_iter().chain(notes).collect();
            FoundTicket {
                number: issue["id"].to_string(),
                title: text(&issue["subject"]),
                text: texts.join("\n\n"),
                is_closed: !issue["closed_on"].is_null(),
            }
        });
        found.collect()
    }

    fn attachments(&self, number: &str) -> Vec<(String, Vec<u8>)> {
        let issue = self.issue(number);
        let attachments = issue["attachments"].as_array().into_iter().flatten();
        let name = |attachment: &Value| attachment["filename"].as_str().unwrap().to_owned();
        attachments.map(|one| (name(one), self.attachment(one))).collect()
    }

    fn close(&self, number: &str) {
        self.close(&self.issue(number));
    }

    fn stop(&mut self) {
        self.stop();
    }

    fn resume(&mut self) {
        self.resume();
    }
}
