//! For whom a bundle is encrypted.

use age::ssh::ParseRecipientKeyError;
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

/// A text is no recipient. The text itself is not repeated: it may be a private key.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct RecipientError {
    message: String,
    /// What to do about it.
    pub help: String,
}

/// What helps those who have no key yet.
const MAKE: &str = "`age-keygen` makes a pair of keys; this is for the public one";

impl FromStr for Recipient {
    type Err = RecipientError;

    fn from_str(text: &str) -> Result<Self, RecipientError> {
        let wrong = |message: &str, help: &str| RecipientError {
            message: message.to_owned(),
            help: help.to_owned(),
        };
        let text = text.trim();
        if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") || text.contains("PRIVATE KEY")
        {
            let help = "take it out and make a new pair: whoever has read this file can open all \
                        bundles; the public key begins with `age1`";
            return Err(wrong("this is a private key", help));
        }
        if text.starts_with("age1") {
            let help = "copy it again, as a whole: an age key has 62 characters";
            let parsed = text.parse().map(|key| Self(Kind::X25519(key)));
            return parsed.map_err(|_| wrong("this age key is not valid", help));
        }
        match text.parse() {
            Ok(key) => Ok(Self(Kind::Ssh(key))),
            Err(ParseRecipientKeyError::Unsupported(kind)) => {
                let message = format!("an SSH key of type `{kind}` cannot be encrypted to");
                let help = "use a key of type `ssh-ed25519` or `ssh-rsa`, or an age key";
                Err(wrong(&message, help))
            }
            Err(ParseRecipientKeyError::RsaModulusTooSmall) => {
                Err(wrong("this RSA key is too short to be safe", MAKE))
            }
            Err(ParseRecipientKeyError::RsaModulusTooLarge) => {
                Err(wrong("this RSA key is longer than age can use", MAKE))
            }
            Err(_) => {
                let message =
                    "this is no public key of age (`age1…`) or SSH (`ssh-ed25519 …`, `ssh-rsa …`)";
                Err(wrong(message, MAKE))
            }
        }
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

    fn error(text: &str) -> RecipientError {
        text.parse::<Recipient>().err().unwrap()
    }

    #[test]
    fn keys_of_age_and_of_ssh_are_recipients() {
        let age = "age18njpeyw3pxerqgwxeshydhszts382g22322e8cxrea9u7xeygcvqyjd72p";
        let ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN \
                   somebody@example.com";
        assert!(age.parse::<Recipient>().is_ok());
        assert!(ssh.parse::<Recipient>().is_ok());
    }

    #[test]
    fn a_private_key_is_refused_and_not_repeated() {
        let error = error("AGE-SECRET-KEY-1MADEUP");
        assert_eq!(error.to_string(), "this is a private key");
        assert!(!error.help.contains("MADEUP"));
    }

    #[test]
    fn what_is_wrong_with_a_key_is_said() {
        assert!(error("age1short").help.contains("copy it again"));
        let ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAAABBBA==";
        assert!(error(ecdsa).to_string().contains("SSH"));
        assert!(error("somebody@example.com").to_string().contains("`age1…`"));
    }
}
