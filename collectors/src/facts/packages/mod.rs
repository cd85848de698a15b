//! What is installed, as the databases of the package managers say it.

pub(crate) mod apk;
pub(crate) mod apt;
pub(crate) mod dpkg;
pub(crate) mod languages;
pub(crate) mod pacman;
pub(crate) mod rpm;
pub(crate) mod shipped;

use jiff::Timestamp;
use serde::Serialize;

/// The state of a package that is there with all that belongs to it.
pub(crate) const INSTALLED: &str = "installed";

/// One package.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) architecture: Option<String>,
    /// `installed`, or another state of dpkg.
    pub(crate) state: String,
    /// Whether it is kept as it is when others are upgraded.
    pub(crate) held: bool,
    /// Whether it is there only because another needs it.
    pub(crate) automatic: Option<bool>,
    /// In bytes, as its maker measured it.
    pub(crate) size: Option<u64>,
    /// When it was installed or upgraded last.
    pub(crate) installed: Option<Timestamp>,
    /// The source package that it was built from.
    pub(crate) source: Option<String>,
    /// Who built it.
    pub(crate) vendor: Option<String>,
    /// The folder that it is in, for packages of languages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) folder: Option<String>,
    pub(crate) manager: &'static str,
}

impl Package {
    /// Whether it is neither installed nor removed, but stuck on the way.
    pub(crate) fn is_broken(&self) -> bool {
        ![INSTALLED, "config-files"].contains(&self.state.as_str())
    }
}

/// One package that was installed, upgraded or removed.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Change {
    pub(crate) time: Timestamp,
    /// `install`, `upgrade`, `downgrade`, `reinstall`, `remove` or `purge`.
    pub(crate) action: String,
    pub(crate) name: String,
    pub(crate) architecture: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
}

/// The text, if there is any.
fn some(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
