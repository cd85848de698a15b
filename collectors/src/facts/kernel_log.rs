//! The kernel's log in the form of `/dev/kmsg`, made readable.
//!
//! The format is that of <https://docs.kernel.org/admin-guide/abi-testing.html>, `dev-kmsg`: a
//! record is `priority,sequence,microseconds,flags;text`, and lines that begin with a space are
//! details of the device it is about.

use super::kernel_files::{boot_time, number, value};
use collect_core::{CollectError, Output, Window, host::Host};
use jiff::{SignedDuration, Timestamp};
use std::io::{self, BufRead, BufReader, Write};

/// Where the log is read from.
const SOURCE: &str = "/dev/kmsg";

const LEVELS: [&str; 8] = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"];

/// Writes the records of the time of interest as `kernel-log.txt`.
pub(crate) fn write(out: &mut Output<'_>) -> Result<(), CollectError> {
    let (host, window) = (out.host(), out.window());
    let clock = boot_time(host).map(|booted| Clock { booted, slept: Clock::slept(host, &window) });
    let log = match host.kernel_log() {
        Ok(log) => log,
        Err(error) => {
            out.failed(SOURCE, &error);
            return Ok(());
        }
    };
    let mut entry = out.entry("kernel-log.txt", SOURCE, None)?;
    let (mut oldest, mut covers, mut failure) = (None, None, None);
    for line in BufReader::new(log).split(b'\n') {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                failure = Some(error);
                break;
            }
        };
        let line = String::from_utf8_lossy(&line);
        let (Some(text), time) = (readable(&line), microseconds(&line)) else { continue };
        let time = clock.as_ref().zip(time).map(|(clock, time)| clock.between(time));
        oldest = oldest.or(time.map(|(earliest, _)| (earliest, sequence(&line))));
        if time.is_some_and(|(earliest, latest)| {
            window.since.is_some_and(|since| latest < since)
                || window.until.is_some_and(|until| earliest > until)
        }) {
            continue;
        }
        if let Some((earliest, _)) = time {
            covers = Some((covers.map_or(earliest, |(first, _)| first), earliest));
        }
        writeln!(entry, "{text}")?;
    }
    if let Some((from, to)) = covers {
        entry.covers(from, to);
    }
    entry.end()?;
    if let Some(error) = failure {
        out.failed(SOURCE, &error);
    }
    remark(out, clock.as_ref(), oldest);
    Ok(())
}

/// Says what of the time of interest the log cannot tell.
fn remark(out: &mut Output<'_>, clock: Option<&Clock>, oldest: Option<(Timestamp, Option<u64>)>) {
    let window = out.window();
    if window.since.is_none() && window.until.is_none() {
        return;
    }
    let Some(clock) = clock else {
        out.note("the kernel's log is whole: it is not known when the host was started");
        return;
    };
    if !clock.slept.is_zero() {
        out.note(&format!(
            "the host was suspended since it was started, for at most {:#}: records of the kernel \
             may be so much later than they seem",
            SignedDuration::from_secs(clock.slept.as_secs())
        ));
    }
    if let Some((at, sequence)) = oldest.filter(|(at, _)| window.since.is_some_and(|s| *at > s)) {
        let why = match sequence {
            Some(0) => "the host was started then",
            _ => "what was older is overwritten",
        };
        out.note(&format!("the kernel's log begins at {at}: {why}"));
    }
}

/// When what the kernel's clock says was.
struct Clock {
    /// To the second.
    booted: Timestamp,
    /// How long the host can have been suspended at most.
    slept: SignedDuration,
}

impl Clock {
    /// The time since the boot that the newest record does not know of, if the host was suspended.
    /// Nobody else may read how much of it the host slept.
    fn slept(host: &dyn Host, window: &Window) -> SignedDuration {
        let asked = window.since.is_some() || window.until.is_some();
        let suspended = number(host, "/sys/power/suspend_stats/success").is_some_and(|n| n > 0);
        if !asked || !suspended {
            return SignedDuration::ZERO;
        }
        let uptime = value(host, "/proc/uptime").unwrap_or_default();
        let uptime = uptime.split('.').next().and_then(|uptime| uptime.parse().ok()).unwrap_or(0);
        let newest = host.kernel_log().ok().and_then(|log| {
            let lines = BufReader::new(log).split(b'\n').map_while(io::Result::ok);
            lines.filter_map(|line| microseconds(&String::from_utf8_lossy(&line))).max()
        });
        let known = SignedDuration::from_micros(newest.unwrap_or(0).cast_signed());
        (SignedDuration::from_secs(uptime) - known).max(SignedDuration::ZERO)
    }

    /// The earliest and the latest time of a record so many microseconds after the boot.
    fn between(&self, microseconds: u64) -> (Timestamp, Timestamp) {
        let since = SignedDuration::from_micros(microseconds.cast_signed());
        let earliest = self.booted.saturating_add(since).unwrap_or(Timestamp::MAX);
        // The second in which it was started is rounded down.
        let late = self.slept + SignedDuration::from_secs(1);
        (earliest, earliest.saturating_add(late).unwrap_or(Timestamp::MAX))
    }
}

