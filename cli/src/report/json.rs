//! Says everything to a program: one event a line, on standard output. What went wrong also goes to
//! standard error, which is what ends up in the program's log.

use super::{Ending, Rehearsal, Styles, Voice, render};
use crate::{exit::Failure, outline::Outline};
use collect_core::{
    bundle::StepRecord,
    event::{Event, Reporter},
    gather::Stop,
};
use serde::Serialize;
use std::io::{self, Write};

pub(super) struct Json {
    styles: Styles,
}

/// What only the command line tells. Its last event is always `finished`.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
enum Told<'t> {
    Remark { text: &'t str },
    Plan { plan: &'t Outline },
    Gathered { steps: &'t [StepRecord] },
    Finished(&'t Ending),
}

/// The last event of a command that failed.
#[derive(Serialize)]
struct Failed {
    event: &'static str,
    exit: u8,
    id: Option<&'static str>,
    bundle: Option<&'static str>,
}

/// The last event of steps that were only tried.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Tried {
    event: &'static str,
    exit: u8,
    id: Option<&'static str>,
    bundle: Option<&'static str>,
    duration_ms: u128,
    compressed: u64,
    stopped: Option<&'static str>,
}

impl Json {
    pub(super) fn new(styles: Styles) -> Self {
        Self { styles }
    }

    fn complain(&self, failure: &Failure) {
        _ = io::stderr().write_all(render(failure, self.styles.error).as_bytes());
    }
}

fn line(value: &impl Serialize) {
    let line = serde_json::to_string(value).expect("events are plain data");
    // One write a line: threads share the output.
    super::print(&(line + "\n"));
}

impl Reporter for Json {
    fn event(&self, event: &Event) {
        line(event);
    }
}

impl Voice for Json {
    fn say(&self, remark: &str) {
        line(&Told::Remark { text: remark });
    }

    fn outline(&self, outline: &dyn Fn() -> Outline) {
        line(&Told::Plan { plan: &outline() });
    }

    fn gathered(&self, steps: &[StepRecord]) {
        line(&Told::Gathered { steps });
    }

    fn tried(&self, rehearsal: &Rehearsal<'_>) {
        line(&Told::Gathered { steps: rehearsal.steps });
        line(&Tried {
            event: "finished",
            exit: rehearsal.exit.code(),
            id: None,
            bundle: None,
            duration_ms: rehearsal.took.as_millis(),
            compressed: rehearsal.compressed,
            stopped: rehearsal.stopped.map(Stop::word),
        });
    }

    fn ended(&self, ending: &Ending) {
        if let Some(complaint) = ending.complaint() {
            self.complain(&complaint);
        }
        line(&Told::Finished(ending));
    }

    fn failed(&self, failure: &Failure) {
        self.complain(failure);
        line(&failure.event());
        let exit = failure.exit.code();
        line(&Failed { event: "finished", exit, id: None, bundle: None });
    }

    fn may_ask(&self) -> bool {
        false
    }

    fn styles(&self) -> Styles {
        self.styles
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use serde_json::{Value, json};

    #[test]
    fn every_event_names_itself() {
        let ending = Ending {
            exit: Exit::Partial,
            id: "k7m2abcd".into(),
            bundle: "shop-k7m2abcd.tar.xz.age".into(),
            path: None,
            locations: vec![],
            complete: false,
            open: None,
            send: None,
            reason: None,
        };
        let value: Value = serde_json::to_value(Told::Finished(&ending)).unwrap();
        assert_eq!(value["event"], json!("finished"));
        assert_eq!(value["exit"], json!(3));
        let failure = Failure::unusable("no").help("so");
        let value = serde_json::to_value(failure.event()).unwrap();
        assert_eq!(value, json!({"event": "error", "exit": 4, "message": "no", "help": "so"}));
    }
}
