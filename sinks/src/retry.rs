//! Tries again what can pass by itself.

use crate::http::{Mask, upload::Answer};
use backon::{BackoffBuilder, ExponentialBuilder};
use collect_core::sink::{DeliveryError, Watch};
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How soon a wish to stop is noticed while waiting.
const TICK: Duration = Duration::from_millis(100);

/// How often, and how long in all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// Tries, the first included.
    pub(crate) tries: usize,
    /// The first wait; each further one is twice as long, and up to as much again at random, so
    /// that a fleet of hosts does not come back all at once.
    pub(crate) first_wait: Duration,
    /// A server's own wish (`Retry-After`) is granted up to this.
    pub(crate) longest_wait: Duration,
    /// All waits together.
    pub(crate) all_waits: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            tries: 6,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_mins(1),
            all_waits: Duration::from_mins(2),
        }
    }
}

/// A try that failed.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: DeliveryError,
    pub(crate) again: Again,
}

/// Whether to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// The same would happen.
    Never,
    /// Once in a delivery: it may have been an accident on the way.
    Once,
    /// After a wait.
    Later,
    /// After as long as the server wishes.
    After(Duration),
}

impl Again {
    /// As the server wishes by `Retry-After`, when it lets one ask again by `X-RateLimit-Reset`, or
    /// else after a wait.
    pub(crate) fn as_wished(answer: &Answer) -> Self {
        let now = Timestamp::now();
        let wish = answer.header("retry-after").and_then(|value| retry_after(value, now));
        let spent = answer.header("x-ratelimit-remaining") == Some("0");
        let reset = || answer.header("x-ratelimit-reset").filter(|_| spent).and_then(at_second);
        let until = |at: Timestamp| Duration::try_from(at.duration_since(now)).unwrap_or_default();
        wish.or_else(|| reset().map(until)).map_or(Self::Later, Self::After)
    }
}

impl From<DeliveryError> for Failed {
    fn from(error: DeliveryError) -> Self {
        Self { error, again: Again::Never }
    }
}

/// Runs `attempt` until it succeeds, fails for good, or has been tried often enough.
///
/// Every message goes through `mask`.
pub(crate) async fn retry<T>(
    schedule: &Schedule,
    mask: &Mask,
    watch: &dyn Watch,
    mut attempt: impl AsyncFnMut() -> Result<T, Failed>,
) -> Result<T, DeliveryError> {
    let mut waits = ExponentialBuilder::default()
        .with_min_delay(schedule.first_wait)
        .with_max_delay(schedule.longest_wait)
        .with_max_times(schedule.tries.saturating_sub(1))
        .with_jitter()
        .build();
    let mut patience = schedule.all_waits;
    let mut tries = 0;
    let mut second_chance = true;
    loop {
        tries += 1;
        let failed = match attempt().await {
            Ok(value) => return Ok(value),
            Err(failed) => failed,
        };
        let wish = match failed.again {
            Again::After(wish) => wish,
            _ => Duration::ZERO,
        };
        let wait = match failed.again {
            Again::Never => None,
            Again::Once => waits.next().filter(|_| std::mem::take(&mut second_chance)),
            Again::Later => waits.next(),
            Again::After(wish) => {
                waits.next().map(|wait| wait.max(wish.min(schedule.longest_wait)))
            }
        };
        let left = watch.left().unwrap_or(Duration::MAX);
        let worth = |wait: &Duration| *wait <= patience && wish.max(*wait) < left;
        let Some(wait) = wait.filter(worth) else {
            return Err(clean(failed.error, mask, tries));
        };
        patience -= wait;
        watch.retrying(&mask.clean(&failed.error.to_string()), wait);
        pause(wait, watch).await?;
    }
}

/// Waits, unless the user stops it.
async fn pause(wait: Duration, watch: &dyn Watch) -> Result<(), DeliveryError> {
    let end = Instant::now() + wait;
    loop {
        if watch.stopped() {
            return Err(DeliveryError::Stopped);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        sleep(left.min(TICK)).await;
    }
}

fn clean(error: DeliveryError, mask: &Mask, tries: usize) -> DeliveryError {
    let help_of = |help: Option<String>| help.map(|help| mask.clean(&help));
    match error {
        DeliveryError::Unreachable { reason, help } if tries > 1 => DeliveryError::Unreachable {
            reason: format!("{} (tried {tries} times)", mask.clean(&reason)),
            help: help_of(help),
        },
        DeliveryError::Unreachable { reason, help } => {
            DeliveryError::Unreachable { reason: mask.clean(&reason), help: help_of(help) }
        }
        DeliveryError::Refused { reason, help } => {
            DeliveryError::Refused { reason: mask.clean(&reason), help: help_of(help) }
        }
        other => other,
    }
}

/// A time in seconds since 1970.
fn at_second(value: &str) -> Option<Timestamp> {
    Timestamp::from_second(value.trim().parse().ok()?).ok()
}

/// Seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(value.trim()).ok()?.timestamp();
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    #[test]
    fn a_server_wishes_in_seconds_or_by_a_date() {
        let now = "2026-11-23T10:42:00Z".parse().unwrap();
        assert_eq!(retry_after("7", now), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Mon, 23 Nov 2026 10:42:09 GMT", now), Some(Duration::from_secs(9)));
        assert_eq!(retry_after("Mon, 23 Nov 2026 10:41:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
    }

    #[test]
    fn a_quota_that_is_spent_is_waited_for() {
        let answer = |headers: &[(&'static str, &str)]| Answer {
            status: reqwest::StatusCode::FORBIDDEN,
            headers: headers
                .iter()
                .map(|(name, value)| {
                    (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
                })
                .collect(),
            text: String::new(),
        };
        let reset = (Timestamp::now().as_second() + 1_000).to_string();
        let spent = ("x-ratelimit-remaining", "0");
        let Again::After(wait) = Again::as_wished(&answer(&[spent, ("x-ratelimit-reset", &reset)]))
        else {
            panic!("no wait");
        };
        assert!((900..=1_000).contains(&wait.as_secs()), "{wait:?}");
        let others: [&[_]; 3] = [
            &[("x-ratelimit-remaining", "7"), ("x-ratelimit-reset", &reset)],
            &[spent, ("x-ratelimit-reset", "2026-11-23T10:43Z")],
            &[],
        ];
        for other in others {
            assert_eq!(Again::as_wished(&answer(other)), Again::Later);
        }
    }
}
