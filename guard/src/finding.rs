//! What was found, for people and for programs.

use crate::{
    net::Net,
    rules::{Rule, What},
};
use collect_core::units::Size;
use jiff::Timestamp;
use serde::Serialize;
use std::{fmt, time::Duration};

/// An abuse that was found: one rule and one subject, with all times that it was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// The name of the rule.
    pub rule: String,
    /// Who: an address, a network, or a token by its place in its list.
    pub subject: String,
    /// The highest count within one window.
    pub count: u64,
    /// The count is no estimate.
    pub exact: bool,
    /// The rule's threshold.
    pub threshold: u64,
    /// The rule's window in seconds.
    pub window: i64,
    /// In how many windows it was reached.
    pub windows: usize,
    /// The first request that counts.
    pub first: Timestamp,
    /// The last.
    pub last: Timestamp,
    /// What was asked for: `PUT`, `GET`, `DELETE`, `LIST`, `other`.
    pub asked: Vec<&'static str>,
    /// Which tokens were used, by their place in their list; never the token.
    pub tokens: Vec<String>,
    /// Which of them should be replaced.
    pub rotate: Vec<String>,
    /// For a token: addresses that it was used from; not all if there are many.
    pub addresses: Vec<Net>,
    /// What follows.
    pub outcome: Outcome,
    /// No earlier run told of all of it.
    pub new: bool,
    #[serde(skip)]
    pub(crate) what: Option<What>,
}

/// What follows from a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Outcome {
    /// The address or network is kept out.
    Blocked {
        /// Until then.
        until: Timestamp,
        /// The how-manieth time.
        level: u32,
    },
    /// It is only said, as the rule wants it.
    Alert,
    /// It is only said, because the address is one that is never blocked, or its network holds one.
    Allowed,
    /// It is only said, because it was longer ago than log lines may be late.
    Past,
}

/// What was counted, in words.
pub(crate) fn words(what: What) -> &'static str {
    match what {
        What::Refused => "refused requests",
        What::WrongToken => "requests with the right Referer and a wrong token",
        What::WrongReferer => "requests with a valid token and a wrong Referer",
        What::MisusedToken => "requests that the token is not for",
        What::Guessing => "different wrong tokens",
        What::Uploads => "uploads",
        What::Bytes => "uploaded",
        What::Spread => "networks that use one token",
        What::Retired => "requests with a retired token",
    }
}

impl Finding {
    pub(crate) fn of(rule: &Rule, subject: String) -> Self {
        Self {
            rule: rule.name.clone(),
            subject,
            count: 0,
            exact: true,
            threshold: rule.threshold,
            window: rule.window,
            windows: 0,
            first: Timestamp::MAX,
            last: Timestamp::MIN,
            asked: Vec::new(),
            tokens: Vec::new(),
            rotate: Vec::new(),
            addresses: Vec::new(),
            outcome: Outcome::Alert,
            new: false,
            what: Some(rule.what),
        }
    }

    /// What was done, without who: `214 refused requests within 10m (limit 100)`.
    pub fn deed(&self) -> String {
        let about = if self.exact { "" } else { "about " };
        let window = span(self.window);
        match self.what {
            Some(What::Bytes) => format!(
                "{about}{} uploaded within {window} (limit {})",
                Size(self.count),
                Size(self.threshold)
            ),
            what => format!(
                "{about}{} {} within {window} (limit {})",
                self.count,
                what.map_or("requests", words),
                self.threshold
            ),
        }
    }

    /// What follows, in words.
    pub fn consequence(&self) -> String {
        let words = match self.outcome {
            Outcome::Blocked { until, level } => {
                let until = until.strftime("%Y-%m-%d %H:%M UTC");
                format!("blocked until {until} (time {level})")
            }
            Outcome::Alert => "alert".to_owned(),
            Outcome::Allowed => "alert: never blocked".to_owned(),
            Outcome::Past => "alert: too long ago to block".to_owned(),
        };
        match self.rotate.as_slice() {
            [] => words,
            tokens => format!("{words}; rotate {}", tokens.join(", ")),
        }
    }
}

/// A length of time as rules write it: `10m`, `1h`, `1d`.
pub(crate) fn span(seconds: i64) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "m")];
    let unit = units.into_iter().find(|(unit, _)| seconds >= *unit && seconds % unit == 0);
    unit.map_or_else(|| format!("{seconds}s"), |(unit, name)| format!("{}{name}", seconds / unit))
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) =
            (self.first.strftime("%Y-%m-%d %H:%M"), self.last.strftime("%H:%M UTC"));
        let last = if self.last.duration_since(self.first).unsigned_abs() > Duration::from_hours(20)
        {
            self.last.strftime("%Y-%m-%d %H:%M UTC")
        } else {
            last
        };
        write!(f, "{}: {}, {first} to {last}", self.subject, self.deed())?;
        if !self.tokens.is_empty() {
            write!(f, ", with {}", self.tokens.join(", "))?;
        }
        if !self.addresses.is_empty() {
            let addresses: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
            write!(f, ", from {}", addresses.join(", "))?;
        }
        write!(f, ": {}", self.consequence())
    }
}
