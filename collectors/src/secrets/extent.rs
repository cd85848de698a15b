//! Where a value begins and ends.

use super::{
    key::Strength,
    phrase::{LONGEST_PHRASE, phrase, rest_of_name, whole_rest},
    place::{Place, run},
    sign::Sign,
    value::LOOKED_AT,
};
use std::ops::Range;

pub(super) struct Value {
    pub(super) at: Range<usize>,
    pub(super) quoted: bool,
    /// Nothing follows in its line.
    pub(super) last: bool,
}

/// What stands around a string in code and says what it is.
const WRAPPERS: &[&[u8]] = &[
    b"Some(",
    b"Just ",
    b"<<",
    b"SecretStr(",
    b"SecretString(",
    b"Secret(",
    b"String::from(",
    b"(",
    b"b",
    b"r",
    b"f",
    b"u",
    b"@",
    b"N",
    b"E",
    b"$",
    b"str(",
    b"rb",
    b"br",
    b"R",
    b"L",
    b"r#",
];

/// Tags of YAML that give a value of another place.
const TAGS: &[&[u8]] = &[b"!!str ", b"!!binary ", b"!unsafe ", b"!!null ", b"!plain "];

/// The value that begins at `start`; nothing if it stands elsewhere.
pub(super) fn value(
    line: &[u8],
    start: usize,
    place: &Place,
    sign: Sign,
    strength: Strength,
) -> Option<Value> {
    let start = start + marks(&line[start..], sign)?;
    let start = start + if sign == Sign::Space { rest_of_name(&line[start..]) } else { 0 };
    let start = start + wrapper(&line[start..]);
    let start = start + fallback(&line[start..]);
    let slashes = run(line, start, |b| b == b'\\');
    let quote = line.get(start + slashes).copied();
    if sign == Sign::Element {
        return element(line, start);
    }
    if slashes < 8
        && let Some(quote @ (b'"' | b'\'' | b'`')) = quote
        && (place.quote != Some(quote) || slashes > 0)
    {
        let value = opened(line, start + slashes, quote, slashes, place);
        // A shell puts there what the command says; Go writes strings so, but has blanks before.
        let is_command = quote == b'`'
            && sign == Sign::Equals
            && line[..start].ends_with(b"=")
            && line[value.at.clone()].contains(&b' ');
        return (!is_command).then_some(value);
    }
    let limit =
        if strength == Strength::Weak || sign == Sign::Space { LOOKED_AT + 1 } else { usize::MAX };
    let rest = &line[start..];
    // Lists and maps have secrets of their own.
    if rest.first() == Some(&b'[') && !rest.starts_with(b"[redacted:") {
        return None;
    }
    if rest.first() == Some(&b'{') && !is_labelled(rest) && braced(rest, place).is_none() {
        return None;
    }
    let end = if sign == Sign::Default {
        rest.iter().position(|&b| b == b'}').unwrap_or(rest.len())
    } else if let Some(len) = within_quotes(rest, place, sign) {
        len
    } else if let Some(len) = braced(rest, place) {
        return Some(Value { at: start + 1..start + len, quoted: true, last: false });
    } else if let Some(len) = member(line, start, place, sign, strength) {
        len
    } else if whole_rest(rest, place, sign, strength) {
        phrase(rest)
    } else if rest.starts_with(b"ENC(") || rest.starts_with(b"ENC[") {
        rest.iter().position(|&b| b == b')' || b == b']').map_or(rest.len(), |at| at + 1)
    } else {
        bare(rest, place, limit)
    };
    let text = rest[..end].trim_ascii_end();
    let at = start..start + text.len();
    let last = line[at.end..].iter().all(|b| b.is_ascii_whitespace() || *b == b';');
    (!text.is_empty()).then_some(Value { at, quoted: false, last })
}

