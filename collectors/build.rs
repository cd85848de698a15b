//! Has the crate compiled anew when a plugin is added or removed, which the list of modules that
//! `automod` makes would not notice.

fn main() {
    for folder in ["src/plugins", "src/redactors", "tests/stock"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
