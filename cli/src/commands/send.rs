//! `collect send`: goes on with what was not delivered.

use super::Context;
use crate::{
    exit::{Exit, Failure},
    paths,
    report::Ending,
    signals::Watch,
    text,
};
use collect_core::{
    bundle::object_key,
    deliver::{Hands, deliver},
    identity::Identity,
    outbox::{Outbox, OutboxError, Record},
    profile::Wanted,
};
use jiff::Timestamp;
use std::path::Path;

/// Why a bundle that was not delivered is not lost.
pub(crate) const KEPT: &str = "not every sink has taken it; it is kept in the outbox";

/// Delivers one bundle, or all that wait.
pub(super) fn send(
    context: &Context<'_>,
    bundle: Option<&str>,
    profile: Option<&str>,
    set: &[(String, String)],
) -> Result<Exit, Failure> {
    let by = By { profile, set };
    let outbox = Outbox::open(&context.places.outbox())?;
    for name in outbox.recover()? {
        let remark = "An earlier run died while it sealed";
        context.voice.say(&format!("{remark} `{name}`; what it left is removed."));
    }
    let names = match bundle {
        Some(bundle) => vec![find(context, &outbox, bundle, by)?],
        None => outbox.waiting()?.into_iter().map(|waiting| waiting.name).collect(),
    };
    if names.is_empty() {
        context.voice.say("Nothing waits to be delivered.");
        return Ok(Exit::Complete);
    }
    let watch = Watch::begin()
        .map_err(|error| Failure::unusable(format!("cannot watch for signals: {error}")))?;
    let mut worst = Exit::Complete;
    let alone = bundle.is_some();
    for name in &names {
        match send_one(context, &outbox, name, by, &watch) {
            Ok(Exit::Complete) => {}
            Ok(exit) => worst = exit,
            // Delivered by another process while we looked.
            Err(Failed::Gone) if !alone => {}
            Err(Failed::Gone) => return Err(OutboxError::Unknown(name.clone()).into()),
            Err(Failed::Otherwise(failure)) if alone => return Err(*failure),
            Err(Failed::Otherwise(failure)) => {
                context.voice.say(&format!("{name} waits on:"));
                context.voice.failed(&failure);
                worst = Exit::NotDelivered;
            }
        }
        if watch.stopped() {
            return Ok(Exit::Stopped);
        }
    }
    Ok(worst)
}

/// The profile that the command line names, and what it gives for parameters.
#[derive(Clone, Copy)]
struct By<'b> {
    profile: Option<&'b str>,
    set: &'b [(String, String)],
}

/// Why a bundle could not even be tried.
enum Failed {
    Gone,
    Otherwise(Box<Failure>),
}

impl<E: Into<Failure>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Otherwise(Box::new(error.into()))
    }
}

fn send_one(
    context: &Context<'_>,
    outbox: &Outbox,
    name: &str,
    by: By<'_>,
    watch: &Watch,
) -> Result<Exit, Failed> {
    let claim = match outbox.claim(name) {
        Err(OutboxError::Unknown(_)) => return Err(Failed::Gone),
        claim => claim?,
    };
    let record = claim.record();
    // What was given for another profile, or before it was given anew, says nothing any more.
    let set = if by.profile.is_none() && by.set.is_empty() { &record.set } else { by.set };
    let name_of_profile = by.profile.unwrap_or(&record.profile);
    let profile = context.profile(Wanted { name: name_of_profile, set })?;
    let path = claim.sealed().path().to_owned();
    let identity = Identity::load_or_create(&context.places.identity())?;
    let hands = Hands { env: &paths::environment, identity: &identity, stop: &watch.stop };
    let delivery = deliver(claim, &profile, hands, context.voice).map_err(not_delivered)?;
    let kept = !delivery.complete;
    let ending = Ending {
        exit: match delivery.complete {
            true => Exit::Complete,
            false if watch.stopped() => Exit::Stopped,
            false => Exit::NotDelivered,
        },
        id: id(name),
        bundle: name.to_owned(),
        path: kept.then_some(path),
        locations: delivery.locations,
        complete: true,
        open: None,
        send: kept.then(|| format!("collect send {name}")),
        reason: kept.then(|| KEPT.to_owned()),
    };
    context.voice.ended(&ending);
    Ok(ending.exit)
}

/// The outbox failed while a sealed bundle was delivered: the bundle is still there.
pub(crate) fn not_delivered(error: OutboxError) -> Failure {
    Failure { exit: Exit::NotDelivered, ..Failure::from(error) }
        .help("the bundle is still in the outbox; `collect send` goes on")
}

/// The bundle in the outbox that is meant; a file from elsewhere is taken in.
fn find(
    context: &Context<'_>,
    outbox: &Outbox,
    meant: &str,
    by: By<'_>,
) -> Result<String, Failure> {
    let waiting = outbox.waiting()?;
    let meant_by = |name: &str| {
        name == meant || name.split(".tar.").next() == Some(meant) || id(name) == meant
    };
    if let Some(found) = waiting.iter().find(|waiting| meant_by(&waiting.name)) {
        if let (None, Some(profile)) = (&found.record, by.profile) {
            let wanted = Wanted { name: profile, set: by.set };
            outbox.announce(&found.name, &record(context, &found.name, wanted)?)?;
        }
        return Ok(found.name.clone());
    }
    let path = Path::new(meant);
    if !path.is_file() {
        return Err(OutboxError::Unknown(text::one_line(meant)).into());
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if object_key(name).is_none() {
        return Err(Failure::unusable(format!("`{meant}` is not named like a bundle"))
            .help("a bundle keeps its name: `PRODUCT-TIME-ID.tar.xz.age`"));
    }
    let profile = by.profile.ok_or_else(|| {
        Failure::unusable(format!("nothing is known of where `{meant}` is to be delivered"))
            .help("`--profile P` says it")
    })?;
    let wanted = Wanted { name: profile, set: by.set };
    Ok(outbox.adopt(path, &record(context, name, wanted)?)?)
}

fn record(context: &Context<'_>, name: &str, wanted: Wanted<'_>) -> Result<Record, Failure> {
    let (loaded, profile) = (context.profile(wanted)?, wanted.name);
    if loaded.sinks.is_empty() {
        return Err(Failure::unusable(format!(
            "the profile `{profile}` has nowhere to deliver `{name}`"
        ))
        .help("a `[deliver.ID]` in the profile says where bundles go"));
    }
    let sinks = loaded.sinks.iter().map(|sink| sink.id.as_str());
    let profile = paths::lasting_name(profile);
    Ok(Record::new(&profile, &loaded.product, Timestamp::now(), sinks).with(wanted.set))
}

/// What the user quotes of a bundle: the beginning of the random part of its name.
pub(super) fn id(name: &str) -> String {
    let stem = name.split(".tar.").next().unwrap_or_default();
    stem.rsplit('-').next().unwrap_or_default().chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::bundle::BundleName;

    #[test]
    fn the_id_of_a_file_is_the_one_that_the_user_was_told() {
        let name = BundleName::new("Komand", Timestamp::now());
        assert_eq!(id(&format!("{name}.tar.xz.age")), name.quote());
    }
}
