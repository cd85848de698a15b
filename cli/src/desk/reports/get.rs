//! `reports get`

use super::{
    Context,
    fetch::{Fetched, Outcome, fetch},
    find::find,
    key::file_name,
    run,
};
use crate::{
    desk::args::Get,
    exit::{Exit, Failure},
    text,
};
use futures_util::{StreamExt, stream};
use serde_json::json;
use std::{collections::BTreeMap, fs};

/// Gets what the command line names.
pub(super) fn get(context: Context<'_>, wanted: &Get) -> Result<Exit, Failure> {
    let found = run(find(&context, &wanted.patterns))?;
    let folder = &wanted.output;
    fs::create_dir_all(folder).map_err(|error| {
        Failure::unusable(format!("cannot write to `{}`: {error}", folder.display()))
            .help("choose another folder with `--output DIR`")
    })?;
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for key in found.reports.keys() {
        if let Some(other) = names.insert(file_name(key), key) {
            let message =
                format!("`{}` and `{}` have one name", text::one_line(other), text::one_line(key));
            return Err(Failure::unusable(message).help("get them one by one, into two folders"));
        }
    }
    let context = context.heed_signals()?;
    let meant: Vec<_> = found.reports.values().collect();
    let total = meant.iter().map(|meant| meant.object.size).sum();
    let progress = context.voice.progress("Getting", total, true);
    let results = run(async {
        let fetches = stream::iter(&meant)
            .map(|meant| fetch(&context, folder, &meant.object, &progress))
            .buffer_unordered(usize::from(wanted.jobs))
            .inspect(|result| tell(&context, result));
        Ok(fetches.collect::<Vec<_>>().await)
    })?;
    drop(progress);
    Ok(exit_of(&results))
}

/// The worst of them.
fn exit_of(results: &[Result<Fetched, Failure>]) -> Exit {
    let exit = |result: &Result<Fetched, Failure>| match result {
        Err(failure) => failure.exit,
        Ok(fetched) if fetched.is_verified() => Exit::Complete,
        Ok(_) => Exit::Left,
    };
    let exits = || results.iter().map(exit);
    [Exit::Stopped, Exit::UNREACHED, Exit::Unusable, Exit::Left]
        .into_iter()
        .find(|worst| exits().any(|exit| exit == *worst))
        .unwrap_or(Exit::Complete)
}

fn tell(context: &Context<'_>, result: &Result<Fetched, Failure>) {
    let fetched = match result {
        Ok(fetched) => fetched,
        Err(failure) if failure.exit == Exit::Stopped => return,
        Err(failure) => return context.voice.failed(failure),
    };
    let path = fetched.path.display().to_string();
    if context.voice.json {
        let there = fetched.outcome == Outcome::There;
        context.voice.object(&json!({
            "event": "fetched", "key": fetched.key, "path": path, "size": fetched.size,
            "there": there, "verified": fetched.is_verified(),
        }));
    } else {
        context.voice.line(&text::harmless(&path));
    }
    if !fetched.is_verified() {
        context.voice.warn(&format!(
            "`{path}` could not be verified: the bucket has no checksum of it; its length is right"
        ));
    }
}
