//! Where a key stands.

use std::ops::Range;

/// A longer name is no key.
const LONGEST_KEY: usize = 128;

/// More space than this stands between columns, not between a key and its value.
pub(super) const LONGEST_SPACE: usize = 40;

/// The text of an element ends within this.
const LONGEST_ELEMENT: usize = 512;

/// More of a line before a key is not looked at.
const LONGEST_HEAD: usize = 64;

/// Words before a key that is given a value: `export KEY value`, `set key value`.
const VERBS: &[&[u8]] = &[
    b"export",
    b"set",
    b"setenv",
    b"setx",
    b"declare",
    b"typeset",
    b"readonly",
    b"local",
    b"option",
    b"default",
    b"env",
    b"arg",
    b"let",
    b"const",
    b"var",
    b"my",
    b"our",
    b"val",
    b"static",
    b"-x",
    b"-gx",
    b"-ux",
    b"-g",
    b"-u",
    b"-r",
    b"-rx",
    b"proxy_set_header",
    b"fastcgi_param",
    b"header",
    b"requestheader",
    b"header_up",
    b"config",
    b"add",
    b"ipsec",
    b"xauth",
    b"hide",
    b"uci",
    b"global",
    b"private",
    b"public",
    b"protected",
    b"final",
    b"def",
    b"#define",
    b"define",
    b"%define",
    b"-",
    b"add_header",
    b"uwsgi_param",
    b"grpc_set_header",
    b"setvar",
    b"put",
    b"+",
    b"auth_param",
];

/// Where a key stands.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Place {
    /// It is the first of its line, or of its part between NULs.
    pub(super) first: bool,
    /// Before it in its line are only words that give values to names.
    pub(super) directive: bool,
    /// It is an option of a command, `--password`.
    pub(super) option: bool,
    /// It is in a query string.
    pub(super) query: bool,
    /// It is the name of an XML element.
    pub(super) element: bool,
    /// It is quoted, as in JSON.
    pub(super) json: bool,
    /// A shell gives it a default: `${KEY:-value}`.
    pub(super) brace: bool,
    /// It is the first of the arguments of a call, or of a tuple.
    pub(super) call: bool,
    /// The quote that its whole assignment is in: `"KEY=value"`.
    pub(super) quote: Option<u8>,
}

impl Place {
    pub(super) fn of(line: &[u8], key: &Range<usize>, name: &Range<usize>) -> Self {
        let head = &line[key.start.saturating_sub(LONGEST_HEAD)..key.start];
        let before = head.last().copied();
        let is_quote = matches!(before, Some(b'"' | b'\'' | b'`'));
        let escaped = head.ends_with(b"\\\"");
        let closed = matches!(line.get(key.end), Some(b'"' | b'\'' | b'`'));
        let spaced = head.strip_suffix(b"\"").or(head.strip_suffix(b"'")).unwrap_or(head);
        let opener = spaced.trim_ascii_end().last();
        // Behind the last NUL, or from where the line begins.
        let part = head.iter().rposition(|&b| b == 0).map(|nul| &head[nul + 1..]);
        let whole = key.start <= LONGEST_HEAD;
        let text = part.unwrap_or(head).trim_ascii();
        let started = whole || part.is_some();
        let text = text.strip_prefix(b"\"").unwrap_or(text);
        let blank = text.iter().all(|b| b"#;/!*-+?".contains(b) || b.is_ascii_whitespace());
        let mut words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let verbs = words.all(|word| VERBS.contains(&word.to_ascii_lowercase().as_slice()));
        Self {
            first: started && (blank || text.is_empty()),
            directive: started && verbs && !text.is_empty(),
            option: name.start > key.start && line[key.start] == b'-',
            query: matches!(before, Some(b'?' | b'&')),
            element: is_element(line, key, head),
            json: before == Some(b'"') && !escaped,
            brace: head.ends_with(b"${"),
            call: matches!(opener, Some(b'(' | b'{')) || is_option(&line[key.clone()], spaced),
            quote: before.filter(|_| is_quote && !escaped && !closed),
        }
    }
}

/// Whether a constant says what a call sets, as in `curl_easy_setopt(curl, CURLOPT_PASSWORD, …)`.
fn is_option(key: &[u8], head: &[u8]) -> bool {
    let Some(first) = head.trim_ascii_end().strip_suffix(b",") else {
        return false;
    };
    let name = |b: &u8| b.is_ascii_alphanumeric() || b"_->.&*$".contains(b);
    let len = first.iter().rev().take_while(|b| name(b)).count();
    len > 0
        && first[..first.len() - len].ends_with(b"(")
        && key.contains(&b'_')
        && !key.iter().any(u8::is_ascii_lowercase)
}

/// Whether a key is the name of an element: `<password>x</password>`, `<wsse:Password>`, and not what
/// a manual shows between brackets.
fn is_element(line: &[u8], key: &Range<usize>, head: &[u8]) -> bool {
    if head.ends_with(b"&lt;") {
        return true;
    }
    let Some(&last @ (b'<' | b':')) = head.last() else {
        return false;
    };
    let prefix = head[..head.len() - 1].iter().rev().take_while(|b| is_key_byte(**b)).count();
    let open =
        if last == b'<' { head.len() - 1 } else { (head.len() - 1).saturating_sub(prefix + 1) };
    if head.get(open) != Some(&b'<') {
        return false;
    }
    let before = head[..open].trim_ascii_end();
    let rest = &line[key.end..line.len().min(key.end + LONGEST_ELEMENT)];
    before.is_empty()
        || matches!(before.last(), Some(b'>' | b'"' | b'\''))
        || rest.windows(2).any(|pair| pair == b"</")
}

pub(super) fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// The name that an anchor is part of.
pub(super) fn key_around(line: &[u8], at: &Range<usize>) -> Option<Range<usize>> {
    // Some anchors end with a sign, which is not part of the name.
    let inner = at.start..at.start + line[at.clone()].iter().rposition(|&b| is_key_byte(b))? + 1;
    let skip = usize::from(!is_key_byte(line[inner.start]));
    let count = |of: &mut dyn Iterator<Item = &u8>| {
        of.take(LONGEST_KEY).take_while(|b| is_key_byte(**b)).count()
    };
    let mut start = inner.start + skip;
    let before = count(&mut line[..start].iter().rev());
    let after = count(&mut line[inner.end..].iter());
    if before == LONGEST_KEY || after == LONGEST_KEY {
        return None;
    }
    start -= before;
    // The number and letter of a colour belong to no name.
    if start >= 2 && line[..start].ends_with(b"\x1b[") {
        start += line[start..inner.start + skip].iter().take_while(|b| b.is_ascii_digit()).count();
        start += usize::from(line[start] == b'm');
    }
    Some(start.min(inner.start + skip)..inner.end + after)
}

/// The name without the signs around it.
pub(super) fn trimmed(line: &[u8], key: &Range<usize>) -> Range<usize> {
    let text = &line[key.clone()];
    let signs = text.iter().take_while(|b| !b.is_ascii_alphanumeric()).count();
    key.start + signs..key.end
}

/// The name with the word before it, one space apart: `public key`.
pub(super) fn with_word_before(line: &[u8], name: &Range<usize>) -> Range<usize> {
    let Some(rest) = line[..name.start].strip_suffix(b" ") else {
        return name.clone();
    };
    let len = rest.iter().rev().take(24).take_while(|b| b.is_ascii_alphabetic()).count();
    rest.len() - len..name.end
}

pub(super) fn run(line: &[u8], from: usize, of: impl Fn(u8) -> bool) -> usize {
    line[from.min(line.len())..].iter().take_while(|b| of(**b)).count()
}
