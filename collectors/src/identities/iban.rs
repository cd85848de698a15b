//! International bank account numbers (ISO 13616): right in length and check digits.

use super::layout::{Bytes, Way, before, is_border, runs};
use collect_core::redact::{Rule, RuleError, pseudonym::Pseudonyms};
use std::{ops::Range, sync::Arc};

/// How long the numbers of a country are (SWIFT's registry of IBANs).
const LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NL", 18),
    (b"NO", 15),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"SA", 24),
    (b"SC", 31),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
];

/// The shortest number.
const SHORTEST: usize = 15;

pub(super) fn rule(pseudonyms: &Arc<Pseudonyms>, way: Way) -> Result<Rule, RuleError> {
    let pseudonyms = Arc::clone(pseudonyms);
    let rule = Rule::sweep("iban", move |text, found| find(text, way, found))?;
    Ok(rule.replaced(move |value| Some(turned(&pseudonyms, way, value))))
}

/// Another number of the country, with letters and digits where it has them. Its check digits are
/// 00, as those of no account are.
fn turned(pseudonyms: &Pseudonyms, way: Way, value: &[u8]) -> Vec<u8> {
    let mut out = value.to_vec();
    let at: Vec<usize> = (0..value.len()).filter(|&at| value[at] != b' ').collect();
    let (digits, letters): (Vec<usize>, Vec<usize>) =
        at[4..].iter().partition(|&&at| value[at].is_ascii_digit());
    let table = format!("iban {}", String::from_utf8_lossy(&value[..2]));
    let turn = |out: &mut [u8], table: &str, places: &[usize], first: u8, radix: u8| {
        let mut word: Vec<u8> = places.iter().map(|&at| out[at] - first).collect();
        way.turn(pseudonyms, table, radix, &mut word);
        places.iter().zip(word).for_each(|(&at, symbol)| out[at] = first + symbol);
    };
    // Few letters alone would always be the same ones: they depend on the digits that are shown.
    let with = |out: &[u8]| -> String {
        let digits: String = digits.iter().map(|&at| char::from(out[at])).collect();
        format!("{table} {digits}")
    };
    let hidden = with(&out);
    turn(&mut out, &table, &digits, b'0', 10);
    let hidden = if way == Way::Hide { with(&out) } else { hidden };
    turn(&mut out, &hidden, &letters, b'A', 26);
    (out[at[2]], out[at[3]]) = (b'0', b'0');
    if way == Way::Show {
        let symbols: Vec<u8> = at.iter().map(|&at| out[at]).collect();
        let check = (98 - remainder(&symbols)) as u8;
        (out[at[2]], out[at[3]]) = (b'0' + check / 10, b'0' + check % 10);
    }
    out
}

fn find(text: &[u8], way: Way, found: &mut dyn FnMut(Range<usize>)) {
    const PARTS: Bytes = Bytes::new(true, b" ");
    runs(text, &PARTS, SHORTEST, |Range { mut start, end }| {
        while start + SHORTEST <= end {
            if let Some(last) = account(&text[..end], start, way)
                && is_border(text.get(last).copied())
            {
                found(start..last);
                start = last;
            } else {
                start += 1;
            }
        }
    });
}

/// Where the number ends that begins at `start`.
fn account(text: &[u8], start: usize, way: Way) -> Option<usize> {
    let head = text.get(start..start + 4)?;
    // What rules out most is looked at first.
    if !head[2..].iter().all(u8::is_ascii_digit)
        || !head[..2].iter().all(u8::is_ascii_uppercase)
        || !is_border(before(text, start))
    {
        return None;
    }
    let country = LENGTHS.iter().find(|(country, _)| head.starts_with(*country))?;
    let (mut at, mut symbols) = (start, Vec::with_capacity(34));
    while symbols.len() < country.1 {
        let byte = *text.get(at)?;
        if byte == b' ' {
            if !symbols.len().is_multiple_of(4) || text[at - 1] == b' ' {
                return None;
            }
        } else {
            symbols.push(byte);
        }
        at += 1;
    }
    // Others than 02 to 98 are not given out (ISO 13616-1, section 7).
    let given = !matches!(&symbols[2..4], b"00" | b"01" | b"99") && remainder(&symbols) == 1;
    let is = if way == Way::Hide { given } else { &symbols[2..4] == b"00" };
    is.then_some(at)
}

/// The remainder by 97, which is 1 where the check digits are right.
fn remainder(symbols: &[u8]) -> u32 {
    let (head, account) = symbols.split_at(4);
    account.iter().chain(head).fold(0, |rest, &byte| {
        let value = char::from(byte).to_digit(36).unwrap_or_default();
        if value < 10 { (rest * 10 + value) % 97 } else { (rest * 100 + value) % 97 }
    })
}
