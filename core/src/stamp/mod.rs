//! When lines were written: recognises the time stamps of the usual formats.
//!
//! Which format a source has is found out once, from its first lines; after that a line costs some
//! ten nanoseconds. This module knows no file and no host.

mod clock;
mod filter;
mod place;
mod shape;
#[cfg(test)]
mod tests;

pub use clock::Moment;
pub(crate) use filter::{Filter, Filtered, Within};

use crate::Window;
use clock::Clock;
use jiff::{Timestamp, tz::TimeZone};
use memchr::memchr;
use place::Place;
use shape::Shape;

/// How much of a source is looked at to find out which format it has.
pub const SAMPLE: usize = 64 << 10;

/// So many lines of it are enough.
const LINES: usize = 200;

/// What is known of a source that its lines may leave out.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The time zone of times without one.
    pub zone: TimeZone,
    /// When it was written to last, or now: years are counted back from there.
    pub modified: Timestamp,
    /// When the host was started, for times that are counted from there.
    pub booted: Option<Timestamp>,
}

/// Reads the time stamps of one source.
#[derive(Clone, Debug)]
pub struct Stamps {
    place: Place,
    shape: Shape,
    clock: Clock,
    /// The time of the last line that had one.
    last: Option<i64>,
    /// No line of another format is later.
    latest: i64,
}

impl Stamps {
    /// Recognises the format of the lines that a source begins with; `None` if they are no log.
    ///
    /// Some lines may go without a time, as those of a stack trace do. But two must have one, and
    /// half of them where it does not stand at the beginning, and where it is a plain number, all: a
    /// date or a number that occurs in a configuration makes no log of it.
    pub fn detect(sample: &[u8], origin: &Origin) -> Option<Self> {
        let sample = &sample[..sample.len().min(SAMPLE)];
        let mut clock = Clock::new(origin.zone.clone(), origin.modified, origin.booted);
        let lines = sample.split(|&byte| byte == b'\n');
        let own = |line: &&[u8]| {
            // Indented lines go on with the one before, and what begins like this is a comment.
            let first = line.first();
            first.is_some_and(|first| !first.is_ascii_whitespace() && *first != b'#')
        };
        let lines: Vec<&[u8]> = lines.filter(own).take(LINES).collect();
        let mut best: Option<(usize, Place, Shape)> = None;
        for place in Place::all() {
            let found = lines.iter().filter_map(|line| place.read(line, &mut clock));
            let shapes: Vec<Shape> = found.map(|(shape, _)| shape).collect();
            if shapes.len() < 2 {
                continue;
            }
            let count = |shape: Shape| shapes.iter().filter(|other| **other == shape).count();
            let shape = *shapes.iter().max_by_key(|shape| count(**shape))?;
            let needed = match shape {
                Shape::Epoch if place.is_start() => lines.len(),
                _ if place.is_start() => lines.len() / 8,
                _ => lines.len().div_ceil(2),
            };
            if shapes.len() < needed {
                continue;
            }
            if best.as_ref().is_none_or(|(most, ..)| shapes.len() > *most) {
                best = Some((shapes.len(), place, shape));
            }
            if shapes.len() == lines.len() {
                break;
            }
        }
        let (_, place, shape) = best?;
        let latest = origin.modified.as_microsecond().saturating_add(86_400_000_000);
        Some(Self { place, shape, clock, last: None, latest })
    }

    /// The time of a line; `None` if it has none of its own.
    ///
    /// A program that was updated may write another format than before. Such a line counts if its
    /// time goes on from the lines before it: a date that a message happens to begin with does not.
    pub fn read(&mut self, line: &[u8]) -> Option<Moment> {
        let found = self.place.read(line, &mut self.clock);
        let found = match found {
            None if !self.place.is_start() => {
                Place::Start.read(line, &mut self.clock).filter(|(shape, _)| *shape != Shape::Epoch)
            }
            found => found,
        };
        let (shape, moment) = found?;
        if shape != self.shape {
            let goes_on = self.last.is_none_or(|last| last <= moment.from);
            if !goes_on || moment.from > self.latest {
                return None;
            }
        }
        self.last = Some(moment.from);
        Some(moment)
    }

    /// The time of the first line in a text that has one.
    pub fn first(&mut self, text: &[u8]) -> Option<Moment> {
        text.split(|&byte| byte == b'\n').find_map(|line| self.read(line))
    }

    /// The time of the last line in a text that has one. A line at its end may lack its line feed.
    pub fn last(&mut self, text: &[u8]) -> Option<Moment> {
        // What a line of another format goes on from comes after it here.
        self.last = None;
        text.rsplit(|&byte| byte == b'\n').find_map(|line| self.read(line))
    }
}

/// The lines of a text that are of the time of interest; the whole text if they say no time.
pub fn of_interest(text: Vec<u8>, window: &Window, origin: &Origin) -> Vec<u8> {
    let found = Within::of(window).zip(Stamps::detect(&text, origin));
    let Some((within, stamps)) = found else { return text };
    let mut kept = Vec::with_capacity(text.len());
    let mut keep = |bytes: &[u8]| {
        kept.extend_from_slice(bytes);
        Ok(())
    };
    let mut filter = Filter::new(within, stamps);
    // A vector takes all.
    _ = filter.push(&text, &mut keep).and_then(|()| filter.finish(&mut keep));
    kept
}

/// The first line of a text, without its line feed.
fn first_line(text: &[u8]) -> &[u8] {
    &text[..memchr(b'\n', text).unwrap_or(text.len())]
}
