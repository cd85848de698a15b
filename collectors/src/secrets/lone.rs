//! Words that a generator made and that stand alone in their line: files that hold a token and nothing
//! else, and what commands print that make one.

use super::{
    random::different,
    value::{is_path, is_placeholder},
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use collect_core::redact::{Found, Near, Rule, RuleError};
use std::ops::Range;

/// The shortest that is looked at, and the longest: what is longer is data.
const LEAST: usize = 20;
const MOST: usize = 128;

/// How many lines to either side are looked at.
const AROUND: usize = 4;

/// So many words alone in their lines there are a list, and so many of the same length.
const LIST: usize = 4;
const ALIKE: usize = 2;

/// A shorter word says nothing about the lines around it.
const WORD: usize = 16;

/// The shortest that may be a name within a word; what a vendor puts before a token is mostly shorter.
const NAME: usize = 5;

/// From this length on, lines of base64 are a block.
const FULL: usize = 40;

/// How base64 begins that is no secret: public keys (RFC 4253), certificates, and pictures.
const PUBLIC: [&[u8]; 6] =
    [b"AAAAB3Nz", b"AAAAC3Nz", b"AAAAE2Vj", b"MII", b"iVBORw0KGgo", b"R0lGOD"];

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    Ok(vec![Rule::lone("lone-token", LEAST, find)?])
}

/// The word at `at`, if there is nothing else in its line, nor in those around what it is part of.
fn find(near: &Near<'_>, at: Range<usize>) -> Vec<Found> {
    let text = near.text();
    let word = &text[at.clone()];
    let alone = word.len() <= MOST && is_alone(text, &near.line(), &at);
    let found = alone && is_token(word) && !is_part(near, word);
    if found { vec![(at.start + named(word)..at.end).into()] } else { Vec::new() }
}

/// How much of the word is names before what was generated: `shopping_`.
fn named(word: &[u8]) -> usize {
    let mut start = 0;
    for (at, _) in word.iter().enumerate().filter(|(_, b)| b"_-.".contains(b)) {
        let part = word[..at].rsplit(|b| b"_-.".contains(b)).next().unwrap_or_default();
        if part.len() < NAME || !part.iter().all(u8::is_ascii_alphabetic) {
            break;
        }
        start = at + 1;
    }
    start
}

/// Whether nothing is in the line beside the word, but for quotes around it, or a comment behind.
fn is_alone(text: &[u8], line: &Range<usize>, word: &Range<usize>) -> bool {
    let before = text[line.start..word.start].trim_ascii_start();
    let after = text[word.end..line.end].trim_ascii_end();
    before == after && after.len() <= 1 || before.is_empty() && after.starts_with(b" #")
}

/// Whether the lines around are of the same kind: of a list of names, or a block of base64.
fn is_part(near: &Near<'_>, word: &[u8]) -> bool {
    let before = beside(near, |line| near.previous(line));
    let behind = beside(near, |line| near.next(line));
    let is_block = |line: &[u8]| {
        line.starts_with(b"-----") || is_base64(word) && line.len() >= FULL && is_base64(line)
    };
    if before.first().into_iter().chain(behind.first()).any(|line| is_block(line)) {
        return true;
    }
    let all = || before.iter().chain(&behind).map(|line| line.strip_suffix(b",").unwrap_or(line));
    let is_word = |line: &&[u8]| line.len() >= WORD && !line.iter().any(u8::is_ascii_whitespace);
    let len = |line: &[u8]| line.iter().filter(|b| !b"\"'".contains(b)).count();
    let alike = all().filter(is_word).filter(|line| len(line) == word.len()).count();
    alike >= ALIKE || all().filter(is_word).count() >= LIST
}

/// The next lines to one side, without white space around.
fn beside<'t>(
    near: &Near<'t>,
    step: impl Fn(&Range<usize>) -> Option<Range<usize>>,
) -> Vec<&'t [u8]> {
    let lines = std::iter::successors(step(&near.line()), step);
    lines.take(AROUND).map(|line| near.text()[line].trim_ascii()).collect()
}

fn is_base64(text: &[u8]) -> bool {
    text.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(b))
}

