//! The collectors on the real host that runs the tests: what they say is what stock tools say.
#![expect(clippy::disallowed_types, reason = "tests ask the stock tools")]
#![expect(clippy::print_stdout, reason = "tests say what they skip")]

mod kit;

mod stock {
    automod::dir!("tests/stock");
}
