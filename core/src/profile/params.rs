//! `[params]`: what a profile leaves open, and what is given for it.

use super::{
    check::{ID_HELP, is_id},
    options::{Options, schema_of},
    problem::Problem,
    source::{Finding, Findings, Span},
    syntax,
};
use crate::suggest;
use regex::Regex;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, SeqAccess, Visitor},
};
use std::{borrow::Cow, collections::BTreeMap, fmt};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The table of parameters.
pub(super) const PARAMS: &str = "params";

/// The longest value: `PATH_MAX` of Linux.
const LONGEST: usize = 4096;

/// A profile as somebody asks for it: its name, and values of its parameters.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'w> {
    /// A name of the library, or a path, which contains a `/` or ends in `.toml`.
    pub name: &'w str,
    /// Names of parameters with their values; those of a list stand here once for each.
    pub set: &'w [(String, String)],
}

impl<'w> From<&'w str> for Wanted<'w> {
    fn from(name: &'w str) -> Self {
        Self { name, set: &[] }
    }
}

/// A parameter of a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// What it is if it is not given, as texts; none if it must be given.
    pub default: Option<Vec<String>>,
    /// Whether it is a list.
    pub list: bool,
    /// The regular expression that its values match as a whole.
    pub pattern: Option<String>,
    /// What its values are one of; empty if they may be anything.
    pub one_of: Vec<String>,
}

/// `[params.NAME]`
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(rename = "Parameter")]
pub(super) struct Definition {
    /// What it is, in a few words, for whoever is to give it.
    description: Option<String>,
    /// What it is if it is not given; without a default it must be given. Its type is that of the
    /// parameter: a text, a whole number, `true` or `false`, or a list of texts.
    default: Option<Value>,
    /// A regular expression that values match as a whole.
    pattern: Option<String>,
    /// What values are one of.
    one_of: Vec<String>,
}

/// What a parameter may be, as texts.
struct Value {
    texts: Vec<String>,
    is_list: bool,
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl ValueVisitor {
    fn one(value: &impl ToString) -> Value {
        Value { texts: vec![value.to_string()], is_list: false }
    }
}

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a whole number, `true` or `false`, or a list of texts")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Self::one(&text))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Self::one(&value))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
        Ok(Self::one(&number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        Ok(Self::one(&number))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = items.next_element()? {
            texts.push(text);
        }
        Ok(Value { texts, is_list: true })
    }
}

impl JsonSchema for Value {
    fn schema_name() -> Cow<'static, str> {
        "ParameterValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer", "boolean", "array"],
            "items": { "type": "string" },
            "examples": ["nginx.service"],
        })
    }
}

/// The parameters of a profile, with what is meant by them in this run.
#[derive(Default)]
pub(super) struct Params<'i>(BTreeMap<String, Param<'i>>);

/// One of them.
pub(super) struct Param<'i> {
    /// Where its name stands.
    pub(super) span: Span,
    /// None if it is not known: then that has been said.
    pub(super) value: Option<Meant<'i>>,
    /// Whether the command line gave it.
    pub(super) given: bool,
    described: Parameter,
}

/// What a parameter means.
pub(super) enum Meant<'i> {
    /// A text, a number, `true` or `false`.
    One(DeValue<'i>),
    /// A list of texts.
    List(Vec<Cow<'i, str>>),
}

impl Meant<'_> {
    /// As texts.
    fn texts(&self) -> Vec<String> {
        match self {
            Self::One(value) => vec![text_of(value)],
            Self::List(items) => items.iter().map(|item| item.clone().into_owned()).collect(),
        }
    }
}

/// A text, a number, `true` or `false`, as it stands within a text.
pub(super) fn text_of(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.clone().into_owned(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        _ => String::new(),
    }
}

impl<'i> Params<'i> {
    /// Reads `[params]`, and what is given for it.
    ///
    /// What is wrong is added to `findings`. If some of the profile is no TOML (`broken`), what it
    /// does not have may only seem to be missing.
    pub(super) fn read(
        table: Option<Spanned<DeValue<'i>>>,
        set: &'i [(String, String)],
        broken: bool,
        findings: &mut Findings,
    ) -> Self {
        let mut params = Self::default();
        for (key, value) in table.and_then(|table| tables(table, findings)).unwrap_or_default() {
            let (name, span) = (key.get_ref().to_string(), key.span());
            if !is_id(&name) {
                let message = format!("`{name}` is no name of a parameter");
                findings.push(Finding::new(span, message).help(ID_HELP.to_owned()));
                continue;
            }
            let DeValue::Table(table) = value.into_inner() else { continue };
            let given: Vec<_> =
                set.iter().filter(|(set, _)| *set == name).map(|(_, value)| &**value).collect();
            let param = Param::read(name.clone(), span, table, &given, findings);
            params.0.insert(name, param);
        }
        if !broken {
            params.unknown(set, findings);
        }
        params
    }

