//! What services answer to a GET.

use crate::facts::{
    http::{self as client, Answer, Limits},
    listing,
    reach::{self, Attempt, LookUp, PATIENCE, Place},
    tls::{self, Handshake, Trust},
};
use collect_core::{
    CollectError, Collector, Invalid, Output,
    host::{Connection, Deadline, Endpoint},
    units::Size,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    io::{self, Read},
};

/// What health and metrics endpoints answer.
///
/// - `answers.json` and `.txt`, for each URL: the look-up, each attempt to connect, the TLS handshake as
///   in `connect`, status, headers but for cookies and authorization, where it redirects to, and the
///   times in milliseconds, up to the headers (`milliseconds`) and for the body.
/// - `bodies/N-…`: the body of the Nth URL, as far as `max-body`.
///
/// Each URL is asked for with GET, once, without credentials. Redirects are not followed, and the body of
/// one is not taken. Proxies are not used. A server whose certificate does not verify is asked only if
/// `unverified` is set. Each look-up, each attempt and each answer may take 10 seconds, a body 20.
///
/// A GET must change nothing; name no URL for which that is not so. A service that starts when somebody
/// connects is started by this.
///
/// ```toml
/// [collect.health]
/// use = "http"
/// urls = ["http://127.0.0.1:9090/metrics", "unix:/run/app.sock:/health"]
/// max-body = "2MB"
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Http {
    /// What to ask for: `http://…`, `https://…`, or `unix:`, the path of a socket, `:` and a target.
    urls: Vec<String>,
    /// How much of each body is taken.
    max_body: Size,
    /// Files with certificates of authorities, in PEM, to trust besides those of the host.
    roots: Vec<String>,
    /// Whether servers are asked whose certificates do not verify, as those that sign their own.
    unverified: bool,
}

impl Default for Http {
    fn default() -> Self {
        Self { urls: Vec::new(), max_body: Size(1_000_000), roots: Vec::new(), unverified: false }
    }
}

collect_core::register!("http" => Http as Collector);

/// Headers with what is secret, in whichever direction.
const SECRET: [&str; 8] = [
    "cookie",
    "set-cookie",
    "set-cookie2",
    "authorization",
    "proxy-authorization",
    "authentication-info",
    "www-authenticate",
    "proxy-authenticate",
];

/// A URL, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Url {
    at: At,
    secured: bool,
    authority: String,
    target: String,
}

#[derive(Debug, PartialEq, Eq)]
enum At {
    Place(Place),
    Socket(Endpoint),
}

#[derive(Default, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Row {
    url: String,
    status: Option<u16>,
    redirects_to: Option<String>,
    headers: BTreeMap<String, Vec<String>>,
    milliseconds: Option<f64>,
    body: Option<String>,
    body_bytes: Option<u64>,
    body_milliseconds: Option<f64>,
    look_up: Option<LookUp>,
    attempts: Vec<Attempt>,
    tls: Option<Handshake>,
    problem: Option<String>,
}

impl Collector for Http {
    fn check(&self) -> Vec<Invalid> {
        let mut wrong = Vec::new();
        for text in &self.urls {
            if let Err(message) = Url::parse(text) {
                let help = "write it like `http://127.0.0.1:9090/metrics`, `https://example.com/health` or \
                    `unix:/run/app.sock:/health`";
                wrong.push(Invalid { option: "urls", message, help: Some(help.to_owned()) });
            }
        }
        if self.urls.is_empty() {
            wrong.push(Invalid {
                option: "urls",
                message: "no URL is given".to_owned(),
                help: Some("as in `urls = [\"http://127.0.0.1:9090/metrics\"]`".to_owned()),
            });
        }
        wrong
    }

    fn describe(&self) -> Option<String> {
        Some(format!("Answers to GET of {}", self.urls.join(", ")))
    }

    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let (trust, failed) = Trust::new(out.host(), &self.roots);
        for (path, error) in failed {
            out.failed(&path, &error);
        }
        let mut rows = Vec::new();
        for (at, text) in self.urls.iter().enumerate() {
            if out.deadline().passed() {
                break;
            }
            let Ok(url) = Url::parse(text) else { continue };
            let mut row = Row { url: text.clone(), ..Row::default() };
            let deadline = out.deadline().within(PATIENCE * 3);
            if let Some(answer) = self.ask(out, &url, &trust, &deadline, &mut row) {
                take(out, at + 1, answer, &mut row)?;
            }
            rows.push(row);
        }
        let columns = ["url", "status", "milliseconds", "body-bytes", "redirects-to", "problem"];
        listing::write(out, "answers", columns, &rows)
    }
}

