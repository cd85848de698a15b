//! `collect` with collectors that go wrong: what the fault tests in `tests/faults.rs` run.
//!
//! Not an example to copy; that is `examples/private-collector`.

mod hangs;
mod panics;

fn main() -> std::process::ExitCode {
    collect_cli::main()
}
