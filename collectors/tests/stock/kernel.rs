//! `kernel`, held to `uname`.

use crate::kit::{collected, json, stock};

#[test]
fn the_kernel_is_what_uname_says() {
    let Some(release) = stock(&["uname", "-r"]) else {
        return;
    };
    let kernel = json(&collected("kernel", ""), "summary.json");
    assert_eq!(kernel["release"], release.trim());
}
