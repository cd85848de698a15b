//! The arguments of a command as they stand in logs, histories and process lists: as a shell splits
//! them, between NULs, in a list of strings, or in records of the audit system.

use super::value::is_placeholder;
use std::ops::Range;

/// How far from its command an argument is looked for.
const REACH: usize = 4096;

/// How many arguments are looked at.
const MOST: usize = 200;

/// One argument, without quotes and escapes, and where each of its bytes came from.
#[derive(Debug, Default)]
pub(super) struct Argument {
    pub(super) text: Vec<u8>,
    places: Vec<usize>,
    end: usize,
}

impl Argument {
    fn push(&mut self, byte: u8, at: Range<usize>) {
        self.text.push(byte);
        self.places.push(at.start);
        self.end = at.end;
    }

    /// An argument of a part of this one.
    pub(super) fn part(&self, part: Range<usize>) -> Self {
        let end = self.place(part.clone()).end;
        Self { text: self.text[part.clone()].to_vec(), places: self.places[part].to_vec(), end }
    }

    /// Where the part of the text is in the line.
    pub(super) fn place(&self, part: Range<usize>) -> Range<usize> {
        let end = if part.end == self.text.len() { self.end } else { self.places[part.end] };
        self.places[part.start]..end
    }
}

/// The arguments behind the word that ends at `end`, and whether it may be a command at all.
pub(super) fn after(line: &[u8], end: usize) -> Vec<Argument> {
    let line = &line[..line.len().min(end + REACH)];
    let slashes = line[end..].iter().take_while(|&&b| b == b'\\').count();
    let rest = &line[end + slashes..];
    match rest.first() {
        Some(0) => nul(line, end + 1),
        Some(b'"' | b'\'') => {
            let at = end + slashes + 1;
            let gap = line[at..].iter().take_while(|b| b" ,".contains(b)).count();
            match line.get(at + gap) {
                Some(b'"' | b'\'' | b'\\') if line[at..at + gap].contains(&b',') => {
                    list(line, at, slashes)
                }
                Some(b'a') if gap > 0 && slashes == 0 => audit(line, at),
                Some(_) if gap > 0 && slashes == 0 => shell(line, at, false),
                _ => Vec::new(),
            }
        }
        Some(b' ' | b'\t') => shell(line, end, audit_name(line[end..].trim_ascii_start()) > 0),
        _ => Vec::new(),
    }
}

/// The length of `a1=` at the start of a text.
fn audit_name(text: &[u8]) -> usize {
    let digits = text.iter().skip(1).take_while(|b| b.is_ascii_digit()).count();
    let is_name = text.first() == Some(&b'a') && digits > 0 && text.get(1 + digits) == Some(&b'=');
    if is_name { digits + 2 } else { 0 }
}

fn nul(line: &[u8], start: usize) -> Vec<Argument> {
    let mut at = start;
    let mut arguments = Vec::new();
    for part in line[start..].split(|&b| b == 0).take(MOST) {
        let mut argument = Argument::default();
        for (offset, &byte) in part.iter().enumerate() {
            argument.push(byte, at + offset..at + offset + 1);
        }
        at += part.len() + 1;
        arguments.push(argument);
    }
    arguments
}

/// What of quoted strings follows, separated by commas.
fn list(line: &[u8], mut at: usize, slashes: usize) -> Vec<Argument> {
    let mut arguments = Vec::new();
    while arguments.len() < MOST {
        let gap = line[at..].iter().take_while(|b| b", \t".contains(b)).count();
        at += gap;
        let escapes = line[at..].iter().take_while(|&&b| b == b'\\').count();
        let quote = line.get(at + escapes).copied();
        let Some(quote @ (b'"' | b'\'')) = quote else { break };
        if escapes != slashes || gap == 0 {
            break;
        }
        at += escapes + 1;
        let mut argument = Argument::default();
        loop {
            let escapes = line[at..].iter().take_while(|&&b| b == b'\\').count();
            match line.get(at + escapes) {
                None => return arguments,
                Some(&byte) if byte == quote && escapes <= slashes => {
                    at += escapes + 1;
                    break;
                }
                Some(&byte) => {
                    argument.push(byte, at..at + escapes + 1);
                    at += escapes + 1;
                }
            }
        }
        arguments.push(argument);
    }
    arguments
}

/// What `a1="b"` and `a2=HEX` follow: the audit system writes what has blanks in hexadecimal.
fn audit(line: &[u8], mut at: usize) -> Vec<Argument> {
    let mut arguments = Vec::new();
    while arguments.len() < MOST {
        at += line[at..].iter().take_while(|&&b| b == b' ').count();
        let name = audit_name(&line[at..]);
        if name == 0 {
            break;
        }
        at += name;
        let mut argument = Argument::default();
        if line.get(at) == Some(&b'"') {
            at += 1;
            let len = line[at..].iter().take_while(|&&b| b != b'"').count();
            for (offset, &byte) in line[at..at + len].iter().enumerate() {
                argument.push(byte, at + offset..at + offset + 1);
            }
            at = (at + len + 1).min(line.len());
        } else {
            let len = line[at..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
            for pair in (at..at + len).step_by(2) {
                let Some(byte) = hex(&line[pair..]) else { break };
                argument.push(byte, pair..pair + 2);
            }
            at += len;
        }
        arguments.push(argument);
        if at >= line.len() {
            break;
        }
    }
    arguments
}

/// The byte that two hexadecimal digits at the start of a text mean.
pub(super) fn hex(text: &[u8]) -> Option<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16);
    let value = digit(*text.first()?)? * 16 + digit(*text.get(1)?)?;
    u8::try_from(value).ok()
}

