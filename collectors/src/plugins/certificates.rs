//! Certificates in files.

use crate::facts::{
    certificates::{self, Certificate},
    kernel_files::name,
    listing,
    paths::{Found, expand, is_pattern},
};
use collect_core::{
    CollectError, Collector, Invalid, Output, Window,
    host::{Deadline, Host},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Certificates in files, and when they expire.
///
/// - `certificates.json` and `.txt`: each certificate with its file, subject, issuer, names, validity,
///   the days until it expires (below 0 if it has), kind and size of its key, serial number and SHA-256
///   fingerprint.
/// - `files.json` and `.txt`: each file that was looked into, how many certificates it has, and whether
///   a private key is in it too. Key stores (PKCS#12, JKS) are only named: what is in them is
///   enciphered.
///
/// Files may be PEM or DER. Private keys are never copied, and files with other names than
/// certificates have are looked into only if `paths` names them without a wildcard.
///
/// The format is that of RFC 5280 and RFC 7468. Files that only root may read are named.
///
/// ```toml
/// [collect.certificates]
/// use = "certificates"
/// paths = ["/etc/nginx/tls", "/srv/app/*.pem"]
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Certificates {
    /// Absolute paths of files and folders, with `*`, `?` and `[a-z]` within names and `**` for any
    /// number of folders. Links are followed. Usually where servers keep their own.
    paths: Vec<String>,
}

impl Default for Certificates {
    fn default() -> Self {
        let paths = [
            "/etc/letsencrypt/live",
            "/etc/ssl/*.pem",
            "/etc/ssl/*.crt",
            "/etc/ssl/certs/ssl-cert-snakeoil.pem",
            "/etc/ssl/private",
            "/etc/pki/tls/certs/localhost.crt",
            "/etc/pki/tls/private",
            "/etc/apache2",
            "/etc/httpd",
            "/etc/nginx",
            "/etc/haproxy",
            "/etc/postfix",
            "/etc/dovecot",
            "/etc/ldap",
            "/etc/openvpn",
            "/etc/postgresql",
            "/var/lib/postgresql/**/server.crt",
            "/var/lib/mysql",
            "/etc/kubernetes/pki",
            "/var/lib/kubelet/pki",
            "/etc/docker",
        ];
        Self { paths: paths.map(str::to_owned).to_vec() }
    }
}

collect_core::register!("certificates" => Certificates as Collector);

/// Larger files are no certificates; the bundle of all authorities has a quarter of it.
const LARGEST: u64 = 1 << 20;

/// A folder with more is not one of certificates.
const MOST: usize = 5_000;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Row {
    path: String,
    #[serde(skip)]
    order: usize,
    subject: String,
    issuer: String,
    names: Vec<String>,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    expires_in_days: Option<i64>,
    key: String,
    key_bits: Option<usize>,
    signature_algorithm: String,
    self_signed: bool,
    authority: bool,
    serial: String,
    sha256: String,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Holder {
    path: String,
    format: &'static str,
    certificates: usize,
    private_key: bool,
    /// What could not be read.
    odd: usize,
}

impl Collector for Certificates {
    fn check(&self) -> Vec<Invalid> {
        let wrong = self.paths.iter().filter(|path| !is_pattern(path));
        let invalid = wrong.map(|path| Invalid {
            option: "paths",
            message: format!("`{path}` is no absolute path or pattern"),
            help: Some("write it like `/etc/nginx/tls/*.pem`".to_owned()),
        });
        invalid.collect()
    }

    fn describe(&self) -> Option<String> {
        (self.paths != Self::default().paths).then(|| self.paths.join(", "))
    }

    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let host = out.host();
        let (mut rows, mut holders) = (Vec::new(), Vec::new());
        let candidates = self.candidates(host, out.deadline());
        for folder in &candidates.refused {
            out.failed(&folder.display().to_string(), &io::ErrorKind::PermissionDenied.into());
        }
        let mut paths = Vec::from_iter(candidates.files);
        if paths.len() > MOST {
            out.truncated(
                "certificates",
                &format!("only the first {MOST} of {} files", paths.len()),
            );
            paths.truncate(MOST);
        }
        for path in paths {
            if out.deadline().passed() {
                return Err(CollectError::Stopped);
            }
            match look(host, &path) {
                Ok(Some((holder, found))) => {
                    rows.extend(
                        found.into_iter().enumerate().map(|(at, found)| row(&path, at, found)),
                    );
                    holders.push(holder);
                }
                Ok(None) => {}
                Err(error) => out.failed(&path.display().to_string(), &error),
            }
        }
        if holders.is_empty() && candidates.refused.is_empty() {
            out.absent("certificates", "no file with a certificate was found");
            return Ok(());
        }
        // What expires first is what is looked for.
        rows.sort_by(|a, b| (a.not_after, &a.path, a.order).cmp(&(b.not_after, &b.path, b.order)));
        let columns =
            ["expires-in-days", "not-after", "key", "key-bits", "subject", "names", "path"];
        listing::write(out, "certificates", columns, &rows)?;
        listing::write(
            out,
            "files",
            ["format", "certificates", "private-key", "odd", "path"],
            &holders,
        )
    }

    fn refused(&self, host: &dyn Host, _: &Window) -> Vec<String> {
        let deadline = Deadline::after(Duration::from_secs(2), Arc::default());
        self.candidates(host, &deadline).not_readable(host)
    }
}

impl Certificates {
    fn candidates(&self, host: &dyn Host, deadline: &Deadline) -> Found {
        let mut all = Found::default();
        for pattern in &self.paths {
            let found = expand(host, pattern, deadline);
            let named = |path: &PathBuf| path == Path::new(pattern) || is_named_so(path);
            all.files.extend(found.files.into_iter().filter(named));
            all.refused.extend(found.refused);
        }
        all
    }
}

/// Whether a file is called like one with certificates, or like a key store.
fn is_named_so(path: &Path) -> bool {
    let name = name(path).to_lowercase();
    let endings = [".pem", ".crt", ".cer", ".der", ".cert", ".chain", ".p12", ".pfx", ".jks"];
    endings.iter().any(|ending| name.ends_with(ending))
}

/// Looks into a file. Nothing if there is no certificate in it and it is no key store.
fn look(host: &dyn Host, path: &Path) -> io::Result<Option<(Holder, Vec<Certificate>)>> {
    let mut holder = Holder { path: path.display().to_string(), ..Holder::default() };
    let lower = name(path).to_lowercase();
    let store = [(".p12", "PKCS#12"), (".pfx", "PKCS#12"), (".jks", "JKS")];
    if let Some((_, format)) = store.iter().find(|(ending, _)| lower.ends_with(ending)) {
        holder.format = format;
        return Ok(Some((holder, Vec::new())));
    }
    let file = host.open(&host.canonical(path)?)?;
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    let now = host.now();
    if bytes.starts_with(&[0x30]) {
        holder.format = "DER";
        // A key in DER is no certificate, and is not spoken of.
        return Ok(certificates::read(&bytes, now).ok().map(|found| {
            holder.certificates = 1;
            (holder, vec![found])
        }));
    }
    let (sections, odd) = certificates::pem(&bytes);
    let read = sections.iter().map(|der| certificates::read(der, now));
    let (mut found, mut unread) = (Vec::new(), odd);
    for one in read {
        match one {
            Ok(one) => found.push(one),
            Err(_) => unread += 1,
        }
    }
    holder.format = "PEM";
    holder.certificates = found.len();
    holder.odd = unread;
    holder.private_key = bytes.split(|byte| *byte == b'\n').any(is_key);
    let worth = holder.certificates > 0 || holder.odd > 0 || holder.private_key;
    Ok(worth.then_some((holder, found)))
}

fn is_key(line: &[u8]) -> bool {
    line.starts_with(b"-----BEGIN ") && memchr::memmem::find(line, b"PRIVATE KEY-----").is_some()
}

fn row(path: &Path, order: usize, found: Certificate) -> Row {
    Row {
        path: path.display().to_string(),
        order,
        subject: found.subject,
        issuer: found.issuer,
        names: found.names,
        not_before: found.not_before,
        not_after: found.not_after,
        expires_in_days: found.expires_in_days,
        key: found.key,
        key_bits: found.key_bits,
        signature_algorithm: found.signature_algorithm,
        self_signed: found.self_signed,
        authority: found.authority,
        serial: found.serial,
        sha256: found.sha256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::certificates::tests::WEB;
    use collect_core::{
        bundle::Status,
        testkit::{Collected, FakeHost, Trial},
    };
    use serde_json::{Value, json};

    fn parsed(collected: &Collected, entry: &str) -> Value {
        serde_json::from_str(collected.text(entry)).unwrap()
    }

    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nbWFkZSB1cA==\n-----END PRIVATE KEY-----\n";

    #[test]
    fn certificates_are_described_and_keys_only_named() {
        let host = FakeHost::new()
            .file("/srv/tls/web.pem", &format!("{KEY}{WEB}"))
            .link("/srv/tls/current.pem", "web.pem")
            .file("/srv/tls/other.key", KEY)
            .file(
                "/srv/tls/odd.crt",
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            )
            .file("/srv/tls/readme.txt", WEB)
            .bytes("/srv/tls/store.p12", [0x30, 1, 2])
            .denied("/srv/tls/secret.pem");
        let collected = Trial::plugin("certificates", "paths = [\"/srv/tls\"]").on(host);
        let found = parsed(&collected, "certificates.json");
        assert_eq!(found.as_array().unwrap().len(), 2);
        assert_eq!(found[0]["names"], json!(["DNS:web.example.com", "IP:192.0.2.7"]));
        assert_eq!(
            (&found[0]["expires-in-days"], &found[0]["key"]),
            (&json!(7), &json!("Ed25519"))
        );
        assert_eq!(found[1]["path"], "/srv/tls/web.pem");
        let files = parsed(&collected, "files.json");
        let of = |path: &str| files.as_array().unwrap().iter().find(|file| file["path"] == path);
        assert_eq!(of("/srv/tls/web.pem").unwrap()["private-key"], true);
        assert_eq!(of("/srv/tls/odd.crt").unwrap()["odd"], 1);
        assert_eq!(of("/srv/tls/store.p12").unwrap()["format"], "PKCS#12");
        assert!(of("/srv/tls/readme.txt").is_none() && of("/srv/tls/other.key").is_none());
        assert!(
            collected.notes().iter().any(|note| note.starts_with("Denied /srv/tls/secret.pem"))
        );
        for path in collected.paths() {
            assert!(!collected.text(path.trim_start_matches("test/")).contains("bWFkZSB1cA"));
        }
    }

    #[test]
    fn a_file_named_without_a_wildcard_is_looked_into_whatever_its_name() {
        let host = FakeHost::new().file("/srv/app/identity", WEB);
        let collected = Trial::plugin("certificates", "paths = [\"/srv/app/identity\"]").on(host);
        assert_eq!(parsed(&collected, "files.json")[0]["certificates"], 1);
    }

    #[test]
    fn a_host_without_any_is_quiet_and_odd_paths_are_refused() {
        let collected = Trial::plugin("certificates", "").on(FakeHost::new());
        assert_eq!(collected.status(), Status::Absent);
        assert_eq!(Certificates { paths: vec!["tls/*.pem".into()] }.check().len(), 1);
        let host = FakeHost::new().denied("/etc/ssl/own.pem");
        let refused = Certificates::default().refused(&host, &Window::default());
        assert_eq!(refused, ["/etc/ssl/own.pem"]);
        let host = FakeHost::new().denied("/etc/ssl/private").file("/etc/ssl/private/a.pem", "");
        let refused = Certificates::default().refused(&host, &Window::default());
        assert_eq!(refused, ["/etc/ssl/private"]);
        let collected = Trial::plugin("certificates", "").on(host);
        assert!(collected.notes().iter().all(|note| note.starts_with("Denied /etc/ssl/private")));
    }
}
