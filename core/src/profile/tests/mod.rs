//! Profiles as their authors see them: files in, a profile or a list of problems out.

mod extending;
mod mistakes;
mod pages;
mod params;

use super::*;
use crate::{
    CollectError, Output, Redactor,
    collector::Invalid,
    plugin::{Plugins, Registry},
    redact::{Rule, RuleContext, RuleError},
    secret::SecretSource,
    sink::{DeliveryContext, DeliveryError, Receipt, Sealed},
    ticket::{Markup, TicketOptions, TicketSystem, Tickets},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Files of the host.
///
/// - `DIR/NAME`: each file, whole, or as far as the size of the step goes and what is left of the
///   budget.
/// - `list.txt`: their names.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
struct Files {
    /// Which files, as globs.
    paths: Vec<String>,
    /// Which of them not.
    exclude: Vec<String>,
    /// How long a line may be.
    max_line: Option<u32>,
    /// What else is looked for.
    look: Look,
}

/// Where to look.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
struct Look {
    /// In which order.
    order: Order,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

impl Collector for Files {
    fn collect(&self, _: &mut Output<'_>) -> Result<(), CollectError> {
        Ok(())
    }

    fn check(&self) -> Vec<Invalid> {
        let wrong = self.paths.iter().filter(|path| !path.starts_with('/'));
        let invalid = wrong.map(|path| Invalid {
            option: "paths",
            message: format!("`{path}` is no absolute path"),
            help: Some("let it begin with `/`".to_owned()),
        });
        invalid.collect()
    }

    fn describe(&self) -> Option<String> {
        Some(self.paths.join(" "))
    }
}

/// The journal.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
struct Journal {
    units: Vec<String>,
}

impl Collector for Journal {
    fn collect(&self, _: &mut Output<'_>) -> Result<(), CollectError> {
        Ok(())
    }
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
struct Pattern {
    pattern: String,
}

impl Redactor for Pattern {
    fn rules(&self, id: &str, _: &RuleContext<'_>) -> Result<Vec<Rule>, RuleError> {
        match regex::Regex::new(&self.pattern) {
            Ok(_) => Ok(Vec::new()),
            Err(_) => Err(RuleError::Pattern {
                rule: id.to_owned(),
                pattern: self.pattern.clone(),
                reason: "unclosed group".to_owned(),
            }),
        }
    }
}

/// Tickets.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
struct Desk {
    /// The project.
    project: String,
}

impl TicketSystem for Desk {
    fn connect<'c>(
        &'c self,
        _: &'c TicketOptions,
        _: &'c DeliveryContext<'c>,
    ) -> Result<Box<dyn Tickets + 'c>, DeliveryError> {
        Err(DeliveryError::Stopped)
    }

    fn check(&self, options: &TicketOptions) -> Vec<Invalid> {
        let wrong = (!options.url.starts_with("https://")).then(|| Invalid {
            option: "url",
            message: format!("`{}` is no address", options.url),
            help: None,
        });
        wrong.into_iter().collect()
    }

    fn secrets(&self, _: &TicketOptions) -> Vec<SecretSource> {
        Vec::new()
    }

    fn destination(&self, options: &TicketOptions) -> String {
        format!("project {} at {}", self.project, options.url)
    }

    fn markup(&self) -> Markup {
        Markup::Plain
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct Bucket {
    bucket: String,
    #[serde(default)]
    upload_token: Option<SecretSource>,
}

impl Sink for Bucket {
    fn deliver(&self, _: &Sealed, _: &DeliveryContext<'_>) -> Result<Receipt, DeliveryError> {
        Err(DeliveryError::Stopped)
    }

    fn secrets(&self) -> Vec<SecretSource> {
        self.upload_token.iter().cloned().collect()
    }

    fn destination(&self) -> String {
        self.bucket.clone()
    }
}

macro_rules! plugin {
    ($name:literal, $type:ty, $kind:ident) => {{
        static PLUGIN: crate::Plugin<dyn $kind> = crate::Plugin::new(
            $name,
            |options, unknown| {
                serde_ignored::deserialize::<_, _, $type>(options, unknown)
                    .map(|plugin| Box::new(plugin) as _)
            },
            |generator| generator.root_schema_for::<$type>(),
        );
        &PLUGIN
    }};
}

fn plugins() -> Plugins {
    Plugins {
        collectors: Registry::new([
            plugin!("files", Files, Collector),
            plugin!("journald", Journal, Collector),
        ]),
        redactors: Registry::new([
            plugin!("pattern", Pattern, Redactor),
            plugin!("secrets", Pattern, Redactor),
        ]),
        sinks: Registry::new([plugin!("s3", Bucket, Sink)]),
        tickets: Registry::new([plugin!("desk", Desk, TicketSystem)]),
    }
}

const KEY: &str = "age18njpeyw3pxerqgwxeshydhszts382g22322e8cxrea9u7xeygcvqyjd72p";

/// Loads the first of these profiles, which are built in.
fn load_texts(texts: &[(&str, &str)]) -> Result<Profile, ProfileError> {
    let library = Library::new(Vec::new());
    let library =
        texts.iter().fold(library, |library, (name, text)| library.with(name, (*text).to_owned()));
    load(texts[0].0, &library, &plugins(), &|_| None)
}

fn good(text: &str) -> Profile {
    load_texts(&[("p", text)]).unwrap_or_else(|error| panic!("{}", error.render(false)))
}

fn wrong(text: &str) -> ProfileError {
    load_texts(&[("p", text)]).err().expect("the profile is wrong")
}

/// Line, message and help of every problem.
fn said(error: &ProfileError) -> Vec<String> {
    let problems = error.problems().iter().map(|problem| {
        let help = problem.help.as_deref().unwrap_or("-");
        format!("{}: {}: {help}", problem.line.unwrap_or(0), problem.message)
    });
    problems.collect()
}

fn ids(profile: &Profile) -> Vec<&str> {
    profile.steps.iter().map(|step| step.id.as_str()).collect()
}
