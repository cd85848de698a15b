//! How a run speaks: to a person, to a program, or hardly at all.
//!
//! Everything for people goes to standard error; standard output holds nothing but data.

mod json;
mod quiet;
pub(crate) mod terminal;

use crate::{
    args::{Color, Common},
    exit::{Exit, Failure},
    outline::Outline,
    text::Style,
};
use collect_core::{bundle::StepRecord, event::Reporter, gather::Stop};
use serde::Serialize;
use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
    time::Duration,
};

/// What a run says beside its events.
pub(crate) trait Voice: Reporter {
    /// A remark that a person may want to know.
    fn say(&self, remark: &str);

    /// What the run will do; looked at only by a voice that shows it.
    fn outline(&self, outline: &dyn Fn() -> Outline);

    /// How the steps ended: what is missing comes before all else.
    fn gathered(&self, steps: &[StepRecord]);

    /// How the steps went that were only tried.
    fn tried(&self, rehearsal: &Rehearsal<'_>);

    /// How the run ended.
    fn ended(&self, ending: &Ending);

    /// Why a command did not do what it was asked for.
    fn failed(&self, failure: &Failure);

    /// Whether this voice may ask questions.
    fn may_ask(&self) -> bool;

    /// The look of text on standard output and standard error.
    fn styles(&self) -> Styles;
}

/// How the steps of a profile went that were only tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rehearsal<'r> {
    pub(crate) exit: Exit,
    pub(crate) steps: &'r [StepRecord],
    /// How long all of it took: steps run side by side.
    pub(crate) took: Duration,
    /// How many bytes the bundle would have had.
    pub(crate) compressed: u64,
    /// Why it ended early, if it did.
    pub(crate) stopped: Option<Stop>,
}

/// How a run ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Ending {
    #[serde(serialize_with = "exit_code")]
    pub(crate) exit: Exit,
    /// What the user quotes.
    pub(crate) id: String,
    /// The file's name.
    pub(crate) bundle: String,
    /// The file, if it is on this host and the user's to keep.
    pub(crate) path: Option<PathBuf>,
    /// Where it was delivered to.
    pub(crate) locations: Vec<String>,
    /// Whether everything that was asked for and exists is in it.
    pub(crate) complete: bool,
    /// The command that opens it, if its key is on this host.
    pub(crate) open: Option<String>,
    /// The command that delivers it, if it waits to be.
    pub(crate) send: Option<String>,
    /// Why it is not where it should be.
    pub(crate) reason: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn exit_code<S: serde::Serializer>(exit: &Exit, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(exit.code())
}

impl Ending {
    /// What is to be said of a bundle that is not where it should be, to whoever hears only of that.
    fn complaint(&self) -> Option<Failure> {
        let reason = self.reason.as_ref()?;
        let bundle =
            self.path.as_ref().map_or(self.bundle.clone(), |path| path.display().to_string());
        let failure = Failure::new(self.exit, format!("{reason}: `{bundle}`"));
        Some(match &self.send {
            Some(send) => failure.help(format!("`{send}` delivers it")),
            None => failure,
        })
    }
}

/// The looks of text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Styles {
    pub(crate) output: Style,
    pub(crate) error: Style,
}

impl Styles {
    pub(crate) fn new(color: Color) -> Self {
        let wanted = |is_terminal: bool| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        };
        Self {
            output: Style { colours: wanted(io::stdout().is_terminal()) },
            error: Style { colours: wanted(io::stderr().is_terminal()) },
        }
    }
}

/// The voice that the command line asks for.
pub(crate) fn voice(common: &Common) -> Box<dyn Voice> {
    let styles = Styles::new(common.color);
    if common.json {
        Box::new(json::Json::new(styles))
    } else if common.quiet {
        Box::new(quiet::Quiet::new(styles))
    } else {
        Box::new(terminal::Terminal::new(styles, common.verbose))
    }
}

/// Writes data to standard output. That nobody reads to the end is no error.
pub(crate) fn print(text: &str) {
    let mut output = io::stdout().lock();
    _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}

/// Writes a failure for people.
pub(crate) fn render(failure: &Failure, style: Style) -> String {
    use crate::text::harmless;
    use std::fmt::Write as _;
    if let Some(profile) = &failure.profile {
        return format!("{}\n", profile.render(style.colours));
    }
    let mut text = format!("{} {}", style.bad("error:"), harmless(&failure.message));
    for line in failure.help.iter().flat_map(|help| help.lines()) {
        _ = write!(text, "\n{} {}", style.bold("help:"), harmless(line));
    }
    text + "\n"
}

/// The path of a bundle that was written, for the program that reads standard output.
fn hand_over(ending: &Ending) {
    let waits = ending.exit == Exit::NotDelivered;
    if let (Some(path), false, false) = (&ending.path, waits, io::stdout().is_terminal()) {
        print(&format!("{}\n", path.display()));
    }
}
