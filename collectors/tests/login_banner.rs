//! What is said to those who log in.

use collect_core::{CollectError, Collector, Invalid, Output, register};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// What is said to those who log in: before the password, and after it.
///
/// `summary.json` has the number of lines of each text, by its path; the texts stand beside it.
/// From `issue(5)` and `motd(5)`; every user may read them.
///
/// ```toml
/// [collect.login-banner]
/// use = "login-banner"
/// folders = ["/etc", "/run"]
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
struct LoginBanner {
    /// Where the texts are looked for: absolute paths of folders.
    folders: Vec<String>,
}

impl Default for LoginBanner {
    fn default() -> Self {
        Self { folders: vec!["/etc".to_owned()] }
    }
}

register!("login-banner" => LoginBanner as Collector);

impl Collector for LoginBanner {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let mut lines = serde_json::Map::new();
        for folder in &self.folders {
            for name in ["issue", "motd"] {
                let path = format!("{folder}/{name}");
                if let Some(text) = out.read(&path)? {
                    let text = String::from_utf8_lossy(&text);
                    lines.insert(path.clone(), json!(text.lines().count()));
                    out.text(&path, &text)?;
                }
            }
        }
        if lines.is_empty() { Ok(()) } else { out.json("summary.json", &lines) }
    }

    fn check(&self) -> Vec<Invalid> {
        let relative = self.folders.iter().filter(|folder| !folder.starts_with('/'));
        let wrong = relative.map(|folder| Invalid {
            option: "folders",
            message: format!("`{folder}` is no absolute path"),
            help: Some("let it begin with `/`".to_owned()),
        });
        wrong.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };

    #[test]
    fn the_texts_are_taken_and_their_lines_counted() {
        let host = FakeHost::new().file("/etc/issue", "Shop\n").denied("/etc/motd");
        let collected = Trial::of(LoginBanner::default()).on(host);
        assert_eq!(collected.text("/etc/issue"), "Shop\n");
        assert_eq!(collected.text("summary.json").trim(), "{\n  \"/etc/issue\": 1\n}");
        assert_eq!(collected.status(), Status::Partial, "what is refused is said by itself");
    }

    #[test]
    fn a_folder_that_is_no_absolute_path_is_refused_with_the_profile() {
        let banner = LoginBanner { folders: vec!["etc".to_owned()] };
        assert_eq!(banner.check()[0].option, "folders");
    }
}
