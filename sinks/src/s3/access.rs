//! The ways into a bucket: a token, keys, a presigned URL, or a function that hands out forms.

use super::{Keys, Target};
use crate::http::{self, Mask};
use base64::{Engine, engine::general_purpose::STANDARD};
use collect_core::{
    Secret,
    sink::{DeliveryError, Sealed},
};
use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, REFERER, USER_AGENT};
use rusty_s3::S3Action;
use std::time::Duration;
use url::Url;

/// How this client calls itself where the name is not a token.
pub(super) const OWN_NAME: &str = concat!("collect/", env!("CARGO_PKG_VERSION"));

/// A signature is made for each try; it need only outlive differences of clocks.
pub(super) const SIGNATURE_LIFE: Duration = Duration::from_mins(15);

/// What to do where keys are missing.
pub(crate) const SET_KEYS: &str = "set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` (and \
     `AWS_SESSION_TOKEN` for temporary keys)";

/// The header that carries the SHA-256 of an object.
pub(crate) const CHECKSUM: &str = "x-amz-checksum-sha256";

/// What is told beside a bundle; whoever may look at the object sees it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Beside<'a> {
    /// What stands in for the host.
    pub(crate) host: Option<&'a str>,
    /// The envelope.
    pub(crate) envelope: Option<&'a str>,
}

impl<'a> Beside<'a> {
    /// The headers that carry it.
    fn headers(self) -> impl Iterator<Item = (&'static str, &'a str)> {
        let all = [("x-amz-meta-host", self.host), ("x-amz-meta-envelope", self.envelope)];
        all.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }
}

/// A way in, with its credentials at hand.
pub(crate) enum Access {
    /// Nobody in particular, let in by the bucket's policy for what stands in `User-Agent`.
    Token(Target, Secret),
    /// Signed with Signature Version 4.
    Keys(Target, Keys),
    /// Signed by someone else.
    Presigned(Url),
    /// Signed by a function that is asked before each try.
    Function(Url),
}

