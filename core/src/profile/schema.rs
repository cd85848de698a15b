//! The JSON Schema of a profile, for editors.

use super::{
    Limits, ReportForm, StepOptions, check::Archive, encrypt::Encrypt, params::Definition,
    steps::Switch,
};
use crate::{
    plugin::{Plugins, Registry},
    ticket::TicketOptions,
};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// The JSON Schema of profiles that use these plugins, draft 7
/// (<https://json-schema.org/draft-07>), which is what editors of TOML understand.
///
/// Options are chosen by `if` and `then`: with `oneOf` an editor could only say that a table fits
/// none of the plugins.
pub fn schema(plugins: &Plugins) -> Value {
    let mut generator = SchemaSettings::draft07().into_generator();
    let step = properties::<StepOptions>();
    let collect = section(&mut generator, "collect", &plugins.collectors, &step);
    let redact = section(&mut generator, "redact", &plugins.redactors, &Map::new());
    let deliver = deliver(&mut generator, plugins);
    let mut tables = json!({
        "report": generator.subschema_for::<ReportForm>(),
        "limits": generator.subschema_for::<Limits>(),
        "archive": generator.subschema_for::<Archive>(),
        "encrypt": generator.subschema_for::<Encrypt>(),
    });
    let definition = generator.subschema_for::<Definition>().to_value();
    let mut definitions = Value::Object(generator.take_definitions(true));
    let sections = [("collect", collect), ("redact", redact), ("deliver", deliver)];
    for (name, section) in sections {
        insert(&mut definitions, section.definitions);
        insert(&mut tables, [(name.to_owned(), section.table)]);
    }
    close(&mut definitions);
    for (name, schema) in definitions.as_object_mut().into_iter().flatten() {
        if !FIXED.contains(&name.as_str()) {
            open_to_parameters(schema);
        }
    }
    insert(&mut definitions, [(PARAMETER.to_owned(), parameter())]);
    insert(&mut tables, [("params".to_owned(), params(&definition))]);
    insert(&mut tables, top());
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Profile of collect",
        "description": "What to gather, what to remove, for whom to encrypt, where to deliver",
        "type": "object",
        "properties": tables,
        "additionalProperties": false,
        "if": { "not": { "required": ["extends"] } },
        "then": { "required": ["product"] },
        "definitions": definitions,
    })
}

fn top() -> [(String, Value); 3] {
    let text = |description: &str| json!({ "description": description, "type": "string" });
    let extends = json!({
        "description": "The profiles that this one extends, by name or by relative path; tables of \
                        the same id are merged, and this one overrides them key by key",
        "type": "array",
        "items": { "type": "string" },
    });
    [
        ("product".to_owned(), text("The product; its name is part of every bundle's name")),
        ("description".to_owned(), text("What the profile is for, in one line")),
        ("extends".to_owned(), extends),
    ]
}

/// A section of a profile, such as `[collect]`.
struct Section {
    table: Value,
    definitions: Vec<(String, Value)>,
}

fn section<T: ?Sized>(
    generator: &mut SchemaGenerator,
    name: &str,
    registry: &Registry<T>,
    common: &Map<String, Value>,
) -> Section {
    let choices = choices(generator, name, registry, common);
    table(name, choices)
}

/// `[deliver]`: sinks and ticket systems.
fn deliver(generator: &mut SchemaGenerator, plugins: &Plugins) -> Section {
    let common = properties::<TicketOptions>();
    let mut all = choices(generator, "deliver", &plugins.sinks, &Map::new());
    all.extend(choices(generator, "deliver", &plugins.tickets, &common));
    table("deliver", all)
}

/// A plugin that a table may name, with the definition of its options.
struct Choice {
    plugin: &'static str,
    definition: String,
    options: Value,
}

fn choices<T: ?Sized>(
    generator: &mut SchemaGenerator,
    section: &str,
    registry: &Registry<T>,
    common: &Map<String, Value>,
) -> Vec<Choice> {
    let mut choices = Vec::new();
    for plugin in registry.iter() {
        let mut options = plugin.schema(generator).to_value();
        if let Some(options) = options.as_object_mut() {
            // They are in the generator too, which knows those of all plugins.
            options.remove("definitions");
            options.remove("$schema");
            options.entry("properties").or_insert_with(|| json!({}));
            let known = &mut options["properties"];
            insert(known, common.clone());
            insert(known, properties::<Switch>());
            insert(known, [("use".to_owned(), json!({ "const": plugin.name }))]);
        }
        let definition = format!("{section}-{}", plugin.name);
        choices.push(Choice { plugin: plugin.name, definition, options });
    }
    choices
}

