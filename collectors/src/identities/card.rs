//! Numbers of payment cards: what begins as an issuer's numbers do (ISO/IEC 7812) and has a right
//! check digit (Luhn).
//!
//! A pseudonym keeps the first digit and the grouping, and its check digit is off by five: it is
//! nobody's card, is known again as what it is, and is never taken for a card that is to be hidden.

use super::layout::{Bytes, Way, before, digits, has_any, is_border, lead, runs};
use collect_core::redact::{Rule, RuleError, pseudonym::Pseudonyms};
use std::{ops::Range, sync::Arc};

/// The shortest number.
const SHORTEST: usize = 13;

/// Words near a number of a card.
const CONTEXT: &[&str] =
    &["card", "pan", "charge", "pay", "visa", "master", "amex", "credit", "debit", "cc"];

/// By how much the check digit of a pseudonym is off.
const OFF: u32 = 5;

pub(super) fn rule(pseudonyms: &Arc<Pseudonyms>, way: Way) -> Result<Rule, RuleError> {
    let (shown, pseudonyms) = (Arc::clone(pseudonyms), Arc::clone(pseudonyms));
    let valid = move |value: &[u8]| match way {
        Way::Hide => is_card(value),
        Way::Show => luhn(value) == OFF && is_card(&turned(&shown, way, value)),
    };
    let rule = Rule::sweep("card", move |text, found| find(text, &valid, found))?;
    Ok(rule.replaced(move |value| Some(turned(&pseudonyms, way, value))))
}

/// The pseudonym of a card, or the card.
fn turned(pseudonyms: &Pseudonyms, way: Way, value: &[u8]) -> Vec<u8> {
    // The first digit stays, which says no more than the scheme.
    let mut out = digits(pseudonyms, way, "card", &value[..value.len() - 1], 1);
    out.push(b'0');
    let off = if way == Way::Hide { OFF } else { 0 };
    let check = (10 - luhn(&out) + off) % 10;
    out.pop();
    out.push(b'0' + check as u8);
    out
}

/// Whether a number, with signs in it, is one of those that are looked for.
type Valid<'v> = &'v dyn Fn(&[u8]) -> bool;

fn find(text: &[u8], valid: Valid<'_>, found: &mut dyn FnMut(Range<usize>)) {
    const PARTS: Bytes = Bytes::new(false, b" -");
    runs(text, &PARTS, SHORTEST, |run| numbers(text, run, valid, found));
}

/// The cards in a run of digits, spaces and dashes.
fn numbers(text: &[u8], run: Range<usize>, valid: Valid<'_>, found: &mut dyn FnMut(Range<usize>)) {
    let mut at = run.start;
    while at < run.end {
        if !text[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let len = group(text, at);
        match card(text, at, len, run.end, valid) {
            Some(end) => {
                found(at..end);
                at = end;
            }
            None => at += len,
        }
    }
}

fn group(text: &[u8], at: usize) -> usize {
    text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Where the card's number ends that begins at `start`, with so many digits.
fn card(text: &[u8], start: usize, len: usize, end: usize, valid: Valid<'_>) -> Option<usize> {
    if len != 4 && !(SHORTEST..=19).contains(&len) {
        return None;
    }
    let free = before(text, start);
    if !is_border(free) || free.is_some_and(|byte| b"_-.".contains(&byte)) {
        return None;
    }
    let groups: &[&[usize]] = &[&[4, 4, 4, 4], &[4, 6, 5], &[4, 4, 4, 4, 3], &[4, 6, 4]];
    let last = match len {
        4 => groups.iter().find_map(|groups| grouped(text, start, groups))?,
        _ => start + len,
    };
    let after = text.get(last).copied();
    let free = is_border(after) && !after.is_some_and(|byte| b"_-".contains(&byte));
    if last > end || !free || !valid(&text[start..last]) {
        return None;
    }
    // Of the numbers in logs few have a right check digit, so what is around is looked at last.
    let plain = text[start + 4].is_ascii_digit();
    let told =
        || near(text, start) || matches!(last - start, 15 | 16) && is_apart(text, start, last);
    (!plain || told()).then_some(last)
}

fn grouped(text: &[u8], start: usize, groups: &[usize]) -> Option<usize> {
    let sign = *text.get(start + 4).filter(|&&byte| byte == b' ' || byte == b'-')?;
    let mut at = start;
    for (number, &len) in groups.iter().enumerate() {
        if number > 0 && text.get(at) != Some(&sign) {
            return None;
        }
        at += usize::from(number > 0);
        if group(text, at) != len {
            return None;
        }
        at += len;
    }
    Some(at)
}

/// Whether words before a number speak of cards.
fn near(text: &[u8], at: usize) -> bool {
    has_any(&lead(text, at), CONTEXT)
}

/// Whether a number stands between quotes, which no counter does.
fn is_apart(text: &[u8], start: usize, end: usize) -> bool {
    let quote = |byte: Option<u8>| byte.is_some_and(|byte| b"\"'".contains(&byte));
    quote(before(text, start)) && quote(text.get(end).copied())
}

fn is_card(text: &[u8]) -> bool {
    let digits = || text.iter().filter(|byte| byte.is_ascii_digit());
    let head = |len: usize| {
        digits().take(len).fold(0, |number, &digit| number * 10 + u32::from(digit - b'0'))
    };
    let issued = match digits().count() {
        13 | 19 => head(1) == 4 || head(1) == 6,
        14 => matches!(head(2), 30 | 36 | 38 | 39),
        15 => matches!(head(2), 34 | 37),
        16 => {
            head(1) == 4
                || matches!(head(2), 51..=55 | 35 | 62 | 64 | 65 | 67 | 81)
                || matches!(head(4), 2221..=2720 | 6011 | 5018 | 5020 | 5038)
        }
        _ => false,
    };
    let varied = || digits().any(|&digit| digit != text[0]);
    issued && varied() && luhn(text) == 0
}

/// The sum of the digits that is nought where the last of them is right.
fn luhn(text: &[u8]) -> u32 {
    let digits = text.iter().rev().filter_map(|&byte| char::from(byte).to_digit(10));
    let sum: u32 = digits
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum % 10
}
