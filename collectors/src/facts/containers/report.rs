//! What an engine has, as entries.

use super::{
    engine::Engine,
    logs::{frames, terminal},
    rows::{Container, Event, Image},
    values::removed,
};
use crate::facts::{listing, text::Lines};
use collect_core::{CollectError, Output};
use glob::Pattern;
use jiff::ToSpan;
use serde_json::Value;
use std::io::{ErrorKind, Write};

const COLUMNS: [&str; 9] = [
    "name",
    "image",
    "state",
    "exit-code",
    "oom-killed",
    "health",
    "restarts",
    "started",
    "finished",
];

/// So many events are kept, the latest.
const MOST_EVENTS: usize = 5000;

/// What an engine may send of its events and of a log, so that an endless answer ends.
const LONGEST_ANSWER: u64 = 1 << 30;

/// What is to be taken of an engine.
pub(crate) struct Report<'a> {
    pub(crate) engine: Engine<'a>,
    /// The containers that are of interest; all if empty.
    pub(crate) names: Vec<Pattern>,
    /// How much of each container's log, if any.
    pub(crate) log_size: Option<u64>,
    pub(crate) disk_usage: bool,
}

impl Report<'_> {
    /// Writes it.
    pub(crate) fn write(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let engine = &self.engine;
        // Whoever is refused here is refused everywhere; one note says so.
        let is_podman = match engine.json("/version") {
            Ok(version) => {
                out.json(&engine.entry("version.json"), &version)?;
                version["Components"].to_string().contains("Podman")
            }
            Err(error) => {
                out.failed(&engine.socket.display().to_string(), &error);
                return Ok(());
            }
        };
        for (name, target) in
            [("info", "/info"), ("networks", "/networks"), ("volumes", "/volumes")]
        {
            if let Some(mut said) = self.ask(out, target) {
                if name == "info"
                    && let Some(fields) = said.as_object_mut()
                {
                    // It identifies the host.
                    fields.remove("ID");
                }
                out.json(&engine.entry(&format!("{name}.json")), &removed(said))?;
            }
        }
        let containers = self.list(out)?;
        self.write_images(out)?;
        self.write_events(out, is_podman)?;
        if let Some(size) = self.log_size {
            for container in &containers {
                self.write_log(out, container, size)?;
            }
        }
        if self.disk_usage
            && let Some(said) = self.ask(out, "/system/df")
        {
            out.json(&engine.entry("disk-usage.json"), &removed(said))?;
        }
        Ok(())
    }

    fn is_wanted(&self, container: &Container) -> bool {
        self.names.is_empty() || self.names.iter().any(|name| name.matches(&container.name))
    }

    /// Lists all containers; gives those that are wanted.
    fn list(&self, out: &mut Output<'_>) -> Result<Vec<Container>, CollectError> {
        let list = self.ask(out, "/containers/json?all=true");
        let list = list.as_ref().and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let ids = list.iter().filter_map(|row| row["Id"].as_str());
        let ids = ids.filter(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let mut containers = Vec::new();
        for id in ids {
            if out.deadline().passed() {
                return Err(CollectError::Stopped);
            }
            // One that was removed meanwhile is none.
            let Some(said) = self.ask(out, &format!("/containers/{id}/json")) else {
                continue;
            };
            let Some(container) = Container::of(&said) else {
                continue;
            };
            if self.is_wanted(&container) {
                let name = format!("inspect/{}.json", container.file_name());
                out.json(&self.engine.entry(&name), &removed(said))?;
            }
            containers.push(container);
        }
        listing::write(out, &self.engine.entry("containers"), COLUMNS, &containers)?;
        containers.retain(|container| self.is_wanted(container));
        Ok(containers)
    }

    fn write_log(
        &self,
        out: &mut Output<'_>,
        container: &Container,
        size: u64,
    ) -> Result<(), CollectError> {
        let window = out.window();
        let log = format!("/containers/{}/logs", container.id);
        let source = self.engine.source(&log);
        let since = window.since.map(|since| format!("&since={}", since.as_second()));
        let until = window.until.map(|until| format!("&until={}", until.as_second() + 1));
        let target = format!(
            "{log}?stdout=true&stderr=true&timestamps=true{}{}",
            since.unwrap_or_default(),
            until.unwrap_or_default()
        );
        let answer = match self.engine.answer(&target, LONGEST_ANSWER) {
            Ok(answer) => answer,
            // Such as those of containers whose log goes elsewhere.
            Err(error) if error.kind() == ErrorKind::Other => {
                out.note(&format!("{}: no log of {}: {error}", self.engine.name, container.name));
                return Ok(());
            }
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                out.failed(&source, &error);
                return Ok(());
            }
        };
        let room = size.min(out.budget());
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let read = if container.terminal { terminal } else { frames };
        let (latest, error) = read(answer.body, room);
        let name = self.engine.entry(&format!("logs/{}.txt", container.file_name()));
        let mut entry = out.entry(&name, &source, None)?;
        for line in latest.lines() {
            entry.write_all(line.as_bytes())?;
        }
        if latest.left_out() > 0 {
            let text = format!("{} older lines left out", latest.left_out());
            entry.truncated(&text);
        }
        entry.end()?;
        if let Some(error) = error {
            out.failed(&source, &error);
        }
        Ok(())
    }

    /// What the engine answers; what it does not have is none, and other errors are noted.
    fn ask(&self, out: &mut Output<'_>, target: &str) -> Option<Value> {
        match self.engine.json(target) {
            Ok(said) => Some(said),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                out.failed(&self.engine.source(target), &error);
                None
            }
        }
    }

    fn write_images(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let Some(said) = self.ask(out, "/images/json") else {
            return Ok(());
        };
        let images: Vec<_> = said.as_array().into_iter().flatten().map(Image::of).collect();
        listing::write(
            out,
            &self.engine.entry("images"),
            ["tags", "id", "created", "size"],
            &images,
        )
    }

    fn write_events(&self, out: &mut Output<'_>, is_podman: bool) -> Result<(), CollectError> {
        let (window, now) = (out.window(), out.host().now());
        let until = window.until.map_or(now, |until| until.min(now));
        let day_before = until.saturating_sub(24.hours()).unwrap_or(until);
        let since = window.since.unwrap_or(day_before);
        // Without an end, and for Podman without `stream`, the engine would go on for ever. Podman
        // that keeps events in a file stops reading it at that time, wherever it is then: it gets
        // a second, and what is newer is left out here.
        let end = if is_podman {
            (now.as_second() + 1).to_string()
        } else {
            format!("{}.{:09}", until.as_second(), until.subsec_nanosecond().max(0))
        };
        let target = format!("/events?stream=false&since={}&until={end}", since.as_second());
        let answer = match self.engine.answer(&target, LONGEST_ANSWER) {
            Ok(answer) => answer,
            Err(error) => {
                out.failed(&self.engine.source(&target), &error);
                return Ok(());
            }
        };
        let mut events: Vec<Event> = Vec::new();
        let mut left_out = 0;
        for line in Lines::new(answer.body) {
            let event = Event::of(&line);
            events.extend(event.filter(|event| event.is_at_most(until)));
            if events.len() == 2 * MOST_EVENTS {
                events.drain(..MOST_EVENTS);
                left_out += MOST_EVENTS;
            }
        }
        let more = events.len().saturating_sub(MOST_EVENTS);
        events.drain(..more);
        left_out += more;
        if left_out > 0 {
            out.truncated(
                &self.engine.source(&target),
                &format!("{left_out} older events are left out"),
            );
        }
        let columns = ["time", "type", "action", "name", "exit-code"];
        listing::write(out, &self.engine.entry("events"), columns, &events)
    }
}
