//! Containers, images and events, each as a row of a list.

use super::values::name_of;
use crate::facts::command_lines::command;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

/// A container, as `inspect` describes it.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) id: String,
    image: Value,
    image_id: Value,
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`.
    state: String,
    /// Of one that has ended.
    exit_code: Option<i64>,
    /// What kept it from starting.
    error: Option<String>,
    oom_killed: bool,
    health: Option<String>,
    failing_streak: Option<u64>,
    restarts: u64,
    restart_policy: Option<String>,
    pid: Option<u64>,
    created: Option<Timestamp>,
    started: Option<Timestamp>,
    finished: Option<Timestamp>,
    command: String,
    /// As `192.0.2.1:8080->80/tcp`.
    ports: Vec<String>,
    networks: Vec<String>,
    /// As `SOURCE:DESTINATION`.
    mounts: Vec<String>,
    /// Names only.
    environment: Vec<String>,
    /// In bytes; none if there is no limit.
    memory_limit: Option<u64>,
    privileged: bool,
    log_driver: Option<String>,
    /// Whether it writes to a terminal.
    pub(crate) terminal: bool,
}

impl Container {
    /// Reads what `inspect` says; none if that is no container.
    pub(crate) fn of(said: &Value) -> Option<Self> {
        let (state, config, own) = (&said["State"], &said["Config"], &said["HostConfig"]);
        let name = said["Name"].as_str()?.trim_start_matches('/').to_owned();
        let arguments = std::iter::once(&said["Path"]).chain(list(&said["Args"]));
        let arguments: Vec<_> = arguments.filter_map(Value::as_str).collect();
        let status = state["Status"].as_str().unwrap_or_default().to_owned();
        let has_ended = ["exited", "dead", "stopped"].contains(&status.as_str());
        Some(Self {
            id: said["Id"].as_str()?.to_owned(),
            image: config["Image"].clone(),
            image_id: said["Image"].clone(),
            exit_code: state["ExitCode"].as_i64().filter(|_| has_ended),
            state: status,
            error: text(&state["Error"]),
            oom_killed: state["OOMKilled"].as_bool().unwrap_or_default(),
            health: text(&state["Health"]["Status"]),
            failing_streak: text(&state["Health"]["Status"])
                .and_then(|_| state["Health"]["FailingStreak"].as_u64()),
            restarts: said["RestartCount"].as_u64().unwrap_or_default(),
            restart_policy: text(&own["RestartPolicy"]["Name"]),
            pid: state["Pid"].as_u64().filter(|pid| *pid > 0),
            created: time(&said["Created"]),
            started: time(&state["StartedAt"]),
            finished: time(&state["FinishedAt"]),
            command: command(&name, arguments.join("\0").as_bytes()),
            ports: ports(&said["NetworkSettings"]["Ports"]),
            networks: keys(&said["NetworkSettings"]["Networks"]),
            mounts: list(&said["Mounts"]).filter_map(mount).collect(),
            environment: list(&config["Env"])
                .filter_map(|variable| Some(name_of(variable.as_str()?).to_owned()))
                .collect(),
            memory_limit: own["Memory"].as_u64().filter(|limit| *limit > 0),
            privileged: own["Privileged"].as_bool().unwrap_or_default(),
            log_driver: text(&own["LogConfig"]["Type"]),
            terminal: config["Tty"].as_bool().unwrap_or_default(),
            name,
        })
    }

    /// A name for its entries.
    pub(crate) fn file_name(&self) -> String {
        let safe = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
        let name = self.name.replace(|char| !safe(char), "_");
        if name.trim_matches('.').is_empty() { short(&self.id) } else { name }
    }
}

/// An image.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Image {
    tags: Vec<String>,
    id: String,
    digests: Vec<String>,
    created: Option<Timestamp>,
    /// In bytes.
    size: Option<u64>,
    containers: Option<u64>,
}

impl Image {
    /// Reads one of the list of images.
    pub(crate) fn of(said: &Value) -> Self {
        let texts =
            |name: &str| list(&said[name]).filter_map(Value::as_str).map(str::to_owned).collect();
        Self {
            tags: texts("RepoTags"),
            id: said["Id"].as_str().unwrap_or_default().to_owned(),
            digests: texts("RepoDigests"),
            created: said["Created"].as_i64().and_then(|time| Timestamp::from_second(time).ok()),
            size: said["Size"].as_u64(),
            containers: said["Containers"].as_u64(),
        }
    }
}

/// Something that happened.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Event {
    time: Timestamp,
    r#type: String,
    action: String,
    name: Option<String>,
    id: Option<String>,
    exit_code: Option<String>,
    attributes: Map<String, Value>,
}

impl Event {
    /// Reads one line of the stream of events.
    pub(crate) fn of(line: &str) -> Option<Self> {
        let said: Value = serde_json::from_str(line).ok()?;
        let nanoseconds = said["timeNano"].as_i64().map(i128::from);
        let nanoseconds = nanoseconds
            .or_else(|| said["time"].as_i64().map(|time| i128::from(time) * 1_000_000_000))?;
        let attributes = said["Actor"]["Attributes"].as_object().cloned().unwrap_or_default();
        let attribute = |name: &str| attributes.get(name).and_then(text);
        Some(Self {
            time: Timestamp::from_nanosecond(nanoseconds).ok()?,
            r#type: said["Type"].as_str().unwrap_or_default().to_owned(),
            action: said["Action"].as_str().unwrap_or_default().to_owned(),
            name: attribute("name"),
            id: text(&said["Actor"]["ID"]),
            exit_code: attribute("exitCode").or_else(|| {
                // Podman gives it with each event.
                attribute("containerExitCode").filter(|_| said["Action"] == "died")
            }),
            attributes,
        })
    }

    /// Whether it happened then or before, to the second.
    pub(crate) fn is_at_most(&self, until: Timestamp) -> bool {
        self.time.as_second() <= until.as_second()
    }
}

fn short(id: &str) -> String {
    id.chars().filter(char::is_ascii_alphanumeric).take(12).collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn keys(value: &Value) -> Vec<String> {
    value.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A time; the year 1 stands for none.
fn time(value: &Value) -> Option<Timestamp> {
    let text = value.as_str()?;
    if text.starts_with("0001") { None } else { text.parse().ok() }
}

fn ports(said: &Value) -> Vec<String> {
    let ports = said.as_object().into_iter().flatten();
    let ports = ports.flat_map(|(inside, outside)| {
        let bound: Vec<_> = list(outside)
            .map(|bound| {
                let part = |name: &str| bound[name].as_str().unwrap_or_default().to_owned();
                format!("{}:{}->{inside}", part("HostIp"), part("HostPort"))
            })
            .collect();
        if bound.is_empty() { vec![inside.clone()] } else { bound }
    });
    ports.collect()
}

fn mount(said: &Value) -> Option<String> {
    let source = text(&said["Source"]).or_else(|| text(&said["Name"])).unwrap_or_default();
    Some(format!("{source}:{}", said["Destination"].as_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_container_is_described_by_what_support_asks_first() {
        let said = json!({
            "Id": "0123456789abcdef", "Name": "/shop", "Created": "2026-01-02T03:04:05.5Z",
            "Path": "/bin/till", "Args": ["--drawer", "open now"], "RestartCount": 7,
            "State": {
                "Status": "exited", "ExitCode": 137, "OOMKilled": true, "Pid": 0,
                "StartedAt": "2026-01-02T03:04:06Z", "FinishedAt": "0001-01-01T00:00:00Z",
                "Health": { "Status": "unhealthy", "FailingStreak": 3 },
            },
            "HostConfig": { "Memory": 4096, "RestartPolicy": { "Name": "always" } },
            "Config": { "Image": "till:1", "Env": ["TOKEN=made-up"], "Tty": true },
            "Mounts": [{ "Source": "/srv", "Destination": "/data" }],
            "NetworkSettings": {
                "Networks": { "bridge": {} },
                "Ports": { "80/tcp": [{ "HostIp": "192.0.2.1", "HostPort": "8080" }], "9/udp": null },
            },
        });
        let shop = serde_json::to_value(Container::of(&said).unwrap()).unwrap();
        assert_eq!(shop["exit-code"], 137);
        assert_eq!(shop["command"], "/bin/till --drawer 'open now'");
        assert_eq!(shop["ports"], json!(["192.0.2.1:8080->80/tcp", "9/udp"]));
        assert_eq!((&shop["finished"], &shop["mounts"][0]), (&Value::Null, &json!("/srv:/data")));
        assert_eq!((&shop["health"], &shop["failing-streak"]), (&json!("unhealthy"), &json!(3)));
        assert_eq!(shop["environment"], json!(["TOKEN"]));
        assert_eq!(Container::of(&json!({ "message": "no" })), None);
    }

    #[test]
    fn a_name_from_an_engine_is_no_path() {
        let named = |name: &str| {
            Container::of(&json!({ "Name": name, "Id": "0123456789abcdef" })).unwrap().file_name()
        };
        assert_eq!(named("/shop-1"), "shop-1");
        assert_eq!(named("/../../etc"), ".._.._etc");
        assert_eq!(named("/.."), "0123456789ab");
    }

    #[test]
    fn events_of_both_engines_say_how_a_container_ended() {
        let docker = r#"{"Type":"container","Action":"die","Actor":{"ID":"01","Attributes":{"exitCode":"4","name":"shop"}},"timeNano":1767323045000000001}"#;
        let podman = r#"{"Type":"container","Action":"died","Actor":{"Attributes":{"containerExitCode":"4"}},"time":1767323045}"#;
        for line in [docker, podman] {
            assert_eq!(Event::of(line).unwrap().exit_code.as_deref(), Some("4"));
        }
        assert_eq!(Event::of(docker).unwrap().name.as_deref(), Some("shop"));
        assert!(Event::of("").is_none() && Event::of("{}").is_none());
    }
}
