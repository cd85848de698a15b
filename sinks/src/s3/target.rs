//! Which bucket, where.

use crate::http;
use rusty_s3::{Bucket, UrlStyle};
use thiserror::Error;
use url::{Host, Url};

/// The region of an endpoint that does not say: what S3 servers other than AWS expect.
const DEFAULT_REGION: &str = "us-east-1";

/// A bucket at an endpoint, as far as both can be right.
pub(crate) struct Target {
    pub(crate) bucket: Bucket,
}

/// What is wrong with the options that name the bucket.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum TargetError {
    #[error("no bucket is named")]
    NoBucket,
    #[error(
        "`{0}` is no bucket name: 3 to 63 lower-case letters, digits, `-` and `.`, a letter or \
         digit at each end"
    )]
    BucketName(String),
    #[error("neither a region nor an endpoint is given")]
    NoRegion,
    #[error("`{0}` is no region")]
    Region(String),
    #[error("`{0}` is no URL")]
    NoUrl(String),
    #[error("the endpoint `{0}` is not safe: {1}")]
    Unsafe(String, String),
    #[error("there are credentials in the endpoint")]
    Credentials,
    #[error("`{0}` cannot have the bucket's name in front of it")]
    NeedsPathStyle(String),
}

impl TargetError {
    /// The option that is wrong.
    pub(crate) fn option(&self) -> &'static str {
        match self {
            Self::NoBucket | Self::BucketName(_) => "bucket",
            Self::NoRegion | Self::Region(_) => "region",
            Self::NoUrl(_) | Self::Unsafe(..) | Self::Credentials => "endpoint",
            Self::NeedsPathStyle(_) => "path-style",
        }
    }

    /// What to write.
    pub(crate) fn help(&self) -> &'static str {
        match self {
            Self::NoBucket | Self::BucketName(_) => "write `bucket = \"NAME\"`",
            Self::NoRegion | Self::Region(_) => {
                "write `region = \"eu-central-1\"` for AWS, or `endpoint = \"https://HOST\"`"
            }
            Self::NoUrl(_) | Self::Unsafe(..) => "write `endpoint = \"https://HOST\"`",
            Self::Credentials => {
                "take user and password out of it; keys are read from the environment"
            }
            Self::NeedsPathStyle(_) => "write `path-style = true`",
        }
    }
}

impl Target {
    /// Puts the options together; empty ones are not given.
    pub(crate) fn new(
        bucket: &str,
        region: &str,
        endpoint: &str,
        path_style: bool,
    ) -> Result<Self, TargetError> {
        if bucket.is_empty() {
            return Err(TargetError::NoBucket);
        }
        if !is_bucket_name(bucket) {
            return Err(TargetError::BucketName(http::visible(bucket)));
        }
        if !region.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(TargetError::Region(http::visible(region)));
        }
        let endpoint = endpoint_url(endpoint, region)?;
        let style = if path_style {
            UrlStyle::Path
        } else {
            check_virtual_host(bucket, &endpoint)?;
            UrlStyle::VirtualHost
        };
        let shown = http::bare(&endpoint);
        let region = if region.is_empty() { DEFAULT_REGION } else { region };
        Bucket::new(endpoint, style, bucket.to_owned(), region.to_owned())
            .map(|bucket| Self { bucket })
            .map_err(|_| TargetError::NoUrl(shown))
    }

    /// The server, without the bucket's name before it.
    pub(crate) fn endpoint_host(&self) -> String {
        let host = http::host(self.bucket.base_url());
        host.strip_prefix(&format!("{}.", self.bucket.name()))
            .map_or_else(|| host.clone(), str::to_owned)
    }
}

fn endpoint_url(endpoint: &str, region: &str) -> Result<Url, TargetError> {
    let text = if !endpoint.is_empty() {
        endpoint.to_owned()
    } else if region.is_empty() {
        return Err(TargetError::NoRegion);
    } else if region.starts_with("cn-") {
        format!("https://s3.{region}.amazonaws.com.cn")
    } else {
        format!("https://s3.{region}.amazonaws.com")
    };
    // Without a scheme, `localhost:9000` would be a URL of the scheme `localhost`.
    let url: Url = text
        .parse()
        .ok()
        .filter(|url: &Url| text.contains("://") && url.has_host())
        .ok_or_else(|| TargetError::NoUrl(http::visible(&text)))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(TargetError::Credentials);
    }
    match http::objection(&url) {
        Some(why) => Err(TargetError::Unsafe(http::bare(&url), why)),
        None => Ok(url),
    }
}

/// A bucket's name before the host must give a host that exists and that a certificate can cover.
fn check_virtual_host(bucket: &str, endpoint: &Url) -> Result<(), TargetError> {
    let named = matches!(endpoint.host(), Some(Host::Domain(name)) if name != "localhost");
    if named && !bucket.contains('.') {
        Ok(())
    } else {
        Err(TargetError::NeedsPathStyle(http::host(endpoint)))
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
fn is_bucket_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.chars().all(inner)
        && name.starts_with(end)
        && name.ends_with(end)
        && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(bucket: &str, region: &str, endpoint: &str, path_style: bool) -> String {
        match Target::new(bucket, region, endpoint, path_style) {
            Ok(target) => target.bucket.object_url("reports/a.age").to_string(),
            Err(error) => format!("{}: {error}", error.option()),
        }
    }

    #[test]
    fn the_bucket_is_named_before_the_host_or_in_the_path() {
        assert_eq!(
            url("bugs", "eu-central-1", "", false),
            "https://bugs.s3.eu-central-1.amazonaws.com/reports/a.age"
        );
        assert_eq!(
            url("bugs", "cn-north-1", "", true),
            "https://s3.cn-north-1.amazonaws.com.cn/bugs/reports/a.age"
        );
        assert_eq!(
            url("bugs", "", "https://s3.example.com:8443", false),
            "https://bugs.s3.example.com:8443/reports/a.age"
        );
        assert_eq!(
            url("bugs", "", "http://127.0.0.1:9000", true),
            "http://127.0.0.1:9000/bugs/reports/a.age"
        );
    }

    #[test]
    fn what_cannot_be_right_is_said_before_anything_is_sent() {
        for (bucket, region, endpoint, option) in [
            ("", "eu-central-1", "", "bucket"),
            ("bug_reports", "eu-central-1", "", "bucket"),
            ("bugs", "", "", "region"),
            ("bugs", "eu central", "", "region"),
            ("bugs", "", "s3.example.com:9000", "endpoint"),
            ("bugs", "", "http://s3.example.com", "endpoint"),
            ("bugs", "", "https://me:made-up@s3.example.com", "endpoint"),
            ("bugs", "", "https://192.0.2.1", "path-style"),
            ("bug.reports", "eu-central-1", "", "path-style"),
        ] {
            let answer = url(bucket, region, endpoint, false);
            assert!(answer.starts_with(&format!("{option}: ")), "{answer}");
            assert!(!answer.contains("made-up"), "{answer}");
        }
    }
}
