//! Gathers: runs the steps of a plan in parallel and keeps what they wrote, compressed, until it is
//! sealed.
//!
//! Three kinds of threads, which meet only in channels:
//! - **steps** run on a rayon pool whose threads may block on the host. What a step writes leaves it
//!   as messages, so a step that hangs holds nothing that the bundle needs;
//! - **packing** (redact, hash, compress) runs on a second pool, whose tasks never wait for the host;
//! - the **coordinator**, the thread that called [`gather`], owns all that is known of the run. It
//!   starts steps, ends them at their deadlines, and abandons those that do not even stop.

mod coordinator;
mod large;
#[cfg(test)]
mod learning_tests;
mod ledger;
mod mend;
mod pack;
mod permits;
mod shares;
mod step;
#[cfg(test)]
mod tests;

pub(crate) use pack::{EntryMeta, Whole, add, hexadecimal, withheld};
pub(crate) use permits::Permits;
pub(crate) use step::{Message, StepEvent};

use crate::{
    bundle::{EntryRecord, StepRecord},
    event::Reporter,
    host::Host,
    plan::Plan,
    spool::{SegmentId, Spool},
};
use jiff::Timestamp;
use serde::Serialize;
use std::{
    num::NonZero,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

/// What a run may use beside its plan.
#[derive(Clone, Debug)]
pub struct Resources {
    /// Threads for packing; without it, as many as there are cores.
    pub threads: Option<NonZero<usize>>,
    /// Becomes true when the user asks to stop.
    pub stop: Arc<AtomicBool>,
    /// The folder for what does not fit into memory, unnamed and encrypted.
    pub spill: PathBuf,
}

/// Why a run ended before its steps did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// The user asked for it.
    Interrupted,
    /// The time limit of the run.
    Deadline,
    /// The size limit of the bundle.
    Size,
    /// No more can be written to the disk.
    Disk,
}

impl Stop {
    /// The word for it in the manifest.
    pub fn word(self) -> &'static str {
        match self {
            Self::Interrupted => "interrupted",
            Self::Deadline => "deadline",
            Self::Size => "size",
            Self::Disk => "disk",
        }
    }
}

/// What a run has gathered, redacted and compressed, ready to be sealed.
pub struct Gathered {
    pub(crate) plan: Arc<Plan>,
    pub(crate) ended: Timestamp,
    pub(crate) stopped: Option<Stop>,
    pub(crate) steps: Vec<StepRecord>,
    pub(crate) entries: Vec<EntryRecord>,
    pub(crate) spool: Spool,
    pub(crate) order: Vec<SegmentId>,
}

impl Gathered {
    /// How every step ended, in the order of the plan.
    pub fn steps(&self) -> &[StepRecord] {
        &self.steps
    }

    /// The entries, in the order of the bundle.
    pub fn entries(&self) -> &[EntryRecord] {
        &self.entries
    }

    /// How many bytes the bundle's content has, compressed.
    pub fn compressed(&self) -> u64 {
        self.spool.len()
    }

    /// Why the run ended early, if it did.
    pub fn stopped(&self) -> Option<Stop> {
        self.stopped
    }

    /// Whether nothing is missing that was asked for and exists.
    pub fn is_complete(&self) -> bool {
        self.stopped.is_none() && self.steps.iter().all(|step| step.status.is_complete())
    }
}

/// Runs the plan's steps.
///
/// Returns within the plan's time limit and a short grace, whatever the steps do; what could not be
/// gathered is in the records.
pub fn gather(
    plan: Arc<Plan>,
    host: Arc<dyn Host>,
    resources: &Resources,
    reporter: &dyn Reporter,
) -> Gathered {
    coordinator::Coordinator::new(plan, host, resources, reporter).run()
}
