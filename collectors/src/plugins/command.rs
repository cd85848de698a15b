//! Runs a command and keeps what it writes.

use collect_core::{CollectError, Collector, Invalid, Output, host::CommandLine, register};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf};

/// Runs a command and keeps what it writes to its standard output.
///
/// The entry is named after the command: `["ip", "addr"]` gives `ip_addr.txt`. Another exit code
/// than 0 is noted, with what the command wrote to standard error. At the `timeout` it is killed
/// with all that it started; what it wrote by then is kept. A program that is not installed is no
/// error.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Command {
    /// The program, looked up in `PATH` or given by its absolute path, and its arguments. No shell
    /// reads them: pipes, variables and wildcards mean nothing here.
    argv: Vec<String>,
    /// Environment variables to add or change.
    env: BTreeMap<String, String>,
    /// The directory to run in; `/` if none is given.
    dir: Option<PathBuf>,
    /// What the entry is called, in place of the words of the command, such as `status.txt`.
    name: Option<String>,
}

register!("command" => Command as Collector);

/// The longest name of an entry, in bytes.
const LONGEST_NAME: usize = 80;

impl Command {
    fn line(&self) -> CommandLine {
        CommandLine {
            argv: self.argv.clone(),
            env: self.env.clone().into_iter().collect(),
            dir: self.dir.clone(),
        }
    }

    /// The words of the command, as far as they can be part of a file's name.
    fn entry_name(&self) -> String {
        if let Some(name) = &self.name {
            return name.clone();
        }
        let mut words = self.argv.iter().map(String::as_str);
        let program = words.next().unwrap_or_default();
        let program = program.rsplit('/').next().unwrap_or(program);
        let mut name = String::new();
        for word in std::iter::once(program).chain(words) {
            let safe = |char: char| char.is_ascii_alphanumeric() || "-.+=,@:%".contains(char);
            for part in word.split(|char| !safe(char)).filter(|part| !part.is_empty()) {
                if !name.is_empty() {
                    name.push('_');
                }
                name.push_str(part);
            }
        }
        name.truncate(LONGEST_NAME);
        let name = name.trim_start_matches('.');
        if name.is_empty() { "output.txt".into() } else { format!("{name}.txt") }
    }

    fn program_is_wrong(&self) -> Option<Invalid> {
        let wrong = |message: String, help: &str| Invalid {
            option: "argv",
            message,
            help: Some(help.to_owned()),
        };
        let example = r#"write the program and its arguments, as in `argv = ["ip", "addr"]`"#;
        match self.argv.as_slice() {
            [] => Some(wrong("no command is given".into(), example)),
            [program, ..] if program.is_empty() => {
                Some(wrong("the program's name is empty".into(), example))
            }
            [line] if line.contains(char::is_whitespace) => {
                let words: Vec<_> = line.split_whitespace().collect();
                let help = format!("no shell reads it; write `argv = {words:?}`");
                Some(wrong(format!("`{line}` is a command line, not a program"), &help))
            }
            [program, ..] if program.contains('/') && !program.starts_with('/') => Some(wrong(
                format!("`{program}` is not an absolute path"),
                "write the program's name, to have it looked up in `PATH`, or its absolute path",
            )),
            _ => None,
        }
    }
}

impl Collector for Command {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        out.command(&self.entry_name(), &self.line())
    }

    fn describe(&self) -> Option<String> {
        Some(format!("output of {}", self.argv.join(" ")))
    }

    fn check(&self) -> Vec<Invalid> {
        let mut wrong: Vec<_> = self.program_is_wrong().into_iter().collect();
        let mut add = |option, message| wrong.push(Invalid { option, message, help: None });
        if self.argv.iter().any(|word| word.contains('\0')) {
            add("argv", "a word holds a NUL character".to_owned());
        }
        for (name, value) in &self.env {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                add("env", format!("`{}` cannot be a variable", name.escape_debug()));
            }
        }
        if let Some(dir) = self.dir.as_ref().filter(|dir| !dir.is_absolute()) {
            add("dir", format!("`{}` is not an absolute path", dir.display()));
        }
        let is_name = |name: &String| {
            !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0', '\n'])
        };
        if let Some(name) = self.name.as_ref().filter(|name| !is_name(name)) {
            add("name", format!("`{}` cannot be the name of a file", name.escape_debug()));
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };

    fn command(argv: &[&str]) -> Command {
        Command { argv: argv.iter().map(|&word| word.to_owned()).collect(), ..Command::default() }
    }

    #[test]
    fn what_a_command_writes_is_kept_and_how_it_failed_is_said() {
        let host = || FakeHost::new().command("ip addr", "lo\n").command_fails("ip link", 2, "no");
        let collected = Trial::of(command(&["ip", "addr"])).on(host());
        assert_eq!(collected.text("ip_addr.txt"), "lo\n");
        assert_eq!(collected.status(), Status::Complete);
        let collected = Trial::of(command(&["ip", "link"])).on(host());
        assert!(collected.notes()[0].contains("exit code 2: no"), "{:?}", collected.notes());
    }

    #[test]
    fn a_program_that_is_not_installed_is_absent() {
        assert_eq!(Trial::of(command(&["ip"])).on(FakeHost::new()).status(), Status::Absent);
    }

    #[test]
    fn an_entry_is_named_after_its_command() {
        let name = |argv: &[&str]| command(argv).entry_name();
        assert_eq!(name(&["ip", "addr"]), "ip_addr.txt");
        assert_eq!(name(&["/usr/sbin/sysctl", "-a"]), "sysctl_-a.txt");
        assert_eq!(name(&["cat", "/etc/../x y"]), "cat_etc_.._x_y.txt");
        assert_eq!(name(&["/"]), "output.txt");
        assert_eq!(name(&["x", &"y".repeat(200)]).len(), LONGEST_NAME + 4);
        assert_eq!(name(&["é", "ü"]), "output.txt");
    }

    #[test]
    fn an_entry_can_be_given_a_name() {
        let mut named = command(&["ip", "addr"]);
        named.name = Some("addresses.txt".into());
        assert!(named.check().is_empty());
        let collected = Trial::of(named).on(FakeHost::new().command("ip addr", "lo\n"));
        assert_eq!(collected.text("addresses.txt"), "lo\n");
        for wrong in ["", "../up", ".hidden", "a\nb"] {
            let mut named = command(&["ip"]);
            named.name = Some(wrong.into());
            assert_eq!(named.check()[0].option, "name", "{wrong}");
        }
    }

    #[test]
    fn a_shell_line_is_refused_and_its_words_are_shown() {
        let wrong = command(&["ip -s link"]).check();
        assert_eq!(wrong[0].option, "argv");
        assert!(wrong[0].help.as_ref().unwrap().contains(r#"["ip", "-s", "link"]"#));
    }

    #[test]
    fn what_cannot_run_is_refused() {
        assert_eq!(command(&[]).check()[0].option, "argv");
        assert_eq!(command(&[""]).check()[0].option, "argv");
        assert_eq!(command(&["bin/tool"]).check()[0].option, "argv");
        let mut odd = command(&["tool"]);
        assert!(odd.check().is_empty());
        odd.env.insert("A=B".into(), "c".into());
        odd.dir = Some("tmp".into());
        let options: Vec<_> = odd.check().iter().map(|invalid| invalid.option).collect();
        assert_eq!(options, ["env", "dir"]);
    }
}
