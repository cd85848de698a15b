//! Values that stand on the line below their label, or in the next element of markup; and answers in
//! dialogues.

use super::{
    key::{Strength, strength},
    place::is_key_byte,
    prose::is_noted,
    value::{is_placeholder, is_random, is_secret},
};
use collect_core::redact::{Below, Found, Heads, Rule, RuleError};
use regex::bytes::Regex;
use std::{
    ops::Range,
    sync::{Arc, LazyLock},
};

/// Words of labels; every label holds one.
const ANCHORS: &[&str] = &[
    "assword",
    "passwd",
    "passwort",
    "passphrase",
    "secret",
    "token",
    "pwd",
    "api key",
    "api_key",
    "apikey",
    "access key",
    "access_key",
    "credential",
    "kennwort",
    "334 ",
    "auth plain",
    "auth login",
    "auth cram",
    "private key",
    "license key",
    "recovery key",
    "privateexponent:",
    "prime1:",
    "prime2:",
    "exponent1:",
    "exponent2:",
    "coefficient:",
    "priv:",
];

/// One of them, anywhere.
static LABELS: LazyLock<Regex> = LazyLock::new(|| {
    let any: Vec<String> = ANCHORS.iter().map(|anchor| regex::escape(anchor)).collect();
    Regex::new(&any.join("|")).expect("words are an expression")
});

/// A longer line is no label.
const LONGEST_LABEL: usize = 160;

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    let between = ["</td>", "</dt>", "</th>", "</b>", "</strong>", "</label>", "</name>"];
    Ok(vec![
        Rule::below("labelled", ANCHORS, Heads { head, alike: |_, _| false })?,
        Rule::finder("labelled", between, next_element)?,
    ])
}

/// What stands below a label.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// Alone in one of the next two lines, if it looks like a secret of this strength.
    Alone(Strength),
    /// Behind `value:` in the next line.
    Value,
    /// The first word of the next line, if it looks like a password.
    First,
    /// In quotes in the next line.
    Quoted,
    /// Base64 behind the sign of a dialogue, after so many lines.
    Dialogue(usize),
    /// The next argument.
    Argument,
    /// What a script sends.
    Sent,
    /// A part of a form, below an empty line.
    Part,
    /// A number in lines of hexadecimal pairs, as `openssl` shows keys.
    Number,
}

/// A single place.
fn one(place: Range<usize>) -> Vec<Range<usize>> {
    std::iter::once(place).collect()
}

#[expect(clippy::too_many_lines, reason = "one arm for each kind of answer")]
impl Below for Answer {
    fn once(&self) -> bool {
        !matches!(self, Self::Number)
    }