/// Whether the word is one that a generator made, and no digest, identifier or name.
fn is_token(word: &[u8]) -> bool {
    let bare = word.trim_ascii_end();
    let padding = bare.iter().rev().take_while(|&&b| b == b'=').count();
    let body = &bare[..bare.len() - padding];
    if padding > 2
        || body.contains(&b'=')
        || !body.first().is_some_and(u8::is_ascii_alphanumeric) && body.first() != Some(&b'/')
        || body.starts_with(b"0x")
        || different(body) < 10
        || PUBLIC.iter().any(|start| body.starts_with(start))
        || is_path(body)
        || is_placeholder(body)
        || is_file(body)
        || repeats(body)
        || is_text(body)
    {
        return false;
    }
    if body.iter().any(|b| b"+/".contains(b)) {
        let plain = !body.iter().any(|b| b"_-.~".contains(b));
        return plain && is_mixed(body) && !has_word(body);
    }
    if is_mailgun(body) {
        return true;
    }
    let parts = body.split(|b| !b.is_ascii_alphanumeric());
    parts.max_by_key(|part| part.len()).is_some_and(|part| is_mixed(part) || is_single(part))
        || is_mixed(body) && !has_word(body)
}

/// Whether the last part of the word is base64 of words.
fn is_text(word: &[u8]) -> bool {
    let part = word.rsplit(|b| b"_-.".contains(b)).next().unwrap_or_default();
    let plain = |b: &u8| b.is_ascii_lowercase() || b" .,:/-".contains(b);
    let whole = &part[..part.len() / 4 * 4];
    let decoded = STANDARD_NO_PAD.decode(whole);
    whole.len() >= WORD
        && decoded.is_ok_and(|text| text.iter().filter(|b| plain(b)).count() * 10 >= text.len() * 9)
}

/// Whether the word is a key of Mailgun: 32, 8 and 8 hexadecimal digits.
fn is_mailgun(word: &[u8]) -> bool {
    let mut parts = word.split(|&b| b == b'-');
    let is_part = |part: &[u8], len| part.len() == len && part.iter().all(u8::is_ascii_hexdigit);
    [32, 8, 8].into_iter().all(|len| parts.next().is_some_and(|part| is_part(part, len)))
        && parts.next().is_none()
}

/// Whether a part of the word comes again, as what is made up does: `MadeUp1MadeUp2`.
fn repeats(word: &[u8]) -> bool {
    const PART: usize = 5;
    (PART..word.len()).any(|at| {
        let part = &word[at - PART..at];
        word[at..].windows(PART).any(|other| other == part)
    })
}

/// Whether the name of a kind of file ends the word.
fn is_file(word: &[u8]) -> bool {
    let kind = word.rsplit(|&b| b == b'.').next().unwrap_or_default();
    kind.len() < word.len()
        && (2..=8).contains(&kind.len())
        && kind.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// How often letters turn to digits or back, or from small to capital; not from capital to small, as
/// words in a name begin.
fn turns(text: &[u8]) -> usize {
    let class = |byte: u8| match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    let turns = |pair: &&[u8]| match (class(pair[0]), class(pair[1])) {
        (1, 0) => false,
        (before, after) => before != after,
    };
    text.windows(2).filter(turns).count()
}

/// Whether capitals, small letters and digits change as they do in base62 and base64.
pub(super) fn is_mixed(text: &[u8]) -> bool {
    let count = |of: fn(&u8) -> bool| text.iter().filter(|b| of(b)).count();
    text.len() >= 18
        && count(u8::is_ascii_digit) >= 2
        && count(u8::is_ascii_uppercase) >= 4
        && count(u8::is_ascii_lowercase) >= 4
        && turns(text) * 10 >= text.len() * 3
}

/// Whether a text is of letters of one case, and digits, in disorder: not hexadecimal, not an
/// identifier of Docker (25 of them) nor a ULID.
fn is_single(text: &[u8]) -> bool {
    let letters: Vec<u8> = text.iter().copied().filter(u8::is_ascii_alphabetic).collect();
    let upper = letters.iter().filter(|b| b.is_ascii_uppercase()).count();
    let digits = text.len() - letters.len();
    let changes =
        text.windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count();
    let is_docker = text.len() == 25 && upper == 0;
    let is_ulid = text.len() == 26 && upper == letters.len() && text[0] <= b'7';
    text.len() >= 20
        && upper.min(letters.len() - upper) * 4 <= letters.len()
        && digits >= 4
        && !text.iter().all(u8::is_ascii_hexdigit)
        && changes * 4 >= text.len()
        && !is_docker
        && !is_ulid
}

/// Whether letters of one case stand together as in a word.
pub(super) fn has_word(text: &[u8]) -> bool {
    let lower = text.split(|b| !b.is_ascii_lowercase()).map(<[u8]>::len).max();
    let upper = text.split(|b| !b.is_ascii_uppercase()).map(<[u8]>::len).max();
    lower.max(upper).is_some_and(|len| len >= 6)
}
