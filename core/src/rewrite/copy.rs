//! Copies one file through redaction, and what is compressed in it through compression again.

use super::{
    LeftOut,
    carrier::closed,
    learning::{Mender, Room, Traces},
    preview::Preview,
    widen::Widen,
};
use crate::{
    gather::add,
    inside::{Codec, DEEPEST, Form, HEAD, Wide},
    redact::{Counts, Left, Piece, Redaction, ScrubError, Scrubbed, learnt::Needles},
};
use bzip2::{read::MultiBzDecoder, write::BzEncoder};
use flate2::{read::MultiGzDecoder, write::GzEncoder};
use rayon::prelude::*;
use std::{
    cell::Cell,
    io::{self, Read, Write},
    sync::atomic::{AtomicBool, Ordering},
};
use xz2::{read::XzDecoder, write::XzEncoder};

/// How much is read at once.
const CHUNK: usize = 256 << 10;

/// How much is redacted at once, on all processors.
const BATCH: usize = 4 << 20;

/// What was decompressed to more than this …
const LARGE: u64 = 1 << 30;

/// … and is so many times what it was, is made to keep us busy.
const RATIO: u64 = 200;

/// Above these, time grows faster than the gain.
const XZ_PRESET: u32 = 3;
const ZSTD_LEVEL: i32 = 3;

/// What all copies use.
pub(super) struct Tools<'t> {
    pub(super) redaction: &'t Redaction,
    pub(super) pool: &'t rayon::ThreadPool,
    pub(super) stop: &'t AtomicBool,
    /// What was learnt, once all is.
    pub(super) needles: Option<&'t Needles>,
    pub(super) room: Room,
}

/// Why a copy did not come to its end.
#[derive(Debug)]
pub(super) enum Halt {
    /// It must not be used, for this reason.
    LeftOut(String),
    /// The work was stopped.
    Stopped,
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Self::LeftOut(format!("it cannot be read: {error}"))
    }
}

impl From<ScrubError> for Halt {
    fn from(error: ScrubError) -> Self {
        Self::LeftOut(error.to_string())
    }
}

impl From<Left> for Halt {
    fn from(left: Left) -> Self {
        Self::LeftOut(left.to_string())
    }
}

/// The copy of one file.
pub(super) struct Copy<'c> {
    pub(super) tools: &'c Tools<'c>,
    /// The path of the file, or of the member of an archive that is being copied.
    pub(super) path: String,
    pub(super) bytes: u64,
    pub(super) counts: Counts,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) preview: Option<Preview>,
    pub(super) depth: usize,
    /// What may be in what came out.
    pub(super) traces: Traces,
}

impl<'c> Copy<'c> {
    pub(super) fn new(tools: &'c Tools<'c>, path: &str, preview: Option<Preview>) -> Self {
        Self {
            tools,
            path: path.to_owned(),
            bytes: 0,
            counts: Counts::new(),
            left_out: Vec::new(),
            preview,
            depth: 0,
            traces: Traces::default(),
        }
    }

    /// A name in an archive, redacted.
    pub(super) fn name(&mut self, name: &str) -> String {
        let Tools { redaction, needles, room, .. } = self.tools;
        let name = redaction.text(name);
        self.traces.add(name.as_bytes(), redaction, room);
        needles.map_or_else(|| name.clone(), |needles| needles.text(&name))
    }

    /// Copies all of a stream.
    pub(super) fn stream(
        &mut self,
        input: &mut dyn Read,
        output: &mut dyn Write,
    ) -> Result<(), Halt> {
        let mut head = Vec::with_capacity(HEAD);
        input.take(HEAD as u64).read_to_end(&mut head)?;
        let form = Form::of(&head);
        let mark = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
        let closed = closed(&head);
        let mut input = head.chain(input);
        if form == Form::Plain {
            return match closed {
                Some(what) => Err(Halt::LeftOut(format!("it is {what}"))),
                None => self.text(&mut input, output),
            };
        }
        if self.depth == DEEPEST {
            let reason = format!("it lies in {DEEPEST} compressions or archives");
            return Err(Halt::LeftOut(reason));
        }
        self.depth += 1;
        let ended = self.carried(form, mark, &mut input, output);
        self.depth -= 1;
        ended
    }

