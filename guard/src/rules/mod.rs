//! What counts as abuse, and what follows.

mod problem;
mod read;
#[cfg(test)]
mod tests;

pub use problem::{Problem, RulesError};

use crate::{net::Net, token::Kind};
use serde::Deserialize;

/// The rules in force: the defaults with those of a file laid over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Networks that are never blocked.
    pub allow: Vec<Net>,
    /// ARNs of roles and users whose requests are not looked at.
    pub exempt_roles: Vec<String>,
    /// How many seconds the first, second, … block lasts; never empty.
    pub terms: Vec<i64>,
    /// After how many seconds without a block an address starts with the first term again.
    pub forget: i64,
    /// How many seconds late a log line may come.
    pub late: i64,
    /// How many blocked addresses of a network block the network; 0 never does.
    pub aggregate: usize,
    /// The rules that are not off, by name.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name: `[rules.NAME]`.
    pub name: String,
    /// What is counted.
    pub what: What,
    /// At what count it is an offence.
    pub threshold: u64,
    /// Within how many seconds.
    pub window: i64,
    /// By whom it is counted.
    pub on: On,
    /// What follows.
    pub action: Action,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Requests that were refused.
    Refused,
    /// Requests with the right Referer and no token.
    WrongToken,
    /// Requests with a valid token and a wrong Referer.
    WrongReferer,
    /// Requests that a token is not for.
    MisusedToken,
    /// Different User-Agents that are no token.
    Guessing,
    /// Objects stored.
    Uploads,
    /// Bytes stored.
    Bytes,
    /// Networks that one token is used from.
    Spread,
    /// Requests with a retired token.
    Retired,
}

/// By whom is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// By IPv4 address, or /64 of IPv6.
    Address,
    /// By /24, or /48 of IPv6.
    Network,
    /// By token of a kind.
    Token(Kind),
}

/// What follows from an offence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is said, and the address is kept out for a time.
    Block,
    /// It is said.
    Alert,
    /// Nothing; the rule is not in force.
    Off,
}

impl What {
    /// Whether it is counted by token, and so can block nobody.
    pub fn is_of_tokens(self) -> bool {
        matches!(self, Self::Spread | Self::Retired)
    }
}

impl Rules {
    /// The text of the defaults, with comments: the place where they are documented.
    pub const DEFAULT_TEXT: &'static str = include_str!("default.toml");

    /// The rules of a file, laid over the defaults; `file` is its name in messages.
    ///
    /// # Errors
    ///
    /// Names what is wrong with it, with line and suggestion.
    pub fn parse(file: &str, text: &str) -> Result<Self, RulesError> {
        read::parse(file, text)
    }

    /// Adds networks that are never blocked.
    #[must_use]
    pub fn allowing(mut self, networks: impl IntoIterator<Item = Net>) -> Self {
        self.allow.extend(networks);
        self
    }

    /// Adds roles and users, by ARN, whose requests are not looked at.
    #[must_use]
    pub fn exempting(mut self, arns: impl IntoIterator<Item = String>) -> Self {
        self.exempt_roles.extend(arns);
        self
    }

    pub(crate) fn allows(&self, net: Net) -> bool {
        self.allow.iter().any(|allowed| allowed.overlaps(net))
    }

    /// How long a block lasts the so-manieth time, from 1.
    pub(crate) fn term(&self, level: u32) -> i64 {
        let last = self.terms.len().saturating_sub(1);
        let index = (level.max(1) as usize - 1).min(last);
        self.terms.get(index).copied().unwrap_or(3600)
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::parse("the default rules", "").expect("the default rules are valid, as a test shows")
    }
}
