//! The companion of a report: which ticket it became, and how that stands.

use super::Context;
use crate::{exit::Failure, text};
use collect_sinks::s3::BucketError;
use serde::{Deserialize, Serialize};

/// A companion is a line; what is larger is none.
const MOST: usize = 64 * 1024;

/// What a companion says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ticket {
    /// Its number.
    #[serde(rename = "ticket")]
    pub(super) number: String,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    /// How it stands.
    #[serde(default)]
    pub(super) state: State,
}

/// How a ticket stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    /// Somebody has to do something.
    Open,
    /// Nobody has.
    Closed,
    /// It is not known.
    #[default]
    #[serde(other)]
    Unknown,
}

/// What is known of a report's ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It has none.
    None,
    /// This one.
    Ticket(Ticket),
    /// There is a companion, and it cannot be read: why.
    Unreadable(String),
}

impl Known {
    /// Whether the ticket is known to be closed. Nothing else is.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self, Self::Ticket(ticket) if ticket.state == State::Closed)
    }

    /// In a column.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Unreadable(_) => "?".to_owned(),
            Self::Ticket(ticket) => {
                let state = match ticket.state {
                    State::Open => " open",
                    State::Closed => " closed",
                    State::Unknown => "",
                };
                format!("{}{state}", text::one_line(&ticket.number))
            }
        }
    }
}

/// Reads the companion at `key`.
///
/// # Errors
///
/// If the bucket does not answer; a companion that makes no sense is no error.
pub(super) async fn read(context: &Context<'_>, key: &str) -> Result<Known, Failure> {
    match context.bucket.read_text(key, MOST).await {
        Ok((text, _)) => Ok(parse(&text)),
        Err(BucketError::Missing) => Ok(Known::None),
        Err(error @ (BucketError::TooLarge(_) | BucketError::Refused { .. })) => {
            Ok(Known::Unreadable(error.to_string()))
        }
        Err(error) => Err(context.failure("cannot read the ticket of a report", error)),
    }
}

fn parse(text: &str) -> Known {
    match serde_json::from_str(text) {
        Ok(ticket) => Known::Ticket(ticket),
        Err(error) => Known::Unreadable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_that_it_is_closed_is_closed() {
        let closed = |text: &str| parse(text).is_closed();
        assert!(closed(r#"{"ticket":"4711","url":"https://t.example.com/4711","state":"closed"}"#));
        for text in [
            r#"{"ticket":"4711","state":"open"}"#,
            r#"{"ticket":"4711","state":"unknown"}"#,
            r#"{"ticket":"4711","state":"reopened"}"#,
            r#"{"ticket":"4711","state":"Closed"}"#,
            r#"{"ticket":"4711"}"#,
            r#"{"state":"closed"}"#,
            r#"{"ticket":"4711","state":"closed""#,
            "",
        ] {
            assert!(!closed(text), "{text}");
        }
        assert!(!Known::None.is_closed());
    }

    #[test]
    fn a_ticket_cannot_move_the_cursor() {
        let known = parse(r#"{"ticket":"4711\u001b[2J\n","state":"open"}"#);
        assert_eq!(known.shown(), "4711\u{fffd}[2J open");
    }
}
