//! The function `guard`; see `collect_lambda::guard`.
//!
//! The Terraform module sets `COLLECT_BUCKET`, `COLLECT_LOG_BUCKET`, `COLLECT_LOG_PREFIX`,
//! `COLLECT_ALLOWED_ADDRESSES` and `COLLECT_EXEMPT` (lists, with spaces between), and
//! `COLLECT_ALERT_TOPIC` and `COLLECT_ALERT_WEBHOOK`, each if there is one; `AWS_ENDPOINT_URL` and
//! `AWS_CA_BUNDLE` are for servers that are not Amazon's. Region and keys are those of the function's role.

use collect_guard::Net;
use collect_lambda::{
    guard::{Alerts, Event, Patrol},
    settings::{bucket, needed, unset, variable},
};
use collect_sinks::{
    aws::{Keys, Topic},
    http::Webhook,
    patrol::Logs,
};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use std::{io, sync::Arc};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let patrol = Arc::new(configured()?);
    run(service_fn(|event: LambdaEvent<Event>| {
        let patrol = Arc::clone(&patrol);
        async move {
            // It waits for the network by itself, which a thread of the runtime must not.
            let run = tokio::task::spawn_blocking(move || {
                patrol.run(&event.payload, Timestamp::now(), &mut io::stdout())?;
                Ok::<_, Error>(())
            });
            run.await?
        }
    }))
    .await
}

fn configured() -> Result<Patrol, Error> {
    let allowed: Vec<Net> = list("COLLECT_ALLOWED_ADDRESSES")
        .map(|net| net.parse().map_err(|error| format!("COLLECT_ALLOWED_ADDRESSES: {error}")))
        .collect::<Result<_, _>>()?;
    let topic = variable("COLLECT_ALERT_TOPIC").map(|arn| -> Result<_, Error> {
        Ok((Topic::new(&arn, &variable)?, Keys::read(&variable).map_err(unset)?))
    });
    let webhook = variable("COLLECT_ALERT_WEBHOOK")
        .map(|url| Webhook::new(&url).map_err(|why| format!("COLLECT_ALERT_WEBHOOK: {why}")));
    Ok(Patrol {
        reports: bucket(needed("COLLECT_BUCKET")?)?,
        logs: Logs::new(bucket(needed("COLLECT_LOG_BUCKET")?)?),
        prefix: needed("COLLECT_LOG_PREFIX")?,
        allowed,
        exempt: list("COLLECT_EXEMPT").collect(),
        alerts: Alerts { topic: topic.transpose()?, webhook: webhook.transpose()? },
    })
}

fn list(name: &str) -> impl Iterator<Item = String> {
    let items: Vec<_> = variable(name)
        .map(|text| text.split_whitespace().map(str::to_owned).collect())
        .unwrap_or_default();
    items.into_iter()
}
