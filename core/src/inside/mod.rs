//! Looks inside files: what is compressed, archived or in UTF-16 is stored as plain text, since
//! redaction sees nothing otherwise, and neither does a reader.
//!
//! A file is read once, from its beginning, and decoded on the way; memory does not depend on what
//! is in it. Whatever it claims, it gives at most [`DEEPEST`] layers, and not much more than was
//! read. What was decoded before damage is kept, and said to be cut.

mod archive;
mod decode;
mod form;
#[cfg(test)]
mod tests;
mod wide;

use crate::{
    CollectError, Output,
    bundle::NoteKind,
    files::Dates,
    stamp::{Filter, Filtered, SAMPLE},
};
use archive::{Member, MemberKind, Members};
use decode::{Bottom, Decoded, Meter, Slot, Trouble};
use jiff::Timestamp;
use std::{
    cell::Cell,
    fmt,
    io::{self, ErrorKind, Read},
    path::PathBuf,
    rc::Rc,
};
pub(crate) use wide::Wide;

pub use form::{Codec, Endian, Form, HEAD};

/// How many compressions and archives are opened that lie in one another.
pub const DEEPEST: usize = 4;

/// How many members of the archives in one file are looked at.
const MOST_MEMBERS: usize = 20_000;

/// What is known of something that is about to be opened.
#[derive(Clone)]
struct Carrier {
    /// Its name in the step's folder, as it is.
    name: String,
    /// Its name as far as it was decompressed.
    plain: String,
    source: String,
    modified: Option<Timestamp>,
    /// What was undone, the outermost first.
    decoded: Vec<&'static str>,
    depth: usize,
    /// The trouble of every layer, the outermost first: what follows from it is not said.
    troubles: Vec<Slot>,
    meter: Rc<Meter>,
    members: Rc<Cell<usize>>,
    /// Of which lines of it only those of a time of interest are stored.
    dates: Option<Rc<Dates>>,
}

impl Output<'_> {
    /// Stores what stands in a file: as one entry, or, if it is an archive, one of each member.
    pub(crate) fn unfold(
        &mut self,
        from: &mut dyn Read,
        name: &str,
        source: &str,
        modified: Option<Timestamp>,
        dates: Option<Rc<Dates>>,
    ) -> Result<(), CollectError> {
        let meter = Rc::<Meter>::default();
        let trouble = Slot::default();
        let carrier = Carrier {
            name: name.to_owned(),
            plain: name.to_owned(),
            source: source.to_owned(),
            modified,
            decoded: Vec::new(),
            depth: 0,
            troubles: vec![Rc::clone(&trouble)],
            meter: Rc::clone(&meter),
            members: Rc::default(),
            dates,
        };
        let deadline = self.deadline();
        self.open(&mut Bottom { from, deadline, meter, trouble }, carrier)
    }

    fn open(&mut self, from: &mut dyn Read, mut carrier: Carrier) -> Result<(), CollectError> {
        let mut from = Peeked::new(from);
        match (Form::of(&from.head), carrier.trouble()) {
            (_, Some(trouble)) if from.head.is_empty() && carrier.depth > 0 => {
                self.left_out(&carrier, &trouble)
            }
            (Form::Compressed(_) | Form::Archive, _) if carrier.depth == DEEPEST => {
                let text = format!("left out: it lies in {DEEPEST} compressions or archives");
                self.noted(NoteKind::Dropped, &carrier.source, &text);
                Ok(())
            }
            (Form::Compressed(codec), _) => {
                let mut decoded = Decoded::new(&mut from, codec, Rc::clone(&carrier.meter));
                carrier.enter(codec.name(), decoded.trouble());
                carrier.plain = codec.stripped(&carrier.plain);
                self.open(&mut decoded, carrier)
            }
            (Form::Archive, _) => self.open_members(&mut from, &carrier),
            (Form::Wide(endian), _) => {
                let trouble = Slot::default();
                carrier.enter(endian.name(), Rc::clone(&trouble));
                let mut quiet = Quiet { from: Wide::new(from, endian), trouble };
                self.store(&mut quiet, &carrier)?;
                let replaced = quiet.from.replaced();
                if replaced > 0 {
                    let source = &carrier.source;
                    self.note(&format!(
                        "`{source}`: {replaced} sequences that are no UTF-16 became U+FFFD"
                    ));
                }
                Ok(())
            }
            (Form::Plain, _) => self.store(&mut from, &carrier),
        }
    }

    fn store(&mut self, from: &mut dyn Read, carrier: &Carrier) -> Result<(), CollectError> {
        let Some(dates) = &carrier.dates else {
            return self.store_all(from, carrier);
        };
        let mut from = Peeked::up_to(SAMPLE, from);
        let origin = self.origin(carrier.modified);
        let path = PathBuf::from(&carrier.source);
        let Some((within, stamps)) = dates.read(&from.head, &origin, &path) else {
            if carrier.depth > 0 && dates.is_too_old(carrier.modified) {
                dates.left_out();
                return Ok(());
            }
            return self.store_all(&mut from, carrier);
        };
        let mut kept = Filtered::new(&mut from, Filter::new(within, stamps));
        if !kept.has_any() && carrier.trouble().is_none() {
            dates.left_out();
            return Ok(());
        }
        self.store_all(&mut kept, carrier)
    }

    fn store_all(&mut self, from: &mut dyn Read, carrier: &Carrier) -> Result<(), CollectError> {
        let origin = carrier.dates.as_ref().map(|_| self.origin(carrier.modified));
        let mut entry = self.entry(&carrier.plain, &carrier.source, carrier.modified)?;
        if let Some(origin) = origin {
            entry.dated(origin);
        }
        entry.decoded_from(&carrier.decoded);
        entry.copy(from)?;
        let trouble = carrier.trouble();
        if let Some(trouble) = &trouble {
            entry.tear(&format!("cut here: {trouble}"));
        }
        entry.end()?;
        match trouble {
            Some(Trouble::Host(kind, text)) => {
                self.failed(&carrier.source, &io::Error::new(kind, text));
                Ok(())
            }
            Some(Trouble::Late) => Err(CollectError::Stopped),
            Some(Trouble::Inside(_)) | None => Ok(()),
        }
    }

    fn left_out(&mut self, carrier: &Carrier, trouble: &Trouble) -> Result<(), CollectError> {
        if let Trouble::Late = trouble {
            return Err(CollectError::Stopped);
        }
        self.noted(NoteKind::Failed, &carrier.source, &format!("left out: {trouble}"));
        Ok(())
    }

    fn open_members(&mut self, from: &mut dyn Read, carrier: &Carrier) -> Result<(), CollectError> {
        let mut members = Members::new(from);
        let mut others = Vec::new();
        let trouble = loop {
            let member = match members.next() {
                Ok(Some(member)) => member,
                Ok(None) => break carrier.trouble(),
                Err(error) => {
                    let own = || Trouble::Inside(error.to_string());
                    break Some(carrier.trouble().unwrap_or_else(own));
                }
            };
            if self.budget() == 0 {
                break Some(Trouble::Inside("the size limit of the step is reached".into()));
            }
            carrier.members.set(carrier.members.get() + 1);
            if carrier.members.get() > MOST_MEMBERS {
                break Some(Trouble::Inside(format!("more than {MOST_MEMBERS} members")));
            }
            let mut other = |what: &str| {
                let source = &carrier.source;
                others.push(format!("`{source}: {}` is {what}: not stored", member.path));
            };
            match &member.kind {
                MemberKind::File => {
                    let trouble = Slot::default();
                    let child = carrier.child(&member, Rc::clone(&trouble));
                    self.open(&mut Quiet { from: &mut members, trouble }, child)?;
                }
                MemberKind::Folder => {}
                MemberKind::Link(to) => other(&format!("a link to `{to}`")),
                MemberKind::Other(what) => other(what),
            }
        };
        self.note_some(&others, "more members of it are no files");
        match trouble {
            None => Ok(()),
            Some(Trouble::Late) => Err(CollectError::Stopped),
            Some(Trouble::Host(kind, text)) => {
                self.failed(&carrier.source, &io::Error::new(kind, text));
                Ok(())
            }
            Some(Trouble::Inside(text)) => {
                self.truncated(&carrier.source, &format!("the rest of it left out: {text}"));
                Ok(())
            }
        }
    }
}

