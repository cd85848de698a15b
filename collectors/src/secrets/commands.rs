//! Secrets among the arguments of well-known commands, in process lists, histories and logs.
//!
//! Options whose names say what they are, such as `--password`, are found by their names, whatever
//! the command.

mod table;

use self::table::{COMMANDS, Form};
use super::{
    arguments::{Argument, after, is_secret_argument},
    key::{Strength, strength},
    value::is_secret,
};
use Form::{After, Behind, First, Glued, Last, Named, Next, Option as Opt, Slash};
use collect_core::redact::{Found, Near, Rule, RuleError};
use std::ops::Range;

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    let mut rules = Vec::new();
    for &(names, forms) in COMMANDS {
        let anchors = names.iter().map(|name| match name.len() {
            ..3 => format!("{name} "),
            _ => (*name).to_owned(),
        });
        let find = move |line: &[u8], at: Range<usize>| find(line, at, names, forms);
        rules.push(Rule::several("argument", anchors, find)?);
    }
    rules.push(Rule::nearby("argument", ["curl "], continued)?);
    Ok(rules)
}

/// So many lines of one command are looked at.
const LINES: usize = 24;

/// The secrets among the arguments of curl(1) in the lines that a backslash has it go on in, as manuals
/// and scripts write it.
fn continued(near: &Near<'_>, at: Range<usize>) -> Vec<Found> {
    let text = near.text();
    let here = near.line();
    let within = at.start - here.start..at.end - 1 - here.start;
    let goes_on = |line: &Range<usize>| text[line.clone()].trim_ascii_end().ends_with(b"\\");
    if !goes_on(&here) || command(&text[here.clone()], &within, &["curl"]).is_none() {
        return Vec::new();
    }
    let Some((_, forms)) = COMMANDS.iter().find(|(names, _)| names.contains(&"curl")) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut line = here;
    while found.len() < LINES && goes_on(&line) {
        let Some(next) = near.next(&line) else { break };
        line = next;
        // What is not indented follows the line feed as other arguments follow a space.
        let mut part = vec![b' '];
        part.extend_from_slice(&text[line.clone()]);
        let indent = part.iter().take_while(|b| b.is_ascii_whitespace()).count();
        found.extend(of(&part, indent - 1, forms, line.start - 1));
    }
    found
}

/// The secrets among the arguments behind `end` in a line, meant in the text that it begins in.
fn of(line: &[u8], end: usize, forms: &[Form], by: usize) -> Vec<Found> {
    let arguments = after(line, end);
    let mut found = Vec::new();
    for form in forms {
        secrets(form, &arguments, &mut found);
    }
    let moved =
        |found: Found| Found { value: by + found.value.start..by + found.value.end, ..found };
    found.into_iter().map(moved).collect()
}

/// The secrets among the arguments of the command whose name is at `at`.
fn find(line: &[u8], at: Range<usize>, names: &[&str], forms: &[Form]) -> Vec<Found> {
    let Some(end) = command(line, &at, names) else {
        return Vec::new();
    };
    of(line, end, forms, 0)
}

/// Where the name of a command ends, if it stands alone, with its folder perhaps. What of it is in
/// several words is taken for arguments, but the first.
fn command(line: &[u8], at: &Range<usize>, names: &[&str]) -> Option<usize> {
    let before = line[..at.start].last();
    if before.is_some_and(|&b| b.is_ascii_alphanumeric() || b"_-.:@".contains(&b)) {
        return None;
    }
    let mut end = at.end;
    if line[at.clone()].contains(&b' ') {
        end = at.start + line[at.clone()].iter().position(|&b| b == b' ')?;
        return Some(end);
    }
    if line.get(end..end + 4).is_some_and(|rest| rest.eq_ignore_ascii_case(b".exe")) {
        end += 4;
    }
    let name = &line[at.clone()];
    debug_assert!(names.iter().any(|known| known.trim().as_bytes().eq_ignore_ascii_case(name)));
    let next = line.get(end)?;
    (next.is_ascii_whitespace() || b"\0\"'\\".contains(next)).then_some(end)
}

