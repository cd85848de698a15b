//! Judges by a value whether it is a secret.

pub(super) use super::random::{different, is_generated, is_random};
use super::{key::Strength, speech::is_label};

/// Longer values are no longer looked at: nothing harmless is so long.
pub(super) const LOOKED_AT: usize = 4096;

/// What stands where a secret might.
const PLACEHOLDERS: &[&str] = &[
    // What PAM calls the change of a password: `(passwd:chauthtok)`.
    "chauthtok",
    "null",
    "none",
    "nil",
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "empty",
    "undefined",
    "unset",
    "default",
    "required",
    "optional",
    "unknown",
    "invalid",
    "incorrect",
    "expired",
    "missing",
    "auto",
    "disabled",
    "enabled",
    "prompt",
    "ask",
    "stdin",
    "string",
    "str",
    "text",
    "password",
    "passwd",
    "secret",
    "token",
    "redacted",
    "hidden",
    "masked",
    "removed",
    "changed",
    "object",
    "array",
    "bytes",
    "int",
    "integer",
    "bool",
    "boolean",
    "char",
    "var",
    "files",
    "prohibit-password",
    "without-password",
    "set",
    "not",
    "is",
    "was",
    "for",
    "has",
    "must",
    "cannot",
    "can",
    "to",
    "from",
    "and",
    "or",
    "the",
    "in",
    "of",
    "by",
    "n/a",
    "withheld",
    "failed",
    "failure",
    "accepted",
    "rejected",
    "success",
    "authentication",
    "expected",
    "unexpected",
    "compat",
    "sss",
    "systemd",
    "ldap",
    "pam",
    "self",
    "this",
    "sufficient",
    "requisite",
    "changeme",
    "change-me",
    "change_me",
    "changeit",
    "replaceme",
    "replace_me",
    "replace-me",
    "todo",
    "tbd",
    "admin",
    "root",
    "test",
    "guest",
    "public",
    "private",
    "user",
    "username",
    "passphrase",
    "passwort",
    "kennwort",
    "key",
    "filtered",
    "random",
    "generated",
    "external",
    "vault",
    "file",
    "env",
    "md5",
    "sha1",
    "sha256",
    "sha512",
    "bcrypt",
    "scrypt",
    "argon2",
    "argon2id",
    "pbkdf2",
    "yescrypt",
    "plain",
    "plaintext",
    "basic",
    "digest",
    "psk",
    "wpa-psk",
    "off-session",
    "confirm",
    "always",
    "never",
    "if_specified",
    "on_create",
    "nopass",
    "nopassword",
    "foobared",
    "await",
    "new",
    "u8",
    "u32",
    "u64",
    "uuid",
    "val",
    "arg",
    "pass",
    "passwords",
    "value",
    "all",
    "any",
    "done",
    "exit",
    "peer",
    "trust",
    "header",
    "query",
    "cookie",
    "body",
    "form",
    // Architectures behind the names of packages: `libsecret-1-0:amd64` (dpkg-architecture(1)).
    "amd64",
    "arm64",
    "armhf",
    "armel",
    "i386",
    "ppc64el",
    "riscv64",
    "s390x",
];

/// Whether the value of a key of this strength is to be removed.
pub(super) fn is_secret(value: &[u8], strength: Strength, quoted: bool) -> bool {
    if value.len() > LOOKED_AT {
        return true;
    }
    if is_placeholder(value)
        || is_path(value) && !(strength == Strength::Password && quoted && value[0] != b'/')
        || !quoted && is_expression(value)
        || is_reference(value)
        || is_version(value)
        || is_date(value)
        || is_object(value)
        || value.ends_with(b" bytes") && value[0].is_ascii_digit()
        || is_label(value)
    {
        return false;
    }
    let digits = value.iter().all(|b| b.is_ascii_digit() || *b == b'.' || *b == b'-');
    match strength {
        Strength::Password => value.len() >= 3,
        Strength::Strong | Strength::Weak if value.len() >= 8 && different(value) == 1 => false,
        Strength::Strong if digits || is_quantity(value) => value.len() >= 12,
        Strength::Strong => {
            value.len() >= 5 && !is_plain_word(value, quoted) && !is_compound(value)
        }
        Strength::Weak => is_generated(value) && !is_compound(value) && !is_named(value),
    }
}

/// Whether the value names a service as macOS and Java do: `com.example.printing.activity`.
fn is_reversed_domain(value: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_lowercase() || b".-".contains(b);
    [&b"com."[..], b"org.", b"net.", b"io."].iter().any(|top| value.starts_with(top))
        && memchr::memchr_iter(b'.', value).count() >= 2
        && {
            // A number says which of its things, in a path of its own.
            let value = value.strip_suffix(b":").unwrap_or(value);
            let slash = value.iter().position(|&b| b == b'/').unwrap_or(value.len());
            let number = value.get(slash + 1..).unwrap_or_default();
            value[..slash].iter().all(plain) && number.iter().all(u8::is_ascii_digit)
        }
}

