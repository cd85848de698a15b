//! Names of hosts: those that the host knows, all in its domains, and where a header, a key or, if
//! asked for, the column of a log says that one follows.

use super::layout::{before, is_border};
use collect_core::redact::{
    Found, HostFacts, Rule, RuleError,
    pseudonym::{NameKind, Pseudonyms},
};
use std::{collections::BTreeSet, ops::Range, sync::Arc};

/// Domains for use within a site (RFC 6762, RFC 8375 and custom): they name nobody.
const PRIVATE: &[&str] = &[
    "local",
    "localdomain",
    "lan",
    "internal",
    "home",
    "corp",
    "intranet",
    "localnet",
    "private",
    "arpa",
    "invalid",
    "test",
    "localhost",
];

/// Labels below a country under which others register.
const SECOND: &[&str] = &["co", "com", "org", "net", "ac", "gov", "edu", "or", "ne", "go"];

/// Domains that are reserved for documentation (RFC 2606).
const EXAMPLES: &[&str] = &["example.com", "example.net", "example.org", "example"];

/// Names so common that they would be found in any text; such a host is only known with its domain.
const COMMON: &[&str] = &[
    "server",
    "client",
    "host",
    "debian",
    "ubuntu",
    "fedora",
    "centos",
    "linux",
    "node",
    "master",
    "worker",
    "test",
    "backup",
    "router",
    "gateway",
    "mail",
    "www",
    "database",
    "proxy",
    "admin",
    "user",
    "data",
    "desktop",
    "laptop",
    "dev",
    "prod",
    "stage",
    "web",
    "app",
    "api",
    "cache",
    "log",
    "main",
    "build",
    "docker",
    "localhost",
    "default",
    "none",
    "unknown",
    "firewall",
    "nas",
    "ftp",
    "dns",
    "ntp",
    "ldap",
    "smtp",
    "imap",
    "monitor",
    "registry",
    "archive",
    "storage",
    "kernel",
];

/// The longest name (RFC 1035, section 2.3.4).
const LONGEST: usize = 253;

/// The name that stands in for a host's; nothing if it is one already.
pub(super) fn pseudonym(pseudonyms: &Pseudonyms, name: &str) -> Option<String> {
    let name = name.to_lowercase();
    let labels: Vec<&str> = name.split('.').collect();
    let registered = match labels.as_slice() {
        [.., last] if labels.len() > 1 && PRIVATE.contains(last) => 1,
        [.., second, last] if labels.len() > 2 && last.len() == 2 && SECOND.contains(second) => 3,
        [_] => 0,
        _ => 2,
    };
    if EXAMPLES.iter().any(|end| {
        name.strip_suffix(end).is_some_and(|head| head.is_empty() || head.ends_with('.'))
    }) {
        return None;
    }
    let (hosts, domain) = labels.split_at(labels.len() - registered);
    if labels.iter().any(|label| pseudonyms.original(label).is_some()) {
        return None;
    }
    let mut out: Vec<String> =
        hosts.iter().map(|label| pseudonyms.name(NameKind::Host, label)).collect();
    match registered {
        0 => {}
        1 => out.extend(domain.iter().map(|&last| last.to_owned())),
        _ => out.extend([pseudonyms.name(NameKind::Domain, domain.join(".")), "invalid".into()]),
    }
    Some(out.join("."))
}

pub(super) fn rules(
    pseudonyms: &Arc<Pseudonyms>,
    facts: &HostFacts,
    columns: bool,
) -> Result<Vec<Rule>, RuleError> {
    let context = Rule::pattern("host", CONTEXT_ANCHORS.iter().copied(), CONTEXT)?;
    let mut rules = vec![context.before(is_given).valid(is_name)];
    if columns {
        rules.push(Rule::sweep("host", column)?);
    }
    let known = Known::new(facts);
    let anchors: Vec<String> =
        known.names.union(&known.domains).filter(|name| name.len() >= 3).cloned().collect();
    if !anchors.is_empty() {
        rules.push(Rule::finder("host", anchors, move |line, at| known.find(line, at))?);
    }
    let replaced = |rule: Rule| {
        let pseudonyms = Arc::clone(pseudonyms);
        let replace = move |value: &[u8]| {
            pseudonym(&pseudonyms, std::str::from_utf8(value).ok()?).map(String::into_bytes)
        };
        rule.replaced(replace).aligned()
    };
    Ok(rules.into_iter().map(replaced).collect())
}

/// Headers and keys whose value is a host.
const CONTEXT: &str = r#"(?i)(?:^|[\s"'{,(\[])(?:host|x-forwarded-host|hostname|host_name|nodename|node_name|server_name|servername|fqdn)["']?\s*(?:=|:\s)\s*["']?(?<secret>[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*\.[a-z]{2,24})(?:[\s"',:;)\]}]|$)"#;

const CONTEXT_ANCHORS: &[&str] = &[
    "host",
    "hostname",
    "host_name",
    "nodename",
    "node_name",
    "server_name",
    "servername",
    "fqdn",
];

/// Whether one of these words that ends here may be given a name: most are only spoken of.
fn is_given(rest: &[u8]) -> bool {
    let of = |byte: &&u8| b"\"'".contains(byte) || byte.is_ascii_whitespace();
    matches!(rest.iter().find(|byte| !of(byte)), Some(b'=' | b':'))
}

