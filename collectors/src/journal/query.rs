//! What `journalctl` is asked for.

use collect_core::{Window, host::CommandLine};
use jiff::Timestamp;

/// Which entries of which journal.
pub(crate) struct Query<'a> {
    /// The folder of the journal's files; without it, the host's own journal.
    pub(crate) directory: Option<&'a str>,
    /// Arguments that choose entries.
    pub(crate) filters: Vec<String>,
    /// The time that is of interest.
    pub(crate) window: Window,
}

/// Where to begin, and which way to go.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a> {
    /// At the oldest entry.
    Oldest,
    /// At the entry of this cursor.
    Cursor(&'a str),
    /// At the newest entry, backwards.
    Newest,
}

impl Query<'_> {
    /// The command that exports the entries.
    pub(crate) fn entries(&self, from: Start<'_>) -> CommandLine {
        let mut words = self.words();
        words.extend(["--all".into(), "--output=export".into()]);
        words.extend(self.filters.iter().cloned());
        match (from, self.window.since) {
            // journalctl takes only one of the two, and everything from the cursor on is newer.
            (Start::Cursor(cursor), _) => words.push(format!("--cursor={cursor}")),
            (_, Some(since)) => words.push(format!("--since={}", point(since))),
            _ => {}
        }
        if matches!(from, Start::Newest) {
            words.push("--reverse".into());
        }
        if let Some(until) = self.window.until {
            words.push(format!("--until={}", point(until)));
        }
        command(words)
    }

    /// The command that exports the newest entry before the time of interest, whatever it is of.
    pub(crate) fn before(&self) -> CommandLine {
        let mut words = self.words();
        words.extend(["--output=export", "--reverse", "--lines=1"].map(str::to_owned));
        words.extend(self.window.since.map(|since| format!("--until={}", point(since))));
        command(words)
    }

    /// The command that lists the boots.
    pub(crate) fn boots(&self) -> CommandLine {
        let mut words = self.words();
        words.extend(["--utc".into(), "--list-boots".into()]);
        command(words)
    }

    /// The command that shows no entry, and warns of what cannot be seen: `--output=export` implies
    /// `--quiet`.
    pub(crate) fn warnings(&self) -> CommandLine {
        let mut words = self.words();
        words.push("--lines=0".into());
        command(words)
    }

    /// How notes call it.
    pub(crate) fn source(&self) -> &str {
        self.directory.unwrap_or("$ journalctl")
    }

    fn words(&self) -> Vec<String> {
        let mut words = vec!["journalctl".to_owned(), "--no-pager".to_owned()];
        words.extend(self.directory.map(|directory| format!("--directory={directory}")));
        words
    }
}

fn command(words: Vec<String>) -> CommandLine {
    let env = [("LC_ALL", "C.UTF-8"), ("SYSTEMD_COLORS", "0")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    CommandLine { env: env.into(), ..CommandLine::new(words) }
}

/// A time as `systemd.time(7)` reads it, whatever the time zone: seconds since 1970. The journal
/// knows nothing older.
fn point(time: Timestamp) -> String {
    let time = time.as_microsecond().max(0);
    format!("@{}.{:06}", time / 1_000_000, time % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(filters: &[&str]) -> Query<'static> {
        Query {
            directory: Some("/var/log/journal"),
            filters: filters.iter().map(|&filter| filter.to_owned()).collect(),
            window: Window {
                since: Some("2026-11-23T10:42:00.5Z".parse().unwrap()),
                until: Some("2026-11-23T10:43:00Z".parse().unwrap()),
            },
        }
    }

    #[test]
    fn the_command_line_says_where_what_and_when() {
        assert_eq!(
            query(&["--unit=shop.service"]).entries(Start::Oldest).argv.join(" "),
            "journalctl --no-pager --directory=/var/log/journal --all --output=export \
             --unit=shop.service --since=@1795430520.500000 --until=@1795430580.000000"
        );
    }

    #[test]
    fn a_cursor_stands_in_place_of_the_beginning() {
        let argv = query(&[]).entries(Start::Cursor("s=1;i=2")).argv;
        assert!(argv.contains(&"--cursor=s=1;i=2".to_owned()));
        assert!(!argv.iter().any(|word| word.starts_with("--since")));
    }

    #[test]
    fn times_before_1970_are_those_of_1970() {
        assert_eq!(point(Timestamp::MIN), "@0.000000");
    }
}
