//! Secrets in dialogues of protocols: FTP, POP3, IMAP, IRC, redis, LDAP, RADIUS, SNMP, XMPP.

use super::{prose::is_noted, value::is_placeholder};
use collect_core::redact::{Found, Rule, RuleError};
use std::ops::Range;

const PATTERNS: &[(&str, &[&str], &str)] = &[
    // RFC 959, RFC 1939, RFC 4643, RFC 2812; also in traces of system calls and packets.
    (
        "password",
        &["pass ", "acct "],
        r#"(?:^|["'>.] ?|[A-Z]: |INFO )(?:PASS|ACCT) (?::)?(?<secret>[^\s"'\\]+)(?:\\r|["']|\s*$)"#,
    ),
    ("password", &["request arg:"], r"Request arg: (?<secret>\S+)$"),
    // RFC 9051.
    (
        "password",
        &[" login "],
        r#"\b[A-Za-z]{0,4}[0-9]+ LOGIN (?:"(?:[^"\\]|\\.)*"|[^\s"]+) "(?<secret>(?:[^"\\]|\\.)+)""#,
    ),
    (
        "password",
        &[" login "],
        r#"\b[A-Za-z]{0,4}[0-9]+ LOGIN (?:"(?:[^"\\]|\\.)*"|[^\s"]+) (?<secret>[^\s"\\]+)"#,
    ),
    (
        "authorization",
        &["authenticate "],
        r#"(?i)authenticate "?(?:plain|login|xoauth2|oauthbearer|scram-[a-z0-9-]+)"? "?(?<secret>[A-Za-z0-9+/]{6,}={0,2})"#,
    ),
    (
        "authorization",
        &["urn:ietf:params:xml:ns:xmpp-sasl"],
        r"xmpp-sasl[^>]*>(?<secret>[A-Za-z0-9+/]{6,}={0,2})<",
    ),
    ("authorization", &["apop "], r"APOP \S+ (?<secret>[0-9a-f]{32})"),
    ("password", &["identify "], r"(?i)nickserv :?identify (?:\S+ )?(?<secret>\S+)$"),
    ("password", &["oper "], r"^(?:\S+ )?OPER \S+ (?<secret>\S+)$"),
    // https://redis.io/docs/latest/commands/
    (
        "password",
        &["requirepass", "masterauth"],
        r#"(?i)(?:requirepass|masterauth)"?[ =]+"?(?<secret>[^\s"']+)"#,
    ),
    ("password", &["hello "], r"(?i)hello [23] auth \S+ (?<secret>\S+)"),
    ("password", &["\"hello\""], r#"(?i)"hello" "[23]" "auth" "[^"]*" "(?<secret>[^"]+)"#),
    ("password", &["\"auth\" \""], r#"(?i)"auth" (?:"[^"]*" )?"(?<secret>[^"]+)"\s*$"#),
    (
        "password",
        &["auth\\r\\n", "auth\r"],
        // Of three words, the second is the user.
        r"(?i)(?:\*3(?:\\r\\n|\r)\$4(?:\\r\\n|\r)auth(?:\\r\\n|\r)\$[0-9]+(?:\\r\\n|\r)[^\\\r]+|\$4(?:\\r\\n|\r)auth)(?:\\r\\n|\r)\$[0-9]+(?:\\r\\n|\r)(?<secret>[^\\\r]+)",
    ),
    ("password", &["authentication simple"], r#"authentication simple "(?<secret>[^"]+)"#),
    // RFC 2865 as FreeRADIUS shows it.
    (
        "password",
        &["] (from client"],
        r"Login (?:incorrect|OK)[^\[]*(?:\([^)]*\))?[^\[]*\[[^\]/]*/(?<secret>[^\]]+)\] \(from client",
    ),
    ("password", &["-password:"], r#"Tunnel-Password:[0-9]+ [:+]?= "?(?<secret>[^"\s]+)"#),
    (
        "password",
        &["chap-password", "-response = 0x", "nt-password"],
        r"(?:MS-CHAP2?-Response|CHAP-Password|[NL][TM]-Password) :?= 0x(?<secret>[0-9a-fA-F]{16,})",
    ),
    ("snmp-community", &["  c=\""], r#"  C="(?<secret>[^"]+)" "#),
    // Hashes as `pwdump` writes them: of LAN Manager and of NT.
    ("password-hash", &[":::"], r"^[^:]+:[0-9]+:(?<secret>[0-9a-fA-F]{32}:[0-9a-fA-F]{32}):::"),
    // `wg show all dump`: private key, public key, port; then peers with preshared keys.
    (
        "wireguard-key",
        &["\toff", "\t51820\t"],
        r"^(?:\S+\t)?(?<secret>[A-Za-z0-9+/]{43}=)\t[A-Za-z0-9+/]{43}=\t[0-9]+\t",
    ),
    (
        "wireguard-key",
        &["/32\t", "/24\t", "/0\t1", "/0\t0", "/128\t", "/64\t", "/16\t"],
        r"^(?:\S+\t)?[A-Za-z0-9+/]{43}=\t(?<secret>[A-Za-z0-9+/]{43}=)\t[^\t]*:[0-9]+\t",
    ),
    (
        "password",
        &["java.naming.security.credentials"],
        r"java\.naming\.security\.credentials=(?<secret>[^\s,}]+)",
    ),
    // RFC 7517: the members of private and symmetric keys.
    (
        "private-key",
        &["\"kty\"", "\"dp\"", "\"dq\"", "\"qi\"", "\"d\":"],
        r#""(?:d|p|q|dp|dq|qi|k)"\s*:\s*"(?<secret>[A-Za-z0-9_-]{40,})""#,
    ),
    (
        "paseto",
        &["v4.local.", "v3.local.", "v2.local.", "v4.public.", "v2.public."],
        r"\bv[1-4]\.(?:local|public)\.[A-Za-z0-9_-]{32,}(?:\.[A-Za-z0-9_-]+)?",
    ),
    (
        "password",
        &["assword"],
        r#"(?:expect .*|^\s*-re .*|")[Pp]?assword[^"]*"\s*\{?\s*;?\s*send (?:-- )?"(?<secret>[^"\\$]+)"#,
    ),
    (
        "password",
        &[": (string) (len="],
        r#"(?i)(?:password|passwd|passphrase|secret|token|apikey)\w*: \(string\) \(len=[0-9]+\) "(?<secret>[^"]+)"#,
    ),
    ("password", &["username="], r#"\buser(?:name)?=[^\s%,"'&]+%(?<secret>[^\s,"'%&]+),"#),
    ("wifi-key", &["key content"], r"Key Content\s*: (?<secret>[^\r]+)"),
    (
        "password",
        &["reg_sz", "reg_binary", "reg_expand_sz", "reg_multi_sz"],
        r"(?i)(?:password|passwd|pwd|secret|token|apikey)\s+REG_(?:SZ|BINARY|EXPAND_SZ|MULTI_SZ)\s+(?<secret>\S[^\r]*)",
    ),
    ("webhook", &["/hooks/"], r"/hooks/(?<secret>[a-z0-9]{26})\b"),
    ("webhook", &["/with/key/"], r"/with/key/(?<secret>[A-Za-z0-9_-]{20,})"),
];

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    let mut rules = Vec::new();
    for (id, anchors, pattern) in PATTERNS {
        let rule = Rule::pattern(*id, *anchors, pattern)?;
        rules.push(if anchors[0] == "pass " { rule.valid(is_sent) } else { rule.valid(is_value) });
    }
    rules.push(Rule::finder("password", ["auth "], redis)?);
    Ok(rules)
}

fn is_value(value: &[u8]) -> bool {
    value.len() >= 3
        && !is_placeholder(value)
        && !value.starts_with(b"<")
        && !value.starts_with(b"(")
}

/// Whether it was sent and is no name of a test that passed.
fn is_sent(value: &[u8]) -> bool {
    is_value(value) && is_noted(value) && !value.starts_with(b"Test") && !value.contains(&b'/')
}

/// `AUTH password` and `AUTH user password`, alone in a line or as a string in a trace.
fn redis(line: &[u8], at: Range<usize>) -> Option<Found> {
    let head = line[..at.start].trim_ascii();
    let in_quotes = head.ends_with(b"\"");
    let alone = head.is_empty() || head.ends_with(b">");
    if !in_quotes && !alone || line.len() > at.end + 256 {
        return None;
    }
    let text = &line[at.end..];
    let len = if in_quotes {
        memchr::memmem::find(text, b"\\r\\n").or_else(|| text.iter().position(|&b| b == b'"'))?
    } else {
        text.trim_ascii_end().len()
    };
    let words: Vec<&[u8]> = text[..len].split(|&b| b == b' ').collect();
    const MECHANISMS: [&[u8]; 9] = [
        b"plain",
        b"login",
        b"xoauth2",
        b"cram-md5",
        b"digest-md5",
        b"ntlm",
        b"gssapi",
        b"external",
        b"oauthbearer",
    ];
    let (first, last) = (words.first()?, words.last()?);
    if words.len() > 2 || MECHANISMS.contains(&&*first.to_ascii_lowercase()) || !is_noted(last) {
        return None;
    }
    let end = at.end + len;
    Some((end - last.len()..end).into())
}
