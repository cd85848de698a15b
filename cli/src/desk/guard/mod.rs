//! `collect-desk guard`: abuse that the bucket's logs show, and its end.

mod known;
mod logs;
mod show;
mod state;

pub(super) use known::GuardOptions;

use super::{
    args,
    settings::Desk,
    voice::{Follower, Voice},
};
use crate::{
    exit::{Exit, Failure},
    signals,
};
use collect_guard::{Guard, State, Verdict};
use collect_sinks::{
    patrol::{self, Logs, PatrolError, Wanted},
    s3::{Bucket, BucketError},
};
use jiff::Timestamp;
use known::Known;
use state::Kept;
use std::{path::Path, sync::Arc};

/// How often a run begins anew because another one was faster.
const TRIES: usize = 5;

/// Where the logs are.
enum Source<'s> {
    Local(&'s Path),
    /// The logs below a prefix, and how the command line names them.
    Remote {
        logs: Logs,
        prefix: &'s str,
        named: &'s str,
    },
}

impl Source<'_> {
    /// As the command line names it.
    fn name(&self) -> String {
        match self {
            Self::Local(path) => path.display().to_string(),
            Self::Remote { named, .. } => (*named).to_owned(),
        }
    }
}

/// Keeps the state at the end of a run; says whether it did, or another run was faster.
type Save<'s> = Box<dyn FnOnce(&State) -> Result<bool, Failure> + 's>;

/// Does what the command line says.
pub(super) fn dispatch(
    wanted: &args::Guard,
    desk: Option<&Desk>,
    voice: &Voice,
) -> Result<Exit, Failure> {
    let logs = wanted.logs.clone().map_or_else(|| log_bucket(desk), Ok)?;
    let source = source(&logs, desk, voice)?;
    let asks = wanted.apply || matches!(source, Source::Remote { .. });
    let known = Known::read(wanted, desk, asks)?;
    if wanted.apply && matches!(source, Source::Remote { .. }) && wanted.state.is_some() {
        let message = "with logs in a bucket the state is kept there, and not in a file";
        return Err(Failure::unusable(message).help("leave out `--state`"));
    }
    if !known.knows_uploads {
        voice.warn(
            "the upload tokens are not known, so the rules about tokens and Referer find little; \
             name them in desk.toml: `[guard] upload-tokens = [{ file = \"upload.token\" }]`",
        );
    }
    for _ in 0..TRIES {
        let (state, save) = begin(wanted, desk, &source)?;
        let (verdict, gaps) = judge(&known, &source, state, voice)?;
        if !wanted.apply {
            return Ok(show::verdict(voice, &verdict, &gaps, None));
        }
        if !save(&verdict.state)? {
            voice.say("another run was faster; beginning anew with what it left");
            continue;
        }
        // The state first: every later run writes the blocks of the state into the policy, so that
        // what is not written now is written then.
        let change = patrol::apply(&reports(desk)?, &verdict.blocks)?;
        return Ok(show::verdict(voice, &verdict, &gaps, Some(&change)));
    }
    let message = "other runs of guard were faster each time; nothing was changed";
    Err(Failure::new(Exit::UNREACHED, message).help("try again when they have ended"))
}

/// The state that an earlier run left, and how to keep the one of this run.
fn begin<'s>(
    wanted: &args::Guard,
    desk: Option<&Desk>,
    source: &'s Source<'_>,
) -> Result<(State, Save<'s>), Failure> {
    Ok(match source {
        Source::Local(_) => {
            let kept = Kept::in_file(wanted.state.as_deref(), desk)?;
            (kept.state(), Box::new(move |state| kept.save(state)))
        }
        Source::Remote { logs, .. } => {
            let kept = logs.state()?;
            (kept.state.clone(), Box::new(move |state| Ok(logs.save(&kept, state)?)))
        }
    })
}

/// Reads all logs and decides.
fn judge(
    known: &Known,
    source: &Source<'_>,
    state: State,
    voice: &Voice,
) -> Result<(Verdict, Vec<String>), Failure> {
    let (rules, tokens) = (known.rules.clone(), known.tokens.clone());
    let mut guard = Guard::new(rules, tokens, state, Timestamp::now());
    if let Some(bucket) = &known.bucket {
        guard = guard.only(bucket);
    }
    let mut gaps = Vec::new();
    match source {
        Source::Local(path) => logs::read(path, &mut guard, &mut gaps)?,
        Source::Remote { logs, prefix, .. } => {
            logs.read(Wanted::Below(prefix), &mut guard, &mut gaps)?;
        }
    }
    for gap in &gaps {
        voice.warn(gap);
    }
    let verdict = guard.finish();
    if verdict.tally.lines == 0 && gaps.is_empty() {
        voice.warn(&format!(
            "there is nothing to read in `{}`; is `--logs` right, and are logs delivered there?",
            source.name()
        ));
    }
    Ok((verdict, gaps))
}

/// Where the module has the logs delivered.
fn log_bucket(desk: Option<&Desk>) -> Result<String, Failure> {
    let bucket = desk.and_then(|desk| desk.bucket.log_bucket.as_deref());
    bucket.map(|bucket| format!("s3://{bucket}/access/")).ok_or_else(|| {
        Failure::unusable("where the logs are is not known")
            .help("name them with `--logs`, or write `log-bucket = \"…\"` into desk.toml")
    })
}

fn source<'s>(named: &'s str, desk: Option<&Desk>, voice: &Voice) -> Result<Source<'s>, Failure> {
    let Some(place) = named.strip_prefix("s3://") else {
        return Ok(Source::Local(Path::new(named)));
    };
    let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
    let desk = desk.ok_or_else(no_settings)?;
    let options = desk.bucket.with_keys().of(name);
    let bucket = options.open(&desk.base, &crate::paths::environment)?;
    Ok(Source::Remote { logs: Logs::new(watched(bucket, voice)?), prefix, named })
}

/// The bucket of the reports, whose policy is edited by a role and never by the desk's token.
fn reports(desk: Option<&Desk>) -> Result<Bucket, Failure> {
    let desk = desk.ok_or_else(no_settings)?;
    Ok(desk.bucket.with_keys().open(&desk.base, &crate::paths::environment)?)
}

/// From here on the first signal asks the work to stop, and the second ends it.
fn watched(bucket: Bucket, voice: &Voice) -> Result<Bucket, Failure> {
    let watch = signals::Watch::begin()
        .map_err(|error| Failure::unusable(format!("cannot watch for signals: {error}")))?;
    Ok(bucket.watched(Arc::new(Follower { voice: voice.clone(), stop: watch.stop })))
}

fn no_settings() -> Failure {
    Failure::unusable("which bucket it is about is not known")
        .help("write desk.toml, or name it with `--config FILE`; Terraform's output `desk_config` prints one")
}

impl From<PatrolError> for Failure {
    fn from(error: PatrolError) -> Self {
        let message = error.to_string();
        let help = error.help().map(str::to_owned);
        let failure = match error {
            PatrolError::Bucket { source: source @ BucketError::Stopped, .. } => {
                return source.into();
            }
            PatrolError::Bucket { source, .. } => Self::new(Self::from(source).exit, message),
            PatrolError::Policy(_) | PatrolError::NoPolicy => Self::new(Exit::Left, message),
            _ => Self::unusable(message),
        };
        match help {
            Some(help) => failure.help(help),
            None => failure,
        }
    }
}
