//! Every row of the table is tried with what is generated from it.

use super::*;
use collect_core::redact::Redaction;
use regex_syntax::{
    ParserBuilder,
    hir::{Class, Hir, HirKind},
};
use std::collections::BTreeSet;

fn table() -> Vec<Row> {
    rows().collect::<Result<_, _>>().unwrap()
}

/// Makes texts from expressions, always the same.
struct Maker(u64);

impl Maker {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % limit
    }

    fn text(&mut self, expression: &str) -> String {
        let mut parser = ParserBuilder::new();
        let parsed = parser.unicode(false).utf8(false).build().parse(expression).unwrap();
        let mut text = String::new();
        self.append(&parsed, &mut text);
        text
    }

    fn append(&mut self, parsed: &Hir, text: &mut String) {
        match parsed.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => text.push_str(std::str::from_utf8(&literal.0).unwrap()),
            HirKind::Class(Class::Bytes(class)) => {
                let all = class.ranges().iter().flat_map(|range| range.start()..=range.end());
                let printed: Vec<u8> = all.filter(u8::is_ascii_graphic).collect();
                let plain: Vec<u8> =
                    printed.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
                let of = match (plain.is_empty(), printed.is_empty()) {
                    (false, _) => plain,
                    (true, false) => printed,
                    (true, true) => vec![b' '],
                };
                // Every other byte is a digit where there are some, so that it looks random.
                let digits: Vec<u8> = of.iter().copied().filter(u8::is_ascii_digit).collect();
                let of = if digits.is_empty() || self.below(3) > 0 { of } else { digits };
                text.push(char::from(of[self.below(of.len())]));
            }
            HirKind::Class(Class::Unicode(_)) => panic!("a class of bytes is expected"),
            HirKind::Repetition(repetition) => {
                for _ in 0..repetition.min.max(u32::from(repetition.min == 0)) {
                    self.append(&repetition.sub, text);
                }
            }
            HirKind::Capture(capture) => self.append(&capture.sub, text),
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.append(part, text)),
            HirKind::Alternation(parts) => {
                let part = self.below(parts.len());
                self.append(&parts[part], text);
            }
        }
    }

    /// A text with some digits, as most tokens have; one without may be a word.
    fn random(&mut self, expression: &str) -> String {
        let digits = |text: &String| text.bytes().filter(u8::is_ascii_digit).count();
        let mut made = self.text(expression);
        for _ in 0..20 {
            if digits(&made) >= 3 {
                break;
            }
            made = self.text(expression);
        }
        made
    }

    /// Lines with the row's secrets, and the secrets.
    fn hits(&mut self, row: &Row) -> Vec<(String, String)> {
        let mut hits = Vec::new();
        for anchor in &row.anchors {
            for expression in &row.expressions {
                let made = self.random(expression);
                hits.push(match row.kind {
                    Kind::Prefix => {
                        (format!("got {anchor}{made} there"), format!("{anchor}{made}"))
                    }
                    Kind::Near => (format!("{anchor}Value = \"{made}\""), made),
                    Kind::Form => (format!("{anchor} {made}"), made),
                });
            }
        }
        hits
    }
}

#[test]
fn every_row_finds_what_is_made_from_it_and_not_its_anchor_alone() {
    let all = Redaction::compile(crate::secrets::rules().unwrap()).unwrap();
    let mut maker = Maker(7);
    for row in table() {
        let (rule, kind) = (row.rule, row.kind);
        let (hits, anchors) = (maker.hits(&row), row.anchors.clone());
        let alone = Redaction::compile(vec![row.rule().unwrap()]).unwrap();
        for (line, secret) in hits {
            let scrubbed = alone.text(&line);
            assert!(scrubbed.contains(&format!("[redacted:{rule}]")), "{rule}: {line}");
            if kind != Kind::Form {
                assert!(!scrubbed.contains(&secret), "{rule}: `{line}` became `{scrubbed}`");
            }
            assert!(!all.text(&line).contains(&secret), "{rule}: {line}");
        }
        for anchor in anchors {
            let line = format!("{anchor} {anchor}=on {anchor}-file.log");
            assert_eq!(alone.text(&line), line, "{rule}");
        }
    }
}

