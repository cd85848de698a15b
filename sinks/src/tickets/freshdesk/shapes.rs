//! How Freshdesk writes tickets, files and refusals.

use crate::api::{Form, has_all, is_value, missing};
use collect_core::{sink::DeliveryError, ticket::TicketError};
use serde_json::Value;

/// The items of a list; none if it is no list.
pub(super) fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// The same as a form.
pub(super) fn form(wish: &Value) -> Form {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut form = Form::default();
    for (name, value) in wish.as_object().into_iter().flatten() {
        form = match value {
            Value::Array(items) => {
                items.iter().fold(form, |form, item| form.text(format!("{name}[]"), text(item)))
            }
            Value::Object(members) => members.iter().fold(form, |form, (member, value)| {
                form.text(format!("{name}[{member}]"), text(value))
            }),
            value => form.text(name.as_str(), text(value)),
        };
    }
    form
}

/// The files of a ticket or a conversation; the documentation names their size in two ways.
pub(super) fn attachments(holder: &Value) -> Vec<(String, u64)> {
    let files = list(&holder["attachments"]);
    let file = |file: &Value| {
        let size = file["size"].as_u64().or_else(|| file["file_size"].as_u64())?;
        Some((file["name"].as_str()?.to_owned(), size))
    };
    files.iter().filter_map(file).collect()
}

/// Of a form Freshdesk says by 400 which of its fields it does not take.
pub(super) fn too_large_if_attachments(error: TicketError) -> TicketError {
    match error {
        TicketError::Failed(DeliveryError::Refused { reason, .. })
            if reason.contains(" 400") && reason.contains("attachments") =>
        {
            TicketError::TooLarge(reason)
        }
        error => error,
    }
}

/// What of a wish is not in the ticket that was made.
pub(super) fn ignored(wish: &Value, made: &Value) -> Vec<String> {
    let members = [
        ("priority", "priority"),
        ("type", "type"),
        ("group", "group_id"),
        ("product", "product_id"),
    ];
    let mut ignored = missing(&members, wish, made);
    if !has_all(&made["tags"], &wish["tags"]) {
        ignored.push("tags".to_owned());
    }
    for (name, value) in wish["custom_fields"].as_object().into_iter().flatten() {
        if !is_value(&made["custom_fields"][name], value.as_str().unwrap_or_default()) {
            ignored.push(format!("fields.{name}"));
        }
    }
    ignored
}