/// The length of anchors and tags of YAML before a value; nothing if the value is an alias, or a tag
/// says that it stands elsewhere.
fn marks(text: &[u8], sign: Sign) -> Option<usize> {
    if sign != Sign::Colon {
        return Some(0);
    }
    let word = run(text, 1, |b| b.is_ascii_alphanumeric() || b"_-.!/".contains(&b)) + 1;
    match text.first() {
        Some(b'&') if text.get(word) == Some(&b' ') => Some(word + 1),
        Some(b'*') if word < 40 && text.get(word).is_none_or(u8::is_ascii_whitespace) => None,
        Some(b'!') => {
            let tag = TAGS.iter().find(|tag| text.starts_with(tag));
            match tag {
                Some(tag) => Some(tag.len()),
                None if text.get(word) == Some(&b' ') => None,
                None => Some(0),
            }
        }
        _ => Some(0),
    }
}

/// The length of what stands before a quote.
fn wrapper(text: &[u8]) -> usize {
    let mut at = 0;
    for _ in 0..2 {
        let fits = |wrapper: &&&[u8]| {
            let rest = text[at..].strip_prefix(**wrapper);
            rest.is_some_and(|rest| {
                matches!(rest.first(), Some(b'"' | b'\''))
                    || wrapper.ends_with(b"(")
                        && WRAPPERS.iter().any(|w| w.ends_with(b"(") && rest.starts_with(w))
            })
        };
        at += WRAPPERS.iter().find(fits).map_or(0, |wrapper| wrapper.len());
    }
    at
}

/// The length of `getenv("NAME", ` before what is taken if there is no such variable.
fn fallback(text: &[u8]) -> usize {
    let name =
        run(&text[..text.len().min(32)], 0, |b| b.is_ascii_alphanumeric() || b"._:".contains(&b));
    let lower = text[..name].to_ascii_lowercase();
    let reads = lower.ends_with(b"env") || lower.ends_with(b"environ.get");
    if !reads || text.get(name) != Some(&b'(') {
        return 0;
    }
    let Some(quote @ (b'"' | b'\'')) = text.get(name + 1) else {
        return 0;
    };
    let variable = name + 2;
    let len = run(text, variable, |b| b.is_ascii_alphanumeric() || b == b'_');
    let rest = &text[variable + len..];
    if rest.first() != Some(quote) || rest.get(1) != Some(&b',') {
        return 0;
    }
    let blank = run(rest, 2, |b| b == b' ');
    let opens = matches!(rest.get(2 + blank), Some(b'"' | b'\''));
    if opens { variable + len + 2 + blank } else { 0 }
}

/// A value that a quote at `at` opens: once, doubled, or three times.
fn opened(line: &[u8], at: usize, quote: u8, slashes: usize, place: &Place) -> Value {
    let from = at + 1;
    if line[from..].starts_with(&[quote, quote]) {
        let end = memchr::memmem::find(&line[from + 2..], &[quote, quote, quote]);
        let end = end.map_or(line.len(), |end| from + 2 + end);
        return Value { at: from + 2..end, quoted: true, last: false };
    }
    // Within text in single quotes, they are doubled (libpq, SQL).
    if line.get(from) == Some(&quote)
        && quote == b'\''
        && line.get(from + 1).is_some_and(u8::is_ascii_alphanumeric)
        && let Some(end) = memchr::memmem::find(&line[from + 1..], b"''")
    {
        return Value { at: from + 1..from + 1 + end, quoted: true, last: false };
    }
    let mut value = quoted(line, from, quote, slashes);
    // A shell joins what stands in quotes next to each other.
    let shell = (place.first || place.directive) && !place.json;
    while shell
        && slashes == 0
        && let Some(&next @ (b'"' | b'\'')) = line.get(value.at.end + 1)
        && value.at.end > from
    {
        let more = quoted(line, value.at.end + 2, next, 0);
        if more.at.end >= line.len() {
            break;
        }
        value.at.end = more.at.end;
    }
    value
}

