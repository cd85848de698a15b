//! Opens bundles as anyone with the key would: with the stock `age` and `tar`.

use super::{files_below, output};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// A key pair of age, made by `age-keygen`.
pub(crate) struct KeyPair {
    folder: TempDir,
    /// The public key, as a profile has it.
    pub(crate) recipient: String,
}

impl KeyPair {
    /// Makes one.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.txt");
        output("age-keygen", ["-o", file.to_str().unwrap()]);
        let recipient = output("age-keygen", ["-y", file.to_str().unwrap()]);
        Self { recipient: String::from_utf8(recipient).unwrap().trim().to_owned(), folder }
    }

    /// The file with the private key.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("key.txt")
    }
}

/// An opened bundle.
pub(crate) struct Bundle {
    folder: TempDir,
    root: PathBuf,
    /// `manifest.json`.
    pub(crate) manifest: Value,
}

impl Bundle {
    /// Opens a bundle with `age -d -i KEY BUNDLE | tar xJ`.
    pub(crate) fn open(bundle: &Path, key: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plain = decrypt(bundle, key);
        let compressed = folder.path().join("bundle");
        fs::write(&compressed, plain).unwrap();
        let unpacked = folder.path().join("unpacked");
        fs::create_dir(&unpacked).unwrap();
        let flag = if bundle.to_string_lossy().ends_with(".zst.age") { "--zstd" } else { "-J" };
        output(
            "tar",
            [
                "-x".as_ref(),
                flag.as_ref(),
                "-C".as_ref(),
                unpacked.as_os_str(),
                "-f".as_ref(),
                compressed.as_os_str(),
            ],
        );
        let mut roots: Vec<_> = fs::read_dir(&unpacked).unwrap().flatten().collect();
        assert_eq!(roots.len(), 1, "one folder at the top: {roots:?}");
        let root = roots.remove(0).path();
        let manifest = fs::read(root.join("manifest.json")).unwrap();
        Self { manifest: serde_json::from_slice(&manifest).unwrap(), folder, root }
    }

    /// The decrypted archive, still compressed.
    pub(crate) fn compressed(&self) -> PathBuf {
        self.folder.path().join("bundle")
    }

    /// The folder of the bundle: its name.
    pub(crate) fn name(&self) -> String {
        self.root.file_name().unwrap().to_string_lossy().into()
    }

    /// The content of an entry, by its path below the bundle's folder.
    #[track_caller]
    pub(crate) fn read(&self, entry: &str) -> Vec<u8> {
        fs::read(self.root.join(entry))
            .unwrap_or_else(|error| panic!("{entry}: {error}; there is {:#?}", self.entries()))
    }

    /// The content of an entry as text.
    #[track_caller]
    pub(crate) fn text(&self, entry: &str) -> String {
        String::from_utf8(self.read(entry)).unwrap()
    }

    /// The paths of all files in the bundle, sorted.
    pub(crate) fn entries(&self) -> Vec<String> {
        files_below(&self.root)
            .iter()
            .map(|file| file.strip_prefix(&self.root).unwrap())
            .map(|file| file.to_str().unwrap().to_owned())
            .collect()
    }

    /// The record of a step in the manifest.
    #[track_caller]
    pub(crate) fn step(&self, id: &str) -> &Value {
        self.manifest["steps"]
            .as_array()
            .and_then(|steps| steps.iter().find(|step| step["id"] == id))
            .unwrap_or_else(|| panic!("no step `{id}` in {:#}", self.manifest))
    }

    /// How a step ended.
    #[track_caller]
    pub(crate) fn status(&self, id: &str) -> &str {
        self.step(id)["status"].as_str().unwrap()
    }
}

/// Decrypts a file with `age`.
pub(crate) fn decrypt(file: &Path, key: &Path) -> Vec<u8> {
    let decrypted = Command::new("age")
        .args(["-d".as_ref(), "-i".as_ref(), key, file])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        decrypted.status.success(),
        "{}: {}",
        file.display(),
        String::from_utf8_lossy(&decrypted.stderr)
    );
    decrypted.stdout
}
