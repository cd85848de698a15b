//! Reads one log and prints what was found: the least that a program of yours needs.
//!
//!     cargo run --release -p collect-guard --example read_log -- access.log

#![expect(
    clippy::print_stdout,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a program"
)]

use collect_guard::{Guard, Rules, State, Tokens};
use std::{env, error::Error, fs::File};

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args_os().next_back().ok_or("name a log")?;
    let mut guard =
        Guard::new(Rules::default(), Tokens::new(), State::default(), jiff::Timestamp::now());
    guard.read(File::open(path)?)?;
    let verdict = guard.finish();
    for finding in &verdict.findings {
        println!("{finding}");
    }
    println!("{} lines, {} malformed", verdict.tally.lines, verdict.tally.malformed);
    Ok(())
}
