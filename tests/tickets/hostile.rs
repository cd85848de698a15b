//! What a user types is shown as text, shortened, and without secrets, whichever the ticket system.

use super::{only, profile_for};
use crate::kit::{Collect, KeyPair, TICKET_SERVERS, needs};

const SECRET: &str = "made-up-hunter-2026-Xy7Qp";

/// Markup of several kinds, what would be headers of a mail, what moves a cursor or turns a line
/// round, and a secret, before a megabyte of words.
fn hostile() -> String {
    let begin = format!(
        "Bcc: everyone@example.org\r\nContent-Type: text/html\r\n\r\n\
         </pre><script>alert(1)</script> {{noformat}} {{code}} ``` <pre> h1. *bold* [x](javascript:x)\r\n\
         @admin #1 issue1 \u{1b}[2J\u{1b}]0;title\u{7} \u{202e}dlrow\u{2066} \u{0}\u{8}\n\
         the password is {SECRET}\npassword: {SECRET}\n/close\n"
    );
    begin + &"and so on ".repeat(100_000)
}

#[test]
fn a_hostile_description_is_text_is_shortened_and_its_secret_is_gone() {
    needs!("age", "age-keygen", "curl", "python3", "setpriv");
    for (name, start) in TICKET_SERVERS {
        let Some(server) = start() else { continue };
        let (collect, key) = (Collect::new(), KeyPair::new());
        let profile = profile_for(&collect, &key, &server.options());
        let typed = collect.write("typed", hostile());
        let (profile, typed) = (profile.to_str().unwrap(), typed.to_str().unwrap());
        let words = ["--profile", profile, "--yes", "--email", "user@example.com"];
        let words = words.into_iter().chain(["--description-file", typed]);
        collect.run(words).expect(3);

        let ticket = only(&*server);
        let seen = format!("{}\n{}", ticket.title, ticket.text);
        assert!(!seen.contains(SECRET), "{name}: {seen}");
        assert!(ticket.text.contains("password: [redacted:"), "{name}: {seen}");
        assert!(ticket.text.len() < 20_000, "{name}: {}", ticket.text.len());
        assert!(ticket.text.contains('…'), "{name}: it says that it is shortened: {seen}");
        // A header of a mail is the first line of a text, or none at all.
        assert!(!ticket.title.contains(['\r', '\n']), "{name}: {:?}", ticket.title);
        assert!(ticket.text.trim_start().starts_with("Info: [ File: "), "{name}: {seen}");
        let harmful = |c: char| {
            (c.is_control() && !matches!(c, '\n' | '\t' | '\r')) || "\u{202e}\u{2066}".contains(c)
        };
        assert!(!seen.contains(harmful), "{name}: {seen:?}");
        assert!(!ticket.is_closed, "{name}: typed commands do nothing");
        // Whatever the ticket system calls its own, the words are there.
        for words in ["alert(1)", "*bold*", "@admin", "everyone@example.org"] {
            assert!(ticket.text.contains(words), "{name}: {words}: {seen}");
        }
        assert!(!ticket.text.contains("\n</pre><script>"), "{name}: {seen}");
    }
}
