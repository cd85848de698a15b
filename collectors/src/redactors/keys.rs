//! Removes the values of keys that the profile names.

use crate::{
    examples::{Examples, invalid},
    fields::{Path, key_around, value},
};
use collect_core::{
    Redactor,
    redact::{Invalid, Rule, RuleContext, RuleError},
    register,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Removes the values of keys: by their path in JSON, or by their name in any common format.
///
/// ```toml
/// [redact.sessions]
/// use = "keys"
/// json = ["$.auth.*.token"]
/// names = ["session_cookie"]
/// examples = { hit = ['{"auth":{"web":{"token":"x"}}}'], miss = ['{"token":"x"}'] }
/// ```
///
/// Keys, quotes and layout stay. What is seen is one line: of JSON that is spread over many, a key
/// has any path that its line does not exclude, so that rather too much is removed than too little;
/// an object or a list that does not end in its line is not removed as a whole, so name what is in
/// it. JSON within a string of JSON has no paths, but names.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Keys {
    /// Paths: `$.name.name`; `*` is any one name, `[*]` any item of a list, `..` any number of
    /// levels. The last is a name, whose value is removed, also if that is an object or a list.
    json: Vec<String>,
    /// Names of keys, in any case: of INI, YAML, TOML, JSON, XML, properties, environments, query
    /// strings and options of commands. `a.b` is found by `b` as well.
    names: Vec<String>,
    /// Texts that show what is meant; the profile is refused if they are wrong.
    examples: Examples,
}

register!("keys" => Keys as Redactor);

/// What stands behind a name; a name shorter than an anchor may be is looked for with it.
const BEHIND: [&str; 7] = ["=", ":", "\"", "'", " =", " :", ">"];

impl Redactor for Keys {
    fn rules(&self, id: &str, _: &RuleContext<'_>) -> Result<Vec<Rule>, RuleError> {
        let mut rules = Vec::new();
        for text in &self.json {
            let unusable = |reason| RuleError::Unusable { rule: id.to_owned(), reason };
            let path = Path::read(text).map_err(unusable)?;
            let anchor = format!("\"{}\"", path.last());
            rules.push(Rule::finder(id, [anchor], move |line, at| {
                let key = at.start + 1..at.end - 1;
                // Anchors are found in any case; keys of JSON are not.
                let same = line[key.clone()] == *path.last().as_bytes();
                (same && path.may_lead_to(line, &key)).then(|| value(line, &key)).flatten()
            })?);
        }
        for name in &self.names {
            let len = name.len();
            let anchors = if len < 3 {
                BEHIND.iter().map(|behind| format!("{name}{behind}")).collect()
            } else {
                vec![name.clone()]
            };
            let anchors = anchors.into_iter().filter(|anchor| anchor.len() >= 3);
            rules.push(Rule::finder(id, anchors, move |line, at| {
                let key = at.start..at.start + len;
                key_around(line, &key).then(|| value(line, &key)).flatten()
            })?);
        }
        Ok(rules)
    }

    fn check(&self) -> Vec<Invalid> {
        if self.json.is_empty() && self.names.is_empty() {
            let help = "write `names = [\"session\"]` or `json = [\"$.auth.token\"]`".to_owned();
            return vec![invalid("", "no key is named".into(), Some(help))];
        }
        if let Some(empty) = self.names.iter().find(|name| name.len() < 2) {
            let message = format!("the name `{empty}` is too short to be looked for");
            return vec![invalid("names", message, None)];
        }
        let wrong = self.json.iter().filter_map(|path| Path::read(path).err());
        let wrong: Vec<_> = wrong.map(|error| invalid("json", error, None)).collect();
        if !wrong.is_empty() {
            return wrong;
        }
        self.examples.check("json", self.rules("example", &RuleContext::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::redact::Redaction;

    fn redaction(json: &[&str], names: &[&str]) -> Redaction {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let keys = Keys { json: texts(json), names: texts(names), ..Keys::default() };
        assert!(keys.check().is_empty());
        Redaction::compile(keys.rules("ours", &RuleContext::default()).unwrap()).unwrap()
    }

    #[test]
    fn the_value_at_a_path_is_removed_and_json_stays_json() {
        let redaction = redaction(&["$.auth.*.token", "$.card"], &[]);
        let text = r#"{"auth":{"web":{"token":"a\"b","n":1}},"token":"x","card":{"no":[1]},"n":2}"#;
        let scrubbed = redaction.text(text);
        assert_eq!(
            scrubbed,
            r#"{"auth":{"web":{"token":"[redacted:ours]","n":1}},"token":"x","card":"[redacted:ours]","n":2}"#
        );
        let parsed: serde_json::Value = serde_json::from_str(&scrubbed).unwrap();
        assert_eq!(parsed["n"], 2);
    }

    #[test]
    fn the_value_of_a_name_is_removed_in_every_format() {
        let redaction = redaction(&[], &["session_cookie", "tk"]);
        for (text, left) in [
            ("session_cookie: abc # mine", "session_cookie: [redacted:ours] # mine"),
            ("app.Session_Cookie = a b", "app.Session_Cookie = [redacted:ours]"),
            ("x tk=1 y=2", "x tk=[redacted:ours] y=2"),
            ("{\"tk\": 5}", "{\"tk\": \"[redacted:ours]\"}"),
            ("my_session_cookie=abc", "my_session_cookie=abc"),
            ("the session_cookie was set", "the session_cookie was set"),
        ] {
            assert_eq!(redaction.text(text), left);
        }
    }

    #[test]
    fn what_names_no_key_and_examples_that_are_wrong_refuse_the_profile() {
        assert_eq!(Keys::default().check().len(), 1);
        let path = Keys { json: vec!["$.a.*".into()], ..Keys::default() };
        assert!(path.check()[0].message.contains("`$.a.*`"));
        let examples = Examples { hit: vec!["b=1".into()], miss: vec!["ab=1".into()] };
        let wrong = Keys { names: vec!["ab".into()], examples, ..Keys::default() };
        assert_eq!(wrong.check().len(), 2);
    }
}
