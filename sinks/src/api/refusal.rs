//! What a server means that says no, and what to do about it.

use crate::{
    http::{Mask, upload::Answer},
    retry::{Again, Failed},
};
use collect_core::sink::DeliveryError;
use serde_json::Value;

/// What to do about a status, where that is particular to a ticket system.
pub(crate) type Help = fn(u16) -> Option<&'static str>;

/// The members in which servers say what is wrong.
const SAYING: [&str; 8] =
    ["errors", "errorMessages", "error", "message", "description", "details", "detail", "title"];

/// How many sentences of a server are repeated.
const SENTENCES: usize = 4;

/// Explains an answer that is no success; `host` is the server's name in messages.
pub(super) fn explain(answer: &Answer, host: &str, mask: &Mask, help: Help) -> Failed {
    let status = answer.status.as_u16();
    let mut reason = format!("`{host}` answered {status}");
    let said = said(answer);
    if !said.is_empty() {
        reason += ": ";
        reason += &mask.quote(&said);
    }
    // Not implemented, and HTTP version not supported: that will not change.
    if is_too_often(answer) || matches!(status, 408 | 425 | 429 | 500 | 502..=504 | 506..) {
        let help = Some("the ticket system is busy or has a problem of its own: try later".into());
        let error = DeliveryError::Unreachable { reason, help };
        return Failed { error, again: Again::as_wished(answer) };
    }
    let help = help(status).unwrap_or_else(|| usual(status)).to_owned();
    Failed::from(DeliveryError::Refused { reason, help: Some(help) })
}

/// Whether a server says by another status than 429 that it is asked too often, as GitHub does.
fn is_too_often(answer: &Answer) -> bool {
    answer.status.as_u16() == 403
        && (answer.header("retry-after").is_some()
            || answer.header("x-ratelimit-remaining") == Some("0")
            || answer.text.contains("secondary rate limit"))
}

/// What to do about a status.
fn usual(status: u16) -> &'static str {
    match status {
        300..=399 => "redirects are not followed: write the address that it leads to as `url`",
        401 => "the key is not accepted (any more): put a valid one there, then `collect send`",
        403 => "the account of the key lacks a right: it has to see and to add tickets there",
        404 => "there is nothing of that name: correct `url`, and what names the project",
        405 | 406 | 415 | 501 | 505 => {
            "this does not look like the ticket system's interface: correct `url`"
        }
        413 => "the bundle is larger than the server takes",
        400 | 409 | 422 => "correct in the profile what the server names",
        _ => "ask those who run the ticket system what this means",
    }
}

pub(crate) fn refused(reason: impl Into<String>, help: &str) -> DeliveryError {
    DeliveryError::Refused { reason: reason.into(), help: Some(help.into()) }
}

/// The sentences of an answer.
fn said(answer: &Answer) -> String {
    let Ok(document) = serde_json::from_str::<Value>(&answer.text) else {
        let is_text =
            answer.header("content-type").is_some_and(|kind| kind.starts_with("text/plain"));
        return if is_text { answer.text.trim().to_owned() } else { String::new() };
    };
    let mut sentences = Vec::new();
    match &document {
        Value::Object(members) => {
            let saying = SAYING.iter().filter_map(|name| members.get(*name));
            saying.for_each(|value| gather(value, &mut sentences));
        }
        other => gather(other, &mut sentences),
    }
    sentences.truncate(SENTENCES);
    sentences.join("; ")
}

/// Every text in a value; what is said of a field in a list has the field's name before it.
fn gather(value: &Value, sentences: &mut Vec<String>) {
    match value {
        Value::Object(members) if members.values().all(Value::is_array) => {
            for (name, list) in members {
                let mut said = Vec::new();
                gather(list, &mut said);
                if !said.is_empty() {
                    sentences.push(format!("{name}: {}", said.join(", ")));
                }
            }
        }
        Value::String(text) if !text.is_empty() => sentences.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| gather(item, sentences)),
        Value::Object(members) => members.values().for_each(|item| gather(item, sentences)),
        _ => {}
    }
}