impl Http {
    fn ask(
        &self,
        out: &Output<'_>,
        url: &Url,
        trust: &Trust,
        deadline: &Deadline,
        row: &mut Row,
    ) -> Option<Answer> {
        let host = out.host();
        let mut reached = match &url.at {
            At::Place(place) => reach::place(host, place, deadline),
            At::Socket(at) => reach::endpoint(host, at, deadline),
        };
        row.problem = reached.error();
        let connection = reached.connection.take();
        (row.look_up, row.attempts) = (reached.look_up, reached.attempts);
        let connection = match &url.at {
            At::Place(place) if url.secured => self.secure(out, place, connection?, trust, row),
            _ => connection,
        }?;
        let limits = Limits { body: self.max_body.0, ..Limits::default() };
        let ask = || client::ask(connection, &url.authority, &url.target, &[], limits);
        let (answer, milliseconds) = reach::timed(host, ask);
        row.milliseconds = Some(milliseconds);
        answer.map_err(|error| row.problem = Some(error.to_string())).ok()
    }

    fn secure(
        &self,
        out: &Output<'_>,
        place: &Place,
        connection: Box<dyn Connection>,
        trust: &Trust,
        row: &mut Row,
    ) -> Option<Box<dyn Connection>> {
        let shake = || tls::handshake(connection, &place.host, trust);
        let ((connection, mut seen), milliseconds) = reach::timed(out.host(), shake);
        seen.milliseconds = milliseconds;
        row.problem = seen.error.clone().or(seen.why_not.clone());
        let trusted = seen.verified || self.unverified;
        row.tls = Some(seen);
        connection.filter(|_| trusted)
    }
}

/// Writes what was answered.
fn take(
    out: &mut Output<'_>,
    number: usize,
    mut answer: Answer,
    row: &mut Row,
) -> Result<(), CollectError> {
    row.status = Some(answer.status.as_u16());
    for (name, value) in &answer.headers {
        let shown = if SECRET.contains(&name.as_str()) {
            "(left out)".to_owned()
        } else {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        row.headers.entry(name.to_string()).or_default().push(shown);
    }
    if answer.status.is_redirection() {
        row.redirects_to = row.headers.get("location").and_then(|values| values.first().cloned());
        return Ok(());
    }
    let name = format!("bodies/{number}-{}", entry_name(&row.url, &answer));
    let host = out.host();
    let start = host.uptime();
    let deadline = out.deadline().clone();
    let mut entry = out.entry(&name, &row.url, None)?;
    let length = entry.copy(&mut Patient { body: &mut answer.body, deadline })?;
    if answer.body.was_cut() {
        entry.truncated("cut here: the rest is beyond `max-body`");
    }
    entry.end()?;
    let took = host.uptime().saturating_sub(start);
    row.body_milliseconds = Some((took.as_secs_f64() * 1e6).round() / 1e3);
    row.body = Some(name);
    row.body_bytes = Some(length);
    Ok(())
}

/// What is left of a URL in the name of a file, and an ending by what the body is.
fn entry_name(url: &str, answer: &Answer) -> String {
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    let bare = bare.split_once("//").map_or(bare, |(_, bare)| bare);
    let name = bare
        .trim_matches('/')
        .replace(|letter: char| !letter.is_ascii_alphanumeric() && !"-_.".contains(letter), "-");
    let kind = answer.header(http::header::CONTENT_TYPE).unwrap_or_default();
    let ending = [("json", ".json"), ("html", ".html"), ("text/", ".txt"), ("xml", ".xml")];
    let ending =
        ending.iter().find(|(word, _)| kind.contains(word)).map_or("", |(_, ending)| ending);
    let name: String = name.chars().take(80).collect();
    if name.ends_with(ending) { name } else { format!("{name}{ending}") }
}

/// A body whose own time ends sooner than the step's: only that one is cut then.
struct Patient<'b> {
    body: &'b mut client::Body,
    deadline: Deadline,
}

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.body.read(buffer).map_err(|error| {
            if error.kind() == io::ErrorKind::TimedOut && !self.deadline.passed() {
                io::Error::other("the service took too long for its answer")
            } else {
                error
            }
        })
    }
}

