//! What a run will do, for the person who is asked to agree.

use crate::text;
use collect_core::{
    host::Host,
    output::Window,
    plan::{Plan, PlannedStep},
    plugin::Plugins,
    profile::{ConfiguredSink, Profile, catalogue},
};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

/// What a run will do.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Outline {
    pub(crate) product: String,
    pub(crate) profile: String,
    pub(crate) steps: Vec<OutlineStep>,
    /// Where the bundle goes.
    pub(crate) destinations: Vec<String>,
    /// Whether it leaves this host.
    pub(crate) sends: bool,
    /// Who can open it.
    pub(crate) recipients: Vec<String>,
    /// The rules by which it is redacted.
    pub(crate) redactors: Vec<String>,
    #[serde(skip)]
    pub(crate) zone: TimeZone,
}

/// One step of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct OutlineStep {
    pub(crate) id: String,
    pub(crate) collector: String,
    /// What it gathers, in words.
    pub(crate) what: String,
    /// About how many bytes it will read, where that is known.
    pub(crate) bytes: Option<u64>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    /// What this user is refused and root would see; found out only where that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) refused: Vec<String>,
    /// Why it does not apply here, if it does not.
    pub(crate) absent: Option<String>,
    /// Whether the user left it out.
    pub(crate) skipped: bool,
}

/// Where a bundle goes, as far as the outline tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal<'g> {
    /// To the sinks of the profile.
    Sinks,
    /// Into a folder, and nowhere else.
    Folder(&'g std::path::Path),
}

impl Outline {
    /// Looks at the host as closely as `look` says; a file system that does not answer costs only
    /// what would have been seen there.
    pub(crate) fn new(
        plan: &Arc<Plan>,
        plugins: &Plugins,
        host: &Arc<dyn Host>,
        goal: Goal<'_>,
        look: Look,
    ) -> Self {
        let profile = &plan.profile;
        let words: BTreeMap<&str, String> = catalogue(plugins)
            .into_iter()
            .filter(|plugin| plugin.kind == "collector")
            .map(|plugin| (plugin.name, plugin.summary))
            .collect();
        let seen = look.at(plan, host);
        let steps = plan.steps.iter().zip(seen).map(|(planned, seen)| OutlineStep {
            id: planned.step.id.clone(),
            collector: planned.step.plugin.to_owned(),
            what: planned.step.collector.describe().map_or_else(
                || words.get(planned.step.plugin).cloned().unwrap_or_default(),
                |what| profile.redaction.text(&what),
            ),
            bytes: seen.bytes,
            since: planned.window.since,
            until: planned.window.until,
            refused: seen.refused.iter().map(|text| profile.redaction.text(text)).collect(),
            absent: seen.absent,
            skipped: planned.skipped,
        });
        let destinations = match goal {
            Goal::Sinks => profile.sinks.iter().map(|sink| destination(profile, sink)).collect(),
            Goal::Folder(dir) => vec![format!("folder {}, and nowhere else", dir.display())],
        };
        let recipients = if profile.recipients.is_empty() {
            vec!["this host alone".to_owned()]
        } else {
            profile.recipients.iter().map(|recipient| abbreviated(recipient)).collect()
        };
        Self {
            product: profile.product.clone(),
            profile: profile.name.clone(),
            steps: steps.collect(),
            destinations,
            sends: matches!(goal, Goal::Sinks),
            recipients,
            redactors: profile.redactors.clone(),
            zone: host.zone(),
        }
    }
}

impl OutlineStep {
    /// What is known of its size and time, in words.
    pub(crate) fn window(&self, zone: &TimeZone) -> String {
        window(Window { since: self.since, until: self.until }, zone)
    }
}

/// A window of time in words.
fn window(window: Window, zone: &TimeZone) -> String {
    let moment = |at| text::moment(at, zone);
    match (window.since.map(moment), window.until.map(moment)) {
        (Some(since), Some(until)) => format!("{since} to {until}"),
        (Some(since), None) => format!("since {since}"),
        (None, Some(until)) => format!("until {until}"),
        (None, None) => String::new(),
    }
}

/// What can be told of a step without reading.
#[derive(Clone, Default)]
struct Seen {
    bytes: Option<u64>,
    refused: Vec<String>,
    absent: Option<String>,
}

/// How closely the host is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// For how long at most.
    pub(crate) patience: Duration,
    /// Whether it is found out what root would see.
    pub(crate) rights: bool,
}

impl Look {
    /// Looks at what the steps would read, all at once: one that hangs holds up no other.
    fn at(self, plan: &Arc<Plan>, host: &Arc<dyn Host>) -> Vec<Seen> {
        // Root is refused nothing that more rights would give.
        let rights = self.rights && !plan.host.root;
        let (sender, answers) = mpsc::channel();
        let mut awaited = 0;
        for index in (0..plan.steps.len()).filter(|&index| !plan.steps[index].skipped) {
            let (plan, host, sender) = (Arc::clone(plan), Arc::clone(host), sender.clone());
            let looking = std::thread::Builder::new().spawn(move || {
                // Nobody listens any more once patience has run out.
                _ = sender.send((index, look_at(&plan.steps[index], &*host, rights)));
            });
            awaited += usize::from(looking.is_ok());
        }
        let mut seen = vec![Seen::default(); plan.steps.len()];
        let deadline = Instant::now() + self.patience;
        for _ in 0..awaited {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok((index, found)) = answers.recv_timeout(left) else { break };
            seen[index] = found;
        }
        seen
    }
}

