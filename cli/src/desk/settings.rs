//! `desk.toml`.

use super::{guard::GuardOptions, tickets::TicketsOptions};
use crate::{exit::Failure, paths};
use collect_core::profile::Settings;
use collect_sinks::s3::{Bucket, BucketOptions};
use std::path::{Path, PathBuf};

const MISSING: &str = "write it, or `~/.config/collect/desk.toml`, or name another with \
                       `--config FILE`; Terraform's output `desk_config` prints one";

/// The settings of the desk, found good.
pub(crate) struct Desk {
    /// `[bucket]`.
    pub(crate) bucket: BucketOptions,
    /// `[guard]`.
    pub(crate) guard: GuardOptions,
    /// `[tickets]`.
    pub(crate) tickets: TicketsOptions,
    /// The folder that relative files are meant from.
    pub(crate) base: PathBuf,
}

/// Reads the settings in `path`, or where they are by default.
pub(crate) fn read(path: Option<&Path>) -> Result<Desk, Failure> {
    let path = path.map_or_else(paths::desk_settings, Path::to_owned);
    let bad = |error| Failure {
        profile: Some(error),
        ..Failure::unusable("the settings cannot be used")
    };
    let mut settings = Settings::read(&path, MISSING).map_err(bad)?;
    let bucket = settings.table::<BucketOptions>("bucket", BucketOptions::check);
    let guard = settings.table::<GuardOptions>("guard", GuardOptions::check);
    let tickets = settings.table::<TicketsOptions>("tickets", TicketsOptions::check);
    settings.finish().map_err(bad)?;
    let base = path.parent().unwrap_or(Path::new("")).to_owned();
    let bucket = bucket.ok_or_else(|| Failure::unusable("the settings cannot be used"))?;
    Ok(Desk {
        bucket,
        guard: guard.unwrap_or_default(),
        tickets: tickets.unwrap_or_default(),
        base,
    })
}

/// Reads the settings as [`read`] does; none if none were named and there are none by default.
pub(crate) fn read_if_any(path: Option<&Path>) -> Result<Option<Desk>, Failure> {
    if path.is_none() && !paths::desk_settings().exists() {
        return Ok(None);
    }
    read(path).map(Some)
}

impl Desk {
    /// The bucket of the reports.
    pub(crate) fn open(&self) -> Result<Bucket, Failure> {
        Ok(self.bucket.open(&self.base, &paths::environment)?)
    }
}
