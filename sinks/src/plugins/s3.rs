//! `s3`: stores the bundle in a bucket of Amazon S3, or of a server that speaks its protocol.

use crate::{
    http::{self, Mask, Route, upload::Limits},
    retry::Schedule,
    s3::{self, Access, Beside, Delivery, Keys, Stored, Target},
};
use collect_core::{
    Sink,
    secret::SecretSource,
    sink::{DeliveryContext, DeliveryError, Invalid, Receipt, Sealed},
};
use jiff::Timestamp;
use reqwest::Client;
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use url::Url;

/// What S3 takes in one request (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html>).
const LARGEST_PUT: u64 = 5 << 30;

/// Stores the bundle in a bucket of Amazon S3, or of a server that speaks its protocol.
///
/// An object that is there is never overwritten. There are four ways in: a token that the bucket's
/// policy knows (`upload-token` and `referer`), keys from the environment (`access = "keys"`), a URL
/// that was signed by someone who has the keys (`presigned-url`), or a function of the receiving
/// side that hands out a permission for each bundle (`upload-url`), with which the profile holds no
/// secret.
///
/// ```toml
/// [deliver.bucket]
/// use = "s3"
/// bucket = "komand-bug-reports"
/// region = "eu-central-1"
/// upload-token = { file = "upload.token" }
/// referer = "https://komand.example/report"
/// ```
#[derive(Deserialize, JsonSchema, Default)]
#[serde(default, rename_all = "kebab-case")]
struct S3 {
    /// The bucket.
    bucket: String,
    /// The region of the bucket, such as `eu-central-1`.
    region: String,
    /// The server, such as `https://s3.example.com`; without it, Amazon's in the region.
    endpoint: String,
    /// Whether the bucket's name goes in the path instead of before the server's name.
    path_style: bool,
    /// A PEM file of certificate authorities that are trusted besides the host's own. A relative
    /// path is meant from the profile's folder.
    ca_file: Option<PathBuf>,
    /// The proxy: `http://`, `https://` or `socks5h://`, a user and password included if it asks
    /// for them. Without it, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` of the environment hold.
    proxy: Option<String>,
    /// The way in: `token`, `keys`, `presigned-url` or `upload-url`. Need only be given for `keys`.
    access: Option<WayIn>,
    /// The token that the bucket's policy knows; sent as `User-Agent`.
    upload_token: Option<SecretSource>,
    /// The page that the bucket's policy knows; sent as `Referer`.
    referer: Option<String>,
    /// A URL signed for one `PUT`; it says bucket and key itself.
    presigned_url: Option<SecretSource>,
    /// The URL of the function that hands out permissions; it knows bucket and region itself.
    upload_url: Option<String>,
}

