//! Asking an engine.

use crate::facts::http::{self, Answer, Limits};
use collect_core::host::{Deadline, Endpoint, Host};
use serde_json::Value;
use std::{
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
};

/// How much of a complaint is shown.
const COMPLAINT: u64 = 4096;

/// An engine at its socket.
pub(crate) struct Engine<'a> {
    /// What it is called in the bundle.
    pub(crate) name: String,
    pub(crate) socket: PathBuf,
    pub(crate) host: &'a dyn Host,
    pub(crate) deadline: &'a Deadline,
}

impl Engine<'_> {
    /// Whatever it answers to `GET target`, which may be as long as `limit`. An answer that is an
    /// error is one, with what the engine says about it.
    pub(crate) fn answer(&self, target: &str, limit: u64) -> io::Result<Answer> {
        let endpoint = Endpoint::Unix(self.socket.clone());
        let limits = Limits { body: limit, ..Limits::default() };
        let answer = http::get(self.host, &endpoint, target, &[], limits, self.deadline)?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let kind = match answer.status.as_u16() {
            404 => ErrorKind::NotFound,
            403 => ErrorKind::PermissionDenied,
            _ => ErrorKind::Other,
        };
        let status = answer.status;
        let mut said = Vec::new();
        answer.body.take(COMPLAINT).read_to_end(&mut said)?;
        let said = serde_json::from_slice::<Value>(&said)
            .ok()
            .and_then(|said| said["message"].as_str().map(str::to_owned))
            .unwrap_or_else(|| format!("the engine answered {status}"));
        Err(io::Error::new(kind, said))
    }

    /// What it answers as JSON.
    pub(crate) fn json(&self, target: &str) -> io::Result<Value> {
        let bytes = self.answer(target, Limits::default().body)?.bytes()?;
        let odd = |error| io::Error::other(format!("the engine's answer is no JSON: {error}"));
        serde_json::from_slice(&bytes).map_err(odd)
    }

    /// How notes call what is asked for.
    pub(crate) fn source(&self, target: &str) -> String {
        format!("{} {}", self.socket.display(), target.split('?').next().unwrap_or(target))
    }

    /// Where an entry of it stands.
    pub(crate) fn entry(&self, name: &str) -> String {
        format!("{}/{name}", self.name)
    }
}

/// What an engine at a socket is called in the bundle: by its kind and user, or by the socket's path.
pub(crate) fn called(socket: &Path) -> String {
    let path = socket.to_string_lossy();
    let path = path.strip_prefix("/var").filter(|path| path.starts_with("/run/")).unwrap_or(&path);
    match path.split('/').collect::<Vec<_>>()[..] {
        ["", "run", "docker.sock"] => "docker".to_owned(),
        ["", "run", "podman", "podman.sock"] => "podman".to_owned(),
        ["", "run", "user", user, "docker.sock"] => format!("docker-{user}"),
        ["", "run", "user", user, "podman", "podman.sock"] => format!("podman-{user}"),
        _ => path.trim_start_matches('/').replace('/', "-"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;
    use std::{sync::Arc, time::Duration};

    #[test]
    fn what_the_engine_complains_about_is_the_error() {
        let socket = PathBuf::from("/run/docker.sock");
        let endpoint = Endpoint::Unix(socket.clone());
        let host = FakeHost::new()
            .answers(
                &endpoint,
                "GET /a",
                "HTTP/1.1 404 Not Found\r\n\r\n{\"message\":\"No such container: a\"}",
            )
            .answers(&endpoint, "GET /b", "HTTP/1.1 500 Oops\r\n\r\nno JSON")
            .answers(&endpoint, "GET /c", "HTTP/1.1 200 OK\r\n\r\nno JSON");
        let deadline = Deadline::after(Duration::from_mins(1), Arc::default());
        let engine = Engine { name: "docker".into(), socket, host: &host, deadline: &deadline };
        let error = |target| engine.json(target).unwrap_err();
        assert_eq!(error("/a").kind(), ErrorKind::NotFound);
        assert_eq!(error("/a").to_string(), "No such container: a");
        assert!(error("/b").to_string().contains("500"));
        assert!(error("/c").to_string().contains("no JSON"));
    }

    #[test]
    fn engines_are_called_by_their_kind_and_user() {
        assert_eq!(called(Path::new("/var/run/docker.sock")), "docker");
        assert_eq!(called(Path::new("/run/user/1000/podman/podman.sock")), "podman-1000");
        assert_eq!(called(Path::new("/srv/engine.sock")), "srv-engine.sock");
    }
}