/// Ends of names that are no domains.
const FILES: &[&str] = &[
    "service",
    "socket",
    "log",
    "conf",
    "json",
    "xml",
    "html",
    "php",
    "txt",
    "java",
    "py",
    "sh",
    "so",
    "yaml",
    "yml",
    "toml",
    "name",
    "com.google",
    "target",
    "timer",
];

fn is_name(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value).to_lowercase();
    let last = text.rsplit('.').next().unwrap_or_default();
    !FILES.contains(&last) && !text.starts_with("localhost") && text != "example.com"
}

/// What a host knows of names.
struct Known {
    names: BTreeSet<String>,
    domains: BTreeSet<String>,
}

impl Known {
    fn new(facts: &HostFacts) -> Self {
        let rare = |name: &&String| !COMMON.contains(&name.as_str());
        Self {
            names: facts.hosts.iter().filter(rare).cloned().collect(),
            domains: facts.domains.clone(),
        }
    }

    /// The whole name around a part of it that is known.
    fn find(&self, line: &[u8], at: Range<usize>) -> Option<Found> {
        let part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        let anchor = String::from_utf8_lossy(&line[at.clone()]).to_lowercase();
        if !is_border(before(line, at.start)) || !is_border(line.get(at.end).copied()) {
            return None;
        }
        let mut whole = at.clone();
        if self.domains.contains(&anchor) && before(line, at.start) == Some(b'.') {
            let head = line[at.start.saturating_sub(LONGEST)..at.start].iter().rev();
            whole.start -= head.take_while(part).count();
            while whole.start < at.start && !line[whole.start].is_ascii_alphanumeric() {
                whole.start += 1;
            }
        }
        let tail = line[at.end..].iter().take(LONGEST).take_while(part).count();
        let longest = &line[whole.start..at.end + tail];
        let longest = String::from_utf8_lossy(longest).to_lowercase();
        let longest = longest.trim_end_matches(['.', '-', '_']);
        let below = |domain: &String| {
            longest
                .strip_suffix(domain.as_str())
                .is_some_and(|head| head.is_empty() || head.ends_with('.'))
        };
        if self.names.contains(longest) || self.domains.iter().any(below) {
            whole.end = whole.start + longest.len();
        } else if !self.domains.contains(&anchor) && !is_apart(line, &at, &anchor) {
            return None;
        }
        Some(whole.into())
    }
}

/// Whether a short name is one word, unless it is so unlike a word that it cannot be anything else.
fn is_apart(line: &[u8], at: &Range<usize>, name: &str) -> bool {
    let sign = |byte: Option<u8>| byte.is_some_and(|byte| b"-_.".contains(&byte));
    let after = line.get(at.end).copied();
    let stop = after == Some(b'.') && is_border(line.get(at.end + 1).copied());
    let unlike = name.bytes().any(|byte| byte.is_ascii_digit()) || name.contains('-');
    unlike || !sign(before(line, at.start)) && (stop || !sign(after))
}

/// The column of the host in a log of syslog (RFC 3164, section 4.1; RFC 5424, section 6).
fn column(text: &[u8], found: &mut dyn FnMut(Range<usize>)) {
    let mut start = 0;
    while start < text.len() {
        let end = memchr::memchr(b'\n', &text[start..]).map_or(text.len(), |feed| start + feed);
        if let Some(at) = host_column(&text[start..end]) {
            found(start + at.start..start + at.end);
        }
        start = end + 1;
    }
}

fn host_column(line: &[u8]) -> Option<Range<usize>> {
    let line = &line[..line.len().min(512)];
    let start = stamp(line)?;
    let rest = &line[start..];
    let len = rest.iter().position(|&byte| byte == b' ')?;
    let name = &rest[..len];
    let tag = rest[len + 1..]
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric() || b"-_./()".contains(b))
        .count();
    let mut after = &rest[len + 1 + tag..];
    if tag == 0 {
        return None;
    }
    if after.first() == Some(&b'[') {
        let close = after.iter().position(|&byte| byte == b']')?;
        after = &after[close + 1..];
    }
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.".contains(byte);
    let named = name.iter().any(u8::is_ascii_lowercase) && name.iter().all(plain);
    let address = name.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let local = name.starts_with(b"localhost");
    (after.first() == Some(&b':') && named && !address && !local && name.len() > 1)
        .then(|| start..start + len)
}

/// Where the time ends, with the space behind it: `Nov 23 10:42:00 ` or `2026-11-23T10:42:00+01:00 `.
fn stamp(line: &[u8]) -> Option<usize> {
    let shape = |shape: &[u8]| {
        line.len() > shape.len()
            && shape.iter().zip(line).all(|(kind, byte)| match kind {
                b'A' => byte.is_ascii_uppercase(),
                b'a' => byte.is_ascii_lowercase(),
                b'9' => byte.is_ascii_digit(),
                b'_' => byte.is_ascii_digit() || *byte == b' ',
                other => other == byte,
            })
    };
    if shape(b"Aaa _9 99:99:99 ") {
        return Some(16);
    }
    if !shape(b"9999-99-99T99:99:99") {
        return None;
    }
    let zone = line[19..]
        .iter()
        .take(20)
        .take_while(|b| b.is_ascii_digit() || b".:+-Z".contains(b))
        .count();
    (zone > 0 && line.get(19 + zone) == Some(&b' ')).then_some(20 + zone)
}
