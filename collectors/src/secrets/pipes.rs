//! Secrets that a command gets from `echo`, `printf` or a here-string.

use super::arguments::{after, is_secret_argument};
use collect_core::redact::{Found, Rule, RuleError};
use std::ops::Range;

/// Commands that read a password.
const OF_PASSWORDS: &[&str] = &[
    "passwd",
    "sudo -s",
    "sudo --stdin",
    "su -",
    "su root",
    "cryptsetup",
    "smbpasswd",
    "--password-stdin",
    "--passphrase-fd",
    "--pass-stdin",
    "gcloud secrets",
    "kinit",
    "openconnect",
    "--passwd-on-stdin",
    "ldappasswd",
    "faillock",
    "ssh-add",
    "docker secret create",
    "podman secret create",
    "vault login",
    "gh auth login",
    "mkpasswd",
    "keepassxc-cli",
    "ecryptfs-",
    "zfs load-key",
    "kadmin",
    "wg pubkey",
    "smbclient",
    "openvpn",
    "--stdin-password",
    "bw login",
];

/// Commands that read `user:password`.
const OF_PAIRS: &[&str] = &["chpasswd", "newusers"];

/// How far before a command what it reads is looked for.
const REACH: usize = 1024;

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    let find = |pair: bool| move |line: &[u8], at: Range<usize>| find(line, &at, pair);
    Ok(vec![
        Rule::several("argument", OF_PASSWORDS, find(false))?,
        Rule::several("argument", OF_PAIRS, find(true))?,
    ])
}

fn find(line: &[u8], at: &Range<usize>, pair: bool) -> Vec<Found> {
    let mut found = Vec::new();
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || b"_.".contains(b);
    if line[..at.start].last().is_some_and(is_part) {
        return found;
    }
    let from = at.start.saturating_sub(REACH);
    if let Some(pipe) = line[from..at.start].iter().rposition(|&b| b == b'|') {
        // Only words stand between the pipe and the command, as in `| sudo chpasswd`.
        let between = &line[from + pipe + 1..at.start];
        if between.iter().all(|b| !b"|;&\"".contains(b)) && between.len() < 64 {
            for name in [&b"echo"[..], b"printf", b"print", b"yes"] {
                for start in memchr::memmem::find_iter(&line[from..from + pipe], name) {
                    written(line, from + start, name.len(), from + pipe, pair, &mut found);
                }
            }
        }
    }
    let rest = &line[at.end..line.len().min(at.end + REACH)];
    if let Some(here) = memchr::memmem::find(rest, b"<<<")
        && !rest[..here].contains(&b'|')
    {
        let blank = b" ".iter().chain(&rest[here + 3..]).copied().collect::<Vec<u8>>();
        if let Some(argument) = after(&blank, 0).first() {
            let value = colon(&argument.text, pair);
            if is_secret_argument(&argument.text[value..]) {
                let place = argument.place(value..argument.text.len());
                // One blank was put before what is behind the sign.
                let shift = at.end + here + 3 - 1;
                found.push((place.start + shift..place.end + shift).into());
            }
        }
    }
    found
}

/// Where the password begins.
fn colon(text: &[u8], pair: bool) -> usize {
    if pair { text.iter().position(|&b| b == b':').map_or(text.len(), |at| at + 1) } else { 0 }
}

/// The values among the arguments of `echo` or its like that begins at `start`.
fn written(line: &[u8], start: usize, len: usize, end: usize, pair: bool, found: &mut Vec<Found>) {
    let before = start.checked_sub(1).map(|at| line[at]);
    let is_word = before.is_none_or(|b| !b.is_ascii_alphanumeric() && !b"_-.".contains(&b));
    if !is_word || line.get(start + len) != Some(&b' ') {
        return;
    }
    let arguments = after(&line[..end], start + len);
    let values = arguments.iter().filter(|a| !a.text.starts_with(b"-"));
    let formatted = arguments.iter().any(|a| memchr::memmem::find(&a.text, b"%s").is_some());
    for argument in values.take(4) {
        if memchr::memmem::find(&argument.text, b"%s").is_some() {
            continue;
        }
        let mut from = colon(&argument.text, pair && !formatted);
        // `\n` between two of them, as `echo -e` and `printf` write it.
        while from < argument.text.len() {
            let rest = &argument.text[from..];
            let feed = memchr::memmem::find(rest, b"\\n");
            let to = from + feed.unwrap_or(rest.len());
            if is_secret_argument(&argument.text[from..to]) {
                found.push(argument.place(from..to).into());
            }
            from = to + 2;
            if pair {
                break;
            }
        }
    }
}
