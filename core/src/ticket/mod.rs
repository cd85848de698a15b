//! Tickets: what a ticket system is, what is written into one, and how one comes to be exactly once.
//!
//! A ticket system answers small questions: is there a ticket of this key, open one, attach this,
//! what do you hold. The way through them is the same for all and stands in [`file()`]; it asks
//! before it does and again afterwards, so it can be begun anew after any step. Nothing here speaks
//! HTTP, and nothing knows whether the bundle lies on a disk or in a bucket.

mod brief;
pub mod envelope;
mod filing;
mod journal;
mod letter;
mod markup;
mod note;
mod notice;
mod settings;
mod sink;
mod template;
#[cfg(test)]
mod tests;

pub use brief::{Brief, BriefStep};
pub use filing::{Filed, Filing, PAUSE, file};
pub use journal::{Journal, Past, Unrecorded};
pub use letter::{Letter, Origin};
pub use markup::Markup;
pub use note::{Claim, NOTE, NOTE_BYTES, Note, Step, TicketState};
pub use settings::TicketSettings;
pub use sink::{TicketOptions, TicketSink};
pub use template::{Template, TemplateError};

use crate::{
    collector::Invalid,
    secret::SecretSource,
    sink::{DeliveryContext, DeliveryError, Sealed},
};
use std::{
    io::{self, Read},
    time::Duration,
};

/// A ticket system, as a profile configures it.
///
/// Its own options are its fields; those that every ticket system has are given to it.
pub trait TicketSystem: Send + Sync {
    /// Makes ready to speak with it: reads secrets, sends nothing.
    fn connect<'c>(
        &'c self,
        options: &'c TicketOptions,
        context: &'c DeliveryContext<'c>,
    ) -> Result<Box<dyn Tickets + 'c>, DeliveryError>;

    /// Says what is wrong with the options beyond their types; the profile is refused then.
    fn check(&self, options: &TicketOptions) -> Vec<Invalid>;

    /// The secrets among the options: every bundle of the profile is searched for them.
    fn secrets(&self, options: &TicketOptions) -> Vec<SecretSource>;

    /// Where tickets go, for the person who is asked to agree: `Redmine project "bugs"`.
    fn destination(&self, options: &TicketOptions) -> String;

    /// How texts are written there.
    fn markup(&self) -> Markup;
}

/// A ticket system that can be spoken to.
///
/// Each verb is tried again as long as that can do no harm. Where it could, for a ticket may have
/// been made without our hearing, the answer is [`TicketError::Unsure`].
pub trait Tickets {
    /// The tickets whose title holds `key`, oldest first, the closed ones included.
    fn find(&self, key: &str) -> Result<Vec<Ticket>, TicketError>;

    /// The ticket of that number, if it is there and belongs where this profile's tickets go.
    fn get(&self, number: &str) -> Result<Option<Ticket>, TicketError>;

    /// Opens a ticket. A system that can takes the file in the same go; another leaves it, and is
    /// asked to attach it then.
    fn open(&self, letter: &Letter, file: Option<&dyn Attachment>) -> Result<Opened, TicketError>;

    /// Attaches a file, with a comment if there is one.
    fn attach(
        &self,
        ticket: &Ticket,
        file: &dyn Attachment,
        comment: Option<&str>,
    ) -> Result<(), TicketError>;

    /// Adds a comment.
    fn comment(&self, ticket: &Ticket, text: &str) -> Result<(), TicketError>;

    /// Says why a ticket is at its end, and closes it. It is an error if it is open afterwards.
    fn close(&self, ticket: &Ticket, comment: &str) -> Result<(), TicketError>;

    /// What the ticket holds under the file's name, as the ticket system itself says.
    fn holding(&self, ticket: &Ticket, file: &dyn Attachment) -> Result<Holding, TicketError>;

    /// The largest file it takes, in bytes, if that is known beforehand; 0 if it takes none.
    fn limit(&self) -> Result<Option<u64>, TicketError> {
        Ok(None)
    }

    /// How long after its making a ticket may be missed by [`Tickets::find`]: an index may lag.
    fn lag(&self) -> Duration {
        Duration::ZERO
    }
}

/// A file to attach, wherever it lies.
pub trait Attachment {
    /// Its name: ASCII letters, digits, `-`, `_` and `.`.
    fn name(&self) -> &str;

    /// Its length in bytes.
    fn len(&self) -> u64;

    /// Whether there is nothing in it.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The SHA-256 of its bytes, if that is known before it is read.
    fn sha256(&self) -> Option<[u8; 32]>;

    /// Opens it at its first byte, as every retry must. Reading may block.
    fn open(&self) -> io::Result<Box<dyn Read + Send>>;
}

impl Attachment for Sealed {
    fn name(&self) -> &str {
        self.name()
    }

    fn len(&self) -> u64 {
        self.len()
    }

    fn sha256(&self) -> Option<[u8; 32]> {
        Some(self.sha256())
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(self.open()?))
    }
}

/// A ticket that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// What people call it: `4711`, `BUGS-12`.
    pub number: String,
    /// Its page, without credentials.
    pub url: String,
}

/// A ticket that was opened just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The ticket.
    pub ticket: Ticket,
    /// The options that the ticket system took without a word and did not heed, such as a field
    /// that it does not have.
    pub ignored: Vec<String>,
}

/// What a ticket holds under the name of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holding {
    /// The file, as far as the ticket system lets one see.
    Whole,
    /// Nothing of that name.
    Missing,
    /// Something else under that name: so many bytes, or other ones.
    Other {
        /// Its length in bytes.
        len: u64,
    },
    /// The ticket system does not say what it holds.
    Unknown,
}

impl Holding {
    /// What attachments of a file's name, by length and digest as far as known, amount to.
    pub fn of(
        held: impl IntoIterator<Item = (u64, Option<[u8; 32]>)>,
        file: &dyn Attachment,
    ) -> Self {
        let mut holding = Self::Missing;
        for (len, sha256) in held {
            let same = match (sha256, file.sha256()) {
                (Some(theirs), Some(ours)) => theirs == ours,
                _ => true,
            };
            if len == file.len() && same {
                return Self::Whole;
            }
            holding = Self::Other { len };
        }
        holding
    }
}

/// Why a ticket system did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// It takes no file of that size.
    #[error("the ticket system takes no file of that size: {0}")]
    TooLarge(String),
    /// It may have done it, without our hearing.
    #[error("{0}")]
    Unsure(DeliveryError),
    /// It did not.
    #[error("{0}")]
    Failed(#[from] DeliveryError),
}
