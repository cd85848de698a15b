//! Where profiles are found by their names.

use crate::suggest;
use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use toml::de::DeTable;

/// The profiles that are part of the program, so that `collect --profile linux` works from the bare
/// binary.
const BUILT_IN: [(&str, &str); 8] = [
    ("docker-host", include_str!("../../../profiles/docker-host.toml")),
    ("komand", include_str!("../../../profiles/komand.toml")),
    ("kubernetes-node", include_str!("../../../profiles/kubernetes-node.toml")),
    ("linux", include_str!("../../../profiles/linux.toml")),
    ("linux-full", include_str!("../../../profiles/linux-full.toml")),
    ("nginx", include_str!("../../../profiles/nginx.toml")),
    ("postgresql", include_str!("../../../profiles/postgresql.toml")),
    ("systemd-service", include_str!("../../../profiles/systemd-service.toml")),
];

/// Where profiles are found by their names: folders, in order, then those that are built in.
///
/// The first profile of a name is the one that is meant.
pub struct Library {
    folders: Vec<PathBuf>,
    built_in: BTreeMap<String, Cow<'static, str>>,
}

/// A profile of the library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The name it is used by.
    pub name: String,
    /// Its product, if it names one itself.
    pub product: Option<String>,
    /// Its description, if it has one.
    pub description: Option<String>,
    /// Where it is.
    pub origin: Origin,
}

/// Where a profile is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is part of the program.
    BuiltIn,
    /// In this file.
    File(PathBuf),
}

/// A profile that has been found, and read.
pub(super) struct Found {
    /// What it is called in messages.
    pub(super) shown: String,
    /// The same for two names of the same profile.
    pub(super) identity: PathBuf,
    /// The folder that its relative paths are meant from; empty, which is the current directory,
    /// if it is built in.
    pub(super) folder: PathBuf,
    pub(super) text: String,
}

/// Why a profile was not found, or cannot be read.
pub(super) struct NotFound {
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Library {
    /// The profiles of these folders and those that are built in.
    pub fn new(folders: Vec<PathBuf>) -> Self {
        let built_in = BUILT_IN.map(|(name, text)| (name.to_owned(), Cow::Borrowed(text)));
        Self { folders, built_in: built_in.into() }
    }

    /// Adds a profile that is built in, for a program that brings its own.
    #[must_use]
    pub fn with(mut self, name: &str, text: impl Into<Cow<'static, str>>) -> Self {
        self.built_in.insert(name.to_owned(), text.into());
        self
    }

    /// Every profile, in the order of names.
    pub fn list(&self) -> Vec<Listed> {
        let built_in = self.built_in.iter().map(|(name, text)| listed(name, text, Origin::BuiltIn));
        let mut all: BTreeMap<String, Listed> =
            built_in.map(|listed| (listed.name.clone(), listed)).collect();
        // What is found first is what is meant, so it is put in last.
        for folder in self.folders.iter().rev() {
            for (name, path) in profiles_in(folder) {
                let text = fs::read_to_string(&path).unwrap_or_default();
                all.insert(name.clone(), listed(&name, &text, Origin::File(path)));
            }
        }
        all.into_values().collect()
    }

    /// Finds the profile that is called `named` by somebody in `folder`: a name, or a path.
    pub(super) fn find(&self, named: &str, folder: &Path) -> Result<Found, NotFound> {
        if is_path(named) {
            return read_file(&folder.join(named)).map_err(|error| {
                let message = format!("cannot read the profile `{named}`: {error}");
                NotFound { message, help: self.help_for_path(named) }
            });
        }
        for folder in &self.folders {
            let path = folder.join(format!("{named}.toml"));
            match read_file(&path) {
                Ok(found) => return Ok(found),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    let message = format!("cannot read the profile `{}`: {error}", path.display());
                    return Err(NotFound { message, help: None });
                }
            }
        }
        let text = self.built_in.get(named).ok_or_else(|| self.unknown(named))?;
        Ok(Found {
            shown: format!("{named} (built in)"),
            identity: PathBuf::from(named),
            folder: PathBuf::new(),
            text: text.to_string(),
        })
    }

    fn unknown(&self, named: &str) -> NotFound {
        let all = self.list();
        let known = || all.iter().map(|listed| listed.name.as_str());
        let help =
            suggest::did_you_mean(named, known()).unwrap_or_else(|| suggest::there_are(known()));
        let folders = self.folders.iter().map(|folder| format!("`{}`, ", folder.display()));
        let places = folders.collect::<String>() + "and the profiles that are built in";
        let help = format!("{help}\nlooked in {places}; a path needs a `/` or ends in `.toml`");
        NotFound { message: format!("there is no profile named `{named}`"), help: Some(help) }
    }

    /// `linux.toml` is a file beside the caller; perhaps the name was meant.
    fn help_for_path(&self, named: &str) -> Option<String> {
        let name = named.strip_suffix(".toml")?;
        let known = self.list().into_iter().any(|listed| listed.name == name);
        known.then(|| format!("for the profile of the library write `{name}`"))
    }
}

/// Whether a profile is named by its path.
fn is_path(named: &str) -> bool {
    named.contains('/') || Path::new(named).extension().is_some_and(|ending| ending == "toml")
}

fn read_file(path: &Path) -> std::io::Result<Found> {
    let text = fs::read_to_string(path)?;
    Ok(Found {
        shown: path.display().to_string(),
        identity: path.canonicalize()?,
        folder: path.parent().map(Path::to_owned).unwrap_or_default(),
        text,
    })
}

/// The profiles of a folder; none if it cannot be read, which most of them cannot: they need not
/// exist.
fn profiles_in(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter_map(|entry| {
        let path = entry.path();
        let name = path.file_name()?.to_str()?.strip_suffix(".toml")?.to_owned();
        (path.is_file() && !name.is_empty()).then_some((name, path))
    });
    named.collect()
}

fn listed(name: &str, text: &str, origin: Origin) -> Listed {
    let (root, _) = DeTable::parse_recoverable(text);
    let string = |key| root.get_ref().get(key)?.get_ref().as_str().map(str::to_owned);
    Listed {
        name: name.to_owned(),
        product: string("product"),
        description: string("description"),
        origin,
    }
}
