//! Says nothing but what went wrong.

use super::{Ending, Rehearsal, Styles, Voice, hand_over, render};
use crate::{exit::Failure, outline::Outline};
use collect_core::{
    bundle::StepRecord,
    event::{Event, Reporter},
};
use std::io::Write;

pub(super) struct Quiet {
    styles: Styles,
}

impl Quiet {
    pub(super) fn new(styles: Styles) -> Self {
        Self { styles }
    }
}

impl Reporter for Quiet {
    fn event(&self, event: &Event) {
        if let Event::NotDelivered { sink, reason, help } = event {
            let failure = super::Failure {
                help: help.clone(),
                ..Failure::unusable(format!("not delivered to `{sink}`: {reason}"))
            };
            self.failed(&failure);
        }
    }
}

impl Voice for Quiet {
    fn say(&self, _: &str) {}

    fn outline(&self, _: &dyn Fn() -> Outline) {}

    fn gathered(&self, _: &[StepRecord]) {}

    fn tried(&self, _: &Rehearsal<'_>) {}

    fn ended(&self, ending: &Ending) {
        if let Some(complaint) = ending.complaint() {
            self.failed(&complaint);
        }
        hand_over(ending);
    }

    fn failed(&self, failure: &Failure) {
        _ = std::io::stderr().write_all(render(failure, self.styles.error).as_bytes());
    }

    fn may_ask(&self) -> bool {
        false
    }

    fn styles(&self) -> Styles {
        self.styles
    }
}
