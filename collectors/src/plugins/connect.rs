//! Whether services can be reached.

use crate::facts::{
    listing,
    reach::{self, Attempt, LookUp, PATIENCE, Place},
    tls::{self, Handshake, Trust},
};
use collect_core::{
    CollectError, Collector, Invalid, Output,
    host::{Deadline, Host},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether services can be reached, by TCP and by TLS.
///
/// `connections.json` and `.txt`, for each place: the look-up of its name, each attempt to connect to one
/// of its addresses, and for those of `tls` the handshake: version, cipher, and the chain of
/// certificates with subject, issuer, names, validity and the days until each expires; whether this host
/// trusts the server (`verified`), and why not. Times are in milliseconds.
///
/// Nothing is sent but what a handshake needs, and the connection is closed at once. Proxies are not
/// used: what can be reached only through one cannot be reached here. Each look-up, each attempt and each
/// handshake may take 10 seconds.
///
/// Trusted is whom the host's bundle of certificate authorities names, such as
/// `/etc/ssl/certs/ca-certificates.crt`, and whom `roots` names. Revocation is not asked for.
///
/// ```toml
/// [collect.reach]
/// use = "connect"
/// to = ["db.example.com:5432"]
/// tls = ["api.example.com:443", "[2001:db8::7]:8443"]
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Connect {
    /// Where to connect to by TCP: names or addresses with a port.
    to: Vec<String>,
    /// Where to connect to by TCP, and to shake hands by TLS then.
    tls: Vec<String>,
    /// What the servers of `tls` should be called, if that is not how they are reached.
    server_name: Option<String>,
    /// Files with certificates of authorities, in PEM, to trust besides those of the host.
    roots: Vec<String>,
}

collect_core::register!("connect" => Connect as Collector);

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Row {
    to: String,
    reached: bool,
    look_up: Option<LookUp>,
    attempts: Vec<Attempt>,
    tls: Option<Handshake>,
    /// What is the matter, in short.
    problem: Option<String>,
}

impl Collector for Connect {
    fn check(&self) -> Vec<Invalid> {
        let mut wrong = Vec::new();
        for (option, places) in [("to", &self.to), ("tls", &self.tls)] {
            for text in places.iter().filter(|text| Place::parse(text).is_none()) {
                wrong.push(Invalid {
                    option,
                    message: format!("`{text}` is no host with a port"),
                    help: Some("write it like `db.example.com:5432` or `[2001:db8::7]:443`".into()),
                });
            }
        }
        if self.to.is_empty() && self.tls.is_empty() {
            wrong.push(Invalid {
                option: "to",
                message: "no place is given".to_owned(),
                help: Some("name what to reach, as in `to = [\"db.example.com:5432\"]`".to_owned()),
            });
        }
        wrong
    }

    fn describe(&self) -> Option<String> {
        let places: Vec<_> = self.to.iter().chain(&self.tls).map(String::as_str).collect();
        Some(format!("Connections to {}", places.join(", ")))
    }

    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let host = out.host();
        let (trust, failed) = Trust::new(host, &self.roots);
        for (path, error) in failed {
            out.failed(&path, &error);
        }
        let plain = self.to.iter().map(|to| (to, false));
        let mut rows = Vec::new();
        for (to, secured) in plain.chain(self.tls.iter().map(|to| (to, true))) {
            if out.deadline().passed() {
                break;
            }
            let Some(place) = Place::parse(to) else { continue };
            let trust = secured.then_some(&trust);
            rows.push(self.reach(host, to, &place, trust, out.deadline()));
        }
        let columns = ["to", "reached", "tls.version", "tls.verified", "problem"];
        listing::write(out, "connections", columns, &rows)
    }
}

impl Connect {
    fn reach(
        &self,
        host: &dyn Host,
        to: &str,
        place: &Place,
        trust: Option<&Trust>,
        deadline: &Deadline,
    ) -> Row {
        // One that does not answer costs no other its turn.
        let mut reached = reach::place(host, place, &deadline.within(PATIENCE * 3));
        let problem = reached.error();
        let shaken = trust.zip(reached.connection.take()).map(|(trust, connection)| {
            let name = self.server_name.as_deref().unwrap_or(&place.host);
            let ((_, mut seen), milliseconds) =
                reach::timed(host, || tls::handshake(connection, name, trust));
            seen.milliseconds = milliseconds;
            seen
        });
        let doubt = shaken.as_ref().and_then(|seen| seen.error.clone().or(seen.why_not.clone()));
        Row {
            to: to.to_owned(),
            reached: problem.is_none(),
            look_up: reached.look_up,
            attempts: reached.attempts,
            tls: shaken,
            problem: problem.or(doubt),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        host::Endpoint,
        testkit::{FakeHost, Trial},
    };
    use serde_json::{Value, json};

    fn rows(options: &str, host: FakeHost) -> Value {
        let collected = Trial::plugin("connect", options).on(host);
        assert_eq!(collected.status(), Status::Complete);
        serde_json::from_str(collected.text("connections.json")).unwrap()
    }

    #[test]
    fn it_says_which_of_them_can_be_reached_and_why_not() {
        let at = |last, port| Endpoint::Tcp(([192, 0, 2, last], port).into());
        let host = FakeHost::new()
            .name("db.example.com", &["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()])
            .answers(&at(2, 5432), "", "")
            .answers(&at(3, 443), "", "SSH-2.0-OpenSSH\r\n");
        let options = "to = [\"db.example.com:5432\", \"lost.example.com:1\", \"192.0.2.9:80\"], \
            tls = [\"192.0.2.3:443\"]";
        let rows = rows(options, host);
        assert_eq!(rows[0]["reached"], true);
        assert_eq!(rows[0]["attempts"].as_array().unwrap().len(), 2);
        assert_eq!(rows[0]["look-up"]["addresses"], json!(["192.0.2.1", "192.0.2.2"]));
        assert_eq!(rows[1]["problem"], "Name or service not known");
        assert!(rows[2]["problem"].as_str().unwrap().contains("refused"));
        assert_eq!(
            (&rows[3]["reached"], &rows[3]["tls"]["verified"]),
            (&json!(true), &json!(false))
        );
        assert!(rows[3]["problem"].is_string());
    }

    #[test]
    fn nothing_is_sent_to_a_service_that_is_only_connected_to() {
        let at = Endpoint::Tcp(([192, 0, 2, 1], 25).into());
        let host = std::sync::Arc::new(FakeHost::new().answers(&at, "", "220 hello\r\n"));
        let connect = Connect { to: vec!["192.0.2.1:25".into()], ..Connect::default() };
        Trial::of(connect).gather(std::sync::Arc::<FakeHost>::clone(&host));
        assert_eq!(host.touched().last().unwrap(), "connect 192.0.2.1:25");
    }

    #[test]
    fn places_without_a_port_are_refused() {
        let connect = Connect { tls: vec!["https://example.com".into()], ..Connect::default() };
        assert_eq!(connect.check()[0].option, "tls");
        assert_eq!(Connect::default().check().len(), 1);
    }
}
