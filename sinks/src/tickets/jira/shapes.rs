//! How Jira writes keys, labels, queries and transitions.

use collect_core::ticket::Template;
use serde_json::{Map, Value, json};

/// The path of something of an issue.
pub(super) fn path(number: &str, what: &str) -> String {
    format!("rest/api/2/issue/{number}{what}")
}

/// Whether that is a key of a project.
pub(super) fn is_key(text: &str) -> bool {
    let is_upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    text.starts_with(|c: char| c.is_ascii_uppercase()) && text.chars().all(is_upper)
}

/// The label of a report.
pub(super) fn label(key: &str) -> String {
    format!("collect-{}", key.replace(char::is_whitespace, "-"))
}

/// A text in JQL.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', r#"\""#))
}

/// Whether a label is among these.
pub(super) fn has(labels: &Value, wanted: &str) -> bool {
    labels.as_array().is_some_and(|labels| labels.iter().any(|label| label == wanted))
}

/// Whether a status means that the work is done, whatever it is called.
pub(super) fn is_done(status: &Value) -> bool {
    status["statusCategory"]["key"] == "done"
}

/// The resolution that a transition wants, the one for duplicates if there is one.
pub(super) fn resolution(transition: &Value) -> Option<Value> {
    let field = &transition["fields"]["resolution"];
    let allowed = field["allowedValues"].as_array()?;
    let named = allowed.iter().find(|one| one["name"] == "Duplicate");
    let name = &named.or_else(|| allowed.first())?["name"];
    Some(json!({ "name": name }))
}

/// A value with all templates in it filled.
pub(super) fn filled<F>(value: &Value, fill: &F) -> Result<Value, (String, String)>
where
    F: Fn(&Template) -> Result<String, (String, String)>,
{
    Ok(match value {
        Value::String(text) => {
            let help = "write braces that are no placeholder twice";
            let template =
                Template::parse(text).map_err(|error| (error.to_string(), help.to_owned()))?;
            fill(&template)?.into()
        }
        Value::Array(items) => {
            items.iter().map(|item| filled(item, fill)).collect::<Result<_, _>>()?
        }
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| Ok((name.clone(), filled(value, fill)?)))
            .collect::<Result<Map<_, _>, (String, String)>>()?
            .into(),
        other => other.clone(),
    })
}
