//! What is found of each kind, and what is not.

use collect_core::{
    Secret,
    redact::{HostFacts, Redaction, pseudonym::Pseudonyms},
};
use proptest::prelude::*;
use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

pub(super) fn facts() -> HostFacts {
    HostFacts {
        hosts: set(&[
            "shop1",
            "shop1.stage.made-up.net",
            "db-main7",
            "db-main7.stage.made-up.net",
            "server",
        ]),
        domains: set(&["stage.made-up.net"]),
        users: set(&["zmadeup", "test"]),
        system_users: set(&["root", "svc-backup"]),
        people: set(&["Zoé Madeup"]),
        ..HostFacts::default()
    }
}

fn redaction_under(key: &str) -> Redaction {
    let pseudonyms = Arc::new(Pseudonyms::new(&Secret::new(key)));
    Redaction::compile(super::rules(&pseudonyms, &facts(), false).unwrap()).unwrap()
}

/// What turns pseudonyms back.
fn revealing(key: &str) -> Redaction {
    crate::reveal(&Secret::new(key)).unwrap()
}

fn redaction() -> Redaction {
    redaction_under(KEY)
}

pub(super) const KEY: &str = "a made-up key of a customer";

/// Lines in which exactly what stands between `«` and `»` is replaced.
pub(super) const HITS: &[&str] = &[
    // Addresses.
    "inet «10.42.7.1»/24 brd «10.42.7.255» scope global eth0",
    "ESTAB 0 0 «10.42.7.1»:443 «172.20.1.9»:51000",
    "client from «93.184.216.34».",
    "ssh -p 22 to «98.76.54.32»",
    "[client «93.184.216.34»] denied",
    "INFO /«10.42.7.1»:3888 up, dest: /«10.42.7.2»:50010",
    "db7/«93.184.216.34»:80",
    "range «10.42.7.10»-«10.42.7.20»",
    r#"{"ip":"«192.168.7.7»","n":1}"#,
    "server «1.1.1.1» used",
    "addr:«fe80::5054:ff:fe01:203»%eth0",
    "nameserver «2a03:2880:0:b2e3::4c2e»",
    "ESTAB [«2A03:2880::1»]:22 peer",
    "from «::ffff:10.42.7.1» port 22",
    "inet6 «fd12:3456:789a::7»/64 scope",
    "link/ether «52:54:00:ab:cd:ef» brd ff:ff:ff:ff:ff:ff",
    "hw «52-54-00-AB-CD-EF» seen",
    "vlan 7 «5254.00ab.cdef» dynamic",
    "MAC=«52:54:00:ab:cd:ef»:«00:50:56:01:02:03»:08:00 SRC=«10.42.7.1»",
    "«00:50:56:11:22:33» dev eth0",
    "# listen «192.168.7.7»",
    "# example.com was «192.168.7.7»",
    "# e.g. our own: «93.184.216.34»",
    // Hosts.
    "ssh «shop1» and «SHOP1.stage.made-up.net» and «db-main7.stage.made-up.net».",
    "unknown «cache9.stage.made-up.net» in our domain",
    "/var/log/«db-main7».log",
    "Host: «portal.made-up-shop.de»",
    // Accounts.
    "owner «zmadeup»:staff",
    "open /home/«somebody»/.config/app.toml",
    r"C:\Users\«Somebody»\AppData",
    "session opened for user «somebody» by (uid=0)",
    "Accepted publickey for «somebody» from «10.42.7.1» port 22",
    "user=«somebody» action=login",
    // Mail.
    "mail from=<«zoe.madeup@made-up.net»> size=1204",
    r#""email":"«zoe+tag@mail.made-up.co.uk»""#,
    "write to «zmadeup@made-up.net».",
    "GET https://192.0.2.7:8080/of/«zoe@mail.made-up.net»",
    // Numbers.
    "contact phone «548-555-0164x3906» updated",
    "sms to «+48 787 932 062» queued",
    "reach +me at «+4930123456789», please",
    "tel:«(01909) 555083»",
    "card «4111 1111 1111 1111» declined",
    r#""pan":"«378282246310005»""#,
    "charge on «5555555555554444» failed",
    "iban «DE89 3704 0044 0532 0130 00» ok",
    "to «GB82WEST12345698765432» now",
    r#""ssn":"«078-05-1120»""#,
    "applicant SSN: «078-05-1120»",
    // People.
    "author is «Zoé Madeup» again",
    r#""name":"«Max Made-Up»""#,
    "Dear «Max Madeup», your invoice is ready",
    "ticket assigned to «Anna van Madeup» today",
    r#""street":"«12 Madeup Street Apt. 7»""#,
    "ship to «Madeupweg 7»",
    "geocode «156, rue Madeup» ok",
];

