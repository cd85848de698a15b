//! How a token looks: runs of bytes, each of an alphabet of its own.
//!
//! The table of vendors has hundreds of shapes. They are written as expressions, but only as simple
//! ones, so that they need not be compiled, and can be tried at one place of a line without a look at
//! the rest of it.

use regex_syntax::{
    ParserBuilder,
    hir::{Class, Hir, HirKind},
};

/// Shorter runs of digits are the beginnings of longer ones in the tokens of other vendors.
const LONG: usize = 48;

/// One after the other, every run as long as it gets.
#[derive(Debug)]
pub(super) struct Shape(Vec<Run>);

#[derive(Clone, Debug)]
struct Run {
    /// Which bytes it may have, a bit for each.
    alphabet: [u64; 4],
    least: usize,
    most: usize,
    /// It was said to be just as long, before it was opened.
    exact: bool,
}

impl Shape {
    /// Reads text, classes and their counts, one after the other; anything else of an expression is
    /// an error.
    pub(super) fn parse(expression: &str, any_case: bool) -> Result<Self, String> {
        let mut parser = ParserBuilder::new();
        let parsed = parser
            .unicode(false)
            .utf8(false)
            .case_insensitive(any_case)
            .build()
            .parse(expression)
            .map_err(|error| error.to_string())?;
        let mut runs = Vec::new();
        append(&parsed, &mut runs)?;
        Ok(Self(runs))
    }

    /// Lets the last run be as long as its bytes go on.
    pub(super) fn open(mut self) -> Self {
        if let Some(last) = self.0.last_mut() {
            last.exact = last.least == last.most && last.least >= LONG;
            last.most = usize::MAX;
        }
        self
    }

    /// How long it is before it was opened, if it is so many hexadecimal digits and nothing else.
    pub(super) fn is_exact(&self) -> Option<usize> {
        let [run] = &self.0[..] else { return None };
        let hex = !(0..=u8::MAX).any(|byte| run.has(byte) && !byte.is_ascii_hexdigit());
        (hex && run.exact).then_some(run.least)
    }

    /// Whether a byte may be anywhere in it.
    pub(super) fn has(&self, byte: u8) -> bool {
        self.0.iter().any(|run| run.has(byte))
    }

    /// Where what begins at `start` ends, if it has this shape.
    pub(super) fn end(&self, text: &[u8], start: usize) -> Option<usize> {
        self.0.iter().try_fold(start, |at, run| {
            let rest = &text[at..];
            let len = rest.iter().take(run.most).take_while(|byte| run.has(**byte)).count();
            (len >= run.least).then_some(at + len)
        })
    }
}

impl Run {
    fn new() -> Self {
        Self { alphabet: [0; 4], least: 1, most: 1, exact: false }
    }

    fn byte(byte: u8) -> Self {
        let mut run = Self::new();
        run.add(byte);
        run
    }

    fn add(&mut self, byte: u8) {
        self.alphabet[usize::from(byte / 64)] |= 1 << (byte % 64);
    }

    fn has(&self, byte: u8) -> bool {
        self.alphabet[usize::from(byte / 64)] & (1 << (byte % 64)) != 0
    }
}

fn append(parsed: &Hir, runs: &mut Vec<Run>) -> Result<(), String> {
    match parsed.kind() {
        HirKind::Empty => {}
        HirKind::Literal(text) => runs.extend(text.0.iter().copied().map(Run::byte)),
        HirKind::Class(class) => runs.push(of_class(class)?),
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| append(part, runs))?,
        HirKind::Repetition(repetition) => {
            let mut repeated = Vec::new();
            append(&repetition.sub, &mut repeated)?;
            let least = repetition.min as usize;
            let most = repetition.max.map_or(usize::MAX, |most| most as usize);
            match &mut repeated[..] {
                [run] if (run.least, run.most) == (1, 1) => {
                    (run.least, run.most) = (least, most);
                    runs.append(&mut repeated);
                }
                _ if least == most => {
                    runs.extend((0..least).flat_map(|_| repeated.iter().cloned()));
                }
                _ => return Err("only one class, or text of one byte, may be repeated so".into()),
            }
        }
        HirKind::Look(_) | HirKind::Capture(_) | HirKind::Alternation(_) => {
            return Err("only text, classes and counts are understood here".into());
        }
    }
    Ok(())
}

fn of_class(class: &Class) -> Result<Run, String> {
    let Class::Bytes(class) = class else {
        return Err("a class may have ASCII characters only".into());
    };
    let mut run = Run::new();
    for range in class.ranges() {
        (range.start()..=range.end()).for_each(|byte| run.add(byte));
    }
    Ok(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_as_long_as_its_expression_says() {
        let end = |expression, text: &str| {
            Shape::parse(expression, false).unwrap().end(text.as_bytes(), 0)
        };
        assert_eq!(end("[a-f0-9]{4}", "0ab1cz"), Some(4));
        assert_eq!(end("[a-f0-9]{2,}", "0ab1cz"), Some(5));
        assert_eq!(end("[a-f0-9]{6}", "0ab1cz"), None);
        assert_eq!(end(r"u\+[a-z](?:-[0-9]{2}){2}", "u+x-11-22-33"), Some(9));
        assert_eq!(end("[0-9]{2}=?", "12="), Some(3));
        assert_eq!(end("[0-9]{2}=?", "12"), Some(2));
        let open = Shape::parse("[0-9]{2}", false).unwrap().open();
        assert_eq!(open.end(b"x12345", 1), Some(6));
        assert_eq!(Shape::parse("[a-f]x", true).unwrap().end(b"AX", 0), Some(2));
    }

    #[test]
    fn an_expression_that_says_more_is_refused() {
        for expression in ["(?:ab|cd)", "a|bc", "(a)", r"\bab", "(?:ab){1,2}", "("] {
            assert!(Shape::parse(expression, false).is_err(), "{expression}");
        }
    }
}
