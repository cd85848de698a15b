//! `guard`: reads each log as it comes, and brings the bucket's policy in line.
//!
//! It also runs by the clock, without a log: then blocks expire, and come back after `terraform apply`
//! has written the policy anew. What a run counts, and whom it told of, is kept beside the logs, so
//! that a log that is delivered twice, or a run that breaks off, changes nothing.

use collect_core::{
    sink::{DeliveryContext, DeliveryError, Unwatched},
    ticket::TicketSink,
};
use collect_guard::{Finding, Guard, Net, Rules, Tokens, rules::RulesError};
use collect_sinks::{
    aws::{Keys, Topic},
    http::{self, Webhook},
    patrol::{self, Logs, PatrolError, Wanted},
    s3::Bucket,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{collections::BTreeSet, io, path::Path};
use thiserror::Error;
use url::form_urlencoded;

/// How often a run begins anew because another one was faster.
const TRIES: usize = 5;

/// The rules of the deployment, beside the logs.
const RULES: &str = "rules.toml";

/// The digests of tokens that are no longer valid, beside the logs.
const RETIRED: &str = "retired.json";

/// The options of a ticket system that is told as well, beside the logs.
const TICKET: &str = "ticket.toml";

/// What starts a run: a notification of S3, or the clock.
#[derive(Debug, Default, Deserialize)]
pub struct Event {
    /// Of a notification; the clock and S3's test event have none.
    #[serde(rename = "Records", default)]
    records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
struct Record {
    s3: Stored,
}

#[derive(Debug, Deserialize)]
struct Stored {
    object: Object,
}

#[derive(Debug, Deserialize)]
struct Object {
    key: String,
}

impl Event {
    /// The keys of the logs. S3 writes keys as forms do
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>).
    fn keys(&self, prefix: &str) -> Vec<String> {
        let keys = self.records.iter().filter_map(|record| {
            let text = format!("key={}", record.s3.object.key);
            form_urlencoded::parse(text.as_bytes()).next().map(|(_, key)| key.into_owned())
        });
        keys.filter(|key| key.starts_with(prefix)).collect()
    }
}

/// Who is told.
#[derive(Default)]
pub struct Alerts {
    /// A topic, with the keys that sign for it.
    pub topic: Option<(Topic, Keys)>,
    /// An address that takes JSON.
    pub webhook: Option<Webhook>,
}

/// The function, ready to run.
pub struct Patrol {
    /// The bucket whose policy is edited.
    pub reports: Bucket,
    /// The logs.
    pub logs: Logs,
    /// What the keys of logs begin with.
    pub prefix: String,
    /// Networks that are never blocked, besides those of the rules.
    pub allowed: Vec<Net>,
    /// ARNs of roles whose requests are not looked at, besides those of the rules.
    pub exempt: Vec<String>,
    /// Who is told.
    pub alerts: Alerts,
}

/// What a run did, for the function's log.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Done {
    lines: u64,
    malformed: u64,
    examples: Vec<String>,
    gaps: Vec<String>,
    new: Vec<Finding>,
    denied: Vec<String>,
    dropped: Vec<String>,
    changed: bool,
    /// Why not everybody could be told.
    untold: Vec<String>,
}