fn sequence(line: &str) -> Option<u64> {
    line.split_once(';')?.0.split(',').nth(1)?.parse().ok()
}

fn microseconds(line: &str) -> Option<u64> {
    line.split_once(';')?.0.split(',').nth(2)?.parse().ok()
}

/// One line as `err    [   12.345678] text`; `None` for the details of a device, which the text
/// names already. What is no record is kept as it is.
fn readable(line: &str) -> Option<String> {
    if line.starts_with(' ') || line.is_empty() {
        return None;
    }
    Some(record(line).unwrap_or_else(|| line.to_owned()))
}

fn record(line: &str) -> Option<String> {
    let (head, text) = line.split_once(';')?;
    let mut head = head.split(',');
    let priority: usize = head.next()?.parse().ok()?;
    let microseconds: u64 = head.nth(1)?.parse().ok()?;
    // The other bits are the facility, as in `syslog(3)`.
    let level = LEVELS[priority & 7];
    let (seconds, fraction) = (microseconds / 1_000_000, microseconds % 1_000_000);
    let text = unescaped(text);
    Some(format!("{level:<6} [{seconds:>5}.{fraction:06}] {text}"))
}

/// The text with the kernel's `\xNN` undone for what can be shown on a line: a tab, a backslash and
/// letters beyond ASCII.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\x") {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let code = rest.get(at + 2..at + 4);
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        let taken = if let Some(byte @ (b'\t' | b' '..=b'~' | 0x80..)) = code {
            bytes.push(byte);
            4
        } else {
            bytes.extend_from_slice(b"\\x");
            2
        };
        rest = &rest[at + taken..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        Collector,
        testkit::{Collected, FakeHost, Trial},
        units::TimePoint,
    };

    #[test]
    fn a_record_shows_its_level_and_time() {
        assert_eq!(
            readable("3,1017,12345678,-;ata1: link is slow").unwrap(),
            "err    [   12.345678] ata1: link is slow"
        );
        // Facility 3, and the caller that newer kernels add.
        assert_eq!(
            readable("30,2,5000001,-,caller=T1;systemd[1]: a;b").unwrap(),
            "info   [    5.000001] systemd[1]: a;b"
        );
    }

    struct Log;

    impl Collector for Log {
        fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
            write(out)
        }
    }

    const LOG: &str = "6,7,1500000,-;a\n6,8,61000000,-;b\n SUBSYSTEM=x\n6,9,121000000,-;c\n";

    /// Booted at 2026-01-02T00:00:00Z.
    fn taken(since: &str, until: &str, host: FakeHost) -> Collected {
        let point = |text: &str| Some(TimePoint::At(text.parse().unwrap()));
        let trial = Trial::of(Log).options(|options| {
            options.since = point(since);
            options.until = point(until);
        });
        trial.on(host.kernel_log(LOG).file("/proc/stat", "cpu 0\nbtime 1767312000\n"))
    }

    #[test]
    fn only_records_of_the_time_of_interest_are_written() {
        let collected = taken("2026-01-02T00:01:00Z", "2026-01-02T00:02:00Z", FakeHost::new());
        assert_eq!(collected.text("kernel-log.txt"), "info   [   61.000000] b\n");
        let covers = collected.record("kernel-log.txt").covers.unwrap();
        assert_eq!(covers.from.to_string(), "2026-01-02T00:01:01Z");
        assert_eq!(covers.from, covers.to);
        assert!(collected.notes().is_empty(), "{:?}", collected.notes());
    }

    #[test]
    fn a_log_whose_beginning_was_overwritten_says_where_it_begins() {
        let collected = taken("2026-01-02T00:00:00Z", "2026-01-02T00:02:00Z", FakeHost::new());
        let note = "begins at 2026-01-02T00:00:01.5Z: what was older is overwritten";
        assert!(collected.notes()[0].contains(note), "{:?}", collected.notes());
    }

    #[test]
    fn records_of_a_host_that_slept_may_be_later_than_they_seem() {
        let host = FakeHost::new()
            .file("/sys/power/suspend_stats/success", "3\n")
            .file("/proc/uptime", "7321.00 9.00\n");
        let collected = taken("2026-01-02T01:30:00Z", "2026-01-02T02:00:00Z", host);
        assert_eq!(collected.text("kernel-log.txt").lines().count(), 3);
        assert!(collected.notes()[0].contains("at most 2h"), "{:?}", collected.notes());
    }

    #[test]
    fn escapes_are_undone_unless_they_would_break_the_line() {
        assert_eq!(
            readable(r"6,1,0,-;caf\xc3\xa9\x09\x5cn \x0a \xZZ \x").unwrap(),
            "info   [    0.000000] café\t\\n \\x0a \\xZZ \\x"
        );
    }

    #[test]
    fn details_are_left_out_and_the_unknown_is_kept() {
        assert_eq!(readable(" SUBSYSTEM=acpi"), None);
        assert_eq!(readable("something else").unwrap(), "something else");
    }
}