/// Whether the text stands for a value instead of being one.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let trimmed = value.trim_ascii();
    let Some(&first) = trimmed.first() else {
        return true;
    };
    let cut = trimmed.iter().rposition(|b| !b",;:!)".contains(b)).map_or(0, |last| last + 1);
    let lower = trimmed[..cut].to_ascii_lowercase();
    let last = trimmed[trimmed.len() - 1];
    let ends = |end: &[u8]| trimmed.ends_with(end);
    let is_variable = |name: &[u8]| {
        !name.is_empty()
            && name.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_')
    };
    PLACEHOLDERS.iter().any(|known| known.as_bytes() == lower)
        || is_reversed_domain(trimmed)
        || trimmed.starts_with(b"${")
        || trimmed.starts_with(b"$(")
        || trimmed.starts_with(b"{{")
        || trimmed.starts_with(b"#{")
        || trimmed.starts_with(b"[redacted")
        || trimmed.starts_with(b"[REDACTED")
        || trimmed.starts_with(b"%(")
        || trimmed.starts_with(b"%{")
        || trimmed.starts_with(b"<%")
        || trimmed.starts_with(b"$$") && !trimmed[2..].contains(&b'$')
        || trimmed.starts_with(b"$__")
        || trimmed.starts_with(b"@/") && trimmed.len() > 3
        || first == b'@' && last == b'@' && trimmed.len() > 2
        || first == b'[' && last == b']' && trimmed[1..].iter().all(|b| b.is_ascii_uppercase() || b"]_- ".contains(b))
        || lower.starts_with(b"your") && lower.get(4).is_some_and(|b| b" _-".contains(b))
        || lower.starts_with(b"put your ") || lower.starts_with(b"enter ") || lower.starts_with(b"insert ")
        || ends(b"_here") || ends(b"-here") || ends(b" here")
        || lower.starts_with(b"not_logging") || lower.starts_with(b"(hidden") || lower.starts_with(b"<hidden")
        || lower.starts_with(b"process.env") || lower.starts_with(b"os.environ")
        || first == b'$' && is_variable(&trimmed[1..])
        || first == b'%' && trimmed.len() <= 2
        || first == b'%' && last == b'%'
        || first == b'<' && (trimmed.contains(&b'>') || trimmed.starts_with(b"<<"))
        // A tag of markup, which ends where a quote of an attribute begins: `<item name=`.
        || first == b'<' && ends(b"=") && trimmed.contains(&b' ')
        || first == b'{' && trimmed.len() == 1
        || first == b'[' && trimmed.len() <= 2
        || first == b'('
        || first == b'$' && (is_relative(&trimmed[1..]) || is_parameter(&trimmed[1..]))
        || is_example(&lower)
        // Masks: `****`, `xxxx`, `....`, `--`.
        || b"*xX.-#_?".contains(&first) && trimmed.iter().filter(|&&b| b != first).count() == 0
        || trimmed.iter().all(|b| !b.is_ascii_alphanumeric()) && trimmed.len() < 6
        || trimmed.windows(3).any(|part| part == b"***")
        || trimmed.windows(8).any(|part| part == b"########")
}

/// Whether the value says that it is an example, and is no password that has the word in it.
fn is_example(lower: &[u8]) -> bool {
    lower.windows(7).any(|part| part == b"example")
        && lower.iter().filter(|b| b.is_ascii_digit()).count() < 4
}

/// What scripts call the variables that they look something up with.
const PARAMETERS: &[&[u8]] =
    &[b"user", b"username", b"login", b"name", b"host", b"file", b"dir", b"line", b"value", b"uid"];

/// Whether the text is the name of a variable that holds a secret: `password`, `http_x_token`.
fn is_parameter(text: &[u8]) -> bool {
    let len = text.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    let (name, rest) = text.split_at(len);
    let ends = rest.is_empty() || matches!(rest[0], b';' | b')' | b',' | b'[' | b'"' | b'\'');
    let plain = !name.iter().any(u8::is_ascii_digit);
    rest.starts_with(b":$")
        || rest.starts_with(b"->") && !name.is_empty()
        || ends && plain && PARAMETERS.contains(&name)
        || ends && plain && (name.contains(&b'_') || super::key::strength(name).is_some())
}

/// Whether the value begins like a date (ISO 8601).
fn is_date(value: &[u8]) -> bool {
    value.len() >= 10
        && value[..4].iter().all(u8::is_ascii_digit)
        && value[4] == b'-'
        && value[5..7].iter().all(u8::is_ascii_digit)
        && value[7] == b'-'
}