impl Carrier {
    fn enter(&mut self, what: &'static str, trouble: Slot) {
        self.decoded.push(what);
        self.troubles.push(trouble);
        self.depth += 1;
    }

    fn child(&self, member: &Member, trouble: Slot) -> Self {
        let name = format!("{}/{}", self.name, member.path);
        let mut child = Self {
            plain: name.clone(),
            name,
            source: format!("{}: {}", self.source, member.path),
            modified: member.modified,
            ..self.clone()
        };
        child.enter("tar", trouble);
        child
    }

    /// The outermost trouble.
    fn trouble(&self) -> Option<Trouble> {
        self.troubles.iter().find_map(|trouble| trouble.borrow().clone())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(_, text) | Self::Inside(text) => out.write_str(text),
            Self::Late => out.write_str("stopped at the deadline"),
        }
    }
}

/// A reader whose first bytes were looked at.
struct Peeked<'r> {
    head: Vec<u8>,
    at: usize,
    from: &'r mut dyn Read,
}

impl<'r> Peeked<'r> {
    /// Looks at the first bytes. What is below gives no errors, but an end.
    fn new(from: &'r mut dyn Read) -> Self {
        Self::up_to(HEAD, from)
    }

    fn up_to(length: usize, from: &'r mut dyn Read) -> Self {
        let mut head = Vec::new();
        _ = (&mut *from).take(length as u64).read_to_end(&mut head);
        Self { head, at: 0, from }
    }
}

impl Read for Peeked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.head[self.at..];
        if rest.is_empty() {
            return self.from.read(buffer);
        }
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

/// A reader whose errors are an end, and are remembered.
struct Quiet<R> {
    from: R,
    trouble: Slot,
}

impl<R: Read> Read for Quiet<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.trouble.borrow().is_some() {
            return Ok(0);
        }
        match self.from.read(buffer) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                *self.trouble.borrow_mut() = Some(Trouble::Inside(error.to_string()));
                Ok(0)
            }
            result => result,
        }
    }
}
