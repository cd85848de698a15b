//! `reports prune`: deletes what is old, and nothing that is to be kept.
//!
//! What is to go is decided twice: first to say how many and how much, and again when it goes, batch
//! by batch, because a ticket may have been opened again meanwhile. So nothing has to be remembered
//! between the two, and another run, or the end of this one, at any moment changes nothing of what
//! is kept. A report goes before its companion: what a run that was ended leaves behind is a
//! companion without its report, which the next run takes.

use super::{
    Context, IN_FLIGHT,
    delete::{BATCH, Gone, agreed, amount, batch, conclude, delete_companions},
    find::Meant,
    key::companion_of,
    run,
    stream::{Item, Items, Kind, Scope},
    ticket::{self, Known},
};
use crate::{
    desk::args::Prune,
    exit::{Exit, Failure},
    text,
};
use collect_sinks::s3::BucketError;
use futures_util::{Stream, StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::pin::pin;

/// So many reports are decided about before they go: with a thousand, the state of the first ticket
/// would be as old as reading a thousand tickets takes.
const DECIDED: usize = 4 * IN_FLIGHT;

/// What is to happen with an item.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// It goes.
    Goes(Meant),
    /// A companion without its report goes.
    Orphan(String),
    /// Its ticket is not known to be closed.
    Kept,
    /// Its companion cannot be read.
    Doubtful(String, String),
    /// It is no report.
    Stray,
    /// It is too young, or nothing to look at.
    Nothing,
}

/// How the items of a bucket divide.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    goes: u64,
    bytes: u64,
    orphans: u64,
    kept: u64,
    strays: u64,
}

/// Deletes what the command line says.
pub(super) fn prune(context: Context<'_>, wanted: &Prune) -> Result<Exit, Failure> {
    let cutoff = cutoff(wanted)?;
    let count = run(count(&context, wanted, cutoff))?;
    tell(&context, wanted, count);
    if wanted.dry_run {
        return Ok(Exit::Complete);
    }
    if count.goes + count.orphans == 0 {
        return conclude(&context, Gone::default(), Ok(()));
    }
    let question = format!("Delete {}?", amount(count.goes, count.bytes));
    if !agreed(context.voice, &question, wanted.yes)? {
        context.voice.say("nothing was deleted");
        return Ok(Exit::Complete);
    }
    let context = context.heed_signals()?;
    let mut gone = Gone::default();
    let ended = run(carry_out(&context, wanted, cutoff, &mut gone));
    conclude(&context, gone, ended)
}

fn cutoff(wanted: &Prune) -> Result<Timestamp, Failure> {
    let age = wanted.older_than.0;
    if age.is_zero() {
        let failure = Failure::unusable("`--older-than 0` means every report");
        return Err(failure.help("`collect-desk reports delete '*' --yes` deletes them all"));
    }
    let back = SignedDuration::try_from(age).ok();
    let cutoff = back.and_then(|back| Timestamp::now().checked_sub(back).ok());
    cutoff.ok_or_else(|| Failure::unusable("`--older-than` is longer ago than any time"))
}

/// Looks at everything, and deletes nothing.
async fn count(context: &Context<'_>, wanted: &Prune, cutoff: Timestamp) -> Result<Count, Failure> {
    let mut fates = pin!(fates(context, wanted, cutoff).await?);
    let mut count = Count::default();
    while let Some(fate) = fates.try_next().await? {
        match fate {
            Fate::Goes(meant) => {
                count.goes += 1;
                count.bytes += meant.object.size;
                if wanted.dry_run {
                    show(context, &meant);
                }
            }
            Fate::Orphan(_) => count.orphans += 1,
            Fate::Kept => count.kept += 1,
            Fate::Doubtful(key, why) => {
                count.kept += 1;
                let key = context.bucket.clean(&key);
                let why = context.bucket.clean(&why);
                context.voice.warn(&format!("kept, for its ticket cannot be read: `{key}`: {why}"));
            }
            Fate::Stray => count.strays += 1,
            Fate::Nothing => {}
        }
    }
    Ok(count)
}

fn show(context: &Context<'_>, meant: &Meant) {
    let key = &meant.object.key;
    if context.voice.json {
        context
            .voice
            .object(&json!({ "event": "would-delete", "key": key, "size": meant.object.size }));
    } else {
        context.voice.line(&text::one_line(key));
    }
}

