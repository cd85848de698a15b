//! Reads the journal of systemd.

use crate::journal::{Passage, Query, Renderer, json, text};
use collect_core::{
    CollectError, Collector, FileSet, Invalid, Output, Window, host::Host, register,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Reads the journal of systemd, by `journalctl`: entries between `since` and `until`, oldest first.
///
/// Where `max-size` is too small for all of them, the newest are kept. Beside the entries,
/// `boots.txt` lists the boots that the journal knows. A host without systemd or without journal
/// files is no error; a journal file that is damaged is named.
///
/// ```toml
/// [collect.product-journal]
/// use = "journald"
/// units = ["komand.service", "komand-worker@*"]
/// max-priority = "info"
/// since = "24h"
/// max-size = "50MB"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Journald {
    /// Only entries of these units, written as for `journalctl --unit`: `shop.service`, `shop@*`.
    units: Vec<String>,
    /// Only entries of these syslog identifiers. Given together with `units`, both must hold.
    identifiers: Vec<String>,
    /// Only entries of this priority and more important ones: `emerg`, `alert`, `crit`, `err`,
    /// `warning`, `notice`, `info`, `debug`, or `0` to `7`.
    max_priority: Option<String>,
    /// Only entries of this boot: `0` is the current one, `-1` the one before; or its id; or `all`.
    boot: Option<String>,
    /// Folders of journal files to read in place of the host's own journal. Each gives its own
    /// entry.
    directory: Vec<String>,
    /// `text`, a line for each message, as in `journal.txt`; or `json`, an object with all fields a
    /// line, as in `journal.jsonl`. Values that are not UTF-8 are arrays of numbers there.
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Format {
    #[default]
    Text,
    Json,
}

register!("journald" => Journald as Collector);

const PRIORITIES: [&str; 8] =
    ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

impl Journald {
    /// The arguments that choose entries, but for time.
    fn filters(&self) -> Vec<String> {
        let units = self.units.iter().map(|unit| format!("--unit={unit}"));
        let identifiers = self.identifiers.iter().map(|name| format!("--identifier={name}"));
        let priority = self.max_priority.iter().map(|priority| format!("--priority={priority}"));
        let boot = self.boot.iter().map(|boot| format!("--boot={boot}"));
        units.chain(identifiers).chain(priority).chain(boot).collect()
    }

    fn take(&self, out: &mut Output<'_>, directory: Option<&str>) -> Result<(), CollectError> {
        let (renderer, name): (Renderer, _) = match self.format {
            Format::Text => (text, "journal.txt"),
            Format::Json => (json, "journal.jsonl"),
        };
        let query = Query { directory, filters: self.filters(), window: out.window() };
        let folder = directory.unwrap_or_default().trim_matches('/');
        let passage = Passage { query: &query, renderer, entry: &format!("{folder}/{name}") };
        if passage.take(out)? {
            out.command(&format!("{folder}/boots.txt"), &query.boots())?;
        }
        Ok(())
    }

    fn boot_is_wrong(&self) -> Option<Invalid> {
        let boot = self.boot.as_deref()?;
        let hexadecimal =
            |id: &str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = boot.split(['+', '-']).next().unwrap_or_default();
        let is_right = boot == "all" || boot.parse::<i32>().is_ok() || hexadecimal(id);
        (!is_right).then(|| Invalid {
            option: "boot",
            message: format!("`{boot}` is no boot"),
            help: Some(
                "write `0` for the current boot, `-1` for the one before, its id, or `all`".into(),
            ),
        })
    }

    fn priority_is_wrong(&self) -> Option<Invalid> {
        let priority = self.max_priority.as_deref()?;
        let is_number = matches!(priority.as_bytes(), [b'0'..=b'7']);
        (!is_number && !PRIORITIES.contains(&priority)).then(|| Invalid {
            option: "max-priority",
            message: format!("`{priority}` is no priority"),
            help: Some(format!("write one of `{}`", PRIORITIES.join("`, `"))),
        })
    }
}

impl Collector for Journald {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        if self.directory.is_empty() {
            return self.take(out, None);
        }
        for directory in &self.directory {
            self.take(out, Some(directory))?;
        }
        Ok(())
    }

    fn describe(&self) -> Option<String> {
        let of: Vec<&str> =
            self.units.iter().chain(&self.identifiers).map(String::as_str).collect();
        Some(if of.is_empty() {
            "the system's journal".to_owned()
        } else {
            format!("journal of {}", of.join(", "))
        })
    }

    fn check(&self) -> Vec<Invalid> {
        let mut wrong: Vec<_> =
            self.boot_is_wrong().into_iter().chain(self.priority_is_wrong()).collect();
        let mut add = |option, message| wrong.push(Invalid { option, message, help: None });
        for (option, names) in [("units", &self.units), ("identifiers", &self.identifiers)] {
            if names.iter().any(|name| name.is_empty() || name.contains('\0')) {
                add(option, "a name is empty, or holds a NUL character".to_owned());
            }
        }
        for directory in &self.directory {
            if !directory.starts_with('/') || directory.contains('\0') {
                add("directory", format!("`{}` is not an absolute path", directory.escape_debug()));
            }
        }
        wrong
    }

    /// The size of the journal's files, whatever of it is chosen by anything but time.
    fn estimate(&self, host: &dyn Host, window: &Window) -> Option<u64> {
        let own = ["/var/log/journal".to_owned(), "/run/log/journal".to_owned()];
        let folders = if self.directory.is_empty() { &own[..] } else { &self.directory };
        let paths: Vec<_> =
            folders.iter().map(|folder| format!("{folder}/**/*.journal*")).collect();
        // A file that was written to after `until` may hold entries from before.
        let window = Window { since: window.since, until: None };
        FileSet::new(&paths, &[]).ok().map(|files| files.size(host, &window))
    }

    /// Every user may read messages of their own; those of the system are in files of which root
    /// and the group `systemd-journal` can open each (`systemd-journald.service(8)`).
    fn refused(&self, host: &dyn Host, window: &Window) -> Vec<String> {
        let window = Window { since: window.since, until: None };
        let of = |folders: &[String], name: &str| {
            let paths: Vec<_> =
                folders.iter().map(|folder| format!("{folder}/**/{name}")).collect();
            FileSet::new(&paths, &[]).map(|set| set.refused(host, &window)).unwrap_or_default()
        };
        if !self.directory.is_empty() {
            return of(&self.directory, "*.journal*");
        }
        let own = ["/var/log/journal", "/run/log/journal"].map(str::to_owned);
        if of(&own, "system*.journal*").is_empty() {
            return Vec::new();
        }
        vec!["messages of the system and of other users (or the group systemd-journal)".to_owned()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };

    const EXPORT: &str = "journalctl --no-pager --all --output=export";
    const WARNINGS: &str = "journalctl --no-pager --lines=0";
    const BOOTS: &str = "journalctl --no-pager --utc --list-boots";

    fn entry(number: u32, message: &str) -> String {
        format!(
            "__CURSOR=s={number}\n__REALTIME_TIMESTAMP={number}000000\n_HOSTNAME=till-1\n\
             SYSLOG_IDENTIFIER=shop\nMESSAGE={message}\n\n"
        )
    }

    #[test]
    fn the_journal_is_a_line_for_each_message_with_its_boots_beside_it() {
        let host = FakeHost::new()
            .command(EXPORT, entry(1, "opened") + &entry(2, "closed"))
            .command(BOOTS, "0 the only boot\n");
        let collected = Trial::of(Journald::default()).on(host);
        assert_eq!(collected.status(), Status::Complete);
        assert_eq!(
            collected.text("journal.txt"),
            "1970-01-01T00:00:01.000000+00:00 till-1 shop: opened\n\
             1970-01-01T00:00:02.000000+00:00 till-1 shop: closed\n"
        );
        assert_eq!(collected.text("boots.txt"), "0 the only boot\n");
        assert!(collected.notes().iter().any(|note| note.contains("2 entries")));
    }

    #[test]
    fn json_gives_an_object_a_line_with_every_field() {
        let host = FakeHost::new().command(EXPORT, entry(1, "opened")).command(BOOTS, "0\n");
        let journald = Journald { format: Format::Json, ..Journald::default() };
        let collected = Trial::of(journald).on(host);
        let line = collected.text("journal.jsonl");
        assert!(
            line.starts_with(r#"{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1000000","#),
            "{line}"
        );
    }

    #[test]
    fn where_the_size_is_short_the_newest_entries_are_kept() {
        let three = (3..6).map(|number| entry(number, "kept")).collect::<String>();
        let backwards = (0..6).rev().map(|number| entry(number, "kept")).collect::<String>();
        let host = FakeHost::new()
            .command(&format!("{EXPORT} --reverse"), backwards)
            .command(&format!("{EXPORT} --cursor=s=3"), three)
            .command(BOOTS, "");
        let line = "1970-01-01T00:00:03.000000+00:00 till-1 shop: kept\n".len() as u64;
        let collected = Trial::of(Journald::default())
            .options(|options| options.max_size = Some(collect_core::units::Size(line * 7 / 2)))
            .on(host);
        let text = collected.text("journal.txt");
        assert_eq!(text.lines().count(), 3);
        assert!(text.contains("00:00:05") && !text.contains("00:00:02"), "{text}");
        assert_eq!(collected.status(), Status::Truncated);
    }

    #[test]
    fn a_host_without_systemd_is_no_error() {
        let collected = Trial::of(Journald::default()).on(FakeHost::new());
        assert_eq!(collected.status(), Status::Absent);
    }

    #[test]
    fn who_may_not_open_the_journal_of_the_system_is_told_before() {
        let window = Window { since: None, until: None };
        let refused = |host: FakeHost| Journald::default().refused(&host, &window).len();
        let path = "/var/log/journal/0123/system.journal";
        assert_eq!(refused(FakeHost::new().denied(path)), 1);
        assert_eq!(refused(FakeHost::new().file(path, "LPKSHHRH")), 0);
        assert_eq!(refused(FakeHost::new()), 0);
    }

    #[test]
    fn a_folder_that_does_not_exist_is_absent() {
        let journald = Journald { directory: vec!["/data/journal".into()], ..Journald::default() };
        let collected = Trial::of(journald).on(FakeHost::new());
        assert_eq!(collected.status(), Status::Absent);
        assert!(collected.notes()[0].contains("/data/journal"));
    }

    #[test]
    fn missing_rights_and_damaged_files_are_told_apart() {
        let collected = |warning: &str, said: &str| {
            let host =
                FakeHost::new().command_fails(WARNINGS, 0, warning).command_fails(EXPORT, 0, said);
            Trial::of(Journald::default()).on(host)
        };
        let warned = |warning: &str| collected(warning, "").status();
        let status = |said: &str| collected("", said).status();
        let hint = "Hint: You are currently not seeing messages from other users and the system.";
        assert_eq!(warned(hint), Status::Denied);
        assert_eq!(warned("No journal files were found."), Status::Absent);
        let refused = "No journal files were opened due to insufficient permissions.";
        assert_eq!(collected(&format!("{hint}\n{refused}"), refused).status(), Status::Denied);
        assert_eq!(warned(""), Status::Complete);
        // Who sees little is still told what is damaged.
        let notes = collected(hint, "Journal file /x is truncated, ignoring file.").notes();
        assert!(notes.iter().any(|note| note.contains("/x is truncated")), "{notes:?}");
        let no_unit = "Failed to add filter for units: No data available";
        assert_eq!(status(no_unit), Status::Absent);
        assert_eq!(status("Journal file /x is truncated, ignoring file."), Status::Failed);
    }

    #[test]
    fn what_journalctl_would_not_understand_is_refused() {
        let wrong = Journald {
            units: vec![String::new()],
            max_priority: Some("loud".into()),
            boot: Some("yesterday".into()),
            directory: vec!["journal".into()],
            ..Journald::default()
        };
        let options: Vec<_> = wrong.check().iter().map(|invalid| invalid.option).collect();
        assert_eq!(options, ["boot", "max-priority", "units", "directory"]);
        for boot in ["0", "-1", "all", "0123456789abcdef0123456789abcdef", "2"] {
            let right = Journald { boot: Some(boot.into()), ..Journald::default() };
            assert!(right.check().is_empty(), "{boot}");
        }
    }
}
