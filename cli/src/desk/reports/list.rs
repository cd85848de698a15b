//! `reports list`

use super::{
    Context, IN_FLIGHT,
    key::{Report, file_name},
    run,
    stream::{Item, Items, Kind, Scope},
    table::Table,
    ticket::{self, Known},
};
use crate::{
    desk::args::{Column, List},
    exit::{Exit, Failure},
};
use collect_sinks::s3::BucketError;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use std::collections::VecDeque;

/// What the upload sends of the host: `x-amz-meta-host`.
const HOST: &str = "host";

/// One line of the list.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) id: Option<String>,
    pub(super) product: Option<String>,
    pub(super) date: Option<Timestamp>,
    pub(super) modified: Option<Timestamp>,
    pub(super) size: u64,
    /// Whether its key is that of a report.
    pub(super) report: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) host: Option<String>,
    #[serde(serialize_with = "of_ticket", skip_serializing_if = "is_none")]
    pub(super) ticket: Known,
}

fn is_none(known: &Known) -> bool {
    *known == Known::None
}

fn of_ticket<S: serde::Serializer>(known: &Known, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Unreadable<'e> {
        unreadable: &'e str,
    }
    match known {
        Known::None => serializer.serialize_none(),
        Known::Ticket(note) | Known::Opening(note) => note.serialize(serializer),
        Known::Unreadable(unreadable) => Unreadable { unreadable }.serialize(serializer),
    }
}

/// Lists what the command line says.
pub(super) fn list(context: &Context<'_>, wanted: &List) -> Result<Exit, Failure> {
    let (now, zone) = (Timestamp::now(), TimeZone::system());
    let scope = Scope {
        product: wanted.product.clone(),
        since: wanted.since.as_ref().map(|since| since.resolve(now, &zone)),
        until: wanted.until.as_ref().map(|until| until.resolve(now, &zone)),
    };
    if let (Some(since), Some(until)) = (scope.since, scope.until)
        && since > until
    {
        let failure = Failure::unusable("`--since` is later than `--until`");
        return Err(failure.help("exchange them: `--since` is the older one"));
    }
    run(async {
        let failed = |error| context.failure("cannot list the reports", error);
        let items = Items::open(&context.bucket, scope).await.map_err(failed)?;
        let items = items.stream().map_err(failed);
        // A companion whose report is gone waits for the next prune, and is nothing to look at.
        let mut items =
            Box::pin(items.try_filter(|item| std::future::ready(item.kind != Kind::Companion)));
        let Some(limit) = wanted.limit else {
            return show(context, wanted, zone, items).await;
        };
        let mut newest = VecDeque::new();
        while let Some(item) = items.try_next().await? {
            if newest.len() == limit.get() {
                newest.pop_front();
            }
            newest.push_back(item);
        }
        show(context, wanted, zone, stream::iter(newest.into_iter().map(Ok))).await
    })
}

async fn show(
    context: &Context<'_>,
    wanted: &List,
    zone: TimeZone,
    items: impl stream::Stream<Item = Result<Item, Failure>>,
) -> Result<Exit, Failure> {
    let rows = items
        .map(|item| async { row(context, wanted, item?).await })
        .buffered(IN_FLIGHT)
        .try_filter_map(|row| std::future::ready(Ok(row)));
    let mut rows = std::pin::pin!(rows);
    let filtered = wanted.product.is_some() || wanted.since.is_some() || wanted.until.is_some();
    let mut table = Table::new(context.voice, &wanted.columns, zone, filtered);
    while let Some(row) = rows.try_next().await? {
        // Whoever reads has had enough.
        if !table.add(&row) {
            return Ok(Exit::Complete);
        }
    }
    table.finish();
    Ok(Exit::Complete)
}

/// The line of an item; none if it has gone meanwhile.
async fn row(context: &Context<'_>, wanted: &List, item: Item) -> Result<Option<Row>, Failure> {
    let wants = |column| wanted.columns.contains(&column);
    let host = if wants(Column::Host) {
        match context.bucket.head(&item.object.key).await {
            Ok(mut head) => head.meta.remove(HOST),
            Err(BucketError::Missing) => return Ok(None),
            // Such as a key that no URL can hold: the rest of the line is known.
            Err(BucketError::Refused { .. }) if item.kind == Kind::Stray => None,
            Err(error) => {
                let what = format!("cannot ask for `{}`", file_name(&item.object.key));
                return Err(context.failure(&what, error));
            }
        }
    } else {
        None
    };
    let ticket = match &item.kind {
        Kind::Report { companion: Some(companion) } if wants(Column::Ticket) => {
            ticket::read(context, &companion.key).await?
        }
        _ => Known::None,
    };
    let report = Report::of(&item.object.key);
    Ok(Some(Row {
        name: file_name(&item.object.key).to_owned(),
        id: report.map(|report| report.quote().to_owned()),
        product: report.map(|report| report.product.to_owned()),
        date: item.at(),
        modified: item.object.modified,
        size: item.object.size,
        report: report.is_some(),
        host,
        ticket,
        key: item.object.key,
    }))
}
