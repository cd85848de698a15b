//! Speaks to a person.

mod tried;
mod view;

pub(crate) use view::{WIDTH, open_command, outline};

use super::{Ending, Rehearsal, Styles, Voice, hand_over, render};
use crate::{
    exit::Failure,
    outline::Outline,
    text::{self, harmless},
};
use collect_core::{
    bundle::StepRecord,
    event::{Event, Reporter},
};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io::{self, IsTerminal, Write},
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

/// How often a bar moves by itself, so that one sees it is alive.
const TICK: Duration = Duration::from_millis(120);

pub(super) struct Terminal {
    styles: Styles,
    verbose: bool,
    /// Whether somebody looks: otherwise there are no bars.
    watched: bool,
    stage: Mutex<Stage>,
}

/// What is going on.
struct Stage {
    bar: Option<ProgressBar>,
    begun: Instant,
    bytes: u64,
    redactions: u64,
    /// Whether bytes were already told of the delivery that goes on.
    uploading: bool,
}

impl Terminal {
    pub(super) fn new(styles: Styles, verbose: bool) -> Self {
        let begun = Instant::now();
        let stage = Stage { bar: None, begun, bytes: 0, redactions: 0, uploading: false };
        let watched = io::stderr().is_terminal();
        Self { styles, verbose, watched, stage: Mutex::new(stage) }
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Writes lines above the bar, if there is one.
    fn write(stage: &Stage, lines: &str) {
        let write = || _ = io::stderr().write_all(lines.as_bytes());
        match &stage.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Writes a line that begins with the name of a stage.
    fn write_stage(&self, stage: &Stage, name: &str, text: &str) {
        let name = self.styles.error.bold(&format!("{name:<9}"));
        Self::write(stage, &format!("{name} {}\n", harmless(text)));
    }

    fn bar(&self, stage: &mut Stage, length: Option<u64>, template: &str) {
        Self::clear(stage);
        if !self.watched {
            return;
        }
        let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let style = ProgressStyle::with_template(template).expect("the template is well formed");
        bar.set_style(style.progress_chars("=> "));
        bar.enable_steady_tick(TICK);
        stage.bar = Some(bar);
    }

    fn clear(stage: &mut Stage) {
        if let Some(bar) = stage.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Reporter for Terminal {
    fn event(&self, event: &Event) {
        let mut stage = self.stage();
        let stage = &mut *stage;
        match event {
            Event::Started { steps, .. } => {
                stage.begun = Instant::now();
                self.bar(stage, Some(*steps as u64), "Gathering [{bar:24}] {pos}/{len}  {msg}");
            }
            Event::StepEnded { step, status, duration } if self.verbose => {
                let (word, took) = (status.word(), text::length(*duration));
                Self::write(stage, &format!("          {step:<20} {word:<12} {took}\n"));
            }
            Event::Gathering { running, ended, bytes, redactions, .. } => {
                (stage.bytes, stage.redactions) = (*bytes, *redactions);
                if let Some(bar) = &stage.bar {
                    bar.set_position(*ended as u64);
                    let redactions = text::count(*redactions as usize, "redaction");
                    let message =
                        format!("{running} running, {}, {redactions}", text::size(*bytes));
                    bar.set_message(message);
                }
            }
            Event::Sealing => self.bar(stage, None, "Sealing   {spinner} {elapsed}"),
            Event::Sealed { bytes, .. } => {
                Self::clear(stage);
                let text = format!("{}, encrypted", text::size(*bytes));
                self.write_stage(stage, "Sealed", &text);
            }
            Event::Delivering { destination, .. } => {
                stage.uploading = false;
                self.bar(stage, None, "Sending   {spinner} {msg}");
                if let Some(bar) = &stage.bar {
                    bar.set_message(text::one_line(destination));
                }
            }
            Event::Sent { bytes, total, .. } => {
                if !stage.uploading {
                    stage.uploading = true;
                    let template = "Sending   [{bar:24}] {bytes}/{total_bytes}  {bytes_per_sec}";
                    self.bar(stage, Some(*total), template);
                }
                if let Some(bar) = &stage.bar {
                    bar.set_position(*bytes);
                }
            }
            Event::Retrying { reason, wait, .. } => {
                let text = format!("{reason}; the next try is in {}", text::length(*wait));
                self.write_stage(stage, "Retrying", &text);
            }
            Event::Delivered { sink, location, ticket } => {
                Self::clear(stage);
                let ticket = ticket.as_ref().map(|number| format!("ticket {number}, "));
                let text = format!("{sink}: {}{location}", ticket.unwrap_or_default());
                self.write_stage(stage, "Delivered", &text);
            }
            Event::NotDelivered { sink, reason, help } => {
                Self::clear(stage);
                let failure = Failure {
                    help: help.clone(),
                    ..Failure::unusable(format!("not delivered to `{sink}`: {reason}"))
                };
                Self::write(stage, &render(&failure, self.styles.error));
            }
            _ => {}
        }
    }
}

impl Voice for Terminal {
    fn say(&self, remark: &str) {
        Self::write(&self.stage(), &format!("{}\n", harmless(remark)));
    }

    fn outline(&self, outline: &dyn Fn() -> Outline) {
        let text = view::outline(&outline(), self.styles.error, view::width());
        Self::write(&self.stage(), &text);
    }

    fn gathered(&self, steps: &[StepRecord]) {
        let mut stage = self.stage();
        Self::clear(&mut stage);
        let gaps = view::gaps(steps, self.styles.error, self.verbose, view::width());
        Self::write(&stage, &gaps);
        let ran = steps.iter().filter(|step| step.entries > 0).count();
        let text = format!(
            "{} from {}, {}, in {}",
            text::size(stage.bytes),
            text::count(ran, "step"),
            text::count(stage.redactions as usize, "redaction"),
            text::length(stage.begun.elapsed())
        );
        self.write_stage(&stage, "Gathered", &text);
    }

    fn tried(&self, rehearsal: &Rehearsal<'_>) {
        Self::clear(&mut self.stage());
        let style = self.styles.output;
        super::print(&tried::table(rehearsal, style, self.verbose, view::width()));
    }

    fn ended(&self, ending: &Ending) {
        let mut stage = self.stage();
        Self::clear(&mut stage);
        Self::write(&stage, &view::ending(ending, self.styles.error));
        hand_over(ending);
    }

    fn failed(&self, failure: &Failure) {
        let mut stage = self.stage();
        Self::clear(&mut stage);
        Self::write(&stage, &render(failure, self.styles.error));
    }

    fn may_ask(&self) -> bool {
        io::stdin().is_terminal() && self.watched
    }

    fn styles(&self) -> Styles {
        self.styles
    }
}