impl Url {
    fn parse(text: &str) -> Result<Self, String> {
        let odd = || format!("`{text}` is no URL that can be asked for");
        if let Some(rest) = text.strip_prefix("unix:") {
            let (path, target) = rest.split_once(":/").unwrap_or((rest, ""));
            if !path.starts_with('/') {
                return Err(odd());
            }
            let at = At::Socket(Endpoint::Unix(path.into()));
            let target = format!("/{target}");
            return Ok(Self { at, secured: false, authority: "localhost".to_owned(), target });
        }
        let url: http::Uri = text.parse().map_err(|_| odd())?;
        let secured = match url.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(odd()),
        };
        let authority = url.authority().ok_or_else(odd)?.to_string();
        if authority.contains('@') {
            return Err(format!("`{text}` has credentials, which are not sent"));
        }
        let port = url.port_u16().unwrap_or(if secured { 443 } else { 80 });
        let place = Place::parse(&format!("{}:{port}", url.host().ok_or_else(odd)?));
        let target = url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let target = target.to_owned();
        Ok(Self { at: At::Place(place.ok_or_else(odd)?), secured, authority, target })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{Collected, FakeHost, Trial},
    };
    use serde_json::{Value, json};

    fn parsed(collected: &Collected) -> Value {
        serde_json::from_str(collected.text("answers.json")).unwrap()
    }

    fn local(port: u16) -> Endpoint {
        Endpoint::Tcp(([127, 0, 0, 1], port).into())
    }

    #[test]
    fn status_headers_and_body_are_kept_but_no_cookies() {
        let socket = Endpoint::Unix("/run/app.sock".into());
        let host = FakeHost::new()
            .answers(
                &local(9090),
                "GET /metrics?all=1 HTTP/1.1\r\nhost: 127.0.0.1:9090\r\n",
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nSet-Cookie: id=made-up\r\n\r\nup 1\n",
            )
            .answers(
                &socket,
                "GET /health HTTP/1.1\r\nhost: localhost\r\n",
                "HTTP/1.1 503 Busy\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"ok\":false}",
            );
        let options =
            "urls = [\"http://127.0.0.1:9090/metrics?all=1\", \"unix:/run/app.sock:/health\"]";
        let collected = Trial::plugin("http", options).on(host);
        let answers = parsed(&collected);
        assert_eq!((&answers[0]["status"], &answers[1]["status"]), (&json!(200), &json!(503)));
        assert_eq!(answers[0]["headers"]["set-cookie"], json!(["(left out)"]));
        assert_eq!(answers[0]["headers"]["content-type"], json!(["text/plain"]));
        assert_eq!(answers[0]["body"], "bodies/1-127.0.0.1-9090-metrics.txt");
        assert_eq!(collected.text("bodies/1-127.0.0.1-9090-metrics.txt"), "up 1\n");
        assert_eq!(collected.text("bodies/2-unix--run-app.sock--health.json"), "{\"ok\":false}");
        assert_eq!(collected.status(), Status::Complete);
    }

    #[test]
    fn a_redirect_is_recorded_and_not_followed_and_its_body_not_taken() {
        let redirect =
            "HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example.com/\r\n\r\nits body";
        let host = std::sync::Arc::new(FakeHost::new().answers(&local(80), "", redirect));
        let collected = Trial::plugin("http", "urls = [\"http://127.0.0.1/\"]")
            .on(FakeHost::new().answers(&local(80), "", redirect));
        let answers = parsed(&collected);
        assert_eq!(answers[0]["redirects-to"], "http://elsewhere.example.com/");
        assert_eq!(answers[0]["body"], Value::Null);
        let http = Http { urls: vec!["http://127.0.0.1/".into()], ..Http::default() };
        Trial::of(http).gather(std::sync::Arc::<FakeHost>::clone(&host));
        assert_eq!(host.touched(), ["connect 127.0.0.1:80", "> GET / HTTP/1.1"]);
    }

    #[test]
    fn what_is_too_long_or_breaks_or_is_not_there_costs_only_itself() {
        let ok = "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n";
        let host = FakeHost::new()
            .answers(&local(1), "", format!("{ok}012345678901234567890123456789"))
            .answers_and_breaks(&local(2), "", format!("{ok}0123"))
            .answers(&local(3), "", "SSH-2.0-OpenSSH\r\n");
        let options = "urls = [\"http://127.0.0.1:1/\", \"http://127.0.0.1:2/\", \
            \"http://127.0.0.1:3/\", \"http://127.0.0.1:4/\", \"unix:/run/lost.sock:/\"], max-body = \"20B\"";
        let collected = Trial::plugin("http", options).on(host);
        let answers = parsed(&collected);
        assert_eq!(answers[0]["body-bytes"], 20);
        assert!(collected.record("bodies/1-127.0.0.1-1").truncated.is_some());
        assert_eq!(answers[1]["status"], 200);
        for (at, part) in [(2, "no HTTP"), (3, "refused"), (4, "no such socket")] {
            let problem = answers[at]["problem"].as_str().unwrap();
            assert!(problem.contains(part), "{problem}");
        }
    }

    #[test]
    fn odd_urls_are_refused() {
        for odd in
            ["", "ftp://example.com/", "example.com", "http://user:word@example.com/", "unix:x:/"]
        {
            assert!(Url::parse(odd).is_err(), "{odd}");
        }
        let url = Url::parse("https://example.com").unwrap();
        assert_eq!((url.secured, url.target.as_str()), (true, "/"));
        assert_eq!(url.at, At::Place(Place { host: "example.com".into(), port: 443 }));
        let six = Url::parse("http://[::1]:8080/a?b").unwrap();
        assert_eq!(six.at, At::Place(Place { host: "::1".into(), port: 8080 }));
    }
}
