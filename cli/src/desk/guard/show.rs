//! What guard found, as a table or as JSON.

use crate::{
    desk::voice::Voice,
    exit::Exit,
    text::{count, harmless},
};
use collect_guard::{Block, Finding, Outcome, Tally, Verdict, policy::Change};
use jiff::Timestamp;
use serde::Serialize;

/// Between two columns.
const GAP: &str = "  ";

#[derive(Serialize)]
struct Event<'e, T> {
    event: &'e str,
    #[serde(rename = "data")]
    data: &'e T,
}

#[derive(Serialize)]
struct Summary<'s> {
    event: &'s str,
    read: &'s Tally,
    applied: bool,
    /// Whether the policy was written.
    written: bool,
    merged: Vec<String>,
    dropped: Vec<String>,
    /// Whom the policy denied and denies no more.
    lifted: Vec<String>,
}

/// Shows everything, and says how the run ends: with something left to do if somebody is to be
/// blocked and is not, or if not all could be read.
pub(super) fn verdict(
    voice: &Voice,
    verdict: &Verdict,
    gaps: &[String],
    change: Option<&Change>,
) -> Exit {
    if voice.json {
        objects(voice, verdict, change);
    } else {
        table(voice, &verdict.findings, change.is_some());
        malformed(voice, &verdict.tally);
        summary(voice, verdict, change);
    }
    let undone = match change {
        None => !verdict.blocks.is_empty(),
        Some(change) => !change.dropped.is_empty(),
    };
    if undone || !gaps.is_empty() { Exit::Left } else { Exit::Complete }
}

fn objects(voice: &Voice, verdict: &Verdict, change: Option<&Change>) {
    for finding in &verdict.findings {
        voice.object(&Event { event: "finding", data: finding });
    }
    for block in &verdict.blocks {
        voice.object(&Event { event: "block", data: block });
    }
    let nets = |nets: Option<&Vec<_>>| -> Vec<String> {
        nets.into_iter().flatten().map(ToString::to_string).collect()
    };
    voice.object(&Summary {
        event: "summary",
        read: &verdict.tally,
        applied: change.is_some(),
        written: change.is_some_and(|change| change.policy.is_some()),
        merged: nets(change.map(|change| &change.merged)),
        dropped: nets(change.map(|change| &change.dropped)),
        lifted: change.map(|change| change.lifted.clone()).unwrap_or_default(),
    });
}

fn table(voice: &Voice, findings: &[Finding], applied: bool) {
    let rows: Vec<[String; 4]> = findings.iter().map(|finding| row(finding, applied)).collect();
    let titles = ["WHO", "WHAT", "WHEN", "THEN"].map(str::to_owned);
    let widths: Vec<usize> = (0..3)
        .map(|column| {
            let cells = rows.iter().chain([&titles]).map(|row| row[column].chars().count());
            cells.max().unwrap_or_default()
        })
        .collect();
    let line = |row: &[String; 4]| {
        let padded = row.iter().enumerate().map(|(column, cell)| match widths.get(column) {
            Some(&width) => format!("{cell:width$}"),
            None => cell.clone(),
        });
        padded.collect::<Vec<_>>().join(GAP)
    };
    if !rows.is_empty() {
        voice.line(&voice.styles.output.bold(&line(&titles)));
    }
    for (row, finding) in rows.iter().zip(findings) {
        voice.line(&harmless(&line(row)));
        for more in details(finding) {
            voice.line(&harmless(&format!("{GAP}{more}")));
        }
    }
}

fn row(finding: &Finding, applied: bool) -> [String; 4] {
    let then = match finding.outcome {
        Outcome::Blocked { .. } if !applied => format!("would be {}", finding.consequence()),
        _ => finding.consequence(),
    };
    let then = if finding.new { then } else { format!("{then}; told before") };
    [finding.subject.clone(), finding.deed(), when(finding.first, finding.last), then]
}

/// `2026-11-23 10:00–10:34 UTC`
fn when(first: Timestamp, last: Timestamp) -> String {
    let (from, to) = (first.strftime("%Y-%m-%d %H:%M"), last.strftime("%Y-%m-%d %H:%M"));
    let (from, to) = (from.to_string(), to.to_string());
    match to.strip_prefix(&from[..11]) {
        Some(_) if from == to => format!("{from} UTC"),
        Some(clock) => format!("{from}–{clock} UTC"),
        None => format!("{from} – {to} UTC"),
    }
}

fn details(finding: &Finding) -> Vec<String> {
    let mut lines = Vec::new();
    if !finding.tokens.is_empty() {
        lines.push(format!("with {}, for {}", finding.tokens.join(", "), finding.asked.join(", ")));
    }
    if !finding.addresses.is_empty() {
        let addresses: Vec<_> = finding.addresses.iter().map(ToString::to_string).collect();
        lines.push(format!("from {}", addresses.join(", ")));
    }
    lines
}

fn malformed(voice: &Voice, tally: &Tally) {
    if tally.malformed == 0 {
        return;
    }
    voice.warn(&format!("{} could not be read, such as:", lines(tally.malformed)));
    for example in &tally.examples {
        voice.say(&format!("  {example}"));
    }
}

fn lines(number: u64) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), "line")
}

fn summary(voice: &Voice, verdict: &Verdict, change: Option<&Change>) {
    let tally = &verdict.tally;
    let found = count(verdict.findings.len(), "finding");
    voice.say(&format!("{} read, {} requests, {found}", lines(tally.lines), tally.requests));
    if tally.ignored > 0 {
        let what = "no requests, or are of another bucket or an exempt role";
        voice.say(&format!("{} of them tell of {what}", tally.ignored));
    }
    if tally.evicted > 0 {
        let evicted = tally.evicted;
        voice
            .say(&format!("{evicted} counts, those farthest from any threshold, had to make room"));
    }
    let nets = |blocks: &[Block]| -> String {
        blocks.iter().map(|block| block.net.to_string()).collect::<Vec<_>>().join(", ")
    };
    let Some(change) = change else {
        match verdict.blocks.as_slice() {
            [] => voice.say("nobody is to be blocked"),
            blocks => voice.say(&format!(
                "to be kept out: {}\nnothing was changed; `--apply` writes it into the bucket's policy",
                nets(blocks)
            )),
        }
        return;
    };
    let list = |nets: &[collect_guard::Net]| -> String {
        nets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let done = if change.policy.is_some() {
        "the policy was changed"
    } else {
        "the policy says so already"
    };
    match change.denied.as_slice() {
        [] => voice.say(&format!("nobody is kept out; {done}")),
        denied => voice.say(&format!("kept out: {}; {done}", list(denied))),
    }
    if !change.lifted.is_empty() {
        voice.say(&format!("no longer kept out: {}", harmless(&change.lifted.join(", "))));
    }
    if !change.merged.is_empty() {
        voice.say(&format!(
            "for lack of room in the policy as whole networks: {}",
            list(&change.merged)
        ));
    }
    if !change.dropped.is_empty() {
        voice.warn(&format!("no room in the policy for: {}", list(&change.dropped)));
    }
}
