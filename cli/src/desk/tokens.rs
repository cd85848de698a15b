//! `collect-desk tokens`: new tokens beside the old ones, and the end of the old ones.
//!
//! What the bucket's policy lets in are lists in a file of Terraform's variables, the newest first.
//! This changes that file and nothing else.

mod variables;

use super::{
    args::{Role, Tokens},
    voice::Voice,
};
use crate::{
    exit::{Exit, Failure},
    text,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use collect_core::Secret;
use rand::{TryRngCore, rngs::OsRng};
use serde_json::json;
use std::{num::NonZero, path::Path};
use variables::Variables;

/// The tokens that were valid once: guard reports who still uses one.
const RETIRED: &str = "retired_tokens";

/// The length of a token: 256 bits.
const BYTES: usize = 32;

impl Role {
    /// The variable with its tokens.
    fn variable(self) -> &'static str {
        match self {
            Self::Upload => "upload_tokens",
            Self::Desk => "desk_tokens",
        }
    }

    /// The option of a profile, or of `desk.toml`, that holds one.
    fn option(self) -> &'static str {
        match self {
            Self::Upload => "upload-token",
            Self::Desk => "desk-token",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Desk => "desk",
        }
    }
}

/// Does what the command line says.
pub(super) fn dispatch(command: &Tokens, voice: &Voice) -> Result<Exit, Failure> {
    match command {
        Tokens::Rotate { role, tfvars, keep } => rotate(*role, tfvars, *keep, voice),
        Tokens::Retire { role, tfvars } => retire(*role, tfvars, voice),
    }
}

fn rotate(
    role: Role,
    path: &Path,
    keep: Option<NonZero<usize>>,
    voice: &Voice,
) -> Result<Exit, Failure> {
    let mut variables = Variables::open(path, true)?;
    let mut tokens = variables.list(role.variable())?;
    let token = new_token()?;
    tokens.insert(0, token.reveal().to_owned());
    let ended = match keep {
        Some(keep) if tokens.len() > keep.get() + 1 => tokens.split_off(keep.get() + 1),
        _ => Vec::new(),
    };
    let (valid, retired) = (tokens.len(), ended.len());
    variables.set(role.variable(), &tokens);
    retire_all(role, &mut variables, ended)?;
    variables.save()?;

    let option = role.option();
    if voice.json {
        voice.object(&json!({
            "event": "rotated", "role": role.word(), "option": option, "token": token.reveal(),
            "valid": valid, "retired": retired,
        }));
    } else {
        voice.line(&format!("{option} = \"{}\"", token.reveal()));
    }
    let file = text::shell(path);
    let place = match role {
        Role::Upload => "`[deliver.bucket]` of the product's profile, and ship that",
        Role::Desk => "`[bucket]` of every `desk.toml`",
    };
    let word = role.word();
    if valid == 1 {
        voice.say(&format!(
            "This token is secret; it is the only one in `{file}`. What is left to do:\n  \
             1. `terraform apply`: from then on the bucket lets it in\n  \
             2. put the line above into {place}"
        ));
        return Ok(Exit::Complete);
    }
    let old = match retired {
        0 => "the old ones as well".to_owned(),
        _ => format!("the newest old ones as well; {} no more", text::count(retired, "older one")),
    };
    voice.say(&format!(
        "This token is secret; {valid} are valid in `{file}` now. What is left to do:\n  \
         1. `terraform apply`: from then on the bucket lets it in, and {old}\n  \
         2. put the line above into {place}\n  \
         3. when everybody has it: `collect-desk tokens retire {word} --tfvars {file}`, and\n     \
            `terraform apply`"
    ));
    Ok(Exit::Complete)
}

fn retire(role: Role, path: &Path, voice: &Voice) -> Result<Exit, Failure> {
    let mut variables = Variables::open(path, false)?;
    let mut tokens = variables.list(role.variable())?;
    let word = role.word();
    if tokens.len() < 2 {
        let message = match tokens.len() {
            0 => format!("there is no {word} token in `{}`", path.display()),
            _ => format!("there is one {word} token only, and without it nobody gets in"),
        };
        let help = format!(
            "`collect-desk tokens rotate {word} --tfvars {}` makes a new one first",
            text::shell(path)
        );
        return Err(Failure::unusable(message).help(help));
    }
    let ended = tokens.split_off(1);
    let retired = ended.len();
    variables.set(role.variable(), &tokens);
    retire_all(role, &mut variables, ended)?;
    variables.save()?;
    if voice.json {
        voice.object(&json!({ "event": "retired", "role": word, "retired": retired }));
    }
    let tokens = text::count(retired, &format!("old {word} token"));
    voice.say(&format!("`terraform apply` ends {tokens}; guard reports hosts that still use one"));
    Ok(Exit::Complete)
}

/// Puts tokens that have ended before those that ended earlier.
fn retire_all(role: Role, variables: &mut Variables, ended: Vec<String>) -> Result<(), Failure> {
    if ended.is_empty() {
        return Ok(());
    }
    // One that stands there twice may be among those that stay.
    let mut retired = Vec::new();
    for token in ended {
        if !variables.list(role.variable())?.contains(&token) {
            retired.push(token);
        }
    }
    for earlier in variables.list(RETIRED)? {
        if !retired.contains(&earlier) {
            retired.push(earlier);
        }
    }
    variables.set(RETIRED, &retired);
    Ok(())
}

/// A token of letters, digits, `-` and `_`, from the operating system's source of randomness.
fn new_token() -> Result<Secret, Failure> {
    let mut bytes = [0; BYTES];
    OsRng.try_fill_bytes(&mut bytes).map_err(|error| {
        Failure::unusable(format!("the operating system gives no random bytes: {error}"))
    })?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_256_bits_and_can_stand_in_a_header_a_url_and_a_shell() {
        let (one, other) = (new_token().unwrap(), new_token().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.reveal().len(), 43);
        assert!(one.reveal().chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    }
}
