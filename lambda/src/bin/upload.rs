//! The function `upload`; see `collect_lambda::upload`.
//!
//! The Terraform module sets `COLLECT_BUCKET`, `COLLECT_UPLOAD_PRODUCTS` (names, with spaces between),
//! `COLLECT_UPLOAD_MAX_BYTES`, `COLLECT_UPLOAD_EXPIRY_SECONDS` and `COLLECT_UPLOAD_PER_ADDRESS`
//! (bundles an hour); `AWS_ENDPOINT_URL` is for a server that is not Amazon's. Region and keys are
//! those of the function's role.

use collect_core::bundle::slug;
use collect_lambda::{
    settings::{needed, unset, variable},
    upload::{LARGEST, Pace, Place, Request, Upload},
};
use collect_sinks::aws::{self, Keys};
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use std::sync::Mutex;

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
    let (bucket, region) = (needed("COLLECT_BUCKET")?, needed("AWS_REGION")?);
    let url = match aws::endpoint("s3", &variable) {
        Some(endpoint) => format!("{}/{bucket}", endpoint.trim_end_matches('/')),
        None => format!("https://{bucket}.s3.{region}.amazonaws.com/"),
    };
    Ok(Upload {
        place: Place { bucket, region, url },
        keys: Keys::read(&variable).map_err(unset)?,
        products: variable("COLLECT_UPLOAD_PRODUCTS")
            .map(|names| names.split_whitespace().map(slug).collect())
            .unwrap_or_default(),
        largest: number("COLLECT_UPLOAD_MAX_BYTES")?.unwrap_or(LARGEST).min(LARGEST),
        life: SignedDuration::from_secs(number("COLLECT_UPLOAD_EXPIRY_SECONDS")?.unwrap_or(600)),
        pace: Pace::new(number("COLLECT_UPLOAD_PER_ADDRESS")?.unwrap_or(20)),
    })
}

fn number<N: std::str::FromStr>(name: &str) -> Result<Option<N>, Error> {
    let Some(text) = variable(name) else {
        return Ok(None);
    };
    let number = text.parse().map_err(|_| format!("`{name}` is no number: `{text}`"))?;
    Ok(Some(number))
}
