//! Reads the options of one table into a type, and says everything that is wrong with them.

use super::{
    problem::is_secret,
    source::{Finding, Findings, Span},
    wording,
};
use crate::plugin::Unknown;
use crate::suggest;
use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;
use toml::{
    Spanned,
    de::{DeTable, DeValue, Error, ValueDeserializer},
};

/// The options of one table.
pub(super) struct Options<'a> {
    /// What has the options, for messages: `` `files` ``, `[limits]`.
    pub(super) owner: String,
    /// Where the table is named.
    pub(super) span: Span,
    /// What stands in it.
    pub(super) table: DeTable<'a>,
    /// The schema of what may stand in it.
    pub(super) schema: Value,
    /// Further options that were taken out before, for suggestions.
    pub(super) common: Vec<String>,
}

/// What was made of options.
pub(super) struct Built<T> {
    pub(super) value: T,
    /// Something was wrong, so that it is not what was meant.
    pub(super) doubtful: bool,
    /// The options that were left out of it.
    removed: Vec<String>,
}

impl<T> Built<T> {
    /// The same, made into something else.
    pub(super) fn map<U>(self, make: impl FnOnce(T) -> U) -> Built<U> {
        Built { value: make(self.value), doubtful: self.doubtful, removed: self.removed }
    }

    /// The same, with these options not being what was meant.
    pub(super) fn without(mut self, options: impl IntoIterator<Item = String>) -> Self {
        self.removed.extend(options);
        self.doubtful = true;
        self
    }

    /// Whether `option` of `options` is what was written there.
    pub(super) fn has(&self, options: &Options<'_>, option: &str) -> bool {
        options.table.contains_key(option) && !self.removed.iter().any(|name| name == option)
    }
}

/// One step of the way to a value in a table.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Key(String),
    Index(usize),
}

impl Options<'_> {
    /// Reads them into a type; gives nothing if anything is wrong.
    pub(super) fn read<T: DeserializeOwned>(&self, findings: &mut Findings) -> Option<T> {
        let built =
            self.build(findings, |options, unknown| serde_ignored::deserialize(options, unknown));
        built.filter(|built| !built.doubtful).map(|built| built.value)
    }

    /// Reads them with `make`.
    ///
    /// A deserializer stops at its first error. So the option with the error is taken out, and what
    /// is left is tried again until nothing is wrong with it.
    pub(super) fn build<T>(
        &self,
        findings: &mut Findings,
        make: impl Fn(ValueDeserializer<'_>, Unknown<'_>) -> Result<T, Error>,
    ) -> Option<Built<T>> {
        let mut table = self.table.clone();
        let mut unknown = BTreeSet::new();
        let mut removed: Vec<String> = Vec::new();
        let built = loop {
            let value = Spanned::new(self.span.clone(), DeValue::Table(table.clone()));
            let mut note = |path: serde_ignored::Path<'_>| _ = unknown.insert(parts(&path));
            let error = match make(value.into(), &mut note) {
                Ok(built) => break Some(built),
                Err(error) => error,
            };
            if removed.iter().any(|option| wording::says_missing(error.message(), option)) {
                break None;
            }
            let option = error.span().and_then(|span| option_at(&table, &span));
            findings.push(self.explain(&error, option.as_deref()));
            let Some(option) = option else { break None };
            table.remove(option.as_str());
            removed.push(option);
        };
        for path in &unknown {
            findings.extend(self.unknown(path));
        }
        let doubtful = !(removed.is_empty() && unknown.is_empty());
        built.map(|value| Built { value, doubtful, removed })
    }

    /// The place of an option, or that of the table.
    pub(super) fn span_of(&self, option: &str) -> Span {
        self.table.get(option).map_or_else(|| self.span.clone(), Spanned::span)
    }

    /// The place of the part of an option that a message names in backticks, such as one pattern of
    /// a list; otherwise that of the option.
    pub(super) fn span_of_named(&self, option: &str, message: &str) -> Span {
        let value = self.table.get(option);
        value.and_then(|value| named(value, message)).unwrap_or_else(|| self.span_of(option))
    }

    /// The place of the part of any option that a message names in backticks; otherwise that of the
    /// table.
    pub(super) fn span_of_any(&self, message: &str) -> Span {
        let parts = self.table.iter().find_map(|(_, value)| named(value, message));
        parts.unwrap_or_else(|| self.span.clone())
    }

    fn explain(&self, error: &Error, option: Option<&str>) -> Finding {
        let span = error.span().unwrap_or_else(|| self.span.clone());
        let secret = option.is_some_and(is_secret);
        let (message, help) = wording::explain(error.message(), &self.owner, secret);
        let example = || {
            let option = option.filter(|option| self.span_of(option) == span)?;
            let example = example(&self.schema, option)?;
            (!message.contains("write it like"))
                .then(|| format!("write it like `{option} = {example}`"))
        };
        let help = help.or_else(example);
        Finding::new(span, message).help(help)
    }

    fn unknown(&self, path: &[Part]) -> Option<Finding> {
        let (Part::Key(name), parents) = path.split_last()? else {
            return None;
        };
        let span = key_span(&self.table, path).unwrap_or_else(|| self.span.clone());
        let known = names(&self.schema, parents);
        let common = if parents.is_empty() { self.common.as_slice() } else { &[] };
        let all = || known.iter().chain(common).map(String::as_str);
        let owner = match parents.iter().rev().find_map(|part| match part {
            Part::Key(key) => Some(key),
            Part::Index(_) => None,
        }) {
            Some(parent) => format!("`{parent}` of {}", self.owner),
            None => self.owner.clone(),
        };
        let help = suggest::did_you_mean(name, all()).unwrap_or_else(|| {
            let names = suggest::list(all());
            if names.is_empty() { "it has no options".into() } else { format!("it has {names}") }
        });
        let message = format!("{owner} has no option `{name}`");
        Some(Finding::new(span, message).label("unknown option").help(help))
    }
}

