//! What X.509 certificates say (RFC 5280).

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::{fmt::Write, net::IpAddr};
use x509_cert::{
    certificate::{CertificateInner, Raw},
    der::{
        Decode, Reader, SliceReader,
        asn1::{ObjectIdentifier, UintRef},
        oid::db::DB,
    },
    ext::pkix::{BasicConstraints, SubjectAltName, name::GeneralName},
    spki::SubjectPublicKeyInfoOwned,
    time::Time,
};

/// What a certificate says of itself.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Certificate {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) serial: String,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) not_after: Option<Timestamp>,
    /// Whole days from now; below 0 if it has expired.
    pub(crate) expires_in_days: Option<i64>,
    /// What it is valid for: `DNS:example.com`, `IP:192.0.2.1`.
    pub(crate) names: Vec<String>,
    pub(crate) key: String,
    pub(crate) key_bits: Option<usize>,
    pub(crate) signature_algorithm: String,
    /// Whether its issuer is its subject.
    pub(crate) self_signed: bool,
    /// Whether it may issue others.
    pub(crate) authority: bool,
    pub(crate) sha256: String,
}

/// Reads a certificate in DER.
pub(crate) fn read(der: &[u8], now: Timestamp) -> Result<Certificate, String> {
    // Not held to RFC 5280: what stands on hosts often is older than it.
    let certificate = CertificateInner::<Raw>::from_der(der).map_err(|error| error.to_string())?;
    let content = certificate.tbs_certificate();
    let (not_before, not_after) =
        (time(&content.validity().not_before), time(&content.validity().not_after));
    let (key, key_bits) = key(content.subject_public_key_info());
    let (subject, issuer) = (content.subject().to_string(), content.issuer().to_string());
    let extension = |of| content.extensions().into_iter().flatten().find(|one| one.extn_id == of);
    let names = extension(<SubjectAltName as x509_cert::der::oid::AssociatedOid>::OID)
        .and_then(|names| SubjectAltName::from_der(names.extn_value.as_bytes()).ok());
    let basic = extension(<BasicConstraints as x509_cert::der::oid::AssociatedOid>::OID)
        .and_then(|basic| BasicConstraints::from_der(basic.extn_value.as_bytes()).ok());
    Ok(Certificate {
        self_signed: content.subject() == content.issuer(),
        subject,
        issuer,
        serial: serial(content.serial_number().as_bytes()),
        not_before,
        not_after,
        expires_in_days: not_after
            .map(|end| (end.as_second() - now.as_second()).div_euclid(24 * 60 * 60)),
        names: names.iter().flat_map(|names| &names.0).filter_map(alternative).collect(),
        key,
        key_bits,
        signature_algorithm: called(&certificate.signature_algorithm().oid),
        authority: basic.is_some_and(|basic| basic.ca),
        sha256: hexadecimal(&Sha256::digest(der)),
    })
}

/// The certificates of a file in PEM, in their order; those that are no Base64 are left out, and
/// counted.
pub(crate) fn pem(text: &[u8]) -> (Vec<CertificateDer<'static>>, usize) {
    let (mut good, mut odd) = (Vec::new(), 0);
    for section in CertificateDer::pem_slice_iter(text) {
        match section {
            Ok(certificate) => good.push(certificate),
            Err(_) => odd += 1,
        }
    }
    (good, odd)
}

fn time(time: &Time) -> Option<Timestamp> {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok()?;
    Timestamp::from_second(seconds).ok()
}

fn alternative(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(format!("DNS:{name}")),
        GeneralName::Rfc822Name(name) => Some(format!("email:{name}")),
        GeneralName::UniformResourceIdentifier(name) => Some(format!("URI:{name}")),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            let ip = four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()?;
            Some(format!("IP:{ip}"))
        }
        GeneralName::DirectoryName(name) => Some(format!("DirName:{name}")),
        _ => None,
    }
}