    /// Reports what is given for parameters that the profile does not have.
    fn unknown(&self, set: &[(String, String)], findings: &mut Findings) {
        for (name, _) in set.iter().filter(|(name, _)| !self.0.contains_key(name)) {
            let message = format!("the profile has no parameter `{name}`");
            let mut help: Vec<_> = self.nearest(name).into_iter().collect();
            help.extend(self.0.values().map(|param| param.described.in_words()));
            if self.0.is_empty() {
                help.push("it has no parameters at all; leave `--set` out".to_owned());
            }
            findings.push_general(Problem::general(message, Some(help.join("\n"))));
        }
    }

    /// The question which parameter may have been meant.
    pub(super) fn nearest(&self, name: &str) -> Option<String> {
        suggest::did_you_mean(name, self.names())
    }

    /// Their names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Param<'i>> {
        self.0.get(name)
    }

    /// Reports those that are not among `used`.
    pub(super) fn unused(&self, used: &[String], findings: &mut Findings) {
        for (name, param) in self.0.iter().filter(|(name, _)| !used.contains(name)) {
            let others = self.names().filter(|other| other != name);
            let help = suggest::did_you_mean(name, others).unwrap_or_else(|| {
                format!("write `${{{name}}}` where its value belongs, or leave it out")
            });
            let message = format!("nothing in the profile uses the parameter `{name}`");
            findings.push(Finding::new(param.span.clone(), message).label("never used").help(help));
        }
    }

    /// What they mean, as texts.
    pub(super) fn values(&self) -> BTreeMap<String, Vec<String>> {
        let values = self.0.iter();
        values
            .filter_map(|(name, param)| Some((name.clone(), param.value.as_ref()?.texts())))
            .collect()
    }

    /// What is said of them.
    pub(super) fn described(self) -> Vec<Parameter> {
        self.0.into_values().map(|param| param.described).collect()
    }
}

impl Parameter {
    /// What a person is told of it in a line.
    fn in_words(&self) -> String {
        let description = self.description.as_deref().unwrap_or("a parameter of the profile");
        let default = match self.default.as_deref() {
            None => "must be given".to_owned(),
            Some([]) => "empty if not given".to_owned(),
            Some(texts) => format!("{} if not given", suggest::list(texts.iter().map(|t| &**t))),
        };
        format!("`--set {}=…`: {description}; {default}", self.name)
    }
}

/// The table `[params]`.
fn tables<'i>(value: Spanned<DeValue<'i>>, findings: &mut Findings) -> Option<DeTable<'i>> {
    let span = value.span();
    match value.into_inner() {
        DeValue::Table(table) => Some(table),
        other => {
            let message = format!("expected a table, found {}", syntax::kind(&other));
            let help = "write it as a table of its own: `[params]`".to_owned();
            findings.push(Finding::new(span, message).help(help));
            None
        }
    }
}

impl<'i> Param<'i> {
    fn read(
        name: String,
        span: Span,
        table: DeTable<'i>,
        given: &[&'i str],
        findings: &mut Findings,
    ) -> Self {
        let default = table.get("default").map(|default| default.get_ref().clone());
        let options = Options {
            owner: format!("the parameter `{name}`"),
            span: span.clone(),
            table,
            schema: schema_of::<Definition>(),
            common: Vec::new(),
        };
        let read = options.read::<Definition>(findings);
        let is_good = read.is_some();
        let Definition { description, default: texts, pattern, one_of } = read.unwrap_or_default();
        let is_list = texts.as_ref().is_some_and(|texts| texts.is_list);
        let described = Parameter {
            name,
            description,
            default: texts.map(|value| value.texts),
            list: is_list,
            pattern,
            one_of,
        };
        let mut param = Self { span, value: None, given: !given.is_empty(), described };
        if is_good && param.is_sound(&options, findings) {
            param.value = if given.is_empty() {
                param.not_given(default, findings)
            } else {
                param.take(default.as_ref(), given, &options, findings)
            };
        }
        param
    }

    /// Whether the definition makes sense: reports what does not.
    fn is_sound(&self, options: &Options<'_>, findings: &mut Findings) -> bool {
        let described = &self.described;
        if let Some(pattern) = &described.pattern
            && let Err(error) = Regex::new(&whole(pattern))
        {
            // The last line says what is wrong; those before it point into the pattern.
            let reason = error.to_string().lines().last().unwrap_or_default().to_owned();
            let reason = reason.trim_start_matches("error: ").to_owned();
            let message = format!("`{pattern}` is no regular expression");
            findings.push(Finding::new(options.span_of("pattern"), message).help(reason));
            return false;
        }
        for text in described.default.iter().flatten() {
            let span = options.span_of_named("default", &format!("`{text}`"));
            if text.contains("${") {
                let message = "a parameter cannot stand in the default of another";
                let help = "write what it is".to_owned();
                findings.push(Finding::new(span, message).help(help));
                return false;
            }
            if let Some(reason) = described.objection(text) {
                let message = format!("the default of `{}` {reason}", described.name);
                findings.push(Finding::new(span, message));
                return false;
            }
        }
        true
    }

    /// The default, if nothing is given.
    fn not_given(
        &self,
        default: Option<DeValue<'i>>,
        findings: &mut Findings,
    ) -> Option<Meant<'i>> {
        let Some(default) = default else {
            let Parameter { name, description, .. } = &self.described;
            let what = description.as_ref().map(|what| format!(": {what}")).unwrap_or_default();
            let finding = Finding::new(
                self.span.clone(),
                format!("the parameter `{name}` must be given{what}"),
            );
            let example = self.described.one_of.first().map_or("…", String::as_str);
            let help = format!("add `--set {name}={example}`, or give it a `default`");
            findings.push(finding.label("has no default").help(help));
            return None;
        };
        Some(match default {
            DeValue::Array(items) => {
                let texts = items.into_iter().filter_map(|item| match item.into_inner() {
                    DeValue::String(text) => Some(text),
                    _ => None,
                });
                Meant::List(texts.collect())
            }
            one => Meant::One(one),
        })
    }

