//! Keys, and what they sign (Signature Version 4,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).

use crate::http::Mask;
use collect_core::Secret;
use hmac::{Hmac, Mac};
use jiff::{Timestamp, tz::TimeZone};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use rusty_s3::Credentials;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use url::Url;

/// Keys from the environment, as every AWS tool reads them.
#[derive(Clone, Debug)]
pub struct Keys {
    id: Secret,
    secret: Secret,
    session: Option<Secret>,
}

/// What is posted to the root of a service.
pub(super) struct Post<'p> {
    pub(super) body: &'p str,
    pub(super) content_type: &'static str,
    /// The operation, where it does not stand in the body.
    pub(super) target: Option<&'static str>,
    pub(super) region: &'p str,
    pub(super) service: &'static str,
}

/// What the content of a form is.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

impl Keys {
    /// Reads `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
    ///
    /// # Errors
    ///
    /// Names the variable that is not set.
    pub fn read(env: &dyn Fn(&str) -> Option<String>) -> Result<Self, &'static str> {
        let given = |name: &str| {
            let value = env(name)?;
            let value = value.trim();
            (!value.is_empty()).then(|| Secret::new(value))
        };
        let needed = |name: &'static str| given(name).ok_or(name);
        Ok(Self {
            id: needed("AWS_ACCESS_KEY_ID")?,
            secret: needed("AWS_SECRET_ACCESS_KEY")?,
            session: given("AWS_SESSION_TOKEN"),
        })
    }

    /// The id of the key, which every signed request shows.
    pub fn id(&self) -> &str {
        self.id.reveal()
    }

    /// What goes with temporary keys, in every signed request.
    pub fn session(&self) -> Option<&str> {
        self.session.as_ref().map(Secret::reveal)
    }

    /// The signature of a text, in hexadecimal digits; `date` is `YYYYMMDD`.
    pub fn sign(&self, text: &str, date: &str, region: &str, service: &str) -> String {
        let first = format!("AWS4{}", self.secret.reveal()).into_bytes();
        let parts = [date, region, service, "aws4_request"];
        let key = parts.iter().fold(first, |key, part| mac(&key, part));
        hex(&mac(&key, text))
    }

    /// Hides them in messages.
    pub(crate) fn hide_in(&self, mask: &mut Mask) {
        for secret in [Some(&self.id), Some(&self.secret), self.session.as_ref()] {
            mask.hide(secret.map_or("", Secret::reveal));
        }
    }

    pub(crate) fn credentials(&self) -> Credentials {
        let (id, secret) = (self.id.reveal(), self.secret.reveal());
        match self.session() {
            Some(session) => Credentials::new_with_token(id, secret, session),
            None => Credentials::new(id, secret),
        }
    }

    /// The headers of a `POST` to the root of a service.
    pub(super) fn headers_of(&self, post: &Post<'_>, url: &Url, now: Timestamp) -> HeaderMap {
        let Post { body, region, service, .. } = *post;
        let time = now.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
        let date = &time[..8];
        let host = crate::http::host(url);
        let mut signed = vec![
            (CONTENT_TYPE, post.content_type),
            (HOST, &host),
            (HeaderName::from_static("x-amz-date"), &time),
        ];
        let session = HeaderName::from_static("x-amz-security-token");
        signed.extend(self.session().map(|token| (session, token)));
        // By their names, as a signature wants them.
        let target = HeaderName::from_static("x-amz-target");
        signed.extend(post.target.map(|operation| (target, operation)));

        let names: Vec<_> = signed.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let mut request = String::from("POST\n/\n\n");
        for (name, value) in &signed {
            _ = writeln!(request, "{name}:{value}");
        }
        _ = write!(request, "\n{names}\n{}", hex(&Sha256::digest(body)));
        let scope = format!("{date}/{region}/{service}/aws4_request");
        let digest = hex(&Sha256::digest(request));
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}");
        let signature = self.sign(&text, date, region, service);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.id()
        );
        signed.push((AUTHORIZATION, &authorization));
        let headers = signed.into_iter().filter(|(name, _)| name != HOST);
        // A value that cannot stand in a header is one that the service would refuse anyway.
        headers.filter_map(|(name, value)| Some((name, sensitive(value)?))).collect()
    }
}

fn sensitive(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key's");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(id: &str, secret: &str) -> Keys {
        Keys { id: Secret::new(id), secret: Secret::new(secret), session: None }
    }

    /// The example of the documentation: its keys and its form's policy give its signature
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html>).
    #[test]
    fn a_text_is_signed_as_in_the_documentation() {
        let policy = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9";
        let keys = keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        let signature = keys.sign(policy, "20151229", "us-east-1", "s3");
        assert_eq!(signature, "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e");
    }

    /// The case `post-x-www-form-urlencoded` of the test suite that Amazon publishes for signatures.
    #[test]
    fn a_form_is_signed_as_in_the_test_suite() {
        let keys = keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let url = "https://example.amazonaws.com/".parse().unwrap();
        let at = "2015-08-30T12:36:00Z".parse().unwrap();
        let post = Post {
            body: "Param1=value1",
            content_type: FORM,
            target: None,
            region: "us-east-1",
            service: "service",
        };
        let headers = keys.headers_of(&post, &url, at);
        assert_eq!(
            headers[AUTHORIZATION],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        );
    }
}
