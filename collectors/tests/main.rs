//! All collectors, held to what is true of each, and on the real host that runs the tests: what they
//! say is what stock tools say.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "tests ask the stock tools, and read the sources"
)]

#[cfg(test)]
mod kit;
#[cfg(test)]
mod login_banner;
#[cfg(test)]
mod registry;

#[cfg(test)]
mod stock {
    automod::dir!("tests/stock");
}
