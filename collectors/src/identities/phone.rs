//! Telephone numbers: in international form, or where the words before say what they are.

use super::layout::{Way, before, digits, is_border};
use collect_core::redact::{Rule, RuleError, pseudonym::Pseudonyms};
use memchr::memchr_iter;
use std::{ops::Range, sync::Arc};

/// How many digits a number has (ITU-T E.164), with those of its country.
const DIGITS: std::ops::RangeInclusive<usize> = 9..=15;

/// A number, whatever is between its digits, with an extension.
const NUMBER: &str =
    r"(?<secret>\(?\+?[0-9(][0-9 ()./-]{5,22}[0-9](?: ?(?:x|ext\.?) ?[0-9]{1,6})?)";

/// The words before a number.
const BEFORE: &str = r#"(?i)(?:^|[^a-z])(?:(?:tele|cell|mobile|work|home)?[ _-]?phone|telephone|mobile|cell|tel|fax|msisdn|whatsapp|sms(?: to)?|callback|call(?:er|ed|ing)?)(?:[ _-]?(?:id|no|nr|num|number))?\.?\\*["']?\s{0,3}[:=]?\s{0,3}(?:to |from |is )?\\*["']?"#;

const ANCHORS: &[&str] = &[
    "phone",
    "mobile",
    "cell",
    "tel:",
    "tel ",
    "tel=",
    "tel.",
    "tel\"",
    "telephone",
    "fax",
    "msisdn",
    "whatsapp",
    "sms",
    "callback",
    "call to",
    "call from",
    "caller",
    "called ",
    "calling ",
];

pub(super) fn rules(pseudonyms: &Arc<Pseudonyms>, way: Way) -> Result<Vec<Rule>, RuleError> {
    let keyed = Rule::pattern("phone", ANCHORS.iter().copied(), &format!("{BEFORE}{NUMBER}"))?;
    let rules = [Rule::sweep("phone", find)?, keyed.valid(is_number)];
    let replaced = |rule: Rule| {
        let pseudonyms = Arc::clone(pseudonyms);
        rule.replaced(move |value| {
            let country = if value.first() == Some(&b'+') { 2 } else { 0 };
            Some(digits(&pseudonyms, way, "phone", value, country))
        })
    };
    Ok(rules.into_iter().map(replaced).collect())
}

fn is_number(value: &[u8]) -> bool {
    let number = value.split(|&byte| byte == b'x' || byte == b'e').next().unwrap_or_default();
    let count = number.iter().filter(|byte| byte.is_ascii_digit()).count();
    let dated = number.len() >= 10
        && number[4] == b'-'
        && number[7] == b'-'
        && number[..4].iter().all(u8::is_ascii_digit);
    let dots = memchr_iter(b'.', number).count();
    (7..=15).contains(&count) && !dated && (dots == 0 || dots > 1 && count > 8)
}

fn find(text: &[u8], found: &mut dyn FnMut(Range<usize>)) {
    for plus in memchr_iter(b'+', text) {
        let free = before(text, plus);
        if is_border(free)
            && !free.is_some_and(|byte| b"+-.)/_".contains(&byte))
            && let Some(end) = international(text, plus + 1)
        {
            found(plus..end);
        }
    }
}

/// Where the number ends whose first digit is at `start`: groups of digits with one sign between.
fn international(text: &[u8], start: usize) -> Option<usize> {
    if !text.get(start).is_some_and(|byte| (b'1'..=b'9').contains(byte)) {
        return None;
    }
    let (mut at, mut count, mut end, mut groups) = (start, 0, start, 0);
    loop {
        let len = text[at..].iter().take(16).take_while(|byte| byte.is_ascii_digit()).count();
        if len == 0 || count + len > *DIGITS.end() || count >= 11 && groups > 1 && len > 4 {
            break;
        }
        (count, end, groups) = (count + len, at + len, groups + 1);
        let gap = text[end..].iter().take(3).take_while(|byte| b" ()-./".contains(byte)).count();
        if gap == 0 || text[end..end + gap].windows(2).any(|two| two == b"  ") {
            break;
        }
        at = end + gap;
    }
    if let Some(rest) = text.get(end..)
        && rest.first() == Some(&b'x')
    {
        end += 1 + rest[1..].iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
    }
    let after = text.get(end).copied();
    let signs = |sign: u8| memchr_iter(sign, &text[start..end]).count();
    let decimal = groups == 2 && signs(b'.') == 1;
    let plain = !decimal && (groups > 1 || count >= 10);
    (DIGITS.contains(&count) && plain && is_border(after)).then_some(end)
}
