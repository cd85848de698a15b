//! Looks for all learnt secrets in a text, at once.

use super::{RULE, Sieve, Value};
use crate::redact::{Left, Scrubbed, literal};
use memchr::memmem;
use rand::Rng;
use std::ops::Range;
use zeroize::Zeroizing;

/// No form is shorter; they are sorted by so much of each.
const HEAD: usize = 8;

/// A text is looked at at every so many bytes.
const STRIDE: usize = 4;

/// How many bytes are looked at there: of any eight of the text, so many stand at such a place.
const GRAM: usize = HEAD + 1 - STRIDE;

/// These, as the lowest of a number.
const GRAM_MASK: u64 = (1 << (8 * GRAM)) - 1;

/// No form is longer; where two segments of a text meet, so much of each is looked at.
pub(crate) const REACH: usize = 2 << 10;

/// All forms of all learnt secrets.
///
/// An automaton of some hundred thousand patterns would take longer to make than most runs have to
/// look through; so what is looked up, at every fourth place, are the next five bytes: whether a form
/// has them among its first eight. Where one has, the eight bytes around are looked up.
pub(crate) struct Needles {
    /// Sorted, so that those which begin alike stand together.
    forms: Vec<Zeroizing<Vec<u8>>>,
    grams: Marks,
    heads: Marks,
    /// What no text of the run can hold: it shows whether it would be found.
    canary: Value,
}

impl Needles {
    /// Takes the secrets, and a canary made for this run.
    pub(in crate::redact) fn new(values: &[Value]) -> Self {
        let random: [u8; 16] = rand::rng().random();
        let canary = Zeroizing::new(format!("cANAry{}", crate::gather::hexadecimal(&random)));
        let canary = Zeroizing::new(canary.as_bytes().to_vec());
        let values = values.iter().chain([&canary]);
        let fits = |form: &Zeroizing<Vec<u8>>| (HEAD..=REACH).contains(&form.len());
        let mut forms: Vec<_> = values
            .flat_map(|value| literal::forms(value))
            .map(Zeroizing::new)
            .filter(fits)
            .collect();
        forms.sort_unstable_by(|one, other| one.as_slice().cmp(other.as_slice()));
        forms.dedup_by(|one, other| **one == **other);
        let heads = || forms.iter().map(|form| &form[..HEAD]);
        let grams = heads().flat_map(|head| head.windows(GRAM));
        let grams = Marks::of(STRIDE * forms.len(), grams.map(word));
        let heads = Marks::of(forms.len(), heads().map(word));
        Self { forms, grams, heads, canary }
    }

    /// Whether a text with this sieve may hold any of them.
    pub(crate) fn may_be_in(&self, sieve: &Sieve) -> bool {
        self.forms.iter().any(|form| sieve.may_hold(form))
    }

