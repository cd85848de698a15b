//! How a run ends: exit codes, which are an interface, and failures with what to do about them.

use collect_core::{
    identity::IdentityError, outbox::OutboxError, plan::PlanError, profile::ProfileError,
};
use collect_sinks::s3::BucketError;
use serde::Serialize;
use std::{io::ErrorKind, process::ExitCode};

/// The exit codes. Programs that start `collect` depend on them, so none ever changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Delivered, or written, and complete.
    Complete = 0,
    /// Of `collect-desk`: done, but something is left that the text names.
    Left = 1,
    /// Delivered, or written, but something is missing.
    Partial = 3,
    /// The profile or the command line cannot be used; nothing was gathered.
    Unusable = 4,
    /// Sealed but not delivered; the bundle is kept.
    NotDelivered = 5,
    /// The bundle could not be protected, so there is none.
    Unprotected = 6,
    /// A defect in collect.
    Defect = 70,
    /// Stopped by the user; what was gathered so far is kept.
    Stopped = 130,
}

/// The exit codes, as `--help` explains them.
pub(crate) const EXPLAINED: &str = "\
Exit codes:
    0  delivered, or written with --no-send, and complete
    3  delivered, or written, but something is missing from the bundle;
       of `collect check --run`: a step failed, panicked, took too long or had no turn
    4  the profile or the command line cannot be used; nothing was gathered
    5  sealed but not delivered; the bundle is kept, and `collect send` goes on
    6  the bundle could not be protected; nothing is left
   70  a defect in collect
  130  stopped by the user; a partial bundle is kept";

/// The exit codes of `collect-desk`, as `--help` explains them.
pub(crate) const EXPLAINED_TO_DESK: &str = "\
Exit codes:
    0  done
    1  done as far as possible; something is left, which the text names
    4  the command line or desk.toml cannot be used; nothing was done
    5  the bucket, a queue or the ticket system could not be reached, or refused
   70  a defect in collect-desk
  130  stopped by the user";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl Exit {
    /// Of `collect-desk`: the other side could not be reached, or refused.
    pub(crate) const UNREACHED: Self = Self::NotDelivered;

    /// The number.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }
}

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// All that is wrong with a profile, if that is why.
    pub(crate) profile: Option<ProfileError>,
}

/// A failure as an event.
#[derive(Serialize)]
pub(crate) struct FailureEvent<'f> {
    event: &'static str,
    exit: u8,
    message: &'f str,
    help: Option<&'f str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    problems: &'f [collect_core::profile::Problem],
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), help: None, profile: None }
    }

    /// A command line, a profile or a host with which nothing can be begun.
    pub(crate) fn unusable(message: impl Into<String>) -> Self {
        Self::new(Exit::Unusable, message)
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    pub(crate) fn event(&self) -> FailureEvent<'_> {
        FailureEvent {
            event: "error",
            exit: self.exit.code(),
            message: &self.message,
            help: self.help.as_deref(),
            problems: self.profile.as_ref().map(ProfileError::problems).unwrap_or_default(),
        }
    }
}

impl From<ProfileError> for Failure {
    fn from(error: ProfileError) -> Self {
        Self { profile: Some(error), ..Self::unusable("the profile cannot be used") }
    }
}

impl From<BucketError> for Failure {
    fn from(error: BucketError) -> Self {
        let exit = match &error {
            BucketError::Unusable { .. } => Exit::Unusable,
            BucketError::Stopped => Exit::Stopped,
            _ => Exit::UNREACHED,
        };
        let failure = Self::new(exit, error.to_string());
        match error.help() {
            Some(help) => failure.help(help),
            None => failure,
        }
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        let PlanError::UnknownStep { help, .. } = &error else {
            return Self::unusable(error.to_string());
        };
        Self::unusable(error.to_string()).help(help.clone())
    }
}

impl From<IdentityError> for Failure {
    fn from(error: IdentityError) -> Self {
        Self::unusable(error.to_string()).help(error.help())
    }
}

impl From<OutboxError> for Failure {
    fn from(error: OutboxError) -> Self {
        let help = match &error {
            OutboxError::Unknown(_) => "`collect outbox` lists the bundles that wait",
            OutboxError::Busy(_) => "wait for it to end; `collect outbox` shows how it ended",
            OutboxError::NoRecord(_) => "`--profile P` says where it is to be delivered",
            OutboxError::Io { source, .. } if source.kind() == ErrorKind::StorageFull => {
                "make some space there; what you typed is kept, and offered by the next run"
            }
            _ => {
                "collect keeps its state in $XDG_STATE_HOME/collect, which must be a folder that \
                  you can write to"
            }
        };
        Self::unusable(error.to_string()).help(help)
    }
}
