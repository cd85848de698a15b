//! Names of accounts: those that the host knows, and where the words before say that one follows.

use super::layout::{before, is_border, lead};
use collect_core::redact::{
    Found, HostFacts, Rule, RuleError,
    pseudonym::{NameKind, Pseudonyms},
};
use std::{collections::BTreeSet, ops::Range, sync::Arc};

/// Accounts of the system and of programs, which say nothing of a person.
const SYSTEM: &[&str] = &[
    "root",
    "daemon",
    "bin",
    "sys",
    "sync",
    "games",
    "man",
    "lp",
    "mail",
    "news",
    "uucp",
    "proxy",
    "www-data",
    "www",
    "backup",
    "list",
    "irc",
    "gnats",
    "nobody",
    "systemd",
    "dbus",
    "messagebus",
    "sshd",
    "postfix",
    "postgres",
    "mysql",
    "mariadb",
    "redis",
    "nginx",
    "apache",
    "httpd",
    "tomcat",
    "ftp",
    "ntp",
    "chrony",
    "rpc",
    "rpcuser",
    "nfsnobody",
    "polkitd",
    "syslog",
    "haproxy",
    "rabbitmq",
    "elasticsearch",
    "kibana",
    "grafana",
    "prometheus",
    "docker",
    "containerd",
    "kube",
    "etcd",
    "git",
    "jenkins",
    "gitlab",
    "zabbix",
    "nagios",
    "oracle",
    "hdfs",
    "hadoop",
    "spark",
    "yarn",
    "vagrant",
    "ubuntu",
    "debian",
    "centos",
    "fedora",
    "admin",
    "administrator",
    "system",
    "user",
    "test",
    "guest",
    "default",
    "public",
    "shared",
    "service",
    "app",
    "data",
    "unknown",
    "none",
    "null",
    "anonymous",
    "ec2-user",
    "cloud-user",
    "core",
    "operator",
    "adm",
    "shutdown",
    "halt",
    "all",
    "new",
    "linuxbrew",
    "deploy",
    "master",
    "slave",
    "repl",
    "replication",
    "ansible",
    "lost+found",
    "local service",
    "network service",
    "true",
    "false",
    "yes",
    "no",
    "invalid",
    "name",
    "username",
    "login",
    "password",
    "by",
    "from",
    "is",
    "not",
    "with",
    "the",
    "id",
    "on",
    "nologin",
    "in",
    "to",
    "and",
];

/// What stands before the name of an account.
const BEFORE: &[&str] = &[
    "user=",
    "username=",
    "user_name=",
    "logname=",
    "ruser=",
    "acct=\"",
    "for user ",
    "by user ",
    "invalid user ",
    "publickey for ",
    "password for ",
    "keyboard-interactive/pam for ",
    "\"user\":\"",
    "\"user\": \"",
    "\"username\":\"",
    "\"username\": \"",
    "/home/",
    "/users/",
    "\\users\\",
    "\\\\users\\\\",
    "session of user ",
    "disconnected from user ",
];

/// Words that go on behind a name in the sentences of logs. Another word says that what stands there
/// is no name, but part of a sentence about accounts.
const SEQUELS: &[&str] = &[
    "from",
    "by",
    "at",
    "on",
    "via",
    "with",
    "in",
    "port",
    "has",
    "is",
    "was",
    "using",
    "failed",
    "rejected",
    "not",
    "to",
    "logged",
    "and",
    "as",
    "because",
    "due",
    "exceeded",
    "denied",
    "expired",
    "uid",
    "rhost",
    "tty",
    "does",
    "cannot",
    "could",
    "authenticated",
    "succeeded",
    "successful",
    "successfully",
    "disconnected",
    "closed",
    "opened",
    "locked",
    "id",
    "have",
    "had",
    "under",
    "through",
    "against",
    "after",
    "before",
    "while",
    "during",
    "session",
    "host",
    "ssh",
    "client",
    "remote",
    "service",
    "changed",
    "ssh2",
    "source",
    "src",
    "ip",
    "into",
    "since",
];

/// What sentences about accounts speak of, which are no accounts.
const NOUNS: &[&str] = &[
    "account",
    "accounts",
    "authentication",
    "password",
    "passwords",
    "names",
    "this",
    "that",
    "these",
    "those",
    "your",
    "their",
    "its",
    "any",
    "each",
    "both",
    "an",
    "every",
    "access",
    "input",
    "data",
    "session",
    "sessions",
    "login",
    "logins",
    "https",
    "http",
    "smtp",
    "processes",
    "space",
    "mode",
    "namespaces",
    "which",
    "it",
    "them",
    "encryption",
    "details",
    "information",
];

