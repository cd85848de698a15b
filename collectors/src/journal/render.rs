//! Writes journal entries: a line for people, or a JSON object for programs.

use super::export::Entry;
use jiff::Timestamp;
use std::io::Write;

/// Appends an entry in one of the formats.
pub(crate) type Renderer = fn(&Entry, &mut Vec<u8>, Conceal<'_>);

/// Says what stands for a value that is about to be written in a way that redaction cannot see
/// through; `None` if there is nothing to hide in it. It is given name, value.
pub(crate) type Conceal<'a> = &'a dyn Fn(&str, &str) -> Option<String>;

/// Appends an entry as `journalctl --output=short-iso-precise --utc --all` shows it, if it has a
/// message: time, host, identifier, process, and the message, further lines of it indented.
pub(crate) fn text(entry: &Entry, to: &mut Vec<u8>, _conceal: Conceal<'_>) {
    let is_cut = entry.is_cut() && entry.fields().any(|field| field == (b"MESSAGE", None));
    let message = match entry.get("MESSAGE") {
        Some(message) => message,
        None if is_cut => b"[collect: a message too long to be kept]",
        None => return,
    };
    let start = to.len();
    to.extend(time(entry).as_bytes());
    if let Some(host) = entry.get("_HOSTNAME") {
        to.push(b' ');
        to.extend(host);
    }
    to.push(b' ');
    let identifier = entry.get("SYSLOG_IDENTIFIER").or_else(|| entry.get("_COMM"));
    to.extend(identifier.unwrap_or(b"unknown"));
    if let Some(process) = entry.get("_PID").or_else(|| entry.get("SYSLOG_PID")) {
        to.push(b'[');
        to.extend(process);
        to.push(b']');
    }
    to.extend(b": ");
    let indent = to.len() - start;
    for (number, line) in message.split(|byte| *byte == b'\n').enumerate() {
        if number > 0 {
            to.resize(to.len() + indent, b' ');
        }
        extend_without_nul(to, line);
        to.push(b'\n');
    }
}

/// A NUL makes a file binary in the eyes of most programs, this one included, so a sign stands for
/// it.
fn extend_without_nul(to: &mut Vec<u8>, line: &[u8]) {
    for (number, part) in line.split(|byte| *byte == 0).enumerate() {
        if number > 0 {
            to.extend("␀".as_bytes());
        }
        to.extend(part);
    }
}

/// The time that the sender gave, or when it was received, in UTC.
fn time(entry: &Entry) -> String {
    let number = |name| -> Option<i64> { std::str::from_utf8(entry.get(name)?).ok()?.parse().ok() };
    let time = number("_SOURCE_REALTIME_TIMESTAMP").or_else(|| number("__REALTIME_TIMESTAMP"));
    let time = time.and_then(|time| Timestamp::from_microsecond(time).ok());
    time.unwrap_or(Timestamp::UNIX_EPOCH).strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string()
}

/// Appends an entry as a line of JSON with the fields of `journalctl --output=json --all`: strings;
/// arrays of numbers for what is not UTF-8; arrays for a name that stands there more than once;
/// `null` for a value too large to be kept.
///
/// Text with control characters is a string here, with escapes, so that redaction sees what is in
/// it; journalctl makes numbers of it.
pub(crate) fn json(entry: &Entry, to: &mut Vec<u8>, conceal: Conceal<'_>) {
    to.push(b'{');
    for (index, (name, value)) in entry.fields().enumerate() {
        if entry.fields().take(index).any(|field| field.0 == name) {
            continue;
        }
        if index > 0 {
            to.push(b',');
        }
        let name_text = String::from_utf8_lossy(name);
        json_string(to, &name_text);
        to.push(b':');
        let mut others = entry.fields().skip(index + 1).filter(|field| field.0 == name).peekable();
        if others.peek().is_none() {
            json_value(to, &name_text, value, conceal);
            continue;
        }
        to.push(b'[');
        json_value(to, &name_text, value, conceal);
        for (_, value) in others {
            to.push(b',');
            json_value(to, &name_text, value, conceal);
        }
        to.push(b']');
    }
    to.extend(b"}\n");
}

fn json_value(to: &mut Vec<u8>, name: &str, value: Option<&[u8]>, conceal: Conceal<'_>) {
    let Some(value) = value else {
        to.extend(b"null");
        return;
    };
    if let Ok(text) = std::str::from_utf8(value) {
        return json_string(to, text);
    }
    if let Some(concealed) = conceal(name, &String::from_utf8_lossy(value)) {
        return json_string(to, &concealed);
    }
    to.push(b'[');
    for (index, byte) in value.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        write!(to, "{comma}{byte}").expect("a vector takes all");
    }
    to.push(b']');
}

fn json_string(to: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(to, text).expect("a vector takes all, and a string is always JSON");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::export::Export;

    fn render(renderer: Renderer, export: &[u8]) -> String {
        let mut entry = Entry::default();
        assert!(Export::new(export).read(&mut entry).unwrap());
        let mut to = Vec::new();
        let conceal = |name: &str, value: &str| {
            (name == "KEY" && value.contains("hunter2")).then(|| "[hidden]".to_owned())
        };
        renderer(&entry, &mut to, &conceal);
        String::from_utf8(to).unwrap()
    }

    #[test]
    fn a_line_says_when_where_who_and_what() {
        let line = render(
            text,
            b"__REALTIME_TIMESTAMP=1700000000000001\n_HOSTNAME=till-1\nSYSLOG_IDENTIFIER=shop\n\
              _PID=42\nMESSAGE=opened\n\n",
        );
        assert_eq!(line, "2023-11-14T22:13:20.000001+00:00 till-1 shop[42]: opened\n");
    }

    #[test]
    fn further_lines_of_a_message_are_indented() {
        let line =
            render(text, b"__REALTIME_TIMESTAMP=0\n_COMM=x\nMESSAGE\n\x03\0\0\0\0\0\0\0a\nb\n\n");
        let (first, second) = line.trim_end().split_once('\n').unwrap();
        assert_eq!(first.find('a'), second.find('b'));
    }

    #[test]
    fn a_message_with_a_nul_does_not_make_the_journal_binary() {
        let line = render(text, b"MESSAGE\n\x03\0\0\0\0\0\0\0a\0b\n\n");
        assert!(line.ends_with(": a␀b\n"), "{line}");
    }

    #[test]
    fn an_entry_without_a_message_is_no_line() {
        assert_eq!(render(text, b"A=1\n\n"), "");
    }

    #[test]
    fn json_keeps_every_value_of_every_field() {
        let line =
            render(json, b"A=1\nTAG=x\nB\n\x02\0\0\0\0\0\0\0\xff\0\nTAG=\"y\"\nC=\x1b[0m\n\n");
        assert_eq!(
            line,
            "{\"A\":\"1\",\"TAG\":[\"x\",\"\\\"y\\\"\"],\"B\":[255,0],\"C\":\"\\u001b[0m\"}\n"
        );
    }

    #[test]
    fn no_secret_hides_among_numbers() {
        let line = render(json, b"KEY\n\x08\0\0\0\0\0\0\0\xffhunter2\n\n");
        assert_eq!(line, "{\"KEY\":\"[hidden]\"}\n");
    }
}
