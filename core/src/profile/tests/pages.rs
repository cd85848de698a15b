//! What is made of plugins for people and for editors.

use super::*;

#[test]
fn the_template_is_a_good_profile_for_any_name() {
    for name in ["komand", "./My \"Product\" 2.toml", "製品", "a\\b"] {
        let library = Library::new(Vec::new())
            .with("p", template(name))
            .with("linux", "[collect.os]\nuse = 'files'\n[collect.network]\nuse = 'files'");
        let profile = load("p", &library, &plugins(), &|_| None);
        assert!(profile.is_ok(), "{}", profile.err().map(|e| e.render(false)).unwrap_or_default());
    }
    assert!(template("My Product").contains("/var/log/my-product/**"));
    assert!(template("dir/komand.toml").contains("product = \"komand\""));
}

#[test]
fn the_reference_page_of_a_plugin_is_made_of_its_doc_comments() {
    let page = reference(&plugins(), "files").unwrap();
    let expected = r#"files (collector)

Files of the host.

- `DIR/NAME`: each file, whole, or as far as the size of the step goes and what
  is left of the budget.
- `list.txt`: their names.

OPTIONS

  exclude  (list of text)
      Which of them not.

  look  (table)
      What else is looked for.

  look.order  ("newest-first" or "oldest-first")
      In which order.

  max-line  (number)
      How long a line may be.

  paths  (list of text)
      Which files, as globs.

OPTIONS OF EVERY STEP

  binary  ("drop" or "keep")
      What happens to binary data.
        "drop": It is left out and named.
        "keep": It is kept byte for byte, unless redaction finds something in
        it: then it is left out.
"#;
    assert!(page.starts_with(expected), "{page}");
    let sink = reference(&plugins(), "s3").unwrap();
    assert!(sink.contains("bucket  (text, required)"), "{sink}");
    assert!(sink.contains("upload-token  (a secret:"), "{sink}");
    assert_eq!(reference(&plugins(), "nothing"), None);
    let journal = catalogue(&plugins()).into_iter().find(|plugin| plugin.name == "journald");
    assert_eq!(journal.map(|plugin| plugin.summary).as_deref(), Some("The journal."));
}

#[test]
fn the_schema_knows_the_options_of_every_plugin() {
    let schema = schema(&plugins());
    let files = &schema["definitions"]["collect-files"];
    assert_eq!(files["additionalProperties"], false);
    for option in ["use", "enabled", "paths", "max-line", "max-size", "when"] {
        assert!(files["properties"].get(option).is_some(), "{option}");
    }
    assert!(schema["definitions"]["redact-pattern"]["properties"].get("timeout").is_none());
    assert_eq!(schema["definitions"]["Look"]["additionalProperties"], false);
}

#[test]
fn every_reference_of_the_schema_leads_somewhere() {
    fn follow(root: &serde_json::Value, node: &serde_json::Value) {
        if let Some(reference) = node.get("$ref").and_then(|reference| reference.as_str()) {
            assert!(root.pointer(&reference[1..]).is_some(), "{reference}");
        }
        node.as_object()
            .into_iter()
            .flat_map(|object| object.values())
            .for_each(|n| follow(root, n));
        node.as_array().into_iter().flatten().for_each(|n| follow(root, n));
    }
    let schema = schema(&plugins());
    follow(&schema, &schema);
}

#[test]
fn the_schema_lets_a_parameter_stand_where_a_number_or_a_word_is_expected() {
    let schema = schema(&plugins());
    let files = &schema["definitions"]["collect-files"]["properties"];
    let open = serde_json::json!({ "$ref": "#/definitions/parameter-reference" });
    for option in ["max-line", "enabled", "priority"] {
        assert_eq!(files[option]["anyOf"][1], open, "{option}: {}", files[option]);
    }
    assert_eq!(schema["definitions"]["Order"]["anyOf"][1], open);
    assert_eq!(files["use"], serde_json::json!({ "const": "files" }));
    assert!(files["paths"]["items"].get("anyOf").is_none(), "a text may hold one anyway");
    assert!(schema["properties"]["params"]["additionalProperties"]["anyOf"].is_array());
}
