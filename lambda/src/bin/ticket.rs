//! The function `ticket`; see `collect_lambda::ticket`.
//!
//! The Terraform module sets `COLLECT_BUCKET`, `COLLECT_SECRET_ARN` (the ARN of a secret or a parameter
//! with the settings, see `collect_core::ticket::TicketSettings`) and `COLLECT_TIMEOUT` (seconds that a
//! run may take). Without a secret, `COLLECT_TICKET` holds the settings themselves. `AWS_ENDPOINT_URL`,
//! `AWS_ENDPOINT_URL_S3`, `…_SECRETSMANAGER`, `…_SSM` and `AWS_CA_BUNDLE` are for servers that are not
//! Amazon's. Region and keys are those of the function's role.

use collect_lambda::{
    settings::{bucket, needed, unset, variable},
    ticket::{Deadline, Desk, Run, Settings},
};
use collect_sinks::aws::{Keys, SecretStore};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use std::{io, sync::Arc, time::Duration};
use tokio::runtime::Handle;

/// How long a run may take if nobody says, in seconds.
const TIMEOUT: u64 = 300;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let desk = Arc::new(configured()?);
    let timeout = match variable("COLLECT_TIMEOUT") {
        Some(text) => text.parse().map_err(|_| "`COLLECT_TIMEOUT` is no number of seconds")?,
        None => TIMEOUT,
    };
    let timeout = Duration::from_secs(timeout);
    run(service_fn(|event: LambdaEvent<Value>| {
        let desk = Arc::clone(&desk);
        let handle = Handle::current();
        async move {
            // It waits for the network by itself, which a thread of the runtime must not.
            let run = tokio::task::spawn_blocking(move || {
                let at = i64::try_from(event.context.deadline).ok();
                let at = at.and_then(|at| Timestamp::from_millisecond(at).ok());
                let run = Run {
                    handle: &handle,
                    deadline: Deadline::new(at.unwrap_or_default(), Timestamp::now(), timeout),
                    // A run that is repeated has the same id.
                    by: &format!("{}/{:016x}", event.context.request_id, rand::random::<u64>()),
                };
                Ok::<_, Error>(desk.run(&event.payload, &run, &mut io::stdout())?)
            });
            run.await?
        }
    }))
    .await
}

fn configured() -> Result<Desk, Error> {
    let settings = match (variable("COLLECT_SECRET_ARN"), variable("COLLECT_TICKET")) {
        (Some(arn), _) => {
            let store = SecretStore::new(&arn, &variable)?;
            Settings::stored(store, Keys::read(&variable).map_err(unset)?)
        }
        (None, Some(text)) => Settings::given(&text),
        (None, None) => return Err(unset("COLLECT_SECRET_ARN")),
    };
    Ok(Desk { bucket: bucket(needed("COLLECT_BUCKET")?)?, settings })
}