fn tell(context: &Context<'_>, wanted: &Prune, count: Count) {
    let would = amount(count.goes, count.bytes);
    context.voice.say(&format!("older than that: {would}"));
    if wanted.keep_open_tickets {
        let kept = text::count(count.kept as usize, "report");
        context.voice.say(&format!("kept, for their tickets are not known to be closed: {kept}"));
    }
    if count.orphans > 0 {
        let orphans = text::count(count.orphans as usize, "companion");
        context.voice.say(&format!("of reports that are gone already: {orphans}"));
    }
    if count.strays > 0 {
        let strays = text::count(count.strays as usize, "object");
        context.voice.say(&format!(
            "no reports, and left alone: {strays}; `collect-desk reports delete KEY` deletes one"
        ));
    }
}

/// Deletes what is to go, deciding anew.
async fn carry_out(
    context: &Context<'_>,
    wanted: &Prune,
    cutoff: Timestamp,
    gone: &mut Gone,
) -> Result<(), Failure> {
    let mut fates = pin!(fates(context, wanted, cutoff).await?);
    let most = if wanted.keep_open_tickets { DECIDED } else { BATCH };
    let (mut reports, mut orphans) = (Vec::new(), Vec::new());
    while let Some(fate) = fates.try_next().await? {
        match fate {
            Fate::Goes(meant) => reports.push(meant),
            Fate::Orphan(companion) => orphans.push(companion),
            _ => {}
        }
        if reports.len() >= most {
            batch(context, &std::mem::take(&mut reports), gone).await?;
        }
        if orphans.len() >= most {
            delete_companions(context, &std::mem::take(&mut orphans)).await?;
        }
    }
    if !reports.is_empty() {
        batch(context, &reports, gone).await?;
    }
    delete_companions(context, &orphans).await
}

/// Decides about all that is old enough, many tickets at once, in order.
async fn fates<'c>(
    context: &'c Context<'_>,
    wanted: &'c Prune,
    cutoff: Timestamp,
) -> Result<impl Stream<Item = Result<Fate, Failure>> + 'c, Failure> {
    let scope = Scope { product: wanted.product.clone(), since: None, until: Some(cutoff) };
    let failed = |error| context.failure("cannot list the reports", error);
    let items = Items::open(&context.bucket, scope).await.map_err(failed)?;
    Ok(items
        .stream()
        .map(move |item| async move {
            decide(context, wanted.keep_open_tickets, item.map_err(failed)?, cutoff).await
        })
        .buffered(IN_FLIGHT))
}

async fn decide(
    context: &Context<'_>,
    keep_open: bool,
    item: Item,
    cutoff: Timestamp,
) -> Result<Fate, Failure> {
    // What does not say how old it is counts as young.
    let old = item.youngest().is_some_and(|youngest| youngest < cutoff);
    match item.kind {
        Kind::Stray => Ok(Fate::Stray),
        Kind::Report { .. } | Kind::Companion if !old => Ok(Fate::Nothing),
        Kind::Report { companion } => {
            let meant = Meant { object: item.object, companion: companion.map(|c| c.key) };
            if !keep_open {
                return Ok(Fate::Goes(meant));
            }
            let known = match &meant.companion {
                Some(companion) => ticket::read(context, companion).await?,
                None => Known::None,
            };
            Ok(match known {
                Known::Unreadable(why) => Fate::Doubtful(meant.object.key, why),
                known if known.is_closed() => Fate::Goes(meant),
                _ => Fate::Kept,
            })
        }
        Kind::Companion => orphan(context, keep_open, item.object.key).await,
    }
}

/// Whether a companion that came without its report has lost it: something may stand between them
/// in the list.
async fn orphan(context: &Context<'_>, keep_open: bool, key: String) -> Result<Fate, Failure> {
    let report = companion_of(&key).unwrap_or(&key);
    match context.bucket.head(report).await {
        Ok(_) => return Ok(Fate::Nothing),
        Err(BucketError::Missing) => {}
        Err(error) => return Err(context.failure("cannot ask for a report", error)),
    }
    let closed = !keep_open || ticket::read(context, &key).await?.is_closed();
    Ok(if closed { Fate::Orphan(key) } else { Fate::Nothing })
}
