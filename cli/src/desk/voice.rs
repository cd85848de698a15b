//! How the desk speaks: data to standard output, everything else to standard error.

use super::args::Common;
use crate::{
    exit::Failure,
    report::{Styles, render},
    text::{self, harmless},
};
use collect_core::sink::Watch;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::{
    io::{self, BufRead, IsTerminal, Write},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// The narrowest terminal that is written for.
const NARROW: usize = 40;

/// The voice of one run.
#[derive(Clone)]
pub(crate) struct Voice {
    pub(crate) json: bool,
    pub(crate) styles: Styles,
    quiet: bool,
    /// The bar that is on the screen, if somebody looks.
    bar: Arc<Mutex<Option<ProgressBar>>>,
}

impl Voice {
    pub(super) fn new(common: &Common) -> Self {
        let (json, quiet) = (common.json, common.quiet || common.json);
        Self { json, quiet, styles: Styles::new(common.color), bar: Arc::default() }
    }

    /// A remark that a person may want to know.
    pub(crate) fn say(&self, remark: &str) {
        if !self.quiet {
            self.write(&format!("{}\n", harmless(remark)));
        }
    }

    /// Something that must be seen.
    pub(crate) fn warn(&self, warning: &str) {
        if self.json {
            self.object(&serde_json::json!({ "event": "warning", "message": warning }));
        } else {
            let style = self.styles.error;
            self.write(&format!("{} {}\n", style.careful("warning:"), harmless(warning)));
        }
    }

    /// Why a command did not do what it was asked for, or a part of it.
    pub(crate) fn failed(&self, failure: &Failure) {
        if self.json {
            self.object(&failure.event());
        } else {
            self.write(&render(failure, self.styles.error));
        }
    }

    /// One object on a line of standard output. Says whether anybody still reads.
    pub(crate) fn object(&self, object: &impl Serialize) -> bool {
        serde_json::to_string(object).is_ok_and(|line| self.line(&line))
    }

    /// One line on standard output. Says whether anybody still reads.
    pub(crate) fn line(&self, line: &str) -> bool {
        let write = || {
            let mut output = io::stdout().lock();
            writeln!(output, "{line}").and_then(|()| output.flush())
        };
        match &*self.bar() {
            Some(bar) => bar.suspend(write).is_ok(),
            None => write().is_ok(),
        }
    }

    /// Whether somebody is there who can be asked.
    pub(crate) fn may_ask(&self) -> bool {
        !self.quiet && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks whether to do something that cannot be undone: only a plain yes is one.
    pub(crate) fn agree(&self, question: &str) -> bool {
        _ = rustix::termios::tcflush(
            rustix::stdio::stdin(),
            rustix::termios::QueueSelector::IFlush,
        );
        self.write(&format!("{} [y/N] ", harmless(question)));
        let mut typed = String::new();
        let read = io::stdin().lock().read_line(&mut typed);
        if !typed.ends_with('\n') {
            // Whoever ends the input leaves the line open.
            self.write("\n");
        }
        read.is_ok() && matches!(typed.trim().to_lowercase().as_str(), "y" | "yes")
    }

    /// Shows how far something is, until it is dropped.
    pub(crate) fn progress(&self, verb: &str, total: u64, is_bytes: bool) -> Progress {
        if !self.quiet && io::stderr().is_terminal() {
            let bar = ProgressBar::new(total);
            let numbers =
                if is_bytes { "{bytes}/{total_bytes}  {bytes_per_sec}" } else { "{pos}/{len}" };
            let template = format!("{verb:<9} [{{bar:24}}] {numbers}");
            let style = ProgressStyle::with_template(&template).expect("it is well formed");
            bar.set_style(style.progress_chars("=> "));
            bar.enable_steady_tick(Duration::from_millis(120));
            *self.bar() = Some(bar);
        }
        Progress(self.clone())
    }

    fn write(&self, text: &str) {
        let write = || _ = io::stderr().lock().write_all(text.as_bytes());
        match &*self.bar() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn bar(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The width of the terminal that standard output is; none if it is none.
pub(crate) fn width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).ok()?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col).max(NARROW))
}

/// How far something is.
pub(crate) struct Progress(Voice);

impl Progress {
    /// So much more is done.
    pub(crate) fn add(&self, done: u64) {
        if let Some(bar) = &*self.0.bar() {
            bar.inc(done);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = self.0.bar().take() {
            bar.finish_and_clear();
        }
    }
}

/// Tells of retries, and of a wish to stop.
pub(crate) struct Follower {
    pub(crate) voice: Voice,
    pub(crate) stop: Arc<AtomicBool>,
}

impl Watch for Follower {
    fn sent(&self, _bytes: u64, _total: u64) {}

    fn retrying(&self, reason: &str, wait: Duration) {
        self.voice.say(&format!("{reason}; the next try is in {}", text::length(wait)));
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