    fn values(&self, line: &[u8], number: usize) -> Option<Vec<Range<usize>>> {
        let start = line.len() - line.trim_ascii_start().len();
        let text = line[start..].trim_ascii_end();
        let all = start..start + text.len();
        match *self {
            Self::Alone(strength) => {
                if text.is_empty() {
                    return (number == 0).then(Vec::new);
                }
                if number > 1 {
                    return None;
                }
                let mut inner = unwrapped(text);
                inner.start += key_of(&text[inner.clone()]);
                let value = &text[inner.clone()];
                let is_word = !value.iter().any(u8::is_ascii_whitespace);
                let fits = match strength {
                    Strength::Password => {
                        is_noted(value) || is_random(value, 12) || has_signs(value)
                    }
                    Strength::Strong => value.len() >= 8 && is_noted(value) || is_random(value, 16),
                    Strength::Weak => is_random(value, 16),
                };
                // `CURLOPT_USERPWD` is the name of a constant.
                let is_constant = value.contains(&b'_')
                    && value.iter().all(|b| !b.is_ascii_lowercase() && *b != b'-');
                if is_word
                    && !is_constant
                    && fits
                    && !value.ends_with(b":")
                    && !is_placeholder(value)
                {
                    return Some(one(start + inner.start..start + inner.end));
                }
                None
            }
            Self::Value => {
                if number > 0 {
                    return None;
                }
                let value = named_value(text)?;
                Some(one(start + value.start..start + value.end))
            }
            Self::First => {
                if number > 0 {
                    return None;
                }
                let len = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
                let inner = unwrapped(&text[..len]);
                is_noted(&text[inner.clone()]).then(|| one(start + inner.start..start + inner.end))
            }
            Self::Quoted => {
                if number > 0 {
                    return None;
                }
                let open = text.iter().position(|&b| b == b'"' || b == b'\'')?;
                let quote = text[open];
                let len = text.iter().rposition(|&b| b == quote)?.checked_sub(open + 1)?;
                let value = open + 1..open + 1 + len;
                let fits = is_secret(&text[value.clone()], Strength::Password, true);
                fits.then(|| one(start + value.start..start + value.end))
            }
            Self::Dialogue(after) => {
                if number < after {
                    return memchr::memmem::find(text, b"334").is_some().then(Vec::new);
                }
                if number > after {
                    return None;
                }
                let from = text.iter().rposition(|&b| b == b' ').map_or(0, |at| at + 1);
                let value = &text[from..];
                let is_base64 =
                    value.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(b));
                (value.len() >= 4 && value.len().is_multiple_of(4) && is_base64 && from <= 8)
                    .then(|| one(start + from..all.end))
            }
            Self::Argument => {
                // A manual goes on with words.
                let fits = number == 0 && !text.starts_with(b"-") && is_noted(text);
                fits.then(|| one(all))
            }
            Self::Number => {
                let is_part = |b: &u8| b.is_ascii_hexdigit() || *b == b':';
                let fits = number < 48 && text.len() > 2 && start > 0 && text.iter().all(is_part);
                fits.then(|| one(all))
            }
            Self::Sent => {
                let rest = text.strip_prefix(b"send ").filter(|_| number == 0)?;
                let rest = rest.strip_prefix(b"-- ").unwrap_or(rest);
                let close = match rest.first()? {
                    b'"' => b'"',
                    b'{' => b'}',
                    _ => return None,
                };
                let len = rest[1..].iter().position(|&b| b == close || b == b'\\')?;
                let from = start + text.len() - rest.len() + 1;
                let fits = is_secret(&line[from..from + len], Strength::Password, true);
                fits.then(|| one(from..from + len))
            }
            Self::Part => {
                if number > 3 {
                    return None;
                }
                if text.is_empty() || text.len() > 8 && text[..8].eq_ignore_ascii_case(b"content-")
                {
                    return Some(Vec::new());
                }
                let fits = !text.starts_with(b"--") && is_secret(text, Strength::Password, false);
                fits.then(|| one(all))
            }
        }
    }
}

/// Without quotes of any kind.
fn unwrapped(text: &[u8]) -> Range<usize> {
    let mut inner = 0..text.len();
    while inner.start < inner.end && b"\"'`*".contains(&text[inner.start]) {
        inner.start += 1;
    }
    while inner.start < inner.end && b"\"'`*,.;".contains(&text[inner.end - 1]) {
        inner.end -= 1;
    }
    inner
}

/// The length of a key and its sign before a value: the line below a label may set one itself.
fn key_of(text: &[u8]) -> usize {
    let name = text.iter().take_while(|&&b| is_key_byte(b)).count();
    let sign = matches!(text.get(name), Some(b'=' | b':'));
    let goes_on = text.get(name + 1).is_some_and(u8::is_ascii_alphanumeric);
    if sign && goes_on && strength(&text[..name]).is_some() { name + 1 } else { 0 }
}

/// Whether there are letters and several signs that words do not have.
fn has_signs(value: &[u8]) -> bool {
    let signs = value.iter().filter(|b| b"!$%&?+=#@^~".contains(b)).count();
    value.len() >= 8 && signs >= 2 && value.iter().any(u8::is_ascii_alphabetic)
}

