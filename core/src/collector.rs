//! What a collector is.

use std::io;
use thiserror::Error;

pub use crate::output::Output;

/// A plugin that reads one part of a host into a bundle.
///
/// The type is its own configuration: its fields are its options in the profile.
pub trait Collector: Send + Sync {
    /// Writes what this collector knows.
    ///
    /// What is merely absent or unreadable is no error: [`Output`] notes it in the manifest and
    /// lets the collector go on.
    ///
    /// # Errors
    ///
    /// Returns an error if nothing more can be collected: the deadline passed, the run was
    /// stopped, or the collector cannot do its work here.
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError>;

    /// Says what is wrong with the options beyond their types; the profile is refused then.
    fn check(&self) -> Vec<Invalid> {
        Vec::new()
    }

    /// What these options gather, for the person who is asked to agree, such as the paths; without
    /// it, the first sentence of the plugin's doc comment is shown.
    fn describe(&self) -> Option<String> {
        None
    }

    /// About how many bytes this collector would read, if that can be told without reading them.
    ///
    /// Shown by a dry run, so it must touch nothing and start nothing.
    fn estimate(&self, _host: &dyn crate::host::Host, _window: &crate::Window) -> Option<u64> {
        None
    }

    /// What this user is refused here and root would see, each a path or a few words: `/dev/kmsg`,
    /// `open files of other users' processes`.
    ///
    /// Shown by a dry run, so it starts nothing and reads no content; opening a regular file to see
    /// whether that is allowed is fine.
    fn refused(&self, _host: &dyn crate::host::Host, _window: &crate::Window) -> Vec<String> {
        Vec::new()
    }
}

impl<T: Collector + ?Sized> Collector for Box<T> {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        (**self).collect(out)
    }

    fn check(&self) -> Vec<Invalid> {
        (**self).check()
    }

    fn describe(&self) -> Option<String> {
        (**self).describe()
    }

    fn estimate(&self, host: &dyn crate::host::Host, window: &crate::Window) -> Option<u64> {
        (**self).estimate(host, window)
    }

    fn refused(&self, host: &dyn crate::host::Host, window: &crate::Window) -> Vec<String> {
        (**self).refused(host, window)
    }
}

/// What is wrong with an option that has the right type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The option, as the profile writes it; empty for the plugin as a whole.
    pub option: &'static str,
    /// What is wrong, and with which value.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Why a collector stopped early.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CollectError {
    /// The deadline passed, the run was stopped, or a size budget is used up: no more is taken.
    #[error("stopped before its end")]
    Stopped,
    /// It cannot do its work, for this reason.
    #[error("{0}")]
    Failed(String),
}

impl From<io::Error> for CollectError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::TimedOut {
            Self::Stopped
        } else {
            Self::Failed(error.to_string())
        }
    }
}
