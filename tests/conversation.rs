//! The conversation in a terminal, and the transcript of it in the README.

use crate::kit::{Bundle, Collect, KeyPair, Seaweed, Terminal, UPLOAD_TOKEN, needs};
use regex::Regex;
use std::{fs, path::Path};

/// What the person at the terminal says.
const EMAIL: &str = "user@example.com";
const DESCRIPTION: [&str; 2] = ["The print button does nothing.", "Since yesterday, on one till."];
const ANSWER: &str = "Printing a receipt.";

/// A product's profile with everything that can be asked, which delivers to `server`.
fn profile(collect: &Collect, key: &KeyPair, server: &Seaweed) {
    collect.write("upload.token", UPLOAD_TOKEN);
    let log = collect.write(
        "komand.log",
        "2026-11-20T10:00:00Z komand[7]: printer: no answer\n\
         2026-11-20T10:00:01Z komand[7]: login with password=made-up-7Hq2xV9\n",
    );
    collect.write(
        "komand.toml",
        format!(
            "product = \"Komand\"\n\
             [report]\ncontact = \"required\"\nintro = \"Thanks for helping us fix this.\"\n\
             questions = [{{ id = \"steps\", ask = \"What were you doing?\" }}]\n\
             [collect.product-logs]\nuse = \"files\"\npaths = [\"{}\"]\n\
             [collect.os]\nuse = \"os\"\n\
             [collect.uname]\nuse = \"command\"\nargv = [\"uname\", \"-a\"]\n\
             [encrypt]\nrecipients = [\"{}\"]\n{}",
            log.display(),
            key.recipient,
            server.sink("{ file = \"upload.token\" }")
        ),
    );
}

/// Talks to the program up to the question whether to go on.
fn talk(terminal: &Terminal) {
    terminal.command("collect --profile komand.toml");
    terminal.wait_for_prompt("mail");
    terminal.line(EMAIL);
    terminal.wait_for_prompt("again");
    terminal.line(EMAIL);
    terminal.wait_for_text("Ctrl-D");
    for line in DESCRIPTION {
        terminal.line(line);
    }
    terminal.key("C-d");
    terminal.wait_for_text("What were you doing?");
    terminal.line(ANSWER);
    terminal.wait_for_prompt("send this?");
}

#[test]
fn the_conversation_ends_in_submission_complete_as_the_readme_shows() {
    needs!("age", "age-keygen", "tar", "xz", "tmux", "weed", "openssl", "curl");
    let (collect, key, server) = (Collect::new(), KeyPair::new(), Seaweed::start());
    profile(&collect, &key, &server);
    let terminal = Terminal::open(&collect);
    talk(&terminal);
    terminal.line("y");
    terminal.wait_for_text("Submission complete");
    terminal.wait_for_shell();

    let keys = server.keys();
    assert_eq!(keys.len(), 1, "{keys:?}");
    let delivered = collect.write("delivered.tar.xz.age", server.object(&keys[0]));
    let bundle = Bundle::open(&delivered, &key.file());
    let report: serde_json::Value = serde_json::from_slice(&bundle.read("report.json")).unwrap();
    let report = report.to_string();
    for said in [EMAIL, DESCRIPTION[0], DESCRIPTION[1], ANSWER] {
        assert!(report.contains(said), "{said}: {report}");
    }
    let screen = terminal.screen();
    let id = keys[0].rsplit('/').next().unwrap();
    let id = id.strip_suffix(".tar.xz.age").unwrap().rsplit('-').next();
    assert!(screen.contains(&id.unwrap()[..8]), "an id to quote:\n{screen}");
    assert!(!screen.contains("7Hq2xV9"), "{screen}");

    compare_with_the_readme(&screen, &collect);
}

#[test]
fn an_address_that_is_typed_differently_the_second_time_is_asked_for_again() {
    needs!("age-keygen", "tmux", "weed", "openssl", "curl");
    let (collect, key, server) = (Collect::new(), KeyPair::new(), Seaweed::start());
    profile(&collect, &key, &server);
    let terminal = Terminal::open(&collect);
    terminal.command("collect --profile komand.toml");
    terminal.wait_for_prompt("mail");
    terminal.line("user@example.com");
    terminal.wait_for_prompt("again");
    terminal.line("usr@example.com");
    terminal.wait_for_text("not the same");
    terminal.line("user@example.com");
    terminal.wait_for_prompt("again");
    terminal.line("user@example.com");
    terminal.wait_for_text("Ctrl-D");
    terminal.key("C-c");
    terminal.wait_for_shell();
}

