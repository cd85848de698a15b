//! Comments that say of what they hold that it is an example, as those of configuration files do
//! that come with a program.

use super::near::Near;
use std::ops::Range;

/// Words that introduce an example.
const WORDS: [&[u8]; 3] = [b"example", b"examples", b"e.g"];

/// How far above its value such a word may stand.
const ABOVE: usize = 1 << 10;

/// Whether the line is a comment and nothing else.
pub(super) fn is_comment(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    line.starts_with(b"#") || line.starts_with(b";") || line.starts_with(b"//")
}

/// Whether a value in a comment is an example: the comment has said so before it, in its line or in
/// those right above that are comments, too.
pub(super) fn is_example(near: &Near<'_>, value: &Range<usize>) -> bool {
    let text = near.text();
    let mut line = near.line();
    let mut end = value.start;
    while is_comment(&text[line.clone()]) && value.start - line.start <= ABOVE {
        if introduces(&text[line.start..end]) {
            return true;
        }
        let Some(above) = near.previous(&line) else {
            break;
        };
        (line, end) = (above.clone(), above.end);
    }
    false
}

/// Whether one of the words is in the text: as a word, and not as a part of a name such as
/// `example.com`.
fn introduces(text: &[u8]) -> bool {
    let text = text.to_ascii_lowercase();
    WORDS.iter().any(|word| {
        memchr::memmem::find_iter(&text, word).any(|at| {
            let before = at.checked_sub(1).map(|at| text[at]);
            let behind =
                text[at + word.len()..].strip_prefix(b".").unwrap_or(&text[at + word.len()..]);
            !before.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"-_./@\\".contains(&byte))
                && !behind
                    .first()
                    .is_some_and(|byte| byte.is_ascii_alphanumeric() || b"-_./@\\".contains(byte))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Redaction, Rule};

    #[test]
    fn a_value_stays_where_a_comment_says_that_it_is_an_example() {
        let rule = Rule::pattern("number", ["num"], r"num\d").unwrap();
        let rule = rule.but_examples(|value| value != b"num7");
        let redaction = Redaction::compile(vec![rule]).unwrap();
        for text in [
            "# e.g., http://num1:8080",
            "  # For example: num1",
            "; Examples\n;\n; num1\n; num2",
            "// This is a longer example.\n// listen num1",
            "# example num1\n# \x1b[32mnum2\x1b[0m",
        ] {
            assert_eq!(redaction.text(text), text);
        }
        let far = format!("# example\n{}", "# and so on\n".repeat(100));
        for text in [
            "for example num1",
            "# example num7",
            "# num1 for example",
            "# example.com num1",
            "# www.example num1",
            "# in an-example/file num1",
            "# counterexample num1",
            "# for example\nlisten num2\n# num3",
            "# for example\n\n# num3",
            &format!("{far}# num1"),
        ] {
            assert_ne!(redaction.text(text), text);
        }
    }
}
