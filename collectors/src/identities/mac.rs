//! Hardware addresses: with colons, dashes, or in groups of four digits with full stops.

use super::layout::{Way, before, is_border};
use collect_core::redact::{Rule, RuleError, pseudonym::Pseudonyms};
use memchr::memchr_iter;
use std::{ops::Range, sync::Arc};

/// `00:00:00:00:00:00`
const LONG: usize = 17;

/// `0000.0000.0000`
const DOTTED: usize = 14;

/// How many groups the kernel's log of its packet filter has: two addresses and a type.
const HEADER: usize = 14 * 3 - 1;

pub(super) fn rule(pseudonyms: &Arc<Pseudonyms>, way: Way) -> Result<Rule, RuleError> {
    let pseudonyms = Arc::clone(pseudonyms);
    let rule =
        Rule::sweep("mac", move |text, found| find(text, way, found))?.replaced(move |value| {
            let digits: Vec<u8> = value
                .iter()
                .filter_map(|&byte| char::from(byte).to_digit(16))
                .map(|d| d as u8)
                .collect();
            let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
            let bytes = bytes.try_into().ok()?;
            let turned = match way {
                Way::Hide => pseudonyms.mac(bytes)?,
                Way::Show => pseudonyms.original_mac(bytes)?,
            };
            let upper = value.iter().any(u8::is_ascii_uppercase);
            let mut digits = turned.iter().flat_map(|byte| [byte >> 4, byte & 15]);
            let mut digit = || {
                let digit = char::from_digit(digits.next()?.into(), 16)?;
                Some(if upper { digit.to_ascii_uppercase() } else { digit } as u8)
            };
            value
                .iter()
                .map(|&byte| if byte.is_ascii_hexdigit() { digit() } else { Some(byte) })
                .collect()
        });
    Ok(rule)
}

fn find(text: &[u8], way: Way, found: &mut dyn FnMut(Range<usize>)) {
    let mut done = 0;
    // Of the five signs of an address, three places apart, one is at one of every five places.
    let mut probe = 0;
    while let Some(&sign) = text.get(probe) {
        if (sign == b':' || sign == b'-') && probe >= done {
            let is_same = |at: &usize| *at >= done && text[*at] == sign;
            let back = |at: &usize| at.checked_sub(3).filter(is_same);
            let first = std::iter::successors(Some(probe), back).take(5).last();
            for at in (first.unwrap_or(probe)..=probe).step_by(3) {
                let is_sign = |place: usize| text.get(place) == Some(&sign);
                if at >= done && is_sign(at + 3) && is_sign(at + 12) {
                    done = done.max(group(text, at, found));
                }
            }
        }
        probe += 5;
    }
    done = 0;
    for dot in memchr_iter(b'.', text) {
        if dot >= done
            && text.get(dot + 5) == Some(&b'.')
            && let Some(at) = dotted(text, dot, way)
        {
            done = at.end;
            found(at);
        }
    }
}

/// Finds what is an address of the groups whose first sign is this; says where they end.
fn group(text: &[u8], sign: usize, found: &mut dyn FnMut(Range<usize>)) -> usize {
    let Some(start) = sign.checked_sub(2) else { return 0 };
    let Some(end) = grouped(text, start) else { return 0 };
    if end - start == HEADER && text[..start].ends_with(b"MAC=") {
        found(start..start + LONG);
        found(start + LONG + 1..start + 2 * LONG + 1);
    } else if end - start == LONG && !is_date(&text[start..end]) {
        found(start..end);
    }
    end
}

/// Where two digits, and others with one same sign between, end that begin at `start`.
fn grouped(text: &[u8], start: usize) -> Option<usize> {
    let sign = *text.get(start + 2)?;
    let pair =
        |at: usize| text.get(at..at + 2).is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit));
    let free = before(text, start);
    if !pair(start)
        || !is_border(free)
        || free == Some(b'_')
        || free == Some(sign) && follows_pair(text, start)
    {
        return None;
    }
    let mut end = start + 2;
    while end - start <= HEADER
        && text.get(end) == Some(&sign)
        && pair(end + 1)
        && is_border(text.get(end + 3).copied())
    {
        end += 3;
    }
    is_border(text.get(end).copied()).then_some(end)
}

/// Whether the group at `start` is not the first.
fn follows_pair(text: &[u8], start: usize) -> bool {
    start >= 3
        && text[start - 3..start - 1].iter().all(u8::is_ascii_hexdigit)
        && is_border(before(text, start - 3))
}

/// `1234.5678.9abc`, around its first full stop; of digits alone it is a number, or a pseudonym.
fn dotted(text: &[u8], dot: usize, way: Way) -> Option<Range<usize>> {
    let start = dot.checked_sub(4)?;
    let at = start..start + DOTTED;
    let value = text.get(at.clone())?;
    let shaped = value.iter().enumerate().all(|(place, byte)| {
        if place == 4 || place == 9 { *byte == b'.' } else { byte.is_ascii_hexdigit() }
    });
    let free =
        |byte: Option<u8>| is_border(byte) && !byte.is_some_and(|byte| b"_.-".contains(&byte));
    let after = text.get(at.end).copied();
    // A full stop may end the sentence.
    let ends = free(after) || after == Some(b'.') && is_border(text.get(at.end + 1).copied());
    let named = way == Way::Show || value.iter().any(u8::is_ascii_alphabetic);
    (shaped && named && free(before(text, start)) && ends).then_some(at)
}

/// Whether it is a date and time: `26-11-23-10-42-00`.
fn is_date(text: &[u8]) -> bool {
    if text[2] != b'-' || text.iter().any(u8::is_ascii_alphabetic) {
        return false;
    }
    let part = |at: usize| (text[at * 3] - b'0') * 10 + (text[at * 3 + 1] - b'0');
    let dated = (1..=12).contains(&part(1)) && (1..=31).contains(&part(2))
        || (1..=12).contains(&part(0)) && (1..=31).contains(&part(1));
    dated && part(3) < 24 && part(4) < 60 && part(5) < 60
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        find(text.as_bytes(), Way::Hide, &mut |at| found.push(&text[at]));
        found
    }

    #[test]
    fn an_address_is_found_wherever_it_stands() {
        for before in 0..20 {
            let before = " ".repeat(before);
            for address in ["52:54:00:ab:cd:ef", "52-54-00-ab-cd-ef", "5254.00ab.cdef"] {
                for (head, tail) in [("", ""), ("abc:", ""), ("12:34:56 ", " 10:42-11"), ("(", ".")]
                {
                    let text = format!("{before}{head}{address}{tail}");
                    assert_eq!(found(&text), [address], "{text}");
                }
            }
            let longer = format!("{before}52:54:00:ab:cd:ef:01");
            assert!(found(&longer).is_empty(), "{longer}");
            let header = format!("{before}MAC=52:54:00:ab:cd:ef:52:54:00:01:02:03:08:00 ");
            assert_eq!(found(&header), ["52:54:00:ab:cd:ef", "52:54:00:01:02:03"]);
        }
    }
}