/// Lines in which nothing is replaced.
const MISSES: &[&str] = &[
    // What is no address.
    "Chrome/57.0.2987.133 Safari/537.36",
    "version 4.19.0.7 installed",
    "upgrade pkg0 5.0.7.0-1",
    "install pkg 2:4.4.3.1-3",
    "ii  libx  1.2.3.4  amd64  a library",
    "driver: 12.0.1.7",
    "OID .1.3.6.1.4.1.8072 and 1.3.6.1 and 1.3.6.1.2.1",
    "127.0.0.1 0.0.0.0 255.255.255.0 169.254.7.7 224.0.0.251 192.0.2.7 203.0.113.9",
    "# set this, e.g., http://192.168.1.1:8080",
    "::1 :: ff02::fb 2001:db8::7 ::ffff:127.0.0.1",
    "10:42:00 10:42:00.123 2026-11-23T10:42:00Z 26-11-23-10-42-00",
    "std::fmt::Display abc::def dead::beef Foo::bar",
    "ff:ff:ff:ff:ff:ff 00:00:00:00:00:00 01:00:5e:00:00:01",
    "md5 16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48",
    "pci 0000:00:1f.2 0000:00:1f.3",
    "1234.5678.9012",
    // Hashes, identifiers, numbers of processes and blocks.
    "commit 3f786850e387550fdab836ed7e6dc881de23001b",
    "id 123e4567-e89b-12d3-a456-426614174000",
    "blk_-1608999687919862906 blk_38865049064139660 size 67108864",
    "pid 4111 uid 1000 1440000000000 4111111111111112",
    "session 0x14ed93111f20027 zxid 4294967296",
    "+0100 +1 -7 +12345 a+4930123456789",
    // What is no name.
    "user@1000.service getty@tty1.service pkg@1.2.3",
    "umac-64@openssh.com,hmac-sha2-256-etm@openssh.com",
    "org.apache.hadoop.mapred.Task.server at server:7 localhost localhost.localdomain",
    "xshop1y",
    "session opened for user root by (uid=0)",
    "user=root user=postgres user=svc-backup",
    "GET /home/login HTTP/1.1",
    "this is a test of the server",
    "Host: localhost:8080",
    r#""name":"Intel Corporation" "name":"nginx" "name":"Ubuntu Linux""#,
    "Dear customer, hello",
    r#""address":"0x7f3a21" address: unknown "address":"/run/x.sock""#,
    "Linux version 6.1.0 (builder@build.made-up.org) (gcc 12.2)",
    "e-mail: nobody@example.com",
    "# sender=scrub@host.domain.name",
    "clone https://x:made_0123456789-up@git.example.com/shop.git",
    "clone https://x:$6$made/up/hash1@git.example.com/shop.git",
];

#[test]
fn an_identity_is_replaced_and_nothing_else() {
    let redaction = redaction();
    for line in HITS {
        let scrubbed = redaction.text(&line.replace(['«', '»'], ""));
        let parts: Vec<&str> = line.split(['«', '»']).collect();
        let mut rest = scrubbed
            .strip_prefix(parts[0])
            .unwrap_or_else(|| panic!("`{line}` became `{scrubbed}`"));
        for (number, pair) in parts[1..].chunks(2).enumerate() {
            let &[value, after] = pair else { panic!("`{line}` lacks a mark") };
            let last = number * 2 + 3 == parts.len();
            let at = if last {
                rest.ends_with(after).then(|| rest.len() - after.len())
            } else {
                rest.find(after)
            };
            let at = at.filter(|&at| at > 0 && &rest[..at] != value);
            let at = at.unwrap_or_else(|| panic!("`{line}` became `{scrubbed}`"));
            rest = &rest[at + after.len()..];
        }
    }
}

#[test]
fn what_only_looks_like_an_identity_stays() {
    let redaction = redaction();
    for line in MISSES {
        assert_eq!(redaction.text(line), *line);
    }
}

