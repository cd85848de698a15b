//! The one HTTP client: its roots of trust, its proxies, and what it never does.
//!
//! It follows no redirect, sends nothing over plain `http` except to this host, and has no limit
//! for a whole request, because an upload takes as long as it takes; see [`upload`] for what ends
//! one that no longer moves.

mod failure;
mod mask;
pub mod upload;
mod webhook;

pub use failure::Failure;
pub use mask::{Mask, visible};
pub use webhook::Webhook;

use reqwest::{Certificate, Client, ClientBuilder, Proxy, redirect};
use std::{
    future::Future,
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use thiserror::Error;
use url::{Host, Url};

/// How long a connection may take to be made, name resolution and TLS included.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// How long sent bytes may stay unacknowledged before the line counts as dead (`TCP_USER_TIMEOUT`
/// of tcp(7)).
const DEAD_LINE: Duration = Duration::from_secs(30);

/// How long a connection may wait for its next request: shorter than servers wait, so that none
/// is closed by them just when it is used again.
const IDLE_LIMIT: Duration = Duration::from_secs(4);

/// How a server is reached.
#[derive(Clone, Default)]
pub struct Route {
    /// A PEM file of certificate authorities that are trusted besides the host's own.
    pub ca_file: Option<PathBuf>,
    /// The proxy; without it, the environment says (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`).
    pub proxy: Option<Url>,
}

/// Why no client can be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RouteError {
    /// The file of certificate authorities cannot be read.
    #[error("cannot read the certificates in `{}`: {source}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no certificate in the file.
    #[error("there is no PEM certificate in `{}`", .0.display())]
    NoCertificate(PathBuf),
    /// The TLS library or the proxy setting refused.
    #[error("cannot set up HTTPS: {0}")]
    Client(String),
}

impl Route {
    /// Makes the client that reaches `url` this way.
    ///
    /// The client sets no `User-Agent`: it would be repeated in the clear to a proxy, and some
    /// servers take a token as one. Requests set their own.
    pub fn client(&self, url: &Url) -> Result<Client, RouteError> {
        self.make(url, 0)
    }

    /// Makes a client that keeps up to `connections` open between its requests, for many of them.
    pub fn lasting_client(&self, url: &Url, connections: usize) -> Result<Client, RouteError> {
        self.make(url, connections)
    }

    fn make(&self, url: &Url, idle: usize) -> Result<Client, RouteError> {
        // An error means that a provider is installed already, which is as good.
        _ = rustls::crypto::ring::default_provider().install_default();
        let own = self.own_authorities()?;
        let with_host_roots = self.builder(url, idle)?.tls_certs_merge(own.clone()).build();
        with_host_roots.or_else(|error| {
            // A host without any certificate authorities, such as a bare container.
            let known = webpki_root_certs::TLS_SERVER_ROOT_CERTS
                .iter()
                .filter_map(|root| Certificate::from_der(root).ok());
            self.builder(url, idle)?
                .tls_certs_only(known.chain(own))
                .build()
                .map_err(|_| RouteError::Client(failure::chain(&error)))
        })
    }

    fn own_authorities(&self) -> Result<Vec<Certificate>, RouteError> {
        let Some(path) = &self.ca_file else {
            return Ok(Vec::new());
        };
        let pem = std::fs::read(path)
            .map_err(|source| RouteError::CaFile { path: path.clone(), source })?;
        match Certificate::from_pem_bundle(&pem) {
            Ok(authorities) if !authorities.is_empty() => Ok(authorities),
            _ => Err(RouteError::NoCertificate(path.clone())),
        }
    }

    fn builder(&self, url: &Url, idle: usize) -> Result<ClientBuilder, RouteError> {
        let builder = Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .tcp_user_timeout(DEAD_LINE)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(idle)
            .pool_idle_timeout(IDLE_LIMIT)
            .referer(false);
        // Plain http stays on this host: a proxy would carry it, token and all, through the net.
        if url.scheme() == "http" {
            return Ok(builder.no_proxy());
        }
        let Some(proxy) = &self.proxy else {
            return Ok(builder);
        };
        let proxy = Proxy::all(proxy.clone())
            .map_err(|error| RouteError::Client(failure::chain(&error.without_url())))?;
        Ok(builder.proxy(proxy))
    }

    /// The same route with its file meant from `base`.
    #[must_use]
    pub fn from(mut self, base: &Path) -> Self {
        self.ca_file = self.ca_file.map(|path| base.join(path));
        self
    }
}

/// The proxy that is written as `text`, if any; what is said of a wrong one does not repeat it, for
/// it may hold a password.
pub fn proxy(text: Option<&str>) -> Result<Option<Url>, String> {
    let Some(text) = text else {
        return Ok(None);
    };
    let url: Url = text.parse().map_err(|error| format!("the proxy is no URL: {error}"))?;
    match url.scheme() {
        "http" | "https" | "socks5" | "socks5h" if url.has_host() => Ok(Some(url)),
        _ => Err("a proxy is `http`, `https`, `socks5` or `socks5h`".into()),
    }
}

/// Says why nothing may be sent to `url`, if so: only `https` leaves this host.
pub fn objection(url: &Url) -> Option<String> {
    match url.scheme() {
        "https" => None,
        "http" if is_this_host(url) => None,
        "http" => Some("plain `http` would show the credentials to everyone on the way".into()),
        other => Some(format!("`{other}` is not `https`")),
    }
}

fn is_this_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The host of a URL with its port, if that is not the usual one; no credentials.
pub fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

/// A URL without user, password, query and fragment.
pub fn bare(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Fails only for a URL that cannot have a user.
    _ = url.set_username("");
    _ = url.set_password(None);
    url.into()
}

/// Runs `work` on a runtime of its own, on this thread.
///
/// A name resolution that hangs is left behind: it holds up nothing.
pub fn run<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_host_only() {
        let objects = |url: &str| objection(&url.parse().unwrap()).is_some();
        assert!(!objects("https://s3.example.com"));
        assert!(!objects("http://127.0.0.1:9000"));
        assert!(!objects("http://[::1]:9000"));
        assert!(!objects("http://localhost"));
        assert!(objects("http://s3.example.com"));
        assert!(objects("http://192.0.2.1"));
        assert!(objects("http://localhost.example.com"));
        assert!(objects("ftp://s3.example.com"));
    }

    #[test]
    fn a_url_that_is_shown_holds_no_credentials() {
        let url = "https://user:made-up@s3.example.com/b/k?X-Amz-Signature=made-up#f";
        assert_eq!(bare(&url.parse().unwrap()), "https://s3.example.com/b/k");
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let route = Route { ca_file: Some(path.clone()), proxy: None };
        let url = "https://s3.example.com".parse().unwrap();
        assert!(matches!(route.client(&url), Err(RouteError::CaFile { .. })));
        std::fs::write(&path, "nothing").unwrap();
        let error = route.client(&url).unwrap_err().to_string();
        assert!(error.contains("no PEM certificate in `/"), "{error}");
    }
}
