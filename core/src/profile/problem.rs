//! What is wrong with a profile, as data and as text for people.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use regex::Regex;
use serde::Serialize;
use std::{
    fmt,
    ops::Range,
    sync::{Arc, LazyLock},
};

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

/// The same, as people shorten it; too short for slips of the pen.
const SHORT_WORDS: [&str; 4] = ["pass", "passwd", "pw", "pwd"];

/// Whether an option of this name holds a secret, or was meant to before a slip of the pen.
pub(super) fn is_secret(option: &str) -> bool {
    let option = option.to_lowercase();
    let mut words = option.split(|c: char| !c.is_alphanumeric());
    words.any(|word| {
        let is_short = SHORT_WORDS.iter().any(|secret| word.ends_with(secret));
        is_short
            || SECRET_WORDS.iter().any(|secret| {
                let plural = word.strip_suffix('s').unwrap_or(word);
                strsim::osa_distance(plural, secret) <= 1 || word.ends_with(secret)
            })
    })
}

/// What a secret is in that goes on in the next line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    /// None goes on.
    Nothing,
    /// So many lists.
    Lists(usize),
    /// A text over several lines, between these quotes.
    Text(&'static str),
}

impl Open {
    /// What is open behind a line, or the rest of it.
    fn after(self, rest: &str) -> Self {
        if let Self::Text(quotes) = self {
            return if rest.contains(quotes) { Self::Nothing } else { self };
        }
        let opens = |quotes: &&str| rest.matches(quotes).count() % 2 == 1;
        if let Some(quotes) = ["\"\"\"", "'''"].into_iter().find(opens) {
            return Self::Text(quotes);
        }
        let mut lists = if let Self::Lists(lists) = self { lists } else { 0 };
        let mut quote = None;
        for letter in rest.chars() {
            match (quote, letter) {
                (Some(open), _) if open == letter => quote = None,
                (None, '"' | '\'') => quote = Some(letter),
                (None, '[') => lists += 1,
                (None, ']') => lists = lists.saturating_sub(1),
                _ => {}
            }
        }
        if lists > 0 { Self::Lists(lists) } else { Self::Nothing }
    }
}

/// The text with every secret replaced by as many asterisks, so that places in it stay what they are.
///
/// What is wrong with a profile may be how it is written, so that nothing more is expected of a line
/// than the name of an option before its value.
pub(super) fn without_secrets(text: &str) -> String {
    let mut open = Open::Nothing;
    let hide = |line: &str| {
        let before = open;
        let value = if before == Open::Nothing { value_of_secret(line) } else { Some(0) };
        open = value.map_or(Open::Nothing, |at| before.after(&line[at..]));
        match before {
            Open::Nothing => hide(line),
            Open::Lists(_) => hide_value(line, asterisks),
            Open::Text(_) => asterisks(line),
        }
    };
    text.split_inclusive('\n').map(hide).collect()
}

fn hide(line: &str) -> String {
    if let Some(at) = line.to_uppercase().find("AGE-SECRET-KEY-")
        && line.is_ascii()
    {
        return hide(&line[..at]) + &asterisks(&line[at..]);
    }
    match value_of_secret(line) {
        Some(at) => without_password(&line[..at]) + &hide_value(&line[at..], hide),
        None => without_password(line),
    }
}

/// Hides a value. A table that names a file or a variable stays, because that is what most often has
/// to be corrected; `further` hides what is behind it.
fn hide_value(value: &str, further: impl Fn(&str) -> String) -> String {
    let table = value.trim_start().strip_prefix('{').map(str::trim_start);
    let names = |name| table.and_then(|table| table.strip_prefix(name)).map(str::trim_start);
    let is_place = ["file", "env"].into_iter().filter_map(names).any(|rest| rest.starts_with('='));
    match value.find('}') {
        Some(end) if is_place => value[..=end].to_owned() + &further(&value[end + 1..]),
        _ => asterisks(value),
    }
}

/// Where in a line the value of an option begins that holds a secret, whether or not there is a sign
/// between them.
fn value_of_secret(line: &str) -> Option<usize> {
    static WORDS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#""[^"]*"|'[^']*'|[\w.-]+"#).expect("the expression is valid")
    });
    WORDS.find_iter(line).find_map(|word| {
        let rest = &line[word.end()..];
        let next = rest.trim_start();
        let sign = next.starts_with(['=', ':']);
        let quoted = word.as_str().starts_with(['"', '\'']);
        let is_option = sign || !quoted && next.starts_with(['"', '\'', '[', '{']);
        let gap = rest.len() - next.len();
        (is_option && is_secret(word.as_str())).then(|| word.end() + gap + usize::from(sign))
    })
}

/// Hides user and password in `scheme://user:password@host`, and what stands behind a `?`.
fn without_password(line: &str) -> String {
    let Some((before, after)) = line.split_once("://") else {
        return line.to_owned();
    };
    let end = after.find(['"', '\'', ' ']).unwrap_or(after.len());
    let (url, rest) = after.split_at(end);
    let (url, query) = url.split_at(url.find('?').map_or(url.len(), |at| at + 1));
    let authority = url.find('/').unwrap_or(url.len());
    let (user, host) = url.split_at(url[..authority].rfind('@').unwrap_or(0));
    format!("{before}://{}{host}{}{rest}", asterisks(user), asterisks(query))
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

    #[test]
    fn a_secret_is_not_shown_however_wrongly_it_is_written() {
        for text in [
            "token = { value = \"hunter2\" }",
            "token = { literal = 'hunter2', file = \"t\" }",
            "token: \"hunter2\"",
            "token \"hunter2\"",
            "\"upload-token\" = \"hunter2\"",
            "tokne = \"hunter2",
            "kye = \"hunter2\"",
            "token = \"\"\"\nhunter2\n\"\"\"",
            "values = '''\nhunter2\n''' # x\n",
            "values = [\n  \"a]\",\n  { file = \"x\" }\n  , \"hunter2\" ]",
            "values = [\n  { literal = \"hunter2\" },\n]",
            "values = [{ file = \"x\" }, \"hunter2\"]",
            "redact.ours = { use = \"literal\", values = [\"hunter2\"], x = 1 }",
            "deliver.b = { use = \"s3\", upload-token = { file = \"t\" }, key = \"hunter2\" }",
            "[deliver.bucket] upload-token = \"hunter2\"",
            "proxy = \"http://shop:hunter2@192.0.2.7:3128\"",
            "url = \"https://example.com/?x=hunter2\"",
            "pass = \"hunter2\"",
            "deskpwd = \"hunter2\"",
        ] {
            let shown = without_secrets(text);
            assert!(!shown.contains("hunter2"), "{text} is shown as {shown}");
            assert_eq!(shown.len(), text.len());
        }
        for text in [
            "token = { file = \"upload.token\" }\nregion = \"here\"\n",
            "values = [\n]\nregion = \"here\"\n",
            "[redact.keys]\nuse = \"keys\"\naccess = \"keys\"\n",
            "argv = [\"vault\", \"token\", \"lookup\"]\n",
        ] {
            assert_eq!(without_secrets(text), text);
        }
    }
}
