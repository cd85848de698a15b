//! Undoes compression while reading, within bounds: memory is limited, and so is what little data
//! may become.

use super::form::Codec;
use crate::host::Deadline;
use flate2::bufread::GzDecoder;
use std::{
    cell::{Cell, RefCell},
    io::{self, BufRead, BufReader, ErrorKind, Read},
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
        let decoder = codec.decoder(from).unwrap_or_else(|error| {
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

impl Codec {
    /// What is compressed like this, decompressed while it is read: all members or frames that
    /// follow one another, in bounded memory. How much comes out is not bounded.
    ///
    /// # Errors
    ///
    /// Returns that of a decoder which could not be made.
    pub fn decoder<'r>(self, from: impl Read + 'r) -> io::Result<Box<dyn Read + 'r>> {
        let from = BufReader::with_capacity(32 << 10, from);
        Ok(match self {
            Self::Gzip => Box::new(GzipMembers(Some(GzDecoder::new(from)))),
            Self::Xz => {
                let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?;
                Box::new(xz2::bufread::XzDecoder::new_stream(from, stream))
            }
            Self::Zstandard => {
                let mut decoder = zstd::Decoder::with_buffer(from)?;
                decoder.window_log_max(ZSTD_WINDOW)?;
                Box::new(decoder)
            }
            Self::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(from)),
        })
    }
}

/// The members of a gzip file, one after the other. NULs behind one are padding, as tapes leave it,
/// and file systems that lost their power.
struct GzipMembers<R>(Option<GzDecoder<R>>);

impl<R: BufRead> Read for GzipMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.0 {
            let count = decoder.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let from = self.0.take().map(GzDecoder::into_inner);
            self.0 = from.map(past_padding).transpose()?.flatten().map(GzDecoder::new);
        }
        Ok(0)
    }
}

/// The reader past its NULs, if something follows them.
fn past_padding<R: BufRead>(mut from: R) -> io::Result<Option<R>> {
    loop {
        let bytes = from.fill_buf()?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let nuls = bytes.iter().take_while(|&&byte| byte == 0).count();
        let is_over = nuls < bytes.len();
        from.consume(nuls);
        if is_over {
            return Ok(Some(from));
        }
    }
}
