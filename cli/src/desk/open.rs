//! `collect-desk open`: a bundle becomes a folder, held to what its manifest says.

use super::{args::Open, voice::Voice};
use crate::{
    exit::{Exit, Failure},
    text,
};
use collect_core::{
    bundle::Manifest,
    units::Size,
    unseal::{KeyError, Keys, Unpacked, UnsealError, unpack, unseal},
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// How many faults are named; more are counted.
const NAMED: usize = 20;

/// Opens it, and says where it is now.
pub(super) fn open(wanted: &Open, voice: &Voice) -> Result<Exit, Failure> {
    let bundle = &wanted.bundle;
    let keys = keys(&wanted.key)?;
    let failed = |error: io::Error| {
        Failure::unusable(format!("cannot read `{}`: {error}", bundle.display()))
    };
    let file = File::open(bundle).map_err(failed)?;
    let archive = unseal(io::BufReader::new(file), &keys).map_err(|error| {
        let help = match &error {
            UnsealError::Foreign => {
                "name with `--key` the private key of one of its recipients; several may be named"
            }
            _ => "fetch it again; `collect-desk reports get` says whether it arrived whole",
        };
        Failure::unusable(format!("cannot open `{}`: {error}", bundle.display())).help(help)
    })?;
    let name = folder_name(bundle);
    let place = Place::make(&wanted.output, &name)?;
    let unpacked = unpack(archive, &place.partial, wanted.max_size.0).map_err(|error| {
        Failure::unusable(format!("cannot make `{}`: {error}", place.partial.display()))
    })?;
    let is_whole = unpacked.faults.is_empty();
    let shown = if is_whole { place.finish()? } else { place.partial };
    tell(&shown, &unpacked, voice);
    Ok(if is_whole { Exit::Complete } else { Exit::Left })
}

fn keys(files: &[PathBuf]) -> Result<Keys, Failure> {
    let mut keys = Keys::default();
    for file in files {
        // Whoever gives the key itself has shown it to enough others.
        let text = file.to_string_lossy();
        if text.contains("AGE-SECRET-KEY-") || text.contains("PRIVATE KEY") {
            return Err(Failure::unusable("`--key` was given a private key itself")
                .help("write it into a file that only you can read, and give the file's name"));
        }
        keys.add(file).map_err(|error| {
            let help = match error {
                KeyError::Locked => {
                    "take the passphrase off a copy (`ssh-keygen -p -f COPY`), or use `age -d`, which \
                     asks for it"
                }
                _ => "name the file that `age-keygen` made, or a private SSH key",
            };
            Failure::unusable(format!("`{}` is no key: {error}", file.display())).help(help)
        })?;
    }
    Ok(keys)
}

/// The bundle's own folder, from its file's name.
fn folder_name(bundle: &Path) -> String {
    let name = bundle.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let end = name.find(".tar.").unwrap_or(name.len());
    let stem = name[..end].trim_end_matches(".age");
    if stem.is_empty() { "bundle".to_owned() } else { stem.to_owned() }
}

/// Where the bundle's folder is made.
struct Place {
    partial: PathBuf,
    whole: PathBuf,
}

impl Place {
    fn make(output: &Path, name: &str) -> Result<Self, Failure> {
        let whole = output.join(name);
        let partial = output.join(format!("{name}.partial"));
        for there in [&whole, &partial] {
            if there.symlink_metadata().is_ok() {
                let message = format!("`{}` is there already", there.display());
                return Err(Failure::unusable(message)
                    .help("remove it, or choose another folder with `--output`"));
            }
        }
        fs::create_dir_all(output).map_err(|error| {
            Failure::unusable(format!("cannot make `{}`: {error}", output.display()))
                .help("choose another folder with `--output`")
        })?;
        Ok(Self { partial, whole })
    }

    fn finish(self) -> Result<PathBuf, Failure> {
        fs::rename(&self.partial, &self.whole).map_err(|error| {
            let (from, to) = (self.partial.display(), self.whole.display());
            Failure::unusable(format!("cannot rename `{from}` to `{to}`: {error}"))
        })?;
        Ok(self.whole)
    }
}

/// Says where it is, what it is, and what is wrong or missing.
fn tell(folder: &Path, unpacked: &Unpacked, voice: &Voice) {
    let (entries, bytes) = (unpacked.entries, Size(unpacked.bytes));
    let manifest = unpacked.manifest.as_ref();
    let gaps = manifest.into_iter().flat_map(|manifest| &manifest.steps);
    let gaps: Vec<_> = gaps.filter(|step| !step.status.is_complete()).collect();
    if voice.json {
        let gaps: BTreeMap<_, _> = gaps.iter().map(|step| (&step.id, step.status)).collect();
        voice.object(&json!({
            "event": "opened", "folder": folder, "entries": entries, "bytes": bytes.0,
            "gaps": gaps, "faults": unpacked.faults,
        }));
        return;
    }
    voice.line(&folder.display().to_string());
    if let Some(Manifest { product, host, started, .. }) = manifest {
        let at = started.strftime("%Y-%m-%d %H:%M:%SZ");
        voice.say(&format!("{product} on {}, {}, {at}", host.name, host.os));
    }
    voice.say(&format!("{}, {bytes}", text::count(entries, "file")));
    for step in gaps {
        let said = step.notes.first().map(|note| text::one_line(&note.text)).unwrap_or_default();
        voice.say(&format!("  {:<16} {:<11} {said}", step.id, step.status.word()));
    }
    for fault in unpacked.faults.iter().take(NAMED) {
        voice.warn(&text::one_line(fault));
    }
    if let Some(more @ 1..) = unpacked.faults.len().checked_sub(NAMED) {
        voice.warn(&format!("and {}", text::count(more, "more fault")));
    }
}
