//! What every user of the engine may rely on, whatever the rules are.

use super::{Below, Cutter, Found, Heads, NEAR, Near, Redaction, Rule, Scrubbed, cut::Sizes};
use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;

const SMALL: Sizes =
    Sizes { longest_line: 600, window: 300, overlap: 120, smallest_piece: 1, reach: 60 };

fn rules() -> Redaction {
    let token = r"token=(?<secret>[^\s&\x00]+)";
    let number = r#""pin"\s*:\s*(?:"(?<secret>[^"]+)|(?<bare>[0-9]+))"#;
    let password = |line: &[u8], at: std::ops::Range<usize>| {
        let start = at.end + usize::from(line.get(at.end) == Some(&b'\0'));
        let len = line[start..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        (start > at.end && len > 0).then(|| (start..start + len).into())
    };
    let keys = "(?:[A-Z]+ )?PRIVATE KEY-----";
    Redaction::compile(vec![
        Rule::block(
            "private-key",
            &["-----BEGIN", "-----END"],
            &format!("-----BEGIN {keys}"),
            &format!("-----END {keys}"),
        )
        .unwrap(),
        Rule::pattern("token", ["token="], token).unwrap(),
        Rule::pattern("pin", ["\"pin\""], number).unwrap(),
        Rule::pattern("short", [b""; 0], "zz[0-9]+zz").unwrap(),
        Rule::finder("password", ["--password"], password).unwrap(),
        Rule::nearby("section", ["head:", "tail:"], neighbours).unwrap(),
        Rule::lone("lone", 5, doubled).unwrap(),
        Rule::literal("upload-token", b"S3cret/made up?").unwrap(),
        Rule::below("column", ["#secret"], Heads { head: column, alike: columns }).unwrap(),
        Rule::sweep("number", numbers).unwrap().replaced(turned).aligned(),
    ])
    .unwrap()
}

/// What stands before `!` in the lines around one with a head or tail, as far as they reach.
fn neighbours(near: &Near<'_>, _: std::ops::Range<usize>) -> Vec<Found> {
    let mut found = Vec::new();
    let mut line = near.line();
    while let Some(next) = near.next(&line) {
        line = next;
        found.extend(
            memchr::memchr(b'!', &near.text()[line.clone()]).map(|at| line.start..line.start + at),
        );
    }
    line = near.line();
    while let Some(previous) = near.previous(&line) {
        line = previous;
        found.extend(
            memchr::memchr(b'!', &near.text()[line.clone()]).map(|at| line.start..line.start + at),
        );
    }
    found.into_iter().map(Found::from).collect()
}

/// The word that begins a line, if the line before or behind begins with `~`.
fn doubled(near: &Near<'_>, word: std::ops::Range<usize>) -> Vec<Found> {
    let around = [near.previous(&near.line()), near.next(&near.line())];
    let is_marked = |line: std::ops::Range<usize>| near.text()[line].starts_with(b"~");
    if around.into_iter().flatten().any(is_marked) { vec![word.into()] } else { Vec::new() }
}

/// A table of two columns, the second of which holds secrets.
struct Column;

impl Below for Column {
    fn values(&self, line: &[u8], number: usize) -> Option<Vec<std::ops::Range<usize>>> {
        let bar = line.iter().position(|&b| b == b'|');
        match bar {
            Some(bar) => Some(std::iter::once(bar + 1..line.len()).collect()),
            None => (number < NEAR && line.starts_with(b"-")).then(Vec::new),
        }
    }
}

fn column(line: &[u8]) -> Option<std::sync::Arc<dyn Below>> {
    line.starts_with(b"#secret").then(|| std::sync::Arc::new(Column) as _)
}

fn columns(last: &[u8], line: &[u8]) -> bool {
    let may_be = |line: &[u8]| line.contains(&b'|') || line.starts_with(b"-");
    may_be(last) && may_be(line)
}

/// What stands between `num#` and `#`.
fn numbers(text: &[u8], found: &mut dyn FnMut(std::ops::Range<usize>)) {
    for at in memchr::memmem::find_iter(text, b"num#") {
        let start = at + 4;
        let len = text[start..].iter().take(20).take_while(|b| b.is_ascii_digit()).count();
        if len > 0 && text.get(start + len) == Some(&b'#') {
            found(start..start + len);
        }
    }
}

/// Odd numbers, turned round; even ones stay.
fn turned(value: &[u8]) -> Option<Vec<u8>> {
    let odd = value.last().is_some_and(|digit| digit % 2 == 1);
    odd.then(|| [value, b"+"].concat().into_iter().rev().collect())
}

fn scrub(redaction: &Redaction, sizes: Sizes, pushes: impl Iterator<Item = Vec<u8>>) -> Scrubbed {
    let mut cutter = Cutter::with_sizes(redaction.clone(), sizes);
    let mut all = Scrubbed::default();
    for bytes in pushes {
        if let Some(piece) = cutter.push(bytes).unwrap() {
            all.append(redaction.scrub(piece).unwrap());
        }
    }
    if let Some(piece) = cutter.finish().unwrap() {
        all.append(redaction.scrub(piece).unwrap());
    }
    all
}

fn whole(text: &str) -> String {
    rules().text(text)
}

const BODY: &str = "MIIMADEUPmadeupMADEUPmadeupMADEUPmadeupMADEUPmadeupMADEUPmadeup12";

fn key(prefix: &str) -> String {
    let lines = [
        "-----BEGIN RSA PRIVATE KEY-----",
        BODY,
        BODY,
        "MIIshort==",
        "-----END RSA PRIVATE KEY-----",
    ];
    lines.map(|line| format!("{prefix}{line}\n")).concat()
}

#[test]
fn only_the_value_is_replaced() {
    assert_eq!(
        whole("GET /?token=abc123&x=1 HTTP/1.1\r\nnext\r\n"),
        "GET /?token=[redacted:token]&x=1 HTTP/1.1\r\nnext\r\n"
    );
    assert_eq!(
        whole(r#"{"pin": 1234, "a": 1} {"pin":"77"}"#),
        r#"{"pin": "[redacted:pin]", "a": 1} {"pin":"[redacted:pin]"}"#
    );
    assert_eq!(whole("zz12zz and\nzz3zz"), "[redacted:short] and\n[redacted:short]");
    assert_eq!(whole("x --password\0hunter2\0-v\0"), "x --password\0[redacted:password]\0-v\0");
}

#[test]
fn what_a_head_says_holds_for_the_lines_below_it() {
    let table = format!("a|1\n#secret\nb|2\r\n-\n{}\nc|4\n", "x|3\n".repeat(200));
    let rows = "x|[redacted:column]\n".repeat(200);
    let expected = format!("a|1\n#secret\nb|[redacted:column]\r\n-\n{rows}\nc|4\n");
    assert_eq!(whole(&table), expected);
    let redaction = rules();
    let scrubbed = scrub(&redaction, SMALL, table.bytes().map(|byte| vec![byte]));
    assert_eq!(String::from_utf8(scrubbed.bytes).unwrap(), expected);
}

#[test]
fn a_rule_may_say_what_stands_in_for_a_value() {
    let scrubbed = rules().whole(b"num#123# num#124# token=num#123#\nnum#5#".to_vec()).unwrap();
    let expected = "num#+321# num#124# token=[redacted:token]\nnum#+5#";
    assert_eq!(String::from_utf8(scrubbed.bytes).unwrap(), expected);
    assert_eq!((scrubbed.counts["number"], scrubbed.counts["token"]), (2, 1));
}

#[test]
fn columns_stay_where_they_are() {
    let aligned = |text: &[u8], value, with: &[u8]| {
        let mut with = with.to_vec();
        let more = super::span::align(text, &value, &mut with);
        [&text[..value.start], &with, &text[value.end + more..]].concat()
    };
    assert_eq!(aligned(b"web01   up", 0..5, b"web0001"), b"web0001 up");
    assert_eq!(aligned(b"web01   up", 0..5, b"web000001"), b"web000001 up");
    assert_eq!(aligned(b"web01  up", 0..5, b"w"), b"w      up");
    assert_eq!(aligned(b"web01 up", 0..5, b"w"), b"w up");
    assert_eq!(aligned(b"web01   \n", 0..5, b"w"), b"w   \n");
}

#[test]
fn what_was_redacted_is_left_alone() {
    let once = whole("token=abc --password\0x\0 S3cret/made up?");
    assert_eq!(whole(&once), once);
}

#[test]
fn bytes_that_are_no_text_pass_unharmed() {
    let text = b"\xff\xfe\0\x80 token=a\xffb\0 \r\r\n\0\n".to_vec();
    let scrubbed = rules().whole(text).unwrap();
    assert_eq!(scrubbed.bytes, b"\xff\xfe\0\x80 token=[redacted:token]\0 \r\r\n\0\n");
    assert_eq!(scrubbed.counts["token"], 1);
}

#[test]
fn a_known_secret_is_found_in_its_encodings() {
    for form in [
        "S3cret/made up?",
        r"S3cret/made up?",
        "S3cret%2Fmade%20up%3F",
        "5333637265742f6d6164652075703f",
        "5333637265742F6D6164652075703F",
    ] {
        assert_eq!(whole(&format!("<{form}>")), "<[redacted:upload-token]>");
    }
    for around in ["", "u", "us", "user:"] {
        let encoded = STANDARD.encode(format!("{around}S3cret/made up?\n"));
        let scrubbed = whole(&encoded);
        assert!(scrubbed.contains("[redacted:upload-token]"), "{scrubbed}");
    }
}

#[test]
fn a_private_key_becomes_one_token() {
    assert_eq!(
        whole(&format!("before\n{}after\n", key(""))),
        "before\n[redacted:private-key]\nafter\n"
    );
    let inline = key("").replace('\n', "\\n");
    assert_eq!(
        whole(&format!("{{\"key\":\"{inline}\",\"a\":1}}")),
        "{\"key\":\"[redacted:private-key]\\n\",\"a\":1}"
    );
}

#[test]
fn a_private_key_in_a_log_leaves_the_rest_of_its_lines() {
    let log = key("Nov 20 10:00:01 host app[77]: ");
    let scrubbed = whole(&log);
    assert!(scrubbed.starts_with("Nov 20 10:00:01 host app[77]: [redacted:private-key]\n"));
    assert_eq!(scrubbed.matches("app[77]: ").count(), 5);
    assert!(!scrubbed.contains("MII"), "{scrubbed}");

    let lines = key("").replace('\n', "\\n\",\"stream\":\"stdout\"}\n");
    let docker: Vec<String> = lines.lines().map(|line| format!("{{\"log\":\"{line}")).collect();
    let scrubbed = whole(&docker.join("\n"));
    assert!(!scrubbed.contains("MII"), "{scrubbed}");
    assert!(scrubbed.lines().all(|line| line.ends_with("\\n\",\"stream\":\"stdout\"}")));
}

#[test]
fn lines_of_others_between_those_of_a_key_stay() {
    let mut lines: Vec<String> = key("").lines().map(str::to_owned).collect();
    lines.insert(2, "kernel: something else happened".into());
    assert_eq!(
        whole(&lines.join("\n")),
        "[redacted:private-key]\nkernel: something else happened\n"
    );
}

#[test]
fn half_a_key_is_removed_too() {
    let text = key("");
    let (head, tail) = text.split_at(text.find("MIIshort").unwrap());
    assert_eq!(whole(&format!("{head}plain text\n")), "[redacted:private-key]\nplain text\n");
    assert_eq!(whole(tail), tail, "a short word above END alone is no key");
    let tail = &text[text.find("MII").unwrap()..];
    assert_eq!(
        whole(&format!("plain text\n{tail}rest\n")),
        "plain text\n[redacted:private-key]\nrest\n"
    );
}

#[test]
fn a_key_without_begin_is_removed_across_pushes() {
    let lines = format!("plain text\n{}", format!("{BODY}\n").repeat(1500));
    let text = format!("{}{lines}-----END RSA PRIVATE KEY-----\n", "filler line\n".repeat(30_000));
    let redaction = rules();
    let expected = redaction.whole(text.clone().into_bytes()).unwrap();
    for size in [290_000, 300_001, 370_003] {
        let pushes = text.as_bytes().chunks(size).map(<[u8]>::to_vec);
        let mut cutter = redaction.cutter();
        let mut all = Scrubbed::default();
        for bytes in pushes {
            if let Some(piece) = cutter.push(bytes).unwrap() {
                all.append(redaction.scrub(piece).unwrap());
            }
        }
        all.append(redaction.scrub(cutter.finish().unwrap().unwrap()).unwrap());
        assert!(all == expected, "pushes of {size} bytes");
    }
}

#[test]
fn a_secret_at_the_border_of_two_windows_is_found() {
    let redaction = rules();
    for before in 0..1400 {
        let mut text = "x".repeat(before);
        text.push_str(" token=HUNTERhunterHUNTERhunter&y=");
        text.push_str(&"y".repeat(2000));
        let scrubbed = scrub(&redaction, SMALL, std::iter::once(text.into_bytes()));
        let scrubbed = String::from_utf8(scrubbed.bytes).unwrap();
        let expected =
            format!("{} token=[redacted:token]&y={}", "x".repeat(before), "y".repeat(2000));
        assert!(scrubbed == expected, "{before}: {scrubbed}");
    }
}

#[test]
fn a_value_longer_than_any_window_is_removed_to_its_end() {
    let redaction = rules();
    let value = "Hunter2".repeat(600);
    let text = format!("a token={value} b {}", "c".repeat(900));
    let scrubbed = scrub(&redaction, SMALL, text.bytes().map(|byte| vec![byte]));
    let expected = format!("a token=[redacted:token] b {}", "c".repeat(900));
    assert_eq!(String::from_utf8(scrubbed.bytes).unwrap(), expected);
}

#[test]
fn a_rule_that_panics_lets_nothing_through() {
    let broken =
        Rule::pattern("broken", ["token="], "token=.+").unwrap().valid(|_| panic!("made up"));
    let redaction = Redaction::compile(vec![broken]).unwrap();
    let error = redaction.whole(b"token=x".to_vec()).unwrap_err();
    assert_eq!(error.rule, "broken");
    assert_eq!(redaction.text("token=x"), "[withheld]");
    assert_eq!(redaction.text("harmless"), "harmless");
}

#[test]
fn a_line_too_long_for_a_rule_that_needs_all_of_it_lets_nothing_through() {
    let all = |line: &[u8]| vec![Found::from(0..line.len())];
    let redaction = Redaction::compile(vec![Rule::lines("all", ["marked"], all).unwrap()]).unwrap();
    assert_eq!(redaction.text("one\nmarked two\nthree"), "one\n[redacted:all]\nthree");
    let long = format!("one\n{} marked\nthree", "x".repeat(2 << 20)).into_bytes();
    assert_eq!(redaction.whole(long).unwrap_err().rule, "all");
    let unmarked = "x".repeat(2 << 20).into_bytes();
    assert!(redaction.whole(unmarked.clone()).unwrap().bytes == unmarked);
}

#[test]
fn rules_that_would_hit_everywhere_or_nowhere_are_refused() {
    assert!(Rule::pattern("a", ["x"], "x").is_err());
    assert!(Rule::pattern("a", ["abc"], "(").is_err());
    assert!(Rule::pattern("no spaces", ["abc"], "abc").is_err());
    assert!(Rule::literal("a", b"ab").is_err());
}

const PLANTED: &str = "PLANTEDsecretPLANTED";

fn fragment() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[ -~]{0,40}".prop_map(String::into_bytes),
        2 => prop::collection::vec(any::<u8>(), 0..30),
        3 => Just(b"\n".to_vec()),
        1 => Just(b"\r\n".to_vec()),
        1 => Just(format!("token={PLANTED}&").into_bytes()),
        1 => Just(format!("--password\0{PLANTED}\0").into_bytes()),
        1 => Just(b"S3cret/made up?".to_vec()),
        2 => Just(b"\nhead:\n".to_vec()),
        1 => Just(b"\ntail:\n".to_vec()),
        3 => Just(b"\nvalue!\n".to_vec()),
        2 => "num#[0-9]{1,5}#".prop_map(String::into_bytes),
        1 => Just(key("").into_bytes()),
        1 => Just(key("2026 host: ").into_bytes()),
        1 => Just(key("").replace('\n', "\\n").into_bytes()),
        1 => Just(b"-----BEGIN PRIVATE KEY-----".to_vec()),
        1 => Just(b"-----END PRIVATE KEY-----\n".to_vec()),
        1 => Just(format!("\n{BODY}\n").into_bytes()),
        1 => Just("word ".repeat(150).into_bytes()),
        1 => Just("w".repeat(900).into_bytes()),
        1 => Just(b"\x1b[31m".to_vec()),
        1 => Just(b"\n#secret\n".to_vec()),
        2 => Just(b"\na|column\n".to_vec()),
        2 => Just(b"\n~\n".to_vec()),
        2 => Just(b"\n 'single'\n".to_vec()),
        1 => Just(b"-\n".to_vec()),
        1 => (1..150usize).prop_map(|rows| b"b|c\n".repeat(rows)),
        1 => Just(b"\x1b[1mtoken\x1b[0m=COLOURED\x1b[0m ".to_vec()),
    ]
}

