//! Reads the settings of another program of the project, such as `desk.toml`, as strictly as a
//! profile: everything wrong in one pass, each with its place and what to do.

use super::{
    options::{Options, schema_of},
    problem::{Problem, ProfileError},
    source::{Finding, Findings, Sources},
    syntax,
};
use crate::{collector::Invalid, suggest};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use std::{io, path::Path, sync::Arc};
use toml::de::DeValue;

/// A file of settings, whose tables are asked for one by one.
pub struct Settings {
    sources: Sources,
    text: Arc<str>,
    findings: Findings,
    /// Something is no TOML: what the parser made up in its place is not judged.
    broken: bool,
    asked: Vec<&'static str>,
}

impl Settings {
    /// Reads a file; `missing` is what to do if it is not there.
    ///
    /// # Errors
    ///
    /// Says why it cannot be read.
    pub fn read(path: &Path, missing: &str) -> Result<Self, ProfileError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let help = match error.kind() {
                io::ErrorKind::NotFound => Some(missing.to_owned()),
                io::ErrorKind::InvalidData => Some("write it in UTF-8".to_owned()),
                _ => None,
            };
            let message = format!("cannot read the settings in `{shown}`: {error}");
            ProfileError::new(vec![Problem::general(message, help)])
        })?;
        Ok(Self::of(shown, text))
    }

    fn of(shown: String, text: String) -> Self {
        let mut sources = Sources::default();
        let number = sources.add(shown, text);
        let text = Arc::clone(&sources.get(number).text);
        let mut findings = Findings::default();
        let (_, errors) = syntax::parse(&text, 0);
        let broken = !errors.is_empty();
        findings.extend(errors);
        Self { sources, text, findings, broken, asked: Vec::new() }
    }

    /// The table `name`; one that is not there is empty. `check` says what is wrong with it beyond
    /// its types.
    pub fn table<T: DeserializeOwned + JsonSchema>(
        &mut self,
        name: &'static str,
        check: impl FnOnce(&T) -> Vec<Invalid>,
    ) -> Option<T> {
        self.asked.push(name);
        if self.broken {
            return None;
        }
        let (mut root, _) = syntax::parse(&self.text, 0);
        let (span, table) = match root.remove_entry(name) {
            None => (0..0, toml::de::DeTable::new()),
            Some((key, value)) => {
                let at = value.span();
                let DeValue::Table(table) = value.into_inner() else {
                    let message = format!("`{name}` is no table");
                    let help = format!("write it as a table of its own: `[{name}]`");
                    self.findings.push(Finding::new(at, message).help(help));
                    return None;
                };
                (key.span(), table)
            }
        };
        let (owner, schema) = (format!("`[{name}]`"), schema_of::<T>());
        let options = Options { owner, span, table, schema, common: Vec::new() };
        let value = options.read::<T>(&mut self.findings)?;
        for Invalid { option, message, help } in check(&value) {
            let span = options.span_of_named(option, &message);
            self.findings.push(Finding::new(span, message).help(help));
        }
        Some(value)
    }

    /// To be called when every table was asked for.
    ///
    /// # Errors
    ///
    /// Names everything that is wrong, tables that nobody asked for included.
    pub fn finish(mut self) -> Result<(), ProfileError> {
        if !self.broken {
            let (root, _) = syntax::parse(&self.text, 0);
            for (key, _) in &root {
                let name: &str = key.get_ref();
                if !self.asked.contains(&name) {
                    let known = || self.asked.iter().copied();
                    let help = suggest::did_you_mean(name, known())
                        .unwrap_or_else(|| suggest::there_are(known()));
                    let message = format!("there is no table or setting `{name}`");
                    let finding = Finding::new(key.span(), message).label("unknown").help(help);
                    self.findings.push(finding);
                }
            }
        }
        if self.findings.is_empty() { Ok(()) } else { Err(self.findings.into_error(&self.sources)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize, JsonSchema)]
    #[serde(default, rename_all = "kebab-case")]
    struct Bucket {
        region: String,
        desk_token: Option<crate::secret::SecretSource>,
    }

    fn problems(text: &str) -> Vec<String> {
        let mut settings = Settings::of("desk.toml".into(), text.into());
        settings.table::<Bucket>("bucket", |bucket| match bucket.region.as_str() {
            "" => vec![Invalid {
                option: "region",
                message: "no region is given".into(),
                help: Some("write one".into()),
            }],
            _ => Vec::new(),
        });
        let Err(error) = settings.finish() else { return Vec::new() };
        let shown = |problem: &Problem| {
            let (line, column) = (problem.line.unwrap(), problem.column.unwrap());
            let help = problem.help.clone().unwrap_or_default();
            format!("{line}:{column} {} ({help})", problem.message)
        };
        error.problems().iter().map(shown).collect()
    }

    #[test]
    fn every_mistake_in_settings_has_its_place_and_a_way_out() {
        assert_eq!(problems("[bucket]\nregion = \"here\"\n"), [""; 0]);
        assert_eq!(
            problems("[bukcet]\nregion = \"here\"\n[bucket]\nregoin = 1\n"),
            [
                "1:2 there is no table or setting `bukcet` (did you mean `bucket`?)",
                "4:1 `[bucket]` has no option `regoin` (did you mean `region`?)",
            ]
        );
        assert_eq!(problems("[bucket]\n"), ["1:2 no region is given (write one)"]);
        assert_eq!(
            problems("bucket = 1\n"),
            ["1:10 `bucket` is no table (write it as a table of its own: `[bucket]`)"]
        );
    }

    #[test]
    fn a_token_in_settings_is_not_repeated() {
        let text = "[bucket]\nregion = 5\ndesk-token = \"made-up-token\"\n";
        let mut settings = Settings::of("desk.toml".into(), text.into());
        settings.table::<Bucket>("bucket", |_| Vec::new());
        let shown = settings.finish().unwrap_err().render(false);
        assert!(shown.contains("region") && !shown.contains("made-up-token"), "{shown}");
    }
}
