//! `collect outbox`: what waits to be delivered, and what was.

use super::{Context, send::id};
use crate::{
    exit::{Exit, Failure},
    report::print,
    text::{self, Style, one_line},
};
use collect_core::outbox::{Outbox, Record, SinkState, Waiting};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;
use std::fmt::Write;

/// How many deliveries are shown, the newest of them.
const RECENT: usize = 10;

/// Shows the outbox.
pub(super) fn outbox(context: &Context<'_>) -> Result<Exit, Failure> {
    let dir = context.places.outbox();
    // Looking at an outbox makes none.
    let (waiting, delivered) = if dir.is_dir() {
        let outbox = Outbox::open(&dir)?;
        (outbox.waiting()?, outbox.delivered()?)
    } else {
        (Vec::new(), Vec::new())
    };
    if context.json {
        print(&as_json(&waiting, &delivered));
        return Ok(Exit::Complete);
    }
    if waiting.is_empty() && delivered.is_empty() {
        context.voice.say("The outbox is empty.");
        return Ok(Exit::Complete);
    }
    let style = context.voice.styles().output;
    let newest = &delivered[delivered.len().saturating_sub(RECENT)..];
    print(&view(&waiting, newest, style, Timestamp::now(), &TimeZone::system()));
    Ok(Exit::Complete)
}

fn as_json(waiting: &[Waiting], delivered: &[(String, Record)]) -> String {
    let mut lines = String::new();
    for one in waiting {
        let (name, bytes, record) = (&one.name, one.bytes, &one.record);
        let line = json!({ "state": "waiting", "bundle": name, "bytes": bytes, "record": record });
        _ = writeln!(lines, "{line}");
    }
    for (name, record) in delivered {
        let line = json!({ "state": "delivered", "bundle": name, "record": record });
        _ = writeln!(lines, "{line}");
    }
    lines
}

fn view(
    waiting: &[Waiting],
    delivered: &[(String, Record)],
    style: Style,
    now: Timestamp,
    zone: &TimeZone,
) -> String {
    let mut text = String::new();
    if !waiting.is_empty() {
        _ = writeln!(text, "{}", style.bold("Waiting"));
        for one in waiting {
            let age = one.record.as_ref().map(|record| text::age(record.created, now));
            let details = [Some(id(&one.name)), Some(text::size(one.bytes)), age];
            let details = details.into_iter().flatten().collect::<Vec<_>>().join(", ");
            _ = writeln!(text, "  {}\n    {}", one_line(&one.name), style.dim(&details));
            match &one.record {
                Some(record) => text += &sinks(&record.sinks, style),
                None => text += "    nobody knows where to: `collect send BUNDLE --profile P`\n",
            }
        }
        text += "  `collect send` delivers them.\n";
    }
    if !delivered.is_empty() {
        let gap = if waiting.is_empty() { "" } else { "\n" };
        _ = writeln!(text, "{gap}{}", style.bold("Delivered"));
        for (name, record) in delivered.iter().rev() {
            let details = format!("{}, made {}", id(name), text::moment(record.created, zone));
            let product = one_line(&record.product);
            _ = writeln!(text, "  {product}  {}", style.dim(&details));
            text += &sinks(&record.sinks, style);
        }
    }
    text
}

fn sinks(states: &[SinkState], style: Style) -> String {
    let mut text = String::new();
    let ids = states.iter().map(|state| state.id.len()).max().unwrap_or(0);
    for state in states {
        let said = match (&state.receipt, &state.error) {
            (Some(receipt), _) => one_line(&receipt.to_string()),
            (None, Some(error)) => {
                let tries = match state.tries {
                    1 => "tried once".to_owned(),
                    tries => format!("tried {tries} times"),
                };
                format!(
                    "{} {}: {}",
                    style.careful("waits"),
                    style.dim(&format!("({tries})")),
                    one_line(error)
                )
            }
            (None, None) => format!("{}, not tried yet", style.careful("waits")),
        };
        _ = writeln!(text, "    {:<ids$}  {said}", state.id);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::sink::Receipt;

    #[test]
    fn what_waits_says_why_and_what_was_delivered_says_where() {
        let at: Timestamp = "2026-11-23T10:42:00Z".parse().unwrap();
        let mut record = Record::new("komand", "Komand", at, ["bucket", "share"]);
        record.sinks[0].tries = 2;
        record.sinks[0].error = Some("HTTP 403: the token is wrong\x1b[2J".into());
        record.sinks[1].receipt = Some(Receipt {
            location: "/srv/share/b.age".into(),
            reference: None,
            ticket: None,
            at,
        });
        let name = "komand-20261123T104200Z-k7m2abcdefgh.tar.xz.age".to_owned();
        let waiting = [
            Waiting { name: name.clone(), bytes: 3_100_000, record: Some(record.clone()) },
            Waiting { name: "komand-by-hand-xyz.tar.xz.age".into(), bytes: 1, record: None },
        ];
        let now = "2026-11-23T13:00:00Z".parse().unwrap();
        let plain = Style { colours: false };
        record.sinks.remove(0);
        assert_eq!(
            view(&waiting, &[(name, record)], plain, now, &TimeZone::UTC),
            "Waiting
  komand-20261123T104200Z-k7m2abcdefgh.tar.xz.age
    k7m2abcd, 3.1 MB, 2 h ago
    bucket  waits (tried 2 times): HTTP 403: the token is wrong\u{fffd}[2J
    share   /srv/share/b.age
  komand-by-hand-xyz.tar.xz.age
    xyz, 1 B
    nobody knows where to: `collect send BUNDLE --profile P`
  `collect send` delivers them.

Delivered
  Komand  k7m2abcd, made 2026-11-23 10:42
    share  /srv/share/b.age
"
        );
    }
}
