//! What is true of every collector: its page, its options, and how it takes hosts that have nothing,
//! refuse everything, or are full of nonsense.

use collect_core::{
    Profile,
    bundle::{BundleName, NoteKind, Status, StepRecord},
    event::Event,
    gather::{Resources, gather},
    host::{Host, Machine},
    plan::{Plan, Selection},
    plugin::Plugins,
    profile::{Described, catalogue, examples},
    testkit::{FakeHost, Faulty, example, wrong_pages},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    io::ErrorKind,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long a collector may take that has nothing to see.
const MOMENT: Duration = Duration::from_secs(1);

/// The collector of CONTRIBUTING.md, which is compiled into this test and held to the same.
const CONTRIBUTED: &str = "login-banner";

fn plugins() -> Plugins {
    collect_collectors::link();
    Plugins::linked()
}

#[test]
fn every_page_begins_with_a_sentence_and_has_an_example_that_is_a_good_profile() {
    let wrong = wrong_pages(&plugins());
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_file_of_a_plugin_registers_a_plugin_of_that_name() {
    let plugins = plugins();
    let collectors = plugins.collectors.names().filter(|name| *name != CONTRIBUTED);
    let collectors: Vec<_> = collectors.collect();
    let redactors: Vec<_> = plugins.redactors.names().collect();
    for (folder, names) in [("src/plugins", collectors), ("src/redactors", redactors)] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        // A folder beside a file of the same name holds further modules of that plugin.
        let files = entries.filter(|path| path.is_file());
        let files = files.map(|path| path.file_stem().unwrap().to_str().unwrap().replace('_', "-"));
        assert_eq!(names, files.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn the_collector_of_contributing_is_the_one_that_is_tested_here() {
    let guide = include_str!("../../CONTRIBUTING.md");
    let (_, behind) = guide.split_once("```rust\n").unwrap();
    let (block, _) = behind.split_once("\n   ```\n").unwrap();
    let code: Vec<_> = block.lines().map(|line| line.strip_prefix("   ").unwrap_or(line)).collect();
    let tested = include_str!("login_banner.rs");
    assert_eq!(code.join("\n"), tested.trim_end(), "copy one to the other");
    assert!(plugins().collectors.get(CONTRIBUTED).is_some());
}

/// The schema of a collector's options.
fn schema(plugins: &Plugins, name: &str) -> Value {
    let mut generator = schemars::SchemaGenerator::default();
    plugins.collectors.get(name).unwrap().schema(&mut generator).to_value()
}

/// Every table of options in a schema, with the path to it.
fn tables<'s>(path: &str, node: &'s Value, found: &mut Vec<(String, &'s Value)>) {
    if let Value::Object(object) = node {
        if object.contains_key("properties") {
            found.push((path.to_owned(), node));
        }
        for (key, below) in object {
            tables(&format!("{path}.{key}"), below, found);
        }
    }
}

#[test]
fn every_option_is_in_kebab_case_and_explained() {
    let plugins = plugins();
    for name in plugins.collectors.names() {
        let schema = schema(&plugins, name);
        let mut found = Vec::new();
        tables(name, &schema, &mut found);
        for (path, table) in found {
            for (option, schema) in table["properties"].as_object().unwrap() {
                let is_kebab = option.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-'));
                assert!(is_kebab, "the option `{option}` of {path} is not in kebab-case");
                let is_explained = schema.get("description").is_some_and(Value::is_string);
                assert!(is_explained, "the option `{option}` of {path} has no doc comment");
            }
        }
    }
}

#[test]
fn an_empty_table_gives_the_defaults() {
    let plugins = plugins();
    for name in plugins.collectors.names() {
        let schema = schema(&plugins, name);
        let options = schema.get("properties").and_then(Value::as_object);
        let required = schema.get("required").and_then(Value::as_array);
        assert_eq!(required, None, "an option of `{name}` has no default: derive `Default`");
        let mut written = String::new();
        for (option, schema) in options.into_iter().flatten() {
            match schema.get("default") {
                // What cannot be serialised is not written into the schema.
                Some(Value::Null) | None => {}
                Some(default) => _ = writeln!(written, "{option} = {}", in_toml(default)),
            }
        }
        let [empty, full] = ["", &written].map(|options| {
            let table = format!("[collect.test]\nuse = \"{name}\"\n{options}");
            // What is missing is missing in both.
            let said = example(&plugins, &table).map_err(|error| {
                error.problems().iter().map(|p| p.message.clone()).collect::<Vec<_>>()
            });
            said.map(|profile| profile.steps[0].collector.describe())
        });
        assert_eq!(empty, full, "the defaults of `{name}`, written out:\n{written}");
    }
}

/// A value of a schema as a profile would write it.
fn in_toml(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let entries = table.iter().filter(|(_, value)| !value.is_null());
            let entries = entries.map(|(key, value)| format!("{key} = {}", in_toml(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(in_toml).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Every collector as a step: with no options, if it needs none, and as its examples show it.
fn steps() -> Vec<(&'static str, Arc<Profile>)> {
    let plugins = plugins();
    let codes: BTreeMap<&str, Vec<String>> = examples(&plugins)
        .into_iter()
        .filter(|(plugin, _)| plugin.kind == "collector")
        .map(|(plugin, codes)| (plugin.name, codes))
        .collect();
    let mut steps = Vec::new();
    for Described { name, .. } in catalogue(&plugins).into_iter().filter(|p| p.kind == "collector")
    {
        let plain = format!("[collect.test]\nuse = \"{name}\"\n");
        for code in [plain].iter().chain(&codes[name]) {
            // Rules would only make it slow.
            let code = format!("{code}\n[redact.secrets]\nenabled = false\n");
            steps.extend(example(&plugins, &code).ok().map(|profile| (name, Arc::new(profile))));
        }
        assert!(
            steps.iter().any(|(found, _)| *found == name),
            "`{name}` has no example that works"
        );
    }
    steps
}

/// How the steps of a profile end on a host, and how long that takes.
fn run(profile: &Arc<Profile>, host: FakeHost) -> (Vec<StepRecord>, Duration, Vec<String>) {
    let host = Arc::new(host);
    let whole: Arc<dyn Host> = Arc::clone(&host) as _;
    let name = BundleName::with_id("test", whole.now(), "0000");
    let plan = Plan::new(Arc::clone(profile), &Selection::default(), name, &*whole).unwrap();
    for planned in &plan.steps {
        let collector = &planned.step.collector;
        collector.estimate(&*host, &planned.window);
        collector.refused(&*host, &planned.window);
    }
    let before = host.touched().iter().filter(|what| what.starts_with("$ ")).count();
    assert_eq!(before, 0, "a dry run starts nothing: {:?}", host.touched());
    let begun = Instant::now();
    let steps = gathered(plan, whole);
    (steps, begun.elapsed(), host.touched())
}

fn gathered(plan: Plan, host: Arc<dyn Host>) -> Vec<StepRecord> {
    let resources = Resources { threads: None, stop: Arc::default(), spill: std::env::temp_dir() };
    gather(Arc::new(plan), host, &resources, &|_: &Event| {}).steps().to_vec()
}

/// Hosts on which everything is there and nothing is what it should be.
fn nonsense() -> Vec<(&'static str, Vec<u8>)> {
    let number = "18446744073709551616 -9223372036854775809 1e999 0x1g / : = , ";
    let rows = "a b c d e f g h i j k l m n o p q r s t u v w x y z\n".repeat(20);
    vec![
        ("nothing", Vec::new()),
        ("a byte", b"\n".to_vec()),
        ("bytes that are no text", vec![0xff; 5000]),
        ("zeros", vec![0; 5000]),
        ("one long line", vec![b'a'; 1 << 17]),
        ("large numbers", format!("{number}\n").repeat(100).into_bytes()),
        ("only large numbers", b"99999999999999999999\n".to_vec()),
        ("negative numbers", b"-1\n".repeat(50)),
        ("separators", b":::: = ,,,, ;; () [] {} \"\" '' \\ / @ # %\n".repeat(20)),
        ("words", rows.into_bytes()),
        ("names and numbers", b"a: 1 kB\nb = 18446744073709551615\n\tc\t-\n".repeat(20)),
        ("open brackets", b"[{\"a\":".repeat(2000)),
        (
            "JSON of another shape",
            br#"{"a": [null, -1, 1e300, {"": true}], "b": "\u0000"}"#.to_vec(),
        ),
        (
            "letters of several bytes",
            "ä€😀\u{202e}\u{7f} ä€😀: ä€😀=ä€😀\n".repeat(20).into_bytes(),
        ),
        ("escapes", b"\x1b[2J\x07\r\n\t\x08\n".repeat(20)),
    ]
}

#[test]
fn a_host_that_has_nothing_is_no_error() {
    for (name, profile) in steps() {
        let (steps, took, _) = run(&profile, FakeHost::new());
        for step in steps {
            let calm = [Status::Complete, Status::Absent, Status::Partial].contains(&step.status);
            assert!(calm, "`{name}` is {:?}: {:?}", step.status, step.notes);
            let gaps = step
                .notes
                .iter()
                .find(|note| !matches!(note.kind, NoteKind::Absent | NoteKind::Info));
            assert_eq!(gaps, None, "`{name}`: what is not there is `absent`");
        }
        assert!(took < MOMENT, "`{name}` took {took:?}");
    }
}

#[test]
fn a_host_that_refuses_everything_is_no_failure() {
    for (name, profile) in steps() {
        let (steps, took, _) = run(&profile, FakeHost::refusing());
        for step in steps {
            let bad = [Status::Failed, Status::Panicked, Status::TimedOut, Status::Abandoned];
            assert!(!bad.contains(&step.status), "`{name}` is {:?}: {:?}", step.status, step.notes);
        }
        assert!(took < MOMENT, "`{name}` took {took:?}");
    }
}

/// On the real host: a process that ends, a device that is pulled out, a file that is rotated away.
#[test]
fn what_vanishes_while_it_is_looked_at_is_no_failure() {
    for (name, profile) in steps() {
        // What these show is not this host's, and takes long to miss.
        if ["connect", "http"].contains(&name) {
            continue;
        }
        let look = |at: usize| {
            let host = Faulty::new(Machine::new(), at, ErrorKind::NotFound);
            let asked = host.counter();
            let bundle = BundleName::with_id("test", host.now(), "0000");
            let plan = Plan::new(Arc::clone(&profile), &Selection::default(), bundle, &host);
            for step in gathered(plan.unwrap(), Arc::new(host)) {
                let bad = [Status::Failed, Status::Panicked, Status::TimedOut, Status::Abandoned];
                let (status, notes) = (step.status, step.notes);
                assert!(!bad.contains(&status), "`{name}`, {at}: {status:?}: {notes:?}");
            }
            asked()
        };
        let asked = look(usize::MAX);
        for at in (0..asked).step_by(asked / 12 + 1) {
            look(at);
        }
    }
}

#[test]
fn nonsense_makes_no_collector_panic_or_hang() {
    let steps = steps();
    for (what, bytes) in nonsense() {
        for (name, profile) in &steps {
            let (steps, took, _) = run(profile, FakeHost::filled(bytes.clone()));
            for step in steps {
                let bad = [Status::Panicked, Status::TimedOut, Status::Abandoned];
                let (status, notes) = (step.status, step.notes);
                assert!(!bad.contains(&status), "{what}: `{name}` is {status:?}: {notes:?}");
            }
            assert!(took < 20 * MOMENT, "{what}: `{name}` took {took:?}");
        }
    }
}

/// The commands that collectors start are in a list that somebody reads: none changes anything,
/// starts a service or loads a module. `COLLECT_UPDATE=1` writes it anew.
#[test]
fn the_commands_that_collectors_start_are_those_of_the_list() {
    let mut started: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (name, profile) in steps() {
        // Some ask only where something is there to be asked.
        let hosts = [FakeHost::new(), FakeHost::filled("words\n"), FakeHost::filled("1\n")];
        for host in hosts {
            let (_, _, touched) = run(&profile, host);
            let commands = touched.iter().filter_map(|what| what.strip_prefix("$ "));
            let shown = commands.map(|command| command.escape_debug().to_string());
            started.entry(name).or_default().extend(shown);
        }
    }
    let mut now = String::from(
        "# What collectors start, without options and as in their examples, on a host that has \
         nothing\n# and on hosts that have everything. Read each: it must change nothing.\n",
    );
    for (name, commands) in started.into_iter().filter(|(_, commands)| !commands.is_empty()) {
        _ = writeln!(now, "\n{name}");
        for command in commands {
            _ = writeln!(now, "    {command}");
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/commands.txt");
    if std::env::var_os("COLLECT_UPDATE").is_some() {
        fs::write(&path, &now).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&path).unwrap_or_default(),
        now,
        "`COLLECT_UPDATE=1 cargo test -p collect-collectors commands` rewrites tests/commands.txt"
    );
}
