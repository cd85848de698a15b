//! The reference pages of plugins, made of their doc comments.

use super::{
    StepOptions,
    options::{alternatives, schema_by, schema_of},
};
use crate::{
    plugin::{Plugins, Registry},
    ticket::TicketOptions,
};
use serde_json::Value;
use std::fmt::Write;

/// How wide a page is, in characters.
const WIDTH: usize = 80;

/// How deep tables within tables are described.
const DEPTH: usize = 3;

/// What an item of a list begins with.
const ITEM: &str = "- ";

/// What a ticket system is called; in a profile it is a sink.
const TICKETS: &str = "ticket system";

/// A plugin in a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The kind: `collector`, `redactor`, `sink` or `ticket system`.
    pub kind: &'static str,
    /// The name.
    pub name: &'static str,
    /// What it is for, in one sentence.
    pub summary: String,
}

/// Every plugin, by kind and name.
pub fn catalogue(plugins: &Plugins) -> Vec<Described> {
    pages(plugins).iter().map(described).collect()
}

/// Every plugin with the examples of its doc comment, each a part of a profile.
pub fn examples(plugins: &Plugins) -> Vec<(Described, Vec<String>)> {
    let examples = |page: &Page| (described(page), codes(&page.2));
    pages(plugins).iter().map(examples).collect()
}

fn described((kind, name, schema): &Page) -> Described {
    let summary = paragraphs(schema).into_iter().next().unwrap_or_default();
    Described { kind, name, summary }
}

/// The reference page of the plugins of that name, as plain text; none if there is none.
pub fn reference(plugins: &Plugins, name: &str) -> Option<String> {
    let pages = pages(plugins).into_iter().filter(|(_, found, _)| *found == name);
    let pages: Vec<_> = pages.map(|(kind, name, schema)| page(kind, name, &schema)).collect();
    (!pages.is_empty()).then(|| pages.join("\n\n"))
}

/// Kind, name and schema of a plugin.
type Page = (&'static str, &'static str, Value);

fn pages(plugins: &Plugins) -> Vec<Page> {
    let mut pages = of_kind("collector", &plugins.collectors);
    pages.extend(of_kind("redactor", &plugins.redactors));
    pages.extend(of_kind("sink", &plugins.sinks));
    pages.extend(of_kind(TICKETS, &plugins.tickets));
    pages
}

fn of_kind<T: ?Sized>(kind: &'static str, registry: &Registry<T>) -> Vec<Page> {
    let page = |plugin: &'static crate::Plugin<T>| {
        (kind, plugin.name, schema_by(|generator| plugin.schema(generator)))
    };
    registry.iter().map(page).collect()
}

fn page(kind: &str, name: &str, schema: &Value) -> String {
    let mut page = format!("{name} ({kind})\n");
    let mut in_list = false;
    for paragraph in paragraphs(schema) {
        let is_item = paragraph.starts_with(ITEM);
        let gap = if is_item && in_list { "" } else { "\n" };
        _ = write!(page, "{gap}{}", wrap(&paragraph, 0));
        in_list = is_item;
    }
    let examples = codes(schema);
    if !examples.is_empty() {
        page += "\nEXAMPLE\n";
    }
    for example in examples {
        page.push('\n');
        for line in example.lines() {
            _ = writeln!(page, "{}", format!("    {line}").trim_end());
        }
    }
    let options = options(schema);
    if options.is_empty() {
        page += "\nIt has no options of its own.\n";
    } else {
        page += "\nOPTIONS\n";
        page += &options;
    }
    if kind == "collector" {
        page += "\nOPTIONS OF EVERY STEP\n";
        page += &self::options(&schema_of::<StepOptions>());
    }
    if kind == TICKETS {
        page += "\nOPTIONS OF EVERY TICKET SYSTEM\n";
        page += &self::options(&schema_of::<TicketOptions>());
    }
    page
}

fn options(schema: &Value) -> String {
    let mut text = String::new();
    write_options(&mut text, schema, schema, "", DEPTH);
    text
}

fn write_options(text: &mut String, root: &Value, node: &Value, parent: &str, depth: usize) {
    for object in alternatives(root, node) {
        let required = object.get("required").and_then(Value::as_array);
        let properties = object.get("properties").and_then(Value::as_object);
        for (name, option) in properties.into_iter().flatten() {
            let required = required.is_some_and(|names| names.iter().any(|other| other == name));
            write_option(text, root, option, &format!("{parent}{name}"), required);
            if depth > 0 && !is_secret_source(root, option) {
                let (node, mark) = match option.get("items") {
                    Some(items) => (items, "[]"),
                    None => (option, ""),
                };
                write_options(text, root, node, &format!("{parent}{name}{mark}."), depth - 1);
            }
        }
    }
}