fn secrets(form: &Form, arguments: &[Argument], found: &mut Vec<Found>) {
    let mut take = |argument: &Argument, from: usize| {
        if from < argument.text.len() && is_secret_argument(&argument.text[from..]) {
            found.push(argument.place(from..argument.text.len()).into());
        }
    };
    let is = |argument: &Argument, name: &str| argument.text == name.as_bytes();
    match *form {
        Glued(option) => {
            for argument in arguments.iter().filter(|a| a.text.starts_with(option.as_bytes())) {
                take(argument, option.len());
            }
        }
        Opt(option) => {
            for (index, argument) in arguments.iter().enumerate() {
                if is(argument, option) {
                    if let Some(next) = arguments.get(index + 1) {
                        take(next, 0);
                    }
                } else if argument.text.starts_with(option.as_bytes()) && option.len() == 2 {
                    let sign = usize::from(argument.text.get(2) == Some(&b'='));
                    const LONG: [&[u8]; 6] =
                        [b"assword", b"ass", b"asswd", b"ort", b"rofile", b"ath"];
                    if !argument.text.starts_with(b"--") && !LONG.contains(&&argument.text[2..]) {
                        take(argument, 2 + sign);
                    }
                }
            }
        }
        First(option) => {
            let options = arguments.iter().position(|a| !a.text.starts_with(b"-"));
            let options = options.map_or(arguments.len(), |at| at + 1);
            secrets(&Opt(option), &arguments[..options], found);
        }
        Next(option) => {
            for (index, argument) in arguments.iter().enumerate() {
                if is(argument, option) {
                    if let Some(next) = arguments.get(index + 1) {
                        take(next, 0);
                    }
                } else if option.starts_with("--")
                    && argument.text.starts_with(option.as_bytes())
                    && argument.text.get(option.len()) == Some(&b'=')
                {
                    take(argument, option.len() + 1);
                }
            }
        }
        Behind(option, sign) => behind(option, sign, arguments, &mut take),
        After(word, number) => positional(word, number, arguments, &mut take),
        Slash => slash(arguments, found),
        Named => named(arguments, found),
        Last(number) => {
            let plain = plain(arguments);
            if plain.len() == number
                && let Some(last) = plain.last()
            {
                take(last, 0);
            }
        }
    }
}

/// `-u user:SECRET`, `-uuser:SECRET`, `-sSu user:SECRET`, `--user=user:SECRET`.
fn behind(option: &str, sign: u8, arguments: &[Argument], take: &mut dyn FnMut(&Argument, usize)) {
    let short = option.len() == 2;
    for (index, argument) in arguments.iter().enumerate() {
        let text = &argument.text;
        let (value, from) = if option.is_empty() {
            if text.starts_with(b"-") || !text.contains(&b'@') {
                continue;
            }
            (argument, 0)
        } else if text == option.as_bytes()
            || short
                && text.len() > 2
                && text.len() < 8
                && text.starts_with(b"-")
                && text[1..].iter().all(u8::is_ascii_alphabetic)
                && text.ends_with(&option.as_bytes()[1..])
        {
            let Some(next) = arguments.get(index + 1) else { continue };
            (next, 0)
        } else if text.starts_with(option.as_bytes()) {
            (argument, option.len() + usize::from(text.get(option.len()) == Some(&b'=')))
        } else {
            continue;
        };
        let text = &value.text[from.min(value.text.len())..];
        let Some(at) = text.iter().position(|&b| b == sign) else { continue };
        // A drive, a URL, and numbers of a user and a group are none.
        let rest = &text[at + 1..];
        if rest.starts_with(b"//") || rest.starts_with(b"\\") || rest == &text[..at] {
            continue;
        }
        if rest.iter().all(u8::is_ascii_digit) && text[..at].iter().all(u8::is_ascii_digit) {
            continue;
        }
        if option.is_empty() {
            let Some(host) = rest.iter().rposition(|&b| b == b'@') else { continue };
            if host > 0 {
                let part = Argument::part(value, from + at + 1..from + at + 1 + host);
                take(&part, 0);
            }
            continue;
        }
        take(value, from + at + 1);
    }
}

