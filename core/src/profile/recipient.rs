//! For whom a bundle is encrypted.

use age::ssh::ParseRecipientKeyError;

/// Checks a recipient as it is written; otherwise says what is wrong, and what to do.
///
/// No message holds what was written: it may be a private key.
pub(super) fn check(written: &str) -> Result<(), (String, String)> {
    let make =
        || "`collect-desk keygen` makes a pair of keys; this is for the public one".to_owned();
    if written.starts_with("AGE-SECRET-KEY-") || written.contains("PRIVATE KEY") {
        let help = "take it out and make a new pair: whoever has read this file can open all \
                    bundles; the public key begins with `age1`";
        return Err(("this is a private key".into(), help.into()));
    }
    if written.starts_with("age1") {
        return written.parse::<age::x25519::Recipient>().map(|_| ()).map_err(|_| {
            let help = "copy it again, as a whole: an age key has 62 characters";
            ("this age key is not valid".into(), help.into())
        });
    }
    match written.parse::<age::ssh::Recipient>() {
        Ok(_) => Ok(()),
        Err(ParseRecipientKeyError::Unsupported(kind)) => {
            let help = "use a key of type `ssh-ed25519` or `ssh-rsa`, or an age key";
            Err((format!("an SSH key of type `{kind}` cannot be encrypted to"), help.into()))
        }
        Err(ParseRecipientKeyError::RsaModulusTooSmall) => {
            Err(("this RSA key is too short to be safe".into(), make()))
        }
        Err(ParseRecipientKeyError::RsaModulusTooLarge) => {
            Err(("this RSA key is longer than age can use".into(), make()))
        }
        Err(_) => {
            let message =
                "this is no public key of age (`age1…`) or SSH (`ssh-ed25519 …`, `ssh-rsa …`)";
            Err((message.into(), make()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_age_and_of_ssh_are_recipients() {
        let age = "age18njpeyw3pxerqgwxeshydhszts382g22322e8cxrea9u7xeygcvqyjd72p";
        let ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN \
                   somebody@example.com";
        assert_eq!(check(age), Ok(()));
        assert_eq!(check(ssh), Ok(()));
    }

    #[test]
    fn a_private_key_is_refused_and_not_repeated() {
        let (message, help) = check("AGE-SECRET-KEY-1MADEUP").unwrap_err();
        assert_eq!(message, "this is a private key");
        assert!(!help.contains("MADEUP"));
    }

    #[test]
    fn what_is_wrong_with_a_key_is_said() {
        assert!(check("age1short").unwrap_err().1.contains("copy it again"));
        let ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBA==";
        assert!(check(ecdsa).is_err());
        assert!(check("somebody@example.com").unwrap_err().0.contains("`age1…`"));
    }
}
