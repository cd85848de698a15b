//! What stands for a secret instead of being one: variables, masks, examples, words.

use super::key::strength;

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

/// Whether half of the characters of a long text are each the next of the alphabet, or of the digits,
/// behind the one before: `abc123xyz`, `1234567890ab`.
pub(super) fn is_consecutive(text: &[u8]) -> bool {
    let follows = |pair: &&[u8]| {
        let (before, after) = (pair[0].to_ascii_lowercase(), pair[1].to_ascii_lowercase());
        before.is_ascii_alphanumeric() && (before + 1 == after || before == b'9' && after == b'0')
    };
    text.len() >= 8 && text.windows(2).filter(follows).count() * 2 >= text.len() - 1
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
        || ends && plain && (name.contains(&b'_') || strength(name).is_some())
}

/// Whether a name of a variable is followed by more of a path, as in `dir/keys` and `section::key`.
fn is_relative(text: &[u8]) -> bool {
    let name = text.iter().take_while(|b| b.is_ascii_lowercase()).count();
    name > 0 && (text[name..].starts_with(b"/") || text[name..].starts_with(b"::"))
}