/// Splits as a POSIX shell does, up to the end of the command. Of each word, `a1=` is taken away if
/// the line is one of the audit system.
fn shell(line: &[u8], mut at: usize, audit: bool) -> Vec<Argument> {
    let mut arguments = Vec::new();
    while arguments.len() < MOST {
        at += line[at..].iter().take_while(|b| b.is_ascii_whitespace()).count();
        if audit {
            at += audit_name(&line[at..]);
        }
        if at >= line.len() || is_end(line, at) {
            break;
        }
        let (argument, next, over) = shell_word(line, at);
        // An escape may be the last byte.
        at = next.min(line.len());
        arguments.push(argument);
        if over {
            break;
        }
    }
    arguments
}

/// Whether a command ends where a word would begin.
fn is_end(line: &[u8], at: usize) -> bool {
    let next = line.get(at + 1);
    let blank = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_whitespace);
    match line[at] {
        b'&' => next == Some(&b'&') || blank(next),
        b'>' | b'#' => blank(next),
        b'|' | b';' | b')' | b']' | b'}' | b'`' => true,
        _ => false,
    }
}

/// Whether nothing of a word follows: a quote there is the end of one around the whole command.
fn closes(line: &[u8], at: usize) -> bool {
    line.get(at).is_none_or(|b| b.is_ascii_whitespace() || b",;)]}|".contains(b))
}

/// One word, where the next begins, and whether the command is over.
fn shell_word(line: &[u8], start: usize) -> (Argument, usize, bool) {
    let mut argument = Argument::default();
    let mut at = start;
    while at < line.len() {
        let byte = line[at];
        match byte {
            _ if byte.is_ascii_whitespace() => break,
            b'\'' | b'"' if at > start && closes(line, at + 1) => return (argument, at, true),
            b'\'' => at = quoted(line, at, false, &mut argument),
            b'"' => at = quoted(line, at, true, &mut argument),
            b'$' if line.get(at + 1) == Some(&b'\'') => {
                at = quoted(line, at + 1, true, &mut argument);
            }
            b'\\' => {
                let slashes = line[at..].iter().take_while(|&&b| b == b'\\').count();
                match line.get(at + slashes) {
                    // A quote of a command that stands in a string itself.
                    Some(b'"' | b'\'') if slashes < 8 => {
                        at = inner_quoted(line, at, slashes, &mut argument);
                    }
                    Some(b'n' | b'r') if closes(line, at + slashes + 1) => {
                        return (argument, at, true);
                    }
                    Some(&next) if !next.is_ascii_alphanumeric() => {
                        argument.push(next, at..at + slashes + 1);
                        at += slashes + 1;
                    }
                    _ => {
                        argument.push(b'\\', at..at + 1);
                        at += 1;
                    }
                }
            }
            b';' | b')' | b'`' | b'|' if closes(line, at + 1) && at > start => {
                return (argument, at, true);
            }
            _ => {
                argument.push(byte, at..at + 1);
                at += 1;
            }
        }
    }
    (argument, at, false)
}

/// Takes what is between quotes, within which a backslash may escape; returns where it goes on.
fn quoted(line: &[u8], start: usize, escapes: bool, argument: &mut Argument) -> usize {
    let quote = line[start];
    let mut at = start + 1;
    while at < line.len() && line[at] != quote {
        let len = if escapes && line[at] == b'\\' && at + 1 < line.len() { 2 } else { 1 };
        argument.push(line[at + len - 1], at..at + len);
        at += len;
    }
    (at + 1).min(line.len())
}

/// Takes what is between escaped quotes; returns where it goes on.
fn inner_quoted(line: &[u8], start: usize, slashes: usize, argument: &mut Argument) -> usize {
    let quote = line[start + slashes];
    let mut at = start + slashes + 1;
    while at < line.len() {
        let escapes = line[at..].iter().take_while(|&&b| b == b'\\').count();
        match line.get(at + escapes) {
            Some(&byte) if byte == quote => {
                if escapes <= slashes {
                    return at + escapes + 1;
                }
                argument.push(byte, at..at + escapes + 1);
            }
            Some(&byte) => argument.push(byte, at..at + escapes + 1),
            None => break,
        }
        at += escapes + 1;
    }
    line.len()
}

/// Whether an argument can be a secret and is no name of a variable, option or mask.
pub(super) fn is_secret_argument(value: &[u8]) -> bool {
    // The end of `<user:password>` in a manual.
    let is_shown = value.ends_with(b">") && !value.contains(&b'<');
    value.len() >= 2
        && !is_placeholder(if is_shown { &value[..value.len() - 1] } else { value })
        && !value.starts_with(b"-")
        && !value.starts_with(b"$")
        && !value.iter().all(|&b| b == b'z')
}
