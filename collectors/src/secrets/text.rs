//! Secrets in URLs, headers, SQL, hashes, and private keys.

use super::value::{is_password_like, is_placeholder, is_random};
use collect_core::redact::{Found, Rule, RuleError};
use std::ops::Range;

/// Private keys in PEM (RFC 7468), OpenSSH, PGP (RFC 9580), SSH2 (RFC 4716) and `PuTTY` form.
pub(super) fn private_keys() -> Result<Vec<Rule>, RuleError> {
    const SPACE: &str = r"(?: |%20|\+|\\u0020|\\\x20)";
    let words = format!("(?:[A-Z0-9]+{SPACE})*");
    let label = format!("{words}PRIVATE{SPACE}KEY(?:{SPACE}BLOCK)?");
    let marker = |word: &str| format!("-----{word}{SPACE}{label}-----");
    let ssh2 = |word: &str| format!("---- {word} SSH2 (?:ENCRYPTED )?PRIVATE KEY ----");
    Ok(vec![
        Rule::block(
            "private-key",
            &["-----BEGIN", "-----END", "---- BEGIN SSH2", "---- END SSH2"],
            &format!("{}|{}", marker("BEGIN"), ssh2("BEGIN")),
            &format!("{}|{}", marker("END"), ssh2("END")),
        )?,
        Rule::block(
            "private-key-putty",
            &["Private-Lines:", "Private-MAC:"],
            r"Private-Lines: *[0-9]+",
            r"Private-MAC: *[0-9a-f]+",
        )?,
        // `-----BEGIN` in base64.
        Rule::pattern("private-key-base64", ["LS0tLS1CRUdJTi"], "LS0tLS1CRUdJTi[A-Za-z0-9+/=_-]+")?
            .valid(is_encoded_key),
    ])
}

/// Whether base64 that begins with `-----BEGIN ` goes on with the name of a private key: the first
/// characters of every label there is.
fn is_encoded_key(value: &[u8]) -> bool {
    // `PRIVATE KEY` in base64, in its three alignments.
    const NAMES: [&[u8]; 3] = [b"UFJJVkFURSBLRV", b"BSSVZBVEUgS0VZ", b"QUklWQVRFIEtFW"];
    let head = &value[..value.len().min(120)];
    NAMES.iter().any(|name| head.windows(name.len()).any(|part| part == *name))
}

