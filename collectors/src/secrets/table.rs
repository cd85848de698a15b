//! Tables whose head names a column of secrets: of database clients, CSV and TSV, markup, and columns
//! set with spaces; and tables of names and values.

use super::{
    key::{Strength, strength},
    value::{is_placeholder, is_secret},
};
use collect_core::redact::{Below, Heads, NEAR, Rule, RuleError};
use std::{ops::Range, sync::Arc};

/// Words of heads; every head holds one.
const ANCHORS: &[&str] = &[
    "passw",
    "passphrase",
    "secret",
    "token",
    "pwd",
    "api_key",
    "api key",
    "apikey",
    "value",
    "authentication_string",
    "kennwort",
    "totp",
    "credential",
    "[ record ",
    ". row *",
    "contrase",
    "passcode",
];

/// The longest name of a column.
const LONGEST_NAME: usize = 40;

/// The most columns.
const COLUMNS: usize = 64;

/// Names of columns that hold names, and of those that hold their values.
const NAMES: &[&str] = &[
    "key",
    "name",
    "field",
    "option_name",
    "variable",
    "variable_name",
    "property",
    "parameter",
    "setting",
    "option",
    "attribute",
    "meta_key",
    "config_key",
    "parameterkey",
];
const VALUES: &[&str] = &[
    "value",
    "option_value",
    "setting",
    "variable_value",
    "meta_value",
    "config_value",
    "content",
];

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    Ok(vec![Rule::below("column", ANCHORS, Heads { head, alike })?])
}

/// What separates columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// One of these bytes.
    Byte(u8),
    /// A comma or semicolon, with quotes around what holds one.
    Quoted(u8),
    /// Two spaces or more; the columns begin below each other.
    Spaces,
    /// One bar or colon behind each name, in a list of one record's fields.
    Record(u8),
}

/// What of a row is secret.
#[derive(Clone, Debug)]
enum Secret {
    /// These columns.
    Columns(Vec<usize>),
    /// The second of these if the first is the name of a secret.
    Named(usize, usize),
}

/// A table with its head.
#[derive(Debug)]
struct Table {
    sign: Sign,
    columns: usize,
    /// Where columns begin, if they are set with spaces.
    starts: Vec<usize>,
    secret: Secret,
    /// The head ends with `FROM stdin;`, rows with `\.`.
    copy: bool,
}

fn head(line: &[u8]) -> Option<Arc<dyn Below>> {
    let line = line.trim_ascii_end();
    if line.len() < 5 || line.len() > 4096 {
        return None;
    }
    let table = copy(line).or_else(|| record(line)).or_else(|| plain_head(line))?;
    Some(Arc::new(table))
}

/// `COPY users (id, password) FROM stdin;` (`PostgreSQL`).
fn copy(line: &[u8]) -> Option<Table> {
    if !line.starts_with(b"COPY ") || !line.ends_with(b"FROM stdin;") {
        return None;
    }
    let open = line.iter().position(|&b| b == b'(')?;
    let close = line.iter().rposition(|&b| b == b')')?;
    let names: Vec<&[u8]> =
        line.get(open + 1..close)?.split(|&b| b == b',').map(<[u8]>::trim_ascii).collect();
    let secret = secret_columns(&names)?;
    let columns = names.len();
    Some(Table { sign: Sign::Byte(b'\t'), columns, starts: Vec::new(), secret, copy: true })
}

/// `-[ RECORD 1 ]---+---` (psql) and `****** 1. row ******` (mysql).
fn record(line: &[u8]) -> Option<Table> {
    let sign = if line.starts_with(b"-[ RECORD ") {
        b'|'
    } else if line.starts_with(b"*****") && memchr::memmem::find(line, b". row *").is_some() {
        b':'
    } else {
        return None;
    };
    let secret = Secret::Named(0, 1);
    Some(Table { sign: Sign::Record(sign), columns: 2, starts: Vec::new(), secret, copy: false })
}

fn plain_head(line: &[u8]) -> Option<Table> {
    // In most lines that are none, one of the first bytes can stand in no name.
    if !line.iter().all(|byte| is_part(*byte) || b"|\t;,\"`'\r\x0c".contains(byte)) {
        return None;
    }
    for sign in [Sign::Byte(b'|'), Sign::Byte(b'\t'), Sign::Quoted(b';'), Sign::Quoted(b',')] {
        if let Sign::Byte(byte) | Sign::Quoted(byte) = sign
            && memchr::memchr(byte, line).is_none()
        {
            continue;
        }
        let cells = cells(line, sign)?;
        if cells.len() < 2 {
            continue;
        }
        let names: Vec<&[u8]> = cells.iter().map(|cell| &line[unquoted(line, cell)]).collect();
        // A sentence with a comma is no head; nor is what has a head's words and other things.
        let bar = sign == Sign::Byte(b'|');
        if !names.iter().all(|name| is_name(name, 4) || bar && name.is_empty()) {
            return None;
        }
        if sign == Sign::Quoted(b',')
            && names.iter().any(|name| name.contains(&b' '))
            && names.len() < 4
        {
            return None;
        }
        // Two commands with a pipe between are no head.
        if bar && cells.len() == 2 && !line.starts_with(b" ") {
            return None;
        }
        let is_fields = bar && names.iter().any(|name| name.iter().any(u8::is_ascii_digit));
        let secret =
            secret_columns(&names).filter(|secret| !is_fields && !is_pair(&names, secret))?;
        return Some(Table { sign, columns: cells.len(), starts: Vec::new(), secret, copy: false });
    }
    let cells = columns(line);
    let names: Vec<&[u8]> = cells.iter().map(|cell| &line[cell.clone()]).collect();
    let is_head = |name: &&[u8]| is_name(name, 3) && !name.iter().any(u8::is_ascii_digit);
    if names.len() < 2 || !names.iter().all(is_head) {
        return None;
    }
    let secret = secret_columns(&names).filter(|secret| !is_pair(&names, secret))?;
    let starts = cells.iter().map(|cell| cell.start).collect();
    Some(Table { sign: Sign::Spaces, columns: cells.len(), starts, secret, copy: false })
}

