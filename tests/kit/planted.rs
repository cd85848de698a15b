//! Made-up secrets, and the text in which they stand.

use std::fmt::Write as _;

/// What 40 secrets consist of: ten kinds, four of each.
pub(crate) const KINDS: usize = 10;

/// A secret that must not get out.
#[derive(Clone, Debug)]
pub(crate) struct Planted {
    /// What kind of secret.
    pub(crate) kind: &'static str,
    /// The text in which it stands, as software writes it.
    pub(crate) text: String,
    /// Parts of it, none of which may get out: a secret that was cut in two is not removed.
    pub(crate) parts: Vec<String>,
}

/// Makes `count` secrets of each of the ten kinds, kind by kind in turn. Different numbers of
/// `seed` give different secrets.
pub(crate) fn plant(seed: u64, count: usize) -> Vec<Planted> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    (0..count * KINDS).map(|number| planted(number % KINDS, &mut random)).collect()
}

fn planted(kind: usize, random: &mut Random) -> Planted {
    let (kind, text, secret) = match kind {
        0 => return private_key(random),
        1 => {
            let secret = random.text(40, ALPHANUMERIC);
            let text = format!("aws_secret_access_key = {secret}");
            ("AWS secret key", text, secret)
        }
        2 => {
            let secret = random.text(36, ALPHANUMERIC);
            ("GitHub token", format!("cloned with ghp_{secret}"), secret)
        }
        3 => {
            let secret = random.text(24, ALPHANUMERIC);
            let text = format!("slack: xoxb-123456789012-1234567890123-{secret}");
            ("Slack token", text, secret)
        }
        4 => {
            let secret = random.text(43, ALPHANUMERIC);
            let text = format!("session eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtYWRlLXVwIn0.{secret}");
            ("JSON web token", text, secret)
        }
        5 => {
            let secret = random.text(20, ALPHANUMERIC);
            ("password", format!("password={secret}"), secret)
        }
        6 => {
            let secret = random.text(20, ALPHANUMERIC);
            let text = format!("postgres://shop:{secret}@db.example.com:5432/shop");
            ("password in a URL", text, secret)
        }
        7 => {
            let secret = random.text(32, ALPHANUMERIC);
            ("bearer token", format!("Authorization: Bearer {secret}"), secret)
        }
        8 => {
            let secret = random.text(32, HEXADECIMAL);
            ("API key", format!("{{\"api_key\": \"{secret}\"}}"), secret)
        }
        _ => {
            let secret = random.text(20, ALPHANUMERIC);
            let text = format!("mysqldump --user=shop --password={secret} shop");
            ("password of a command", text, secret)
        }
    };
    let middle = secret.len() / 2;
    Planted { kind, text, parts: vec![secret[..middle].to_owned(), secret[middle..].to_owned()] }
}

fn private_key(random: &mut Random) -> Planted {
    let lines: Vec<_> = (0..12).map(|_| random.text(64, ALPHANUMERIC)).collect();
    let mut text = String::from("-----BEGIN RSA PRIVATE KEY-----\n");
    for line in &lines {
        writeln!(text, "{line}").unwrap();
    }
    text.push_str("-----END RSA PRIVATE KEY-----");
    Planted { kind: "private key", text, parts: lines }
}

/// Harmless log lines, at least so many bytes, ending with a line's end.
pub(crate) fn filler(bytes: usize) -> String {
    let mut random = Random(0x5eed);
    let mut text = String::with_capacity(bytes + 100);
    while text.len() < bytes {
        let number = random.next();
        writeln!(
            text,
            "2026-11-20T{:02}:{:02}:{:02}Z shop[{}]: order {} of customer {} took {} ms",
            number % 24,
            number / 24 % 60,
            number / 1440 % 60,
            1000 + number % 9000,
            number >> 40,
            number >> 50,
            number >> 20 & 0xfff,
        )
        .unwrap();
    }
    text
}

const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const HEXADECIMAL: &[u8] = b"0123456789abcdef";

/// A small generator (xorshift64) that gives the same on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn text(&mut self, length: usize, alphabet: &[u8]) -> String {
        (0..length)
            .map(|_| char::from(alphabet[(self.next() >> 33) as usize % alphabet.len()]))
            .collect()
    }
}