/// The value behind `value:`, `"value": "` or `Value =`.
fn named_value(text: &[u8]) -> Option<Range<usize>> {
    let mut at = text.iter().take_while(|b| b"\"'- {<".contains(b)).count();
    if !text.get(at..at + 5)?.eq_ignore_ascii_case(b"value") {
        return None;
    }
    at += 5;
    at += text[at..].iter().take_while(|b| b"\"' ".contains(b)).count();
    if !matches!(text.get(at), Some(b':' | b'=' | b'>')) {
        return None;
    }
    at += 1;
    at += text[at..].iter().take_while(|b| b" \t".contains(b)).count();
    let rest = &text[at..];
    let quote = rest.first().copied().filter(|b| b"\"'".contains(b));
    let (from, end) = if let Some(quote) = quote {
        let len = rest[1..].iter().position(|&b| b == quote)?;
        (at + 1, at + 1 + len)
    } else {
        let len = rest.iter().position(|&b| b == b'<').unwrap_or(rest.len());
        (at, at + rest[..len].trim_ascii_end().len())
    };
    is_secret(&text[from..end], Strength::Password, quote.is_some()).then_some(from..end)
}

fn head(line: &[u8]) -> Option<Arc<dyn Below>> {
    let text = line.trim_ascii();
    if text.len() < 5 || text.len() > LONGEST_LABEL {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    if !LABELS.is_match(&lower) {
        return None;
    }
    const NUMBERS: [&[u8]; 7] = [
        b"privateexponent:",
        b"prime1:",
        b"prime2:",
        b"exponent1:",
        b"exponent2:",
        b"coefficient:",
        b"priv:",
    ];
    if NUMBERS.contains(&&*lower) {
        return Some(Arc::new(Answer::Number));
    }
    let expects = lower.starts_with(b"expect ") || lower.starts_with(b"-re ");
    let asks = [&b"assword"[..], b"passphrase"];
    if expects && asks.iter().any(|word| memchr::memmem::find(&lower, word).is_some()) {
        return Some(Arc::new(Answer::Sent));
    }
    let answer = dialogue(&lower)
        .or_else(|| named(text, &lower))
        .or_else(|| part(&lower))
        .or_else(|| option(text))
        .or_else(|| arrow(text))
        .or_else(|| label(&lower))?;
    Some(Arc::new(answer))
}

/// `334 UGFzc3dvcmQ6`, and `AUTH PLAIN` whose value comes after the server's `334` (RFC 4954).
fn dialogue(lower: &[u8]) -> Option<Answer> {
    // `Password:` in base64.
    if lower.ends_with(b"334 ugfzc3dvcmq6") {
        return Some(Answer::Dialogue(0));
    }
    let is_long = lower.len() > 24;
    let asks = [&b"auth plain"[..], b"auth cram-md5"].iter().any(|end| lower.ends_with(end));
    (asks && !is_long).then_some(Answer::Dialogue(1))
}

/// `Name: DB_PASSWORD`, `- name: DB_PASSWORD`, `"Name": "db.password",`.
fn named(text: &[u8], lower: &[u8]) -> Option<Answer> {
    let mut at = text.iter().take_while(|b| b"\"'- {".contains(b)).count();
    let rest = &lower[at..];
    let len =
        [&b"parameterkey"[..], b"name", b"key"].iter().find(|name| rest.starts_with(name))?.len();
    at += len;
    at += text[at..].iter().take_while(|b| b"\"' ".contains(b)).count();
    if !matches!(text.get(at), Some(b':' | b'=')) {
        return None;
    }
    let name = &text[at + 1..];
    let skip = name.iter().take_while(|b| b"\"' \t".contains(b)).count();
    let len =
        name[skip..].iter().take_while(|b| b.is_ascii_alphanumeric() || b"_-.".contains(b)).count();
    let rest = &name[skip + len..];
    (rest.len() <= 2 && strength(&name[skip..skip + len]).is_some_and(|s| s != Strength::Weak))
        .then_some(Answer::Value)
}

/// `Content-Disposition: form-data; name="password"` (RFC 7578).
fn part(lower: &[u8]) -> Option<Answer> {
    if !lower.starts_with(b"content-disposition:") {
        return None;
    }
    let at = memchr::memmem::find(lower, b"name=\"")? + 6;
    let len = lower[at..].iter().position(|&b| b == b'"')?;
    strength(&lower[at..at + len]).filter(|s| *s != Strength::Weak).map(|_| Answer::Part)
}

/// An option that stands alone in its line, as in a list of arguments.
fn option(text: &[u8]) -> Option<Answer> {
    let name = text.strip_prefix(b"- ").unwrap_or(text).strip_prefix(b"--")?;
    let is_name = name.iter().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(b));
    (is_name && strength(name).is_some_and(|s| s != Strength::Weak)).then_some(Answer::Argument)
}

