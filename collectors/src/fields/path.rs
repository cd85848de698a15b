//! Paths into JSON, `$.auth.*.token`, and whether a key in a line may have one.

use std::ops::Range;

/// How far back a line is looked at for what encloses a key. Beyond it a key may have any path.
const LOOK_BACK: usize = 64 << 10;

/// A path to the value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// The value of this key.
    Name(String),
    /// The value of any one key, or any one item of a list.
    One,
    /// Any item of a list.
    Item,
    /// Any number of levels.
    Any,
}

/// What encloses a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Level<'l> {
    Key(&'l [u8]),
    Item,
}

/// Why a path cannot be used.
type PathError = String;

impl Path {
    /// Reads a path: `$`, then `.name`, `['name']`, `.*`, `[*]`, or `..` for any number of levels.
    pub(crate) fn read(text: &str) -> Result<Self, PathError> {
        let wrong = |why: &str| format!("the path `{text}` {why}");
        let mut rest = text.strip_prefix('$').ok_or_else(|| wrong("does not begin with `$`"))?;
        let mut parts = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("['").or_else(|| rest.strip_prefix("[\"")) {
                let end = after.find([']']).ok_or_else(|| wrong("has a `[` without `]`"))?;
                parts.push(Part::Name(after[..end].trim_end_matches(['\'', '"']).to_owned()));
                rest = &after[end + 1..];
            } else if let Some(after) = rest.strip_prefix("[*]") {
                parts.push(Part::Item);
                rest = after;
            } else if let Some(after) = rest.strip_prefix("..") {
                parts.push(Part::Any);
                rest = name(after, &mut parts);
            } else if let Some(after) = rest.strip_prefix('.') {
                rest = name(after, &mut parts);
            } else {
                return Err(wrong("has something other than `.name`, `.*`, `[*]` and `..`"));
            }
        }
        match parts.last() {
            Some(Part::Name(name)) if !name.is_empty() => Ok(Self(parts)),
            _ => Err(wrong("does not end in a name: the value of that is removed as a whole")),
        }
    }

    /// The name that it ends in.
    pub(crate) fn last(&self) -> &str {
        match self.0.last() {
            Some(Part::Name(name)) => name,
            _ => "",
        }
    }

    /// Whether the key at `key`, quotes not included, may have this path: as far as the line tells.
    pub(crate) fn may_lead_to(&self, line: &[u8], key: &Range<usize>) -> bool {
        let (mut levels, known) = above(line, key.start.saturating_sub(1));
        levels.insert(0, Level::Key(&line[key.clone()]));
        fits(&self.0, &levels, known)
    }
}

/// Reads the name at the start of a text; gives what is behind it.
fn name<'t>(text: &'t str, parts: &mut Vec<Part>) -> &'t str {
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    parts.push(if name == "*" { Part::One } else { Part::Name(name.to_owned()) });
    rest
}

