//! Recognises abuse of a report bucket in its logs, and says whom to keep out.
//!
//! Log lines in, decisions out: this crate reads no file, talks to no network and does not know what
//! time it is. [`Guard`] reads logs and gives a [`Verdict`]: findings for people, blocks for the
//! bucket's policy (written into it by [`policy::with_blocks`]), and the [`State`] that the next run
//! begins with.

pub mod access_log;
mod block;
pub mod cloudtrail;
pub mod event;
mod finding;
mod guard;
mod lines;
mod meter;
mod net;
pub mod policy;
pub mod rules;
mod show;
mod state;
mod time;
mod token;
mod verdict;

pub use block::Block;
pub use event::Event;
pub use finding::{Finding, Outcome};
pub use guard::{Guard, Tally, Verdict};
pub use net::Net;
pub use rules::Rules;
pub use state::{State, StateError};
pub use token::{Kind, Token, Tokens};
