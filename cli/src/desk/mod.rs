//! `collect-desk`: support's side of the tool. `collect` holds none of this.

mod args;
mod guard;
mod open;
mod reports;
mod settings;
mod tickets;
mod tokens;
mod voice;

use crate::{
    exit::{Exit, Failure},
    keep_panics_quiet, manners, panic_said, report,
};
use args::{Cli, Command, Tickets};
use clap::{CommandFactory, Parser};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};
use voice::Voice;

/// Runs `collect-desk` with the arguments of this process, and says how it ended.
pub fn main() -> ExitCode {
    keep_panics_quiet();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return crate::usage(&error).into(),
    };
    let voice = Voice::new(&cli.common);
    let ended = catch_unwind(AssertUnwindSafe(|| dispatch(&cli, &voice)));
    let ended = ended.unwrap_or_else(|_| Err(defect()));
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            voice.failed(&failure);
            failure.exit.into()
        }
    }
}

fn dispatch(cli: &Cli, voice: &Voice) -> Result<Exit, Failure> {
    manners::forbid_core_dumps();
    match &cli.command {
        Command::Reports(command) => {
            let settings = settings::read(cli.common.config.as_deref())?;
            reports::dispatch(command, &settings.open()?, voice)
        }
        Command::Tokens(command) => tokens::dispatch(command, voice),
        Command::Open(wanted) => open::open(wanted, voice),
        Command::Tickets(Tickets::Test(wanted)) => tickets::test(wanted, voice),
        Command::Guard(wanted) if wanted.default_rules => {
            report::print(collect_guard::Rules::DEFAULT_TEXT);
            Ok(Exit::Complete)
        }
        Command::Guard(wanted) => {
            let settings = settings::read_if_any(cli.common.config.as_deref())?;
            guard::dispatch(wanted, settings.as_ref(), voice)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "collect-desk", &mut script);
            report::print(&String::from_utf8_lossy(&script));
            Ok(Exit::Complete)
        }
    }
}

fn defect() -> Failure {
    Failure::new(Exit::Defect, format!("a defect in collect-desk: {}", panic_said()))
        .help("please report it with this line")
}