/// Which way in was taken, and to which bucket: all that a message may know of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way<'a> {
    /// By token.
    Token(&'a str),
    /// By keys.
    Keys(&'a str),
    /// By the desk's token.
    DeskToken(&'a str),
    /// By keys that need a right: the desk's, or those of a function.
    DeskKeys(&'a str, &'a str),
    /// By a URL that says the bucket itself.
    Presigned,
    /// By a form that a function handed out.
    Function,
}

impl Access {
    /// Hides what must not be shown of this way in.
    pub(crate) fn hide_in(&self, mask: &mut Mask) {
        match self {
            Self::Token(_, token) => mask.hide(token.reveal()),
            Self::Keys(_, keys) => {
                keys.hide_in(mask);
            }
            Self::Presigned(url) | Self::Function(url) => mask.hide_url(url),
        }
    }

    /// Where the bundle goes, without a signature.
    pub(crate) fn location(&self, bundle: &Sealed) -> Url {
        match self {
            Self::Token(target, _) | Self::Keys(target, _) => {
                target.bucket.object_url(bundle.key())
            }
            Self::Presigned(url) | Self::Function(url) => url.clone(),
        }
    }

    /// How to speak about it.
    pub(crate) fn way(&self) -> Way<'_> {
        match self {
            Self::Token(target, _) => Way::Token(target.bucket.name()),
            Self::Keys(target, _) => Way::Keys(target.bucket.name()),
            Self::Presigned(_) => Way::Presigned,
            Self::Function(_) => Way::Function,
        }
    }

    /// Whether the object's key belongs to this bundle alone.
    pub(crate) fn owns_key(&self, bundle: &Sealed) -> bool {
        match self {
            Self::Token(..) | Self::Keys(..) | Self::Function(_) => true,
            Self::Presigned(url) => url.path().ends_with(bundle.name()),
        }
    }

    /// URL and headers of the request that stores the bundle, good for one try.
    pub(crate) fn put(
        &self,
        bundle: &Sealed,
        referer: Option<&str>,
        beside: Beside<'_>,
    ) -> Result<(Url, HeaderMap), DeliveryError> {
        let checksum = STANDARD.encode(bundle.sha256());
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        if let Some(referer) = referer {
            headers.insert(REFERER, header(referer, "referer")?);
        }
        let name = match self {
            Self::Token(_, token) => header(token.reveal(), "upload-token")?,
            _ => HeaderValue::from_static(OWN_NAME),
        };
        headers.insert(USER_AGENT, name);
        if self.takes_checksum() {
            headers.insert(HeaderName::from_static(CHECKSUM), header(&checksum, "checksum")?);
        }
        // Who signed a URL knew no header of the bundle's own.
        let beside = if matches!(self, Self::Presigned(_)) { Beside::default() } else { beside };
        for (name, value) in beside.headers() {
            headers.insert(HeaderName::from_static(name), header(value, name)?);
        }
        let url = match self {
            Self::Token(target, _) => target.bucket.object_url(bundle.key()),
            Self::Presigned(url) | Self::Function(url) => url.clone(),
            Self::Keys(target, keys) => {
                let credentials = keys.credentials();
                let mut put = target.bucket.put_object(Some(&credentials), bundle.key());
                put.headers_mut().insert("if-none-match", "*");
                put.headers_mut().insert(CHECKSUM, &checksum);
                for (name, value) in beside.headers() {
                    put.headers_mut().insert(name, value);
                }
                put.sign_with_time(SIGNATURE_LIFE, &Timestamp::now())
            }
        };
        Ok((url, headers))
    }

    /// URL and headers of the request that asks for the checksum of the stored object; only keys
    /// can ask.
    pub(crate) fn head(&self, bundle: &Sealed, referer: Option<&str>) -> Option<(Url, HeaderMap)> {
        const MODE: &str = "x-amz-checksum-mode";
        let Self::Keys(target, keys) = self else {
            return None;
        };
        let credentials = keys.credentials();
        let mut head = target.bucket.head_object(Some(&credentials), bundle.key());
        head.headers_mut().insert(MODE, "ENABLED");
        let url = head.sign_with_time(SIGNATURE_LIFE, &Timestamp::now());
        let mut headers = HeaderMap::from_iter([
            (HeaderName::from_static(MODE), HeaderValue::from_static("ENABLED")),
            (USER_AGENT, HeaderValue::from_static(OWN_NAME)),
        ]);
        if let Some(referer) = referer {
            headers.insert(REFERER, header(referer, "referer").ok()?);
        }
        Some((url, headers))
    }

    /// S3 refuses `x-amz-` headers that a signature does not cover, and who signed a URL may not
    /// have known the bundle.
    fn takes_checksum(&self) -> bool {
        let Self::Presigned(url) = self else {
            return true;
        };
        url.query_pairs().any(|(name, value)| {
            name.eq_ignore_ascii_case("X-Amz-SignedHeaders")
                && value.split(';').any(|header| header == CHECKSUM)
        })
    }
}

/// A presigned URL, or that of a function, if it can be one.
pub(crate) fn given_url(text: &str) -> Result<Url, String> {
    // The text may be a credential, so it is never repeated.
    let url: Url = text.parse().map_err(|error| format!("the URL is no URL: {error}"))?;
    match http::objection(&url) {
        Some(why) => Err(format!("the URL is not safe: {why}")),
        None => Ok(url),
    }
}

pub(super) fn header(value: &str, option: &str) -> Result<HeaderValue, DeliveryError> {
    let value = HeaderValue::from_str(value).ok().filter(|value| value.to_str().is_ok());
    let mut value = value.ok_or_else(|| DeliveryError::Refused {
        reason: format!("`{option}` holds characters that cannot be sent in a header"),
        help: Some("use letters, digits and punctuation of ASCII".into()),
    })?;
    value.set_sensitive(true);
    Ok(value)
}
