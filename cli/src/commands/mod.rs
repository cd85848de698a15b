//! The commands.

mod lists;
mod outbox;
mod profile;
mod redact;
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
    profile::{load, load_for},
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
    /// Reads a profile, to redact data of a host by it.
    fn profile_for(&self, host: &dyn Host, named: &str) -> Result<Arc<Profile>, Failure> {
        let library = self.places.library();
        let key = self.places.redact_key();
        let loaded = load_for(host, &key, named, &library, &self.plugins, &paths::environment);
        Ok(Arc::new(loaded?))
    }

    /// Reads a profile.
    fn profile(&self, named: &str) -> Result<Arc<Profile>, Failure> {
        let library = self.places.library();
        let loaded = load(named, &library, &self.plugins, &paths::environment);
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
        Some(Command::Check { profile }) => profile::check(&context, profile),
        Some(Command::Schema) => Ok(profile::schema(&context)),
        Some(Command::New { profile }) => profile::new(&context, profile),
        Some(Command::Send { bundle, profile }) => {
            send::send(&context, bundle.as_deref(), profile.as_deref())
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
