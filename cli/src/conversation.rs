//! The conversation in a terminal.
//!
//! Questions are plain lines: the terminal itself edits them, so pasting works, Ctrl-C ends the
//! program as everywhere, and there is no state of the terminal to be put right afterwards. Every
//! question has its flag; what a flag has answered is not asked.

pub(crate) mod draft;

use draft::{Kept, Offer};

use crate::{
    args::Said,
    exit::Failure,
    text::{self, Style, harmless},
};
use collect_core::{
    Profile,
    profile::{Contact, Question},
    report::Report,
};
use jiff::tz::TimeZone;
use std::{
    fs,
    io::{self, BufRead, Read, Write},
    path::Path,
};

/// A terminal in which somebody answers.
pub(crate) struct Conversation {
    pub(crate) style: Style,
}

/// Called with everything that was said so far, after each answer.
type Save<'s> = &'s mut dyn FnMut(&Report) -> Result<(), Failure>;

impl Conversation {
    /// Says who asks, and for what.
    pub(crate) fn greet(&self, profile: &Profile) {
        let title = format!("{}: report a problem", text::one_line(&profile.product));
        self.write(&format!("{}\n", self.style.bold(&title)));
        if let Some(intro) = &profile.report.intro {
            self.write(&format!("{}\n", harmless(intro.trim_end())));
        }
        self.write("\n");
    }

    /// Asks for all that the report still lacks, and saves it after each answer.
    pub(crate) fn complete(
        &self,
        report: &mut Report,
        asked: &[Missing<'_>],
        save: Save<'_>,
    ) -> Result<(), Failure> {
        for missing in asked {
            match missing {
                Missing::Email { required } => {
                    report.email = self.email(*required)?;
                }
                Missing::Description => self.description(report, save)?,
                Missing::Answer(question) => {
                    if let Some(answer) = self.answer(question)? {
                        report.answers.insert(question.id.clone(), answer);
                    }
                }
            }
            save(report)?;
        }
        Ok(())
    }

    /// Asks whether to go on; no is the answer of someone who closes the input.
    pub(crate) fn agree(&self, sends: bool) -> Result<bool, Failure> {
        // What was typed before the question was there is no answer to it.
        _ = rustix::termios::tcflush(
            rustix::stdio::stdin(),
            rustix::termios::QueueSelector::IFlush,
        );
        let what = if sends { "Gather and send this?" } else { "Gather this?" };
        loop {
            let Some(answer) = self.line(&format!("{what} [Y/n] "))? else { return Ok(false) };
            match answer.to_lowercase().as_str() {
                "" | "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => self.write("Please answer y or n.\n"),
            }
        }
    }

    /// Asks what to do about the report of a run that did not finish.
    pub(crate) fn offer(
        &self,
        kept: &Kept,
        profile: &Profile,
        zone: &TimeZone,
    ) -> Result<Offer, Failure> {
        let saved = text::moment(kept.saved(), zone);
        self.write(&format!("There is an unfinished report of yours, of {saved}:\n\n"));
        self.show(kept.report(), &profile.report.questions);
        loop {
            let question = "Use it? [Y]es, [t]hrow it away, [l]eave it for later: ";
            let offer = match self.asked(question)?.to_lowercase().as_str() {
                "" | "y" | "yes" | "use" => Offer::Use,
                "t" | "throw" | "throw it away" => Offer::ThrowAway,
                "l" | "leave" | "n" | "no" => Offer::Leave,
                _ => {
                    self.write("Please answer y, t or l.\n");
                    continue;
                }
            };
            self.write("\n");
            return Ok(offer);
        }
    }

    /// Shows what was said so far.
    fn show(&self, report: &Report, questions: &[Question]) {
        let part = |name: &str, said: &str| {
            for (number, line) in harmless(said.trim()).lines().enumerate() {
                let name = if number == 0 { name } else { "" };
                self.write(&format!("  {}  {line}\n", self.style.bold(&format!("{name:<8}"))));
            }
        };
        part("e-mail", report.email.as_deref().unwrap_or_default());
        part("problem", &report.description);
        for question in questions {
            if let Some(answer) = report.answers.get(&question.id) {
                part(&text::one_line(&question.id), answer);
            }
        }
        self.write("\n");
    }

    fn email(&self, required: bool) -> Result<Option<String>, Failure> {
        let leave = if required { "" } else { " (Enter to leave it out)" };
        loop {
            let email = self.asked(&format!("Your e-mail address{leave}: "))?;
            if email.is_empty() && !required {
                self.write("\n");
                return Ok(None);
            }
            if !is_email(&email) {
                self.write("That is not an e-mail address; it looks like name@example.com.\n");
                continue;
            }
            if self.asked("The same again, to be sure: ")? == email {
                self.write("\n");
                return Ok(Some(email));
            }
            self.write("The two are not the same. Once more, please.\n");
        }
    }

    /// Reads lines until the input ends, and saves them one by one: nobody types them twice.
    fn description(&self, report: &mut Report, save: Save<'_>) -> Result<(), Failure> {
        let question = self.style.bold("What happened?");
        self.write(&format!(
            "{question} As many lines as you like; Enter, then Ctrl-D, ends it.\n"
        ));
        let mut typed = Vec::new();
        while io::stdin()
            .lock()
            .read_until(b'\n', &mut typed)
            .map_err(|error| cannot_read(&error))?
            > 0
        {
            String::from_utf8_lossy(&typed).trim().clone_into(&mut report.description);
            save(report)?;
        }
        if !typed.is_empty() && !typed.ends_with(b"\n") {
            self.write("\n");
        }
        self.write("\n");
        Ok(())
    }

    fn answer(&self, question: &Question) -> Result<Option<String>, Failure> {
        let ask = text::one_line(&question.ask);
        let leave = if question.required { "" } else { " (Enter to leave it out)" };
        loop {
            let answer = self.asked(&format!("{}{leave} ", self.style.bold(&ask)))?;
            if !answer.is_empty() || !question.required {
                self.write("\n");
                return Ok(Some(answer).filter(|answer| !answer.is_empty()));
            }
            self.write("This one needs an answer.\n");
        }
    }

    /// The answer to a question without which there is no going on.
    fn asked(&self, question: &str) -> Result<String, Failure> {
        self.line(question)?.ok_or_else(|| {
            Failure::unusable("the input ended before the report was complete")
                .help("what you typed is kept, and offered again by the next run")
        })
    }

    /// One line, without white space around it; nothing if the input has ended.
    fn line(&self, question: &str) -> Result<Option<String>, Failure> {
        self.write(question);
        let mut typed = Vec::new();
        let read = io::stdin().lock().read_until(b'\n', &mut typed);
        read.map_err(|error| cannot_read(&error))?;
        if !typed.ends_with(b"\n") {
            self.write("\n");
        }
        let text = String::from_utf8_lossy(&typed).trim().to_owned();
        Ok((!typed.is_empty()).then_some(text))
    }

    #[expect(clippy::unused_self, reason = "one way to the terminal")]
    fn write(&self, text: &str) {
        let mut terminal = io::stderr().lock();
        _ = terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush());
    }
}

