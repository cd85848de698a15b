//! `ticket`: each report becomes one ticket, with the bundle attached.
//!
//! An event may come twice, late, or to two instances at once, and an instance may end at any moment.
//! What keeps it at one ticket is the note beside the report, `KEY.ticket.json`: it is the claim, which
//! only one can store, and it says how far the filing came, so that the next one goes on there. What
//! could not be done fails, alone, and the queue brings it again.
//!
//! A ticket is made for what `collect` stores, and for nothing else: the key has to be that of a report,
//! and its content an age file. It is not a failure if it is none; the log says so.

mod claim;
mod event;
mod object;
mod report;
mod settings;
mod time;

pub use settings::Settings;
pub use time::Deadline;

use self::{
    event::Batch,
    report::{Outcome, Report, Trouble},
};
use collect_sinks::s3::{Arrival, Bucket};
use serde_json::{Value, json};
use std::{collections::BTreeSet, io, sync::Arc};
use thiserror::Error;
use tokio::runtime::Handle;

/// The function, ready to run.
pub struct Desk {
    /// The bucket with the reports.
    pub bucket: Bucket,
    /// Where tickets go.
    pub settings: Settings,
}

/// Why a run did not do all of it; AWS tries again.
#[derive(Debug, Error)]
#[error("{failed} of {all} were not done: {first}")]
pub struct Undone {
    failed: usize,
    all: usize,
    first: String,
}

/// Who runs, and until when.
pub struct Run<'r> {
    /// The runtime on which the bucket is asked; it has to be driven by another thread.
    pub handle: &'r Handle,
    /// The end of the run.
    pub deadline: Deadline,
    /// What the run calls itself, and nobody else does.
    pub by: &'r str,
}

impl Desk {
    /// Works on all that an event tells, and says what a queue wants to know; `log` gets a line for
    /// each object.
    ///
    /// # Errors
    ///
    /// Something is left to do, of an event that did not come through a queue.
    pub fn run(
        &self,
        event: &Value,
        run: &Run<'_>,
        log: &mut dyn io::Write,
    ) -> Result<Value, Undone> {
        let batch = Batch::of(event);
        let mut log = Log(log);
        let mut failed = BTreeSet::new();
        let mut first = None;
        for (place, message) in batch.messages.iter().enumerate() {
            if let Err(why) = &message.objects {
                log.line(&json!({ "message": message.id, "failed": why }));
                first.get_or_insert_with(|| (*why).to_owned());
                failed.insert(place);
            }
        }
        let bucket = self.bucket.clone().watched(Arc::new(run.deadline));
        let mut stopped = false;
        for (place, stored) in batch.in_order() {
            if stopped {
                log.line(&json!({ "key": stored.key, "failed": "not tried: see above" }));
                failed.insert(place);
                continue;
            }
            if let Err(trouble) = self.work(stored, &bucket, run, &mut log) {
                let Trouble { reason, help, is_general } = trouble;
                let reason = bucket.clean(&reason);
                log.line(&json!({ "key": stored.key, "failed": reason, "help": help }));
                first.get_or_insert(reason);
                failed.insert(place);
                stopped = is_general;
            }
        }
        if batch.is_queue {
            let names = failed.iter().map(|place| &batch.messages[*place].id);
            let items: Vec<_> = names.map(|id| json!({ "itemIdentifier": id })).collect();
            return Ok(json!({ "batchItemFailures": items }));
        }
        match first {
            None => Ok(Value::Null),
            Some(first) => Err(Undone { failed: failed.len(), all: batch.messages.len(), first }),
        }
    }

    fn work(
        &self,
        stored: &Arrival,
        bucket: &Bucket,
        run: &Run<'_>,
        log: &mut Log<'_>,
    ) -> Result<(), Trouble> {
        let key = &stored.key;
        let other = if stored.bucket != bucket.name() {
            Some("it is in another bucket")
        } else if !stored.is_created() {
            Some("it was not stored just now")
        } else {
            None
        };
        if let Some(why) = other {
            log.line(&json!({ "key": key, "left-alone": why }));
            return Ok(());
        }
        let report = Report {
            desk: self,
            bucket,
            handle: run.handle,
            deadline: &run.deadline,
            by: run.by,
            stored,
        };
        match report.work(&mut |said| log.line(&json!({ "key": key, "note": said })))? {
            Outcome::Filed(note) => {
                let (ticket, attached) = (note.ticket, note.attached);
                log.line(&json!({ "key": key, "ticket": ticket, "attached": attached }));
            }
            Outcome::Nothing(why) => log.line(&json!({ "key": key, "left-alone": why })),
        }
        Ok(())
    }
}

/// The function's log, a line each.
struct Log<'l>(&'l mut dyn io::Write);

impl Log<'_> {
    fn line(&mut self, line: &Value) {
        // Whether it can be written is no reason to leave work undone.
        _ = writeln!(self.0, "{line}");
    }
}