/// Whether the name of a column may have this byte.
fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-. /()#%".contains(&byte) || byte >= 0x80
}

/// Whether a cell can be the name of a column, of so many words at most.
fn is_name(name: &[u8], words: usize) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && (name[0].is_ascii_alphabetic() || name[0] >= 0x80 || b"_#%".contains(&name[0]))
        && !name.ends_with(b".")
        && name.iter().copied().all(is_part)
        && memchr::memchr_iter(b' ', name).count() < words
}

/// The columns of secrets among these; nothing if there are none.
fn secret_columns(names: &[&[u8]]) -> Option<Secret> {
    if names.len() > COLUMNS {
        return None;
    }
    let secret: Vec<usize> =
        (0..names.len()).filter(|&at| column_strength(names[at]).is_some()).collect();
    if !secret.is_empty() {
        return Some(Secret::Columns(secret));
    }
    let among = |list: &[&str]| {
        names.iter().position(|name| {
            let lower = String::from_utf8_lossy(name).to_ascii_lowercase();
            list.contains(&lower.trim())
        })
    };
    let (name, value) = (among(NAMES)?, among(VALUES)?);
    (name < value).then_some(Secret::Named(name, value))
}

/// Whether a line rather is the name of a secret and its value than a head of two columns.
fn is_pair(names: &[&[u8]], secret: &Secret) -> bool {
    let filled = names.iter().filter(|name| !name.is_empty()).count();
    let first = names.iter().position(|name| !name.is_empty());
    matches!(secret, Secret::Columns(columns) if filled == 2 && columns.first().copied() == first)
}

/// What the name of a column says, if it holds one of the anchors.
fn column_strength(name: &[u8]) -> Option<Strength> {
    let lower = name.to_ascii_lowercase();
    if lower == b"authentication_string" {
        return Some(Strength::Strong);
    }
    let has = |part: &&str| memchr::memmem::find(&lower, part.as_bytes()).is_some();
    if !ANCHORS.iter().any(has) {
        return None;
    }
    if lower == b"totp" || lower.ends_with(b"_totp") || lower.starts_with(b"contrase") {
        return Some(Strength::Strong);
    }
    let joined: Vec<u8> = lower.iter().map(|&b| if b == b' ' { b'_' } else { b }).collect();
    strength(&joined).filter(|strength| *strength != Strength::Weak)
}

/// The cells of a line, without the space around them.
fn cells(line: &[u8], sign: Sign) -> Option<Vec<Range<usize>>> {
    let mut cells = Vec::new();
    let mut start = 0;
    let (byte, quotes) = match sign {
        Sign::Byte(byte) => (byte, false),
        Sign::Quoted(byte) => (byte, true),
        Sign::Record(byte) => {
            let at = line.iter().position(|&b| b == byte)?;
            return Some(vec![trim(line, 0..at), trim(line, at + 1..line.len())]);
        }
        Sign::Spaces => return Some(columns(line)),
    };
    let mut open = false;
    for (at, &b) in line.iter().enumerate() {
        if quotes && b == b'"' {
            open = !open;
        } else if b == byte && !open {
            cells.push(trim(line, start..at));
            start = at + 1;
        }
        if cells.len() > COLUMNS {
            return None;
        }
    }
    cells.push(trim(line, start..line.len()));
    Some(cells)
}

fn trim(line: &[u8], at: Range<usize>) -> Range<usize> {
    let text = &line[at.clone()];
    let start = at.start + text.len() - text.trim_ascii_start().len();
    start..(start + text.trim_ascii().len())
}

/// A cell without quotes.
fn unquoted(line: &[u8], cell: &Range<usize>) -> Range<usize> {
    let text = &line[cell.clone()];
    let is_quoted =
        |quote: u8| text.len() >= 2 && text[0] == quote && text[text.len() - 1] == quote;
    if is_quoted(b'"') || is_quoted(b'`') || is_quoted(b'\'') {
        cell.start + 1..cell.end - 1
    } else {
        cell.clone()
    }
}

