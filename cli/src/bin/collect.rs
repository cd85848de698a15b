//! Gathers what a product's team needs to understand a problem, and sends it to nobody else.

fn main() -> std::process::ExitCode {
    collect_cli::main()
}
