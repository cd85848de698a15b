//! Copies a tar archive member by member.

use super::{
    LeftOut,
    copy::{Copy, Halt},
};
use crate::names::Names;
use std::{
    io::{self, Read, Seek, Write},
    path::Path,
};
use tar::{Archive, Builder, Entry, EntryType, Header};
use tempfile::SpooledTempFile;

/// A member's header holds its size, which is known only when it is redacted: until then this much
/// of it waits in memory, and the rest in an unnamed file.
const IN_MEMORY: usize = 4 << 20;

impl Copy<'_> {
    /// Copies an archive. A member that cannot be redacted is left out of it.
    pub(super) fn archive(&mut self, input: impl Read, output: &mut dyn Write) -> Result<(), Halt> {
        let mut archive = Archive::new(input);
        let mut builder = Builder::new(output);
        let mut names = Names::default();
        let outer = self.path.clone();
        for member in archive.entries()? {
            let mut member = member?;
            let path = self.name(&member.path()?.to_string_lossy());
            let is_folder = member.header().entry_type().is_dir();
            let path = if is_folder { path } else { names.free(&path) };
            self.path = format!("{outer}!{path}");
            match self.member(&mut member, &path, &mut builder) {
                Err(Halt::LeftOut(reason)) => {
                    self.left_out.push(LeftOut { path: self.path.clone(), reason });
                }
                Err(Halt::Stopped) => return Err(Halt::Stopped),
                Ok(()) => {}
            }
        }
        self.path = outer;
        builder.into_inner()?;
        Ok(())
    }

    fn member<R: Read>(
        &mut self,
        member: &mut Entry<'_, R>,
        path: &str,
        builder: &mut Builder<&mut dyn Write>,
    ) -> Result<(), Halt> {
        let kind = member.header().entry_type();
        let mut header = plain(member.header());
        if kind.is_dir() {
            header.set_entry_type(EntryType::Directory);
            let path = path.trim_start_matches('/');
            return Ok(builder.append_data(&mut header, path, io::empty())?);
        }
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_entry_type(kind);
            let to = member.link_name()?.unwrap_or_default();
            let to = self.name(&to.to_string_lossy());
            return Ok(builder.append_link(&mut header, Path::new(path), Path::new(&to))?);
        }
        if !(kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse()) {
            return Err(Halt::LeftOut("it is a FIFO or a device".into()));
        }
        let mut redacted = SpooledTempFile::new(IN_MEMORY);
        self.stream(member, &mut redacted)?;
        header.set_size(redacted.stream_position()?);
        redacted.rewind()?;
        Ok(builder.append_data(&mut header, path, redacted)?)
    }
}

/// A header of our own for a member like this, without what else may stand in one.
fn plain(of: &Header) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_size(0);
    header.set_mode(of.mode().unwrap_or(0o600) & 0o7777);
    header.set_mtime(of.mtime().unwrap_or(0));
    header
}
