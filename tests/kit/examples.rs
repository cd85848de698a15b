//! Builds the crates in `examples/`, as their readers would.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

/// The binary of an example crate, built by cargo into the target folder that the tests run from.
pub(crate) fn example(package: &str) -> PathBuf {
    // Two cargos would only wait for each other.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);

    let collect = Path::new(env!("CARGO_BIN_EXE_collect"));
    let profile = collect.parent().unwrap();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--quiet", "--locked", "--package", package])
        .args(["--target-dir".as_ref(), profile.parent().unwrap()])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let built = cargo.output().unwrap();
    assert!(built.status.success(), "{cargo:?}\n{}", String::from_utf8_lossy(&built.stderr));
    profile.join(package)
}
