//! Judges by a key whether its value is a secret.

use super::words::{HARMLESS_AFTER, HARMLESS_BEFORE, PASSWORDS, STRONG, WEAK};

/// How much a key alone says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strength {
    /// The value is a password, whatever it looks like.
    Password,
    /// The value is a secret unless it plainly is none.
    Strong,
    /// The value is a secret if it looks like one.
    Weak,
}

/// What a key says of its value; nothing if it says that the value is none.
pub(super) fn strength(key: &[u8]) -> Option<Strength> {
    let words = words(key);
    // The last word that names a secret decides, with what stands around it.
    let (at, strength) = (0..words.len()).rev().find_map(|at| Some((at, noun(&words[..=at])?)))?;
    let after = &words[at + 1..];
    let before = &words[..at];
    let about = |word: &str| HARMLESS_AFTER.contains(&word);
    let harmless =
        after.iter().any(|word| about(word) || word.strip_suffix('s').is_some_and(about))
            || before.iter().any(|word| HARMLESS_BEFORE.contains(&word.as_str()));
    (!harmless).then_some(strength)
}

/// What the last of these words names, perhaps together with those before it.
fn noun(words: &[String]) -> Option<Strength> {
    let last = words.last()?;
    let exact = |list: &[&str]| list.contains(&last.as_str());
    if matches!(last.as_str(), "pass" | "pw") || ends_with(last, PASSWORDS) {
        return Some(Strength::Password);
    }
    let before = words.len().checked_sub(2).map_or("", |at| words[at].as_str());
    let pair = format!("{before}{last}");
    if ends_with(last, STRONG) || STRONG.contains(&pair.as_str()) {
        return Some(Strength::Strong);
    }
    (exact(WEAK) || last.ends_with("key") || last.ends_with("auth") || last.ends_with("sessid"))
        .then_some(Strength::Weak)
}

fn ends_with(word: &str, nouns: &[&str]) -> bool {
    nouns.iter().any(|noun| word.ends_with(noun))
}

/// The words of a key in lower case: cut at separators, before capitals, and without digits at their
/// ends. Where the capitals make no words, as in `accessKEy`, they are ignored.
fn words(key: &[u8]) -> Vec<String> {
    let mut words = Vec::new();
    for part in key.split(|byte| !byte.is_ascii_alphanumeric()) {
        let lower = String::from_utf8_lossy(part).to_ascii_lowercase();
        let trimmed = lower.trim_end_matches(|c: char| c.is_ascii_digit());
        if ends_with(trimmed, PASSWORDS) || ends_with(trimmed, STRONG) {
            words.push(trimmed.to_owned());
            continue;
        }
        let mut start = 0;
        for at in 1..=part.len() {
            if at == part.len() || is_border(part, at) {
                let word = lower[start..at].trim_end_matches(|c: char| c.is_ascii_digit());
                if !word.is_empty() {
                    words.push(word.to_owned());
                }
                start = at;
            }
        }
    }
    words
}

/// Whether a word begins at `at`: `dbPassword`, `AWSSecret`.
fn is_border(part: &[u8], at: usize) -> bool {
    let next_is_lower = part.get(at + 1).is_some_and(u8::is_ascii_lowercase);
    part[at].is_ascii_uppercase() && (!part[at - 1].is_ascii_uppercase() || next_is_lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(key: &str) -> Option<Strength> {
        strength(key.as_bytes())
    }

    #[test]
    fn keys_of_secrets_are_known_however_they_are_written() {
        for key in [
            "password",
            "DB_PASS",
            "dbPassword",
            "rootpw_22",
            "spring.datasource.password",
            "userpass_18",
            "PGPASSWORD",
        ] {
            assert_eq!(of(key), Some(Strength::Password), "{key}");
        }
        for key in [
            "api_key",
            "apiKey",
            "X-Api-Key",
            "accessKEy",
            "aws_secret_access_key",
            "admin_token",
            "CLIENT_SECRET",
            "access.token",
            "SecretAccessKey",
        ] {
            assert_eq!(of(key), Some(Strength::Strong), "{key}");
        }
        assert_eq!(of("bscscan-key"), Some(Strength::Weak));
    }

    #[test]
    fn keys_about_secrets_are_none() {
        for key in [
            "password_file",
            "passwordFile",
            "PasswordAuthentication",
            "token_ttl",
            "secretName",
            "max_tokens",
            "public_key",
            "password-policy",
            "token_type",
            "keyword",
            "monkeys",
            "compass",
            "passed",
            "hostkey_algorithms",
        ] {
            assert_eq!(of(key), None, "{key}");
        }
    }
}
