//! Reaching a service: looking its name up and connecting to it, timed. No proxy is used.

use collect_core::host::{Connection, Deadline, Endpoint, Host};
use serde::Serialize;
use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// How long one look-up or one attempt to connect may take: twice as long as the resolver waits for
/// one name server (`resolv.conf(5)`), and three repetitions of what asks for a connection.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A name's look-up.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct LookUp {
    pub(crate) name: String,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) milliseconds: f64,
    pub(crate) error: Option<String>,
}

/// An attempt to connect.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Attempt {
    pub(crate) endpoint: String,
    pub(crate) milliseconds: f64,
    pub(crate) error: Option<String>,
}

/// What became of reaching a service.
#[derive(Default)]
pub(crate) struct Reached {
    /// None if no name had to be looked up.
    pub(crate) look_up: Option<LookUp>,
    /// The last one succeeded if there is a connection.
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) connection: Option<Box<dyn Connection>>,
}

impl Reached {
    /// Why there is no connection.
    pub(crate) fn error(&self) -> Option<String> {
        if self.connection.is_some() {
            return None;
        }
        let looked_up = self.look_up.as_ref().and_then(|look_up| look_up.error.clone());
        let tried = self.attempts.iter().rev().find_map(|attempt| attempt.error.clone());
        looked_up.or(tried).or_else(|| Some("the name has no address".to_owned()))
    }
}

/// A host and a port, as `db.example.com:5432` or `[2001:db8::7]:443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Place {
    /// Reads one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let port = port.parse().ok().filter(|port| *port > 0)?;
        let host = bare.unwrap_or(host);
        let is_name = !host.is_empty()
            && host.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
        let is_address = bare.is_some() && host.parse::<IpAddr>().is_ok();
        (is_name || is_address).then(|| Self { host: host.to_owned(), port })
    }
}

/// What was asked, how long it took in milliseconds, and what came of it.
pub(crate) fn timed<T>(host: &dyn Host, ask: impl FnOnce() -> T) -> (T, f64) {
    let start = host.uptime();
    let answer = ask();
    let took = host.uptime().saturating_sub(start);
    (answer, (took.as_secs_f64() * 1e6).round() / 1e3)
}

/// Looks a name up.
pub(crate) fn look_up(host: &dyn Host, name: &str, deadline: &Deadline) -> LookUp {
    let (found, milliseconds) = timed(host, || host.resolve(name, &deadline.within(PATIENCE)));
    let error = found.as_ref().err().map(ToString::to_string);
    LookUp { name: name.to_owned(), addresses: found.unwrap_or_default(), milliseconds, error }
}

/// Connects to a place: to its addresses one after the other, until one takes the connection, which
/// lasts until `deadline`.
pub(crate) fn place(host: &dyn Host, place: &Place, deadline: &Deadline) -> Reached {
    let mut reached = Reached::default();
    let addresses = if let Ok(address) = place.host.parse::<IpAddr>() {
        vec![address]
    } else {
        let found = look_up(host, &place.host, deadline);
        let addresses = found.addresses.clone();
        reached.look_up = Some(found);
        addresses
    };
    for address in addresses {
        let at = Endpoint::Tcp(SocketAddr::new(address, place.port));
        if deadline.passed() || connect(host, &at, deadline, &mut reached) {
            break;
        }
    }
    reached
}

/// Connects to a socket of this host.
pub(crate) fn endpoint(host: &dyn Host, at: &Endpoint, deadline: &Deadline) -> Reached {
    let mut reached = Reached::default();
    connect(host, at, deadline, &mut reached);
    reached
}

fn connect(host: &dyn Host, at: &Endpoint, deadline: &Deadline, reached: &mut Reached) -> bool {
    let (connected, milliseconds) = timed(host, || host.connect(at, &deadline.within(PATIENCE)));
    let error = connected.as_ref().err().map(said);
    reached.attempts.push(Attempt { endpoint: at.to_string(), milliseconds, error });
    reached.connection = connected.ok();
    reached.connection.is_some()
}

/// An error in words that are the same everywhere.
pub(crate) fn said(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nobody listens there: connection refused".to_owned(),
        io::ErrorKind::NotFound => "there is no such socket".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;
    use std::sync::Arc;

    #[test]
    fn places_have_a_name_or_an_address_and_a_port() {
        let parsed = |text| Place::parse(text).map(|place| (place.host, place.port));
        assert_eq!(parsed("db.example.com:5432"), Some(("db.example.com".into(), 5432)));
        assert_eq!(parsed("[2001:db8::7]:443"), Some(("2001:db8::7".into(), 443)));
        for odd in ["", "db", "db:", "db:0", "db:70000", "http://db:1", "2001:db8::7:443", "a b:1"]
        {
            assert_eq!(parsed(odd), None, "{odd}");
        }
    }

    #[test]
    fn the_first_address_that_takes_the_connection_is_used() {
        let addresses = [1, 2, 3].map(|last| IpAddr::from([192, 0, 2, last]));
        let at = |last| Endpoint::Tcp(([192, 0, 2, last], 80).into());
        let host = FakeHost::new()
            .name("web.example.com", &addresses)
            .answers(&at(2), "", "")
            .answers(&at(3), "", "");
        let deadline = Deadline::after(Duration::from_mins(1), Arc::default());
        let web = Place::parse("web.example.com:80").unwrap();
        let reached = place(&host, &web, &deadline);
        assert_eq!(reached.attempts.len(), 2);
        assert!(reached.attempts[0].error.as_ref().unwrap().contains("refused"));
        assert_eq!(
            (reached.attempts[1].endpoint.as_str(), reached.error()),
            ("192.0.2.2:80", None)
        );
        let lost = Place::parse("lost.example.com:80").unwrap();
        let lost = place(&host, &lost, &deadline);
        assert_eq!(lost.error().unwrap(), "Name or service not known");
    }
}
