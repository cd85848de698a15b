//! The queues of the ticket function, as `desk.toml` names them.

use crate::{
    desk::settings::Desk,
    exit::{Exit, Failure},
    paths,
};
use collect_core::sink::{DeliveryError, Invalid};
use collect_sinks::aws::{Keys, Queue};
use schemars::JsonSchema;
use serde::Deserialize;

/// `[tickets]` of `desk.toml`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(in crate::desk) struct TicketsOptions {
    /// The queue in which reports wait for the ticket function:
    /// `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`.
    queue: Option<String>,
    /// The queue in which those wait that the function could not work on.
    dead_letter_queue: Option<String>,
}

/// Which queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// What the function takes from.
    Tickets,
    /// What failed again and again.
    DeadLetters,
}

impl Which {
    fn option(self) -> &'static str {
        match self {
            Self::Tickets => "queue",
            Self::DeadLetters => "dead-letter-queue",
        }
    }
}

impl TicketsOptions {
    /// Says what is wrong with the options beyond their types.
    pub(in crate::desk) fn check(&self) -> Vec<Invalid> {
        let all = [Which::Tickets, Which::DeadLetters];
        let wrong = all.into_iter().filter_map(|which| {
            let message = Queue::objection(self.address(which)?)?;
            let help = "write `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`; Terraform's output \
                        `queue_urls` prints it";
            Some(Invalid { option: which.option(), message, help: Some(help.into()) })
        });
        wrong.collect()
    }

    fn address(&self, which: Which) -> Option<&str> {
        match which {
            Which::Tickets => self.queue.as_deref(),
            Which::DeadLetters => self.dead_letter_queue.as_deref(),
        }
    }
}

/// Opens a queue with the keys of the environment: nothing is sent yet.
pub(super) fn open(desk: &Desk, which: Which) -> Result<Queue, Failure> {
    let option = which.option();
    let address = desk.tickets.address(which).ok_or_else(|| {
        let help = format!(
            "add `[tickets]` with `{option} = \"https://sqs.REGION.amazonaws.com/ACCOUNT/NAME\"` to \
             desk.toml; Terraform's output `desk_config` prints it where there is a ticket function"
        );
        Failure::unusable(format!("desk.toml does not say where `{option}` is")).help(help)
    })?;
    let keys = Keys::read(&paths::environment).map_err(|name| {
        Failure::unusable(format!("the environment variable `{name}` is not set")).help(
            "Amazon SQS knows no tokens: set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` (and \
             `AWS_SESSION_TOKEN` for temporary keys)",
        )
    })?;
    let route = desk.bucket.route(&desk.base)?;
    Queue::open(address, &desk.bucket.region, keys, &route, &paths::environment).map_err(|why| {
        Failure::unusable(why).help("correct `[tickets]` in desk.toml, or `AWS_ENDPOINT_URL_SQS`")
    })
}

/// An error of a queue.
pub(super) fn failure(queue: &Queue, what: &str, error: DeliveryError) -> Failure {
    let what = format!("cannot {what} the queue `{}`", queue.name());
    match error {
        DeliveryError::Unreachable { reason, help } | DeliveryError::Refused { reason, help } => {
            let failure = Failure::new(Exit::UNREACHED, format!("{what}: {reason}"));
            Failure { help, ..failure }
        }
        DeliveryError::Stopped => Failure::new(Exit::Stopped, "stopped"),
        other => Failure::new(Exit::UNREACHED, format!("{what}: {other}")),
    }
}
