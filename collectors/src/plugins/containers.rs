//! Containers of Docker, Podman and containerd.

use crate::facts::{
    containers::{
        containerd::{self, CONTAINERD},
        engine::{Engine, called},
        listening::{Behind, behind},
        report::Report,
    },
    kernel_files::children,
};
use collect_core::{
    CollectError, Collector, Invalid, Output, Window,
    host::{Deadline, Endpoint, Host},
    register,
    units::Size,
};
use glob::Pattern;
use schemars::JsonSchema;
use serde::Deserialize;
use std::{collections::BTreeMap, io::ErrorKind, path::PathBuf, sync::Arc, time::Duration};

/// Containers of Docker and Podman, their logs and events.
///
/// For each engine a folder, `docker`, `podman`, `podman-1000` for the one of a user:
/// - `containers`: state, exit code, whether memory ran out, health, restarts, times, command,
///   ports, mounts, names of environment variables; `inspect/NAME.json` has the rest, such as the
///   results of health checks. Values of environment variables are removed;
/// - `logs/NAME.txt`: what each container wrote between `since` and `until`, to the second: time,
///   `out` or `err`, text; of a long one the latest lines;
/// - `events`: what happened between `since` and `until`, or within the last day, as far back as the
///   engine remembers; the latest 5,000 at most;
/// - `images`, `networks.json`, `volumes.json`, `disk-usage.json` (sizes in bytes), `info.json`,
///   `version.json`.
///
/// Of containerd, `ctr` lists namespaces, containers, tasks and images where it is installed.
///
/// An engine is asked only if it runs. A socket that systemd merely keeps for it is left alone, since
/// whoever connects would start it. Only root, or who may write to the engine's socket, sees anything.
///
/// By the interface of Docker, <https://docs.docker.com/reference/api/engine/>, which Podman speaks as
/// well.
///
/// ```toml
/// [collect.containers]
/// use = "containers"
/// names = ["shop-*"]
/// log-size = "5MB"
/// since = "2h"
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Containers {
    /// Further sockets of engines. Such a socket is asked even where it cannot be told who is behind
    /// it, as inside of a container.
    sockets: Vec<PathBuf>,
    /// Logs and `inspect` only of containers with these names; `*` stands for anything. All if empty.
    names: Vec<String>,
    /// Whether to take logs.
    logs: bool,
    /// How much of each container's log is taken.
    log_size: Size,
    /// Whether to ask what images, containers and volumes take on disk, for which an engine looks at
    /// all of them.
    disk_usage: bool,
}

impl Default for Containers {
    fn default() -> Self {
        Self {
            sockets: Vec::new(),
            names: Vec::new(),
            logs: true,
            log_size: Size(1_000_000),
            disk_usage: true,
        }
    }
}

register!("containers" => Containers as Collector);

const USUAL: [&str; 2] = ["/run/docker.sock", "/run/podman/podman.sock"];

/// How long a dry run knocks at a socket.
const KNOCK: Duration = Duration::from_secs(1);

