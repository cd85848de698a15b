//! Documents that are mangled come out alike, in whatever portions they come in.
//!
//! A few of the documented forms are put together at random, with bytes turned, lines torn, glued
//! and repeated, and with what changes how text is read put in between. Every case follows from its
//! number. `COLLECT_CASES=100000 cargo test -p collect-collectors mangled` tries so many, and
//! `COLLECT_CASES=7..8` the one with that number.

use super::forms::forms;
use collect_core::redact::Redaction;
use std::{ops::Range, path::Path};

/// So many cases are tried in every run of the tests.
const CASES: u64 = 100;

/// What changes how the text around it is read: ends of lines, colours, quotes, markers.
const SIGNS: &[&[u8]] = &[
    b"\n",
    b"\r\n",
    b"\r",
    b"\n\n",
    b"\0",
    b"\x1b[1;31m",
    b"\x1b[0m",
    b"\x1b",
    b"\"",
    b"'",
    b"\\",
    b"\\n",
    b"=",
    b": ",
    b"{",
    b"}",
    b"<",
    b">",
    b"-----BEGIN PRIVATE KEY-----",
    b"-----END PRIVATE KEY-----",
    b"password",
    b"password=",
    b"token: ",
    b"://",
    b"@",
    b"\t",
    b"  ",
    b"\xff",
    b"\xc3",
    b"[redacted:password]",
    b"%3d",
    b"&quot;",
    b"kind: Secret",
    b"Bearer ",
];

/// A source of chance that is the same every time.
struct Chance(u64);

impl Chance {
    /// That of a case, in which the first bits differ from those of the next.
    fn of(case: u64) -> Self {
        let mut chance = Self(case.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        chance.below(2);
        chance
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) as usize % limit.max(1)
    }

    fn range(&mut self, len: usize) -> Range<usize> {
        let start = self.below(len + 1);
        start..start + self.below(len - start + 1)
    }
}

/// A text made of some of the documents.
fn mangled(documents: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut text = Vec::new();
    for _ in 0..=chance.below(5) {
        let document = &documents[chance.below(documents.len())];
        let part =
            if chance.below(3) == 0 { chance.range(document.len()) } else { 0..document.len() };
        text.extend_from_slice(&document[part]);
        text.extend_from_slice(SIGNS[chance.below(SIGNS.len())]);
    }
    for _ in 0..chance.below(12) {
        let at = chance.below(text.len());
        match chance.below(6) {
            0 => text[at] ^= 1 << chance.below(8),
            1 => drop(text.splice(at..at, SIGNS[chance.below(SIGNS.len())].iter().copied())),
            2 => drop(text.drain(at..text.len().min(at + chance.below(40)))),
            // Lines are glued, so that some are long.
            3 => {
                let to = text.len().min(at + chance.below(4000));
                text[at..to]
                    .iter_mut()
                    .filter(|byte| **byte == b'\n')
                    .for_each(|byte| *byte = b' ');
            }
            4 => {
                let part = text[at..text.len().min(at + chance.below(400))].to_vec();
                let times = 1 + chance.below(30);
                drop(text.splice(at..at, part.repeat(times)));
            }
            _ => drop(text.splice(at..at, b"x".repeat(chance.below(3000)))),
        }
        if text.is_empty() {
            text.push(b'x');
        }
    }
    text
}

/// What comes out if the text comes in portions of up to `most` bytes.
fn in_portions(redaction: &Redaction, text: &[u8], most: usize, chance: &mut Chance) -> Vec<u8> {
    let mut cutter = redaction.cutter();
    let (mut scrubbed, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (portion, more) = rest.split_at((chance.below(most) + 1).min(rest.len()));
        if let Some(piece) = cutter.push(portion.to_vec()).unwrap() {
            scrubbed.extend(redaction.scrub(piece).unwrap().bytes);
        }
        rest = more;
    }
    if let Some(piece) = cutter.finish().unwrap() {
        scrubbed.extend(redaction.scrub(piece).unwrap().bytes);
    }
    scrubbed
}

fn cases() -> Range<u64> {
    let Ok(asked) = std::env::var("COLLECT_CASES") else {
        return 0..CASES;
    };
    let number = |text: &str| text.parse().expect("COLLECT_CASES is `COUNT` or `FIRST..END`");
    match asked.split_once("..") {
        Some((first, end)) => number(first)..number(end),
        None => 0..number(&asked),
    }
}

#[test]
fn mangled_documents_come_out_alike_however_they_are_cut() {
    let redaction = Redaction::compile(super::rules().unwrap()).unwrap();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("forms");
    let documents: Vec<Vec<u8>> =
        forms(&dir).into_iter().map(|(_, form)| form.parts.concat()).collect();
    for case in cases() {
        let mut chance = Chance::of(case);
        let text = mangled(&documents, &mut chance);
        let whole = redaction.whole(text.clone());
        let expected = whole.unwrap_or_else(|error| panic!("case {case}: {error}")).bytes;
        for most in [1 + chance.below(20), 1 + chance.below(3000)] {
            let scrubbed = in_portions(&redaction, &text, most, &mut chance);
            let same =
                scrubbed.iter().zip(&expected).take_while(|(one, other)| one == other).count();
            let around = |text: &[u8]| {
                let part = &text[same.saturating_sub(200)..(same + 200).min(text.len())];
                String::from_utf8_lossy(part).into_owned()
            };
            assert!(
                scrubbed == expected,
                "case {case}, portions of up to {most} bytes, at {same}:\n{}\ninstead of\n{}",
                around(&scrubbed),
                around(&expected)
            );
        }
    }
}
