//! What went wrong on the way to a server, in words that help.

use rustls::CertificateError;
use std::{error::Error, io, iter};

/// A request that got no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub reason: String,
    /// What to do.
    pub help: Option<String>,
    /// Whether trying again is useless.
    pub lasting: bool,
    /// Whether the server may have got all of the request nevertheless.
    pub arrived: bool,
}

impl Failure {
    /// Explains why a request to `host` failed.
    pub fn of(error: reqwest::Error, host: &str) -> Self {
        let connecting = error.is_connect();
        let error = error.without_url();
        Self::explain(&error, host, connecting)
    }

    fn explain(error: &(dyn Error + 'static), host: &str, connecting: bool) -> Self {
        let tls = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>());
        if let Some((reason, help)) = tls.and_then(|tls| explain_tls(tls, host)) {
            return Self { reason, help: Some(help), lasting: true, arrived: false };
        }
        let text = chain(error);
        if text.contains("proxy auth") || text.contains("407") {
            return Self {
                reason: "the proxy asks for a user and a password".into(),
                help: Some("write them in `proxy`: `http://USER:PASSWORD@HOST:PORT`".into()),
                lasting: true,
                arrived: false,
            };
        }
        let (reason, help) = explain_line(error, &text, host, connecting);
        Self { reason, help: Some(help.into()), lasting: false, arrived: !connecting }
    }
}

/// What a network failure means; all of these can pass.
fn explain_line(
    error: &(dyn Error + 'static),
    text: &str,
    host: &str,
    connecting: bool,
) -> (String, &'static str) {
    const NETWORK: &str = "check the network, and whether a proxy is needed (`proxy`)";
    let kind =
        causes(error).find_map(|cause| cause.downcast_ref::<io::Error>().map(io::Error::kind));
    if text.contains("dns error") {
        return (
            format!("the name of `{host}` cannot be resolved"),
            "check the network, the name, and whether a proxy is needed (`proxy`)",
        );
    }
    if text.contains("tunnel error") || text.contains("socks") {
        let reason = format!("the proxy does not lead to `{host}`: {text}");
        return (reason, "check `proxy` and what the proxy allows");
    }
    let what = match kind {
        Some(io::ErrorKind::ConnectionRefused) => "refused the connection",
        Some(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable) => {
            "cannot be reached from here"
        }
        Some(io::ErrorKind::TimedOut) => "did not answer in time",
        _ if connecting && text.contains("timed out") => "did not answer in time",
        Some(
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof,
        ) => "broke the connection off",
        _ => return (format!("no answer from `{host}`: {text}"), NETWORK),
    };
    (format!("`{host}` {what}"), NETWORK)
}

/// What a TLS error means, if it will come again.
fn explain_tls(error: &rustls::Error, host: &str) -> Option<(String, String)> {
    use CertificateError as C;
    let (reason, help) = match error {
        rustls::Error::InvalidCertificate(C::UnknownIssuer) => (
            format!(
                "the certificate of `{host}` is from an authority that this host does not know"
            ),
            "if the server or a proxy on the way has an authority of its own, write its PEM file as `ca-file`",
        ),
        rustls::Error::InvalidCertificate(
            C::NotValidForName | C::NotValidForNameContext { .. },
        ) => (
            format!("the certificate is not for `{host}`"),
            "correct `endpoint`; a bucket with a dot in its name needs `path-style = true`",
        ),
        rustls::Error::InvalidCertificate(C::Expired | C::ExpiredContext { .. }) => (
            format!("the certificate of `{host}` has expired"),
            "check the clock of this host, then ask those who run the server",
        ),
        rustls::Error::InvalidCertificate(C::NotValidYet | C::NotValidYetContext { .. }) => (
            format!("the certificate of `{host}` is not valid yet"),
            "check the clock of this host",
        ),
        rustls::Error::InvalidMessage(_) => {
            (format!("`{host}` does not speak TLS"), "check the port in `endpoint`")
        }
        rustls::Error::InvalidCertificate(_)
        | rustls::Error::AlertReceived(_)
        | rustls::Error::PeerIncompatible(_) => {
            (format!("no safe connection to `{host}`: {error}"), "ask those who run the server")
        }
        _ => return None,
    };
    Some((reason, help.to_owned()))
}

/// An error with everything that it comes from, on one line.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = causes(error).map(ToString::to_string).collect();
    // An I/O error says the same as what it holds.
    texts.dedup();
    texts.join(": ")
}

/// The error and its causes, with what I/O errors hold, which `source` would skip.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    iter::successors(Some(error), |&error| {
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match held {
            Some(held) => Some(held),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explain(error: rustls::Error) -> Failure {
        let error = io::Error::new(io::ErrorKind::InvalidData, error);
        Failure::explain(&error, "s3.example.com", true)
    }

    #[test]
    fn a_certificate_of_an_unknown_authority_leads_to_ca_file() {
        let failure = explain(CertificateError::UnknownIssuer.into());
        assert!(failure.lasting);
        assert!(failure.help.unwrap().contains("`ca-file`"));
    }

    #[test]
    fn a_certificate_for_another_name_leads_to_the_endpoint() {
        let failure = explain(CertificateError::NotValidForName.into());
        assert!(failure.lasting);
        assert!(failure.help.unwrap().contains("`endpoint`"));
    }

    #[test]
    fn a_broken_line_is_tried_again() {
        let error = io::Error::from(io::ErrorKind::ConnectionReset);
        let failure = Failure::explain(&error, "s3.example.com", false);
        assert!(!failure.lasting && failure.arrived, "{failure:?}");
        assert!(failure.reason.contains("broke the connection off"));
    }
}
