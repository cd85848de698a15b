//! How long a run may take.

use collect_core::sink::Watch;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// The end of a run. Nothing is begun that would not be over by then.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    /// When the run is ended from outside.
    at: Timestamp,
    /// What is kept free before that, and given to others after it: clocks differ, and what is
    /// under way takes its time.
    pub(super) margin: Duration,
}

impl Deadline {
    /// The end of a run that may take `timeout`, and that the runtime ends at `at` if that is not
    /// past already: an emulator may not know.
    pub fn new(at: Timestamp, now: Timestamp, timeout: Duration) -> Self {
        let later = now.saturating_add(timeout).unwrap_or(Timestamp::MAX);
        Self { at: if at > now { at } else { later }, margin: timeout / 10 }
    }

    /// Until when nobody else may do what this run has begun.
    pub(super) fn claim(&self) -> Timestamp {
        self.at.saturating_add(self.margin).unwrap_or(Timestamp::MAX)
    }

    /// Whether there is time enough to begin something that should not break off.
    pub(super) fn is_far(&self) -> bool {
        self.remaining() > self.margin
    }

    fn remaining(&self) -> Duration {
        let free = SignedDuration::try_from(self.margin / 2).unwrap_or_default();
        let remaining = self.at.duration_since(Timestamp::now()) - free;
        Duration::try_from(remaining).unwrap_or_default()
    }
}

impl Watch for Deadline {
    fn sent(&self, _bytes: u64, _total: u64) {}

    fn retrying(&self, _reason: &str, _wait: Duration) {}

    fn stopped(&self) -> bool {
        self.remaining().is_zero()
    }

    fn left(&self) -> Option<Duration> {
        Some(self.remaining())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_is_past_is_not_known() {
        let (now, timeout) = (Timestamp::now(), Duration::from_mins(5));
        let unknown = Deadline::new(Timestamp::from_second(600).unwrap(), now, timeout);
        assert_eq!(unknown.at, now + SignedDuration::from_mins(5));
        assert!(unknown.is_far() && !unknown.stopped());
        let soon = Deadline::new(now + SignedDuration::from_secs(20), now, timeout);
        assert!(!soon.is_far() && !soon.stopped(), "no time to begin, but to end");
        let over = Deadline::new(now + SignedDuration::from_secs(10), now, timeout);
        assert!(over.stopped(), "before AWS ends it");
        assert_eq!(soon.claim(), now + SignedDuration::from_secs(50));
    }
}
