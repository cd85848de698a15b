//! Secrets that vendors give out, by the forms that are published: the table `vendors.tsv`.
//!
//! Its rows are of three kinds. A token with a beginning of its own is found wherever it stands. A value
//! that is only so many letters and digits is found behind the name of its vendor, see [`near`]. What
//! has its mark in the middle, or is part of a URL, has a regular expression.

use super::{
    near,
    placeholder::is_consecutive,
    shape::Shape,
    value::{different, is_random},
};
use collect_core::redact::{Found, Rule, RuleError};
use regex::bytes::Regex;
use std::ops::Range;

/// The table is data, so that it can be compared with what others know: `tools/vendors` does.
const TABLE: &str = include_str!("vendors.tsv");

/// A shorter value of few different bytes may be a password that somebody thought of.
const LONG: usize = 16;

/// So much of a token is looked at to judge it: more than what any row asks for. It keeps time linear
/// where one beginning follows the other.
const JUDGED: usize = 256;

/// Longer parameters of a terminal's colour are none.
const LONGEST_COLOUR: usize = 16;

/// What must not be left anywhere, by rule: tokens that cannot be anything else.
const LEFT: &[(&str, &str)] = &[
    ("age-key", r"\bAGE-SECRET-KEY-1[A-Z0-9]{58}\b"),
    ("anthropic-key", r"\bsk-ant-api[0-9]{2}-[A-Za-z0-9_-]{40}"),
    // Not with `E` at the end: manuals have keys that end in `EXAMPLE`, and may stay.
    ("aws-key", r"\bAKIA[A-Z0-9]{15}[A-DF-Z0-9]\b"),
    ("github-token", r"\bghp_[A-Za-z0-9]{36}"),
    ("github-token", r"\bghs_[A-Za-z0-9]{36}"),
    ("github-token", r"\bgithub_pat_[A-Za-z0-9_]{36}"),
    ("gitlab-token", r"\bglpat-[A-Za-z0-9_-]{24}"),
    ("npm-token", r"\bnpm_[A-Za-z0-9]{36}"),
    ("slack-token", r"\bxoxb-[0-9]{10,13}-[A-Za-z0-9-]{20}"),
    ("stripe-key", r"\bsk_live_[A-Za-z0-9]{24}"),
];

/// A row of the table.
struct Row {
    rule: &'static str,
    kind: Kind,
    anchors: Vec<&'static str>,
    expressions: Vec<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Anchors are how a token begins, the expression is how it goes on, at least.
    Prefix,
    /// Anchors are names, the expressions are what may be a value behind one.
    Near,
    /// The expression is a regular one for lines with an anchor.
    Form,
}

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    let proven = |rule: Rule| {
        let shapes: Vec<_> = LEFT.iter().filter(|(id, _)| *id == rule.id()).collect();
        shapes.into_iter().fold(rule, |rule, (_, shape)| rule.leaves_no(*shape))
    };
    let digits = (0..100).map(|digits| format!("{digits:02}|"));
    let application = Rule::finder("facebook-token", digits, application)?;
    let personal = Rule::finder("atlassian-token", ["/token/", "jira", "confluence"], personal)?;
    rows().map(|row| row?.rule().map(proven)).chain([Ok(application), Ok(personal)]).collect()
}

/// A personal access token of Jira or Confluence: base64 of a number, a colon and random bytes.
/// See <https://confluence.atlassian.com/enterprise/using-personal-access-tokens-1026032365.html>.
fn personal(line: &[u8], name: Range<usize>) -> Option<Found> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    const TOKEN: usize = 44;
    const NUMBER: usize = 12;
    const REACH: usize = 128;
    let part = |b: &&u8| b.is_ascii_alphanumeric() || b"+/".contains(b);
    let mut at = name.end;
    while at < line.len().min(name.end + REACH) {
        let len = line[at..].iter().take(TOKEN + 1).take_while(part).count();
        let token = &line[at..at + len];
        let is_ours =
            |plain: &[u8]| plain[..NUMBER].iter().all(u8::is_ascii_digit) && plain[NUMBER] == b':';
        if len == TOKEN && STANDARD.decode(token).is_ok_and(|plain| is_ours(&plain)) {
            return Some((at..at + len).into());
        }
        at += len + 1;
    }
    None
}

