//! Checks the rules against documented forms: the folder `forms` of this crate.
//!
//! A file there has documents, each below a line `=== title | where the form is documented | flags`.
//! In a document, exactly what stands between `«` and `»` is to be removed. Of the flags, `path=P`
//! says where on a host the document lies, `escape` that bytes are written as in C, `parse=F` that
//! it must still be valid in format F afterwards, and `gap` that something in it is known to be
//! missed or damaged; that flag goes when the document comes out right.
//!
//! `COLLECT_FORMS=forms cargo test -p collect-collectors documented_form -- --nocapture` shows what
//! is wrong in those with a gap; any other folder of such files can be named as well.

#![expect(clippy::disallowed_methods, reason = "the forms are files of the project")]

use collect_core::redact::Redaction;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// A document with what must be removed.
pub(super) struct Form {
    pub(super) title: String,
    flags: Vec<String>,
    /// What stays and what goes in turn, beginning and ending with what stays.
    pub(super) parts: Vec<Vec<u8>>,
}

impl Form {
    fn read(section: &str) -> Self {
        let (head, body) = section.split_once('\n').expect("a document has a first line");
        let mut head = head.split(" |");
        let title = head.next().unwrap_or_default().trim().to_owned();
        let flags = head.nth(1).expect("the first line has three parts").split(',');
        let flags: Vec<String> = flags.map(|flag| flag.trim().to_owned()).collect();
        let escaped = flags.iter().any(|flag| flag == "escape");
        let part = |text: &str| if escaped { unescaped(text) } else { text.as_bytes().to_vec() };
        let parts = body.split(['«', '»']).map(part).collect();
        Self { title, flags, parts }
    }

    fn flag(&self, name: &str) -> Option<&str> {
        let value = self.flags.iter().find_map(|flag| flag.strip_prefix(name))?;
        Some(value.trim_start_matches('='))
    }

    fn marked(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.iter().skip(1).step_by(2).map(Vec::as_slice)
    }

    fn stays(&self) -> Vec<u8> {
        self.parts.iter().step_by(2).fold(Vec::new(), |mut all, part| {
            all.extend_from_slice(part);
            all.push(b' ');
            all
        })
    }

    /// What it becomes.
    pub(super) fn scrubbed(&self, redaction: &Redaction) -> Vec<u8> {
        let path = self.flag("path").unwrap_or_default();
        redaction.whole_of(path, self.parts.concat()).expect("no rule fails").bytes
    }

    /// The marked secrets of which a good part is still there.
    pub(super) fn left<'f>(&'f self, scrubbed: &[u8]) -> Vec<&'f [u8]> {
        let stays = self.stays();
        let is_left = |value: &&[u8]| {
            let run =
                if value.len() < 6 { value.len() } else { (value.len() * 3 / 5).clamp(6, 24) };
            let mut parts = value.windows(run.max(1));
            parts.any(|part| count(scrubbed, part) > count(&stays, part))
        };
        self.marked().filter(is_left).collect()
    }

    /// What is wrong after redaction, a line each.
    fn wrong(&self, redaction: &Redaction) -> Vec<String> {
        let scrubbed = self.scrubbed(redaction);
        let after = String::from_utf8_lossy(&scrubbed);
        let mut wrong = Vec::new();
        for value in self.left(&scrubbed) {
            wrong.push(format!("left: {}", String::from_utf8_lossy(value)));
        }
        let (before, after_words) = (words(&String::from_utf8_lossy(&self.stays())), words(&after));
        for (word, count) in before {
            if after_words.get(&word).copied().unwrap_or(0) < count {
                wrong.push(format!("lost: {word}"));
            }
        }
        if self.flag("parse") == Some("json")
            && let Err(error) = serde_json::from_slice::<serde_json::Value>(&scrubbed)
        {
            wrong.push(format!("no longer JSON: {error}"));
        }
        wrong
    }
}

fn count(text: &[u8], part: &[u8]) -> usize {
    memchr::memmem::find_iter(text, part).count()
}

