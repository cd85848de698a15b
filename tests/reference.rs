//! The pages in `docs/reference/` are generated from the code, and are not stale.

use collect_core::{
    bundle::Manifest,
    plugin::Plugins,
    profile::{catalogue, reference, schema},
    report::Report,
};
use std::{fmt::Write as _, fs, path::Path};

/// A page is what the code says now. With `COLLECT_UPDATE=1` it is rewritten instead.
fn compare(page: &str, now: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference").join(page);
    if std::env::var_os("COLLECT_UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, now).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == now,
        "docs/reference/{page} is out of date: `COLLECT_UPDATE=1 tests/run reference` rewrites it"
    );
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

use collect_collectors as _;
use collect_sinks as _;

#[test]
fn the_reference_has_the_schema_of_the_manifest() {
    compare("manifest.schema.json", &json(&schemars::schema_for!(Manifest)));
    compare("report.schema.json", &json(&schemars::schema_for!(Report)));
}

#[test]
fn the_reference_has_the_schema_of_profiles() {
    compare("profile.schema.json", &json(&schema(&Plugins::linked())));
}

#[test]
fn the_reference_has_every_plugin() {
    let plugins = Plugins::linked();
    let mut page =
        "# Plugins\n\nWhat `collect plugins NAME` prints, for every plugin.\n".to_owned();
    let mut common = Vec::new();
    for plugin in catalogue(&plugins) {
        let text = reference(&plugins, plugin.name).unwrap();
        let (own, shared) = text.split_once("\nOPTIONS OF EVERY").unwrap_or((&text, ""));
        _ = write!(page, "\n## `{}`\n\n```text\n{}\n```\n", plugin.name, own.trim_end());
        if !shared.is_empty() && !common.contains(&shared.to_owned()) {
            common.push(shared.to_owned());
        }
    }
    for shared in common {
        let (of, options) = shared.split_once('\n').unwrap();
        let of = of.trim().to_lowercase();
        _ = write!(
            page,
            "\n## Options of every {of}\n\n```text\n{}\n```\n",
            options.trim_matches('\n')
        );
    }
    compare("plugins.md", &page);
}
