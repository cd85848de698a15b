//! `collect-desk tickets`: whether reports can become tickets, and another turn for those that did not.

mod dead_letters;
mod queues;
mod replay;
mod trial;

pub(super) use queues::TicketsOptions;
pub(super) use replay::replay;

use super::{
    args,
    voice::{Follower, Voice},
};
use crate::{
    exit::{Exit, Failure},
    paths::{self, Places},
    signals,
};
use collect_core::{
    plugin::Plugins,
    profile::{Profile, Wanted, load},
    sink::{DeliveryContext, Watch},
    ticket::{TicketSettings, TicketSink},
};
use std::{fs, path::Path, time::Duration};
use trial::Trial;

/// How long a trial waits before it asks again.
const PATIENCE: Duration = Duration::from_secs(3);

/// Tries the ticket systems that the command line means.
pub(super) fn test(wanted: &args::Trial, voice: &Voice) -> Result<Exit, Failure> {
    if wanted.size.0 == 0 {
        return Err(Failure::unusable("a file of no size says nothing").help("leave out `--size`"));
    }
    let watch = signals::Watch::begin()
        .map_err(|error| Failure::unusable(format!("cannot watch for signals: {error}")))?;
    let follower = Hasty(Follower { voice: voice.clone(), stop: watch.stop });
    let context = |base| DeliveryContext {
        watch: &follower,
        tried_before: false,
        host: None,
        brief: None,
        envelope: None,
        elsewhere: &[],
        base,
        env: &paths::environment,
    };
    if let Some(settings) = settings(&wanted.file)? {
        let product = wanted.product.as_deref();
        if let Some(product) = product.filter(|product| !settings.knows(product)) {
            return Err(Failure::unusable(format!("there is no `[product.{product}]`"))
                .help("leave `--product` out to try `[ticket]`"));
        }
        let trial = Trial {
            sink: settings.of(product.unwrap_or_default()),
            id: product.unwrap_or("ticket"),
            product: product.unwrap_or("collect"),
            size: wanted.size,
        };
        return Ok(trial.run(&context(folder(&wanted.file)), voice));
    }
    if wanted.product.is_some() {
        return Err(Failure::unusable("`--product` is for the settings of the ticket function")
            .help("leave it out: a profile has one product"));
    }
    let plugins = Plugins::linked();
    let library = Places::of_this_user().library();
    let asked = Wanted { name: &wanted.file, set: &wanted.given.set };
    let profile = load(asked, &library, &plugins, &paths::environment)?;
    let mut exit = Exit::Complete;
    for (id, sink) in sinks(&profile, wanted.sink.as_deref())? {
        let trial = Trial { sink, id, product: &profile.product, size: wanted.size };
        let ended = trial.run(&context(&profile.base), voice);
        if exit == Exit::Complete {
            exit = ended;
        }
    }
    Ok(exit)
}

/// Follows a trial: somebody looks on, so nothing is waited for that takes long.
struct Hasty(Follower);

impl Watch for Hasty {
    fn sent(&self, bytes: u64, total: u64) {
        self.0.sent(bytes, total);
    }

    fn retrying(&self, reason: &str, wait: Duration) {
        self.0.retrying(reason, wait);
    }

    fn stopped(&self) -> bool {
        self.0.stopped()
    }

    fn left(&self) -> Option<Duration> {
        Some(PATIENCE)
    }
}

/// The settings of the ticket function, if the file holds those and no profile.
fn settings(file: &str) -> Result<Option<TicketSettings>, Failure> {
    let Ok(text) = fs::read_to_string(file) else { return Ok(None) };
    let is_own = |line: &str| {
        let line = line.trim_start();
        let key = line.split('=').next().unwrap_or_default().trim_end();
        line.starts_with("[ticket]") || line.starts_with("[product.") || key == "identity"
    };
    if !text.lines().any(is_own) {
        return Ok(None);
    }
    TicketSettings::parse(&text).map(Some).map_err(|why| {
        Failure::unusable(format!("`{file}` cannot be used: {why}"))
            .help("it has `[ticket]` with the options that a profile has in `[deliver.ID]`")
    })
}

fn folder(file: &str) -> &Path {
    Path::new(file).parent().unwrap_or(Path::new(""))
}

/// The ticket systems of a profile, or the one that was named.
fn sinks<'p>(
    profile: &'p Profile,
    wanted: Option<&str>,
) -> Result<Vec<(&'p str, &'p TicketSink)>, Failure> {
    let all =
        profile.sinks.iter().filter_map(|sink| Some((sink.id.as_str(), sink.sink.tickets()?)));
    let all: Vec<_> = all.collect();
    let names: Vec<_> = all.iter().map(|(id, _)| format!("`{id}`")).collect();
    if all.is_empty() {
        let help = "add one, such as `[deliver.desk]` with `use = \"redmine\"`; `collect plugins` \
                    lists them";
        return Err(Failure::unusable("the profile has no ticket system").help(help));
    }
    let chosen: Vec<_> =
        all.into_iter().filter(|(id, _)| wanted.is_none_or(|wanted| wanted == *id)).collect();
    match wanted {
        Some(wanted) if chosen.is_empty() => {
            Err(Failure::unusable(format!("`{wanted}` is no ticket system of the profile"))
                .help(format!("there are: {}", names.join(", "))))
        }
        _ => Ok(chosen),
    }
}