/// `["password"]=>` as PHP shows it.
fn arrow(text: &[u8]) -> Option<Answer> {
    let name = text.strip_prefix(b"[\"")?.strip_suffix(b"\"]=>")?;
    strength(name).filter(|s| *s != Strength::Weak).map(|_| Answer::Quoted)
}

/// `Password:`, `API key`, `Password for the user elastic:`, `the following password:`.
fn label(lower: &[u8]) -> Option<Answer> {
    let ends = [&b"the password"[..], b"this password", b"with password"];
    if ends.iter().any(|end| lower.ends_with(end)) {
        return Some(Answer::First);
    }
    let colon = lower.ends_with(b":");
    let body = lower.strip_suffix(b":").unwrap_or(lower).trim_ascii_end();
    let is_text = |b: &u8| b.is_ascii_alphanumeric() || b" _-.,'()`/*#".contains(b);
    if body.is_empty() || !body.iter().all(is_text) {
        return None;
    }
    let words = memchr::memchr_iter(b' ', body).count() + 1;
    let nouns = [&b"password"[..], b"passphrase", b"passwort"];
    if words <= 4 {
        let joined: Vec<u8> = body
            .iter()
            .filter(|b| !b"*#`".contains(b))
            .map(|&b| if b == b' ' { b'_' } else { b })
            .collect();
        let strength = strength(&joined)?;
        return (colon || words >= 2 || strength == Strength::Strong)
            .then_some(Answer::Alone(strength));
    }
    if colon && nouns.iter().any(|noun| memchr::memmem::find(body, noun).is_some()) {
        return Some(Answer::Alone(Strength::Password));
    }
    if colon && memchr::memmem::find(body, b"token").is_some() {
        return Some(Answer::Alone(Strength::Weak));
    }
    None
}

/// The value of the element behind one that is a label: `<td>Password</td><td>…</td>`.
fn next_element(line: &[u8], at: Range<usize>) -> Option<Found> {
    let head = &line[at.start.saturating_sub(64)..at.start];
    let open = head.iter().rposition(|&b| b == b'>')?;
    let label: Vec<u8> = head[open + 1..]
        .trim_ascii()
        .iter()
        .filter(|&&b| b != b':')
        .map(|&b| if b == b' ' { b'_' } else { b })
        .collect();
    let strength = strength(&label).filter(|s| *s != Strength::Weak)?;
    let rest = &line[at.end..line.len().min(at.end + 512)];
    let mut start = rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
    // Elements up to the text, such as `<td><code>`.
    while rest.get(start) == Some(&b'<') {
        if rest.get(start + 1) == Some(&b'/') {
            return None;
        }
        start += rest[start..].iter().position(|&b| b == b'>')? + 1;
    }
    let len = rest[start..].iter().position(|&b| b == b'<').unwrap_or(rest.len() - start);
    let value = &rest[start..start + len];
    let is_sentence = memchr::memchr_iter(b' ', value).count() > 4 || value.ends_with(b".");
    let is_words = value.iter().all(|b| b.is_ascii_lowercase() || *b == b' ');
    (!is_sentence && !is_words && is_secret(value, strength, true))
        .then(|| (at.end + start..at.end + start + len).into())
}
