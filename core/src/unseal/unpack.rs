//! Unpacks the archive of a bundle, and holds it to its manifest.

use super::Archive;
use crate::bundle::Manifest;
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Component, Path},
};

/// The entry that says what the others are.
const MANIFEST: &str = "manifest.json";

/// The largest manifest that is read.
const MANIFEST_BYTES: u64 = 256 << 20;

/// What was unpacked, and what is wrong with it.
#[derive(Default)]
pub struct Unpacked {
    /// How many entries there are.
    pub entries: usize,
    /// Their bytes.
    pub bytes: u64,
    /// What the bundle says of itself, if that can be read.
    pub manifest: Option<Manifest>,
    /// What is damaged, missing or not in the manifest, in words; nothing if the bundle is whole.
    pub faults: Vec<String>,
}

/// Unpacks an archive into `folder`, which is made and must not be there: plain files that only
/// their owner may read, without the bundle's own folder, at most `most` bytes of them.
///
/// # Errors
///
/// The folder cannot be made. Whatever is wrong with the archive is a fault.
pub fn unpack(mut archive: Archive<'_>, folder: &Path, most: u64) -> io::Result<Unpacked> {
    private().recursive(false).create(folder)?;
    let mut unpacking = Unpacking { left: most, ..Unpacking::default() };
    let read = archive
        .entries()
        .and_then(|mut entries| entries.try_for_each(|entry| unpacking.entry(entry?, folder)));
    // What is behind the archive's end has to be authentic as well: it may be cut there.
    let rest = || io::copy(&mut archive.into_inner().take(unpacking.left), &mut io::sink());
    let broken = read.and_then(|()| rest().map(|_| ())).err();
    Ok(unpacking.finish(folder, broken))
}

/// Folders that only their owner may look into.
fn private() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

#[derive(Default)]
struct Unpacking {
    /// Size and digest of each, by its path in the bundle.
    entries: BTreeMap<String, (u64, String)>,
    faults: Vec<String>,
    /// The folder that all entries are in.
    root: Option<String>,
    /// How many bytes may still be unpacked.
    left: u64,
}

impl Unpacking {
    /// Unpacks one entry. An error ends it all; what is only odd is noted.
    fn entry<R: Read>(&mut self, mut entry: tar::Entry<'_, R>, folder: &Path) -> io::Result<()> {
        let size = entry.size();
        // Also what is not unpacked has to be read.
        let left = self.left.checked_sub(size);
        self.left = left.ok_or_else(|| io::Error::other("more is in it than may be unpacked"))?;
        let path = match self.path_of(&entry) {
            Ok(path) => path,
            Err(fault) => {
                self.faults.push(fault);
                return Ok(());
            }
        };
        let target = folder.join(&path);
        private().recursive(true).create(target.parent().unwrap_or(folder))?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&target)?;
        let digest = copy(&mut entry, &mut file)?;
        self.entries.insert(path, (size, digest));
        Ok(())
    }

    /// The path of an entry within the bundle, or why it is not unpacked.
    fn path_of<R: Read>(&mut self, entry: &tar::Entry<'_, R>) -> Result<String, String> {
        let written = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let Some((root, path)) = inside(&written) else {
            return Err(format!("`{written}` is no path within the bundle"));
        };
        if !entry.header().entry_type().is_file() {
            return Err(format!("`{written}` is no plain file"));
        }
        if *self.root.get_or_insert_with(|| root.clone()) != root {
            return Err(format!("`{written}` is in another folder than the rest"));
        }
        if self.entries.contains_key(&path) {
            return Err(format!("`{path}` is there twice"));
        }
        Ok(path)
    }

    /// Holds what is there to the manifest.
    fn finish(mut self, folder: &Path, broken: Option<io::Error>) -> Unpacked {
        if let Some(error) = broken {
            self.faults.push(format!("it breaks off: {error}"));
        }
        let manifest = File::open(folder.join(MANIFEST)).and_then(|file| {
            let mut text = Vec::new();
            file.take(MANIFEST_BYTES).read_to_end(&mut text)?;
            Ok(serde_json::from_slice::<Manifest>(&text)?)
        });
        match &manifest {
            Ok(manifest) => self.compare(manifest),
            Err(error) => self.faults.push(format!("it has no manifest that can be read: {error}")),
        }
        Unpacked {
            entries: self.entries.len(),
            bytes: self.entries.values().map(|(size, _)| size).sum(),
            manifest: manifest.ok(),
            faults: self.faults,
        }
    }

    fn compare(&mut self, manifest: &Manifest) {
        let mut unknown: BTreeSet<_> = self.entries.keys().cloned().collect();
        unknown.remove(MANIFEST);
        for record in &manifest.entries {
            let path = &record.path;
            unknown.remove(path);
            match self.entries.get(path) {
                None => self.faults.push(format!("`{path}` is missing")),
                Some((size, sha256)) if (*size, sha256) != (record.size, &record.sha256) => {
                    self.faults.push(format!("`{path}` is not what the manifest says"));
                }
                Some(_) => {}
            }
        }
        let unknown = unknown.into_iter().map(|path| format!("`{path}` is not in the manifest"));
        self.faults.extend(unknown);
    }
}

/// The bundle's folder and the path within it; none if it leads anywhere else.
fn inside(written: &str) -> Option<(String, String)> {
    let parts: Option<Vec<_>> = Path::new(written)
        .components()
        .map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    let (root, rest) = parts.as_deref()?.split_first()?;
    (!rest.is_empty()).then(|| ((*root).to_owned(), rest.join("/")))
}

/// Copies, and gives the SHA-256 of what was copied in hexadecimal.
fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<String> {
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 64 << 10]);
    loop {
        match from.read(&mut buffer)? {
            0 => break,
            len => {
                digest.update(&buffer[..len]);
                to.write_all(&buffer[..len])?;
            }
        }
    }
    Ok(digest.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        _ = write!(text, "{byte:02x}");
        text
    }))
}