fn shown(scrubbed: &Scrubbed) -> String {
    scrubbed.bytes.escape_ascii().to_string()
}

fn contains(text: &[u8], part: &str) -> bool {
    memchr::memmem::find(text, part.as_bytes()).is_some()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn however_a_stream_is_cut_the_same_bytes_come_out(
        fragments in prop::collection::vec(fragment(), 0..40),
        cuts in prop::collection::vec(1..700usize, 1..20),
    ) {
        let redaction = rules();
        let text = fragments.concat();
        let at_once = scrub(&redaction, SMALL, std::iter::once(text.clone()));
        let bytewise = scrub(&redaction, SMALL, text.iter().map(|&byte| vec![byte]));
        prop_assert!(at_once == bytewise, "{}\n===\n{}", shown(&at_once), shown(&bytewise));

        let mut rest = &text[..];
        let mut sizes = cuts.iter().cycle();
        let pushes = std::iter::from_fn(|| {
            let (push, left) = rest.split_at((*sizes.next()?).min(rest.len()));
            rest = left;
            (!push.is_empty()).then(|| push.to_vec())
        });
        let pushed = scrub(&redaction, SMALL, pushes);
        prop_assert!(at_once == pushed, "{}\n===\n{}", shown(&at_once), shown(&pushed));

        prop_assert!(!contains(&at_once.bytes, PLANTED));
        prop_assert!(!contains(&at_once.bytes, "S3cret/made up?"));
    }

    #[test]
    fn a_text_without_secrets_is_not_changed(text in prop::collection::vec(any::<u8>(), 0..3000)) {
        let same = scrub(&rules(), SMALL, std::iter::once(text.clone()));
        prop_assert_eq!(text, same.bytes);
    }
}
