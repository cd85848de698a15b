//! Secrets that only what stands around them shows to be such: the data of a Kubernetes Secret, the
//! private numbers of a JSON Web Key, lists of accounts with their passwords.

use super::{
    place::run,
    value::{is_generated, is_placeholder},
};
use collect_core::redact::{Found, Near, Rule, RuleError};
use regex::bytes::Regex;
use std::ops::Range;

/// More lines than this belong to no section.
const LINES: usize = 60;

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    let entry =
        expression(r#"^\s*"?[\w.-]+"?\s*:\s*"?(?<secret>[A-Za-z0-9+/]{4,}={0,2})"?\s*,?\s*$"#)?;
    let member = expression(r#""[\w.-]+"\s*:\s*"(?<secret>[A-Za-z0-9+/]{4,}={0,2})""#)?;
    let number = expression(r#""(?:d|p|q|dp|dq|qi|k)"\s*:\s*"(?<secret>[A-Za-z0-9_-]{16,})""#)?;
    let account =
        expression(r#"^\s*(?:- )?["']?[a-z_][\w.-]*:(?<secret>[^\s"'][^"'\r\n]*?)["']?\s*$"#)?;
    let piped = expression(r#"["'\s][a-z_][\w.-]*:(?<secret>[^\s"'|$][^"'|$]*?)["'\s]*(?:\||$)"#)?;
    let name = expression(r#"\bname[= ]"?(?<secret>[^"\s]+)"#)?;
    Ok(vec![
        Rule::nearby(
            "kubernetes-secret",
            ["kind: secret", "\"kind\":\"secret\"", "\"kind\": \"secret\""],
            move |near, at| kubernetes(near, &at, &entry, &member),
        )?,
        Rule::nearby("private-key", ["\"kty\""], move |near, at| object(near, &at, &number))?,
        Rule::nearby("password", ["chpasswd"], move |near, _| accounts(near, &account, &piped))?,
        Rule::nearby("snmp-community", ["snmp community"], move |near, _| named(near, &name))?,
        Rule::nearby("password", ["<auth-user-pass>", "<http-proxy-user-pass>"], |near, _| {
            second(near)
        })?,
        Rule::nearby("password", ["[admins]", "[users]"], |near, at| section(near, &at))?,
        Rule::nearby("private-key", ["rclone_encrypt_v0:", "untrusted comment:"], |near, _| {
            encoded(near)
        })?,
        Rule::nearby("credential", ["setcredentialencrypted=", "setcredential="], |near, _| {
            folded(near)
        })?,
        Rule::nearby("password", ["password"], |near, _| lengthened(near))?,
        Rule::finder("password", CALLS.map(|(call, _)| call), argument)?,
    ])
}

fn expression(pattern: &str) -> Result<Regex, RuleError> {
    Regex::new(pattern).map_err(|error| RuleError::Pattern {
        rule: "sections".into(),
        pattern: pattern.into(),
        reason: error.to_string(),
    })
}

/// What the group `secret` of an expression finds in a part of the text.
fn all(text: &[u8], part: &Range<usize>, regex: &Regex) -> Vec<Found> {
    regex
        .captures_iter(&text[part.clone()])
        .filter_map(|found| {
            let value = found.name("secret")?;
            let plain = !is_placeholder(value.as_bytes());
            plain.then(|| (part.start + value.start()..part.start + value.end()).into())
        })
        .collect()
}

/// The lines behind the one at hand, up to one that `ends` says is none of them.
fn lines_below(
    near: &Near<'_>,
    from: &Range<usize>,
    ends: impl Fn(&[u8]) -> bool,
) -> Vec<Range<usize>> {
    let mut at = from.clone();
    let mut lines = Vec::new();
    while let Some(next) = near.next(&at) {
        if lines.len() >= LINES || ends(&near.text()[next.clone()]) {
            break;
        }
        lines.push(next.clone());
        at = next;
    }
    lines
}

/// The entries of `data` beside `kind: Secret`, in YAML or JSON.
fn kubernetes(near: &Near<'_>, at: &Range<usize>, entry: &Regex, member: &Regex) -> Vec<Found> {
    let here = near.line();
    let text = near.text();
    let line = &text[here.clone()];
    if line.contains(&b'"') {
        return in_json(text, at, member);
    }
    let depth = run(line, 0, |b| b" -".contains(&b));
    let is_data =
        |line: &[u8]| run(line, 0, |b| b == b' ') <= depth && line.trim_ascii() == b"data:";
    let mut heads = Vec::new();
    let mut up = here.clone();
    while let Some(previous) = near.previous(&up) {
        let above = &text[previous.clone()];
        if above.starts_with(b"---") || above.trim_ascii_start().starts_with(b"kind:") {
            break;
        }
        if is_data(above) {
            heads.push(previous.clone());
        }
        up = previous;
    }
    let below = lines_below(near, &here, |line| {
        line.starts_with(b"---") || line.trim_ascii_start().starts_with(b"kind:")
    });
    heads.extend(below.into_iter().filter(|at| is_data(&text[at.clone()])));
    let mut found = Vec::new();
    for head in heads {
        let depth = run(&text[head.clone()], 0, |b| b == b' ');
        let inside = lines_below(near, &head, |line| run(line, 0, |b| b == b' ') <= depth);
        found.extend(inside.iter().flat_map(|line| all(text, line, entry)));
    }
    found
}

/// The strings of the map `data` before or behind `"kind"`, without another `"kind"` between.
fn in_json(text: &[u8], at: &Range<usize>, member: &Regex) -> Vec<Found> {
    const DATA: &[u8] = b"\"data\"";
    const KIND: &[u8] = b"\"kind\"";
    let before = memchr::memmem::rfind(&text[..at.start], DATA)
        .filter(|data| memchr::memmem::find(&text[*data..at.start], KIND).is_none());
    let behind = memchr::memmem::find(&text[at.end..], DATA)
        .map(|data| at.end + data)
        .filter(|data| memchr::memmem::find(&text[at.end..*data], KIND).is_none());
    let Some(data) = before.or(behind) else {
        return Vec::new();
    };
    let Some(open) = text[data..].iter().take(16).position(|&b| b == b'{') else {
        return Vec::new();
    };
    let start = data + open;
    let end = text[start..].iter().position(|&b| b == b'}').map_or(text.len(), |end| start + end);
    all(text, &(start..end), member)
}

/// The numbers in the object around an anchor that are private (RFC 7518, 6).
fn object(near: &Near<'_>, at: &Range<usize>, number: &Regex) -> Vec<Found> {
    let text = near.text();
    let start = text[..at.start].iter().rposition(|&b| b == b'{').unwrap_or(0);
    let end = text[at.end..].iter().position(|&b| b == b'}').map_or(text.len(), |end| at.end + end);
    all(text, &(start..end), number)
}

/// `name:password` before a pipe to chpasswd(8), or in the list below `chpasswd:`.
fn accounts(near: &Near<'_>, account: &Regex, piped: &Regex) -> Vec<Found> {
    let here = near.line();
    let text = near.text();
    let line = &text[here.clone()];
    if line.trim_ascii() != b"chpasswd:" {
        return all(text, &here, piped);
    }
    let depth = run(line, 0, |b| b == b' ');
    let inside = lines_below(near, &here, |line| run(line, 0, |b| b == b' ') <= depth);
    inside
        .iter()
        .filter(|at| !text[(*at).clone()].windows(2).any(|pair| pair == b": "))
        .flat_map(|at| all(text, at, account))
        .collect()
}

/// The names below the head of a section of SNMP communities, which are what lets somebody in.
fn named(near: &Near<'_>, name: &Regex) -> Vec<Found> {
    let here = near.line();
    let text = near.text();
    let line = text[here.clone()].trim_ascii();
    if !line.ends_with(b"community") {
        return Vec::new();
    }
    let inside = lines_below(near, &here, |line| {
        matches!(line.trim_ascii(), b"end" | b"") || line.starts_with(b"/")
    });
    inside.iter().take(8).flat_map(|at| all(text, at, name)).collect()
}

/// The second line below.
fn second(near: &Near<'_>) -> Vec<Found> {
    let lines = lines_below(near, &near.line(), |line| line.trim_ascii_start().starts_with(b"<"));
    lines.get(1).filter(|at| !at.is_empty()).map(|at| at.clone().into()).into_iter().collect()
}

/// The values below the head of a section of accounts.
fn section(near: &Near<'_>, at: &Range<usize>) -> Vec<Found> {
    let text = near.text();
    if text[near.line()].trim_ascii().len() != at.len() {
        return Vec::new();
    }
    let any = text[at.clone()].eq_ignore_ascii_case(b"[admins]");
    let lines = lines_below(near, &near.line(), |line| line.trim_ascii_start().starts_with(b"["));
    lines
        .into_iter()
        .filter_map(|at| {
            let line = text[at.clone()].trim_ascii_end();
            let sign = line.iter().position(|&b| b == b'=')?;
            let start = sign + 1 + run(line, sign + 1, |b| b == b' ');
            let value = &line[start..];
            let secret = any
                || is_generated(value)
                || super::value::is_password_like(value)
                || value.contains(&b'.') && value.iter().any(u8::is_ascii_uppercase);
            let comment = line.starts_with(b"#") || line.starts_with(b";");
            (secret && !comment && !is_placeholder(value))
                .then(|| (at.start + start..at.start + line.len()).into())
        })
        .collect()
}

/// The long base64 in the line below.
fn encoded(near: &Near<'_>) -> Vec<Found> {
    let text = near.text();
    let line = &text[near.line()];
    let public = memchr::memmem::find(line, b"public").is_some()
        || memchr::memmem::find(line, b"signature").is_some();
    let Some(next) = near.next(&near.line()).filter(|_| !public) else {
        return Vec::new();
    };
    let value = text[next.clone()].trim_ascii_end();
    let whole =
        value.len() >= 40 && value.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(b));
    if whole { vec![(next.start..next.start + value.len()).into()] } else { Vec::new() }
}

/// The lines that a value goes on in behind a backslash.
fn folded(near: &Near<'_>) -> Vec<Found> {
    let text = near.text();
    let mut found = Vec::new();
    let mut at = near.line();
    while text[at.clone()].trim_ascii_end().ends_with(b"\\") {
        let Some(next) = near.next(&at) else { break };
        let line = text[next.clone()].trim_ascii_end();
        let line = line.strip_suffix(b"\\").unwrap_or(line).trim_ascii_end();
        let deep = run(line, 0, |b| b.is_ascii_whitespace());
        if deep < line.len() {
            found.push((next.start + deep..next.start + line.len()).into());
        }
        at = next;
    }
    found
}

/// The value two lines below its name, with its length between, as Subversion keeps it.
fn lengthened(near: &Near<'_>) -> Vec<Found> {
    let text = near.text();
    if !matches!(text[near.line()].trim_ascii(), b"password" | b"passphrase") {
        return Vec::new();
    }
    let Some(length) = near.next(&near.line()) else { return Vec::new() };
    let is_length = text[length.clone()]
        .strip_prefix(b"V ")
        .is_some_and(|rest| !rest.is_empty() && rest.iter().all(u8::is_ascii_digit));
    let value = near.next(&length).filter(|at| is_length && !at.is_empty());
    value.map(Found::from).into_iter().collect()
}

/// Calls that get a password, and the number of its argument, from 0.
const CALLS: [(&str, usize); 12] = [
    ("PDO(", 2),
    ("mysqli_connect(", 2),
    ("mysqli(", 2),
    ("->connect(", 2),
    ("getConnection(", 2),
    ("db.auth(", 1),
    ("auth=(", 1),
    ("HTTPBasicAuth(", 1),
    ("basic_auth(", 1),
    ("ldap_bind(", 2),
    ("imap_open(", 2),
    ("ftp_login(", 2),
];

/// The string that a call gets as a password.
fn argument(line: &[u8], at: Range<usize>) -> Option<Found> {
    let call = &line[at.clone()];
    let (_, number) = CALLS.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(call))?;
    let mut from = at.end;
    for index in 0..=*number {
        from += run(line, from, |b| b.is_ascii_whitespace()).min(40);
        let quote = *line.get(from)?;
        let end = if b"\"'".contains(&quote) {
            let text = &line[from + 1..line.len().min(from + 400)];
            from + 1
                + (0..text.len())
                    .find(|&at| text[at] == quote && (at == 0 || text[at - 1] != b'\\'))?
        } else {
            from + line[from..line.len().min(from + 200)].iter().position(|b| b",)".contains(b))?
        };
        if index == *number {
            let value = from + 1..end;
            let string = b"\"'".contains(&quote) && end > from + 1;
            return (string && !is_placeholder(&line[value.clone()])).then(|| value.into());
        }
        from = end + usize::from(b"\"'".contains(&quote));
        from += run(line, from, |b| b.is_ascii_whitespace()).min(40);
        if line.get(from) != Some(&b',') {
            return None;
        }
        from += 1;
    }
    None
}
