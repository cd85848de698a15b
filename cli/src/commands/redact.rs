//! `collect redact`: a profile's redaction on files that are there already.

mod show;

use super::Context;
use crate::{
    args::RedactJob,
    exit::{Exit, Failure},
    manners,
    report::print,
    signals::Watch,
    text,
};
use collect_core::{
    host::{Host, Machine, Tree},
    profile::Wanted,
    redact::Counts,
    rewrite::{LeftOut, Rewrite, RewriteError, Rewritten},
};
use serde_json::json;
use std::{cmp::Reverse, fmt::Write as _, time::Instant};

/// Redacts a file or a tree into a folder, or shows what that would change.
pub(super) fn redact(context: &Context<'_>, job: &RedactJob) -> Result<Exit, Failure> {
    let host: Box<dyn Host> = if job.root {
        let tree = Tree::new(&job.source).map_err(|error| {
            Failure::unusable(format!("cannot read `{}`: {error}", job.source.display()))
                .help("with --root the source is the folder that was `/` on its host")
        })?;
        Box::new(tree)
    } else {
        Box::new(Machine::new())
    };
    let wanted = Wanted { name: &job.profile, set: &job.given.set };
    let key = context.places.redact_key();
    let profile = context.profile_for(&*host, Some(&key), wanted)?;
    manners::stand_back();
    let watch = Watch::begin()
        .map_err(|error| Failure::unusable(format!("cannot watch for signals: {error}")))?;
    let rewrite = Rewrite {
        redaction: &profile.redaction,
        source: &job.source,
        target: job.output.as_deref(),
        is_root: job.root,
        stop: &watch.stop,
    };
    let style = context.voice.styles().output;
    let (mut total, begun) = (Total::default(), Instant::now());
    rewrite
        .run(|rewritten| {
            if context.json {
                print(&events(&rewritten));
            } else if job.output.is_none() {
                print(&show::changes(&rewritten, style));
            }
            total.add(rewritten);
        })
        .map_err(|error| failure(&error))?;
    let exit = if total.left_out.is_empty() { Exit::Complete } else { Exit::Partial };
    if context.json {
        print(&total.event(exit));
    } else {
        let took = text::length(begun.elapsed());
        let is_preview = job.output.is_none();
        context.voice.say(total.summary(is_preview, &took).trim_end());
    }
    Ok(exit)
}

/// What became of all files.
#[derive(Default)]
struct Total {
    files: u64,
    bytes: u64,
    redactions: Counts,
    left_out: Vec<LeftOut>,
}

/// How much of what was left out is listed for a person who does not want to know it all.
const LISTED: usize = 20;

impl Total {
    fn add(&mut self, rewritten: Rewritten) {
        let itself = rewritten.left_out.iter().any(|left| left.path == rewritten.path);
        self.files += u64::from(!itself);
        self.bytes += rewritten.bytes;
        self.left_out.extend(rewritten.left_out);
        for (rule, count) in rewritten.redactions {
            *self.redactions.entry(rule).or_default() += count;
        }
    }

    fn summary(&self, is_preview: bool, took: &str) -> String {
        let count = |number: u64, noun| text::count(number as usize, noun);
        let (files, bytes) = (count(self.files, "file"), text::size(self.bytes));
        let redactions = count(self.redactions.values().sum(), "redaction");
        let word = if is_preview { "Looked at" } else { "Redacted " };
        let mut summary = format!("{word} {files}, {bytes}, {redactions}, in {took}\n");
        let mut rules: Vec<_> = self.redactions.iter().collect();
        rules.sort_by_key(|(rule, count)| (Reverse(**count), *rule));
        let width = rules.first().map_or(0, |(_, count)| count.to_string().len());
        for (rule, count) in rules {
            _ = writeln!(summary, "          {count:>width$} {rule}");
        }
        if !self.left_out.is_empty() {
            _ = writeln!(summary, "Left out  {}", count(self.left_out.len() as u64, "file"));
        }
        for LeftOut { path, reason } in self.left_out.iter().take(LISTED) {
            _ = writeln!(summary, "          {}: {}", text::one_line(path), text::one_line(reason));
        }
        if let Some(more @ 1..) = self.left_out.len().checked_sub(LISTED) {
            _ = writeln!(summary, "          and {more} more, which --json lists");
        }
        summary
    }

    fn event(&self, exit: Exit) -> String {
        let (files, bytes, redactions) = (self.files, self.bytes, &self.redactions);
        let event = json!({ "event": "finished", "exit": exit.code(), "files": files,
                            "bytes": bytes, "redactions": redactions,
                            "left-out": self.left_out.len() });
        format!("{event}\n")
    }
}

/// The events of one file.
fn events(Rewritten { path, bytes, redactions, changes, left_out, .. }: &Rewritten) -> String {
    let mut events = String::new();
    for change in changes {
        let (before, after) = (show::plain(&change.before), show::plain(&change.after));
        let event = json!({ "event": "change", "path": path, "line": change.line,
                            "before": before, "after": after });
        _ = writeln!(events, "{event}");
    }
    for LeftOut { path, reason } in left_out {
        _ = writeln!(events, "{}", json!({ "event": "left-out", "path": path, "reason": reason }));
    }
    if !left_out.iter().any(|left| left.path == *path) {
        let event = json!({ "event": "redacted", "path": path, "bytes": bytes,
                            "redactions": redactions });
        _ = writeln!(events, "{event}");
    }
    events
}

fn failure(error: &RewriteError) -> Failure {
    let (exit, help) = match error {
        RewriteError::Occupied(_) => {
            (Exit::Unusable, "name a folder that is empty or not there yet; nothing is overwritten")
        }
        RewriteError::Within(_) => (Exit::Unusable, "name a folder somewhere else"),
        RewriteError::Target { .. } => (
            Exit::Unprotected,
            "what is there by now is whole and redacted; empty the folder and begin again",
        ),
        RewriteError::Stopped => {
            (Exit::Stopped, "what is there by now is whole and redacted, but it is not all")
        }
        _ => (Exit::Unusable, "the source is a file or a folder that you can read"),
    };
    Failure::new(exit, error.to_string()).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_said_by_rule_and_what_was_not_with_its_reason() {
        let mut total = Total::default();
        let left_out = vec![LeftOut { path: "core".into(), reason: "it is a program".into() }];
        total.add(Rewritten { path: "core".into(), left_out, ..Rewritten::default() });
        let redactions = Counts::from([("token".into(), 12), ("pin".into(), 3)]);
        let path = "etc/app.conf".into();
        total.add(Rewritten { path, bytes: 1200, redactions, ..Rewritten::default() });
        let summary = total.summary(false, "0.1 s");
        assert_eq!(
            summary,
            "Redacted  1 file, 1.2 kB, 15 redactions, in 0.1 s\n\
             \x20         12 token\n\
             \x20          3 pin\n\
             Left out  1 file\n\
             \x20         core: it is a program\n"
        );
    }
}