    fn carried(
        &mut self,
        form: Form,
        mark: bool,
        input: &mut dyn Read,
        output: &mut dyn Write,
    ) -> Result<(), Halt> {
        let taken = Cell::new(0);
        let input = Counted { inner: input, taken: &taken };
        let bounded = |inner| Bounded { inner, given: 0, taken: &taken };
        match form {
            Form::Compressed(Codec::Gzip) => {
                let mut decoder = MultiGzDecoder::new(input);
                let mut encoder = GzEncoder::new(output, flate2::Compression::default());
                self.stream(&mut bounded(&mut decoder), &mut encoder)?;
                encoder.finish()?;
            }
            Form::Compressed(Codec::Xz) => {
                let mut decoder = XzDecoder::new_multi_decoder(input);
                let mut encoder = XzEncoder::new(output, XZ_PRESET);
                self.stream(&mut bounded(&mut decoder), &mut encoder)?;
                encoder.finish()?;
            }
            Form::Compressed(Codec::Zstandard) => {
                let mut decoder = zstd::Decoder::new(input)?;
                let mut encoder = zstd::Encoder::new(output, ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                self.stream(&mut bounded(&mut decoder), &mut encoder)?;
                encoder.finish()?;
            }
            Form::Compressed(Codec::Bzip2) => {
                let mut decoder = MultiBzDecoder::new(input);
                let mut encoder = BzEncoder::new(output, bzip2::Compression::default());
                self.stream(&mut bounded(&mut decoder), &mut encoder)?;
                encoder.finish()?;
            }
            Form::Archive => self.archive(input, output)?,
            Form::Wide(endian) => {
                let mut wide = Wide::new(input, endian);
                let mut widen = Widen::new(output, endian, mark)?;
                self.text(&mut wide, &mut widen)?;
                widen.finish()?;
            }
            Form::Plain => return self.text(&mut { input }, output),
        }
        Ok(())
    }

    fn text(&mut self, input: &mut dyn Read, output: &mut dyn Write) -> Result<(), Halt> {
        if let Some(preview) = &mut self.preview {
            preview.begin();
        }
        let mut cutter = self.tools.redaction.cutter_for(&self.path);
        let mut mender = self.tools.needles.map(Mender::new);
        loop {
            let (mut pieces, mut held) = (Vec::new(), 0);
            let mut ended = false;
            while held < BATCH && !ended {
                if self.tools.stop.load(Ordering::Relaxed) {
                    return Err(Halt::Stopped);
                }
                let mut chunk = self.tools.redaction.buffer(CHUNK);
                input.take(CHUNK as u64).read_to_end(&mut chunk)?;
                ended = chunk.is_empty();
                self.bytes += chunk.len() as u64;
                if let Some(preview) = &mut self.preview {
                    preview.original(&chunk);
                }
                let piece = if ended { None } else { cutter.push(chunk)? };
                held += piece.as_ref().map_or(0, Piece::len);
                pieces.extend(piece);
            }
            if ended {
                pieces.extend(cutter.finish()?);
                self.scrub(pieces, &mut mender, output)?;
                if let Some(mender) = mender {
                    self.put(mender.finish(), output)?;
                }
                if let Some(preview) = &mut self.preview {
                    preview.end();
                }
                return Ok(());
            }
            self.scrub(pieces, &mut mender, output)?;
        }
    }

    fn scrub(
        &mut self,
        pieces: Vec<Piece>,
        mender: &mut Option<Mender<'_>>,
        output: &mut dyn Write,
    ) -> Result<(), Halt> {
        let Tools { redaction, pool, .. } = self.tools;
        let scrub = |piece| -> Result<Scrubbed, Halt> {
            let scrubbed = redaction.scrub(piece)?;
            redaction.prove(&scrubbed.bytes)?;
            Ok(scrubbed)
        };
        let scrubbed: Result<Vec<Scrubbed>, Halt> = if pieces.len() < 2 {
            pieces.into_iter().map(scrub).collect()
        } else {
            pool.install(|| pieces.into_par_iter().map(scrub).collect())
        };
        for Scrubbed { bytes, counts } in scrubbed? {
            add(&mut self.counts, &counts);
            let clear = match mender {
                Some(mender) => mender.push(&bytes),
                None => Scrubbed { bytes, ..Scrubbed::default() },
            };
            self.put(clear, output)?;
        }
        if let Some(preview) = &mut self.preview {
            preview.compare();
        }
        Ok(())
    }

    /// Writes what is clear of everything known.
    fn put(&mut self, mended: Scrubbed, output: &mut dyn Write) -> Result<(), Halt> {
        let Tools { redaction, needles, room, .. } = self.tools;
        let Scrubbed { bytes, counts } = mended;
        if let Some(needles) = needles {
            needles.prove(&bytes)?;
        } else if self.depth == 0 {
            self.traces.searchable();
        } else if self.preview.is_none() {
            self.traces.add(&bytes, redaction, room);
        }
        output.write_all(&bytes)?;
        add(&mut self.counts, &counts);
        if let Some(preview) = &mut self.preview {
            preview.redacted(&bytes);
        }
        redaction.spare(bytes);
        Ok(())
    }
}

/// Counts what is taken from a reader.
struct Counted<'r> {
    inner: &'r mut dyn Read,
    taken: &'r Cell<u64>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.taken.set(self.taken.get() + count as u64);
        Ok(count)
    }
}

/// Fails when far more comes out of a decompressor than any text is compressed to.
struct Bounded<'r> {
    inner: &'r mut dyn Read,
    given: u64,
    taken: &'r Cell<u64>,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.given += count as u64;
        if self.given > LARGE && self.given / RATIO > self.taken.get() {
            let text = format!("it holds more than {RATIO} times what it takes");
            return Err(io::Error::other(text));
        }
        Ok(count)
    }
}
