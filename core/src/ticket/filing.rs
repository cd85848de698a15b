//! The way to one ticket with one file: ask, do, ask again.

use super::{
    Attachment, Brief, Holding, Letter, Origin, Ticket, TicketError, TicketOptions, Tickets,
    markup::Markup,
};
use crate::sink::{DeliveryError, Watch};
use crate::units::Size;
use std::{thread, time::Duration};

/// How often it is begun anew when an answer was lost.
const ROUNDS: u32 = 3;

/// How long to wait before that, usually: what was asked may still be going on.
pub const PAUSE: Duration = Duration::from_secs(2);

/// How soon a wish to stop is noticed.
const TICK: Duration = Duration::from_millis(100);

/// All that it takes to file a ticket.
pub struct Filing<'f> {
    /// The ticket system.
    pub tickets: &'f dyn Tickets,
    /// How its texts are written.
    pub markup: Markup,
    /// Title and body.
    pub options: &'f TicketOptions,
    /// Where the file came from.
    pub origin: Origin<'f>,
    /// What is known of the report.
    pub brief: Option<&'f Brief>,
    /// The file.
    pub file: &'f dyn Attachment,
    /// Where else the file is, for a ticket that cannot hold it.
    pub elsewhere: &'f [String],
    /// Asked whether to stop.
    pub watch: &'f dyn Watch,
    /// How long to wait before it is begun anew when an answer was lost; twice as long the next time.
    pub pause: Duration,
}

/// A ticket that is there and verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filed {
    /// The ticket.
    pub ticket: Ticket,
    /// Whether it holds the file; otherwise it says where that is.
    pub attached: bool,
}

/// Sees to it that there is one ticket, and that it holds the file or says where that is.
///
/// It may be begun anew after whatever ended it: what is there already is found and not done again.
/// Two that work on one report at the same time must be kept apart by the caller.
pub fn file(filing: &Filing<'_>) -> Result<Filed, DeliveryError> {
    let mut round = 1;
    loop {
        let error = match filing.once() {
            Ok(filed) => return Ok(filed),
            Err(TicketError::Failed(error)) => return Err(error),
            Err(TicketError::TooLarge(reason)) => return Err(filing.nowhere(&reason)),
            Err(TicketError::Unsure(error)) if round == ROUNDS => return Err(error),
            Err(TicketError::Unsure(error)) => error,
        };
        let wait = filing.pause * round;
        filing.watch.retrying(&error.to_string(), wait);
        filing.wait(wait)?;
        round += 1;
    }
}