/// The token of an application of Facebook, in which a bar is between its number and its secret.
/// See <https://developers.facebook.com/docs/facebook-login/guides/access-tokens/>.
fn application(line: &[u8], bar: Range<usize>) -> Option<Found> {
    const NUMBER: std::ops::RangeInclusive<usize> = 13..=17;
    const SECRET: usize = 27;
    let number = line[..bar.end - 1].iter().rev().take(NUMBER.end() + 1);
    let digits = number.take_while(|byte| byte.is_ascii_digit()).count();
    let start = bar.end - 1 - digits;
    let of = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_-".contains(byte);
    let secret = line[bar.end..].iter().take(SECRET + 1).take_while(of).count();
    let end = bar.end + secret;
    let fits = NUMBER.contains(&digits)
        && secret == SECRET
        && !line[..start].last().is_some_and(u8::is_ascii_alphanumeric)
        && is_random(&line[bar.end..end], 20);
    fits.then(|| (start..end).into())
}

fn rows() -> impl Iterator<Item = Result<Row, RuleError>> {
    TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(Row::parse)
}

impl Row {
    fn parse(line: &'static str) -> Result<Self, RuleError> {
        let columns: Vec<&str> = line.split('\t').collect();
        let wrong = |reason: &str| unusable(columns[0], reason);
        let &[rule, kind, anchors, expressions, _source] = &columns[..] else {
            return Err(wrong("its row has not five columns"));
        };
        let kind = match kind {
            "prefix" => Kind::Prefix,
            "near" => Kind::Near,
            "form" => Kind::Form,
            _ => return Err(wrong("its kind is neither `prefix`, `near` nor `form`")),
        };
        let anchors = anchors.split(' ').collect();
        Ok(Self { rule, kind, anchors, expressions: expressions.split(' ').collect() })
    }

    fn rule(self) -> Result<Rule, RuleError> {
        let shapes = |any_case| {
            let shape = |text: &&str| Shape::parse(text, any_case);
            let shapes: Result<Vec<_>, _> = self.expressions.iter().map(shape).collect();
            shapes.map_err(|reason| unusable(self.rule, &reason))
        };
        match self.kind {
            Kind::Prefix => {
                let shapes: Vec<_> = shapes(false)?.into_iter().map(Shape::open).collect();
                let anchors = self.anchors.clone();
                let proven = LEFT.iter().filter(|(rule, _)| *rule == self.rule);
                let proven = proven.map(|(_, shape)| Regex::new(shape));
                let proven: Vec<_> = proven
                    .collect::<Result<_, _>>()
                    .map_err(|error| unusable(self.rule, &error.to_string()))?;
                Rule::finder(self.rule, self.anchors, move |line, at| {
                    let found = token(&anchors, &shapes, line, at)?;
                    let value = &line[found.value.clone()];
                    // What must not be left is not, though it be made up.
                    let shown =
                        is_consecutive(value) && !proven.iter().any(|shape| shape.is_match(value));
                    (!shown).then_some(found)
                })
            }
            Kind::Near => {
                let shapes = shapes(true)?;
                Rule::finder(self.rule, self.anchors, move |line, at| {
                    near::find(&shapes, line, &at)
                })
            }
            Kind::Form => {
                let rule = Rule::pattern(self.rule, &self.anchors, self.expressions[0])?;
                // AWS ends the keys of its manuals so.
                let shown = |value: &[u8]| value.ends_with(b"EXAMPLE");
                Ok(rule
                    .valid(move |value| !shown(value) && (value.len() < LONG || !is_mask(value))))
            }
        }
    }
}

fn unusable(rule: &str, reason: &str) -> RuleError {
    RuleError::Unusable { rule: rule.to_owned(), reason: reason.to_owned() }
}

