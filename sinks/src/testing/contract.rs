//! Contracts: the requests that a vendor documents and the answers that it gives, played in order.

use super::{Follower, IMPATIENT, Reply, Seen, Server, text};
use crate::{api::Api, http::upload::Limits};
use collect_core::{
    sink::{DeliveryContext, DeliveryError},
    ticket::TicketOptions,
};
use serde_json::Value;
use std::{path::Path, time::Duration};
use url::Url;

/// One request as it has to come, and its answer.
pub(crate) struct Call {
    wanted: Wanted,
    reply: Reply,
}

struct Wanted {
    line: &'static str,
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
    body: Expected,
}

/// What the body of a request has to be.
enum Expected {
    Nothing,
    Json(Value),
    Bytes(Vec<u8>),
    Form(Vec<Part>),
}

/// A part of a form (RFC 7578): its name, the name of its file, its content.
pub(crate) type Part = (String, Option<String>, String);

/// A request by method and path: `GET /rest/api/2/myself`. Its query is given apart; it is answered
/// 204 if nothing else is said.
pub(crate) fn call(line: &'static str) -> Call {
    let wanted = Wanted { line, query: Vec::new(), headers: Vec::new(), body: Expected::Nothing };
    Call { wanted, reply: Reply::Answer(text(204, "", "")) }
}

impl Call {
    /// The next parameter of its query, decoded; there are no others.
    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.wanted.query.push((name, value.into()));
        self
    }

    /// A header that it has, named in lower case.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.wanted.headers.push((name, value.into()));
        self
    }

    /// Its body is this JSON, and it says so.
    pub(crate) fn json(mut self, body: Value) -> Self {
        self.wanted.body = Expected::Json(body);
        self
    }

    /// Its body is these bytes.
    pub(crate) fn bytes(mut self, body: &[u8]) -> Self {
        self.wanted.body = Expected::Bytes(body.to_vec());
        self
    }

    /// Its body is a form of these parts, in this order: name, file name, content.
    pub(crate) fn form(mut self, parts: &[(&str, Option<&str>, &str)]) -> Self {
        let parts = parts.iter().map(|(name, file, content)| {
            ((*name).to_owned(), file.map(str::to_owned), (*content).to_owned())
        });
        self.wanted.body = Expected::Form(parts.collect());
        self
    }

    /// It is answered in JSON.
    pub(crate) fn answered(self, status: u16, document: &Value) -> Self {
        self.answered_with(status, "", document)
    }

    /// The same, with headers, each `name: value\r\n`.
    pub(crate) fn answered_with(self, status: u16, headers: &str, document: &Value) -> Self {
        let headers = format!("content-type: application/json\r\n{headers}");
        self.then(Reply::Answer(text(status, &headers, &document.to_string())))
    }

    /// The server does this.
    pub(crate) fn then(mut self, reply: Reply) -> Self {
        self.reply = reply;
        self
    }
}

impl Wanted {
    fn compare(&self, seen: &Seen) {
        let mut words = seen.line.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let url = Url::parse("http://server").unwrap().join(target).unwrap();
        assert_eq!(format!("{method} {}", url.path()), self.line);
        let query: Vec<_> = url.query_pairs().into_owned().collect();
        let wanted: Vec<_> =
            self.query.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        assert_eq!(query, wanted, "the query of {}", self.line);
        for (name, value) in &self.headers {
            assert_eq!(seen.headers.get(*name), Some(value), "`{name}` of {}", self.line);
        }
        match &self.body {
            Expected::Nothing => assert!(seen.body.is_empty(), "{} has a body", self.line),
            Expected::Json(wanted) => {
                let kind = seen.headers.get("content-type").map(String::as_str);
                assert_eq!(kind, Some("application/json"), "{}", self.line);
                let body: Value = serde_json::from_slice(&seen.body).unwrap();
                assert_eq!(body, *wanted, "the body of {}", self.line);
            }
            Expected::Bytes(wanted) => assert_eq!(seen.body, *wanted, "the body of {}", self.line),
            Expected::Form(wanted) => assert_eq!(parts(seen), *wanted, "the form of {}", self.line),
        }
    }
}

/// The parts of a form.
pub(crate) fn parts(seen: &Seen) -> Vec<Part> {
    let boundary = seen.headers["content-type"].strip_prefix("multipart/form-data; boundary=");
    let boundary = format!("--{}", boundary.expect("a form").trim_matches('"'));
    // Bytes that are no text do not matter to the tests' files.
    let body = String::from_utf8(seen.body.clone()).unwrap();
    let body = body.strip_suffix("--\r\n").or_else(|| body.strip_suffix("--"));
    let body = body.and_then(|body| body.strip_suffix(&boundary)).expect("a form that is closed");
    let line = format!("{boundary}\r\n");
    let parts = body.split(&line);
    let part = |text: &str| {
        let (head, content) = text.split_once("\r\n\r\n").expect("a head and a content");
        let value = |name: &str| {
            let (_, rest) = head.split_once(&format!("; {name}=\""))?;
            rest.split_once('"').map(|(value, _)| value.to_owned())
        };
        let content = content.strip_suffix("\r\n").expect("an end");
        (value("name").expect("a name"), value("filename"), content.to_owned())
    };
    parts.filter(|text| !text.is_empty()).map(part).collect()
}

