//! For whom a bundle is encrypted.

use std::str::FromStr;
use thiserror::Error;

/// Someone who can open a bundle: an age X25519 key or an SSH key.
#[derive(Clone)]
pub struct Recipient(Kind);

#[derive(Clone)]
enum Kind {
    X25519(age::x25519::Recipient),
    Ssh(age::ssh::Recipient),
}

/// A text is no recipient.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{shown}` is no recipient: {reason}")]
pub struct RecipientError {
    /// The beginning of the text: if it is a private key by mistake, it must not be shown.
    shown: String,
    reason: &'static str,
}

/// How much of a wrong recipient is shown.
const SHOWN: usize = 12;

impl FromStr for Recipient {
    type Err = RecipientError;

    fn from_str(text: &str) -> Result<Self, RecipientError> {
        let text = text.trim();
        let wrong = |reason| {
            let shown: String = text.chars().take(SHOWN).collect();
            let dots = if shown.len() < text.len() { "…" } else { "" };
            RecipientError { shown: shown + dots, reason }
        };
        if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
            let reason = "it is a private key; give the public one that `age-keygen -y` prints, and \
                          make a new key, because this one is no longer secret";
            return Err(RecipientError { shown: "AGE-SECRET-KEY-…".into(), reason });
        }
        if text.starts_with("ssh-") || text.starts_with("ecdsa-") {
            let parsed = text.parse().map(|key| Self(Kind::Ssh(key)));
            return parsed.map_err(|_| {
                wrong("of the SSH keys, age takes `ssh-ed25519 …` and `ssh-rsa …`, whole and unchanged")
            });
        }
        let parsed = text.parse().map(|key| Self(Kind::X25519(key)));
        parsed.map_err(|_| wrong("write `age1…`, `ssh-ed25519 …` or `ssh-rsa …`"))
    }
}

impl Recipient {
    pub(crate) fn as_age(&self) -> &dyn age::Recipient {
        match &self.0 {
            Kind::X25519(key) => key,
            Kind::Ssh(key) => key,
        }
    }
}

impl From<age::x25519::Recipient> for Recipient {
    fn from(key: age::x25519::Recipient) -> Self {
        Self(Kind::X25519(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_given_by_mistake_is_not_shown() {
        let key = "AGE-SECRET-KEY-1QQPQQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNZS23V9CCRYDPK8QARC0S28PMADE";
        let error = key.parse::<Recipient>().err().unwrap().to_string();
        assert!(error.contains("private key") && !error.contains("QQPQQQSY"), "{error}");
    }

    #[test]
    fn a_wrong_recipient_says_what_is_right() {
        let error = "bob@example.com".parse::<Recipient>().err().unwrap().to_string();
        assert_eq!(
            error,
            "`bob@example.…` is no recipient: write `age1…`, `ssh-ed25519 …` or `ssh-rsa …`"
        );
        assert!("ecdsa-sha2-nistp256 AAAA".parse::<Recipient>().is_err());
    }
}