/// How to get into the bucket.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum WayIn {
    /// `upload-token` and `referer`.
    Token,
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` of the environment.
    Keys,
    /// `presigned-url`.
    PresignedUrl,
    /// `upload-url`.
    UploadUrl,
}

impl WayIn {
    /// What this way in wants, and does not.
    fn alone(self) -> (&'static str, &'static str) {
        match self {
            Self::Token => ("`access` is `token`", "give `upload-token`, and no URL"),
            Self::Keys => (
                "`access` is `keys`, which come from the environment",
                "leave out `upload-token`, `presigned-url` and `upload-url`",
            ),
            Self::PresignedUrl => ("`access` is `presigned-url`", "give `presigned-url` alone"),
            Self::UploadUrl => ("`access` is `upload-url`", "give `upload-url` alone"),
        }
    }
}

collect_core::register!("s3" => S3 as Sink);

impl Sink for S3 {
    fn deliver(
        &self,
        bundle: &Sealed,
        context: &DeliveryContext<'_>,
    ) -> Result<Receipt, DeliveryError> {
        self.deliver_within(bundle, context, &Limits::default(), &Schedule::default())
    }

    fn check(&self) -> Vec<Invalid> {
        let mut wrong = self.check_access();
        if matches!(self.way(), Ok(WayIn::Token | WayIn::Keys) | Err(_))
            && let Err(error) = self.target()
        {
            wrong.push(invalid(error.option(), error.to_string(), error.help()));
        }
        if let Err(reason) = self.proxy_url() {
            let help = "write `proxy = \"http://HOST:PORT\"`";
            wrong.push(invalid("proxy", reason, help));
        }
        wrong
    }

    fn secrets(&self) -> Vec<SecretSource> {
        let proxy = self.proxy_url().ok().flatten();
        let password = proxy
            .as_ref()
            .and_then(Url::password)
            .map(|password| SecretSource::Literal(collect_core::Secret::new(password)));
        [self.upload_token.clone(), self.presigned_url.clone(), password]
            .into_iter()
            .flatten()
            .collect()
    }

    /// A URL that somebody else has signed says what may be sent.
    fn takes_envelope(&self) -> bool {
        self.presigned_url.is_none()
    }

    fn destination(&self) -> String {
        if let Some(url) = &self.upload_url {
            let host = s3::given_url(url).map(|url| http::host(&url)).unwrap_or_default();
            return format!("an S3 bucket, by permission of {host}");
        }
        let host = match (&self.presigned_url, self.target()) {
            (Some(SecretSource::Literal(url)), _) => {
                s3::given_url(url.reveal()).ok().map(|url| http::host(&url))
            }
            (None, Ok(target)) => Some(target.endpoint_host()),
            _ => None,
        };
        match (self.bucket.as_str(), host) {
            ("", None) => "an S3 bucket, by a presigned URL".into(),
            ("", Some(host)) => format!("an S3 bucket at {host}, by a presigned URL"),
            (bucket, None) => format!("S3 bucket \"{bucket}\""),
            (bucket, Some(host)) => format!("S3 bucket \"{bucket}\" at {host}"),
        }
    }
}

impl S3 {
    /// The way in that the options say.
    fn way(&self) -> Result<WayIn, Invalid> {
        let given: Vec<(WayIn, &str)> = [
            (WayIn::Token, "upload-token", self.upload_token.is_some()),
            (WayIn::PresignedUrl, "presigned-url", self.presigned_url.is_some()),
            (WayIn::UploadUrl, "upload-url", self.upload_url.is_some()),
        ]
        .into_iter()
        .filter_map(|(way, option, given)| given.then_some((way, option)))
        .collect();
        match (self.access, given.as_slice()) {
            (Some(WayIn::Keys), []) => Ok(WayIn::Keys),
            (None, [(way, _)]) => Ok(*way),
            (Some(wanted), [(way, _)]) if wanted == *way => Ok(*way),
            (None, []) => {
                let help = "write `upload-token` and `referer`, or `upload-url`, or \
                            `presigned-url`, or `access = \"keys\"` for keys from the environment";
                Err(invalid("access", "no way into the bucket is given", help))
            }
            (None, more) => {
                let options: Vec<_> = more.iter().map(|(_, name)| format!("`{name}`")).collect();
                let message =
                    format!("{} are given, which are ways in of their own", options.join(" and "));
                Err(invalid("access", message, "leave one, and take the others out"))
            }
            (Some(wanted), _) => {
                let (message, help) = wanted.alone();
                let message = format!("{message}; the other options do not fit");
                Err(invalid("access", message, help))
            }
        }
    }

    fn check_access(&self) -> Vec<Invalid> {
        let mut wrong = Vec::new();
        match self.way() {
            Err(error) => wrong.push(error),
            Ok(WayIn::Token) if self.referer.is_none() => {
                let help = "write the page that the bucket's policy names";
                wrong.push(invalid("referer", "`upload-token` needs `referer`", help));
            }
            Ok(_) => {}
        }
        let ascii = |text: &str| text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
        if let Some(SecretSource::Literal(token)) = &self.upload_token
            && !(ascii(token.reveal()) && token.reveal().trim() == token.reveal())
        {
            let message = "the token holds characters that cannot be sent";
            let help = "use letters, digits and punctuation of ASCII";
            wrong.push(invalid("upload-token", message, help));
        }
        if !self.referer.as_deref().is_none_or(ascii) {
            let message = "`referer` holds characters that cannot be sent";
            wrong.push(invalid("referer", message, "write it as a URL in ASCII"));
        }
        if let Some(SecretSource::Literal(url)) = &self.presigned_url
            && let Err(message) = s3::given_url(url.reveal())
        {
            wrong.push(invalid("presigned-url", message, "write an `https` URL"));
        }
        if let Some(url) = &self.upload_url
            && let Err(message) = s3::given_url(url)
        {
            let help = "write the `https` URL that the Terraform module prints";
            wrong.push(invalid("upload-url", message, help));
        }
        wrong
    }

