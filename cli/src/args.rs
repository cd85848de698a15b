//! The command line, as it is written.

use crate::exit::EXPLAINED;
use clap::{
    ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
    error::ErrorKind, parser::ValueSource,
};
use collect_core::units::{Length, TimePoint};
use std::{ffi::OsString, num::NonZero, path::PathBuf};

/// Gathers what a team needs to understand a problem, removes secrets, encrypts it, delivers it
///
/// `collect --profile P` asks what happened, shows what it will gather, and does so once you agree.
#[derive(Debug, Parser)]
#[command(
    name = "collect",
    version,
    after_help = EXPLAINED,
    subcommand_negates_reqs = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: Job,
    #[command(flatten)]
    pub(crate) common: Common,
}

impl Cli {
    /// Reads the command line.
    pub(crate) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(words)?;
        if let (Some(name), Some(option)) = (matches.subcommand_name(), of_main_job(&matches)) {
            let message = format!("`{option}` says nothing to `collect {name}`");
            return Err(command.error(ErrorKind::ArgumentConflict, message));
        }
        Self::from_arg_matches(&matches)
    }
}

/// An option of the main job that was given. With another command it would do nothing, and what
/// does nothing is not accepted.
fn of_main_job(matches: &ArgMatches) -> Option<String> {
    let given =
        |id: &str| matches.value_source(id).is_some_and(|from| from == ValueSource::CommandLine);
    let options = Job::augment_args(clap::Command::new("run"));
    let mut given = options.get_arguments().filter(|option| given(option.get_id().as_str()));
    given.next().and_then(|option| Some(format!("--{}", option.get_long()?)))
}

/// What every command understands.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct Common {
    /// Print one event a line as JSON, and ask nothing
    #[arg(long, global = true, conflicts_with_all = ["quiet", "verbose"])]
    pub(crate) json: bool,
    /// Print only errors, and ask nothing
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Print how every step goes, and all that it has to say
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    /// Use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// In a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The main job.
#[derive(Args, Debug)]
pub(crate) struct Job {
    /// What to gather and where to send it: a name (`collect profiles` lists them) or a path
    #[arg(long, value_name = "P", required = true)]
    pub(crate) profile: Option<String>,
    #[command(flatten)]
    pub(crate) given: Given,
    #[command(flatten)]
    pub(crate) choice: Choice,
    #[command(flatten)]
    pub(crate) said: Said,
    /// Write the bundle to this folder; what is delivered is kept there as well
    #[arg(long, value_name = "DIR", help_heading = "Delivery")]
    pub(crate) output: Option<PathBuf>,
    /// Write the bundle to a folder instead of delivering it
    #[arg(long, help_heading = "Delivery")]
    pub(crate) no_send: bool,
    /// Agree to what will be gathered and sent, without being asked
    #[arg(long, short, help_heading = "Delivery")]
    pub(crate) yes: bool,
    /// Show what would run, and touch nothing
    #[arg(long, help_heading = "Delivery")]
    pub(crate) dry_run: bool,
    /// Threads for redaction and compression
    #[arg(long, value_name = "N", hide = true)]
    pub(crate) threads: Option<NonZero<usize>>,
}

/// What is given for the parameters of a profile.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Given {
    /// The value of a parameter of the profile; may be given several times, and for a list too
    ///
    /// `collect profiles` shows the parameters. A value is no secret: other users see it while
    /// collect runs, and the manifest has it, redacted.
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) set: Vec<(String, String)>,
}

/// Which steps of a profile run, and for what time.
#[derive(Args, Clone, Debug)]
pub(crate) struct Choice {
    /// Run only these steps of the profile
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Leave these steps out
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    pub(crate) skip: Vec<String>,
    /// Gather nothing older: `24h`, `yesterday`, `2026-11-23 10:42`
    #[arg(long, value_name = "T")]
    pub(crate) since: Option<TimePoint>,
    /// Gather nothing newer
    #[arg(long, value_name = "T")]
    pub(crate) until: Option<TimePoint>,
    /// When the problem was; gather what is around it
    #[arg(long, value_name = "T", conflicts_with_all = ["since", "until"])]
    pub(crate) at: Option<TimePoint>,
    /// How much time around --at, half of it before and half after
    #[arg(long, value_name = "D", requires = "at", default_value = "1h")]
    pub(crate) window: Length,
}

impl Choice {
    /// An option of these that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let all = [
            ("--only", !self.only.is_empty()),
            ("--skip", !self.skip.is_empty()),
            ("--since", self.since.is_some()),
            ("--until", self.until.is_some()),
            ("--at", self.at.is_some()),
        ];
        all.into_iter().find(|(_, given)| *given).map(|(name, _)| name)
    }
}

/// What would be asked otherwise.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Report")]
pub(crate) struct Said {
    /// How to reach you
    #[arg(long, value_name = "E")]
    pub(crate) email: Option<String>,
    /// What happened
    #[arg(long, value_name = "TEXT", conflicts_with = "description_file")]
    pub(crate) description: Option<String>,
    /// A file that says what happened; `-` is the standard input
    #[arg(long, value_name = "F")]
    pub(crate) description_file: Option<PathBuf>,
    /// An answer to a question of the profile; may be given several times
    #[arg(long = "answer", value_name = "ID=TEXT", value_parser = answer)]
    pub(crate) answers: Vec<(String, String)>,
    /// The ticket that this belongs to
    #[arg(long, value_name = "ID")]
    pub(crate) ticket: Option<String>,
}