#[test]
fn what_was_typed_is_offered_again_when_the_run_did_not_finish() {
    needs!("age", "age-keygen", "tar", "xz", "tmux", "weed", "openssl", "curl");
    let (collect, key, server) = (Collect::new(), KeyPair::new(), Seaweed::start());
    profile(&collect, &key, &server);
    {
        let terminal = Terminal::open(&collect);
        talk(&terminal);
        // The window is closed: the terminal hangs up.
    }
    collect.assert_nothing_runs();
    for file in collect.left_behind() {
        let content = fs::read(&file).unwrap();
        for said in [EMAIL, DESCRIPTION[0], ANSWER] {
            assert!(!crate::kit::contains(&content, said.as_bytes()), "{file:?}");
        }
    }

    let terminal = Terminal::open(&collect);
    terminal.command("collect --profile komand.toml");
    terminal.wait_for_text("print button");
    terminal.wait_for_text(ANSWER);
    terminal.wait_for_prompt("Use it?");
    terminal.line("y");
    terminal.wait_for_prompt("send this?");
    terminal.line("y");
    terminal.wait_for_text("Submission complete");
    terminal.wait_for_shell();
    let delivered = collect.write("delivered.tar.xz.age", server.object(&server.keys().concat()));
    let report = Bundle::open(&delivered, &key.file()).text("report.json");
    assert!(report.contains(DESCRIPTION[1]), "{report}");
}

#[test]
fn no_at_the_last_question_sends_nothing() {
    needs!("age-keygen", "tmux", "weed", "openssl", "curl");
    let (collect, key, server) = (Collect::new(), KeyPair::new(), Seaweed::start());
    profile(&collect, &key, &server);
    let terminal = Terminal::open(&collect);
    talk(&terminal);
    terminal.line("n");
    terminal.wait_for_shell();
    assert!(!terminal.screen().contains("Submission complete"));
    assert_eq!(server.keys(), [""; 0]);
    assert!(collect.bundles().is_empty());
}

/// What the README calls the server that the test has on loopback.
const SERVER: &str = "s3.example.com";

/// The README's transcript is what was just on the screen, but for what differs from run to run.
/// With `COLLECT_UPDATE=1` it is rewritten instead.
fn compare_with_the_readme(screen: &str, collect: &Collect) {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let text = fs::read_to_string(&readme).unwrap_or_default();
    let home = collect.path("").display().to_string();
    let screen = screen.replace(home.trim_end_matches('/'), "~");
    let screen = screen.trim_end_matches('$').trim();
    let start = text.find("```text\n$ collect --profile").map(|at| at + 8);
    let start = start.expect("the README has a ```text block that begins with `$ collect`");
    let end = start + text[start..].find("\n```").expect("the block ends");
    if std::env::var_os("COLLECT_UPDATE").is_some() {
        let screen = Regex::new(r"localhost:\d+").unwrap().replace_all(screen, SERVER);
        let updated = format!("{}{screen}{}", &text[..start], &text[end..]);
        fs::write(&readme, updated).unwrap();
        return;
    }
    assert_eq!(
        without_what_differs(&text[start..end]),
        without_what_differs(screen),
        "the README's transcript is out of date: `COLLECT_UPDATE=1 tests/run readme` rewrites it"
    );
}

/// A transcript without sizes, times, ids, ports and the widths that follow from them.
fn without_what_differs(transcript: &str) -> Vec<String> {
    let rules = [
        (r"komand-\d{8}T\d{6}Z-\w+", "komand-NAME"),
        (r"age1\w+…\w+", "age1KEY"),
        // The id to quote; words that look like one are replaced on both sides.
        (r"\b[0-9a-hjkmnp-tv-z]{8}\b", "ID"),
        (r"localhost:\d+", SERVER),
        (r"\d+(\.\d+)? ?([kMG]i?)?B\b", "SIZE"),
        (r"\d+(\.\d+)? ?(ms|s|min)\b", "TIME"),
        (r"\b\d+(\.\d+)?\b", "N"),
        (r"[ \t]+", " "),
    ];
    let mut text = transcript.to_owned();
    for (pattern, with) in rules {
        let pattern = Regex::new(pattern).unwrap();
        text = pattern.replace_all(&text, with).into_owned();
    }
    text.lines().map(|line| line.trim().to_owned()).collect()
}