/// What kind of key, and how many bits it has.
fn key(info: &SubjectPublicKeyInfoOwned) -> (String, Option<usize>) {
    let algorithm = info.algorithm.oid;
    match algorithm.to_string().as_str() {
        "1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10" => {
            ("RSA".to_owned(), modulus_bits(info.subject_public_key.raw_bytes()))
        }
        "1.2.840.10045.2.1" => {
            let parameters = info.algorithm.parameters.as_ref();
            let curve = parameters.and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
            match curve.map(|curve| curve.to_string()).as_deref() {
                Some("1.2.840.10045.3.1.7") => ("EC P-256".to_owned(), Some(256)),
                Some("1.3.132.0.34") => ("EC P-384".to_owned(), Some(384)),
                Some("1.3.132.0.35") => ("EC P-521".to_owned(), Some(521)),
                curve => (format!("EC {}", curve.unwrap_or("of its own")), None),
            }
        }
        "1.3.101.112" => ("Ed25519".to_owned(), Some(256)),
        "1.3.101.113" => ("Ed448".to_owned(), Some(456)),
        _ => (called(&algorithm), None),
    }
}

/// Of an RSA key: its modulus, and its exponent (RFC 8017, A.1.1).
fn modulus_bits(key: &[u8]) -> Option<usize> {
    let mut reader = SliceReader::new(key).ok()?;
    let bits = reader.sequence(|reader| {
        let modulus = UintRef::decode(reader)?;
        let _exponent = UintRef::decode(reader)?;
        let bytes = modulus.as_bytes();
        let leading = bytes.first().map_or(0, |first| first.leading_zeros() as usize);
        Ok::<_, x509_cert::der::Error>(bytes.len() * 8 - leading)
    });
    bits.ok()
}

fn called(algorithm: &ObjectIdentifier) -> String {
    DB.by_oid(algorithm).map_or_else(|| algorithm.to_string(), str::to_owned)
}

/// A number in DER has a zero before it if its first bit is set; without it, it would be negative.
fn serial(bytes: &[u8]) -> String {
    match bytes {
        [0, rest @ ..] if !rest.is_empty() => hexadecimal(rest),
        _ => hexadecimal(bytes),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02X}").expect("a string takes everything");
        text
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Made with `openssl req -x509 -newkey ed25519 -subj "/O=Example/CN=web.example.com" -addext
    /// subjectAltName=DNS:web.example.com,IP:192.0.2.7 -not_before … -not_after …`; its key is gone.
    pub(crate) const WEB: &str = include_str!("web.example.com.pem");

    #[test]
    fn a_certificate_says_who_it_is_for_and_until_when() {
        let (found, odd) = pem(WEB.as_bytes());
        assert_eq!((found.len(), odd), (1, 0));
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let web = read(&found[0], now).unwrap();
        assert_eq!(web.subject, "CN=web.example.com,O=Example");
        assert_eq!(web.names, ["DNS:web.example.com", "IP:192.0.2.7"]);
        assert_eq!((web.key.as_str(), web.key_bits), ("Ed25519", Some(256)));
        assert!(web.self_signed && web.authority);
        assert_eq!(web.not_after, Some("2026-01-10T00:00:00Z".parse().unwrap()));
        assert_eq!(web.expires_in_days, Some(7));
        let later: Timestamp = "2026-01-10T00:00:01Z".parse().unwrap();
        assert_eq!(read(&found[0], later).unwrap().expires_in_days, Some(-1));
    }

    #[test]
    fn serial_numbers_are_written_as_openssl_does() {
        assert_eq!([&[0, 0x9e][..], &[0], &[0x0f, 1]].map(serial), ["9E", "00", "0F01"]);
    }

    #[test]
    fn what_is_no_certificate_is_an_error() {
        assert!(read(b"", Timestamp::UNIX_EPOCH).is_err());
        assert!(read(&[0x30; 400], Timestamp::UNIX_EPOCH).is_err());
        let cut = WEB.replace('M', "!");
        assert_eq!(pem(cut.as_bytes()).0.len(), 0);
        let (found, _) = pem(WEB.as_bytes());
        for end in 0..found[0].len() {
            assert!(read(&found[0][..end], Timestamp::UNIX_EPOCH).is_err());
        }
    }
}
