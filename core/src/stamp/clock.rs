//! From what a line says to an instant: time zones, years that are left out, clocks that begin with
//! the boot.

use jiff::{
    Timestamp, civil,
    tz::{AmbiguousOffset, TimeZone},
};

/// Microseconds in a second.
pub(super) const SECOND: i64 = 1_000_000;

const DAY: i64 = 86_400;

/// Local times are looked up by quarters of an hour: no zone has changed its offset more finely
/// since 1972.
const QUARTER: i64 = 900;

/// How many years are tried for a line without one: the 29th of February can be eight years away.
const YEARS: i64 = 8;

/// The instants that a time stamp may stand for, in microseconds since 1970, both included: a whole
/// second where it has no fraction, and both hours where the clock was set back by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The first instant.
    pub from: i64,
    /// The last instant.
    pub to: i64,
}

impl Moment {
    /// The first instant.
    pub fn timestamp(self) -> Option<Timestamp> {
        Timestamp::from_microsecond(self.from).ok()
    }

    fn at(second: i64, part: Part) -> Option<Self> {
        let from = second.checked_mul(SECOND)?.checked_add(part.micros)?;
        Some(Self { from, to: from.checked_add(part.width - 1)? })
    }
}

/// The part of a second: microseconds, and how many of them the last digit stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) micros: i64,
    pub(super) width: i64,
}

impl Part {
    /// No fraction is said.
    pub(super) const NONE: Self = Self { micros: 0, width: SECOND };
}

/// A date and time of a line: seconds since 1970 as if it were in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) second: i64,
    pub(super) part: Part,
}

/// A day of a line that says no year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Yearless {
    pub(super) month: u8,
    pub(super) day: u8,
    /// Seconds of the day.
    pub(super) second: i64,
    pub(super) part: Part,
}

/// Makes instants of what lines of one source say.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    zone: TimeZone,
    /// When the source was written to last: no line without a year is much later.
    latest: i64,
    /// When the host was started, if the source was written since.
    pub(super) booted: Option<i64>,
    /// The last month and day without a year, and when that day begins, if the next such day
    /// is too late at any time of it.
    day: Option<(u8, u8, i64)>,
    quarter: i64,
    /// The offset in that quarter of an hour, if it is one offset.
    offset: Option<i64>,
}

impl Clock {
    pub(super) fn new(zone: TimeZone, latest: Timestamp, booted: Option<Timestamp>) -> Self {
        let booted = booted.filter(|booted| *booted <= latest);
        Self {
            zone,
            latest: latest.as_second(),
            booted: booted.map(Timestamp::as_second),
            day: None,
            quarter: i64::MIN,
            offset: None,
        }
    }

    /// A time in UTC, or at an offset from it.
    pub(super) fn fixed(civil: Civil, offset: i64) -> Option<Moment> {
        Moment::at(civil.second - offset, civil.part)
    }

    /// A time of the host's zone. One that the clock shows twice may be both, and one that it skips
    /// is what clocks would say that were set late or early.
    pub(super) fn local(&mut self, civil: Civil) -> Option<Moment> {
        let quarter = civil.second.div_euclid(QUARTER);
        if quarter != self.quarter {
            self.quarter = quarter;
            let (first, last) = (quarter * QUARTER, quarter * QUARTER + QUARTER - 1);
            self.offset = match (self.offsets(first)?, self.offsets(last)?) {
                ((a, b), (c, d)) if a == b && c == d && a == c => Some(a),
                _ => None,
            };
        }
        if let Some(offset) = self.offset {
            return Self::fixed(civil, offset);
        }
        let (one, other) = self.offsets(civil.second)?;
        let (one, other) = (Self::fixed(civil, one)?, Self::fixed(civil, other)?);
        Some(Moment { from: one.from.min(other.from), to: one.to.max(other.to) })
    }

    /// A time of the host's zone that says no year: the latest that is not more than a day after
    /// the source was written to.
    pub(super) fn yearless(&mut self, at: Yearless) -> Option<Moment> {
        let latest = self.latest + DAY;
        if let Some((month, day, midnight)) = self.day
            && (month, day) == (at.month, at.day)
        {
            let moment = self.local(Civil { second: midnight + at.second, part: at.part })?;
            if moment.from <= latest * SECOND {
                return Some(moment);
            }
        }
        let year = i64::from(Timestamp::from_second(latest).ok()?.to_zoned(TimeZone::UTC).year());
        // The zone may be a year ahead.
        (year - YEARS..=year + 1).rev().find_map(|year| {
            let midnight = days(year, at.month, at.day)? * DAY;
            let moment = self.local(Civil { second: midnight + at.second, part: at.part })?;
            let is_it = moment.from <= latest * SECOND;
            let next = days(year + 1, at.month, at.day).map_or(i64::MAX, |day| day * DAY);
            if is_it && next.saturating_sub(DAY) > latest {
                self.day = Some((at.month, at.day, midnight));
            }
            is_it.then_some(moment)
        })
    }

    /// So long after the host was started, if that is known.
    pub(super) fn since_boot(&self, second: i64, part: Part) -> Option<Moment> {
        Moment::at(self.booted?.checked_add(second)?, part)
    }

    /// The offset at a local time in seconds, twice, or the two between which the clock was set.
    fn offsets(&self, second: i64) -> Option<(i64, i64)> {
        let at = Timestamp::from_second(second).ok()?;
        let local: civil::DateTime = TimeZone::UTC.to_datetime(at);
        Some(match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => {
                let seconds = i64::from(offset.seconds());
                (seconds, seconds)
            }
            AmbiguousOffset::Gap { before, after } | AmbiguousOffset::Fold { before, after } => {
                (i64::from(before.seconds()), i64::from(after.seconds()))
            }
        })
    }
}

/// Days since 1970-01-01 in the Gregorian calendar; `None` if there is no such day.
pub(super) fn days(year: i64, month: u8, day: u8) -> Option<i64> {
    const LENGTHS: [u8; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = *LENGTHS.get(usize::from(month).checked_sub(1)?)?;
    let longest = longest + u8::from(leap && month == 2);
    if day == 0 || day > longest || !(1970..10_000).contains(&year) {
        return None;
    }
    // Years that begin in March, so that the day of a leap year is the last.
    let (month, day) = (i64::from(month), i64::from(day));
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468)
}
