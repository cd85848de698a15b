//! Text from users and hosts, put into a ticket so that it is shown as text.

use std::{borrow::Cow, fmt::Write};

/// How wide a preformatted text may be before it is broken, in characters.
const WIDTH: usize = 100;

/// By which Jira begins and ends a text that is shown as it is.
const NOFORMAT: &str = "{noformat}";

/// What Jira reads as markup within a line.
const JIRA: &str = r"\{}[]*_^~|!+?";

/// What stands at the end of a text that was too long.
const CUT: &str = "… the bundle has the rest";

/// The words after `<` that would end or change a preformatted text of Textile.
const TAGS: [&str; 6] = ["pre", "/pre", "code", "/code", "notextile", "/notextile"];

/// How texts are written in a ticket system.
///
/// What comes from users and hosts is put into preformatted blocks. Escaping character by character
/// would leave what ticket systems find in text later: mentions that notify people, numbers of
/// other tickets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Markup {
    /// Shown as it is.
    #[default]
    Plain,
    /// `CommonMark` and what resembles it.
    Markdown,
    /// Textile, the older of Redmine's formats.
    Textile,
    /// HTML.
    Html,
    /// The wiki text of Jira.
    Jira,
}

impl Markup {
    /// A heading over a text that is shown as it is; nothing if there is no text.
    pub fn block(self, heading: &str, text: &str) -> String {
        let text = wrapped(&clean(text));
        if text.is_empty() {
            return String::new();
        }
        match self {
            Self::Plain => format!("{heading}\n{}", indented(&text)),
            Self::Markdown => {
                let fence = "`".repeat(longest_run(&text, '`').max(2) + 1);
                format!("**{heading}**\n\n{fence}\n{text}\n{fence}")
            }
            Self::Textile => format!("*{heading}*\n\n<pre>\n{}\n</pre>", without_tags(&text)),
            Self::Html => format!("<p><b>{heading}</b></p>\n<pre>\n{}\n</pre>", escaped(&text)),
            Self::Jira => format!("*{heading}*\n{NOFORMAT}\n{}\n{NOFORMAT}", without_end(&text)),
        }
    }

    /// A short text within a line.
    pub fn inline(self, text: &str) -> String {
        let text = one_line(text);
        match self {
            _ if text.is_empty() => text,
            Self::Plain => text,
            Self::Markdown => format!("`{}`", text.replace('`', "'")),
            Self::Textile => format!("@{}@", without_tags(&text).replace('@', "(at)")),
            Self::Html => format!("<code>{}</code>", escaped(&text)),
            Self::Jira => with_backslashes(&text),
        }
    }

    /// A line of our own, in which nothing is to be taken for markup.
    pub(super) fn line(self, text: &str) -> String {
        match self {
            Self::Jira => with_backslashes(text),
            Self::Html => escaped(text),
            _ => text.to_owned(),
        }
    }

    /// The beginning of a text in this markup, whole lines in so many characters, with what it
    /// leaves open closed; for ticket systems that take no longer one.
    pub fn cut(self, text: &str, limit: usize) -> Cow<'_, str> {
        if text.chars().count() <= limit {
            return Cow::Borrowed(text);
        }
        let mut room = limit.saturating_sub(CUT.chars().count());
        let (mut kept, mut open) = (String::new(), None);
        for line in text.lines() {
            let before = open.clone();
            self.follow(line, &mut open);
            let needed = line.chars().count() + 1;
            let end = open.as_ref().map_or(0, |end: &String| end.chars().count() + 1);
            if needed + end > room {
                open = before;
                break;
            }
            room -= needed;
            kept += line;
            kept.push('\n');
        }
        if let Some(end) = open {
            kept += &end;
            kept.push('\n');
        }
        kept += CUT;
        Cow::Owned(kept)
    }

    /// Keeps track of what a line opens and closes: the line that would end it.
    fn follow(self, line: &str, open: &mut Option<String>) {
        let (begin, end) = match self {
            Self::Plain => return,
            Self::Markdown => {
                let fence = line.len() >= 3 && line.chars().all(|c| c == '`');
                (fence, open.as_deref() == Some(line))
            }
            Self::Textile | Self::Html => (line == "<pre>", line == "</pre>"),
            Self::Jira => (line == NOFORMAT, line == NOFORMAT),
        };
        let closing = match self {
            Self::Textile | Self::Html => "</pre>",
            _ => line,
        };
        *open = match open.take() {
            None if begin => Some(closing.to_owned()),
            Some(_) if end => None,
            other => other,
        };
    }
}