#[test]
fn parts_of_names_agree_wherever_they_stand() {
    let redaction = redaction();
    let scrubbed = redaction
        .text("shop1 shop1.stage.made-up.net zmadeup /home/zmadeup zmadeup@stage.made-up.net");
    let words: Vec<&str> = scrubbed.split(' ').collect();
    let [short, full, user, home, mail] = words[..] else { panic!("{scrubbed}") };
    assert!(
        full.starts_with(&format!("{short}.host-")) && full.ends_with(".invalid"),
        "{scrubbed}"
    );
    assert_eq!(home, format!("/home/{user}"));
    let (local, domain) = mail.split_once('@').unwrap();
    assert_eq!((local, full.split_once('.').unwrap().1), (user, domain));
}

#[test]
fn however_an_address_is_spelt_it_has_one_pseudonym() {
    let redaction = redaction();
    let one = |text: &str| redaction.text(text);
    assert_eq!(one("2a03:2880:0:0:0:0:0:1"), one("2a03:2880::1"));
    assert_eq!(one("2A03:2880::1").to_lowercase(), one("2a03:2880::1"));
    let plain = |text: String| text.to_lowercase().replace([':', '-', '.'], "");
    let mac = plain(one("52:54:00:ab:cd:ef"));
    assert_eq!(mac, plain(one("52-54-00-AB-CD-EF")));
    assert_eq!(mac, plain(one("5254.00ab.cdef")));
    assert_eq!(one("::ffff:10.42.7.1"), format!("::ffff:{}", one("10.42.7.1")));
}

#[test]
fn under_another_key_every_identity_is_another() {
    let (one, other) = (redaction(), redaction_under("another made-up key"));
    for text in [
        "10.42.7.1",
        "52:54:00:ab:cd:ef",
        "shop1",
        "zmadeup",
        "zoe@made-up.net",
        "card 4111111111111111",
    ] {
        assert_ne!(one.text(text), text);
        assert_ne!(one.text(text), other.text(text), "{text}");
    }
}

#[test]
fn json_stays_json_and_columns_stay_columns() {
    let redaction = redaction();
    let text = r#"{"name":"Max Madeup","email":"m@made-up.net","card":4111111111111111,"ip":"10.42.7.1","p":"C:\\Users\\somebody\\x"}"#;
    let scrubbed = redaction.text(text);
    assert!(serde_json::from_str::<serde_json::Value>(&scrubbed).is_ok(), "{scrubbed}");
    assert!(
        !scrubbed.contains("Madeup")
            && !scrubbed.contains("4111111111111111")
            && !scrubbed.contains("somebody"),
        "{scrubbed}"
    );
    let table = "zmadeup                  pts/0   10.42.7.1        up\n";
    let scrubbed = redaction.text(table);
    assert_eq!(scrubbed.find("pts/0"), table.find("pts/0"), "{scrubbed}");
    assert_eq!(scrubbed.find("up\n"), table.find("up\n"), "{scrubbed}");
}

#[test]
fn however_a_log_is_cut_the_same_identities_are_replaced() {
    let redaction = redaction();
    let lines: String =
        HITS.iter().chain(MISSES).map(|line| line.replace(['«', '»'], "") + "\n").collect();
    let log = lines.repeat(40);
    let whole = redaction.whole(log.clone().into_bytes()).unwrap();
    for size in [1, 7, 4096, 65_537] {
        let mut cutter = redaction.cutter();
        let mut bytes = Vec::new();
        for chunk in log.as_bytes().chunks(size) {
            if let Some(piece) = cutter.push(chunk.to_vec()).unwrap() {
                bytes.extend(redaction.scrub(piece).unwrap().bytes);
            }
        }
        if let Some(piece) = cutter.finish().unwrap() {
            bytes.extend(redaction.scrub(piece).unwrap().bytes);
        }
        assert!(bytes == whole.bytes, "chunks of {size} bytes");
    }
}

#[test]
fn hosts_of_a_log_are_replaced_if_asked_for() {
    let pseudonyms = Arc::new(Pseudonyms::new(&Secret::new("a made-up key of a customer")));
    let rules = super::rules(&pseudonyms, &HostFacts::default(), true).unwrap();
    let redaction = Redaction::compile(rules).unwrap();
    for line in ["Nov 23 10:42:00 box9 sshd[7]: up", "2026-11-23T10:42:00.123+01:00 box9 app: up"] {
        let scrubbed = redaction.text(line);
        assert!(!scrubbed.contains("box9") && scrubbed.ends_with(": up"), "{scrubbed}");
    }
    for line in ["2026-11-23T10:42:00Z INFO main: up", "Nov 23 10:42:00 last message repeated"] {
        assert_eq!(redaction.text(line), line);
    }
}

