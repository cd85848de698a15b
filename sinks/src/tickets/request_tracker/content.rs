//! What Request Tracker keeps of an attachment.

use crate::api::{Intake, Sum};
use base64::{Engine, engine::general_purpose::STANDARD};

/// How many letters of base64 are decoded at a time; four of them are three bytes.
const LETTERS: usize = 8 * 1024;

/// How much of a text is kept, to tell the names of members; the one that matters is shorter.
const NAME: usize = 16;

/// The content of an attachment, which comes in base64 in the member `Content` of a document that
/// may be larger than memory.
#[derive(Default)]
pub(super) struct Content {
    place: Place,
    /// How deep in lists and objects.
    depth: usize,
    /// The text that was read last, as far as it is short.
    last: Vec<u8>,
    letters: Vec<u8>,
    sum: Sum,
    is_damaged: bool,
}

/// Where in a document.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Outside,
    Text,
    TextEscape,
    /// Behind the name of the member, and behind its colon.
    Colon,
    Content,
    ContentEscape,
}

impl Intake for Content {
    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.place = self.step(*byte);
        }
    }
}

impl Content {
    fn step(&mut self, byte: u8) -> Place {
        match (self.place, byte) {
            // The second is an escaped end of a line, which base64 has every 76 letters.
            (Place::Colon, b'"') | (Place::ContentEscape, b'n' | b'r') => Place::Content,
            (Place::Outside, b'"') => {
                self.last.clear();
                Place::Text
            }
            (Place::Outside, b':') if self.depth == 1 && self.last == b"Content" => Place::Colon,
            (Place::Colon, b' ' | b'\n' | b'\r' | b'\t') => Place::Colon,
            (Place::Outside | Place::Colon, _) => {
                match byte {
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                    _ => {}
                }
                Place::Outside
            }
            (Place::Text, b'"') => Place::Outside,
            (Place::Text, b'\\') => Place::TextEscape,
            (Place::Text | Place::TextEscape, _) => {
                if self.last.len() < NAME {
                    self.last.push(byte);
                }
                Place::Text
            }
            (Place::Content, b'"') => {
                self.decode();
                Place::Outside
            }
            (Place::Content, b'\\') => Place::ContentEscape,
            (Place::Content | Place::ContentEscape, _) => {
                self.letters.push(byte);
                if self.letters.len() == LETTERS {
                    self.decode();
                }
                Place::Content
            }
        }
    }

    fn decode(&mut self) {
        match STANDARD.decode(&self.letters) {
            Ok(bytes) => self.sum.take(&bytes),
            Err(_) => self.is_damaged = true,
        }
        self.letters.clear();
    }

    /// Length and digest; none that any file has if it was no base64.
    pub(super) fn finish(self) -> (u64, Option<[u8; 32]>) {
        let (len, digest) = self.sum.finish();
        (len, if self.is_damaged { Some([0; 32]) } else { digest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use sha2::{Digest, Sha256};

    /// What is read of a document that comes in pieces of so many bytes.
    fn read(document: &str, piece: usize) -> (u64, Option<[u8; 32]>) {
        let mut content = Content::default();
        document.as_bytes().chunks(piece).for_each(|piece| content.take(piece));
        content.finish()
    }

    fn of(bytes: &[u8]) -> (u64, Option<[u8; 32]>) {
        (bytes.len() as u64, Some(Sha256::digest(bytes).into()))
    }

    /// In lines of 76 letters, as Perl writes it.
    fn encoded(bytes: &[u8]) -> String {
        bytes.chunks(57).fold(String::new(), |text, line| text + &STANDARD.encode(line) + "\n")
    }

    #[test]
    fn only_the_member_of_that_name_is_read_however_it_is_cut() {
        let bytes: Vec<u8> =
            (0..40_000_u32).map(|number| (number * number).to_le_bytes()[1]).collect();
        let hostile = "\"Content\": \"QQ==\" \\";
        let document = json!({
            "Aaa": { "Content": "QQ==" },
            "Headers": hostile,
            "List": [hostile, "Content", { "Content": "QQ==" }],
            "Content": encoded(&bytes),
            "Zzz": "Content",
        });
        for text in [document.to_string(), serde_json::to_string_pretty(&document).unwrap()] {
            for piece in [1, 7, 4096, usize::MAX] {
                assert_eq!(read(&text, piece), of(&bytes), "{piece}");
            }
        }
    }

    #[test]
    fn what_is_no_content_is_no_file() {
        assert_eq!(read(r#"{"Content":null,"Other":"QQ=="}"#, 3), of(b""));
        assert_eq!(read(r#"{"Content":""}"#, 3), of(b""));
        assert_eq!(read(r#"{"Content" : "QUJD\nREU="}"#, 3), of(b"ABCDE"));
        assert_eq!(read(r#"{"Content":"Q?=="}"#, 3).1, Some([0; 32]));
    }

    #[test]
    fn memory_does_not_grow_with_the_content() {
        let mut content = Content::default();
        content.take(br#"{"Content":""#);
        let line = encoded(&[7; 57]).replace('\n', "\\n");
        for _ in 0..10_000 {
            content.take(line.as_bytes());
            assert!(content.letters.capacity() <= 2 * LETTERS);
        }
        content.take(b"\"}");
        assert_eq!(content.finish().0, 570_000);
    }
}
