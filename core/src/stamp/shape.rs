//! The forms in which programs write the time, recognised byte by byte.

use super::clock::{Civil, Clock, Moment, Part, SECOND, Yearless, days};

/// What kind of time stamp: lines of one source agree on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `2026-11-23T10:42:01.5Z`, `2026-11-23 10:42:01,500`, `2026/11/23 10:42:01`, with or without a
    /// zone.
    Date,
    /// `20261123T104201Z`, `20261123 10:42:01`.
    Compact,
    /// `23/Nov/2026:10:42:01 +0000`, `23-Nov-2026 10:42:01.500`, `23 Nov 2026 10:42:01`.
    DayFirst,
    /// `Nov 23 10:42:01`, `Nov 23 2026 10:42:01`, `Nov 23, 2026 10:42:01 AM`.
    MonthFirst,
    /// `Mon Nov 23 10:42:01 2026`, `Mon, 23 Nov 2026 10:42:01 +0000`.
    Weekday,
    /// `I1123 10:42:01.123456`, `I20261123 10:42:01.123456`.
    Klog,
    /// `1795430521`, `1795430521.123`, `1795430521123`: since 1970.
    Epoch,
    /// `12.345678` in brackets: since the host was started.
    Boot,
}

/// Seconds since 1970 that a number must lie between to be a time: 2001 to 2096.
const EPOCH: std::ops::Range<i64> = 1_000_000_000..4_000_000_000;

const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
const WEEKDAYS: &[u8; 21] = b"MonTueWedThuFriSatSun";

/// Reads the time that a text begins with. Plain numbers are times only where they are expected.
pub(super) fn read(text: &[u8], clock: &mut Clock, numbers: bool) -> Option<(Shape, Moment)> {
    let mut at = Cursor { text, at: 0 };
    match text.first()? {
        b'0'..=b'9' => number(&mut at, clock, numbers),
        b'A'..=b'Z' => word(&mut at, clock),
        _ => None,
    }
}

/// Reads `[   12.345678]`, of which the text begins behind the bracket.
pub(super) fn since_boot(text: &[u8], clock: &Clock) -> Option<(Shape, Moment)> {
    clock.booted?;
    let mut at = Cursor { text, at: 0 };
    at.spaces();
    let (second, digits) = at.number()?;
    if digits > 9 || at.peek() != Some(b'.') {
        return None;
    }
    let part = at.fraction();
    // A process or thread may stand behind it.
    at.spaces();
    let ends = matches!(at.peek(), Some(b']' | b'T' | b'C'));
    ends.then(|| clock.since_boot(second, part)).flatten().map(|moment| (Shape::Boot, moment))
}

fn number(at: &mut Cursor<'_>, clock: &mut Clock, numbers: bool) -> Option<(Shape, Moment)> {
    let (value, digits) = at.number()?;
    match (digits, at.peek()) {
        (4, Some(separator @ (b'-' | b'/' | b'.'))) => {
            let date = at.month_and_day(value, separator)?;
            if !matches!(at.next()?, b'T' | b't' | b' ' | b'_' | b'-' | b':') {
                return None;
            }
            at.spaces();
            let time = at.time()?;
            at.zoned(date, time, clock).map(|moment| (Shape::Date, moment))
        }
        (1 | 2, Some(separator @ (b'/' | b'-' | b' ' | b'.'))) => {
            at.at += 1;
            let month = at.month()?;
            at.literal(separator)?;
            let year = at.exactly(4)?;
            let date = days(year, month, u8::try_from(value).ok()?)?;
            if !matches!(at.next()?, b':' | b' ' | b'T') {
                return None;
            }
            let time = at.time()?;
            at.zoned(date, time, clock).map(|moment| (Shape::DayFirst, moment))
        }
        (8, Some(b'T' | b't' | b' ' | b'-' | b'_')) => {
            let (month, day) = month_and_day(value)?;
            let date = days(value / 10_000, month, day)?;
            at.at += 1;
            let colon = at.text.get(at.at + 2) == Some(&b':');
            let time = if colon { at.time() } else { at.compact_time() }?;
            at.zoned(date, time, clock).map(|moment| (Shape::Compact, moment))
        }
        (10 | 13 | 16 | 19, _) if numbers => at.epoch(value, digits),
        _ => None,
    }
}

