//! What of a wish is in the ticket that was made of it: ticket systems leave out without a word
//! what they do not know.

use serde_json::{Number, Value};

/// The options whose members of the wish are not in the ticket; each with its member.
pub(crate) fn missing(options: &[(&str, &str)], wish: &Value, made: &Value) -> Vec<String> {
    let lost =
        |(_, member): &&(&str, &str)| !wish[*member].is_null() && wish[*member] != made[*member];
    options.iter().filter(lost).map(|(option, _)| (*option).to_owned()).collect()
}

/// Whether all of these words are among those; ticket systems change their case.
pub(crate) fn has_all(held: &Value, wanted: &Value) -> bool {
    let words = |list: &Value| {
        let words = list.as_array().into_iter().flatten().filter_map(Value::as_str);
        words.map(|word| word.trim().to_lowercase()).collect::<Vec<_>>()
    };
    let held = words(held);
    words(wanted).iter().all(|word| held.contains(word))
}

/// Whether a field holds what was wished for; numbers, checks and choices come back as such.
pub(crate) fn is_value(held: &Value, wanted: &str) -> bool {
    match held {
        Value::String(held) => held == wanted,
        Value::Array(held) => held.iter().any(|held| held == wanted),
        Value::Null => wanted.is_empty(),
        Value::Bool(held) => wanted.parse() == Ok(*held),
        Value::Number(held) => wanted.parse().is_ok_and(|wanted: Number| wanted == *held),
        Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_known_again_in_the_type_of_its_field() {
        for held in [json!("7"), json!(7), json!(["6", "7"])] {
            assert!(is_value(&held, "7") && !is_value(&held, "8"), "{held}");
        }
        assert!(is_value(&json!(true), "true") && !is_value(&json!(false), "true"));
        assert!(is_value(&Value::Null, "") && !is_value(&Value::Null, "7"));
    }

    #[test]
    fn what_is_missing_is_named_by_its_option() {
        let (wish, made) = (json!({ "a": 1, "b": "x" }), json!({ "a": 1, "b": null, "c": 3 }));
        assert_eq!(
            missing(&[("first", "a"), ("second", "b"), ("third", "c")], &wish, &made),
            ["second"]
        );
        assert!(has_all(&json!(["bug", "ui"]), &json!(["Bug "])));
        assert!(
            !has_all(&json!(["bug"]), &json!(["bug", "ui"])) && has_all(&json!([]), &json!([]))
        );
    }
}