    fn target(&self) -> Result<Target, s3::TargetError> {
        Target::new(&self.bucket, &self.region, &self.endpoint, self.path_style)
    }

    fn proxy_url(&self) -> Result<Option<Url>, String> {
        http::proxy(self.proxy.as_deref())
    }

    /// Everything that a delivery needs, secrets included.
    fn access(&self, context: &DeliveryContext<'_>) -> Result<Access, DeliveryError> {
        let target = || self.target().map_err(|error| refused(error.to_string(), error.help()));
        let way = self
            .way()
            .map_err(|error| DeliveryError::Refused { reason: error.message, help: error.help })?;
        let url = |text: &str, help| s3::given_url(text).map_err(|reason| refused(reason, help));
        match (way, &self.upload_token, &self.presigned_url, &self.upload_url) {
            (WayIn::Token, Some(token), ..) => Ok(Access::Token(target()?, context.secret(token)?)),
            (WayIn::PresignedUrl, _, Some(given), _) => {
                let given = context.secret(given)?;
                url(given.reveal(), "get an `https` URL, signed for `PUT`").map(Access::Presigned)
            }
            (WayIn::UploadUrl, .., Some(given)) => {
                url(given, "correct `upload-url`").map(Access::Function)
            }
            _ => Ok(Access::Keys(target()?, keys(context)?)),
        }
    }

    fn deliver_within(
        &self,
        bundle: &Sealed,
        context: &DeliveryContext<'_>,
        limits: &Limits,
        schedule: &Schedule,
    ) -> Result<Receipt, DeliveryError> {
        if bundle.len() > LARGEST_PUT {
            let help = "lower `size` in `[limits]` and collect again";
            return Err(refused("the bundle is larger than 5 GiB, the most S3 takes", help));
        }
        let access = self.access(context)?;
        let url = access.location(bundle);
        let mut mask = Mask::default();
        access.hide_in(&mut mask);
        let client = self.client(&url, context.base, &mut mask)?;
        let delivery = Delivery {
            access,
            referer: self.referer.as_deref(),
            beside: Beside { host: context.host, envelope: context.envelope },
            client,
            bundle,
            watch: context.watch,
            tried_before: context.tried_before,
            limits: *limits,
            mask: &mask,
        };
        let Stored { location, answer } =
            http::run(delivery.run(schedule)).map_err(|error| {
                let reason = format!("this host gives no means to send: {error}");
                let help = Some("free memory and file descriptors, then `collect send`".into());
                DeliveryError::Unreachable { reason, help }
            })??;
        let reference = s3::reference(&answer, &mask);
        Ok(Receipt { location, reference, ticket: None, at: Timestamp::now() })
    }

    /// The client for `url`; what must not be shown of the proxy is hidden in `mask`.
    fn client(&self, url: &Url, base: &Path, mask: &mut Mask) -> Result<Client, DeliveryError> {
        let proxy = self.proxy_url();
        let proxy = proxy.map_err(|reason| refused(reason, "correct `proxy`"))?;
        if let Some(proxy) = &proxy {
            mask.hide_url(proxy);
        }
        let route = Route { ca_file: self.ca_file.clone(), proxy };
        route.from(base).client(url).map_err(|error| {
            refused(mask.clean(&error.to_string()), "correct `ca-file` or `proxy`")
        })
    }
}

/// The keys of the environment.
fn keys(context: &DeliveryContext<'_>) -> Result<Keys, DeliveryError> {
    Keys::read(context.env).map_err(|name| {
        let help = format!("{}, then `collect send` goes on", s3::SET_KEYS);
        refused(format!("the environment variable `{name}` is not set"), &help)
    })
}

fn invalid(option: &'static str, message: impl Into<String>, help: &str) -> Invalid {
    Invalid { option, message: message.into(), help: Some(help.into()) }
}

fn refused(reason: impl Into<String>, help: &str) -> DeliveryError {
    DeliveryError::Refused { reason: reason.into(), help: Some(help.into()) }
}

#[cfg(test)]
mod tests;
