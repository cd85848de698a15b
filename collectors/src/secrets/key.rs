//! Judges by a key whether its value is a secret.

use super::words::{
    HARMLESS_AFTER, HARMLESS_BEFORE, HASHES, NO_PASSWORDS, NO_SECRET_KEYS, PASSWORDS, STRONG, WEAK,
};
use std::{cell::RefCell, collections::HashMap};

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

/// So many keys are remembered: a log has the same few in every line.
const REMEMBERED: usize = 1000;

/// Longer keys are not.
const LONGEST: usize = 64;

thread_local! {
    static KNOWN: RefCell<HashMap<Vec<u8>, Option<Strength>>> = RefCell::default();
}

/// What a key says of its value; nothing if it says that the value is none.
pub(super) fn strength(key: &[u8]) -> Option<Strength> {
    if key.len() > LONGEST {
        return judged(key);
    }
    KNOWN.with_borrow_mut(|known| {
        if let Some(strength) = known.get(key) {
            return *strength;
        }
        if known.len() == REMEMBERED {
            known.clear();
        }
        let strength = judged(key);
        known.insert(key.to_vec(), strength);
        strength
    })
}

fn judged(key: &[u8]) -> Option<Strength> {
    let words = words(key);
    // The last word that names a secret decides, with what stands around it.
    let (at, strength) = (0..words.len()).rev().find_map(|at| Some((at, noun(&words[..=at])?)))?;
    let about = |word: &str| {
        HARMLESS_AFTER.have(word)
            || word.strip_suffix('s').is_some_and(|one| HARMLESS_AFTER.have(one))
    };
    let after = &words[at + 1..];
    if after.iter().any(|word| about(&word.text)) {
        return None;
    }
    // What another part of a long key says, as in `show.db.password`, has nothing to do with it.
    let before = || words[..at].iter().filter(|word| word.part == words[at].part);
    let is_key = words[at].text.ends_with("key") || words[at].text.ends_with("keys");
    if before()
        .any(|word| HARMLESS_BEFORE.have(&word.text) || is_key && NO_SECRET_KEYS.have(&word.text))
    {
        return None;
    }
    let hash = after.iter().any(|word| HASHES.have(&word.text));
    Some(if hash { Strength::Weak } else { strength })
}

/// Whether a key is a name for several secrets: `passwords`, `tokens`.
pub(super) fn is_plural(key: &[u8]) -> bool {
    words(key).last().is_some_and(|word| {
        word.text.ends_with('s') && noun(std::slice::from_ref(word)).is_some()
            || matches!(word.text.as_str(), "bearer" | "oauth" | "auths")
    })
}

/// What the last of these words names, perhaps together with those before it.
fn noun(words: &[Word]) -> Option<Strength> {
    let last = words.last()?.text.as_str();
    if NO_PASSWORDS.have(last) || last.ends_with("bypass") {
        return None;
    }
    let short = last.len() <= 12 && (last.ends_with("pass") || last.ends_with("pw"));
    if short || ends_with(last, PASSWORDS) {
        return Some(Strength::Password);
    }
    let before = words.len().checked_sub(2).map_or("", |at| words[at].text.as_str());
    let pair = format!("{before}{last}");
    let secret_key =
        last == "key" && words[..words.len() - 1].iter().any(|word| word.text == "secret");
    if secret_key || ends_with(last, STRONG) || STRONG.contains(&pair.as_str()) {
        return Some(Strength::Strong);
    }
    // Of a password, it says how that is used.
    let authentication = last == "authentication"
        && words.len() > 1
        && (1..words.len()).all(|end| noun(&words[..end]).is_none());
    (authentication
        || WEAK.have(last)
        || last.ends_with("key")
        || last.ends_with("auth")
        || last.ends_with("sessid")
        || last.ends_with("secrets")
        || last.ends_with("salt")
        || last.ends_with("cookie"))
    .then_some(Strength::Weak)
}

fn ends_with(word: &str, nouns: &[&str]) -> bool {
    nouns.iter().any(|noun| word.ends_with(noun))
}

/// A word of a key.
#[derive(Debug)]
struct Word {
    text: String,
    /// Which part between dots and the like it is in.
    part: usize,
}

/// The words of a key in lower case: cut at separators, before capitals, and without digits at their
/// ends. Where the capitals make no words, as in `accessKEy`, they are ignored.
fn words(key: &[u8]) -> Vec<Word> {
    let mut words = Vec::new();
    let mut number = 0;
    let mut end = 0;
    for part in key.split(|byte| !byte.is_ascii_alphanumeric()) {
        number += usize::from(end > 0 && b"./:".contains(&key[end - 1]));
        end += part.len() + 1;
        let lower = String::from_utf8_lossy(part).to_ascii_lowercase();
        let trimmed = lower.trim_end_matches(|c: char| c.is_ascii_digit());
        let mut push = |text: &str| {
            if !text.is_empty() {
                words.push(Word { text: text.to_owned(), part: number });
            }
        };
        if HASHES.have(&lower) {
            push(&lower);
            continue;
        }
        if ends_with(trimmed, PASSWORDS) || ends_with(trimmed, STRONG) {
            // `showPassword` is two words, `dbpassword` one.
            let capital = (1..part.len()).find(|&at| is_border(part, at));
            if let Some(at) = capital
                && HARMLESS_BEFORE.have(&lower[..at])
            {
                push(&lower[..at]);
            }
            push(trimmed);
            continue;
        }
        let mut start = 0;
        for at in 1..=part.len() {
            if at == part.len() || is_border(part, at) {
                let word = lower[start..at].trim_end_matches(|c: char| c.is_ascii_digit());
                match compound(word) {
                    Some(border) => {
                        push(&word[..border]);
                        push(&word[border..]);
                    }
                    None => push(word),
                }
                start = at;
            }
        }
    }
    words
}

/// Where a word written as one ends that names a secret, as in `passwordfile`, if the rest says what
/// of it is meant.
fn compound(word: &str) -> Option<usize> {
    (4..word.len().saturating_sub(1)).rev().find(|&at| {
        let (noun, rest) = word.split_at(at);
        (ends_with(noun, PASSWORDS) || ends_with(noun, STRONG) || noun == "pass")
            && (HARMLESS_AFTER.have(rest) || HASHES.have(rest) || WEAK.have(rest))
    })
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
        for key in ["bscscan-key", "kerberos_authentication"] {
            assert_eq!(of(key), Some(Strength::Weak), "{key}");
        }
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
            "IFLA_LOCALBYPASS",
        ] {
            assert_eq!(of(key), None, "{key}");
        }
    }
}
