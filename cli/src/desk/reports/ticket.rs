//! The companion of a report: which ticket it became, and how that stands.

use super::Context;
use crate::{exit::Failure, text};
use collect_core::ticket::{NOTE_BYTES, Note, TicketState};
use collect_sinks::s3::BucketError;

/// What is known of a report's ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::desk) enum Known {
    /// It has none.
    None,
    /// One is being opened, or was when whoever opens it was ended.
    Opening(Note),
    /// This one.
    Ticket(Note),
    /// There is a companion, and it cannot be read: why.
    Unreadable(String),
}

impl Known {
    /// Whether the ticket is known to be closed. Nothing else is.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self, Self::Ticket(note) if note.is_closed())
    }

    /// In a column.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Unreadable(_) => "?".to_owned(),
            Self::Opening(_) => "being opened".to_owned(),
            Self::Ticket(note) => {
                let state = match note.state {
                    TicketState::Open => " open",
                    TicketState::Closed => " closed",
                    TicketState::Unknown => "",
                };
                format!("{}{state}", text::one_line(note.filed().unwrap_or_default()))
            }
        }
    }
}

/// Reads the companion at `key`.
///
/// # Errors
///
/// If the bucket does not answer; a companion that makes no sense is no error.
pub(in crate::desk) async fn read(context: &Context<'_>, key: &str) -> Result<Known, Failure> {
    match context.bucket.read_text(key, NOTE_BYTES).await {
        Ok((text, _)) => Ok(parse(&text)),
        Err(BucketError::Missing) => Ok(Known::None),
        Err(error @ (BucketError::TooLarge(_) | BucketError::Refused { .. })) => {
            Ok(Known::Unreadable(error.to_string()))
        }
        Err(error) => Err(context.failure("cannot read the ticket of a report", error)),
    }
}

fn parse(text: &str) -> Known {
    match serde_json::from_str::<Note>(text) {
        Ok(note) if note.is_empty() => Known::Unreadable("it names no ticket".to_owned()),
        Ok(note) if note.filed().is_none() => Known::Opening(note),
        Ok(note) => Known::Ticket(note),
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
    fn a_ticket_that_is_being_opened_is_shown_as_that_and_is_not_closed() {
        for ticket in ["null", "\"4711\""] {
            let known = parse(&format!(
                r#"{{"ticket":{ticket},"state":"closed","filing":{{"by":"r-1","step":"opening",
                    "until":"2026-11-23T10:47:05Z","since":"2026-11-23T10:42:05Z"}}}}"#
            ));
            assert_eq!((known.shown().as_str(), known.is_closed()), ("being opened", false));
        }
    }

    #[test]
    fn a_ticket_cannot_move_the_cursor() {
        let known = parse(r#"{"ticket":"4711\u001b[2J\n","state":"open"}"#);
        assert_eq!(known.shown(), "4711\u{fffd}[2J open");
    }
}