fn write_option(text: &mut String, root: &Value, option: &Value, name: &str, required: bool) {
    let default =
        option.get("default").and_then(default).map(|value| format!(", {value} if not given"));
    let required = required.then(|| ", required".to_owned());
    let further = required.or(default).unwrap_or_default();
    _ = write!(text, "\n  {name}  ({}{further})\n", type_of(root, option));
    for paragraph in paragraphs(option) {
        text.push_str(&wrap(&paragraph, 6));
    }
    let variants =
        alternatives(root, option).into_iter().filter(|node| node.get("const").is_some());
    for variant in variants {
        let meaning = paragraphs(variant).join(" ");
        if !meaning.is_empty() {
            text.push_str(&wrap(&format!("{}: {meaning}", variant["const"]), 8));
        }
    }
}

/// A default as a profile would write it; none if it goes without saying.
fn default(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Object(_) => None,
        Value::String(text) if text.is_empty() => None,
        Value::Array(items) if items.is_empty() => None,
        other => Some(other.to_string()),
    }
}

/// What kind of value an option takes, in the words of a profile.
fn type_of(root: &Value, option: &Value) -> String {
    let nodes = alternatives(root, option);
    let words: Vec<_> = nodes.iter().flat_map(|node| choices(node)).collect();
    if !words.is_empty() {
        return words.join(" or ");
    }
    if is_secret_source(root, option) {
        return "a secret: a text, { file = \"…\" } or { env = \"…\" }".to_owned();
    }
    let types = nodes.iter().filter_map(|node| Some((*node, type_name(node)?)));
    let mut names: Vec<String> = Vec::new();
    for (node, name) in types {
        let name = match (name, node.get("items"), node.get("examples")) {
            ("array", Some(items), _) => format!("list of {}", type_of(root, items)),
            ("array", None, _) => "list".to_owned(),
            ("string", _, Some(examples)) => format!("text like {}", examples[0]),
            ("string", _, None) => "text".to_owned(),
            ("integer" | "number", ..) => "number".to_owned(),
            ("boolean", ..) => "true or false".to_owned(),
            ("object", ..) => "table".to_owned(),
            _ => continue,
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() { "any value".to_owned() } else { names.join(" or ") }
}

/// The values that an option is one of.
fn choices(node: &Value) -> Vec<String> {
    let several = node.get("enum").and_then(Value::as_array);
    let values = several.into_iter().flatten().chain(node.get("const"));
    values.filter(|value| !value.is_null()).map(ToString::to_string).collect()
}

/// The type of a schema, if it is not only `null`.
fn type_name(node: &Value) -> Option<&str> {
    match node.get("type")? {
        Value::String(name) if name != "null" => Some(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        _ => None,
    }
}

/// A secret is a text or one of two tables, which is better said than listed.
fn is_secret_source(root: &Value, option: &Value) -> bool {
    let refers = |node: &&Value| {
        node.get("$ref").and_then(Value::as_str) == Some("#/definitions/SecretSource")
    };
    alternatives(root, option).iter().any(refers)
}

/// A part of a doc comment.
enum Block {
    /// A paragraph or an item of a list, on one line.
    Text(String),
    /// What stands in a fence.
    Code(String),
}

/// The parts of a doc comment.
fn blocks(schema: &Value) -> Vec<Block> {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let (mut blocks, mut words) = (Vec::new(), Vec::new());
    let mut code: Option<String> = None;
    // An empty line ends the last paragraph.
    for line in text.lines().chain([""]) {
        let is_fence = line.trim_start().starts_with("```");
        match &mut code {
            Some(text) if is_fence => {
                blocks.push(Block::Code(std::mem::take(text)));
                code = None;
            }
            Some(text) => _ = writeln!(text, "{line}"),
            None if is_fence || line.trim().is_empty() => {
                if !words.is_empty() {
                    blocks.push(Block::Text(std::mem::take(&mut words).join(" ")));
                }
                code = is_fence.then(String::new);
            }
            None => {
                if line.trim_start().starts_with(ITEM) && !words.is_empty() {
                    blocks.push(Block::Text(std::mem::take(&mut words).join(" ")));
                }
                words.extend(line.split_whitespace());
            }
        }
    }
    blocks
}

/// The paragraphs of a doc comment, each on one line.
fn paragraphs(schema: &Value) -> Vec<String> {
    let texts = blocks(schema).into_iter().filter_map(|block| match block {
        Block::Text(text) => Some(text),
        Block::Code(_) => None,
    });
    texts.collect()
}

/// What stands in the fences of a doc comment.
fn codes(schema: &Value) -> Vec<String> {
    let codes = blocks(schema).into_iter().filter_map(|block| match block {
        Block::Code(code) => Some(code),
        Block::Text(_) => None,
    });
    codes.collect()
}

/// Breaks a paragraph into lines with so many spaces before them; those of an item stand behind its
/// mark.
fn wrap(paragraph: &str, indent: usize) -> String {
    let hanging = if paragraph.starts_with(ITEM) { indent + ITEM.len() } else { indent };
    let mut text = String::new();
    let mut width = 0;
    for word in paragraph.split(' ') {
        let length = word.chars().count();
        if width == 0 || width + 1 + length > WIDTH {
            let (newline, indent) = if width == 0 { ("", indent) } else { ("\n", hanging) };
            _ = write!(text, "{newline}{:indent$}{word}", "");
            width = indent + length;
        } else {
            _ = write!(text, " {word}");
            width += 1 + length;
        }
    }
    text + "\n"
}
