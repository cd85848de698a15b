//! The kernel's log in the form of `/dev/kmsg`, made readable.
//!
//! The format is that of <https://docs.kernel.org/admin-guide/abi-testing.html>, `dev-kmsg`: a
//! record is `priority,sequence,microseconds,flags;text`, and lines that begin with a space are
//! details of the device it is about.

const LEVELS: [&str; 8] = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"];

/// One line as `err    [   12.345678] text`; `None` for the details of a device, which the text
/// names already. What is no record is kept as it is.
pub(crate) fn readable(line: &str) -> Option<String> {
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
