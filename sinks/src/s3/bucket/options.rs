//! `[bucket]` of `desk.toml`: which bucket, and the way in.

use super::{Bucket, BucketError, Entry};
use crate::{
    http::{self, Mask, Route},
    s3::{
        Keys, Target, TargetError,
        access::{SET_KEYS, header},
    },
};
use collect_core::{secret::SecretSource, sink::Invalid};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Connections that are kept open: as many requests may be under way at once without making new
/// ones.
const CONNECTIONS: usize = 32;

/// The bucket that reports are delivered to, seen by those who receive them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct BucketOptions {
    /// The bucket.
    pub bucket: String,
    /// The region of the bucket, such as `eu-central-1`.
    pub region: String,
    /// The server, such as `https://s3.example.com`; without it, Amazon's in the region.
    pub endpoint: String,
    /// Whether the bucket's name goes in the path instead of before the server's name.
    pub path_style: bool,
    /// A PEM file of certificate authorities that are trusted besides the host's own. A relative
    /// path is meant from the file's folder.
    pub ca_file: Option<PathBuf>,
    /// The proxy: `http://`, `https://` or `socks5h://`, a user and password included if it asks
    /// for them. Without it, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` of the environment hold.
    pub proxy: Option<String>,
    /// The way in: `token` or `keys`. Need only be given for `keys`.
    pub access: Option<BucketAccess>,
    /// The desk's token that the bucket's policy knows; sent as `User-Agent`.
    pub desk_token: Option<SecretSource>,
    /// The page that the bucket's policy knows; sent as `Referer`.
    pub referer: Option<String>,
    /// The bucket that gets the access logs, in the same region.
    pub log_bucket: Option<String>,
}

/// How to get into the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BucketAccess {
    /// `desk-token` and `referer`.
    Token,
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` of the environment.
    Keys,
}

/// Looks up an environment variable.
pub type Env<'e> = &'e (dyn Fn(&str) -> Option<String> + Sync);

impl BucketOptions {
    /// Says what is wrong with the options beyond their types.
    pub fn check(&self) -> Vec<Invalid> {
        let mut wrong = Vec::new();
        if let Err(error) = self.target() {
            wrong.push(invalid(error.option(), error.to_string(), error.help()));
        }
        if let Some(log_bucket) = &self.log_bucket
            && let Err(error @ (TargetError::BucketName(_) | TargetError::NoBucket)) =
                self.of(log_bucket).target()
        {
            wrong.push(invalid("log-bucket", error.to_string(), "write `log-bucket = \"NAME\"`"));
        }
        if let Err(reason) = http::proxy(self.proxy.as_deref()) {
            wrong.push(invalid("proxy", reason, "write `proxy = \"http://HOST:PORT\"`"));
        }
        wrong.extend(self.check_access());
        wrong
    }

    fn check_access(&self) -> Option<Invalid> {
        let token = self.desk_token.is_some();
        match self.access {
            Some(BucketAccess::Keys) if token => {
                let help = "leave out `desk-token`, or `access`";
                let message = "`access` is `keys`, which come from the environment";
                return Some(invalid("access", message, help));
            }
            Some(BucketAccess::Keys) => return None,
            Some(BucketAccess::Token) if !token => {
                let help = "write `desk-token = { file = \"desk.token\" }`";
                return Some(invalid("access", "`access` is `token`, but none is given", help));
            }
            None if !token => {
                let help = "write `desk-token = { file = \"desk.token\" }` and `referer`, or \
                            `access = \"keys\"` for keys from the environment";
                return Some(invalid("access", "no way into the bucket is given", help));
            }
            _ => {}
        }
        if self.referer.is_none() {
            let help = "write the page that the bucket's policy names";
            return Some(invalid("referer", "`desk-token` needs `referer`", help));
        }
        let sendable = |text: &str| {
            text.chars().all(|c| c.is_ascii_graphic() || c == ' ') && text.trim() == text
        };
        if !self.referer.as_deref().is_none_or(sendable) {
            let message = "`referer` holds characters that cannot be sent";
            return Some(invalid("referer", message, "write it as a URL in ASCII"));
        }
        match &self.desk_token {
            Some(SecretSource::Literal(token)) if !sendable(token.reveal()) => {
                let message = "the token holds characters that cannot be sent";
                let help = "use letters, digits and punctuation of ASCII";
                Some(invalid("desk-token", message, help))
            }
            _ => None,
        }
    }

    /// The same way to another bucket, such as that of the logs.
    #[must_use]
    pub fn of(&self, bucket: &str) -> Self {
        Self { bucket: bucket.to_owned(), ..self.clone() }
    }

    /// The same bucket, by keys from the environment instead of the desk's token: for what a token
    /// may not do, such as reading logs and editing the policy.
    #[must_use]
    pub fn with_keys(&self) -> Self {
        Self { access: Some(BucketAccess::Keys), desk_token: None, ..self.clone() }
    }

    /// Opens the bucket: nothing is sent yet. Relative files are meant from `base`.
    ///
    /// # Errors
    ///
    /// Says which option cannot be used, or which file or variable holds no secret.
    pub fn open(&self, base: &Path, env: Env<'_>) -> Result<Bucket, BucketError> {
        let target = self
            .target()
            .map_err(|error| BucketError::unusable(error.to_string(), error.help()))?;
        let mut mask = Mask::default();
        let entry = match &self.desk_token {
            Some(token) if self.access != Some(BucketAccess::Keys) => {
                let token = token.resolve(base, env).map_err(|error| {
                    BucketError::unusable(
                        error.to_string(),
                        "put the desk's token there, or correct `desk-token` in desk.toml",
                    )
                })?;
                header(token.reveal(), "desk-token").map_err(BucketError::from)?;
                mask.hide(token.reveal());
                Entry::Token(token)
            }
            _ => {
                let keys = Keys::read(env).map_err(|name| {
                    let reason = format!("the environment variable `{name}` is not set");
                    BucketError::unusable(reason, SET_KEYS)
                })?;
                keys.hide_in(&mut mask);
                Entry::Keys(keys)
            }
        };
        if let Some(referer) = &self.referer {
            header(referer, "referer").map_err(BucketError::from)?;
            mask.hide(referer);
        }
        let route = self.route(base)?;
        if let Some(proxy) = &route.proxy {
            mask.hide_url(proxy);
        }
        let client =
            route.lasting_client(target.bucket.base_url(), CONNECTIONS).map_err(|error| {
                BucketError::unusable(
                    mask.clean(&error.to_string()),
                    "correct `ca-file` or `proxy`",
                )
            })?;
        Ok(Bucket::new(target, entry, self.referer.clone(), client, mask))
    }

    /// How servers are reached from here. Relative files are meant from `base`.
    ///
    /// # Errors
    ///
    /// Says what is wrong with `proxy`.
    pub fn route(&self, base: &Path) -> Result<Route, BucketError> {
        let proxy = http::proxy(self.proxy.as_deref())
            .map_err(|reason| BucketError::unusable(reason, "correct `proxy`"))?;
        Ok(Route { ca_file: self.ca_file.clone(), proxy }.from(base))
    }

    fn target(&self) -> Result<Target, TargetError> {
        Target::new(&self.bucket, &self.region, &self.endpoint, self.path_style)
    }
}

