//! The commands.

mod lists;
mod outbox;
mod profile;
mod redact;
mod rehearse;
mod run;
pub(crate) mod send;

use crate::{
    args::{Cli, Command},
    exit::{Exit, Failure},
    manners,
    paths::{self, Places},
    report::{self, Voice},
};
use clap::CommandFactory;
use collect_core::{
    Profile,
    host::Host,
    plugin::Plugins,
    profile::{Wanted, load, load_for},
};
use std::{path::Path, sync::Arc};

/// What every command needs.
pub(crate) struct Context<'c> {
    pub(crate) places: Places,
    pub(crate) plugins: Plugins,
    pub(crate) voice: &'c dyn Voice,
    pub(crate) json: bool,
}

impl Context<'_> {
    /// Reads a profile, to redact data of a host by it, with the key of pseudonyms at `key`.
    fn profile_for(
        &self,
        host: &dyn Host,
        key: Option<&Path>,
        wanted: Wanted<'_>,
    ) -> Result<Arc<Profile>, Failure> {
        let library = self.places.library();
        let loaded = load_for(host, key, wanted, &library, &self.plugins, &paths::environment);
        Ok(Arc::new(loaded?))
    }

    /// Reads a profile.
    fn profile(&self, wanted: Wanted<'_>) -> Result<Arc<Profile>, Failure> {
        let library = self.places.library();
        let loaded = load(wanted, &library, &self.plugins, &paths::environment);
        Ok(Arc::new(loaded?))
    }
}

/// Does what the command line says.
pub(crate) fn dispatch(cli: &Cli, voice: &dyn Voice) -> Result<Exit, Failure> {
    manners::forbid_core_dumps();
    let context = Context {
        places: Places::of_this_user(),
        plugins: Plugins::linked(),
        voice,
        json: cli.common.json,
    };
    match &cli.command {
        None => run::run(&context, &cli.run),
        Some(Command::Profiles) => Ok(lists::profiles(&context)),
        Some(Command::Plugins { name }) => lists::plugins(&context, name.as_deref()),
        Some(Command::Check(job)) if job.run => rehearse::rehearse(&context, job),
        Some(Command::Check(job)) => profile::check(&context, job),
        Some(Command::Schema) => Ok(profile::schema(&context)),
        Some(Command::New { profile }) => profile::new(&context, profile),
        Some(Command::Send { bundle, profile, given }) => {
            send::send(&context, bundle.as_deref(), profile.as_deref(), &given.set)
        }
        Some(Command::Redact(job)) => redact::redact(&context, job),
        Some(Command::Outbox) => outbox::outbox(&context),
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "collect", &mut script);
            report::print(&String::from_utf8_lossy(&script));
            Ok(Exit::Complete)
        }
    }
}