impl Collector for Containers {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let (host, deadline) = (out.host(), out.deadline());
        let mut any = false;
        for (name, socket) in self.candidates(host) {
            let source = socket.display().to_string();
            match behind(host, &socket, deadline) {
                Behind::Service => {}
                Behind::Unknown if self.sockets.contains(&socket) => {}
                Behind::Starter => {
                    out.absent(&source, "the engine does not run, and is not started for this");
                    continue;
                }
                Behind::Nobody | Behind::Unknown => continue,
            }
            any = true;
            let engine = Engine { name, socket, host, deadline };
            let names = self.names.iter().filter_map(|name| Pattern::new(name).ok()).collect();
            let log_size = self.logs.then_some(self.log_size.0);
            let report = Report { engine, names, log_size, disk_usage: self.disk_usage };
            report.write(out)?;
        }
        if behind(host, CONTAINERD.as_ref(), deadline) == Behind::Service {
            any = true;
            containerd::list(out)?;
        }
        if !any {
            out.absent("engines", "neither Docker nor Podman nor containerd runs here");
        }
        Ok(())
    }

    fn check(&self) -> Vec<Invalid> {
        let wrong = |option, message| Invalid { option, message, help: None };
        let sockets = self.sockets.iter().filter(|socket| !socket.is_absolute());
        let sockets = sockets.map(|socket| {
            wrong("sockets", format!("`{}` is not an absolute path", socket.display()))
        });
        let names = self.names.iter().filter_map(|name| {
            let error = Pattern::new(name).err()?;
            Some(wrong("names", format!("`{name}` is no pattern: {error}")))
        });
        sockets.chain(names).collect()
    }

    fn refused(&self, host: &dyn Host, _: &Window) -> Vec<String> {
        let deadline = Deadline::after(KNOCK, Arc::default());
        let sockets = self.candidates(host).into_values().chain([CONTAINERD.into()]);
        let refused = sockets.filter(|socket| {
            // Nothing is started: somebody is there.
            behind(host, socket, &deadline) == Behind::Service
                && host
                    .connect(&Endpoint::Unix(socket.clone()), &deadline)
                    .is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
        });
        refused.map(|socket| socket.display().to_string()).collect()
    }
}

