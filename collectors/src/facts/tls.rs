//! TLS handshakes that are observed: what the server shows, and whether this host would trust it.

use super::{
    certificates::{self, Certificate},
    kernel_files::bytes,
    reach::said,
};
use collect_core::host::{Connection, Host};
use jiff::Timestamp;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme, StreamOwned,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use serde::Serialize;
use std::{
    io::{self, Read, Write},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Where distributions keep the certificates of the authorities that the host trusts, in one file: of
/// Debian and Alpine, Fedora, Red Hat, SUSE, and others.
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Whom a host trusts.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    roots: Arc<RootCertStore>,
    now: Timestamp,
}

/// What was seen of a handshake.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Handshake {
    pub(crate) server_name: String,
    pub(crate) version: Option<String>,
    pub(crate) cipher: Option<String>,
    pub(crate) milliseconds: f64,
    pub(crate) verified: bool,
    pub(crate) why_not: Option<String>,
    /// The server's first.
    pub(crate) chain: Vec<Certificate>,
    /// Why the handshake failed, if it did.
    pub(crate) error: Option<String>,
}

impl Trust {
    /// Whom the host trusts, and whom the files in PEM name besides. What cannot be read is told.
    pub(crate) fn new(host: &dyn Host, besides: &[String]) -> (Self, Vec<(String, io::Error)>) {
        let mut roots = RootCertStore::empty();
        let mut failed = Vec::new();
        let read = |path: &str| host.canonical(path.as_ref()).and_then(|path| bytes(host, path));
        if let Some(bundle) = BUNDLES.iter().find_map(|path| read(path).ok()) {
            roots.add_parsable_certificates(certificates::pem(&bundle).0);
        }
        for path in besides {
            match read(path) {
                Ok(bundle) => {
                    roots.add_parsable_certificates(certificates::pem(&bundle).0);
                }
                Err(error) => failed.push((path.clone(), error)),
            }
        }
        (Self { roots: Arc::new(roots), now: host.now() }, failed)
    }
}

/// Shakes hands with a server that should be called `name`. The connection goes on even if the server
/// is not to be trusted: who sends anything has to look at [`Handshake::verified`].
pub(crate) fn handshake(
    mut connection: Box<dyn Connection>,
    name: &str,
    trust: &Trust,
) -> (Option<Box<dyn Connection>>, Handshake) {
    let mut seen = Handshake { server_name: name.to_owned(), ..Handshake::default() };
    let witness = Arc::new(Witness::new(trust));
    let client = client(name, Arc::clone(&witness));
    let shaken = client.and_then(|mut client| {
        while client.is_handshaking() {
            client.complete_io(&mut connection)?;
        }
        Ok(client)
    });
    let verdict = witness.verdict.lock().unwrap_or_else(PoisonError::into_inner);
    for der in &verdict.chain {
        match certificates::read(der, trust.now) {
            Ok(certificate) => seen.chain.push(certificate),
            Err(error) => seen.why_not = Some(format!("a certificate cannot be read: {error}")),
        }
    }
    match shaken {
        Ok(client) => {
            seen.why_not.clone_from(&verdict.why_not);
            seen.verified = seen.why_not.is_none();
            seen.version = client.protocol_version().map(version_name);
            seen.cipher = client.negotiated_cipher_suite().map(|suite| {
                let name = format!("{:?}", suite.suite());
                name.replacen("TLS13_", "TLS_", 1)
            });
            (Some(Box::new(Secured(StreamOwned::new(client, connection)))), seen)
        }
        Err(error) => {
            seen.why_not = verdict.why_not.clone().or(seen.why_not);
            seen.error = Some(said(&error));
            (None, seen)
        }
    }
}

fn version_name(version: rustls::ProtocolVersion) -> String {
    format!("{version:?}").replace('_', ".")
}