/// A value in quotes, which are escaped as often as they were at its start.
fn quoted(line: &[u8], from: usize, quote: u8, slashes: usize) -> Value {
    let mut at = from.min(line.len());
    let end = loop {
        let Some(next) = memchr::memchr2(quote, b'\\', &line[at..]) else {
            break line.len();
        };
        at += next;
        let escapes = run(line, at, |b| b == b'\\');
        let closes = line.get(at + escapes) == Some(&quote);
        if closes && escapes <= slashes {
            let doubled = quote == b'\'' && slashes == 0 && line.get(at + 1) == Some(&quote);
            if doubled
                && at > from
                && line.get(at + 2).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b' ')
            {
                at += 2;
                continue;
            }
            break at;
        }
        // In single quotes, a backslash before the last quote may be a plain one.
        at += escapes + 1;
        if at >= line.len() {
            break line.len();
        }
    };
    Value { at: from.min(end)..end, quoted: true, last: false }
}

/// The text of an element, up to its end.
fn element(line: &[u8], start: usize) -> Option<Value> {
    let rest = &line[start..];
    let blank = run(rest, 0, |b| b == b' ' || b == b'\t');
    let ends = |at: usize| {
        matches!(rest[at], b'<' | b'\r') || rest[at] == b'&' && rest[at..].starts_with(b"&lt;")
    };
    let (from, end) = if let Some(text) = rest[blank..].strip_prefix(b"<![CDATA[") {
        let from = blank + 9;
        (from, memchr::memmem::find(text, b"]]>").map_or(rest.len(), |end| from + end))
    } else {
        (0, (0..rest.len()).find(|&at| ends(at)).unwrap_or(rest.len()))
    };
    let text = rest[from..end].trim_ascii();
    let from = start + from + run(&rest[from..end], 0, |b| b.is_ascii_whitespace());
    (!text.is_empty()).then(|| Value { at: from..from + text.len(), quoted: true, last: false })
}

/// The length of a value whose assignment is in quotes as a whole: `"KEY=two words"`.
fn within_quotes(rest: &[u8], place: &Place, sign: Sign) -> Option<usize> {
    let quote = place.quote?;
    if sign != Sign::Equals || place.option {
        return None;
    }
    let reach = &rest[..rest.len().min(LONGEST_PHRASE)];
    let end =
        (0..reach.len()).find(|&at| reach[at] == quote && (at == 0 || reach[at - 1] != b'\\'))?;
    // A line that is escaped ends a value where the next line sets a name.
    let line = (0..end).find(|&at| {
        let next = &reach[at..end];
        [&b"\\n"[..], b"\\r"].iter().any(|escape| next.starts_with(escape) && is_pair(&next[2..]))
    });
    if line == Some(0) {
        return None;
    }
    let text = &reach[..line.unwrap_or(end)];
    let words =
        text.iter().any(|b| b"\"'$|".contains(b)) || text.windows(2).any(|pair| pair == b" -");
    let plain = !words && !text.iter().any(|b| b"=;&,{}".contains(b))
        || !text.contains(&b' ') && !is_list(text);
    plain.then_some(text.len())
}

/// Whether a text begins with a label such as `{SSHA}`, with something behind it.
fn is_labelled(text: &[u8]) -> bool {
    let close = text.iter().take(32).position(|&b| b == b'}');
    close.is_some_and(|at| at > 2 && text.get(at + 1).is_some_and(|b| !b.is_ascii_whitespace()))
}

/// The length of a value of several words among others in brackets: `(user=a, password=b c, d=1)`.
fn member(
    line: &[u8],
    start: usize,
    place: &Place,
    sign: Sign,
    strength: Strength,
) -> Option<usize> {
    if place.first || place.option || sign != Sign::Equals || strength != Strength::Password {
        return None;
    }
    let head = &line[..start];
    let key = head.iter().rposition(|b| b" ([{".contains(b))?;
    let listed = b"([{".contains(&head[key]) || head[..key].ends_with(b",");
    let reach = &line[start..line.len().min(start + 64)];
    let end = (0..reach.len()).find(|&at| {
        reach[at..].starts_with(b", ") && is_pair(&reach[at + 2..]) || b")]}".contains(&reach[at])
    })?;
    let text = &reach[..end];
    let spaces = memchr::memchr_iter(b' ', text).count();
    let plain = !text.iter().any(|b| b"=\"',;([{".contains(b));
    (listed && plain && (1..4).contains(&spaces)).then_some(end)
}