/// Everything else.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the profiles that are found by name
    Profiles,
    /// List the plugins, or explain one
    Plugins {
        /// The plugin to explain
        name: Option<String>,
    },
    /// Say everything that is wrong with a profile; with --run, try it
    Check(Box<CheckJob>),
    /// Print the JSON Schema of profiles, for editors
    Schema,
    /// Write a profile to begin with
    New {
        /// The product, or the file to write
        profile: String,
    },
    /// Deliver what waits in the outbox
    Send {
        /// A bundle in the outbox, or a file that was written with --no-send; without it, all that
        /// wait
        bundle: Option<String>,
        /// The profile that says where to, for a bundle that the outbox does not know
        #[arg(long, value_name = "P")]
        profile: Option<String>,
        #[command(flatten)]
        given: Given,
    },
    /// Redact a file or a folder by a profile, or show what that would change
    ///
    /// Paths are kept, and what was compressed is compressed again. What cannot be redacted is left
    /// out and named; the exit code is 3 then.
    Redact(RedactJob),
    /// Show what waits to be delivered, and what was
    Outbox,
    /// Print a script that completes commands in a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What `collect check` is to do.
#[derive(Args, Debug)]
pub(crate) struct CheckJob {
    /// A name or a path
    pub(crate) profile: String,
    /// Run every step once as a real run would, show how it went, and keep nothing
    ///
    /// Nothing is written, nothing is sent. The exit code is 3 if a step failed, panicked, took too
    /// long or had no turn.
    #[arg(long)]
    pub(crate) run: bool,
    #[command(flatten)]
    pub(crate) given: Given,
    #[command(flatten)]
    pub(crate) choice: Choice,
}

/// What `collect redact` is to do.
#[derive(Args, Debug)]
pub(crate) struct RedactJob {
    /// The file or folder to redact
    pub(crate) source: PathBuf,
    /// The profile that says what is removed: a name or a path
    #[arg(long, value_name = "P")]
    pub(crate) profile: String,
    #[command(flatten)]
    pub(crate) given: Given,
    /// The folder is what was `/` on another host: what is to be known of the host is learnt from
    /// there and not from this one
    #[arg(long)]
    pub(crate) root: bool,
    /// Write to this folder, which is empty or not there; without it, the changes are shown
    #[arg(long, value_name = "DEST")]
    pub(crate) output: Option<PathBuf>,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = parts.ok_or("write it as `NAME=VALUE`, with the name of the parameter")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn answer(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(id, _)| !id.is_empty());
    let (id, answer) = parts.ok_or("write it as `ID=TEXT`, with the id of the question")?;
    Ok((id.to_owned(), answer.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Cli, clap::Error> {
        Cli::read(line.split(' ').map(OsString::from))
    }

    #[test]
    fn what_would_do_nothing_is_not_accepted() {
        assert!(read("collect --json outbox").is_ok());
        assert!(read("collect outbox --json").is_ok());
        let error = read("collect --no-send outbox").unwrap_err().to_string();
        assert!(error.contains("`--no-send`"), "{error}");
        assert!(read("collect --profile p --window 2h").is_err(), "a window around nothing");
        assert!(read("collect").is_err(), "no profile");
    }

    #[test]
    fn a_moment_and_a_window_are_read_as_people_write_them() {
        let cli = read("collect --profile p --at 2026-11-23T10:42:00Z --window 30m").unwrap();
        let Length(window) = cli.run.choice.window;
        assert_eq!(window.as_secs(), 1800);
        assert_eq!(cli.run.choice.at, "2026-11-23T10:42:00Z".parse().ok());
        assert!(read("collect --profile p --at soon").unwrap_err().to_string().contains("`24h`"));
        assert!(read("collect --profile p --at 1h --since 2h").is_err());
    }

    #[test]
    fn parameters_are_given_wherever_a_profile_is_read() {
        for line in [
            "collect --profile p --set a=b=c --set a=",
            "collect check p --set a=b=c --set a=",
            "collect redact --profile p --set a=b=c --set a= dir",
            "collect send --set a=b=c --set a=",
        ] {
            let cli = read(line).unwrap_or_else(|error| panic!("{error}"));
            let set = match cli.command {
                None => cli.run.given.set,
                Some(Command::Check(job)) => job.given.set,
                Some(Command::Redact(job)) => job.given.set,
                Some(Command::Send { given, .. }) => given.set,
                _ => panic!("{line}"),
            };
            assert_eq!(set, [("a", "b=c"), ("a", "")].map(|(a, b)| (a.into(), b.into())));
        }
        assert!(read("collect --profile p --set unit").is_err());
        assert!(read("collect --set a=b check p").is_err(), "it belongs behind `check`");
    }

    #[test]
    fn lists_are_separated_by_commas_and_answers_by_an_equals_sign() {
        let cli =
            read("collect --profile p --only a,b --answer steps=x=y --answer more=z").unwrap();
        assert_eq!(cli.run.choice.only, ["a", "b"]);
        let answers = [("steps", "x=y"), ("more", "z")];
        assert_eq!(cli.run.said.answers, answers.map(|(id, text)| (id.into(), text.into())));
        assert!(read("collect --profile p --answer steps").is_err());
    }
}
