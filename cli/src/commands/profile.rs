//! `collect check`, `collect schema` and `collect new`.

use super::Context;
use crate::{
    args::CheckJob,
    exit::{Exit, Failure},
    report::print,
    text,
};
use collect_core::profile::{Wanted, schema as schema_of, template};
use std::{fs::File, io::ErrorKind, io::Write, path::PathBuf};

/// Says everything that is wrong with a profile.
pub(super) fn check(context: &Context<'_>, job: &CheckJob) -> Result<Exit, Failure> {
    if let Some(option) = job.choice.given() {
        let message = format!("`{option}` says nothing to `collect check` without `--run`");
        return Err(Failure::unusable(message).help("add `--run`, or leave it out"));
    }
    let named = &job.profile;
    let profile = context.profile(Wanted { name: named, set: &job.given.set })?;
    let steps = text::count(profile.steps.len(), "step");
    let recipients = text::count(profile.recipients.len(), "recipient");
    let sinks = text::count(profile.sinks.len(), "sink");
    context.voice.say(&format!("`{named}` is good: {steps}, {recipients}, {sinks}"));
    Ok(Exit::Complete)
}

/// Prints the JSON Schema of profiles.
pub(super) fn schema(context: &Context<'_>) -> Exit {
    let schema = schema_of(&context.plugins);
    print(&format!("{schema:#}\n"));
    Exit::Complete
}

/// Writes a profile to begin with, and overwrites nothing.
pub(super) fn new(context: &Context<'_>, named: &str) -> Result<Exit, Failure> {
    let mut path = PathBuf::from(named);
    if path.extension().is_none_or(|extension| extension != "toml") {
        path.as_mut_os_string().push(".toml");
    }
    let shown = path.display();
    let created = File::create_new(&path).and_then(|mut file| {
        file.write_all(template(named).as_bytes())?;
        file.sync_all()
    });
    created.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::unusable(format!("`{shown}` is there already"))
            .help("choose another name; nothing is overwritten"),
        _ => Failure::unusable(format!("cannot write `{shown}`: {error}")),
    })?;
    context
        .voice
        .say(&format!("Written: {shown}. `collect check {shown}` says whether it is right."));
    Ok(Exit::Complete)
}
