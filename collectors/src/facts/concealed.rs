//! Values that redaction recognises by the key before them, for where they stand without it: in the
//! column of a table.

use collect_core::redact::Redaction;

/// What `value` becomes where it stands as the value of `key` in JSON. A pseudonym stays as it is
/// when it is redacted again.
pub(crate) fn concealed(redaction: &Redaction, key: &str, value: &str) -> String {
    let start = format!("\"{key}\": \"");
    let redacted = redaction.text(&format!("{start}{value}\""));
    let redacted = redacted.strip_prefix(&start).and_then(|rest| rest.strip_suffix('"'));
    redacted.unwrap_or("[redacted]").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::redact::Rule;

    #[test]
    fn a_value_is_concealed_as_if_its_key_stood_before_it() {
        let rule = Rule::pattern("user", ["user"], r#""user": "(?<secret>[a-z]+)""#).unwrap();
        let redaction = Redaction::compile(vec![rule]).unwrap();
        assert_eq!(concealed(&redaction, "user", "zoe"), "[redacted:user]");
        assert_eq!(concealed(&redaction, "terminal", "zoe"), "zoe");
    }
}