/// The arguments that are no options.
fn plain(arguments: &[Argument]) -> Vec<&Argument> {
    arguments.iter().filter(|a| !a.text.starts_with(b"-") && !a.text.is_empty()).collect()
}

fn positional(
    word: &str,
    number: usize,
    arguments: &[Argument],
    take: &mut dyn FnMut(&Argument, usize),
) {
    // `-b`, perhaps among other letters, says that the last argument is a password.
    if word == "-b" {
        let is_batch = |a: &&Argument| {
            a.text.starts_with(b"-") && !a.text.starts_with(b"--") && a.text.contains(&b'b')
        };
        let plain = plain(arguments);
        if arguments.iter().find(is_batch).is_some()
            && plain.len() >= 2
            && let Some(last) = plain.last()
        {
            take(last, 0);
        }
        return;
    }
    let start = if word.is_empty() {
        0
    } else if word == "//" {
        let share = |a: &Argument| a.text.starts_with(b"//") || a.text.starts_with(b"\\\\");
        match arguments.iter().position(share) {
            Some(0) => 1,
            _ => return,
        }
    } else {
        let is = |a: &Argument| a.text.eq_ignore_ascii_case(word.as_bytes());
        match arguments.iter().position(is) {
            Some(at) => at + 1,
            None => return,
        }
    };
    if word == "use" {
        // The argument that is no drive, share or switch.
        let other = arguments[start..].iter().take_while(|a| a.text != b"cmd");
        let is_other = |a: &&Argument| {
            !a.text.starts_with(b"/") && !a.text.starts_with(b"\\") && !a.text.ends_with(b":")
        };
        if let Some(password) = other.into_iter().find(is_other)
            && password.text != b"*"
        {
            take(password, 0);
        }
        return;
    }
    if word == "--encrypt" || word.is_empty() || word == "//" {
        if let Some(argument) = arguments.get(start + number - 1) {
            take(argument, 0);
        }
        return;
    }
    let plain = plain(&arguments[start..]);
    if let Some(argument) = plain.get(number - 1)
        && !argument.text.starts_with(b"/")
        && !argument.text.contains(&b'=')
    {
        take(argument, 0);
    }
}

/// `KEY SECRET`, where the key is no word of a sentence and says that the value is a secret.
fn named(arguments: &[Argument], found: &mut Vec<Found>) {
    let plain = plain(arguments);
    let is_key = |text: &[u8]| {
        let is_name = text.iter().any(|b| b"._:-/".contains(b))
            || text[1..].iter().any(u8::is_ascii_uppercase);
        // `user.signingkey` says which key is used, and is none.
        is_name && !text.contains(&b'=') && !text.to_ascii_lowercase().ends_with(b"signingkey")
    };
    for (index, key) in plain.iter().enumerate().filter(|(_, key)| is_key(&key.text)) {
        // Composer has the name of a user before the password.
        let users = key.text.starts_with(b"http-basic.");
        let strength = if users { Some(Strength::Password) } else { strength(&key.text) };
        let Some(value) = plain.get(index + 1 + usize::from(users)) else { return };
        if let Some(strength) = strength
            && is_secret_argument(&value.text)
            && is_secret(&value.text, strength, false)
        {
            found.push(value.place(0..value.text.len()).into());
            return;
        }
    }
}

/// `user/SECRET@database`, also behind `userid=`.
fn slash(arguments: &[Argument], found: &mut Vec<Found>) {
    for argument in arguments {
        let text = &argument.text;
        let equals = text.iter().position(|&b| b == b'=').map_or(0, |at| at + 1);
        let Some(at) = text.iter().position(|&b| b == b'/') else { continue };
        let user = text.get(equals..at).unwrap_or_default();
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"_$#\"".contains(b);
        // A name begins with a letter; `12/28` is a date.
        let begins = user.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'"');
        if !begins || !user.iter().all(is_name) {
            continue;
        }
        let rest = &text[at + 1..];
        let host = rest.iter().rposition(|&b| b == b'@').unwrap_or(rest.len());
        let slashes = memchr::memchr_iter(b'/', &rest[..host]).count();
        if is_secret_argument(&rest[..host]) && slashes == 0 {
            found.push(argument.place(at + 1..at + 1 + host).into());
        }
    }
}
