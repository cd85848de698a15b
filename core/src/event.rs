//! What a run tells while it goes on: the runner emits events, reporters only consume them.

use crate::bundle::Status;
use serde::Serialize;
use std::{path::PathBuf, time::Duration};

/// Something that happened in a run. `--json` prints one a line.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// Gathering begins.
    Started {
        /// The product of the profile.
        product: String,
        /// The bundle's name, without `.tar.…`.
        bundle: String,
        /// How many steps will run.
        steps: usize,
    },
    /// A step begins.
    StepStarted {
        /// Its id.
        step: String,
    },
    /// A step ended.
    StepEnded {
        /// Its id.
        step: String,
        /// How.
        status: Status,
        /// How long it took.
        duration: Duration,
    },
    /// How far gathering is; at most some ten times a second.
    Gathering {
        /// Steps that are running.
        running: usize,
        /// Steps that have ended.
        ended: usize,
        /// Bytes gathered so far, after redaction.
        bytes: u64,
        /// Bytes compressed so far.
        compressed: u64,
        /// Redactions so far.
        redactions: u64,
    },
    /// The bundle is being written.
    Sealing,
    /// The bundle is sealed and on disk.
    Sealed {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
        /// Whether anything is missing from it.
        partial: bool,
    },
    /// A delivery begins.
    Delivering {
        /// The sink's id in the profile.
        sink: String,
        /// Where to.
        destination: String,
    },
    /// How far the delivery is.
    Sent {
        /// The sink's id.
        sink: String,
        /// Bytes on their way.
        bytes: u64,
        /// Of so many.
        total: u64,
    },
    /// A try failed and will be repeated.
    Retrying {
        /// The sink's id.
        sink: String,
        /// Why.
        reason: String,
        /// After so long.
        wait: Duration,
    },
    /// A sink has confirmed the bundle.
    Delivered {
        /// The sink's id.
        sink: String,
        /// Where it is.
        location: String,
        /// The ticket's number, if it is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        ticket: Option<String>,
    },
    /// A sink has not taken the bundle.
    NotDelivered {
        /// The sink's id.
        sink: String,
        /// Why.
        reason: String,
        /// What to do.
        help: Option<String>,
    },
}

/// Consumes events; called from several threads.
pub trait Reporter: Sync {
    /// Takes one.
    fn event(&self, event: &Event);
}

impl<F: Fn(&Event) + Sync> Reporter for F {
    fn event(&self, event: &Event) {
        self(event);
    }
}