fn word(at: &mut Cursor<'_>, clock: &mut Clock) -> Option<(Shape, Moment)> {
    let text = at.text;
    match text.get(3)? {
        b' ' => {
            if let Some(month) = at.month() {
                return month_first(at, month, clock);
            }
            at.weekday()?;
            at.spaces();
            let month = at.month()?;
            let day = at.day()?;
            at.literal(b' ')?;
            let time = at.time()?;
            at.spaces();
            let zone = at.named_zone();
            at.spaces();
            let year = at.exactly(4)?;
            let civil = time.on(days(year, month, day)?);
            let moment = if zone { Clock::fixed(civil, 0) } else { clock.local(civil) };
            moment.map(|moment| (Shape::Weekday, moment))
        }
        b',' => {
            at.weekday()?;
            at.at += 1;
            let day = at.day()?;
            at.literal(b' ')?;
            let month = at.month()?;
            at.literal(b' ')?;
            let date = days(at.exactly(4)?, month, day)?;
            at.literal(b' ')?;
            let time = at.time()?;
            at.zoned(date, time, clock).map(|moment| (Shape::Weekday, moment))
        }
        b'0'..=b'9' if matches!(text[0], b'I' | b'W' | b'E' | b'F' | b'D') => {
            at.at = 1;
            let (value, digits) = at.number()?;
            at.literal(b' ')?;
            let time = at.time()?;
            // Always with a fraction: anything else that looks like it is a number of something.
            if time.part == Part::NONE {
                return None;
            }
            let (month, day) = month_and_day(value)?;
            let moment = match digits {
                4 => clock.yearless(time.without_year(month, day)),
                8 => clock.local(time.on(days(value / 10_000, month, day)?)),
                _ => None,
            };
            moment.map(|moment| (Shape::Klog, moment))
        }
        _ => None,
    }
}

fn month_first(at: &mut Cursor<'_>, month: u8, clock: &mut Clock) -> Option<(Shape, Moment)> {
    let day = at.day()?;
    let comma = at.skip(b',');
    at.literal(b' ')?;
    let before = at.at;
    let moment = if let Some(year) = at.exactly(4)
        && at.skip(b' ')
    {
        let mut time = at.time()?;
        if comma {
            time = at.half_of_day(time)?;
        }
        at.zoned(days(year, month, day)?, time, clock)
    } else {
        at.at = before;
        let time = at.time()?;
        clock.yearless(time.without_year(month, day))
    };
    moment.map(|moment| (Shape::MonthFirst, moment))
}

/// The month and day that the last four digits of a number are.
fn month_and_day(number: i64) -> Option<(u8, u8)> {
    Some((u8::try_from(number / 100 % 100).ok()?, u8::try_from(number % 100).ok()?))
}

/// A time of day.
#[derive(Clone, Copy)]
struct Time {
    second: i64,
    part: Part,
}

impl Time {
    fn on(self, day: i64) -> Civil {
        Civil { second: day * 86_400 + self.second, part: self.part }
    }

    fn without_year(self, month: u8, day: u8) -> Yearless {
        Yearless { month, day, second: self.second, part: self.part }
    }
}