/// Whether the value is an object as Java shows it: `android.os.Binder@7d0f4a1`.
fn is_object(value: &[u8]) -> bool {
    let at = value.iter().position(|&b| b == b'@').filter(|at| *at > 4);
    at.is_some_and(|at| {
        value[..at].contains(&b'.')
            && value[..at].iter().all(|b| b.is_ascii_alphanumeric() || b"._$".contains(b))
            && value[at + 1..].iter().all(u8::is_ascii_hexdigit)
            && value.len() > at + 4
    })
}

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
fn is_reference(value: &[u8]) -> bool {
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

/// Whether the value is a version, or a range of versions.
fn is_version(value: &[u8]) -> bool {
    let number = value.iter().skip_while(|b| b"^~<>=v".contains(b)).collect::<Vec<_>>();
    number.contains(&&b'.')
        && number.len() < 16
        && number.iter().all(|b| b.is_ascii_digit() || **b == b'.')
}

/// Whether the value has names and values of its own within, such as a connection string: what of
/// it is a secret is found by these names.
fn is_compound(value: &[u8]) -> bool {
    let sign = |at: usize| {
        value[at] == b'='
            && at > 0
            && value[at - 1].is_ascii_alphanumeric()
            && value.get(at + 1).is_some_and(|b| !b"= \"'".contains(b))
    };
    let signs = (0..value.len().min(256)).filter(|&at| sign(at)).count();
    let separators = value.iter().any(|b| b";& ,".contains(b));
    signs > 0 && separators || value.starts_with(b"{") && value.contains(&b':')
}

/// Whether words stand before what looks generated, as in `cargo-linux-4f2a…`.
fn is_named(value: &[u8]) -> bool {
    let Some(dash) = value.iter().position(|&b| b == b'-' || b == b':') else {
        return false;
    };
    let word = &value[..dash];
    word.len() >= 4
        && word.iter().all(u8::is_ascii_alphabetic)
        && !word[1..].iter().any(u8::is_ascii_uppercase)
        && !value[dash..].starts_with(b"-----")
}

/// Whether a name of a variable is followed by more of a path, as in `dir/keys` and `section::key`.
fn is_relative(text: &[u8]) -> bool {
    let name = text.iter().take_while(|b| b.is_ascii_lowercase()).count();
    name > 0 && (text[name..].starts_with(b"/") || text[name..].starts_with(b"::"))
}

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
fn is_expression(value: &[u8]) -> bool {
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
        OBJECTS.contains(&lower.as_str()) || super::key::strength(part).is_some()
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

/// Whether the value is a number with a unit, such as `30s` or `64kB`.
fn is_quantity(value: &[u8]) -> bool {
    let digits = value.iter().take_while(|b| b.is_ascii_digit()).count();
    digits > 0 && value.len() - digits <= 3 && value[digits..].iter().all(u8::is_ascii_alphabetic)
}

/// Whether the value is one word or name of a human language, without a digit.
fn is_plain_word(value: &[u8], quoted: bool) -> bool {
    let inner = value.get(1..).unwrap_or_default();
    let letters = value.iter().all(|b| b.is_ascii_alphabetic() || (b"-_.:".contains(b) && !quoted));
    letters && value.len() < 20 && !inner.iter().any(u8::is_ascii_uppercase)
}

/// Whether a word in a sentence looks like a password rather than like a word of the sentence.
pub(super) fn is_password_like(word: &[u8]) -> bool {
    let has = |of: fn(&u8) -> bool| word.iter().any(of);
    let letters = has(u8::is_ascii_alphabetic);
    let digits = word.iter().filter(|b| b.is_ascii_digit()).count();
    let capitals = word.iter().skip(1).any(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    word.len() >= 6
        && letters
        && (digits >= 1 || capitals && word.len() >= 10)
        && !word.iter().any(|b| b"=:,[](){}<>\\".contains(b))
        && !is_path(word)
        && !is_placeholder(word)
        && !is_quantity(word)
        && word[0] != b'/'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_a_secret_is_none() {
        for value in [
            "null",
            "${DB_PASSWORD}",
            "<password>",
            "****",
            "[redacted:password]",
            "$PASSWORD",
            "{{ vault }}",
            "/etc/app/key.pem",
            "config.password",
            "get_password()",
            "",
        ] {
            assert!(!is_secret(value.as_bytes(), Strength::Password, false), "{value}");
        }
        for value in ["hunter2", "correct-horse", "$ecret", "12345678", "/x9+Qa=="] {
            assert!(is_secret(value.as_bytes(), Strength::Password, false), "{value}");
        }
    }

    #[test]
    fn durations_and_ports_are_no_tokens() {
        for value in ["3600", "30s", "8080", "identifier", "1.5"] {
            assert!(!is_secret(value.as_bytes(), Strength::Strong, false), "{value}");
        }
    }
}
