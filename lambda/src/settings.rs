//! The settings of a function: environment variables.

use collect_sinks::{
    aws,
    s3::{Bucket, BucketAccess, BucketOptions},
};
use lambda_runtime::Error;
use std::{
    env,
    path::{Path, PathBuf},
};

/// A variable, if it is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// A variable that has to be set.
///
/// # Errors
///
/// Names it.
pub fn needed(name: &'static str) -> Result<String, Error> {
    variable(name).ok_or_else(|| unset(name))
}

/// Says that a variable is not set.
pub fn unset(name: &'static str) -> Error {
    format!("the environment variable `{name}` is not set").into()
}

/// A bucket, by the keys of the function's role.
///
/// # Errors
///
/// A variable is missing, or says nothing that can be used.
pub fn bucket(name: String) -> Result<Bucket, Error> {
    let endpoint = aws::endpoint("s3", &variable);
    let options = BucketOptions {
        bucket: name,
        region: needed("AWS_REGION")?,
        // Elsewhere a bucket's name need not be a host's.
        path_style: endpoint.is_some(),
        endpoint: endpoint.unwrap_or_default(),
        access: Some(BucketAccess::Keys),
        ca_file: variable("AWS_CA_BUNDLE").map(PathBuf::from),
        ..BucketOptions::default()
    };
    options.open(Path::new("/"), &variable).map_err(|error| {
        let help = error.help().map(|help| format!("; help: {help}")).unwrap_or_default();
        format!("{error}{help}").into()
    })
}
