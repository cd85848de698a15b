//! What is written down of a filing, so that another process can go on where this one ended.

use super::Ticket;
use crate::sink::DeliveryError;
use jiff::Timestamp;

/// Where the steps of a filing are written down.
pub trait Journal {
    /// How far an earlier filing of the same file came.
    fn past(&self) -> Past;

    /// A ticket is about to be opened.
    ///
    /// # Errors
    ///
    /// It could not be written down, or the file is another one's to file by now: nothing is opened.
    fn opening(&self) -> Result<(), DeliveryError>;

    /// A ticket was opened.
    ///
    /// # Errors
    ///
    /// It could not be written down; the filing ends, and the next one finds the ticket.
    fn opened(&self, ticket: &Ticket) -> Result<(), DeliveryError>;
}

/// How far an earlier filing came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Past {
    /// There was none, or it opened nothing.
    #[default]
    Nothing,
    /// It may have opened a ticket; it began to at this time.
    Opening(Timestamp),
    /// It opened the ticket of this number.
    Opened(String),
}

/// Nothing is written down: the ticket system alone tells what there is.
pub struct Unrecorded;

impl Journal for Unrecorded {
    fn past(&self) -> Past {
        Past::Nothing
    }

    fn opening(&self) -> Result<(), DeliveryError> {
        Ok(())
    }

    fn opened(&self, _: &Ticket) -> Result<(), DeliveryError> {
        Ok(())
    }
}
