//! What is wrong with a profile, as data and as text for people.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;
use std::{fmt, ops::Range, sync::Arc};

/// A profile that cannot be used, and every reason why.
#[derive(Debug)]
pub struct ProfileError {
    problems: Vec<Problem>,
}

/// One thing wrong with a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, or the name of the profile that is built in; none if it was not found.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The column in characters, from 1.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// What is marked in the files, and what is said beside it.
    #[serde(skip)]
    marks: Vec<(Place, String)>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) column: usize,
    /// Bytes of the text.
    pub(super) range: Range<usize>,
    /// The whole file.
    pub(super) text: Arc<str>,
}

impl Problem {
    /// A problem with the profile as a whole.
    pub(super) fn general(message: String, help: Option<String>) -> Self {
        Self { file: None, line: None, column: None, message, help, marks: Vec::new() }
    }

    /// A problem at a place, and perhaps a second place that has to do with it.
    pub(super) fn placed(
        message: String,
        at: Place,
        label: String,
        help: Option<String>,
        also: Option<(Place, String)>,
    ) -> Self {
        Self {
            file: Some(at.file.clone()),
            line: Some(at.line),
            column: Some(at.column),
            message,
            help,
            marks: std::iter::once((at, label)).chain(also).collect(),
        }
    }

    fn group(&self) -> Group<'_> {
        let mut group = Group::with_title(Level::ERROR.primary_title(&self.message));
        for (number, (place, label)) in self.marks.iter().enumerate() {
            let kind = if number == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
            let mark = kind.span(place.range.clone());
            let mark = if label.is_empty() { mark } else { mark.label(label) };
            let text = without_secrets(&place.text);
            group = group.element(Snippet::source(text).path(&place.file).annotation(mark));
        }
        match &self.help {
            Some(help) => group.element(Level::HELP.message(help)),
            None => group,
        }
    }
}

impl ProfileError {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// Every problem, in the order of the files.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The problems for people: each with its line of the file, a caret, and what to do.
    ///
    /// Values that look like secrets are shown as asterisks.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let problems = self.problems.iter().map(|problem| renderer.render(&[problem.group()]));
        problems.collect::<Vec<_>>().join("\n\n")
    }
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [problem] => f.write_str(&problem.message),
            problems => write!(f, "the profile has {} problems", problems.len()),
        }
    }
}

impl std::error::Error for ProfileError {}

/// Words in the name of an option whose value is nobody's business.
const SECRET_WORDS: [&str; 8] =
    ["credential", "key", "passphrase", "password", "presigned", "secret", "token", "value"];

/// Whether an option of this name holds a secret, or was meant to before a slip of the pen.
pub(super) fn is_secret(option: &str) -> bool {
    let option = option.to_lowercase();
    let mut words = option.split(|c: char| !c.is_alphanumeric());
    words.any(|word| {
        SECRET_WORDS.iter().any(|secret| {
            let slips = usize::from(secret.len() > 3);
            let plural = word.strip_suffix('s').unwrap_or(word);
            strsim::osa_distance(plural, secret) <= slips || word.ends_with(secret)
        })
    })
}

/// The text with every secret replaced by as many asterisks, so that columns stay what they are.
fn without_secrets(text: &str) -> String {
    // A list of secrets may go on over lines.
    let mut in_list = false;
    let hide = |line: &str| {
        let within = in_list;
        let begins = line
            .split_once('=')
            .is_some_and(|(key, value)| is_secret(key) && value.trim_start().starts_with('['));
        in_list = (within || begins) && !line.contains(']');
        if within && !line.trim_start().starts_with('{') { asterisks(line) } else { hide(line) }
    };
    text.split_inclusive('\n').map(hide).collect()
}

fn hide(line: &str) -> String {
    if let Some(at) = line.to_uppercase().find("AGE-SECRET-KEY-")
        && line.is_ascii()
    {
        return line[..at].to_owned() + &asterisks(&line[at..]);
    }
    match line.split_once('=') {
        // A table names a file or a variable, and is what most often has to be corrected.
        Some((key, value)) if is_secret(key) && !value.trim_start().starts_with('{') => {
            format!("{key}={}", asterisks(value))
        }
        _ => without_password(line),
    }
}

/// Hides user and password in `scheme://user:password@host`.
fn without_password(line: &str) -> String {
    let Some((before, after)) = line.split_once("://") else {
        return line.to_owned();
    };
    let authority = after.find(['/', '"', '\'', ' ']).unwrap_or(after.len());
    match after[..authority].rfind('@') {
        Some(at) => format!("{before}://{}{}", asterisks(&after[..at]), &after[at..]),
        None => line.to_owned(),
    }
}

fn asterisks(value: &str) -> String {
    let hidden = |c: char| match c {
        c if c.is_whitespace() || "\"'[],".contains(c) => c.to_string(),
        c => "*".repeat(c.len_utf8()),
    };
    value.chars().map(hidden).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_look_like_secrets_are_never_shown() {
        let text = "upload-token = \"made-up\"\nproxy = \"http://u:p@h\"\n\
                    token = { file = \"upload.token\" }\nrecipients = [\"AGE-SECRET-KEY-1MADEUP\"]\n";
        assert_eq!(
            without_secrets(text),
            "upload-token = \"*******\"\nproxy = \"http://***@h\"\n\
             token = { file = \"upload.token\" }\nrecipients = [\"**********************\"]\n"
        );
    }
}