/// The words of a text without its replacements. Quotes are not looked at, because a replacement
/// can bring its own, and neither are the markers of keys, which go with them.
fn words(text: &str) -> BTreeMap<String, usize> {
    let mut rest = text;
    let mut plain = String::new();
    while let Some(start) = rest.find("[redacted:") {
        plain.push_str(&rest[..start]);
        plain.push(' ');
        rest = rest[start..].split_once(']').map_or("", |(_, rest)| rest);
    }
    plain.push_str(rest);
    let mut words = BTreeMap::new();
    for line in plain.lines().filter(|line| !line.contains("-----")) {
        for word in line.replace('"', " ").split_whitespace() {
            *words.entry(word.to_owned()).or_default() += 1;
        }
    }
    words
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let (byte, used) = match (first, tail) {
            (b'\\', [b'x', high, low, ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).expect("hexadecimal digits");
                (u8::from_str_radix(digits, 16).expect("hexadecimal digits"), 3)
            }
            (b'\\', [b'0', ..]) => (0, 1),
            (b'\\', [b'e', ..]) => (0x1b, 1),
            (b'\\', [b'r', ..]) => (b'\r', 1),
            (b'\\', [b't', ..]) => (b'\t', 1),
            (b'\\', [b'n', ..]) => (b'\n', 1),
            (b'\\', [b'\\', ..]) => (b'\\', 1),
            _ => (*first, 0),
        };
        bytes.push(byte);
        rest = &tail[used..];
    }
    bytes
}

/// Documents by the file that they are in.
pub(super) fn forms(dir: &Path) -> Vec<(String, Form)> {
    let mut files: Vec<PathBuf> = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
        {
            let path = entry.expect("a folder can be read").path();
            if path.is_dir() { dirs.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    let mut forms = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("forms are text");
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let sections = text.split("\n=== ");
        forms.extend(sections.map(|section| {
            (name.clone(), Form::read(section.strip_prefix("=== ").unwrap_or(section)))
        }));
    }
    forms
}

#[test]
fn every_documented_form_of_a_secret_is_removed_and_nothing_beside_it() {
    let redaction = Redaction::compile(super::rules().unwrap()).unwrap();
    let shown = std::env::var_os("COLLECT_FORMS").map(PathBuf::from);
    let dir = shown.clone().unwrap_or_else(|| "forms".into());
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    let (mut marks, mut left, mut lost, mut unexpected) = (0, 0, 0, 0);
    for (file, form) in forms(&dir) {
        let wrong = form.wrong(&redaction);
        marks += form.marked().count();
        left += wrong.iter().filter(|line| line.starts_with("left")).count();
        lost += wrong.iter().filter(|line| line.starts_with("lost")).count();
        let known = form.flag("gap").is_some();
        unexpected += usize::from(wrong.is_empty() == known);
        if shown.is_some() || wrong.is_empty() == known {
            for line in &wrong {
                eprintln!("{file}: {}: {line}", form.title);
            }
            if wrong.is_empty() && known {
                eprintln!("{file}: {}: nothing is wrong; take its flag `gap` away", form.title);
            }
        }
    }
    eprintln!(
        "{left} of {marks} secrets left, {lost} words lost, {unexpected} documents not as said"
    );
    assert!(shown.is_some() || unexpected == 0);
}

#[test]
fn no_rule_fails_wherever_a_document_is_torn() {
    let redaction = Redaction::compile(super::rules().unwrap()).unwrap();
    for (file, form) in forms(&Path::new(env!("CARGO_MANIFEST_DIR")).join("forms")) {
        let text = form.parts.concat();
        // A step that meets another place in every document, and not too many of them.
        for at in (0..text.len()).step_by(text.len() / 8 + 1) {
            for part in [&text[..at], &text[at..]] {
                assert!(redaction.whole(part.to_vec()).is_ok(), "{file}: {}: at {at}", form.title);
            }
        }
    }
}

/// All documents one behind the other come out alike, in whatever portions they come in.
#[test]
fn documents_come_out_alike_however_they_are_cut() {
    let redaction = Redaction::compile(super::rules().unwrap()).unwrap();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("forms");
    let mut text = Vec::new();
    for (_, form) in forms(&dir) {
        text.extend(form.parts.concat());
        text.push(b'\n');
    }
    let expected = redaction.whole(text.clone()).unwrap().bytes;
    let mut state = 1_u64;
    for most in [1, 7, 100, 5_000, 300_000, 3_000_000] {
        let mut cutter = redaction.cutter();
        let (mut scrubbed, mut rest) = (Vec::new(), &text[..]);
        while !rest.is_empty() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let len = ((state >> 33) as usize % most + 1).min(rest.len());
            let (portion, more) = rest.split_at(len);
            if let Some(piece) = cutter.push(portion.to_vec()).unwrap() {
                scrubbed.extend(redaction.scrub(piece).unwrap().bytes);
            }
            rest = more;
        }
        if let Some(piece) = cutter.finish().unwrap() {
            scrubbed.extend(redaction.scrub(piece).unwrap().bytes);
        }
        let same = scrubbed.iter().zip(&expected).take_while(|(one, other)| one == other).count();
        let around = &expected[same.saturating_sub(200)..(same + 100).min(expected.len())];
        let around = String::from_utf8_lossy(around);
        assert!(scrubbed == expected, "portions of up to {most} bytes, at {same}: {around}");
    }
}
