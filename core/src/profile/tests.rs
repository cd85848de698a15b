//! Profiles as their authors see them: files in, a profile or a list of problems out.

use super::*;
use crate::{
    CollectError, Output, Redactor,
    collector::Invalid,
    plugin::{Plugins, Registry},
    redact::{Rule, RuleError},
    secret::SecretSource,
    sink::{DeliveryContext, DeliveryError, Receipt, Sealed},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Files of the host.
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
    fn rules(&self, id: &str) -> Result<Vec<Rule>, RuleError> {
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

#[test]
fn five_mistakes_are_reported_at_once_each_with_its_place_and_what_to_do() {
    let error = wrong(
        r#"product = "Komand"

[collect.logs]
use = "files"
path = ["/var/log/komand.log"]
max-size = "much"

[collect.journal]
use = "jurnald"

[redact.tokens]
use = "pattern"
pattern = "tok_(["

[limit]
time = "5m"
"#,
    );
    assert_eq!(
        error.render(false),
        r#"error: `files` has no option `path`
 --> p (built in):5:1
  |
5 | path = ["/var/log/komand.log"]
  | ^^^^ unknown option
  |
  = help: did you mean `paths`?

error: `much` is no size; write it like `200MB` or `64MiB`
 --> p (built in):6:12
  |
6 | max-size = "much"
  |            ^^^^^^

error: there is no collector named `jurnald`
 --> p (built in):9:7
  |
9 | use = "jurnald"
  |       ^^^^^^^^^ not a collector
  |
  = help: did you mean `journald`?

error: the regular expression `tok_([` of rule `tokens` is not valid: unclosed group
  --> p (built in):13:11
   |
13 | pattern = "tok_(["
   |           ^^^^^^^^

error: a profile has no `limit`
  --> p (built in):15:2
   |
15 | [limit]
   |  ^^^^^ unknown
   |
   = help: did you mean `limits`?"#
    );
}

#[test]
fn every_wrong_option_of_one_plugin_is_named_not_only_the_first() {
    let error = wrong(
        r#"product = "x"
[collect.logs]
use = "files"
paths = "/var/log/a"
exclude = [1]
max-line = -1
look = { order = "newest-frist", depth = 1 }
tiemout = "5s"
[collect.more]
use = "files"
paths = ["/a", "b", "c"]
"#,
    );
    assert_eq!(
        said(&error),
        [
            "4: invalid type: string \"/var/log/a\", expected a sequence: -",
            "5: invalid type: integer `1`, expected a string: -",
            "6: invalid value: integer `-1`, expected u32: -",
            "7: unknown variant `newest-frist`, expected `newest-first` or `oldest-first`: \
             did you mean `newest-first`?",
            "7: `look` of `files` has no option `depth`: it has `order`",
            "8: `files` has no option `tiemout`: did you mean `timeout`?",
            "11: `b` is no absolute path: let it begin with `/`",
            "11: `c` is no absolute path: let it begin with `/`",
        ]
    );
    let columns: Vec<_> = error.problems().iter().filter_map(|problem| problem.column).collect();
    assert_eq!(columns, [9, 12, 12, 18, 34, 1, 16, 21]);
}

#[test]
fn the_options_of_every_step_are_checked_too() {
    let error = wrong(
        r#"product = "x"
[collect.a]
use = "journald"
timeout = "soon"
since = "someday"
priority = "high"
binary = "keap"
when = { pth = "/a" }
[collect.b]
use = "journald"
timeout = "0s"
when = { path = "etc" }
[collect.c]
use = "journald"
when = {}
[collect.D]
use = "journald"
"#,
    );
    let lines: Vec<_> = error.problems().iter().map(|problem| problem.line.unwrap()).collect();
    assert_eq!(lines, [4, 5, 6, 7, 8, 11, 12, 15, 16], "{}", error.render(false));
    assert!(error.render(false).contains("did you mean `path`?"));
}

#[test]
fn syntax_errors_are_all_reported_and_nothing_is_said_of_what_follows_from_them() {
    let error = wrong(
        "product = Komand\n[collect.a]\nuse = \"files\"\ntimeout = 5m\nmax-size = \"x\"\n\
         [collect.b]\nuse = journald\n[collect.b]\n",
    );
    assert_eq!(
        said(&error),
        [
            "1: a text needs quotes around it: write `\"Komand\"`",
            "4: a text needs quotes around it: write `\"5m\"`",
            "5: `x` is no size; write it like `200MB` or `64MiB`: -",
            "7: a text needs quotes around it: write `\"journald\"`",
            "8: this stands here twice: give one of them another name, or put both together",
        ]
    );
}

#[test]
fn a_list_that_is_never_closed_is_one_problem() {
    let error =
        wrong("product = \"x\"\n[collect.a]\npaths = [\"/a\",\n[collect.b]\nuse = \"files\"\n");
    assert_eq!(said(&error), ["3: this list is never closed: put a `]` after its last item"]);
}

#[test]
fn steps_run_in_the_order_of_the_file() {
    let profile = good(
        "product = 'x'\n[collect.zebra]\nuse = 'files'\n[collect.ant]\nuse = 'files'\n\
         [collect.mule.when]\npath = '/a'\n[collect.mule]\nuse = 'files'\n",
    );
    assert_eq!(ids(&profile), ["zebra", "ant", "mule"]);
}

#[test]
fn a_profile_overrides_what_it_extends_key_by_key() {
    let profile = load_texts(&[
        (
            "p",
            "extends = ['base']\n[collect.new]\nuse = 'journald'\n[collect.b]\ntimeout = '9s'\n\
             [collect.c]\nenabled = false\n[limits]\ntime = '1m'\n[collect.a]\nuse = 'journald'\n\
             units = ['x']",
        ),
        (
            "base",
            "product = 'Base'\n[collect.b]\nuse = 'files'\ntimeout = '5s'\nmax-size = '7B'\n\
             [collect.a]\nuse = 'files'\nmax-size = '7B'\n[collect.c]\nuse = 'files'\n\
             [limits]\nsize = '1MB'\n",
        ),
    ])
    .unwrap_or_else(|error| panic!("{}", error.render(false)));
    assert_eq!(profile.product, "Base");
    assert_eq!(ids(&profile), ["b", "a", "new"]);
    let options = &profile.steps[0].options;
    assert_eq!(options.timeout, "9s".parse().unwrap());
    assert_eq!(options.max_size, Some(Size(7)));
    // Another collector: the options of the old one mean nothing to it.
    assert_eq!((profile.steps[1].plugin, profile.steps[1].options.max_size), ("journald", None));
    assert_eq!(
        (profile.limits.size, profile.limits.time),
        (Size(1_000_000), "1m".parse().unwrap())
    );
}

#[test]
fn a_problem_names_the_file_that_it_is_in() {
    let error = load_texts(&[
        ("p", "product = 'x'\nextends = ['base']\n[collect.a]\ntimeout = 1\n"),
        ("base", "[collect.a]\nuse = 'files'\npahts = []\n"),
    ]);
    let error = error.err().expect("both are wrong");
    let places = error.problems().iter().map(|problem| (problem.file.as_deref(), problem.line));
    assert_eq!(
        places.collect::<Vec<_>>(),
        [(Some("p (built in)"), Some(4)), (Some("base (built in)"), Some(3))]
    );
}

#[test]
fn profiles_that_extend_each_other_are_an_error_that_shows_the_circle() {
    let error = load_texts(&[
        ("a", "product = 'x'\nextends = ['b']"),
        ("b", "extends = ['c']"),
        ("c", "extends = ['a']"),
    ]);
    assert_eq!(
        said(&error.err().expect("a circle")),
        [
            "1: profiles extend each other in a circle: a (built in) → b (built in) → c (built in) → \
          a (built in): take one of them out of `extends`"
        ]
    );
}

#[test]
fn a_base_that_is_reached_twice_is_read_once() {
    let base = "[collect.a]\nuse = 'files'\nmax-size = '1B'\n";
    let profile = load_texts(&[
        ("p", "product = 'x'\nextends = ['left', 'right']"),
        ("left", "extends = ['base']\n[collect.a]\nmax-size = '2B'"),
        ("right", "extends = ['base']\n[collect.z]\nuse = 'files'"),
        ("base", base),
    ]);
    let profile = profile.unwrap_or_else(|error| panic!("{}", error.render(false)));
    assert_eq!(ids(&profile), ["a", "z"]);
    assert_eq!(profile.steps[0].options.max_size, Some(Size(2)));
}

#[test]
fn two_profiles_that_know_nothing_of_each_other_may_not_share_an_id() {
    let texts = |own| {
        [
            ("p", own),
            ("left", "[collect.logs]\nuse = 'files'\npaths = ['/l']"),
            ("right", "[collect.logs]\nuse = 'files'\npaths = ['/r']"),
        ]
    };
    let error = load_texts(&texts("product = 'x'\nextends = ['left', 'right']"));
    let rendered = error.err().expect("a collision").render(false);
    assert!(rendered.contains("right (built in):2:7"), "{rendered}");
    assert!(rendered.contains("left (built in):2:7"), "{rendered}");
    let own = "product = 'x'\nextends = ['left', 'right']\n[collect.logs]\npaths = ['/l', '/r']";
    assert!(load_texts(&texts(own)).is_ok());
}

#[test]
fn a_sink_without_recipients_is_refused() {
    let error = wrong("product = 'x'\n[deliver.bucket]\nuse = 's3'\nbucket = 'b'\n");
    assert_eq!(
        said(&error),
        ["2: the profile delivers bundles that nobody could keep secret: add `[encrypt]` with \
          `recipients = [\"age1…\"]`; `collect-desk keygen` makes such a key"]
    );
    let profile = good(&format!(
        "product = 'x'\n[encrypt]\nrecipients = ['{KEY}']\n[deliver.b]\nuse = 's3'\nbucket = 'b'\n"
    ));
    assert_eq!((profile.sinks[0].id.as_str(), profile.recipients), ("b", vec![KEY.to_owned()]));
}

#[test]
fn a_wrong_recipient_is_underlined() {
    let error = wrong(&format!("product = 'x'\n[encrypt]\nrecipients = ['{KEY}', 'age1x']\n"));
    assert_eq!((error.problems()[0].line, error.problems()[0].column), (Some(3), Some(81)));
}

#[test]
fn what_is_missing_is_said() {
    let error = wrong(
        "[collect.journal]\nunits = []\n[deliver.b]\nuse = 's3'\n[archive]\ncompression = 'zip'\n",
    );
    assert_eq!(
        said(&error),
        [
            "1: the profile names no product: add `product = \"…\"` at its top",
            "1: `[collect.journal]` does not say which collector it uses: \
             add `use = \"…\"`: there are `files`, `journald`",
            "3: the option `bucket` is missing: `s3` needs `bucket`",
            "6: unknown variant `zip`, expected one of `xz`, `zstd`, `auto`: -",
        ]
    );
}

#[test]
fn switching_off_what_is_not_there_is_a_mistake() {
    let error = wrong(
        "product = 'x'\n[collect.journal]\nuse = 'journald'\n[collect.jurnal]\nenabled = false\n",
    );
    assert_eq!(
        said(&error),
        ["4: there is no `[collect.jurnal]` to switch off: did you mean `journal`?"]
    );
}

#[test]
fn an_unknown_profile_is_named_with_what_was_probably_meant_and_where_it_was_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::new(vec![folder.path().to_owned()]);
    let error = load("linx", &library, &plugins(), &|_| None).err().unwrap();
    let rendered = error.render(false);
    assert!(rendered.starts_with("error: there is no profile named `linx`"), "{rendered}");
    assert!(rendered.contains("did you mean `linux`?"), "{rendered}");
    assert!(rendered.contains(&*folder.path().to_string_lossy()), "{rendered}");
    let error = load("./linux.toml", &library, &plugins(), &|_| None).err().unwrap();
    assert!(error.problems()[0].message.starts_with("cannot read the profile `./linux.toml`"));
}

#[test]
fn a_profile_is_found_by_name_in_folders_before_those_built_in_and_by_path() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("linux.toml", "product = 'Mine'\nextends = ['./part.toml']\n");
    write("part.toml", "[collect.a]\nuse = 'files'\n");
    let library = Library::new(vec![folder.path().to_owned()]);
    let profile = load("linux", &library, &plugins(), &|_| None);
    let profile = profile.unwrap_or_else(|error| panic!("{}", error.render(false)));
    assert_eq!((profile.product.as_str(), ids(&profile)), ("Mine", vec!["a"]));
    assert_eq!(profile.base, folder.path());
    let path = folder.path().join("part.toml");
    let error = load(path.to_str().unwrap(), &library, &plugins(), &|_| None).err().unwrap();
    assert_eq!(error.problems()[0].file.as_deref(), path.to_str());
    let listed = library.list();
    let linux = listed.iter().find(|listed| listed.name == "linux").unwrap();
    assert_eq!(linux.product.as_deref(), Some("Mine"));
    assert_eq!(linux.origin, Origin::File(folder.path().join("linux.toml")));
    assert!(listed.iter().any(|listed| listed.origin == Origin::BuiltIn));
}