impl Filing<'_> {
    fn once(&self) -> Result<Filed, TicketError> {
        let wanted = self.brief.and_then(|brief| brief.ticket.as_deref());
        let named = wanted.map(|number| self.tickets.get(number)).transpose()?.flatten();
        if let Some(ticket) = named {
            return self.add(ticket, true);
        }
        if let Some(ticket) = self.tickets.find(self.origin.key())? {
            return self.add(ticket, false);
        }
        let absent =
            wanted.map(|number| format!("the user says that this belongs to the ticket {number}"));
        match self.open(absent.as_slice()) {
            Err(TicketError::TooLarge(reason)) => self.open_without(absent, &reason),
            opened => opened,
        }
    }

    /// A new ticket with the file.
    fn open(&self, remarks: &[String]) -> Result<Filed, TicketError> {
        self.fits()?;
        let opened = self.tickets.open(&self.letter(remarks), Some(self.file))?;
        self.tell_ignored(&opened.ticket, &opened.ignored)?;
        self.add(opened.ticket, false)
    }

    /// Says so if it is known beforehand that the ticket system does not take the file.
    fn fits(&self) -> Result<(), TicketError> {
        match self.tickets.limit()?.filter(|limit| self.file.len() > *limit) {
            None => Ok(()),
            Some(0) => Err(TicketError::TooLarge("it takes no files".to_owned())),
            Some(limit) => {
                Err(TicketError::TooLarge(format!("the most it takes is {}", Size(limit))))
            }
        }
    }

    /// A new ticket that says where the file is.
    fn open_without(&self, absent: Option<String>, reason: &str) -> Result<Filed, TicketError> {
        let remarks: Vec<_> = absent.into_iter().chain([self.link(reason)?]).collect();
        let opened = self.tickets.open(&self.letter(&remarks), None)?;
        self.tell_ignored(&opened.ticket, &opened.ignored)?;
        Ok(Filed { ticket: opened.ticket, attached: false })
    }

    /// Attaches the file unless the ticket holds it. One of somebody else's making is told what
    /// this is about.
    fn add(&self, ticket: Ticket, foreign: bool) -> Result<Filed, TicketError> {
        if self.tickets.holding(&ticket, self.file)? == Holding::Whole {
            return Ok(Filed { ticket, attached: true });
        }
        let comment = foreign.then(|| self.letter(&[]).body);
        let attach = || self.tickets.attach(&ticket, self.file, comment.as_deref());
        match self.fits().and_then(|()| attach()) {
            Ok(()) => {}
            Err(TicketError::TooLarge(reason)) => {
                let link = self.link(&reason)?;
                // One of ours says it already, unless it was opened with the file in mind.
                if foreign {
                    self.tickets.comment(&ticket, &self.letter(&[link]).body)?;
                } else if self.fits().is_ok() {
                    self.tickets.comment(&ticket, &link)?;
                }
                return Ok(Filed { ticket, attached: false });
            }
            Err(error) => return Err(error),
        }
        match self.tickets.holding(&ticket, self.file)? {
            Holding::Whole | Holding::Unknown => Ok(Filed { ticket, attached: true }),
            Holding::Missing => Err(damaged(&ticket, "does not show the bundle")),
            Holding::Other { len } if len == self.file.len() => {
                Err(damaged(&ticket, "holds other bytes than were sent"))
            }
            Holding::Other { len } => {
                let what = format!("holds {len} of {} bytes", self.file.len());
                Err(damaged(&ticket, &what))
            }
        }
    }

    fn letter(&self, remarks: &[String]) -> Letter {
        Letter::write(self.options, self.markup, &self.origin, self.brief, remarks)
    }

    fn link(&self, reason: &str) -> Result<String, TicketError> {
        match self.elsewhere {
            [] => Err(TicketError::TooLarge(reason.to_owned())),
            places => Ok(format!(
                "the bundle of {} is not attached ({reason}); it is here: {}",
                Size(self.file.len()),
                places.join(" ")
            )),
        }
    }

    /// Says in the ticket what of the profile was not heeded: a field that does not exist is no
    /// reason to lose a report, but those who wrote the profile have to know.
    fn tell_ignored(&self, ticket: &Ticket, ignored: &[String]) -> Result<(), TicketError> {
        if ignored.is_empty() {
            return Ok(());
        }
        let names = ignored.join(", ");
        let text = format!("The ticket system did not heed these options of the profile: {names}");
        match self.tickets.comment(ticket, &text) {
            // Saying so is a kindness; the report matters.
            Ok(()) | Err(TicketError::Failed(DeliveryError::Refused { .. })) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn nowhere(&self, reason: &str) -> DeliveryError {
        DeliveryError::Refused {
            reason: format!(
                "the ticket system does not take the bundle of {}: {reason}",
                Size(self.file.len())
            ),
            help: Some(
                "raise the limit there, lower `size` in `[limits]` and collect again, or deliver to \
                 a bucket first: a ticket then says where the bundle is"
                    .into(),
            ),
        }
    }

    fn wait(&self, mut left: Duration) -> Result<(), DeliveryError> {
        while !left.is_zero() {
            if self.watch.stopped() {
                return Err(DeliveryError::Stopped);
            }
            let tick = left.min(TICK);
            thread::sleep(tick);
            left -= tick;
        }
        Ok(())
    }
}

/// The ticket system said that it took the file, and shows something else.
fn damaged(ticket: &Ticket, what: &str) -> TicketError {
    let reason = format!("the ticket {} {what}, although it was accepted", ticket.number);
    let help = "ask those who run the ticket system for its limit of attachments, and whether \
                something on the way changes them";
    DeliveryError::Refused { reason, help: Some(help.into()) }.into()
}
