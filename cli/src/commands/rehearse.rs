//! `collect check --run`: runs the steps of a profile once, as a real run would, and keeps nothing.

use super::{Context, run::selection};
use crate::{
    args::CheckJob,
    exit::{Exit, Failure},
    manners,
    report::Rehearsal,
    signals::Watch,
};
use collect_core::{
    bundle::{BundleName, Status, StepRecord},
    gather::{Resources, gather},
    host::{Host, Machine},
    plan::Plan,
    profile::Wanted,
};
use std::{sync::Arc, time::Instant};

/// Tries a profile. What does not fit into memory goes into an unnamed, encrypted file, as in every
/// run; nothing is sealed, so there is nothing that anybody could find or send.
pub(super) fn rehearse(context: &Context<'_>, job: &CheckJob) -> Result<Exit, Failure> {
    let host: Arc<dyn Host> = Arc::new(Machine::new());
    // A key that is not there yet is not made for this.
    let key = Some(context.places.redact_key()).filter(|key| key.exists());
    let wanted = Wanted { name: &job.profile, set: &job.given.set };
    let profile = context.profile_for(&*host, key.as_deref(), wanted)?;
    let selection = selection(&job.choice, &*host)?;
    let name = BundleName::new(&profile.product, host.now());
    let plan = Arc::new(Plan::new(profile, &selection, name, &*host)?);
    manners::stand_back();
    let watch = Watch::begin()
        .map_err(|error| Failure::unusable(format!("cannot watch for signals: {error}")))?;
    let spill = std::env::temp_dir();
    let resources = Resources { threads: None, stop: Arc::clone(&watch.stop), spill };
    let begun = Instant::now();
    let gathered = gather(plan, host, &resources, context.voice);
    let exit = exit_of(gathered.steps(), watch.stopped());
    context.voice.tried(&Rehearsal {
        exit,
        steps: gathered.steps(),
        took: begun.elapsed(),
        compressed: gathered.compressed(),
        stopped: gathered.stopped(),
    });
    Ok(exit)
}

/// What an author has to look at is an error; what this host does not have or show is none.
fn exit_of(steps: &[StepRecord], stopped: bool) -> Exit {
    let went_wrong = |status| {
        matches!(
            status,
            Status::Failed
                | Status::Panicked
                | Status::TimedOut
                | Status::Abandoned
                | Status::NotStarted
        )
    };
    if stopped {
        Exit::Stopped
    } else if steps.iter().any(|step| went_wrong(step.status)) {
        Exit::Partial
    } else {
        Exit::Complete
    }
}