#[test]
fn the_hash_covers_all_that_is_extended() {
    let hash = |base| {
        let texts = [("p", "product = 'x'\nextends = ['base']"), ("base", base)];
        load_texts(&texts).map(|profile| profile.sha256).unwrap_or_default()
    };
    assert_ne!(hash("# one"), hash("# two"));
    assert_eq!(
        good("product = 'x'").sha256,
        // printf %s "product = 'x'" | sha256sum
        "0eddaa83232b977bd8b74db9c030e4e333b8bf30180d5fc284bc0528c2c26109"
    );
}

#[test]
fn a_secret_beside_a_mistake_is_not_shown() {
    let error = wrong(
        "product = 'x'\n[deliver.b]\nuse = 's3'\nbucket = 'b'\nupload-tokn = 'made-up-value'\n",
    );
    assert!(!error.render(false).contains("made-up"), "{}", error.render(false));
    let error = wrong("product = 'x'\n[deliver.b]\nuse = 's3'\nupload-token = 987654\n");
    assert!(!error.render(true).contains("987654"), "{}", error.render(false));
}

#[test]
fn products_are_written_into_names_without_anything_that_needs_quoting() {
    assert_eq!(slug("Komand"), "komand");
    assert_eq!(slug("  Linux Host / 2.0 "), "linux-host-2-0");
    assert_eq!(slug("製品"), "product");
    assert_eq!(slug(&"a b".repeat(40)).len(), 40);
}

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
        "keep": It is kept; redaction is tried all the same.
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
