//! The envelope: a short note beside a bundle in a bucket. The receiving side can open it, and the
//! bundle never.

use super::{Brief, markup::shortened};
use crate::{identity::parse_key, recipient::Recipient};
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use std::io::{self, Read, Write};
use thiserror::Error;

/// The longest envelope, in ASCII characters. S3 keeps 2 KB beside an object, names included
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>); the pseudonym of
/// the host stands there, too.
pub const ENVELOPE: usize = 1_900;

/// How large the note in an envelope can be, in bytes. An envelope comes from anybody.
const NOTE: u64 = 64 * 1024;

/// What is told, from much to little, until it fits.
const FITS: [Fit; 8] = [
    Fit { typed: 2_000, missing: 3, line: 300, complete: true, steps: 60 },
    Fit { typed: 1_000, missing: 2, line: 200, complete: true, steps: 40 },
    Fit { typed: 700, missing: 1, line: 120, complete: true, steps: 40 },
    Fit { typed: 500, missing: 1, line: 80, complete: false, steps: 20 },
    Fit { typed: 300, missing: 1, line: 60, complete: false, steps: 12 },
    Fit { typed: 200, missing: 0, line: 60, complete: false, steps: 12 },
    Fit { typed: 100, missing: 0, line: 40, complete: false, steps: 6 },
    Fit { typed: 30, missing: 0, line: 20, complete: false, steps: 0 },
];

/// How much is told. Lengths are in characters.
struct Fit {
    /// Of the description.
    typed: usize,
    /// How many notes of a step.
    missing: usize,
    /// Of such a note, an answer, a name.
    line: usize,
    /// Whether steps are told of that miss nothing.
    complete: bool,
    /// How many steps.
    steps: usize,
}

/// Why an envelope was not opened.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// It is cut or damaged, or none.
    #[error("it is damaged")]
    Damaged,
    /// It is for somebody else.
    #[error("it is sealed for another key")]
    Foreign,
    /// A newer version has written it, or another program.
    #[error("what is in it is not understood")]
    Unknown,
}

/// The key that opens envelopes.
pub struct EnvelopeKey(age::x25519::Identity);

impl EnvelopeKey {
    /// Reads `AGE-SECRET-KEY-1…`, as `age-keygen` writes it; lines of comments around it are passed
    /// over.
    ///
    /// None if there is no such key in the text.
    pub fn parse(text: &str) -> Option<Self> {
        parse_key(text).map(Self)
    }
}

/// Seals what may be told of a report, in at most [`ENVELOPE`] characters; what does not fit is left
/// out, the description last.
///
/// # Errors
///
/// The recipient's key cannot be used.
pub fn seal(brief: &Brief, recipient: &Recipient) -> io::Result<String> {
    let mut sealed = String::new();
    for fit in &FITS {
        let note = serde_json::to_vec(&fit.of(brief))?;
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&note)?;
        sealed = STANDARD.encode(encrypted(&packed.finish()?, recipient)?);
        if sealed.len() <= ENVELOPE {
            return Ok(sealed);
        }
    }
    Err(io::Error::other(format!("the note has {} characters", sealed.len())))
}

fn encrypted(plain: &[u8], recipient: &Recipient) -> io::Result<Vec<u8>> {
    let encryptor = age::Encryptor::with_recipients([recipient.as_age()].into_iter());
    let mut sealed = encryptor.map_err(io::Error::other)?.wrap_output(Vec::new())?;
    sealed.write_all(plain)?;
    sealed.finish()
}

/// Opens an envelope.
///
/// # Errors
///
/// Says why it cannot be opened. What is in it is not trusted: it may come from anybody who may
/// upload.
pub fn open(envelope: &str, key: &EnvelopeKey) -> Result<Brief, EnvelopeError> {
    let sealed = STANDARD.decode(envelope.trim()).map_err(|_| EnvelopeError::Damaged)?;
    let packed = age::decrypt(&key.0, &sealed).map_err(|error| match error {
        age::DecryptError::NoMatchingKeys => EnvelopeError::Foreign,
        _ => EnvelopeError::Damaged,
    })?;
    let mut note = Vec::new();
    let read = ZlibDecoder::new(packed.as_slice()).take(NOTE).read_to_end(&mut note);
    read.map_err(|_| EnvelopeError::Unknown)?;
    serde_json::from_slice(&note).map_err(|_| EnvelopeError::Unknown)
}

