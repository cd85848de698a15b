//! Judges by a value whether it is a secret.

use super::{
    key::Strength,
    reference::{is_expression, is_reference},
    speech::is_label,
};
pub(super) use super::{
    placeholder::{is_consecutive, is_placeholder},
    random::{different, is_generated, is_random},
    reference::is_path,
};

/// Longer values are no longer looked at: nothing harmless is so long.
pub(super) const LOOKED_AT: usize = 4096;

/// Whether the value of a key of this strength is to be removed.
pub(super) fn is_secret(value: &[u8], strength: Strength, quoted: bool) -> bool {
    if value.len() > LOOKED_AT {
        return true;
    }
    // Most are none, and this is seen at once.
    if strength == Strength::Weak && !is_generated(value) {
        return false;
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
        Strength::Strong | Strength::Weak if is_consecutive(value) => false,
        Strength::Strong if digits || is_quantity(value) => value.len() >= 12,
        Strength::Strong => {
            value.len() >= 5 && !is_plain_word(value, quoted) && !is_compound(value)
        }
        Strength::Weak => !is_compound(value) && !is_named(value),
    }
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
