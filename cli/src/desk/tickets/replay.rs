//! `tickets replay`: reports get another turn.

use super::{
    dead_letters::Move,
    queues::{self, Which},
};
use crate::{
    desk::{
        args::Replay,
        reports::{
            Context, IN_FLIGHT,
            delete::{agreed, refuse_everything, stop_if_wished},
            find::find,
            run,
            stream::{Item, Items, Kind, Scope},
            ticket::{self, Known},
        },
        settings::Desk,
        voice::Voice,
    },
    exit::{Exit, Failure},
    signals, text,
};
use collect_sinks::{
    aws::{Queue, QueueMessage, Waiting},
    s3::{Arrival, Listed},
};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::json;
use std::pin::pin;

/// A report may be on its way to a ticket for so long without anything being wrong.
const YOUNG: SignedDuration = SignedDuration::from_mins(15);

/// As many go into the queue at once.
const BATCH: usize = 10;

/// What came of it.
#[derive(Default)]
struct Count {
    replayed: u64,
    left: u64,
}

/// Does what the command line says.
pub(in crate::desk) fn replay(
    wanted: &Replay,
    desk: &Desk,
    voice: &Voice,
) -> Result<Exit, Failure> {
    if !wanted.patterns.is_empty() {
        return named(wanted, desk, voice);
    }
    if wanted.without_ticket {
        return without_ticket(wanted, desk, voice);
    }
    dead_letters(wanted, desk, voice)
}

/// Puts back what waits in the dead-letter queue.
fn dead_letters(wanted: &Replay, desk: &Desk, voice: &Voice) -> Result<Exit, Failure> {
    let from = queues::open(desk, Which::DeadLetters)?;
    if wanted.dry_run {
        let waiting = run(async {
            from.waiting().await.map_err(|error| queues::failure(&from, "ask", error))
        })?;
        tell_waiting(waiting, voice);
        return Ok(Exit::Complete);
    }
    let to = queues::open(desk, Which::Tickets)?;
    let watch = signals::Watch::begin()
        .map_err(|error| Failure::unusable(format!("cannot watch for signals: {error}")))?;
    let mut way = Move::new(&from, &to, voice, &watch.stop);
    let ended = run(way.run());
    let count = Count { replayed: way.moved, left: way.left };
    conclude(voice, &to, &count, "message", ended)
}

fn tell_waiting(waiting: Waiting, voice: &Voice) {
    let Waiting { ready, taken } = waiting;
    if voice.json {
        voice.object(&json!({ "event": "waiting", "messages": ready, "taken": taken }));
        return;
    }
    voice.line(&format!("{} in the dead-letter queue", text::count(ready as usize, "message")));
    if taken > 0 {
        voice.line(&format!(
            "{} that somebody has taken and may come back",
            text::count(taken as usize, "message")
        ));
    }
}

/// Tells the queue of the reports that were named.
fn named(wanted: &Replay, desk: &Desk, voice: &Voice) -> Result<Exit, Failure> {
    let queue = queues::open(desk, Which::Tickets)?;
    let context = Context::new(&desk.open()?, voice);
    let found = run(find(&context, &wanted.patterns))?;
    refuse_everything(&found, wanted.yes || wanted.dry_run)?;
    let reports = found
        .reports
        .into_values()
        .map(|meant| Item { object: meant.object, kind: Kind::Report { companion: None } });
    // Only reports: what else a pattern with `*` means makes no ticket.
    let mut reports: Vec<_> = reports.filter(Item::is_report).collect();
    reports.sort_by_key(Item::at);
    let objects = reports.into_iter().map(|report| report.object);
    if wanted.dry_run {
        objects.for_each(|object| show(&context, &object));
        return Ok(Exit::Complete);
    }
    let context = context.heed_signals()?;
    let mut count = Count::default();
    let ended = run(tell_all(&context, &queue, stream::iter(objects.map(Ok)), &mut count));
    conclude(voice, &queue, &count, "report", ended)
}

/// Tells the queue of all reports that have no ticket.
fn without_ticket(wanted: &Replay, desk: &Desk, voice: &Voice) -> Result<Exit, Failure> {
    let queue = queues::open(desk, Which::Tickets)?;
    let context = Context::new(&desk.open()?, voice);
    let now = Timestamp::now();
    let scope = Scope {
        product: None,
        since: wanted.since.as_ref().map(|since| since.resolve(now, &TimeZone::system())),
        until: Some(now - YOUNG),
    };
    let mut count = Count::default();
    let mut all = 0;
    run(async {
        let mut turns = pin!(turns(&context, &scope).await?);
        while let Some(turn) = turns.try_next().await? {
            match turn {
                Turn::Gets(object) => {
                    all += 1;
                    if wanted.dry_run {
                        show(&context, &object);
                    }
                }
                Turn::Doubtful(key, why) => {
                    count.left += 1;
                    let (key, why) = (context.bucket.clean(&key), context.bucket.clean(&why));
                    voice.warn(&format!("left alone, for its note cannot be read: `{key}`: {why}"));
                }
                Turn::Not => {}
            }
        }
        Ok(())
    })?;
    let reports = text::count(all, "report");
    voice.say(&format!("without a ticket, and older than {} min: {reports}", YOUNG.as_mins()));
    if wanted.dry_run {
        return Ok(if count.left > 0 { Exit::Left } else { Exit::Complete });
    }
    if all > 0 && !agreed(voice, &format!("Put {reports} into the queue?"), wanted.yes)? {
        voice.say("nothing was put back");
        return Ok(Exit::Complete);
    }
    let context = context.heed_signals()?;
    let ended = run(async {
        if all == 0 {
            return Ok(());
        }
        // Decided anew: meanwhile some may have got a ticket.
        let turns = turns(&context, &scope).await?;
        let objects = turns.try_filter_map(|turn| {
            std::future::ready(Ok(match turn {
                Turn::Gets(object) => Some(object),
                _ => None,
            }))
        });
        tell_all(&context, &queue, objects, &mut count).await
    });
    conclude(voice, &queue, &count, "report", ended)
}

