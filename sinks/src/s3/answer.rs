//! What an answer of S3 means, and what to do about it.
//!
//! Codes: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.

use super::access::Way;
use crate::{
    http::{Mask, upload::Answer},
    retry::{Again, Failed},
};
use collect_core::sink::DeliveryError;
use url::Url;

/// What an answer to the storing request means.
pub(crate) enum Verdict {
    /// The object is stored.
    Stored,
    /// There is an object of this key already.
    Exists,
    /// It is not stored.
    Failed(Failed),
}

/// Reads an answer; `host` is the server's name in messages.
pub(crate) fn judge(answer: &Answer, way: Way<'_>, host: &str, mask: &Mask) -> Verdict {
    let status = answer.status.as_u16();
    if answer.status.is_success() {
        return Verdict::Stored;
    }
    if status == 412 {
        return Verdict::Exists;
    }
    Verdict::Failed(failure(answer, way, host, mask))
}

/// What an answer means that is no success.
pub(super) fn failure(answer: &Answer, way: Way<'_>, host: &str, mask: &Mask) -> Failed {
    let status = answer.status.as_u16();
    let said = Said::of(answer, mask);
    let reason = said.sentence(host, status);
    if let Some(again) = passing(answer, &said.code) {
        let help = Some("the server is busy or has a problem of its own: try later".to_owned());
        return Failed { error: DeliveryError::Unreachable { reason, help }, again };
    }
    let again = match said.code.as_str() {
        "BadDigest" | "XAmzContentChecksumMismatch" | "XAmzContentSHA256Mismatch" => Again::Once,
        _ => Again::Never,
    };
    let help = if answer.status.is_redirection() {
        explain_redirection(answer, &said, mask)
    } else {
        explain_code(&said, way)
            .or_else(|| explain_status(status, way))
            .unwrap_or_else(|| "ask those who run the bucket what this means".into())
    };
    Failed { error: DeliveryError::Refused { reason, help: Some(help) }, again }
}

/// The code in an error document; empty if there is none.
pub(super) fn code(answer: &Answer, mask: &Mask) -> String {
    Said::of(answer, mask).code
}

/// What S3 calls the stored object: the version, or the `ETag`.
pub(crate) fn reference(answer: &Answer, mask: &Mask) -> Option<String> {
    let version = answer.header("x-amz-version-id").filter(|version| *version != "null");
    version
        .or_else(|| answer.header("etag"))
        .map(|reference| mask.quote(reference.trim_matches('"')))
        .filter(|reference| !reference.is_empty())
}

/// What the error document of an answer says.
pub(crate) fn explain(answer: &Answer, host: &str, mask: &Mask) -> String {
    Said::of(answer, mask).sentence(host, answer.status.as_u16())
}

/// When to try again, if what the server says can pass by itself.
pub(super) fn passing(answer: &Answer, code: &str) -> Option<Again> {
    let passing = match answer.status.as_u16() {
        // Not implemented, and HTTP version not supported: that will not change.
        501 | 505 => false,
        408 | 425 | 429 | 500.. => true,
        409 => matches!(code, "ConditionalRequestConflict" | "OperationAborted"),
        400 => code == "RequestTimeout",
        _ => false,
    };
    passing.then(|| Again::as_wished(answer))
}

/// The error document of an answer.
struct Said {
    code: String,
    message: String,
    region: String,
}

impl Said {
    fn of(answer: &Answer, mask: &Mask) -> Self {
        let element = |name| mask.quote(&element(&answer.text, name).unwrap_or_default());
        Self { code: element("Code"), message: element("Message"), region: element("Region") }
    }

    fn sentence(&self, host: &str, status: u16) -> String {
        let mut sentence = format!("`{host}` answered {status}");
        for (before, part) in [(" ", &self.code), (": ", &self.message)] {
            if !part.is_empty() {
                sentence += before;
                sentence += part;
            }
        }
        sentence
    }
}