fn parts(path: &serde_ignored::Path<'_>) -> Vec<Part> {
    use serde_ignored::Path;
    let (parent, part) = match path {
        Path::Root => return Vec::new(),
        Path::Seq { parent, index } => (parent, Some(Part::Index(*index))),
        Path::Map { parent, key } => (parent, Some(Part::Key(key.clone()))),
        Path::Some { parent }
        | Path::NewtypeStruct { parent }
        | Path::NewtypeVariant { parent } => (parent, None),
    };
    let mut parts = parts(parent);
    parts.extend(part);
    parts
}

/// The option whose name or value holds a place.
fn option_at(table: &DeTable<'_>, span: &Span) -> Option<String> {
    let holds = |outer: Span| outer.start <= span.start && span.end <= outer.end;
    let found = table.iter().find(|(key, value)| holds(key.span()) || contains(value, span));
    found.map(|(key, _)| key.get_ref().to_string())
}

/// Whether a value, or what is below it, holds a place: a table with a header of its own ends for
/// the parser where its header ends.
fn contains(value: &Spanned<DeValue<'_>>, span: &Span) -> bool {
    let outer = value.span();
    (outer.start <= span.start && span.end <= outer.end)
        || match value.get_ref() {
            DeValue::Table(table) => option_at(table, span).is_some(),
            DeValue::Array(items) => items.iter().any(|item| contains(item, span)),
            _ => false,
        }
}

fn key_span(table: &DeTable<'_>, path: &[Part]) -> Option<Span> {
    let (Part::Key(name), rest) = path.split_first()? else {
        return None;
    };
    let (key, mut value) = table.get_key_value(name.as_str())?;
    let mut rest = rest;
    while let Some((Part::Index(index), further)) = rest.split_first() {
        value = value.get_ref().as_array()?.get(*index)?;
        rest = further;
    }
    if rest.is_empty() {
        return Some(key.span());
    }
    key_span(value.get_ref().as_table()?, rest)
}

/// The place of the text in a value that a message names.
fn named(value: &Spanned<DeValue<'_>>, message: &str) -> Option<Span> {
    match value.get_ref() {
        DeValue::String(text) => message.contains(&format!("`{text}`")).then(|| value.span()),
        DeValue::Array(items) => items.iter().find_map(|item| named(item, message)),
        DeValue::Table(table) => table.iter().find_map(|(_, value)| named(value, message)),
        _ => None,
    }
}

/// The schema of a type, with its definitions.
pub(crate) fn schema_of<T: JsonSchema>() -> Value {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<T>().to_value()
}

/// The schema of a plugin's options, with its definitions.
pub(super) fn schema_by(make: impl FnOnce(&mut schemars::SchemaGenerator) -> Schema) -> Value {
    make(&mut SchemaSettings::draft07().into_generator()).to_value()
}

/// An example of the value of an option.
fn example<'s>(schema: &'s Value, option: &str) -> Option<&'s Value> {
    let option = schema.get("properties")?.get(option)?;
    alternatives(schema, option).into_iter().find_map(|node| node.get("examples")?.get(0))
}

/// The names of the options of a schema.
pub(crate) fn option_names(schema: &Value) -> Vec<String> {
    names(schema, &[])
}

fn names(root: &Value, path: &[Part]) -> Vec<String> {
    let mut nodes = vec![root];
    for part in path {
        nodes = nodes.into_iter().flat_map(|node| alternatives(root, node)).collect();
        nodes = nodes.into_iter().filter_map(|node| child(node, part)).collect();
    }
    let nodes = nodes.into_iter().flat_map(|node| alternatives(root, node));
    let objects = nodes.filter_map(|node| node.get("properties")?.as_object());
    let names: BTreeSet<_> = objects.flat_map(|object| object.keys().cloned()).collect();
    names.into_iter().collect()
}

fn child<'s>(node: &'s Value, part: &Part) -> Option<&'s Value> {
    match part {
        Part::Index(_) => node.get("items"),
        Part::Key(key) => node
            .get("properties")
            .and_then(|properties| properties.get(key))
            .or_else(|| node.get("additionalProperties").filter(|schema| schema.is_object())),
    }
}

/// A schema without its references: what it refers to, and each of what it may be.
pub(super) fn alternatives<'s>(root: &'s Value, node: &'s Value) -> Vec<&'s Value> {
    let reference = node.get("$ref").and_then(Value::as_str);
    let referred = reference.and_then(|reference| root.pointer(reference.strip_prefix('#')?));
    let several =
        ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|key| node.get(key)?.as_array());
    let further = several.flatten().chain(referred);
    std::iter::once(node).chain(further.flat_map(|node| alternatives(root, node))).collect()
}