/// What is to happen with something in the bucket.
enum Turn {
    /// It gets another turn.
    Gets(Listed),
    /// Its note cannot be read, and why; the function could not read it either.
    Doubtful(String, String),
    /// It has a ticket, is too young, or is no report.
    Not,
}

/// Decides about all reports, many at once, in order.
async fn turns<'c>(
    context: &'c Context<'_>,
    scope: &'c Scope,
) -> Result<impl Stream<Item = Result<Turn, Failure>> + 'c, Failure> {
    let failed = |error| context.failure("cannot list the reports", error);
    let items = Items::open(&context.bucket, scope.clone()).await.map_err(failed)?;
    let decide = move |item: Result<Item, _>| async move {
        decide(context, item.map_err(failed)?, scope.until).await
    };
    Ok(items.stream().map(decide).buffered(IN_FLIGHT))
}

async fn decide(
    context: &Context<'_>,
    item: Item,
    cutoff: Option<Timestamp>,
) -> Result<Turn, Failure> {
    // What does not say how old it is counts as young.
    let old = item.youngest().is_some_and(|youngest| cutoff.is_none_or(|cutoff| youngest < cutoff));
    let Kind::Report { companion } = item.kind else { return Ok(Turn::Not) };
    if !old {
        return Ok(Turn::Not);
    }
    let known = match companion {
        Some(companion) => ticket::read(context, &companion.key).await?,
        None => Known::None,
    };
    Ok(match known {
        Known::None | Known::Opening(_) => Turn::Gets(item.object),
        Known::Ticket(_) => Turn::Not,
        Known::Unreadable(why) => Turn::Doubtful(item.object.key, why),
    })
}

/// Tells the queue of objects, a few at once, in order.
async fn tell_all(
    context: &Context<'_>,
    queue: &Queue,
    objects: impl Stream<Item = Result<Listed, Failure>>,
    count: &mut Count,
) -> Result<(), Failure> {
    let mut batches = pin!(objects.try_chunks(BATCH));
    loop {
        let batch = match batches.next().await {
            None => return Ok(()),
            Some(Ok(batch)) => batch,
            // What came before the error is as good as ever.
            Some(Err(error)) => {
                tell(context, queue, &error.0, count).await?;
                return Err(error.1);
            }
        };
        tell(context, queue, &batch, count).await?;
    }
}

async fn tell(
    context: &Context<'_>,
    queue: &Queue,
    objects: &[Listed],
    count: &mut Count,
) -> Result<(), Failure> {
    stop_if_wished(context)?;
    let message = |object: &Listed| {
        let arrival = Arrival {
            bucket: context.bucket.name().to_owned(),
            key: object.key.clone(),
            size: Some(object.size),
            what: Arrival::PUT.to_owned(),
            at: object.modified,
            ..Arrival::default()
        };
        QueueMessage::new(arrival.notification().to_string())
    };
    let messages: Vec<_> = objects.iter().map(message).collect();
    let put = queue.put(&messages).await;
    let put = put.map_err(|error| queues::failure(queue, "put into", error))?;
    for (object, put) in objects.iter().zip(put) {
        match put {
            Ok(_) => {
                count.replayed += 1;
                if context.voice.json {
                    context.voice.object(&json!({ "event": "replayed", "key": object.key }));
                }
            }
            Err(why) => {
                count.left += 1;
                let key = context.bucket.clean(&object.key);
                context.voice.warn(&format!("`{key}` was not put into the queue: {why}"));
            }
        }
    }
    Ok(())
}

fn show(context: &Context<'_>, object: &Listed) {
    if context.voice.json {
        context
            .voice
            .object(&json!({ "event": "would-replay", "key": object.key, "size": object.size }));
    } else {
        context.voice.line(&text::one_line(&object.key));
    }
}

/// Says what was put back, also if not all of it was.
fn conclude(
    voice: &Voice,
    queue: &Queue,
    count: &Count,
    what: &str,
    ended: Result<(), Failure>,
) -> Result<Exit, Failure> {
    let Count { replayed, left } = *count;
    if voice.json {
        voice.object(&json!({ "event": "ended", "replayed": replayed, "left": left }));
    }
    let things = text::count(replayed as usize, what);
    voice.say(&format!("put into the queue `{}`: {things}", text::one_line(queue.name())));
    ended?;
    if left > 0 {
        voice.say(&format!("left where they are: {}", text::count(left as usize, what)));
        return Ok(Exit::Left);
    }
    Ok(Exit::Complete)
}