/// Whether more names and values follow in a text.
fn is_list(text: &[u8]) -> bool {
    (0..text.len()).any(|at| b";&,".contains(&text[at]) && is_pair(&text[at + 1..]))
}

/// Whether a text begins with a name and a sign.
fn is_pair(text: &[u8]) -> bool {
    let space = run(text, 0, |b| b == b' ');
    let word = |b: u8| b.is_ascii_alphanumeric() || b"_.%+- ".contains(&b);
    let name = run(&text[..text.len().min(space + 48)], space, word);
    name > 0 && text.get(space + name) == Some(&b'=')
}

/// The length of a value in braces, as in ODBC, where `}` is doubled.
fn braced(rest: &[u8], place: &Place) -> Option<usize> {
    if rest.first() != Some(&b'{') || place.first || place.element || place.call {
        return None;
    }
    let reach = &rest[..rest.len().min(LONGEST_PHRASE)];
    let mut at = 1;
    loop {
        at += reach[at..].iter().position(|&b| b == b'}')?;
        if reach.get(at + 1) == Some(&b'}') {
            at += 2;
            continue;
        }
        let ends = reach.get(at + 1).is_none_or(|b| b";\"'\\ ".contains(b));
        let plain = !reach[1..at].iter().any(|b| b"\":={".contains(b));
        return (ends && plain && at > 1).then_some(at);
    }
}

/// How long bare text goes on as one value.
fn bare(rest: &[u8], place: &Place, limit: usize) -> usize {
    let ends = |at: usize| {
        let next = rest.get(at + 1);
        match rest[at] {
            b'"' | b'\'' => place.quote.is_none_or(|quote| quote == rest[at]),
            b'<' | 0 | 0x1b => true,
            b'&' => {
                place.query
                    || next.is_none_or(u8::is_ascii_whitespace)
                    || is_pair(&rest[at + 1..])
                    || ends_entity(&rest[at..])
            }
            b';' | b',' => {
                !place.option
                    && (!place.first
                        || next.is_none_or(u8::is_ascii_whitespace)
                        || is_pair(&rest[at + 1..])
                        || rest_of_name(&rest[at + 1..]) > 0)
            }
            b'|' => is_pair(&rest[at + 1..]),
            b'\\' => ends_escape(&rest[at + 1..]),
            byte => byte.is_ascii_whitespace(),
        }
    };
    let end = (0..rest.len().min(limit)).find(|&at| ends(at)).unwrap_or(rest.len().min(limit));
    let opened = rest[..end].iter().any(|b| b"([{<".contains(b));
    let closers = rest[..end].iter().rev().take_while(|b| b")]},;>|".contains(b)).count();
    if opened && closers == 1 { end } else { end - closers }
}

/// Whether a text is the entity of a quote or bracket.
fn ends_entity(text: &[u8]) -> bool {
    [&b"&quot;"[..], b"&lt;", b"&gt;", b"&apos;", b"&#"]
        .iter()
        .any(|entity| text.starts_with(entity))
}

/// Whether what follows a backslash ends a value: a quote, the end of a line, or one in code.
fn ends_escape(next: &[u8]) -> bool {
    match next.first() {
        None | Some(b'n' | b'r' | b't' | b'"' | b'\'' | b'\\') => true,
        Some(b'u') => {
            let code = next.get(1..5).unwrap_or_default().to_ascii_lowercase();
            [b"0022", b"0026", b"0027", b"003c", b"003e", b"000a", b"000d"]
                .iter()
                .any(|end| code == *end)
        }
        Some(_) => false,
    }
}