    /// Where they stand in a text: in order, what overlaps joined.
    pub(crate) fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut look = |at: usize, next: u64| {
            if self.grams.have(next & GRAM_MASK) {
                for from in at.saturating_sub(STRIDE - 1)..=at {
                    found.extend(self.longest(&text[from..]).map(|len| from..from + len));
                }
            }
        };
        text.windows(HEAD).step_by(STRIDE).enumerate().for_each(|(place, next)| {
            look(place * STRIDE, word(next));
        });
        // Behind these there is at most one place more.
        let rest = (text.len() + STRIDE).saturating_sub(HEAD) / STRIDE * STRIDE;
        if let Some(gram) = text.get(rest..rest + GRAM) {
            look(rest, word(gram));
        }
        joined(found)
    }

    /// The length of the longest form that the text begins with.
    fn longest(&self, text: &[u8]) -> Option<usize> {
        let next = text.get(..HEAD).filter(|next| self.heads.have(word(next)))?;
        let first = self.forms.partition_point(|form| form[..HEAD] < *next);
        let alike = self.forms[first..].iter().take_while(|form| form[..HEAD] == *next);
        alike.filter(|form| text.starts_with(form)).map(|form| form.len()).max()
    }

    /// A text without them, and without what `also` says; nothing if there is none of them in it.
    /// What began before the text has its token there.
    pub(crate) fn mend(&self, text: &[u8], also: &[Border]) -> Option<Scrubbed> {
        let mut found = self.find(text);
        found.extend(also.iter().map(|border| border.range(text.len())));
        let found = joined(found);
        if found.is_empty() {
            return None;
        }
        let goes_on = also.iter().any(|border| !border.at_end);
        let mut bytes = Vec::with_capacity(text.len() + 16 * found.len());
        let (mut at, mut count) = (0, 0);
        for range in found {
            bytes.extend_from_slice(&text[at..range.start]);
            if !(goes_on && range.start == 0) {
                bytes.extend_from_slice(format!("[redacted:{RULE}]").as_bytes());
                count += 1;
            }
            at = range.end;
        }
        bytes.extend_from_slice(&text[at..]);
        let counts = [(RULE.to_owned(), count)].into_iter().filter(|(_, count)| *count > 0);
        Some(Scrubbed { bytes, counts: counts.collect() })
    }

    /// What goes over the border of two texts that belong together, by the end of the first and the
    /// beginning of the second: what of each belongs to it.
    pub(crate) fn across(&self, first: &[u8], second: &[u8]) -> Option<(Border, Border)> {
        let both = [first, second].concat();
        let border = first.len();
        let range = self.find(&both).into_iter().find(|at| at.start < border && at.end > border)?;
        let len = |len| Border { len, at_end: false };
        Some((Border { at_end: true, ..len(border - range.start) }, len(range.end - border)))
    }

    /// A short text made here, without them.
    pub(crate) fn text(&self, text: &str) -> String {
        // They are ASCII, so what is left is UTF-8.
        self.mend(text.as_bytes(), &[]).map_or_else(
            || text.to_owned(),
            |mended| String::from_utf8_lossy(&mended.bytes).into_owned(),
        )
    }

    /// Whether any of them is in the text: the second look, which shares nothing with the first.
    fn is_left(&self, text: &[u8]) -> bool {
        let sieve = Sieve::of(text);
        let mut suspects = self.forms.iter().filter(|form| sieve.may_hold(form));
        suspects.any(|form| memmem::find(text, form).is_some())
    }

    /// Has the text looked at a second time.
    pub(crate) fn prove(&self, text: &[u8]) -> Result<(), Left> {
        if self.is_left(text) { Err(Left { rule: RULE.to_owned() }) } else { Ok(()) }
    }

    /// Whether both looks work: the canary is found where it is, and not where it was removed.
    pub(crate) fn work(&self) -> bool {
        let forms = literal::forms(&self.canary);
        let text = Zeroizing::new(forms.join(&b"\n"[..]));
        let mended = self.mend(&text, &[]);
        self.is_left(&text) && mended.is_some_and(|mended| !self.is_left(&mended.bytes))
    }
}

/// Some numbers, of which one can tell at once that most others are not among them.
struct Marks {
    /// One bit for what a number comes to.
    bits: Vec<u64>,
    shift: u32,
}

impl Marks {
    /// How many there are for each number, so that few others pass by chance.
    const EACH: usize = 64;

    fn of(count: usize, numbers: impl Iterator<Item = u64>) -> Self {
        let bits = (count * Self::EACH).next_power_of_two().ilog2().max(6);
        let mut marks = Self { bits: vec![0; 1 << (bits - 6)], shift: u64::BITS - bits };
        for number in numbers {
            let mark = marks.mark(number);
            marks.bits[mark / 64] |= 1 << (mark % 64);
        }
        marks
    }

    fn have(&self, number: u64) -> bool {
        let mark = self.mark(number);
        self.bits[mark / 64] >> (mark % 64) & 1 == 1
    }

    fn mark(&self, number: u64) -> usize {
        (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }
}

/// The part of a text that belongs to what goes over its border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Border {
    len: usize,
    at_end: bool,
}

