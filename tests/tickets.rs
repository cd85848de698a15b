//! Tickets straight from the host, in real ticket systems: what holds for all of them.

mod hostile;
mod redmine;
mod request_tracker;
mod roundup;

use crate::kit::{
    Bundle, Collect, FoundTicket, KeyPair, TICKET_SERVERS, TicketServer, contains, needs, profile,
    wait_for,
};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

const DESCRIPTION: &str = "The button </pre> does *nothing*, says @admin.\nSee #1. \u{1b}[2J";

/// A profile with something missing, and with this `[deliver.desk]`.
fn profile_for(collect: &Collect, key: &KeyPair, options: &str) -> PathBuf {
    let log = collect.write("shop.log", "says debug\n");
    let body = format!(
        "[collect.logs]\nuse = \"files\"\npaths = [\"{}\"]\n\
         [collect.ledger]\nuse = \"command\"\nargv = [\"false\"]\n\
         [deliver.desk]\n{options}",
        log.display()
    );
    collect.write("shop.toml", profile(&key.recipient, &body))
}

/// The arguments that submit a hostile description.
fn arguments(profile: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["--profile".into(), profile.into(), "--yes".into()];
    let typed = ["--email", "user@example.com", "--description", DESCRIPTION];
    arguments.extend(typed.map(Into::into));
    arguments
}

/// The only ticket.
fn only(server: &dyn TicketServer) -> FoundTicket {
    let mut tickets = server.tickets();
    assert_eq!(tickets.len(), 1, "{tickets:?}");
    tickets.remove(0)
}

/// The life of a report at a ticket system that is down at first: it becomes one ticket, with the
/// bundle attached bit by bit, whatever is sent again. `shown` is how the ticket system shows what
/// was typed, and `page` the address of a ticket's page without its number.
fn a_report_becomes_one_ticket(server: &mut dyn TicketServer, shown: &str, page: &str) {
    let (collect, key) = (Collect::new(), KeyPair::new());
    let profile = profile_for(&collect, &key, &server.options());
    collect.run(["check", profile.to_str().unwrap()]).expect(0);

    // The server is down: the bundle waits, and nothing that was typed rests in the clear.
    server.stop();
    let running = collect.start(arguments(&profile).into_iter().chain(["--json".into()]));
    wait_for("a retry", Duration::from_mins(1), || {
        running.stdout().contains("refused the connection").then_some(())
    });
    running.signal("INT");
    running.end().expect(130);
    let sealed = fs::read(collect.bundle()).unwrap();
    for file in collect.left_behind() {
        let content = fs::read(&file).unwrap();
        assert!(!contains(&content, b"does *nothing*"), "{file:?}");
        assert!(!contains(&content, b"user@example.com"), "{file:?}");
    }

    // It is up again.
    server.resume();
    let ended = collect.run(["send"]).expect(0);
    let ticket = only(server);
    let said = format!("ticket {0}, {1}{page}{0}", ticket.number, server.url());
    assert!(ended.stderr.contains("Submission complete"), "{}", ended.stderr);
    assert!(ended.stderr.contains(&said), "{}", ended.stderr);

    let text = &ticket.text;
    let order = ["Info: [ File: shop-", "ledger           partial", shown, "user@example.com"];
    let order = order.iter().chain(&["logs             complete"]);
    let places: Vec<_> = order.map(|part| text.find(part).unwrap_or(usize::MAX)).collect();
    assert!(places.is_sorted() && places[4] < usize::MAX, "{places:?} in {text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(ticket.title.starts_with("Shop: The button </pre> does *nothing*, says @admin. ["));

    let attachments = server.attachments(&ticket.number);
    let [(name, attached)] = attachments.as_slice() else { panic!("{}", attachments.len()) };
    assert!(*attached == sealed, "the attachment is the bundle, bit by bit");
    let delivered = collect.write(name, attached);
    let bundle = Bundle::open(&delivered, &key.file());
    let log = bundle.text(&format!("logs{}", collect.path("shop.log").display()));
    assert!(log.contains("says debug"), "{log}");

    // The same bundle once more, as if nobody had heard the answer; support has closed the ticket.
    server.close(&ticket.number);
    assert!(only(server).is_closed);
    let again = ["send", delivered.to_str().unwrap(), "--profile", profile.to_str().unwrap()];
    let ended = collect.run(again).expect(0);
    assert!(ended.stderr.contains(&said), "{}", ended.stderr);
    assert_eq!(server.attachments(&only(server).number).len(), 1);

    // A report that belongs to that ticket.
    let mut arguments = Collect::delivering(&profile);
    arguments.extend(["--ticket".into(), ticket.number.clone().into()]);
    collect.run(arguments).expect(3);
    let text = only(server).text;
    assert!(text.contains("The print button does nothing."), "{text}");
    let attachments = server.attachments(&ticket.number);
    assert_eq!(attachments.len(), 2);
    assert_ne!(attachments[0].0, attachments[1].0);
}

#[test]
fn every_ticket_system_begins_empty_and_may_be_reached_by_another_address() {
    needs!("age-keygen", "curl", "python3", "setpriv");
    for (name, start) in TICKET_SERVERS {
        let Some(server) = start() else { continue };
        assert!(server.tickets().is_empty(), "{name}");
        assert_eq!(server.name(), name);
        assert!(server.options().starts_with(&format!("use = \"{name}\"\n")));
        let (collect, key) = (Collect::new(), KeyPair::new());
        let options = server.options().replace("//127.0.0.1:", "//localhost:");
        collect.run(arguments(&profile_for(&collect, &key, &options))).expect(3);
        assert_eq!(server.attachments(&only(&*server).number).len(), 1, "{name}");
    }
}

/// Text that does not compress below three quarters of so many bytes.
fn output_of_noise(bytes: usize) -> String {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut text = String::with_capacity(bytes + bytes / 64);
    while text.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let line: String =
            (0..10).map(|shift| char::from(b'0' + ((state >> (shift * 6)) & 0x3f) as u8)).collect();
        text += &line;
        if text.len() % 80 < 10 {
            text.push('\n');
        }
    }
    text
}
