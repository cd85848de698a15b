//! What systemd says of itself: `systemctl show` (`systemctl(1)`), read.

use collect_core::{
    CollectError, Output,
    host::{CommandLine, Exit},
};
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use std::{
    collections::BTreeMap,
    io::{self, Read},
};

/// More than the units of any host have to say.
const LONGEST: u64 = 64 << 20;

/// The properties of one unit, by their names. A property without a value is none.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Properties(BTreeMap<String, String>);

impl Properties {
    /// The value of a property.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The same as text; nothing where it has no value.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// A list of words.
    pub(crate) fn words(&self, name: &str) -> Vec<String> {
        self.get(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    }

    /// A number; systemd writes the largest there is, or words, for none.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok().filter(|number| *number != u64::MAX)
    }

    /// A time of day, as `Fri 2026-01-02 03:04:05 UTC`.
    pub(crate) fn time(&self, name: &str) -> Option<Timestamp> {
        let mut words = self.get(name)?.split(' ').skip(1);
        let (date, time) = (words.next()?, words.next()?);
        let time: DateTime = format!("{date}T{time}").parse().ok()?;
        TimeZone::UTC.to_timestamp(time).ok()
    }

    /// A span of time, as `1month 2d 3h 4min 5.678s` (`systemd.time(7)`).
    pub(crate) fn span(&self, name: &str) -> Option<SignedDuration> {
        let spans = self.get(name)?.split(' ').map(|part| {
            let digits = part.find(|letter: char| letter.is_ascii_alphabetic())?;
            let (number, unit) = part.split_at(digits);
            let seconds = match unit {
                "y" => 31_557_600.0,
                "month" => 2_629_800.0,
                "w" => 604_800.0,
                "d" => 86_400.0,
                "h" => 3600.0,
                "min" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" => 1e-6,
                _ => return None,
            };
            SignedDuration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
        });
        spans.sum::<Option<SignedDuration>>()
    }
}

/// What `systemctl show` wrote: the properties of each unit, with an empty line between two units.
pub(crate) fn shown(text: &str) -> Vec<Properties> {
    let mut units = vec![Properties::default()];
    for line in text.lines() {
        match line.split_once('=') {
            Some((name, value)) if !value.is_empty() => {
                let unit = units.last_mut().expect("there always is one");
                unit.0.insert(name.to_owned(), value.to_owned());
            }
            None if line.is_empty() => units.push(Properties::default()),
            _ => {}
        }
    }
    units.retain(|unit| !unit.0.is_empty());
    units
}

/// The command `systemctl` with these words, that writes the same wherever it runs.
pub(crate) fn systemctl<'w>(words: impl IntoIterator<Item = &'w str>) -> CommandLine {
    let words = ["systemctl", "--no-pager"].into_iter().chain(words);
    let env = [("LC_ALL", "C"), ("TZ", "UTC"), ("SYSTEMD_COLORS", "0")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    CommandLine { env: env.into(), ..CommandLine::new(words) }
}

/// What a command writes; what it cannot do is noted.
pub(crate) fn said(
    out: &mut Output<'_>,
    command: &CommandLine,
) -> Result<Option<String>, CollectError> {
    let run = || -> io::Result<(Vec<u8>, Exit)> {
        let mut process = out.host().spawn(command, out.deadline())?;
        let mut said = Vec::new();
        process.by_ref().take(LONGEST).read_to_end(&mut said)?;
        process.finish().map(|exit| (said, exit))
    };
    let source = format!("$ {}", command.argv[..command.argv.len().min(3)].join(" "));
    match run() {
        Ok((said, exit)) if exit.code == Some(0) => {
            Ok(Some(String::from_utf8_lossy(&said).into_owned()))
        }
        Ok((_, exit)) => {
            let complaint = String::from_utf8_lossy(&exit.stderr).trim().replace('\n', " | ");
            out.failed(&source, &io::Error::other(complaint));
            Ok(None)
        }
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(CollectError::Stopped),
        Err(error) => {
            out.failed(&source, &error);
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_told_apart_and_their_values_read() {
        let units = shown(
            "Unit=tick.service\nNextElapseUSecRealtime=Fri 2026-01-02 03:04:05 UTC\n\
             NextElapseUSecMonotonic=1d 19h 59min 57.053325s\nLastTriggerUSec=\n\nMemoryCurrent=[not set]\n\
             NRestarts=7\nTasksCurrent=18446744073709551615\nWants=a.service b.service\n\
             Description=a = b\nodd\nLastTriggerUSec=n/a\nA=5parsecs\n\n",
        );
        let [timer, service] = &units[..] else { panic!("{units:?}") };
        assert_eq!(
            timer.time("NextElapseUSecRealtime"),
            Some("2026-01-02T03:04:05Z".parse().unwrap())
        );
        let span = timer.span("NextElapseUSecMonotonic").unwrap();
        assert_eq!(span.as_millis(), (43 * 3600 + 59 * 60 + 57) * 1000 + 53);
        assert_eq!(timer.get("LastTriggerUSec"), None);
        assert_eq!((service.number("NRestarts"), service.number("TasksCurrent")), (Some(7), None));
        assert_eq!(service.number("MemoryCurrent"), None);
        assert_eq!(service.words("Wants"), ["a.service", "b.service"]);
        assert_eq!(service.get("Description"), Some("a = b"));
        assert_eq!((service.time("LastTriggerUSec"), service.span("A")), (None, None));
    }
}