    /// What the command line gives, if it may be that.
    fn take(
        &self,
        default: Option<&DeValue<'i>>,
        given: &[&'i str],
        options: &Options<'_>,
        findings: &mut Findings,
    ) -> Option<Meant<'i>> {
        let name = &self.described.name;
        let mut refuse = |span: Span, message: String, help: Option<String>| {
            let finding = Finding::new(span, message).label("defined here");
            findings.push(finding.help(help));
        };
        for text in given {
            if let Some(reason) =
                self.described.objection(text).or_else(|| self.surprise(text).map(str::to_owned))
            {
                let shown: String = text.escape_debug().take(100).collect();
                let span = ["pattern", "one-of"].into_iter().find(|name| reason.contains(name));
                let span = span.map_or_else(|| self.span.clone(), |name| options.span_of(name));
                refuse(span, format!("`--set {name}={shown}`: the value {reason}"), None);
                return None;
            }
        }
        if self.described.list {
            return Some(Meant::List(given.iter().map(|text| Cow::Borrowed(*text)).collect()));
        }
        let [text] = given else {
            let message = format!("the parameter `{name}` is given {} times", given.len());
            let help = "only a list, whose default is one, takes several values".to_owned();
            refuse(self.span.clone(), message, Some(help));
            return None;
        };
        let meant = match default {
            Some(DeValue::Integer(_)) => number(text),
            Some(DeValue::Boolean(_)) => text.parse().ok().map(DeValue::Boolean),
            _ => Some(DeValue::String(Cow::Borrowed(*text))),
        };
        if meant.is_none() {
            let expected = match default {
                Some(DeValue::Boolean(_)) => "`true` or `false`",
                _ => "a whole number",
            };
            let message = format!("the parameter `{name}` is {expected}, not `{text}`");
            refuse(options.span_of("default"), message, None);
        }
        meant.map(Meant::One)
    }

    /// Why a value from the command line would do something else than its reader thinks.
    fn surprise(&self, text: &str) -> Option<&'static str> {
        // Whoever wrote the pattern has thought about it.
        let is_checked = self.described.pattern.is_some() || !self.described.one_of.is_empty();
        let is_number = self.described.default.iter().flatten().any(|d| d.parse::<i64>().is_ok());
        if text.starts_with('-') && !is_checked && !is_number {
            return Some("begins with `-`, so that a command would take it for an option");
        }
        text.split('/')
            .any(|part| part == "..")
            .then_some("leads upwards by `..`; write the path that is meant")
    }
}

impl Parameter {
    /// Why this is none of its values.
    fn objection(&self, text: &str) -> Option<String> {
        if text.is_empty() {
            return Some("is empty".to_owned());
        }
        if text.chars().any(char::is_control) {
            return Some("holds a control character, such as a line break or NUL".to_owned());
        }
        if text.len() > LONGEST {
            return Some(format!("is longer than {LONGEST} bytes"));
        }
        if !self.one_of.is_empty() && !self.one_of.iter().any(|known| known == text) {
            let known = self.one_of.iter().map(String::as_str);
            let help = suggest::did_you_mean(text, known.clone());
            let help = help.map(|help| format!("; {help}")).unwrap_or_default();
            return Some(format!("is none of `one-of`: {}{help}", suggest::list(known)));
        }
        let pattern = self.pattern.as_ref()?;
        let matches = Regex::new(&whole(pattern)).is_ok_and(|regex| regex.is_match(text));
        (!matches).then(|| format!("does not match its `pattern` `{pattern}`"))
    }
}

/// A pattern that a whole text matches.
fn whole(pattern: &str) -> String {
    format!("^(?:{pattern})$")
}

/// A whole number of TOML.
fn number(text: &str) -> Option<DeValue<'_>> {
    // An `i64` is what TOML promises; the parser would take more.
    text.parse::<i64>().ok()?;
    let number = DeValue::parse(text).ok()?.into_inner();
    matches!(number, DeValue::Integer(_)).then_some(number)
}