fn look_at(planned: &PlannedStep, host: &dyn Host, rights: bool) -> Seen {
    if let Some(absent) = planned.unmet(host) {
        return Seen { absent: Some(absent), ..Seen::default() };
    }
    let refused = if rights { planned.refused(host) } else { Vec::new() };
    Seen { bytes: planned.estimate(host), refused, absent: None }
}

/// How much of a key's beginning and end is shown.
const SHOWN: (usize, usize) = (8, 6);

/// A public key, short enough to be compared by eye: `age1ar7d…ea6e7`.
fn abbreviated(recipient: &str) -> String {
    let mut words = recipient.split_whitespace();
    let first = words.next().unwrap_or_default();
    if !first.starts_with("ssh-") {
        return shortened(first, first.len().min(SHOWN.0));
    }
    // All SSH keys of a kind begin alike, so only the end tells.
    let key = shortened(words.next().unwrap_or_default(), 0);
    let comment = words.collect::<Vec<_>>().join(" ");
    text::one_line(format!("{first} {key} {comment}").trim_end())
}

fn shortened(key: &str, beginning: usize) -> String {
    if !key.is_ascii() || key.len() <= beginning + SHOWN.1 + 1 {
        return text::one_line(key);
    }
    format!("{}…{}", &key[..beginning], &key[key.len() - SHOWN.1..])
}

/// The window of so much time around a moment, half of it before and half after.
pub(crate) fn around(at: Timestamp, window: Duration) -> Window {
    let half = window / 2;
    Window {
        since: Some(at.checked_sub(half).unwrap_or(Timestamp::MIN)),
        until: Some(at.checked_add(half).unwrap_or(Timestamp::MAX)),
    }
}

/// Where a sink delivers to, and what can be read there.
fn destination(profile: &Profile, sink: &ConfiguredSink) -> String {
    let destination = sink.sink.destination();
    if profile.envelope.is_some() && sink.sink.takes_envelope() {
        return format!("{destination}, whose receiving side can read description and contact");
    }
    destination
}

/// An outline, for tests elsewhere in the crate.
#[cfg(test)]
pub(crate) fn example() -> Outline {
    let step = |id: &str, what: &str| OutlineStep {
        id: id.to_owned(),
        collector: id.to_owned(),
        what: what.to_owned(),
        bytes: None,
        since: None,
        until: None,
        refused: Vec::new(),
        absent: None,
        skipped: false,
    };
    let since = "2026-11-22T10:42:00Z".parse().ok();
    Outline {
        product: "Komand".into(),
        profile: "komand".into(),
        steps: vec![
            OutlineStep {
                bytes: Some(1_234_567),
                since,
                ..step("product-logs", "Takes files whole, or their ends.")
            },
            step("os", "The operating system: distribution, host name, uptime, load and pressure."),
            OutlineStep {
                absent: Some("there is no `/etc/komand`".into()),
                ..step("product-journal", "Reads the journal of systemd.")
            },
            OutlineStep { skipped: true, ..step("network", "The network.") },
        ],
        destinations: vec!["s3 bucket \"komand-bug-reports\"".into()],
        recipients: vec![abbreviated(
            "age1ar7d3l5py9tah2dfgplax6scy4s3442yq8qde5detjmxdqgkz9aqjea6e7",
        )],
        sends: true,
        redactors: vec!["secrets".into(), "session".into()],
        zone: TimeZone::UTC,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_around_a_moment_is_half_before_and_half_after() {
        let at: Timestamp = "2026-11-22T10:42:00Z".parse().unwrap();
        let found = around(at, Duration::from_mins(20));
        assert_eq!(window(found, &TimeZone::UTC), "2026-11-22 10:32 to 2026-11-22 10:52");
        assert_eq!(
            window(Window { until: None, ..found }, &TimeZone::UTC),
            "since 2026-11-22 10:32"
        );
        assert_eq!(window(Window { since: None, until: None }, &TimeZone::UTC), "");
    }

    #[test]
    fn a_window_longer_than_time_ends_where_time_ends() {
        let found = around(Timestamp::now(), Duration::MAX);
        assert_eq!(found.since, Some(Timestamp::MIN));
        assert_eq!(found.until, Some(Timestamp::MAX));
    }

    #[test]
    fn a_key_is_shown_by_what_tells_it_from_others() {
        let age = "age1ar7d3l5py9tah2dfgplax6scy4s3442yq8qde5detjmxdqgkz9aqjea6e7";
        assert_eq!(abbreviated(age), "age1ar7d…jea6e7");
        let ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMadeUpMadeUpMadeUpK3y9x desk@example.com";
        assert_eq!(abbreviated(ssh), "ssh-ed25519 …pK3y9x desk@example.com");
    }
}
