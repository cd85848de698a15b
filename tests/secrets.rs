//! Secrets that were planted everywhere are found nowhere: not in the bundle, not in a file that is
//! left, not in one that is open while the run goes on, not on the terminal.

use crate::kit::{
    ANSWERS, Bundle, Collect, Entry, Journal, KeyPair, Planted, Terminal, filler, needs, plant,
    profile, wait_for_file,
};
use aho_corasick::AhoCorasick;
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// Borders of what is read, redacted or compressed at once are powers of two: up to this one.
const LARGEST_BORDER: usize = 4 << 20;

/// Everything that must not be seen again.
struct Scene {
    collect: Collect,
    key: KeyPair,
    profile: PathBuf,
    secrets: Vec<Planted>,
    _journal: Journal,
}

/// Plants forty secrets of ten kinds, ten in each place: logs, configuration, what commands print,
/// and journal fields; and forty more across borders and in a line of 5 MB.
fn plant_everywhere() -> Scene {
    let collect = Collect::new();
    let key = KeyPair::new();
    let journal = Journal::new();
    let (logs, configs) = (plant(1, 1), plant(2, 1));
    let (printed, logged) = (plant(3, 1), plant(4, 1));
    let (across, in_line) = (plant(5, 2), plant(6, 2));

    collect.write("logs/shop.log", log_with(&logs));
    collect.write("logs/borders.log", across_borders(&across));
    collect.write("logs/one-line.json", one_line(&in_line));
    for (number, secret) in configs.iter().enumerate() {
        let text = format!("# of the shop\nname: shop\n{}\nlast: line\n", secret.text);
        collect.write(&format!("etc/part-{number}.conf"), text);
    }
    write_journal(&journal, &logged);

    let commands = commands(&collect, &printed);
    let in_a_name = plant(7, 1).remove(2);
    collect.write(&format!("logs/{}.log", in_a_name.text), "harmless\n");
    let body = format!(
        "[limits]\nmemory = \"80MB\"\n\
         [collect.logs]\nuse = \"files\"\npaths = [\"{root}/logs/*\"]\n\
         [collect.configs]\nuse = \"files\"\npaths = [\"{root}/etc/*\"]\n\
         [collect.journal-text]\nuse = \"journald\"\ndirectory = [\"{journal}\"]\nformat = \"text\"\n\
         since = \"2026-01-01\"\n\
         [collect.journal-json]\nuse = \"journald\"\ndirectory = [\"{journal}\"]\nformat = \"json\"\n\
         since = \"2026-01-01\"\n{commands}",
        root = collect.path("").display().to_string().trim_end_matches('/'),
        journal = journal.path().display(),
    );
    let profile = collect.write("shop.toml", profile(&key.recipient, &body));
    let secrets = [logs, configs, printed, logged, across, in_line, vec![in_a_name]].concat();
    Scene { collect, key, profile, secrets, _journal: journal }
}

/// One secret here and there in a log.
fn log_with(secrets: &[Planted]) -> String {
    let mut log = String::new();
    for secret in secrets {
        log.push_str(&filler(40_000));
        writeln!(log, "2026-11-20T10:00:00Z shop[7]: {}", secret.text).unwrap();
    }
    log
}

/// A log in which a secret lies across every border of 64 KiB to 4 MiB, at different offsets.
fn across_borders(secrets: &[Planted]) -> String {
    let filling = filler(LARGEST_BORDER * 2 + (1 << 20));
    let mut log = String::new();
    let mut borders: Vec<usize> = (16..=22).map(|bits| 1 << bits).collect();
    borders.extend((9..=21).map(|number| number * (LARGEST_BORDER / 8)));
    borders.sort_unstable();
    borders.dedup();
    for (number, border) in borders.into_iter().enumerate() {
        let secret = &secrets[number % secrets.len()];
        // The border goes through the beginning, the middle or the end of the secret.
        let before = [secret.text.len() / 2, 3, secret.text.len() - 3][number % 3];
        let Some(gap) = border.checked_sub(before + log.len()) else {
            continue;
        };
        log.push_str(&filling[..gap.saturating_sub(1)]);
        log.push('\n');
        log.push_str(&secret.text);
        log.push('\n');
    }
    log
}

/// A line of 5 MB in JSON, with secrets in strings of it.
fn one_line(secrets: &[Planted]) -> String {
    let part = filler(5_000_000 / secrets.len()).replace('\n', " ");
    let mut line = String::from("{");
    for (number, secret) in secrets.iter().enumerate() {
        let text = serde_json::to_string(&secret.text).unwrap();
        write!(line, "\"note-{number}\": \"{part}\", \"text-{number}\": {text}, ").unwrap();
    }
    assert!(line.len() > 5_000_000);
    line.push_str("\"last\": true}\n");
    line
}

fn write_journal(journal: &Journal, secrets: &[Planted]) {
    let mut entries = Vec::new();
    for (number, secret) in secrets.iter().enumerate() {
        let seconds = number as u64 * 60;
        entries.push(Entry::new(seconds, secret.text.clone()));
        let mut with_field = Entry::new(seconds + 1, "with a field of the shop's own");
        with_field.fields = vec![("SHOP_STATE", secret.text.clone().into_bytes())];
        entries.push(with_field);
    }
    journal.file("system", &entries);
}

/// Steps whose commands print secrets: most to standard output, one in its failure, one in its
/// arguments.
fn commands(collect: &Collect, secrets: &[Planted]) -> String {
    let mut steps = String::new();
    for (number, secret) in secrets.iter().enumerate() {
        let file = collect.write(&format!("said/{number}"), format!("{}\n", secret.text));
        let file = file.display();
        let argv = match number {
            5 => format!("[\"sh\", \"-c\", \"cat {file} >&2; exit 7\"]"),
            7 | 9 => serde_json::to_string(&["echo", &secret.text]).unwrap(),
            _ => format!("[\"cat\", \"{file}\"]"),
        };
        writeln!(steps, "[collect.said-{number}]\nuse = \"command\"\nargv = {argv}").unwrap();
    }
    steps
}