impl Containers {
    /// The sockets that exist, each once, by the names of their engines.
    fn candidates(&self, host: &dyn Host) -> BTreeMap<String, PathBuf> {
        let users = children(host, "/run/user").into_iter();
        let users =
            users.flat_map(|user| [user.join("docker.sock"), user.join("podman/podman.sock")]);
        let sockets = USUAL.iter().map(PathBuf::from).chain(users);
        let sockets = sockets.chain(self.sockets.iter().cloned());
        // Podman's stand-in for Docker is a link from the socket of one to that of the other.
        let mut found = BTreeMap::new();
        for socket in sockets {
            if let Ok(real) = host.canonical(&socket) {
                found.insert(real, socket);
            }
        }
        found
            .into_iter()
            .map(|(real, given)| {
                let usual = !self.sockets.contains(&given);
                (called(&real), if usual { real } else { given })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };

    const SOCKET: &str = "/run/docker.sock";
    const RUNS: &str = "1: 2 0 00010000 0001 01 11 /run/docker.sock\n";

    fn endpoint() -> Endpoint {
        Endpoint::Unix(SOCKET.into())
    }

    fn ok(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    /// A host on which Docker runs, of which nothing but the version is known yet.
    fn docker() -> FakeHost {
        FakeHost::new()
            .special(SOCKET)
            .file("/proc/net/unix", RUNS)
            .file("/proc/7/comm", "dockerd\n")
            .link("/proc/7/fd/3", "socket:[11]")
            .answers(&endpoint(), "GET /", "HTTP/1.1 404 Not Found\r\n\r\n")
            .answers(&endpoint(), "GET /version", ok(r#"{"Version":"28"}"#))
    }

    fn with_container(host: FakeHost) -> FakeHost {
        let inspect = r#"{"Id":"ab12","Name":"/shop","Path":"till","State":{"Status":"running"},
            "Config":{"Env":["TOKEN=made-up"],"Tty":false}}"#;
        let log = "\u{1}\0\0\0\0\0\0\u{1b}2026-01-02T03:04:05Z opened\n";
        host.answers(
            &endpoint(),
            "GET /containers/json?all=true",
            ok(r#"[{"Id":"ab12"},{"Id":"../x"},{}]"#),
        )
        .answers(&endpoint(), "GET /containers/ab12/json", ok(inspect))
        .answers(&endpoint(), "GET /containers/ab12/logs?stdout=true", ok(log))
    }

    #[test]
    fn a_container_comes_with_its_log_and_without_the_values_of_its_environment() {
        let collected = Trial::of(Containers::default()).on(with_container(docker()));
        assert_eq!(collected.text("docker/logs/shop.txt"), "2026-01-02T03:04:05Z out opened\n");
        assert!(collected.text("docker/inspect/shop.json").contains("TOKEN"));
        for entry in ["docker/inspect/shop.json", "docker/containers.json"] {
            assert!(!collected.text(entry).contains("made-up"), "{entry}");
        }
        assert!(collected.text("docker/containers.txt").contains("running"));
    }

    #[test]
    fn the_log_is_that_of_the_time_of_interest() {
        let host = with_container(docker())
            .answers(
                &endpoint(),
                "GET /containers/ab12/logs?stdout=true&stderr=true&timestamps=true\
                 &since=1767225600&until=1767225601",
                ok("\u{2}\0\0\0\0\0\0\u{4}t x\n"),
            )
            .answers(
                &endpoint(),
                "GET /events?stream=false&since=1767225600&until=1767225600.000000000",
                ok(r#"{"Type":"container","Action":"start","timeNano":1767225600000000000}"#),
            );
        let collected = Trial::of(Containers::default())
            .options(|options| {
                options.since = Some("2026-01-01".parse().unwrap());
                options.until = Some("2026-01-01".parse().unwrap());
            })
            .on(host);
        assert_eq!(collected.text("docker/logs/shop.txt"), "t err x\n");
        assert!(collected.text("docker/events.txt").contains("2026-01-01T00:00:00Z"));
    }

    #[test]
    fn containers_of_other_names_are_only_listed() {
        let only = Containers { names: vec!["till-*".into()], ..Containers::default() };
        let collected = Trial::of(only).on(with_container(docker()));
        assert!(collected.text("docker/containers.txt").contains("shop"));
        assert!(!collected.paths().iter().any(|path| path.contains("shop")));
    }

    #[test]
    fn an_engine_that_does_not_run_is_not_started() {
        let host = FakeHost::new()
            .special(SOCKET)
            .file("/proc/net/unix", RUNS)
            .file("/proc/1/comm", "systemd\n")
            .link("/proc/1/fd/30", "socket:[11]");
        let host = Arc::new(host);
        Trial::of(Containers::default()).gather(Arc::clone(&host) as Arc<dyn Host>);
        assert!(!host.touched().iter().any(|touched| touched.starts_with("connect")));
        assert_eq!(Trial::of(Containers::default()).on(FakeHost::new()).status(), Status::Absent);
    }

    #[test]
    fn who_is_refused_is_told_so_once_and_beforehand() {
        let host = docker().service_refuses(&endpoint(), ErrorKind::PermissionDenied);
        let refused = Containers::default().refused(&host, &Window::default());
        assert_eq!(refused, [SOCKET]);
        let collected = Trial::of(Containers::default()).on(host);
        assert!(collected.notes()[0].starts_with("Denied /run/docker.sock"));
        assert_eq!(collected.notes().len(), 1);
    }

    #[test]
    fn an_engine_in_a_bad_way_costs_only_what_it_does_not_answer() {
        let host = with_container(docker())
            .answers(&endpoint(), "GET /info", "HTTP/1.1 500 Oops\r\n\r\n")
            .answers(&endpoint(), "GET /images/json", ok("no JSON"))
            .answers(&endpoint(), "GET /containers/ab12/logs", ok("no frames at all"));
        let collected = Trial::of(Containers::default()).on(host);
        assert_eq!(collected.status(), Status::Partial);
        assert!(collected.text("docker/containers.txt").contains("shop"));
        assert!(collected.notes().iter().any(|note| note.contains("/info")));
    }

    #[test]
    fn a_socket_from_elsewhere_is_asked_only_if_it_is_named() {
        let host = || docker().file("/proc/net/unix", "");
        assert_eq!(Trial::of(Containers::default()).on(host()).status(), Status::Absent);
        let named = Containers { sockets: vec![SOCKET.into()], ..Containers::default() };
        assert!(Trial::of(named).on(host()).paths().contains(&"test/docker/version.json"));
    }

    #[test]
    fn paths_and_patterns_are_checked() {
        let wrong = Containers {
            sockets: vec!["docker.sock".into()],
            names: vec!["shop-[".into()],
            ..Containers::default()
        };
        assert_eq!(wrong.check().len(), 2);
    }
}