fn cannot_read(error: &io::Error) -> Failure {
    Failure::unusable(format!("cannot read what is typed: {error}"))
        .help("what you typed is kept, and offered again by the next run")
}

/// Something that the profile wants to know and nobody has said.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Missing<'p> {
    Email { required: bool },
    Description,
    Answer(&'p Question),
}

impl Missing<'_> {
    /// Whether there is no going on without it where nobody can be asked.
    pub(crate) fn is_required(&self) -> bool {
        match self {
            Self::Email { required } => *required,
            Self::Description => true,
            Self::Answer(question) => question.required,
        }
    }

    /// The flag that says it.
    pub(crate) fn flag(&self) -> String {
        match self {
            Self::Email { .. } => "--email E".to_owned(),
            Self::Description => "--description TEXT".to_owned(),
            Self::Answer(question) => format!("--answer {}=TEXT", question.id),
        }
    }
}

/// What the flags say, as the beginning of a report.
pub(crate) fn said(said: &Said, profile: &Profile) -> Result<Report, Failure> {
    if let Some(email) = said.email.as_deref().filter(|email| !is_email(email)) {
        return Err(Failure::unusable(format!("`{email}` is no e-mail address"))
            .help("write it like `--email name@example.com`"));
    }
    let known = &profile.report.questions;
    for (id, _) in &said.answers {
        if !known.iter().any(|question| question.id == *id) {
            let ids: Vec<_> = known.iter().map(|question| question.id.as_str()).collect();
            let help = collect_core::suggest::did_you_mean(id, ids.iter().copied());
            let help = help.unwrap_or_else(|| match ids.as_slice() {
                [] => "it asks nothing of its own".to_owned(),
                ids => format!("its questions are {}", ids.join(", ")),
            });
            return Err(Failure::unusable(format!("the profile has no question `{id}`")).help(help));
        }
    }
    let file = said.description_file.as_deref().map(read_description).transpose()?;
    Ok(Report {
        email: said.email.clone(),
        description: said.description.clone().or(file).unwrap_or_default(),
        answers: said.answers.iter().cloned().collect(),
        ticket: said.ticket.clone(),
        consent: None,
    })
}

