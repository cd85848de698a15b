//! Text for a terminal: made harmless, cut to fit, coloured if wanted.

use collect_core::units::Size;
use jiff::{Timestamp, tz::TimeZone};
use std::{borrow::Cow, path::Path, time::Duration};

/// Text of a host, a server or a person without what a terminal would obey: control characters, and
/// those that turn the direction of writing. Line breaks are kept.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    let harmful = |char: char| {
        (char.is_control() && char != '\n')
            || matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.contains(harmful) {
        Cow::Owned(text.replace(harmful, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Harmless text on one line.
pub(crate) fn one_line(text: &str) -> String {
    harmless(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}

/// The beginning of a text that fits into so many characters, cut between words.
pub(crate) fn fitting(text: &str, width: usize) -> Cow<'_, str> {
    if text.chars().count() <= width {
        return Cow::Borrowed(text);
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    let cut_in_word = text.chars().nth(kept.chars().count()).is_some_and(|next| next != ' ');
    let words = if cut_in_word { kept.rsplit_once(' ').map(|(words, _)| words) } else { None };
    let kept = words.unwrap_or(&kept).trim_end_matches([' ', ',', ':', ';', '.']);
    Cow::Owned(format!("{kept}…"))
}

/// `1 step`, `2 steps`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A number of bytes, as people read it.
pub(crate) fn size(bytes: u64) -> String {
    Size(bytes).to_string()
}

/// A length of time, as people read it.
pub(crate) fn length(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f32()),
        seconds @ 10..90 => format!("{seconds} s"),
        seconds @ 90..7200 => format!("{} min", (seconds + 30) / 60),
        seconds @ 7200..172_800 => format!("{} h", (seconds + 1800) / 3600),
        seconds => format!("{} days", (seconds + 43_200) / 86_400),
    }
}

/// How long ago something was.
pub(crate) fn age(then: Timestamp, now: Timestamp) -> String {
    let age = Duration::try_from(now.duration_since(then)).unwrap_or_default();
    if age.as_secs() < 60 { "just now".to_owned() } else { format!("{} ago", length(age)) }
}

/// A moment in the time zone of this host, to the minute.
pub(crate) fn moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// A path as a shell wants it.
pub(crate) fn shell(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |char: char| char.is_ascii_alphanumeric() || "/._-+:@%".contains(char);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", harmless(&text).replace('\'', r"'\''"))
    }
}

/// The look of text in a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// Whether there are colours.
    pub(crate) colours: bool,
}

impl Style {
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.paint("1;32", text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    pub(crate) fn careful(self, text: &str) -> String {
        self.paint("33", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colours && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_not_passed_on() {
        let hostile = "\x1b[2J\x1b]0;title\x07red\u{202e}txt.exe\r\nnext";
        let shown = harmless(hostile);
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        assert!(!shown.contains('\u{202e}') && shown.ends_with("\nnext"), "{shown:?}");
        assert_eq!(one_line("a\n  b\tc"), "a b c");
    }

    #[test]
    fn lengths_are_rounded_to_what_matters() {
        let shown = [420, 9_900, 59_000, 300_000, 7_300_000, 200_000_000];
        let shown = shown.map(|millis| length(Duration::from_millis(millis)));
        assert_eq!(shown, ["0.4 s", "9.9 s", "59 s", "5 min", "2 h", "2 days"]);
    }

    #[test]
    fn a_path_can_be_pasted_into_a_shell() {
        assert_eq!(shell(Path::new("/srv/a-b_c.age")), "/srv/a-b_c.age");
        assert_eq!(shell(Path::new("/srv/it's here")), r"'/srv/it'\''s here'");
    }

    #[test]
    fn a_cut_text_ends_in_a_mark() {
        assert_eq!(fitting("short", 5), "short");
        assert_eq!(fitting("The kernel: version, command line", 24), "The kernel: version…");
        assert_eq!(fitting("/var/log/messages", 9), "/var/log…");
    }
}