/// The text in one line, without what a reader does not see.
pub(super) fn one_line(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The beginning of a text, whole words if possible.
pub(super) fn shortened(text: &str, limit: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(limit) else {
        return text.to_owned();
    };
    let text = &text[..end];
    let end = text.rfind(' ').filter(|space| *space > end / 2).unwrap_or(end);
    format!("{}…", text[..end].trim_end())
}

/// The text without control characters and those that turn the direction of writing, and without
/// empty lines at its ends.
fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let seen = text.chars().filter(|c| matches!(c, '\n' | '\t') || !(c.is_control() || hidden(*c)));
    let text: String = seen.collect();
    text.trim_matches('\n').trim_end().to_owned()
}

fn hidden(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Breaks long lines, between words if there are any.
fn wrapped(text: &str) -> String {
    let mut broken = String::with_capacity(text.len());
    for mut line in text.lines() {
        while let Some((end, _)) = line.char_indices().nth(WIDTH) {
            let end = line[..end].rfind(' ').filter(|space| *space > end / 2).unwrap_or(end);
            _ = writeln!(broken, "{}", &line[..end]);
            line = line[end..].trim_start();
        }
        _ = writeln!(broken, "{line}");
    }
    broken.truncate(broken.trim_end().len());
    broken
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| format!("  {line}").trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

fn longest_run(text: &str, wanted: char) -> usize {
    text.split(|c| c != wanted).map(str::len).max().unwrap_or(0)
}

/// The text with a space behind each `<` that begins what Textile would take for its own.
fn without_tags(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        safe += before;
        safe.push('<');
        let ours = |tag: &&str| {
            after.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag))
        };
        if TAGS.iter().any(ours) {
            safe.push(' ');
        }
        rest = after;
    }
    safe + rest
}

/// The text with references in place of what HTML would take for its own, and of braces, in which
/// ticket systems look for placeholders.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '{' => safe += "&#123;",
            '}' => safe += "&#125;",
            c => safe.push(c),
        }
    }
    safe
}

/// The text with a space in each `{noformat` that would end a preformatted text of Jira.
fn without_end(text: &str) -> String {
    let tag = NOFORMAT.trim_end_matches('}');
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        safe += before;
        safe.push('{');
        let start = after.get(..tag.len() - 1);
        if start.is_some_and(|start| start.eq_ignore_ascii_case(&tag[1..])) {
            safe.push(' ');
        }
        rest = after;
    }
    safe + rest
}

/// The text with a backslash before what Jira would take for its own.
fn with_backslashes(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if JIRA.contains(c) {
            safe.push('\\');
        }
        safe.push(c);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_block_of_jira_but_its_end() {
        let block = Markup::Jira.block("Said", "a {NoFormat} b {noformat:title=x}\n{code}* {");
        assert_eq!(
            block,
            "*Said*\n{noformat}\na { NoFormat} b { noformat:title=x}\n{code}* {\n{noformat}"
        );
        assert_eq!(Markup::Jira.inline("[~admin] {x}"), r"\[\~admin\] \{x\}");
        assert_eq!(Markup::Jira.line("Info: [ a-b ]"), r"Info: \[ a-b \]");
    }

    #[test]
    fn a_text_that_is_cut_is_still_whole_markup() {
        for (markup, ends) in [
            (Markup::Markdown, ["````", "````"]),
            (Markup::Textile, ["<pre>", "</pre>"]),
            (Markup::Html, ["<pre>", "</pre>"]),
            (Markup::Jira, [NOFORMAT, NOFORMAT]),
        ] {
            let text = format!("a\n\n{}", markup.block("Said", &"```\nwörd\n".repeat(50)));
            for limit in 60..text.chars().count() {
                let cut = markup.cut(&text, limit);
                assert!(cut.chars().count() <= limit, "{cut}");
                assert!(cut.starts_with("a\n") && cut.ends_with(CUT));
                let fences = cut.lines().filter(|line| ends.contains(line)).count();
                assert!(fences == 0 || fences == 2, "{cut}");
            }
            assert_eq!(markup.cut(&text, text.chars().count()), text);
        }
        assert_eq!(Markup::Plain.cut("ab\ncd\nef", 5), CUT, "not even its own words fit");
        assert!(Markup::Plain.cut(&"ab\n".repeat(20), 40).starts_with("ab\nab\nab\nab\nab\n…"));
    }
}
