//! Directives of programs whose secrets stand at a place of their own, as their manuals say.

use super::value::is_placeholder;
use collect_core::redact::{Rule, RuleError};

/// A word, quoted or not.
const WORD: &str = r#"["']?(?<secret>[^\s"']{3,})"#;

/// The rest of a line, quoted or not.
const REST: &str = r#"["']?(?<secret>[^\s"'](?:[^"'\r\n]*[^\s"'])?)["']?\s*$"#;

/// The rule, its anchors, and the expression, in which `<word>` and `<rest>` stand for a word and
/// for the rest of the line.
const DIRECTIVES: &[(&str, &[&str], &str)] = &[
    // haproxy, squid, nginx, Caddy.
    (
        "password",
        &["insecure-password", "password "],
        r"^\s*user\s+\S+\s+(?:insecure-)?password\s+<word>",
    ),
    ("password", &["stats auth"], r"^\s*stats\s+auth\s+[^:\s]+:<word>"),
    ("password", &[r"auth\ "], r"\bAUTH\\ (?<secret>[^\\\s]+)"),
    ("authorization", &[r"basic\ ", r"bearer\ "], r"(?i)\b(?:basic|bearer)\\ (?<secret>\S+)"),
    ("password", &["cachemgr_passwd"], r"^\s*cachemgr_passwd\s+<word>"),
    ("password", &["login="], r"\blogin=[^:\s*]+:<word>"),
    ("password", &["_ldap_auth", "_ldap_group"], r"_ldap_(?:auth|group)\b.*?\s-w\s+<word>"),
    ("token", &["dns "], r"^\s*dns\s+[a-z0-9]+\s+(?<secret>[A-Za-z0-9_-]{20,})\s*$"),
    // Mail.
    ("password", &["client_send"], r"client_send\s*=.*\^(?<secret>[^\s^]+)\s*$"),
    (
        "password",
        &["_servers"],
        r"(?:mysql|pgsql|oracle)_servers\s*=\s*[^/\s]+/[^/\s]+/[^/\s]+/(?<secret>\S+)",
    ),
    (
        "password",
        &["pass ", "password "],
        r"^\s*(?:poll|server|skip)\b.*?\s(?:pass|password)\s+<word>",
    ),
    // Directories.
    ("password", &["bindpw", "rootpwmodpw"], r"^\s*(?:bindpw|rootpwmodpw)\s+<rest>"),
    // Names and time.
    ("key", &["hmac-"], r#"\bhmac-[a-z0-9]+:[\w.-]+[:\s]\s*"?(?<secret>[A-Za-z0-9+/]{16,}={0,2})"#),
    ("key", &["hmac-"], r#"\balgorithm\s+"?hmac-[a-z0-9.-]+"?;\s*secret\s+"?(?<secret>[^";\s]+)"#),
    (
        "private-key",
        &["privateexponent:", "prime1:", "prime2:", "exponent1:", "exponent2:", "coefficient:"],
        r"(?i)\b(?:PrivateExponent|Prime[12]|Exponent[12]|Coefficient):\s*(?:0x)?(?<secret>[A-Za-z0-9+/=]{16,})",
    ),
    // Monitoring.
    (
        "snmp-community",
        &["trapsink", "trap2sink", "informsink"],
        r"^\s*(?:trap2?sink|informsink)\s+\S+\s+<word>",
    ),
    ("snmp-community", &["authcommunity"], r"(?i)^\s*authcommunity\s+\S+\s+<word>"),
    (
        "snmp-user",
        &["usmuser"],
        r"(?i)\.1\.3\.6\.1\.6\.3\.10\.1\.[12]\.[0-9]+\s+0x(?<secret>[0-9a-f]{8,})",
    ),
    ("password", &["$user"], r"^\s*\$USER[0-9]+\$=(?<secret>[^/\s]\S*)"),
    ("password", &["allow "], r#"^\s*allow\s+"?[A-Za-z][\w.-]*"?:<word>\s*$"#),
    ("password", &["monitor "], r"^\s*MONITOR\s+\S+@\S+\s+[0-9]+\s+\S+\s+<word>"),
    (
        "snmp-community",
        &["snmp-server host"],
        r"^\s*snmp-server\s+host\s+\S+\s+(?:traps?\s+|informs?\s+)?version\s+(?:1|2c|3\s+\w+)\s+<word>",
    ),
    // Telephony.
    ("password", &["register =>", "register=>"], r"\bregister\s*=>\s*[^:\s]+:(?<secret>[^@\s]+)@"),
    ("password", &["user="], r"^\s*user=[^:=\s]+:(?:0x)?(?<secret>[^\s/]{3,})\s*$"),
    ("password", &["cifs"], r"\buser(?:name)?=[^,%\s]+%(?<secret>[^,\s]+)"),
    // Networks.
    (
        "wep-key",
        &["wep_key", "wep-key"],
        r#"\bwep[_-]key[0-9]?\s*[=:\s]\s*"?(?:s:)?(?<secret>[^"\s]{5,})"#,
    ),
    ("sae-key", &["sae-pt-group"], r"\bSAE-PT-Group[0-9]+=(?<secret>[0-9a-f]{32,})"),
    (
        "wireless-key",
        &["wpa-psk", "wireless-key", "wpa-passphrase"],
        r"^\s*(?:wpa-psk|wireless-key[0-9]?|wpa-passphrase)\s+(?:(?:ascii|hex)\s+[0-9]\s+|s:)?<rest>",
    ),
    (
        "wireless-key",
        &["option "],
        r#"^\s*option\s+(?:key[1-4]?|psk)\s+["']?(?:s:)?(?<secret>[^"']{4,})["']?\s*$"#,
    ),
    ("wireless-key", &[".key='"], r"^wireless\.\S+\.key[1-4]?='(?:s:)?(?<secret>[^']+)'"),
    (
        "password",
        &[": psk", ": eap", ": xauth", ": rsa ", ": ecdsa ", ": p12 ", ": pkcs12 ", ": ntlm"],
        r#"(?:^|\s):\s*(?:PSK|EAP|XAUTH|NTLM|(?:RSA|ECDSA|P12|PKCS8|PKCS12|BLISS)\s+\S+)\s+"?(?:0[sx])?(?<secret>[^"\s%]+(?: [^"\s]+)*)"#,
    ),
    (
        "password",
        &["incominguser", "outgoinguser"],
        r"^\s*(?:incoming|outgoing)user\s+\S+\s+<word>",
    ),
    ("key", &["(0x"], r"@\S+\s.*?\(0x(?<secret>[0-9a-f]{32,})\)"),
    ("password", &["ipmiopts"], r#"\bipmiopts="[^"]*?\bP:(?<secret>[^,"]+)"#),
    ("key", &["ipmiopts"], r#"\bipmiopts="[^"]*?\bK:(?:0x)?(?<secret>[^,"]+)"#),
    ("key", &[":0:"], r"\b[0-9a-f]{10}:0:[0-9a-f]{128}:(?<secret>[0-9a-f]{128})"),
    ("otp-seed", &["hotp"], r"\bHOTP(?:/\S+)?\s+\S+\s+\S+\s+(?<secret>[0-9a-fA-F]{20,})"),
    (
        "tls-secret",
        &["client_random ", "_traffic_secret", "exporter_secret", "early_secret"],
        r"^(?:CLIENT_RANDOM|[A-Z_]*_SECRET(?:_[0-9])?)\s+[0-9a-f]{64}\s+(?<secret>[0-9a-f]{64,})",
    ),
    (
        "xauth-cookie",
        &["magic-cookie-1", "xauth add"],
        r"(?:MAGIC-COOKIE-1\s+|\bxauth\s+add\s+\S+\s+\S+\s+)(?<secret>[0-9a-f]{32,})",
    ),
    // Databases and queues.
    (
        "redis-acl",
        &[
            "setuser ",
            "+@all",
            "-@all",
            "+@read",
            " on >",
            " on #",
            " off >",
            " off #",
            "resetchannels",
            " ~*",
        ],
        r"(?i)(?:^|\s)(?:set)?user\s+\S+\s.*?\s[>#](?<secret>\S+)",
    ),
    ("password", &["auth-pass"], r"^\s*sentinel\s+auth-pass\s+\S+\s+<word>"),
    ("secret", &["rename-command"], r"^\s*rename-command\s+\S+\s+<word>"),
    ("password", &["auth "], r"^AUTH\s+(?:\S+\s+)?(?<secret>[^\s]{3,})\s*$"),
    ("password", &["password "], r"^PASSWORD\s+\w+\s+=\s+<word>"),
    (
        "password",
        &[":ommysql:", ":ompgsql:"],
        r":om(?:my|pg)sql:[^,\s]+,[^,\s]+,[^,\s]+,(?<secret>[^\s;,]+)",
    ),
    ("dsn-password", &["@tcp(", "@unix("], r#"[^\s:"'=]+:(?<secret>[^\s"']+?)@(?:tcp|unix)\("#),
    ("dsn-password", &["jdbc:oracle:"], r"jdbc:oracle:[a-z0-9]+:[^/\s@]+/(?<secret>[^@\s]+)@"),
    ("url-password", &["smb://"], r"smb://[^\s:/@]+:(?<secret>[^@\s]+)@"),
    // Start-up and provisioning.
    ("grub-hash", &["grub.pbkdf2."], r"grub\.pbkdf2\.sha[0-9]+\.[0-9]+\.[0-9A-Fa-f.]{40,}"),
    (
        "password",
        &["rootpw", "sshpw"],
        r"^[#\s]*(?:rootpw|sshpw)\s+(?:--\S+\s+)*(?<secret>[^\s-]\S*)",
    ),
    (
        "password",
        &["d-i "],
        r"^\s*d-i\s+\S*(?:password|passphrase|_wep|_wpa|wireless_\w+)\S*\s+(?:password|string)\s+<rest>",
    ),
    // Tools.
    ("password", &["<master>"], r"<master>(?<secret>[^<]+)"),
    ("private-key", &["<tls>"], r"<tls>(?<secret>[A-Za-z0-9+/=]{64,})"),
    ("token", &["/t/"], r"/t/(?<secret>[a-z]{2}-[0-9a-f-]{36})/"),
    ("credential", &["bundle_"], r#"^\s*BUNDLE_\w+__\w+:\s*"?(?<secret>[^"\s/]+:[^"\s/]+)"#),
];

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    let rule = |&(id, anchors, pattern): &(&str, &[&str], &str)| {
        let pattern = pattern.replace("<word>", WORD).replace("<rest>", REST);
        let rule = Rule::pattern(id, anchors, &pattern)?;
        Ok(rule.valid(|value| !is_placeholder(value) && !is_mechanism(value)))
    };
    let mut rules: Vec<Rule> = DIRECTIVES.iter().map(rule).collect::<Result<_, RuleError>>()?;
    rules.push(Rule::block(
        "private-key",
        &["-----BEGIN OpenVPN", "-----END OpenVPN", "NKEY SEED", "$ANSIBLE_VAULT;"],
        r"-----BEGIN OpenVPN .{4,40}?-----|-----BEGIN [A-Z]+ NKEY SEED-+|\$ANSIBLE_VAULT;[0-9.]+;[A-Z0-9]+(?:;[^\s]+)?",
        r"-----END OpenVPN .{4,40}?-----|-----+END [A-Z]+ NKEY SEED-+",
    )?);
    Ok(rules)
}

/// What may stand in the place of a password in commands of protocols.
fn is_mechanism(value: &[u8]) -> bool {
    const NAMES: [&[u8]; 12] = [
        b"PLAIN",
        b"LOGIN",
        b"CRAM-MD5",
        b"GSSAPI",
        b"NTLM",
        b"XOAUTH2",
        b"OAUTHBEARER",
        b"TLS",
        b"SSL",
        b"EXTERNAL",
        b"*",
        b"!",
    ];
    NAMES.contains(&value)
}
