//! Options in lists of arguments, `["--password", "x"]` or `a1="--password" a2="x"`, whose names say
//! that a secret follows.

use super::{
    arguments::{after, is_secret_argument},
    key::{Strength, strength},
    value::is_random,
};
use collect_core::redact::{Found, Rule, RuleError};
use std::ops::Range;

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    Ok(vec![Rule::finder("argument", ["\"--", "'--"], find)?])
}

/// The value of the option that begins within `at`.
fn find(line: &[u8], at: Range<usize>) -> Option<Found> {
    let name = line[at.end..]
        .iter()
        .take(64)
        .take_while(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b));
    let end = at.end + name.count();
    let strength = strength(&line[at.end..end])?;
    if line.get(end) == Some(&b'=') {
        let quote = line[at.start];
        let len = line[end + 1..].iter().take(512).position(|&b| b == quote)?;
        let value = end + 1..end + 1 + len;
        return fits(&line[value.clone()], strength).then(|| value.into());
    }
    let arguments = after(line, end);
    let next = arguments.first()?;
    let is_audit_or_list = matches!(line.get(end), Some(b'"' | b'\'' | b'\\'));
    (is_audit_or_list && fits(&next.text, strength)).then(|| next.place(0..next.text.len()).into())
}

fn fits(value: &[u8], strength: Strength) -> bool {
    is_secret_argument(value)
        && match strength {
            Strength::Password => true,
            Strength::Strong => value.len() >= 5,
            Strength::Weak => is_random(value, 16),
        }
}
