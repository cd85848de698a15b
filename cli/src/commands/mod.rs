//! The commands.

mod lists;
mod outbox;
mod profile;
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
    profile::{load, load_amid},
    redact::Surroundings,
};
use std::sync::Arc;

/// What every command needs.
pub(crate) struct Context<'c> {
    pub(crate) places: Places,
    pub(crate) plugins: Plugins,
    pub(crate) voice: &'c dyn Voice,
    pub(crate) json: bool,
}

impl Context<'_> {
    /// Reads a profile.
    fn profile(&self, named: &str) -> Result<Arc<Profile>, Failure> {
        let library = self.places.library();
        let loaded = load(named, &library, &self.plugins, &paths::environment);
        Ok(Arc::new(loaded?))
    }

    /// Reads a profile for a run on a host.
    fn profile_on(&self, named: &str, host: &dyn Host) -> Result<Arc<Profile>, Failure> {
        let key = self.places.redact_key();
        let around = Surroundings { env: &paths::environment, host: Some(host), key: Some(&key) };
        Ok(Arc::new(load_amid(named, &self.places.library(), &self.plugins, around)?))
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
        Some(Command::Check { profile }) => profile::check(&context, profile),
        Some(Command::Schema) => Ok(profile::schema(&context)),
        Some(Command::New { profile }) => profile::new(&context, profile),
        Some(Command::Send { bundle, profile }) => {
            send::send(&context, bundle.as_deref(), profile.as_deref())
        }
        Some(Command::Outbox) => outbox::outbox(&context),
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "collect", &mut script);
            report::print(&String::from_utf8_lossy(&script));
            Ok(Exit::Complete)
        }
    }
}