/// The text of the first element of that name.
pub(super) fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]
        .iter()
        .fold(text.to_owned(), |text, (entity, c)| text.replace(entity, c));
    Some(plain)
}

fn explain_redirection(answer: &Answer, said: &Said, mask: &Mask) -> String {
    let header = mask.quote(answer.header("x-amz-bucket-region").unwrap_or_default());
    let region = if header.is_empty() { &said.region } else { &header };
    if !region.is_empty() {
        return wrong_region(region);
    }
    let to = answer.header("location").and_then(|to| to.parse::<Url>().ok());
    match to.as_ref().and_then(Url::host_str) {
        Some(host) => format!(
            "redirects are not followed; if `{}` is where bundles belong, correct `endpoint` and \
             `region`",
            mask.quote(host)
        ),
        None => "correct `endpoint` and `region`".into(),
    }
}

fn wrong_region(region: &str) -> String {
    format!("the bucket is in another region: write `region = \"{region}\"`")
}

fn explain_code(said: &Said, way: Way<'_>) -> Option<String> {
    let help = match said.code.as_str() {
        "NoSuchBucket" => match way {
            Way::Token(bucket)
            | Way::Keys(bucket)
            | Way::DeskToken(bucket)
            | Way::DeskKeys(bucket, _) => {
                format!(
                    "there is no bucket `{bucket}` there: correct `bucket`, `region` or `endpoint`"
                )
            }
            Way::Presigned => "the bucket of the presigned URL is gone: ask for a new one".into(),
            Way::Function => {
                "the bucket of the upload function is gone: ask the product's team".into()
            }
        },
        "AuthorizationHeaderMalformed"
        | "AuthorizationQueryParametersError"
        | "IllegalLocationConstraintException"
            if !said.region.is_empty() =>
        {
            wrong_region(&said.region)
        }
        "RequestTimeTooSkewed" => match way {
            Way::DeskToken(_) | Way::DeskKeys(..) => {
                "the clock of this host is wrong: set it".into()
            }
            _ => "the clock of this host is wrong: set it, then `collect send`".into(),
        },
        "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
            "the temporary keys have expired: renew them, with `AWS_SESSION_TOKEN`".into()
        }
        "InvalidAccessKeyId" => "`AWS_ACCESS_KEY_ID` is not known there".into(),
        "SignatureDoesNotMatch" if matches!(way, Way::Keys(_) | Way::DeskKeys(..)) => {
            "check `AWS_SECRET_ACCESS_KEY`, `region`, and the clock of this host".into()
        }
        "EntityTooLarge" => too_large(),
        "BadDigest" | "XAmzContentChecksumMismatch" | "XAmzContentSHA256Mismatch" => {
            "what arrived is not what was sent: a proxy on the way may change it".into()
        }
        "InvalidBucketName" => "correct `bucket`".into(),
        _ => return None,
    };
    Some(help)
}

fn explain_status(status: u16, way: Way<'_>) -> Option<String> {
    let help = match status {
        401 | 403 => match way {
            Way::Token(_) => {
                "`upload-token` is not accepted (any more), `referer` is not the one of the \
                 bucket's policy, or the policy refuses this address: ask the product's team"
            }
            Way::DeskToken(_) => {
                "`desk-token` is not accepted (any more), `referer` is not the one of the bucket's \
                 policy, or the policy refuses this address; a desk token can only list, get and \
                 delete what is below `reports/`"
            }
            Way::DeskKeys(_, right) => {
                return Some(format!(
                    "these keys may not do that: they need `{right}`, and a policy that does not refuse them"
                ));
            }
            Way::Keys(_) => "these keys may not store objects there: they need `s3:PutObject`",
            Way::Presigned => {
                "the presigned URL may have expired, or be for another method or key: get a new one"
            }
            Way::Function => {
                "what the upload function hands out is not accepted, or the bucket's policy refuses \
                 this address: ask the product's team"
            }
        },
        404 | 405 => "this does not look like an S3 server: correct `endpoint` or `path-style`",
        413 => return Some(too_large()),
        501 => {
            "the server does not know conditional writes (`If-None-Match`), which keep reports from being overwritten: it needs an update"
        }
        _ => return None,
    };
    Some(help.into())
}

