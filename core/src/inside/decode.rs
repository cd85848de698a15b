//! Undoes compression while reading, within bounds: memory is limited, and so is what little data
//! may become.

use super::form::Codec;
use crate::host::Deadline;
use std::{
    cell::{Cell, RefCell},
    io::{self, BufReader, ErrorKind, Read},
    rc::Rc,
};
use xz2::stream::{CONCATENATED, Stream};

/// What a decoder of xz may take: as much as the highest preset needs.
const XZ_MEMORY: u64 = 66 << 20;

/// The largest window of Zstandard, as a power of two: 64 MiB, eight times that of its highest
/// ordinary level.
const ZSTD_WINDOW: u32 = 26;

/// So much may come out whatever went in.
const FREE: u64 = 16 << 20;

/// Beyond that, so many bytes may come out for one that went in. Logs stay far below it; what is
/// made to fill disks reaches a thousand and more.
const RATIO: u64 = 200;

/// What is asked of a decoder at once. Where the data is damaged, a decoder loses what it had
/// decoded for the same call.
const CHUNK: usize = 4 << 10;

/// What was read of one file and what was decoded from it, in all layers.
#[derive(Debug, Default)]
pub(super) struct Meter {
    read: Cell<u64>,
    made: Cell<u64>,
}

impl Meter {
    fn is_over(&self) -> bool {
        let allowed = self.read.get().saturating_mul(RATIO).saturating_add(FREE);
        self.made.get() > allowed
    }
}

/// Why something ended before its end.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    /// The host refused to go on.
    Host(ErrorKind, String),
    /// The deadline passed.
    Late,
    /// What is there cannot be decoded, or should not be.
    Inside(String),
}

/// Where the trouble of one layer is kept.
pub(super) type Slot = Rc<RefCell<Option<Trouble>>>;

/// The file itself: counts, and keeps the deadline.
pub(super) struct Bottom<'r> {
    pub(super) from: &'r mut dyn Read,
    pub(super) deadline: &'r Deadline,
    pub(super) meter: Rc<Meter>,
    pub(super) trouble: Slot,
}

impl Read for Bottom<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.trouble.borrow().is_some() {
            return Ok(0);
        }
        let trouble = if self.deadline.passed() {
            Trouble::Late
        } else {
            match self.from.read(buffer) {
                Ok(count) => {
                    self.meter.read.set(self.meter.read.get() + count as u64);
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
                Err(error) => Trouble::Host(error.kind(), error.to_string()),
            }
        };
        *self.trouble.borrow_mut() = Some(trouble);
        Ok(0)
    }
}

/// What comes out of a decoder. An error is an end, and is remembered.
pub(super) struct Decoded<'r> {
    decoder: Box<dyn Read + 'r>,
    codec: Codec,
    meter: Rc<Meter>,
    trouble: Slot,
}

impl<'r> Decoded<'r> {
    pub(super) fn new(from: &'r mut dyn Read, codec: Codec, meter: Rc<Meter>) -> Self {
        let trouble = Slot::default();
        let decoder = decoder(from, codec).unwrap_or_else(|error| {
            *trouble.borrow_mut() = Some(damage(codec, &error));
            Box::new(io::empty())
        });
        Self { decoder, codec, meter, trouble }
    }

    /// Where trouble will be said.
    pub(super) fn trouble(&self) -> Slot {
        Rc::clone(&self.trouble)
    }
}

impl Read for Decoded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.trouble.borrow().is_some() {
            return Ok(0);
        }
        let trouble = if self.meter.is_over() {
            let text = format!("more than {RATIO} times what was read came out of it");
            Trouble::Inside(text)
        } else {
            let len = buffer.len().min(CHUNK);
            match self.decoder.read(&mut buffer[..len]) {
                Ok(count) => {
                    self.meter.made.set(self.meter.made.get() + count as u64);
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
                Err(error) => damage(self.codec, &error),
            }
        };
        *self.trouble.borrow_mut() = Some(trouble);
        Ok(0)
    }
}

fn damage(codec: Codec, error: &io::Error) -> Trouble {
    let name = codec.name();
    Trouble::Inside(match error.kind() {
        ErrorKind::UnexpectedEof => format!("its {name} data ends too early"),
        _ => format!("its {name} data cannot be decompressed further: {error}"),
    })
}

fn decoder<'r>(from: &'r mut dyn Read, codec: Codec) -> io::Result<Box<dyn Read + 'r>> {
    let from = BufReader::with_capacity(32 << 10, from);
    Ok(match codec {
        Codec::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(from)),
        Codec::Xz => {
            let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?;
            Box::new(xz2::bufread::XzDecoder::new_stream(from, stream))
        }
        Codec::Zstandard => {
            let mut decoder = zstd::Decoder::with_buffer(from)?;
            decoder.window_log_max(ZSTD_WINDOW)?;
            Box::new(decoder)
        }
        Codec::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(from)),
    })
}
