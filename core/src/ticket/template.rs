//! Texts with placeholders: `{product}: {description} [{id}]`.

use crate::suggest;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

/// A text with placeholders in braces; `{{` and `}}` stand for braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(String),
}

/// Why a text is no template.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TemplateError {
    /// A brace that is not closed.
    #[error("a `{{` is not closed; write `{{{{` for the brace itself")]
    Open,
    /// A brace that is not opened.
    #[error("a `}}` is not opened; write `}}}}` for the brace itself")]
    Close,
}

impl Template {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let (mut parts, mut plain) = (Vec::new(), String::new());
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain += &rest[..at];
            let (brace, after) = rest[at..].split_at(1);
            if let Some(after) = after.strip_prefix(brace) {
                plain += brace;
                rest = after;
                continue;
            }
            if brace == "}" {
                return Err(TemplateError::Close);
            }
            let (name, after) = after.split_once('}').ok_or(TemplateError::Open)?;
            if name.contains('{') {
                return Err(TemplateError::Open);
            }
            parts.push(Part::Text(std::mem::take(&mut plain)));
            parts.push(Part::Placeholder(name.trim().to_owned()));
            rest = after;
        }
        parts.push(Part::Text(plain + rest));
        parts.retain(|part| *part != Part::Text(String::new()));
        Ok(Self(parts))
    }

    /// Says which placeholder is not one of `known`.
    pub fn objection(&self, known: &[&str]) -> Option<(String, String)> {
        let wrong = self.names().find(|name| !known.contains(name))?;
        let help = suggest::did_you_mean(wrong, known.iter().copied())
            .unwrap_or_else(|| suggest::there_are(known.iter().copied()));
        Some((format!("there is no placeholder `{wrong}`"), help))
    }

    /// Whether it has a placeholder of that name.
    pub fn has(&self, name: &str) -> bool {
        self.names().any(|other| other == name)
    }

    /// The text, with `value` for each placeholder.
    pub fn fill(&self, value: impl Fn(&str) -> String) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Placeholder(name) => value(name),
        });
        parts.collect()
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Placeholder(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for Template {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Template".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}
