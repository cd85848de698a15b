//! The way to one ticket with one file: ask, do, ask again.

use super::{
    Attachment, Brief, Holding, Journal, Letter, Opened, Origin, Past, Ticket, TicketError,
    TicketOptions, Tickets, markup::Markup,
};
use crate::sink::{DeliveryError, Watch};
use crate::units::Size;
use jiff::{SignedDuration, Timestamp};
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
    /// What the reader of a new ticket has to know first.
    pub remarks: &'f [String],
    /// Where else the file is, for a ticket that cannot hold it.
    pub elsewhere: &'f [String],
    /// Asked whether to stop.
    pub watch: &'f dyn Watch,
    /// Where the steps are written down.
    pub journal: &'f dyn Journal,
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
/// Two that work on one report at the same time should be kept apart by the caller; where they are
/// not, the later ticket is closed again.
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
        let wait = (filing.pause * round).max(filing.tickets.lag());
        if filing.watch.left().is_some_and(|left| wait >= left) {
            return Err(error);
        }
        filing.watch.retrying(&error.to_string(), wait);
        filing.wait(wait)?;
        round += 1;
    }
}

impl Filing<'_> {
    fn once(&self) -> Result<Filed, TicketError> {
        if let Some(ticket) = self.opened_before()? {
            return self.add(ticket, false);
        }
        let wanted = self.brief.and_then(|brief| brief.ticket.as_deref());
        if let Some(ticket) = wanted.map(|wanted| self.named(wanted)).transpose()?.flatten() {
            return self.add(ticket, true);
        }
        if let Some(ticket) = self.first()? {
            return self.add(ticket, false);
        }
        self.is_settled()?;
        let absent = wanted.map(|number| {
            format!("the user says that this belongs to the ticket {number}, which is not there")
        });
        match self.open(absent.as_slice()) {
            Err(TicketError::TooLarge(reason)) => self.open_without(absent, &reason),
            opened => opened,
        }
    }

    /// The ticket that an earlier filing opened, if it is still there.
    fn opened_before(&self) -> Result<Option<Ticket>, TicketError> {
        match self.journal.past() {
            Past::Opened(number) => self.tickets.get(&number),
            Past::Nothing | Past::Opening(_) => Ok(None),
        }
    }

    /// The ticket that the user means: by its number, or by the id of an earlier report in it.
    fn named(&self, wanted: &str) -> Result<Option<Ticket>, TicketError> {
        let wanted = wanted.trim();
        if let Some(ticket) = self.tickets.get(wanted)? {
            return Ok(Some(ticket));
        }
        if !Origin::is_key(wanted) {
            return Ok(None);
        }
        Ok(self.tickets.find(wanted)?.into_iter().next())
    }

    /// The ticket of this report, if it is found.
    fn first(&self) -> Result<Option<Ticket>, TicketError> {
        Ok(self.tickets.find(self.origin.key())?.into_iter().next())
    }

    /// Refuses to open a ticket while one that was just opened might not be found yet.
    fn is_settled(&self) -> Result<(), DeliveryError> {
        let Past::Opening(since) = self.journal.past() else { return Ok(()) };
        let lag = SignedDuration::try_from(self.tickets.lag()).unwrap_or(SignedDuration::MAX);
        if Timestamp::now().duration_since(since) >= lag {
            return Ok(());
        }
        Err(DeliveryError::Unreachable {
            reason:
                "a ticket may have been opened, and the ticket system takes its time to find it"
                    .into(),
            help: Some("try again in a few minutes".into()),
        })
    }

    /// A new ticket with the file.
    fn open(&self, remarks: &[String]) -> Result<Filed, TicketError> {
        self.fits()?;
        let ticket = self.open_sole(remarks, Some(self.file))?;
        self.add(ticket, false)
    }

    /// A new ticket that says where the file is.
    fn open_without(&self, absent: Option<String>, reason: &str) -> Result<Filed, TicketError> {
        let remarks: Vec<_> = absent.into_iter().chain([self.link(reason)?]).collect();
        let ticket = self.open_sole(&remarks, None)?;
        Ok(Filed { ticket, attached: false })
    }

    /// A new ticket, unless it turns out that another one was opened at the same time.
    fn open_sole(
        &self,
        remarks: &[String],
        file: Option<&dyn Attachment>,
    ) -> Result<Ticket, TicketError> {
        self.journal.opening()?;
        let Opened { ticket, ignored } = self.tickets.open(&self.letter(remarks), file)?;
        self.journal.opened(&ticket)?;
        let Some(first) = self.first()?.filter(|first| first.number != ticket.number) else {
            self.tell_ignored(&ticket, &ignored)?;
            return Ok(ticket);
        };
        self.journal.opened(&first)?;
        let comment = format!("This report has the ticket {} already: {}", first.number, first.url);
        match self.tickets.close(&ticket, &self.markup.line(&comment)) {
            // It says where to look, whoever closes it.
            Ok(()) | Err(TicketError::Failed(DeliveryError::Refused { .. })) => Ok(first),
            Err(error) => Err(error),
        }
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
                    self.tickets.comment(&ticket, &self.markup.line(&link))?;
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
        let remarks: Vec<_> = self.remarks.iter().chain(remarks).cloned().collect();
        Letter::write(self.options, self.markup, &self.origin, self.brief, &remarks)
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
        match self.tickets.comment(ticket, &self.markup.line(&text)) {
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
