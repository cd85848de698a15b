//! The collectors on the real host that runs the tests: what they say is what stock tools say.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests ask the stock tools, and say what they skip"
)]

mod kit;

mod stock {
    automod::dir!("tests/stock");
}