#[test]
fn every_identity_is_revealed_with_its_key_and_nothing_else() {
    let (redaction, revealing) = (redaction(), revealing(KEY));
    for line in HITS {
        let line = line.replace(['«', '»'], "");
        let hidden = redaction.text(&line);
        let shown = revealing.text(&hidden);
        assert_eq!(shown.to_lowercase(), line.to_lowercase(), "by way of `{hidden}`");
    }
}

#[test]
fn with_another_key_no_identity_is_revealed() {
    let (redaction, revealing) = (redaction(), revealing("another made-up key"));
    for line in HITS {
        let line = line.replace(['«', '»'], "");
        let shown = revealing.text(&redaction.text(&line));
        assert_ne!(shown, line);
    }
}

/// The shape of a number: its digits as nines, its letters as `A`.
fn shape(text: &str) -> String {
    let symbol = |letter: char| match letter {
        '0'..='9' => '9',
        'A'..='Z' => 'A',
        other => other,
    };
    text.chars().map(symbol).collect()
}

/// A card's number of an issuer's first digits, with the right check digit.
fn card(head: &str, rest: &[u8]) -> String {
    let mut text = head.to_owned();
    let len = if head == "37" { 15 } else { 16 };
    text.extend(rest.iter().take(len - 1 - head.len()).map(|digit| char::from(b'0' + digit)));
    let sum = |text: &str| -> u32 {
        let digits = text.bytes().rev().enumerate();
        digits
            .map(|(place, byte)| match u32::from(byte - b'0') << (place % 2) {
                double if double > 9 => double - 9,
                digit => digit,
            })
            .sum()
    };
    (0..10).map(|check| format!("{text}{check}")).find(|text| sum(text) % 10 == 0).unwrap()
}

/// An account's number, with the right check digits.
fn iban(country: &str, account: &str) -> String {
    let rest = format!("{account}{country}00").bytes().fold(0, |rest, byte| {
        let value = char::from(byte).to_digit(36).unwrap();
        if value < 10 { (rest * 10 + value) % 97 } else { (rest * 100 + value) % 97 }
    });
    format!("{country}{:02}{account}", 98 - rest)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_it_is_a_pseudonym_has_its_shape_and_is_revealed(
        v4: u32,
        v6: u128,
        mac: [u8; 6],
        digits in prop::collection::vec(0..10u8, 20),
        scheme in prop::sample::select(vec!["4", "51", "2221", "6011", "37", "35"]),
        bank in "[A-Z]{4}",
        word in "[a-z][a-z0-9]{2,20}",
        name in "[A-Z][a-z]{2,30} [A-Z][a-z]{2,30}",
    ) {
        let (redaction, revealing) = (redaction(), revealing(KEY));
        let number = |len: usize| digits[..len].iter().map(|d| char::from(b'0' + d)).collect::<String>();
        let card = card(scheme, &digits);
        let grouped = |text: &str| text.as_bytes().chunks(4).map(|four| String::from_utf8_lossy(four)).collect::<Vec<_>>().join(" ");
        let mac = mac.map(|byte| format!("{byte:02x}")).join(":");
        let numbers = [
            format!("card {card}"),
            format!("pan: {}", if card.len() == 16 { grouped(&card) } else { card.clone() }),
            format!("iban {}", grouped(&iban("GB", &(bank + &number(14))))),
            format!("iban {}", iban("DE", &number(18))),
            format!("call +49 {} now", number(10)),
            format!("\"phone\":{}", number(10)),
            format!("ssn {}-{}-{}", &number(3), &number(5)[3..], &number(9)[5..]),
            format!("hw {mac} seen"),
        ];
        for text in numbers {
            let hidden = redaction.text(&text);
            if text.starts_with("hw") {
                prop_assert_eq!(hidden.len(), text.len());
            } else {
                prop_assert_eq!(shape(&hidden), shape(&text));
                prop_assert_ne!(&hidden, &text);
            }
            prop_assert_eq!(revealing.text(&hidden), text);
        }
        for text in [
            format!("from {} port", Ipv4Addr::from(v4)),
            format!("from {} port", Ipv6Addr::from(v6 >> 3 | 1 << 125)),
            format!("user={word} in"),
            format!("mail {word}@{word}.made-up.net"),
            format!("Host: {word}.{word}.made-up.co.uk"),
            format!("\"name\":\"{name}\""),
        ] {
            let hidden = redaction.text(&text);
            prop_assert_eq!(revealing.text(&hidden), text, "by way of {}", hidden);
        }
    }
}
