//! `collect` with a collector of our own, which is the one file beside this one.
mod queue;
fn main() -> std::process::ExitCode {
    collect_cli::main()
}