/// Whether a path fits levels, of which the innermost comes first. If not all are known, those that
/// are must fit.
fn fits(parts: &[Part], levels: &[Level<'_>], known: bool) -> bool {
    let Some((part, outer)) = parts.split_last() else {
        return levels.is_empty();
    };
    if *part == Part::Any {
        return (0..=levels.len()).any(|skipped| fits(outer, &levels[skipped..], known));
    }
    let Some((level, above)) = levels.split_first() else {
        return !known;
    };
    let same = match (part, level) {
        (Part::Name(name), Level::Key(key)) => name.as_bytes() == *key,
        (Part::Item, Level::Item) | (Part::One, _) => true,
        _ => false,
    };
    same && fits(outer, above, known)
}

/// What encloses the place `at`, from the inside to the outside, and whether that is all. Reads the
/// line backwards, so that what comes first, such as the time in a log, does not matter.
fn above(line: &[u8], at: usize) -> (Vec<Level<'_>>, bool) {
    let mut levels = Vec::new();
    let (mut at, mut closed) = (at, 0_usize);
    let least = at.saturating_sub(LOOK_BACK);
    while at > least {
        at -= 1;
        match line[at] {
            b'"' => match string_start(line, at, least) {
                Some(start) => at = start,
                None => return (levels, false),
            },
            b'}' | b']' => closed += 1,
            b'{' | b'[' if closed > 0 => closed -= 1,
            bracket @ (b'{' | b'[') => {
                if bracket == b'[' {
                    levels.push(Level::Item);
                }
                match key_before(line, at, least) {
                    Before::Key(key) => {
                        levels.push(Level::Key(&line[key.clone()]));
                        at = key.start - 1;
                    }
                    Before::Bracket => {}
                    Before::Nothing if line[..at].trim_ascii().is_empty() => {
                        // Of a text over many lines, what is at the margin is the outermost.
                        return (levels, at == 0);
                    }
                    Before::Nothing => return (levels, true),
                }
            }
            _ => {}
        }
    }
    (levels, false)
}

enum Before {
    Key(Range<usize>),
    /// It is an item of a list.
    Bracket,
    Nothing,
}

/// What stands before an opening bracket.
fn key_before(line: &[u8], at: usize, least: usize) -> Before {
    let before = line[..at].trim_ascii_end();
    let Some((sign, rest)) = before.split_last() else {
        return Before::Nothing;
    };
    match sign {
        b'[' | b',' => Before::Bracket,
        b':' => {
            let rest = rest.trim_ascii_end();
            let end = rest.len().checked_sub(1).filter(|&end| rest[end] == b'"');
            let start = end.and_then(|end| string_start(line, end, least));
            match (start, end) {
                (Some(start), Some(end)) => Before::Key(start + 1..end),
                _ => Before::Nothing,
            }
        }
        _ => Before::Nothing,
    }
}

/// Where the string begins that ends with the quotes at `end`.
fn string_start(line: &[u8], end: usize, least: usize) -> Option<usize> {
    let mut at = end;
    while at > least {
        at -= 1;
        let escapes = line[..at].iter().rev().take_while(|&&byte| byte == b'\\').count();
        if line[at] == b'"' && escapes % 2 == 0 {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads(path: &str, line: &str) -> bool {
        let start = line.find("token").unwrap();
        Path::read(path).unwrap().may_lead_to(line.as_bytes(), &(start..start + 5))
    }

    #[test]
    fn a_key_has_the_path_of_all_that_encloses_it() {
        let line = r#"12:00 app: {"a":"}]","auth":{"x":[1,{}],"web":{"token":"t"}}}"#;
        for path in ["$.auth.web.token", "$.auth.*.token", "$..token", "$.auth..token"] {
            assert!(leads(path, line), "{path}");
        }
        for path in ["$.token", "$.auth.token", "$.other.*.token", "$.x..token", "$.a.b.c.token"] {
            assert!(!leads(path, line), "{path}");
        }
        let list = r#"{"users":[{"a":{"token":0}},{"token":"t"}]}"#.replacen("token", "other", 1);
        assert!(leads("$.users[*].token", &list) && leads("$.users.*.token", &list));
        assert!(!leads("$.users.token", &list));
    }

    #[test]
    fn what_a_line_does_not_tell_may_be() {
        assert!(leads("$.auth.web.token", "      \"token\": \"t\","));
        assert!(leads("$.auth.web.token", "  \"web\": {\"token\": \"t\"},"));
        assert!(!leads("$.auth.web.token", "  \"other\": {\"token\": \"t\"},"));
    }

    #[test]
    fn a_path_that_says_nothing_is_refused() {
        for path in ["auth.token", "$", "$.auth.*", "$.auth[", "$x"] {
            assert!(Path::read(path).is_err(), "{path}");
        }
        assert_eq!(Path::read("$['a.b'].c").unwrap().0.len(), 2);
    }
}