#[test]
fn no_row_says_what_another_says() {
    let mut seen = BTreeSet::new();
    for row in table() {
        for anchor in &row.anchors {
            // Tokens begin exactly as their anchors say.
            let exact = row.kind == Kind::Prefix;
            let anchor = if exact { (*anchor).to_owned() } else { anchor.to_ascii_lowercase() };
            let what = (row.rule, row.kind as u8, anchor);
            assert!(seen.insert(what.clone()), "{what:?} is there twice");
        }
    }
}

#[test]
fn rows_stand_in_order() {
    let order: Vec<_> = table().iter().map(|row| (row.kind as u8, row.rule)).collect();
    let sorted = |kind: u8| {
        let rules: Vec<_> = order.iter().filter(|row| row.0 == kind).map(|row| row.1).collect();
        rules.is_sorted()
    };
    assert!(sorted(0) && sorted(1) && sorted(2), "sort the rows of a kind by their rules");
}

/// What ordinary programs write.
const ORDINARY: &str = r#"
Jan 02 03:04:05 web-1 systemd[1]: Started Daily apt download activities.
Jan 02 03:04:05 web-1 sshd[811]: Accepted publickey for root from 192.0.2.7 port 50022 ssh2: RSA SHA256:abc
Jan 02 03:04:05 web-1 kernel: [   12.345678] EXT4-fs (sda1): mounted filesystem with ordered data mode
192.0.2.9 - - [02/Jan/2026:03:04:05 +0000] "GET /api/v1/users?page=2 HTTP/1.1" 200 512 "-" "Mozilla/5.0"
{"level":"info","ts":"2026-01-02T03:04:05.678Z","caller":"server/main.go:42","msg":"listening","port":8080}
2026-01-02 03:04:05,678 [main] INFO  org.example.Application - Started in 3.2 seconds (process running for 4)
I0102 03:04:05.678901       1 controller.go:123] "Reconciling object" namespace="default" name="web-7d4b9c"
    at org.example.service.Handler.handle(Handler.java:77) ~[service-1.2.3.jar:na]
time="2026-01-02T03:04:05Z" level=warning msg="failed to pull image, retrying" error="context deadline exceeded"
[2026-01-02 03:04:05 +0000] [7] [INFO] Booting worker with pid: 12 in background, task-1 of disk-0 done
"#;

#[test]
fn anchors_are_specific_and_rare() {
    let ordinary = ORDINARY.to_ascii_lowercase();
    for row in table() {
        for anchor in &row.anchors {
            let anchor = anchor.to_ascii_lowercase();
            let least = if row.kind == Kind::Near { 4 } else { 3 };
            assert!(anchor.len() >= least, "{}: `{anchor}` is too short", row.rule);
            let common = ordinary.matches(&anchor).count();
            assert!(common <= 2, "{}: `{anchor}` is in every log", row.rule);
        }
    }
}

#[test]
fn what_is_escaped_before_a_token_is_no_part_of_it() {
    let redaction = Redaction::compile(rules().unwrap()).unwrap();
    let token = "ghp_madeUPmadeUPmadeUPmadeUPmadeUPmade01";
    for before in ["", " ", "\\n", "%3D", "\\u0022", "\\x22", "\x1b[31m", "\x1b[1;31m", "x=", "_"] {
        let scrubbed = redaction.text(&format!("{before}{token}."));
        assert_eq!(scrubbed, format!("{before}[redacted:github-token]."));
    }
    for before in ["x", "n", "m", "3D"] {
        let line = format!("{before}{token}");
        assert_eq!(redaction.text(&line), line);
    }
}

#[test]
fn what_only_begins_like_a_token_again_and_again_takes_no_longer_than_its_length() {
    let redaction = Redaction::compile(rules().unwrap()).unwrap();
    for beginning in ["sl.", "xoxp-", "auth0-", "ops_eyJ", "AAA", "glpat-", "1//0"] {
        let line = beginning.repeat(20_000);
        assert!(redaction.text(&line).len() <= line.len());
    }
}
