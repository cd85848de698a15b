//! The words of deserializers, in the words of a profile.

use crate::suggest;

/// What is wrong with a value, and what to do, if that is known.
///
/// `secret` says that the value itself must not be repeated.
pub(super) fn explain(message: &str, owner: &str, secret: bool) -> (String, Option<String>) {
    if let Some(missing) = message.strip_prefix("missing field ") {
        return (
            format!("the option {missing} is missing"),
            Some(format!("{owner} needs {missing}")),
        );
    }
    (plain(message, secret).unwrap_or_else(|| message.to_owned()), slip(message))
}

/// Whether the message says that this option is missing.
pub(super) fn says_missing(message: &str, option: &str) -> bool {
    message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) == Some(option)
}

/// `invalid type: integer 5, expected a string`, in plain words.
fn plain(message: &str, secret: bool) -> Option<String> {
    let (found, expected) = message.strip_prefix("invalid ")?.rsplit_once(", expected ")?;
    let (_, found) = found.split_once(": ")?;
    let expected = match expected {
        "a string" | "a borrowed string" | "path string" => "a text",
        "a sequence" => "a list",
        "a boolean" => "`true` or `false`",
        "a map" => "a table",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, not below 0",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        other if other.starts_with("struct ") => "a table",
        other => other,
    };
    if secret {
        return Some(format!("expected {expected}"));
    }
    let (kind, value) = found.split_once(' ').unwrap_or((found, ""));
    let found = match kind {
        "string" => format!("the text {value}"),
        "integer" => format!("the number {value}"),
        "floating" => format!("the number {}", value.trim_start_matches("point ")),
        "boolean" => value.to_owned(),
        "sequence" => "a list".to_owned(),
        "map" => "a table".to_owned(),
        _ => found.to_owned(),
    };
    Some(format!("expected {expected}, found {found}"))
}

/// For `unknown variant … expected one of …`, and the like: which of them was meant.
fn slip(message: &str) -> Option<String> {
    let (given, known) = message.strip_prefix("unknown ")?.split_once(", expected")?;
    let in_backticks = |text: &str| -> Vec<String> {
        text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let given = in_backticks(given).pop()?;
    suggest::did_you_mean(&given, in_backticks(known).iter().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_called_as_in_a_profile() {
        let said = |message| explain(message, "`files`", false).0;
        assert_eq!(
            said("invalid type: integer `5`, expected a string"),
            "expected a text, found the number `5`"
        );
        assert_eq!(
            said("invalid value: integer `-1`, expected u32"),
            "expected a whole number, not below 0, found the number `-1`"
        );
        assert_eq!(
            said("invalid type: map, expected a sequence"),
            "expected a list, found a table"
        );
        assert_eq!(said("something of the plugin's own"), "something of the plugin's own");
    }

    #[test]
    fn a_secret_is_not_repeated() {
        let (said, _) = explain("invalid type: integer `987654`, expected a string", "`s3`", true);
        assert_eq!(said, "expected a text");
    }

    #[test]
    fn one_of_several_words_is_suggested() {
        let (_, help) = explain("unknown variant `zst`, expected one of `xz`, `zstd`", "", false);
        assert_eq!(help.as_deref(), Some("did you mean `zstd`?"));
    }
}