/// What is separated by two spaces or more.
fn columns(line: &[u8]) -> Vec<Range<usize>> {
    let mut cells: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while at < line.len() && cells.len() <= COLUMNS {
        let gap = line[at..].iter().take_while(|&&b| b == b' ').count();
        let len = line[at + gap..].iter().take_while(|&&b| b != b' ').count();
        if len == 0 {
            break;
        }
        let word = at + gap..at + gap + len;
        match cells.last_mut() {
            Some(last) if gap < 2 => last.end = word.end,
            _ => cells.push(word.clone()),
        }
        at = word.end;
    }
    cells
}

/// Whether a line only separates rows, as `----+----`.
fn is_ruler(line: &[u8]) -> bool {
    line.len() >= 3
        && line.iter().all(|b| b"-=+|: \t".contains(b))
        && line.iter().any(|b| b"-=".contains(b))
}

/// Whether both may be rows of one table.
fn alike(last: &[u8], line: &[u8]) -> bool {
    if is_ruler(line) || is_ruler(last) {
        return true;
    }
    [(b'|', false), (b'\t', false), (b';', true), (b',', true)].into_iter().any(|(sign, quotes)| {
        let of_last = signs(last, sign, quotes);
        (1..=COLUMNS).contains(&of_last) && of_last == signs(line, sign, quotes)
    })
}

/// How many signs there are between the cells of a row.
fn signs(line: &[u8], sign: u8, quotes: bool) -> usize {
    let line = line.trim_ascii_end();
    if quotes && memchr::memchr(b'"', line).is_some() {
        return cells(line, Sign::Quoted(sign)).map_or(0, |cells| cells.len() - 1);
    }
    memchr::memchr_iter(sign, line).count()
}

impl Below for Table {
    fn values(&self, line: &[u8], number: usize) -> Option<Vec<Range<usize>>> {
        let line = line.trim_ascii_end();
        let long = matches!(self.sign, Sign::Byte(_) | Sign::Quoted(_));
        if line.is_empty() || number >= NEAR && !long {
            return None;
        }
        if is_ruler(line) {
            return Some(Vec::new());
        }
        if self.copy && line == b"\\." {
            return None;
        }
        let cells = if self.sign == Sign::Spaces {
            self.below_head(line)?
        } else {
            cells(line, self.sign)?
        };
        let is_record = matches!(self.sign, Sign::Record(_));
        if cells.len() != self.columns && self.sign != Sign::Spaces {
            return None;
        }
        if is_record && !is_name(&line[cells[0].clone()], 4) {
            return None;
        }
        Some(self.secrets(line, &cells))
    }
}

impl Table {
    /// The cells that stand below the columns of the head.
    fn below_head(&self, line: &[u8]) -> Option<Vec<Range<usize>>> {
        let mut cells = Vec::new();
        for (index, &start) in self.starts.iter().enumerate() {
            let limit = self.starts.get(index + 1).copied().unwrap_or(line.len()).min(line.len());
            if start >= line.len() {
                cells.push(line.len()..line.len());
                continue;
            }
            if start > 0 && line[start - 1] != b' ' {
                return None;
            }
            // A cell may be longer than its column.
            let rest = &line[start..];
            let end = memchr::memmem::find(rest, b"  ").map_or(rest.len(), |end| end);
            let is_last = index + 1 == self.starts.len();
            let end = if is_last { rest.len() } else { end.max(limit - start).min(rest.len()) };
            cells.push(trim(line, start..start + end));
        }
        Some(cells)
    }

    fn secrets(&self, line: &[u8], cells: &[Range<usize>]) -> Vec<Range<usize>> {
        match &self.secret {
            Secret::Columns(columns) => columns
                .iter()
                .filter_map(|&column| cells.get(column))
                .map(|cell| unquoted(line, cell))
                .filter(|cell| is_cell(&line[cell.clone()]))
                .collect(),
            Secret::Named(name, value) => {
                let (name, value) =
                    (&line[unquoted(line, &cells[*name])], unquoted(line, &cells[*value]));
                let lower = name.to_ascii_lowercase();
                let joined: Vec<u8> =
                    name.iter().map(|&b| if b == b' ' { b'_' } else { b }).collect();
                let known = (lower == b"authentication_string").then_some(Strength::Strong);
                // What Vault calls an accessor only names a token.
                let is_name = lower.ends_with(b"accessor");
                let strength = known.or_else(|| strength(&joined)).filter(|_| !is_name);
                let text = &line[value.clone()];
                let fits = strength
                    .is_some_and(|strength| is_cell(text) && is_secret(text, strength, true));
                if fits { vec![value] } else { Vec::new() }
            }
        }
    }
}

/// Whether what stands in a column of secrets is one, and no remark such as `see vault`.
fn is_cell(value: &[u8]) -> bool {
    let is_remark =
        value.contains(&b' ') && value.iter().all(|b| b.is_ascii_lowercase() || *b == b' ');
    let is_flag = value.len() < 3 || value.iter().all(u8::is_ascii_digit) && value.len() < 4;
    // MySQL's for accounts that nobody can log in to.
    let is_locked = memchr::memmem::find(value, b"INVALIDSALT").is_some();
    !is_placeholder(value) && !is_locked && !is_remark && !is_flag && value != b"\\N"
}
