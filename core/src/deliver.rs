//! Delivers a bundle of the outbox to the sinks of its profile.

use crate::{
    Profile,
    event::{Event, Reporter},
    identity::Identity,
    outbox::{Claim, OutboxError, SinkState},
    profile::ConfiguredSink,
    recipient::{Recipient, RecipientError},
    sink::{DeliveryContext, DeliveryError, Receipt, Watch},
    ticket::{Brief, envelope},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Whether every sink has confirmed; the bundle is no longer in the outbox then.
    pub complete: bool,
    /// Where the bundle is, one line for each sink that has confirmed now or before.
    pub locations: Vec<String>,
}

/// Looks up an environment variable; only the command line reads the environment.
pub type Env<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// What a delivery may use of this host.
#[derive(Clone, Copy)]
pub struct Hands<'a> {
    /// Looks up environment variables.
    pub env: Env<'a>,
    /// Opens what this host has kept for itself.
    pub identity: &'a Identity,
    /// Set when the user wants to stop.
    pub stop: &'a AtomicBool,
}

/// Delivers to every sink that has not confirmed yet. What fails is told and noted, and does not
/// keep the other sinks from being tried.
pub fn deliver(
    mut claim: Claim,
    profile: &Profile,
    hands: Hands<'_>,
    reporter: &dyn Reporter,
) -> Result<Delivery, OutboxError> {
    for state in claim.record().sinks.clone() {
        if state.receipt.is_some() {
            continue;
        }
        let id = state.id.as_str();
        claim.begin(id)?;
        match deliver_to(&claim, &state, profile, hands, reporter) {
            Ok(receipt) => {
                let (location, ticket) = (receipt.location.clone(), receipt.ticket.clone());
                reporter.event(&Event::Delivered { sink: id.to_owned(), location, ticket });
                claim.confirmed(id, receipt)?;
            }
            Err(Failure { reason, help, answered }) => {
                claim.not_taken(id, &reason, state.unheard || !answered)?;
                reporter.event(&Event::NotDelivered { sink: id.to_owned(), reason, help });
            }
        }
    }
    let receipts = claim.record().sinks.iter().filter_map(|sink| sink.receipt.as_ref());
    let locations = receipts.map(ToString::to_string).collect();
    Ok(Delivery { complete: claim.close()?, locations })
}

/// Why a sink has not confirmed.
struct Failure {
    reason: String,
    help: Option<String>,
    /// Whether the sink said so itself; without an answer, the bundle may have arrived.
    answered: bool,
}

impl Failure {
    fn unheard(reason: String, help: Option<String>) -> Self {
        Self { reason, help, answered: false }
    }
}

fn deliver_to(
    claim: &Claim,
    state: &SinkState,
    profile: &Profile,
    hands: Hands<'_>,
    reporter: &dyn Reporter,
) -> Result<Receipt, Failure> {
    let id = state.id.as_str();
    let Some(ConfiguredSink { sink, plugin, .. }) = profile.sinks.iter().find(|sink| sink.id == id)
    else {
        let reason = format!("the profile `{}` no longer has this sink", profile.name);
        return Err(Failure { reason, help: None, answered: true });
    };
    let destination = sink.destination();
    reporter.event(&Event::Delivering { sink: id.to_owned(), destination });
    let enclosed = profile.envelope.as_deref().filter(|_| sink.takes_envelope());
    let told = sink.wants_brief() || enclosed.is_some();
    let brief = if told { brief(claim, hands.identity)? } else { None };
    let envelope =
        enclosed.zip(brief.as_ref()).map(|(key, brief)| enclose(brief, key)).transpose()?;
    let receipts = claim.record().sinks.iter().filter_map(|state| state.receipt.as_ref());
    let elsewhere: Vec<_> = receipts.map(|receipt| receipt.location.clone()).collect();
    let watch = Told { sink: id, stop: hands.stop, reporter };
    let context = DeliveryContext {
        watch: &watch,
        tried_before: state.unheard,
        host: claim.record().host.as_deref(),
        brief: brief.as_ref(),
        envelope: envelope.as_deref(),
        elsewhere: &elsewhere,
        base: &profile.base,
        env: hands.env,
    };
    let delivered = catch_unwind(AssertUnwindSafe(|| sink.deliver(claim.sealed(), &context)));
    match delivered {
        Ok(Ok(receipt)) => Ok(receipt),
        Ok(Err(DeliveryError::Refused { reason, help })) => {
            Err(Failure { reason, help, answered: true })
        }
        Ok(Err(DeliveryError::Unreachable { reason, help })) => Err(Failure::unheard(reason, help)),
        Ok(Err(error @ DeliveryError::Read(_))) => {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            let reason = format!("{error}: {}", source.unwrap_or_default());
            Err(Failure::unheard(reason, None))
        }
        Ok(Err(error)) => Err(Failure::unheard(error.to_string(), None)),
        Err(_) => {
            let reason = format!("a defect in the sink `{plugin}`: it panicked");
            Err(Failure::unheard(reason, None))
        }
    }
}

/// What may be told of the bundle.
fn brief(claim: &Claim, identity: &Identity) -> Result<Option<Brief>, Failure> {
    claim.brief(identity).map_err(|error| Failure {
        reason: format!(
            "what this host keeps of the report beside the bundle is unreadable: {error}"
        ),
        help: Some(format!(
            "restore `{}`, or remove the bundle's `.brief` from the outbox: the ticket then says \
             less, the bundle has it all",
            identity.path().display()
        )),
        answered: true,
    })
}

/// What the receiving side may know, sealed for its key.
fn enclose(brief: &Brief, key: &str) -> Result<String, Failure> {
    let key: Recipient = key.parse().map_err(|error: RecipientError| Failure {
        reason: format!("`envelope` of the profile: {error}"),
        help: Some(error.help),
        answered: true,
    })?;
    envelope::seal(brief, &key).map_err(|error| Failure {
        reason: format!("the envelope could not be sealed: {error}"),
        help: None,
        answered: true,
    })
}

/// Turns what a sink tells into events.
struct Told<'a> {
    sink: &'a str,
    stop: &'a AtomicBool,
    reporter: &'a dyn Reporter,
}

impl Watch for Told<'_> {
    fn sent(&self, bytes: u64, total: u64) {
        self.reporter.event(&Event::Sent { sink: self.sink.to_owned(), bytes, total });
    }

    fn retrying(&self, reason: &str, wait: Duration) {
        let (sink, reason) = (self.sink.to_owned(), reason.to_owned());
        self.reporter.event(&Event::Retrying { sink, reason, wait });
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