impl Border {
    fn range(self, text: usize) -> Range<usize> {
        if self.at_end { text.saturating_sub(self.len)..text } else { 0..self.len.min(text) }
    }
}

/// The first bytes of a text, up to eight.
fn word(text: &[u8]) -> u64 {
    text.try_into().map_or_else(
        |_| text.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
        u64::from_le_bytes,
    )
}

fn joined(mut found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    found.sort_unstable_by_key(|range| range.start);
    let mut joined: Vec<Range<usize>> = Vec::with_capacity(found.len());
    for range in found {
        match joined.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, engine::general_purpose::STANDARD};

    fn needles(values: &[&str]) -> Needles {
        let value = |value: &&str| Zeroizing::new(value.as_bytes().to_vec());
        Needles::new(&values.iter().map(value).collect::<Vec<_>>())
    }

    #[test]
    fn a_learnt_secret_is_found_in_all_its_forms() {
        let secret = "m4de'Up/v4lue";
        let needles = needles(&[secret]);
        for form in [
            secret,
            "m4de%27Up%2Fv4lue",
            "m4de%27Up%2fv4lue",
            r"m4de'\''Up/v4lue",
            "6d346465275570",
            "6D3464652755702F76346C7565",
        ] {
            let text = format!("x {form}75652f76346c7565 y");
            let mended = needles.text(&text);
            let is_whole = form != "6d346465275570";
            assert_eq!(mended.contains("[redacted:learnt]"), is_whole, "{form}: {mended}");
        }
        for before in ["", "u", "us"] {
            let encoded = STANDARD.encode(format!("{before}{secret}\n"));
            assert!(needles.text(&encoded).contains("[redacted:learnt]"), "{before}");
        }
        assert_eq!(needles.text("harmless"), "harmless");
    }

    #[test]
    fn a_secret_is_found_wherever_it_stands() {
        for secret in ["m4deUpv4", "m4deUpv4l", "m4deUpv4lueOth3r"] {
            let needles = needles(&[secret]);
            for before in 0..12 {
                for behind in 0..12 {
                    let text = [&b".".repeat(before), secret.as_bytes(), &b".".repeat(behind)];
                    let text = text.concat();
                    let at = before..before + secret.len();
                    assert_eq!(needles.find(&text), std::slice::from_ref(&at), "{before} {behind}");
                    assert!(needles.find(&text[..at.end - 1]).is_empty());
                }
            }
        }
    }

    #[test]
    fn secrets_that_overlap_are_removed_together() {
        let needles = needles(&["m4deUpv4lue", "v4lueOth3r", "m4deUpv4"]);
        assert_eq!(needles.text("<m4deUpv4lueOth3r>"), "<[redacted:learnt]>");
        let twice = needles.mend(b"m4deUpv4 m4deUpv4lue", &[]).unwrap();
        assert_eq!((&twice.bytes[..17], twice.counts["learnt"]), (&b"[redacted:learnt]"[..], 2));
    }

    #[test]
    fn a_secret_on_the_border_of_two_segments_is_removed_from_both() {
        let needles = needles(&["m4deUpv4lue"]);
        let (first, second) = (b"before m4deU", b"pv4lue after");
        let (before, after) = needles.across(&first[5..], &second[..9]).unwrap();
        assert_eq!(needles.mend(first, &[before]).unwrap().bytes, b"before [redacted:learnt]");
        let mended = needles.mend(second, &[after]).unwrap();
        assert_eq!((mended.bytes, mended.counts.len()), (b" after".to_vec(), 0));
        assert_eq!(needles.across(b"m4deUpv4lue", b" x"), None);
    }

    #[test]
    fn the_second_look_finds_what_the_first_would_leave() {
        let needles = needles(&["m4deUpv4lue"]);
        assert!(needles.is_left(b"x m4deUpv4lue"));
        assert!(!needles.is_left(b"x m4deUpv4lu"));
        assert!(needles.work());
        let broken = Needles { grams: Marks::of(0, std::iter::empty()), ..needles };
        assert!(!broken.work(), "a first look that finds nothing goes unnoticed");
    }
}