/// Looks for all parts of all secrets at once.
struct Search {
    parts: AhoCorasick,
    secrets: Vec<(&'static str, String)>,
}

impl Search {
    fn of(secrets: &[Planted]) -> Self {
        let parts = secrets.iter().flat_map(|secret| &secret.parts);
        let of_each =
            |secret: &Planted| vec![(secret.kind, secret.text.clone()); secret.parts.len()];
        Self {
            parts: AhoCorasick::new(parts).unwrap(),
            secrets: secrets.iter().flat_map(of_each).collect(),
        }
    }

    #[track_caller]
    fn finds_nothing_in(&self, what: &str, bytes: &[u8]) {
        if let Some(found) = self.parts.find(bytes) {
            let (kind, text) = &self.secrets[found.pattern().as_usize()];
            panic!("{what} holds a part of a secret: {kind}, `{text}`");
        }
    }
}

#[test]
fn planted_secrets_are_not_in_the_bundle_nor_in_any_file_that_is_left_nor_on_the_terminal() {
    needs!("age", "age-keygen", "tar", "xz", "tmux", "journalctl", "systemd-journal-remote");
    let scene = plant_everywhere();
    assert!(scene.secrets.len() >= 40);
    let search = Search::of(&scene.secrets);
    let terminal = Terminal::open(&scene.collect);
    let out = scene.collect.out();
    terminal.command(&format!(
        "collect -v --profile {} --output {} --no-send {} > said-on-stdout",
        scene.profile.display(),
        out.display(),
        ANSWERS.map(|word| format!("'{word}'")).join(" ")
    ));
    terminal.wait_for_shell();
    search.finds_nothing_in("the terminal", &terminal.raw());

    let bundle = Bundle::open(&scene.collect.bundle(), &scene.key.file());
    for entry in bundle.entries() {
        search.finds_nothing_in(&entry, entry.as_bytes());
        search.finds_nothing_in(&entry, &bundle.read(&entry));
    }
    let kept = bundle.text(&format!("logs{}", scene.collect.path("logs/borders.log").display()));
    let lines = filler(1 << 20);
    let line = lines.lines().nth(200).unwrap();
    assert!(kept.contains(line), "what is no secret is still there");
    for (step, entries) in [("logs", 4), ("configs", 10), ("journal-text", 2), ("journal-json", 2)]
    {
        assert_eq!(bundle.step(step)["entries"], entries, "{step}");
    }
    for (ending, line) in [
        ("part-3.conf", "last: line"),
        ("journal.txt", "with a field of the shop's own"),
        ("journal.jsonl", "with a field of the shop's own"),
        ("one-line.json", "\"last\": true"),
    ] {
        let entries = bundle.entries();
        let entry = entries.iter().find(|entry| entry.ends_with(ending)).unwrap();
        assert!(bundle.text(entry).contains(line), "{entry} still says {line}");
    }

    let shared = super::kit::files_below(Path::new("/dev/shm"));
    for file in scene.collect.left_behind().iter().chain(&shared) {
        // Others' files may be gone or closed to us.
        let content = fs::read(file).unwrap_or_default();
        search.finds_nothing_in(&file.display().to_string(), &content);
    }
    let said = fs::read(scene.collect.path("said-on-stdout")).unwrap();
    search.finds_nothing_in("standard output", &said);
}

#[test]
fn planted_secrets_are_in_no_file_that_is_open_while_the_run_goes_on() {
    needs!("age-keygen", "journalctl", "systemd-journal-remote");
    let scene = plant_everywhere();
    let reached = scene.collect.path("reached");
    let go = scene.collect.path("go");
    let text = fs::read_to_string(&scene.profile).unwrap();
    let waits = format!(
        "[collect.waits]\nuse = \"command\"\nargv = [\"sh\", \"-c\", \
         \"touch {}; while [ ! -e {} ]; do sleep 0.05; done\"]\n[encrypt]",
        reached.display(),
        go.display()
    );
    fs::write(&scene.profile, text.replace("[encrypt]", &waits)).unwrap();

    let mut arguments = scene.collect.gathering(&scene.profile);
    arguments.push("--json".into());
    let running = scene.collect.start(arguments);
    wait_for_file(&reached);
    crate::kit::wait_for("all other steps have ended", std::time::Duration::from_mins(1), || {
        let ended = running.stdout().matches("\"step-ended\"").count();
        (ended >= 14).then_some(())
    });
    let search = Search::of(&scene.secrets);
    let mut looked_at = 0;
    for descriptor in fs::read_dir(format!("/proc/{}/fd", running.id())).unwrap().flatten() {
        let target = fs::read_link(descriptor.path()).unwrap_or_default();
        // A pipe would block, and holds nothing that stays; memory-backed and unnamed files count.
        if fs::metadata(descriptor.path()).is_ok_and(|file| file.is_file()) {
            looked_at += 1;
            let content = fs::read(descriptor.path()).unwrap_or_default();
            search.finds_nothing_in(&target.display().to_string(), &content);
        }
    }
    assert!(looked_at > 0, "at least the captured output is a file");
    for file in scene.collect.left_behind() {
        let content = fs::read(&file).unwrap_or_default();
        search.finds_nothing_in(&file.display().to_string(), &content);
    }
    fs::write(go, "").unwrap();
    running.end();
}