impl Fit {
    /// As much of it as this allows.
    fn of(&self, brief: &Brief) -> Brief {
        let line = |text: &String| shortened(text, self.line);
        let mut told = brief.clone();
        told.description = shortened(&brief.description, self.typed);
        for text in [&mut told.tool, &mut told.product, &mut told.host.name, &mut told.host.os] {
            *text = line(text);
        }
        told.host.kernel = line(&told.host.kernel);
        told.contact = brief.contact.as_ref().map(|contact| shortened(contact, 254));
        told.ticket = brief.ticket.as_ref().map(line);
        let answers = brief.answers.iter().take(self.steps);
        told.answers = answers.map(|(id, answer)| (line(id), line(answer))).collect();
        // Gaps first: they are what has to be known.
        let places = 0..brief.steps.len();
        let gap = |index: &usize| !brief.steps[*index].status.is_complete();
        let whole = places.clone().filter(|index| self.complete && !gap(index));
        let mut told_of: Vec<_> = places.filter(gap).chain(whole).take(self.steps).collect();
        told_of.sort_unstable();
        let mut steps: Vec<_> = told_of.into_iter().map(|at| brief.steps[at].clone()).collect();
        for step in &mut steps {
            step.missing.truncate(self.missing);
            step.missing.iter_mut().for_each(|text| *text = line(text));
        }
        told.left_out = brief.left_out + (brief.steps.len() - steps.len()) as u64;
        Brief { steps, ..told }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::brief, *};
    use crate::{bundle::Status, ticket::BriefStep};

    fn pair() -> (EnvelopeKey, Recipient) {
        let key = age::x25519::Identity::generate();
        let recipient = key.to_public().into();
        (EnvelopeKey(key), recipient)
    }

    #[test]
    fn a_note_that_fits_is_told_as_it_is() {
        let (key, recipient) = pair();
        let sealed = seal(&brief(), &recipient).unwrap();
        assert!(sealed.len() <= ENVELOPE && sealed.is_ascii());
        assert_eq!(open(&sealed, &key), Ok(brief()));
    }

    #[test]
    fn whatever_is_typed_and_missing_the_envelope_fits_and_tells_the_gaps_first() {
        // Nothing here can be compressed.
        let noise = |len: usize| -> String {
            (0..len).map(|_| char::from(rand::random_range(b'!'..b'~'))).collect()
        };
        let (key, recipient) = pair();
        let step = |index: u32, status| BriefStep {
            id: format!("step-{index}-{}", noise(8)),
            status,
            entries: rand::random(),
            bytes: rand::random(),
            missing: vec![noise(400); 3],
        };
        for size in [0, 10, 100, 1_000, 20_000] {
            let steps = (0..200).map(|index| match index % 4 {
                0 => step(index, Status::Denied),
                _ => step(index, Status::Complete),
            });
            let full = Brief {
                description: noise(size),
                contact: Some(noise(size)),
                ticket: Some(noise(size)),
                answers: (0..20).map(|_| (noise(10), noise(size))).collect(),
                steps: steps.collect(),
                ..brief()
            };
            let sealed = seal(&full, &recipient).unwrap();
            assert!(sealed.len() <= ENVELOPE, "{}", sealed.len());
            let told = open(&sealed, &key).unwrap();
            assert!(told.description.starts_with(&full.description[..size.min(29)]));
            assert_eq!(told.left_out, 200 - told.steps.len() as u64);
            assert!(told.steps.iter().all(|step| !step.status.is_complete()));
        }
    }

    #[test]
    fn what_cannot_be_opened_says_why() {
        let (key, recipient) = pair();
        let (other, _) = pair();
        let sealed = seal(&brief(), &recipient).unwrap();
        assert_eq!(open(&sealed, &other), Err(EnvelopeError::Foreign));
        for damaged in ["", "no base64!", "aGVsbG8=", &sealed[..sealed.len() - 40]] {
            assert_eq!(open(damaged, &key), Err(EnvelopeError::Damaged), "{damaged}");
        }
        let strange = encrypted(b"no note", &recipient).unwrap();
        assert_eq!(open(&STANDARD.encode(strange), &key), Err(EnvelopeError::Unknown));
    }

    #[test]
    fn a_bomb_in_an_envelope_does_no_harm() {
        let (key, recipient) = pair();
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&vec![b' '; 100 << 20]).unwrap();
        let bomb = encrypted(&packed.finish().unwrap(), &recipient).unwrap();
        assert_eq!(open(&STANDARD.encode(bomb), &key), Err(EnvelopeError::Unknown));
    }

    #[test]
    fn a_key_is_found_between_comments_and_never_shown() {
        assert!(EnvelopeKey::parse("# created\nno key\n").is_none());
        let key = age::x25519::Identity::generate();
        let text = age::secrecy::ExposeSecret::expose_secret(&key.to_string()).to_owned();
        assert!(EnvelopeKey::parse(&format!("# public key: …\n{text}\n")).is_some());
    }
}