fn client(name: &str, witness: Arc<Witness>) -> io::Result<ClientConnection> {
    let odd =
        |_| io::Error::new(io::ErrorKind::InvalidInput, format!("`{name}` is no server name"));
    let name = ServerName::try_from(name.to_owned()).map_err(odd)?;
    let config = ClientConfig::builder_with_provider(Arc::clone(&witness.provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(witness)
        .with_no_client_auth();
    ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)
}

/// Takes every certificate, and remembers whether it should have.
#[derive(Debug)]
struct Witness {
    provider: Arc<CryptoProvider>,
    verifier: Option<Arc<WebPkiServerVerifier>>,
    now: UnixTime,
    verdict: Mutex<Verdict>,
}

#[derive(Debug, Default)]
struct Verdict {
    chain: Vec<CertificateDer<'static>>,
    why_not: Option<String>,
}

impl Witness {
    fn new(trust: &Trust) -> Self {
        let provider = Arc::new(ring::default_provider());
        let roots = Arc::clone(&trust.roots);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
        let seconds = u64::try_from(trust.now.as_second()).unwrap_or(0);
        Self {
            provider,
            // It refuses to be made without any roots.
            verifier: verifier.build().ok(),
            now: UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
            verdict: Mutex::default(),
        }
    }

    fn doubt(&self, why: String) {
        let mut verdict = self.verdict.lock().unwrap_or_else(PoisonError::into_inner);
        verdict.why_not.get_or_insert(why);
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        // The host's clock counts, which a test may have set.
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = std::iter::once(end_entity).chain(intermediates);
        let chain = shown.map(|certificate| certificate.clone().into_owned()).collect();
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner).chain = chain;
        match &self.verifier {
            None => self.doubt("the host has no certificates of authorities".to_owned()),
            Some(verifier) => {
                let trusted = verifier.verify_server_cert(
                    end_entity,
                    intermediates,
                    server_name,
                    ocsp_response,
                    self.now,
                );
                if let Err(error) = trusted {
                    self.doubt(explain(&error));
                }
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        if let Err(error) = verify_tls12_signature(message, certificate, signed, algorithms) {
            self.doubt(explain(&error));
        }
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        if let Err(error) = verify_tls13_signature(message, certificate, signed, algorithms) {
            self.doubt(explain(&error));
        }
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn explain(error: &Error) -> String {
    use CertificateError as C;
    let Error::InvalidCertificate(problem) = error else {
        return error.to_string();
    };
    let text = match problem {
        C::Expired | C::ExpiredContext { .. } => "the certificate has expired",
        C::NotValidYet | C::NotValidYetContext { .. } => "the certificate is not valid yet",
        C::UnknownIssuer => "its issuer is no authority that the host trusts",
        C::NotValidForName | C::NotValidForNameContext { .. } => {
            "the certificate is for another name"
        }
        C::BadSignature => "a signature is wrong",
        _ if error.to_string().contains("CaUsedAsEndEntity") => {
            "it is a certificate of an authority, not of a server"
        }
        _ => return error.to_string(),
    };
    text.to_owned()
}

/// A connection below TLS.
struct Secured(StreamOwned<ClientConnection, Box<dyn Connection>>);

impl Read for Secured {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Secured {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Connection for Secured {}

impl Drop for Secured {
    fn drop(&mut self) {
        // So that the server does not log that it was cut off; it may be too late for that.
        self.0.conn.send_close_notify();
        _ = self.0.conn.write_tls(&mut self.0.sock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        host::{Deadline, Endpoint},
        testkit::FakeHost,
    };

    #[test]
    fn a_server_that_speaks_something_else_is_told() {
        let at = Endpoint::Tcp(([192, 0, 2, 1], 443).into());
        let host = FakeHost::new()
            .answers(&at, "", "220 mail.example.com ESMTP\r\n")
            .file("/etc/ssl/certs/ca-certificates.crt", certificates::tests::WEB);
        let deadline = Deadline::after(Duration::from_mins(1), Arc::default());
        let (trust, failed) = Trust::new(&host, &["/no/such.pem".to_owned()]);
        assert_eq!((trust.roots.len(), failed.len()), (1, 1));
        let connect = || host.connect(&at, &deadline).unwrap();
        let (connection, seen) = handshake(connect(), "web.example.com", &trust);
        assert!(connection.is_none() && !seen.verified && seen.error.is_some(), "{seen:?}");
        let (_, seen) = handshake(connect(), "no name", &trust);
        assert!(seen.error.unwrap().contains("no server name"));
    }
}
