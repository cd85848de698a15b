//! What is noted of a report's ticket beside the report: which one it is, and who is at work on it.

use super::Past;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What the key of a note has behind that of its report.
pub const NOTE: &str = ".ticket.json";

/// A note is a line; what is larger is none.
pub const NOTE_BYTES: usize = 64 * 1024;

/// Which ticket a report became, and how that stands.
///
/// While a ticket is being filed it is also the claim to do so: it is stored only where there is
/// none, and changed only by who knows the one before, so that of two who try one loses and notices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The ticket's number; none as long as none is known to be there.
    #[serde(default)]
    pub ticket: Option<String>,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How it stands.
    #[serde(default)]
    pub state: TicketState,
    /// Whether it holds the bundle; otherwise it says where that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attached: Option<bool>,
    /// Who files it; nobody any more once it is filed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filing: Option<Claim>,
}

/// How a ticket stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TicketState {
    /// Somebody has to do something.
    Open,
    /// Nobody has.
    Closed,
    /// It is not known.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Who files a ticket, and how far that is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Who: something that nobody else calls itself.
    pub by: String,
    /// Until when nobody else may.
    pub until: Timestamp,
    /// How far it is.
    pub step: Step,
    /// Since when it is that far.
    pub since: Timestamp,
}

/// How far the filing of a ticket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Nothing was opened.
    Claimed,
    /// A ticket may have been opened.
    Opening,
    /// A ticket was opened, or found; its number is known.
    Opened,
}

impl Note {
    /// The number of the ticket, if it is filed.
    pub fn filed(&self) -> Option<&str> {
        self.ticket.as_deref().filter(|_| self.filing.is_none())
    }

    /// Whether the ticket is known to be closed. Nothing else is.
    pub fn is_closed(&self) -> bool {
        self.filed().is_some() && self.state == TicketState::Closed
    }

    /// Whether it says anything at all.
    pub fn is_empty(&self) -> bool {
        self.ticket.is_none() && self.filing.is_none()
    }

    /// How far an earlier filing came.
    pub fn past(&self) -> Past {
        match (&self.ticket, &self.filing) {
            (Some(number), _) => Past::Opened(number.clone()),
            (None, Some(Claim { step: Step::Opening, since, .. })) => Past::Opening(*since),
            (None, _) => Past::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Note {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_filed_ticket_is_noted_in_few_words() {
        let note = Note {
            ticket: Some("4711".into()),
            url: Some("https://t.example.com/4711".into()),
            state: TicketState::Open,
            attached: Some(true),
            filing: None,
        };
        let text = serde_json::to_string(&note).unwrap();
        assert_eq!(
            text,
            r#"{"ticket":"4711","url":"https://t.example.com/4711","state":"open","attached":true}"#
        );
        assert_eq!(read(&text), note);
    }

    #[test]
    fn a_claim_says_who_until_when_and_how_far() {
        let text = r#"{"ticket":null,"state":"unknown","filing":{"by":"r-1","until":"2026-11-23T10:47:05Z","step":"opening","since":"2026-11-23T10:42:05Z"}}"#;
        let note = read(text);
        assert_eq!(serde_json::to_string(&note).unwrap(), text);
        assert_eq!(note.past(), Past::Opening("2026-11-23T10:42:05Z".parse().unwrap()));
        assert_eq!((note.filed(), note.is_closed(), note.is_empty()), (None, false, false));
    }

    #[test]
    fn a_ticket_that_is_still_being_filed_is_neither_filed_nor_closed() {
        let claim = r#""filing":{"by":"r-1","until":"2026-11-23T10:47:05Z","step":"opened","since":"2026-11-23T10:42:05Z"}"#;
        let note = read(&format!(r#"{{"ticket":"4711","state":"closed",{claim}}}"#));
        assert_eq!((note.filed(), note.is_closed()), (None, false));
        assert_eq!(note.past(), Past::Opened("4711".into()));
    }
}
