//! Values that must never be shown.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use std::{fmt, path::PathBuf};
use zeroize::Zeroizing;

/// A secret of the profile: a token, a password.
///
/// Neither `Debug` nor `Display` shows it, it is wiped when dropped, and every bundle of the profile
/// is searched for it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The value itself, for the one place that has to send it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where a secret of a profile comes from: the value itself, a file, or an environment variable.
///
/// Written as `"value"`, `{ file = "upload.token" }` or `{ env = "UPLOAD_TOKEN" }`. A relative file
/// is looked for beside the profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// The value stands in the profile.
    Literal(Secret),
    /// The first line of a file.
    File(PathBuf),
    /// An environment variable of that name.
    Env(String),
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = SecretSource;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(r#"a string, { file = "…" } or { env = "…" }"#)
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
                Ok(SecretSource::Literal(Secret::new(value)))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let source = match map.next_key::<String>()?.as_deref() {
                    Some("file") => SecretSource::File(map.next_value()?),
                    Some("env") => SecretSource::Env(map.next_value()?),
                    Some(other) => return Err(de::Error::unknown_field(other, &["file", "env"])),
                    None => return Err(de::Error::custom("neither `file` nor `env` is given")),
                };
                match map.next_key::<String>()? {
                    None => Ok(source),
                    Some(_) => Err(de::Error::custom("give one of `file` and `env`, not both")),
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for SecretSource {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SecretSource".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "the value itself, `{ file = \"…\" }` or `{ env = \"…\" }`",
            "anyOf": [
                { "type": "string" },
                { "type": "object", "properties": { "file": { "type": "string" } },
                  "required": ["file"], "additionalProperties": false },
                { "type": "object", "properties": { "env": { "type": "string" } },
                  "required": ["env"], "additionalProperties": false },
            ]
        })
    }
}

/// Why a secret could not be read. Never holds the secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read the secret in `{}`: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The variable is not set.
    #[error("the environment variable `{0}` is not set")]
    Env(String),
    /// There is nothing in it.
    #[error("the secret in {0} is empty")]
    Empty(String),
}

impl SecretSource {
    /// Reads the secret, without the white space around it; a relative file is meant from `base`.
    pub fn resolve(
        &self,
        base: &std::path::Path,
        env: &(dyn Fn(&str) -> Option<String> + Sync),
    ) -> Result<Secret, SecretError> {
        let (value, origin) = match self {
            Self::Literal(secret) => (secret.clone(), "the profile".to_owned()),
            Self::File(path) => {
                let path = base.join(path);
                let text = std::fs::read_to_string(&path).map(Zeroizing::new);
                let text =
                    text.map_err(|source| SecretError::File { path: path.clone(), source })?;
                (Secret::new(text.trim()), format!("`{}`", path.display()))
            }
            Self::Env(name) => {
                let value = env(name).ok_or_else(|| SecretError::Env(name.clone()))?;
                (Secret::new(value.trim()), format!("the environment variable `{name}`"))
            }
        };
        if value.reveal().is_empty() { Err(SecretError::Empty(origin)) } else { Ok(value) }
    }
}