/// The longest name (useradd(8)).
const LONGEST: usize = 32;

pub(super) fn rules(
    pseudonyms: &Arc<Pseudonyms>,
    facts: &HostFacts,
) -> Result<Vec<Rule>, RuleError> {
    let system: BTreeSet<String> = facts.system_users.clone();
    let mut rules = vec![Rule::finder("user", BEFORE, move |line, at| {
        let value = follows(line, &at)?;
        let name = String::from_utf8_lossy(&line[value.clone()]).into_owned();
        (!is_system(&name) && !system.contains(&name)).then(|| value.into())
    })?];
    let common =
        |name: &&String| name.len() >= 3 && !is_system(name) && !facts.system_users.contains(*name);
    let known: Vec<String> = facts.users.iter().filter(common).cloned().collect();
    if !known.is_empty() {
        rules.push(Rule::finder("user", known, alone)?);
    }
    let replaced = |rule: Rule| {
        let pseudonyms = Arc::clone(pseudonyms);
        let replace = move |value: &[u8]| {
            let name = std::str::from_utf8(value).ok()?.to_lowercase();
            let new = pseudonyms.original(&name).is_none();
            new.then(|| pseudonyms.name(NameKind::User, &name).into_bytes())
        };
        rule.replaced(replace).aligned()
    };
    Ok(rules.into_iter().map(replaced).collect())
}

fn is_system(name: &str) -> bool {
    let lower = name.to_lowercase();
    let bare = lower.strip_prefix('_').unwrap_or(&lower);
    SYSTEM.contains(&bare)
        || bare.starts_with("systemd-")
        || bare.ends_with('$')
        || bare.starts_with("nt ")
}

/// The name behind the words at `at`.
fn follows(line: &[u8], at: &Range<usize>) -> Option<Range<usize>> {
    let path = matches!(line[at.start], b'/' | b'\\');
    let free = before(line, at.start);
    if path
        && (!is_border(free) && free != Some(b':')
            || free == Some(b'.')
            || is_request(line, at.start))
    {
        return None;
    }
    if !path && (!is_border(free) || free == Some(b'$')) {
        return None;
    }
    let start = at.end + usize::from(matches!(line.get(at.end), Some(b'"' | b'\'')));
    let part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let len = line[start..].iter().take(LONGEST + 1).take_while(part).count();
    let mut end = start + len;
    while end > start && b".-".contains(&line[end - 1]) {
        end -= 1;
    }
    let name = &line[start..end];
    let after = line.get(end).copied();
    let dots = memchr::memchr_iter(b'.', name).count();
    let whole = !after.is_some_and(|byte| {
        byte == b'@' || byte == b'%' || byte == b'*' || byte == b'(' || byte >= 0x80
    });
    let spoken = line[at.end - 1] == b' ';
    if spoken && is_prose(name, &line[end..line.len().min(end + LONGEST)]) {
        return None;
    }
    (name.len() >= 2 && len <= LONGEST && dots <= 1 && whole && name[0].is_ascii_alphabetic())
        .then_some(start..end)
}

/// Whether what stands behind words such as `password for` is part of a sentence about accounts.
fn is_prose(name: &[u8], rest: &[u8]) -> bool {
    let is = |word: &[u8], words: &[&str]| {
        words.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word))
    };
    let goes_on = match rest {
        [b' ', next, ..] if next.is_ascii_alphabetic() => {
            let len = rest[1..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            !is(&rest[1..=len], SEQUELS)
        }
        // The next sentence, a URL.
        [b'.', b' ', ..] | [b':', b'/', b'/', ..] => true,
        _ => false,
    };
    goes_on || is(name, NOUNS)
}

/// Whether a path is what a client asked a web server for.
fn is_request(line: &[u8], at: usize) -> bool {
    let lead = lead(line, at);
    ["get ", "post ", "put ", "head ", "delete ", "patch "]
        .iter()
        .any(|verb| lead.ends_with(verb.as_bytes()))
}

/// A known name, where it is a word.
fn alone(line: &[u8], at: Range<usize>) -> Option<Found> {
    let free = is_border(before(line, at.start)) && is_border(line.get(at.end).copied());
    free.then(|| at.into())
}
