//! `[guard]` of `desk.toml`, and what follows from it: the tokens and the rules.

use crate::{
    desk::{args, settings::Desk},
    exit::Failure,
    paths,
};
use collect_core::{Secret, secret::SecretSource};
use collect_guard::{Net, Rules, Tokens};
use collect_sinks::patrol::{self, PatrolError};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// What guard compares requests with.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct GuardOptions {
    /// The upload tokens, in the order of Terraform's variable. If none is given, a run that asks
    /// the bucket for something anyway reads tokens and Referer from its policy.
    pub(crate) upload_tokens: Vec<SecretSource>,
    /// The desk's tokens, in the order of Terraform's variable; `desk-token` of `[bucket]` if not
    /// given.
    pub(crate) desk_tokens: Vec<SecretSource>,
    /// Tokens that are no longer valid, so that hosts that still use one are named.
    pub(crate) retired_tokens: Vec<SecretSource>,
    /// A file of rules; `--rules` goes before it.
    pub(crate) rules: Option<PathBuf>,
    /// Networks that are never blocked, besides those of the rules.
    pub(crate) allow: Vec<String>,
}

impl GuardOptions {
    /// Says what is wrong with the options beyond their types.
    pub(crate) fn check(&self) -> Vec<collect_core::Invalid> {
        let wrong = self.allow.iter().filter_map(|net| net.parse::<Net>().err());
        wrong
            .map(|message| collect_core::Invalid { option: "allow", message, help: None })
            .collect()
    }
}

/// Rules and tokens of a run.
pub(super) struct Known {
    pub(super) rules: Rules,
    pub(super) tokens: Tokens,
    /// The bucket of the reports.
    pub(super) bucket: Option<String>,
    /// Whether valid uploads can be told from others.
    pub(super) knows_uploads: bool,
}

impl Known {
    /// Reads the files that are named; `asks` says that the run asks the bucket for something.
    pub(super) fn read(
        wanted: &args::Guard,
        desk: Option<&Desk>,
        asks: bool,
    ) -> Result<Self, Failure> {
        let of_settings = desk.and_then(|desk| Some(desk.base.join(desk.guard.rules.as_ref()?)));
        let rules = match wanted.rules.clone().or(of_settings) {
            Some(path) => rules(&path)?,
            None => Rules::default(),
        };
        let Some(desk) = desk else {
            let (tokens, bucket) = (Tokens::new(), None);
            return Ok(Self { rules, tokens, bucket, knows_uploads: false });
        };
        let allowed: Vec<Net> = desk.guard.allow.iter().flat_map(|net| net.parse()).collect();
        let tokens = tokens(desk, asks)?.retired(secrets(desk, &desk.guard.retired_tokens)?);
        let bucket = Some(desk.bucket.bucket.clone());
        let knows_uploads = asks || !desk.guard.upload_tokens.is_empty();
        Ok(Self { rules: rules.allowing(allowed), tokens, bucket, knows_uploads })
    }
}

/// The tokens that are valid: those that are named, or else, where the bucket is `asked` for
/// something anyway, those of its policy. Where the upload tokens are not known the Referer is left
/// out: whoever sends it with one of them would look like somebody who tries tokens.
fn tokens(desk: &Desk, asked: bool) -> Result<Tokens, Failure> {
    if asked && desk.guard.upload_tokens.is_empty() {
        return patrol::tokens(&super::reports(Some(desk))?).map_err(|error| {
            let named = "name the tokens in desk.toml: `[guard] upload-tokens = […]`";
            let help = match &error {
                PatrolError::Policy(_) | PatrolError::NoPolicy => error.help(),
                _ => None,
            };
            let help = help.map(|help| format!("{help}; for a dry run, {named}"));
            let failure = Failure::from(error);
            match help {
                Some(help) => failure.help(help),
                None => failure,
            }
        });
    }
    let tokens = Tokens::new()
        .upload(secrets(desk, &desk.guard.upload_tokens)?)
        .desk(secrets(desk, desk_tokens(desk))?);
    Ok(match &desk.bucket.referer {
        Some(referer) if !desk.guard.upload_tokens.is_empty() => {
            tokens.referer(Secret::new(referer))
        }
        _ => tokens,
    })
}

fn desk_tokens(desk: &Desk) -> &[SecretSource] {
    match desk.guard.desk_tokens.as_slice() {
        [] => desk.bucket.desk_token.as_slice(),
        tokens => tokens,
    }
}

fn secrets(desk: &Desk, sources: &[SecretSource]) -> Result<Vec<Secret>, Failure> {
    let read = |source: &SecretSource| source.resolve(&desk.base, &paths::environment);
    sources.iter().map(read).collect::<Result<_, _>>().map_err(|error| {
        Failure::unusable(error.to_string()).help("put the token there, or correct desk.toml")
    })
}

fn rules(path: &Path) -> Result<Rules, Failure> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::unusable(format!("cannot read the rules in `{shown}`: {error}"))
            .help("correct `--rules`, or `rules` of `[guard]` in desk.toml")
    })?;
    Rules::parse(&shown, &text).map_err(|error| {
        Failure::unusable(format!("the rules cannot be used\n\n{}", error.render(false))).help(
            "`collect-desk guard --default-rules` prints the defaults, which say what there is",
        )
    })
}