fn invalid(option: &'static str, message: impl Into<String>, help: &str) -> Invalid {
    Invalid { option, message: message.into(), help: Some(help.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::Secret;

    fn options() -> BucketOptions {
        BucketOptions {
            bucket: "bug-reports".into(),
            region: "eu-central-1".into(),
            referer: Some("https://shop.example.com/report".into()),
            desk_token: Some(SecretSource::Literal(Secret::new("made-up-token"))),
            ..BucketOptions::default()
        }
    }

    fn wrong(change: impl FnOnce(&mut BucketOptions)) -> Vec<&'static str> {
        let mut options = options();
        change(&mut options);
        options.check().into_iter().map(|invalid| invalid.option).collect()
    }

    #[test]
    fn what_cannot_get_into_a_bucket_is_said_before_anything_is_sent() {
        assert_eq!(wrong(|_| {}), [""; 0]);
        assert_eq!(wrong(|options| options.bucket = "bug_reports".into()), ["bucket"]);
        assert_eq!(wrong(|options| options.referer = None), ["referer"]);
        assert_eq!(wrong(|options| options.desk_token = None), ["access"]);
        assert_eq!(wrong(|options| options.access = Some(BucketAccess::Keys)), ["access"]);
        assert_eq!(wrong(|options| options.log_bucket = Some("L".into())), ["log-bucket"]);
        assert_eq!(wrong(|options| options.proxy = Some("h:1".into())), ["proxy"]);
    }

    #[test]
    fn keys_that_are_not_there_are_named() {
        let keys =
            BucketOptions { access: Some(BucketAccess::Keys), desk_token: None, ..options() };
        let error = keys.open(Path::new("/"), &|_| None).err().unwrap();
        assert!(error.to_string().contains("`AWS_ACCESS_KEY_ID`"), "{error}");
    }
}
