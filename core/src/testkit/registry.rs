//! What holds for every plugin that is linked.

use crate::{
    plugin::Plugins,
    profile::{Described, Library, Profile, ProfileError, examples, load},
};
use regex::Regex;
use std::{fs, path::Path};

/// Nobody has the private key of this one.
const RECIPIENT: &str = "age18njpeyw3pxerqgwxeshydhszts382g22322e8cxrea9u7xeygcvqyjd72p";

/// The value of every secret that an example names.
const SECRET: &str = "made-up-secret-of-an-example";

/// The file that an example of the redactor `import` names.
const RULES: &str = "[[rules]]\nid = \"a\"\nregex = '''kmd_[0-9a-f]{8}'''\nkeywords = [\"kmd_\"]\n";

/// What is wrong with the pages of plugins: each begins with a sentence and has an example that is
/// a good profile with the plugin in it. Returns a line for each plugin with which something is.
///
/// # Panics
///
/// Panics if no temporary folder can be written.
pub fn wrong_pages(plugins: &Plugins) -> Vec<String> {
    let wrong = examples(plugins).into_iter().filter_map(|(plugin, codes)| {
        let reason = wrong_page(plugins, &plugin, &codes)?;
        Some(format!("{} `{}`: {reason}", plugin.kind, plugin.name))
    });
    wrong.collect()
}

fn wrong_page(plugins: &Plugins, plugin: &Described, codes: &[String]) -> Option<String> {
    if !plugin.summary.ends_with(['.', ':']) {
        return Some("its doc comment does not begin with a sentence".to_owned());
    }
    if codes.is_empty() {
        return Some("its doc comment has no example, a profile's step in a ```toml fence".into());
    }
    codes.iter().find_map(|code| match example(plugins, code) {
        Err(error) => Some(error.render(false)),
        Ok(profile) => {
            (!uses(&profile, code, plugin)).then(|| "its example does not use it".into())
        }
    })
}

/// Reads an example as a profile.
///
/// # Errors
///
/// Says what is wrong with it.
///
/// # Panics
///
/// Panics if no temporary folder can be written.
pub fn example(plugins: &Plugins, code: &str) -> Result<Profile, ProfileError> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file =
        |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("it is written");
    let secrets = Regex::new(r#"file = "([^"/]+)""#).expect("a regular expression");
    for [name] in secrets.captures_iter(code).map(|found| found.extract().1) {
        file(name, SECRET);
    }
    file("gitleaks.toml", RULES);
    let delivers = code.contains("[deliver.") && !code.contains("[encrypt]");
    let encrypt = format!("[encrypt]\nrecipients = [\"{RECIPIENT}\"]\n");
    let encrypt = if delivers { encrypt } else { String::new() };
    file("example.toml", &format!("product = \"Example\"\n{encrypt}{code}"));
    let path = dir.path().join("example.toml");
    load(shown(&path), &Library::new(Vec::new()), plugins, &|_| Some(SECRET.to_owned()))
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("the temporary folder is UTF-8")
}

fn uses(profile: &Profile, code: &str, plugin: &Described) -> bool {
    match plugin.kind {
        "collector" => profile.steps.iter().any(|step| step.plugin == plugin.name),
        "redactor" => code.contains(&format!("use = \"{}\"", plugin.name)),
        _ => profile.sinks.iter().any(|sink| sink.plugin == plugin.name),
    }
}
