//! Judges by a value whether it is a secret.

use super::key::Strength;

/// Longer values are no longer looked at: nothing harmless is so long.
pub(super) const LOOKED_AT: usize = 4096;

/// What stands where a secret might.
const PLACEHOLDERS: &[&str] = &[
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
];

/// Whether the value of a key of this strength is to be removed.
pub(super) fn is_secret(value: &[u8], strength: Strength, quoted: bool) -> bool {
    if value.len() > LOOKED_AT {
        return true;
    }
    if is_placeholder(value) || is_path(value) || (!quoted && is_expression(value)) {
        return false;
    }
    let digits = value.iter().all(|b| b.is_ascii_digit() || *b == b'.' || *b == b'-');
    match strength {
        Strength::Password => value.len() >= 3,
        Strength::Strong if digits || is_quantity(value) => value.len() >= 12,
        Strength::Strong => value.len() >= 5 && !is_plain_word(value, quoted),
        Strength::Weak => is_random(value, 16),
    }
}

/// Whether the text stands for a value instead of being one.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let trimmed = value.trim_ascii();
    let Some(&first) = trimmed.first() else {
        return true;
    };
    let lower = trimmed.to_ascii_lowercase();
    let last = trimmed[trimmed.len() - 1];
    let is_variable = |name: &[u8]| {
        !name.is_empty()
            && name.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_')
    };
    PLACEHOLDERS.iter().any(|known| known.as_bytes() == lower)
        || trimmed.starts_with(b"${")
        || trimmed.starts_with(b"$(")
        || trimmed.starts_with(b"{{")
        || trimmed.starts_with(b"#{")
        || trimmed.starts_with(b"[redacted")
        || trimmed.starts_with(b"[REDACTED")
        || trimmed.starts_with(b"%(")
        || first == b'$' && is_variable(&trimmed[1..])
        || first == b'%' && trimmed.len() <= 2
        || first == b'%' && last == b'%'
        || first == b'<' && last == b'>'
        || first == b'{' && trimmed.len() == 1
        || first == b'[' && trimmed.len() <= 2
        || first == b'('
        || first == b'$' && is_relative(&trimmed[1..])
        || lower.windows(7).any(|part| part == b"example")
        // Masks: `****`, `xxxx`, `....`, `--`.
        || b"*xX.-#_?".contains(&first) && trimmed.iter().filter(|&&b| b != first).count() == 0
        || trimmed.iter().all(|b| !b.is_ascii_alphanumeric()) && trimmed.len() < 6
        || trimmed.windows(3).any(|part| part == b"***")
}

/// Whether a name of a variable is followed by more of a path, as in `dir/keys` and `section::key`.
fn is_relative(text: &[u8]) -> bool {
    let name = text.iter().take_while(|b| b.is_ascii_lowercase()).count();
    name > 0 && (text[name..].starts_with(b"/") || text[name..].starts_with(b"::"))
}

/// Whether the value is the name of a file or a URL.
fn is_path(value: &[u8]) -> bool {
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
    let opens = value.iter().position(|&b| b == b'(' || b == b'{');
    let name = |part: &[u8]| {
        !part.is_empty() && part.iter().all(|b| b.is_ascii_alphabetic() || *b == b'_')
    };
    let head = &value[..opens.unwrap_or(value.len())];
    let is_names = head.split(|&b| b == b'.').all(name);
    let dots = head.contains(&b'.') && value.len() < 64;
    is_names && (opens.is_some() || dots)
        || value.windows(5).any(|w| w == b".env." || w == b"envir")
}

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

/// Whether the value looks as if it was made by a generator: long, of one piece, of letters and
/// digits in disorder.
pub(super) fn is_random(value: &[u8], least: usize) -> bool {
    let count = |of: fn(&u8) -> bool| value.iter().filter(|b| of(b)).count();
    let (letters, digits) = (count(u8::is_ascii_alphabetic), count(u8::is_ascii_digit));
    let pieces = value
        .split(|b| !b.is_ascii_alphanumeric() && !b"+/=".contains(b))
        .map(<[u8]>::len)
        .max()
        .unwrap_or(0);
    let changes = value
        .windows(2)
        .filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit())
        .count();
    (least..=LOOKED_AT).contains(&value.len())
        && value.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=_-.~%".contains(b))
        && letters >= 3
        && digits >= 3
        && pieces >= least.min(12)
        && changes >= 3
        && !is_path(value)
        // Addresses and counters.
        && !value.starts_with(b"0x")
}

/// How many different bytes there are in a value: few in a mask, as in `xxxx-xxxx`.
pub(super) fn different(value: &[u8]) -> usize {
    let mut seen = [false; 256];
    for byte in value {
        seen[usize::from(*byte)] = true;
    }
    seen.iter().filter(|seen| **seen).count()
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