struct Cursor<'t> {
    text: &'t [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn skip(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn literal(&mut self, byte: u8) -> Option<()> {
        self.skip(byte).then_some(())
    }

    fn spaces(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    /// A number and how many digits it has; more than 19 are none.
    fn number(&mut self) -> Option<(i64, usize)> {
        let (mut value, start) = (0_i64, self.at);
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            value = value.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
            self.at += 1;
        }
        (self.at > start).then(|| (value, self.at - start))
    }

    /// A number of so many digits.
    fn exactly(&mut self, digits: usize) -> Option<i64> {
        let digits = self.text.get(self.at..self.at + digits)?;
        let mut value = 0;
        for digit in digits {
            if !digit.is_ascii_digit() {
                return None;
            }
            value = value * 10 + i64::from(digit - b'0');
        }
        self.at += digits.len();
        Some(value)
    }

    /// The number of a month by its name; nothing is taken otherwise.
    fn month(&mut self) -> Option<u8> {
        let name = self.text.get(self.at..self.at + 3)?;
        let found = MONTHS.chunks_exact(3).position(|month| month == name)?;
        self.at += 3;
        Some(found as u8 + 1)
    }

    fn weekday(&mut self) -> Option<()> {
        let name = self.text.get(self.at..self.at + 3)?;
        let found = WEEKDAYS.chunks_exact(3).any(|day| day == name);
        self.at += 3;
        found.then_some(())
    }

    /// A day of one or two digits behind spaces.
    fn day(&mut self) -> Option<u8> {
        self.spaces();
        let (day, digits) = self.number()?;
        if digits <= 2 { u8::try_from(day).ok() } else { None }
    }

    /// `-11-23` behind a year, as days since 1970.
    fn month_and_day(&mut self, year: i64, separator: u8) -> Option<i64> {
        self.at += 1;
        let month = u8::try_from(self.exactly(2)?).ok()?;
        self.literal(separator)?;
        let day = u8::try_from(self.exactly(2)?).ok()?;
        days(year, month, day)
    }

    /// `10:42:01`, `9:42:01`, with a fraction behind a dot or a comma.
    fn time(&mut self) -> Option<Time> {
        let hour = match self.exactly(2) {
            Some(hour) => hour,
            None => self.exactly(1)?,
        };
        self.literal(b':')?;
        let minute = self.exactly(2)?;
        self.literal(b':')?;
        let second = self.exactly(2)?;
        self.time_of(hour, minute, second)
    }

    /// `104201`.
    fn compact_time(&mut self) -> Option<Time> {
        let (hour, minute, second) = (self.exactly(2)?, self.exactly(2)?, self.exactly(2)?);
        self.time_of(hour, minute, second)
    }

    fn time_of(&mut self, hour: i64, minute: i64, second: i64) -> Option<Time> {
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let part = self.fraction();
        // A leap second is the end of the second before.
        let part = if second == 60 { Part { micros: SECOND - 1, width: 1 } } else { part };
        Some(Time { second: hour * 3600 + minute * 60 + second.min(59), part })
    }

    /// What follows a dot or a comma, if digits do.
    fn fraction(&mut self) -> Part {
        let digit = self.text.get(self.at + 1).is_some_and(u8::is_ascii_digit);
        if !digit || !matches!(self.peek(), Some(b'.' | b',')) {
            return Part::NONE;
        }
        self.at += 1;
        let (mut micros, mut width) = (0, SECOND);
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            self.at += 1;
            if width > 1 {
                width /= 10;
                micros += i64::from(digit - b'0') * width;
            }
        }
        Part { micros, width }
    }

    fn half_of_day(&mut self, time: Time) -> Option<Time> {
        self.spaces();
        let half = self.text.get(self.at..self.at + 2)?;
        let hour = time.second / 3600;
        let afternoon = match half {
            b"AM" | b"am" => 0,
            b"PM" | b"pm" => 12,
            _ => return Some(time),
        };
        self.at += 2;
        Some(Time { second: (hour % 12 + afternoon) * 3600 + time.second % 3600, ..time })
    }

    /// The instant of a date and time with the zone that follows, if one does.
    fn zoned(&mut self, date: i64, time: Time, clock: &mut Clock) -> Option<Moment> {
        let civil = time.on(date);
        match self.offset() {
            Some(offset) => Clock::fixed(civil, offset),
            None => clock.local(civil),
        }
    }

    /// `Z`, ` UTC`, `+0100`, ` +01:00`, `-03`: the offset from UTC in seconds.
    fn offset(&mut self) -> Option<i64> {
        let apart = self.skip(b' ');
        match self.peek()? {
            b'Z' | b'z' if !self.text.get(self.at + 1).is_some_and(u8::is_ascii_alphanumeric) => {
                Some(0)
            }
            b'U' | b'G' if self.named_zone() => Some(0),
            sign @ (b'+' | b'-') => {
                self.at += 1;
                let hours = self.exactly(2)?;
                let colon = self.skip(b':');
                let minutes = match self.exactly(2) {
                    Some(minutes) => minutes,
                    None if colon => return None,
                    None => 0,
                };
                let ends = !self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric());
                if hours > 15 || minutes > 59 || apart && !ends {
                    return None;
                }
                let offset = hours * 3600 + minutes * 60;
                Some(if sign == b'-' { -offset } else { offset })
            }
            _ => None,
        }
    }

    /// `UTC` or `GMT`. Other names are those of the host's zone, as far as anyone can tell.
    fn named_zone(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let letters = rest.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
        let utc = matches!(&rest[..letters], b"UTC" | b"GMT");
        if (3..=5).contains(&letters) {
            self.at += letters;
        }
        utc
    }

    fn epoch(&mut self, value: i64, digits: usize) -> Option<(Shape, Moment)> {
        let scale = 10_i64.pow(digits as u32 - 10);
        let second = value / scale;
        let part = if digits == 10 {
            self.fraction()
        } else {
            let width = (SECOND / scale).max(1);
            let micros = if scale > SECOND { value % scale / 1000 } else { value % scale * width };
            Part { micros, width }
        };
        let ends = !self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !ends || !EPOCH.contains(&second) {
            return None;
        }
        Clock::fixed(Civil { second, part }, 0).map(|moment| (Shape::Epoch, moment))
    }
}
