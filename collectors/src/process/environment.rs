//! The names of environment variables. Their values are where programs keep their secrets, and are
//! never part of what is returned.

use std::collections::BTreeSet;

/// The names of the variables in `/proc/PID/environ`, sorted. None where a program has written over
/// it, as those do that show their state in `ps`: what is left then may begin in the middle of a
/// value, and an `=` in it would make a name of it.
pub(crate) fn names(environment: &[u8]) -> Option<Vec<String>> {
    let environment = environment.strip_suffix(b"\0").unwrap_or(environment);
    if environment.is_empty() {
        return Some(Vec::new());
    }
    let names: Option<BTreeSet<_>> = environment.split(|byte| *byte == 0).map(name).collect();
    names.map(|names| names.into_iter().collect())
}

fn name(variable: &[u8]) -> Option<String> {
    let end = variable.iter().position(|byte| *byte == b'=')?;
    let name = std::str::from_utf8(&variable[..end]).ok()?;
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_.-%()".contains(letter);
    let begins = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    (name.starts_with(begins) && name.chars().all(is_plain)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_without_values() {
        let names = names(b"PATH=/bin\0SHOP_PASSWORD=made-up=x\0BASH_FUNC_x%%=() { :\n}\0A=\0");
        assert_eq!(names.unwrap(), ["A", "BASH_FUNC_x%%", "PATH", "SHOP_PASSWORD"]);
        assert_eq!(super::names(b""), Some(Vec::new()));
    }

    #[test]
    fn what_was_written_over_may_be_part_of_a_value() {
        for odd in [
            &b"nginx: worker\0\0\0\0de-up==\0PATH=/bin\0"[..],
            b"\0\0\0ade-up==\0PATH=/bin\0",
            b"7de-up==\0PATH=/bin\0",
            b"PATH=/bin\0made-up\0",
            b"\xff=1\0",
        ] {
            assert_eq!(names(odd), None);
        }
    }
}