fn table(name: &str, choices: Vec<Choice>) -> Section {
    let names: Vec<_> = choices.iter().map(|choice| choice.plugin).collect();
    let rules = choices.iter().map(|choice| {
        json!({
            "if": { "properties": { "use": { "const": choice.plugin } }, "required": ["use"] },
            "then": { "$ref": format!("#/definitions/{}", choice.definition) },
        })
    });
    let rules: Vec<_> = rules.collect();
    let any = json!({
        "type": "object",
        "properties": { "use": { "description": "The plugin", "enum": names } },
        // It closes the object against nothing: what is allowed depends on `use`, and without it
        // the table overrides one of another profile.
        "additionalProperties": true,
        "allOf": rules,
    });
    let of_each = choices.into_iter().map(|choice| (choice.definition, choice.options));
    let mut definitions: Vec<_> = of_each.collect();
    let definition = format!("{name}-any");
    let table = json!({
        "description": format!("`[{name}.ID]`, one table for each"),
        "type": "object",
        "propertyNames": { "pattern": ID },
        "additionalProperties": { "$ref": format!("#/definitions/{definition}") },
    });
    definitions.push((definition, any));
    Section { table, definitions }
}

/// `[params]`
fn params(definition: &Value) -> Value {
    json!({
        "description": "What the profile leaves open: `${NAME}` in a value stands for a parameter, \
                        which `--set NAME=VALUE` gives, or else its default",
        "type": "object",
        "propertyNames": { "pattern": ID },
        "additionalProperties": {
            "anyOf": [
                definition,
                { "type": ["string", "integer", "boolean"] },
                { "type": "array", "items": { "type": "string" } },
            ],
        },
    })
}

/// What an id looks like.
const ID: &str = "^[a-z0-9][a-z0-9-]*$";

/// The definition of a value that is a parameter as a whole.
const PARAMETER: &str = "parameter-reference";

/// The definitions of values in which no parameter stands.
const FIXED: [&str; 3] = ["Parameter", "ParameterValue", "Encrypt"];

fn parameter() -> Value {
    json!({ "type": "string", "pattern": "^\\$\\{[a-z0-9][a-z0-9-]*\\}$" })
}

/// Lets a parameter stand where a value is no text, or one of a few.
fn open_to_parameters(schema: &mut Value) {
    let Value::Object(object) = schema else { return };
    for (key, below) in object.iter_mut() {
        match (key.as_str(), below) {
            ("properties", Value::Object(options)) => {
                for (name, option) in options.iter_mut() {
                    // Which plugin it is is the same in every run.
                    if name != "use" {
                        open_to_parameters(option);
                    }
                }
            }
            ("items" | "additionalProperties", below) => open_to_parameters(below),
            ("anyOf" | "oneOf" | "allOf", Value::Array(alternatives)) => {
                // A choice between words is opened as a whole; tables are opened below.
                let tables = alternatives.iter_mut().filter(|node| node.get("const").is_none());
                tables.for_each(open_to_parameters);
            }
            _ => {}
        }
    }
    if is_no_text(object) {
        let (description, default) = (object.remove("description"), object.remove("default"));
        let plain = Value::Object(std::mem::take(object));
        let kept = [("description", description), ("default", default)];
        object.extend(kept.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        let parameter = format!("#/definitions/{PARAMETER}");
        object.insert("anyOf".to_owned(), json!([plain, { "$ref": parameter }]));
    }
}

/// Whether a value is a number, `true` or `false`, or one of a few words.
fn is_no_text(schema: &Map<String, Value>) -> bool {
    let is =
        |kind: &Value, wanted: &[&str]| kind.as_str().is_some_and(|kind| wanted.contains(&kind));
    let wanted = ["integer", "number", "boolean"];
    let by_type = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| is(kind, &wanted)),
        Some(kind) => is(kind, &wanted),
        None => false,
    };
    let words = |key| {
        let nodes = schema.get(key).and_then(Value::as_array);
        nodes.is_some_and(|nodes| nodes.iter().any(|node| node.get("const").is_some()))
    };
    by_type || schema.contains_key("enum") || words("oneOf")
}

/// The options of a type, without references.
fn properties<T: JsonSchema>() -> Map<String, Value> {
    let mut settings = SchemaSettings::draft07();
    settings.inline_subschemas = true;
    let schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
}

fn insert(object: &mut Value, entries: impl IntoIterator<Item = (String, Value)>) {
    if let Some(object) = object.as_object_mut() {
        object.extend(entries);
    }
}

/// Says of every object that it has no other options than those that are named.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            // Below `if` stands a question, not an object.
            object.iter_mut().filter(|(key, _)| *key != "if").for_each(|(_, value)| close(value));
            let closed = object.contains_key("additionalProperties");
            if object.get("type") == Some(&json!("object"))
                && object.get("properties").is_some_and(Value::is_object)
                && !closed
            {
                object.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