/// Why a run did not do all of it; AWS tries again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GuardError {
    /// A bucket did not do its part.
    #[error("{source}{}", help(.source))]
    Patrol {
        /// Why.
        #[from]
        source: PatrolError,
    },
    /// The rules cannot be used.
    #[error("{}", .0.render(false))]
    Rules(#[from] RulesError),
    /// The list of retired tokens is none.
    #[error("`guard/{RETIRED}` is no list of SHA-256 digests")]
    Retired,
    /// Other runs were faster each time.
    #[error("other runs were faster each time")]
    Overtaken,
    /// Some logs could not be read.
    #[error("not all logs could be read: {}", .0.join("; "))]
    Gaps(Vec<String>),
    /// Not everybody could be told. If nobody was, the next run tries again.
    #[error("not everybody could be told of what was found: {}", .0.join("; "))]
    Untold(Vec<String>),
    /// No runtime can be made.
    #[error("no means to ask: {0}")]
    Host(#[from] io::Error),
}

fn help(error: &PatrolError) -> String {
    error.help().map(|help| format!("; help: {help}")).unwrap_or_default()
}

impl Patrol {
    /// Runs once; `log` gets what was done, as JSON, whatever the end.
    ///
    /// # Errors
    ///
    /// Something is left to do, which the next run does.
    pub fn run(
        &self,
        event: &Event,
        now: Timestamp,
        log: &mut dyn io::Write,
    ) -> Result<(), GuardError> {
        let keys = event.keys(&self.prefix);
        let (rules, tokens) = (self.rules()?, self.tokens()?);
        let mut told = BTreeSet::new();
        for _ in 0..TRIES {
            let kept = self.logs.state()?;
            let guard = Guard::new(rules.clone(), tokens.clone(), kept.state.clone(), now);
            let mut guard = guard.only(self.reports.name());
            let mut done = Done::default();
            self.logs.read(Wanted::Objects(&keys), &mut guard, &mut done.gaps)?;
            let verdict = guard.finish();
            done.new = verdict.findings.into_iter().filter(|finding| finding.new).collect();
            // Nobody is told twice because another run was faster.
            let news: Vec<_> = done
                .new
                .iter()
                .filter(|finding| !told.contains(&(finding.rule.clone(), finding.subject.clone())))
                .collect();
            let heard = self.tell(&news, now, &mut done.untold);
            // One who hears it is enough: else a webhook that is gone would fill all mailboxes.
            let state = if heard || done.untold.is_empty() {
                told.extend(news.iter().map(|new| (new.rule.clone(), new.subject.clone())));
                verdict.state
            } else {
                verdict.state.untold(&kept.state)
            };
            if !self.logs.save(&kept, &state)? {
                continue;
            }
            let change = patrol::apply(&self.reports, &verdict.blocks)?;
            done.changed = change.policy.is_some();
            done.denied = change.denied.iter().map(ToString::to_string).collect();
            done.dropped = change.dropped.iter().map(ToString::to_string).collect();
            (done.lines, done.malformed) = (verdict.tally.lines, verdict.tally.malformed);
            done.examples = verdict.tally.examples;
            writeln!(log, "{}", json!(done))?;
            return match (done.untold, done.gaps) {
                (untold, _) if !untold.is_empty() => Err(GuardError::Untold(untold)),
                (_, gaps) if !gaps.is_empty() => Err(GuardError::Gaps(gaps)),
                _ => Ok(()),
            };
        }
        Err(GuardError::Overtaken)
    }

    fn rules(&self) -> Result<Rules, GuardError> {
        let text = self.logs.beside(RULES)?.unwrap_or_default();
        let rules = Rules::parse(RULES, &text)?.allowing(self.allowed.iter().copied());
        Ok(rules.exempting(self.exempt.iter().cloned()))
    }

    /// The tokens of the policy, which is where they are valid, and the retired ones.
    fn tokens(&self) -> Result<Tokens, GuardError> {
        let tokens = patrol::tokens(&self.reports)?;
        let Some(text) = self.logs.beside(RETIRED)? else {
            return Ok(tokens);
        };
        let digests: Vec<String> = serde_json::from_str(&text).map_err(|_| GuardError::Retired)?;
        let digests: Option<Vec<_>> = digests.iter().map(|text| digest(text)).collect();
        Ok(tokens.retired_by_digest(digests.ok_or(GuardError::Retired)?))
    }

    /// Tells everybody that there is, and says whether anyone was; who was not is named in `untold`.
    fn tell(&self, news: &[&Finding], now: Timestamp, untold: &mut Vec<String>) -> bool {
        if news.is_empty() {
            return false;
        }
        let bucket = self.reports.name();
        let count = news.len();
        let subject = format!("{bucket}: {count} new finding{}", if count == 1 { "" } else { "s" });
        let lines: Vec<_> = news.iter().map(ToString::to_string).collect();
        let message = lines.join("\n");
        let mut heard = false;
        let mut note = |who: &str, told: Result<(), String>| match told {
            Ok(()) => heard = true,
            Err(why) => untold.push(format!("{who}: {why}")),
        };
        if let Some((topic, keys)) = &self.alerts.topic {
            note("topic", wait(topic.publish(keys, &subject, &message)));
        }
        if let Some(webhook) = &self.alerts.webhook {
            let json = json!({ "bucket": bucket, "subject": subject, "findings": news });
            note("webhook", wait(webhook.post(&json)));
        }
        match self.ticket_system() {
            Ok(Some(tickets)) => {
                // One ticket a day, with a comment for all that comes after.
                let key = format!("guard-{}", now.strftime("%Y%m%d"));
                let title = format!("{bucket}: abuse of the report bucket");
                let told = tickets.tell(&key, &title, &message, &context());
                note("ticket system", told.map(drop).map_err(|error| error.to_string()));
            }
            Ok(None) => {}
            Err(why) => note("ticket system", Err(why)),
        }
        heard
    }

    /// The ticket system of the deployment, if there is one.
    fn ticket_system(&self) -> Result<Option<TicketSink>, String> {
        let text = self.logs.beside(TICKET).map_err(|error| error.to_string())?;
        let text = text.filter(|text| !text.trim().is_empty());
        let parsed = text.map(|text| TicketSink::parse(&text)).transpose();
        parsed.map_err(|why| format!("`{TICKET}`: {why}"))
    }
}

fn wait(work: impl Future<Output = Result<(), DeliveryError>>) -> Result<(), String> {
    let told = http::run(work).map_err(|error| error.to_string())?;
    told.map_err(|error| error.to_string())
}

/// Nobody watches, and what is a secret stands in the options or in the function's environment.
fn context() -> DeliveryContext<'static> {
    DeliveryContext {
        watch: &Unwatched,
        tried_before: false,
        host: None,
        brief: None,
        envelope: None,
        elsewhere: &[],
        base: Path::new("/"),
        env: &crate::settings::variable,
    }
}

/// A SHA-256 in hexadecimal digits.
fn digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    let digits = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    for (byte, at) in digest.iter_mut().zip((0..64).step_by(2)).filter(|_| digits) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    digits.then_some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_and_what_is_no_log_is_left_out() {
        let event: Event = serde_json::from_value(json!({ "Records": [
            { "eventName": "ObjectCreated:Put", "s3": { "object": { "key": "access/2026/a+b%2Bc%C3%A9" } } },
            { "s3": { "object": { "key": "guard/state.json" } } },
        ]}))
        .unwrap();
        assert_eq!(event.keys("access/"), ["access/2026/a b+cé"]);
        for other in [json!({ "Event": "s3:TestEvent" }), json!({ "source": "aws.events" })] {
            let event: Event = serde_json::from_value(other).unwrap();
            assert_eq!(event.keys("access/"), [""; 0]);
        }
    }

    #[test]
    fn a_digest_is_64_hexadecimal_digits() {
        assert_eq!(digest(&"0f".repeat(32)), Some([0x0f; 32]));
        for wrong in ["", "0f", &"0g".repeat(32), &"é".repeat(32)] {
            assert_eq!(digest(wrong), None, "{wrong}");
        }
    }
}
