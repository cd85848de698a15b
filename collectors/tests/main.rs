//! The collectors on the real host that runs the tests: what they say is what stock tools say.
#![expect(clippy::disallowed_types, reason = "tests ask the stock tools")]

mod kit;
mod login_banner;
mod registry;

mod stock {
    automod::dir!("tests/stock");
}
