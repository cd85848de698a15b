//! The whole loop on one machine: host, bucket, function, ticket system, support. `tests/loop` runs it and
//! shows what happens.

use crate::{
    desk::desk_with,
    kit::{
        Collect, Ended, Function, KeyPair, Redmine, Seaweed, TicketServer, UPLOAD_TOKEN, needs,
        profile,
    },
    ticket_function::{notification, queue},
};
use serde_json::json;
use std::{fs, path::Path};

/// Shows a command and what it printed.
fn show(command: &str, ended: Ended) -> Ended {
    println!("\n$ {command}\n{}", ended.printed().trim());
    ended
}

#[test]
fn a_report_becomes_a_ticket_that_support_can_work_on() {
    needs!("age", "age-keygen", "weed", "openssl", "curl", "cargo-lambda", "python3", "setpriv");
    let Some(redmine) = Redmine::start() else { return };
    let (bucket, team, receiving) = (Seaweed::start(), KeyPair::new(), KeyPair::new());
    println!("\nAn S3 server at {}, a Redmine at {}.", bucket.endpoint(), redmine.url());

    // The team's side: the settings of the function, tried, and the function.
    let identity = fs::read_to_string(receiving.file()).unwrap();
    let settings = format!("identity = \"\"\"{identity}\"\"\"\n\n[ticket]\n{}", redmine.options());
    let desk = desk_with(&bucket.desk());
    let file = desk.write("ticket.toml", &settings);
    let tried = desk.run(["tickets", "test", file.to_str().unwrap()]).expect(0);
    show("collect-desk tickets test ticket.toml", tried);
    let mut variables = bucket.role();
    variables.extend([
        ("AWS_CA_BUNDLE", bucket.ca_file().display().to_string()),
        ("COLLECT_TICKET", settings),
    ]);
    let function = Function::start("ticket", &variables);

    // The user's side.
    let host = Collect::new();
    let log =
        host.write("shop.log", "print: cannot open /dev/lp0\ntoken=made-up-9f8e7d6c5b4a39281706\n");
    let body = format!(
        "[collect.logs]\nuse = \"files\"\npaths = [\"{}\"]\n\
         [collect.ledger]\nuse = \"command\"\nargv = [\"ls\", \"/var/lib/shop/ledger\"]\n{}",
        log.display(),
        bucket.sink(&format!("\"{UPLOAD_TOKEN}\""))
    );
    let envelope = format!("envelope = \"{}\"\n", receiving.recipient);
    let profile = host.write("shop.toml", profile(&team.recipient, &body) + &envelope);
    let typed = ["--email", "user@example.com", "--description", "The print button does nothing."];
    let words = ["--profile", profile.to_str().unwrap(), "--yes"];
    let sent = host.run(words.into_iter().chain(typed));
    let sent = show("collect --profile shop.toml", sent.expect(3));
    assert!(sent.stderr.contains("Submission complete"), "{}", sent.printed());

    // What S3 says of it, by way of a queue.
    let keys = bucket.keys();
    let [report] = &keys[..] else { panic!("{keys:#?}") };
    let sealed = bucket.object(report);
    let event = queue(&[notification("bug-reports", report, sealed.len())]);
    println!("\nThe bucket has {report},\nand the function is told.");
    assert_eq!(function.invoke(&event), json!({ "batchItemFailures": [] }), "{}", function.log());

    // Support's side.
    let listed = desk.run(["reports", "list"]).expect(0);
    let listed = show("collect-desk reports list", listed);
    let tickets = redmine.tickets();
    let ticket = tickets.iter().find(|ticket| !ticket.is_closed).expect("there is a ticket");
    assert!(listed.stdout.contains(&format!("{} open", ticket.number)), "{}", listed.stdout);
    println!("\n{}/issues/{}\n\n{}\n\n{}", redmine.url(), ticket.number, ticket.title, ticket.text);
    let order = [
        "Info: [ File: shop-",
        "ledger           partial",
        "The print button",
        "user@example.com",
        "logs ",
    ];
    let places: Vec<_> = order.map(|words| ticket.text.find(words)).into_iter().collect();
    assert!(places.is_sorted() && places[0].is_some(), "{places:?} in {}", ticket.text);

    let attachments = redmine.attachments(&ticket.number);
    let [(name, attached)] = &attachments[..] else { panic!("one attachment") };
    assert!(*attached == sealed, "the bundle, bit by bit");
    let bundle = desk.write(name, attached);
    let key = team.file();
    let out = desk.path("reports");
    let words = ["open".as_ref(), bundle.as_os_str(), "--key".as_ref(), key.as_os_str()];
    let opened = desk.run(words.into_iter().chain(["--output".as_ref(), out.as_os_str()]));
    let opened = show(&format!("collect-desk open {name} --key desk.key"), opened.expect(0));
    let folder = Path::new(opened.stdout.trim_end());
    let text = fs::read_to_string(folder.join(format!("logs{}", log.display()))).unwrap();
    println!("\n$ cat …/shop.log\n{text}");
    assert!(text.contains("cannot open /dev/lp0") && !text.contains("9f8e7d6c5b4a"), "{text}");
}
