//! Sizes and times, as people write them.

use jiff::{Span, Timestamp, ToSpan, Zoned, civil, tz::TimeZone};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

/// A number of bytes, written `"200MB"` (10⁶), `"64MiB"` (2²⁰) or as a plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.trim()
            .parse::<bytesize::ByteSize>()
            .map(|size| Self(size.as_u64()))
            .map_err(|_| format!("`{text}` is no size; write it like `200MB` or `64MiB`"))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&bytesize::ByteSize(self.0).display().si(), f)
    }
}

/// A length of time, written `"90s"`, `"5m"`, `"1h 30m"` or `"2 days"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Length(pub Duration);

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no length of time; write it like `90s`, `5m` or `24h`");
        let span: Span = text.trim().parse().map_err(|_| wrong())?;
        let length =
            span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
        Duration::try_from(length).map(Self).map_err(|_| wrong())
    }
}

/// A point in time, written as an age (`"24h"`, `"3 days ago"`), a date and time of this host
/// (`"2026-11-23 10:42"`), an RFC 3339 time stamp, or `now`, `today`, `yesterday`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimePoint {
    /// So long before the run.
    Ago(Span2),
    /// At that date and time of the host's time zone.
    Local(civil::DateTime),
    /// At that instant.
    At(Timestamp),
    /// At midnight, so many days before the day of the run.
    Midnight(i8),
}

/// A span that can be compared, because it is compared by its parts.
#[derive(Clone, Copy, Debug)]
pub struct Span2(Span);

impl PartialEq for Span2 {
    fn eq(&self, other: &Self) -> bool {
        self.0.fieldwise() == other.0.fieldwise()
    }
}

impl Eq for Span2 {}

impl TimePoint {
    /// The instant that is meant in a run that began at `now`, in the time zone `zone`.
    pub fn resolve(&self, now: Timestamp, zone: &TimeZone) -> Timestamp {
        let zoned: Zoned = now.to_zoned(zone.clone());
        match self {
            Self::Ago(span) => {
                zoned.checked_sub(span.0).map_or(Timestamp::MIN, |at| at.timestamp())
            }
            Self::Local(at) => at.to_zoned(zone.clone()).map_or(now, |at| at.timestamp()),
            Self::At(at) => *at,
            Self::Midnight(days) => zoned
                .checked_sub(i64::from(*days).days())
                .and_then(|day| day.start_of_day())
                .map_or(now, |at| at.timestamp()),
        }
    }
}

impl FromStr for TimePoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = text.trim();
        match plain {
            "now" => return Ok(Self::Ago(Span2(Span::new()))),
            "today" => return Ok(Self::Midnight(0)),
            "yesterday" => return Ok(Self::Midnight(1)),
            _ => {}
        }
        if let Ok(at) = plain.parse::<Timestamp>() {
            return Ok(Self::At(at));
        }
        if let Ok(at) = plain.parse::<civil::DateTime>() {
            return Ok(Self::Local(at));
        }
        if let Ok(at) = civil::DateTime::strptime("%Y-%m-%d %H:%M", plain) {
            return Ok(Self::Local(at));
        }
        let age = plain.strip_prefix('-').unwrap_or(plain);
        if let Ok(span) = age.strip_suffix("ago").unwrap_or(age).trim().parse::<Span>()
            && !span.is_negative()
        {
            return Ok(Self::Ago(Span2(span)));
        }
        Err(format!(
            "`{text}` is no time; write it like `24h`, `2026-11-23 10:42`, `yesterday` or \
             `2026-11-23T10:42:00Z`"
        ))
    }
}

macro_rules! written_as_text {
    ($type:ty, $example:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "examples": [$example] })
            }
        }
    };
}

written_as_text!(Length, "5m");
written_as_text!(TimePoint, "24h");
written_as_text!(Size, "200MB");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_lengths_are_read_as_people_write_them() {
        assert_eq!("200MB".parse(), Ok(Size(200_000_000)));
        assert_eq!("64MiB".parse(), Ok(Size(64 << 20)));
        assert_eq!("5m".parse(), Ok(Length(Duration::from_mins(5))));
        assert_eq!("2 days".parse(), Ok(Length(Duration::from_hours(48))));
        assert!("much".parse::<Size>().unwrap_err().contains("`200MB`"));
        assert!("-5m".parse::<Length>().is_err());
    }

    #[test]
    fn points_in_time_are_meant_from_the_run_and_its_time_zone() {
        let now: Timestamp = "2026-11-23T10:42:00Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let at = |text: &str| text.parse::<TimePoint>().unwrap().resolve(now, &zone).to_string();
        assert_eq!(at("24h"), "2026-11-22T10:42:00Z");
        assert_eq!(at("3 days ago"), "2026-11-20T10:42:00Z");
        assert_eq!(at("2026-11-23 10:42"), "2026-11-23T09:42:00Z");
        assert_eq!(at("2026-11-23"), "2026-11-22T23:00:00Z");
        assert_eq!(at("yesterday"), "2026-11-21T23:00:00Z");
        assert_eq!(at("2026-11-23T10:42:00+02:00"), "2026-11-23T08:42:00Z");
        assert!("someday".parse::<TimePoint>().unwrap_err().contains("`24h`"));
    }
}