const PATTERNS: &[(&str, &[&str], &str)] = &[
    (
        "authorization",
        &["x-auth"],
        r#"(?i)(?:x-auth[a-z]*(?:-[a-vx-z][a-z-]*)?|x-[a-z-]*auth)\\*["']?\]?\s*(?:[:=,]|=>)\s*\\*["']?\[?\\*["']?(?:[A-Za-z][A-Za-z0-9-]*:?\s+)?(?:token=|key=)?\\*["']?(?<secret>[^\s"'\\,;<\x00]{6,})"#,
    ),
    ("authorization", &["bearer "], r"(?i)\bbearer\s+(?<secret>[A-Za-z0-9._~+/=-]{16,})"),
    ("authorization", &["basic "], r"(?i)\bbasic\s+(?<secret>[A-Za-z0-9+/]{8,}={0,2})"),
    (
        "password-hash",
        &[
            "$1$", "$2a$", "$2b$", "$2x$", "$2y$", "$5$", "$6$", "$7$", "$y$", "$gy$", "$apr1$",
            "$argon2", "$pbkdf2", "$scrypt$", "$md5", "$sha1$", "$8$", "$9$", "$14$", "$S$",
            "$sm3$", "$P$", "$H$",
        ],
        r"\$(?:1|2[abxy]|5|6|7|8|9|14|y|gy|apr1|md5|sha1|sm3|S|P|H|argon2[a-z]*|pbkdf2[a-z0-9-]*|scrypt)[$,][./A-Za-z0-9$=,+*-]{8,}",
    ),
    (
        "password-hash",
        &["{ssha", "{sha", "{smd5}", "{md5}", "{crypt}", "{pbkdf2", "{argon2"],
        r"(?i)\{(?:ssha|sha|smd5|md5|crypt|pbkdf2|argon2)[0-9a-z-]*\}[A-Za-z0-9+/=$.,]{8,}",
    ),
    (
        "password-hash",
        &["pbkdf2_sha", "pbkdf2:sha", "scrypt:", "SCRAM-SHA-256$", "bcrypt"],
        r#"(?:pbkdf2[_:]sha[0-9]+[$:][0-9]+\$[^\s$]+\$[^\s'"]{20,}|scrypt:[0-9]+:[0-9]+:[0-9]+\$[^\s'"]{20,}|SCRAM-SHA-(?:1|256)\$[0-9]+:[A-Za-z0-9+/=:$]{20,})"#,
    ),
    (
        "argument",
        &["(echo ", "\"echo ", "'echo "],
        r#"(?i)-[a-z-]*(?:pass|secret|token|key)[a-z-]*[=\s]\s*(?:<\(|["'])echo\s+(?:-n\s+)?["']?(?<secret>[^\s)"'$]+)"#,
    ),
    // `192.0.2.7 (admin/…)`, as in notes about hosts.
    (
        "prose",
        &["(admin/", "(administrator/", "(root/", "(user/", "(master/", "(operator/", "(guest/"],
        r"(?i)\b[0-9]{1,3}(?:\.[0-9]{1,3}){3} ?\([a-z]+/(?<secret>[^\s/)]{5,})(?:\)| )",
    ),
    // The second of two users there.
    (
        "prose",
        &["(admin/", "(administrator/", "(root/", "(user/", "(master/", "(operator/", "(guest/"],
        r"(?i)\b[0-9]{1,3}(?:\.[0-9]{1,3}){3} ?\([a-z]+/[^\s/)]{5,}[ ,;]+[a-z]+/(?<secret>[^\s/)]{5,})\)",
    ),
    (
        "prose",
        &["typed ", "entered "],
        r"(?i)(?:typed|entered)\s+(?<secret>\S{4,})\s+(?:at|in|into|on)\s+(?:the|a|his|her|their)\s+(?:password|passphrase|passcode|pin)\b",
    ),
    (
        "prose",
        &["pass "],
        r"(?i)\b(?:user|username|login|account)\s+[^\s/,]{1,64}\s*[/,]\s*pass\s+(?<secret>[^\s,;)]{4,})",
    ),
    (
        "prose",
        &["login with ", "log in with ", "logon with ", "logged in with "],
        r"(?i)log(?:in|on|\sin|ged\sin)\swith\s+[a-z][a-z0-9._-]{0,31}\s?/\s?(?<secret>[^\s/,;]*[0-9][^\s/,;]*)",
    ),
    (
        "pgpass",
        &[":5432:", ":5433:", ":6432:", ":*:"],
        r"^[^:\s]+:(?:[0-9]{1,5}|\*):[^:\s]+:[^:\s]+:(?<secret>[^\s:](?:[^\s]*[^\s:])?)\s*$",
    ),
    (
        "authorization",
        &["auth plain", "auth login", "auth xoauth2", "auth cram-md5"],
        r"(?i)\bauth\s+(?:plain|login|xoauth2|cram-md5)\s+(?<secret>[A-Za-z0-9+/]{6,}={0,2})",
    ),
    (
        "snmp-community",
        &["rocommunity", "rwcommunity", "com2sec"],
        r"^\s*(?:r[ow]community6?\s+|com2sec6?\s+(?:-Cn\s+\S+\s+)?\S+\s+\S+\s+)(?<secret>\S+)",
    ),
    (
        "snmp-user",
        &["createUser "],
        r#"createUser\s+(?:-e\s+\S+\s+)?\S+\s+(?:MD5|SHA[0-9-]*)\s+(?:-[lm]\s+)?"?(?<secret>[^"\s]+|[^"]+)"#,
    ),
    (
        "snmp-user",
        &["createUser "],
        r#"createUser\s.*?\s(?:DES|AES[0-9]*)\s+(?:-[lm]\s+)?"?(?<secret>[^"\s]+|[^"]+)"#,
    ),
    (
        "unseal-key",
        &["unseal key"],
        r"(?i)unseal key(?: [0-9]+)?:\s*(?<secret>[A-Za-z0-9+/=]{20,})",
    ),
    (
        // What Gradle of Android puts into code.
        "key",
        &["buildConfigField", "resValue"],
        r#"(?i)\b(?:buildConfigField|resValue)\s*\(?\s*["']\w+["']\s*,\s*["']\w*(?:key|token|secret|passw(?:or)?d|pass|pwd)["']\s*,\s*["']?\\*["'](?<secret>[^"'\\$\s]{8,})["'\\]"#,
    ),
    ("netrc", &["login "], r"\blogin\s+\S+\s+password\s+(?<secret>\S+)"),
];

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    let userinfo = Rule::finder("url-password", ["://"], userinfo)?;
    let mut rules = vec![userinfo.learns(is_password_like)];
    for (id, anchors, pattern) in PATTERNS {
        let rule = Rule::pattern(*id, *anchors, pattern)?;
        let rule = match anchors[0] {
            "basic " => rule.valid(is_basic),
            "bearer " => rule.valid(|value| is_random(value, 16)),
            "(admin/" => rule.valid(is_password_like),
            _ => rule.valid(|value| !is_placeholder(value)),
        };
        rules.push(match *id {
            "authorization" => rule.learns(|value| is_basic(value) || is_random(value, 16)),
            "netrc" | "pgpass" | "sql-password" | "snmp-user" => rule.learns(is_password_like),
            _ => rule,
        });
    }
    Ok(rules)
}

/// Whether the text is base64 of `user:password`, which has a digit or capital where words of a
/// sentence have none.
fn is_basic(value: &[u8]) -> bool {
    value.len().is_multiple_of(4)
        && value[1..].iter().any(u8::is_ascii_uppercase)
        && (value.ends_with(b"=") || value.iter().any(u8::is_ascii_digit) || value.len() >= 16)
}

/// Longer texts before an `@` are no user and password.
const LONGEST_USERINFO: usize = 4096;

/// The password, or token, in `scheme://user:password@host`.
fn userinfo(line: &[u8], at: Range<usize>) -> Option<Found> {
    let rest = &line[at.end..line.len().min(at.end + LONGEST_USERINFO)];
    let ends = |b: &u8| b.is_ascii_whitespace() || b"/?#\"'<>\\`\0".contains(b);
    let end = rest.iter().position(ends).unwrap_or(rest.len());
    let host = rest[..end].iter().rposition(|&b| b == b'@')?;
    let user = &rest[..host];
    let (from, value) = match user.iter().position(|&b| b == b':') {
        Some(colon) => (colon + 1, &user[colon + 1..]),
        None if is_random(user, 20) => (0, user),
        None => return None,
    };
    if value.is_empty() || is_placeholder(value) {
        return None;
    }
    Some((at.end + from..at.end + host).into())
}
