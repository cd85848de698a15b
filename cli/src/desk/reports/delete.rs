//! `reports delete`, and how anything is deleted.

use super::{
    Context,
    find::{Found, Meant, find},
    run,
};
use crate::{
    desk::{args::Delete, voice::Voice},
    exit::{Exit, Failure},
    text,
};
use serde_json::json;
use std::sync::atomic::Ordering;

/// As many as go in one request.
pub(super) const BATCH: usize = 1000;

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Gone {
    pub(super) reports: u64,
    pub(super) bytes: u64,
    /// What was to be deleted and could not be.
    pub(super) left: u64,
}

/// Deletes what the command line names.
pub(super) fn delete(context: Context<'_>, wanted: &Delete) -> Result<Exit, Failure> {
    let found = run(find(&context, &wanted.patterns))?;
    let meant = || found.reports.values();
    let bytes = meant().map(|meant| meant.object.size).sum();
    refuse_everything(&found, wanted.yes)?;
    let amount = amount(found.reports.len() as u64, bytes);
    for meant in meant().filter(|_| !context.voice.json) {
        context.voice.say(&format!("  {}", context.bucket.clean(&meant.object.key)));
    }
    if !agreed(context.voice, &format!("Delete {amount}?"), wanted.yes)? {
        context.voice.say("nothing was deleted");
        return Ok(Exit::Complete);
    }
    let context = context.heed_signals()?;
    let mut gone = Gone::default();
    let meant: Vec<_> = found.reports.into_values().collect();
    let ended = run(async {
        for some in meant.chunks(BATCH) {
            batch(&context, some, &mut gone).await?;
        }
        Ok(())
    });
    conclude(&context, gone, ended)
}

/// Says no to a pattern that means everything, unless that was said to be meant.
pub(in crate::desk) fn refuse_everything(found: &Found, yes: bool) -> Result<(), Failure> {
    match &found.everything {
        Some(pattern) if !yes => {
            let count = text::count(found.reports.len(), "report");
            let message =
                format!("`{}` means everything in the bucket: {count}", text::one_line(pattern));
            Err(Failure::unusable(message).help("`--yes` says that you mean it"))
        }
        _ => Ok(()),
    }
}

/// Whether to go on: who is not asked has to have said so.
pub(in crate::desk) fn agreed(voice: &Voice, question: &str, yes: bool) -> Result<bool, Failure> {
    if yes {
        return Ok(true);
    }
    if voice.may_ask() {
        return Ok(voice.agree(question));
    }
    let message = format!("nobody can be asked: {question}");
    Err(Failure::unusable(message).help("`--yes` says that you mean it"))
}

/// How many, and how much.
pub(super) fn amount(reports: u64, bytes: u64) -> String {
    format!("{}, {}", text::count(reports as usize, "report"), text::size(bytes))
}

/// Deletes some reports, and then their companions: whenever this is ended, a report that is still
/// there still has its companion.
pub(super) async fn batch(
    context: &Context<'_>,
    meant: &[Meant],
    gone: &mut Gone,
) -> Result<(), Failure> {
    stop_if_wished(context)?;
    let failed = |error| context.failure("cannot delete", error);
    let keys: Vec<_> = meant.iter().map(|meant| meant.object.key.clone()).collect();
    let left = context.bucket.delete_all(&keys).await.map_err(failed)?;
    for undeleted in &left {
        let key = context.bucket.clean(&undeleted.key);
        context.voice.warn(&format!("`{key}` was not deleted: {}", undeleted.reason));
    }
    let is_gone = |meant: &&Meant| left.iter().all(|left| left.key != meant.object.key);
    for meant in meant.iter().filter(is_gone) {
        gone.reports += 1;
        gone.bytes += meant.object.size;
        if context.voice.json {
            context.voice.object(&json!({ "event": "deleted", "key": meant.object.key }));
        }
    }
    gone.left += left.len() as u64;
    let companions: Vec<_> =
        meant.iter().filter(is_gone).filter_map(|meant| meant.companion.clone()).collect();
    delete_companions(context, &companions).await
}

/// Deletes companions whose reports are gone.
pub(super) async fn delete_companions(
    context: &Context<'_>,
    companions: &[String],
) -> Result<(), Failure> {
    if companions.is_empty() {
        return Ok(());
    }
    stop_if_wished(context)?;
    let failed = |error| context.failure("cannot delete the companions of reports", error);
    for left in context.bucket.delete_all(companions).await.map_err(failed)? {
        let key = context.bucket.clean(&left.key);
        context.voice.warn(&format!("`{key}` was not deleted: {}", left.reason));
    }
    Ok(())
}

/// Ends the work if somebody wishes it to.
pub(in crate::desk) fn stop_if_wished(context: &Context<'_>) -> Result<(), Failure> {
    if context.stop.load(Ordering::Relaxed) {
        return Err(Failure::new(Exit::Stopped, "stopped"));
    }
    Ok(())
}

/// Says what was deleted, also if not all of it was.
pub(super) fn conclude(
    context: &Context<'_>,
    gone: Gone,
    ended: Result<(), Failure>,
) -> Result<Exit, Failure> {
    let Gone { reports, bytes, left } = gone;
    if context.voice.json {
        context
            .voice
            .object(&json!({ "event": "ended", "deleted": reports, "bytes": bytes, "left": left }));
    }
    context.voice.say(&format!("deleted {}", amount(reports, bytes)));
    ended?;
    Ok(if left > 0 { Exit::Left } else { Exit::Complete })
}
