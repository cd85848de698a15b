//! `collect-desk reports`: what reached the bucket.

pub(super) mod delete;
mod fetch;
pub(super) mod find;
mod get;
mod key;
mod list;
mod prune;
pub(super) mod stream;
mod table;
pub(super) mod ticket;

use super::{
    args::Reports,
    voice::{Follower, Voice},
};
use crate::{
    exit::{Exit, Failure},
    signals,
};
use collect_sinks::{
    http,
    s3::{Bucket, BucketError},
};
use std::sync::{Arc, atomic::AtomicBool};

/// How many small requests are under way at once.
pub(super) const IN_FLIGHT: usize = 32;

/// What every command on reports needs.
pub(crate) struct Context<'c> {
    pub(crate) bucket: Bucket,
    pub(crate) voice: &'c Voice,
    pub(crate) stop: Arc<AtomicBool>,
}

impl<'c> Context<'c> {
    /// Retries are told, and nothing watches for signals yet.
    pub(super) fn new(bucket: &Bucket, voice: &'c Voice) -> Self {
        let stop = Arc::default();
        let follower = Follower { voice: voice.clone(), stop: Arc::clone(&stop) };
        Self { bucket: bucket.clone().watched(Arc::new(follower)), voice, stop }
    }

    /// An error of the bucket, in words that show nothing they should not.
    pub(super) fn failure(&self, what: &str, error: BucketError) -> Failure {
        let failure = Failure::from(error);
        if failure.exit == Exit::Stopped {
            return failure;
        }
        Failure { message: self.bucket.clean(&format!("{what}: {}", failure.message)), ..failure }
    }

    /// From here on, the first signal asks the work to stop, and the second ends it.
    pub(super) fn heed_signals(mut self) -> Result<Self, Failure> {
        let watch = signals::Watch::begin()
            .map_err(|error| Failure::unusable(format!("cannot watch for signals: {error}")))?;
        self.stop = Arc::clone(&watch.stop);
        let follower = Follower { voice: self.voice.clone(), stop: watch.stop };
        self.bucket = self.bucket.watched(Arc::new(follower));
        Ok(self)
    }
}

/// Runs `work` to its end.
pub(super) fn run<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    http::run(work).map_err(|error| {
        Failure::unusable(format!("this host gives no means to ask: {error}"))
            .help("free memory and file descriptors")
    })?
}

/// Does what the command line says.
pub(crate) fn dispatch(command: &Reports, bucket: &Bucket, voice: &Voice) -> Result<Exit, Failure> {
    let context = Context::new(bucket, voice);
    match command {
        Reports::List(wanted) => list::list(&context, wanted),
        Reports::Get(wanted) => get::get(context, wanted),
        Reports::Delete(wanted) => delete::delete(context, wanted),
        Reports::Prune(wanted) => prune::prune(context, wanted),
    }
}
