//! What says where a secret is instead of being one: names, paths and code.

use super::key::strength;

/// Starts of values that say where the secret is.
const REFERENCES: &[&[u8]] = &[
    b"arn:",
    b"op://",
    b"vault:",
    b"secretsmanager:",
    b"ssm:",
    b"awssm:",
    b"gcpsm:",
    b"azurekv:",
    b"kv/",
    b"secret/",
    b"env:",
    b"env.",
    b"ref+",
    b"secretref:",
    b"secret://",
    b"keyring:",
    b"sha1:",
    b"sha256:",
    b"sha384:",
    b"sha512:",
    b"sha256-",
    b"sha384-",
    b"sha512-",
    b"classpath:",
    b"exec:",
    b"cmd:",
    b"fd:",
    b"pkcs11:",
    b"projects/",
    b"unix:",
    b"#{",
    b"age1",
    b"ssh-rsa ",
    b"ssh-ed25519 ",
    b"ecdsa-",
    b"keychain:",
    b"bao:",
    b"conjur:",
    b"doppler:",
    b"cert:",
    b"SHA256:",
    b"&str",
    b"data:",
];

/// Whether the value says where the secret is, or is a digest of something.
pub(super) fn is_reference(value: &[u8]) -> bool {
    if REFERENCES.iter().any(|start| value.starts_with(start)) {
        return true;
    }
    let scheme =
        value.iter().take_while(|b| b.is_ascii_alphanumeric() || b"+.-".contains(b)).count();
    if scheme >= 2 && value[scheme..].starts_with(b"://") {
        return true;
    }
    // A name such as `db_password`, in capitals or not.
    let one_case =
        !value.iter().any(u8::is_ascii_uppercase) || !value.iter().any(u8::is_ascii_lowercase);
    let name = value.iter().all(|b| b.is_ascii_alphabetic() || b"_-".contains(b));
    let cut = value.iter().rposition(|b| b"_-".contains(b));
    one_case
        && name
        && cut.is_some_and(|at| {
            let last = value[at + 1..].to_ascii_lowercase();
            NOUNS.iter().any(|noun| noun.as_bytes() == last)
        })
}

/// What names of secrets end with.
const NOUNS: &[&str] = &[
    "password",
    "passwd",
    "pass",
    "pwd",
    "pw",
    "secret",
    "token",
    "key",
    "passphrase",
    "credentials",
    "credential",
    "cred",
    "creds",
    "psk",
    "auth",
    "salt",
    "cookie",
    "secrets",
    "tokens",
    "keys",
];

/// Folders that paths begin with (hier(7)).
const ROOTS: &[&[u8]] = &[
    b"/var/", b"/etc/", b"/run/", b"/usr/", b"/home/", b"/srv/", b"/opt/", b"/tmp/", b"/dev/",
    b"/root/", b"/mnt/", b"/proc/", b"/sys/", b"/lib/",
];

/// Whether the value is the name of a file or a URL.
pub(super) fn is_path(value: &[u8]) -> bool {
    let starts = |prefix: &[u8]| value.starts_with(prefix);
    if starts(b"./") || starts(b"~/") || starts(b"file:") || starts(b"../") {
        return true;
    }
    if starts(b"http://") || starts(b"https://") {
        return true;
    }
    if value.len() > 3 && value[1] == b':' && value[2] == b'\\' {
        return true;
    }
    if ROOTS.iter().any(|root| value.starts_with(root)) {
        return true;
    }
    let name = |part: &[u8]| {
        !part.is_empty()
            && part.len() < 40
            && !part.iter().any(u8::is_ascii_uppercase)
            && part.iter().filter(|b| b.is_ascii_digit()).count() * 3 <= part.len()
    };
    starts(b"/") && value.len() > 1 && value[1..].trim_ascii_end().split(|&b| b == b'/').all(name)
}

/// Whether bare text is code that gets a value, such as `config.password` or `read_token()`.
pub(super) fn is_expression(value: &[u8]) -> bool {
    let opens = value.iter().position(|&b| b"({[<;?".contains(&b));
    let name = |part: &[u8]| {
        let digits = part.iter().filter(|b| b.is_ascii_digit()).count();
        part.first().is_some_and(|b| b.is_ascii_alphabetic() || b"_$@&*".contains(b))
            && digits * 4 <= part.len()
            && part[1..].iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
    };
    let head = &value[..opens.unwrap_or(value.len())];
    let head = head.strip_suffix(b"!").unwrap_or(head);
    let scopes: Vec<&[u8]> =
        head.split(|&b| b == b'.' || b == b':').filter(|part| !part.is_empty()).collect();
    let is_names = !scopes.is_empty() && scopes.iter().all(|part| name(part));
    let about = |part: &&[u8]| {
        let lower = String::from_utf8_lossy(part).to_ascii_lowercase();
        OBJECTS.contains(&lower.as_str()) || strength(part).is_some()
    };
    let lower = !head.iter().any(u8::is_ascii_uppercase);
    let dots = scopes.len() >= 2
        && value.len() < 80
        && (scopes.iter().any(about) && head.contains(&b'.')
            || scopes.len() >= 3 && lower
            || head.windows(2).any(|w| w == b"::"));
    let call = opens.is_some_and(|at| match value[at] {
        b'(' => at >= 2,
        b'?' => value.get(at + 1) == Some(&b'.'),
        b';' => false,
        _ => at >= 2 || scopes.iter().any(about),
    });
    is_names && (call || dots) || value.windows(5).any(|w| w == b".env." || w == b"envir")
}

/// What code takes values from.
const OBJECTS: &[&str] = &[
    "self",
    "this",
    "config",
    "cfg",
    "conf",
    "settings",
    "options",
    "opts",
    "os",
    "process",
    "env",
    "environ",
    "req",
    "request",
    "args",
    "params",
    "var",
    "vars",
    "local",
    "locals",
    "module",
    "each",
    "form",
    "ctx",
    "context",
    "app",
    "creds",
    "props",
    "state",
    "session",
    "body",
    "payload",
    "result",
    "system",
    "values",
    "input",
    "inputs",
    "event",
    "std",
    "com",
    "org",
    "io",
    "net",
    "java",
    "user",
    "account",
    "connection",
    "conn",
    "client",
    "server",
    "db",
    "database",
    "rails",
    "spring",
    "string",
    "data",
    "hiera",
    "lookup",
    "node",
    "facts",
    "inventory",
    "hostvars",
    "item",
    "row",
    "record",
];
