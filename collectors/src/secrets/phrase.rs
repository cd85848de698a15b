//! Passwords of several words, and where what is noted beside one begins.

use super::{
    key::{Strength, strength},
    place::{Place, run},
    sign::Sign,
    value::is_placeholder,
};

/// A longer text is no password of several words.
pub(super) const LONGEST_PHRASE: usize = 256;

/// Longer words are no part of a name.
const LONGEST_WORD: usize = 16;

/// What an account is noted with, besides its password.
const NOTED: &[&[u8]] = &[
    b"id",
    b"user",
    b"username",
    b"login",
    b"account",
    b"mail",
    b"email",
    b"host",
    b"server",
    b"url",
    b"port",
    b"domain",
];

/// Whether a bare password may have spaces in it: the only thing in a line of a configuration file.
pub(super) fn whole_rest(rest: &[u8], place: &Place, sign: Sign, strength: Strength) -> bool {
    if !(place.first || place.directive && sign == Sign::Space)
        || place.json
        || place.option
        || rest.len() >= LONGEST_PHRASE
        || strength == Strength::Weak
    {
        return false;
    }
    let rest = &rest[..phrase(rest)];
    let words = memchr::memchr_iter(b' ', rest).count();
    let first = rest.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    let typed = first == b"ENC" || first.iter().all(u8::is_ascii_digit);
    let space = sign == Sign::Space
        && (strength == Strength::Password || place.directive)
        && words < 3
        && words > 0
        && !typed;
    words < 8
        && first.len() >= 2
        && !is_placeholder(first)
        && !rest.iter().any(|b| b"={}\"".contains(b))
        && !rest.windows(2).any(|pair| pair == b": " || pair == b", ")
        && !rest
            .split(u8::is_ascii_whitespace)
            .skip(1)
            .any(|word| is_noted(word) || is_option(word))
        && !(0..rest.len()).any(|at| rest[at] == b',' && rest_of_name(&rest[at + 1..]) > 0)
        && (matches!(sign, Sign::Equals | Sign::Colon)
            || space && rest.iter().any(u8::is_ascii_digit) && rest[0].is_ascii_uppercase())
}

/// Whether a word is a name of something else that is noted of an account: `username:svc`.
fn is_noted(word: &[u8]) -> bool {
    let colon = word.iter().take(LONGEST_WORD).position(|&b| b == b':');
    colon
        .is_some_and(|at| NOTED.contains(&&*word[..at].to_ascii_lowercase()) && word.len() > at + 1)
}

/// Whether a word is an option of a command that is given a variable.
fn is_option(word: &[u8]) -> bool {
    match word {
        [b'-', letter] => letter.is_ascii_alphabetic(),
        [b'-', b'-', name @ ..] => name.first().is_some_and(u8::is_ascii_alphabetic),
        _ => false,
    }
}

/// The length of a phrase, which a comment may follow.
pub(super) fn phrase(rest: &[u8]) -> usize {
    let end = rest.iter().position(|&b| b == 0 || b == b'\r' || b == 0x1b).unwrap_or(rest.len());
    let comment =
        |pair: &[u8]| pair[0].is_ascii_whitespace() && (pair[1] == b'#' || pair[1] == b';');
    rest[..end].windows(2).position(comment).unwrap_or(end)
}

/// The length of the last word of a name, and its sign: `KEY:` in `SECRET KEY:`.
pub(super) fn rest_of_name(text: &[u8]) -> usize {
    let len = run(&text[..text.len().min(LONGEST_WORD)], 0, |b| b.is_ascii_alphabetic());
    let sign = matches!(text.get(len), Some(b':' | b'='));
    let goes_on = text.get(len + 1).is_some_and(u8::is_ascii_alphanumeric);
    if sign && goes_on && strength(&text[..len]).is_some() { len + 1 } else { 0 }
}
