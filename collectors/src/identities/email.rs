//! E-mail addresses. The part before the `@` is an account, what is behind it a host.

use super::{
    host,
    layout::{before, has_any, lead},
};
use collect_core::redact::{
    Rule, RuleError,
    pseudonym::{NameKind, Pseudonyms},
};
use memchr::memchr_iter;
use std::{ops::Range, sync::Arc};

/// Names that stand for no person.
const ROLES: &[&str] = &[
    "root",
    "postmaster",
    "hostmaster",
    "webmaster",
    "abuse",
    "noreply",
    "no-reply",
    "nobody",
    "mailer-daemon",
    "daemon",
    "git",
    "admin",
    "security",
    "support",
    "info",
];

/// What stands behind the `@` of units of systemd, and no domain ends in.
const UNITS: &[&str] = &[
    "service",
    "socket",
    "slice",
    "scope",
    "timer",
    "mount",
    "automount",
    "target",
    "path",
    "device",
    "swap",
    "js",
    "json",
    "conf",
    "log",
    "sh",
    "py",
    "rb",
    "go",
    "rs",
    "ts",
    "gz",
    "xz",
    "html",
    "css",
    "png",
    "tgz",
    "jar",
];

/// Names of ciphers and extensions of OpenSSH (PROTOCOL, section 1) end in these, and others that are
/// nobody's.
const PROTOCOLS: &[&str] = &[
    // What manuals write for any domain.
    "domain.name",
    "host.domain.name",
    "domain.tld",
    "openssh.com",
    "libssh.org",
    "lysator.liu.se",
    "tinyssh.org",
    "putty.projects.tartarus.org",
    "libgit2.org",
];

/// The longest parts (RFC 5321, section 4.5.3.1).
const LOCAL: usize = 64;
const DOMAIN: usize = 253;

/// Longer passwords are not looked for in URLs.
const USERINFO: usize = 512;

pub(super) fn rule(pseudonyms: &Arc<Pseudonyms>) -> Result<Rule, RuleError> {
    let pseudonyms = Arc::clone(pseudonyms);
    let rule = Rule::sweep("email", find)?.replaced(move |value| {
        let text = std::str::from_utf8(value).ok()?;
        let (local, domain) = text.split_once('@')?;
        let local = local.to_lowercase();
        let local = if ROLES.contains(&local.as_str()) || pseudonyms.original(&local).is_some() {
            text[..local.len()].to_owned()
        } else {
            pseudonyms.name(NameKind::User, &local)
        };
        let domain = host::pseudonym(&pseudonyms, domain).unwrap_or_else(|| domain.to_owned());
        Some(format!("{local}@{domain}").into_bytes())
    });
    Ok(rule.aligned())
}

fn find(text: &[u8], found: &mut dyn FnMut(Range<usize>)) {
    let mut done = 0;
    for at in memchr_iter(b'@', text) {
        let local = |byte: &&u8| byte.is_ascii_alphanumeric() || b"._+-".contains(byte);
        let head = &text[done.max(at.saturating_sub(LOCAL + 1))..at];
        let mut start = at - head.iter().rev().take_while(local).count();
        while start < at && !text[start].is_ascii_alphanumeric() {
            start += 1;
        }
        let end = domain_end(text, at + 1);
        if start == at || at - start > LOCAL || text[at - 1] == b'.' {
            continue;
        }
        // Of a URL's user only the end would be seen.
        if before(text, start) == Some(b'%') || has_any(&lead(text, start), &["linux version "]) {
            continue;
        }
        if is_domain(&text[at + 1..end]) && !is_userinfo(text, start) {
            done = end;
            found(start..end);
        }
    }
}

/// Where the domain ends that begins at `start`.
fn domain_end(text: &[u8], start: usize) -> usize {
    let part = |byte: &&u8| byte.is_ascii_alphanumeric() || b".-".contains(byte);
    let len = text[start..].iter().take(DOMAIN).take_while(part).count();
    let mut end = start + len;
    while end > start && !text[end - 1].is_ascii_alphanumeric() {
        end -= 1;
    }
    end
}

fn is_domain(domain: &[u8]) -> bool {
    let lower = String::from_utf8_lossy(domain).to_lowercase();
    let Some((name, last)) = lower.rsplit_once('.') else {
        return false;
    };
    let labels = name.split('.').all(|label| !label.is_empty() && !label.starts_with('-'));
    labels
        && last.len() >= 2
        && last.bytes().all(|byte| byte.is_ascii_alphabetic())
        && !UNITS.contains(&last)
        && !PROTOCOLS.contains(&lower.as_str())
}

/// Whether what stands before the `@` is the password of a URL, or the end of it.
fn is_userinfo(text: &[u8], start: usize) -> bool {
    let head = &text[start.saturating_sub(USERINFO)..start];
    let from = head.iter().rposition(|b| b.is_ascii_whitespace() || b"\"'<>".contains(b));
    let head = &head[from.map_or(0, |at| at + 1)..];
    let Some(scheme) = memchr::memmem::rfind(head, b"://") else {
        return false;
    };
    let user = &head[scheme + 3..];
    let Some(colon) = user.iter().position(|&b| b == b':') else {
        return false;
    };
    // In `https://host:8080/for/`, what follows is a path.
    let port = user[colon + 1..].split(|&b| b == b'/').next().unwrap_or_default();
    let is_path = user.contains(&b'/') && port.iter().all(u8::is_ascii_digit);
    !is_path && !user[..colon].iter().any(|b| b"/?#".contains(b))
}