/// The token that begins with the anchor at `at`.
fn token(anchors: &[&str], shapes: &[Shape], line: &[u8], at: Range<usize>) -> Option<Found> {
    let beginning = &line[at.clone()];
    let exact = anchors.iter().any(|anchor| anchor.as_bytes() == beginning);
    let before = &line[..at.start];
    let within = beginning[0].is_ascii_alphanumeric() && is_within(before);
    if !exact || within || is_within_base64(before) {
        return None;
    }
    let head = &line[..line.len().min(at.end + JUDGED)];
    let (shape, end) = shapes.iter().find_map(|shape| Some((shape, shape.end(head, at.end)?)))?;
    let rest = &head[at.end..end];
    // Where letters may be, so many digits are a number.
    let is_number = rest.len() >= LONG && !rest.iter().any(u8::is_ascii_alphabetic);
    if !is_token(&head[at.start..end]) || is_mask(rest) || is_number && shape.has(b'a') {
        return None;
    }
    let mut end = if end < head.len() { end } else { shape.end(line, at.end)? };
    // What ends a sentence is no part of the token.
    while line[end - 1] == b'.' {
        end -= 1;
    }
    let is_file = FILES.iter().any(|kind| line[end..].starts_with(kind));
    // So many hexadecimal digits, and one more, are something else.
    let longer = shape.is_exact().is_some_and(|len| end - at.end > len);
    (end > at.end && !is_file && !longer).then(|| (at.start..end).into())
}

/// What the names of files end with that are published under a digest of what is in them.
const FILES: &[&[u8]] =
    &[b".png", b".jpg", b".jpeg", b".gif", b".svg", b".webp", b".ico", b".css", b".js", b".woff"];

/// Whether base64 goes on behind this text: long, with capitals, small letters and digits.
fn is_within_base64(before: &[u8]) -> bool {
    let Some((b'+' | b'/', rest)) = before.split_last() else {
        return false;
    };
    let part = |b: &&u8| b.is_ascii_alphanumeric() || b"+/".contains(b);
    let len = rest.iter().rev().take(LONG * 2).take_while(part).count();
    let run = &rest[rest.len() - len..];
    let has = |of: fn(&u8) -> bool| run.iter().any(of);
    let slashes = memchr::memchr_iter(b'/', run).count();
    len >= LONG
        && slashes <= 2
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
}

/// Whether a word goes on behind this text. What is escaped is no part of a word: `\n`, `%3D`,
/// `\u0022`, and the colours of a terminal.
fn is_within(before: &[u8]) -> bool {
    let hex = |count: usize| {
        before.len() >= count && before[before.len() - count..].iter().all(u8::is_ascii_hexdigit)
    };
    let mark = |back: usize, mark: &[u8]| {
        before.len() >= back && before[..before.len() - back].ends_with(mark)
    };
    let escaped = before.last().is_some_and(|last| b"nrt".contains(last)) && mark(1, b"\\")
        || hex(2) && (mark(2, b"%") || mark(2, b"\\x"))
        || hex(4) && mark(4, b"\\u")
        || is_colour(before);
    before.last().is_some_and(u8::is_ascii_alphanumeric) && !escaped
}

/// Whether the text ends with what sets a colour: `ESC [ 1 ; 31 m`.
fn is_colour(text: &[u8]) -> bool {
    let Some(text) = text.strip_suffix(b"m") else {
        return false;
    };
    let parameter = |byte: &&u8| byte.is_ascii_digit() || **byte == b';';
    let digits = text.iter().rev().take(LONGEST_COLOUR).take_while(parameter).count();
    text[..text.len() - digits].ends_with(b"\x1b[")
}

/// Not a word that only begins like a token, such as `sk-something-or-other`.
fn is_token(value: &[u8]) -> bool {
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    digits >= 2 || value.len() >= 30 || is_random(value, 20)
}

/// Whether a text shows how a token looks, without being one: `xxxxxxxx`.
fn is_mask(text: &[u8]) -> bool {
    different(text) <= 3
}

#[cfg(test)]
mod tests;
