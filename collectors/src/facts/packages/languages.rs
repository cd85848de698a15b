//! Packages of languages: pip, npm and gem, by the files that they leave beside what they install.

use super::{INSTALLED, Package};
use crate::facts::{
    kernel_files::{children, exists, name},
    stanzas::Stanzas,
    text,
};
use collect_core::host::Host;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    io::Read,
    path::{Path, PathBuf},
};

/// The `package.json` of a package is not near this.
const LONGEST_JSON: u64 = 1 << 20;

/// Who installs packages of a language.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Language {
    /// Python's.
    Pip,
    /// Node's.
    Npm,
    /// Ruby's.
    Gem,
}

/// Where packages for all users of the host are; `*` is any one folder.
const PIP: [&str; 5] = [
    "/usr/lib/python3/dist-packages",
    "/usr/lib/*/site-packages",
    "/usr/lib64/*/site-packages",
    "/usr/local/lib/*/dist-packages",
    "/usr/local/lib/*/site-packages",
];
const NPM: [&str; 3] =
    ["/usr/lib/node_modules", "/usr/local/lib/node_modules", "/usr/share/nodejs"];
const GEM: [&str; 5] = [
    "/usr/share/rubygems-integration/*/specifications",
    "/var/lib/gems/*/specifications",
    "/usr/lib/ruby/gems/*/specifications",
    "/usr/local/lib/ruby/gems/*/specifications",
    "/usr/share/gems/specifications",
];

/// The packages in the usual folders, and in these.
pub(crate) fn packages(host: &dyn Host, language: Language, more: &[PathBuf]) -> Vec<Package> {
    let usual: &[&str] = match language {
        Language::Pip => &PIP,
        Language::Npm => &NPM,
        Language::Gem => &GEM,
    };
    let usual = usual.iter().flat_map(|path| matching(host, path));
    let folders = usual.chain(more.iter().cloned());
    folders.flat_map(|folder| inside(host, language, &folder)).collect()
}

fn matching(host: &dyn Host, path: &str) -> Vec<PathBuf> {
    match path.split_once("/*/") {
        Some((above, below)) => {
            children(host, above).into_iter().map(|folder| folder.join(below)).collect()
        }
        None => vec![path.into()],
    }
}

fn inside(host: &dyn Host, language: Language, folder: &Path) -> Vec<Package> {
    let found: Vec<Option<(&str, String, String)>> = match language {
        Language::Pip => children(host, folder).iter().map(|path| python(host, path)).collect(),
        Language::Npm => node(host, folder),
        Language::Gem => children(host, folder).iter().map(|path| gem(path)).collect(),
    };
    let package = |(manager, name, version)| Package {
        name,
        version,
        state: INSTALLED.to_owned(),
        folder: Some(folder.display().to_string()),
        manager,
        ..Package::default()
    };
    found.into_iter().flatten().map(package).collect()
}

/// <https://packaging.python.org/en/latest/specifications/recording-installed-packages/>
fn python(host: &dyn Host, path: &Path) -> Option<(&'static str, String, String)> {
    let folder = name(path);
    let file = if folder.ends_with(".dist-info") {
        path.join("METADATA")
    } else if !folder.ends_with(".egg-info") {
        return None;
    } else if exists(host, path.join("PKG-INFO")) {
        path.join("PKG-INFO")
    } else {
        path.to_owned()
    };
    let about = Stanzas::new(text::open(host, file).ok()?, &["Name", "Version"]).next()?;
    Some(("pip", about.owned("Name")?, about.owned("Version")?))
}

/// Packages stand in the folder itself, and in the folders of their owners: `@example/shop`.
fn node(host: &dyn Host, folder: &Path) -> Vec<Option<(&'static str, String, String)>> {
    let folders = children(host, folder).into_iter();
    let folders = folders.flat_map(|path| {
        if name(&path).starts_with('@') { children(host, path) } else { vec![path] }
    });
    let about = |path: PathBuf| {
        let mut file = text::open(host, path.join("package.json")).ok()?.take(LONGEST_JSON);
        let mut text = String::new();
        file.read_to_string(&mut text).ok()?;
        let about: serde_json::Value = serde_json::from_str(&text).ok()?;
        let field = |name| about[name].as_str().map(str::to_owned);
        Some(("npm", field("name")?, field("version")?))
    };
    folders.map(about).collect()
}

/// The file's name says it: `rake-13.0.6.gemspec`, `nokogiri-1.16.0-x86_64-linux.gemspec`.
fn gem(path: &Path) -> Option<(&'static str, String, String)> {
    let file = name(path);
    let full = file.strip_suffix(".gemspec")?;
    let version = full
        .match_indices('-')
        .find(|(at, _)| full[at + 1..].starts_with(|first: char| first.is_ascii_digit()))?;
    let (gem, rest) = full.split_at(version.0);
    Some(("gem", gem.to_owned(), rest[1..].split('-').next()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;

    fn found(host: &FakeHost, language: Language, more: &[&str]) -> Vec<(String, String)> {
        let more: Vec<_> = more.iter().map(PathBuf::from).collect();
        let packages = packages(host, language, &more).into_iter();
        packages.map(|package| (package.name, package.version)).collect()
    }

    fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
        pairs.map(|(name, version)| (name.to_owned(), version.to_owned())).into()
    }

    #[test]
    fn packages_of_python_are_found_in_usual_folders_and_in_those_of_an_application() {
        let host = FakeHost::new()
            .file(
                "/usr/local/lib/python3.11/dist-packages/shop-1.dist-info/METADATA",
                "Metadata-Version: 2.1\nName: shop\nVersion: 1\n\nName: of the text\n",
            )
            .file("/srv/till/site-packages/old-2.egg-info", "Name: old\nVersion: 2\n");
        assert_eq!(
            found(&host, Language::Pip, &["/srv/till/site-packages"]),
            pairs([("shop", "1"), ("old", "2")])
        );
    }

    #[test]
    fn packages_of_node_and_ruby_are_found() {
        let host = FakeHost::new()
            .file("/usr/lib/node_modules/npm/package.json", r#"{"name":"npm","version":"9.2.0"}"#)
            .file(
                "/usr/lib/node_modules/@example/shop/package.json",
                r#"{"name":"@example/shop","version":"1.0.0"}"#,
            )
            .file("/usr/lib/node_modules/odd/package.json", "{")
            .file("/var/lib/gems/3.1.0/specifications/net-http-0.4-x86_64-linux.gemspec", "")
            .file("/var/lib/gems/3.1.0/specifications/odd.gemspec", "");
        let node = pairs([("@example/shop", "1.0.0"), ("npm", "9.2.0")]);
        assert_eq!(found(&host, Language::Npm, &[]), node);
        assert_eq!(found(&host, Language::Gem, &[]), pairs([("net-http", "0.4")]));
    }
}
