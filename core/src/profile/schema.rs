//! The JSON Schema of a profile, for editors.

use super::{Limits, ReportForm, StepOptions, check::Archive, encrypt::Encrypt, steps::Switch};
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
    let mut definitions = Value::Object(generator.take_definitions(true));
    let sections = [("collect", collect), ("redact", redact), ("deliver", deliver)];
    for (name, section) in sections {
        insert(&mut definitions, section.definitions);
        insert(&mut tables, [(name.to_owned(), section.table)]);
    }
    close(&mut definitions);
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
        "propertyNames": { "pattern": "^[a-z0-9][a-z0-9-]*$" },
        "additionalProperties": { "$ref": format!("#/definitions/{definition}") },
    });
    definitions.push((definition, any));
    Section { table, definitions }
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