/// Plays a contract: `talk` is given options with the server's address and a context. The requests
/// have to come as they are written, in this order, and all of them.
pub(crate) fn play<T>(
    calls: Vec<Call>,
    talk: impl FnOnce(&TicketOptions, &DeliveryContext<'_>, &Follower) -> T,
) -> T {
    let (wanted, replies): (Vec<_>, Vec<_>) =
        calls.into_iter().map(|call| (call.wanted, call.reply)).unzip();
    let server = Server::start(replies);
    let follower = Follower::default();
    let context = follower.context(Path::new("/"), &|_| None);
    let url = format!("http://{}", server.address);
    let options = TicketOptions { url, ..TicketOptions::default() };
    let said = talk(&options, &context, &follower);
    let seen = server.seen();
    for (wanted, seen) in wanted.iter().zip(&seen) {
        wanted.compare(seen);
    }
    let missing: Vec<_> = wanted.iter().skip(seen.len()).map(|wanted| wanted.line).collect();
    assert!(missing.is_empty(), "these did not come: {missing:?}");
    said
}

/// Makes the tests quick: retries come at once, and uploads do not wait for a refusal.
pub(crate) fn hurry(api: &mut Api<'_>) {
    api.schedule = IMPATIENT;
    api.limits = Limits { verdict: Duration::from_millis(1), ..Limits::default() };
}

/// What a user reads of a refusal: what happened, and what to do.
pub(crate) fn refusal<T: std::fmt::Debug>(said: Result<T, DeliveryError>) -> (String, String) {
    match said {
        Err(
            DeliveryError::Refused { reason, help } | DeliveryError::Unreachable { reason, help },
        ) => (reason, help.unwrap_or_default()),
        other => panic!("no refusal: {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Effect;
    use reqwest::{Method, header::HeaderMap};
    use serde_json::json;
    use std::panic::catch_unwind;

    /// Asks for `/a?b=c%20d`, and sends JSON there.
    fn talk(options: &TicketOptions, context: &DeliveryContext<'_>, _: &Follower) {
        let mut api = Api::new(options, context, |_| None).unwrap();
        hurry(&mut api);
        _ = api.get("a", &[("b", "c d")]);
        _ = api.send(&Method::POST, "a", &HeaderMap::new, &json!({ "e": 1 }), Effect::Same);
    }

    fn get() -> Call {
        call("GET /a").query("b", "c d").header("accept", "application/json")
    }

    fn post() -> Call {
        call("POST /a").json(json!({ "e": 1 })).answered(200, &json!({}))
    }

    #[test]
    fn a_contract_that_is_kept_is_silent() {
        play(vec![get(), post()], talk);
        let busy = || json!({ "message": "slow down" });
        let again = get().answered_with(429, "retry-after: 0\r\n", &busy());
        play(vec![again, get(), call("POST /a").bytes(br#"{"e":1}"#)], talk);
    }

    #[test]
    fn whatever_is_not_as_it_was_agreed_is_noticed() {
        let broken = [
            vec![post(), get()],
            vec![get().query("f", "g"), post()],
            vec![get().header("accept", "text/html"), post()],
            vec![get(), call("POST /a").json(json!({ "e": 2 }))],
            vec![get(), call("POST /a")],
            vec![get(), post(), get()],
        ];
        for calls in broken {
            assert!(catch_unwind(|| play(calls, talk)).is_err());
        }
        // One request too many finds nobody, and says so.
        let said = play(vec![get()], |options, context, _| {
            let mut api = Api::new(options, context, |_| None).unwrap();
            hurry(&mut api);
            _ = api.get("a", &[("b", "c d")]);
            api.get("a", &[]).map_err(|error| match error {
                collect_core::ticket::TicketError::Failed(error) => error,
                other => panic!("{other}"),
            })
        });
        assert!(refusal(said).0.contains("refused"));
    }

    #[test]
    fn a_form_is_read_part_by_part() {
        let body = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x\r\n\
                    Content-Disposition: form-data; name=\"f\"; filename=\"g.txt\"\r\n\
                    Content-Type: text/plain\r\n\r\nb\r\nc\r\n--x--\r\n";
        let headers = [("content-type".to_owned(), "multipart/form-data; boundary=x".to_owned())];
        let seen =
            Seen { line: "POST / HTTP/1.1".into(), headers: headers.into(), body: body.into() };
        let wanted =
            call("POST /").form(&[("a", None, "1"), ("f", Some("g.txt"), "b\r\nc")]).wanted;
        wanted.compare(&seen);
    }
}
