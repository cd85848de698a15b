//! What rules may depend on beside a redactor's options.

use crate::{host::Host, profile::Env};
use std::path::Path;

/// What a profile is read amid. Whatever is missing is done without.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The environment.
    pub env: Env<'a>,
    /// The host whose names, accounts and addresses are to be known.
    pub host: Option<&'a dyn Host>,
    /// Where the key of pseudonyms is kept if the profile names none; made if it is not there.
    pub key: Option<&'a Path>,
}

impl<'a> Surroundings<'a> {
    /// Only the environment.
    pub fn of(env: Env<'a>) -> Self {
        Self { env, host: None, key: None }
    }
}

/// What the rules of a redactor may depend on.
#[derive(Clone, Copy)]
pub struct RuleContext<'a> {
    /// The folder that relative paths of the profile are meant from.
    pub base: &'a Path,
    /// What the profile is read amid.
    pub around: Surroundings<'a>,
}

impl Default for RuleContext<'_> {
    fn default() -> Self {
        Self { base: Path::new("/"), around: Surroundings::of(&|_| None) }
    }
}
