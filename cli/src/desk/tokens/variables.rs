//! A file of Terraform's variables, in JSON.

use crate::exit::Failure;
use serde::{
    Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::value::{RawValue, to_raw_value};
use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// What such a file is called.
const ENDING: &str = ".tfvars.json";

/// Variables that are to be changed; the file is locked against others as long.
#[derive(Debug)]
pub(super) struct Variables {
    path: PathBuf,
    /// The folder: the file itself is replaced, and a lock on it would end with it.
    _lock: File,
    /// Byte for byte as they are written, so that what is not changed stays what it is.
    all: BTreeMap<String, Box<RawValue>>,
}

impl Variables {
    /// Opens the file; `new` says that it need not be there.
    pub(super) fn open(path: &Path, new: bool) -> Result<Self, Failure> {
        if !path.to_string_lossy().ends_with(ENDING) {
            let message = format!("`{}` is not called `*{ENDING}`", path.display());
            let help = "variables are written as JSON, in a file such as `tokens.auto.tfvars.json`, \
                        which Terraform reads by itself";
            return Err(Failure::unusable(message).help(help));
        }
        // A symbolic link stays one.
        let path = match fs::canonicalize(path) {
            Ok(path) => path,
            Err(error) if path.is_symlink() => {
                return Err(cannot("follow the link", path, &error)
                    .help("remove the link, or make what it leads to"));
            }
            Err(_) => path.to_owned(),
        };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let failed = |error: io::Error| cannot("open", &path, &error);
        let lock = File::open(folder).map_err(|error| {
            cannot("open the folder", folder, &error).help("make it, or correct `--tfvars`")
        })?;
        lock.lock().map_err(failed)?;
        let all = match fs::read_to_string(&path) {
            Ok(text) => parse(&text).map_err(|error| {
                Failure::unusable(format!("`{}` is no JSON object: {error}", path.display())).help(
                    "it is left as it is; write it as JSON: `{ \"upload_tokens\": [\"…\"] }`, or name \
                     a file that is not there yet, and it is made",
                )
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && new => BTreeMap::new(),
            Err(error) => return Err(failed(error).help("name another with `--tfvars FILE`")),
        };
        Ok(Self { path, _lock: lock, all })
    }

    /// A list of texts; one that is not there is empty.
    pub(super) fn list(&self, name: &str) -> Result<Vec<String>, Failure> {
        let Some(value) = self.all.get(name) else { return Ok(Vec::new()) };
        // The error would repeat a token.
        serde_json::from_str(value.get()).map_err(|_| {
            let message = format!("`{name}` in `{}` is no list of texts", self.path.display());
            Failure::unusable(message).help("it is left as it is; correct it first")
        })
    }

    pub(super) fn set(&mut self, name: &str, list: &[String]) {
        let value = to_raw_value(list).expect("texts can be written as JSON");
        self.all.insert(name.to_owned(), value);
    }

    /// Replaces the file, whole or not at all, so that only its owner can read it.
    pub(super) fn save(&self) -> Result<(), Failure> {
        let failed = |error: io::Error| {
            cannot("write", &self.path, &plain(&error))
                .help("the file is replaced, so its folder has to be writable as well")
        };
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let save = || {
            let mut file = tempfile::Builder::new()
                .prefix(".tokens-")
                .permissions(Permissions::from_mode(0o600))
                .tempfile_in(folder)?;
            serde_json::to_writer_pretty(&mut file, &self.all)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(&self.path).map_err(|error| error.error)?;
            File::open(folder)?.sync_all()
        };
        save().map_err(failed)
    }
}

/// Reads an object. One with the same name twice is refused: what stands there first would be lost.
fn parse(text: &str) -> serde_json::Result<BTreeMap<String, Box<RawValue>>> {
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = BTreeMap<String, Box<RawValue>>;

        fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
            to.write_str("an object")
        }

        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
            let mut all = BTreeMap::new();
            while let Some((name, value)) = map.next_entry::<String, _>()? {
                if all.contains_key(&name) {
                    return Err(M::Error::custom(format!("`{name}` stands there twice")));
                }
                all.insert(name, value);
            }
            Ok(all)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let all = reader.deserialize_map(Names)?;
    reader.end()?;
    Ok(all)
}

/// The error without the path of the file that takes the place of ours: nobody knows that one.
fn plain(error: &io::Error) -> io::Error {
    let kind = || io::Error::from(error.kind());
    let of_path = |source: &(dyn std::error::Error + 'static)| {
        source.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error)
    };
    let inner = error.get_ref().and_then(|inner| inner.source()).and_then(of_path);
    inner.or(error.raw_os_error()).map_or_else(kind, io::Error::from_raw_os_error)
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::unusable(format!("cannot {what} `{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_changed_stays_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.auto.tfvars.json");
        let text = r#"{"bucket":"b","big":123456789012345678901234567890,"upload_tokens":["a"]}"#;
        fs::write(&path, text).unwrap();
        let mut variables = Variables::open(&path, false).unwrap();
        assert_eq!(variables.list("upload_tokens").unwrap(), ["a"]);
        variables.set("upload_tokens", &["b".into(), "a".into()]);
        variables.save().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("123456789012345678901234567890"), "{text}");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(variables);
        let variables = Variables::open(&path, false).unwrap();
        assert_eq!(variables.list("upload_tokens").unwrap(), ["b", "a"]);
        assert_eq!(variables.list("retired_tokens").unwrap(), [""; 0]);
    }

    #[test]
    fn a_file_that_makes_no_sense_is_left_as_it_is_and_shows_no_token() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.auto.tfvars.json");
        fs::write(&path, "upload_tokens = [\"made-up-token\"]").unwrap();
        let failure = Variables::open(&path, true).unwrap_err();
        assert!(!failure.message.contains("made-up"), "{failure:?}");
        assert!(failure.help.iter().any(|help| help.contains("as JSON")), "{failure:?}");
        fs::write(&path, r#"{"upload_tokens":["made-up-a"],"upload_tokens":["made-up-b"]}"#)
            .unwrap();
        let failure = Variables::open(&path, true).unwrap_err();
        assert!(failure.message.contains("`upload_tokens` stands there twice"), "{failure:?}");
        fs::write(&path, "{\"upload_tokens\":\"made-up-token\"}").unwrap();
        let variables = Variables::open(&path, true).unwrap();
        let failure = variables.list("upload_tokens").unwrap_err();
        assert!(!failure.message.contains("made-up"), "{failure:?}");
        // It is locked as long.
        drop(variables);
        assert!(Variables::open(&folder.path().join("x.tfvars"), true).is_err());
        assert!(Variables::open(&folder.path().join("y.tfvars.json"), false).is_err());
    }
}
