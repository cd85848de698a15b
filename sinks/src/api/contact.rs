//! Whom a ticket is from.

use collect_core::ticket::Letter;

/// The longest address (RFC 5321, section 4.5.3.1).
const LONGEST: usize = 254;

/// Domains to which no mail can go (RFC 6761, RFC 6762); pseudonyms of domains end in the first.
const NOWHERE: [&str; 5] = ["invalid", "example", "test", "localhost", "local"];

/// How pseudonyms of users begin. Before the domain of a public mail service, which is nobody's
/// secret, one would be the address of somebody else.
const PSEUDONYM: &str = "user-";

/// The mail address that the user gave, if it is one and no pseudonym.
pub(crate) fn address(letter: &Letter) -> Option<String> {
    let contact = letter.brief.as_ref()?.contact.as_deref()?.trim();
    is_address(contact).then(|| contact.to_owned())
}

/// Whether mail can be sent there, as far as that is seen.
pub(crate) fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let in_local = |c: char| c.is_ascii_alphanumeric() || "._%+-'".contains(c);
    let in_domain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let Some((name, end)) = domain.rsplit_once('.') else { return false };
    text.len() <= LONGEST
        && !local.is_empty()
        && local.chars().all(in_local)
        && !local.starts_with(PSEUDONYM)
        && !name.is_empty()
        && domain.chars().all(in_domain)
        && !domain.contains("..")
        && end.len() >= 2
        && !NOWHERE.contains(&end.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_for_an_address_is_none() {
        for address in ["zoe@example.com", "a.b+c@mail.example.co.uk"] {
            assert!(is_address(address), "{address}");
        }
        for other in [
            "zoe",
            "zoe@example",
            "user-3k9w@mail-7q2m.invalid",
            "user-3k9w@mail.example.com",
            "support@domain-3k9w.invalid",
            "Zoe <zoe@example.com>",
            "zoe@example.com\r\nBcc: x@example.com",
            "a@b@example.com",
            "[email removed]",
            "@example.com",
            "zoe@.net",
        ] {
            assert!(!is_address(other), "{other}");
        }
    }
}
