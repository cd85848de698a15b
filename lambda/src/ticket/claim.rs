//! The claim to file a report's ticket, and what came of it: the note beside the report.

use super::time::Deadline;
use collect_core::{
    sink::DeliveryError,
    ticket::{Claim, Journal, NOTE, NOTE_BYTES, Note, Past, Step, Ticket, TicketState},
};
use collect_sinks::s3::{Bucket, BucketError, Condition};
use jiff::Timestamp;
use std::cell::RefCell;
use tokio::runtime::Handle;

/// How often it is looked again after another one was faster.
const LOOKS: usize = 5;

/// The note of a report in the bucket.
pub(super) struct Noted<'n> {
    pub(super) bucket: &'n Bucket,
    pub(super) handle: &'n Handle,
    /// The key of the note.
    pub(super) key: String,
    /// What this run calls itself, and nobody else does.
    pub(super) by: &'n str,
    pub(super) deadline: &'n Deadline,
}

/// What the note says.
pub(super) enum Found {
    /// There is none.
    Nothing,
    /// This, under this name of its content.
    Note(Note, String),
    /// Something else.
    Unreadable,
}

/// What became of a try to claim.
pub(super) enum Taken<'n> {
    /// The report is this run's to file.
    Ours(Held<'n>),
    /// The ticket is there.
    Filed(Note),
    /// Another run files it until then.
    Busy(Timestamp),
    /// The note makes no sense.
    Unreadable,
}

/// A claim that this run holds.
pub(super) struct Held<'n> {
    noted: Noted<'n>,
    /// The note, and the name of its content.
    state: RefCell<(Note, String)>,
}

impl<'n> Noted<'n> {
    /// The note of the report at `key`.
    pub(super) fn of(
        key: &str,
        bucket: &'n Bucket,
        handle: &'n Handle,
        by: &'n str,
        deadline: &'n Deadline,
    ) -> Self {
        Self { bucket, handle, key: format!("{key}{NOTE}"), by, deadline }
    }

    /// Looks what it says.
    pub(super) fn look(&self) -> Result<Found, BucketError> {
        let (text, head) = match self.handle.block_on(self.bucket.read_text(&self.key, NOTE_BYTES))
        {
            Ok(read) => read,
            Err(BucketError::Missing) => return Ok(Found::Nothing),
            Err(BucketError::TooLarge(_)) => return Ok(Found::Unreadable),
            Err(error) => return Err(error),
        };
        let note = serde_json::from_str(&text).ok().filter(|note: &Note| !note.is_empty());
        Ok(match (note, head.etag) {
            (Some(note), Some(etag)) => Found::Note(note, etag),
            _ => Found::Unreadable,
        })
    }

    /// Claims the report, whose note was `found`.
    pub(super) fn take(self, mut found: Found) -> Result<Taken<'n>, BucketError> {
        for _ in 0..LOOKS {
            let (before, etag) = match found {
                Found::Nothing => (Note::default(), None),
                Found::Unreadable => return Ok(Taken::Unreadable),
                Found::Note(note, etag) => (note, Some(etag)),
            };
            if before.filed().is_some() {
                return Ok(Taken::Filed(before));
            }
            let now = Timestamp::now();
            if let Some(claim) = before.filing.as_ref().filter(|claim| claim.until > now) {
                return Ok(Taken::Busy(claim.until));
            }
            let (step, since) = match &before.filing {
                Some(claim) => (claim.step, claim.since),
                None => (Step::Claimed, now),
            };
            let note = Note { filing: Some(self.claim(step, since)), ..before };
            if let Some(etag) = self.write(&note, etag.as_deref())? {
                return Ok(Taken::Ours(Held { noted: self, state: RefCell::new((note, etag)) }));
            }
            found = self.look()?;
        }
        let reason = "others were faster each time".to_owned();
        Err(BucketError::Unreachable { reason, help: None })
    }

    fn claim(&self, step: Step, since: Timestamp) -> Claim {
        Claim { by: self.by.to_owned(), until: self.deadline.claim(), step, since }
    }

    /// Stores a note in place of the one that is called `etag`, or of none; the name of its content,
    /// or none if another one was faster.
    fn write(&self, note: &Note, etag: Option<&str>) -> Result<Option<String>, BucketError> {
        let text = serde_json::to_vec(note).expect("a note can be written");
        let condition = etag.map_or(Condition::New, Condition::Is);
        let put = self.bucket.put(&self.key, &text, "application/json", condition);
        match self.handle.block_on(put) {
            Ok(Some(etag)) => return Ok(Some(etag)),
            // Nothing was there to be replaced: somebody has deleted it.
            Err(BucketError::Missing) => return Ok(None),
            // A try may have been stored without our hearing.
            Ok(None) | Err(BucketError::Changed) => {}
            Err(error) => return Err(error),
        }
        Ok(match self.look()? {
            Found::Note(there, etag) if there == *note => Some(etag),
            _ => None,
        })
    }
}

impl Held<'_> {
    /// Notes that all is done.
    pub(super) fn filed(&self, ticket: &Ticket, attached: bool) -> Result<Note, DeliveryError> {
        let note = Note {
            ticket: Some(ticket.number.clone()),
            url: Some(ticket.url.clone()),
            state: TicketState::Open,
            attached: Some(attached),
            filing: None,
        };
        self.put(note.clone())?;
        Ok(note)
    }

    /// Lets others go on from `until`.
    pub(super) fn release(&self, until: Timestamp) -> Result<(), DeliveryError> {
        let mut note = self.state.borrow().0.clone();
        if let Some(claim) = &mut note.filing {
            claim.until = until;
        }
        self.put(note)
    }

    /// Whether a ticket may have been opened whose number is not known.
    pub(super) fn is_open_ended(&self) -> bool {
        matches!(self.past(), Past::Opening(_))
    }

    fn put(&self, note: Note) -> Result<(), DeliveryError> {
        let mut state = self.state.borrow_mut();
        let etag = self.noted.write(&note, Some(&state.1)).map_err(|error| match error {
            BucketError::Unreachable { reason, help } => {
                DeliveryError::Unreachable { reason, help }
            }
            BucketError::Stopped => DeliveryError::Stopped,
            error => DeliveryError::Refused {
                reason: format!("cannot write the note: {error}"),
                help: error.help().map(str::to_owned),
            },
        })?;
        let lost =
            || DeliveryError::Refused { reason: "another run has taken over".into(), help: None };
        *state = (note, etag.ok_or_else(lost)?);
        Ok(())
    }

    fn step(&self, step: Step, ticket: Option<&Ticket>) -> Result<(), DeliveryError> {
        let mut note = self.state.borrow().0.clone();
        note.filing = Some(self.noted.claim(step, Timestamp::now()));
        note.ticket = ticket.map(|ticket| ticket.number.clone());
        note.url = ticket.map(|ticket| ticket.url.clone());
        self.put(note)
    }
}

impl Journal for Held<'_> {
    fn past(&self) -> Past {
        self.state.borrow().0.past()
    }

    fn opening(&self) -> Result<(), DeliveryError> {
        if !self.noted.deadline.is_far() {
            return Err(DeliveryError::Stopped);
        }
        self.step(Step::Opening, None)
    }

    fn opened(&self, ticket: &Ticket) -> Result<(), DeliveryError> {
        self.step(Step::Opened, Some(ticket))
    }
}