/// A description longer than this is a log, and belongs into a step.
const DESCRIPTION_MAX: u64 = 1 << 20;

fn read_description(path: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let most = DESCRIPTION_MAX + 1;
    let read = if path == Path::new("-") {
        io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    read.map_err(|error| {
        Failure::unusable(format!("cannot read the description in `{}`: {error}", path.display()))
    })?;
    if bytes.len() as u64 > DESCRIPTION_MAX {
        let (path, most) = (path.display(), text::size(DESCRIPTION_MAX));
        return Err(Failure::unusable(format!(
            "the description in `{path}` is longer than {most}"
        ))
        .help("say what happened in a few lines; logs are gathered by the profile's steps"));
    }
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// What the profile wants to know and neither flags nor an earlier run have said.
pub(crate) fn missing<'p>(profile: &'p Profile, flags: &Said, report: &Report) -> Vec<Missing<'p>> {
    let form = &profile.report;
    let mut missing = Vec::new();
    if form.contact != Contact::None && report.email.is_none() {
        missing.push(Missing::Email { required: form.contact == Contact::Required });
    }
    // An empty description that was given on purpose is one.
    let described = flags.description.is_some() || flags.description_file.is_some();
    if report.description.is_empty() && !described {
        missing.push(Missing::Description);
    }
    let open = form.questions.iter().filter(|question| !report.answers.contains_key(&question.id));
    missing.extend(open.map(Missing::Answer));
    missing
}

/// One error that names every flag without which there is no going on.
pub(crate) fn refuse(missing: &[Missing<'_>], agreed: bool) -> Result<(), Failure> {
    let required = missing.iter().filter(|missing| missing.is_required());
    let mut flags: Vec<String> = required.map(Missing::flag).collect();
    if !agreed {
        flags.push("--yes".to_owned());
    }
    if flags.is_empty() {
        return Ok(());
    }
    let list = flags.iter().map(|flag| format!("`{flag}`")).collect::<Vec<_>>().join(", ");
    Err(Failure::unusable(format!("nobody can be asked here, and this is missing: {list}"))
        .help("give these flags, or start it in a terminal without --json and --quiet"))
}

/// Whether a text has the shape of an e-mail address. Whether it is one, only a letter can tell.
fn is_email(text: &str) -> bool {
    let plain = !text.chars().any(|char| char.is_whitespace() || char.is_control());
    let parts = text.rsplit_once('@');
    plain
        && parts.is_some_and(|(name, host)| {
            let labels = || host.split('.');
            !name.is_empty() && labels().count() > 1 && labels().all(|label| !label.is_empty())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_name_and_a_host() {
        for good in ["user@example.com", "a.b+c@mail.example.com"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["", "user", "user@", "@example.com", "user@host", "u ser@example.com", "u@.com"]
        {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn a_description_that_is_too_long_is_refused_not_cut() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), vec![b'x'; DESCRIPTION_MAX as usize]).unwrap();
        assert!(read_description(file.path()).is_ok());
        fs::write(file.path(), vec![b'x'; DESCRIPTION_MAX as usize + 1]).unwrap();
        assert!(read_description(file.path()).unwrap_err().message.contains("longer"));
    }

    #[test]
    fn one_error_names_every_flag_that_is_missing() {
        let question = Question { id: "steps".into(), ask: "What?".into(), required: true };
        let optional = Question { id: "more".into(), required: false, ..question.clone() };
        let missing = [
            Missing::Email { required: true },
            Missing::Description,
            Missing::Answer(&question),
            Missing::Answer(&optional),
        ];
        let failure = refuse(&missing, false).unwrap_err();
        let flags = ["`--email E`", "`--description TEXT`", "`--answer steps=TEXT`", "`--yes`"];
        assert!(failure.message.ends_with(&flags.join(", ")), "{}", failure.message);
        assert_eq!(failure.exit, crate::exit::Exit::Unusable);
    }

    #[test]
    fn what_may_be_left_out_is_not_missed() {
        assert!(refuse(&[Missing::Email { required: false }], true).is_ok());
        assert!(refuse(&[], false).unwrap_err().message.ends_with("`--yes`"));
    }
}
