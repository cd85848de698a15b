//! Support's side: what reached the bucket, and who may get in.

fn main() -> std::process::ExitCode {
    collect_cli::desk()
}