fn too_large() -> String {
    "the bundle is larger than the server takes: lower `size` in `[limits]` and collect again"
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::{StatusCode, header::HeaderMap};
    use std::time::Duration;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], text: &str) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        Answer { status: StatusCode::from_u16(status).unwrap(), headers: map, text: text.into() }
    }

    fn failure(answer: &Answer, way: Way<'_>) -> (String, String, Again) {
        match judge(answer, way, "s3.example.com", &Mask::default()) {
            Verdict::Failed(Failed { error, again }) => match error {
                DeliveryError::Refused { reason, help }
                | DeliveryError::Unreachable { reason, help } => {
                    (reason, help.unwrap_or_default(), again)
                }
                other => panic!("{other:?}"),
            },
            _ => panic!("no failure"),
        }
    }

    fn error(code: &str) -> String {
        format!("<Error><Code>{code}</Code><Message>A &amp; B</Message></Error>")
    }

    #[test]
    fn every_refusal_says_what_to_change() {
        let token = Way::Token("bugs");
        for (status, code, words) in [
            (403, "AccessDenied", "`upload-token`"),
            (403, "RequestTimeTooSkewed", "clock"),
            (404, "NoSuchBucket", "`bugs`"),
            (404, "", "`endpoint`"),
            (400, "EntityTooLarge", "`size`"),
            (413, "", "`size`"),
            (501, "NotImplemented", "If-None-Match"),
        ] {
            let (reason, help, again) = failure(&answer(status, &[], &error(code)), token);
            assert!(reason.contains(code), "{reason}");
            assert!(reason.ends_with(": A & B"), "{reason}");
            assert!(help.contains(words), "{status} {code}: {help}");
            assert_eq!(again, Again::Never);
        }
    }

    #[test]
    fn a_redirect_names_the_region_of_the_bucket() {
        let headers = [("x-amz-bucket-region", "eu-west-1")];
        let (_, help, again) = failure(&answer(301, &headers, ""), Way::Keys("bugs"));
        assert!(help.contains("region = \"eu-west-1\""), "{help}");
        assert_eq!(again, Again::Never);
        let headers = [("location", "http://elsewhere.example.com/bugs?made-up")];
        let (_, help, _) = failure(&answer(307, &headers, ""), Way::Keys("bugs"));
        assert!(help.contains("`elsewhere.example.com`") && !help.contains("made-up"));
    }

    #[test]
    fn what_can_pass_is_tried_again_when_the_server_wishes() {
        let again = |status, headers: &[_], code| {
            failure(&answer(status, headers, &error(code)), Way::Presigned).2
        };
        assert_eq!(again(503, &[], "SlowDown"), Again::Later);
        assert_eq!(again(500, &[], "InternalError"), Again::Later);
        assert_eq!(again(400, &[], "RequestTimeout"), Again::Later);
        assert_eq!(again(409, &[], "ConditionalRequestConflict"), Again::Later);
        assert_eq!(again(400, &[], "BadDigest"), Again::Once);
        assert_eq!(again(429, &[("retry-after", "7")], ""), Again::After(Duration::from_secs(7)));
    }

    #[test]
    fn the_version_is_a_better_reference_than_the_etag() {
        let headers = [("etag", "\"abc\""), ("x-amz-version-id", "v1")];
        assert_eq!(reference(&answer(200, &headers, ""), &Mask::default()).as_deref(), Some("v1"));
        assert_eq!(
            reference(&answer(200, &headers[..1], ""), &Mask::default()).as_deref(),
            Some("abc")
        );
        assert_eq!(reference(&answer(200, &[], ""), &Mask::default()), None);
    }
}
