//! Runs one step on its thread, and what it tells the coordinator.

use super::pack::{EntryMeta, PackedBatch, PackedPart, Whole};
use super::permits::{Permit, Permits};
use crate::{
    CollectError,
    bundle::{Covers, Note},
    host::{Deadline, Host},
    names::Names,
    output::Output,
    plan::Plan,
    redact::{Piece, Redaction},
    units::Size,
};
use std::{
    cell::OnceCell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::AtomicBool, mpsc::Sender},
};

/// Something that happened in a step.
pub(crate) struct Message {
    pub(crate) step: usize,
    pub(crate) event: StepEvent,
}

pub(crate) enum StepEvent {
    /// A small entry, complete.
    Whole(Whole),
    /// A large entry begins; only one is open in a step at a time.
    Begun(EntryMeta),
    /// The next part of the open entry.
    Piece(Piece, Arc<Permit>),
    /// The open entry is complete, or was cut for this reason; and what time it covers.
    EntryEnded(Option<String>, Option<Covers>),
    /// The open entry must not leave.
    Lost,
    /// Something is missing or worth knowing.
    Noted(Note),
    /// The step ended.
    Ended(End),
    /// Small entries were packed: item of the step, result.
    PackedBatch(usize, std::io::Result<PackedBatch>),
    /// A part of a large entry was packed: item of the step, number of the part, result.
    PackedPart(usize, usize, Result<PackedPart, PackError>),
}

/// Why a part is missing.
pub(crate) enum PackError {
    /// Redaction failed: the whole entry must not leave.
    Withheld(Note),
    /// It could not be compressed: the entry ends before it.
    Lost,
}

/// How a step ended by itself.
#[derive(Debug)]
pub(crate) enum End {
    Done,
    Stopped,
    Unmet(String),
    Failed(String),
    Panicked(String),
}

/// All that a step's thread needs.
pub(crate) struct StepRun {
    pub(crate) plan: Arc<Plan>,
    pub(crate) index: usize,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) deadline: Deadline,
    pub(crate) permits: Arc<Permits>,
    /// True once large entries no longer fit into the bundle.
    pub(crate) full: Arc<AtomicBool>,
    pub(crate) messages: Sender<Message>,
}

impl End {
    /// Without secrets in what is said: the text of a panic can be any text that was at hand.
    fn redacted(self, redaction: &Redaction) -> Self {
        match self {
            Self::Done | Self::Stopped => self,
            Self::Unmet(reason) => Self::Unmet(redaction.text(&reason)),
            Self::Failed(text) => Self::Failed(redaction.text(&text)),
            Self::Panicked(text) => Self::Panicked(redaction.text(&text)),
        }
    }
}

impl StepRun {
    /// Runs the step. Never panics.
    pub(crate) fn run(self) {
        let end = catch_unwind(AssertUnwindSafe(|| self.collect()))
            .unwrap_or_else(|panic| End::Panicked(panic_text(&*panic)));
        let end = end.redacted(&self.plan.redaction);
        // Nobody listens any more once the step was abandoned.
        _ = self.messages.send(Message { step: self.index, event: StepEvent::Ended(end) });
    }

    fn collect(&self) -> End {
        let planned = &self.plan.steps[self.index];
        if let Some(reason) = planned.unmet(&*self.host) {
            return End::Unmet(reason);
        }
        let options = &planned.step.options;
        let mut output = Output {
            index: self.index,
            id: &planned.step.id,
            host: &*self.host,
            deadline: &self.deadline,
            window: planned.window,
            budget: options.max_size.map_or(u64::MAX, |Size(bytes)| bytes),
            binary: options.binary,
            redaction: &self.plan.redaction,
            permits: &self.permits,
            full: &self.full,
            messages: &self.messages,
            names: Names::default(),
            booted: OnceCell::new(),
        };
        match planned.step.collector.collect(&mut output) {
            Ok(()) => End::Done,
            Err(CollectError::Stopped) => End::Stopped,
            Err(CollectError::Failed(text)) => End::Failed(text),
        }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
