//! Makes cargo notice a new plugin file, which `automod` alone would not.

fn main() {
    println!("cargo::rerun-if-changed=src/plugins");
    println!("cargo::rerun-if-changed=src/tickets");
}
