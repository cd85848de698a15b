//! The function `upload`; see `collect_lambda::upload`.
//!
//! Set by the Terraform module: `BUCKET`, `LARGEST` (bytes) and `AN_HOUR` (bundles from one address);
//! `ENDPOINT` for a server that is not Amazon's. Region and keys are those of the function's role.

use collect_core::Secret;
use collect_lambda::upload::{Keys, LARGEST, Pace, Place, Request, Upload};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use std::{env, sync::Mutex};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let upload = Mutex::new(configured()?);
    run(service_fn(async |event: LambdaEvent<Request>| {
        let mut upload = upload.lock().map_err(|_| "an earlier request failed")?;
        Ok::<_, Error>(upload.answer(&event.payload, Timestamp::now()))
    }))
    .await
}

fn configured() -> Result<Upload, Error> {
    let (bucket, region) = (needed("BUCKET")?, needed("AWS_REGION")?);
    let url = match env::var("ENDPOINT") {
        Ok(endpoint) => format!("{}/{bucket}", endpoint.trim_end_matches('/')),
        Err(_) => format!("https://{bucket}.s3.{region}.amazonaws.com/"),
    };
    Ok(Upload {
        place: Place { bucket, region, url },
        keys: Keys {
            id: needed("AWS_ACCESS_KEY_ID")?,
            secret: Secret::new(needed("AWS_SECRET_ACCESS_KEY")?),
            session: env::var("AWS_SESSION_TOKEN").ok(),
        },
        largest: number("LARGEST")?.unwrap_or(LARGEST).min(LARGEST),
        pace: Pace::new(number("AN_HOUR")?.unwrap_or(20)),
    })
}

fn needed(name: &str) -> Result<String, Error> {
    env::var(name).map_err(|_| format!("the environment variable `{name}` is not set").into())
}

fn number<N: std::str::FromStr>(name: &str) -> Result<Option<N>, Error> {
    let Ok(text) = env::var(name) else {
        return Ok(None);
    };
    let number = text.parse().map_err(|_| format!("`{name}` is no number: `{text}`"))?;
    Ok(Some(number))
}
