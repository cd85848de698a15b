//! The command line of `collect`: the only place that prints, asks, exits and reads the environment.
//!
//! It is a library so that a binary with plugins of its own is five lines:
//!
//! ```no_run
//! // use my_collectors as _;
//! fn main() -> std::process::ExitCode {
//!     collect_cli::main()
//! }
//! ```

mod args;
mod commands;
mod conversation;
mod desk;
mod exit;
mod manners;
mod outline;
mod paths;
mod report;
mod signals;
mod submission;
mod text;

// A crate that no source names is not linked, and with it its plugins.
use collect_collectors as _;
use collect_sinks as _;

pub use desk::main as desk;

use exit::{Exit, Failure};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    sync::Mutex,
};

/// Runs `collect` with the arguments of this process, and says how it ended.
pub fn main() -> ExitCode {
    keep_panics_quiet();
    let cli = match args::Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return usage(&error).into(),
    };
    let voice = report::voice(&cli.common);
    let ended = catch_unwind(AssertUnwindSafe(|| commands::dispatch(&cli, &*voice)));
    let ended = ended.unwrap_or_else(|_| Err(defect()));
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            voice.failed(&failure);
            failure.exit.into()
        }
    }
}

/// Prints what clap has to say; a mistake is a mistake like any other, so it has our exit code.
fn usage(error: &clap::Error) -> Exit {
    // Nobody is there to be told that nobody listens.
    _ = error.print();
    if error.use_stderr() { Exit::Unusable } else { Exit::Complete }
}

/// Where the last panic of the main thread happened, and what it said.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Panics of plugins are caught and end up in the manifest, or as a delivery that failed: they must
/// not tear up the screen as well.
fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|panic| {
        if std::thread::current().name() == Some("main") {
            let payload = panic.payload();
            let said = payload.downcast_ref::<&str>().copied();
            let said = said.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            let at = panic.location().map(|at| format!(" ({}:{})", at.file(), at.line()));
            let text = format!("{}{}", said.unwrap_or("a panic"), at.unwrap_or_default());
            if let Ok(mut last) = PANIC.lock() {
                *last = Some(text);
            }
        }
    }));
}

/// What the last panic of the main thread said.
fn panic_said() -> String {
    PANIC.lock().ok().and_then(|mut last| last.take()).unwrap_or_default()
}

fn defect() -> Failure {
    Failure::new(Exit::Defect, format!("a defect in collect: {}", panic_said())).help(
        "please report it with this line; what you typed is kept, and offered again by the next run",
    )
}
